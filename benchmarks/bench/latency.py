# SPDX-License-Identifier: Apache-2.0
"""Per-operation times: one fixed sequence, many fresh processes, each operation's smallest time.

An interrupt or a neighbour's cache line hits another operation in every process. What an operation
takes in all of them is what the allocator does there: so the smallest is kept, operation by
operation, and the percentiles are of these. A page fault that comes at the same operation in every
process stays, as it should.

The file that a process leaves is that of benchmarks/workloads/latency.c.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

HEADER = numpy.dtype([("magic", "S8"), ("version", "=u4"), ("record_bytes", "=u4"), ("records", "=u8"),
                      ("clock", "=u4"), ("overhead", "=u4")])
RECORD = numpy.dtype([("picoseconds", "=u8"), ("bytes", "=u4"), ("call", "u1"), ("phase", "u1"),
                      ("zero", "=u2")])
MAGIC, VERSION = b"qlatency", 1
CALLS = {1: "malloc", 2: "free", 3: "realloc"}
PHASES = {0: "fill", 1: "steady", 2: "drain"}
PICOSECONDS = 1000.0
PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)
CURVE_POINTS_PER_DECADE = 40


class BadFile(Exception):
    """A file of times is not one, or is not of the same sequence as those before."""


@dataclass
class Times:
    """The times of one allocator in one case: records, each with the smallest time so far."""

    records: Any
    processes: int = 1
    clock_step_ns: float = 0.0


def read_times(path: Path) -> Times:
    """Read what one process left."""
    try:
        return parse_times(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadFile(f"{path.name}: {error}") from error


def parse_times(data: bytes) -> Times:
    """Take the bytes of a file of times apart."""
    if len(data) < HEADER.itemsize:
        raise ValueError("too short for a file of times")
    header = numpy.frombuffer(data, HEADER, 1)[0]
    if (header["magic"], header["version"], header["record_bytes"]) != (MAGIC, VERSION, RECORD.itemsize):
        raise ValueError("does not start as a file of times")
    expected = HEADER.itemsize + int(header["records"]) * RECORD.itemsize
    if len(data) != expected or header["records"] == 0:
        raise ValueError(f"{len(data)} bytes, {expected} expected")
    records = numpy.frombuffer(data, RECORD, offset=HEADER.itemsize).copy()
    if not numpy.isin(records["call"], list(CALLS)).all():
        raise ValueError("a call of no known kind")
    if not numpy.isin(records["phase"], list(PHASES)).all():
        raise ValueError("a phase that is not known")
    return Times(records)


def keep_smallest(before: Times | None, new: Times) -> Times:
    """Return each operation's smaller time; both must be of the same sequence."""
    if before is None:
        return new
    old = before.records
    if any(not numpy.array_equal(old[name], new.records[name]) for name in ("bytes", "call", "phase")):
        raise BadFile("another sequence of operations than in the process before")
    numpy.minimum(old["picoseconds"], new.records["picoseconds"], out=old["picoseconds"])
    return Times(old, before.processes + 1, max(before.clock_step_ns, new.clock_step_ns))


def nanoseconds(picoseconds: Any) -> float:
    """Return ns to a tenth: no clock that the times come from says more."""
    return round(float(picoseconds) / PICOSECONDS, 1)


def at_percentile(ordered: Any, percentile: float) -> float:
    """Return the smallest time in ns that so many per cent of the operations do not exceed."""
    rank = int(numpy.ceil(round(len(ordered) * percentile / 100.0, 6)))
    return nanoseconds(ordered[max(rank, 1) - 1])


def curve(ordered: Any) -> list[list[float]]:
    """Return [percentile, ns] from the median outwards, evenly on the scale of 1 / (1 - p)."""
    decades = numpy.log10(len(ordered))
    steps = numpy.arange(numpy.log10(2.0), decades, 1.0 / CURVE_POINTS_PER_DECADE)
    percentiles = [100.0 * (1.0 - 10.0 ** -step) for step in steps]
    return [[percentile, at_percentile(ordered, percentile)] for percentile in percentiles] \
        + [[100.0, nanoseconds(ordered[-1])]]


def phase_maxima(records: Any) -> dict[str, float]:
    """Return the maximum in ns of each phase that has operations: before so many blocks live, while they do, after."""
    maxima = {}
    for phase, name in PHASES.items():
        of_phase = records["picoseconds"][records["phase"] == phase]
        if len(of_phase) > 0:
            maxima[name] = nanoseconds(of_phase.max())
    return maxima


def summarise(times: Times) -> dict[str, Any]:
    """Return, for each kind of call, its percentiles in ns, the maxima and the curve to plot."""
    kinds = {}
    for call, name in CALLS.items():
        of_kind = times.records[times.records["call"] == call]
        ordered = numpy.sort(of_kind["picoseconds"])
        if len(ordered) > 0:
            kinds[name] = {
                "operations": len(ordered),
                "percentiles": {f"{percentile:g}": at_percentile(ordered, percentile)
                                for percentile in PERCENTILES},
                "max": nanoseconds(ordered[-1]),
                "phase_maxima": phase_maxima(of_kind),
                "curve": curve(ordered),
            }
    return {"processes": times.processes, "clock_step_ns": times.clock_step_ns, "kinds": kinds}
