# SPDX-License-Identifier: Apache-2.0
"""A made-up result, as a campaign leaves it."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Values = Mapping[str, Mapping[str, Sequence[float]]]


def origin(names: Sequence[str]) -> dict[str, Any]:
    """Return a whole provenance."""
    return {
        "date": "2024-02-29T12:00:00+00:00", "command": "./dev bench --quick", "commit": "c0ffee" * 6,
        "dirty": False,
        "machine": {"processor": "Grey Granite", "processors": 2, "memory_bytes": 2**33,
                    "architecture": "x86_64", "virtual": True},
        "system": {"kernel": "6.1.0 #1", "distribution": "Debian 12", "libc": "glibc 2.36"},
        "conditions": {"governor": "performance", "aslr": "randomize_va_space=2",
                       "transparent_huge_pages": "madvise", "load_before": [0.0, 0.0, 0.0],
                       "load_after": [1.0, 1.0, 1.0]},
        "build": {"compiler": "gcc 12", "options": {"optimization": "3"}},
        "settings": {"scale": "quick", "rounds": 5, "seed": 1, "latency_processes": 10},
        "allocators": [{"name": name, "path": f"/lib/{name}.so", "sha256": "0" * 64, "package": "none"}
                       for name in names],
    }


def run(case: str, allocator: str, number: int, seconds: float) -> dict[str, Any]:
    """Return one run; every figure follows from its seconds."""
    return {"case": case, "allocator": allocator, "round": number, "operations": 7, "seconds": seconds,
            "processor_seconds": seconds, "peak_rss_kib": seconds * 1024, "minor_faults": seconds * 100,
            "voluntary_switches": 20, "involuntary_switches": 0,
            "metrics": {"work_seconds": seconds, "rss_after_free_bytes": seconds * 2**20},
            "rss_samples": [[0, 2**20], [10, 2**21 * seconds]]}


def latency(factor: int) -> dict[str, Any]:
    """Return one allocator's latencies."""
    kind = {"operations": 1000, "percentiles": {"50": 10 * factor, "99": 50 * factor},
            "max": 1234 * factor, "phase_maxima": {"fill": 1234 * factor, "steady": 99 * factor},
            "curve": [[50.0, 10 * factor], [99.0, 50 * factor], [100.0, 1234 * factor]]}
    return {"processes": 10, "clock_step_ns": 10.0, "kinds": {"malloc": kind, "free": kind}}


def result(values: Values, failures: Sequence[Mapping[str, str]] = ()) -> dict[str, Any]:
    """Return a result with the given seconds: case, allocator, one value per round."""
    names = list(dict.fromkeys(name for of_case in values.values() for name in of_case))
    return {
        "format": 1, "complete": True, "provenance": origin(names),
        "cases": [{"name": case, "kind": "workload", "measures": "time", "description": "made up",
                   "origin": "here"} for case in values],
        "runs": [run(case, name, number, seconds) for case, of_case in values.items()
                 for name, of_name in of_case.items() for number, seconds in enumerate(of_name, 1)],
        "latency": {"walk": {name: latency(place + 1) for place, name in enumerate(names)}},
        "system_calls": {"one": {name: {"mmap": 3, "memory": 3, "total": 40} for name in names}},
        "failures": [dict(failure) for failure in failures],
    }
