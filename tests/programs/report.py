# SPDX-License-Identifier: Apache-2.0
"""What the two front ends print: progress while a run lasts, a table and the differences after it."""
from __future__ import annotations

import difflib
import sys
import time
from collections.abc import Sequence

CLEAR_LINE = "\r\x1b[K"
DIFFERENCE_LINES_SHOWN = 30
KIB_PER_MIB = 1024


class Progress:
    """One line per run: rewritten with the elapsed time on a terminal, completed in place elsewhere."""

    def __init__(self, total: int) -> None:
        """Expect this many runs."""
        self.total = total
        self.done = 0
        self.label = ""
        self.started = 0.0
        self.terminal = sys.stdout.isatty()

    def begin(self, label: str) -> None:
        """Announce a run."""
        self.started = time.monotonic()
        self.done += 1
        self.label = f"[{self.done}/{self.total}] {label}"
        print(self.label, end="", flush=True)

    def tick(self) -> None:
        """Show that the run still goes on."""
        if self.terminal:
            elapsed = time.monotonic() - self.started
            print(f"{CLEAR_LINE}{self.label}  {elapsed:.1f} s", end="", flush=True)

    def end(self, outcome: str) -> None:
        """Say how the run went."""
        print(f"{CLEAR_LINE if self.terminal else ''}{self.label if self.terminal else ''}  {outcome}",
              flush=True)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns: the first and the last to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    print()
    for row in [header, ["-" * width for width in widths], *rows]:
        print("  ".join(cell.ljust(width) if column in (0, len(header) - 1) else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(row, widths))).rstrip())


def mebibytes(kib: float) -> str:
    """Show a size as MiB."""
    return f"{kib / KIB_PER_MIB:.1f}"


def difference(first: dict[str, str], second: dict[str, str], names: tuple[str, str]) -> str:
    """Show what two runs left differently, or nothing if it is all the same."""
    parts = []
    for what in sorted(first.keys() | second.keys()):
        one, other = first.get(what, "(missing)\n"), second.get(what, "(missing)\n")
        if one != other:
            lines = list(difflib.unified_diff(one.splitlines(), other.splitlines(),
                                              *names, lineterm="", n=1))
            parts += [f"{what}:"] + lines[:DIFFERENCE_LINES_SHOWN]
    return "\n".join(parts)
