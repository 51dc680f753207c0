#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the programs in which threads fork, end and hand blocks on, over and over: soak.py BUILD SECONDS.

Every program runs on each kind of Quarry's malloc by turns, two at a time for each processor, until the
time is up and all have run. A round of turns has a seed of its own, so that the work is never the same
twice; but it is the same on each kind, and so must be what a workload says that it found.
"""
from __future__ import annotations

import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SIDE_BY_SIDE = 2 * (os.cpu_count() or 1)
HANGS_AFTER_SECONDS = 600
USUAL = "preload/libquarry-malloc.so"
SEED = "{seed}"


@dataclass(frozen=True)
class Kind:
    """A library, and options that change where its blocks come from."""

    name: str
    library: str
    options: str = ""


@dataclass(frozen=True)
class Program:
    """A program that ends with 0 and says nothing on standard error, if it found no fault."""

    command: tuple[str, ...]
    compared: bool = True  # the last line is JSON, whose "check" is the same on every kind

    @property
    def name(self) -> str:
        """Return how it is called in what is printed."""
        return Path(self.command[0]).name


@dataclass(frozen=True)
class Turn:
    """One run: of which program, on which kind, in which round."""

    program: Program
    kind: Kind
    round: int

    def command(self) -> list[str]:
        """Return the program with its arguments."""
        return [str(self.round) if word == SEED else word for word in self.program.command]

    def variables(self) -> dict[str, str]:
        """Return what the environment must say."""
        return {"LD_PRELOAD": self.kind.library, "QUARRY_OPTIONS": self.kind.options}


def kinds_of(build: Path) -> list[Kind]:
    """Return every kind; a build may be without the hardened library."""
    usual, hardened = str(build / USUAL), build / "preload/libquarry-malloc-hardened.so"
    kinds = [Kind("slabs", usual), Kind("heap", usual, "frontend=heap"),
             Kind("real-time", usual, "rt=1,reserve=512m")]
    return kinds + ([Kind("hardened", str(hardened))] if hardened.exists() else [])


def programs_of(build: Path) -> list[Program]:
    """Return the programs, each with work for one to three seconds where nothing else runs."""
    workloads = build / "benchmarks/workloads"
    amounts = {
        "churn": "--threads 4 --scale 0.6",
        "thread_starts": "--threads 4 --scale 0.8",
        "producer_consumer": "--threads 2 --scale 0.6",
        "consumer_only": "--scale 0.6",
        "random_replace": "--threads 4 --scale 1",
    }
    forks = Program((str(build / "tests/interposer/interposer-life-fork_soak"), "3"), compared=False)
    return [forks] + [Program((str(workloads / name), *amount.split(), "--seed", SEED))
                      for name, amount in amounts.items()]


def fault_of(turn: Turn, hangs_after: float) -> tuple[str, str]:
    """Run it; return what was wrong, if anything was, and what the program found."""
    with subprocess.Popen(turn.command(), env={**os.environ, **turn.variables()}, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True) as process:
        try:
            output, errors = process.communicate(timeout=hangs_after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return f"still ran after {hangs_after:g} s", ""
    if process.returncode != 0 or errors:
        return f"ended with {process.returncode}: {errors.strip()}", ""
    return "", json.loads(output.splitlines()[-1])["check"] if turn.program.compared else ""


class Soak:
    """Threads take turns from one list, until the time is up; what they find comes together here."""

    def __init__(self, programs: Sequence[Program], kinds: Sequence[Kind], seconds: float,
                 hangs_after: float = HANGS_AFTER_SECONDS) -> None:
        """Start the clock."""
        self.programs, self.kinds = programs, kinds
        self.ends = time.monotonic() + seconds
        self.hangs_after = hangs_after
        self.lock = threading.Lock()
        self.turns = self._all_turns()
        self.checks: dict[tuple[Program, int], str] = {}
        self.runs: Counter[Program] = Counter()
        self.failures: Counter[Program] = Counter()

    def _all_turns(self) -> Iterator[Turn]:
        for number in itertools.count(1):
            for program, kind in itertools.product(self.programs, self.kinds):
                if number > 1 and time.monotonic() >= self.ends:
                    return
                yield Turn(program, kind, number)

    def _take(self) -> Turn | None:
        with self.lock:
            return next(self.turns, None)

    def _note(self, turn: Turn, fault: str, check: str) -> None:
        with self.lock:
            self.runs[turn.program] += 1
            if not fault and self.checks.setdefault((turn.program, turn.round), check) != check:
                fault = f"found {check}, another kind {self.checks[turn.program, turn.round]}"
            if fault:
                self.failures[turn.program] += 1
                words = [f"{name}={value}" for name, value in turn.variables().items()] + turn.command()
                print(f"soak: {fault}\nsoak: again: {shlex.join(words)}", file=sys.stderr, flush=True)

    def _work(self) -> None:
        while turn := self._take():
            try:
                self._note(turn, *fault_of(turn, self.hangs_after))
            except (OSError, ValueError, LookupError) as error:
                self._note(turn, f"{type(error).__name__}: {error}", "")

    def run(self) -> int:
        """Run until the time is up, and say how it went; return the exit code."""
        workers = [threading.Thread(target=self._work) for _ in range(SIDE_BY_SIDE)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        kinds = ", ".join(kind.name for kind in self.kinds)
        for program in self.programs:
            failed = self.failures[program] or "none"
            print(f"{program.name}: {self.runs[program]} runs on {kinds}; {failed} failed")
        return 1 if self.failures else 0


def main() -> int:
    """Soak the build that is named."""
    build = Path(sys.argv[1]).resolve()
    return Soak(programs_of(build), kinds_of(build), float(sys.argv[2])).run()


if __name__ == "__main__":
    sys.exit(main())
