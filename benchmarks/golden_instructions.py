#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions of the calls of malloc and of sys_heap in each state, and what was recorded of them.

    golden_instructions.py --heap none=PROGRAM --heap basic=PROGRAM --malloc PROGRAM --preload LIBRARY
        --golden FILE --build TEXT [--compare | --record]

--heap      a build of count_sys_heap, and the hardening level of its heaps
--malloc    count_malloc, to be run with the library of --preload
--golden    the counts that were recorded, and the TEXT of the build that they are of
--compare   exits with 1 if a count differs, with 77 if FILE is of another build
--record    writes FILE anew

Prints two tables; with --compare only what differs. Counts are exact: the same build gives the same ones
on every machine. What calls take in the C library (memset, memcpy, the clock) is not in them, since that
depends on the processor. A count that is no whole number is an average: every 64th free into a chunk heap
takes a look at the regions' ends."""
from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import callgrind
import count_instructions

FRONT_ENDS = ("slab", "heap")
# A multiple of what arenas count up to, see above.
REPETITIONS = 64
# No memory is to go back to the kernel meanwhile, and the number of processors is not to matter.
OPTIONS = "purge_delay_ms=3600000,arenas=4,frontend="
SKIPPED = 77

# "sys_heap none zephyr alloc-exact" and the like
Counts = dict[str, "int | float"]


def count_malloc(program: str, library: str, front_end: str, state: str) -> int | float:
    """What one repetition executes in the library."""
    count = callgrind.instructions([program, state], library, REPETITIONS,
                                   {"LD_PRELOAD": os.path.abspath(library),
                                    "QUARRY_OPTIONS": OPTIONS + front_end})
    return int(count) if count.denominator == 1 else float(count)


def jobs_of(arguments: argparse.Namespace) -> dict:
    """A function and its arguments for each count, by the count's name."""
    jobs = {}
    for heap in arguments.heap:
        level, program = heap.split("=", 1)
        for state in count_instructions.states_of(program):
            for policy in count_instructions.POLICIES:
                jobs[f"sys_heap {level} {policy} {state}"] = (
                    count_instructions.instructions, program, policy, state)
    for line in count_instructions.states_of(arguments.malloc):
        state, *front_ends = line.split()
        for front_end in front_ends or FRONT_ENDS:
            jobs[f"malloc {front_end} {state}"] = (
                count_malloc, arguments.malloc, arguments.preload, front_end, state)
    return jobs


def count_all(jobs: dict) -> Counts:
    """As many at a time as there are processors."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = {name: pool.submit(*job) for name, job in jobs.items()}
        return {name: future.result() for name, future in futures.items()}


def print_table(title: str, counts: Counts) -> None:
    """A row for each state, a column for all that comes before it in the names."""
    columns = list(dict.fromkeys(name.rsplit(" ", 1)[0] for name in counts))
    states = dict.fromkeys(name.rsplit(" ", 1)[1] for name in counts)
    print(f"{title:28}" + "".join(f"{column.split(' ', 1)[1]:>14}" for column in columns))
    for state in states:
        print(f"{state:28}" + "".join(f"{counts.get(f'{column} {state}', '-'):>14}" for column in columns))


def print_tables(counts: Counts) -> None:
    for title in ("sys_heap", "malloc"):
        print_table(title, {name: count for name, count in counts.items() if name.startswith(title + " ")})
        print()


def differences(recorded: Counts, counts: Counts) -> list[str]:
    """A line for each count that is not as it was recorded."""
    lines = []
    for name in sorted(recorded.keys() | counts.keys()):
        old, new = recorded.get(name), counts.get(name)
        if old is None or new is None:
            lines.append(f"{name}: {'not recorded' if old is None else 'recorded, and not counted any more'}")
        elif new != old:
            lines.append(f"{name}: {old} recorded, now {new}, {'MORE' if new > old else 'fewer'}")
    return lines


def compare(recorded: Counts, counts: Counts) -> int:
    lines = differences(recorded, counts)
    if not lines:
        print(f"{len(counts)} counts are as they were recorded")
        return 0
    print("\n".join(lines))
    print("If that is as it should be, record it: ./dev count --record")
    return 1


def self_test() -> int:
    """Whether a difference is noticed, of either kind."""
    recorded = {"a": 10, "b": 10.5, "c": 10, "d": 1}
    lines = differences(recorded, {"a": 11, "b": 10.25, "c": 10, "e": 1})
    expected = ["a: 10 recorded, now 11, MORE", "b: 10.5 recorded, now 10.25, fewer",
                "d: recorded, and not counted any more", "e: not recorded"]
    report = "ob=/lib\nfn=f\n5 3\ncob=/libc\ncfn=memset\ncalls=1 0\n6 100\n7 4\n\nob=/libc\nfn=memset\n0 100\n"
    return 0 if lines == expected and callgrind.cost_of_file(report, "/lib") == 7 else 1


def compare_if_comparable(arguments: argparse.Namespace) -> int:
    with open(arguments.golden, encoding="utf-8") as file:
        golden = json.load(file)
    if golden["build"] != arguments.build:
        print(f"skipped: recorded is what {golden['build']} makes, and this is {arguments.build}")
        return SKIPPED
    if shutil.which("valgrind") is None:
        print("skipped: no valgrind")
        return SKIPPED
    return compare(golden["instructions"], count_all(jobs_of(arguments)))


def record(arguments: argparse.Namespace, counts: Counts) -> None:
    with open(arguments.golden, "w", encoding="utf-8") as file:
        json.dump({"build": arguments.build, "instructions": counts}, file, indent=1, sort_keys=True)
        file.write("\n")
    print(f"recorded in {arguments.golden}, for {arguments.build}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heap", action="append", required=True)
    for name in ("--malloc", "--preload", "--golden", "--build"):
        parser.add_argument(name, required=True)
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--record", action="store_true")
    return parser.parse_args()


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    arguments = parse_arguments()
    if arguments.compare:
        return compare_if_comparable(arguments)
    counts = count_all(jobs_of(arguments))
    print_tables(counts)
    if arguments.record:
        record(arguments, counts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
