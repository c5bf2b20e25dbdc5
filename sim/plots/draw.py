"""All pictures of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sim.plots.case import line_up
from sim.plots.pictures import Measured, kinds
from sim.plots.style import Picture, file_name, save_picture
from sim.results import Run

__all__ = ["Drawn", "draw_all"]


@dataclass(frozen=True)
class Drawn:
    """What came of drawing: the pictures, and a sentence for each that has nothing to show."""

    pictures: list[Picture]
    not_drawn: list[str]


def draw_all(
    runs: Sequence[Run],
    baseline: str,
    goods: Sequence[str],
    directory: Path,
    progress: Callable[[Picture], None] | None = None,
) -> Drawn:
    """Every picture of every good, all scenarios in each.

    Args:
        runs: stored runs, the baseline among them.
        baseline: scenario id of the baseline.
        goods: good ids.
        directory: where PNG, SVG and CSV go.
        progress: called with each picture once it is written.

    Raises:
        MonaziteError: a run is not paired with the baseline, or the folder cannot be written.
    """
    lined = line_up(runs, baseline)
    drawn = Drawn([], [])
    for good in goods:
        case = lined.of(good)
        for kind in kinds():
            measured: Measured = kind.measure(case)
            if measured.nothing:
                drawn.not_drawn.append(measured.nothing)
                continue
            figure = kind.draw(measured)
            name = file_name(kind.name, good)
            drawn.pictures.append(save_picture(figure, directory, name, measured.title, measured.table))
            if progress:
                progress(drawn.pictures[-1])
    drawn.not_drawn[:] = dict.fromkeys(drawn.not_drawn)
    return drawn
