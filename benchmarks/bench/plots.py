# SPDX-License-Identifier: Apache-2.0
"""The pictures, as SVG and PNG: heat maps of ratios, memory over time, latency percentiles.

An allocator has the same colour, line and marker in every picture. The colours are those that Okabe
and Ito chose to stay apart for eyes that do not see all colours.
"""
from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator  # noqa: E402

from . import summary  # noqa: E402
from .report import RATIO_TABLES  # noqa: E402
from .summary import Row  # noqa: E402

STYLES = {
    "quarry": ("#D55E00", "-", "o"),
    "glibc": ("#555555", "--", "s"),
    "mimalloc": ("#0072B2", "-.", "^"),
    "jemalloc": ("#009E73", (0, (5, 1)), "D"),
    "tcmalloc": ("#CC79A7", (0, (3, 1, 1, 1, 1, 1)), "v"),
}
OTHER_STYLES = [("#E69F00", "-", "P"), ("#56B4E9", "--", "X"), ("#000000", ":", "*"),
                ("#8C6D31", "-.", "<"), ("#6A3D9A", (0, (5, 1)), ">")]
DOTS_PER_INCH = 150
SETTINGS = {"font.size": 11, "axes.titlesize": 13, "axes.titleweight": "bold", "svg.fonttype": "none",
            "svg.hashsalt": "quarry", "axes.grid": True, "grid.alpha": 0.3, "figure.dpi": DOTS_PER_INCH}
WORST_SHOWN = 4.0
DARK = 0.7
MANY_DECADES = 3.0
MIB = 2**20
PANELS_PER_ROW = 2
NINES = ("50", "90", "99", "99.9", "99.99", "99.999", "99.9999")


def style_of(name: str, names: Sequence[str]) -> tuple[str, Any, str]:
    """Return an allocator's colour, line and marker."""
    if name in STYLES:
        return STYLES[name]
    others = [other for other in names if other not in STYLES]
    return OTHER_STYLES[others.index(name) % len(OTHER_STYLES)]


def caption(result: Mapping[str, Any]) -> str:
    """Return the line under each picture: what it is a picture of."""
    origin = result["provenance"]
    return (f"Quarry {origin['commit'][:12]}{' (changed)' if origin['dirty'] else ''}, "
            f"{origin['machine']['processor']}, {origin['machine']['processors']} processors, "
            f"Linux {origin['system']['kernel'].split()[0]}, {origin['system']['libc']}, "
            f"{origin['date'][:10]}, {origin['settings']['scale']}, {origin['settings']['rounds']} rounds")


def save(figure: Any, result: Mapping[str, Any], output: Path, name: str) -> list[str]:
    """Write a picture in both formats and return the files' names."""
    figure.text(0.5, -0.01, caption(result), ha="center", va="top", fontsize=9, color="#444444")
    written = [f"{name}.svg", f"{name}.png"]
    for file in written:
        figure.savefig(output / file, bbox_inches="tight", pad_inches=0.15)
    pyplot.close(figure)
    return written


def shade(ratio: float) -> float:
    """Return how dark a ratio is drawn, from 0 for the best to 1."""
    return min(max(math.log(ratio) / math.log(WORST_SHOWN), 0.0), 1.0)


def draw_cell(axes: Any, column: int, line: float, ratio: float | None, mark: str = "") -> None:
    """Draw one ratio as a coloured square with its number."""
    value = None if ratio is None else shade(ratio)
    colour = "#DDDDDD" if value is None else pyplot.get_cmap("YlOrBr")(0.85 * value)
    axes.add_patch(pyplot.Rectangle((column, line), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.5))
    axes.text(column + 0.5, line + 0.5, "failed" if ratio is None else f"{mark}{ratio:.2f}",
              ha="center", va="center", fontsize=11, color="white" if value and value > DARK else "black",
              fontweight="bold" if mark else "normal")


def heat_map(result: Mapping[str, Any], rows: Sequence[Row], title: str) -> Any:
    """Draw one figure's ratios to the best of each case, with the geometric means below."""
    names = summary.names(result)
    figure, axes = pyplot.subplots(figsize=(2.8 + 1.15 * len(names), 1.3 + 0.36 * (len(rows) + 1)),
                                   layout="constrained")
    for line, row in enumerate(rows):
        for column, name in enumerate(names):
            cell = row.cells.get(name)
            mark = "" if cell is None else "*" if cell.best else "=" if cell.tie else ""
            draw_cell(axes, column, line, cell.ratio if cell else None, mark)
    means = [summary.mean_to(rows, names, name) for name in names]
    below = len(rows) + 0.25
    for column, mean in enumerate(means):
        draw_cell(axes, column, below, mean.ratio if mean else None)
    axes.set(xlim=(0, len(names)), ylim=(below + 1, 0))
    axes.set_xticks([column + 0.5 for column in range(len(names))], names)
    axes.set_yticks([*(line + 0.5 for line in range(len(rows))), below + 0.5],
                    [*(row.case for row in rows), "geometric mean"])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_title(f"{title}\nmedian / median of the best (1 = best)    * best   = tie with it", fontsize=11)
    return figure


def draw_heat_maps(result: Mapping[str, Any], output: Path) -> list[str]:
    """Draw a heat map of every figure that is shown as ratios."""
    written = []
    for figure, title, measures, _ in RATIO_TABLES:
        if rows := summary.rows(result, figure, measures):
            written += save(heat_map(result, rows, title), result, output,
                            f"heat-{figure.replace('_', '-')}")
    return written


def panels(count: int, width: float, height: float, **more: Any) -> tuple[Any, list[Any]]:
    """Return a figure with so many panels, and nothing where a row is not full."""
    columns = min(count, PANELS_PER_ROW)
    lines = math.ceil(count / columns)
    figure, grid = pyplot.subplots(lines, columns, figsize=(width * columns, height * lines),
                                   squeeze=False, layout="constrained", **more)
    figure.get_layout_engine().set(h_pad=0.12, w_pad=0.12)
    flat = list(grid.flat)
    for unused in flat[count:]:
        unused.set_visible(False)
    return figure, flat[:count]


def legend(figure: Any, axes: Any) -> None:
    """Put one legend above all panels."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center" if outside_works() else "upper center",
                  ncols=len(labels), frameon=False, handlelength=3.5,
                  **({} if outside_works() else {"bbox_to_anchor": (0.5, 1.06)}))


def outside_works() -> bool:
    """Tell whether this matplotlib can place a legend outside of the panels by itself (since 3.7)."""
    return tuple(map(int, matplotlib.__version__.split(".")[:2])) >= (3, 7)


def typical_run(result: Mapping[str, Any], case: str, name: str) -> Mapping[str, Any] | None:
    """Return the run with the median mean of its samples: a real run, not an average of several."""
    runs: list[Mapping[str, Any]] = [run for run in result["runs"] if run["case"] == case
                                     and run["allocator"] == name and run["rss_samples"]]
    if not runs:
        return None
    level = {id(run): statistics.fmean(sample[1] for sample in run["rss_samples"]) for run in runs}
    middle = statistics.median_low(level.values())
    return next(run for run in runs if level[id(run)] == middle)


def draw_memory(result: Mapping[str, Any], output: Path) -> list[str]:
    """Draw resident memory over time of the cases that look at it while they run."""
    names = summary.names(result)
    cases = [case for case in result["cases"]
             if any(typical_run(result, case["name"], name) for name in names)]
    if not cases:
        return []
    figure, axes = panels(len(cases), 7.0, 4.2)
    for place, case in zip(axes, cases):
        for name in names:
            run = typical_run(result, case["name"], name)
            if run is not None:
                colour, line, _ = style_of(name, names)
                place.plot([sample[0] for sample in run["rss_samples"]],
                           [sample[1] / MIB for sample in run["rss_samples"]],
                           color=colour, linestyle=line, linewidth=2, label=name)
        place.set(title=case["name"], xlabel="time since start, ms", ylabel="resident memory, MiB")
        place.set_xlim(left=0)
        place.set_ylim(bottom=0)
    legend(figure, axes[0])
    return save(figure, result, output, "memory-over-time")


def nines(percentile: float, operations: int) -> float:
    """Return where a percentile lies on the axis: each nine is one unit; the maximum ends it."""
    rest = max(1.0 - percentile / 100.0, 1.0 / (2.0 * operations))
    return -math.log10(rest)


def draw_latency_panel(place: Any, of_case: Mapping[str, Any], kind: str, names: Sequence[str]) -> None:
    """Draw one kind of call of one case."""
    largest = 1
    for name in names:
        figures = of_case.get(name, {}).get("kinds", {}).get(kind)
        if figures:
            colour, line, marker = style_of(name, names)
            largest = max(largest, figures["operations"])
            points = [(nines(percentile, figures["operations"]), time)
                      for percentile, time in figures["curve"]]
            place.plot(*zip(*points), color=colour, linestyle=line, linewidth=2, label=name,
                       drawstyle="steps-post")
            place.plot(*points[-1], color=colour, marker=marker, markersize=7)
    ticks = [(nines(float(text), largest), text) for text in NINES
             if float(text) < 100 - 100 / largest]
    place.xaxis.set_major_locator(FixedLocator([*(tick for tick, _ in ticks), nines(100.0, largest)]))
    place.xaxis.set_minor_locator(NullLocator())
    place.set_xticklabels([*(text for _, text in ticks), "max"])
    place.set_yscale("log")
    low, high = place.get_ylim()
    wide = math.log10(high / low) > MANY_DECADES
    place.yaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0), numticks=20))
    place.yaxis.set_minor_locator(NullLocator())
    place.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    place.set(title=f"{kind}, {largest:,} calls", xlabel="percentile of the calls", ylabel="time per call, ns")


def draw_latency(result: Mapping[str, Any], output: Path) -> list[str]:
    """Draw, for each latency case, the percentiles of every kind of call."""
    names, written = summary.names(result), []
    for case, of_case in result["latency"].items():
        kinds = list(dict.fromkeys(kind for one in of_case.values() for kind in one["kinds"]))
        if not kinds:
            continue
        figure, axes = panels(len(kinds), 7.0, 4.5, sharey=True)
        for place, kind in zip(axes, kinds):
            draw_latency_panel(place, of_case, kind, names)
            place.tick_params(labelleft=True)
        processes = min(one["processes"] for one in of_case.values())
        figure.suptitle(f"{case}: each operation's smallest time of {processes} processes", fontsize=13)
        legend(figure, axes[0])
        written += save(figure, result, output, f"latency-{case.removeprefix('latency-')}")
    return written


def draw_all(result: Mapping[str, Any], output: Path) -> list[str]:
    """Draw all pictures that the result has figures for; return the names of the files."""
    with pyplot.rc_context(SETTINGS):
        return draw_heat_maps(result, output) + draw_memory(result, output) + draw_latency(result, output)
