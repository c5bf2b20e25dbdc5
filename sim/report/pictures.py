"""The pictures of a page, small enough to travel inside it, each with its numbers."""

from __future__ import annotations

import base64
import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from sim.results import Run

__all__ = ["Shot", "Shots", "data_uri", "packed", "shots"]

RESOLUTIONS = (120, 95, 75)
"""Dots per inch; the finest with which all pictures fit the room that there is."""
COLOURS = 96
"""Of a picture: flat areas and lines need no more."""


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


def shots(runs: Sequence[Run], baseline: str, goods: Sequence[str], room: int) -> Shots:
    """Draw all pictures of some goods.

    Args:
        runs: what is compared, the baseline among them.
        baseline: its scenario id.
        goods: good ids.
        room: bytes that they may take on the page, in base 64.
    """
    from sim.plots import kinds, line_up
    from sim.plots.style import file_name, png_bytes

    lined, figures, not_drawn = line_up(runs, baseline), [], []
    for good in goods:
        case = lined.of(good)
        for kind in kinds():
            measured = kind.measure(case)
            if measured.nothing:
                not_drawn.append(measured.nothing)
                continue
            csv = measured.table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()
            name = file_name(kind.name, good) + ".csv"
            figures.append((good, measured.title, measured.words, kind.draw(measured), csv, name))
    numbers = sum(len(packed(csv)) for *_, csv, _ in figures)
    drawn: list[Shot] = []
    for resolution in RESOLUTIONS:
        drawn = [
            Shot(good, title, words, *_small(png_bytes(figure, resolution)), csv, name)
            for good, title, words, figure, csv, name in figures
        ]
        if numbers + sum(len(shot.image) * 4 // 3 for shot in drawn) <= room:
            break
    return Shots(drawn, list(dict.fromkeys(not_drawn)))


def _small(png: bytes) -> tuple[bytes, int, int]:
    """A picture in few colours, its width and its height."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    stream = io.BytesIO()
    picture.quantize(COLOURS).save(stream, "PNG", optimize=True)
    return stream.getvalue(), picture.width, picture.height


def data_uri(image: bytes) -> str:
    """A PNG as an address that needs no file."""
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"


def packed(content: bytes) -> str:
    """Bytes compressed, as text; the same for the same bytes."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
