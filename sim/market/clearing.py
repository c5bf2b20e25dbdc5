"""Clear every good of every member at once: prices, rents and flows that balance in tonnes.

See ``docs/clearing.md`` for the equations. :mod:`sim.market.reference` is the same equilibrium in
plain loops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.market.flows import Flows, settle
from sim.market.layout import BoolArray, CapKey, FloatArray, IntArray, Market
from sim.market.newton import NORMAL, STRONG, newton, residual
from sim.market.problem import Problem, evaluate, extended, gather

__all__ = ["Clearing", "ClearingState", "Market", "clear"]


@dataclass(frozen=True)
class ClearingState:
    """Where the next clearing starts. Survives a change of policy: caps are matched by their links."""

    log_price: FloatArray
    """(M, O)"""
    log_rent: FloatArray
    """(M, C)"""
    cap_keys: tuple[CapKey, ...]
    """Identity of each cap: good, sellers, buyers."""

    def members(self, which: IntArray | slice) -> ClearingState:
        """The state of some of the members."""
        return ClearingState(self.log_price[which], self.log_rent[which], self.cap_keys)

    def log_rent_for(self, market: Market) -> FloatArray:
        """(M, C) start for another market's caps; 0 for a cap that is new."""
        old = {key: position for position, key in enumerate(self.cap_keys)}
        start = np.zeros((len(self.log_price), len(market.cap_keys)))
        for position, key in enumerate(market.cap_keys):
            if key in old:
                start[:, position] = self.log_rent[:, old[key]]
        return start


@dataclass(frozen=True)
class Clearing(Flows):
    """Prices, rents and flows. M members, O offers, N needs, C caps, G goods; tonnes as given."""

    state: ClearingState
    """Start for the next step."""


def _checked(name: str, values: FloatArray, shape: tuple[int, ...], lowest: float) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; expected {shape}")
    # One reduction that also catches NaN: comparisons with it are false.
    if array.size and not (array.min() >= lowest and array.max() < np.inf):
        raise ValueError(f"{name} must be finite and >= {lowest:g}")
    return array


def clear(
    market: Market,
    quantity: FloatArray,
    ask: FloatArray,
    demand: FloatArray,
    reservation: FloatArray,
    elasticity: FloatArray,
    cap_tonnes: FloatArray | None = None,
    start: ClearingState | None = None,
    tolerance: float = 1e-9,
    signal_quantity: FloatArray | None = None,
) -> Clearing:
    """Find the prices at which every good of every member clears.

    Supply is ``q min(1, (p / ask)**eps)``; demand is the sum over tiers k of
    ``d_k min(1, (P / reservation_k)**-elasticity_k)`` with P the buyer's choice index; each buyer splits
    its demand in proportion to ``K p**-sigma``, over rents where a cap binds.

    Args:
        market: kernels, elasticities and groups of links under a cap, shared by the members.
        quantity: (M, O) tonnes on sale, >= 0. ask: (M, O) price from which all of it is on sale, > 0.
        demand: (M, N, K) tonnes per tier, >= 0.
        reservation: (M, N, K) price at which a tier starts to give way, > 0.
        elasticity: (N, K) or (K,), > 0.
        cap_tonnes: (M, C) tonnes allowed on each group of links, >= 0; may be left out without caps.
        start: the state of an earlier clearing of the same offers.
        tolerance: largest residual, relative to the market's largest offer.
        signal_quantity: (M, O) tonnes at which an offer with nothing to sell is quoted; default 1 % of
            the demand of the buyers that it may serve.

    Returns:
        The clearing. A market that did not arrive has ``certified`` False; its flows still balance.

    Raises:
        ValueError: a shape does not fit or a number is out of range.
    """
    members, offers, needs = len(quantity), len(market.offer_good), len(market.need_good)
    tiers = np.shape(demand)[-1]
    quantity = _checked("quantity", quantity, (members, offers), 0.0)
    ask = _checked("ask", ask, (members, offers), 1e-300)
    demand = _checked("demand", demand, (members, needs, tiers), 0.0)
    reservation = _checked("reservation", reservation, (members, needs, tiers), 1e-300)
    response = np.broadcast_to(np.asarray(elasticity, dtype=np.float64), (needs, tiers))
    response = _checked("elasticity", response, (needs, tiers), 1e-300)
    caps = len(market.caps)
    allowed = np.zeros((members, 0)) if cap_tonnes is None and not caps else np.asarray(cap_tonnes)
    allowed = _checked("cap_tonnes", allowed, (members, caps), 0.0)
    if start is not None and start.log_price.shape != (members, offers):
        raise ValueError(f"the start is for {start.log_price.shape}; expected {(members, offers)}")
    log_price = np.log(ask) if start is None else start.log_price
    log_rent = np.zeros((members, caps)) if start is None else start.log_rent_for(market)
    signal = None if signal_quantity is None else extended(np.asarray(signal_quantity), 0.0)

    padded = (
        extended(quantity, 0.0),
        extended(ask, 1.0),
        extended(demand, 0.0),
        extended(reservation, 1.0),
        np.concatenate([response, np.ones((1, tiers))]),
        extended(allowed, 0.0),
    )
    starts = extended(log_price, 0.0), extended(log_rent, 0.0)
    solutions = []
    for bucket in market.buckets:
        problem = gather(bucket, *padded)
        y = starts[0][problem.member[:, None], bucket.sellers[problem.good]]
        mu = starts[1][problem.member[:, None], bucket.caps[problem.good]]
        solutions.append((problem, *_solve(problem, y, mu, tolerance)))
    flows = settle(market, solutions, padded, signal, tolerance)
    state = ClearingState(np.log(flows.price), flows.log_rent, market.cap_keys)
    return Clearing(**{name: getattr(flows, name) for name in flows.__dataclass_fields__}, state=state)


def _solve(
    problem: Problem, y: FloatArray, mu: FloatArray, tolerance: float
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Normal safeguard, then, for markets that did not arrive, a stronger one from a cold start."""
    aimed = 0.5 * tolerance
    y, mu, steps = newton(problem, y, mu, aimed, NORMAL)
    missed = _missed(problem, y, mu, aimed)
    if missed.any():
        sub = problem.take(missed)
        y[missed], mu[missed], more = newton(sub, sub.log_ask, np.zeros_like(mu[missed]), aimed, STRONG)
        steps[missed] += more
    return y, mu, steps


def _missed(problem: Problem, y: FloatArray, mu: FloatArray, tolerance: float) -> BoolArray:
    return ~(residual(problem, evaluate(problem, y, mu), mu) <= tolerance)
