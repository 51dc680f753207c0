# SPDX-License-Identifier: Apache-2.0
"""What is not a result is refused, above all one that does not say where it comes from."""
from __future__ import annotations

import copy
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

from bench import provenance, results

from sample import result

GOOD = result({"one": {"a": [1.0], "b": [2.0]}})


def without(path: str) -> dict[str, Any]:
    """Return the good result with one entry of its provenance missing."""
    broken = copy.deepcopy(GOOD)
    *above, last = path.split(".")
    tree = broken["provenance"]
    for name in above:
        tree = tree[name]
    del tree[last]
    return broken


class Refusal(unittest.TestCase):
    """results.checked."""

    def test_whole(self) -> None:
        self.assertIs(results.checked(GOOD), GOOD)

    def test_each_missing_entry(self) -> None:
        for path in provenance.REQUIRED:
            with self.subTest(path), self.assertRaisesRegex(results.Refused, path):
                results.checked(without(path))

    def test_no_provenance(self) -> None:
        for nothing in ({}, None, [], "machine"):
            with self.subTest(nothing), self.assertRaisesRegex(results.Refused, "without provenance"):
                results.checked({**GOOD, "provenance": nothing})

    def test_empty_entry(self) -> None:
        broken = copy.deepcopy(GOOD)
        broken["provenance"]["commit"] = ""
        with self.assertRaisesRegex(results.Refused, "commit"):
            results.checked(broken)

    def test_each_entry_of_an_allocator(self) -> None:
        for key in provenance.REQUIRED_OF_ALLOCATOR:
            broken = copy.deepcopy(GOOD)
            del broken["provenance"]["allocators"][1][key]
            with self.subTest(key), self.assertRaisesRegex(results.Refused, f"allocators.{key}"):
                results.checked(broken)

    def test_other_things(self) -> None:
        for thing in ([], {}, {**GOOD, "format": 2}, {key: GOOD[key] for key in ("format", "provenance")}):
            with self.subTest(thing), self.assertRaises(results.Refused):
                results.checked(thing)


class Files(unittest.TestCase):
    """results.write and results.read."""

    def test_round_trip(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "result.json"
            results.write(path, GOOD)
            self.assertEqual(results.read(path), json.loads(json.dumps(GOOD)))

    def test_not_a_result(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "result.json"
            for text in ("", "no JSON", "[1, 2]"):
                path.write_text(text)
                with self.subTest(text), self.assertRaises(results.Refused):
                    results.read(path)
            with self.assertRaises(results.Refused):
                results.read(Path(directory) / "missing.json")


class Versions(unittest.TestCase):
    """Of the packages that real programs come from."""

    def test_versions(self) -> None:
        self.assertEqual(provenance.versions([]), {})
        self.assertRegex(provenance.versions(["dpkg", "dpkg", "no-such-package"])["dpkg"], r"^[0-9]")


class Command(unittest.TestCase):
    """The command that stands in the provenance is the one that was typed."""

    def test_build_is_left_out(self) -> None:
        self.assertEqual(provenance.command_line(["--quick", "--cases", "a b", "--build", "/x"]),
                         "./dev bench --quick --cases 'a b'")
        self.assertEqual(provenance.command_line([]), "./dev bench")


if __name__ == "__main__":
    unittest.main()
