# SPDX-License-Identifier: Apache-2.0
"""Run programs of the catalogue under glibc's malloc and under another one, and judge the runs."""
from __future__ import annotations

import argparse
import enum
import shutil
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from calls import Calls
from measure import GLIBC, Allocator
from report import Progress, difference
from trial import CommandFailed, Program, Scale, Trial

INTERRUPTED_STATUS = 130
TERMINATED_STATUS = 143


class Verdict(enum.Enum):
    """What the last column of a table says of a program."""

    SAME = "same"
    DIFFER = "DIFFER"
    FAILED = "FAILED"
    NOT_LOADED = "NOT LOADED"


@dataclass(frozen=True)
class Result:
    """All runs of one program: the baseline's and the candidate's, in the order they happened."""

    program: Program
    baseline: list[Trial]
    candidate: list[Trial]
    calls: Calls
    verdict: Verdict
    explanation: str = ""


def arguments(description: str, programs: Sequence[Program]) -> argparse.ArgumentParser:
    """Return the arguments that both front ends take."""
    parser = argparse.ArgumentParser(description=description)
    malloc = parser.add_mutually_exclusive_group(required=True)
    malloc.add_argument("--quarry", type=Path, metavar="PATH",
                        help="the built libquarry-malloc.so; its call counts are checked")
    malloc.add_argument("--malloc", type=Path, metavar="PATH",
                        help="another library that replaces malloc; nothing is counted")
    parser.add_argument("programs", nargs="*", metavar="PROGRAM",
                        help=f"only these of: {', '.join(program.name for program in programs)}")
    return parser


def chosen(options: argparse.Namespace, programs: Sequence[Program]) -> list[Program]:
    """Return the programs that the arguments name, all of them if none is named."""
    unknown = set(options.programs) - {program.name for program in programs}
    if unknown:
        sys.exit(f"no such program: {', '.join(sorted(unknown))}")
    return [program for program in programs
            if not options.programs or program.name in options.programs]


def candidate(options: argparse.Namespace) -> Allocator:
    """Return the allocator that the arguments name."""
    path: Path = (options.quarry or options.malloc).resolve()
    if not path.is_file():
        sys.exit(f"there is no {path}")
    name = "Quarry" if options.quarry else path.name.removeprefix("lib").split(".so")[0]
    return Allocator(name=name, preload=str(path), counts_calls=options.quarry is not None)


def run_programs(programs: Sequence[Program], other: Allocator, runs: int,
                 scale: Scale) -> list[Result]:
    """Run every program `runs` times under each allocator, alternating."""
    progress = Progress(len(programs) * runs * 2)
    with tempfile.TemporaryDirectory(prefix="quarry-programs-") as directory:
        return [run_program(program, other, runs, scale, Path(directory) / program.name, progress)
                for program in programs]


def run_program(program: Program, other: Allocator, runs: int, scale: Scale, directory: Path,
                progress: Progress) -> Result:
    """Run one program in a directory that is removed afterwards."""
    inputs = directory / "inputs"
    inputs.mkdir(parents=True)
    program.prepare(inputs, scale)
    trials: dict[str, list[Trial]] = {GLIBC.name: [], other.name: []}
    for run in range(runs):
        for allocator in (GLIBC, other):
            progress.begin(f"{program.name:<28} {allocator.name:<8} run {run + 1} of {runs}")
            trial = Trial(allocator, scale, inputs, directory / "work",
                          directory / f"streams-{allocator.name}-{run}", progress.tick)
            run_trial(program, trial)
            progress.end(trial.failure.replace("\n", ": ") if trial.failure else f"{trial.seconds:.2f} s")
            trials[allocator.name].append(trial)
    result = judge(program, trials[GLIBC.name], trials[other.name], scale)
    shutil.rmtree(directory)
    return result


def run_trial(program: Program, trial: Trial) -> None:
    """Run one program once, always in a work directory of the same name, empty at first."""
    trial.streams.mkdir()
    trial.work.mkdir()
    try:
        program.run(trial)
    except CommandFailed as failed:
        trial.failure = str(failed)
    finally:
        shutil.rmtree(trial.work)


def judge(program: Program, baseline: list[Trial], others: list[Trial], scale: Scale) -> Result:
    """Decide whether every run ended well, left the same, and went through the allocator."""
    calls = min((trial.counted() for trial in others), key=lambda counted: counted.total)
    faults = [fault for trial in baseline + others if (fault := fault_of(trial, baseline[0]))]
    least = program.least_calls[scale]
    if others[0].allocator.counts_calls and calls.total < least:
        faults.append((Verdict.NOT_LOADED, f"the preload did not load: {calls.total} calls counted, "
                                           f"at least {least} expected"))
    verdict, explanation = faults[0] if faults else (Verdict.SAME, "")
    return Result(program, baseline, others, calls, verdict, explanation)


def fault_of(trial: Trial, reference: Trial) -> tuple[Verdict, str] | None:
    """Say what is wrong with a run, or nothing."""
    name = trial.allocator.name
    if trial.failure:
        return Verdict.FAILED, f"failed under {name}: {trial.failure}"
    shown = difference(reference.seen, trial.seen, (f"first run, {reference.allocator.name}", name))
    return (Verdict.DIFFER, f"output under {name} differs:\n{shown}") if shown else None


def median(trials: Sequence[Trial], figure: Callable[[Trial], float]) -> float:
    """Return the median of a figure over the runs."""
    return statistics.median(map(figure, trials))


def print_faults(results: Sequence[Result]) -> None:
    """Explain every program that is not the same."""
    for result in results:
        if result.explanation:
            print(f"\n{result.program.name}: {result.explanation}")


def tally(results: Sequence[Result]) -> int:
    """Print the closing line and return the exit status that goes with it."""
    failed = sum(result.verdict is not Verdict.SAME for result in results)
    print(f"\n{len(results) - failed} programs the same, {failed} failed")
    return 1 if failed else 0


def run_front_end(main: Callable[[], int]) -> None:
    """Exit with main's status; started processes and directories go away on Ctrl-C and SIGTERM."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(TERMINATED_STATUS))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted")
        sys.exit(INTERRUPTED_STATUS)
