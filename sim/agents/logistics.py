"""Tonnes on the move: what arrives, what is sold and sent, what plants take and make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.accounts import Orders
from sim.agents.prepared import Prepared
from sim.agents.state import State
from sim.agents.tracers import Tracer
from sim.arrays import FloatArray
from sim.controls import Resale
from sim.instruments.process import Process
from sim.market.clearing import Clearing

__all__ = ["Traffic", "arrive", "mine", "ship", "store", "throw_away"]


@dataclass(frozen=True)
class Traffic:
    """What is sent in a step."""

    clearing: Clearing
    orders: Orders
    lag_weight: Sequence[Sequence[FloatArray]]
    """Per lag, per good (S, B) or (M, S, B) share of a shipment that arrives after it."""
    resales: Sequence[Resale]
    """Rules on resale in force."""


def arrive(state: State, tracers: Sequence[Tracer]) -> None:
    """Shipments due in this step reach the buyers' stocks."""
    if len(state.transit):
        state.buyer_stock = state.buyer_stock + state.transit[0]
        state.transit[:-1] = state.transit[1:]
        state.transit[-1] = 0.0
    for tracer in tracers:
        tracer.buyer.arrive()


def ship(
    state: State,
    tracers: Sequence[Tracer],
    processes: Sequence[Process],
    traffic: Traffic,
) -> FloatArray:
    """Sold tonnes leave the sellers' stocks and travel; of what is sent, stockpiles take their part.

    Returns:
        (M, N) tonnes bought for own use.

    Equations (M55) and (M56), docs/model.md, for ``I_s`` and ``B_b``.
    """
    clearing = traffic.clearing
    shares = [(process, process.fractions(clearing, traffic.orders)) for process in processes]
    taken = [(process, fractions) for process, fractions in shares if fractions is not None]
    left: FloatArray | float = 1.0
    for _, fractions in taken:
        left = left - fractions.sum(0)
    purchases = clearing.purchases * left

    by_lag = np.stack([clearing.to_buyers(weights) for weights in traffic.lag_weight])
    for process, fractions in taken:
        process.take(0, by_lag[..., None], fractions)
    for position, tracer in enumerate(tracers, start=1):
        sent = tracer.ship(clearing, state.seller_stock, traffic.resales, traffic.lag_weight)
        for process, fractions in taken:
            process.take(position, sent, fractions[:, :, tracer.needs])
        if taken:
            sent = sent * np.asarray(left)[None, :, tracer.needs, None]
        tracer.load(sent)
    state.seller_stock = state.seller_stock - clearing.sales

    if taken:
        by_lag = by_lag * left
    state.buyer_stock = state.buyer_stock + by_lag[0]
    state.transit += by_lag[1:]
    return purchases


def mine(prepared: Prepared, state: State, tracers: Sequence[Tracer], plan: FloatArray) -> None:
    """What mines make of a plan (M, O) of tonnes enters their stocks: it is for sale in the same step."""
    output = np.where(prepared.made, 0.0, plan)
    nothing = np.zeros_like(state.buyer_stock)
    for tracer in tracers:
        tracer.produce(nothing, state.buyer_stock, output)
    state.seller_stock = state.seller_stock + output


def store(
    state: State,
    tracers: Sequence[Tracer],
    consumed: FloatArray,
    held: FloatArray,
    output: FloatArray,
) -> None:
    """Inputs leave the buyers' stocks, outputs enter the sellers', with what they consist of.

    Args:
        consumed, held: (M, N) tonnes used, and on hand before. output: (M, O) tonnes made or passed on.
    """
    for tracer in tracers:
        tracer.produce(consumed, held, output)
    state.buyer_stock = np.maximum(held - consumed, 0.0)
    state.seller_stock = state.seller_stock + output


def throw_away(state: State, tracers: Sequence[Tracer], tonnes: FloatArray) -> None:
    """(M, O) tonnes leave the sellers' stocks for good."""
    for tracer in tracers:
        tracer.discard(tonnes, state.seller_stock)
    state.seller_stock = state.seller_stock - tonnes
