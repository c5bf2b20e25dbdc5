"""Sellers whose weight differs from that of the market's kernel: the same market in other units of price.

Where buyers have come to prefer a seller, or to shun it, the sourcing weights of all its links are scaled
alike. A weight ``K exp(h)`` at a price ``p`` draws what ``K`` draws at ``p exp(-h / sigma)``, so nothing is
laid out anew: asks go in and prices come out in those units, member by member.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.market.clearing import clear
from sim.market.flows import Clearing, ClearingState
from sim.market.layout import FloatArray, Market, Terms

__all__ = ["clear_weighed", "price_of_weight"]


def price_of_weight(market: Market, weight: FloatArray) -> FloatArray:
    """(M, O) factor on a price that draws as much as a factor ``weight`` (M, O) on a seller's weights."""
    sigma = np.take(market.sigma, market.offer_good, axis=-1)
    factor: FloatArray = np.exp(np.log(weight) / sigma)
    return factor


def clear_weighed(
    market: Market,
    terms: Terms,
    weight: FloatArray,
    start: ClearingState | None = None,
    tolerance: float = 1e-9,
    signal_quantity: FloatArray | None = None,
) -> Clearing:
    """Find the prices at which every good of every member clears, sellers having weights of their own.

    Args:
        market, terms, start, tolerance, signal_quantity: as for :func:`sim.market.clearing.clear`.
        weight: (M, O) factor on the kernel of all links of a seller, > 0; 1 changes nothing, to the bit.

    Equation (C24), docs/clearing.md, for ``K_sb``.
    """
    plain = bool((weight == 1).all())
    factor = np.ones(1) if plain else price_of_weight(market, weight)
    if start is not None and not plain:
        start = replace(start, log_price=start.log_price - np.log(factor))
    found = clear(
        market, terms.quantity, terms.ask if plain else np.asarray(terms.ask) / factor, terms.demand,
        terms.reservation, terms.elasticity, terms.cap_tonnes, start=start, tolerance=tolerance,
        signal_quantity=signal_quantity, held=terms.held, least=terms.least, kept=terms.kept,
        keep_elasticity=terms.keep_elasticity,
    )  # fmt: skip
    if plain:
        return found
    state = replace(found.state, log_price=found.state.log_price + np.log(factor))
    found = replace(found, price=found.price * factor, state=state)
    if not len(market.caps):
        return found
    # Member by member: one whose weights are the kernel's has the bits that it has alone.
    own = (weight == 1).all(axis=1, keepdims=True)
    return replace(found, rent_value=np.where(own, found.rent_value, _rent_values(found)))


def _rent_values(clearing: Clearing) -> FloatArray:
    """(M, C) tonnes x gate price x rent; a link under several caps is split by their log rents."""
    market, values = clearing.market, np.zeros_like(clearing.log_rent)
    for good in np.unique(market.cap_good).tolist():
        caps = [(c, s[:, None] & b) for c, (g, s, b) in enumerate(market.caps) if g == good]
        on_link = sum(clearing.log_rent[:, c, None, None] * links for c, links in caps)
        worth = clearing.flow(good) * clearing.price[:, market.offers_of(good), None]
        per_log = np.divide(np.expm1(on_link), on_link, out=np.zeros(worth.shape), where=on_link > 0)
        for c, links in caps:
            values[:, c] = clearing.log_rent[:, c] * (worth * per_log * links).sum(axis=(1, 2))
    return values
