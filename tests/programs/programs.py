# SPDX-License-Identifier: Apache-2.0
"""The catalogue of real programs that run under glibc's malloc and under Quarry.

What may live in this folder: programs that any distribution has, and the work they are given. A
program that was written to test Quarry belongs to tests/interposer. Work is deterministic: the same
input, environment and directory names for every run, so that outputs can be compared byte by byte.
"""
from __future__ import annotations

import sys
import xml.etree.ElementTree
from collections.abc import Callable, Mapping
from pathlib import Path

from documents import prepare_json, prepare_xml, run_jq, run_xmllint
from inputs import write_c_program, write_packable
from postgres_session import is_installed, run_postgres
from redis_session import run_redis
from trial import Program, Scale, Trial

WORKLOADS = Path(__file__).parent / "workloads"
DEBIAN_PYTHON = "/usr/bin/python3"
PYTHON_TEST_PACKAGE = f"libpython3.{sys.version_info.minor}-testsuite"
C_UNITS = 4
C_OPTIONS = ["-O2", "-g", "-frandom-seed=quarry"]
# Python's test modules, with the least calls of each.
PYTHON_TESTS = {
    "test_json": 3_000_000,
    "test_dict": 400_000,
    "test_list": 2_000_000,
    "test_threading": 500_000,
    "test_subprocess": 2_000_000,
    "test_multiprocessing_fork": 2_000_000,
}
PYTHON_TEST_RESULTS = "results.xml"
PYTHON_TEST_TIMEOUT_SECONDS = 300
# Every Python object is a malloc of its own, instead of a piece of an arena that Python cuts itself.
PYTHON_VARIABLES = {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}

SQLITE_ROWS = {Scale.QUICK: 50_000, Scale.FULL: 1_000_000}
PYTHON_RECORDS = {Scale.QUICK: 3_000, Scale.FULL: 20_000}
C_FUNCTIONS = {Scale.QUICK: 8, Scale.FULL: 32}
GIT_COMMITS = 200
BASH_ROUNDS = 60
PERL_ROUNDS = {Scale.QUICK: 20, Scale.FULL: 60}
NODE_ROUNDS = 20
LUA_ROUNDS = {Scale.QUICK: 30, Scale.FULL: 60}
PACKED_KIBIBYTES = 6 * 1024


def run_sqlite(trial: Trial) -> None:
    """Fill, index, query, change and vacuum a data base; its file must come out the same."""
    trial.run(["sqlite3", "-batch", "-cmd", "PRAGMA temp_store = MEMORY",
               "-cmd", f".parameter set :rows {SQLITE_ROWS[trial.scale]}", "quarry.db"],
              stdin=WORKLOADS / "sqlite.sql")
    trial.see_file(trial.work / "quarry.db")


def run_python(trial: Trial) -> None:
    """Run the objects-and-JSON program."""
    trial.run([DEBIAN_PYTHON, WORKLOADS / "objects.py", str(PYTHON_RECORDS[trial.scale])],
              variables=PYTHON_VARIABLES)


def prepare_c(inputs: Path, scale: Scale) -> None:
    """Generate the C program."""
    write_c_program(inputs, C_UNITS, C_FUNCTIONS[scale])


def run_gcc(trial: Trial) -> None:
    """Compile and link the generated program, the whole gcc driver tree included, and run it."""
    sources = [*(f"unit{unit}.c" for unit in range(C_UNITS)), "main.c"]
    trial.run(["gcc", *C_OPTIONS, "-c", *(trial.inputs / source for source in sources)])
    objects = [Path(source).with_suffix(".o") for source in sources]
    trial.run(["gcc", "-o", "program", *objects])
    trial.run([trial.work / "program"])
    for produced in [*objects, Path("program")]:
        trial.see_file(trial.work / produced)


def run_gxx(trial: Trial) -> None:
    """Compile, link and run a C++ program with threads, exceptions and over-aligned objects."""
    trial.run(["g++", "-std=c++17", *C_OPTIONS, "-c", WORKLOADS / "templates.cpp"])
    trial.run(["g++", "-pthread", "-o", "program", "templates.o"])
    trial.run([trial.work / "program"])
    for produced in ("templates.o", "program"):
        trial.see_file(trial.work / produced)


def python_test_results(report: Path) -> str:
    """Return one line per test case of a JUnit report: its name and how it ended, without times."""
    cases = xml.etree.ElementTree.parse(report).iter("testcase")
    return "\n".join(sorted(
        " ".join([case.get("name", ""), case.get("status", ""), *(part.tag for part in case)])
        for case in cases))


def run_python_test(name: str) -> Callable[[Trial], None]:
    """Return the run of one of Python's own test modules."""
    def run(trial: Trial) -> None:
        trial.run([DEBIAN_PYTHON, "-m", "test", "--timeout", str(PYTHON_TEST_TIMEOUT_SECONDS),
                   "--junit-xml", PYTHON_TEST_RESULTS, name],
                  variables=PYTHON_VARIABLES, compare_output=False)
        trial.see("test results", python_test_results(trial.work / PYTHON_TEST_RESULTS))
    return run


def run_script(interpreter: list[str], script: str, amount: int | Mapping[Scale, int],
               variables: dict[str, str] | None = None) -> Callable[[Trial], None]:
    """Return the run of one script of the workloads folder; amount may depend on the scale."""
    def run(trial: Trial) -> None:
        argument = amount if isinstance(amount, int) else amount[trial.scale]
        trial.run([*interpreter, WORKLOADS / script, str(argument)], variables=variables)
    return run


def prepare_packed(inputs: Path, scale: Scale) -> None:
    """Generate the file to pack."""
    write_packable(inputs / "packable", PACKED_KIBIBYTES)


def run_packers(trial: Trial) -> None:
    """Pack and unpack with gzip and xz."""
    trial.run(["bash", WORKLOADS / "compress.sh", trial.inputs / "packable"])


DEMO_PROGRAMS = [
    Program("sqlite3", ("sqlite3",), run_sqlite,
            {Scale.QUICK: 500_000, Scale.FULL: 7_000_000}),
    Program("python3", ("python3",), run_python,
            {Scale.QUICK: 2_000_000, Scale.FULL: 13_000_000}),
    Program("redis-server", ("redis-tools",), run_redis,
            {Scale.QUICK: 2_500_000, Scale.FULL: 9_000_000}),
    Program("gcc", ("gcc", "libc6-dev"), run_gcc,
            {Scale.QUICK: 900_000, Scale.FULL: 3_500_000}, prepare_c),
]

COMPARE_PROGRAMS = [
    *DEMO_PROGRAMS,
    Program("g++", ("g++",), run_gxx, {Scale.FULL: 5_000_000}),
    Program("git", ("git",), run_script(["bash"], "git.sh", GIT_COMMITS), {Scale.FULL: 500_000}),
    Program("perl", ("perl",), run_script(["perl"], "text.pl", PERL_ROUNDS, {"PERL_HASH_SEED": "0"}),
            {Scale.FULL: 10_000_000}),
    Program("bash", ("bash",), run_script(["bash"], "shell.bash", BASH_ROUNDS),
            {Scale.FULL: 200_000}),
    Program("gzip+xz", ("gzip", "xz-utils"), run_packers, {Scale.FULL: 2_000}, prepare_packed),
    Program("node", ("nodejs",), run_script(["node", "--expose-gc"], "runtime.js", NODE_ROUNDS),
            {Scale.FULL: 500_000}),
    Program("lua", ("lua5.4",), run_script(["lua5.4"], "tables.lua", LUA_ROUNDS),
            {Scale.FULL: 1_000_000}),
    Program("jq", ("jq",), run_jq, {Scale.FULL: 2_000_000}, prepare_json),
    Program("xmllint", ("libxml2-utils",), run_xmllint, {Scale.FULL: 11_000_000}, prepare_xml),
    # Debian starts a server as soon as it installs one, so that is left to whoever wants it.
    *([Program("postgresql", (), run_postgres, {Scale.FULL: 350_000})] if is_installed() else []),
    *(Program(name, ("python3", PYTHON_TEST_PACKAGE), run_python_test(name),
              {Scale.FULL: least_calls})
      for name, least_calls in PYTHON_TESTS.items()),
]

# What `./dev bench` measures: not Python's tests, which mostly start processes and wait. The second
# list is for hours rather than minutes.
QUICK_BENCH = ("sqlite3", "python3", "redis-server", "gcc", "perl", "lua", "jq", "xmllint")
BENCH_PROGRAMS = [program for program in COMPARE_PROGRAMS if program.name in QUICK_BENCH]
BENCH_PROGRAMS_IN_FULL = [program for program in COMPARE_PROGRAMS
                          if program.name not in QUICK_BENCH and program.name not in PYTHON_TESTS]

CATALOGUES = {"demo": DEMO_PROGRAMS, "compare": COMPARE_PROGRAMS,
              "bench": BENCH_PROGRAMS, "bench-full": BENCH_PROGRAMS_IN_FULL}


def packages(catalogue: str) -> list[str]:
    """Return the Debian packages that the programs of a catalogue come from."""
    return sorted({package for program in CATALOGUES[catalogue] for package in program.packages})


if __name__ == "__main__":
    print(*packages(sys.argv[1]))
