"""A scan: its suppliers ranked, with bands; and all suppliers of all minerals as a matrix."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

from sim.analysis.names import country_name
from sim.analysis.text import number
from sim.plots.style import GREY, INK, PALETTE, STYLE, Picture, between, figure, save_picture, titles

__all__ = ["draw_matrix", "draw_ranking"]

ROW_INCHES = 0.24
MOST_ROWS = 25


def _where(row: pd.Series) -> str:
    return f"{str(row['mineral']).replace('_', ' ').capitalize()}, {country_name(str(row['supplier']))}"


def draw_ranking(table: pd.DataFrame, directory: Path, words: tuple[str, str]) -> Picture:
    """The largest losses as bars, from the 10th to the 90th percentile as lines.

    Args:
        table: of :func:`sim.sweep.scan.scan_table`.
        directory: for the files.
        words: whose value is lost, and what the picture rests on.
    """
    whose, note = words
    shown = table.head(MOST_ROWS)
    million = shown[["value_lost", "value_lost_p10", "value_lost_p90"]] / 1e6
    first = shown.iloc[0]
    lost = f"{number(float(first['value_lost']) / 1e9, 2)} bn USD of value added in the median"
    title = f"{_where(first)}: the stop that costs {whose} most, {lost}"
    with mpl.rc_context(STYLE):
        fig = figure(11.0, 2.2 + ROW_INCHES * len(shown))
        subtitle = "Value added lost, median of the members; lines from the 10th to the 90th percentile"
        bottom, top = titles(fig, title, subtitle, note)
        lowest, height = between(fig, (bottom, top), 0.5, 0.1)
        axes = fig.add_axes((0.26, lowest, 0.7, height))
        at = np.arange(len(shown))[::-1]
        axes.barh(at, million["value_lost"], height=0.7, color=PALETTE[0], linewidth=0)
        axes.hlines(at, million["value_lost_p10"], million["value_lost_p90"], color=INK, linewidth=1.2)
        axes.set_yticks(at, [_where(row) for _, row in shown.iterrows()], fontsize=9)
        axes.set_ylim(-0.7, len(shown) - 0.3)
        axes.set_xlim(left=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("million USD", fontsize=9)
        axes.tick_params(axis="x", labelsize=9)
        return save_picture(fig, directory, "scan_ranking", title, shown)


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
        fig = figure(11.0, 2.4 + ROW_INCHES * len(wide))
        subtitle = "Highest price outside over the baseline's, median; blank: not among the largest suppliers"
        bottom, top = titles(fig, title, subtitle, note)
        lowest, height = between(fig, (bottom, top), 0.15, 0.6)
        axes = fig.add_axes((0.16, lowest, 0.82, height))
        axes.imshow(np.log(wide.to_numpy()), aspect="auto", cmap="YlOrRd", vmin=0.0)
        axes.set_xticks(range(len(wide.columns)), list(wide.columns), fontsize=8, rotation=90)
        axes.xaxis.tick_top()
        axes.set_yticks(range(len(wide)), [str(m).replace("_", " ") for m in wide.index], fontsize=8)
        limit = float(np.nanmax(np.log(wide.to_numpy()))) * 0.6
        for (row, column), value in np.ndenumerate(wide.to_numpy()):
            if np.isfinite(value):
                colour = "white" if np.log(value) > limit else INK
                axes.text(column, row, number(value, 2), ha="center", va="center", fontsize=7, color=colour)
        axes.tick_params(length=0, colors=GREY)
        axes.grid(visible=False)
        return save_picture(fig, directory, "scan_matrix", title, wide.reset_index())
