"""Trade between countries, summed over steps: facility flows are far too many to keep."""

from __future__ import annotations

import numpy as np

from sim.arrays import FloatArray, Groups
from sim.engine.run import Run
from sim.market.clearing import Clearing
from sim.market.flows import FlowTotals

__all__ = ["FlowBook"]


class FlowBook:
    """Flows of the steps added, by good, exporter and importer.

    Attributes:
        links: facility links by good, exporter and importer.
        yearly: (M, links) tonnes of each calendar year that is over.
    """

    def __init__(self, run: Run) -> None:
        world, countries = run.world, len(run.world.countries)
        keys = []
        for g in range(len(world.goods)):
            origin, destination = world.link_countries(g)
            keys.append(((g * countries + origin[:, None]) * countries + destination).ravel())
        self.links = Groups(np.concatenate(keys))
        self.yearly: list[FloatArray] = []
        self._year: FloatArray | None = None
        self._running: FlowTotals | None = None
        self._steps = 0

    def sums(self, flows: FlowTotals) -> FloatArray:
        """(M, links) tonnes by good, exporter and importer."""
        blocks = flows.totals()
        flat = np.concatenate([block.reshape(len(block), -1) for block in blocks], axis=1)
        return self.links.sums(flat)

    @property
    def empty(self) -> bool:
        """Whether no step has been added since the last segment was closed."""
        return self._running is None

    def add(self, clearing: Clearing) -> None:
        """Add one step."""
        if self._running is None:
            self._running, self._steps = FlowTotals(), 0
        self._running.add(clearing)
        self._steps += 1

    def close_segment(self) -> tuple[FloatArray, int] | None:
        """Sum the steps added since the last call: (M, links) tonnes, and how many steps; None if none."""
        if self._running is None:
            return None
        sums = self.sums(self._running)
        self._year = sums if self._year is None else self._year + sums
        self._running = None
        return sums, self._steps

    def close_year(self) -> None:
        """What was summed since the last call is one calendar year."""
        if self._year is not None:
            self.yearly.append(self._year)
        self._year = None

    def so_far(self) -> list[FloatArray]:
        """(M, links) tonnes of each calendar year, the last one as far as it has come and been summed."""
        return [*self.yearly, *([] if self._year is None else [self._year])]
