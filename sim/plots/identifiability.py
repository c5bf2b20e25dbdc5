"""Which target moves with which parameter, and how much narrower each parameter became."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from sim.past.diagnosis import STILL, correlations
from sim.past.search import Found
from sim.plots.parameter_rows import ROW_INCHES, note, parameter_rows, plain
from sim.plots.style import GREY, INK, PALETTE, STYLE, Picture, between, figure, percent, save_picture, titles

__all__ = ["draw_identifiability"]

COLOURS = LinearSegmentedColormap.from_list("signed", [PALETTE[1], "#F6F4F1", PALETTE[0]])
NARROWED = 0.7
"""Width of what was kept, as a share of the prior's, up to which a parameter counts as narrowed."""


def _finding(found: Found) -> str:
    narrowing = dict(zip(found.request.parameters, found.narrowing(), strict=True))
    learned = sorted((w, name) for name, w in narrowing.items() if w <= NARROWED)
    if not learned:
        return f"The episodes narrow none of {len(narrowing)} parameters to {percent(NARROWED)} of its prior"
    best = ", ".join(f"{plain(name)} ({percent(width)})" for width, name in learned[:2])
    return (
        f"The episodes narrow {len(learned)} of {len(narrowing)} parameters to {percent(NARROWED)} of the "
        f"prior's width or less; most: {best}"
    )


def draw_identifiability(found: Found, directory: Path) -> Picture:
    """Heat map of rank correlations beside bars of widths, the most narrowed parameter on top."""
    narrowing = dict(zip(found.request.parameters, found.narrowing(), strict=True))
    names = sorted(narrowing, key=lambda name: narrowing[name])
    table = correlations(found).loc[names]
    widths = np.array([narrowing[name] for name in names])
    title = _finding(found)
    subtitle = (
        "Left: rank correlation of parameter and target over draws from the priors. Right: p10 to p90 of "
        "what was kept, over that of the prior (1: nothing learned)"
    )
    still = [str(name) for name in table.columns if table[name].isna().all()]
    blank = f" Blank: moves less than {STILL:g} half band widths over all draws." if still else ""
    first = len(found.first_round.distances)
    draws = f"Correlations over {first:,} draws, widths over {len(found.rows)}.{blank}"
    with mpl.rc_context(STYLE):
        fig = figure(11.0, 2.5 + ROW_INCHES * len(names))
        bottom, top = titles(fig, title, subtitle, note(found, draws))
        lowest, height = between(fig, (bottom, top), 0.62, 0.42)
        axes = fig.add_axes((0.215, lowest, 0.525, height))
        values = table.to_numpy(dtype=np.float64)
        axes.imshow(np.ma.masked_invalid(values), cmap=COLOURS, vmin=-1, vmax=1, aspect="auto")
        parameter_rows(axes, names, shown=True)
        axes.grid(visible=False)
        for (i, j), value in np.ndenumerate(values):
            if np.isfinite(value):
                strong = abs(value) >= 0.6
                colour = "white" if strong else INK if abs(value) >= 0.2 else GREY
                text = f"{value:+.1f}" if round(abs(value), 1) else "0"
                axes.text(j, i, text, ha="center", va="center", fontsize=9, color=colour)
        axes.set_xticks(range(values.shape[1]), list(table.columns), fontsize=9.5)
        axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0, labelcolor=INK)
        axes.spines["bottom"].set_visible(False)
        bars = fig.add_axes((0.765, lowest, 0.2, height))
        bars.barh(range(len(names)), widths, height=0.66, color=PALETTE[1], linewidth=0)
        parameter_rows(bars, names, shown=False)
        bars.axvline(1.0, color=GREY, linewidth=1)
        # Figures stand in a column of their own: behind the bars they would meet the line at 1.
        reach = max(1.0, float(widths.max())) + 0.04
        bars.set_xlim(0, reach + 0.28)
        for i, width in enumerate(widths.tolist()):
            bars.text(reach, i, f"{width:.2f}", va="center", fontsize=9, color=INK)
        bars.set_xticks([0, 0.5, 1])
        bars.tick_params(axis="x", labelsize=9)
        bars.set_xlabel("width over prior's", fontsize=9.5)
    frame = table.rename_axis("parameter").reset_index().assign(width_over_prior=widths, unit="1")
    return save_picture(fig, directory, "calibration_identifiability", title, frame)
