"""The pictures of a page, small enough to travel inside it, each with its numbers."""

from __future__ import annotations

import base64
import gzip
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from sim.report.crew import Crew
from sim.results import Run

__all__ = ["Shot", "Shots", "begin_shots", "data_uri", "draw", "fitted", "packed"]

RESOLUTIONS = (120, 95, 75)
"""Dots per inch; the finest with which all pictures fit the room that there is."""
COLOURS = 96
"""Of a picture: flat areas and lines need no more."""
EFFORT = 7
"""Of compression: the highest saves another 7 % of a picture, and takes five times as long."""


@dataclass(frozen=True)
class Shot:
    """One picture on the page.

    Attributes:
        good: good id.
        title: the finding that it shows. words: that, and what is shown, for who does not see it.
        image: PNG. width, height: of it, in pixels.
        csv: its numbers. file: what they are called when they are saved.
    """

    good: str
    title: str
    words: str
    image: bytes
    width: int
    height: int
    csv: bytes
    file: str


@dataclass(frozen=True)
class Shots:
    """The pictures, and a sentence for each that has nothing to show."""

    drawn: list[Shot]
    not_drawn: list[str]


Begun = Sequence[Callable[[], Shots]]
"""Pictures of one good after the other, being drawn."""


def begin_shots(crew: Crew, runs: Sequence[Run], baseline: str, goods: Sequence[str]) -> Begun:
    """Begin to draw all pictures of some goods, in the finest resolution.

    Args:
        crew: who draws.
        runs: what is compared, the baseline among them.
        baseline: its scenario id.
        goods: good ids.
    """
    return [crew.begin(draw, runs, baseline, good, RESOLUTIONS[0]) for good in goods]


def fitted(crew: Crew, begun: Begun, asked: tuple[Sequence[Run], str, Sequence[str]], room: int) -> Shots:
    """The pictures once they are drawn, again and coarser where they do not fit.

    Args:
        asked: runs, baseline and goods, as before.
        room: bytes that they may take on the page, in base 64.
    """
    made = _together(begun)
    for resolution in RESOLUTIONS[1:]:
        taken = sum(len(packed(shot.csv)) + len(shot.image) * 4 // 3 for shot in made.drawn)
        if taken <= room:
            break
        runs, baseline, goods = asked
        made = _together([crew.begin(draw, runs, baseline, good, resolution) for good in goods])
    return made


def _together(begun: Begun) -> Shots:
    parts = [result() for result in begun]
    said = [sentence for part in parts for sentence in part.not_drawn]
    return Shots([shot for part in parts for shot in part.drawn], list(dict.fromkeys(said)))


def draw(runs: Sequence[Run], baseline: str, good: str, resolution: int) -> Shots:
    """Draw all pictures of a good."""
    from sim.plots import kinds, line_up
    from sim.plots.style import file_name, picture_of

    case, drawn, not_drawn = line_up(runs, baseline).of(good), [], []
    for kind in kinds():
        measured = kind.measure(case)
        if measured.nothing:
            not_drawn.append(measured.nothing)
            continue
        csv = measured.table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()
        picture = picture_of(kind.draw(measured), resolution)
        size = picture.width, picture.height
        name = file_name(kind.name, good) + ".csv"
        drawn.append(Shot(good, measured.title, measured.words, _small(picture), *size, csv, name))
    return Shots(drawn, not_drawn)


def _small(picture: Image.Image) -> bytes:
    """A picture as PNG, in few colours."""
    stream = io.BytesIO()
    picture.quantize(COLOURS).save(stream, "PNG", compress_level=EFFORT)
    return stream.getvalue()


def data_uri(image: bytes) -> str:
    """A PNG as an address that needs no file."""
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"


def packed(content: bytes) -> str:
    """Bytes compressed, as text; the same for the same bytes."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
