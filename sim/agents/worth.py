"""What a tonne is worth to those who use it: classes of users, and plants by what their products fetch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from sim.agents.prepared import Prepared
from sim.arrays import FloatArray, IntArray, Kept, some_of
from sim.world.activities import Activities

__all__ = ["CLASSES", "Bids", "Worth", "class_multiples"]

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


MOST_PLACES = 64
"""Sets of offers and needs of which it is known where their plants lie: the same go on again and again."""


class Places(NamedTuple):
    """Where the plants of some offers and needs lie among all."""

    activities: Activities
    """Their own."""
    here: IntArray
    """(q,) of the needs of plants, theirs."""
    needs: IntArray
    """(q,) the same among the needs that are taken."""
    plants: IntArray
    """Their positions among all plants."""
    ordered: IntArray
    """Their needs in the order of all activities."""
    memory: Kept[tuple[bytes, bytes], Any]
    """Places within these."""


@dataclass(frozen=True)
class Bids:
    """What plants pay for their inputs: what their products fetch less other costs and other inputs.

    P plants, p needs of plants.
    """

    activities: Activities
    base: FloatArray
    """(N,) choice index in the base year."""
    needs: IntArray
    """(p,) needs of plants."""
    plant: IntArray
    """(p,) their plants."""
    share: FloatArray
    """(p,) of a need and of those that can replace it in what the product fetches, in the base year."""
    inputs: FloatArray
    """(p,) of all inputs in what the product fetches, in the base year."""
    other: FloatArray
    """(M, p, CLASSES) what a class insists on for other costs, over what the product fetches."""
    other_in_full: FloatArray
    """(1, p) other costs over what the product fetches."""
    most: FloatArray
    """(P,) product price beyond which a plant reckons with nobody."""
    memory: Kept[tuple[bytes, bytes], Any] = field(
        default_factory=lambda: Kept(MOST_PLACES), repr=False, compare=False
    )
    """Places of some of the plants; holds no results."""

    def paid(self, index: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(M, p) what is paid for a product's other inputs, (M, P) and for all of them, over the base year's.

        Args:
            index: (M, N) prices of inputs.
        """
        activities = self.activities
        weighted = (activities.cost_weight * (index / self.base)).take(activities.need_order, axis=1)
        spent = np.add.reduceat(weighted, activities.group_start, axis=1)
        total = np.add.reduceat(weighted, activities.need_start, axis=1)
        others = self.inputs * (total.take(self.plant, axis=1) - spent.take(self._group, axis=1))
        return others, total

    @cached_property
    def _group(self) -> IntArray:
        """(p,) group of substitutes of each need."""
        group = np.empty(len(self.base), dtype=np.int64)
        group[self.activities.need_order] = self.activities.need_group
        of_needs: IntArray = group[self.needs]
        return of_needs

    def left(self, product: FloatArray, most: FloatArray, others: FloatArray) -> FloatArray:
        """(M, p) what a product fetches less other inputs.

        Args:
            product: (M, O) prices of products. most: (1 or M, P) that plants reckon with at most.
            others: (M, p) of :meth:`paid`.
        """
        value = np.minimum(self.activities.revenue_mean(product), most)
        left: FloatArray = value.take(self.plant, axis=1) - others
        return left

    def per_tonne(self, left: FloatArray) -> FloatArray:
        """(M, p, n) price of an input that is left for, from what is left of a product's price."""
        over = np.maximum(left / self.share[:, None], LEAST_WORTH)
        price: FloatArray = self.base[self.needs][:, None] * over
        return price

    def places(self, offers: IntArray, needs: IntArray) -> Places:
        """Where the plants of some offers and needs lie; kept."""
        found: Places = self.memory.get(
            (offers.tobytes(), needs.tobytes()), lambda: self._places(offers, needs)
        )
        return found

    def _places(self, offers: IntArray, needs: IntArray) -> Places:
        here = np.flatnonzero(np.isin(self.needs, needs))
        number = np.full(len(self.base), -1)
        number[needs] = np.arange(len(needs))
        activities = self.activities.some(offers, needs)
        plants = np.flatnonzero(np.isin(self.activities.facility, activities.facility))
        ordered = np.flatnonzero(np.isin(self.activities.need_order, needs))
        kept = Kept[tuple[bytes, bytes], Any](MOST_PLACES)
        return Places(activities, here, number[self.needs[here]], plants, ordered, kept)

    def some(self, rows: IntArray, offers: IntArray, needs: IntArray) -> Bids:
        """Those of some members, and of the plants of some offers and needs."""
        places = self.places(offers, needs)
        activities, here = places.activities, places.here
        other = self.other if len(self.other) == 1 else self.other[rows]
        return replace(
            self,
            activities=activities,
            base=self.base[needs],
            needs=places.needs,
            plant=activities.need_plant[places.needs],
            share=self.share[here],
            inputs=self.inputs[here],
            other=other.take(here, axis=1),
            other_in_full=some_of(self.other_in_full, rows, here),
            most=self.most[places.plants],
            memory=places.memory,
        )


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
        given = behaviour["margin_share"][:, :, None] * ((np.arange(CLASSES) + 1) / CLASSES)
        own = 1 - inputs[None, :, None]
        bids = Bids(
            activities, base, self.plant_needs, plant, np.maximum(inputs * share[self.plant_needs], 1e-6),
            inputs, (1 - given) * own, own[:, :, 0], np.zeros(len(activities.facility)),
        )  # fmt: skip
        self.bids = replace(bids, most=self._dearest(bids))
        """What plants pay, from which the worth of their needs follows."""

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
        bids = self.bids
        if len(bids.needs):
            costs = bids.activities.revenue_mean(own_cost)
            left = bids.left(product, bids.most * costs, bids.paid(index)[0])
            other = bids.other * costs[:, bids.plant][:, :, None]
            worth[:, bids.needs] = bids.per_tonne(left[:, :, None] - other)
        return worth

    def more(
        self, product: FloatArray, index: FloatArray, own_cost: FloatArray, over: FloatArray
    ) -> FloatArray:
        """(M, plant needs) price of an input up to which a plant's products leave more than in the base year.

        Args:
            product, index, own_cost: as for :meth:`now`. over: (M, 1) price over costs at which that is so.

        Equation (M102), docs/model.md, for ``rx_b``.
        """
        bids = self.bids
        costs = bids.activities.revenue_mean(own_cost)
        left = bids.left(product / over[:, :1], bids.most * costs, bids.paid(index)[0])
        return bids.per_tonne((left - bids.other_in_full * costs[:, bids.plant])[:, :, None])[:, :, 0]

    def _dearest(self, plants: Bids) -> FloatArray:
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
            left = plant_most[plants.plant] - (plants.inputs - plants.share) - plants.other_in_full[0]
            bids = paid.copy()
            bids[self.plant_needs] = base[self.plant_needs] * np.maximum(left / plants.share, 1.0)
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
