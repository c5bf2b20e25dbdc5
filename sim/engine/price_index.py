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

from sim.arrays import FloatArray, Groups, IntArray
from sim.engine.markets import PolicyMarket
from sim.market.clearing import Clearing
from sim.market.links import Links, links_of
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
    total: FloatArray
    """(1, ...) value by market, of all suppliers."""

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
        level = _over(self.total, self.tonnes, level)
        price: FloatArray = level * np.exp((by_now + by_base) / 2)
        return np.where(now.tonnes > LEAST_TONNES, price, np.nan)


@dataclass(frozen=True)
class _Part:
    """Links of the goods under caps, or of those without, by cell: supplier, good and importer."""

    links: Links
    start: IntArray
    """(cells,) where the links of each begin."""
    cells: slice
    """Where its cells lie among those of both parts."""
    base_wedge: FloatArray
    """(1, L)"""
    wedge: FloatArray
    """(1 or M, L) of the policy."""


class DeliveredPrices:
    """Prices that importers pay, duty and rent included, by good and importing country.

    Args:
        flow: per good (S, B) base-year tonnes per year.
        thin: (M, 1) share of base-year deliveries up to which a supplier counts with what it delivers now.

    Attributes:
        pairs: (P,) good x number of countries + importer, ascending.
    """

    def __init__(self, world: World, flow: Sequence[FloatArray], step_years: float, thin: FloatArray) -> None:
        self._thin, self._offers = thin, len(world.offer_good)
        countries = len(world.countries)
        keys, first = [], [0]
        for g in range(len(world.goods)):
            destination = world.link_countries(g)[1]
            seller = np.arange(self._offers)[world.offer_slice(g), None]
            keys.append(((g * countries + destination) * self._offers + seller).ravel())
            first.append(first[-1] + len(keys[-1]))
        self._pair_of_need = world.need_good * countries + world.need_country
        # Place of a link among all links of all goods: of its good's first, its seller and its buyer.
        offer_good, need_good = world.offer_good, world.need_good
        buyers = np.bincount(need_good, minlength=len(world.goods))
        within = [np.arange(len(of)) - np.searchsorted(of, of) for of in (offer_good, need_good)]
        self._place_of_offer = np.array(first)[offer_good] + within[0] * buyers[offer_good]
        self._place_of_need = within[1]
        # Links by supplier and pair of good and importer, and these by pair.
        cells = Groups(np.concatenate(keys))
        of_pair = Groups(cells.keys // self._offers)
        self.pairs = of_pair.keys
        self._base_price = world.base_price[self.pairs // countries]
        self._base_wedge = _flat([world.base_wedge(g) for g in range(len(world.goods))])
        usual = _flat(flow) * step_years
        self._importers = Groups(self._pair_of_need)
        self._cells, self._value = cells.keys, cells.sums(usual * self._base_wedge)
        tonnes, total = of_pair.sums(cells.sums(usual)), of_pair.sums(self._value)
        self._base = BaseYear(self._value, tonnes, total)
        self._market: PolicyMarket | None = None
        self._parts: dict[bool, _Part] = {}
        self._seller = self._pair = self._pair_start = np.zeros(0, dtype=np.int64)

    def of(self, market: PolicyMarket, clearing: Clearing) -> FloatArray:
        """(M, P) USD/t; NaN where nothing is bought.

        Equation (M101), docs/model.md, for ``dlv_c``.
        """
        if self._market is not market:
            self._set_market(market)
        spent, at_base = np.zeros((2, len(clearing.price), len(self._seller)))
        for batch in clearing.batches:
            part, here = self._parts[bool(batch.frame.capped)], slice(batch.first, None)
            if len(part.start):
                tonnes = part.links.tonnes(batch)
                here = slice(batch.first, batch.first + len(tonnes))
                at_base[here, part.cells] = _summed(tonnes * part.base_wedge, part.start)
                tonnes *= part.wedge if len(part.wedge) == 1 else part.wedge[here]
                if batch.frame.capped:
                    tonnes *= part.links.with_rent(batch)
                spent[here, part.cells] = _summed(tonnes, part.start)
        spent *= np.take(clearing.price, self._seller, axis=1)
        deliveries = Deliveries(spent, at_base, self._importers.sums(clearing.purchases))
        return self._base.price(deliveries, self._by_pair, self._thin) * self._base_price

    def _set_market(self, market: PolicyMarket) -> None:
        """Lay out the links of goods that have sellers and buyers: others deliver nothing."""
        self._market, self._parts = market, {}
        wedge, found = _flat(market.delivered), list[IntArray]()
        for capped in sorted({bool(bucket.caps.shape[1]) for bucket in market.market.buckets}):
            links = links_of(market.market, capped, self._cell)
            cell = self._cell(links.offer, links.need)
            start = np.flatnonzero(np.diff(cell, prepend=-1))
            first = sum(len(cells) for cells in found)
            found.append(cell[start])
            place = self._place_of_offer[links.offer] + self._place_of_need[links.need]
            here = slice(first, first + len(start))
            own = [np.ascontiguousarray(values[:, place]) for values in (self._base_wedge, wedge)]
            self._parts[capped] = _Part(links, start, here, *own)
        cells = np.concatenate([np.zeros(0, dtype=np.int64), *found])
        pair, self._seller = np.divmod(cells, self._offers)
        self._pair_start = np.flatnonzero(np.diff(pair, prepend=-1))
        self._pair = np.searchsorted(self.pairs, pair[self._pair_start])
        value = self._value[:, np.searchsorted(self._cells, cells)]
        self._base = replace(self._base, value=value)

    def _cell(self, offer: IntArray, need: IntArray) -> IntArray:
        """(L,) key of each link's cell."""
        cell: IntArray = self._pair_of_need[need] * self._offers + offer
        return cell

    def _by_pair(self, values: FloatArray) -> FloatArray:
        """(M, P) sums of values (M, cells)."""
        total = np.zeros((len(values), len(self.pairs)))
        if len(self._pair_start):
            total[:, self._pair] = _summed(values, self._pair_start)
        return total


def _summed(values: FloatArray, start: IntArray) -> FloatArray:
    """(M, n) sums of the runs of values (M, ...) that begin at ``start``."""
    return np.asarray(np.add.reduceat(values, start, axis=1))


def _flat(blocks: Sequence[FloatArray]) -> FloatArray:
    """(1, L), or (M, L) where any has members, all links of all goods, from (S, B) or (M, S, B) per good."""
    rows = [block.reshape(*block.shape[:-2], -1) for block in blocks]
    members = max(len(row) if row.ndim == 2 else 1 for row in rows)
    return np.concatenate([np.broadcast_to(row, (members, row.shape[-1])) for row in rows], axis=1)


def _over(value: FloatArray, weight: FloatArray, fallback: FloatArray | float) -> FloatArray:
    """value / weight where there is weight, else the fallback."""
    least = np.finfo(np.float64).tiny
    shape = np.broadcast_shapes(value.shape, weight.shape, np.shape(fallback))
    found: FloatArray = np.divide(value, weight, out=np.full(shape, 0.0) + fallback, where=weight > least)
    return found
