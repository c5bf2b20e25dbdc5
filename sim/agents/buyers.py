"""Step 4: what buyers order, in tiers of urgency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.agents.parameters import Behaviour
from sim.agents.state import State
from sim.world.benchmark import Benchmark
from sim.world.powers import raised
from sim.world.world import FloatArray, World

__all__ = [
    "Orders", "give_up_prices", "order_tiers", "required_input", "target_position", "worth_of_inputs",
    "worth_slopes",
]

URGENCY_WIDTH = 0.08
"""Spread of the urgency threshold over the product lines of a sector, share of target stock."""
VALUE_CLASSES = 3
"""Classes of value in use within a sector."""
LEAST_ORDER_SHARE = 0.02
"""Share of need that even an overstocked buyer orders: contracts run on."""


@dataclass(frozen=True)
class Orders:
    """Demand tiers for the market: tonnes and give-up prices (M, N, K), elasticities (K,) or (M, 1, K)."""

    tonnes: FloatArray
    reservation: FloatArray
    elasticity: FloatArray


def required_input(
    world: World,
    state: State,
    benchmark: Benchmark,
    demand_level: FloatArray,
    output_level: FloatArray,
    output_ceiling: FloatArray,
    step_years: float,
) -> FloatArray:
    """(M, N) tonnes needed this step: sectors by their activity and thrift, plants by their plan.

    A plant that one input holds back orders no more of the others than it can use.

    Args:
        demand_level: (1 or M, N) activity of users.
        output_level: (1 or M, O) what policy and events make of each offer's output at its current rate.
        output_ceiling: (1 or M, O) most that may be produced, in multiples of base-year output.
    """
    activities = benchmark.activities
    base = world.need_use * step_years
    need = base * state.need_rate * demand_level
    plant = activities.need_plant >= 0
    rate = state.plant_rate[:, activities.need_plant[plant]] * state.usable[:, plant]
    level, most = activities.largest(output_level), activities.largest(output_ceiling)
    at = activities.need_plant[plant]
    rate = np.minimum(rate * level[:, at], most[:, at])
    need[:, plant] = (base * state.need_rate)[:, plant] * rate
    return need


def target_position(
    world: World, need_lag: FloatArray, state: State, behaviour: Behaviour, required: FloatArray,
    step_years: float,
) -> FloatArray:
    """(M, N) stock plus tonnes under way that a buyer wants before it orders.

    Args:
        need_lag: (L, N) or (L, M, N) lag mix of its purchases.
    """
    usual = world.need_cover * behaviour["cover_scale"] / step_years
    cover = usual * (1 + behaviour["risk_cover_response"] * state.risk)
    mix = need_lag
    lags = np.arange(len(mix)).reshape(-1, *(1,) * (mix.ndim - 1))
    pipeline = (mix * np.maximum(lags - 1, 0)).sum(0) + (1 - mix[0])
    target: FloatArray = required * (cover + pipeline)
    return target


def give_up_prices(world: World, benchmark: Benchmark, behaviour: Behaviour) -> FloatArray:
    """(M, N, VALUE_CLASSES) prices at which each class of use gives up, lowest first.

    Fixed but for what exchange rates do to budgets, so computed once.
    """
    powers = np.arange(1, VALUE_CLASSES + 1) / VALUE_CLASSES
    exponent = behaviour["give_up_exponent"] * powers[:, None, None]
    prices: FloatArray = benchmark.base_index * raised(world.need_reservation, exponent)
    return np.moveaxis(prices, 0, -1)


def worth_slopes(world: World, benchmark: Benchmark) -> FloatArray:
    """(N,) relative rise of a plant's give-up price per unit of rise of its products.

    Derived demand (Marshall 1890, book V, chapter VI). Let a plant with revenue 1 and other costs ``o``
    spend ``s`` on an input in the base year. When its products sell at ``v`` times the base price, it covers
    its costs up to ``(v - o) / s`` times the base price of the input. The world's tables take
    ``o = (1 - s) / 2``, so that the multiple at base prices is ``R = 1 + (1/s - 1) / 2``, and each unit of
    ``v`` adds ``1/s = 2 R - 1``: an input that is a small part of the cost can become very dear before
    anybody stops. Prices of other inputs are left out. What a trader can pay moves with what it resells at.
    0 for end users: what they make has no price here.
    """
    multiple = world.need_reservation
    trader = np.array(world.facility_kind)[world.need_facility] == "trader"
    slope = np.where(trader, 1.0, (2 * multiple - 1) / multiple)
    return np.where(benchmark.activities.need_plant >= 0, slope, 0.0)


def worth_of_inputs(
    state: State, benchmark: Benchmark, give_up: FloatArray, slope: FloatArray
) -> FloatArray:
    """(M, N, VALUE_CLASSES) give-up prices now: what an input is worth to a plant follows its products.

    Args:
        give_up: (M, N, VALUE_CLASSES) at base prices of the products.
        slope: (N,) from :func:`worth_slopes`.
    """
    activities = benchmark.activities
    product = activities.revenue_mean(state.offer_expected_price)
    made = np.flatnonzero(slope)
    rise = np.maximum(product[:, activities.need_plant[made]] - 1, 0.0)
    now = give_up.copy()
    now[:, made] *= (1 + rise * slope[made])[..., None]
    return now


def order_tiers(
    world: World,
    need_lag: FloatArray,
    state: State,
    behaviour: Behaviour,
    required: FloatArray,
    give_up: FloatArray,
    step_years: float,
) -> Orders:
    """Orders of every buyer.

    Urgent need, which stock and shipments under way cannot cover, holds up to the price at which
    the sector gives up. A sector is many products: a third of them gives up at the cube root of
    that multiple of the base price, a third at its square, a third at the full price. The rest of
    the order, ordinary need plus restocking, moves around the expected price with a premium for
    perceived risk.

    Args:
        need_lag: (L, N) or (L, M, N) lag mix of purchases.
        give_up: (M, N, classes) from :func:`give_up_prices`.
    """
    target = target_position(world, need_lag, state, behaviour, required, step_years)
    position = state.buyer_stock + state.transit.sum(0)
    cover = position / np.maximum(target, 1e-12)
    share = 1 / (1 + np.exp(np.clip((cover - behaviour["urgency_cover"]) / URGENCY_WIDTH, -40, 40)))
    urgent = required * share
    closing = step_years / behaviour["cover_adjustment_time"]
    order = np.maximum(required + (target - position) * closing, LEAST_ORDER_SHARE * required)
    rest = np.maximum(order - urgent, LEAST_ORDER_SHARE * required)

    ceiling = behaviour.shared_or_each("restock_ceiling")
    slope = behaviour.shared_or_each("restock_elasticity")
    wanted = state.need_expected_price * (1 + behaviour["risk_price_premium"] * state.risk)
    wanted = np.minimum(wanted, give_up[..., -1]) * ceiling ** (-1 / slope)
    firm = behaviour.shared_or_each("urgent_elasticity")
    elasticity = np.stack(np.broadcast_arrays(*[firm] * VALUE_CLASSES, slope), axis=-1)
    # Tiers lie first in memory, as the market reads them.
    tonnes = np.empty((VALUE_CLASSES + 1, *required.shape))
    tonnes[:-1], tonnes[-1] = urgent / VALUE_CLASSES, rest * ceiling
    reservation = np.concatenate([np.moveaxis(give_up, -1, 0), wanted[None]])
    return Orders(
        tonnes=np.moveaxis(tonnes, 0, -1),
        reservation=np.moveaxis(reservation, 0, -1),
        elasticity=elasticity,
    )
