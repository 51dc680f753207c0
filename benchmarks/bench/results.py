# SPDX-License-Identifier: Apache-2.0
"""The JSON file of a campaign: every run's raw figures, and where they come from.

    format        1
    complete      false if the campaign was interrupted
    provenance    see provenance.REQUIRED
    cases         name, kind, what it measures, description, origin
    runs          one for each run of a case that is not about latency, in the order of the runs: case,
                  allocator, round, operations, measure.Figures, the program's metrics and rss_samples
    latency       by case and allocator: latency.summarise
    system_calls  by case and allocator: calls by name, "memory" of them, "total"
    failures      case, allocator ("" if the case was refused for all), why
"""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import provenance

if TYPE_CHECKING:
    from .cases import Case
    from .runner import Campaign

FORMAT = 1
KEYS = ("complete", "cases", "runs", "latency", "system_calls", "failures")


class Refused(Exception):
    """A result that is not shown; the text says why."""


def make(campaign: Campaign, cases: Sequence[Case], origin: Mapping[str, Any]) -> dict[str, Any]:
    """Return a campaign's result."""
    return {"format": FORMAT, "complete": campaign.complete, "provenance": dict(origin),
            "cases": [case.as_json() for case in cases], "runs": campaign.runs, "latency": campaign.latencies(),
            "system_calls": campaign.system_calls, "failures": campaign.failures}


def checked(result: object) -> dict[str, Any]:
    """Return the result if it is one and says where it comes from; refuse it if not."""
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise Refused(f"not a result of format {FORMAT}")
    if lacks := provenance.missing(result.get("provenance")):
        raise Refused(f"a result without provenance is none; it lacks {', '.join(lacks)}")
    if lacks := [key for key in KEYS if key not in result]:
        raise Refused(f"the result lacks {', '.join(lacks)}")
    return result


def write(path: Path, result: Mapping[str, Any]) -> None:
    """Write a result, one line for each entry of its lists, so that it can be compared with diff."""
    parts = []
    for key, value in result.items():
        if isinstance(value, list) and value:
            lines = ",\n  ".join(json.dumps(entry) for entry in value)
            parts.append(f"{json.dumps(key)}: [\n  {lines}\n]")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value, indent=1)}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def read(path: Path) -> dict[str, Any]:
    """Read a result; refuse what is none or has no provenance."""
    try:
        return checked(json.loads(path.read_text()))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Refused(f"{path}: {error}") from error
