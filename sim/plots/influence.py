"""What the distance to the episodes depends on, and what one parameter alone can do to distance and score."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sim.past.diagnosis import influence
from sim.past.search import Found
from sim.plots.parameter_rows import ROW_INCHES, note, parameter_rows, plain
from sim.plots.style import GREY, INK, PALETTE, STYLE, Picture, between, figure, save_picture, titles

__all__ = ["draw_influence"]

ENDS = {"low": PALETTE[1], "high": PALETTE[0]}


def _tornado(axes: Axes, table: pd.DataFrame, word: str) -> None:
    central = float(table[word].iloc[0])
    parameter_rows(axes, list(table.index), shown=False)
    for end, colour in ENDS.items():
        # Both ends may lie on one side: thinner bars on top of each other would hide one.
        shift = -0.18 if end == "low" else 0.18
        change = table[f"{word}_{end}"].to_numpy() - central
        at = np.arange(len(table)) + shift
        axes.barh(at, change, left=central, height=0.34, color=colour, linewidth=0)
    axes.axvline(central, color=INK, linewidth=1)
    reached = table[[word, f"{word}_low", f"{word}_high"]].to_numpy()
    room = max(0.12 * float(np.ptp(reached)), 0.02)
    axes.set_xlim(float(reached.min()) - room, float(reached.max()) + room)
    axes.locator_params(axis="x", nbins=4)
    unit = "half band widths" if word == "distance" else "band widths"
    axes.set_title(f"{word}, {unit}", fontsize=10)
    axes.tick_params(axis="x", labelsize=9)


def draw_influence(found: Found, directory: Path) -> Picture:
    """First-order indices of the distance, and tornados of distance and score."""
    table = influence(found)
    central = float(table["distance"].iloc[0])
    ends = table[["distance_low", "distance_high"]].to_numpy()
    row, column = np.unravel_index(int(np.argmax(ends)), ends.shape)
    name, end = plain(str(table.index[int(row)])), ("lowest", "highest")[int(column)]
    title = (
        f"The distance is {central:.2f} with all parameters at their medians, and {ends.min():.2f} to "
        f"{ends.max():.2f} with one of them at an end of its prior (farthest: {name} at its {end})"
    )
    subtitle = (
        "Left: share of the distance's variance over the priors that goes when the parameter is known (S1, "
        "with its 95 % interval). Middle and right: one parameter at the low end (blue) or the high end "
        "(orange) of its prior"
    )
    first = table["S1"].notna().all()
    draws = f"S1 (RBD-FAST) over {len(found.first_round.distances):,} draws from the priors."
    if not first:
        draws = f"{len(found.first_round.distances)} draws from the priors are too few for S1."
    with mpl.rc_context(STYLE):
        fig = figure(11.0, 2.6 + ROW_INCHES * len(table))
        bottom, top = titles(fig, title, subtitle, note(found, draws))
        lowest, height = between(fig, (bottom, top), 0.4, 0.45)
        bars = fig.add_axes((0.215, lowest, 0.225, height))
        parameter_rows(bars, list(table.index), shown=True)
        if first:
            width = table["S1_conf"].to_numpy()
            at, shares = np.arange(len(table)), table["S1"].to_numpy()
            bars.barh(at, np.maximum(shares, 0), height=0.6, color=GREY, alpha=0.55, linewidth=0)
            bars.errorbar(shares, at, xerr=width, fmt="none", ecolor=INK, elinewidth=1.1)
            bars.axvline(0, color=INK, linewidth=1)
            least, most = float((shares - width).min()), float((shares + width).max())
            bars.set_xlim(min(least, 0.0) - 0.02, max(most, 0.1) * 1.08)
        bars.locator_params(axis="x", nbins=5)
        bars.set_title("S1 of the distance, share", fontsize=10)
        bars.tick_params(axis="x", labelsize=9)
        _tornado(fig.add_axes((0.475, lowest, 0.235, height)), table, "distance")
        _tornado(fig.add_axes((0.745, lowest, 0.235, height)), table, "score")
    unit = "S1, PRCC: 1; distance: half band widths; score: band widths"
    frame = table.rename_axis("parameter").reset_index().assign(unit=unit)
    return save_picture(fig, directory, "calibration_influence", title, frame)
