"""What builders have seen: prices of the last years, how far they strayed, demand and what is being built."""

from __future__ import annotations

import numpy as np

from sim.agents.holding import share_of_step
from sim.agents.prepared import Prepared
from sim.agents.projects import Layout
from sim.agents.rounds import LARGEST_LOG
from sim.agents.state import State
from sim.arrays import FloatArray, Groups, Saved
from sim.controls import Controls

__all__ = ["ProjectWatch"]


class ProjectWatch:
    """Memory of what projects' builders look at. J projects, G goods.

    Attributes:
        market: (M, J) log of the market's price for what each makes, over the last years.
        mean, near: (M, J) the same with what states added to it, over the last years and months.
        variance: (M, J) of that log around its mean.
        fast, slow: (M, G) log of what is needed over the base year's, over months and years.
    """

    def __init__(self, prepared: Prepared, layout: Layout) -> None:
        self._prepared, self._layout = prepared, layout
        members, world = prepared.members, prepared.world
        shape = members, len(world.projects)
        self.mean, self.near = np.zeros(shape), np.zeros(shape)
        remembered = prepared.past.seen(1 / prepared.behaviour["project_memory_years"])
        self.mean = self.mean + layout.mean(remembered[:, world.offer_good])
        self.market = self.mean
        self.variance = np.zeros(shape) + prepared.behaviour["project_price_spread"] ** 2
        self.fast, self.slow = np.zeros((members, len(world.goods))), np.zeros((members, len(world.goods)))
        self._buyers, self._sellers = Groups(world.need_good), Groups(world.offer_good)
        goods = len(world.goods)
        self._use = np.maximum(np.bincount(world.need_good, world.need_use, goods), 1e-12)
        standing = np.where(world.project_of_offer < 0, world.offer_capacity, 0.0)
        self._standing = np.maximum(np.bincount(world.offer_good, standing, goods), 1e-12)

    def see(self, price: FloatArray, paid: FloatArray, required: FloatArray) -> None:
        """A step is over: (M, O) price of the market, and what sellers were paid, (M, N) tonnes needed.

        What states add is no part of what builders take prices to be: it is counted apart, as far as it is
        promised.

        Equations (M138) and (M139), docs/model.md, for ``lm_j`` and ``vrj_j``.
        """
        behaviour, step = self._prepared.behaviour, self._prepared.step_years
        years = share_of_step(1 / behaviour["project_memory_years"], step)
        months = share_of_step(1 / behaviour["project_near_years"], step)
        alone, got = (np.log(np.maximum(self._layout.mean(of), 1e-9)) for of in (price, paid))
        self.market = self.market + years * (alone - self.market)
        self.mean = self.mean + years * (got - self.mean)
        self.near = self.near + months * (got - self.near)
        self.variance = self.variance + years * ((got - self.mean) ** 2 - self.variance)
        goods = len(self._prepared.world.goods)
        needed = self._buyers.spread_sums(required, goods) / (self._use * step)
        demand = np.log(np.maximum(needed, 1e-9))
        self.fast = self.fast + months * (demand - self.fast)
        self.slow = self.slow + years * (demand - self.slow)

    def balance(
        self, state: State, controls: Controls, building: FloatArray, lead: FloatArray
    ) -> FloatArray:
        """(M, J) log of the demand that builders expect once they are done over the supply they see coming.

        Each sees but a part of what others build.

        Args:
            building: (M, O) t/year of capacity under way. lead: (M, J) years until the project would run.

        Equations (M140) and (M141), docs/model.md, for ``grd_g`` and ``bal_j``.
        """
        behaviour, layout, world = self._prepared.behaviour, self._layout, self._prepared.world
        seen, goods = behaviour["project_pipeline_seen"], len(world.goods)
        lag = behaviour["project_memory_years"] - behaviour["project_near_years"]
        growth = (self.fast - self.slow) / lag
        able = state.capacity * controls.capacity_factor * np.minimum(controls.production_factor, 1.0)
        coming = self._sellers.spread_sums(able + seen * (state.building + building), goods)
        of_offer = world.offer_good[layout.offers]
        others = coming[:, of_offer] - seen * building[:, layout.offers]
        supply = np.log(np.maximum(others / self._standing[of_offer], 1e-9))
        wide = np.zeros_like(state.capacity)
        demand = self.fast[:, of_offer] + growth[:, of_offer] * lead[:, layout.project]
        wide[:, layout.offers] = demand - supply
        return layout.mean(wide)

    def arrays(self) -> dict[str, FloatArray]:
        """All that is remembered, for a checkpoint."""
        names = "market", "mean", "near", "variance", "fast", "slow"
        return {f"watch/{name}": getattr(self, name) for name in names}

    def restore(self, saved: Saved) -> None:
        """Take over what :meth:`arrays` gave."""
        for name, own in self.arrays().items():
            setattr(self, name.partition("/")[2], saved.take(name, own, -LARGEST_LOG, LARGEST_LOG))
