"""Demand of buyers who hold something already: tiers, and the index at which they want what is there."""

from __future__ import annotations

import numpy as np

from sim.market.layout import FloatArray

__all__ = ["index_at", "tiers_at"]

HALVINGS = 60
"""Of the interval in which an index is sought: to rounding."""
FURTHEST = 60.0
"""Log price beyond the tiers at which the search begins."""


def tiers_at(
    demand: FloatArray, log_reservation: FloatArray, elasticity: FloatArray, log_index: FloatArray
) -> FloatArray:
    """(...) tonnes that tiers (K, ...) want at a log index (...).

    Equation (C3), docs/clearing.md, for ``T_b``.
    """
    over = np.maximum(log_index - log_reservation, 0.0)
    wanted: FloatArray = (demand * np.exp(-elasticity * over)).sum(axis=0)
    return wanted


def index_at(
    demand: FloatArray, log_reservation: FloatArray, elasticity: FloatArray, tonnes: FloatArray
) -> FloatArray:
    """(...) log index at which tiers (K, ...) want some tonnes (...).

    Where they never want as many: below all tiers; where there are none to serve: above all.
    """
    low = log_reservation.min(axis=0) - FURTHEST
    high = log_reservation.max(axis=0) + FURTHEST
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        more = tiers_at(demand, log_reservation, elasticity, middle) > tonnes
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    found: FloatArray = 0.5 * (low + high)
    return found
