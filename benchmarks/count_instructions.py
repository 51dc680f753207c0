#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions per heap call in each adversarial state, by callgrind.

    count_instructions.py PROGRAM [--limit N --limit-two-parts N]

PROGRAM is a build of count_sys_heap. Fails if a call takes more than its limit. Aligned allocations
and reallocations in place have two parts, each like an allocation or a free: theirs is the other."""
import argparse
import re
import subprocess
import sys

POLICIES = ("zephyr", "fine")
REPETITIONS = 100
TWO_PARTS = ("alloc-aligned", "realloc-")


def collected(program: str, policy: str, state: str, repetitions: int) -> int:
    """Instructions in all counted calls."""
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         "--collect-atstart=no", "--toggle-collect=counted_*",
         program, policy, state, str(repetitions)],
        check=True, capture_output=True, text=True)
    (count,) = re.findall(r"Collected : (\d+)", run.stderr)
    return int(count)


def instructions(program: str, policy: str, state: str) -> int:
    """What one call executes, once the first ones have raised the high-water marks."""
    few = collected(program, policy, state, REPETITIONS)
    more = collected(program, policy, state, 2 * REPETITIONS)
    if few == 0 or (more - few) % REPETITIONS != 0:
        sys.exit(f"{state}: {few} and {more} instructions: not all calls are alike")
    return (more - few) // REPETITIONS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--limit", type=int, default=sys.maxsize)
    parser.add_argument("--limit-two-parts", type=int, default=sys.maxsize)
    arguments = parser.parse_args()
    states = subprocess.run([arguments.program, "--list"], check=True, capture_output=True,
                            text=True).stdout.split()
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


sys.exit(main())
