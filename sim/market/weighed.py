"""Sellers whose weight differs from that of the market's kernel: the same market in other units of price.

Where buyers have come to prefer a seller, or to shun it, the sourcing weights of all its links are scaled
alike. A weight ``K h`` at a price ``p`` draws what ``K`` draws at ``p h ** (-1 / sigma)``, so nothing is laid
out anew: asks go in and prices come out in those units, member by member.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.arrays import raised
from sim.market.clearing import clear
from sim.market.flows import Clearing, ClearingState
from sim.market.layout import FloatArray, Market, Terms

__all__ = ["clear_weighed", "price_of_weight"]


def price_of_weight(weight: FloatArray, sigma: FloatArray) -> FloatArray:
    """(M, O) factor on a price that undoes a factor ``weight`` (M, O) on a seller's weights.

    Args:
        sigma: (O,) or (M, O) elasticity of each offer's good.
    """
    return raised(weight, 1 / sigma)


def clear_weighed(
    market: Market,
    terms: Terms,
    factor: FloatArray | None,
    start: ClearingState | None = None,
    tolerance: float = 1e-9,
    signal_quantity: FloatArray | None = None,
) -> Clearing:
    """Find the prices at which every good of every member clears, sellers having weights of their own.

    Args:
        market, terms, tolerance, signal_quantity: as for :func:`sim.market.clearing.clear`.
        factor: (M, O) of :func:`price_of_weight`; 1 changes nothing, to the bit. None: all are 1.
        start: the state of an earlier clearing, whose prices are over the factors that it had.

    Equation (C24), docs/clearing.md, for ``K_sb``.
    """
    found = clear(
        market, terms.quantity, terms.ask if factor is None else np.asarray(terms.ask) / factor, terms.demand,
        terms.reservation, terms.elasticity, terms.cap_tonnes, start=start, tolerance=tolerance,
        signal_quantity=signal_quantity, held=terms.held, least=terms.least, kept=terms.kept,
        keep_elasticity=terms.keep_elasticity,
    )  # fmt: skip
    return found if factor is None else replace(found, price=found.price * factor)
