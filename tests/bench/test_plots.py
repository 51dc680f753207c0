# SPDX-License-Identifier: Apache-2.0
"""That all pictures are drawn. Whether they are good is for eyes."""
from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

try:
    from bench import plots
except ImportError as error:
    raise unittest.SkipTest("no matplotlib") from error
from sample import result

VALUES = {"one": {"glibc": [2.0] * 3, "quarry": [1.0] * 3, "mine": [1.005] * 3},
          "two": {"glibc": [1.0] * 3, "quarry": [1.5] * 3, "mine": [30.0] * 3}}
CRASH = {"case": "two", "allocator": "mine", "why": "ended by signal 11"}
PICTURES = ("heat-seconds", "heat-processor-seconds", "heat-peak-rss-kib", "heat-minor-faults",
            "memory-over-time", "latency-walk")


class Pictures(unittest.TestCase):
    """plots.draw_all."""

    def test_all_are_drawn(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            written = plots.draw_all(result(VALUES, [CRASH]), directory)
            self.assertEqual(sorted(written), sorted(f"{picture}.{kind}" for picture in PICTURES
                                                     for kind in ("png", "svg")))
            for file in written:
                data = (directory / file).read_bytes()
                self.assertTrue(data.startswith(b"\x89PNG" if file.endswith("png") else b"<?xml"), file)
            for told in ("failed", "*1.00", "geometric mean", "Grey Granite"):
                self.assertIn(told, (directory / "heat-seconds.svg").read_text())

    def test_allocators_keep_their_colours(self) -> None:
        names = ["mine", "quarry", "yours", "glibc"]
        styles = [plots.style_of(name, names) for name in names]
        self.assertEqual(styles[1], plots.style_of("quarry", ["quarry"]))
        self.assertEqual(len({colour for colour, _, _ in styles}), 4)


if __name__ == "__main__":
    unittest.main()
