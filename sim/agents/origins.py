"""Where the material in each stock was made, as far as a rule of the scenario asks.

A *family* is a set of goods and of countries of origin that rules on resale name. It is a tracer
(:mod:`sim.agents.tracers`) whose kinds are those countries, with one exception to perfect mixing: what a
seller ships to a destination under such a rule comes out of the part that may go there.
See ``docs/model.md``, section "Origins".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.agents.prepared import Prepared
from sim.agents.state import State
from sim.agents.tracers import Tracer
from sim.arrays import BoolArray, FloatArray, IntArray, Saved
from sim.controls import Resale
from sim.market.clearing import Clearing
from sim.world.world import World

__all__ = ["Origins", "families", "may_resell"]


def families(prepared: Prepared, rules: Sequence[Resale]) -> list[Origins]:
    """One family for each set of goods that rules name, with the origins of all its rules."""
    countries: dict[tuple[tuple[int, ...], bool], set[int]] = {}
    for rule in rules:
        if not rule.goods:
            continue
        named = np.flatnonzero(rule.origins).tolist()
        countries.setdefault((rule.goods, rule.content), set()).update(named)
    return [
        Origins(prepared, goods, tuple(sorted(found)), content)
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


class Origins(Tracer):
    """One family. K countries of origin; offers and needs are those of its goods.

    Attributes:
        kept: (M, offers, K) of the sellers' tonnes, those with sellers who heed the rules in force.
        countries: positions of the countries of origin. content: whether what is made of the goods counts.
    """

    def __init__(
        self, prepared: Prepared, goods: tuple[int, ...], countries: tuple[int, ...], content: bool
    ) -> None:
        world = prepared.world
        self.countries, self.content = countries, content
        offers = np.flatnonzero(np.isin(world.offer_good, goods))
        needs = np.flatnonzero(np.isin(world.need_good, goods))
        fresh, recipe = _recipe(prepared, offers, needs, (countries, content))
        codes = ",".join(world.countries[country] for country in countries)
        what = ",".join(world.goods[good].id for good in goods)
        name = f"origins:{what}:{codes}:{'content' if content else 'goods'}"
        super().__init__(prepared, name, goods, fresh, recipe)
        self._offer_at = {int(offer): i for i, offer in enumerate(self.offers)}
        self.kept: FloatArray = np.zeros_like(self.seller)
        self._share: FloatArray = np.zeros((prepared.members, len(countries)))

    def start(self, prepared: Prepared, state: State) -> None:
        """Stocks and pipelines of now with the mixes of the base year; nobody heeds a rule yet."""
        super().start(prepared, state)
        self.kept = np.zeros_like(self.seller)

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
        falling = np.divide(new, old, out=np.ones_like(old), where=new < old)
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
        """As :meth:`sim.agents.tracers.Tracer.ship`; rules of other families do not count."""
        rules = [rule for rule in rules if self.covers(rule)]
        by_lag = np.zeros((len(lags), *self.buyer.stock.shape))
        seller, all_kept = self.seller.copy(), self.kept.copy()
        for good in self.goods:
            sellers, buyers = self.slices(good)
            flow = clearing.flow(good)
            held, kept = seller[:, sellers], all_kept[:, sellers]
            left = stock[:, self._world.offer_slice(good)].copy()
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
            seller[:, sellers], all_kept[:, sellers] = held, kept
        self.seller, self.kept = seller, all_kept
        self.shipped = np.add.reduce(by_lag, axis=0)
        return by_lag

    def covers(self, rule: Resale) -> bool:
        """Whether a rule belongs to this family."""
        return (rule.goods, rule.content) == (self.goods, self.content)

    def _cells(self, good: int, rules: Sequence[Resale]) -> list[tuple[FloatArray, FloatArray]]:
        """Links (S, B) under the same rules, with 1 for each origin (K,) that they bar.

        Links under rules come first, the others draw on what is left.
        """
        origin, destination = self._world.link_countries(good)
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

    def add_output(self, new: FloatArray) -> None:
        """What was made enters the sellers' stocks, and what of it those hold who heed rules.

        Equation (M61), docs/model.md, for ``kept_sn``.
        """
        super().add_output(new)
        self.kept = self.kept + self._share[:, None] * new

    def discard(self, tonnes: FloatArray, stock: FloatArray) -> None:
        """Tonnes (M, O) thrown away out of stocks (M, O) take their mix along."""
        share = np.divide(tonnes, stock, out=np.zeros_like(tonnes), where=stock > 0)[:, self.offers]
        super().discard(tonnes, stock)
        self.kept = self.kept * (1 - share[..., None])

    def arrays(self) -> dict[str, FloatArray]:
        """Its content by name, for a checkpoint."""
        return {**super().arrays(), "kept": self.kept, "share": self._share}

    def restore(self, saved: Saved) -> None:
        """Take over what :meth:`arrays` gave.

        Raises:
            MonaziteError: an array is missing or does not fit.
        """
        super().restore(saved)
        self.kept, self._share = saved.take("kept", self.kept), saved.take("share", self._share, most=1.0)


def _recipe(
    prepared: Prepared, offers: IntArray, needs: IntArray, family: tuple[tuple[int, ...], bool]
) -> tuple[FloatArray, FloatArray]:
    """(offers, K) 1 where material is new and made in the country; (offers, needs) weights of inputs.

    With ``content`` a plant's output has the mix of those of its inputs that are traced, each weighted with
    its share in the plant's input cost; what is made in a named country is of that country, whatever went in.
    """
    countries, content = family
    world = prepared.world
    made_in = world.offer_country[offers]
    own = (made_in[:, None] == np.array(countries)).astype(np.float64)
    recipe = Tracer.passed_on(prepared, offers, needs)
    own[recipe.any(1)] = 0.0
    if content:
        kinds = np.array(world.facility_kind)[world.offer_facility[offers]]
        same = world.offer_facility[offers][:, None] == world.need_facility[needs]
        weight = prepared.benchmark.activities.cost_weight[needs]
        recipe += np.where(same & (kinds != "trader")[:, None], weight, 0.0)
    recipe[own.any(1)] = 0.0
    return own, recipe


def _drawn(
    held: FloatArray, kept: FloatArray, barred: FloatArray, stock: FloatArray, sold: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What is sold by origin, out of the part that is not kept back as far as it reaches.

    Args:
        held: (M, S, K) tonnes by origin of stock (M, S). kept: (M, S, K) of these, with sellers who heed
            rules. barred: (K,) 1 for origins that may not go there. sold: (M, S) tonnes.

    Returns:
        (M, S, K) tonnes sold, and the kept ones that are left.

    Equations (M59) and (M60), docs/model.md, for ``pool_s`` and ``x_sn``.
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
