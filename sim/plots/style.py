"""The look of every picture: palette, direct labels, footer, deterministic files.

Baseline grey; scenarios in a colour-blind-safe palette, each with its own dash, so that a print
in black and white still tells them apart. Fonts are those that ship with matplotlib.
"""

from __future__ import annotations

import io
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
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from PIL import Image

from sim.analysis.names import in_text
from sim.analysis.text import number
from sim.errors import MonaziteError
from sim.files import check_inside
from sim.plots.lettering import height, spread, stacked, wrapped
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
    "Sheet",
    "between",
    "date_axis",
    "day_number",
    "factor_name",
    "file_name",
    "figure",
    "footer",
    "in_text",
    "line_labels",
    "number",
    "percent",
    "picture_of",
    "png_bytes",
    "quoted",
    "save_picture",
    "signed",
    "spread",
    "svg_text",
    "titles",
]

PALETTE = ("#D55E00", "#0072B2", "#009E73", "#B8558E", "#B87A00", "#3A92C4", "#6A3D9A", "#5B4636")
"""Okabe and Ito's colours without yellow and black, the light ones darkened so that text in them can be read,
and two more."""
DASHES: tuple[Any, ...] = (
    "solid",
    (0, (5, 2)),
    (0, (1.5, 1.5)),
    (0, (7, 2, 1.5, 2)),
    (0, (3, 1)),
    (0, (9, 3)),
    (0, (1, 3)),
    (0, (12, 2, 1, 2, 1, 2)),
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
    "text.parse_math": False,
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
SHEET_WIDTH = 11.0
MARGIN = 0.3
STRIP_INCHES = 0.24


@dataclass(frozen=True)
class Picture:
    """The files of one drawn picture and the finding that is its title."""

    title: str
    png: Path
    svg: Path
    csv: Path

    def _repr_png_(self) -> bytes:
        """What a notebook shows of it."""
        return self.png.read_bytes()


def figure(width: float = 11.0, height: float = 6.6) -> Figure:
    """An empty figure in inches, without pyplot and its global state."""
    made = Figure(figsize=(width, height), dpi=RESOLUTION)
    FigureCanvasAgg(made)
    return made


class Sheet:
    """A page whose height follows from its text and from the room that its panels need, in inches.

    Attributes:
        fig: the figure.
        width: of the page.
        room: height between subtitle and footer, as asked for.
    """

    def __init__(
        self, title: str, subtitle: str, note: str, room: float, width: float = SHEET_WIDTH
    ) -> None:
        inner = width - 2 * MARGIN
        heading = wrapped(title, inner, TITLE_POINTS, True)
        below = wrapped(subtitle, inner, SUBTITLE_POINTS) if subtitle else ""
        foot = wrapped(note, inner, FOOTER_POINTS)
        head = 0.18 + height(heading, TITLE_POINTS) + 0.04
        above = head + (height(below, SUBTITLE_POINTS) if below else 0.0) + 0.1
        under = 0.12 + height(foot, FOOTER_POINTS) + 0.06
        self.width, self.room, self._above = width, room, above
        self.fig = figure(width, above + room + under)
        self.tall = above + room + under
        self.text(MARGIN, 0.18 - above, heading, TITLE_POINTS, fontweight="bold")
        if below:
            self.text(MARGIN, head - above, below, SUBTITLE_POINTS, color=GREY)
        self.text(MARGIN, room + 0.06, foot, FOOTER_POINTS, color=GREY)

    def axes(self, x: float, y: float, wide: float, tall: float) -> Axes:
        """Axes with their upper left corner so many inches from the left and below the subtitle."""
        return self.fig.add_axes((x / self.width, self.up(y + tall), wide / self.width, tall / self.tall))

    def strip(self) -> Axes:
        """The line below the subtitle, for a key: x in inches from its left end, y from 0 to 1."""
        wide = self.width - 2 * MARGIN
        axes = self.axes(MARGIN, 0.0, wide, STRIP_INCHES)
        axes.set_axis_off()
        axes.set_xlim(0, wide)
        axes.set_ylim(0, 1)
        return axes

    def text(self, x: float, y: float, text: str, points: float, **look: Any) -> None:
        """A text with its upper left corner there, in the inches of :meth:`axes`."""
        look = {"va": "top", "linespacing": 1.2, **look}
        self.fig.text(x / self.width, self.up(y), text, fontsize=points, **look)

    def up(self, y: float) -> float:
        """A distance below the subtitle, in inches, as a share of the page's height from its bottom."""
        return 1 - (y + self._above) / self.tall


def titles(fig: Figure, title: str, subtitle: str, note: str) -> tuple[float, float]:
    """Set the finding, the explanation under it and the footer, each wrapped to the width.

    Returns:
        Bottom and top of the space left for axes, as shares of the figure's height.
    """
    wide, tall = (float(inches) for inches in fig.get_size_inches())
    inner, left, y = wide - 2 * MARGIN, MARGIN / wide, 1 - 0.18 / tall
    for text, points, colour, weight in (
        (title, TITLE_POINTS, INK, "bold"), (subtitle, SUBTITLE_POINTS, GREY, "normal"),
    ):  # fmt: skip
        if text:
            lines = wrapped(text, inner, points, weight == "bold")
            look: dict[str, Any] = {"va": "top", "linespacing": 1.2, "fontweight": weight}
            fig.text(left, y, lines, fontsize=points, color=colour, **look)
            y -= (height(lines, points) + 0.04) / tall
    foot = wrapped(note, inner, FOOTER_POINTS)
    fig.text(left, 0.12 / tall, foot, fontsize=FOOTER_POINTS, color=GREY, va="bottom", linespacing=1.2)
    return (0.12 + height(foot, FOOTER_POINTS)) / tall, y


def between(fig: Figure, space: tuple[float, float], below: float, above: float) -> tuple[float, float]:
    """Where axes begin and how high they are, as shares of the figure's height.

    Args:
        space: bottom and top, of :func:`titles`. below, above: inches left free for labels.
    """
    inch = 1.0 / float(fig.get_size_inches()[1])
    lowest = space[0] + below * inch
    return lowest, space[1] - above * inch - lowest


def footer(runs: Sequence[Run], unit: str, axis: str, members: int | None = None) -> str:
    """Unit, source, runs and where the axes start: what a picture needs when it travels alone.

    Args:
        runs: all that are shown.
        unit: of what is shown.
        axis: what else a reader must know of the axes and lines, in sentences.
        members: paired members; of the run that has fewest where None.
    """
    first = runs[0].manifest
    if members is None:
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


@dataclass(frozen=True)
class Label:
    """A name for a line: its values over time, and how it is drawn."""

    values: npt.NDArray[np.float64]
    text: str
    colour: str
    dash: Any = "solid"


SWATCH_INCHES = 0.3
LEADER_INCHES = 0.16
KEY_POINTS = 9.5


def line_labels(axes: Axes, labels: Sequence[Label], points: float = KEY_POINTS) -> None:
    """Name lines in the margin on their right: a piece of the line as it is drawn, and its name.

    Each name stands as near to the end of its line as the others leave room for, with a thin line that leads
    to it, so that a name can stand beside no line but its own.

    Args:
        axes: drawn axes with final limits and place.
        labels: one for each line, in the order in which those that end together are listed from below.
        points: font size.
    """
    named = [label for label in labels if np.isfinite(label.values).any()]
    if not named:
        return
    page, place = axes.figure.get_size_inches(), axes.get_position()  # type: ignore[union-attr]
    across, up = float(page[0]) * place.width, float(page[1]) * place.height
    margin = float(page[0]) * (1 - place.x1) - LEADER_INCHES - SWATCH_INCHES - 0.2
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = []
    for label in named:
        last = label.values[np.isfinite(label.values)][-1]
        ends.append(float(np.clip(to_axes.transform((axes.get_xlim()[1], last))[1], 0, 1)))
    texts = [wrapped(label.text, margin, points) for label in named]
    room = [(height(text, points) + 0.04) / up for text in texts]
    # Where many names share a low panel they may begin below it and end above it.
    spare = max(sum(room) - 1.0, 0.0) / 2
    start, end = 1 + LEADER_INCHES / across, 1 + (LEADER_INCHES + SWATCH_INCHES) / across
    for label, text, at, y in zip(
        named, texts, ends, stacked(ends, room, -spare, 1 + spare), strict=True
    ):  # fmt: skip
        strokes: tuple[Any, ...] = (
            ((1.0, start), (at, y), 0.7, "solid"), ((start, end), (y, y), 2.2, label.dash)
        )  # fmt: skip
        for xs, ys, wide, dash in strokes:
            line = Line2D(xs, ys, color=label.colour, linewidth=wide, linestyle=dash, clip_on=False)
            line.set_transform(axes.transAxes)
            axes.add_artist(line)
        axes.text(
            end + 0.07 / across, y, text, transform=axes.transAxes, va="center", fontsize=points,
            color=INK if label.colour == BASELINE else label.colour, linespacing=1.12,
        )  # fmt: skip


def factor_name(path: str) -> str:
    """What varies, in words.

    >>> factor_name("events.licence.approval_share"), factor_name("assumptions.thrift_speed")
    ('licence: approval share', 'thrift speed')
    """
    parts = [part.replace("_", " ").replace("-", " ") for part in path.split(".")]
    kept = parts[1:] if parts[0] in ("events", "assumptions", "time") and len(parts) > 1 else parts
    return ": ".join(kept)


def quoted(name: str) -> str:
    """A title inside a sentence."""
    return f"\u201c{name}\u201d"


def signed(value: float) -> str:
    """A number with a minus that is as wide as a plus.

    >>> signed(-1234.0), signed(5.0)
    ('\u22121,230', '5')
    """
    return ("\u2212" if value < 0 else "") + number(abs(value))


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


def svg_text(fig: Figure) -> str:
    """The figure as SVG, the same text for the same figure."""
    target = io.StringIO()
    with mpl.rc_context(STYLE):
        fig.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    return target.getvalue()


def png_bytes(fig: Figure, resolution: float) -> bytes:
    """A figure as a PNG of so many dots per inch, for a page; the same for the same drawing."""
    stream = io.BytesIO()
    with mpl.rc_context(STYLE):
        fig.savefig(stream, format="png", dpi=resolution, metadata={"Software": None})
    return stream.getvalue()


def picture_of(fig: Figure, resolution: float) -> Image.Image:
    """A figure in so many dots per inch, not yet written; the same for the same drawing.

    At few dots per inch hinted letters are wider than they were measured: lines would end beyond the edge.
    """
    stream = io.BytesIO()
    with mpl.rc_context({**STYLE, "text.hinting": "none"}):
        fig.savefig(stream, format="rgba", dpi=resolution)
    width, height = (int(length * resolution) for length in fig.get_size_inches())
    return Image.frombytes("RGBA", (width, height), stream.getvalue()).convert("RGB")


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
