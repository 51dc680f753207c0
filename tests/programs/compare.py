# SPDX-License-Identifier: Apache-2.0
"""Run the long list of real programs under glibc's malloc and under Quarry and compare outputs."""
from __future__ import annotations

from measure import Allocator
from programs import COMPARE_PROGRAMS
from report import print_table
from session import (Result, arguments, candidate, chosen, print_faults, run_front_end, run_programs,
                     tally)
from trial import Scale


def row(result: Result, other: Allocator) -> list[str]:
    """Return one program's line of the table."""
    counted = [f"{figure:,}" if other.counts_calls else "-" for figure in
               (result.calls.total, result.calls.processes, result.calls.foreign)]
    seconds = [f"{trials[0].seconds:.1f}" for trials in (result.baseline, result.candidate)]
    return [result.program.name, *seconds, *counted, result.verdict.value]


def main() -> int:
    """Run the comparison."""
    parser = arguments(__doc__ or "", COMPARE_PROGRAMS)
    options = parser.parse_args()
    other = candidate(options)
    results = run_programs(chosen(options, COMPARE_PROGRAMS), other, 1, Scale.FULL)
    print_table(["program", "glibc s", f"{other.name} s", "calls counted", "processes", "foreign",
                 "outputs"], [row(result, other) for result in results])
    print_faults(results)
    return tally(results)


if __name__ == "__main__":
    run_front_end(main)
