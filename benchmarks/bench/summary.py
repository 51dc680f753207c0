# SPDX-License-Identifier: Apache-2.0
"""From runs to rows: medians, spread, ratios to the best, what is a tie, geometric means.

Of a case and a figure, each allocator has one value per round.

    median      of these values
    spread      median absolute deviation from the median, as a share of the median
    best        the smallest median of the case
    ratio       median / median of the best
    interval    95 % of 1000 ratios, each made of as many rounds drawn with repetition; both
                allocators get the same rounds, since rounds lie at different times (seeded bootstrap)
    tie         the interval begins at 1.01 or below: the rounds do not say that the best is better
                by more than 1 %
    mean        geometric mean of the ratios over those cases that all allocators have ended well
"""
from __future__ import annotations

import math
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RESAMPLES = 1000
LOW, HIGH = 0.025, 0.975
NEGLIGIBLE = 1.01
SEED = 20240229
HARDLY_EVER = 10  # times a command waited for something
LONG_ENOUGH = 0.05  # seconds of a processor, so that start and end of the process weigh nothing


@dataclass(frozen=True)
class Cell:
    """One allocator in one case."""

    median: float
    spread: float
    ratio: float
    low: float
    high: float
    best: bool
    tie: bool


@dataclass(frozen=True)
class Row:
    """One case: what each allocator that ended it well has."""

    case: str
    cells: dict[str, Cell]
    resampled: dict[str, list[float]] = field(repr=False)

    def best(self) -> Cell | None:
        """Return the best cell, if there is any."""
        return next((cell for cell in self.cells.values() if cell.best), None)


@dataclass(frozen=True)
class Mean:
    """A geometric mean of ratios over cases, with its interval."""

    ratio: float
    low: float
    high: float
    cases: int


def spread_of(values: Sequence[float]) -> float:
    """Return the median absolute deviation as a share of the median."""
    middle = statistics.median(values)
    return statistics.median(abs(value - middle) for value in values) / middle if middle else 0.0


def resampled_medians(by_round: Mapping[str, Sequence[float]], source: random.Random) -> dict[str, list[float]]:
    """Return medians of rounds drawn with repetition, the same rounds for every allocator."""
    count = len(next(iter(by_round.values())))
    draws = [source.choices(range(count), k=count) for _ in range(RESAMPLES)]
    return {name: [statistics.median(values[place] for place in draw) for draw in draws]
            for name, values in by_round.items()}


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """Return where the middle 95 % of some ratios lie."""
    ordered = sorted(ratios)
    last = len(ordered) - 1
    return ordered[math.floor(LOW * last)], ordered[math.ceil(HIGH * last)]


def make_row(case: str, by_round: Mapping[str, Sequence[float]]) -> Row | None:
    """Judge one case from each allocator's values by round; None if a ratio makes no sense."""
    medians = {name: statistics.median(values) for name, values in by_round.items()}
    if not medians or min(min(values) for values in by_round.values()) <= 0:
        return None
    best = min(medians, key=lambda name: medians[name])
    drawn = resampled_medians(by_round, random.Random(f"{SEED} {case}"))
    cells = {}
    for name, median in medians.items():
        low, high = interval([one / other for one, other in zip(drawn[name], drawn[best])])
        cells[name] = Cell(median, spread_of(by_round[name]), median / medians[best], low, high,
                           name == best, name != best and low <= NEGLIGIBLE)
    return Row(case, cells, drawn)


def values_by_round(result: Mapping[str, Any], case: str, figure: str) -> dict[str, list[float]]:
    """Return each allocator's values of a figure in the rounds that all of these allocators have."""
    found: dict[str, dict[int, float]] = {}
    for run in result["runs"]:
        if run["case"] == case and figure in run:
            found.setdefault(run["allocator"], {})[run["round"]] = run[figure]
    whole = {name: values for name, values in found.items() if not failed(result, case, name)}
    rounds = sorted(set.intersection(*(set(values) for values in whole.values()))) if whole else []
    return {name: [whole[name][number] for number in rounds] for name in names(result) if name in whole}


def failed(result: Mapping[str, Any], case: str, allocator: str) -> bool:
    """Tell whether a case was refused, or failed under an allocator."""
    return any(failure["case"] == case and failure["allocator"] in ("", allocator)
               for failure in result["failures"])


def names(result: Mapping[str, Any]) -> list[str]:
    """Return the allocators in the order in which they were named."""
    return [allocator["name"] for allocator in result["provenance"]["allocators"]]


def rows(result: Mapping[str, Any], figure: str, measures: Sequence[str]) -> list[Row]:
    """Return the rows of all cases that measure one of these, in the order of the cases."""
    made = [make_row(case["name"], values) for case in result["cases"]
            if case["measures"] in measures
            and (values := values_by_round(result, case["name"], figure))]
    return [row for row in made if row is not None]


def mean_to(rows_of: Sequence[Row], allocators: Sequence[str], name: str, base: str = "") -> Mean | None:
    """Return an allocator's geometric mean to the best of each case, or to one allocator.

    Only cases count that all of the allocators have ended well. None if there is no such case.
    """
    complete = [row for row in rows_of if set(allocators) <= set(row.cells)]
    if not complete:
        return None
    logs, drawn = [], [0.0] * RESAMPLES
    for row in complete:
        other = base or next(key for key, cell in row.cells.items() if cell.best)
        logs.append(math.log(row.cells[name].median / row.cells[other].median))
        pairs = zip(row.resampled[name], row.resampled[other])
        drawn = [total + math.log(one / two) for total, (one, two) in zip(drawn, pairs)]
    low, high = interval([math.exp(total / len(complete)) for total in drawn])
    return Mean(math.exp(statistics.fmean(logs)), low, high, len(complete))


def processor_share(result: Mapping[str, Any]) -> float | None:
    """Return the part of a processor that commands had which did not wait; None if there were none.

    On a quiet machine that is 1. What is missing went to other programs, or to other virtual machines.
    """
    shares = [min(run["processor_seconds"] / run["seconds"], 1.0) for run in result["runs"]
              if run["voluntary_switches"] < HARDLY_EVER and run["processor_seconds"] >= LONG_ENOUGH]
    return statistics.median(shares) if shares else None


def means_to(rows_of: Sequence[Row], allocators: Sequence[str], base: str = "") -> list[Mean]:
    """Return every allocator's mean, or nothing if there is no case that all have ended well."""
    means = [mean_to(rows_of, allocators, name, base) for name in allocators]
    return [mean for mean in means if mean is not None]
