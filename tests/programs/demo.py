# SPDX-License-Identifier: Apache-2.0
"""Show four well-known programs under glibc's malloc and under Quarry: time, memory, calls, outputs."""
from __future__ import annotations

from measure import Allocator
from programs import DEMO_PROGRAMS
from report import mebibytes, print_table
from session import (Result, arguments, candidate, chosen, median, print_faults, run_front_end,
                     run_programs, tally)
from trial import Scale

FULL_RUNS = 3
QUICK_RUNS = 1


def row(result: Result, other: Allocator) -> list[str]:
    """Return one program's line of the table."""
    before, after = (median(trials, lambda trial: trial.seconds)
                     for trials in (result.baseline, result.candidate))
    memory = [mebibytes(median(trials, lambda trial: trial.peak_rss_kib))
              for trials in (result.baseline, result.candidate)]
    ratio = f"{after / before:.2f}" if before > 0 else "-"
    calls = f"{result.calls.total:,}" if other.counts_calls else "-"
    foreign = f"{result.calls.foreign:,}" if other.counts_calls else "-"
    return [result.program.name, f"{before:.2f}", f"{after:.2f}", ratio, *memory, calls, foreign,
            result.verdict.value]


def main() -> int:
    """Run the demonstration."""
    parser = arguments(__doc__ or "", DEMO_PROGRAMS)
    parser.add_argument("--quick", action="store_true", help="small sizes, one run each")
    options = parser.parse_args()
    other = candidate(options)
    runs, scale = (QUICK_RUNS, Scale.QUICK) if options.quick else (FULL_RUNS, Scale.FULL)
    results = run_programs(chosen(options, DEMO_PROGRAMS), other, runs, scale)
    print_table(["program", "glibc s", f"{other.name} s", "ratio", "glibc peak MiB",
                 f"{other.name} peak MiB", "calls counted", "foreign", "outputs"],
                [row(result, other) for result in results])
    print_faults(results)
    return tally(results)


if __name__ == "__main__":
    run_front_end(main)
