"""A scan: its suppliers ranked, with bands; and all suppliers of all minerals as a matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from sim.analysis.names import country_name
from sim.analysis.text import number
from sim.plots.lettering import width
from sim.plots.style import (
    GREY,
    INK,
    MARGIN,
    PALETTE,
    STYLE,
    Picture,
    between,
    figure,
    save_picture,
    titles,
)

__all__ = ["draw_matrix", "draw_ranking"]

ROW_INCHES = 0.24
MOST_ROWS = 25
DECADES = 2
"""Medians that span more of them are shown on a logarithmic axis: the small ones would be no bars at all."""
POINTS = 9.0
CELL_POINTS = 8.0
WIDE, RIGHT = 11.0, 0.8
"""Of the page, and what is left free on its right for the numbers, in inches."""


def _mineral(name: object) -> str:
    return str(name).replace("_", " ").capitalize()


def _where(row: pd.Series) -> str:
    return f"{_mineral(row['mineral'])}, {country_name(str(row['supplier']))}"


def _ranked(table: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """What is drawn of the first rows, in million USD: median, low, high; and whether it is weighted."""
    weighted = "value_lost_weighted" in table
    values = table[["value_lost", "value_lost_p10", "value_lost_p90"]] / 1e6
    if weighted:
        values = values.mul(table["weight"], axis=0)
    # A supplier whose risk is not known has no place in a ranking by it.
    return values.set_axis(["median", "low", "high"], axis=1).dropna().head(MOST_ROWS), weighted


def _log_from(million: pd.DataFrame) -> float | None:
    """Where a logarithmic axis begins, a power of ten; None where medians span two decades or less.

    Bands may begin at nothing at all, so the medians decide, and one decade is left below the lowest.
    """
    medians = million["median"].to_numpy()
    medians = medians[medians > 0]
    if not len(medians) or medians.max() <= 10.0**DECADES * medians.min():
        return None
    lowest = million["low"].to_numpy()
    least = max(min(lowest[lowest > 0], default=np.inf), medians.min() / 10)
    return float(10.0 ** np.floor(np.log10(min(least, medians.min()))))


def draw_ranking(table: pd.DataFrame, directory: Path, words: tuple[str, str]) -> Picture:
    """The largest losses as bars, from the 10th to the 90th percentile as lines.

    Where the medians span more than two decades the axis is logarithmic; a point marks the median then,
    since the length of a bar says nothing.

    Args:
        table: of :func:`sim.sweep.scan.scan_table`.
        directory: for the files.
        words: whose value is lost, and what the picture rests on.
    """
    whose, note = words
    million, weighted = _ranked(table)
    shown = table.loc[million.index]
    start = _log_from(million)
    lost = f"{number(float(million['median'].iloc[0]) / 1e3, 2)} bn USD of value added in the median"
    does = f"weighs most for {whose}" if weighted else f"costs {whose} most"
    title = f"{_where(shown.iloc[0])}: the stop that {does}, {lost}"
    title += ", times the supplier's risk" if weighted else ""
    subtitle = "Value added lost, median of the members; lines from the 10th to the 90th percentile"
    subtitle += "; logarithmic axis" if start is not None else ""
    with mpl.rc_context(STYLE):
        fig = figure(WIDE, 2.2 + ROW_INCHES * len(shown))
        bottom, top = titles(fig, title, subtitle, note)
        lowest, height = between(fig, (bottom, top), 0.5, 0.1)
        names = [_where(row) for _, row in shown.iterrows()]
        left = (MARGIN + max(width(name, POINTS) for name in names) + 0.1) / WIDE
        axes = fig.add_axes((left, lowest, 1 - RIGHT / WIDE - left, height))
        _bars(axes, million, start)
        axes.set_yticks(np.arange(len(shown))[::-1], names, fontsize=POINTS)
        axes.set_ylim(-0.7, len(shown) - 0.3)
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x")
        axes.set_xlabel("million USD, times risk" if weighted else "million USD", fontsize=POINTS)
        axes.tick_params(axis="x", labelsize=POINTS)
        return save_picture(fig, directory, "scan_ranking", title, shown)


def _bars(axes: Axes, million: pd.DataFrame, start: float | None) -> None:
    """Bars with their bands, and the median as a number at the right end of each row."""
    at = np.arange(len(million))[::-1]
    median, low, high = (million[name].to_numpy() for name in ("median", "low", "high"))
    if start is None:
        axes.barh(at, median, height=0.7, color=PALETTE[0], linewidth=0)
        axes.set_xlim(left=min(0.0, float(low.min())))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    else:
        axes.set_xscale("log")
        look: dict[str, Any] = {"height": 0.7, "color": PALETTE[0], "alpha": 0.25, "linewidth": 0}
        axes.barh(at, np.maximum(median, start) - start, left=start, **look)
        axes.plot(median, at, "o", color=PALETTE[0], markersize=6)
        axes.set_xlim(start, float(high.max()) * 1.6)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    least = -np.inf if start is None else start
    axes.hlines(at, np.maximum(low, least), np.maximum(high, least), color=INK, linewidth=1.2)
    for y, value in zip(at, median, strict=True):
        axes.annotate(
            number(float(value), 2), (1.0, y), xycoords=("axes fraction", "data"), xytext=(6, 0),
            textcoords="offset points", va="center", fontsize=POINTS, color=INK, annotation_clip=False,
        )  # fmt: skip


def draw_matrix(table: pd.DataFrame, directory: Path, words: tuple[str, str]) -> Picture:
    """Price peaks by mineral and supplier: the multiple in each cell, darker where it is higher."""
    _, note = words
    wide = table.pivot_table(index="mineral", columns="supplier", values="price_peak")
    wide = wide.loc[wide.max(axis=1).sort_values(ascending=False).index]
    wide = wide[wide.notna().sum().sort_values(ascending=False).index]
    highest = table.sort_values("price_peak").iloc[-1]
    times = f"{number(float(highest['price_peak']), 2)} times the baseline's"
    title = f"{_where(highest)}: the stop that raises a price most, to {times}"
    with mpl.rc_context(STYLE):
        fig = figure(WIDE, 3.2 + ROW_INCHES * len(wide))
        subtitle = "Highest price outside over the baseline's, median; blank: not among the largest suppliers"
        bottom, top = titles(fig, title, subtitle, note)
        minerals, names = [_mineral(m) for m in wide.index], [country_name(str(c)) for c in wide.columns]
        head = max(width(name, CELL_POINTS) for name in names) + 0.15
        lowest, height = between(fig, (bottom, top), 0.15, head)
        left = (MARGIN + max(width(name, CELL_POINTS) for name in minerals) + 0.1) / WIDE
        axes = fig.add_axes((left, lowest, 1 - MARGIN / WIDE - left, height))
        axes.imshow(np.log(wide.to_numpy()), aspect="auto", cmap="YlOrRd", vmin=0.0)
        axes.set_xticks(range(len(names)), names, fontsize=CELL_POINTS, rotation=90)
        axes.xaxis.tick_top()
        axes.set_yticks(range(len(minerals)), minerals, fontsize=CELL_POINTS)
        limit = float(np.nanmax(np.log(wide.to_numpy()))) * 0.6
        for (row, column), value in np.ndenumerate(wide.to_numpy()):
            if np.isfinite(value):
                colour = "white" if np.log(value) > limit else INK
                axes.text(column, row, number(value, 2), ha="center", va="center", fontsize=7, color=colour)
        axes.tick_params(length=0, colors=GREY)
        axes.grid(visible=False)
        return save_picture(fig, directory, "scan_matrix", title, wide.reset_index())
