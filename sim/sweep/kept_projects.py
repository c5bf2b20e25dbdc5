"""What a sweep keeps of projects, of states' money and of owners: stages by step, the rest as sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.arrays import FloatArray, Groups
from sim.engine.run import Run
from sim.instruments.process import Process
from sim.variables import VARIABLES

__all__ = ["OwnersSales", "RunTotals", "TOTALS", "labels_of"]

Array = npt.NDArray[Any]
TOTAL = "_total"
TOTALS = tuple(name for name, variable in VARIABLES.items() if variable.detail == "total")
"""Sums over the run of what single runs keep step by step under the same name without ``_total``."""


def labels_of(processes: Sequence[Process]) -> dict[str, tuple[str, Array]]:
    """Coordinate -> (axis, labels) of what processes book."""
    found = {name: label for process in processes for name, label in process.labels().items()}
    return {name: (axis, np.array(list(words), dtype=str)) for name, (axis, words) in found.items()}


class RunTotals:
    """Sums over the run of what processes book, (M, labels) each.

    Attributes:
        kept: name in :data:`TOTALS` -> sums; of what the run has no labels for there is none.
    """

    def __init__(self, members: int, sizes: Mapping[str, int]) -> None:
        axis = {name: VARIABLES[name].axes[-1] for name in TOTALS}
        self.kept: dict[str, Array] = {
            name: np.zeros((members, sizes[axis[name]])) for name in TOTALS if sizes.get(axis[name])
        }

    def add(self, booked: Mapping[str, FloatArray]) -> None:
        """Add what was booked in a step."""
        for name, total in self.kept.items():
            total += booked[name.removesuffix(TOTAL)]


class OwnersSales:
    """Tonnes that each owner sells of each good, by calendar year. Owners are those of the base year."""

    def __init__(self, case: Run) -> None:
        world = case.world
        self._world = world
        firm = np.asarray(world.firm_numbers)[world.offer_facility]
        self._count = int(firm.max(initial=0)) + 1
        self._groups = Groups(world.offer_good * self._count + firm)
        self._years: list[FloatArray] = []
        self._year: FloatArray | None = None

    def add(self, sales: FloatArray) -> None:
        """Add a step's sales (M, O)."""
        sums = self._groups.sums(sales)
        self._year = sums if self._year is None else self._year + sums

    def close_year(self) -> None:
        """A calendar year is over."""
        if self._year is not None:
            self._years.append(self._year)
        self._year = None

    def by_year(self) -> Array:
        """(M, years, owners' goods), the last year as far as it has come."""
        years = [*self._years, *([] if self._year is None else [self._year])]
        return np.stack(years, axis=1).astype(np.float32)

    def labels(self) -> dict[str, tuple[str, Array]]:
        """Good and firm of each column."""
        world = self._world
        named = dict(zip(np.asarray(world.firm_numbers).tolist(), world.facility_firm, strict=True))
        good, firm = np.divmod(self._groups.keys, self._count)
        goods = np.array([item.id for item in world.goods])
        return {
            "owned_good": ("owned", goods[good]),
            "owned_firm": ("owned", np.array([named[number] for number in firm.tolist()])),
        }
