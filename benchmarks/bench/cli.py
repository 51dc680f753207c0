# SPDX-License-Identifier: Apache-2.0
"""The arguments of `./dev bench`, and what is done in which order."""
from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import allocators, cases, measure, provenance, report, results
from .catalogue import Allocator, Scale
from .runner import Settings, run_campaign

SEED = 20240229
ROUNDS = {Scale.QUICK: 5, Scale.FULL: 11}
LATENCY_PROCESSES = {Scale.QUICK: 10, Scale.FULL: 50}
KEPT_IN = "bench-results"  # beside the build directory, which is wiped now and then
RESULT, TABLE = "result.json", "table.txt"
USAGE_STATUS = 2


def words(text: str) -> list[str]:
    """Split a list with commas."""
    return [word for word in text.split(",") if word]


def positive(text: str) -> int:
    """Read a number of 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def arguments() -> argparse.ArgumentParser:
    """Return the arguments."""
    parser = argparse.ArgumentParser(prog="dev bench", description="Quarry's malloc and its peers under "
                                     "the same programs. See benchmarks/README.md.")
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument("--quick", dest="scale", action="store_const", const=Scale.QUICK, default=Scale.QUICK,
                       help="under 10 minutes (this is what happens if nothing is said)")
    scale.add_argument("--full", dest="scale", action="store_const", const=Scale.FULL,
                       help="more work in each case, and the heavy programs: hours")
    parser.add_argument("--cases", type=words, default=[], metavar="NAME,...",
                        help="only these cases, or the cases of a kind: workload, program")
    parser.add_argument("--allocators", type=words, default=list(allocators.DEFAULT), metavar="NAME,...",
                        help=f"of {', '.join(allocators.KNOWN)}, or NAME=PATH; the first is also the "
                             "base of a mean")
    parser.add_argument("--a-a", action="store_true", help="Quarry, or the first of --allocators, as two "
                        "entries: fails if the mean is not within 1 %% of 1")
    parser.add_argument("--rounds", type=positive, help="measured rounds (5; with --full 11)")
    parser.add_argument("--processes", type=positive,
                        help="processes of each latency case (10; with --full 50)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the order of the runs")
    parser.add_argument("--output", type=Path, metavar="DIRECTORY",
                        help="where result.json, table.txt and the plots go")
    parser.add_argument("--report", type=Path, metavar="FILE",
                        help="run nothing: show a result again, and plot it if --output is given")
    parser.add_argument("--list", action="store_true", help="list the cases of the scale")
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    return parser


def show(result: dict[str, Any], output: Path | None) -> None:
    """Print the tables; write them and the plots if there is a place for them."""
    text = report.text(result)
    print(text, end="")
    if output is not None:
        from . import plots  # needs matplotlib, which a table alone does not
        output.mkdir(parents=True, exist_ok=True)
        (output / TABLE).write_text(text)
        written = plots.draw_all(result, output)
        print(f"\n{output}: {', '.join([TABLE, *written])}")


def entries(options: argparse.Namespace) -> list[Allocator]:
    """Return the allocators to compare."""
    if not options.a_a:
        return allocators.chosen(options.allocators, options.build)
    given = options.allocators != list(allocators.DEFAULT)
    return allocators.twice(allocators.chosen([options.allocators[0] if given else allocators.QUARRY],
                                              options.build)[0])


def list_cases(listed: Sequence[cases.Case]) -> int:
    """Print the cases."""
    for case in listed:
        print(f"{case.name:<24} {case.kind:<9} {','.join(sorted(case.measures)):<12} {case.description}")
    return 0


def campaign(options: argparse.Namespace, chosen: Sequence[cases.Case]) -> int:
    """Run, keep the raw result first, then show it."""
    started = datetime.datetime.now(datetime.timezone.utc)
    name = f"{started:%Y%m%d-%H%M%S}-{options.scale.value}"
    output: Path = options.output or options.build.resolve().parent / KEPT_IN / name
    with tempfile.TemporaryDirectory(prefix="quarry-bench-") as directory:
        settings = Settings(options.scale, options.rounds or ROUNDS[options.scale],
                            options.processes or LATENCY_PROCESSES[options.scale], options.seed,
                            options.build.resolve() / measure.LAUNCHER, Path(directory))
        compared = entries(options)
        origin = provenance.collect(compared, chosen, settings, options.build)
        done = run_campaign(chosen, compared, settings)
        provenance.conclude(origin)
        result = results.make(done, chosen, origin)
    output.mkdir(parents=True, exist_ok=True)
    results.write(output / RESULT, result)
    show(results.checked(result), output)
    good = done.complete and not done.failures
    if options.a_a:
        line, within = report.verdict_of_a_a(result)
        print(line)
        good = good and within
    return 0 if good else 1


def main() -> int:
    """Do what the arguments say: 0 if all went well, 1 if a case failed or differed, 2 if nothing ran."""
    options = arguments().parse_args()
    try:
        if options.report:
            show(results.read(options.report), options.output)
            return 0
        chosen = cases.chosen(cases.all_cases(options.scale, options.build), options.cases)
        return list_cases(chosen) if options.list else campaign(options, chosen)
    except (allocators.NotUsable, cases.BadCase, provenance.Unknown, results.Refused) as error:
        print(f"dev bench: {error}", file=sys.stderr)
        return USAGE_STATUS
