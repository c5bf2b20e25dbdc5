"""What plants do with their inputs: Leontief activities of processors and traders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sim.world.world import FloatArray, IntArray, World

__all__ = ["Activities", "Substitutes", "basket_inflow", "make_activities"]


@dataclass(frozen=True)
class Substitutes:
    """The n inputs of plants that have others to replace them, in their H groups."""

    needs: IntArray
    """(n,) group by group."""
    group: IntArray
    """(n,) number of each one's group."""
    start: IntArray
    """(H,) where each group begins among them."""

    def sums(self, values: FloatArray) -> FloatArray:
        """(M, H) sums of (M, n)."""
        found: FloatArray = np.add.reduceat(values, self.start, axis=1)
        return found


@dataclass(frozen=True)
class Activities:
    """Leontief activities of processors and traders, on the axis of plants ``P``."""

    facility: IntArray
    """(P,) facility index."""
    throughput: FloatArray
    """(P,) base-year input tonnes per year."""
    need_order: IntArray
    """Needs that belong to plants, sorted by plant, then by group of substitutes."""
    need_start: IntArray
    """(P,) first position of each plant in ``need_order``."""
    group_start: IntArray
    """(Q,) first position in ``need_order`` of each group of inputs that replace each other."""
    group_plant_start: IntArray
    """(P,) first group of each plant."""
    need_group: IntArray
    """(len(need_order),) group of each ordered need."""
    need_plant: IntArray
    """(N,) plant of each need, -1 for manufacturers."""
    need_coefficient: FloatArray
    """(N,) tonnes of input per tonne of throughput."""
    offer_order: IntArray
    offer_start: IntArray
    offer_plant: IntArray
    """(O,) plant of each offer, -1 for miners."""
    offer_yield: FloatArray
    """(O,) tonnes out per tonne of throughput; for a separated oxide, per tonne of its element."""
    offer_element: IntArray
    """(O,) element that a separated oxide is made of, -1 elsewhere."""
    basket_need: IntArray
    """(P,) position of a separator's concentrate among the basket needs, -1 elsewhere."""
    input_cost_share: FloatArray
    """(P,) base-year input cost over revenue, at most ``input_cost_ceiling``."""
    revenue_weight: FloatArray
    """(O,) share of an offer in its plant's base-year revenue."""
    cost_weight: FloatArray
    """(N,) share of an input in its plant's base-year input cost."""

    @cached_property
    def substitutes(self) -> Substitutes:
        """Inputs that others can replace."""
        sizes = np.diff(np.append(self.group_start, len(self.need_order)))
        places = np.flatnonzero((sizes > 1)[self.need_group])
        _, start, group = np.unique(self.need_group[places], return_index=True, return_inverse=True)
        return Substitutes(self.need_order[places], group, start)

    def revenue_mean(self, by_offer: FloatArray) -> FloatArray:
        """(M, P) mean of (M, O) over a plant's offers, weighted with base-year revenue."""
        weighted = (self.revenue_weight * by_offer)[:, self.offer_order]
        mean: FloatArray = np.add.reduceat(weighted, self.offer_start, axis=1)
        return mean

    def largest(self, by_offer: FloatArray) -> FloatArray:
        """(M, P) largest of (M, O) over a plant's offers."""
        most: FloatArray = np.maximum.reduceat(by_offer[:, self.offer_order], self.offer_start, axis=1)
        return most

    def cost_mean(self, by_need: FloatArray) -> FloatArray:
        """(M, P) mean of (M, N) over a plant's inputs, weighted with base-year input cost."""
        weighted = (self.cost_weight * by_need)[:, self.need_order]
        mean: FloatArray = np.add.reduceat(weighted, self.need_start, axis=1)
        return mean

    def some(self, offers: IntArray, needs: IntArray) -> Activities:
        """The plants of some offers and needs, which have all those of a plant or none.

        Sums over a plant's offers or needs add in the same order as in the whole. Baskets are left out.
        """
        plants = np.unique(np.concatenate([self.need_plant[needs], self.offer_plant[offers]]))
        plants = plants[plants >= 0]
        number = np.full(len(self.facility) + 1, -1)
        number[plants] = np.arange(len(plants))
        offer_plant, need_plant = number[self.offer_plant[offers]], number[self.need_plant[needs]]
        need_order, at_need = _kept(self.need_order, needs, len(self.need_plant))
        offer_order, _ = _kept(self.offer_order, offers, len(self.offer_plant))
        group = self.need_group[at_need]
        group_start = np.flatnonzero(np.diff(group, prepend=-1))
        need_start = np.searchsorted(need_plant[need_order], np.arange(len(plants)))
        return replace(
            self,
            facility=self.facility[plants],
            throughput=self.throughput[plants],
            need_order=need_order,
            need_start=need_start,
            group_start=group_start,
            group_plant_start=np.searchsorted(group_start, need_start),
            need_group=np.cumsum(np.diff(group, prepend=-1) != 0) - 1,
            need_plant=need_plant,
            need_coefficient=self.need_coefficient[needs],
            offer_order=offer_order,
            offer_start=np.searchsorted(offer_plant[offer_order], np.arange(len(plants))),
            offer_plant=offer_plant,
            offer_yield=self.offer_yield[offers],
            offer_element=self.offer_element[offers],
            basket_need=np.full(len(plants), -1),
            input_cost_share=self.input_cost_share[plants],
            revenue_weight=self.revenue_weight[offers],
            cost_weight=self.cost_weight[needs],
        )


def _kept(order: IntArray, some: IntArray, count: int) -> tuple[IntArray, IntArray]:
    """An order without those that are left out, renumbered; and the positions in the order that stay."""
    number = np.full(count, -1)
    number[some] = np.arange(len(some))
    at = np.flatnonzero(number[order] >= 0)
    return number[order[at]], at


def _grouped(plant: IntArray, plants: int, within: IntArray | None = None) -> tuple[IntArray, IntArray]:
    order = np.lexsort((np.zeros_like(plant) if within is None else within, plant))
    order = order[plant[order] >= 0]
    return order, np.searchsorted(plant[order], np.arange(plants))


def make_activities(
    world: World,
    mix: tuple[FloatArray, ...],
    normal: tuple[FloatArray, FloatArray],
    base_index: FloatArray,
    basket_need: IntArray,
    input_cost_ceiling: float,
) -> Activities:
    """Activities that reproduce the base year; of an entrant, those at full capacity.

    Args:
        mix: per good (S, B) t/year, see :class:`sim.world.benchmark.Benchmark`.
        normal: (O,) output and (N,) use, t/year.
        base_index: (N,) mean delivered price, multiple of the base gate price.
        basket_need: needs for basket goods.
        input_cost_ceiling: largest input cost of a plant over its revenue.

    Equations (M6) and (M8), docs/model.md, for ``beta_b`` and ``k_f``.
    """
    output, use = normal
    kinds = np.array(world.facility_kind)
    facility = np.flatnonzero((kinds == "processor") | (kinds == "trader"))
    plant_of = np.full(len(world.facilities), -1)
    plant_of[facility] = np.arange(len(facility))
    need_plant, offer_plant = plant_of[world.need_facility], plant_of[world.offer_facility]
    need_order, need_start = _grouped(need_plant, len(facility), group := _group_of(world))
    group_start, need_group = _runs(need_plant[need_order], group[need_order])
    offer_order, offer_start = _grouped(offer_plant, len(facility))
    throughput = np.add.reduceat(use[need_order], need_start)
    in_plant, out_plant = need_plant >= 0, offer_plant >= 0
    coefficient = _per_plant(use, need_plant, throughput)
    basket_of = _baskets(len(facility), kinds[world.need_facility], need_plant, basket_need)
    baskets = basket_need, basket_of
    offer_element, offer_yield = _yields(world, mix, output, (offer_plant, throughput), baskets)
    price = world.base_price
    revenue = np.where(out_plant, output * price[world.offer_good], 0.0)
    spending = np.where(in_plant, use * price[world.need_good] * base_index, 0.0)
    plant_revenue = np.add.reduceat(revenue[offer_order], offer_start)
    plant_spending = np.add.reduceat(spending[need_order], need_start)
    return Activities(
        facility=facility,
        throughput=throughput,
        need_order=need_order,
        need_start=need_start,
        group_start=group_start,
        group_plant_start=np.searchsorted(group_start, need_start),
        need_group=need_group,
        need_plant=need_plant,
        need_coefficient=coefficient,
        offer_order=offer_order,
        offer_start=offer_start,
        offer_plant=offer_plant,
        offer_yield=offer_yield,
        offer_element=offer_element,
        basket_need=basket_of,
        input_cost_share=np.minimum(plant_spending / plant_revenue, input_cost_ceiling),
        revenue_weight=_per_plant(revenue, offer_plant, plant_revenue),
        cost_weight=_per_plant(spending, need_plant, plant_spending),
    )


def _per_plant(amount: FloatArray, plant: IntArray, total: FloatArray) -> FloatArray:
    """Amounts of offers or needs over the total of their plant; 0 where they belong to none."""
    share = np.zeros(len(amount))
    own = np.flatnonzero(plant >= 0)
    share[own] = amount[own] / total[plant[own]]
    return share


def _runs(plant: IntArray, group: IntArray) -> tuple[IntArray, IntArray]:
    """Where each group of substitutes of a plant begins among its needs, and the group of each need."""
    key = plant * (group.max(initial=0) + 1) + group
    _, start, number = np.unique(key, return_index=True, return_inverse=True)
    return start, number


def _baskets(
    plants: int, need_kind: npt.NDArray[np.str_], need_plant: IntArray, basket_need: IntArray
) -> IntArray:
    """(P,) position of a separator's concentrate among the basket needs, -1 elsewhere."""
    basket_of = np.full(plants, -1)
    for position, need in enumerate(basket_need):
        if need_plant[need] >= 0 and need_kind[need] == "processor":
            basket_of[need_plant[need]] = position
    return basket_of


def _group_of(world: World) -> IntArray:
    """(N,) number of the group of substitutes to which a need's good belongs."""
    names = [world.substitutes.get(good.id, good.id) for good in world.goods]
    rank = {name: k for k, name in enumerate(sorted(set(names)))}
    group: IntArray = np.array([rank[name] for name in names], dtype=np.int64)[world.need_good]
    return group


def _yields(
    world: World,
    mix: tuple[FloatArray, ...],
    output: FloatArray,
    plants: tuple[IntArray, FloatArray],
    baskets: tuple[IntArray, IntArray],
) -> tuple[IntArray, FloatArray]:
    """(O,) element that a separated oxide is made of, else -1; (O,) tonnes per tonne of it, or of throughput.

    An entrant recovers of an element what all separators together do, and never more than there is.

    Equation (M7), docs/model.md, for ``gamma_s``.
    """
    (offer_plant, throughput), (basket_need, basket_of) = plants, baskets
    inflow = basket_inflow(world, mix, basket_need)
    element_of = {name: k for k, name in enumerate(world.elements)}
    element = np.full(len(offer_plant), -1)
    amount = np.zeros(len(offer_plant))
    for o in np.flatnonzero(offer_plant >= 0):
        plant = offer_plant[o]
        made_from = element_of.get(world.goods[world.offer_good[o]].element, -1)
        if basket_of[plant] >= 0 and made_from >= 0:
            element[o], amount[o] = made_from, inflow[basket_of[plant], made_from]
        else:
            amount[o] = throughput[plant]
    recovery = np.divide(output, amount, out=np.zeros(len(output)), where=amount > 0)
    entering = (world.offer_output <= 0) & (element >= 0)
    for o in np.flatnonzero(entering):
        peers = (element == element[o]) & ~entering
        usual = output[peers].sum() / amount[peers].sum() if peers.any() else 1.0
        recovery[o] = min(recovery[o], usual)
    return element, recovery


def basket_inflow(world: World, mix: tuple[FloatArray, ...], basket_need: IntArray) -> FloatArray:
    """(basket needs, E) base-year tonnes of each element that a buyer of concentrate receives.

    A trader passes on the mix that it receives, so its composition is solved with the others.
    """
    composition = world.offer_composition.copy()
    trader = [k for k, kind in enumerate(world.facility_kind) if kind == "trader"]
    inflow = np.zeros((len(world.need_good), len(world.elements)))
    for _ in range(4):
        for g, good in enumerate(world.goods):
            if good.basket:
                inflow[world.need_slice(g)] = mix[g].T @ composition[world.offer_slice(g)]
        for o in np.flatnonzero(np.isin(world.offer_facility, trader)):
            if world.goods[world.offer_good[o]].basket:
                at = (world.need_facility == world.offer_facility[o]) & (
                    world.need_good == world.offer_good[o]
                )
                received = inflow[at].sum(0)
                composition[o] = received / max(received.sum(), 1e-300)
    return inflow[basket_need]
