# SPDX-License-Identifier: Apache-2.0
"""Run one command under one allocator, measure it, and never leave it behind.

What lives here knows processes and nothing about the programs of the catalogue. A command runs in a
session of its own, so that killing its process group ends everything it started. Time is wall time.
Memory is the kernel's ru_maxrss of the command and of every descendant that was waited for: the
largest single process, not a sum. The kernel starts that figure at the size of the process that
forked, so nothing smaller than this Python (about 15 MiB) can be seen; benchmarks/bench starts its
commands through a smaller program for that reason.
"""
from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

TICK_MILLISECONDS = 200
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Allocator:
    """A malloc that a command can run under."""

    name: str
    preload: str
    counts_calls: bool
    options: str = ""  # of Quarry, besides those that the user has set

    def environment(self, stats: Path) -> dict[str, str]:
        """Return the variables that put this allocator under a command."""
        variables = {"LD_PRELOAD": self.preload}
        if self.counts_calls:
            wanted = os.environ.get("QUARRY_OPTIONS", "")
            variables["QUARRY_OPTIONS"] = ",".join(filter(None, [wanted, self.options, f"stats={stats}"]))
        elif self.options:
            variables["QUARRY_OPTIONS"] = self.options
        return variables


# Preloading the C library that is there anyway puts its malloc first in the search order, also for a
# program that is linked to another one: Debian links redis-server to jemalloc.
GLIBC = Allocator(name="glibc", preload="libc.so.6", counts_calls=False)


def quiet_environment(home: Path) -> dict[str, str]:
    """Return an environment in which the same command gives the same output on any machine."""
    return {
        "PATH": SYSTEM_PATH,
        "HOME": str(home),
        "TMPDIR": str(home),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "TERM": "dumb",
    }


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it and every descendant that was waited for used.

    A negative status is the signal that ended it, as in subprocess.
    """

    status: int
    seconds: float
    peak_rss_kib: int
    user_seconds: float = 0.0
    system_seconds: float = 0.0
    minor_faults: int = 0
    major_faults: int = 0
    voluntary_switches: int = 0
    involuntary_switches: int = 0


class TimedOut(Exception):
    """A command was still running when its time was up."""


class Child:
    """A started command; leaving the `with` block kills it and its group if it still runs."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], directory: Path,
                 stdin: Path | None, stdout: Path, stderr: Path) -> None:
        """Start argv with its three streams connected to files."""
        self.started = time.monotonic()
        self.ended: Ended | None = None
        with open(stdin or os.devnull, "rb") as source, open(stdout, "wb") as out, \
                open(stderr, "wb") as errors:
            self.process = subprocess.Popen(argv, env=environment, cwd=directory, stdin=source,
                                            stdout=out, stderr=errors, start_new_session=True)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if self.ended is None:
            self.kill()

    def kill(self) -> None:
        """End the whole process group at once and collect the command."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._collect()

    def wait(self, timeout_seconds: float, tick: Callable[[], None]) -> Ended:
        """Wait for the end, calling tick while nothing happens; raise TimedOut when it is late."""
        deadline = time.monotonic() + timeout_seconds
        handle = os.pidfd_open(self.process.pid)
        try:
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            while not poll.poll(TICK_MILLISECONDS):
                tick()
                if time.monotonic() > deadline:
                    raise TimedOut
        finally:
            os.close(handle)
        return self._collect()

    def running(self) -> bool:
        """Tell whether the command has not ended yet."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def figures(self, status: int, usage: resource.struct_rusage) -> Ended:
        """Turn what the kernel says of the started process into what the command used."""
        return Ended(status, time.monotonic() - self.started, usage.ru_maxrss, usage.ru_utime,
                     usage.ru_stime, usage.ru_minflt, usage.ru_majflt, usage.ru_nvcsw,
                     usage.ru_nivcsw)

    def _collect(self) -> Ended:
        """Reap the command and keep what the kernel says about it."""
        _, wait_status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(wait_status)
        self.ended = self.figures(self.process.returncode, usage)
        return self.ended
