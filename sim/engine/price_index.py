"""Price indices over suppliers: what deliveries cost, free of who happens to deliver.

A mean price moves when buyers turn from one supplier to another although nobody changes a price. Here each
supplier has a *relative*: what its deliveries cost now, over what the same tonnes on the same links would
have cost at base-year prices. The index is the mean of their logarithms, weighted by half with the
supplier's share in the base year's value and by half with its share in this step's (Toernqvist 1936). It is
compared with the base year directly rather than linked step by step: every link has a base-year price here,
and an index that is linked through a ban and its end does not come back to 1 when all prices do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim.arrays import FloatArray, Groups
from sim.engine.markets import PolicyMarket
from sim.market.clearing import Clearing
from sim.market.flows import FlowTotals
from sim.world.world import World

__all__ = ["LEAST_TONNES", "BaseYear", "DeliveredPrices", "Deliveries"]

Sums = Callable[[FloatArray], FloatArray]
LEAST_TONNES = 1e-9
"""Tonnes per step that are rounding, not trade."""


@dataclass(frozen=True)
class Deliveries:
    """What suppliers deliver in one step; values in tonnes x base price."""

    value: FloatArray
    """(M, ...) by supplier, at the prices of the step."""
    at_base_prices: FloatArray
    """(M, ...) the same tonnes on the same links, at base-year prices."""
    tonnes: FloatArray
    """(M, ...) by market, of all suppliers."""


@dataclass(frozen=True)
class BaseYear:
    """What suppliers deliver in a base-year step; values in tonnes x base price."""

    value: FloatArray
    """(1, ...) by supplier."""
    tonnes: FloatArray
    """(1, ...) by market, of all suppliers."""

    def price(self, now: Deliveries, sums: Sums, thin: FloatArray) -> FloatArray:
        """(M, ...) price by market, multiple of the base price; where nothing changed, the base year's mean.

        A supplier counts with its share in the base year as long as it delivers more than the share ``thin``
        of what it did then. Where nothing was delivered then, only what is delivered now counts.

        Args:
            sums: from (M, ...) by supplier to (M, ...) by market.
            thin: (M, ...) share, what broadcasts to suppliers.

        Returns:
            NaN in markets where nothing is traded.

        Equations (M89) and (M99), docs/model.md, for ``abr_g`` and ``rel_s``.
        """
        delivers = now.at_base_prices > 0
        relative = np.divide(now.value, now.at_base_prices, out=np.ones(now.value.shape), where=delivers)
        moved = np.log(relative)
        counted = np.where(now.at_base_prices > thin * self.value, self.value, 0.0)
        by_now = _over(sums(now.value * moved), sums(now.value), 0.0)
        by_base = _over(sums(counted * moved), sums(counted), by_now)
        level = _over(sums(now.at_base_prices), now.tonnes, np.nan)
        level = _over(sums(self.value), self.tonnes, level)
        price: FloatArray = level * np.exp((by_now + by_base) / 2)
        return np.where(now.tonnes > LEAST_TONNES, price, np.nan)


class DeliveredPrices:
    """Prices that importers pay, duty and rent included, by good and importing country.

    Args:
        flow: per good (S, B) base-year tonnes per year.
        thin: (M, 1) share of base-year deliveries up to which a supplier counts with what it delivers now.

    Attributes:
        pairs: (P,) good x number of countries + importer, ascending.
    """

    def __init__(self, world: World, flow: Sequence[FloatArray], step_years: float, thin: FloatArray) -> None:
        self._thin = thin
        countries, offers = len(world.countries), len(world.offer_good)
        keys, wedges = [], []
        for g in range(len(world.goods)):
            destination = world.link_countries(g)[1]
            seller = np.arange(offers)[world.offer_slice(g), None]
            keys.append(((g * countries + destination) * offers + seller).ravel())
            wedges.append(world.base_wedge(g))
        # Links by supplier and pair of good and importer, and these by pair.
        self._cells = Groups(np.concatenate(keys))
        by_pair, self._seller = np.divmod(self._cells.keys, offers)
        self._of_pair = Groups(by_pair)
        self.pairs = self._of_pair.keys
        self._base_price = world.base_price[self.pairs // countries]
        self._base_wedge = _flat(wedges)
        usual = _flat(flow) * step_years
        self._importers = Groups(world.need_good * countries + world.need_country)
        tonnes = self._of_pair.sums(self._cells.sums(usual))
        self._base = BaseYear(self._cells.sums(usual * self._base_wedge), tonnes)
        self._wedge: tuple[PolicyMarket | None, FloatArray] = None, self._base_wedge

    def of(self, market: PolicyMarket, clearing: Clearing) -> FloatArray:
        """(M, P) USD/t; NaN where nothing is bought.

        Equation (M101), docs/model.md, for ``dlv_c``.
        """
        if self._wedge[0] is not market:
            self._wedge = market, _flat(market.delivered)
        by_good = _flows(clearing)
        tonnes = _flat(by_good)
        costly = _flat(_with_rents(clearing, by_good)) if len(clearing.market.caps) else tonnes
        spent = self._cells.sums(costly * self._wedge[1])
        spent *= np.take(clearing.price, self._seller, axis=1)
        at_base = self._cells.sums(tonnes * self._base_wedge)
        deliveries = Deliveries(spent, at_base, self._importers.sums(clearing.purchases))
        return self._base.price(deliveries, self._of_pair.sums, self._thin) * self._base_price


def _flat(blocks: Sequence[FloatArray]) -> FloatArray:
    """(1, L), or (M, L) where any has members, all links of all goods, from (S, B) or (M, S, B) per good."""
    rows = [block.reshape(*block.shape[:-2], -1) for block in blocks]
    members = max(len(row) if row.ndim == 2 else 1 for row in rows)
    return np.concatenate([np.broadcast_to(row, (members, row.shape[-1])) for row in rows], axis=1)


def _flows(clearing: Clearing) -> list[FloatArray]:
    """Per good (M, S, B) tonnes."""
    total = FlowTotals()
    total.add(clearing)
    return total.totals()


def _with_rents(clearing: Clearing, tonnes: list[FloatArray]) -> list[FloatArray]:
    """The same, each tonne counted 1 + rent of its link times: another number only for goods under caps."""
    capped = set(clearing.market.cap_good.tolist())
    batches = tuple(
        replace(batch, row=batch.row * batch.row_rent) for batch in clearing.batches if batch.frame.capped
    )
    costly = _flows(replace(clearing, batches=batches))
    return [costly[good] if good in capped else plain for good, plain in enumerate(tonnes)]


def _over(value: FloatArray, weight: FloatArray, fallback: FloatArray | float) -> FloatArray:
    """value / weight where there is weight, else the fallback."""
    least = np.finfo(np.float64).tiny
    shape = np.broadcast_shapes(value.shape, weight.shape, np.shape(fallback))
    found: FloatArray = np.divide(value, weight, out=np.full(shape, 0.0) + fallback, where=weight > least)
    return found
