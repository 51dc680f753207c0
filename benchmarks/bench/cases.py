# SPDX-License-Identifier: Apache-2.0
"""What is run: the workload programs and the real programs, all behind one face.

A case runs its commands through a Trial and returns an Outcome. Whatever must be the same under
every allocator it gives to trial.see, which the runner compares.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .catalogue import BENCH_PROGRAMS, BENCH_PROGRAMS_IN_FULL, SOURCE_ROOT, Program, Scale, Trial

WORKLOADS_LIST = SOURCE_ROOT / "benchmarks" / "workloads" / "workloads.json"
WORKLOADS_BUILT = "benchmarks/workloads"
MEASURES = ("time", "rss", "decay", "latency")
LATENCY_FILE = "latency"
# Whose system calls are counted: cases that make an allocator ask the system for memory.
COUNTED = ("larson-2", "producer-consumer-2", "churn-2", "replace-medium-2", "replace-large", "vectors",
           "thread-starts-4", "zeroed", "decay-ticking", "sqlite3", "python3", "perl", "lua")
RESULT_KEYS = ("workload", "parameters", "operations", "check", "metrics")


class BadCase(Exception):
    """The list of cases, a name of one, or a program's result is not as it must be."""


@dataclass(frozen=True)
class Outcome:
    """What a run says of itself, besides what is measured of it from outside."""

    operations: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    rss_samples: list[list[float]] = field(default_factory=list)
    latency_file: Path | None = None


@dataclass(frozen=True)
class Case:
    """One row of the tables: of all of them, of those about memory, or of those about latency."""

    name: str
    kind: str
    measures: str
    description: str
    origin: str
    run: Callable[[Trial], Outcome]
    prepare: Callable[[Path, Scale], None] = lambda inputs, scale: None
    count_calls: bool = False
    packages: tuple[str, ...] = ()

    @property
    def latency(self) -> bool:
        """Tell whether each operation's time is wanted."""
        return self.measures == "latency"

    @property
    def timed(self) -> bool:
        """Tell whether noise matters: whether the case needs to warm up, and many rounds."""
        return self.measures in ("time", "latency")

    def as_json(self) -> dict[str, Any]:
        """Return what a reader of the results has to know."""
        return {"name": self.name, "kind": self.kind, "measures": self.measures,
                "description": self.description, "origin": self.origin}


def read_result(output: str) -> dict[str, Any]:
    """Return the JSON object on the last line of a workload's output."""
    last = (output.strip().splitlines() or [""])[-1]
    try:
        result = json.loads(last)
    except json.JSONDecodeError as error:
        raise BadCase(f"the last line is not JSON: {last[:200]!r}") from error
    if missing := [key for key in RESULT_KEYS if not isinstance(result, dict) or key not in result]:
        raise BadCase(f"the result lacks {', '.join(missing)}")
    return dict(result)


def run_workload(binary: Path, arguments: Sequence[str], latency: bool) -> Callable[[Trial], Outcome]:
    """Return the run of a workload program; its parameters, operations and check must be the same."""
    def run(trial: Trial) -> Outcome:
        times = trial.work / LATENCY_FILE
        extra = ["--output", str(times)] if latency else []
        output = trial.run([binary, *arguments, *extra], compare_output=False)
        result = read_result(output)
        for key in ("parameters", "operations", "check"):
            trial.see(key, json.dumps(result[key], sort_keys=True))
        return Outcome(int(result["operations"]), dict(result["metrics"]),
                       list(result.get("rss_samples", [])), times if latency else None)
    return run


def workload_case(entry: dict[str, Any], scale: Scale, build: Path) -> Case:
    """Return the case that an entry of workloads.json describes."""
    measure = entry["measures"]
    if measure not in MEASURES:
        raise BadCase(f"{entry['name']}: measures {measure}, which is none of {', '.join(MEASURES)}")
    arguments = [str(word) for word in [*entry["arguments"], *entry[scale.value]]]
    binary = build.resolve() / WORKLOADS_BUILT / entry["program"]
    return Case(entry["name"], "workload", measure, entry["description"], entry["origin"],
                run_workload(binary, arguments, measure == "latency"),
                count_calls=entry["name"] in COUNTED)


def workload_cases(scale: Scale, build: Path, listed: Path = WORKLOADS_LIST) -> list[Case]:
    """Return the cases of workloads.json that have arguments for this scale."""
    entries = json.loads(listed.read_text())["cases"]
    return [workload_case(entry, scale, build) for entry in entries]


def program_case(program: Program) -> Case:
    """Return the case that a program of the catalogue makes."""
    def run(trial: Trial) -> Outcome:
        program.run(trial)
        return Outcome()
    description = program.run.__doc__ or f"the catalogue's work for {program.name}"
    return Case(program.name, "program", "time", description, "tests/programs", run,
                program.prepare, count_calls=program.name in COUNTED, packages=program.packages)


def all_cases(scale: Scale, build: Path, listed: Path = WORKLOADS_LIST) -> list[Case]:
    """Return every case of a scale: workloads first, heavy programs only in full."""
    programs = [*BENCH_PROGRAMS, *(BENCH_PROGRAMS_IN_FULL if scale is Scale.FULL else [])]
    cases = workload_cases(scale, build, listed) + [program_case(program) for program in programs]
    names = [case.name for case in cases]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadCase(f"two cases of the same name: {', '.join(twice)}")
    return cases


def chosen(cases: Sequence[Case], names: Sequence[str]) -> list[Case]:
    """Return the named cases, or the cases of a named kind; all of them if nothing is named."""
    known = {case.name for case in cases} | {case.kind for case in cases}
    if unknown := [name for name in names if name not in known]:
        raise BadCase(f"no such case: {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return [case for case in cases if not names or case.name in names or case.kind in names]
