"""What one step asks of the markets of a frame: offers, demand and caps, scaled, as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from sim.market.frame import Frame
from sim.market.layout import BoolArray, FloatArray, IntArray

__all__ = ["CAP_FLOOR", "Load", "load"]

CAP_FLOOR = 1e-6
"""A cap below this share of what its sellers offer is solved at the share and met by scaling
down: the rent of a total ban is then finite."""
NEVER = 1e3
"""Log tonnes of a limit that never binds."""


@dataclass(frozen=True)
class Load:
    """n markets. Tonnes are divided by the market's size, a power of two near its largest offer."""

    size: FloatArray
    """(n,)"""
    size_variable: FloatArray
    """The same per variable."""
    size_buyer: FloatArray
    """The same per buyer."""
    limit: FloatArray
    """Per variable: tonnes on sale, or allowed by the cap."""
    solved_limit: FloatArray
    """``limit`` with caps floored."""
    log_ask: FloatArray
    """Per variable; 0 for caps."""
    demand: FloatArray
    """(K, buyers)"""
    log_reservation: FloatArray
    """(K, buyers)"""
    elasticity: FloatArray
    """(K, buyers)"""
    groups: tuple[slice, ...]
    """Runs of tiers with the same elasticity."""
    row_on: FloatArray
    """Per row: 1 if the seller has something to sell."""
    buyer_off: FloatArray
    """Per buyer: 1 if no seller with goods may sell to it."""
    live: BoolArray
    """Per variable: the seller can sell, the cap has links that can carry something."""
    dead: BoolArray
    """~live"""

    def single(self) -> Load:
        """The same in single precision."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in values.items():
            if isinstance(value, np.ndarray) and value.dtype == np.float64:
                values[name] = value.astype(np.float32)
        return Load(**values)

    def take(self, which: IntArray, variables: IntArray, rows: IntArray, buyers: IntArray) -> Load:
        """The load of some markets, given by their positions on the flat axes."""
        return Load(
            size=self.size[which],
            size_variable=self.size_variable[variables],
            size_buyer=self.size_buyer[buyers],
            limit=self.limit[variables],
            solved_limit=self.solved_limit[variables],
            log_ask=self.log_ask[variables],
            demand=self.demand.take(buyers, axis=1),
            log_reservation=self.log_reservation.take(buyers, axis=1),
            elasticity=self.elasticity.take(buyers, axis=1),
            groups=self.groups,
            row_on=self.row_on[rows],
            buyer_off=self.buyer_off[buyers],
            live=self.live[variables],
            dead=self.dead[variables],
        )


def power_of_two(value: FloatArray) -> FloatArray:
    """Power of two in (value / 2, value]; 1 for 0. Dividing by it is exact."""
    _, exponent = np.frexp(value)
    return np.where(value > 0, np.ldexp(1.0, np.where(value > 0, exponent - 1, 0)), 1.0)


def load(
    frame: Frame,
    limits: FloatArray,
    log_ask: FloatArray,
    demand: FloatArray,
    log_reservation: FloatArray,
    elasticity: FloatArray,
    groups: tuple[slice, ...],
) -> Load:
    """Gather a frame's markets.

    Args:
        frame: where the markets lie.
        limits, log_ask: (M, O + 1 + C + 1), the last slot of offers and of caps for padding.
        demand, log_reservation: (K, M, N + 1). elasticity: the same, or (K,).
        groups: runs of tiers with the same elasticity.
    """
    tiers = demand.shape[0]
    amount = np.take(limits.reshape(-1), frame.offer)
    offered = np.where(frame.is_cap, 0.0, amount) if frame.capped else amount
    size = power_of_two(_per_market(np.maximum, offered, frame.first_variable))
    size_variable, size_buyer = np.take(size, frame.variable_market), np.take(size, frame.buyer_market)
    limit = np.divide(amount, size_variable, out=amount)
    wanted = np.take(demand.reshape(tiers, -1), frame.need, axis=1)
    wanted /= size_buyer

    row_on, buyer_off, live = _who_may_trade(frame, limit > 0, wanted > 0)

    solved = limit
    if frame.capped:
        # What the sellers under a cap offer: spread offers to rows, count each seller once.
        floor = np.zeros(len(limit))
        for piece in frame.capped:
            width, _, _ = piece.widths
            sellers = piece.bucket.sellers.shape[1]
            incidence = piece.bucket.incidence
            incidence = incidence[:1] if piece.bucket.own else incidence
            under = np.swapaxes(incidence[:, :, sellers:], 1, 2) @ incidence[:, :, :sellers] > 0
            which = np.zeros_like(piece.good) if piece.bucket.own else piece.good
            offer = limit[piece.variables].reshape(-1, width)[:, :sellers]
            total = np.where(under[which], offer[:, None, :], 0.0).sum(axis=2)
            floor[piece.variables].reshape(-1, width)[:, sellers:] = CAP_FLOOR * total
        solved = np.where(frame.is_cap, np.maximum(limit, floor), limit)
        live = live & (~frame.is_cap | (solved > 0))
    if elasticity.ndim == 1:
        response = np.broadcast_to(elasticity[:, None], wanted.shape)
    else:
        response = np.take(elasticity.reshape(tiers, -1), frame.need, axis=1)
    return Load(
        size=size,
        size_variable=size_variable,
        size_buyer=size_buyer,
        limit=limit,
        solved_limit=solved,
        log_ask=np.take(log_ask.reshape(-1), frame.offer),
        demand=wanted,
        log_reservation=np.take(log_reservation.reshape(tiers, -1), frame.need, axis=1),
        elasticity=response,
        groups=groups,
        row_on=row_on,
        buyer_off=buyer_off,
        live=live,
        dead=~live,
    )


def _who_may_trade(
    frame: Frame, has: BoolArray, wants: BoolArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """``row_on``, ``buyer_off`` and ``live`` of :class:`Load`.

    Who has and who wants something rarely changes between steps: the last answer is kept.

    Args:
        has: per variable. wants: (K, buyers).
    """
    wanting = wants.any(axis=0)
    if "trade" in frame.memory:
        kept_has, kept_wanting, answer = frame.memory["trade"]
        if np.array_equal(kept_has, has) and np.array_equal(kept_wanting, wanting):
            kept: tuple[FloatArray, FloatArray, BoolArray] = answer
            return kept
    variables, rows, buyers = frame.lengths
    row_on, reached, pull, reaching = np.empty(rows), np.empty(buyers), np.empty(rows), np.empty(variables)
    frame.spread(np.where(frame.is_cap, 0.0, has), row_on)
    frame.kernel.forward(row_on, reached)
    frame.kernel.backward(wanting.astype(float), pull)
    frame.collect((pull > 0) * row_on, reaching)
    found = row_on, (reached <= 0).astype(float), reaching > 0
    frame.memory["trade"] = has, wanting, found
    return found


def _per_market(operation: np.ufunc, values: FloatArray, first: IntArray) -> FloatArray:
    return np.asarray(operation.reduceat(values, first)) if len(first) else np.zeros(0)
