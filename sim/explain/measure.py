"""What is explained: a price or a shortage, in one month or over a run; and what records it alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import xarray as xr

from sim.agents.origins import Origins
from sim.analysis.run_metrics import shortage
from sim.analysis.select import price, quote
from sim.arrays import FloatArray
from sim.engine.recording import Recording
from sim.engine.result import StepResult
from sim.engine.run import Run
from sim.instruments.process import Process

__all__ = ["Kind", "Measure", "Watcher", "from_dataset", "standing"]

Kind: TypeAlias = Literal["price", "shortage"]


@dataclass(frozen=True)
class Measure:
    """One number per member and step.

    Attributes:
        kind: ``price``, outside the controlling country, in USD/t (where nothing is traded, what users would
            pay), or ``shortage``, in tonnes missing.
        good: good id.
        country: of a shortage the country that is short; None for all.
        step: the step meant; None for the sum over the run.
    """

    kind: Kind
    good: str
    country: str | None = None
    step: int | None = None

    def of_run(self, values: FloatArray) -> FloatArray:
        """(steps, ...) of a run -> (...) of the step meant, or over the run."""
        result: FloatArray = values.sum(axis=0) if self.step is None else values[self.step]
        return result


class Watcher(Recording):
    """Keeps one measure, and so costs nothing beside the run.

    Attributes:
        rows: of each step (M,).
    """

    def __init__(
        self, measure: Measure, case: Run, families: Sequence[Origins], processes: Sequence[Process]
    ) -> None:
        world, self._measure = case.world, measure
        self._good = [good.id for good in world.goods].index(measure.good)
        needs = np.arange(len(world.need_good))[world.need_slice(self._good)]
        traders = np.array(world.facility_kind)[world.need_facility[needs]] == "trader"
        # As in what is stored: a trader's buyers miss what he misses.
        needs = needs[~traders] if not traders.all() else needs
        if measure.country is not None:
            place = list(world.countries).index(measure.country)
            needs = needs[world.need_country[needs] == place]
        self._needs = needs
        self.rows: list[FloatArray] = []

    def record(self, result: StepResult) -> None:
        """Keep the measure of the step that has just ended."""
        if self._measure.kind == "price":
            self.rows.append(result.prices.standing("outside")[:, self._good])
        else:
            self.rows.append(result.shortfall[:, self._needs].sum(axis=1))


def from_dataset(measure: Measure, dataset: xr.Dataset) -> FloatArray:
    """(steps, M) of a measure as a run has stored it."""
    if measure.kind == "price":
        return standing(dataset, measure.good).T
    return shortage(dataset, measure.good, country=measure.country)[0].T


def standing(dataset: xr.Dataset, good: str, country: str | None = None) -> FloatArray:
    """(M, steps) USD/t outside the controlling country; where nothing is traded, what users there would pay.

    Args:
        country: the controlling country meant (see :func:`sim.analysis.select.price`).
    """
    traded = price(dataset, good, "outside", country)
    return np.where(np.isnan(traded), quote(dataset, good, "outside", country), traded)
