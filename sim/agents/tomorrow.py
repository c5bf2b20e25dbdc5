"""The market of tomorrow: what a regime would bring if it lasted a year and nobody held stocks.

The clearing core prices it: the regime's links, ceilings, wedges and capacities, supply and use at their
elasticities of about a year, no stocks. All goods clear together, round after round: what a plant can make
follows what it could buy, what it asks follows what that costs, and what it pays follows what its products
fetch, so a loss of ore is a loss of metal.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sim.agents.likeness import Likeness
from sim.agents.prepared import Prepared
from sim.agents.rounds import ARRIVED, NEARLY, Chains, Mixing, Part, Priced
from sim.agents.state import State, need_rate
from sim.agents.year_market import Year, YearMarket, index_of_good, rounds_of
from sim.agents.year_use import YearUse, YearUses
from sim.arrays import BoolArray, FloatArray, IntArray
from sim.controls import Controls
from sim.market.clearing import ClearingState, Market
from sim.market.weighed import price_of_weight
from sim.units import Amount

__all__ = ["Applied", "Coming", "Leak", "Question", "Tomorrow"]

TOLERANCE = 1e-8
"""Of the market of tomorrow, as a share of its size. What a coarser one leaves open, by the last bits of what
it is given, moves prices by up to a tenth where many rounds rest on each other; a fine one costs
little, as the last steps of the solver square what is left."""
ROUNDS = 80
"""How often goods clear at most until their prices agree; those that have been priced take a few rounds."""
ROUNDING = 1e-12
"""Of a log price: smaller changes are none."""
WORTH_NARROWING = 0.75
"""Share of members and needs still on their way at which the others are left out of the rounds."""
ENTRY_RESPONSE = 30.0
"""Of supply from facilities that stand still, against the price at which they open: nearly a step."""


@dataclass(frozen=True)
class Applied:
    """Ceilings that are a share of what buyers apply for, who apply for what they need: licences.

    Each ceiling has a run of needs, each with its share in the base year's flow under the ceiling.
    """

    caps: IntArray
    """(K,) ceilings."""
    tonnes: FloatArray
    """(M, K) t/year that pass if everybody needs what it needs in the base year."""
    needs: IntArray
    """(L,) ceiling by ceiling."""
    weight: FloatArray
    """(L,)"""
    start: IntArray
    """(K,) where the needs of a ceiling begin."""

    def ceilings(self, others: FloatArray, needed: FloatArray) -> FloatArray:
        """(M, C) t/year, from those of other measures and what is needed, (M, N) over the base year's."""
        if not len(self.caps):
            return others
        share = np.add.reduceat(needed[:, self.needs] * self.weight, self.start, axis=1)
        tonnes = others.copy()
        tonnes[:, self.caps] += self.tonnes * share
        return tonnes


@dataclass(frozen=True)
class Leak:
    """A ceiling around which goods find their way."""

    cap: int
    key: Hashable
    """Of the ban."""
    tight: FloatArray
    """(M,) t/year that pass without."""
    whole: Amount
    """t/year of the base year's trade that it bans, one number or (M,)."""


@dataclass(frozen=True)
class Coming:
    """A regime of the time ahead: policy, the market under it, ceilings for a year."""

    controls: Controls
    market: Market
    cap_tonnes: FloatArray
    """(M, C) t/year, beside what is applied for."""
    applied: Applied
    markup_ratio: FloatArray
    """(1 or M, O) mark-up over that of the base year."""
    touched: BoolArray
    """(M, G) goods of which anything differs from the base year by policy."""
    leaks: tuple[Leak, ...] = ()
    parts: dict[bytes, Market] = field(default_factory=dict, repr=False)
    """The market of some goods alone, by which these are; where members differ, and by members."""

    def market_of(self, part: Part) -> Market:
        """The market in which some goods alone clear, of some members where they differ."""
        key = part.goods.tobytes()
        if self.market.members is not None:
            key += part.rows.tobytes()
        if key not in self.parts:
            goods = np.zeros(self.market.goods, dtype=bool)
            goods[part.goods] = True
            self.parts[key] = self.market.alone(goods, part.rows)
        return self.parts[key]


@dataclass(frozen=True)
class Question:
    """What a regime is to be priced from, and what of it."""

    regime: Coming
    """Policy, the market under it, ceilings for a year."""
    start: Priced
    """Prices to begin with."""
    going: BoolArray
    """(M, chains) chains that are priced, the others staying as they are."""
    new: bool = True
    """Whether it is priced for the first time."""
    rows: BoolArray | None = None
    """(M,) members that are asked for; None for all."""


@dataclass(frozen=True)
class _Begun:
    """A regime before the first round."""

    question: Question
    prices: Priced
    """To begin with; rounds write what they find into them."""
    going: BoolArray
    """(M, chains)"""
    year: Year | None
    """None where nothing goes."""


@dataclass
class _Way:
    """A regime on its way from round to round: members and chains that have not arrived."""

    regime: Coming
    found: Priced
    """Of all members and goods, as far as they have arrived."""
    part: Part
    some: Priced
    """Prices of the part."""
    market: YearMarket
    """That of the part."""
    mixing: Mixing
    arrived: bool = False

    def step(self, prices: Priced, last: bool) -> None:
        """Go on from what a round found."""
        mixing, part = self.mixing, self.part
        some = self.some = mixing.step(self.some, prices, last)
        if last or not mixing.going.any():
            self.found.put(some, part)
            self.arrived = True
            return
        left = mixing.left()
        if left.size <= WORTH_NARROWING * part.size:
            # What is left out has arrived.
            self.found.put(some, part)
            self.part, self.some = left.within(part), some.some(left)
            self.market = self.market.narrowed(left, self.regime.market_of(self.part))
            mixing.narrow(left)


class Tomorrow:
    """Prices regimes without stocks.

    Attributes:
        response: (O,) elasticity of what sellers make within a year, of the central run: one market for all.
        chains: of goods, each of which is priced by itself.
    """

    def __init__(self, prepared: Prepared, response: FloatArray) -> None:
        """Args: ``response`` (O,), as in the attributes."""
        self._prepared = prepared
        self._use = YearUse(prepared)
        self.chains = Chains(prepared)
        self._likeness = Likeness(self.chains, self._use.bids.activities.need_order)
        self.response = np.where(prepared.entering, ENTRY_RESPONSE, response)

    def base(self) -> Priced:
        """The base year: all prices at base."""
        prepared = self._prepared
        offers = np.zeros((prepared.members, len(prepared.world.offer_good)))
        needs = np.log(prepared.each(prepared.benchmark.base_index))
        return Priced(
            offers, needs, offers.copy(), needs.copy(),
            reach=np.ones_like(offers), own=offers.copy(),
        )  # fmt: skip

    def price(self, asked: Sequence[Question], state: State) -> list[Priced]:
        """Prices of regimes without stocks. They know nothing of each other; what they share is time.

        Args:
            state: capacities and thrift as they are.
        """
        uses = YearUses(self._use, state)
        begun = [self._begun(question, state, uses) for question in asked]
        found, ways, same = [], list[_Way](), list[tuple[Priced, Priced, Part]]()
        for place, one in enumerate(begun):
            going = one.going
            # What another regime asks just so is priced once.
            for other in begun[:place] if going.any() else []:
                alike = going & self._alike(one, other)
                if alike.any():
                    same.append((one.prices, other.prices, self.chains.part(alike)))
                    going = going & ~alike
            found.append(one.prices)
            if going.any():
                ways.append(self._way(one, going))
        for number in range(ROUNDS):
            ways = [way for way in ways if not way.arrived]
            if not ways:
                break
            each = rounds_of([way.market for way in ways], [way.some for way in ways])
            for way, prices in zip(ways, each, strict=True):
                way.step(prices, last=number == ROUNDS - 1)
        for prices, leader, part in same:
            prices.put(leader.some(part), part)
        return found

    def _alike(self, one: _Begun, other: _Begun) -> BoolArray:
        """(chains,) that both price, of the same members, and that ask the same of the market."""
        none = np.zeros(self.chains.count, dtype=bool)
        if one.year is None or other.year is None or one.question.new != other.question.new:
            return none
        both: BoolArray = (one.going == other.going).all(axis=0)
        if not (both & one.going.any(axis=0)).any():
            return none
        markets = one.question.regime.market, other.question.regime.market
        return both & self._likeness.of(markets, (one.year, other.year), (one.prices, other.prices))

    def _begun(self, question: Question, state: State, uses: YearUses) -> _Begun:
        """One regime before the first round."""
        regime = question.regime
        now = self._with_costs(question.start, regime, state)
        if question.new:
            cost = np.log(regime.markup_ratio * regime.controls.ask_factor) + now.own
            cost = np.where(np.abs(cost) > ROUNDING, cost, 0.0)
            # Where nothing touches them costs are the base year's, whatever buyers have learnt of sellers.
            usual = np.log(self._prepared.benchmark.base_index)
            index = self._index(regime, cost, None)
            # What only rounding parts from the base year is the base year, to the bit.
            index = np.where(np.abs(index - usual) > ROUNDING, index, usual)
            now = replace(now, offer_cost=cost, need_cost=index)
        going = question.going
        if question.rows is not None:
            going = going & question.rows[:, None]
        if not going.any():
            return _Begun(question, now, going, None)
        return _Begun(question, now.copied(), going, self._year(regime, state, uses))

    def _way(self, begun: _Begun, going: BoolArray) -> _Way:
        """The way of some members and chains."""
        assert begun.year is not None
        regime, part = begun.question.regime, self.chains.part(going)
        some = begun.prices.some(part)
        market, caps = regime.market_of(part), np.flatnonzero(np.isin(regime.market.cap_good, part.goods))
        year = begun.year.some(part, caps)
        first = some.offer - np.log(year.factor)
        start = ClearingState(first, np.zeros((len(part.rows), len(caps))), market.cap_keys)
        mixing = Mixing(self.chains, going, ARRIVED if begun.question.new else NEARLY)
        mixing.narrow(part)
        opened = YearMarket(year, market, start, TOLERANCE)
        return _Way(regime, begun.prices, part, some, opened, mixing)

    def _year(self, regime: Coming, state: State, uses: YearUses) -> Year:
        """The year of a regime, of all goods."""
        prepared, controls, use = self._prepared, regime.controls, self._use
        benchmark, bids = prepared.benchmark, use.bids
        used = uses.of(controls)
        most, usual = self._supply(state, controls)
        plant_cost = bids.activities.revenue_mean(controls.own_cost_factor)
        order = bids.activities.need_order
        return Year(
            offer_good=prepared.world.offer_good, need_good=prepared.world.need_good, bids=bids,
            demand=used.demand, give_up=used.give_up, dearest=used.dearest, elasticity=use.elasticity,
            over=1 + prepared.behaviour["entry_margin"][:, :1],
            cap_tonnes=self._ceilings(regime, used.need),
            most=most, usual=usual, within=self._within(usual), own_cost=controls.own_cost_factor,
            opening=opening_price(prepared), markup=regime.markup_ratio, ask_factor=controls.ask_factor,
            floor=np.log(np.maximum(state.cash_cost, 1e-6) * controls.own_cost_factor),
            bound=bids.most * plant_cost, plant_cost=plant_cost,
            per_tonne=bids.activities.need_coefficient[order] * need_rate(state, controls)[:, order],
            normal_output=benchmark.normal_output, response=self.response,
            entering=prepared.entering & prepared.made, base=np.log(benchmark.base_index),
            sigma=prepared.sigma, factor=price_of_weight(state.sourcing_weight, prepared.sigma_of_offers),
        )  # fmt: skip

    def _with_costs(self, start: Priced, regime: Coming, state: State) -> Priced:
        """Prices to begin with, moved by what own costs changed since: exact where all change alike."""
        own = np.log(np.broadcast_to(regime.controls.own_cost_factor, start.own.shape))
        change = own - start.own
        if not change.any():
            return start
        # Nothing is added where nothing changes, to the bit: others may share the run.
        before, after = (self._index(regime, log, state) for log in (start.offer, start.offer + change))
        moved = start.need + (after - before)
        return replace(start, offer=start.offer + change, need=moved, own=own)

    def _ceilings(self, regime: Coming, need: FloatArray) -> FloatArray:
        """(M, C) t/year that may pass, where (M, N) t/year are needed.

        Equation (M115), docs/model.md, for ``capy_h``.
        """
        normal = self._prepared.benchmark.normal_use
        needed = np.divide(need, normal, out=np.ones_like(need), where=normal > 0)
        return regime.applied.ceilings(regime.cap_tonnes, needed)

    def _supply(self, state: State, controls: Controls) -> tuple[FloatArray, FloatArray]:
        """(M, O) t/year that sellers could make, and that they would at base prices.

        Equation (M18), docs/model.md, for ``S1_s``.
        """
        prepared, capacity = self._prepared, _coming_capacity(self._prepared, state, controls)
        grown = capacity / prepared.world.offer_capacity
        normal = prepared.benchmark.normal_output * grown
        factor = controls.capacity_factor * np.minimum(controls.production_factor, 1.0)
        most = np.maximum(capacity, normal * np.maximum(controls.production_factor, 1.0)) * factor
        ceiling = prepared.benchmark.normal_output * controls.output_ceiling
        most = np.minimum(most, ceiling)
        # Hosts run as they do now, as far as policy lets them.
        most = np.minimum(most, prepared.hosts.room(most, np.minimum(state.rate * factor, ceiling)))
        usual = np.minimum(normal * controls.capacity_factor * controls.production_factor, most)
        return most, np.where(prepared.entering, most, usual)

    def _within(self, usual: FloatArray) -> FloatArray:
        """(M, O) of what a plant's inputs allow of a product, share that may be made; 1 for mines.

        A plant takes in what its least hindered product asks for; of others it makes less than that allows.

        Equation (M161), docs/model.md, for ``wi_s``.
        """
        prepared = self._prepared
        activities, made = prepared.benchmark.activities, prepared.made
        relative = np.divide(
            usual, prepared.benchmark.normal_output, out=np.ones_like(usual), where=~prepared.entering
        )
        within = np.ones_like(relative)
        most = activities.largest(relative)[:, activities.offer_plant[made]]
        within[:, made] = np.divide(relative[:, made], most, out=np.ones_like(most), where=most > 0)
        return within

    def _index(self, regime: Coming, log_price: FloatArray, state: State | None) -> FloatArray:
        """(M, N) log choice index at gate prices (M, O); without sellers that of the base year.

        Args:
            state: what buyers have learnt of sellers; None for what they knew in the base year.
        """
        world, prepared = self._prepared.world, self._prepared
        found = np.empty((len(log_price), len(world.need_good)))
        for good, kernel in enumerate(regime.market.kernel):
            sigma = np.reshape(np.asarray(prepared.sigma)[..., good], (-1, 1))
            here, needs = world.offer_slice(good), world.need_slice(good)
            price = log_price[:, here]
            if state is not None:
                price = price - np.log(state.sourcing_weight[:, here]) / sigma
            base = np.log(prepared.benchmark.base_index[needs])
            found[:, needs] = index_of_good(kernel, sigma, price, base) if price.shape[1] else base
        return found


def _coming_capacity(prepared: Prepared, state: State, controls: Controls) -> FloatArray:
    """(M, O) capacity: as it is, but for what recyclers collect, which a regime moves within a year."""
    recycling = prepared.recycling
    if recycling is None:
        return state.capacity
    at = state.collection
    wanted = recycling.wanted(at, state.gate_price + controls.recovery_subsidy, controls)
    capacity = state.capacity.copy()
    within_a_year = replace(at, collected=recycling.followed(at, wanted, 1.0))
    capacity[:, recycling.scrap.offers] = recycling.capacity(within_a_year)
    return capacity


def opening_price(prepared: Prepared) -> FloatArray:
    """(M, O) price from which facilities that stand still open at full capacity; 0 for others."""
    margin = 1 + prepared.behaviour["entry_margin"]
    return np.where(prepared.entering, prepared.cash_cost * margin, 0.0)
