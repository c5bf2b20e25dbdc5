"""What one step asks of the markets of a frame: offers, demand and caps, scaled, as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from sim.market.layout import BoolArray, FloatArray, IntArray
from sim.market.solver.frame import Frame
from sim.market.solver.inputs import NO_CAP, Inputs

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
    floored: bool
    """Whether any cap was floored."""
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
    all_on: bool
    """Whether every row is on, every buyer served, every variable live: what holds for all needs no pass."""
    all_served: bool
    all_live: bool
    held: FloatArray | None = None
    """Per buyer: tonnes that it has already; None where nobody has."""
    least: float = 0.0
    """Share of its tiers that a buyer orders all the same."""
    log_kept: FloatArray | None = None
    """Per variable: log of the share of its goods that a seller keeps at log price 0; -inf for caps."""
    keep_elasticity: float = 1.0

    def single(self) -> Load:
        """The same in single precision."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in values.items():
            if isinstance(value, np.ndarray) and value.dtype == np.float64:
                values[name] = value.astype(np.float32)
        return Load(**values)


def power_of_two(value: FloatArray) -> FloatArray:
    """Power of two in (value / 2, value]; 1 for 0. Dividing by it is exact."""
    _, exponent = np.frexp(value)
    return np.where(value > 0, np.ldexp(1.0, np.where(value > 0, exponent - 1, 0)), 1.0)


def load(frame: Frame, inputs: Inputs) -> Load:
    """Gather a frame's markets."""
    amount = inputs.of_variables(frame, inputs.quantity, inputs.allowed, NO_CAP)
    offered = np.where(frame.is_cap, 0.0, amount) if frame.capped else amount
    size = power_of_two(_per_market(np.maximum, offered, frame.first_variable))
    size_variable, size_buyer = np.take(size, frame.variable_market), np.take(size, frame.buyer_market)
    limit = amount / size_variable
    wanted = inputs.of_tiers(frame, inputs.demand, 0.0) / size_buyer
    log_reservation = np.log(inputs.of_tiers(frame, inputs.reservation, 1.0))

    trade = _who_may_trade(frame, limit > 0, wanted > 0)
    live, all_live = trade.live, trade.all_live

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
        all_live = bool(live.all())
    if inputs.elasticity.ndim == 1:
        response = np.broadcast_to(inputs.elasticity[inputs.order, None], wanted.shape)
    else:
        response = inputs.of_tiers(frame, inputs.elasticity, 1.0)
    return Load(
        size=size,
        size_variable=size_variable,
        size_buyer=size_buyer,
        limit=limit,
        solved_limit=solved,
        floored=solved is not limit and bool((solved > limit).any()),
        log_ask=inputs.of_variables(frame, inputs.log_ask),
        demand=wanted,
        log_reservation=log_reservation,
        elasticity=response,
        groups=inputs.groups,
        row_on=trade.row_on,
        buyer_off=trade.buyer_off,
        live=live,
        dead=~live if live is not trade.live else trade.dead,
        all_on=trade.all_on,
        all_served=trade.all_served,
        all_live=all_live,
        held=None if inputs.held is None else frame.from_needs.take(inputs.held, 0.0) / size_buyer,
        least=inputs.least,
        log_kept=_log_kept(frame, inputs, amount),
        keep_elasticity=inputs.keep_elasticity,
    )


def _log_kept(frame: Frame, inputs: Inputs, amount: FloatArray) -> FloatArray | None:
    """Per variable, as in :class:`Load`."""
    if inputs.kept is None:
        return None
    kept = inputs.of_variables(frame, inputs.kept)
    share = np.divide(kept, amount, out=np.zeros(len(amount)), where=(amount > 0) & ~frame.is_cap)
    with np.errstate(divide="ignore"):
        log_share = np.log(share)
    log_kept: FloatArray = log_share + inputs.keep_elasticity * inputs.of_variables(frame, inputs.log_ask)
    return log_kept


class _Trade(NamedTuple):
    """Who may trade, as in :class:`Load`."""

    row_on: FloatArray
    buyer_off: FloatArray
    live: BoolArray
    dead: BoolArray
    all_on: bool
    all_served: bool
    all_live: bool


def _who_may_trade(frame: Frame, has: BoolArray, wants: BoolArray) -> _Trade:
    """Who may trade, before caps without tonnes are taken into account.

    Who has and who wants something rarely changes between steps: the last answer is kept.

    Args:
        has: per variable. wants: (K, buyers).
    """
    wanting = wants[0] if len(wants) == 1 else wants.any(axis=0)
    if "trade" in frame.memory:
        kept_has, kept_wanting, answer = frame.memory["trade"]
        if np.array_equal(kept_has, has) and np.array_equal(kept_wanting, wanting):
            kept: _Trade = answer
            return kept
    variables, rows, buyers = frame.lengths
    row_on, reached, pull, reaching = np.empty(rows), np.empty(buyers), np.empty(rows), np.empty(variables)
    frame.spread(np.where(frame.is_cap, 0.0, has), row_on)
    frame.kernel.forward(row_on, reached)
    frame.kernel.backward(wanting.astype(float), pull)
    frame.collect((pull > 0) * row_on, reaching)
    unserved, live = reached <= 0, reaching > 0
    found = _Trade(
        row_on,
        unserved.astype(float),
        live,
        ~live,
        all_on=bool(row_on.all()),
        all_served=not unserved.any(),
        all_live=bool(live.all()),
    )
    frame.memory["trade"] = has, wanting, found
    return found


def _per_market(operation: np.ufunc, values: FloatArray, first: IntArray) -> FloatArray:
    return np.asarray(operation.reduceat(values, first)) if len(first) else np.zeros(0)
