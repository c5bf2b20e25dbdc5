"""All pictures of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sim.analysis.observed import observed_prices
from sim.plots.price_paths import draw_price_paths
from sim.plots.shortage_heatmap import draw_shortage_heatmap
from sim.plots.style import Picture
from sim.plots.supply_mix import draw_supply_mix
from sim.results import Run

__all__ = ["draw_comparison"]


def draw_comparison(
    runs: Sequence[Run],
    baseline: str,
    goods: Sequence[str],
    directory: Path,
    progress: Callable[[Picture], None] | None = None,
) -> list[Picture]:
    """Price paths of each good over all runs; supply mix and shortage heat-map of each scenario.

    With the baseline alone, its own pictures are drawn. Of sweeps, price paths alone.

    Args:
        runs: stored runs, the baseline among them.
        baseline: scenario id of the baseline.
        goods: good ids.
        directory: where PNG, SVG and CSV go.
        progress: called with each picture once it is written.
    """
    base = next(run for run in runs if run.scenario == baseline)
    scenarios = [run for run in runs if run is not base] or [base]
    pictures: list[Picture] = []

    def add(picture: Picture) -> None:
        pictures.append(picture)
        if progress:
            progress(picture)

    for good in goods:
        add(draw_price_paths(runs, baseline, good, directory, observed_prices(runs, good)))
        for run in scenarios:
            # A sweep keeps countries and not single facilities: its prices are all that can be drawn.
            if "purchases" not in run.dataset or "purchases" not in base.dataset:
                continue
            add(draw_supply_mix(run, base, good, directory))
            add(draw_shortage_heatmap(run, base, good, directory))
    return pictures
