# SPDX-License-Identifier: Apache-2.0
"""How a command is started so that something can be said of it, and what is said of a whole run.

Two ways to start: through benchmarks/launch.c, which measures time and what the kernel counts; and
under strace, which counts system calls and slows the command down, so no time is taken then.
"""
from __future__ import annotations

import os
import re
import resource
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .catalogue import Child, Ended, Trial

LAUNCHER = "benchmarks/launch"
NANOSECONDS = 1e9
MICROSECONDS = 1e6
# A line of strace -c: share, seconds, microseconds per call, calls, errors if any, name.
STRACE_LINE = re.compile(r"^\s*[0-9.]+\s+[0-9.]+\s+[0-9]+\s+([0-9]+)\s+(?:[0-9]+\s+)?([a-z_0-9]+)$",
                         re.MULTILINE)
# The calls that allocators make; the rest is the program's own.
MEMORY_CALLS = ("mmap", "munmap", "mremap", "madvise", "brk", "mprotect")


@dataclass(frozen=True)
class Figures:
    """What one run used: sums over its commands, but the largest of their peaks.

    Time is what the run's own commands took one after the other; a server's clients are among them,
    and the server's processor time is in processor_seconds.
    """

    seconds: float
    processor_seconds: float
    user_seconds: float
    system_seconds: float
    peak_rss_kib: int
    minor_faults: int
    major_faults: int
    voluntary_switches: int
    involuntary_switches: int

    def as_json(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


def figures_of(trial: Trial) -> Figures:
    """Add up a run's commands."""
    user, system = (sum(getattr(ended, name) for ended in trial.measured)
                    for name in ("user_seconds", "system_seconds"))
    faults = [sum(getattr(ended, name) for ended in trial.measured) for name in
              ("minor_faults", "major_faults", "voluntary_switches", "involuntary_switches")]
    return Figures(trial.seconds, user + system, user, system, trial.peak_rss_kib, *faults)


class LaunchedChild(Child):
    """A command started through the launcher, whose figures are the launcher's."""

    def __init__(self, launcher: Path, argv: Sequence[str], environment: Mapping[str, str],
                 directory: Path, stdin: Path | None, stdout: Path, stderr: Path) -> None:
        """Start argv; the launcher's line goes to a file next to stdout."""
        self.line = stdout.with_suffix(".used")
        super().__init__([str(launcher), str(self.line), *argv], environment, directory, stdin,
                         stdout, stderr)

    def figures(self, status: int, usage: resource.struct_rusage) -> Ended:
        """Read the launcher's line; without one, the launcher itself came to grief or was killed."""
        if status != 0 or not self.line.exists():
            return super().figures(status or 1, usage)
        return read_launcher_line(self.line.read_text())


def read_launcher_line(line: str) -> Ended:
    """Turn the launcher's numbers into what a Child tells of itself."""
    wait_status, elapsed, user, system, *counts = map(int, line.split())
    peak, minor, major, voluntary, involuntary = counts
    return Ended(os.waitstatus_to_exitcode(wait_status), elapsed / NANOSECONDS, peak,
                 user / MICROSECONDS, system / MICROSECONDS, minor, major, voluntary, involuntary)


def starter(launcher: Path) -> Callable[..., Child]:
    """Return what a Trial starts its measured commands with."""
    def start(argv: Sequence[str], environment: Mapping[str, str], directory: Path,
              stdin: Path | None, stdout: Path, stderr: Path) -> Child:
        return LaunchedChild(launcher, argv, environment, directory, stdin, stdout, stderr)
    return start


def counting_starter(counts: Path) -> Callable[..., Child]:
    """Return a starter that appends strace's table of system calls to a file.

    The allocator goes under the command alone, not under strace.
    """
    def start(argv: Sequence[str], environment: Mapping[str, str], directory: Path,
              stdin: Path | None, stdout: Path, stderr: Path) -> Child:
        preload = environment["LD_PRELOAD"]
        rest = {name: value for name, value in environment.items() if name != "LD_PRELOAD"}
        strace = ["strace", "--follow-forks", "--summary-only", "--output-append-mode",
                  f"--output={counts}", f"--env=LD_PRELOAD={preload}", "--"]
        return Child([*strace, *argv], rest, directory, stdin, stdout, stderr)
    return start


def read_counts(counts: Path) -> dict[str, int]:
    """Return the calls by name, and their sum as "total", of all tables in strace's file."""
    calls: dict[str, int] = {}
    for count, name in STRACE_LINE.findall(counts.read_text()):
        if name != "total":
            calls[name] = calls.get(name, 0) + int(count)
    memory = sum(calls.get(name, 0) for name in MEMORY_CALLS)
    return {**calls, "memory": memory, "total": sum(calls.values())}
