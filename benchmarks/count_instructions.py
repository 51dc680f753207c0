#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions per heap call in each adversarial state, by callgrind.

    count_instructions.py PROGRAM [--limit N --limit-two-parts N]

PROGRAM is a build of count_sys_heap. Fails if a call takes more than its limit. Aligned allocations
and reallocations in place have two parts, each like an allocation or a free: theirs is the other."""
import argparse
import subprocess
import sys

import callgrind

POLICIES = ("zephyr", "fine")
REPETITIONS = 100
TWO_PARTS = ("alloc-aligned", "realloc-")


def states_of(program: str) -> list[str]:
    """Lines that the program prints about its states."""
    return subprocess.run([program, "--list"], check=True, capture_output=True,
                          text=True).stdout.splitlines()


def instructions(program: str, policy: str, state: str) -> int:
    """What one call executes."""
    count = callgrind.instructions([program, policy, state], program, REPETITIONS)
    if count.denominator != 1:
        sys.exit(f"{state}: {float(count)} instructions: not all calls are alike")
    return int(count)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--limit", type=int, default=sys.maxsize)
    parser.add_argument("--limit-two-parts", type=int, default=sys.maxsize)
    arguments = parser.parse_args()
    states = states_of(arguments.program)
    failed = not states
    print(f"{'instructions per call':24}" + "".join(f"{policy:>8}" for policy in POLICIES))
    for state in states:
        counts = [instructions(arguments.program, policy, state) for policy in POLICIES]
        limit = arguments.limit_two_parts if state.startswith(TWO_PARTS) else arguments.limit
        too_many = max(counts) > limit
        failed = failed or too_many
        print(f"{state:24}" + "".join(f"{count:8}" for count in counts) +
              (f"   more than the {limit} that are promised" if too_many else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
