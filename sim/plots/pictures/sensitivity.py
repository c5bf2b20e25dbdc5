"""What the outcomes of a sweep hang on: a tornado, and indices with their intervals beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sim.analysis.indices import CONVERGED, Design, Indices, analyse, tornado
from sim.errors import MonaziteError
from sim.plots.case import Case
from sim.plots.lettering import height, width, wrapped
from sim.plots.pictures import Kind, Measured
from sim.plots.style import INK, PALETTE, STYLE, Sheet, factor_name, number, percent, quoted, signed
from sim.plots.swept import swept
from sim.sweep.responses import averaged, design_of

if TYPE_CHECKING:
    from sim.sweep import StoredAxis

__all__ = ["KIND", "ends_in_words"]

Values = npt.NDArray[np.float64]
OUTCOMES = ("peak price outside", "months to recover")
SHOWN = {
    "saltelli": ("S1", "ST"),
    "morris": ("mu_star", "sigma"),
    "grid": ("S1", "PRCC"),
}
"""Design -> measures that are drawn."""
PLAIN = ("S1", "PRCC")
SAID = {
    "S1": "S1: share of variance it explains alone",
    "ST": "ST: with all that it takes part in",
    "PRCC": "PRCC: rank correlation, the others fixed",
    "mu_star": "mean absolute elementary effect",
    "sigma": "spread of its elementary effects",
}
FACTORS = 10
LOW, HIGH = PALETTE[1], PALETTE[0]
POINTS = 9.0
ROW = 0.34


def _rows(
    design: Design, found: Indices, outcome: tuple[str, str], values: Values
) -> pd.DataFrame:
    spread = tornado(design, values)
    rows = []
    for j, path in enumerate(design.names):
        row = {
            "outcome": outcome[0], "unit": outcome[1], "factor": path, "mean": float(np.nanmean(values)),
            "where_low": float(spread.low[j]), "where_high": float(spread.high[j]), "swing": float(
                spread.swing[j]
            ),
        }  # fmt: skip
        rows.append({**row, **dict(zip(found.columns, map(float, found.values[j]), strict=True))})
    table = pd.DataFrame(rows)
    return table.iloc[np.argsort(-table["swing"].abs().to_numpy(), kind="stable")[:FACTORS]]


def ends_in_words(axes: Sequence[StoredAxis], path: str) -> tuple[str, str]:
    """How the ends of a factor's range are called: a date or a choice by its first and last value."""
    axis = next(axis for axis in axes if axis.path == path)
    return (axis.levels[0], axis.levels[-1]) if axis.structural else ("low", "high")


def measure(case: Case) -> Measured:
    """Mean outcome where each factor is low and high, and the indices that the design allows."""
    found = swept(case)
    if found is None or not found.sweep.axes:
        return Measured(
            nothing="Sensitivity: no assumption varies between the members; a sweep with a range and a "
            "method (monazite sweep --method saltelli) says what the outcome hangs on."
        )
    if len(found.sweep.axes) < 2:
        only = found.sweep.axes[0]
        dose = "its picture is that of dose and response"
        where = "each value is a scenario of its own" if only.structural else dose
        return Measured(nothing=f"Sensitivity: only {factor_name(only.path)} varies; {where}.")
    try:
        design = design_of(found.sweep, found.frame)
    except MonaziteError as error:
        return Measured(nothing=f"Sensitivity: {error}.")
    frames, notes = [], []
    for outcome in found.outcomes:
        if outcome.name not in OUTCOMES:
            continue
        values = averaged(found.frame, outcome.values)
        try:
            indices = analyse(design, values)
        except ValueError as error:
            return Measured(nothing=f"Sensitivity: {error}.")
        if np.ptp(values[np.isfinite(values)]) > 0:
            frames.append(_rows(design, indices, (outcome.name, outcome.unit), values))
        notes += [f"{outcome.name}: {text}" for text in (outcome.note, *indices.notes) if text]
    if not any((frame["outcome"] == OUTCOMES[0]).any() for frame in frames):
        return Measured(nothing=f"Sensitivity: nothing that varies moves the price of {case.name}.")
    table = pd.concat(frames, ignore_index=True).assign(scenario=found.scenario)
    shown = [name for name in SHOWN.get(design.method, PLAIN) if table[name].notna().any()]
    rank = "ST" if "ST" in shown else None
    peak = table[table["outcome"] == OUTCOMES[0]]
    top = peak.iloc[int(peak[rank].to_numpy().argmax())] if rank else peak.iloc[0]
    low, high = ends_in_words(found.sweep.axes, str(top["factor"]))
    title = (
        f"Peak price of {case.name[:1].lower()}{case.name[1:]} outside {case.place} hangs most on "
        f"{factor_name(str(top['factor']))}: {number(float(top['where_low']))} {top['unit']} where it is "
        f"{low}, {number(float(top['where_high']))} where it is {high}"
    )
    if rank and float(top["ST_conf"]) <= CONVERGED:
        title += f"; it has part in {percent(float(np.clip(top['ST'], 0, 1)))} of the variance"
    points = f"{len(design.unit)} points"
    points += f", {found.sweep.seeds} seeds each" if found.sweep.seeds > 1 else ""
    subtitle = (
        f"{quoted(found.name)}, {design.method} design, {points}. Left: mean outcome in the lowest and "
        "the highest quarter of a factor's range; right: indices, lines 95 % intervals"
    )
    look = {"measures": shown, "outcomes": [name for name in OUTCOMES if (table["outcome"] == name).any()]}
    note = " ".join(f"{text[:1].upper()}{text[1:]}." for text in notes)
    return Measured(title, subtitle, case.lined.footer("above each panel", note), table, look)


def _bars(axes: Axes, rows: pd.DataFrame) -> None:
    middle = float(rows["mean"].iloc[0])
    for i, (low, high) in enumerate(zip(rows["where_low"], rows["where_high"], strict=True)):
        for value, colour in ((low, LOW), (high, HIGH)):
            if np.isfinite(value):
                axes.barh(i, value - middle, left=middle, color=colour, height=0.68, linewidth=0)
    axes.axvline(middle, color=INK, linewidth=0.9)
    axes.margins(x=0.05)


def _dots(axes: Axes, rows: pd.DataFrame, measures: list[str]) -> None:
    for k, name in enumerate(measures):
        y = np.arange(len(rows)) + (k - (len(measures) - 1) / 2) * 0.32
        conf = rows[f"{name}_conf"].to_numpy() if f"{name}_conf" in rows else np.zeros(len(rows))
        values, colour = rows[name].to_numpy(), PALETTE[2 + k]
        axes.hlines(y, values - conf, values + conf, color=colour, linewidth=1.6)
        axes.plot(values, y, "oD"[k], color=colour, markersize=6, markeredgecolor="white")
    axes.axvline(0, color=INK, linewidth=0.8)


def _finish(axes: Axes, count: int, head: str) -> None:
    axes.set_ylim(count - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.tick_params(axis="x", labelsize=POINTS)
    axes.grid(False, axis="y")
    axes.grid(True, axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: signed(value)))
    axes.set_title(head, fontsize=10)


def _key(sheet: Sheet, measures: list[str]) -> None:
    axes = sheet.strip()
    x = 0.0
    marks = [("s", LOW, "factor low"), ("s", HIGH, "factor high")]
    marks += [("oD"[k], PALETTE[2 + k], SAID[name]) for k, name in enumerate(measures)]
    for mark, colour, said in marks:
        axes.plot(x + 0.08, 0.5, mark, color=colour, markersize=7, clip_on=False)
        axes.text(x + 0.24, 0.5, said, va="center", fontsize=POINTS)
        x += width(said, POINTS) + 0.5


def draw(measured: Measured) -> Figure:
    """A row for each outcome: tornado on the left, indices on the right."""
    look, table = measured.look, measured.table
    every = table["factor"].unique()
    names = {path: wrapped(factor_name(path), 2.4, POINTS) for path in every}
    side = max(width(text, POINTS) for text in names.values()) + 0.2
    row = max(ROW, max(height(text, POINTS) for text in names.values()) + 0.06)
    tall = row * len(table[table["outcome"] == look["outcomes"][0]]) + 0.1
    left = (10.4 - side - 0.4) * 0.55
    with mpl.rc_context(STYLE):
        sheet = Sheet(
            measured.title, measured.subtitle, measured.note, 0.36 + len(look["outcomes"]) * (tall + 0.75)
        )  # fmt: skip
        _key(sheet, look["measures"])
        for i, outcome in enumerate(look["outcomes"]):
            rows = table[table["outcome"] == outcome].reset_index(drop=True)
            y = 0.36 + 0.3 + i * (tall + 0.75)
            axes = sheet.axes(0.3 + side, y, left, tall)
            _bars(axes, rows)
            unit = str(rows["unit"].iloc[0])
            _finish(axes, len(rows), outcome if unit in outcome else f"{outcome}, {unit}")
            axes.set_yticks(range(len(rows)), [names[path] for path in rows["factor"]], fontsize=POINTS)
            axes = sheet.axes(0.3 + side + left + 0.4, y, 10.4 - side - left - 0.4, tall)
            _dots(axes, rows, look["measures"])
            _finish(axes, len(rows), "indices")
            axes.set_yticks(range(len(rows)), [])
    return sheet.fig


KIND = Kind("sensitivity", 9, measure, draw, "What peak price and recovery hang on: tornado and indices")
