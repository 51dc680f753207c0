# SPDX-License-Identifier: Apache-2.0
"""The tables on the terminal. Everything in them comes from the JSON."""
from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import provenance, summary
from .summary import Cell, Row

KIB = 1024
QUIET_SHARE = 0.95
IN_OTHER_TABLES = ("work_seconds", "peak_rss_bytes")  # there as the kernel tells, of the whole process
LEGEND = """\
Cells: median / median of the best allocator of the row, ± median absolute deviation in per cent.
* the best of its row. = a tie with it: the 95 % interval of the ratio begins at 1.01 or below.
Geometric means are over the rows that all allocators have ended well, with their 95 % intervals."""


def seconds(value: float) -> str:
    """Show a time."""
    return f"{value:.3f} s" if value < 10 else f"{value:.1f} s"


def kibibytes(value: float) -> str:
    """Show a size that is given in KiB."""
    return f"{value / KIB:.1f} MiB"


def own_figure(name: str, value: float) -> str:
    """Show a figure whose unit is in its name."""
    if name.endswith("_bytes") or name == "bytes":
        return f"{value / KIB**2:.2f} MiB"
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def count(value: float) -> str:
    """Show a number of events."""
    return f"{value:,.0f}"


# figure, title, the measures that have it, how to show the best's median
RATIO_TABLES: tuple[tuple[str, str, tuple[str, ...], Callable[[float], str]], ...] = (
    ("seconds", "Time", ("time",), seconds),
    ("processor_seconds", "Processor time, user and system", ("time",), seconds),
    ("peak_rss_kib", "Peak of resident memory (largest process)", ("time", "rss", "decay"), kibibytes),
    ("minor_faults", "Minor page faults", ("time", "rss", "decay"), count),
)
COUNT_TABLES = (
    ("voluntary_switches", "Context switches, voluntary (medians)"),
    ("involuntary_switches", "Context switches, involuntary (medians)"),
)


def aligned(header: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """Return a table's lines: the first column to the left, the others to the right."""
    widths = [max(len(line[column]) for line in [header, *lines]) for column in range(len(header))]
    return ["  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                      for column, (cell, width) in enumerate(zip(line, widths))).rstrip()
            for line in [header, ["-" * width for width in widths], *lines]]


def ratio_cell(cell: Cell | None) -> str:
    """Show one allocator in one case."""
    if cell is None:
        return "failed"
    mark = "*" if cell.best else "=" if cell.tie else ""
    return f"{mark}{cell.ratio:.2f} ±{100 * cell.spread:.0f}"


def several(number: int, what: str) -> str:
    """Return a number of things."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def mean_lines(rows: Sequence[Row], kinds: Mapping[str, str], names: Sequence[str]) -> list[list[str]]:
    """Return the closing lines of a table of ratios: all cases, and those of each kind if there are two."""
    lines = []
    for base in ("", names[0]):
        means = summary.means_to(rows, names, base)
        if means:
            title = f"mean to {base or 'the best'}, {several(means[0].cases, 'case')}"
            lines.append([title, "", *(f"{mean.ratio:.3f}" for mean in means)])
            lines.append(["  95 % of it lies in", "", *(f"{mean.low:.2f}-{mean.high:.2f}" for mean in means)])
        present = sorted({kinds[row.case] for row in rows}, reverse=True)
        for kind in present if len(present) > 1 else []:
            means = summary.means_to([row for row in rows if kinds[row.case] == kind], names, base)
            if means:
                lines.append([f"  {several(means[0].cases, kind)}", "",
                              *(f"{mean.ratio:.3f}" for mean in means)])
    return lines


def ratio_table(result: Mapping[str, Any], figure: str, title: str, measures: Sequence[str],
                show: Callable[[float], str]) -> list[str]:
    """Return the table of one figure, or nothing if no case has it."""
    names = summary.names(result)
    rows = summary.rows(result, figure, measures)
    if not rows:
        return []
    lines = []
    for row in rows:
        best = row.best()
        lines.append([row.case, show(best.median) if best else "",
                      *(ratio_cell(row.cells.get(name)) for name in names)])
    kinds = {case["name"]: case["kind"] for case in result["cases"]}
    return ["", title, "", *aligned(["case", "best", *names], lines + mean_lines(rows, kinds, names))]


def median_table(result: Mapping[str, Any], title: str, wanted: Sequence[tuple[str, str]],
                 value_of: Callable[[Mapping[str, Any], str], float | None]) -> list[str]:
    """Return a table of medians of what value_of finds in a run; wanted: case and name of the figure."""
    names, lines = summary.names(result), []
    for case, figure in wanted:
        cells = []
        for name in names:
            values = [value for run in result["runs"]
                      if run["case"] == case and run["allocator"] == name
                      and (value := value_of(run, figure)) is not None]
            bad = summary.failed(result, case, name) or not values
            cells.append("failed" if bad else own_figure(figure, statistics.median(values)))
        lines.append([f"{case} {figure}".strip(), *cells])
    return ["", title, "", *aligned(["case", *names], lines)] if lines else []


def switches_table(result: Mapping[str, Any], figure: str, title: str) -> list[str]:
    """Return the table of one kind of context switches, of the cases in which there are any."""
    cases = [case["name"] for case in result["cases"] if case["measures"] == "time"
             and any(run["case"] == case["name"] and run[figure] >= 10 for run in result["runs"])]
    return median_table(result, title, [(case, "") for case in cases], lambda run, _: float(run[figure]))


def metric_of(run: Mapping[str, Any], metric: str) -> float | None:
    """Return what a program told of itself in a run."""
    value: float | None = run["metrics"].get(metric)
    return value


def own_figures_table(result: Mapping[str, Any]) -> list[str]:
    """Return what the workloads about memory tell of themselves: sizes at moments of their lives."""
    wanted = [(case["name"], metric) for case in result["cases"]
              for metric in dict.fromkeys(metric for run in result["runs"]
                                          if run["case"] == case["name"] for metric in run["metrics"])
              if case["measures"] in ("rss", "decay") and metric not in IN_OTHER_TABLES]
    return median_table(result, "What the programs tell of themselves (medians)", wanted,
                        metric_of)


def system_calls_table(result: Mapping[str, Any]) -> list[str]:
    """Return the counted system calls: those about memory, and all."""
    names, lines = summary.names(result), []
    for case, counted in result["system_calls"].items():
        lines.append([case, *(f"{counted[name]['memory']:,} / {counted[name]['total']:,}"
                              if name in counted else "failed" for name in names)])
    title = "System calls in one run under strace: mmap, munmap, mremap, madvise, brk, mprotect / all"
    return ["", title, "", *aligned(["case", *names], lines)] if lines else []


def latency_table(case: str, of_case: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return the percentiles of one latency case, and the maxima of its phases."""
    kinds = list(dict.fromkeys(kind for summary_ in of_case.values() for kind in summary_["kinds"]))
    phases = list(dict.fromkeys(phase for summary_ in of_case.values()
                                for figures in summary_["kinds"].values() for phase in figures["phase_maxima"]))
    lines, percentiles = [], []
    for kind in kinds:
        for name in names:
            figures = of_case.get(name, {}).get("kinds", {}).get(kind)
            if figures:
                percentiles = list(figures["percentiles"])
                maxima = figures["phase_maxima"]
                lines.append([f"{kind} {name}", count(figures["operations"]),
                              *(f"{value:,.0f}" for value in
                                [*figures["percentiles"].values(), figures["max"]]),
                              *(f"{maxima[phase]:,.0f}" if phase in maxima else "" for phase in phases)])
    processes = min((summary_["processes"] for summary_ in of_case.values()), default=0)
    step = max((summary_["clock_step_ns"] for summary_ in of_case.values()), default=0.0)
    title = (f"Latency, {case}: ns per call, each operation's smallest of {processes} processes; "
             f"the clock steps by {step:.2g} ns")
    header = ["call", "operations", *(f"p{percentile}" for percentile in percentiles), "max", *(f"max {phase}" for phase in phases)]
    return ["", title, "", *aligned(header, lines)] if lines else []


def failure_lines(result: Mapping[str, Any]) -> list[str]:
    """Tell what did not end well."""
    lines = []
    for failure in result["failures"]:
        who = failure["allocator"] or "refused"
        lines += ["", f"{failure['case']}, {who}: {failure['why']}"]
    return lines


def text(result: Mapping[str, Any]) -> str:
    """Return the whole report."""
    lines = provenance.describe(result["provenance"])
    share = summary.processor_share(result)
    if share is not None and share < QUIET_SHARE:
        lines.append(f"THE MACHINE WAS BUSY with something else: commands that did not wait had {100 * share:.0f} % "
                     "of a processor. Do not trust the times.")
    if not result["complete"]:
        lines.append("INTERRUPTED: of each case only the rounds that all allocators have ended are shown.")
    for figure, title, measures, show in RATIO_TABLES:
        lines += ratio_table(result, figure, title, measures, show)
    lines += ["", LEGEND]
    for figure, title in COUNT_TABLES:
        lines += switches_table(result, figure, title)
    lines += system_calls_table(result)
    lines += own_figures_table(result)
    for case, of_case in result["latency"].items():
        lines += latency_table(case, of_case, summary.names(result))
    return "\n".join(lines + failure_lines(result)) + "\n"


def verdict_of_a_a(result: Mapping[str, Any], limit: float = 0.01) -> tuple[str, bool]:
    """Judge a run of one allocator as two entries: its mean time must be within 1 % of 1."""
    first, second = summary.names(result)
    time, processor = (summary.mean_to(summary.rows(result, figure, ("time",)), [first, second], second, first)
                       for figure in ("seconds", "processor_seconds"))
    if time is None or processor is None:
        return "A/A: no case measured time", False
    good = abs(time.ratio - 1.0) <= limit
    return (f"A/A: {second} takes {time.ratio:.4f} of {first}'s time over {time.cases} cases, 95 % in "
            f"{time.low:.4f}-{time.high:.4f}: {'within' if good else 'NOT within'} 1 % of 1.00 "
            f"(processor time: {processor.ratio:.4f})", good)
