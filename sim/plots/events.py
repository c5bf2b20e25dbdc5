"""Events above the panels: one bar each, in the colours of the scenarios that have it, with its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from sim.plots.lettering import shortened, width
from sim.plots.style import GREY, INK, day_number

if TYPE_CHECKING:
    from sim.plots.case import Case

__all__ = ["LANE_INCHES", "Lane", "draw_lanes", "event_lanes", "event_text", "lanes_of", "shade"]

MAXIMUM_LANES = 8
LANE_INCHES = 0.23
LANE_POINTS = 9.0
PLAIN = "#CDA349"
"""Colour of an event where there are no scenarios to tell apart."""

Event = dict[str, Any]
Times = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class Lane:
    """One bar: its name, its days as numbers of a date axis, and the colours of those who have it."""

    text: str
    announced: float
    start: float
    end: float
    colours: tuple[str, ...]


def event_text(event: Event) -> str:
    """Id and type of an event, each said once."""
    name, kind = (str(event.get(key, "")).replace("_", " ") for key in ("id", "type"))
    name = name.replace("-", " ")
    return name if not kind or kind in name else f"{name} ({kind})"


def _span(event: Event, time: Times) -> tuple[float, float, bool]:
    """Start and end on a date axis, and whether the event still runs when the axis ends."""
    first, last = day_number(time[0]), day_number(time[-1])
    start = day_number(event.get("from") or event.get("announced") or str(time[0])[:10])
    until = event.get("until")
    # An event ends with its last day.
    end = day_number(until) + 1 if until else last
    return max(start, first), min(max(end, start), last), end >= last


def lanes_of(events: Sequence[tuple[Event, tuple[str, ...]]], time: Times) -> list[Lane]:
    """Bars of events and their colours, earliest first; the last says how many more there are."""
    last = day_number(time[-1])
    found = []
    for event, colours in events:
        start, end, running = _span(event, time)
        if start >= last:
            continue
        ahead = day_number(event["announced"]) if event.get("announced") else start
        stays = ", stays in force" if running and not event.get("until") else ""
        found.append(Lane(event_text(event) + stays, ahead, start, end, colours))
    found.sort(key=lambda lane: lane.start)
    if len(found) > MAXIMUM_LANES:
        more = found[MAXIMUM_LANES - 1 :]
        colours = tuple(dict.fromkeys(colour for lane in more for colour in lane.colours))
        start, end = min(lane.start for lane in more), max(lane.end for lane in more)
        found[MAXIMUM_LANES - 1 :] = [Lane(f"and {len(more)} more events", start, start, end, colours)]
    return found


def event_lanes(case: Case) -> list[Lane]:
    """Bars of all events of a case that touch its good; an event that several have is one bar."""
    owners: dict[str, tuple[Event, list[str]]] = {}
    for shown in case.lined.all:
        for event in case.events(shown):
            key = f"{event['id']} {event.get('sentence')}"
            owners.setdefault(key, (event, []))[1].append(shown.colour)
    return lanes_of([(event, tuple(colours)) for event, colours in owners.values()], case.lined.time)


def draw_lanes(axes: Axes, lanes: Sequence[Lane], time: Times) -> None:
    """One bar per event with its name; the axes share their x limits with the panel below."""
    axes.set_axis_off()
    first, last = day_number(time[0]), day_number(time[-1])
    axes.set_xlim(first, last)
    axes.set_ylim(max(len(lanes), 1), 0)
    page = axes.figure.get_size_inches()  # type: ignore[union-attr]
    inches = axes.get_position().width * float(page[0])
    margin = float(page[0]) * (1 - axes.get_position().x1) - 0.15
    days = (last - first) / inches
    for row, lane in enumerate(lanes):
        thick = 0.74 / len(lane.colours)
        for i, colour in enumerate(lane.colours):
            axes.barh(
                row + 0.13 + i * thick, max(lane.end - lane.start, 0.02 * days), left=lane.start,
                height=thick, align="edge", color=colour, alpha=0.34, linewidth=0,
            )  # fmt: skip
        if first <= lane.announced < lane.start:
            axes.plot(
                [lane.announced, lane.start], [row + 0.5] * 2, color=lane.colours[0], linewidth=2,
                linestyle=":",
            )  # fmt: skip
        wide = (width(lane.text, LANE_POINTS) + 0.1) * days
        room = last + margin * days
        text, x, side = lane.text, lane.start + 0.05 * days, "left"
        if lane.start + wide > room and lane.announced - wide >= first:
            x, side = lane.announced - 0.05 * days, "right"
        elif lane.start + wide > room:
            # A name that fits on neither side ends where the margin does.
            text = shortened(lane.text, (room - first) / days - 0.1, LANE_POINTS, 1)
            x, side = max(room - wide, first), "left"
        axes.text(
            x, row + 0.5, text, ha=side, va="center", fontsize=LANE_POINTS, color=INK, clip_on=False,
        )  # fmt: skip


def shade(axes: Axes, lanes: Sequence[Lane], alone: bool) -> None:
    """Spans of events behind the lines of a single scenario; else a mark where each event begins."""
    if not alone:
        for lane in lanes:
            for colour in lane.colours:
                axes.axvline(lane.start, color=colour, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0.5)
        return
    merged: list[list[float]] = []
    for lane in sorted(lanes, key=lambda lane: lane.start):
        if merged and lane.start <= merged[-1][1]:
            merged[-1][1] = max(lane.end, merged[-1][1])
        else:
            merged.append([lane.start, lane.end])
    for start, end in merged:
        axes.axvspan(
            start, end, color=lanes[0].colours[0] if lanes else GREY, alpha=0.07, linewidth=0, zorder=0
        )
