"""Scenario discovery: bad points and the box around them, its ranges, and what it trades off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sim.analysis.prim import Found
from sim.errors import plural
from sim.plots.lettering import height, width, wrapped
from sim.plots.style import (
    BASELINE,
    INK,
    PALETTE,
    STYLE,
    Picture,
    Sheet,
    factor_name,
    number,
    percent,
    quoted,
    save_picture,
)
from sim.sweep.discovered import IN_HUNDREDTHS, Restriction, restrictions
from sim.sweep.judged import Judged

if TYPE_CHECKING:
    from sim.sweep import StoredAxis, Sweep

__all__ = ["discovery_figure", "draw_discovery"]

Values = npt.NDArray[np.float64]
LEFT, WIDE, TALL = 1.0, 4.2, 4.4
RIGHT, NARROW = 6.05, 4.6
POINTS = 9.0
BAR = 0.46
BAD = PALETTE[0]
EDGE = PALETTE[1]


def _scaled(axis: StoredAxis, judged: Judged) -> tuple[Values, str]:
    """(n,) values of a factor as they are read, and their unit; of what has no order, numbers of levels."""
    if axis.structural:
        return judged.points.place[:, list(judged.axes).index(axis)], ""
    values = judged.frame[axis.path].to_numpy(dtype=np.float64)
    if axis.dimension in IN_HUNDREDTHS:
        return 100 * values, IN_HUNDREDTHS[axis.dimension].strip()
    if axis.dimension == "duration" and max(map(abs, axis.bounds)) < 1:
        return 365.25 * values, "days"
    return values, ""


def _outcome(judged: Judged) -> tuple[Values, str, float]:
    factor = 100.0 if judged.unit == "%" else 1.0
    unit = f", {judged.unit}" if judged.unit else ""
    return judged.outcome * factor, f"{judged.words}{unit}", judged.bound * factor


def _chosen(judged: Judged, found: Found) -> list[int]:
    """The factors drawn against each other: those restricted most surely, then any other."""
    order = sorted(found.box.restricted, key=lambda j: (found.chance[j], j))
    others = [j for j in range(len(judged.axes)) if j not in order]
    return (order + (others if len(order) > 1 else []))[:2]


def _label(axes: Axes, which: str, axis: StoredAxis, unit: str) -> None:
    wide = WIDE if which == "x" else TALL
    text = wrapped(f"{factor_name(axis.path)}{f', {unit}' if unit else ''}", wide, POINTS)
    own = axes.xaxis if which == "x" else axes.yaxis
    own.set_label_text(text, fontsize=POINTS)
    if axis.structural:
        own.set_ticks(range(len(axis.levels)), [wrapped(t, 0.7, 8) for t in axis.levels], fontsize=8)
    else:
        own.set_major_locator(MaxNLocator(5))
        own.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def _scatter(axes: Axes, judged: Judged, found: Sequence[Found]) -> None:
    """All points by two factors, or by one and what came out, with the boxes around them."""
    chosen = _chosen(judged, found[0])
    x, unit = _scaled(judged.axes[chosen[0]], judged)
    if len(chosen) > 1:
        y, other = _scaled(judged.axes[chosen[1]], judged)
        _label(axes, "y", judged.axes[chosen[1]], other)
    else:
        y, text, bound = _outcome(judged)
        axes.axhline(bound, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
        axes.set_ylabel(wrapped(text, TALL, POINTS), fontsize=POINTS)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    _label(axes, "x", judged.axes[chosen[0]], unit)
    bad = judged.points.bad
    axes.plot(x[~bad], y[~bad], "o", color=BASELINE, markersize=3.2, alpha=0.6, markeredgewidth=0)
    axes.plot(x[bad], y[bad], "D", color=BAD, markersize=3.6, markeredgewidth=0)
    axes.margins(0.04)
    axes.grid(True, axis="both")
    axes.tick_params(labelsize=POINTS)
    left = np.ones(len(bad), dtype=np.bool_)
    for k, one in enumerate(found):
        inside = one.box.holds(judged.points.place) & left
        left &= ~inside
        (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
        if set(chosen[:1]) & set(one.box.restricted):
            x0, x1 = float(x[inside].min()), float(x[inside].max())
        if len(chosen) > 1 and chosen[1] in one.box.restricted:
            y0, y1 = float(y[inside].min()), float(y[inside].max())
        room = (0.012 * np.ptp(axes.get_xlim()), 0.012 * np.ptp(axes.get_ylim()))
        corner = max(x0 - room[0], axes.get_xlim()[0]), max(y0 - room[1], axes.get_ylim()[0])
        size = (
            min(x1 + room[0], axes.get_xlim()[1]) - corner[0],
            min(y1 + room[1], axes.get_ylim()[1]) - corner[1],
        )
        dash = ("-", "--", ":")[k % 3]
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=EDGE, linewidth=2, linestyle=dash))


def _ranges(axes: Axes, judged: Judged, one: Found) -> None:
    """Each restricted factor as a bar over its range: the part of its points' values that the box keeps."""
    rows = restrictions(judged, one)
    inside = one.box.holds(judged.points.place)
    for i, row in enumerate(rows):
        j = judged.points.names.index(row.path)
        axis = judged.axes[j]
        axes.hlines(i, 0, 1, color="#D6D6D6", linewidth=7)
        for low, high in _kept(axis, row, judged, inside):
            axes.hlines(i, low, high, color=EDGE, linewidth=7)
        axes.text(0, i - 0.3, shown(row), fontsize=POINTS, va="bottom", color=INK)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(len(rows) - 0.6, -1.0)
    axes.set_axis_off()


def shown(row: Restriction) -> str:
    """A restriction on one line of the panel of ranges."""
    return wrapped(f"{factor_name(row.path)}: {row.words} (of {row.whole})", NARROW, POINTS)


def _kept(
    axis: StoredAxis, row: Restriction, judged: Judged, inside: npt.NDArray[np.bool_]
) -> list[tuple[float, float]]:
    """Parts of a factor's range, from 0 to 1, that the box keeps."""
    if axis.structural:
        count = len(axis.levels)
        return [(i / count, (i + 1) / count) for i, text in enumerate(axis.levels) if text in row.kept]
    values = judged.frame[axis.path].to_numpy(dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    start = float(values[inside].min()) if row.low is not None else low
    end = float(values[inside].max()) if row.high is not None else high
    return [((start - low) / (high - low), (end - low) / (high - low))]


def _trade(axes: Axes, found: Sequence[Found]) -> None:
    """Coverage against density of the boxes peeled on the way, and of the one that was kept."""
    one = found[0]
    axes.plot(100 * one.path[:, 1], 100 * one.path[:, 2], "o-", color=BASELINE, markersize=2.5, linewidth=1)
    marks = [(one.coverage, one.density, "s", EDGE, "the box")]
    if np.isfinite(one.held_back[1]):
        marks.append((*one.held_back, "D", PALETTE[2], "on points held back"))
    for coverage, density, mark, colour, _ in marks:
        axes.plot(100 * coverage, 100 * density, mark, color=colour, markersize=8, markeredgecolor="white")
    axes.set_xlim(0, 105)
    axes.set_ylim(0, 105)
    axes.set_xlabel("coverage: share of all bad points, %", fontsize=POINTS)
    axes.set_ylabel("density, %", fontsize=POINTS)
    axes.grid(True, axis="both")
    axes.tick_params(labelsize=POINTS)


def _key(sheet: Sheet, held_back: bool) -> None:
    axes, x = sheet.strip(), 0.0
    marks = [("D", BAD, "bad point"), ("o", BASELINE, "other point, or step of the search")]
    marks.append(("s", EDGE, "the box"))
    marks += [("D", PALETTE[2], "boxes judged by points held back from the search")] if held_back else []
    for mark, colour, said in marks:
        axes.plot(x + 0.08, 0.5, mark, color=colour, markersize=6, clip_on=False)
        axes.text(x + 0.24, 0.5, said, va="center", fontsize=POINTS)
        x += width(said, POINTS) + 0.5


def draw_discovery(
    sweep: Sweep, scenario: str, bad: str, judged_found: tuple[Judged, Sequence[Found]],
    target: tuple[Path, str],
) -> Picture:  # fmt: skip
    """Draw the boxes of one condition and write the picture; its CSV has every point.

    Args:
        sweep: that they are of. scenario: of it.
        bad: the condition, as written.
        judged_found: the points, and at least one box.
        target: folder, and name of the files.
    """
    title, drawn = discovery_figure(sweep, scenario, bad, *judged_found)
    return save_picture(drawn, *target, title, _table(*judged_found))


def discovery_figure(
    sweep: Sweep, scenario: str, bad: str, judged: Judged, found: Sequence[Found]
) -> tuple[str, Figure]:
    """The finding as a sentence, and the figure; see :func:`draw_discovery`."""
    one = found[0]
    rows = restrictions(judged, one)
    where = " and ".join(f"{factor_name(r.path)}{r.sentence.removeprefix(r.path)}" for r in rows)
    title = (
        f"\u201c{bad}\u201d where {where}: {percent(one.density)} of the points there are bad, and "
        f"{percent(one.coverage)} of all bad points lie there"
    )
    of = next(v["name"] for v in sweep.content["variants"] if v["scenario"] == scenario)
    called = str(sweep.dataset(of).attrs.get("title") or scenario)
    subtitle = (
        f"{quoted(called)}, {sweep.method} design, {plural(len(judged.points.bad), 'point')}, "
        f"{int(judged.points.bad.sum())} of them bad. Scenario discovery by PRIM: points and box; ranges of "
        "the box; what the search traded off"
    )
    seeds = f", {sweep.seeds} seeds each" if sweep.seeds > 1 else ""
    note = (
        f"Unit: as on the axes. Shares are of points of the design{seeds}, no probabilities. The box has the "
        "highest harmonic mean of coverage and density, unless a density was asked for. Model results, not "
        f"forecasts: Monazite {sweep.content['version']}. Sweep {sweep.id}, seed {sweep.content['seed']}."
    )
    tall = sum(height(shown(row), POINTS) + BAR for row in rows)
    with mpl.rc_context(STYLE):
        room = max(TALL + 0.45, tall + 2.9)
        sheet = Sheet(title, subtitle, note, 0.34 + room + 0.25)
        _key(sheet, bool(np.isfinite(one.held_back[1])))
        _scatter(sheet.axes(LEFT, 0.44, WIDE, room - 0.45), judged, found)
        _ranges(sheet.axes(RIGHT, 0.34, NARROW, tall), judged, one)
        _trade(sheet.axes(RIGHT + 0.3, 0.34 + tall + 0.25, NARROW - 0.3, room - tall - 0.6), found)
    return title, sheet.fig


def _table(judged: Judged, found: Sequence[Found]) -> pd.DataFrame:
    """Every point: its factors, what came out, whether that is bad, and the number of its box."""
    paths = [axis.path for axis in judged.axes]
    box = np.zeros(len(judged.points.bad), dtype=np.int64)
    for k, one in enumerate(found, start=1):
        box[one.box.holds(judged.points.place) & (box == 0)] = k
    value, _, _ = _outcome(judged)
    table = judged.frame[["sample", *paths]].copy()
    table["outcome"], table["unit"], table["bad"], table["box"] = value, judged.unit, judged.points.bad, box
    return table
