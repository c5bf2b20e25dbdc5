"""Prepare a market around a reference state: one inverse per good, shared by all members and steps.

A sweep moves prices by what would clear each seller if the buyers stood still; some patterns,
above all the common level of prices, then decay slowly. At a reference equilibrium the map from
price errors to a sweep's change is known: its inverse turns the change into a Newton step. Away
from the reference it is a good guess that Anderson mixing corrects. It alters the path to the
solution, never the solution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sim.market.layout import Bucket, FloatArray, Market
from sim.market.solver.asked import Load
from sim.market.solver.frame import Frame
from sim.market.solver.newton import NORMAL, hessian, newton
from sim.market.solver.problem import evaluate, problem_of

__all__ = ["prepared"]

LARGEST = 1e4
"""Entries of an inverse beyond this come from a seller without trade; its good is left alone."""


def prepared(market: Market, loads: Sequence[tuple[Frame, Load]]) -> Market:
    """The market with the inverses of one member's equilibrium, caps taken as slack."""
    found: list[tuple[Bucket, FloatArray]] = []
    for piece, load in [(piece, load) for frame, load in loads for piece in frame.pieces]:
        bucket = piece.bucket
        if bucket.own:
            # An inverse for each member would cost more than it saves: these sweep without one.
            found.append((bucket, np.eye(bucket.incidence.shape[2])[None]))
            continue
        n, sellers = len(piece.good), bucket.sellers.shape[1]
        problem = problem_of(piece, load, np.arange(n))
        problem.limit[:, sellers:] = 1e30
        start = np.zeros(problem.limit.shape)
        start[:, :sellers] = problem.log_ask
        x, off, _ = newton(problem, start, 1e-9, NORMAL)
        point = evaluate(problem, x)
        matrix = hessian(problem, point)[:, :sellers, :sellers]
        flow = (point.row_flow[:, None, :] @ bucket.incidence[piece.good])[:, 0, :sellers]
        below = x[:, :sellers] < problem.log_ask
        weight = flow * np.where(below, 1 + problem.eps / problem.sigma[:, None], 1.0)
        live = problem.live[:, :sellers] & (weight > 0)
        matrix *= live[:, :, None] & live[:, None, :]
        own = np.arange(sellers)
        matrix[:, own, own] = np.where(live, matrix[:, own, own] * (1 + 1e-9), 1.0)
        inverse = problem.sigma[:, None, None] * np.linalg.inv(matrix) * weight[:, None, :]
        inverse[:, own, own] = np.where(live, inverse[:, own, own], 1.0)
        sound = (off <= 1e-6) & (np.abs(inverse).max(axis=(1, 2)) < LARGEST)
        remedy = np.zeros((n, bucket.incidence.shape[2], bucket.incidence.shape[2]))
        every = np.arange(remedy.shape[1])
        remedy[:, every, every] = 1.0
        # Stored transposed: rows of changes are multiplied from the left.
        remedy[:, :sellers, :sellers] = np.where(
            sound[:, None, None], np.swapaxes(inverse, 1, 2), remedy[:, :sellers, :sellers]
        )
        found.append((bucket, remedy))
    buckets = tuple(replace(b, remedy=_of(b, found)) for b in market.buckets)
    return replace(market, buckets=buckets, memory={})


def _of(bucket: Bucket, found: Sequence[tuple[Bucket, FloatArray]]) -> FloatArray | None:
    return next((remedy for other, remedy in found if other is bucket), None)
