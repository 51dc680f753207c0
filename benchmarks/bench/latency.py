# SPDX-License-Identifier: Apache-2.0
"""Per-operation times: one fixed sequence, many fresh processes, each operation's smallest time.

An interrupt or a neighbour's cache line hits another operation in every process. What an operation
takes in all of them is what the allocator does there: so the smallest is kept, operation by
operation, and the percentiles are of these. A page fault that comes at the same operation in every
process stays, as it should.

The file that a process leaves, all little-endian:

    8 bytes "QLATENCY" | uint32 number of kinds K | K names of 16 bytes, padded with NUL
    | uint64 number of operations N | N bytes: each operation's kind | N uint32: its time in ns
"""
from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

MAGIC = b"QLATENCY"
NAME_BYTES = 16
PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)
CURVE_POINTS_PER_DECADE = 40


class BadFile(Exception):
    """A file of times is not one, or is not of the same sequence as those before."""


@dataclass
class Times:
    """The times of one allocator in one case."""

    kinds: list[str]
    kind_of: Any
    nanoseconds: Any
    processes: int = 1


def read_times(path: Path) -> Times:
    """Read what one process left."""
    data = path.read_bytes()
    try:
        return parse_times(data)
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise BadFile(f"{path.name}: {error}") from error


def parse_times(data: bytes) -> Times:
    """Take the bytes of a file of times apart."""
    if not data.startswith(MAGIC):
        raise ValueError("does not start as a file of times")
    offset = len(MAGIC)
    (kinds,) = struct.unpack_from("<I", data, offset)
    offset += 4
    names = [data[offset + NAME_BYTES * kind:][:NAME_BYTES].rstrip(b"\0").decode("ascii")
             for kind in range(kinds)]
    offset += NAME_BYTES * kinds
    (count,) = struct.unpack_from("<Q", data, offset)
    offset += 8
    if len(data) != offset + count * 5:
        raise ValueError(f"{len(data)} bytes, {offset + count * 5} expected")
    kind_of = numpy.frombuffer(data, "u1", count, offset)
    if count == 0 or kind_of.max() >= kinds:
        raise ValueError("no operations, or one of no kind")
    return Times(names, kind_of, numpy.frombuffer(data, "<u4", count, offset + count))


def keep_smallest(before: Times | None, new: Times) -> Times:
    """Return each operation's smaller time; both must be of the same sequence."""
    if before is None:
        return new
    if before.kinds != new.kinds or not numpy.array_equal(before.kind_of, new.kind_of):
        raise BadFile("another sequence of operations than in the process before")
    return Times(before.kinds, before.kind_of, numpy.minimum(before.nanoseconds, new.nanoseconds),
                 before.processes + 1)


def at_percentile(ordered: Any, percentile: float) -> int:
    """Return the smallest time that so many per cent of the operations do not exceed."""
    rank = int(numpy.ceil(round(len(ordered) * percentile / 100.0, 6)))
    return int(ordered[max(rank, 1) - 1])


def curve(ordered: Any) -> list[list[float]]:
    """Return [percentile, ns] from the median outwards, evenly on the scale of 1 / (1 - p)."""
    decades = numpy.log10(len(ordered))
    steps = numpy.arange(numpy.log10(2.0), decades, 1.0 / CURVE_POINTS_PER_DECADE)
    percentiles = [100.0 * (1.0 - 10.0 ** -step) for step in steps]
    return [[percentile, at_percentile(ordered, percentile)] for percentile in percentiles] \
        + [[100.0, int(ordered[-1])]]


def summarise(times: Times) -> dict[str, Any]:
    """Return, for each kind of call, its percentiles in ns, the maximum and the curve to plot."""
    kinds = {}
    for number, name in enumerate(times.kinds):
        ordered = numpy.sort(times.nanoseconds[times.kind_of == number])
        if len(ordered) > 0:
            kinds[name] = {
                "operations": len(ordered),
                "percentiles": {f"{percentile:g}": at_percentile(ordered, percentile)
                                for percentile in PERCENTILES},
                "max": int(ordered[-1]),
                "curve": curve(ordered),
            }
    return {"processes": times.processes, "kinds": kinds}
