"""Gates at the border: licences that queue, quotas that are counted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.agents.licences import LicenceQueue
from sim.agents.quotas import QuotaAccount
from sim.agents.state import State
from sim.controls import Licence
from sim.engine.policy import PolicyMarket
from sim.units import Amount
from sim.world.world import FloatArray, World

__all__ = ["in_hand", "keep_gates", "open_gates", "use_gates"]


def keep_gates(market: PolicyMarket, state: State) -> None:
    """Forget queues and accounts of what is no longer in force."""
    kept = {gate.key for gate in market.gates}
    state.queues = {key: queue for key, queue in state.queues.items() if key in kept}
    state.quotas = {key: account for key, account in state.quotas.items() if key in kept}


def open_gates(
    market: PolicyMarket,
    world: World,
    state: State,
    required: FloatArray,
    reserve: FloatArray,
    overrun: FloatArray,
    shares: Mapping[str, Amount],
    step_years: float,
) -> FloatArray:
    """File applications for what licensed buyers need, decide what is due, and allot quotas.

    Args:
        required: (M, N) tonnes that buyers need this step.
        reserve: (M, O) tonnes that sellers keep.
        overrun: (M,) mean time that decisions take beyond the stated delay, in delays.

    Returns:
        (M, O) tonnes that wait for a decision and are not for sale.
    """
    members = len(state.seller_stock)
    waiting = np.zeros_like(state.seller_stock)
    for gate in market.gates:
        share = shares.get(gate.rule.event, 1.0)
        if not isinstance(gate.rule, Licence):
            account = state.quotas.setdefault(gate.key, QuotaAccount(np.zeros(members)))
            account.allot(gate.rule, share, step_years)
            continue
        licence, at = gate.rule, gate.offers
        if gate.key not in state.queues:
            state.queues[gate.key] = LicenceQueue.empty(members, len(at), licence, step_years)
        queue = state.queues[gate.key]
        queue.resize(licence, step_years)
        activity = required[:, gate.needs] / (world.need_use[gate.needs] * step_years)
        # Not a matrix product: its last bit would depend on the number of members.
        licensed = np.reshape(share * (1 - licence.free_share), (-1, 1))
        # Nor in the order in which indexing leaves members, side by side: that of a sum depends on it.
        wanted = (np.ascontiguousarray(activity)[:, None] * (gate.base * step_years)).sum(-1) * licensed
        free = state.seller_stock[:, at] - reserve[:, at] - queue.waiting.sum(1)
        queue.apply_for(np.clip(wanted, 0.0, np.maximum(free, 0.0)), licence, step_years)
        # Deciding after filing: what is filed in a step may be due in it, so that a delay lasts as stated.
        queue.decide(licence.approval_share, queue.pace(licence, overrun, step_years))
        queue.drop(np.asarray(share) <= 0)
        waiting[:, at] += queue.waiting.sum(1)
    return waiting


def in_hand(market: PolicyMarket, state: State) -> dict[int, FloatArray]:
    """Cap -> (M,) tonnes of permits, or of what is left of the quota."""
    return {
        gate.cap: state.queues[gate.key].allowed
        if isinstance(gate.rule, Licence)
        else state.quotas[gate.key].left
        for gate in market.gates
    }


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
