# SPDX-License-Identifier: Apache-2.0
"""`./dev bench`: Quarry's malloc and its peers under the same programs, measured the same way.

    cli ──► cases       what is run: benchmarks/workloads and the catalogue of tests/programs
        ──► allocators  under what: the peers, where they are, whether they really load
        ──► runner      in which order; checks and outputs compared; what failed and why
        │     ──► measure    one run's figures, from the launcher or from strace
        │     ──► latency    per-operation times: the smallest of many processes, then percentiles
        │     ──► progress   bar and time left
        ──► provenance  on what machine, of which commit, with which versions
        ──► results     the JSON file, which is not read without provenance
        ──► summary     medians, spread, intervals, ties, geometric means
        ──► report      the tables        ──► plots   the pictures

summary, report and plots look at nothing but the JSON, so an old result can be shown again. Only
latency and plots need numpy, and only plots matplotlib.
"""
