# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of malloc, free and realloc in the usual case.

fast_path.py LIBRARY NAME=MOST... reads the disassembly of each function from its first instruction
to the first return, which is the usual case as the compiler lays it out: all jumps on the way lead
out of it. There may be no call, no push, and no instruction that locks memory on it.
"""
from __future__ import annotations

import re
import subprocess
import sys

FORBIDDEN = re.compile(r"^(call|push|lock|xchg|mfence|syscall)")


def usual_case(library: str, function: str) -> list[str]:
    """The instructions up to the first return."""
    text = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", f"--disassemble={function}", library],
        check=True, capture_output=True, text=True).stdout
    instructions: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.endswith(f"<{function}>:"):
            inside = True
        elif inside and (match := re.match(r"^\s*[0-9a-f]+:\s+(\S.*)$", line)):
            instructions.append(match.group(1))
            if match.group(1).startswith("ret"):
                return instructions
    sys.exit(f"{library}: no return found in {function}")


def main(arguments: list[str]) -> None:
    """Looks at each function named."""
    failed = False
    for limit in arguments[1:]:
        function, most = limit.split("=")
        instructions = usual_case(arguments[0], function)
        bad = [i for i in instructions if FORBIDDEN.match(i)]
        print(f"{function}: {len(instructions)} instructions, at most {most}")
        if bad or len(instructions) > int(most):
            print("  " + "\n  ".join(instructions))
            failed = True
        for instruction in bad:
            print(f"{function}: {instruction}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
