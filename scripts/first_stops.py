"""The picture of docs/behaviour.md that shows when users stop after a complete stop of exports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np

from scripts.behaviour_measures import MEMBERS, Stop
from scripts.behaviour_numbers import ranks
from scripts.picture_tools import footer, key, one_axes, save
from sim.plots.style import INK, PALETTE, STYLE, figure, in_text, titles

SHOWN_USERS = 4
"""Of each good the users that stop first."""
LEFT = 0.43
COLOURS = {"stock": PALETTE[1], "under way": PALETTE[5], "first lacks half": PALETTE[0]}


@dataclass(frozen=True)
class Row:
    """A line of the picture: a user of a good, at a position of the stop's users; below 0 for nobody."""

    good: str
    user: str
    stop: Stop
    position: int


def _rows(found: Mapping[str, Stop]) -> list[Row]:
    rows = []
    for good, stop in found.items():
        middle = np.median(stop.stops, 0)
        order = [u for u in np.argsort(middle, kind="stable").tolist() if np.isfinite(middle[u])]
        rows += [Row(good, stop.users[u], stop, u) for u in order[:SHOWN_USERS]]
        if not order:
            rows.append(Row(good, "nobody lacks half of the need", stop, -1))
    return rows


def _words(found: Mapping[str, Stop]) -> tuple[str, str, str]:
    """Title, what is shown, and footer."""
    weeks = {good: ranks(stop.stops.min(1))[1] for good, stop in found.items()}
    finite = [week for week in weeks.values() if np.isfinite(week)]
    spared = " and ".join(in_text(good) for good, week in weeks.items() if np.isinf(week))
    title = (
        f"After a complete stop the first users abroad stop after {min(finite):.0f} to {max(finite):.0f} "
        "weeks, about when stock and cargo are used up" + (f"; those of {spared} do not" if spared else "")
    )
    text = (
        "Dots: week in which a user first lacks half of what it needs, after a stop of all Chinese exports "
        "of the good; bars: what it held and what was under way on the day before, in weeks of need. The "
        "four that stop first of each good."
    )
    runs = "baseline-2024 with an export_ban, as in docs/behaviour.md"
    return title, text, footer("weeks since the stop; weeks of need", 2024, runs, members=MEMBERS)


def _draw_user(axes: Any, y: float, stop: Stop, user: int) -> None:
    """Bars of what a user held, and the week in which it first lacks half, with the band."""
    axes.barh(y, stop.stock[user], 0.62, color=COLOURS["stock"])
    axes.barh(y, stop.under_way[user], 0.62, left=stop.stock[user], color=COLOURS["under way"], alpha=0.6)
    low, middle, high = np.minimum(ranks(stop.stops[:, user]), stop.release - stop.start)
    colour = COLOURS["first lacks half"]
    axes.plot([low, high], [y, y], color=colour, linewidth=1.4)
    axes.plot(middle, y, "o", color=colour, markersize=7)
    near: dict[str, Any] = {"xytext": (7, 0), "textcoords": "offset points", "va": "center"}
    axes.annotate(f"{middle:.0f}", (high, y), fontsize=9.5, color=colour, **near)


def _draw_rows(axes: Any, rows: list[Row]) -> None:
    """Users below each other, each good under its name."""
    heading: dict[str, Any] = {
        "xycoords": ("axes fraction", "data"), "xytext": (-6, 0), "textcoords": "offset points",
        "ha": "right", "va": "center", "fontsize": 10.5, "fontweight": "bold", "annotation_clip": False,
    }  # fmt: skip
    places, y, previous = [], 0.0, ""
    for row in rows:
        if row.good != previous:
            y += 0.9 if previous else 0.0
            axes.annotate(row.good, (0, y), **heading)
            y, previous = y + 1, row.good
        places.append(y)
        if row.position >= 0:
            _draw_user(axes, y, row.stop, row.position)
        y += 1
    axes.set_yticks(places, [row.user for row in rows], fontsize=9.5)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(y - 0.4, -0.6)
    axes.set_xlim(0)
    axes.set_xlabel("weeks")
    axes.grid(axis="x", alpha=0.3)
    axes.grid(visible=False, axis="y")


def draw_first_stops(found: Mapping[str, Stop]) -> None:
    """Draw docs/images/behaviour_first-stop.png."""
    with mpl.rc_context(STYLE):
        fig = figure(9.0, 6.6)
        bottom, top = titles(fig, *_words(found))
        _draw_rows(one_axes(fig, (bottom, top), 0.97, left=LEFT), _rows(found))
        key(fig, top, COLOURS, LEFT)
        save(fig, "behaviour_first-stop.png")
