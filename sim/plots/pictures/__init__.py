"""The pictures of a comparison: one file each, found by what it holds.

A file ends with ``KIND``, a :class:`Kind`; every comparison draws it then. What a picture shows is measured
first, as a table that is its CSV, and drawn from that table alone, so that a page can do either.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pkgutil import iter_modules
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from sim.plots.case import Case

__all__ = ["Kind", "Measured", "kinds"]


@dataclass(frozen=True)
class Measured:
    """What a picture shows, before it is drawn.

    Attributes:
        title: the finding, in a sentence whose numbers stand in the table.
        subtitle: what is shown, with its unit.
        note: unit, axes, source and runs.
        table: every number that is drawn, one row each; the CSV.
        look: what drawing needs besides: colours, names, events.
        nothing: why there is no picture; empty where there is one.
    """

    title: str = ""
    subtitle: str = ""
    note: str = ""
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    look: Mapping[str, Any] = field(default_factory=dict)
    nothing: str = ""

    @property
    def words(self) -> str:
        """What a reader who does not see the picture should know."""
        return f"{self.title}. {self.subtitle}." if not self.nothing else self.nothing


@dataclass(frozen=True)
class Kind:
    """A kind of picture.

    Attributes:
        name: first word of its files.
        rank: pictures are drawn in this order.
        measure: the numbers of one case, or the sentence that says why there is nothing to draw.
        draw: a figure of these numbers.
        sentence: what it shows.
    """

    name: str
    rank: int
    measure: Callable[[Case], Measured]
    draw: Callable[[Measured], Figure]
    sentence: str


def kinds() -> tuple[Kind, ...]:
    """The pictures of this folder in their order; imports their files."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    found: list[Kind] = [module.KIND for module in modules]
    return tuple(sorted(found, key=lambda kind: kind.rank))
