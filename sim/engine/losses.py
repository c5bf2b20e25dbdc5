"""What is lost by those who go without: the bids that nobody served."""

from __future__ import annotations

import numpy as np

from sim.agents.buyers import use_tiers
from sim.agents.prepared import Prepared
from sim.agents.worth import Worth
from sim.arrays import FloatArray

__all__ = ["Losses"]


class Losses:
    """Value added that users lose, from the very ladder with which they bid."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared, self._worth = prepared, Worth(prepared)

    def of(self, required: FloatArray, shortfall: FloatArray, budget: FloatArray) -> FloatArray:
        """(M, N) USD that a step's missing tonnes would have been worth; 0 for plants, whose users count.

        What is missing is missing to the lowest classes first.

        Args:
            required, shortfall: (M, N) tonnes needed, and of these missing.
            budget: (1 or M, N) what users can pay, over the base year.

        Equation (M91), docs/model.md, for ``loss_b``.
        """
        prepared = self._prepared
        tonnes, price = use_tiers(prepared, required, self._worth.users * budget[:, :, None], budget)
        before = np.cumsum(tonnes, axis=0) - tonnes
        missing = np.clip(shortfall - before, 0.0, tonnes)
        lost = (missing * price).sum(0) * prepared.world.base_price[prepared.world.need_good]
        user = prepared.benchmark.activities.need_plant < 0
        value: FloatArray = np.where(user, lost, 0.0)
        return value
