"""Judge a clearing from its prices and flows alone, in dense arrays, without solving anything.

Independent of how the clearing was found. :class:`Clearing` carries the same two numbers for each
market, residual and gap, got from products; this is the check on those.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.market.flows import Clearing
from sim.market.layout import FloatArray

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


def certify(
    clearing: Clearing,
    good: int,
    quantity: FloatArray,
    ask: FloatArray,
    demand: FloatArray,
    reservation: FloatArray,
    elasticity: FloatArray,
    cap_tonnes: FloatArray | None = None,
) -> Certificate:
    """Judge one good of a clearing; arguments as for :func:`sim.market.clear`."""
    market = clearing.market
    offers, needs = market.offers_of(good), market.needs_of(good)
    flow = clearing.flow(good)
    q, log_ask, log_price = quantity[:, offers], np.log(ask[:, offers]), np.log(clearing.price[:, offers])
    d, log_r = demand[:, needs], np.log(reservation[:, needs])
    eta = np.broadcast_to(elasticity, demand.shape)[:, needs]
    # Member first; 1 stands for all members.
    sigma = np.atleast_1d(market.sigma[..., good])
    eps = market.eps[..., offers]
    kernel = market.kernel[good] if market.kernel[good].ndim == 3 else market.kernel[good][None]
    caps = [c for c, g in enumerate(market.cap_good) if g == good]

    log_cost = np.repeat(log_price[:, :, None], kernel.shape[2], axis=2)
    cap_value = np.zeros(len(q))
    violation = np.zeros(len(q))
    for c in caps:
        _, sellers, buyers = market.caps[c]
        links = sellers[:, None] & buyers
        log_cost = log_cost + np.where(links, clearing.log_rent[:, c, None, None], 0.0)
        amount = np.asarray(cap_tonnes)[:, c]
        cap_value += clearing.log_rent[:, c] * amount
        violation = np.maximum(violation, (flow * links).sum(axis=(1, 2)) - amount)

    with np.errstate(divide="ignore"):
        log_kernel = np.log(kernel)
    pull = np.where(q[:, :, None] > 0, log_kernel - sigma[:, None, None] * log_cost, -np.inf)
    top = pull.max(axis=1, initial=-np.inf)
    served = np.isfinite(top)
    top = np.where(served, top, 0.0)
    reach = np.log(np.maximum(np.exp(pull - top[:, None]).sum(axis=1), 1e-300))
    index = np.where(served, -(top + reach) / sigma[:, None], 0)

    ahead = log_price - log_ask
    supply = q * np.exp(eps * np.minimum(ahead, 0))
    wanted = d.sum(axis=2) > 0
    active = (q > 0) & ((kernel > 0) & wanted[:, None, :]).any(axis=2)
    sold, bought = flow.sum(axis=2), flow.sum(axis=1)
    profit = np.where(active, supply / eps + q * np.maximum(ahead, 0), 0.0)
    over = np.maximum(index[:, :, None] - log_r, 0)
    tier = d * np.exp(-eta * over)
    worth = d * np.minimum(index[:, :, None] - log_r, 0) + (d - tier) / eta
    dual = profit.sum(axis=1) - np.where(served, worth.sum(axis=2), 0.0).sum(axis=1) + cap_value

    def xlogx(x: FloatArray, y: FloatArray) -> FloatArray:
        return np.where(x > 0, x * np.log(np.where(x > 0, x, 1.0) / np.where(x > 0, y, 1.0)), 0.0)

    cost = sold * log_ask + (xlogx(sold, q) - sold) / eps
    spread = xlogx(flow, np.repeat(bought[:, None], flow.shape[1], axis=1))
    spread -= np.where(flow > 0, flow * np.where(kernel > 0, log_kernel, 0.0), 0.0)
    # Tiers share what is bought as at the index: any split that fits below d bounds the worth.
    total = tier.sum(axis=2)
    share = np.where(total > 0, bought / np.where(total > 0, total, 1.0), 0.0)
    got = np.minimum(tier * share[:, :, None], d)
    gain = got * log_r - (xlogx(got, d) + d - got) / eta
    primal = np.where(served, gain.sum(axis=2), 0.0).sum(axis=1)
    primal -= np.where(active, cost, 0.0).sum(axis=1) + spread.sum(axis=(1, 2)) / sigma
    lost = np.abs(sold - clearing.sales[:, offers]).max(axis=1, initial=0.0)
    return Certificate(
        excess=np.where(active, np.abs(supply - sold), 0.0).max(axis=1, initial=0.0),
        primal=primal,
        dual=dual,
        gap=dual - primal,
        cap_violation=np.maximum(violation, 0.0),
        oversold=np.maximum(sold - q, 0.0).max(axis=1, initial=0.0),
        tonnes_lost=np.maximum(lost, np.abs(bought - clearing.purchases[:, needs]).max(axis=1, initial=0.0)),
    )
