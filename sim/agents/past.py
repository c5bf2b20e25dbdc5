"""What a world remembers of the years before its own: prices, what was begun then, what users got used to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim.agents.parameters import Behaviour
from sim.arrays import BoolArray, FloatArray
from sim.world.world import World

__all__ = ["Past"]


@dataclass(frozen=True)
class Past:
    """Prices of the last years of a world's goods; without a record the base year's price has always held."""

    world: World
    behaviour: Behaviour

    @cached_property
    def log_price(self) -> FloatArray:
        """(years, G) log of prices at the base year's money, over its price; the last year first."""
        goods = self.world.goods
        years = max((len(good.past) for good in goods), default=0)
        found = np.zeros((years, len(goods)))
        for g, good in enumerate(goods):
            if good.past:
                logs = np.log(np.array(good.past[::-1]))
                # Of earlier years than are known the mean of those that are.
                found[:, g] = np.concatenate([logs, np.full(years - len(logs), logs.mean())])
        return found

    @cached_property
    def long_run(self) -> FloatArray:
        """(G,) log of the mean price of the last years, over the base year's.

        Equation (M177), docs/model.md, for ``lp_g``.
        """
        goods = len(self.world.goods)
        found: FloatArray = self.log_price.mean(0) if len(self.log_price) else np.zeros(goods)
        return found

    @cached_property
    def answer(self) -> FloatArray:
        """(G,) share of their usual answer to price that mines have left: who is paid dearly runs flat out.

        Equation (M181), docs/model.md, for ``oe_g``.
        """
        found: FloatArray = np.exp(np.minimum(self.long_run, 0.0))
        return found

    def seen(self, speed: FloatArray) -> FloatArray:
        """(M, G) log of the price that who follows it at a speed (M, 1), 1/year, has in mind at the start.

        Equation (M178), docs/model.md, for ``lu_g``.
        """
        years = len(self.log_price)
        left = np.exp(-speed * np.arange(years + 1))
        found: FloatArray = left[:, -1:] * self.long_run
        # Year by year, not as a product of matrices: that rounds otherwise for one member than for several.
        for k, price in enumerate(self.log_price):
            found = found + (left[:, k : k + 1] - left[:, k + 1 : k + 2]) * price
        return found

    def building(self, entrant: BoolArray, years: FloatArray) -> FloatArray:
        """(M, O) t/year that is being built as the run starts: what prices of the last years began.

        Args:
            entrant: (O,) what did not run. years: (M, O) that building takes.

        Equation (M179), docs/model.md, for ``bld_s``.
        """
        behaviour, world = self.behaviour, self.world
        found = np.zeros(years.shape)
        for k, price in enumerate(self.log_price):
            over = (price - self.long_run)[world.offer_good] - np.log1p(behaviour["entry_margin"])
            over = np.maximum(over, 0.0)
            found = found + behaviour["expansion_speed"] * over * np.exp(-(k + HALF) / years)
        share: FloatArray = np.where(entrant | (world.project_of_offer >= 0), 0.0, found)
        return share * world.offer_capacity


HALF = 0.5
