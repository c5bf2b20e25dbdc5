"""The state of all agents: a struct of arrays, member axis first.

Only the engine's nine calls write here. Prices are multiples of the good's base gate price,
tonnes are absolute, rates are per step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.agents.licences import LicenceQueue
from sim.agents.quotas import QuotaAccount
from sim.world.benchmark import Benchmark, basket_inflow
from sim.world.world import FloatArray, World

__all__ = ["State", "initial_state"]


@dataclass
class State:
    """Everything that changes from step to step."""

    seller_stock: FloatArray
    """(M, O) tonnes on hand, before this step's sales."""
    buyer_stock: FloatArray
    """(M, N) tonnes on hand at the end of a step."""
    transit: FloatArray
    """(L, M, N) tonnes that arrive in 1..L steps."""
    offer_expected_price: FloatArray
    """(M, O) expected gate price."""
    need_expected_price: FloatArray
    """(M, N) expected delivered price."""
    input_cost: FloatArray
    """(M, N) average delivered cost of the stock on hand."""
    gate_price: FloatArray
    """(M, O) last cleared gate price."""
    choice_index: FloatArray
    """(M, N) last cleared choice index."""
    risk: FloatArray
    """(M, N) perceived share of supply under restriction."""
    mine_rate: FloatArray
    """(M, O) utilisation of mines relative to the base year; 1 for what plants make."""
    plant_rate: FloatArray
    """(M, P) throughput relative to the base year."""
    usable: FloatArray
    """(M, N) share of the planned input that a plant can use beside its scarcest input; 1 elsewhere."""
    intensity: FloatArray
    """(M, N) need per unit of activity relative to the base year (thrift, substitution)."""
    seller_elements: FloatArray
    """(M, basket offers, E) tonnes of each element in sellers' stocks of concentrate."""
    buyer_elements: FloatArray
    """(M, basket needs, E) tonnes of each element in buyers' stocks of concentrate."""
    transit_elements: FloatArray
    """(L, M, basket needs, E) tonnes of each element under way."""
    queues: dict[tuple[int, int, bytes, int | str], LicenceQueue]
    """Applications and permits of each licence in force, by good, origin, destinations and which of such."""
    quotas: dict[tuple[str, int, int, bytes, bytes], QuotaAccount]
    """What is left of each quota that is counted, by event, good, origin, destinations and offers."""
    technology: FloatArray
    """(1 or M, N) policy's factor on the need per unit of activity."""
    capacity: FloatArray
    """(1 or M, O) policy's factor on capacity."""

    @property
    def need_rate(self) -> FloatArray:
        """(M, N) need per unit of activity relative to the base year."""
        rate: FloatArray = self.intensity * self.technology
        return rate


def initial_state(
    world: World, benchmark: Benchmark, cover_scale: FloatArray, step_years: float
) -> State:
    """The base year's steady state: stocks at target, pipelines full, prices at base.

    Args:
        cover_scale: (M, 1) factor on the inventory cover of every buyer.
    """
    members = len(cover_scale)

    def spread(row: FloatArray) -> FloatArray:
        return np.repeat(row[None], members, axis=0)

    offers, needs = len(world.offer_good), len(world.need_good)
    order = world.need_use * step_years
    mix = benchmark.need_lag
    # What still has to arrive in k+1 steps: every past order whose lag reaches that far.
    pipeline = np.array([order * mix[k + 1 :].sum(0) for k in range(len(mix) - 1)]).reshape(-1, needs)
    stock = world.need_use * world.need_cover * cover_scale
    seller_stock = world.offer_stock + world.offer_output * step_years

    basket_need, basket_offer = benchmark.basket_need, benchmark.basket_offer
    inflow = basket_inflow(world, benchmark.flow, basket_need)
    inflow_share = inflow / inflow.sum(1, keepdims=True)
    composition = world.offer_composition[basket_offer].copy()
    for row, offer in enumerate(basket_offer):
        same = np.flatnonzero(
            (world.need_facility[basket_need] == world.offer_facility[offer])
            & (world.need_good[basket_need] == world.offer_good[offer])
        )
        if len(same):
            composition[row] = inflow_share[same[0]]
    element_pipeline = np.zeros((len(pipeline), len(basket_need), len(world.elements)))
    by_lag = lag_element_flow(world, benchmark, composition) * step_years
    for k in range(len(pipeline)):
        element_pipeline[k] = by_lag[k + 1 :].sum(0)
    return State(
        seller_stock=spread(seller_stock),
        buyer_stock=stock,
        transit=np.repeat(pipeline[:, None], members, axis=1),
        offer_expected_price=np.ones((members, offers)),
        need_expected_price=spread(benchmark.base_index),
        input_cost=spread(benchmark.base_index),
        gate_price=np.ones((members, offers)),
        choice_index=spread(benchmark.base_index),
        risk=np.zeros((members, needs)),
        mine_rate=np.ones((members, offers)),
        plant_rate=np.ones((members, len(benchmark.activities.facility))),
        usable=np.ones((members, needs)),
        intensity=np.ones((members, needs)),
        seller_elements=spread(seller_stock[basket_offer, None] * composition),
        buyer_elements=stock[:, basket_need, None] * inflow_share,
        transit_elements=np.repeat(element_pipeline[:, None], members, axis=1),
        queues={},
        quotas={},
        technology=np.ones((1, needs)),
        capacity=np.ones((1, offers)),
    )


def lag_element_flow(world: World, benchmark: Benchmark, composition: FloatArray) -> FloatArray:
    """(L, basket needs, E) base-year element tonnes per year by shipping lag."""
    full = np.zeros((len(world.offer_good), len(world.elements)))
    full[benchmark.basket_offer] = composition
    result = np.zeros((len(benchmark.lag_weight), len(world.need_good), len(world.elements)))
    for g, good in enumerate(world.goods):
        if good.basket:
            for lag, weights in enumerate(benchmark.lag_weight):
                shipped = benchmark.flow[g] * weights[g]
                result[lag, world.need_slice(g)] = shipped.T @ full[world.offer_slice(g)]
    return result[:, benchmark.basket_need]
