"""How much worse a little more of a measure makes it: its strength against what comes of it."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from sim.analysis.baselines import family
from sim.analysis.names import verb
from sim.plots.case import Case
from sim.plots.lettering import height, wrapped
from sim.plots.pictures import Kind, Measured
from sim.plots.style import BASELINE, STYLE, Sheet, factor_name, in_text, number, quoted
from sim.plots.swept import Swept, factor_scale, swept

__all__ = ["KIND"]

Values = npt.NDArray[np.float64]
OUTCOMES = ("peak price outside", "unmet demand", "value added at risk")
BINS = 8
"""Groups of equal size into which the points of a sample are put."""
LEVELS = 12
"""Values up to which each is a group of its own."""
LOG_RANGE = 12.0
BILLIONS = 2000.0
"""Million USD from which amounts are shown in billions."""
LEFT, WIDE, BETWEEN, TALL = 0.8, 2.75, 0.75, 3.3
HEAD = 10.0


def _groups(values: Values) -> npt.NDArray[np.int64]:
    """The group of each point, from the lowest values of what varies to the highest."""
    levels, found = np.unique(values, return_inverse=True)
    if len(levels) <= LEVELS:
        return np.asarray(found, dtype=np.int64)
    rank = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return np.asarray(rank * min(BINS, len(values) // 4 or 1) // len(values), dtype=np.int64)


def _rows(found: Swept, path: str, scale: float) -> pd.DataFrame:
    x = found.frame[path].to_numpy(dtype=np.float64) * scale
    rows = []
    for outcome in found.outcomes:
        if outcome.name not in OUTCOMES:
            continue
        y, measured_in = found.values(outcome), outcome.unit
        if measured_in == "million USD" and np.nanmax(np.abs(y), initial=0.0) >= BILLIONS:
            y, measured_in = y / 1000, "bn USD"
        known = np.isfinite(x) & np.isfinite(y)
        for group in np.unique(_groups(x[known])):
            mine = _groups(x[known]) == group
            values = y[known][mine]
            low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
            rows.append({
                "outcome": outcome.name, "unit": measured_in, "factor": path, "kind": "median",
                "x": float(np.mean(x[known][mine])), "drawn": middle, "p10": low, "p90": high,
                "points": int(mine.sum()),
            })  # fmt: skip
        rows += [
            {
                "outcome": outcome.name, "unit": measured_in, "factor": path, "kind": "point", "x": a,
                "drawn": b
            }
            for a, b in zip(x[known], y[known], strict=True)
        ]
    return pd.DataFrame(rows)


def _chosen(found: Swept) -> str | None:
    """What varies of an event, and what of that moves the peak price most; else of the rest."""
    axes = [axis.path for axis in found.axes]
    own = [path for path in axes if path.startswith("events.")] or axes
    if not own:
        return None
    peak = next(o for o in found.outcomes if o.name == OUTCOMES[0])
    ranks = pd.Series(found.values(peak)).rank()
    strength = {path: abs(float(np.nan_to_num(found.frame[path].rank().corr(ranks)))) for path in own}
    best: str = max(own, key=strength.__getitem__)
    return best


def measure(case: Case) -> Measured:
    """Medians and bands of price, unmet demand and value added at risk by what varies."""
    found = swept(case)
    path = _chosen(found) if found is not None else None
    if found is None or path is None:
        event = next((e for s in case.lined.scenarios for e in case.events(s)), None)
        name = f"events.{event['id']}.KEY" if event else "KEY"
        scenario = family(case.lined.shown[0].run)
        return Measured(
            nothing="Dose and response: nothing varies by a number between the members; "
            f"monazite sweep {scenario} {name}=A,B,C makes it vary."
        )
    axis = next(axis for axis in found.axes if axis.path == path)
    scale, unit = factor_scale(axis)
    table = _rows(found, path, scale).assign(scenario=found.scenario)
    name = factor_name(path)
    peaks = table[(table["outcome"] == OUTCOMES[0]) & (table["kind"] == "median")].sort_values("x")
    first, last = peaks.iloc[0], peaks.iloc[-1]

    def at(row: Any) -> str:
        return f"{number(float(row['x']))}{f' {unit}' if unit else ''}"

    peak = verb(case.name, "peaks", "peak")
    title = (
        f"{case.name} outside {case.place} {peak} at {number(float(first['drawn']))} {first['unit']} where "
        f"{name} is {at(first)}, at {number(float(last['drawn']))} where it is {at(last)}"
    )
    others = [factor_name(other) for other in found.varying if other != path]
    rest = f"; also varies: {', '.join(others)}" if others else ""
    subtitle = (
        f"{quoted(found.name)}, by {name}{rest}. Dots: runs; line: median of runs alike in it; band: "
        "10 to 90 %"
    )
    if peaks["points"].max() != peaks["points"].min() or len(peaks) < table["x"].nunique():
        rest = f" Line: groups of about {int(peaks['points'].median())} runs of like values."
    else:
        rest = ""
    log = _logarithmic(peaks)
    note = f"{in_text(case.name).capitalize()}; value added of all goods, over the run.{rest}"
    note += " Price axis logarithmic; the others start at 0." if log else " Axes start at 0."
    look = {"factor": f"{name}{f', {unit}' if unit else ''}", "colour": found.shown.colour, "log": log}
    return Measured(title, subtitle, case.lined.footer("above each panel", note), table, look)


def _logarithmic(peaks: pd.DataFrame) -> bool:
    return bool(peaks["p90"].max() > LOG_RANGE * peaks["p10"].min() > 0)


def _panel(axes: Axes, rows: pd.DataFrame, colour: str, log: bool) -> None:
    points, line = rows[rows["kind"] == "point"], rows[rows["kind"] == "median"].sort_values("x")
    axes.plot(points["x"], points["drawn"], "o", color=BASELINE, markersize=3, alpha=0.45, markeredgewidth=0)
    axes.fill_between(line["x"], line["p10"], line["p90"], color=colour, alpha=0.18, linewidth=0)
    axes.plot(line["x"], line["drawn"], color=colour, linewidth=2.2, marker="o", markersize=4.5)
    top = float(max(points["drawn"].max(), line["p90"].max()))
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(0, top * 1.06 or 1.0)
        axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def draw(measured: Measured) -> Figure:
    """Three panels beside each other with the same axis of what varies."""
    look, table = measured.look, measured.table
    names = [name for name in OUTCOMES if (table["outcome"] == name).any()]
    units = table.drop_duplicates("outcome").set_index("outcome")["unit"]
    heads = [wrapped(f"{name}, {units[name]}", WIDE, HEAD, True) for name in names]
    head = max(height(text, HEAD) for text in heads) + 0.1
    below = wrapped(look["factor"], WIDE, 9.5)
    with mpl.rc_context(STYLE):
        sheet = Sheet(
            measured.title, measured.subtitle, measured.note, head + TALL + 0.4 + height(below, 9.5)
        )  # fmt: skip
        for i, (name, text) in enumerate(zip(names, heads, strict=True)):
            axes = sheet.axes(LEFT + i * (WIDE + BETWEEN), head, WIDE, TALL)
            _panel(axes, table[table["outcome"] == name], look["colour"], look["log"] and i == 0)
            axes.set_title(text, fontsize=HEAD)
            axes.set_xlabel(below, fontsize=9.5)
    return sheet.fig


KIND = Kind(
    "dose", 8, measure, draw, "Strength of a measure against price, unmet demand and value added at risk"
)
