"""What a step brought: everything that rules, records and users may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sim.arrays import BoolArray, FloatArray
from sim.controls import Controls
from sim.engine.markets import PolicyMarket
from sim.market.clearing import Clearing
from sim.units import Amount

__all__ = ["Acting", "Market", "Prices", "Queued", "StepResult"]

Market = Literal["gate", "inside", "outside"]
MARKETS: tuple[Market, ...] = ("gate", "inside", "outside")

Acting = tuple[str, tuple[str, ...], BoolArray]
"""Of a rule its id, the events that it acts on, and (M,) whether it does so now."""


@dataclass(frozen=True)
class Prices:
    """Prices of one step, each (M, G) USD/t; see ``docs/model.md``, section "Prices that are reported".

    A price is one at which something was traded, NaN where nothing was. A quote always stands: what sellers
    ask at the gate, what users outside would pay.
    """

    gate: FloatArray
    inside: FloatArray
    outside: FloatArray
    quote_gate: FloatArray
    quote_inside: FloatArray
    quote_outside: FloatArray

    def standing(self, market: Market) -> FloatArray:
        """(M, G) USD/t: the price, and the quote where nothing was traded."""
        price: FloatArray = getattr(self, market)
        quote: FloatArray = getattr(self, f"quote_{market}")
        return np.where(np.isnan(price), quote, price)

    def rows(self) -> dict[str, FloatArray]:
        """Variable -> (M, G), as records keep them."""
        prices = {f"price_{market}": getattr(self, market) for market in MARKETS}
        return prices | {f"quote_{market}": getattr(self, f"quote_{market}") for market in MARKETS}


@dataclass(frozen=True)
class Queued:
    """How the licence queue of one event stands at the end of a step, each (M,) tonnes."""

    waiting: FloatArray
    filed: FloatArray
    approved: FloatArray

    def __add__(self, other: Queued) -> Queued:
        """Two queues of one event together."""
        return Queued(
            self.waiting + other.waiting, self.filed + other.filed, self.approved + other.approved
        )


@dataclass(frozen=True)
class StepResult:
    """One step of all members: M members, O offers, N needs, G goods. Tonnes per step; stocks in tonnes.

    Arrays belong to the step: no later step writes into them, and readers must not.
    """

    time: int
    """Number of the step, from 0."""
    controls: Controls
    shares: Mapping[str, Amount]
    """Event id -> share of the step in which it was in force, one number or (M,)."""
    market: PolicyMarket
    clearing: Clearing
    prices: Prices
    output: FloatArray
    """(M, O) tonnes made."""
    discarded: FloatArray
    """(M, O) tonnes of joint products thrown away."""
    held_back: FloatArray
    """(M, O) tonnes that waited for a licence and were not for sale."""
    required: FloatArray
    """(M, N) tonnes needed."""
    consumed: FloatArray
    """(M, N) tonnes used."""
    shortfall: FloatArray
    """(M, N) tonnes needed but missing."""
    purchases: FloatArray
    """(M, N) tonnes bought for own use, stockpiles' left out."""
    seller_stock: FloatArray
    """(M, O) stock at the end."""
    buyer_stock: FloatArray
    """(M, N) stock at the end."""
    bought_by_origin: tuple[FloatArray, ...]
    """Per family of origins (M, needs, K) tonnes bought."""
    moved: Mapping[str, FloatArray]
    """Event id -> (M, G) tonnes that an event with a memory moved; below 0 where it took them away."""
    booked: Mapping[str, FloatArray]
    """Variable -> (M, n), of events with a memory of their own."""
    queues: Mapping[str, Queued]
    """Event id -> its licence queue."""
    acting: tuple[Acting, ...]
    """What each rule changed."""
