# SPDX-License-Identifier: Apache-2.0
"""That the soak sees what goes wrong, with shell commands for programs."""
from __future__ import annotations

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import soak

KINDS = [soak.Kind("one", ""), soak.Kind("other", "", "frontend=heap")]
FOUND = 'echo begun; echo "{\\"check\\": \\"%s\\"}"'


def shell(script: str, *arguments: str, compared: bool = False) -> soak.Program:
    """Return a program that is a script of the shell."""
    return soak.Program(("sh", "-c", script, "sh", *arguments), compared)


def outcome(*programs: soak.Program, seconds: float = 0, hangs_after: float = 60) -> tuple[int, str, str]:
    """Run a soak; return its exit code, standard output, standard error."""
    with contextlib.redirect_stdout(io.StringIO()) as output, \
            contextlib.redirect_stderr(io.StringIO()) as errors:
        code = soak.Soak(programs, KINDS, seconds, hangs_after).run()
    return code, output.getvalue(), errors.getvalue()


class Soaks(unittest.TestCase):
    """soak.Soak."""

    def test_all_run_even_without_time(self) -> None:
        good = shell(FOUND % "same", compared=True)
        self.assertEqual(outcome(good), (0, "sh: 2 runs on one, other; none failed\n", ""))

    def test_they_run_until_the_time_is_up(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            seen = Path(folder) / "seen"
            code, output, _ = outcome(shell(f'sleep 0.1; echo "$1 $QUARRY_OPTIONS" >> {seen}', soak.SEED),
                                      seconds=0.5)
            lines = set(seen.read_text(encoding="utf-8").splitlines())
        self.assertEqual(code, 0)
        self.assertGreaterEqual(lines, {"1 ", "1 frontend=heap", "2 ", "2 frontend=heap"})
        self.assertIn("none failed", output)

    def test_a_failure_names_the_command(self) -> None:
        code, output, errors = outcome(shell('test "$QUARRY_OPTIONS" != frontend=heap', "word"))
        self.assertEqual((code, output), (1, "sh: 2 runs on one, other; 1 failed\n"))
        self.assertIn("again: LD_PRELOAD= QUARRY_OPTIONS=frontend=heap sh -c", errors)
        self.assertIn("word", errors)

    def test_a_complaint_is_a_failure(self) -> None:
        code, _, errors = outcome(shell("echo quarry: lost >&2"))
        self.assertEqual(code, 1)
        self.assertIn("quarry: lost", errors)

    def test_a_hang_is_a_failure(self) -> None:
        code, _, errors = outcome(shell("sleep 60"), hangs_after=0.2)
        self.assertEqual(code, 1)
        self.assertIn("still ran after 0.2 s", errors)

    def test_what_is_found_must_be_the_same(self) -> None:
        code, _, errors = outcome(shell(FOUND % "at${QUARRY_OPTIONS}", compared=True))
        self.assertEqual(code, 1)
        self.assertIn("another kind at", errors)

    def test_no_result_is_a_failure(self) -> None:
        self.assertEqual(outcome(shell("true", compared=True))[0], 1)
        self.assertEqual(outcome(shell("echo no result", compared=True))[0], 1)
        self.assertEqual(outcome(soak.Program(("/no/such/program",)))[0], 1)


if __name__ == "__main__":
    unittest.main()
