# SPDX-License-Identifier: Apache-2.0
"""How many instructions calls take, by Valgrind's callgrind.

A program repeats what it is told as often as its last argument says. Counted is what runs inside of its
functions counted_*, and of that only what is in one file, the program or a library, itself: not the C
library, whose code depends on the processor, nor the dynamic linker."""
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from fractions import Fraction

VALGRIND = ["valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=counted_*",
            "--compress-strings=no", "--compress-pos=no"]


def cost_of_file(report: str, counted: str) -> int:
    """Sum of what the functions of a file took themselves.

    `ob=` names the file of the functions that follow it. A line of numbers is a position and a cost; the
    one behind `calls=` is what was called."""
    total = 0
    file = ""
    is_of_called = False
    for line in report.splitlines():
        if line.startswith("ob="):
            file = line[len("ob="):]
        elif line.startswith("calls="):
            is_of_called = True
        elif line[:1].isdigit():
            if file == counted and not is_of_called:
                total += int(line.split()[1])
            is_of_called = False
    return total


def collected(command: list[str], counted: str, environment: dict[str, str]) -> int:
    """Instructions of one run."""
    clean = {name: value for name, value in os.environ.items()
             if name not in ("LD_PRELOAD", "QUARRY_OPTIONS")}
    with tempfile.TemporaryDirectory() as directory:
        report = os.path.join(directory, "report")
        run = subprocess.run(VALGRIND + ["--callgrind-out-file=" + report] + command,
                             env=clean | environment, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit status {run.returncode}\n{run.stderr}")
        with open(report, encoding="utf-8") as lines:
            return cost_of_file(lines.read(), os.path.realpath(counted))


def instructions(command: list[str], counted: str, repetitions: int,
                 environment: dict[str, str] | None = None) -> Fraction:
    """What one repetition executes, once the first ones have made the usual state."""
    few, more = (collected(command + [str(count)], counted, environment or {})
                 for count in (repetitions, 2 * repetitions))
    if few == 0:
        sys.exit(f"{' '.join(command)}: nothing was counted")
    return Fraction(more - few, repetitions)
