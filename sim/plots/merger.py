"""A merger review in two pictures: concentration of its markets against lines of authorities, and prices."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

from sim.analysis.merger_figures import HIGH, LOW, GoodReview, MarketRow, Review, thresholds
from sim.analysis.names import country_name
from sim.plots.lettering import width
from sim.plots.style import (
    BASELINE,
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

__all__ = ["draw_concentration", "draw_prices"]

WIDE, ROW_INCHES, POINTS = 11.0, 0.3, 9.0
MOST_MARKETS = 18
RIGHT = 1.4
"""Left free on the right for numbers, in inches."""


def _place(row: MarketRow) -> str:
    where = row.region if row.region in ("world", "EU27") else country_name(row.region)
    return f"{row.good.replace('_', ' ').capitalize()}, {where}"


def _note(found: Review) -> str:
    return (
        f"Scenario {found.scenario}, trade of the base year, all deals closed; {found.members} draws of "
        "elasticities. Prices once all sellers have answered, before supply does. Model results, not "
        "forecasts."
    )


def draw_concentration(found: Review, directory: Path) -> Picture:
    """Markets by change of the index: before, after, and who would look closer."""
    rows = sorted(found.markets, key=lambda row: -row.change)[:MOST_MARKETS]
    crossed = sum(bool(row.crossed) for row in found.markets)
    title = f"{found.title}: {crossed} of {len(found.markets)} markets cross a US or EU line"
    table = pd.DataFrame(
        {
            "good": row.good, "region": row.region, "hhi_before": row.hhi, "hhi_after": row.hhi_after,
            "change": row.change, "joint_share": row.joint, "lines": " ".join(row.crossed),
        }
        for row in rows
    )  # fmt: skip
    lines = sorted({line.hhi_above for line in thresholds() if line.hhi_above is not None})
    with mpl.rc_context(STYLE):
        fig = figure(WIDE, 2.4 + ROW_INCHES * max(len(rows), 1))
        subtitle = "Herfindahl-Hirschman index before (grey) and after; the change, and whose line it crosses"
        bottom, top = titles(fig, title, subtitle, _note(found))
        lowest, height = between(fig, (bottom, top), 0.5, 0.25)
        names = [_place(row) for row in rows]
        left = (MARGIN + max((width(name, POINTS) for name in names), default=1.0) + 0.1) / WIDE
        axes = fig.add_axes((left, lowest, 1 - RIGHT / WIDE - left, height))
        at = np.arange(len(rows))[::-1]
        for y, row in zip(at, rows, strict=True):
            color = PALETTE[0] if row.crossed else PALETTE[1]
            axes.plot([row.hhi, row.hhi_after], [y, y], color=color, linewidth=2.5, solid_capstyle="butt")
            axes.plot([row.hhi], [y], "o", color=BASELINE, markersize=5)
            axes.plot([row.hhi_after], [y], "o", color=color, markersize=6)
            text = f"{row.change:+,.0f}" + (f"  {' '.join(row.crossed)}" if row.crossed else "")
            axes.annotate(
                text, (1.0, y), xycoords=("axes fraction", "data"), xytext=(6, 0),
                textcoords="offset points", va="center", fontsize=POINTS, color=INK, annotation_clip=False,
            )  # fmt: skip
        for line in lines:
            axes.axvline(line, color=GREY, linewidth=0.8, linestyle=(0, (3, 3)))
            axes.annotate(
                f"{line:,.0f}", (line, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 2),
                textcoords="offset points", ha="center", va="bottom", fontsize=8, color=GREY,
            )  # fmt: skip
        axes.set_yticks(at, names, fontsize=POINTS)
        axes.set_ylim(-0.7, max(len(rows), 1) - 0.3)
        axes.set_xlim(left=0)
        axes.set_xlabel("Herfindahl-Hirschman index, 0 to 10,000", fontsize=POINTS)
        axes.tick_params(axis="x", labelsize=POINTS)
        return save_picture(fig, directory, "merger_concentration", title, table)


def _priced(good: GoodReview) -> list[tuple[str, str, float, float, float]]:
    """Rows of a good: who, what colour, central value, low, high."""
    name = good.good.replace("_", " ").capitalize()
    bands = [(firm, "party", band) for firm, band in good.parties.items()]
    bands += [("rivals", "rivals", good.rivals), ("users pay", "users", good.users)]
    bands += [(f"users, remedy: {text}"[:46], "remedy", band) for text, band in good.remedies.items()]
    return [(f"{name}: {who}", kind, band.value, band.low, band.high) for who, kind, band in bands]


def draw_prices(found: Review, directory: Path) -> Picture:
    """Prices of parties and rivals, what users pay, and what remedies leave of it, with bands."""
    rows = [row for good in found.goods for row in _priced(good)]
    table = pd.DataFrame(rows, columns=["who", "kind", "price", "low", "high"])
    most = max(found.goods, key=lambda good: good.users.value, default=None)
    title = f"{found.title}: nothing changes"
    if most is not None:
        name = most.good.replace("_", " ")
        title = f"{found.title}: users of {name} pay {100 * most.users.value:+.2f} %"
    colors = {"party": PALETTE[0], "rivals": PALETTE[1], "users": INK, "remedy": PALETTE[2]}
    with mpl.rc_context(STYLE):
        fig = figure(WIDE, 2.3 + ROW_INCHES * max(len(rows), 1))
        subtitle = f"Change of price; points: the central case, lines: {LOW}th to {HIGH}th percentile"
        bottom, top = titles(fig, title, subtitle, _note(found))
        lowest, height = between(fig, (bottom, top), 0.5, 0.1)
        left = (MARGIN + max((width(row[0], POINTS) for row in rows), default=1.0) + 0.1) / WIDE
        axes = fig.add_axes((left, lowest, 1 - RIGHT / WIDE - left, height))
        at = np.arange(len(rows))[::-1]
        for y, (_, kind, value, low, high) in zip(at, rows, strict=True):
            axes.hlines(y, 100 * low, 100 * high, color=colors[kind], linewidth=2)
            axes.plot([100 * value], [y], "o", color=colors[kind], markersize=6)
            axes.annotate(
                f"{100 * value:+.2f} %", (1.0, y), xycoords=("axes fraction", "data"), xytext=(6, 0),
                textcoords="offset points", va="center", fontsize=POINTS, color=INK, annotation_clip=False,
            )  # fmt: skip
        axes.axvline(0, color=GREY, linewidth=0.8)
        axes.set_yticks(at, [row[0] for row in rows], fontsize=POINTS)
        axes.set_ylim(-0.7, max(len(rows), 1) - 0.3)
        axes.set_xlabel("per cent of the price before", fontsize=POINTS)
        axes.tick_params(axis="x", labelsize=POINTS)
        return save_picture(fig, directory, "merger_prices", title, table)
