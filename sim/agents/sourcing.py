"""How buyers come to prefer sellers who have been cheap for long: sourcing in the long run.

Within a step buyers turn to a cheaper seller as far as ``sourcing_elasticity`` says. Contracts, approvals and
habits follow over years, up to ``sourcing_elasticity_long``. What they look at is what has been paid, never
prices of the step itself, so within a step sourcing weights stand still.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.agents.holding import share_of_step
from sim.agents.prepared import Prepared
from sim.arrays import FloatArray
from sim.market.clearing import Clearing

__all__ = ["adapted_weight", "dearness", "qualified_after"]

LEAST_SOLD = 1e-9
"""Tonnes per step that are rounding, not trade."""


def dearness(
    prepared: Prepared, clearing: Clearing, dearer: Sequence[FloatArray] | None
) -> FloatArray:
    """(M, O) log of what a seller's buyers pay it over their choice index, both over the base year's.

    Buyers count by what they buy of it: who may not buy from a seller does not learn that it is cheap. Of one
    that sells nothing nobody learns anything.

    Args:
        dearer: per good (S, B), or (M, S, B) where members differ: delivered over gate price, over that of
            the base year; None where all are those of the base year.

    Equation (M163), docs/model.md, for ``dr_s``.
    """
    base = prepared.benchmark.base_index
    paid = clearing.to_sellers(dearer, base / clearing.index, include_rent=bool(len(clearing.market.caps)))
    sells = clearing.sales > LEAST_SOLD
    ratio = np.divide(paid * clearing.price, clearing.sales, out=np.ones_like(paid), where=sells)
    found: FloatArray = np.log(np.where(ratio > 0, ratio, 1.0))
    return found


def adapted_weight(prepared: Prepared, weight: FloatArray, dear: FloatArray) -> FloatArray:
    """(M, O) a seller's sourcing weight over that of the base year, after a step.

    Args:
        weight: (M, O) before it. dear: of :func:`dearness`.

    Equation (M164), docs/model.md, for ``h_s``.
    """
    behaviour, goods = prepared.behaviour, prepared.world.offer_good
    further = np.maximum(prepared.sigma_long - np.atleast_2d(prepared.sigma), 0.0)[:, goods]
    closed = share_of_step(behaviour["sourcing_speed"], prepared.step_years)
    log_weight = np.log(weight)
    log_weight = log_weight - closed * (log_weight + further * dear)
    after: FloatArray = np.exp(log_weight)
    return after


def qualified_after(prepared: Prepared, qualified: FloatArray, sales: FloatArray) -> FloatArray:
    """(M, O) part of its full weight that a new seller has with buyers after a step in which it sold.

    Args:
        qualified: (M, O) before it. sales: (M, O) tonnes.

    Equation (M165), docs/model.md, for ``ql_s``.
    """
    closed = share_of_step(1 / prepared.behaviour["qualification_years"], prepared.step_years)
    after: FloatArray = np.where(sales > LEAST_SOLD, qualified + closed * (1 - qualified), qualified)
    return after
