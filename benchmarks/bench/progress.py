# SPDX-License-Identifier: Apache-2.0
"""A bar with the time that is left.

A run is named by a tuple, its case first. It is expected to take as long as its last namesake did; what
has none, as long as the runs of its case on average; and as all runs on average if there are none.
"""
from __future__ import annotations

import sys
import time

CLEAR_LINE = "\r\x1b[K"
BAR_WIDTH = 24
REDRAW_SECONDS = 0.2
LINE_SECONDS = 30.0


def clock(seconds: float) -> str:
    """Show a duration as minutes:seconds."""
    whole = int(seconds + 0.5)
    return f"{whole // 60}:{whole % 60:02d}"


def mean(durations: list[float]) -> float:
    """Return the mean of one duration or more."""
    return sum(durations) / len(durations)


class Progress:
    """On a terminal one line that changes; elsewhere a new line now and then."""

    def __init__(self, plan: list[tuple[object, ...]]) -> None:
        """Expect the planned runs, named by what makes them take equally long."""
        self.left = list(reversed(plan))
        self.total = len(plan)
        self.took: dict[tuple[object, ...], float] = {}
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
        by_case: dict[object, list[float]] = {}
        for run, duration in self.took.items():
            by_case.setdefault(run[0], []).append(duration)
        guess = {case: mean(durations) for case, durations in by_case.items()}
        other = mean(list(self.took.values()))
        expected = [self.took.get(run, guess.get(run[0], other)) for run in self.left]
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
        print(f"{self.total - len(self.left)} of {self.total} runs in "
              f"{clock(time.monotonic() - self.started)}", file=sys.stderr)
