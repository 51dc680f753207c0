# SPDX-License-Identifier: Apache-2.0
"""The campaign: rounds of all cases under all allocators, in an order that favours nobody.

Before the first round each case runs once, to warm up, under an allocator drawn at random: what is to
be warm then, files in the system's memory above all, is the same for all of them. In each round the
cases come in a new order, and the allocators of a case in a new order too, both drawn from the
campaign's seed: what changes slowly on the machine hits all of them alike. A run that fails ends its
allocator's part in the case, and is told. A case whose outputs differ between allocators is refused as
a whole.
"""
from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import latency, measure
from .cases import BadCase, Case, Outcome
from .catalogue import Allocator, Program, Scale, Trial, difference, run_trial
from .progress import Progress

WARM_UP = 0
MEMORY_ROUNDS = {Scale.QUICK: 2, Scale.FULL: 3}
COUNTING = -1


@dataclass(frozen=True)
class Settings:
    """What the user chose."""

    scale: Scale
    rounds: int
    latency_processes: int
    seed: int
    launcher: Path
    directory: Path


@dataclass(frozen=True)
class Run:
    """One step of the plan."""

    case: Case
    allocator: Allocator
    round: int

    @property
    def label(self) -> str:
        """Name the step on the progress line."""
        what = {WARM_UP: "warm-up", COUNTING: "system calls"}.get(self.round, f"round {self.round}")
        return f"{what}  {self.case.name}  {self.allocator.name}"

    @property
    def title(self) -> str:
        """Name what fails if the step does: counting calls is a thing of its own."""
        return self.case.name + (" under strace" if self.round == COUNTING else "")

    @property
    def alike(self) -> tuple[str, str, bool]:
        """Return what all runs that take equally long have in common."""
        return self.case.name, self.allocator.name, self.round == COUNTING


def plan(cases: Sequence[Case], allocators: Sequence[Allocator], settings: Settings) -> list[Run]:
    """Return all runs in their order: warm-up, rounds, and last the runs that count system calls."""
    source = random.Random(settings.seed)
    runs = [Run(case, source.choice(list(allocators)), WARM_UP) for case in cases if case.timed]
    for number in range(1, settings.rounds + 1):
        for case in source.sample(list(cases), len(cases)):
            for _ in range(repetitions(case, number, settings)):
                runs += [Run(case, allocator, number)
                         for allocator in source.sample(list(allocators), len(allocators))]
    return runs + [Run(case, allocator, COUNTING) for case in cases if case.count_calls
                   for allocator in allocators]


def repetitions(case: Case, number: int, settings: Settings) -> int:
    """Return how often a case runs in a round.

    Once; its share of processes for latency; and what looks at memory only, which hardly differs from
    run to run and may idle for long, in the first rounds only.
    """
    if case.latency:
        share, more = divmod(settings.latency_processes, settings.rounds)
        return share + (1 if number <= more else 0)
    return 1 if case.timed or number <= MEMORY_ROUNDS[settings.scale] else 0


@dataclass
class Campaign:
    """What the runs have left so far."""

    settings: Settings
    runs: list[dict[str, Any]] = field(default_factory=list)
    system_calls: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    times: dict[str, dict[str, latency.Times]] = field(default_factory=dict)
    failures: list[dict[str, str]] = field(default_factory=list)
    references: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    complete: bool = False

    def ended(self, run: Run) -> bool:
        """Tell whether the case was refused, or the allocator's part in it has failed."""
        return any(failure["case"] in (run.case.name, run.title)
                   and failure["allocator"] in ("", run.allocator.name) for failure in self.failures)

    def fail(self, case: str, allocator: str, why: str) -> None:
        """Note a failure; with no allocator's name the case is refused for all."""
        self.failures.append({"case": case, "allocator": allocator, "why": why})

    def compare(self, run: Run, seen: dict[str, str]) -> bool:
        """Compare what a run produced with the case's first run; refuse the case if it differs."""
        name, reference = self.references.setdefault(run.case.name, (run.allocator.name, seen))
        shown = difference(reference, seen, (f"first run, {name}", run.allocator.name))
        if shown:
            self.fail(run.title, "", f"the results under {name} and {run.allocator.name} differ:\n{shown}")
        return not shown

    def keep(self, run: Run, trial: Trial, outcome: Outcome, counts: Path) -> None:
        """Keep a good run's figures."""
        if run.round == COUNTING:
            counted = self.system_calls.setdefault(run.case.name, {})
            counted[run.allocator.name] = measure.read_counts(counts)
        elif run.round != WARM_UP and not run.case.latency:
            self.runs.append({"case": run.case.name, "allocator": run.allocator.name, "round": run.round,
                              "operations": outcome.operations, **measure.figures_of(trial).as_json(),
                              "metrics": outcome.metrics, "rss_samples": outcome.rss_samples})

    def keep_times(self, run: Run, outcome: Outcome) -> None:
        """Keep each operation's smallest time of all rounds."""
        if outcome.latency_file is not None and run.round not in (WARM_UP, COUNTING):
            of_case = self.times.setdefault(run.case.name, {})
            new = latency.read_times(outcome.latency_file)
            new.clock_step_ns = outcome.metrics.get("timer_step_ns", 0.0)
            of_case[run.allocator.name] = latency.keep_smallest(of_case.get(run.allocator.name), new)

    def latencies(self) -> dict[str, dict[str, Any]]:
        """Return the summaries of all latency cases, by case and allocator."""
        return {case: {name: latency.summarise(times) for name, times in of_case.items()}
                for case, of_case in self.times.items()}


def run_once(campaign: Campaign, run: Run, progress: Progress) -> None:
    """Carry out one step of the plan in directories whose names are always the same."""
    home = campaign.settings.directory / run.case.name
    streams, counts = home / "streams", home / "counts"
    start = measure.counting_starter(counts) if run.round == COUNTING \
        else measure.starter(campaign.settings.launcher)
    trial = Trial(run.allocator, campaign.settings.scale, home / "inputs", home / "work", streams,
                  progress.tick, start)
    outcomes: list[Outcome] = []

    def body(trial: Trial) -> None:
        outcomes.append(run.case.run(trial))
        campaign.keep_times(run, outcomes[0])

    try:
        run_trial(Program(run.case.name, (), body, {}), trial)
    except (BadCase, latency.BadFile) as error:
        trial.failure = str(error)
    if trial.failure:
        campaign.fail(run.title, run.allocator.name, trial.failure)
    elif campaign.compare(run, trial.seen):
        campaign.keep(run, trial, outcomes[0], counts)
    for path in (streams, counts):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def prepared(cases: Sequence[Case], settings: Settings) -> Iterator[Case]:
    """Write each case's inputs."""
    for case in cases:
        inputs = settings.directory / case.name / "inputs"
        inputs.mkdir(parents=True)
        case.prepare(inputs, settings.scale)
        yield case


def run_campaign(cases: Sequence[Case], allocators: Sequence[Allocator], settings: Settings) -> Campaign:
    """Run everything. Failures are in the result, not raised; Ctrl-C leaves an incomplete result."""
    steps = plan(list(prepared(cases, settings)), allocators, settings)
    progress = Progress([step.alike for step in steps])
    campaign = Campaign(settings)
    try:
        for step in steps:
            progress.begin(step.label)
            if not campaign.ended(step):
                run_once(campaign, step, progress)
            progress.end()
        campaign.complete = True
    except KeyboardInterrupt:
        pass
    progress.finish()
    return campaign
