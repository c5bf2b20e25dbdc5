"""What stocks consist of: elements of a concentrate, countries of origin, whatever a rule asks for.

A *tracer* follows K kinds of content through the stocks of some goods: sellers', buyers', under way. A stock
is perfectly mixed: what leaves takes the mix along. What a mine or a plant makes anew has a mix of its own;
what a trader passes on, or a plant makes of what is traced, has that of its inputs. See ``docs/model.md``,
sections "Origins" and "One step".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.accounts import Account
from sim.agents.prepared import Prepared
from sim.agents.state import State
from sim.arrays import FloatArray, IntArray, Saved
from sim.controls import Resale
from sim.market.clearing import Clearing

__all__ = ["Tracer", "elements"]

BASE_ROUNDS = 200
"""Rounds in which base-year mixes settle: resale in circles dies out geometrically."""
SETTLED = 1e-14


class Tracer:
    """One set of kinds in the stocks of some goods. Offers and needs are those of the goods.

    Attributes:
        name: what is followed; tracers of a run have different names.
        goods: their positions. offers, needs: positions on the axes of offers and needs.
        seller: (M, offers, K) tonnes in stock. buyer: tonnes in stock (M, needs, K) and under way.
        shipped: (M, needs, K) tonnes bought in the last step.
    """

    def __init__(
        self, prepared: Prepared, name: str, goods: Sequence[int], fresh: FloatArray, recipe: FloatArray
    ) -> None:
        """Lay out a tracer without content.

        Args:
            fresh: (offers, K) mix of what is made anew.
            recipe: (offers, needs) weights of the inputs whose mix an output has; with those of ``fresh``
                they sum to 1 for what is followed altogether.
        """
        world = prepared.world
        self.name, self.goods, self._world = name, tuple(goods), world
        self.offers: IntArray = np.flatnonzero(np.isin(world.offer_good, goods))
        self.needs: IntArray = np.flatnonzero(np.isin(world.need_good, goods))
        self._fresh, self._recipe = fresh, recipe
        kinds, members = fresh.shape[1], prepared.members
        self.seller: FloatArray = np.zeros((members, len(self.offers), kinds))
        self.shipped: FloatArray = np.zeros((members, len(self.needs), kinds))
        self.buyer = Account(np.zeros((members, len(self.needs), kinds)), len(prepared.benchmark.lag_weight))

    @staticmethod
    def passed_on(prepared: Prepared, offers: IntArray, needs: IntArray) -> FloatArray:
        """(offers, needs) 1 where a trader sells what it buys."""
        world = prepared.world
        trader = np.array([kind == "trader" for kind in world.facility_kind])[world.offer_facility[offers]]
        same = world.offer_facility[offers][:, None] == world.need_facility[needs]
        same &= world.offer_good[offers][:, None] == world.need_good[needs]
        passed: FloatArray = (same & trader[:, None]).astype(np.float64)
        return passed

    def slices(self, good: int) -> tuple[slice, slice]:
        """Where a good's offers and needs lie on this tracer's axes."""
        first = [int(np.searchsorted(self._world.offer_good[self.offers], g)) for g in (good, good + 1)]
        second = [int(np.searchsorted(self._world.need_good[self.needs], g)) for g in (good, good + 1)]
        return slice(*first), slice(*second)

    def start(self, prepared: Prepared, state: State) -> None:
        """Stocks and pipelines of now with the mixes of the base year."""
        made, taken = self._base_mixes(prepared)
        lags = prepared.benchmark.lag_weight
        content = np.zeros((len(lags) - 1, *taken.shape))
        usual = np.zeros((len(lags) - 1, len(self.needs), 1))
        for good in self.goods:
            sellers, buyers = self.slices(good)
            for lag, weights in enumerate(lags):
                bought = prepared.benchmark.flow[good] * weights[good]
                # What takes that many steps is under way for all of them.
                content[:lag, buyers] += bought.T @ made[sellers]
                usual[:lag, buyers, 0] += bought.sum(0)
        mix = np.divide(content, usual, out=np.zeros_like(content), where=usual > 0)
        self.seller = state.seller_stock[:, self.offers, None] * made
        self.buyer.stock = state.buyer_stock[:, self.needs, None] * taken
        self.buyer.transit = state.transit[:, :, self.needs, None] * mix[:, None]

    def _base_mixes(self, prepared: Prepared) -> tuple[FloatArray, FloatArray]:
        """(offers, K) of what is made and (needs, K) of what is bought: the fixed point of mixing."""
        made = self._fresh.copy()
        taken = np.zeros((len(self.needs), made.shape[1]))
        for _ in range(BASE_ROUNDS):
            for good in self.goods:
                sellers, buyers = self.slices(good)
                mix = prepared.benchmark.mix[good]
                taken[buyers] = (mix / mix.sum(0)).T @ made[sellers]
            new = self._fresh + self._recipe @ taken
            done = np.abs(new - made).max(initial=0.0) < SETTLED
            made = new
            if done:
                break
        return made, taken

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
            rules: on resale, in force now.
            lags: per lag, per good (S, B) or (M, S, B) share of a shipment that arrives after it.

        Returns:
            (L, M, needs, K) tonnes that arrive after 0, 1, ... steps.

        Equation (M57), docs/model.md, for ``I_sn``.
        """
        before, sold = stock[:, self.offers, None], clearing.sales[:, self.offers, None]
        mix = np.divide(self.seller, before, out=np.zeros_like(self.seller), where=before > 0)
        by_lag = np.zeros((len(lags), *self.buyer.stock.shape))
        for good in self.goods:
            sellers, buyers = self.slices(good)
            shipped = np.swapaxes(clearing.flow(good), 1, 2)
            for lag, weights in enumerate(lags):
                by_lag[lag][:, buyers] = (shipped * np.swapaxes(weights[good], -1, -2)) @ mix[:, sellers]
        self.seller = self.seller - mix * sold
        return by_lag

    def load(self, by_lag: FloatArray) -> None:
        """What was shipped, (L, M, needs, K), goes to the buyers' stocks or on its way."""
        self.buyer.load(by_lag)

    def produce(self, consumed: FloatArray, held: FloatArray, output: FloatArray) -> None:
        """Inputs leave the buyers' stocks, outputs enter the sellers', with their mixes.

        Args:
            consumed, held: (M, N) tonnes used, and on hand before. output: (M, O) tonnes made or passed on.

        Equation (M58), docs/model.md, for ``I_sn``.
        """
        before, stock = held[:, self.needs], self.buyer.stock
        mix = np.divide(stock, before[..., None], out=np.zeros_like(stock), where=before[..., None] > 0)
        used = np.minimum(consumed[:, self.needs], before)
        self.buyer.stock = np.maximum(stock - mix * used[..., None], 0.0)
        made = self._fresh + np.swapaxes(np.swapaxes(mix, 1, 2) @ self._recipe.T, 1, 2)
        self.add_output(made * output[:, self.offers, None])

    def add_output(self, new: FloatArray) -> None:
        """What was made, (M, offers, K) tonnes, enters the sellers' stocks."""
        self.seller = self.seller + new

    def discard(self, tonnes: FloatArray, stock: FloatArray) -> None:
        """Tonnes (M, O) thrown away out of stocks (M, O) take their mix along."""
        share = np.divide(tonnes, stock, out=np.zeros_like(tonnes), where=stock > 0)[:, self.offers]
        self.seller = self.seller * (1 - share[..., None])

    def arrays(self) -> dict[str, FloatArray]:
        """Its content by name, for a checkpoint."""
        return {
            "seller": self.seller, "buyer": self.buyer.stock, "transit": self.buyer.transit,
            "shipped": self.shipped,
        }  # fmt: skip

    def restore(self, saved: Saved) -> None:
        """Take over what :meth:`arrays` gave.

        Raises:
            MonaziteError: an array is missing or does not fit.
        """
        self.seller, self.shipped = saved.take("seller", self.seller), saved.take("shipped", self.shipped)
        stock = saved.take("buyer", self.buyer.stock)
        self.buyer.restore(stock, saved.take("transit", self.buyer.transit, free=(0,)))


def elements(prepared: Prepared) -> Tracer:
    """The rare-earth elements in concentrates."""
    world, benchmark = prepared.world, prepared.benchmark
    goods = [g for g, good in enumerate(world.goods) if good.basket]
    recipe = Tracer.passed_on(prepared, benchmark.basket_offer, benchmark.basket_need)
    fresh = world.offer_composition[benchmark.basket_offer] * (1 - recipe.sum(1, keepdims=True))
    return Tracer(prepared, "elements", goods, fresh, recipe)
