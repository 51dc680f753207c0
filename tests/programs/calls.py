# SPDX-License-Identifier: Apache-2.0
"""Read what Quarry counted: one line per process, appended to a file when the process exits."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Calls:
    """The sum over all processes that wrote a line. A process ended by a signal or _exit writes none."""

    processes: int = 0
    allocations: int = 0
    frees: int = 0
    resizes: int = 0
    foreign: int = 0

    @property
    def total(self) -> int:
        """Return how many calls of the malloc family were counted."""
        return self.allocations + self.frees + self.resizes


def parse_line(line: str) -> dict[str, str]:
    """Split `quarry key=value ...` into a dictionary; any other line is an empty one."""
    mark, *fields = line.split()
    if mark != "quarry":
        return {}
    return dict(field.split("=", 1) for field in fields if "=" in field)


def read_calls(stats: Path) -> Calls:
    """Sum the lines of a statistics file; a file that is not there counts nothing."""
    if not stats.exists():
        return Calls()
    lines = stats.read_text(errors="replace").splitlines()
    processes = [fields for fields in map(parse_line, filter(str.strip, lines)) if fields]

    def total(key: str) -> int:
        return sum(int(fields.get(key, "0")) for fields in processes)

    return Calls(len(processes), total("allocations"), total("frees"), total("resizes"),
                 total("foreign"))
