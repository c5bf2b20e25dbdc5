"""Event spans: shaded behind the lines, named in lanes above them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from sim.plots.style import GREY, INK, POINTS_PER_INCH, day_number

__all__ = ["LANE_INCHES", "MAXIMUM_LANES", "draw_lanes", "lane_count", "shade"]

MAXIMUM_LANES = 5
LANE_INCHES = 0.23
SPAN = "#F2E6C9"
BAR = "#E3CC92"
LANE_POINTS = 9.5

Event = dict[str, Any]


def _span(event: Event, time: npt.NDArray[np.datetime64]) -> tuple[float, float, bool]:
    """Start and end on a date axis, and whether the event still runs when the axis ends."""
    first, last = day_number(time[0]), day_number(time[-1])
    start = day_number(event.get("from") or event.get("announced"))
    until = event.get("until")
    # An event ends with its last day.
    end = day_number(until) + 1 if until else last
    return max(start, first), min(max(end, start), last), end >= last


def _visible(events: Sequence[Event], time: npt.NDArray[np.datetime64]) -> list[Event]:
    last = day_number(time[-1])
    return [event for event in events if _span(event, time)[0] < last]


def lane_count(events: Sequence[Event], time: npt.NDArray[np.datetime64]) -> int:
    """Lanes that the events need, the one for "and n more" included."""
    return min(len(_visible(events, time)), MAXIMUM_LANES)


def event_text(event: Event) -> str:
    """Id and type of an event, each said once."""
    name = str(event["id"]).replace("_", " ")
    kind = str(event.get("type", "")).replace("_", " ")
    return name if not kind or kind in name else f"{name} ({kind})"


def draw_lanes(axes: Axes, events: Sequence[Event], time: npt.NDArray[np.datetime64]) -> None:
    """One bar per event with its name; the axes share their x limits with the panel below."""
    shown = _visible(events, time)
    hidden = len(shown) - MAXIMUM_LANES
    if hidden > 0:
        shown, hidden = shown[: MAXIMUM_LANES - 1], hidden + 1
    axes.set_axis_off()
    axes.set_xlim(day_number(time[0]), day_number(time[-1]))
    rows = len(shown) + (hidden > 0)
    axes.set_ylim(rows, 0)
    width_points = axes.get_position().width * float(axes.figure.get_size_inches()[0]) * POINTS_PER_INCH  # type: ignore[union-attr]
    first, last = axes.get_xlim()
    for row, event in enumerate(shown):
        start, end, running = _span(event, time)
        axes.barh(row + 0.5, end - start, left=start, height=0.78, color=BAR, linewidth=0)
        if event.get("announced"):
            announced = day_number(event["announced"])
            if first <= announced < start:
                axes.plot([announced, start], [row + 0.5] * 2, color=BAR, linewidth=2, linestyle=":")
        text = event_text(event) + (", stays in force" if running and not event.get("until") else "")
        needed = len(text) * LANE_POINTS * 0.56 / width_points * (last - first)
        # Where the name fits on neither side it may run on into the margin on the right.
        left_to_right = start + needed < last or start - needed < first
        axes.annotate(
            text,
            (start if left_to_right else min(start, last), row + 0.5),
            xytext=(4 if left_to_right else -4, 0),
            textcoords="offset points",
            ha="left" if left_to_right else "right",
            va="center",
            fontsize=LANE_POINTS,
            color=INK,
            annotation_clip=False,
        )
    if hidden > 0:
        axes.text(
            last, rows - 0.5, f"and {hidden} more events", ha="right", va="center", fontsize=9, color=GREY
        )


def shade(axes: Axes, events: Sequence[Event], time: npt.NDArray[np.datetime64]) -> None:
    """Shade the span of each event behind the lines, once where spans overlap."""
    spans = sorted(_span(event, time)[:2] for event in _visible(events, time))
    merged: list[list[float]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(end, merged[-1][1])
        else:
            merged.append([start, end])
    for start, end in merged:
        axes.axvspan(start, end, color=SPAN, alpha=0.55, linewidth=0, zorder=0)
