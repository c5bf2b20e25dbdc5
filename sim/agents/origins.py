"""Where the material in each stock was made, as far as a rule of the scenario asks.

A *family* is a set of goods and of countries of origin that rules on resale name. Every stock of these
goods (sellers', buyers', under way) carries tonnes by origin. A stock is perfectly mixed, except that what
a seller ships to a destination under such a rule comes out of the part that may go there.
See ``docs/model.md``, section "Origins".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sim.agents.state import State
from sim.controls import Resale
from sim.market.clearing import Clearing
from sim.world.benchmark import Benchmark
from sim.world.world import BoolArray, FloatArray, IntArray, World

__all__ = ["Origins", "families", "may_resell"]

BASE_ROUNDS = 200
"""Rounds in which base-year mixes settle: resale in circles dies out geometrically."""
SETTLED = 1e-14


def families(world: World, benchmark: Benchmark, rules: Sequence[Resale]) -> list[Origins]:
    """One family for each set of goods that rules name, with the origins of all its rules."""
    countries: dict[tuple[tuple[int, ...], bool], set[int]] = {}
    for rule in rules:
        if not rule.goods:
            continue
        named = np.flatnonzero(rule.origins).tolist()
        countries.setdefault((rule.goods, rule.content), set()).update(named)
    return [
        Origins(world, benchmark, goods, tuple(sorted(found)), content)
        for (goods, content), found in countries.items()
    ]


def may_resell(world: World, goods: Sequence[int], content: bool) -> BoolArray:
    """(O,) offers that can hold material of foreign origin: traders', and with ``content`` those of plants
    that take in one of the goods."""
    wanted = np.isin(world.need_good, goods)
    takes = np.zeros(len(world.facilities), dtype=bool)
    takes[world.need_facility[wanted]] = True
    trader = np.array([kind == "trader" for kind in world.facility_kind])
    holds: BoolArray = (takes & (trader | content))[world.offer_facility]
    return holds & np.isin(world.offer_good, goods)


@dataclass
class Origins:
    """One family. K countries of origin; offers and needs are those of its goods.

    Attributes:
        seller, buyer: (M, offers, K), (M, needs, K) tonnes in stock. transit: (L, M, needs, K) under way.
    """

    world: World
    benchmark: Benchmark
    goods: tuple[int, ...]
    countries: tuple[int, ...]
    content: bool
    seller: FloatArray = field(init=False)
    buyer: FloatArray = field(init=False)
    transit: FloatArray = field(init=False)
    kept: FloatArray = field(init=False)
    """(M, offers, K) of the sellers' tonnes, those with sellers who heed the rules in force."""
    shipped: FloatArray = field(init=False)
    """(M, needs, K) tonnes bought in the last step."""

    def __post_init__(self) -> None:
        world = self.world
        self.offers: IntArray = np.flatnonzero(np.isin(world.offer_good, self.goods))
        self.needs: IntArray = np.flatnonzero(np.isin(world.need_good, self.goods))
        self._offer_at = {int(o): i for i, o in enumerate(self.offers)}
        need_at = {int(n): i for i, n in enumerate(self.needs)}
        made_in = world.offer_country[self.offers]
        self._own = (made_in[:, None] == np.array(self.countries)).astype(np.float64)
        """(offers, K) 1 where the material is new and made in the country."""
        # What a plant makes of its inputs: (offers, needs) weights. A trader passes its input on as it is.
        self._recipe = np.zeros((len(self.offers), len(self.needs)))
        kinds = world.facility_kind
        for i, offer in enumerate(self.offers.tolist()):
            facility = world.offer_facility[offer]
            for need in np.flatnonzero(world.need_facility == facility).tolist():
                if need not in need_at:
                    continue
                if kinds[facility] == "trader":
                    if world.need_good[need] == world.offer_good[offer]:
                        self._recipe[i, need_at[need]] = 1.0
                        self._own[i] = 0.0
                elif self.content:
                    self._recipe[i, need_at[need]] = self.benchmark.activities.cost_weight[need]
        # What was made in a country named is of that origin, whatever went into it.
        self._recipe[self._own.any(1)] = 0.0

    def _slices(self, good: int) -> tuple[slice, slice]:
        """Where a good's offers and needs lie on this family's axes."""
        first = [int(np.searchsorted(self.world.offer_good[self.offers], g)) for g in (good, good + 1)]
        second = [int(np.searchsorted(self.world.need_good[self.needs], g)) for g in (good, good + 1)]
        return slice(*first), slice(*second)

    def start(self, state: State, step_years: float) -> None:
        """Stocks and pipelines with the mixes of the base year."""
        benchmark = self.benchmark
        made = self._own.copy()
        taken = np.zeros((len(self.needs), len(self.countries)))
        for _ in range(BASE_ROUNDS):
            for good in self.goods:
                sellers, buyers = self._slices(good)
                flow = benchmark.flow[good]
                taken[buyers] = (flow / flow.sum(0)).T @ made[sellers]
            new = self._own + self._recipe @ taken
            done = np.abs(new - made).max(initial=0.0) < SETTLED
            made = new
            if done:
                break
        by_lag = np.zeros((len(benchmark.lag_weight), *taken.shape))
        for good in self.goods:
            sellers, buyers = self._slices(good)
            for lag, weights in enumerate(benchmark.lag_weight):
                by_lag[lag, buyers] = (benchmark.flow[good] * weights[good]).T @ made[sellers] * step_years
        self.seller = state.seller_stock[:, self.offers, None] * made
        self.buyer = state.buyer_stock[:, self.needs, None] * taken
        pipeline = np.array([by_lag[k + 1 :].sum(0) for k in range(len(by_lag) - 1)])
        pipeline = pipeline.reshape(-1, *taken.shape)
        self.transit = np.repeat(pipeline[:, None], len(state.seller_stock), axis=1)
        self.shipped, self.kept = np.zeros_like(self.buyer), np.zeros_like(self.seller)
        self._share = np.zeros((len(self.seller), len(self.countries)))

    def arrive(self) -> None:
        """Shipments due reach the buyers."""
        if len(self.transit):
            self.buyer += self.transit[0]
            self.transit[:-1] = self.transit[1:]
            self.transit[-1] = 0.0

    def comply(self, rules: Sequence[Resale]) -> None:
        """Split the sellers' stocks between those who heed the rules in force and those who do not.

        The first hold the share ``compliance`` of barred material, and of what comes in later. Where two
        rules bar one origin, the larger share counts.
        """
        members = len(self.seller)
        share = np.zeros((members, len(self.countries)))
        for rule in rules:
            if self.covers(rule):
                asked = np.broadcast_to(np.reshape(rule.compliance, (-1, 1)), (members, 1))
                share[:, self._named(rule)] = np.maximum(share[:, self._named(rule)], asked)
        old, new = self._share[:, None], share[:, None]
        rising = np.divide(new - old, 1 - old, out=np.zeros_like(old), where=old < 1)
        falling = np.divide(new, old, out=np.ones_like(old), where=old > 0)
        more = self.kept + rising * (self.seller - self.kept)
        self.kept = np.where(new > old, more, np.where(new < old, self.kept * falling, self.kept))
        self._share = share

    def admissible(self, rule: Resale, offer: int, stock: FloatArray) -> FloatArray:
        """(M,) tonnes of an offer's stock (M,) that may go to the destinations of a rule."""
        barred = np.take(self.kept[:, self._offer_at[offer]], self._named(rule), axis=1).sum(1)
        tonnes: FloatArray = np.maximum(stock - barred, 0.0)
        return tonnes

    def _named(self, rule: Resale) -> list[int]:
        return [k for k, country in enumerate(self.countries) if rule.origins[country]]

    def ship(
        self,
        clearing: Clearing,
        stock: FloatArray,
        rules: Sequence[Resale],
        lags: Sequence[Sequence[FloatArray]],
    ) -> FloatArray:
        """Take what was sold out of the sellers' stocks.

        Args:
            stock: (M, O) sellers' stocks before the sales.
            rules: in force now; those of other families do not count.
            lags: per lag, per good (S, B) or (M, S, B) share of a shipment that arrives after it.

        Returns:
            (L, M, needs, K) tonnes that arrive after 0, 1, ... steps.
        """
        rules = [rule for rule in rules if self.covers(rule)]
        by_lag = np.zeros((len(lags), *self.buyer.shape))
        for good in self.goods:
            sellers, buyers = self._slices(good)
            flow = clearing.flow(good)
            held, kept = self.seller[:, sellers], self.kept[:, sellers]
            left = stock[:, self.world.offer_slice(good)].copy()
            for links, barred in self._cells(good, rules):
                part = flow * links
                sold = part.sum(2)
                shipped, kept = _drawn(held, kept, barred, left, sold)
                held = np.maximum(held - shipped, 0.0)
                kept = np.minimum(kept, held)
                left = np.maximum(left - sold, 0.0)
                mix = np.divide(
                    shipped, sold[..., None], out=np.zeros_like(shipped), where=sold[..., None] > 0
                )
                for lag, weights in enumerate(lags):
                    by_lag[lag][:, buyers] += np.swapaxes(part * weights[good], 1, 2) @ mix
            self.seller[:, sellers], self.kept[:, sellers] = held, kept
        self.shipped = np.add.reduce(by_lag, axis=0)
        return by_lag

    def load(self, by_lag: FloatArray) -> None:
        """What was shipped, (L, M, needs, K), goes to the buyers' stocks or on its way."""
        self.buyer += by_lag[0]
        self.transit += by_lag[1:]

    def covers(self, rule: Resale) -> bool:
        """Whether a rule belongs to this family."""
        return (rule.goods, rule.content) == (self.goods, self.content)

    def _cells(self, good: int, rules: Sequence[Resale]) -> list[tuple[FloatArray, FloatArray]]:
        """Links (S, B) under the same rules, with 1 for each origin (K,) that they bar.

        Links under rules come first, the others draw on what is left.
        """
        origin, destination = self.world.link_countries(good)
        here = [rule for rule in rules if good in rule.goods]
        signature = np.zeros((len(origin), len(destination)), dtype=np.int64)
        for bit, rule in enumerate(here):
            signature |= rule.links(origin, destination).astype(np.int64) << bit
        cells = []
        for value in sorted(np.unique(signature).tolist(), reverse=True):
            barred = np.zeros(len(self.countries))
            for bit, rule in enumerate(here):
                if value >> bit & 1:
                    barred[self._named(rule)] = 1.0
            cells.append(((signature == value).astype(np.float64), barred))
        return cells

    def produce(self, consumed: FloatArray, held: FloatArray, output: FloatArray) -> None:
        """Inputs leave the buyers' stocks, outputs enter the sellers', with their origins.

        Args:
            consumed, held: (M, N) tonnes used, and on hand before. output: (M, O) tonnes made or passed on.
        """
        before = held[:, self.needs]
        mix = np.divide(
            self.buyer, before[..., None], out=np.zeros_like(self.buyer), where=before[..., None] > 0
        )
        used = np.minimum(consumed[:, self.needs], before)
        self.buyer = np.maximum(self.buyer - mix * used[..., None], 0.0)
        made = self._own + np.swapaxes(np.swapaxes(mix, 1, 2) @ self._recipe.T, 1, 2)
        new = made * output[:, self.offers, None]
        self.seller = self.seller + new
        self.kept = self.kept + self._share[:, None] * new

    def discard(self, tonnes: FloatArray, stock: FloatArray) -> None:
        """Tonnes (M, O) thrown away out of stocks (M, O) take their mix along."""
        share = np.divide(tonnes, stock, out=np.zeros_like(tonnes), where=stock > 0)[:, self.offers]
        self.seller = self.seller * (1 - share[..., None])
        self.kept = self.kept * (1 - share[..., None])


def _drawn(
    held: FloatArray, kept: FloatArray, barred: FloatArray, stock: FloatArray, sold: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What is sold by origin, out of the part that is not kept back as far as it reaches.

    Args:
        held: (M, S, K) tonnes by origin of stock (M, S). kept: (M, S, K) of these, with sellers who heed
            rules. barred: (K,) 1 for origins that may not go there. sold: (M, S) tonnes.

    Returns:
        (M, S, K) tonnes sold, and the kept ones that are left.
    """
    back = kept * barred
    back_all = back.sum(2)
    pool = np.maximum(stock - back_all, 0.0)
    first = np.minimum(sold, pool)
    from_pool = np.divide(first, pool, out=np.zeros_like(pool), where=pool > 0)[..., None]
    rest = np.divide(sold - first, back_all, out=np.zeros_like(pool), where=back_all > 0)
    from_back = np.minimum(rest, 1.0)[..., None]
    drawn: FloatArray = (held - back) * from_pool + back * from_back
    left: FloatArray = back * (1 - from_back) + (kept - back) * (1 - from_pool)
    return drawn, left
