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
from sim.market.solver.problem import Point, Problem, evaluate

__all__ = ["NORMAL", "STRONG", "Safeguard", "hessian", "newton", "residual"]

HALVINGS = 40
"""Most of a step's."""
FALL, SAME = 1e-4, 1e-13
"""A step is taken where the dual falls by this share of what its slope promises, but for rounding; or"""
PROGRESS, BLURRED = 0.5, 1e-9
"""where the residual falls to this share, and the dual does not rise by more than that."""
FLOOR = 1e-12
"""Added to the Hessian's diagonal, besides the ridge."""

BATCH_ELEMENTS = 100_000
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


def residual(problem: Problem, point: Point, x: FloatArray) -> FloatArray:
    """(n,) largest excess of supply or demand, or distance of a cap from binding or being slack.

    A slack cap with a rent counts with what it is short of, or with the flow that giving up the rent
    would bring, whichever is less.

    Equation (C19), docs/clearing.md, for ``off``.
    """
    sellers = problem.sellers
    off = np.abs(point.gradient)
    slack, rent = point.gradient[:, sellers:], x[:, sellers:]
    spare = problem.sigma[:, None] * rent * problem.limit[:, sellers:]
    off[:, sellers:] = np.where(slack > 0, np.minimum(slack, spare), -slack)
    largest: FloatArray = np.where(problem.live, off, 0.0).max(axis=1, initial=0.0)
    return largest


def _free(problem: Problem, point: Point, x: FloatArray) -> BoolArray:
    """(n, V) variables that may move: not what is dead, nor a slack cap without rent."""
    sellers = problem.sellers
    free = problem.live.copy()
    free[:, sellers:] &= (x[:, sellers:] > 0) | (point.gradient[:, sellers:] <= 0)
    return free


def hessian(problem: Problem, point: Point) -> FloatArray:
    """(n, V, V) second derivative of the dual.

    Equation (C9), docs/clearing.md, for ``Psi_sn``.
    """
    sigma, share, sellers = problem.sigma, point.share, problem.sellers
    curvature = sigma[:, None] * point.demanded - point.slope
    matrix = -(share * curvature[:, None, :]) @ np.swapaxes(share, 1, 2)
    rows = np.arange(matrix.shape[1])
    matrix[:, rows, rows] += sigma[:, None] * point.row_flow
    if problem.limit.shape[1] > sellers:
        incidence = problem.incidence
        matrix = np.swapaxes(incidence, 1, 2) @ (matrix @ incidence)
    own = np.arange(sellers)
    matrix[:, own, own] += point.supply_slope
    return np.asarray(matrix)


def _direction(problem: Problem, point: Point, x: FloatArray, guard: Safeguard) -> FloatArray:
    """(n, V) Newton step, shortened to the longest allowed."""
    matrix = hessian(problem, point)
    free = _free(problem, point, x)
    matrix *= free[:, :, None] & free[:, None, :]
    own = np.arange(matrix.shape[1])
    diagonal = matrix[:, own, own]
    matrix[:, own, own] = np.where(free, diagonal * (1 + guard.ridge) + FLOOR, 1.0)
    step = -np.linalg.solve(matrix, np.where(free, point.gradient, 0.0)[:, :, None])[:, :, 0]
    longest = np.abs(step).max(axis=1, initial=0.0)
    return np.asarray(step * np.minimum(1.0, guard.longest / np.maximum(longest, 1e-300))[:, None])


def _descend(
    problem: Problem, x: FloatArray, point: Point, guard: Safeguard, before: FloatArray
) -> FloatArray:
    """One safeguarded step of every market, in place; from the residuals (n,) to those after it."""
    sellers, every = problem.sellers, np.arange(len(problem))
    step = _direction(problem, point, x, guard)
    length, pending, after = np.ones(len(problem)), every, before.copy()
    for _ in range(HALVINGS):
        whole = len(pending) == len(every)
        sub, at, ahead = (problem, x, step) if whole else (problem.take(pending), x[pending], step[pending])
        to = at + length[pending, None] * ahead
        to[:, sellers:] = np.maximum(to[:, sellers:], 0.0)
        trial = evaluate(sub, to)
        off = residual(sub, trial, to)
        expected = (point.gradient[pending] * (to - at)).sum(axis=1)
        scale = np.abs(point.psi[pending]) + 1.0
        fall = trial.psi - point.psi[pending]
        good = fall <= FALL * np.minimum(expected, 0.0) + SAME * scale
        # Near the solution psi no longer resolves progress; the gradient still does.
        good |= (off < PROGRESS * before[pending]) & (fall <= BLURRED * scale)
        if whole and good.all():
            x[...] = to
            point.become(trial)
            return off
        accepted = np.flatnonzero(good)
        where = pending[accepted]
        x[where], after[where] = to[accepted], off[accepted]
        point.put(where, trial, accepted)
        pending = pending[~good]
        if not len(pending):
            break
        length[pending] *= 0.5
    return after


def newton(
    problem: Problem, start: FloatArray, tolerance: float, guard: Safeguard
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Minimise the dual of each market.

    Args:
        problem: n markets. start: (n, V) log prices and log rents >= 0.
        tolerance: residual at which a market stops. guard: limits.

    Returns:
        Log prices and log rents (n, V), residuals (n,), steps taken (n,).
    """
    x, off = start.copy(), np.zeros(len(problem))
    steps = np.zeros(len(problem), dtype=np.int64)
    _, rows, _, buyers, _ = problem.bucket.shape
    batch = max(1, BATCH_ELEMENTS // (rows * buyers))
    for first in range(0, len(problem), batch):
        active = np.arange(first, min(first + batch, len(problem)))
        sub, at = problem.take(active), x[active]
        point = evaluate(sub, at)
        now = residual(sub, point, at)
        for step in range(guard.steps + 1):
            x[active], off[active] = at, now
            going = ~(now <= tolerance)
            if step == guard.steps or not going.any():
                break
            if not going.all():
                active, sub, at, point = active[going], sub.take(going), at[going], point.take(going)
                now = now[going]
            now = _descend(sub, at, point, guard, now)
            steps[active] += 1
    return x, off, steps
