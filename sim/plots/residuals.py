"""Model against what was observed, target by target, after a search."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes

from sim.past.diagnosis import residuals
from sim.past.posterior import MOST
from sim.past.search import Found
from sim.plots.parameter_rows import note
from sim.plots.style import GREY, INK, PALETTE, STYLE, Picture, between, figure, save_picture, titles

__all__ = ["draw_residuals"]

TARGET_INCHES = 0.44
EPISODE_INCHES = 0.36
WIDTH_OF_TEXT = 54
"""Letters of a target's text on one line."""


@dataclass(frozen=True)
class _Rows:
    """Where the rows of targets and the names of episodes stand, in inches from the top."""

    targets: list[float]
    episodes: list[tuple[float, str]]
    height: float

    @classmethod
    def of(cls, episodes: Iterable[str]) -> _Rows:
        """A row for each target, given the episode of each, under the name of its episode."""
        targets, heads, y = [], [], 0.0
        last = None
        for episode in episodes:
            if episode != last:
                heads.append((y + 0.5 * EPISODE_INCHES, episode))
                y += EPISODE_INCHES
                last = episode
            targets.append(y + 0.5 * TARGET_INCHES)
            y += TARGET_INCHES
        return cls(targets, heads, y)


def _finding(table: pd.DataFrame) -> str:
    inside = int(((table["median"] >= table["low"]) & (table["median"] <= table["high"])).sum())
    worst = table.to_dict("records")[int(table["median"].abs().to_numpy().argmax())]
    way = "high" if worst["median"] > 0 else "low"
    return (
        f"{inside} of {len(table)} posterior medians lie in their bands; farthest from what was observed: "
        f"{worst['target']}, {abs(worst['median']):.1f} half band widths too {way}"
    )


def _draw(axes: Axes, table: pd.DataFrame, rows: _Rows, left: float) -> None:
    """Bands, quantiles and names; ``left`` is where the axes start, as a share of the figure."""
    axes.set_ylim(rows.height, 0)
    axes.axvline(0, color=INK, linewidth=1)
    for at, row in zip(rows.targets, table.to_dict("records"), strict=True):
        axes.barh(
            at, row["high"] - row["low"], left=row["low"], height=0.3, color=PALETTE[0], alpha=0.25,
            linewidth=0,
        )  # fmt: skip
        ends = [row["p10"], row["p90"]]
        axes.plot(ends, [at, at], color=PALETTE[1], linewidth=3.2, solid_capstyle="butt")
        axes.plot([row["median"]], [at], "o", color=PALETTE[1], markersize=6.5)
        axes.plot([row["central"]], [at], "o", markerfacecolor="none", markeredgecolor=INK, markersize=10)
    reach = max(2.0, float(table[["p10", "p90", "low", "high", "central"]].abs().to_numpy().max()))
    axes.set_xlim(-reach - 0.4, reach + 0.4)
    texts = [
        f"{row['target']}  " + textwrap.fill(str(row["text"]), WIDTH_OF_TEXT, break_on_hyphens=False)
        for row in table.to_dict("records")
    ]
    axes.set_yticks(rows.targets, texts, fontsize=9)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    for at, episode in rows.episodes:
        axes.text(
            (0.3 / 11.0 - left) / (0.975 - left), at, episode, transform=axes.get_yaxis_transform(),
            va="center", fontsize=10, fontweight="bold", color=GREY,
        )  # fmt: skip
    axes.set_xlabel("half band widths from observed", fontsize=9.5)


def draw_residuals(found: Found, directory: Path) -> Picture:
    """Posterior median and p10 to p90 of every target with its band, grouped by episode."""
    table = residuals(found)
    rows = _Rows.of(table["episode"])
    title = _finding(table)
    subtitle = (
        "Model against observed, in half widths of the accepted band (logarithms where the band is positive)."
        " Orange: band; blue: p10, median and p90 of the posterior; ring: all parameters at their medians"
    )
    draws = (
        f"{len(found.rows)} draws without noise. At most {MOST:g} half band widths count; zero counts as "
        f"-{MOST:g} where the band is positive."
    )
    with mpl.rc_context(STYLE):
        fig = figure(11.0, 2.5 + rows.height)
        bottom, top = titles(fig, title, subtitle, note(found, draws))
        lowest, height = between(fig, (bottom, top), 0.62, 0.15)
        left = 0.46
        axes = fig.add_axes((left, lowest, 0.975 - left, height))
        _draw(axes, table, rows, left)
    return save_picture(fig, directory, "calibration_residuals", title, table.assign(unit="half band widths"))
