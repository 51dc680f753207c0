# SPDX-License-Identifier: Apache-2.0
"""The time that is left."""
from __future__ import annotations

import unittest

from bench.progress import Progress, clock


class Left(unittest.TestCase):
    """What is expected of runs that have run, and of those that have not."""

    def test_estimate(self) -> None:
        short, long, new, other = ("short", "a"), ("long", "a"), ("new", "a"), ("short", "b")
        progress = Progress([short, long, new, other])
        self.assertIsNone(progress.seconds_left(0.0))
        progress.left, progress.took, progress.began = [long, new, other, long], {long: 5.0, short: 1.0}, 0.0
        self.assertAlmostEqual(progress.seconds_left(2.0) or 0.0, 5.0 + 3.0 + 1.0 + 5.0 - 2.0)
        self.assertAlmostEqual(progress.seconds_left(60.0) or 0.0, 9.0)
        progress.left = []
        self.assertEqual(progress.seconds_left(0.0), 0.0)

    def test_order(self) -> None:
        progress = Progress([("first",), ("second",)])
        progress.began = 0.0
        progress.end()
        self.assertEqual((list(progress.took), progress.left), ([("first",)], [("second",)]))
        self.assertIn("1/2", progress.line(0.0))

    def test_clock(self) -> None:
        self.assertEqual([clock(seconds) for seconds in (0, 59.6, 61, 3600)], ["0:00", "1:00", "1:01", "60:00"])


if __name__ == "__main__":
    unittest.main()
