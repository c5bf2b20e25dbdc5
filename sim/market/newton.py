"""Safeguarded Newton on the convex dual, for a batch of markets.

The dual is minimised over log prices y and, for caps, log rents mu >= 0. Its gradient is
(supply - sales, cap - flow), its Hessian a sum of positive semi-definite pieces, so that a Newton
step with backtracking descends from any start. Each market has its own step length and stops
on its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.market.layout import BoolArray, FloatArray, IntArray
from sim.market.problem import Point, Problem, evaluate

__all__ = ["NORMAL", "STRONG", "Safeguard", "newton", "residual"]

BATCH_ELEMENTS = 400_000
"""Links of the markets handled together: keeps the working set in cache."""


@dataclass(frozen=True)
class Safeguard:
    """How careful a solve is."""

    steps: int
    """Largest number of Newton steps."""
    longest: float
    """Largest change of a log price in one step."""
    ridge: float
    """Share of the Hessian's diagonal added to it."""


NORMAL = Safeguard(steps=60, longest=1.5, ridge=1e-10)
STRONG = Safeguard(steps=400, longest=0.5, ridge=1e-7)


def residual(problem: Problem, point: Point, log_rent: FloatArray) -> FloatArray:
    """(n,) largest excess of supply, demand or a binding cap, relative to the market's size."""
    return np.abs(_free_gradient(problem, point, log_rent)).max(axis=1, initial=0.0)


def _free_gradient(problem: Problem, point: Point, log_rent: FloatArray) -> FloatArray:
    """Gradient on the variables that may still move."""
    return np.where(_free(problem, point, log_rent), point.gradient, 0.0)


def _free(problem: Problem, point: Point, log_rent: FloatArray) -> BoolArray:
    sellers = problem.quantity.shape[1]
    slack = (log_rent <= 0) & (point.gradient[:, sellers:] > 0)
    return np.concatenate([problem.seller_live, ~slack], axis=1)


def _direction(problem: Problem, point: Point, log_rent: FloatArray, guard: Safeguard) -> FloatArray:
    """(n, S + C) Newton step, shortened to the longest allowed."""
    sigma, share = problem.sigma, point.share
    sellers = problem.quantity.shape[1]
    curvature = sigma[:, None] * point.demanded - point.slope
    hessian = -(share * curvature[:, None, :]) @ np.swapaxes(share, 1, 2)
    rows = np.arange(hessian.shape[1])
    hessian[:, rows, rows] += sigma[:, None] * point.row_flow
    if log_rent.shape[1]:
        incidence = problem.bucket.incidence[problem.good]
        hessian = np.swapaxes(incidence, 1, 2) @ (hessian @ incidence)
    else:
        hessian = hessian[:, :sellers, :sellers]
    free = _free(problem, point, log_rent)
    hessian *= free[:, :, None] & free[:, None, :]
    variables = np.arange(hessian.shape[1])
    diagonal = hessian[:, variables, variables].copy()
    diagonal[:, :sellers] += point.supply_slope
    diagonal += guard.ridge * diagonal + 1e-12
    hessian[:, variables, variables] = np.where(free, diagonal, 1.0)
    gradient = np.where(free, point.gradient, 0.0)
    step = -np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
    longest = np.abs(step).max(axis=1, initial=0.0)
    return np.asarray(step * np.minimum(1.0, guard.longest / np.maximum(longest, 1e-300))[:, None])


def _descend(
    problem: Problem, log_price: FloatArray, log_rent: FloatArray, point: Point, guard: Safeguard
) -> None:
    """One safeguarded step of every market, in place."""
    sellers = log_price.shape[1]
    step = _direction(problem, point, log_rent, guard)
    before = residual(problem, point, log_rent)
    length = np.ones(len(problem))
    pending = np.arange(len(problem))
    for _ in range(40):
        sub = problem if len(pending) == len(problem) else problem.take(pending)
        move = length[pending, None] * step[pending]
        y = log_price[pending] + move[:, :sellers]
        mu = np.maximum(log_rent[pending] + move[:, sellers:], 0.0)
        trial = evaluate(sub, y, mu)
        moved = np.concatenate([y - log_price[pending], mu - log_rent[pending]], axis=1)
        slope = (point.gradient[pending] * moved).sum(axis=1)
        rounding = 1e-13 * (np.abs(point.psi[pending]) + 1.0)
        good = trial.psi <= point.psi[pending] + 1e-4 * np.minimum(slope, 0.0) + rounding
        # Near the solution psi no longer resolves progress; the gradient still does.
        good |= (residual(sub, trial, mu) < 0.5 * before[pending]) & (
            trial.psi <= point.psi[pending] + 1e-9 * (np.abs(point.psi[pending]) + 1.0)
        )
        accepted = np.flatnonzero(good)
        where = pending[accepted]
        log_price[where], log_rent[where] = y[accepted], mu[accepted]
        point.put(where, trial, accepted)
        pending = pending[~good]
        if not len(pending):
            return
        length[pending] *= 0.5


def newton(
    problem: Problem, log_price: FloatArray, log_rent: FloatArray, tolerance: float, guard: Safeguard
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Minimise the dual of each market.

    Args:
        problem: n markets.
        log_price: (n, S) start. log_rent: (n, C) start, >= 0.
        tolerance: residual at which a market stops.
        guard: limits.

    Returns:
        Log prices, log rents, and steps taken (n,). The caller judges arrival from the residual.
    """
    log_price, log_rent = log_price.copy(), log_rent.copy()
    steps = np.zeros(len(problem), dtype=np.int64)
    _, rows, _, buyers, _ = problem.bucket.shape
    batch = max(1, BATCH_ELEMENTS // (rows * buyers))
    for first in range(0, len(problem), batch):
        here = slice(first, first + batch)
        sub, y, mu = problem.take(here), log_price[here], log_rent[here]
        active = np.arange(len(sub))
        point = evaluate(sub, y, mu)
        for _ in range(guard.steps):
            going = residual(sub, point, mu) > tolerance
            if not going.all():
                log_price[first + active], log_rent[first + active] = y, mu
                active, sub, y, mu = active[going], sub.take(going), y[going], mu[going]
                point = point.take(going)
            if not len(active):
                break
            _descend(sub, y, mu, point, guard)
            steps[first + active] += 1
        log_price[first + active], log_rent[first + active] = y, mu
    return log_price, log_rent, steps
