"""Judge a clearing from its prices and flows alone, in dense arrays, without solving anything.

Independent of how the clearing was found. :class:`Clearing` carries the same two numbers for each
market, residual and gap, got from products; this is the check on those.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.market.flows import Clearing
from sim.market.layout import BoolArray, FloatArray, Terms
from sim.market.solver.holdings import TAIL, supply_at

__all__ = ["Certificate", "certify"]


@dataclass(frozen=True)
class Certificate:
    """One good, all members (M,). Tonnes in the caller's unit; values in tonnes x log price."""

    excess: FloatArray
    """Largest |offer - sales| of a seller at the quoted prices, tonnes."""
    primal: FloatArray
    """Value of the flows: consumers' worth less sellers' cost less the cost of concentration."""
    dual: FloatArray
    """Value that no feasible flows can exceed, from the prices and rents."""
    gap: FloatArray
    """dual - primal, >= 0 but for rounding."""
    cap_violation: FloatArray
    """Largest flow above a cap, tonnes."""
    oversold: FloatArray
    """Largest sales above what is on sale, tonnes."""
    tonnes_lost: FloatArray
    """Largest difference between flows summed and sales or purchases reported, tonnes."""


def certify(clearing: Clearing, good: int, terms: Terms) -> Certificate:
    """Judge one good of a clearing, given what :func:`sim.market.clear` was asked.

    Equation (C11), docs/clearing.md, for ``gap``.
    """
    dense = _dense(clearing, good, terms)
    flow, q = dense.flow, dense.quantity
    sold, bought = flow.sum(axis=2), flow.sum(axis=1)
    supply = q * np.exp(dense.eps * np.minimum(dense.log_price - dense.log_ask, 0))
    if dense.log_kept is not None:
        supply = q * supply_at(dense.log_kept, dense.keep_elasticity, dense.log_price)[0]
    wanted = dense.demand.sum(axis=2) > 0
    active = (q > 0) & ((dense.kernel > 0) & wanted[:, None, :]).any(axis=2)
    log_rent, allowed = clearing.log_rent[:, dense.caps], dense.cap_tonnes
    index, served = _indices(dense)
    dual = _dual(dense, supply, active, index, served) + (log_rent * allowed).sum(axis=1)
    primal = _primal(dense, active, index, served)
    over = dense.cap_flow - allowed
    market = clearing.market
    lost = np.abs(sold - clearing.sales[:, market.offers_of(good)]).max(axis=1, initial=0.0)
    unbooked = np.abs(bought - clearing.purchases[:, market.needs_of(good)]).max(axis=1, initial=0.0)
    return Certificate(
        excess=np.where(active, np.abs(supply - sold), 0.0).max(axis=1, initial=0.0),
        primal=primal,
        dual=dual,
        gap=dual - primal,
        cap_violation=over.max(axis=1, initial=0.0),
        oversold=np.maximum(sold - q, 0.0).max(axis=1, initial=0.0),
        tonnes_lost=np.maximum(lost, unbooked),
    )


@dataclass(frozen=True)
class _Dense:
    """One good: S sellers, B buyers, K tiers, C caps. 1 in place of M stands for all members."""

    flow: FloatArray
    """(M, S, B) tonnes."""
    quantity: FloatArray
    """(M, S)"""
    log_ask: FloatArray
    """(M, S)"""
    log_price: FloatArray
    """(M, S)"""
    log_cost: FloatArray
    """(M, S, B) log price and log rents on each link."""
    demand: FloatArray
    """(M, B, K)"""
    log_reservation: FloatArray
    """(M, B, K)"""
    elasticity: FloatArray
    """(M, B, K)"""
    sigma: FloatArray
    """(1 or M,)"""
    eps: FloatArray
    """(S,) or (M, S)"""
    kernel: FloatArray
    """(1 or M, S, B)"""
    caps: list[int]
    """Positions of this good's caps."""
    cap_tonnes: FloatArray
    """(M, C)"""
    cap_flow: FloatArray
    """(M, C)"""
    held: FloatArray
    """(M, B) tonnes that buyers have already."""
    least: float
    """Share of its tiers that a buyer orders all the same."""
    log_kept: FloatArray | None
    """(M, S) log of the share that a seller keeps at log price 0; None where ``eps`` holds."""
    keep_elasticity: float

    @property
    def log_kernel(self) -> FloatArray:
        """(1 or M, S, B); -inf where a link is closed."""
        with np.errstate(divide="ignore"):
            return np.log(self.kernel)


def _dense(clearing: Clearing, good: int, terms: Terms) -> _Dense:
    market = clearing.market
    offers, needs = market.offers_of(good), market.needs_of(good)
    demand = np.asarray(terms.demand, dtype=np.float64)
    caps = [c for c, g in enumerate(market.cap_good) if g == good]
    allowed = np.zeros((len(demand), 0)) if terms.cap_tonnes is None else np.asarray(terms.cap_tonnes)
    flow, log_price = clearing.flow(good), np.log(clearing.price[:, offers])
    kernel = market.kernel[good] if market.kernel[good].ndim == 3 else market.kernel[good][None]
    log_cost = np.repeat(log_price[:, :, None], kernel.shape[2], axis=2)
    cap_flow = np.zeros((len(demand), len(caps)))
    for position, c in enumerate(caps):
        _, sellers, buyers = market.caps[c]
        links = sellers[:, None] & buyers
        log_cost = log_cost + np.where(links, clearing.log_rent[:, c, None, None], 0.0)
        cap_flow[:, position] = (flow * links).sum(axis=(1, 2))
    return _Dense(
        flow=flow,
        quantity=np.asarray(terms.quantity, dtype=np.float64)[:, offers],
        log_ask=np.log(np.asarray(terms.ask, dtype=np.float64)[:, offers]),
        log_price=log_price,
        log_cost=log_cost,
        demand=demand[:, needs],
        log_reservation=np.log(np.asarray(terms.reservation, dtype=np.float64)[:, needs]),
        elasticity=np.broadcast_to(np.asarray(terms.elasticity), demand.shape)[:, needs],
        sigma=np.atleast_1d(market.sigma[..., good]),
        eps=market.eps[..., offers],
        kernel=kernel,
        caps=caps,
        cap_tonnes=allowed[:, caps],
        cap_flow=cap_flow,
        held=np.zeros(demand.shape[:2])[:, needs] if terms.held is None else np.asarray(terms.held)[:, needs],
        least=terms.least,
        log_kept=_log_kept(terms, offers),
        keep_elasticity=terms.keep_elasticity,
    )


def _log_kept(terms: Terms, offers: slice) -> FloatArray | None:
    if terms.kept is None:
        return None
    kept, quantity = (np.asarray(a, dtype=np.float64)[:, offers] for a in (terms.kept, terms.quantity))
    share = np.divide(kept, quantity, out=np.zeros_like(kept), where=quantity > 0)
    with np.errstate(divide="ignore"):
        log_share = np.log(share)
    asked = np.log(np.asarray(terms.ask, dtype=np.float64)[:, offers])
    log_kept: FloatArray = log_share + terms.keep_elasticity * asked
    return log_kept


def _indices(dense: _Dense) -> tuple[FloatArray, BoolArray]:
    """(M, B) log choice index ``ln P``, 0 where nobody with goods may sell; and whether somebody may.

    Equations (C1) and (C2), docs/clearing.md, for ``t_sb`` and ``P_b``.
    """
    pull = dense.log_kernel - dense.sigma[:, None, None] * dense.log_cost
    pull = np.where(dense.quantity[:, :, None] > 0, pull, -np.inf)
    top = pull.max(axis=1, initial=-np.inf)
    served = np.isfinite(top)
    top = np.where(served, top, 0.0)
    reach = np.log(np.maximum(np.exp(pull - top[:, None]).sum(axis=1), 1e-300))
    return np.where(served, -(top + reach) / dense.sigma[:, None], 0), served


def _dual(
    dense: _Dense, supply: FloatArray, active: BoolArray, index: FloatArray, served: BoolArray
) -> FloatArray:
    """(M,) sellers' and buyers' part of ``Psi`` at the quoted prices.

    Args:
        supply: (M, S) tonnes. active: (M, S) who has something to sell and somebody to sell to.
        index, served: as from :func:`_indices`.

    Equation (C8), docs/clearing.md, for ``Psi``.
    """
    ahead = dense.log_price - dense.log_ask
    profit = np.where(active, supply / dense.eps + dense.quantity * np.maximum(ahead, 0), 0.0)
    if dense.log_kept is not None:
        whole = supply_at(dense.log_kept, dense.keep_elasticity, dense.log_price)[2]
        profit = np.where(active, dense.quantity * whole, 0.0)
    value: FloatArray = profit.sum(axis=1) - np.where(served, _worth(dense, index), 0.0).sum(axis=1)
    return value


def _tier_worth(dense: _Dense, index: FloatArray) -> FloatArray:
    """(M, B) integral of what tiers want over the log index."""
    distance = index[:, :, None] - dense.log_reservation
    tier = dense.demand * np.exp(-dense.elasticity * np.maximum(distance, 0))
    worth = dense.demand * np.minimum(distance, 0) + (dense.demand - tier) / dense.elasticity
    total: FloatArray = worth.sum(axis=2)
    return total


def _wanted(dense: _Dense, index: FloatArray) -> FloatArray:
    """(M, B, K) tonnes that each tier wants at an index."""
    over = np.maximum(index[:, :, None] - dense.log_reservation, 0)
    wanted: FloatArray = dense.demand * np.exp(-dense.elasticity * over)
    return wanted


def _worth(dense: _Dense, index: FloatArray) -> FloatArray:
    """(M, B) integral of demand over the log index: of tiers less what is held, down to the least order."""
    if not dense.held.any():
        return _tier_worth(dense, index)
    low, high = np.full(index.shape, -100.0), np.full(index.shape, 100.0)
    for _ in range(70):
        middle = 0.5 * (low + high)
        more = _wanted(dense, middle).sum(axis=2) * (1 - dense.least) > dense.held
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    turn = np.where(dense.held > 0, 0.5 * (low + high), np.inf)
    inside = _tier_worth(dense, np.minimum(index, turn)) - dense.held * np.minimum(index, turn)
    beyond = dense.least * (_tier_worth(dense, index) - _tier_worth(dense, np.minimum(index, turn)))
    return inside + np.where(index > turn, beyond, 0.0)


def _primal(dense: _Dense, active: BoolArray, index: FloatArray, served: BoolArray) -> FloatArray:
    """(M,) value of the flows, whatever they are; arguments as for :func:`_dual`.

    Equation (C10), docs/clearing.md, for ``Primal``.
    """
    flow = dense.flow
    sold, bought = flow.sum(axis=2), flow.sum(axis=1)
    cost = sold * dense.log_ask + (_x_log(sold, dense.quantity) - sold) / dense.eps
    if dense.log_kept is not None:
        cost = _cost_of_keepers(dense, dense.log_kept, sold)
    spread = _x_log(flow, np.repeat(bought[:, None], flow.shape[1], axis=1))
    spread -= np.where(flow > 0, flow * np.where(dense.kernel > 0, dense.log_kernel, 0.0), 0.0)
    gain = _gain(dense, bought, index)
    value: FloatArray = np.where(served, gain, 0.0).sum(axis=1)
    value -= np.where(active, cost, 0.0).sum(axis=1) + spread.sum(axis=(1, 2)) / dense.sigma
    return value


def _cost_of_keepers(dense: _Dense, log_kept: FloatArray, sold: FloatArray) -> FloatArray:
    """(M, S) conjugate of the profit of sellers who keep what they do not sell."""
    q, elasticity = dense.quantity, dense.keep_elasticity
    share = np.divide(sold, q, out=np.zeros_like(q), where=q > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        # The log price at which a share is offered: inside by what is kept, in the tail as a power.
        inside = (log_kept - np.log(np.maximum(1 - share, 1e-300))) / elasticity
        turn = (log_kept - np.log(1 - TAIL)) / elasticity
        tail = turn + np.log(np.maximum(share, 1e-300) / TAIL) * TAIL / (1 - TAIL) / elasticity
    price = np.where(share >= TAIL, inside, tail)
    price = np.where(np.isfinite(price), price, 0.0)
    whole = supply_at(log_kept, elasticity, price)[2]
    cost: FloatArray = np.where(np.isfinite(log_kept), sold * price - q * whole, 0.0)
    return cost


def _gain(dense: _Dense, bought: FloatArray, index: FloatArray) -> FloatArray:
    """(M, B) least worth of what is bought: the conjugate of :func:`_worth`, or less.

    Tiers share what there is as at the index: any split that fits below their demand bounds the worth.
    """
    d, eta, log_r = dense.demand, dense.elasticity, dense.log_reservation
    tier = _wanted(dense, index)
    total = tier.sum(axis=2)
    counts = total - dense.held >= dense.least * total
    there = bought + dense.held if dense.held.any() else bought
    there = np.where(counts, there, bought / (dense.least or 1.0))
    share = np.where(total > 0, there / np.where(total > 0, total, 1.0), 0.0)
    got = np.minimum(tier * share[:, :, None], d)
    gain: FloatArray = (got * log_r - (_x_log(got, d) + d - got) / eta).sum(axis=2)
    if not dense.held.any():
        return gain
    # Where the least is ordered, the dual's integral is that of the tiers' part but for a constant.
    constant = np.where(counts, 0.0, _worth(dense, index) - dense.least * _tier_worth(dense, index))
    result: FloatArray = np.where(counts, 1.0, dense.least) * gain - constant
    return result


def _x_log(x: FloatArray, y: FloatArray) -> FloatArray:
    """x ln(x / y), 0 where x is."""
    return np.where(x > 0, x * np.log(np.where(x > 0, x, 1.0) / np.where(x > 0, y, 1.0)), 0.0)
