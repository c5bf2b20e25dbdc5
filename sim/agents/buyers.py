"""Step 4: what buyers order, in tiers of urgency."""

from __future__ import annotations

import numpy as np

from sim.accounts import Orders
from sim.agents.prepared import Prepared
from sim.agents.state import State, need_rate
from sim.arrays import FloatArray, raised
from sim.controls import Controls

__all__ = [
    "give_up_prices", "order_tiers", "required_input", "target_position", "worth_of_inputs", "worth_slopes",
]  # fmt: skip

VALUE_CLASSES = 3
"""Classes of value in use within a sector."""


def required_input(
    prepared: Prepared, state: State, controls: Controls, demand_noise: FloatArray
) -> FloatArray:
    """(M, N) tonnes needed this step: sectors by their activity and thrift, plants by their plan.

    A plant that one input holds back orders no more of the others than it can use.

    Args:
        demand_noise: (1 or M, N) factor that chance makes of the activity of users.

    Equations (M35) and (M36), docs/model.md, for ``Z_b``.
    """
    activities = prepared.benchmark.activities
    per_activity = prepared.benchmark.normal_use * prepared.step_years * need_rate(state, controls)
    need: FloatArray = per_activity * (controls.demand_factor * demand_noise)
    plant = activities.need_plant >= 0
    at = activities.need_plant[plant]
    rate = (state.throughput / activities.throughput)[:, at] * state.usable[:, plant]
    level = activities.largest(controls.production_factor * controls.capacity_factor)
    most = activities.largest(controls.output_ceiling)
    need[:, plant] = per_activity[:, plant] * np.minimum(rate * level[:, at], most[:, at])
    return need


def target_position(
    prepared: Prepared, state: State, need_lag: FloatArray, required: FloatArray
) -> FloatArray:
    """(M, N) stock plus tonnes under way that a buyer wants before it orders.

    Args:
        need_lag: (L, N) or (L, M, N) lag mix of its purchases.
        required: (M, N) tonnes needed this step.

    Equations (M37) and (M38), docs/model.md, for ``pipe_b`` and ``B1_b``.
    """
    behaviour = prepared.behaviour
    usual = prepared.world.need_cover * behaviour["cover_scale"] / prepared.step_years
    cover = usual * (1 + behaviour["risk_cover_response"] * state.risk)
    lags = np.arange(len(need_lag)).reshape(-1, *(1,) * (need_lag.ndim - 1))
    pipeline = (need_lag * np.maximum(lags - 1, 0)).sum(0) + (1 - need_lag[0])
    target: FloatArray = required * (cover + pipeline)
    return target


def give_up_prices(prepared: Prepared) -> FloatArray:
    """(M, N, VALUE_CLASSES) prices at which each class of use gives up, lowest first.

    Fixed but for what exchange rates do to budgets, so computed once.

    Equation (M44), docs/model.md, for ``r0_bk``.
    """
    powers = np.arange(1, VALUE_CLASSES + 1) / VALUE_CLASSES
    exponent = prepared.behaviour["give_up_exponent"] * powers[:, None, None]
    prices: FloatArray = prepared.benchmark.base_index * raised(prepared.world.need_reservation, exponent)
    return np.moveaxis(prices, 0, -1)


def worth_slopes(prepared: Prepared) -> FloatArray:
    """(M, N) relative rise of a plant's give-up price per unit of rise of its products.

    Derived demand (Marshall 1890, book V, chapter VI). Let a plant with revenue 1 and other costs ``o``
    spend ``s`` on an input in the base year. When its products sell at ``v`` times the base price, it covers
    its costs up to ``(v - o) / s`` times the base price of the input. Of what it earns beyond its inputs the
    share ``m`` (``margin_share``) is margin, so that ``o = (1 - m) (1 - s)``; the world's tables state the
    multiple at base prices, ``R = 1 + m (1/s - 1)``, and each unit of ``v`` adds
    ``1/s = 1 + (R - 1) / m``: an input that is a small part of the cost can become very dear before
    anybody stops. Prices of other inputs are left out. What a trader can pay moves with what it resells at.
    0 for end users: what they make has no price here.

    Equation (M45), docs/model.md, for ``slo_b``.
    """
    world = prepared.world
    multiple = world.need_reservation
    trader = np.array(world.facility_kind)[world.need_facility] == "trader"
    slope = np.where(trader, 1.0, (1 + (multiple - 1) / prepared.behaviour["margin_share"]) / multiple)
    return np.where(prepared.benchmark.activities.need_plant >= 0, slope, 0.0)


def worth_of_inputs(
    prepared: Prepared, state: State, give_up: FloatArray, slope: FloatArray
) -> FloatArray:
    """(M, N, VALUE_CLASSES) give-up prices now: what an input is worth to a plant follows its products.

    Args:
        give_up: (M, N, VALUE_CLASSES) at base prices of the products.
        slope: (M, N) from :func:`worth_slopes`.

    Equation (M46), docs/model.md, for ``r_bk``.
    """
    activities = prepared.benchmark.activities
    product = activities.revenue_mean(state.offer_expected_price)
    made = np.flatnonzero(activities.need_plant >= 0)
    rise = np.maximum(product[:, activities.need_plant[made]] - 1, 0.0)
    now = give_up.copy()
    now[:, made] *= (1 + rise * slope[:, made])[..., None]
    return now


def order_tiers(
    prepared: Prepared, state: State, need_lag: FloatArray, required: FloatArray, give_up: FloatArray
) -> Orders:
    """Orders of every buyer.

    Urgent need, which stock and shipments under way cannot cover, holds up to the price at which
    the sector gives up. A sector is many products: a third of them gives up at the cube root of
    that multiple of the base price, a third at its square, a third at the full price. The rest of
    the order, ordinary need plus restocking, moves around the expected price with a premium for
    perceived risk.

    Args:
        need_lag: (L, N) or (L, M, N) lag mix of purchases.
        required: (M, N) tonnes needed this step.
        give_up: (M, N, classes) from :func:`worth_of_inputs`.

    Equations (M39), (M40), (M41), (M42), (M43) and (M47), docs/model.md, for ``urg_b``, ``ord_b``,
    ``rest_b``, ``d_bk`` and ``r_bk``.
    """
    behaviour = prepared.behaviour
    target = target_position(prepared, state, need_lag, required)
    position = state.buyer_stock + state.transit.sum(0)
    cover = position / np.maximum(target, 1e-12)
    lack = (cover - behaviour["urgency_cover"]) / behaviour["urgency_width"]
    share = 1 / (1 + np.exp(np.clip(lack, -40, 40)))
    urgent = required * share
    closing = prepared.step_years / behaviour["cover_adjustment_time"]
    least = behaviour["least_order_share"] * required
    order = np.maximum(required + (target - position) * closing, least)
    rest = np.maximum(order - urgent, least)

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
