"""Pictures of runs beside their baseline: one file each, found by what it holds.

A file ends with ``PLOT``, a :class:`Plot`; every comparison draws it then.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import iter_modules

from sim.plots.style import Picture
from sim.results import Run

__all__ = ["Plot", "Subject", "comparison_plots"]


@dataclass(frozen=True)
class Subject:
    """What a picture is about.

    Attributes:
        runs: all that are compared, the baseline among them.
        baseline: the one that the others are compared to.
        run: the scenario shown; the baseline where a picture shows all runs, or there is no other.
        good: good id.
        directory: where PNG, SVG and CSV go.
    """

    runs: Sequence[Run]
    baseline: Run
    run: Run
    good: str
    directory: Path


@dataclass(frozen=True)
class Plot:
    """A kind of picture.

    Attributes:
        draw: writes the three files of one picture.
        rank: pictures are drawn in this order.
        of_each: one for each scenario, else one of all runs together.
        needs: variables without which there is nothing to draw; a sweep lacks those of single facilities.
    """

    draw: Callable[[Subject], Picture]
    rank: int
    of_each: bool
    needs: tuple[str, ...]

    def can_show(self, subject: Subject) -> bool:
        """Whether the runs have what the picture needs."""
        shown = (subject.run, subject.baseline) if self.of_each else subject.runs
        return all(name in run.dataset for run in shown for name in self.needs)


def comparison_plots() -> tuple[Plot, ...]:
    """The pictures of this folder in their order; imports their files."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    plots: list[Plot] = [module.PLOT for module in modules]
    return tuple(sorted(plots, key=lambda plot: plot.rank))
