# SPDX-License-Identifier: Apache-2.0
"""Medians, spread, ties and means."""
from __future__ import annotations

import math
import unittest

from bench import summary

from sample import result

QUIET = {"slow": [2.0, 2.02, 1.98, 2.01, 1.99], "fast": [1.0, 1.01, 0.99, 1.0, 1.0]}
NOISY = {"first": [1.0, 1.3, 0.9, 1.1, 1.2], "second": [1.1, 1.0, 1.2, 0.95, 1.25]}


class Rows(unittest.TestCase):
    """One case."""

    def row(self, values: dict[str, list[float]]) -> summary.Row:
        """Return the row that must be there."""
        row = summary.make_row("case", values)
        assert row is not None
        return row

    def test_clear_difference(self) -> None:
        cells = self.row(QUIET).cells
        self.assertTrue(cells["fast"].best)
        self.assertAlmostEqual(cells["slow"].ratio, 2.0)
        self.assertFalse(cells["slow"].tie)
        self.assertGreater(cells["slow"].low, 1.9)
        self.assertLess(cells["slow"].high, 2.1)

    def test_noise_is_a_tie(self) -> None:
        cells = self.row(NOISY).cells
        self.assertEqual([cell.tie for cell in cells.values()].count(True), 1)
        self.assertFalse(next(cell for cell in cells.values() if cell.best).tie)

    def test_one_per_cent_is_a_tie_however_steady(self) -> None:
        self.assertTrue(self.row({"one": [1.0] * 5, "other": [1.009] * 5}).cells["other"].tie)
        self.assertFalse(self.row({"one": [1.0] * 5, "other": [1.011] * 5}).cells["other"].tie)

    def test_drift_over_rounds_is_not_noise(self) -> None:
        """Both get slower from round to round; in each round one is 10 % behind."""
        drift = [1.0, 1.2, 1.4, 1.6, 1.8]
        cells = self.row({"one": drift, "other": [1.1 * value for value in drift]}).cells
        self.assertFalse(cells["other"].tie)

    def test_spread(self) -> None:
        self.assertAlmostEqual(summary.spread_of([1.0, 2.0, 4.0]), 0.5)
        self.assertEqual(summary.spread_of([0.0, 0.0]), 0.0)

    def test_nothing_to_divide_by(self) -> None:
        self.assertIsNone(summary.make_row("case", {"one": [0.0], "other": [1.0]}))
        self.assertIsNone(summary.make_row("case", {}))

    def test_same_values_same_judgement(self) -> None:
        self.assertEqual(summary.make_row("case", NOISY), summary.make_row("case", NOISY))


class Means(unittest.TestCase):
    """Several cases."""

    values = {"one": {"a": [1.0] * 5, "b": [2.0] * 5}, "two": {"a": [3.0] * 5, "b": [1.0] * 5}}

    def rows(self, failures: list[dict[str, str]]) -> list[summary.Row]:
        """Return the rows of time."""
        return summary.rows(result(self.values, failures), "seconds", ("time",))

    def mean(self, rows: list[summary.Row], name: str, base: str = "") -> summary.Mean:
        """Return the mean that must be there."""
        mean = summary.mean_to(rows, ["a", "b"], name, base)
        assert mean is not None
        return mean

    def test_to_the_best(self) -> None:
        rows = self.rows([])
        self.assertAlmostEqual(self.mean(rows, "a").ratio, math.sqrt(3.0))
        self.assertAlmostEqual(self.mean(rows, "b").ratio, math.sqrt(2.0))

    def test_to_one_allocator(self) -> None:
        rows = self.rows([])
        self.assertAlmostEqual(self.mean(rows, "b", "a").ratio, math.sqrt(2.0 / 3.0))
        self.assertAlmostEqual(self.mean(rows, "a", "a").ratio, 1.0)

    def test_failed_case_is_out_of_all_means(self) -> None:
        rows = self.rows([{"case": "two", "allocator": "b", "why": "ended by signal 11"}])
        self.assertEqual(self.mean(rows, "a").cases, 1)
        self.assertAlmostEqual(self.mean(rows, "b").ratio, 2.0)
        self.assertNotIn("b", rows[1].cells)

    def test_refused_case_has_no_row(self) -> None:
        rows = self.rows([{"case": "two", "allocator": "", "why": "the results differ"}])
        self.assertEqual([row.case for row in rows], ["one"])

    def test_case_that_does_not_measure_time_has_no_row(self) -> None:
        made = result(self.values)
        made["cases"][0]["measures"] = "decay"
        self.assertEqual([row.case for row in summary.rows(made, "seconds", ("time",))], ["two"])

    def test_interval_holds_the_mean(self) -> None:
        noisy = {f"case {number}": NOISY for number in range(4)}
        rows = summary.rows(result(noisy), "seconds", ("time",))
        mean = summary.mean_to(rows, ["first", "second"], "second", "first")
        assert mean is not None
        self.assertLessEqual(mean.low, mean.ratio)
        self.assertGreaterEqual(mean.high, mean.ratio)


if __name__ == "__main__":
    unittest.main()
