# SPDX-License-Identifier: Apache-2.0
"""What the tables say."""
from __future__ import annotations

import unittest

from bench import report

from sample import result

VALUES = {"one": {"glibc": [2.0] * 5, "quarry": [1.0, 1.0, 1.0, 1.1, 0.9], "mimalloc": [1.005] * 5},
          "two": {"glibc": [1.0] * 5, "quarry": [1.5] * 5, "mimalloc": [3.0] * 5}}
CRASH = {"case": "two", "allocator": "mimalloc", "why": "ended by signal 11 (SIGSEGV)"}
DIFFER = {"case": "two", "allocator": "", "why": "the results differ"}


def line_of(text: str, title: str, start: str) -> list[str]:
    """Return the words of the line that starts so in the table of this title."""
    table = text[text.index(f"\n{title}\n"):]
    return next(line for line in table.splitlines() if line.startswith(start))[len(start):].split()


class Tables(unittest.TestCase):
    """report.text."""

    def test_ratios_marks_and_spread(self) -> None:
        text = report.text(result(VALUES))
        self.assertEqual(line_of(text, "Time", "one"),
                         ["1.000", "s", "2.00", "±0", "*1.00", "±0", "=1.00", "±0"])
        self.assertEqual(line_of(text, "Time", "two"),
                         ["1.000", "s", "*1.00", "±0", "1.50", "±0", "3.00", "±0"])

    def test_means(self) -> None:
        text = report.text(result(VALUES))
        self.assertEqual(line_of(text, "Time", "mean to the best, 2 cases"), ["1.414", "1.225", "1.736"])
        self.assertEqual(line_of(text, "Time", "mean to glibc, 2 cases"), ["1.000", "0.866", "1.228"])

    def test_means_of_each_kind(self) -> None:
        made = result(VALUES)
        self.assertNotIn("1 workload", report.text(made))
        made["cases"][1]["kind"] = "program"
        text = report.text(made)
        self.assertEqual(line_of(text, "Time", "  1 workload"), ["2.000", "1.000", "1.005"])
        self.assertEqual(line_of(text, "Time", "  1 program"), ["1.000", "1.500", "3.000"])

    def test_failed_cell(self) -> None:
        text = report.text(result(VALUES, [CRASH]))
        self.assertIn("failed", line_of(text, "Time", "two"))
        self.assertIn("two, mimalloc: ended by signal 11 (SIGSEGV)", text)
        self.assertEqual(line_of(text, "Time", "mean to the best, 1 case")[0], "2.000")

    def test_refused_case(self) -> None:
        text = report.text(result(VALUES, [DIFFER]))
        self.assertIn("two, refused: the results differ", text)
        self.assertFalse(any(line.startswith("two ") and "±" in line for line in text.splitlines()))

    def test_busy_machine(self) -> None:
        busy = result(VALUES)
        for run in busy["runs"]:
            run.update(voluntary_switches=1, seconds=4 * run["processor_seconds"])
        self.assertIn("THE MACHINE WAS BUSY with something else: commands that did not wait had 25 %",
                      report.text(busy))
        for run in busy["runs"]:
            run.update(voluntary_switches=1000)
        self.assertNotIn("BUSY", report.text(busy))
        for run in busy["runs"]:
            run.update(voluntary_switches=1, seconds=run["processor_seconds"])
        self.assertNotIn("BUSY", report.text(busy))

    def test_other_tables(self) -> None:
        made = result(VALUES)
        made["cases"].append({**made["cases"][0], "name": "memory", "measures": "rss"})
        made["runs"] += [{**run, "case": "memory"} for run in made["runs"] if run["case"] == "one"]
        text = report.text(made)
        self.assertEqual(line_of(text, "What the programs tell of themselves (medians)",
                                 "memory rss_after_free_bytes"), ["2.00", "MiB", "1.00", "MiB", "1.00", "MiB"])
        self.assertNotIn("work_seconds", text)
        self.assertNotIn("one rss_after_free_bytes", text)
        self.assertIn("3 / 40", text)
        self.assertIn("Context switches, voluntary", text)
        self.assertNotIn("Context switches, involuntary", text)
        title = ("Latency, walk: ns per call, each operation's smallest of 10 processes; the clock steps by "
                 "10 ns")
        self.assertEqual(line_of(text, title, "free quarry"), ["1,000", "20", "100", "2,468", "2,468", "198"])

    def test_says_where_it_comes_from(self) -> None:
        text = report.text(result(VALUES))
        for told in ("./dev bench --quick", "c0ffeec0ffee", "Grey Granite, 2 processors, 8.0 GiB, a virtual",
                     "governor performance", "randomize_va_space=2", "load 0.0/0.0/0.0 before"):
            self.assertIn(told, text)
        self.assertNotIn("BUSY", text)
        self.assertNotIn("Fewer than", text)
        self.assertNotIn("INTERRUPTED", text)
        self.assertIn("INTERRUPTED", report.text({**result(VALUES), "complete": False}))
        changed = result(VALUES)
        changed["provenance"]["settings"]["rounds"] = 3
        self.assertIn("Fewer than 5 rounds", report.text(changed))
        changed["provenance"]["dirty"] = True
        self.assertIn("changes that are not committed", report.text(changed))


class TwiceTheSame(unittest.TestCase):
    """The verdict of an A/A run."""

    def verdict(self, factor: float) -> bool:
        """Judge a second entry that is so much slower."""
        times = [1.0, 1.1, 0.9, 1.0, 1.0]
        values = {"one": {"a": times, "a-again": [factor * time for time in times]}}
        return report.verdict_of_a_a(result(values))[1]

    def test_verdict(self) -> None:
        self.assertTrue(self.verdict(1.0))
        self.assertTrue(self.verdict(0.991))
        self.assertFalse(self.verdict(1.011))
        self.assertFalse(self.verdict(0.98))


if __name__ == "__main__":
    unittest.main()
