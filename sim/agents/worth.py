"""What a tonne is worth to those who use it: classes of users, and plants by what their products fetch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from sim.agents.prepared import Prepared
from sim.arrays import FloatArray

__all__ = ["CLASSES", "Worth", "class_multiples"]

CLASSES = 6
"""Classes of value in use within a need."""
LEAST_WORTH = 0.02
"""Of an input whose product does not cover the other costs, multiple of the base price: nearly nothing."""


def class_multiples(prepared: Prepared) -> FloatArray:
    """(M, 1, CLASSES) worth of each class over the mean of all, lowest first: quantiles of a lognormal."""
    middle = ndtri((np.arange(CLASSES) + 0.5) / CLASSES)
    values = np.exp(prepared.behaviour["worth_spread"][:, :, None] * middle)
    multiples: FloatArray = values / values.mean(axis=2, keepdims=True)
    return multiples


@dataclass
class Worth:
    """Prices up to which each class of a need pays, in multiples of the good's base price.

    Users: from the value that hangs on a tonne. Plants: what their products fetch less other costs and other
    inputs; the classes differ by how much of their margin they give up before they stop (Marshall 1890, book
    V, chapter VI).
    """

    prepared: Prepared

    def __post_init__(self) -> None:
        """Equation (M41), docs/model.md, for ``r0_bk``."""
        prepared = self.prepared
        activities, behaviour = prepared.benchmark.activities, prepared.behaviour
        base = prepared.benchmark.base_index
        mean = behaviour["worth_scale"] * np.maximum(prepared.world.need_worth - 1, 0.0)
        over = mean[:, :, None] * class_multiples(prepared)
        self.users: FloatArray = base[None, :, None] * (1 + over)
        """(M, N, CLASSES) of users, at base budgets."""
        self.plant_needs = np.flatnonzero(activities.need_plant >= 0)
        order = activities.need_order
        weight = activities.cost_weight[order]
        group = np.add.reduceat(weight, activities.group_start)
        share = np.empty(len(base))
        share[order] = group[activities.need_group]
        plant = activities.need_plant[self.plant_needs]
        inputs = activities.input_cost_share[plant]
        self._share = np.maximum(inputs * share[self.plant_needs], 1e-6)
        self._inputs, self._plant = inputs, plant
        given = behaviour["margin_share"][:, :, None] * ((np.arange(CLASSES) + 1) / CLASSES)
        own = 1 - inputs[None, :, None]
        self._other: FloatArray = (1 - given) * own
        self._other_in_full: FloatArray = own[:, :, 0]
        self._most = self._dearest()

    def now(
        self, product: FloatArray, index: FloatArray, budget: FloatArray, own_cost: FloatArray
    ) -> FloatArray:
        """(M, N, CLASSES) worth at current prices.

        Args:
            product: (M, O) prices of products. index: (M, N) prices of inputs.
            budget: (1 or M, N) what users can pay, over the base year.
            own_cost: (1 or M, O) costs other than those of inputs, over the base year.

        Equation (M43), docs/model.md, for ``r_bk``.
        """
        worth = self.users * budget[:, :, None]
        if not len(self.plant_needs):
            return worth
        left, own = self._left(product, index, own_cost)
        worth[:, self.plant_needs] = self._per_tonne(left[:, :, None] - self._other * own[:, :, None])
        return worth

    def more(
        self, product: FloatArray, index: FloatArray, own_cost: FloatArray, over: FloatArray
    ) -> FloatArray:
        """(M, plant needs) price of an input up to which a plant's products leave more than in the base year.

        Args:
            product, index, own_cost: as for :meth:`now`. over: (M, 1) price over costs at which that is so.

        Equation (M102), docs/model.md, for ``rx_b``.
        """
        left, own = self._left(product / over[:, :1], index, own_cost)
        return self._per_tonne((left - self._other_in_full * own)[:, :, None])[:, :, 0]

    def _per_tonne(self, left: FloatArray) -> FloatArray:
        """(M, plant needs, n) price of an input that is left for, from what is left of a product's price."""
        base = self.prepared.benchmark.base_index[self.plant_needs]
        price: FloatArray = base[None, :, None] * np.maximum(left / self._share[None, :, None], LEAST_WORTH)
        return price

    def _left(
        self, product: FloatArray, index: FloatArray, own_cost: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """(M, plant needs) what a product fetches less other inputs, and other costs over the base year's."""
        activities = self.prepared.benchmark.activities
        needs, plant = self.plant_needs, self._plant
        costs = activities.revenue_mean(own_cost)
        value = np.minimum(activities.revenue_mean(product), self._most * costs)[:, plant]
        own = costs[:, plant]
        paid = index / self.prepared.benchmark.base_index
        order, start = activities.need_order, activities.group_start
        spent = np.add.reduceat((activities.cost_weight * paid)[:, order], start, axis=1)
        mine = np.empty_like(paid)
        mine[:, order] = spent[:, activities.need_group]
        total = activities.cost_mean(paid)[:, plant]
        others = self._inputs * (total - mine[:, needs])
        return value - others, own

    def _dearest(self) -> FloatArray:
        """(P,) product price beyond which a plant reckons with nobody: its users do something else instead.

        The mean, over those who buy a good, of the price at which their next best way pays; for users who
        have none what a tonne is worth to them, for plants what their own users' next best way leaves for it.

        Equation (M42), docs/model.md, for ``Vx_f``.
        """
        world, activities = self.prepared.world, self.prepared.benchmark.activities
        goods, need_plant = len(world.goods), activities.need_plant
        user = need_plant < 0
        base = self.prepared.benchmark.base_index
        paid = np.where(world.need_switch_share > 0, world.need_switch_multiple, world.need_worth) * base
        weight = self.prepared.benchmark.normal_use
        good_most = np.full(goods, np.inf)
        plant_most = np.full(len(activities.facility), np.inf)
        for _ in range(goods + 1):
            own = np.where(np.isfinite(good_most), good_most, 1e3)[world.offer_good][None]
            plant_most = activities.revenue_mean(own)[0]
            left = plant_most[self._plant] - (self._inputs - self._share) - self._other_in_full[0]
            bids = paid.copy()
            bids[self.plant_needs] = base[self.plant_needs] * np.maximum(left / self._share, 1.0)
            known = user | np.isfinite(good_most[world.need_good])
            total = np.bincount(world.need_good, weight * bids, goods)
            found = total / np.maximum(np.bincount(world.need_good, weight, goods), 1e-12)
            good_most = np.where(np.bincount(world.need_good, known | ~user, goods) > 0, found, np.inf)
        return plant_most

    def highest(self) -> FloatArray:
        """(M, G) price that the highest class of anybody places on a good, at base budgets.

        What it is worth to plants follows from what their products are worth at most, other inputs at base
        prices, from the goods that only users buy back along the chains.
        """
        world, base = self.prepared.world, self.prepared.benchmark.base_index
        members, goods = len(self.users), len(world.goods)
        user = np.ones(len(base), dtype=bool)
        user[self.plant_needs] = False
        own = np.ones((members, goods))
        for good in range(goods):
            here = np.flatnonzero(user & (world.need_good == good))
            if len(here):
                own[:, good] = self.users[:, here, -1].max(1)
        most = own.copy()
        for _ in range(goods):
            product = most[:, world.offer_good]
            flat = np.ones((1, len(world.offer_good)))
            worth = self.now(product, self.prepared.each(base), np.ones((1, len(base))), flat)
            now = own.copy()
            for good in range(goods):
                here = self.plant_needs[world.need_good[self.plant_needs] == good]
                if len(here):
                    now[:, good] = np.maximum(own[:, good], worth[:, here, -1].max(1))
            if np.array_equal(now, most):
                break
            most = now
        return most
