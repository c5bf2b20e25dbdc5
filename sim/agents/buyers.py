"""Step 4: what buyers want to use and to hold, in tiers by price, and what they have of it."""

from __future__ import annotations

import numpy as np

from sim.accounts import Orders
from sim.agents.prepared import Prepared
from sim.agents.state import State, need_rate
from sim.agents.worth import CLASSES
from sim.arrays import FloatArray, raised
from sim.controls import Controls

__all__ = ["orders", "required_input", "served_share", "under_way", "use_tiers"]


def required_input(
    prepared: Prepared, state: State, controls: Controls, demand_noise: FloatArray
) -> FloatArray:
    """(M, N) tonnes needed this step: sectors by their activity and thrift, plants by their plan.

    A plant that one input holds back orders no more of the others than it can use.

    Args:
        demand_noise: (1 or M, N) factor that chance makes of the activity of users.

    Equations (M32) and (M33), docs/model.md, for ``Z_b``.
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


def use_tiers(
    prepared: Prepared,
    required: FloatArray,
    worth: FloatArray,
    budget: FloatArray,
    more: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Tonnes (CLASSES + 1, M, N) that a need would use, and the prices at which each part gives way.

    The first part, of users alone, gives way at once as the price rises above that of the base year; the
    others are the classes of value in use, lowest first.

    Args:
        required: (M, N) tonnes. worth: (M, N, CLASSES). budget: (1 or M, N) over the base year.
        more: (M, N) elasticity of use beside that at once, for a time in which users adapt.

    Equations (M37) and (M38), docs/model.md, for ``d_bk``.
    """
    behaviour = prepared.behaviour
    user = prepared.benchmark.activities.need_plant < 0
    at_once = np.where(user, behaviour["use_elasticity"], 0.0) + (0.0 if more is None else more)
    at_once = np.minimum(at_once / behaviour["instant_elasticity"], 1.0)
    tonnes = np.empty((CLASSES + 1, *required.shape))
    tonnes[0] = at_once * required
    tonnes[1:] = (1 - at_once) * required / CLASSES
    price = np.empty_like(tonnes)
    price[0] = prepared.benchmark.base_index * budget
    price[1:] = np.moveaxis(worth, -1, 0)
    return tonnes, price


def under_way(prepared: Prepared, need_lag: FloatArray, required: FloatArray) -> FloatArray:
    """(M, N) tonnes that are under way where purchases are what is needed, before those of the step.

    Args:
        need_lag: (L, N) or (L, M, N) lag mix of purchases. required: (M, N) tonnes needed this step.

    Equation (M34), docs/model.md, for ``pipe_b``.
    """
    lags = np.arange(len(need_lag)).reshape(-1, *(1,) * (need_lag.ndim - 1))
    pipeline: FloatArray = required * ((need_lag * np.maximum(lags - 1, 0)).sum(0) + (1 - need_lag[0]))
    return pipeline


def orders(
    prepared: Prepared,
    state: State,
    need_lag: FloatArray,
    required: FloatArray,
    tiers: tuple[FloatArray, FloatArray],
) -> Orders:
    """What every buyer wants to use and to hold, by price, and what it has.

    Holding is demand: the stock that is wanted falls as the price rises above what is expected.

    Args:
        need_lag: (L, N) or (L, M, N) lag mix of purchases.
        required: (M, N) tonnes needed this step.
        tiers: of :func:`use_tiers`.

    Equations (M35), (M36), (M39) and (M40), docs/model.md, for ``hold_b``, ``have_b``, ``d_bk`` and ``r_bk``.
    """
    behaviour = prepared.behaviour
    usual = prepared.world.need_cover * behaviour["cover_scale"] / prepared.step_years * required
    limit = behaviour.shared_or_each("storage_limit")
    slope = behaviour.shared_or_each("storage_elasticity")
    position = state.buyer_stock + state.transit.sum(0)
    held = np.maximum(position - under_way(prepared, need_lag, required), 0.0)
    # Tiers lie first in memory, as the market reads them.
    tonnes = np.concatenate([tiers[0], (limit * usual)[None]])
    price = np.concatenate([tiers[1], (state.need_expected_price * limit ** (-1 / slope))[None]])
    firm = [behaviour.shared_or_each("instant_elasticity")]
    firm += [behaviour.shared_or_each("urgent_elasticity")] * CLASSES
    elasticity = np.stack(np.broadcast_arrays(*firm, slope), axis=-1)
    return Orders(np.moveaxis(tonnes, 0, -1), np.moveaxis(price, 0, -1), elasticity, held)


def served_share(
    prepared: Prepared, tiers: tuple[FloatArray, FloatArray], index: FloatArray
) -> FloatArray:
    """(M, N) share of what is needed whose value in use is above the price.

    Args:
        tiers: of :func:`use_tiers`. index: (M, N) price, multiple of the base price.

    Equation (M44), docs/model.md, for ``on_b``.
    """
    behaviour = prepared.behaviour
    over = np.maximum(index / tiers[1], 1.0)
    wanted = tiers[0][1:] * raised(over[1:], -behaviour["urgent_elasticity"])
    total = wanted.sum(0) + tiers[0][0] * raised(over[0], -behaviour["instant_elasticity"])
    # Added up in the same order, what is worth its price is never more than all.
    need = tiers[0][1:].sum(0) + tiers[0][0]
    share: FloatArray = np.divide(total, need, out=np.ones_like(need), where=need > 0)
    return share
