"""Turn base-year flows into what the engine needs: sourcing weights, activities, shipping lags.

The benchmark makes the base year a fixed point: at base prices every buyer orders its base
use from its base suppliers, every plant runs at its base rate, and every stock stays level
(``docs/model.md``, section "Benchmark").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.units import Amount
from sim.world.powers import raised
from sim.world.world import BoolArray, FloatArray, IntArray, World

__all__ = ["Activities", "Benchmark", "make_benchmark", "of_good", "shipping_lags", "sourcing_flows"]

BALANCE_ROUNDS = 2000
BALANCE_TOLERANCE = 1e-13
PRIOR_DISTANCE_KM = 5000.0
"""Distance over which the prior weight of an unused link falls by a factor e (assumption)."""
MAXIMUM_INPUT_COST_SHARE = 0.95


@dataclass(frozen=True)
class Activities:
    """Leontief activities of processors and traders, on the axis of plants ``P``."""

    facility: IntArray
    """(P,) facility index."""
    throughput: FloatArray
    """(P,) base-year input tonnes per year."""
    capacity_ratio: FloatArray
    """(P,) largest throughput as a multiple of the base one."""
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
    """(P,) base-year input cost over revenue, at most 0.95."""
    revenue_weight: FloatArray
    """(O,) share of an offer in its plant's base-year revenue."""
    cost_weight: FloatArray
    """(N,) share of an input in its plant's base-year input cost."""

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


@dataclass(frozen=True)
class Benchmark:
    """Everything derived from a world and held fixed during a run."""

    flow: tuple[FloatArray, ...]
    """Per good (S, B) base flows with the prior on unused links, t/year; margins as in the world."""
    kernel: tuple[FloatArray, ...]
    """Per good (S, B), or (M, S, B) where sigma differs by member: sourcing weights at base wedges, prices in
    multiples of the base price."""
    base_index: FloatArray
    """(N,) base-year mean delivered price as a multiple of the base gate price."""
    lag_weight: tuple[tuple[FloatArray, ...], ...]
    """Per lag (in steps), per good (S, B): share of a shipment that arrives after that many steps."""
    need_lag: FloatArray
    """(L, N) base-year lag mix of each need."""
    basket_offer: IntArray
    """Offers of basket goods."""
    basket_need: IntArray
    """Needs for basket goods."""
    activities: Activities


def sourcing_flows(world: World, prior_weight: float) -> tuple[FloatArray, ...]:
    """Base flows with a small gravity prior on links without base trade.

    Margins (output by seller, use by buyer) stay those of the world: the mix is rebalanced by
    iterative proportional fitting. A trader never buys from a trader.
    """
    trader = np.array([kind == "trader" for kind in world.facility_kind])
    flows = []
    for g, base in enumerate(world.base_flow):
        sellers, buyers = world.offer_slice(g), world.need_slice(g)
        origin, destination = world.link_countries(g)
        nearness = np.exp(-world.distance_km[np.ix_(origin, destination)] / PRIOR_DISTANCE_KM)
        nearness *= base.sum(1)[:, None]
        resale = trader[world.offer_facility[sellers]][:, None] & trader[world.need_facility[buyers]]
        nearness[resale] = 0.0
        total = nearness.sum(0)
        share = np.divide(nearness, total, out=np.zeros_like(nearness), where=total > 0)
        mixed = np.where(total > 0, (1 - prior_weight) * base + prior_weight * share * base.sum(0), base)
        flows.append(_balance(mixed, base.sum(1), base.sum(0)))
    return tuple(flows)


def _balance(matrix: FloatArray, rows: FloatArray, columns: FloatArray) -> FloatArray:
    for _ in range(BALANCE_ROUNDS):
        matrix = matrix * (rows / matrix.sum(1))[:, None]
        current = matrix.sum(0)
        if np.max(np.abs(current / columns - 1)) < BALANCE_TOLERANCE:
            break
        matrix = matrix * (columns / current)
    return matrix


def _grouped(plant: IntArray, plants: int, within: IntArray | None = None) -> tuple[IntArray, IntArray]:
    order = np.lexsort((np.zeros_like(plant) if within is None else within, plant))
    order = order[plant[order] >= 0]
    return order, np.searchsorted(plant[order], np.arange(plants))


def _activities(world: World, flow: tuple[FloatArray, ...], base_index: FloatArray,
                basket_need: IntArray) -> Activities:
    kinds = np.array(world.facility_kind)
    facility = np.flatnonzero((kinds == "processor") | (kinds == "trader"))
    plant_of = np.full(len(world.facilities), -1)
    plant_of[facility] = np.arange(len(facility))
    need_plant, offer_plant = plant_of[world.need_facility], plant_of[world.offer_facility]
    plants = len(facility)
    names = [world.substitutes.get(good.id, good.id) for good in world.goods]
    rank = {name: k for k, name in enumerate(sorted(set(names)))}
    group_of = np.array([rank[name] for name in names])[world.need_good]
    need_order, need_start = _grouped(need_plant, plants, group_of)
    key = need_plant[need_order] * len(rank) + group_of[need_order]
    _, group_start, need_group = np.unique(key, return_index=True, return_inverse=True)
    offer_order, offer_start = _grouped(offer_plant, plants)

    throughput = np.add.reduceat(world.need_use[need_order], need_start)
    in_plant, out_plant = need_plant >= 0, offer_plant >= 0
    coefficient = np.zeros(len(need_plant))
    coefficient[in_plant] = world.need_use[in_plant] / throughput[need_plant[in_plant]]

    basket_of = np.full(plants, -1)
    for position, need in enumerate(basket_need):
        if need_plant[need] >= 0 and kinds[world.need_facility[need]] == "processor":
            basket_of[need_plant[need]] = position
    inflow = basket_inflow(world, flow, basket_need)

    element_of = {name: k for k, name in enumerate(world.elements)}
    offer_element = np.full(len(offer_plant), -1)
    offer_yield = np.zeros(len(offer_plant))
    for o in np.flatnonzero(out_plant):
        plant = offer_plant[o]
        made_from = element_of.get(world.goods[world.offer_good[o]].element, -1)
        if basket_of[plant] >= 0 and made_from >= 0:
            offer_element[o] = made_from
            offer_yield[o] = world.offer_output[o] / inflow[basket_of[plant], made_from]
        else:
            offer_yield[o] = world.offer_output[o] / throughput[plant]

    price = world.base_price
    revenue = np.where(out_plant, world.offer_output * price[world.offer_good], 0.0)
    spending = np.where(in_plant, world.need_use * price[world.need_good] * base_index, 0.0)
    plant_revenue = np.add.reduceat(revenue[offer_order], offer_start)
    plant_spending = np.add.reduceat(spending[need_order], need_start)
    ratio = np.divide(
        world.offer_capacity, world.offer_output, out=np.ones(len(offer_plant)), where=world.offer_output > 0
    )
    return Activities(
        facility=facility,
        throughput=throughput,
        capacity_ratio=np.maximum.reduceat(ratio[offer_order], offer_start),
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
        input_cost_share=np.minimum(plant_spending / plant_revenue, MAXIMUM_INPUT_COST_SHARE),
        revenue_weight=np.where(out_plant, revenue / np.where(out_plant, plant_revenue[offer_plant], 1), 0.0),
        cost_weight=np.where(in_plant, spending / np.where(in_plant, plant_spending[need_plant], 1), 0.0),
    )


def basket_inflow(world: World, flow: tuple[FloatArray, ...], basket_need: IntArray) -> FloatArray:
    """(basket needs, E) base-year tonnes of each element that a buyer of concentrate receives.

    A trader passes on the mix that it receives, so its composition is solved with the others.
    """
    composition = world.offer_composition.copy()
    trader = [k for k, kind in enumerate(world.facility_kind) if kind == "trader"]
    inflow = np.zeros((len(world.need_good), len(world.elements)))
    for _ in range(4):
        for g, good in enumerate(world.goods):
            if good.basket:
                inflow[world.need_slice(g)] = flow[g].T @ composition[world.offer_slice(g)]
        for o in np.flatnonzero(np.isin(world.offer_facility, trader)):
            if world.goods[world.offer_good[o]].basket:
                at = (world.need_facility == world.offer_facility[o]) & (
                    world.need_good == world.offer_good[o]
                )
                received = inflow[at].sum(0)
                composition[o] = received / received.sum()
    return inflow[basket_need]


def shipping_lags(
    transit_years: tuple[FloatArray, ...],
    flow: tuple[FloatArray, ...],
    step_years: float,
    delay_years: float = 0.0,
    lags: int = 0,
) -> tuple[tuple[tuple[FloatArray, ...], ...], FloatArray]:
    """Split shipments between the two nearest steps.

    Args:
        transit_years: per good (S, B), or (M, S, B) where members differ.
        flow: per good (S, B) tonnes per year, the weights of the mix.
        delay_years: room for longer times, as lags without weight.
        lags: number of lags, where it is known.

    Returns:
        Per lag, per good the share that arrives after that many steps; (L, N) or (L, M, N) lag mix by need.
    """
    steps = [transit / step_years for transit in transit_years]
    longest = int(np.ceil(max(float(block.max()) for block in steps) + delay_years / step_years))
    longest = lags - 1 if lags else longest
    weights = tuple(
        tuple(np.clip(1 - np.abs(block - lag), 0, 1) for block in steps) for lag in range(longest + 1)
    )
    members = max((len(block) for block in steps if block.ndim == 3), default=0)
    mix = np.array([
        np.concatenate([
            _widened((f * w).sum(-2), members) for f, w in zip(flow, per_good, strict=True)
        ], axis=-1)
        for per_good in weights
    ])
    return weights, mix / mix.sum(0)


def _widened(by_need: FloatArray, members: int) -> FloatArray:
    return np.broadcast_to(by_need, (members, by_need.shape[-1])) if members else by_need


def of_good(sigma: FloatArray, good: int) -> Amount:
    """One good's sigma from (G,) or (M, G), for arrays of links: a number, or (M, 1, 1) if members differ."""
    column = sigma[..., good]
    if sigma.ndim == 1:
        return float(column)
    return float(column[0]) if (column == column[0]).all() else column[:, None, None]


def make_benchmark(
    world: World, sigma: FloatArray, prior_weight: float, step_years: float, delay_years: float = 0.0
) -> Benchmark:
    """Invert one base year.

    Args:
        sigma: (G,) sourcing elasticity of each good, or (M, G) where members differ.
        prior_weight: share of each buyer's purchases moved to links without base trade.
        step_years: length of a step in years.
        delay_years: time by which shipments may come to be delayed in the run: room for their lags.
    """
    flow = sourcing_flows(world, prior_weight)
    kernel, index = [], []
    for g, block in enumerate(flow):
        origin, destination = world.link_countries(g)
        delivered = (1 + world.freight_share[g]) * (1 + world.base_tariff[g][np.ix_(origin, destination)])
        share = block / block.sum(0)
        mean_delivered = (share * delivered).sum(0)
        kernel.append(share * raised(mean_delivered, -of_good(sigma, g)))
        index.append(mean_delivered)
    base_index = np.concatenate(index)
    is_basket: BoolArray = np.array([good.basket for good in world.goods])
    basket_need = np.flatnonzero(is_basket[world.need_good])
    lag_weight, need_lag = shipping_lags(world.transit_years, flow, step_years, delay_years)
    return Benchmark(
        flow=flow,
        kernel=tuple(kernel),
        base_index=base_index,
        lag_weight=lag_weight,
        need_lag=need_lag,
        basket_offer=np.flatnonzero(is_basket[world.offer_good]),
        basket_need=basket_need,
        activities=_activities(world, flow, base_index, basket_need),
    )
