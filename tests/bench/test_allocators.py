# SPDX-License-Identifier: Apache-2.0
"""Which allocators there are, and that one which does not load is found out."""
from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from bench import allocators

NOWHERE = Path("/nowhere")


class Naming(unittest.TestCase):
    """Words of --allocators."""

    def test_glibc_is_there_and_loads(self) -> None:
        (glibc,) = allocators.chosen(["glibc"], NOWHERE)
        facts = allocators.facts(glibc)
        self.assertEqual(facts["name"], "glibc")
        self.assertEqual(len(facts["sha256"]), 64)

    def test_by_path(self) -> None:
        path = allocators.named("glibc", NOWHERE).preload
        self.assertEqual(allocators.named(f"mine={path}", NOWHERE).name, "mine")

    def test_refused(self) -> None:
        for word, why in (("malloc", "no allocator is known"), ("mine=/nowhere/at/all", "there is no"),
                          ("quarry", "there is no /nowhere/preload"),
                          ("quarry-hardened", "there is no /nowhere/preload/.*hardened"), ("=/bin/true", "there is no"),
                          ("", "no allocator is known")):
            with self.subTest(word), self.assertRaisesRegex(allocators.NotUsable, why):
                allocators.named(word, NOWHERE)

    def test_with_options(self) -> None:
        """The variables reach the program, and the result tells them."""
        with tempfile.TemporaryDirectory() as directory:
            library = Path(directory) / allocators.OWN[allocators.QUARRY]
            library.parent.mkdir()
            library.symlink_to(Path(allocators.named("glibc", NOWHERE).preload))
            heap = allocators.named("quarry-heap", Path(directory))
            self.assertEqual(heap.environment(NOWHERE)["QUARRY_OPTIONS"], "frontend=heap")
            self.assertEqual(allocators.facts(heap)["variables"], "QUARRY_OPTIONS=frontend=heap")
            again = allocators.twice(heap)[1]
            self.assertEqual(again.variables, heap.variables)

    def test_named_twice(self) -> None:
        with self.assertRaisesRegex(allocators.NotUsable, "twice"):
            allocators.chosen(["glibc", "glibc"], NOWHERE)

    def test_twice_the_same(self) -> None:
        first, second = allocators.twice(allocators.named("glibc", NOWHERE))
        self.assertNotEqual(first.name, second.name)
        self.assertEqual(first.preload, second.preload)

    def test_does_not_load(self) -> None:
        """The dynamic linker would say a line and run the program on glibc's malloc."""
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "libfake.so"
            path.write_text("not a library")
            with self.assertRaisesRegex(allocators.NotUsable, "does not load"):
                allocators.chosen([f"fake={path}"], NOWHERE)


if __name__ == "__main__":
    unittest.main()
