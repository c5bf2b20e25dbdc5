"""The exact least-cost problem that clearing approaches as sigma and eps grow, by HiGHS.

With sigma and eps without bound and demand in steps, each tonne goes where reservation less ask less
wedge, in logs, is largest: a transportation problem. The only module here that needs scipy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array, vstack

from sim.market.layout import BoolArray, FloatArray

__all__ = ["LeastCost", "least_cost"]


@dataclass(frozen=True)
class LeastCost:
    """Solution of the exact problem."""

    flow: FloatArray
    """(S, B) tonnes."""
    value: float
    """Tonnes x (log reservation - log ask - log wedge), maximised."""
    scarcity: FloatArray
    """(S,) log price above the ask of a seller that is sold out."""
    log_rent: FloatArray
    """(C,)"""


def least_cost(
    quantity: FloatArray,
    log_ask: FloatArray,
    log_wedge: FloatArray,
    demand: FloatArray,
    log_reservation: FloatArray,
    caps: list[tuple[BoolArray, BoolArray, float]] | None = None,
) -> LeastCost:
    """Solve one market exactly.

    Args:
        quantity, log_ask: (S,). log_wedge: (S, B); inf closes a link.
        demand, log_reservation: (B, K) tonnes and the log price up to which a tier buys.
        caps: seller mask, buyer mask, tonnes.

    Raises:
        RuntimeError: HiGHS found no optimum.
    """
    sellers, (buyers, tiers) = len(quantity), demand.shape
    s, b, k = np.meshgrid(np.arange(sellers), np.arange(buyers), np.arange(tiers), indexing="ij")
    allowed = np.isfinite(log_wedge)[s, b].ravel()
    s, b, k = s.ravel()[allowed], b.ravel()[allowed], k.ravel()[allowed]
    column, one = np.arange(len(s)), np.ones(len(s))
    blocks = [
        coo_array((one, (s, column)), shape=(sellers, len(s))),
        coo_array((one, (b * tiers + k, column)), shape=(buyers * tiers, len(s))),
    ]
    limits = [quantity, demand.ravel()]
    for seller_mask, buyer_mask, tonnes in caps or []:
        inside = np.flatnonzero(seller_mask[s] & buyer_mask[b])
        blocks.append(
            coo_array((np.ones(len(inside)), (np.zeros(len(inside), dtype=int), inside)), shape=(1, len(s)))
        )
        limits.append(np.array([tonnes]))
    worth = log_reservation[b, k] - log_ask[s] - log_wedge[s, b]
    solved = linprog(-worth, A_ub=vstack(blocks).toarray(), b_ub=np.concatenate(limits), method="highs")
    if solved.status != 0 or solved.x is None or solved.fun is None:
        raise RuntimeError(f"HiGHS: {solved.message}")
    flow = np.zeros((sellers, buyers))
    np.add.at(flow, (s, b), solved.x)
    duals = -solved.ineqlin.marginals
    return LeastCost(flow, float(-solved.fun), duals[:sellers], duals[sellers + buyers * tiers :])
