# SPDX-License-Identifier: Apache-2.0
"""The list of cases, and what a workload program must print."""
from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

from bench import cases
from bench.catalogue import Scale

ENTRY: dict[str, Any] = {"name": "walk-small", "program": "walk", "arguments": ["--threads", 2],
                         "quick": ["--bytes", 10], "full": [], "measures": "time",
                         "description": "walks", "origin": "made up"}
RESULT = {"workload": "walk", "parameters": {"seed": 1}, "operations": 3, "check": "00", "metrics": {}}


def listed(*entries: dict[str, Any], scale: Scale = Scale.QUICK) -> list[cases.Case]:
    """Return the cases that such a workloads.json makes."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "workloads.json"
        path.write_text(json.dumps({"cases": entries}))
        return cases.all_cases(scale, Path("/build"), path)


class List(unittest.TestCase):
    """workloads.json and the catalogue."""

    def test_workload(self) -> None:
        case = listed(ENTRY)[0]
        self.assertEqual((case.name, case.kind, case.measures), ("walk-small", "workload", "time"))
        self.assertFalse(case.count_calls)
        self.assertFalse(case.latency)

    def test_heavy_programs_only_in_full(self) -> None:
        quick, full = ({case.name for case in listed(scale=scale)} for scale in Scale)
        self.assertIn("sqlite3", quick)
        self.assertNotIn("node", quick)
        self.assertIn("node", full)
        self.assertLess(quick, full)

    def test_refused(self) -> None:
        with self.assertRaisesRegex(cases.BadCase, "measures beauty"):
            listed({**ENTRY, "measures": "beauty"})
        with self.assertRaisesRegex(cases.BadCase, "same name: sqlite3"):
            listed({**ENTRY, "name": "sqlite3"})

    def test_choice(self) -> None:
        all_cases = listed(ENTRY)
        self.assertEqual(cases.chosen(all_cases, []), all_cases)
        self.assertEqual([case.name for case in cases.chosen(all_cases, ["walk-small"])], ["walk-small"])
        self.assertNotIn("walk-small", [case.name for case in cases.chosen(all_cases, ["program"])])
        with self.assertRaisesRegex(cases.BadCase, "no such case: stroll"):
            cases.chosen(all_cases, ["stroll", "walk-small"])

    def test_the_list_in_the_tree(self) -> None:
        """Every case there is one, at both scales, and says what it is."""
        for scale in Scale:
            for case in cases.all_cases(scale, Path("/build")):
                self.assertTrue(case.name and case.description and case.origin, case.name)

    def test_counted_cases_are_there(self) -> None:
        there = {case.name for case in cases.all_cases(Scale.QUICK, Path("/build"))}
        self.assertEqual(set(cases.COUNTED) - there, set())


class Result(unittest.TestCase):
    """The last line of a workload's output."""

    def test_last_line(self) -> None:
        self.assertEqual(cases.read_result("some words\n" + json.dumps(RESULT) + "\n"), RESULT)

    def test_refused(self) -> None:
        for output, why in (("", "not JSON"), ("words\n", "not JSON"), ("[1]", "lacks"),
                            (json.dumps({**RESULT, "check": 1})[:-3], "not JSON")):
            with self.subTest(output), self.assertRaisesRegex(cases.BadCase, why):
                cases.read_result(output)
        for key in RESULT:
            less = {name: value for name, value in RESULT.items() if name != key}
            with self.subTest(key), self.assertRaisesRegex(cases.BadCase, f"lacks {key}"):
                cases.read_result(json.dumps(less))


if __name__ == "__main__":
    unittest.main()
