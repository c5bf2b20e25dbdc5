"""The look of every picture: palette, direct labels, footer, deterministic files.

Baseline grey; scenarios in a colour-blind-safe palette, each with its own dash, so that a print
in black and white still tells them apart. Fonts are those that ship with matplotlib.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import ConciseDateFormatter, YearLocator, date2num
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from sim.analysis.names import in_text
from sim.analysis.text import number
from sim.errors import MonaziteError
from sim.files import check_inside
from sim.results import Run

__all__ = [
    "BASELINE",
    "DASHES",
    "GREY",
    "HALO",
    "INK",
    "Label",
    "PALETTE",
    "STYLE",
    "Picture",
    "date_axis",
    "day_number",
    "file_name",
    "figure",
    "footer",
    "in_text",
    "line_labels",
    "number",
    "percent",
    "save_picture",
    "spread",
    "titles",
]

PALETTE = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's colours, without yellow and black."""
DASHES: tuple[Any, ...] = (
    "solid",
    (0, (5, 2)),
    (0, (1.5, 1.5)),
    (0, (7, 2, 1.5, 2)),
    (0, (3, 1)),
    (0, (9, 3)),
)
BASELINE = "#8A8A8A"
GREY = "#5F5F5F"
INK = "#1F1F1F"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.8,
    "svg.hashsalt": "monazite",
    "svg.fonttype": "path",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}
HALO = [withStroke(linewidth=3, foreground="white")]
"""A white rim that keeps text readable on lines."""
RESOLUTION = 150
"""Dots per inch: 1650 pixels on a figure 11 inches wide, enough for a slide and for print."""
TITLE_POINTS = 15.0
SUBTITLE_POINTS = 11.0
FOOTER_POINTS = 8.5
POINTS_PER_INCH = 72.0


@dataclass(frozen=True)
class Picture:
    """The files of one drawn picture and the finding that is its title."""

    title: str
    png: Path
    svg: Path
    csv: Path


def figure(width: float = 11.0, height: float = 6.6) -> Figure:
    """An empty figure in inches, without pyplot and its global state."""
    made = Figure(figsize=(width, height), dpi=RESOLUTION)
    FigureCanvasAgg(made)
    return made


def _wrap(text: str, width_inches: float, points: float) -> str:
    # DejaVu Sans is about 0.55 em wide on average; bold a little more. A number keeps its sign.
    text = re.sub(r"(\d) %|seed \d|\d times", lambda m: m.group(0).replace(" ", "\u00a0"), text)
    return "\n".join(
        textwrap.wrap(text, int(width_inches * POINTS_PER_INCH / (points * 0.58)), break_on_hyphens=False)
    )


def titles(fig: Figure, title: str, subtitle: str, note: str) -> tuple[float, float]:
    """Set the finding, the explanation under it and the footer, each wrapped to the width.

    Returns:
        Bottom and top of the space left for axes, as shares of the figure's height.
    """
    width, height = fig.get_size_inches()
    inner = float(width) - 0.6
    left = 0.3 / float(width)
    inch = 1.0 / float(height)
    heading = _wrap(title, inner, TITLE_POINTS * 1.07)
    y = 1 - 0.18 * inch
    fig.text(left, y, heading, fontsize=TITLE_POINTS, fontweight="bold", va="top", linespacing=1.25)
    y -= (heading.count("\n") + 1) * TITLE_POINTS * 1.28 / POINTS_PER_INCH * inch + 0.05 * inch
    if subtitle:
        below = _wrap(subtitle, inner, SUBTITLE_POINTS)
        fig.text(left, y, below, fontsize=SUBTITLE_POINTS, color=GREY, va="top", linespacing=1.25)
        y -= (below.count("\n") + 1) * SUBTITLE_POINTS * 1.28 / POINTS_PER_INCH * inch
    foot = _wrap(note, inner, FOOTER_POINTS)
    fig.text(left, 0.12 * inch, foot, fontsize=FOOTER_POINTS, color=GREY, va="bottom", linespacing=1.3)
    bottom = 0.12 * inch + (foot.count("\n") + 1) * FOOTER_POINTS * 1.35 / POINTS_PER_INCH * inch
    return bottom, y


def footer(runs: Sequence[Run], unit: str, axis: str) -> str:
    """Unit, source, runs and where the axes start: what a picture needs when it travels alone."""
    first = runs[0].manifest
    members = min(int(run.manifest["members"]) for run in runs)
    band = f"{members} paired members" if members > 1 else "one member, hence no band"
    return (
        f"Unit: {unit}. {axis} Model results, not forecasts: Monazite {first['version']}, base year "
        f"{first['base_year']} built from USGS, BACI (CEPII), IEA and BGS data. "
        f"Runs: {', '.join(run.id for run in runs)} ({band}, seed {first['seed']})."
    )


def day_number(day: object) -> float:
    """Position of a date on a date axis."""
    return float(date2num(np.datetime64(str(day), "D")))  # type: ignore[no-untyped-call]


def date_axis(axes: Axes, time: npt.NDArray[np.datetime64], every: int = 1) -> None:
    """A tick every so many years, no padding left or right."""
    years = (time[-1] - time[0]) / np.timedelta64(365, "D")
    locator = YearLocator(every if years < 12 * every else 2 * every)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_xlim(time[0], time[-1])


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move positions apart to at least ``gap``, as little as possible, inside [low, high].

    >>> spread([1.0, 1.1, 5.0], 1.0, 0.0, 10.0)
    [0.55, 1.55, 5.0]
    """
    order = np.argsort(positions, kind="stable")
    if not len(order):
        return []
    # With z = position - rank * gap the wish is "z must not fall": pool neighbours that do.
    pools: list[tuple[float, int]] = []
    for rank, i in enumerate(order):
        mean, count = float(positions[i]) - rank * gap, 1
        while pools and pools[-1][0] > mean:
            before, size = pools.pop()
            mean, count = (before * size + mean * count) / (size + count), size + count
        pools.append((mean, count))
    heights = np.repeat([mean for mean, _ in pools], [count for _, count in pools])
    heights = np.clip(heights, low, max(high - (len(order) - 1) * gap, low)) + gap * np.arange(len(order))
    result = np.empty(len(order))
    result[order] = heights
    return [float(value) for value in result]


@dataclass(frozen=True)
class Label:
    """A name for a line: its values over time, so that the name can stand where lines part."""

    values: npt.NDArray[np.float64]
    text: str
    colour: str


def line_labels(
    axes: Axes, time: npt.NDArray[np.datetime64], labels: Sequence[Label], points: float = 10.5
) -> None:
    """Name the lines directly instead of in a legend.

    Names stand at the right edge. Lines that end together but part on the way are named where
    they part most, since names stacked beside one point would say nothing.

    Args:
        axes: drawn axes with final limits.
        time: (time,) dates of the values.
        labels: one per line; the first is the reference from which the others part.
        points: font size.
    """
    named = [label for label in labels if np.isfinite(label.values).any()]
    if not named:
        return
    figure_height = float(axes.figure.get_size_inches()[1])  # type: ignore[union-attr]
    height = axes.get_position().height * figure_height * POINTS_PER_INCH
    to_axes = axes.transData + axes.transAxes.inverted()

    def share(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        filled = pd.Series(values).ffill().bfill().to_numpy()
        points_at = np.column_stack([np.zeros(len(filled)), filled])
        placed: npt.NDArray[np.float64] = np.clip(to_axes.transform(points_at)[:, 1], 0, 1)
        return placed

    heights = [share(label.values) for label in named]
    line = points * 1.3 * max(label.text.count("\n") + 1 for label in named) / height
    at_peak: list[int] = []
    for i in range(1, len(named)):
        crowded = any(abs(heights[i][-1] - heights[j][-1]) < line for j in range(len(named)) if j != i)
        if crowded and np.abs(heights[i] - heights[0]).max() > points * 1.3 / height:
            at_peak.append(i)
    edge = [i for i in range(len(named)) if i not in at_peak]
    edge.sort(key=lambda i: (round(float(heights[i][-1]) / line), float(heights[i].mean())))
    common: dict[str, Any] = {"fontsize": points, "linespacing": 1.15, "annotation_clip": False}
    for i, y in zip(edge, spread([float(heights[i][-1]) for i in edge], line, 0.0, 1.0), strict=True):
        axes.annotate(
            named[i].text, (1.0, y), xycoords="axes fraction", xytext=(6, 0),
            textcoords="offset points", va="center", color=named[i].colour, **common,
        )  # fmt: skip
    width = axes.get_position().width * float(axes.figure.get_size_inches()[0]) * POINTS_PER_INCH  # type: ignore[union-attr]
    taken: list[_Box] = []
    for i in at_peak:
        text = named[i].text.replace("\n", " ")
        size = (len(text) * points * LETTER_WIDTH / width, points * 1.3 / height)
        box = _free_box(i, heights, size, taken)
        taken.append(box)
        axes.annotate(
            text, (box[0], box[1]), xycoords="axes fraction", ha="left", va="bottom",
            color=named[i].colour, fontweight="bold", path_effects=HALO, **common,
        )  # fmt: skip


_Box = tuple[float, float, float, float]
"""Left, bottom, right, top in shares of the axes."""
LETTER_WIDTH = 0.66
"""Width of a bold letter over the font size, on average."""


def _overlap(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _free_box(
    line: int,
    heights: Sequence[npt.NDArray[np.float64]],
    size: tuple[float, float],
    taken: Sequence[_Box],
) -> _Box:
    """Where the name of a line covers no other name and as little as possible of any line.

    Candidates stand above and below the line wherever it is well apart from the first one.
    """
    apart = np.abs(heights[line] - heights[0])
    steps = len(apart)
    x = np.arange(steps) / max(steps - 1, 1)
    gap = 0.4 * size[1]
    best: tuple[float, _Box] | None = None
    for where in np.flatnonzero(apart >= 0.5 * apart.max())[:: max(1, steps // 60)].tolist():
        for up in (True, False):
            for left in (x[where], x[where] - size[0]):
                low = heights[line][where] + gap if up else heights[line][where] - gap - size[1]
                box = (float(left), float(low), float(left) + size[0], float(low) + size[1])
                if box[0] < 0 or box[2] > 1 or box[1] < 0 or box[3] > 1:
                    continue
                inside = (x >= box[0]) & (x <= box[2])
                covered = sum(
                    float(np.mean((h[inside] > box[1]) & (h[inside] < box[3])))
                    for h in heights
                    if inside.any()
                )
                cost = 10.0 * sum(_overlap(box, other) for other in taken) + 3.0 * covered
                cost -= float(apart[where] / apart.max())
                if best is None or cost < best[0]:
                    best = (cost, box)
    if best is None:
        top = 1 - size[1] * (len(taken) + 1)
        return (0.02, top, 0.02 + size[0], top + size[1])
    return best[1]


def percent(share: float) -> str:
    """A share as a percentage.

    >>> percent(0.304), percent(0.004)
    ('30 %', '0.4 %')
    """
    return f"{100 * share:.1f} %" if 0 < abs(share) < 0.01 else f"{100 * share:.0f} %"


def file_name(*parts: str) -> str:
    """A file name without characters that a shell or a web server minds."""
    text = "_".join(parts)
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in text)


def save_picture(fig: Figure, directory: Path, name: str, title: str, table: pd.DataFrame) -> Picture:
    """Write ``name.png``, ``name.svg`` and the plotted numbers as ``name.csv``.

    The bytes depend on the drawing alone: no dates, no random ids.

    Raises:
        MonaziteError: the directory cannot be written.
    """
    png, svg, csv = (directory / f"{name}.{kind}" for kind in ("png", "svg", "csv"))
    for path in (png, svg, csv):
        # Pictures go into the folder of the run by default, which somebody may have sent.
        check_inside(directory.parent, path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context(STYLE):
            fig.savefig(png, dpi=RESOLUTION, metadata={"Software": None})
            fig.savefig(svg, metadata={"Date": None, "Creator": None})
        table.to_csv(csv, index=False, float_format="%.6g", lineterminator="\n")
    except OSError as error:
        raise MonaziteError(
            f"{directory}: cannot write pictures there ({error.strerror or error})"
        ) from error
    return Picture(title, png, svg, csv)
