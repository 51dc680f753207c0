# SPDX-License-Identifier: Apache-2.0
"""One run of one program of the catalogue: its directories, its commands, what they left to compare."""
from __future__ import annotations

import contextlib
import enum
import hashlib
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from calls import Calls, read_calls
from measure import Allocator, Child, Ended, TimedOut, quiet_environment

COMMAND_TIMEOUT_SECONDS = 600
STDERR_LINES_SHOWN = 15


class Scale(enum.Enum):
    """How much work a program is given."""

    QUICK = "quick"
    FULL = "full"


@dataclass(frozen=True)
class Program:
    """An entry of the catalogue.

    prepare writes the inputs once, for all runs; run drives the commands of one run. least_calls is
    a number of malloc, free and realloc calls that a run under Quarry cannot stay below: about half
    of what was counted when the entry was written.
    """

    name: str
    packages: tuple[str, ...]
    run: Callable[[Trial], None]
    least_calls: Mapping[Scale, int]
    prepare: Callable[[Path, Scale], None] = lambda inputs, scale: None


class CommandFailed(Exception):
    """A command of a run did not end with status 0; the text says which and how."""


@dataclass
class Trial:
    """What a program's run function works with, and what it leaves behind.

    start is how a command under the allocator is started: a Child, or something that measures better.
    measured holds how each such command ended, in the order in which they did.
    """

    allocator: Allocator
    scale: Scale
    inputs: Path
    work: Path
    streams: Path
    tick: Callable[[], None]
    start: Callable[..., Child] = Child
    measured: list[Ended] = field(default_factory=list)
    seconds: float = 0.0
    peak_rss_kib: int = 0
    failure: str = ""
    seen: dict[str, str] = field(default_factory=dict)
    commands: int = 0
    compared: int = 0

    def run(self, argv: Sequence[str | Path], stdin: Path | None = None,
            variables: Mapping[str, str] | None = None, compare_output: bool = True) -> str:
        """Run a command under the allocator and return its stdout, which is also compared."""
        child = self._child(self.start, argv, stdin, self._measured_environment(variables))
        ended, output = self._finish(child, argv, compare_output)
        self._measure(ended)
        return output

    def client(self, argv: Sequence[str | Path], stdin: Path | None = None,
               compare_output: bool = True) -> str:
        """Run a command that only talks to a server: not under the allocator, memory not counted."""
        child = self._child(Child, argv, stdin, quiet_environment(self.work))
        return self._finish(child, argv, compare_output)[1]

    @contextlib.contextmanager
    def server(self, argv: Sequence[str | Path]) -> Iterator[Child]:
        """Keep a command running under the allocator; the block must ask it to end."""
        with self._child(self.start, argv, None, self._measured_environment(None)) as child:
            yield child
            self._measure(self._wait(child, argv))

    def see(self, what: str, text: str) -> None:
        """Keep a text that must be the same under every allocator."""
        self.seen[what] = text

    def see_file(self, path: Path) -> None:
        """Keep the hash of a file that the run produced."""
        self.see(f"sha256 of {path.name}", hashlib.sha256(path.read_bytes()).hexdigest())

    def counted(self) -> Calls:
        """Return the calls that the allocator counted in this run."""
        return read_calls(self._stats)

    @property
    def _stats(self) -> Path:
        return self.streams / "stats"

    def _measured_environment(self, variables: Mapping[str, str] | None) -> dict[str, str]:
        return {**quiet_environment(self.work), **(variables or {}),
                **self.allocator.environment(self._stats)}

    def _child(self, start: Callable[..., Child], argv: Sequence[str | Path], stdin: Path | None,
               environment: Mapping[str, str]) -> Child:
        """Start a command with streams named after its number in the run."""
        self.commands += 1
        return start([str(word) for word in argv], environment, self.work, stdin,
                     self.streams / f"{self.commands}.out", self.streams / f"{self.commands}.err")

    def _measure(self, ended: Ended) -> None:
        """Keep what a command under the allocator used."""
        self.measured.append(ended)
        self.peak_rss_kib = max(self.peak_rss_kib, ended.peak_rss_kib)

    def _wait(self, child: Child, argv: Sequence[str | Path]) -> Ended:
        """Wait for a command; anything but status 0 in time ends the run."""
        words = " ".join(map(str, argv))
        try:
            ended = child.wait(COMMAND_TIMEOUT_SECONDS, self.tick)
        except TimedOut:
            raise CommandFailed(f"{words}\nstill ran after {COMMAND_TIMEOUT_SECONDS} s") from None
        if ended.status != 0:
            raise CommandFailed(f"{words}\n{describe_status(ended.status)}\n{self._last_errors()}")
        return ended

    def _finish(self, child: Child, argv: Sequence[str | Path],
                compare_output: bool) -> tuple[Ended, str]:
        """Wait for a command, add its time, keep its output for comparison."""
        number = self.commands
        with child:
            ended = self._wait(child, argv)
        self.seconds += ended.seconds
        output, errors = (self._stream(f"{number}.{kind}") for kind in ("out", "err"))
        if compare_output:
            self.compared += 1
            name = f"{Path(argv[0]).name}, compared command {self.compared}"
            self.see(f"stdout of {name}", output)
            self.see(f"stderr of {name}", errors)
        return ended, output

    def _stream(self, name: str) -> str:
        return (self.streams / name).read_text(errors="backslashreplace")

    def _last_errors(self) -> str:
        """Return the end of both streams of the newest command."""
        text = self._stream(f"{self.commands}.out") + self._stream(f"{self.commands}.err")
        return "\n".join(text.splitlines()[-STDERR_LINES_SHOWN:])


def describe_status(status: int) -> str:
    """Say an exit status in words."""
    if status < 0:
        return f"ended by signal {-status} ({signal.Signals(-status).name})"
    return f"ended with status {status}"
