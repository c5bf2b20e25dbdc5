"""Where the words of a figure are: cut off at its edge, or one over the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

SLACK = 1.5
"""Pixels by which boxes may touch: a box has room for letters that hang below the line."""


def _not_drawn(axes: Axes) -> Iterator[Text]:
    """Names of ticks beyond the limits, and all that belongs to axes that are switched off."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not axes.axison or not low <= tick.get_loc() <= high:
                yield from (tick.label1, tick.label2)
        if not axes.axison:
            yield axis.label


def faults(figure: Figure) -> list[str]:
    """A sentence for each text that is cut or lies on another."""
    # At few dots per inch letters are wider than they should be.
    figure.set_dpi(150)
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    wide, tall = figure.canvas.get_width_height()
    hidden = {id(text) for axes in figure.axes for text in _not_drawn(axes)}
    boxes = []
    for text in figure.findobj(Text):
        if not text.get_visible() or not text.get_text().strip():
            continue
        if id(text) in hidden:
            continue
        boxes.append((text.get_text(), text.get_window_extent(renderer)))
    found = [
        f"cut: {said!r}"
        for said, box in boxes
        if box.x0 < -SLACK or box.y0 < -SLACK or box.x1 > wide + SLACK or box.y1 > tall + SLACK
    ]
    for (said, a), (other, b) in combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        up = min(a.y1, b.y1) - max(a.y0, b.y0)
        if across > SLACK and up > SLACK + 0.2 * min(a.height, b.height):
            found.append(f"overlap: {said!r} and {other!r}")
    return found
