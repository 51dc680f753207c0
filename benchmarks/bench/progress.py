# SPDX-License-Identifier: Apache-2.0
"""A bar with the time that is left.

Each run of a case under an allocator is expected to take as long as its last one did. What has not
run yet counts as the mean of what has.
"""
from __future__ import annotations

import sys
import time
from collections.abc import Hashable

CLEAR_LINE = "\r\x1b[K"
BAR_WIDTH = 24
REDRAW_SECONDS = 0.2
LINE_SECONDS = 30.0


def clock(seconds: float) -> str:
    """Show a duration as minutes:seconds."""
    whole = int(seconds + 0.5)
    return f"{whole // 60}:{whole % 60:02d}"


class Progress:
    """On a terminal one line that changes; elsewhere a new line now and then."""

    def __init__(self, plan: list[Hashable]) -> None:
        """Expect the planned runs, named by what makes them take equally long."""
        self.left = list(reversed(plan))
        self.total = len(plan)
        self.took: dict[Hashable, float] = {}
        self.label = ""
        self.began = self.shown = 0.0
        self.started = time.monotonic()

    def begin(self, label: str) -> None:
        """Say what runs now."""
        self.label = label
        self.began = time.monotonic()
        self.tick()

    def tick(self) -> None:
        """Draw again if that is due."""
        now = time.monotonic()
        if now - self.shown < (REDRAW_SECONDS if sys.stderr.isatty() else LINE_SECONDS):
            return
        self.shown = now
        line = self.line(now)
        text = CLEAR_LINE + line if sys.stderr.isatty() else line + "\n"
        print(text, end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Note how long the run took."""
        self.took[self.left.pop()] = time.monotonic() - self.began

    def seconds_left(self, now: float) -> float | None:
        """Estimate what remains, the running one included; None before anything is known."""
        if not self.took:
            return None
        mean = sum(self.took.values()) / len(self.took)
        expected = [self.took.get(run, mean) for run in self.left]
        running = min(now - self.began, expected[-1]) if expected else 0.0
        return sum(expected) - running

    def line(self, now: float) -> str:
        """Return the bar, the label and the times."""
        done = self.total - len(self.left)
        filled = BAR_WIDTH * done // max(self.total, 1)
        left = self.seconds_left(now)
        return (f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {done}/{self.total}  {self.label}  "
                f"{clock(now - self.started)} so far, "
                f"{'?' if left is None else clock(left)} left")

    def finish(self) -> None:
        """Leave a clean line."""
        if sys.stderr.isatty():
            print(CLEAR_LINE, end="", file=sys.stderr)
        print(f"{self.total} runs in {clock(time.monotonic() - self.started)}", file=sys.stderr)
