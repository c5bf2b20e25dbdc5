"""All pictures of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sim.plots.comparison import Subject, comparison_plots
from sim.plots.style import Picture
from sim.results import Run

__all__ = ["draw_comparison"]


def draw_comparison(
    runs: Sequence[Run],
    baseline: str,
    goods: Sequence[str],
    directory: Path,
    progress: Callable[[Picture], None] | None = None,
) -> list[Picture]:
    """For each good the pictures of all runs together, then those of each scenario.

    With the baseline alone, its own pictures are drawn. What a run does not keep is not drawn: of sweeps,
    price paths alone.

    Args:
        runs: stored runs, the baseline among them.
        baseline: scenario id of the baseline.
        goods: good ids.
        directory: where PNG, SVG and CSV go.
        progress: called with each picture once it is written.
    """
    base = next(run for run in runs if run.scenario == baseline)
    scenarios = [run for run in runs if run is not base] or [base]
    plots = comparison_plots()
    pictures: list[Picture] = []
    for good in goods:
        together = Subject(runs, base, base, good, directory)
        wanted = [(plot, together) for plot in plots if not plot.of_each]
        wanted += [
            (plot, Subject(runs, base, run, good, directory))
            for run in scenarios
            for plot in plots
            if plot.of_each
        ]
        for plot, subject in wanted:
            if plot.can_show(subject):
                pictures.append(plot.draw(subject))
                if progress:
                    progress(pictures[-1])
    return pictures
