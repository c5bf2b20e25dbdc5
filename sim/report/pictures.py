"""The pictures of a page, small enough to travel inside it, each with its numbers."""

from __future__ import annotations

import base64
import gzip
import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sim.results import Run

__all__ = ["Shot", "data_uri", "packed", "shots"]

WIDTHS = (1320, 1100, 880)
"""Pixels; the widest with which all pictures fit the room that there is."""
COLOURS = 96
"""Of a picture: flat areas and lines need no more."""


@dataclass(frozen=True)
class Shot:
    """One picture on the page.

    Attributes:
        good: good id.
        title: the finding that it shows.
        image: PNG. width, height: of it, in pixels.
        csv: its numbers. file: what they are called when they are saved.
    """

    good: str
    title: str
    image: bytes
    width: int
    height: int
    csv: bytes
    file: str


def shots(runs: Sequence[Run], baseline: str, goods: Sequence[str], room: int) -> list[Shot]:
    """Draw all pictures of some goods.

    Args:
        runs: what is compared, the baseline among them.
        baseline: its scenario id.
        goods: good ids.
        room: bytes that they may take on the page, in base 64.
    """
    from sim.plots import draw_all

    with tempfile.TemporaryDirectory() as folder:
        drawn = [
            (good, picture)
            for good in goods
            for picture in draw_all(runs, baseline, [good], Path(folder)).pictures
        ]
        files = [(good, p.title, p.png.read_bytes(), p.csv.read_bytes(), p.csv.name) for good, p in drawn]
    for width in WIDTHS:
        made = [_shot(*file, width) for file in files]
        if sum(len(shot.image) * 4 // 3 + len(packed(shot.csv)) for shot in made) <= room:
            break
    return made


def _shot(good: str, title: str, png: bytes, csv: bytes, file: str, width: int) -> Shot:
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    height = round(picture.height * width / picture.width)
    small = picture.resize((width, height), Image.Resampling.LANCZOS).quantize(COLOURS)
    stream = io.BytesIO()
    small.save(stream, "PNG", optimize=True)
    return Shot(good, title, stream.getvalue(), width, height, csv, file)


def data_uri(image: bytes) -> str:
    """A PNG as an address that needs no file."""
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"


def packed(content: bytes) -> str:
    """Bytes compressed, as text; the same for the same bytes."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
