"""Text that is measured before it is placed: sizes, lines that fit a width, labels that keep apart.

Sizes are those of the font that is drawn, in inches, known without a figure or a renderer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

__all__ = ["LINE", "height", "shortened", "spread", "stacked", "width", "wrapped"]

FONT = "DejaVu Sans"
LINE = 1.3
"""Distance of lines over the size of the font."""
POINTS_PER_INCH = 72.0
KEPT_TOGETHER = re.compile(r"(\d) %|seed \d|\d times|(?<=\d) (?=USD|t\b|kt\b|bn\b|months?\b|weeks?\b)")
"""A number keeps its sign and its unit."""


@lru_cache(maxsize=64)
def _font(points: float, bold: bool) -> FontProperties:
    return FontProperties(family=FONT, size=points, weight="bold" if bold else "normal")


@lru_cache(maxsize=8192)
def _line_width(text: str, points: float, bold: bool) -> float:
    paths = TextToPath()
    found, _, _ = paths.get_text_width_height_descent(
        text, _font(points, bold), False
    )
    return float(found) / POINTS_PER_INCH


def width(text: str, points: float, bold: bool = False) -> float:
    """Inches that the longest line of a text takes."""
    return max(_line_width(line, points, bold) for line in text.split("\n")) if text else 0.0


def height(text: str, points: float) -> float:
    """Inches that a text takes from the top of its first line to the bottom of its last."""
    return (text.count("\n") + 1) * points * LINE / POINTS_PER_INCH


def wrapped(text: str, inches: float, points: float, bold: bool = False) -> str:
    """The text in lines that fit a width. A word that is longer than that has a line of its own."""
    glued = KEPT_TOGETHER.sub(lambda m: m.group(0).replace(" ", "\u00a0"), text)
    lines: list[str] = []
    for part in glued.split("\n"):
        line = ""
        for word in part.split(" "):
            longer = f"{line} {word}" if line else word
            if line and _line_width(longer, points, bold) > inches:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return "\n".join(lines)


def shortened(text: str, inches: float, points: float, lines: int) -> str:
    """The text in at most so many lines that fit; what does not is left out at a word, with three dots."""
    whole = wrapped(text, inches, points).split("\n")
    if len(whole) <= lines:
        return "\n".join(whole)
    words = " ".join(whole[:lines]).split(" ")
    while len(words) > 1:
        words.pop()
        tried = wrapped(" ".join(words).rstrip(",;:") + " ...", inches, points)
        if tried.count("\n") < lines:
            return tried
    return words[0]


def stacked(positions: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Move middles of things apart until none overlap, as little as possible, inside [low, high].

    Args:
        positions: where their middles should be.
        sizes: how much room each takes, in the unit of the positions.

    >>> stacked([1.0, 1.5, 5.0], [1.0, 1.0, 1.0], 0.0, 10.0)
    [0.75, 1.75, 5.0]
    """
    order = np.argsort(positions, kind="stable")
    if not len(order):
        return []
    room = np.asarray(sizes, dtype=np.float64)[order]
    offset = np.concatenate([[0.0], np.cumsum((room[1:] + room[:-1]) / 2)])
    # With z = position - offset the wish is "z must not fall": pool neighbours that do.
    pools: list[tuple[float, int]] = []
    for rank, i in enumerate(order):
        mean, count = float(positions[i]) - float(offset[rank]), 1
        while pools and pools[-1][0] > mean:
            before, size = pools.pop()
            mean, count = (before * size + mean * count) / (size + count), size + count
        pools.append((mean, count))
    placed = np.repeat([mean for mean, _ in pools], [count for _, count in pools])
    bottom = low + room[0] / 2
    placed = np.clip(placed, bottom, max(high - room[-1] / 2 - float(offset[-1]), bottom)) + offset
    result = np.empty(len(order))
    result[order] = placed
    return [float(value) for value in result]


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move positions apart to at least ``gap``, as little as possible, inside [low, high].

    >>> spread([1.0, 1.1, 5.0], 1.0, 0.0, 10.0)
    [0.55, 1.55, 5.0]
    """
    return stacked(positions, [gap] * len(positions), low - gap / 2, high + gap / 2)
