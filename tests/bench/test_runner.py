# SPDX-License-Identifier: Apache-2.0
"""The plan of a campaign, and what becomes of runs that fail or differ."""
from __future__ import annotations

import contextlib
import io
import os
import tempfile
import unittest
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

try:
    from bench import runner
except ImportError as error:
    raise unittest.SkipTest("no numpy") from error
from bench import cases, summary
from bench.catalogue import Allocator, Scale, Trial

LAUNCHER = os.environ.get("QUARRY_BENCH_LAUNCHER", "")
ONE, OTHER = (Allocator(name=name, preload="libc.so.6", counts_calls=False) for name in ("one", "other"))


def case(name: str, run: Callable[[Trial], cases.Outcome], measures: str = "time") -> cases.Case:
    """Return a made-up case."""
    return cases.Case(name, "workload", measures, "", "", run)


def settings(directory: str, rounds: int = 2, processes: int = 5, seed: int = 1) -> runner.Settings:
    """Return the settings of a small campaign."""
    return runner.Settings(Scale.QUICK, rounds, processes, seed, Path(LAUNCHER), Path(directory))


def nothing(trial: Trial) -> cases.Outcome:
    """Run nothing."""
    return cases.Outcome()


class Plan(unittest.TestCase):
    """runner.plan."""

    timed, idle, slow = case("timed", nothing), case("idle", nothing, "decay"), case("slow", nothing, "latency")

    def plan(self, rounds: int = 4, processes: int = 10, seed: int = 1) -> list[runner.Run]:
        """Return the plan of three cases under two allocators."""
        return runner.plan([self.timed, self.idle, self.slow], [ONE, OTHER],
                           settings("/", rounds, processes, seed))

    def test_how_often(self) -> None:
        counts = Counter((run.case.name, run.allocator.name) for run in self.plan()
                         if run.round != runner.WARM_UP)
        for name in ("one", "other"):
            self.assertEqual(counts["timed", name], 4)
            self.assertEqual(counts["idle", name], runner.MEMORY_ROUNDS[Scale.QUICK])
            self.assertEqual(counts["slow", name], 10)

    def test_rounds_are_interleaved(self) -> None:
        rounds = [run.round for run in self.plan()]
        self.assertEqual(rounds, sorted(rounds))
        timed = [run.allocator.name for run in self.plan()
                 if run.case is self.timed and run.round != runner.WARM_UP]
        self.assertTrue(all({*pair} == {"one", "other"} for pair in zip(timed[::2], timed[1::2])))

    def test_warm_up(self) -> None:
        warm = [run.case.name for run in self.plan() if run.round == runner.WARM_UP]
        self.assertEqual(warm, ["timed", "slow"])

    def test_order_changes_and_is_seeded(self) -> None:
        self.assertEqual(self.plan(), self.plan())
        self.assertNotEqual(self.plan(seed=1), self.plan(seed=2))
        pairs = [run.allocator.name for run in self.plan(rounds=12)
                 if run.case is self.timed and run.round != runner.WARM_UP][::2]
        self.assertEqual({*pairs}, {"one", "other"})


@unittest.skipUnless(LAUNCHER, "no launcher named")
class Campaigns(unittest.TestCase):
    """runner.run_campaign, with shell commands for programs."""

    def campaign(self, made: Sequence[cases.Case]) -> runner.Campaign:
        """Run two rounds under two allocators."""
        with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stderr(io.StringIO()):
            return runner.run_campaign(made, [ONE, OTHER], settings(directory))

    def shell(self, name: str, text: Callable[[Trial], str]) -> cases.Case:
        """Return a case that runs a line of shell."""
        def run(trial: Trial) -> cases.Outcome:
            trial.run(["sh", "-c", text(trial)])
            return cases.Outcome(3, {"figure": 1.0})
        return case(name, run)

    def test_good(self) -> None:
        done = self.campaign([self.shell("good", lambda trial: "echo good")])
        self.assertEqual(done.failures, [])
        self.assertTrue(done.complete)
        self.assertEqual(sorted((run["allocator"], run["round"]) for run in done.runs),
                         [("one", 1), ("one", 2), ("other", 1), ("other", 2)])
        self.assertTrue(all(run["seconds"] > 0 and run["peak_rss_kib"] > 0 and run["minor_faults"] > 0
                            and run["metrics"] == {"figure": 1.0} for run in done.runs))

    def test_interrupted(self) -> None:
        def run(trial: Trial) -> cases.Outcome:
            if trial.allocator is OTHER:
                raise KeyboardInterrupt
            trial.run(["true"])
            return cases.Outcome()
        done = self.campaign([case("stopped", run)])
        self.assertFalse(done.complete)
        self.assertEqual(done.failures, [])

    def test_differing_results_refuse_the_case(self) -> None:
        done = self.campaign([self.shell("differs", lambda trial: f"echo {trial.allocator.name}")])
        self.assertEqual([(failure["case"], failure["allocator"]) for failure in done.failures],
                         [("differs", "")])
        self.assertIn("differ", done.failures[0]["why"])
        self.assertEqual(done.runs, [])

    def test_failure_ends_one_allocator_s_part(self) -> None:
        done = self.campaign([self.shell(
            "crash", lambda trial: "kill -11 $$" if trial.allocator is OTHER else "true")])
        self.assertEqual([(failure["case"], failure["allocator"]) for failure in done.failures],
                         [("crash", "other")])
        self.assertIn("SIGSEGV", done.failures[0]["why"])
        self.assertEqual({run["allocator"] for run in done.runs}, {"one"})

    def test_checks_of_workloads_are_compared(self) -> None:
        """One that prints another check under one allocator."""
        with tempfile.TemporaryDirectory() as directory:
            program = Path(directory) / "program"
            program.write_text('#!/bin/sh\necho "{\\"workload\\": \\"w\\", \\"parameters\\": {}, '
                               '\\"operations\\": 1, \\"check\\": \\"$1$$\\", \\"metrics\\": {}}"\n')
            program.chmod(0o755)
            done = self.campaign([case("workload", cases.run_workload(program, ["x"], False))])
        self.assertEqual([failure["allocator"] for failure in done.failures], [""])

    def test_not_a_result(self) -> None:
        done = self.campaign([case("words", cases.run_workload(Path("/bin/echo"), ["words"], False))])
        self.assertEqual({failure["allocator"] for failure in done.failures}, {"one", "other"})
        self.assertIn("not JSON", done.failures[0]["why"])

    def test_what_failed_under_strace_is_measured_all_the_same(self) -> None:
        run = runner.Run(self.shell("counted", lambda trial: "true"), ONE, runner.COUNTING)
        done = runner.Campaign(settings("/"))
        done.fail(run.title, "one", "no ptrace here")
        self.assertTrue(done.ended(run))
        self.assertFalse(done.ended(runner.Run(run.case, ONE, 1)))
        self.assertFalse(summary.failed({"failures": done.failures}, "counted", "one"))


if __name__ == "__main__":
    unittest.main()
