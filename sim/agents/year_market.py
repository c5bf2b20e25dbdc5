"""The market of a year under one regime, for some goods and members: what each round finds in it.

Most of what a market is asked stays the same from round to round: what is needed, what users pay, what mines
make. It is made once, for all goods. Rounds then take the goods and members that are still on their way, and
make what follows their prices: what plants bid, what they ask and what they can make.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sim.agents.rounds import LARGEST_LOG, Part, Priced
from sim.agents.worth import CLASSES, Bids
from sim.arrays import BoolArray, FloatArray, Groups, IntArray, raised
from sim.market.clearing import Asked, Clearing, ClearingState, Market, clear_together
from sim.market.layout import Terms

__all__ = ["Year", "YearMarket", "index_of_good", "rounds_of"]

LONGEST_WAY = 3.0
"""In logs, that what a plant can make is taken to move between two rounds."""

ALONG = {
    "members": ("elasticity", "over"),
    "goods": ("sigma",),
    "offers": (
        "most", "usual", "within", "own_cost", "opening", "markup", "ask_factor", "floor", "normal_output",
        "response", "entering", "factor",
    ),
    "needs": ("demand", "give_up", "dearest", "base"),
    "caps": ("cap_tonnes",),
    "plants": ("bound", "plant_cost"),
    "ordered": ("per_tonne",),
}  # fmt: skip
"""Arrays of a :class:`Year` by the axis along which they lie, after that of members where there is one."""


@dataclass(frozen=True)
class Year:
    """What a year under a regime is like, at any prices. K tiers; P plants."""

    offer_good: IntArray
    need_good: IntArray
    bids: Bids
    """Of plants."""
    demand: FloatArray
    """(M, N, K) t/year."""
    give_up: FloatArray
    """(M, N, K) prices at which tiers give way; of plants those that do not follow from what they bid."""
    dearest: FloatArray
    """(M, N) log of what the last class of users would pay; of no account for plants."""
    elasticity: FloatArray
    """(1 or M, 1, K) of tiers, or (K,)."""
    over: FloatArray
    """(1 or M, 1) price over costs at which plants take what they have room for."""
    cap_tonnes: FloatArray
    """(M, C) t/year that may pass."""
    most: FloatArray
    """(M, O) t/year that sellers could make; those that may enter yet if inputs allow it."""
    usual: FloatArray
    """(M, O) t/year that they would make at base prices."""
    within: FloatArray
    """(M, O) of what its plant's inputs allow of a product, share that may be made; 1 for mines."""
    own_cost: FloatArray
    """(1 or M, O) costs other than those of inputs, over the base year's."""
    opening: FloatArray
    """(1 or M, O) cost at which facilities that stand still open, at least; 0 for others."""
    markup: FloatArray
    """(1 or M, O) mark-up over that of the base year."""
    ask_factor: FloatArray
    """(1 or M, O) what buyers pay of an ask."""
    floor: FloatArray
    """(M, O) log price below which nobody makes anything."""
    bound: FloatArray
    """(1 or M, P) price of products that plants reckon with at most."""
    plant_cost: FloatArray
    """(1 or M, P) costs other than those of inputs, over the base year's."""
    per_tonne: FloatArray
    """(M, needs of plants) tonnes of an input per unit of activity, in the order of the activities."""
    normal_output: FloatArray
    """(O,) t/year."""
    response: FloatArray
    """(O,) elasticity of what sellers make within a year."""
    entering: BoolArray
    """(O,) plants that may enter yet."""
    factor: FloatArray
    """(M, O) of what buyers have learnt of sellers: :func:`~sim.market.weighed.price_of_weight`."""
    base: FloatArray
    """(N,) log choice index in the base year."""
    sigma: FloatArray
    """(G,) or (M, G)."""

    def some(self, part: Part, caps: IntArray) -> Year:
        """The year of some members and whole chains, ``caps`` being the ceilings on their goods."""
        bids = self.bids.some(part.rows, part.offers, part.needs)
        among = self.bids.places(part.offers, part.needs)
        places = {
            "offers": part.offers, "needs": part.needs, "goods": part.goods, "caps": caps,
            "plants": among.plants, "ordered": among.ordered,
        }  # fmt: skip
        kept: dict[str, Any] = {}
        for axis, names in ALONG.items():
            for name in names:
                values = getattr(self, name)
                if values.ndim > 1 and len(values) > 1:
                    values = values.take(part.rows, axis=0)
                if axis != "members":
                    values = values.take(places[axis], axis=min(values.ndim - 1, 1))
                kept[name] = values
        good_of = np.zeros(int(part.goods.max()) + 1, dtype=np.int64)
        good_of[part.goods] = np.arange(len(part.goods))
        offer_good, need_good = good_of[self.offer_good[part.offers]], good_of[self.need_good[part.needs]]
        return replace(self, offer_good=offer_good, need_good=need_good, bids=bids, **kept)


class YearMarket:
    """The market of a year, of which each round starts from prices and finds others.

    Args:
        year: what it is like. market: of the same goods and members.
        start: where its solver begins. tolerance: of its clearing, as a share of its size.
    """

    def __init__(self, year: Year, market: Market, start: ClearingState, tolerance: float) -> None:
        self.year, self.market, self.start, self.tolerance = year, market, start, tolerance
        activities, bids = year.bids.activities, year.bids
        self._made = np.flatnonzero(activities.offer_plant >= 0)
        self._plant = activities.offer_plant[self._made]
        self._above = _Above(year, self._made)
        self._other = bids.other * year.plant_cost[:, bids.plant][:, :, None]
        self._other_in_full = bids.other_in_full * year.plant_cost[:, bids.plant]
        self._give_up, self._dearest = year.give_up.copy(), year.dearest.copy()
        self._need_start = activities.group_start
        self._tonnes = np.add.reduceat(year.per_tonne, self._need_start, axis=1)
        self._lean = _Lean(year)
        plant = activities.need_plant[activities.need_order][self._need_start]
        self._throughput = activities.throughput[plant]
        self._sellers, self._buyers = Groups(year.offer_good), Groups(year.need_good)
        self._at_floor: dict[int, FloatArray] = {}
        nobody = ~np.isin(year.need_good, year.offer_good)
        self._never = np.where(nobody, year.base, -LARGEST_LOG)[None]

    def narrowed(self, part: Part, market: Market) -> YearMarket:
        """The market of some of its members and chains."""
        caps = np.flatnonzero(np.isin(self.market.cap_good, part.goods))
        log_price = self.start.log_price.take(part.rows, axis=0).take(part.offers, axis=1)
        log_rent = self.start.log_rent_for(self.market).take(part.rows, axis=0).take(caps, axis=1)
        start = ClearingState(log_price, log_rent, market.cap_keys)
        return YearMarket(self.year.some(part, caps), market, start, self.tolerance)

    def asked(self, now: Priced) -> Asked:
        """What a round asks of the clearing core."""
        year = self.year
        product, index = np.exp(now.offer), np.exp(now.need)
        others, inputs = year.bids.paid(index)
        self._set_bids(product, others)
        quantity, ask = self._above.supply(product, now.reach, inputs)
        ask = ask / year.factor
        terms = Terms(quantity, ask, year.demand, self._give_up, year.elasticity, year.cap_tonnes)
        return Asked(self.market, terms, self.start)

    def found(self, now: Priced, clearing: Clearing) -> Priced:
        """What a round finds, from its clearing.

        Equations (M113) and (M116), docs/model.md, for ``Yk_s`` and ``alw_h``.
        """
        year, made = self.year, self._made
        self.start = clearing.state
        price, index = np.log(clearing.price * year.factor), np.log(clearing.index)
        # Nobody pays more than the last class of anybody's use: who has none of it goes without.
        most = np.full((len(price), self.market.goods), LARGEST_LOG)
        most[:, self._buyers.keys] = self._buyers.largest(self._dearest)
        # Nobody makes anything for less than it costs in cash: output idles, and the price stays there.
        offer = np.maximum(np.minimum(price, most.take(year.offer_good, axis=1)), year.floor)
        idle = self._index_of_idle(price < year.floor)
        need = np.maximum(np.minimum(index, most.take(year.need_good, axis=1)), idle)
        reach = np.ones_like(offer)
        can = self._reach(clearing.purchases, clearing.index)
        way = np.clip(year.response[made] * (offer - now.offer)[:, made], -LONGEST_WAY, LONGEST_WAY)
        reach[:, made] = np.where(year.entering[made], can, can * np.exp(way))
        return replace(now, offer=offer, need=need, reach=reach)

    def _set_bids(self, product: FloatArray, others: FloatArray) -> None:
        """What plants pay, at prices of products (M, O), and spending on other inputs (M, p)."""
        year, bids = self.year, self.year.bids
        if not len(bids.needs):
            return
        # Where a state pays for low asks, plants bid with what they are paid in all; who sells less so as to
        # sell dear bids with what more sales would bring.
        paid = product / (year.ask_factor * year.markup)
        left = bids.left(paid, year.bound, others)
        classes = bids.per_tonne(left[:, :, None] - self._other)
        more = bids.left(paid / year.over, year.bound, others) - self._other_in_full
        self._give_up[:, bids.needs, 1 : 1 + CLASSES] = classes
        self._give_up[:, bids.needs, -1] = bids.per_tonne(more[:, :, None])[:, :, 0]
        self._dearest[:, bids.needs] = np.log(classes[:, :, -1])

    def _reach(self, bought: FloatArray, index: FloatArray) -> FloatArray:
        """(M, made) share of the usual output that purchases (M, N), t/year, allow at their prices, (M, N).

        Equation (M111), docs/model.md, for ``alw_h``.
        """
        activities = self.year.bids.activities
        groups = np.add.reduceat(bought.take(activities.need_order, axis=1), self._need_start, axis=1)
        lean = self._lean.of(index)
        if lean is None:
            groups /= self._tonnes
        else:
            groups /= np.add.reduceat(self.year.per_tonne * lean, self._need_start, axis=1)
        groups /= self._throughput
        scarcest = np.minimum.reduceat(groups, activities.group_plant_start, axis=1)
        reach: FloatArray = scarcest.take(self._plant, axis=1)
        return reach

    def _index_of_idle(self, idle: BoolArray) -> FloatArray:
        """(1 or M, N) log choice index at the floor of sellers (M, O) whose price is there.

        Of goods of which none idles it is far below any other; where nobody sells that of the base year.
        """
        if not idle.any():
            return self._never
        counts = self._sellers.any(idle)
        found = np.repeat(self._never, len(idle), axis=0)
        year, market = self.year, self.market
        for place in np.flatnonzero(counts.any(axis=0)):
            good = int(self._sellers.keys[place])
            needs = market.needs_of(good)
            if good not in self._at_floor:
                sigma = np.reshape(year.sigma[..., good], (-1, 1))
                here = market.offers_of(good)
                floor = year.floor[:, here] - np.log(year.factor[:, here])
                self._at_floor[good] = index_of_good(market.kernel[good], sigma, floor, year.base[needs])
            # Member by member: what one meets must not depend on the others.
            found[:, needs] = np.where(counts[:, place, None], self._at_floor[good], -LARGEST_LOG)
        return found


def rounds_of(markets: Sequence[YearMarket], now: Sequence[Priced]) -> list[Priced]:
    """What a round finds in several markets, each by itself; their clearings share their calls."""
    asked = [market.asked(prices) for market, prices in zip(markets, now, strict=True)]
    cleared = clear_together(asked, markets[0].tolerance)
    return [of.found(at, one) for of, at, one in zip(markets, now, cleared, strict=True)]


class _Lean:
    """What plants learn to do with, in a year: who is thrifty or changes recipe makes as much from less."""

    def __init__(self, year: Year) -> None:
        order = year.bids.activities.need_order
        demand = year.demand.take(order, axis=1)
        usual = demand[:, :, :-1].sum(2)[:, :, None]
        given = learnt(demand)
        part = np.divide(given, usual, out=np.zeros_like(given), where=usual > 0)
        self._ordered = len(order)
        self._places = np.flatnonzero((part > 0).any((0, 2)))
        self._needs = order[self._places]
        self._part = part[:, self._places]
        self._price = learnt(year.give_up[:, self._needs])
        self._elasticity = learnt(year.elasticity)

    def of(self, index: FloatArray) -> FloatArray | None:
        """(M, ordered needs) input for a tonne of product, over today's; None where nobody learns.

        Args:
            index: (M, N) prices.

        Equation (M160), docs/model.md, for ``ln_b``.
        """
        if not len(self._places):
            return None
        over = np.maximum(index.take(self._needs, axis=1)[:, :, None] / self._price, 1.0)
        saved = (self._part * (1 - raised(over, -self._elasticity))).sum(2)
        lean = np.ones((len(index), self._ordered))
        lean[:, self._places] = 1 - saved
        return lean


class _Above:
    """What sellers could make, and the price at which they would: of plants it follows their prices."""

    def __init__(self, year: Year, made: IntArray) -> None:
        self._made, self._entering, self._response = made, year.entering[made], year.response[made]
        rise = above(year.most, year.usual, year.response)
        cost = np.maximum(year.own_cost, year.opening) * year.markup * year.ask_factor
        self._most, self._ask = year.most, cost * rise
        """Of what is mined they are the same in every round."""
        activities = year.bids.activities
        self._plant = activities.offer_plant[made]
        self._share = activities.input_cost_share[self._plant]
        self._own = (1 - self._share) * year.own_cost[:, made]
        self._opening, self._markup = year.opening[:, made], year.markup[:, made]
        self._ask_factor, self._rise = year.ask_factor[:, made], rise[:, made]
        self._top, self._usual = year.most[:, made], year.usual[:, made]
        self._normal = year.normal_output[made] * year.within[:, made]

    def supply(
        self, product: FloatArray, reach: FloatArray, inputs: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Most that sellers could make in a year (M, O), and the price at which they would.

        Args:
            product: (M, O) prices. reach: (M, O) share of usual output that inputs allow.
            inputs: (M, P) cost of a plant's inputs, over the base year's.

        Equations (M18), (M23), (M24) and (M112), docs/model.md, for ``S1_s``, ``i_f`` and ``c_s``.
        """
        made, entering = self._made, self._entering
        cost = self._share * inputs.take(self._plant, axis=1) + self._own
        cost = np.maximum(cost, self._opening) * self._markup * self._ask_factor
        able = self._normal * reach.take(made, axis=1)
        top = np.where(entering, np.minimum(self._top, able), self._top)
        climb = above(top, np.where(entering, self._usual, able), self._response)
        # A plant buys more where its products fetch more: what it sells follows their price at once, or a
        # low price would meet what a high one lets it buy, and the reverse, round after round.
        follows = np.maximum(cost * self._rise, product.take(made, axis=1) * climb)
        most, ask = self._most.copy(), self._ask.copy()
        most[:, made], ask[:, made] = top, np.where(entering, cost * climb, follows)
        return most, ask


def learnt(tiers: FloatArray) -> FloatArray:
    """Of tiers of plants, along the last axis, those that give way to thrift and to another recipe.

    They are the first, and the last but one; what gives way beside them is output.
    """
    return tiers[..., [0, -2]]


def above(most: FloatArray, made: FloatArray, response: FloatArray) -> FloatArray:
    """(M, O) price from which the most is made, over that at which so much is."""
    ratio = np.maximum(most, 1e-12) / np.maximum(made, 1e-12)
    return raised(np.clip(ratio, 1e-3, 1e3), 1 / response)


def index_of_good(
    kernel: FloatArray, sigma: FloatArray, log_price: FloatArray, base: FloatArray
) -> FloatArray:
    """(M, B) log choice index of a good at gate prices (M, S); without sellers that of the base year (B,).

    Args:
        kernel: (S, B) or (M, S, B). sigma: (1 or M, 1).
    """
    pull = np.exp(-sigma * log_price)
    weights = kernel if kernel.ndim == 3 else kernel[None]
    total = np.add.reduce(pull[:, :, None] * weights, axis=1)
    safe = np.where(total > 0, total, 1.0)
    index: FloatArray = np.where(total > 0, -np.log(safe) / sigma, base)
    return index
