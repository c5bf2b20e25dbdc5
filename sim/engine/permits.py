"""Gates at the border: licences that queue, quotas that are counted or divided between goods."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.agents.licences import LicenceQueue
from sim.agents.parameters import Behaviour
from sim.agents.quotas import QuotaAccount, QuotaPool
from sim.agents.state import State
from sim.controls import Licence
from sim.engine.policy import PolicyMarket
from sim.units import Amount
from sim.world.world import FloatArray, World

__all__ = ["divide_quotas", "in_hand", "keep_gates", "open_gates", "use_gates"]


def keep_gates(market: PolicyMarket, state: State) -> None:
    """Forget queues and accounts of what is no longer in force."""
    kept = {gate.key for gate in market.gates}
    state.queues = {key: queue for key, queue in state.queues.items() if key in kept}
    state.quotas = {key: account for key, account in state.quotas.items() if key in kept}
    pools = {pool.key for pool in market.pools}
    state.pools = {key: division for key, division in state.pools.items() if key in pools}


def open_gates(
    market: PolicyMarket,
    world: World,
    state: State,
    planned: FloatArray,
    reserve: FloatArray,
    overrun: FloatArray,
    shares: Mapping[str, Amount],
    step_years: float,
) -> FloatArray:
    """File applications for what licensed buyers order, decide what is due, and allot quotas.

    Args:
        planned: (M, N) tonnes that buyers mean to buy this step, for use and for stock.
        reserve: (M, O) tonnes that sellers keep.
        overrun: (M,) mean time that decisions take beyond the stated delay, in delays.

    Returns:
        (M, O) tonnes that wait for a decision and are not for sale.
    """
    members = len(state.seller_stock)
    waiting = np.zeros_like(state.seller_stock)
    division = _divisions(market, state)
    for gate in market.gates:
        share = shares.get(gate.rule.event, 1.0)
        if not isinstance(gate.rule, Licence):
            account = state.quotas.setdefault(gate.key, QuotaAccount(np.zeros(members)))
            account.allot(gate.rule, share, step_years, division.get(gate.cap, 1.0))
            continue
        licence, at = gate.rule, gate.offers
        if gate.key not in state.queues:
            state.queues[gate.key] = LicenceQueue.empty(members, len(at), licence, step_years)
        queue = state.queues[gate.key]
        queue.resize(licence, step_years)
        activity = planned[:, gate.needs] / (world.need_use[gate.needs] * step_years)
        # Not a matrix product: its last bit would depend on the number of members.
        licensed = np.reshape(share * (1 - licence.free_share), (-1, 1))
        wanted = (activity[:, None] * (gate.base * step_years)).sum(-1) * licensed
        free = state.seller_stock[:, at] - reserve[:, at] - queue.waiting.sum(1)
        queue.apply_for(np.clip(wanted, 0.0, np.maximum(free, 0.0)), licence, step_years)
        # Deciding after filing: what is filed in a step may be due in it, so that a delay lasts as stated.
        queue.decide(licence.approval_share, queue.pace(licence, overrun, step_years))
        queue.drop(np.asarray(share) <= 0)
        waiting[:, at] += queue.waiting.sum(1)
    return waiting


def in_hand(
    market: PolicyMarket, state: State, shares: Mapping[str, Amount], step_years: float
) -> dict[int, FloatArray]:
    """Cap -> (M,) tonnes of permits, of what is left of a quota, or of its part of a divided one."""
    divided = {
        cap: part * shares.get(market.cap_events[cap], 1.0) * market.fixed_caps[cap] * step_years
        for cap, part in _divisions(market, state).items()
    }
    return divided | {
        gate.cap: state.queues[gate.key].allowed
        if isinstance(gate.rule, Licence)
        else state.quotas[gate.key].left
        for gate in market.gates
    }


def _divisions(market: PolicyMarket, state: State) -> dict[int, FloatArray]:
    """Cap -> (M,) its part of a quota over several goods, relative to the part by base-year exports."""
    members = len(state.seller_stock)
    found = {}
    for pool in market.pools:
        usual = np.broadcast_to(pool.usual, (members, len(pool.caps)))
        part = state.pools.setdefault(pool.key, QuotaPool(usual.copy())).part
        relative = np.divide(part, usual, out=np.zeros_like(part), where=usual > 0)
        found |= {int(cap): relative[:, i] for i, cap in enumerate(pool.caps)}
    return found


def divide_quotas(
    market: PolicyMarket, world: World, state: State, behaviour: Behaviour, log_rent: FloatArray, step_years: float
) -> None:
    """Exporters move tonnes of a quota to the goods on which a tonne earned most, (M, C) rents in logs."""
    for pool in market.pools:
        gate = np.stack(
            [
                (state.gate_price[:, at] * world.offer_output[at]).sum(1) / world.offer_output[at].sum()
                for at in pool.offers
            ],
            axis=1,
        )
        abroad = gate * np.exp(log_rent[:, pool.caps])
        value = world.base_price[pool.goods]
        state.pools[pool.key].move(
            (abroad - gate) * value, abroad * value, behaviour["quota_shift_speed"], step_years
        )


def use_gates(
    market: PolicyMarket, state: State, cap_flow: FloatArray, shares: Mapping[str, Amount], step_years: float
) -> None:
    """Book exports, (M, C) tonnes, on permits and quotas; what passes freely needs neither."""
    for gate in market.gates:
        free = market.free_tonnes(gate.cap, shares, step_years)
        in_force = np.asarray(shares.get(gate.rule.event, 1.0)) > 0
        used = np.maximum(cap_flow[:, gate.cap] - free, 0.0) * in_force
        if isinstance(gate.rule, Licence):
            state.queues[gate.key].use(used)
        else:
            state.quotas[gate.key].use(used)
