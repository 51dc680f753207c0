# SPDX-License-Identifier: Apache-2.0
"""What launcher and strace write is read right. QUARRY_BENCH_LAUNCHER names the built launcher."""
from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path

from bench import measure
from bench.catalogue import Ended, quiet_environment

LAUNCHER = os.environ.get("QUARRY_BENCH_LAUNCHER", "")
SMALL_KIB = 8 * 1024
STRACE = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 50.00    0.000010           1         8           mmap
 25.00    0.000005           5         2         1 munmap
 25.00    0.000005           5         4         4 access
------ ----------- ----------- --------- --------- ----------------
100.00    0.000020           1        14         5 total
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
100.00    0.000000           0         3           mmap
------ ----------- ----------- --------- --------- ----------------
100.00    0.000000           0         3           total
"""


class Reading(unittest.TestCase):
    """Texts to figures."""

    def test_launcher_line(self) -> None:
        ended = measure.read_launcher_line("256 1500000000 250000 125000 2048 7 1 3 4\n")
        self.assertEqual(ended, Ended(1, 1.5, 2048, 0.25, 0.125, 7, 1, 3, 4))
        self.assertEqual(measure.read_launcher_line("11 1 1 1 1 1 1 1 1").status, -11)

    def test_strace_tables_are_added(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            counts = Path(directory) / "counts"
            counts.write_text(STRACE)
            self.assertEqual(measure.read_counts(counts),
                             {"mmap": 11, "munmap": 2, "access": 4, "memory": 13, "total": 17})


@unittest.skipUnless(LAUNCHER, "no launcher named")
class Launching(unittest.TestCase):
    """Commands started through the launcher."""

    def ended(self, *argv: str) -> Ended:
        """Run a command."""
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            child = measure.starter(Path(LAUNCHER))(argv, quiet_environment(directory), directory, None,
                                                    directory / "1.out", directory / "1.err")
            with child:
                return child.wait(60, lambda: None)

    def test_status_and_signal(self) -> None:
        self.assertEqual(self.ended("true").status, 0)
        self.assertEqual(self.ended("sh", "-c", "exit 3").status, 3)
        self.assertEqual(self.ended("sh", "-c", "kill -11 $$").status, -11)
        self.assertEqual(self.ended("/nowhere/at/all").status, 127)

    def test_peak_is_the_command_s_own(self) -> None:
        """This Python is larger than that, and would be the floor without the launcher."""
        self.assertLess(self.ended("true").peak_rss_kib, SMALL_KIB)

    def test_time_and_descendants(self) -> None:
        busy = self.ended("sh", "-c", "sh -c 'i=0; while [ $i -lt 50000 ]; do i=$((i + 1)); done'; true")
        self.assertGreater(busy.user_seconds + busy.system_seconds, 0.0)
        self.assertGreaterEqual(busy.seconds, 0.9 * busy.user_seconds)
        self.assertGreater(busy.minor_faults, self.ended("true").minor_faults)

    def test_launcher_that_cannot_report(self) -> None:
        """A launcher that failed is not a command that went well."""
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            (directory / "1.used").mkdir()
            child = measure.starter(Path(LAUNCHER))(["true"], quiet_environment(directory), directory, None,
                                                    directory / "1.out", directory / "1.err")
            with child:
                self.assertEqual(child.wait(60, lambda: None).status, 125)


if __name__ == "__main__":
    unittest.main()
