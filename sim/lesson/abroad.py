"""Prices outside one and the same country of each good, whatever measures come and go."""

from __future__ import annotations

import numpy as np

from sim.arrays import FloatArray, IntArray
from sim.engine.observe import Observer, controlling_country
from sim.engine.result import StepResult
from sim.engine.run import Run
from sim.scenario import Scenario
from sim.world.world import World

__all__ = ["Abroad", "homes_of"]


def homes_of(world: World, scenario: Scenario) -> IntArray:
    """(G,) country outside of which a lesson shows a good's price: who restricts exports in its file, else
    who exports most."""
    return controlling_country(world, scenario.events)


class Abroad:
    """Reads the price outside given countries off steps.

    A run reports the price outside whoever restricts exports in it. Where a class adds measures, that would
    be another country from one quarter to the next, and a line of prices would jump without a reason.

    Args:
        homes: (G,) places of the countries. case: the run.
    """

    def __init__(self, homes: IntArray, case: Run) -> None:
        same = np.array_equal(case.observer.controller, homes)
        self._observer = None if same else Observer(case.prepared, homes)

    def price(self, result: StepResult) -> FloatArray:
        """(M, G) USD/t; where nothing is traded there, what the run says that users would pay."""
        standing = result.prices.standing("outside")
        if self._observer is None:
            return standing
        # What users would pay at most plays no part in a price at which something was traded.
        endless = np.full_like(result.required, np.inf)
        traded = self._observer.prices(result.market, result.clearing, endless).outside
        price: FloatArray = np.where(np.isnan(traded), standing, traded)
        return price
