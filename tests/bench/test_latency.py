# SPDX-License-Identifier: Apache-2.0
"""Files of times, the smallest of several processes, percentiles."""
from __future__ import annotations

import struct
import tempfile
import unittest
from collections.abc import Sequence
from pathlib import Path

try:
    from bench import latency
except ImportError as error:
    raise unittest.SkipTest("no numpy") from error

CALLS = (1, 2, 1, 3)
HEADER = struct.Struct("=8sIIQII")
RECORD = struct.Struct("=QIBBH")


def data(times: Sequence[int], calls: Sequence[int] = CALLS, last_phase: int = 2) -> bytes:
    """Return the file of a process with these times in ns; each operation is of another phase, up to the last one."""
    records = b"".join(RECORD.pack(1000 * time, 8, call, min(number, last_phase), 0)
                       for number, (time, call) in enumerate(zip(times, calls)))
    return HEADER.pack(b"qlatency", 1, RECORD.size, len(times), 1, 0) + records


def times(*values: int) -> latency.Times:
    """Return parsed times."""
    return latency.parse_times(data(values))


class Files(unittest.TestCase):
    """What a process leaves."""

    def test_parse(self) -> None:
        records = times(30, 20, 31, 40).records
        self.assertEqual(list(records["picoseconds"]), [30_000, 20_000, 31_000, 40_000])
        self.assertEqual(list(records["call"]), list(CALLS))

    def test_refused(self) -> None:
        good = data((30, 20, 31, 40))
        for bad in (b"", b"qlatency", good[:-1], good + b"\0", b"x" + good[1:], data(()),
                    data((1, 2, 3, 4), (1, 2, 1, 4)), data((1, 2, 3, 4), last_phase=3), good[:8] + b"\2" + good[9:]):
            with self.subTest(bad[:12]), tempfile.TemporaryDirectory() as directory:
                path = Path(directory) / "times"
                path.write_bytes(bad)
                with self.assertRaises(latency.BadFile):
                    latency.read_times(path)

    def test_missing(self) -> None:
        with self.assertRaises(latency.BadFile):
            latency.read_times(Path("/nowhere/times"))


class Smallest(unittest.TestCase):
    """Several processes."""

    def test_each_operation_keeps_its_own(self) -> None:
        kept = latency.keep_smallest(latency.keep_smallest(None, times(30, 900, 31, 40)), times(800, 20, 32, 39))
        self.assertEqual(list(kept.records["picoseconds"]), [30_000, 20_000, 31_000, 39_000])
        self.assertEqual(kept.processes, 2)

    def test_another_sequence(self) -> None:
        other = latency.parse_times(data((1, 2, 3, 4), (1, 2, 2, 3)))
        with self.assertRaisesRegex(latency.BadFile, "another sequence"):
            latency.keep_smallest(times(1, 2, 3, 4), other)


class Percentiles(unittest.TestCase):
    """Of 1 to 1000 ns, once each, in one kind."""

    def setUp(self) -> None:
        values = range(1000, 0, -1)
        self.summary = latency.summarise(latency.parse_times(data(values, [2] * 1000)))["kinds"]

    def test_percentiles(self) -> None:
        self.assertEqual(self.summary["free"]["percentiles"],
                         {"50": 500, "90": 900, "99": 990, "99.9": 999, "99.99": 1000})
        self.assertEqual(self.summary["free"]["max"], 1000)
        self.assertEqual(self.summary["free"]["operations"], 1000)

    def test_maxima_of_phases(self) -> None:
        self.assertEqual(self.summary["free"]["phase_maxima"], {"fill": 1000, "steady": 999, "drain": 998})

    def test_phases_without_operations_are_left_out(self) -> None:
        of_kinds = latency.summarise(times(30, 20, 31, 40))["kinds"]
        self.assertEqual(of_kinds["malloc"]["phase_maxima"], {"fill": 30, "drain": 31})
        self.assertEqual(of_kinds["free"]["phase_maxima"], {"steady": 20})

    def test_kinds_without_operations_are_left_out(self) -> None:
        self.assertEqual(list(self.summary), ["free"])

    def test_curve(self) -> None:
        curve = self.summary["free"]["curve"]
        self.assertEqual(curve[0], [50.0, 500])
        self.assertEqual(curve[-1], [100.0, 1000])
        self.assertEqual(curve, sorted(curve))


if __name__ == "__main__":
    unittest.main()
