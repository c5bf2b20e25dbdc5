"""The clearing of one market in plain loops: slow, short, and the text to learn it from.

Sellers s post a gate price ``p[s]``; a cap g on a group of links adds a rent, ``m[g] >= 0`` in logs,
to the price on each of its links. Then

1. buyer b looks at every seller whom it may buy from and forms its *choice index*

       P[b] = (sum over s of K[s][b] * price[s][b] ** -sigma) ** (-1 / sigma)

   where ``price[s][b] = p[s] * exp(rents on the link)``;
2. it wants ``T[b] = sum over tiers of d * min(1, (P / r) ** -eta)`` tonnes, has ``h[b]`` of them, and orders
   ``D[b] = max(T - h, least * T)``;
3. and splits them over sellers by how they add to the index:

       x[s][b] = D[b] * K[s][b] * price[s][b] ** -sigma / P[b] ** -sigma

   so what it buys adds up to what it wants;
4. seller s offers ``q * min(1, (p / a) ** eps)``; one that keeps ``k (p / a) ** -eps`` tonnes offers what
   is left.

The market clears when each seller's offer equals its sales, each cap with a rent is exactly used,
and each cap that is not used up has no rent. We go round: set one seller's price so that *it* clears,
all else equal, then the next, then each cap's rent. Each of these is one unknown in one falling
function. Going round is coordinate descent on a convex function (docs/clearing.md), so it arrives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy.optimize import brentq

__all__ = ["ReferenceCap", "ReferenceMarket", "ReferenceResult", "clear_by_hand"]

Matrix = Sequence[Sequence[float]]

TAIL = 0.02
"""As in :mod:`sim.market.solver.holdings`."""
PRECISION = 1e-12
"""Of log prices, which are of the order of 1 here or at most 1e3: still well above their rounding."""


@dataclass(frozen=True)
class ReferenceCap:
    """A ceiling on the tonnes from a group of sellers to a group of buyers."""

    sellers: Sequence[bool]
    buyers: Sequence[bool]
    tonnes: float


@dataclass(frozen=True)
class ReferenceMarket:
    """One good of one member. Sellers s, buyers b, tiers k."""

    kernel: Matrix
    """[s][b] sourcing weight; 0 closes the link."""
    sigma: float
    quantity: Sequence[float]
    ask: Sequence[float]
    eps: Sequence[float]
    demand: Matrix
    """[b][k] tonnes."""
    reservation: Matrix
    """[b][k] price at which the tier starts to give way."""
    elasticity: Matrix
    """[b][k]"""
    caps: Sequence[ReferenceCap] = ()
    held: Sequence[float] = ()
    """[b] tonnes that it has already; empty where nobody has any."""
    least: float = 0.0
    """Share of its tiers that a buyer orders however much it holds."""
    kept: Sequence[float] = ()
    """[s] tonnes that a seller keeps at its ask; empty where nobody keeps any."""


@dataclass(frozen=True)
class ReferenceResult:
    """Prices, rents in logs, tonnes per link, and how far the market is from clear."""

    price: list[float]
    log_rent: list[float]
    flow: list[list[float]]
    residual: float
    rounds: int


def flows(
    market: ReferenceMarket, log_price: Sequence[float], log_rent: Sequence[float]
) -> list[list[float]]:
    """[s][b] tonnes at given log prices and log rents."""
    sellers, buyers = len(market.kernel), len(market.kernel[0])
    x = [[0.0] * buyers for _ in range(sellers)]
    for b in range(buyers):
        pulls = {}  # seller -> log of K * price ** -sigma
        for s in range(sellers):
            if market.kernel[s][b] > 0 and market.quantity[s] > 0:
                paid = log_price[s]
                for cap, rent in zip(market.caps, log_rent, strict=True):
                    if cap.sellers[s] and cap.buyers[b]:
                        paid += rent
                pulls[s] = math.log(market.kernel[s][b]) - market.sigma * paid
        if not pulls:
            continue  # nobody may sell to b: its need is unmet
        strongest = max(pulls.values())
        total = sum(math.exp(pull - strongest) for pull in pulls.values())
        log_index = -(strongest + math.log(total)) / market.sigma
        wanted = demand(market, b, log_index)
        for s, pull in pulls.items():
            x[s][b] = wanted * math.exp(pull - strongest) / total
    return x


def demand(market: ReferenceMarket, b: int, log_index: float) -> float:
    """Tonnes that buyer b wants at a log choice index."""
    wanted = 0.0
    for d, r, eta in zip(market.demand[b], market.reservation[b], market.elasticity[b], strict=True):
        wanted += d * min(1.0, math.exp(min(0.0, -eta * (log_index - math.log(r)))))
    return max(wanted - market.held[b], market.least * wanted) if market.held else wanted


def supply(market: ReferenceMarket, s: int, log_price: float) -> float:
    """Tonnes that seller s offers at a log price."""
    ahead = log_price - math.log(market.ask[s])
    if market.kept:
        share = market.kept[s] / market.quantity[s] * math.exp(-market.eps[s] * ahead)
        if share <= 1 - TAIL:
            return market.quantity[s] * (1 - share)
        # Next to nothing is left: a power of the price, with the slope that there is where it begins.
        return float(market.quantity[s] * TAIL * (share / (1 - TAIL)) ** (-(1 - TAIL) / TAIL))
    return market.quantity[s] * math.exp(min(0.0, market.eps[s] * ahead))


def root(excess: Callable[[float], float], guess: float, lowest: float = -math.inf) -> float:
    """Zero of a rising function, or ``lowest`` if it is above zero already there.

    Walk from the guess until the sign changes, then close in between by Brent's method.
    """
    step, low, high = 0.01, guess, guess
    if excess(guess) > 0:
        while excess(low) > 0:
            if low <= lowest:
                return lowest
            high, low, step = low, max(lowest, low - step), 2 * step
    else:
        while excess(high) < 0:
            if high > 1e3:
                return high  # no price is high enough; the residual will say so
            low, high, step = high, high + step, 2 * step
    return float(brentq(excess, low, high, xtol=PRECISION))


def clear_by_hand(market: ReferenceMarket, tolerance: float = 1e-10, rounds: int = 2000) -> ReferenceResult:
    """Clear one market, one unknown at a time.

    Args:
        market: the market. Every elasticity and every cap must be > 0.
        tolerance: largest excess at which to stop, as a share of the largest offer.
        rounds: give up after this many.
    """
    sellers, buyers = len(market.kernel), len(market.kernel[0])
    y = [math.log(a) for a in market.ask]
    m = [0.0] * len(market.caps)
    size = max(market.quantity, default=0.0) or 1.0

    def sales(s: int, value: float) -> float:
        return sum(flows(market, [*y[:s], value, *y[s + 1 :]], m)[s])

    def used(g: int, value: float) -> float:
        cap = market.caps[g]
        x = flows(market, y, [*m[:g], value, *m[g + 1 :]])
        return sum(x[s][b] for s in range(sellers) for b in range(buyers) if cap.sellers[s] and cap.buyers[b])

    served = [
        market.quantity[s] > 0
        and any(market.kernel[s][b] > 0 and sum(market.demand[b]) > 0 for b in range(buyers))
        for s in range(sellers)
    ]
    residual, done = math.inf, 0
    while residual > tolerance and done < rounds:
        done += 1
        for s in range(sellers):
            if served[s]:
                y[s] = root(lambda value, s=s: supply(market, s, value) - sales(s, value), y[s])  # type: ignore[misc]
        for g, cap in enumerate(market.caps):
            m[g] = root(lambda value, g=g, cap=cap: cap.tonnes - used(g, value), m[g], lowest=0.0)  # type: ignore[misc]
        off = [abs(supply(market, s, y[s]) - sales(s, y[s])) for s in range(sellers) if served[s]]
        for g, cap in enumerate(market.caps):
            spare = cap.tonnes - used(g, m[g])
            off.append(abs(spare) if m[g] > 0 else max(0.0, -spare))
        residual = max(off, default=0.0) / size
    return ReferenceResult([math.exp(v) for v in y], m, flows(market, y, m), residual, done)
