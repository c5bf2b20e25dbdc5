"""The market of tomorrow: what a regime would bring if it lasted a year and nobody held stocks.

The clearing core prices it: the regime's links, ceilings, wedges and capacities, supply and use at their
elasticities of about a year, no stocks. All goods clear together, round after round: what a plant can make
follows what it could buy, what it asks follows what that costs, and what it pays follows what its products
fetch, so a loss of ore is a loss of metal.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from sim.agents.prepared import Prepared
from sim.agents.rounds import ARRIVED, LARGEST_LOG, NEARLY, Chains, Mixing, Priced
from sim.agents.state import State, need_rate
from sim.agents.year_use import YearUse
from sim.arrays import BoolArray, FloatArray, Groups, IntArray, raised
from sim.controls import Controls
from sim.market.clearing import ClearingState, Market, clear

__all__ = ["Applied", "Coming", "Tomorrow"]

TOLERANCE = 1e-4
"""Of the market of tomorrow, as a share of its size."""
ROUNDING = 1e-12
"""Of a log price: smaller changes are none."""
LONGEST_WAY = 3.0
"""In logs, that what a plant can make is taken to move between two rounds."""
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
class Coming:
    """A regime of the time ahead: policy, the market under it, ceilings for a year."""

    controls: Controls
    market: Market
    cap_tonnes: FloatArray
    """(M, C) t/year, beside what is applied for."""
    applied: Applied
    markup_ratio: FloatArray
    """(1 or M, O) mark-up over that of the base year."""
    parts: dict[bytes, Market] = field(default_factory=dict, repr=False)
    """The market of some goods alone, by which these are."""

    def market_of(self, goods: BoolArray) -> Market:
        """The market in which only some goods (G,) clear."""
        key = goods.tobytes()
        if key not in self.parts:
            self.parts[key] = self.market.of_goods(goods)
        return self.parts[key]


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
        self._buyers = Groups(prepared.world.need_good)
        entrant, made = prepared.benchmark.entrant, prepared.made
        self._follows = made & ~entrant
        self.response = np.where(entrant, ENTRY_RESPONSE, response)

    def base(self) -> Priced:
        """The base year: all prices at base."""
        prepared = self._prepared
        offers = np.zeros((prepared.members, len(prepared.world.offer_good)))
        needs = np.log(prepared.each(prepared.benchmark.base_index))
        return Priced(
            offers, needs, offers.copy(), needs.copy(),
            reach=np.ones_like(offers), own=offers.copy(),
        )  # fmt: skip

    def price(
        self, regime: Coming, state: State, start: Priced, rounds: int, going: BoolArray | None = None
    ) -> Priced:
        """Prices of a regime without stocks.

        Args:
            regime: policy, the market under it, ceilings for a year.
            state: capacities and thrift as they are.
            start: prices to begin with. rounds: how often all goods clear at most.
            going: (M, chains) chains that are priced, the others staying as they are; None for all.
        """
        now, near = self._with_costs(start, regime), NEARLY
        if going is None:
            near = ARRIVED
            cost = np.log(regime.markup_ratio * regime.controls.ask_factor) + now.own
            cost = np.where(np.abs(cost) > ROUNDING, cost, 0.0)
            usual, index = np.log(self._prepared.benchmark.base_index), self._index(regime, cost)
            # What only rounding parts from the base year is the base year, to the bit.
            index = np.where(np.abs(index - usual) > ROUNDING, index, usual)
            now = replace(now, offer_cost=cost, need_cost=index)
            going = np.ones((len(now.offer), self.chains.count), dtype=bool)
        warm = None
        mixing = Mixing(self.chains, going, near)
        for number in range(rounds):
            if not mixing.going.any():
                break
            found, warm = self._round(regime, state, now, (regime.market_of(mixing.goods()), warm))
            now = mixing.step(now, found, last=number == rounds - 1)
        return now

    def _with_costs(self, start: Priced, regime: Coming) -> Priced:
        """Prices to begin with, moved by what own costs changed since: exact where all change alike."""
        own = np.log(np.broadcast_to(regime.controls.own_cost_factor, start.own.shape))
        change = own - start.own
        if not change.any():
            return start
        # Nothing is added where nothing changes, to the bit: others may share the run.
        moved = start.need + (self._index(regime, start.offer + change) - self._index(regime, start.offer))
        return replace(start, offer=start.offer + change, need=moved, own=own)

    def _round(
        self, regime: Coming, state: State, now: Priced, step: tuple[Market, ClearingState | None]
    ) -> tuple[Priced, ClearingState]:
        """What a round finds and where its solver stands; ``step`` has the market and its start.

        Equations (M113) and (M116), docs/model.md, for ``Yk_s`` and ``alw_h``.
        """
        market, warm = step
        prepared, controls = self._prepared, regime.controls
        product, index = np.exp(now.offer), np.exp(now.need)
        needs = self._use.need(state, controls)
        worth, tonnes, price = self._use.tiers(state, controls, needs, (product, index))
        cost = self._cost(regime, index)
        quantity, ask = self._supply(state, controls, cost, now)
        if warm is None:
            caps = np.zeros((len(product), len(regime.market.caps)))
            warm = ClearingState(now.offer, caps, regime.market.cap_keys)
        clearing = clear(
            market, quantity, ask, np.moveaxis(tonnes, 0, -1), np.moveaxis(price, 0, -1),
            self._use.elasticity, self._ceilings(regime, needs[0]), start=warm, tolerance=TOLERANCE,
        )  # fmt: skip
        # Nobody makes anything for less than it costs in cash: output idles, and the price stays there.
        floor = np.log(np.maximum(state.cash_cost, 1e-6) * controls.own_cost_factor)
        # Nobody pays more than the last class of anybody's use: who has none of it goes without.
        world = prepared.world
        most = np.full((len(worth), len(world.goods)), LARGEST_LOG)
        most[:, self._buyers.keys] = self._buyers.largest(np.log(worth[:, :, -1]))
        offer = np.maximum(np.minimum(np.log(clearing.price), most[:, world.offer_good]), floor)
        at_floor = self._index(regime, floor, np.log(clearing.price) < floor)
        index = np.maximum(np.minimum(np.log(clearing.index), most[:, world.need_good]), at_floor)
        reach = self._reach(clearing.purchases, state, controls)
        way = np.clip(self.response * (offer - now.offer), -LONGEST_WAY, LONGEST_WAY)
        reach = np.where(self._follows, reach * np.exp(way), reach)
        return replace(now, offer=offer, need=index, reach=reach), clearing.state

    def _ceilings(self, regime: Coming, need: FloatArray) -> FloatArray:
        """(M, C) t/year that may pass, where (M, N) t/year are needed.

        Equation (M115), docs/model.md, for ``capy_h``.
        """
        normal = self._prepared.benchmark.normal_use
        needed = np.divide(need, normal, out=np.ones_like(need), where=normal > 0)
        return regime.applied.ceilings(regime.cap_tonnes, needed)

    def _cost(self, regime: Coming, index: FloatArray) -> FloatArray:
        """(M, O) unit cost, mark-ups included, over that of the base year.

        Equations (M23) and (M24), docs/model.md, for ``i_f`` and ``c_s``.
        """
        prepared, controls = self._prepared, regime.controls
        activities, made = prepared.benchmark.activities, prepared.made
        cost = np.empty((len(index), len(made)))
        cost[:] = controls.own_cost_factor
        plant = activities.offer_plant[made]
        share = activities.input_cost_share[plant]
        inputs = activities.cost_mean(index / prepared.benchmark.base_index)[:, plant]
        cost[:, made] = share * inputs + (1 - share) * cost[:, made]
        cost = np.where(prepared.benchmark.entrant, np.maximum(cost, opening_price(prepared)), cost)
        result: FloatArray = cost * regime.markup_ratio * controls.ask_factor
        return result

    def _supply(
        self, state: State, controls: Controls, cost: FloatArray, now: Priced
    ) -> tuple[FloatArray, FloatArray]:
        """Most that sellers could make in a year (M, O), and the price at which they would.

        Equations (M18) and (M112), docs/model.md, for ``S1_s``.
        """
        prepared = self._prepared
        grown = state.capacity / prepared.world.offer_capacity
        normal = prepared.benchmark.normal_output * grown
        factor = controls.capacity_factor * np.minimum(controls.production_factor, 1.0)
        most = np.maximum(state.capacity, normal * np.maximum(controls.production_factor, 1.0)) * factor
        ceiling = prepared.benchmark.normal_output * controls.output_ceiling
        most = np.minimum(most, ceiling)
        # Hosts run as they do now, as far as policy lets them.
        hosts = prepared.hosts
        part = hosts.part(np.minimum(state.rate * factor, ceiling)[:, hosts.hosts])
        most[:, hosts.offers] = most[:, hosts.offers] * part
        usual = np.minimum(normal * controls.capacity_factor * controls.production_factor, most)
        usual = np.where(prepared.benchmark.entrant, most, usual)
        able = prepared.benchmark.normal_output * now.reach
        entering = prepared.benchmark.entrant & prepared.made
        most = np.where(entering, np.minimum(most, able), most)
        ask = cost * self._above(most, usual)
        # A plant buys more where its products fetch more: what it sells follows their price at once, or a
        # low price would meet what a high one lets it buy, and the reverse, round after round.
        supplied = np.exp(now.offer) * self._above(most, able)
        return most, np.where(self._follows, np.maximum(ask, supplied), ask)

    def _above(self, most: FloatArray, made: FloatArray) -> FloatArray:
        """(M, O) price from which the most is made, over that at which so much is."""
        ratio = np.maximum(most, 1e-12) / np.maximum(made, 1e-12)
        return raised(np.clip(ratio, 1e-3, 1e3), 1 / self.response)

    def _reach(self, bought: FloatArray, state: State, controls: Controls) -> FloatArray:
        """(M, O) share of the usual output that purchases (M, N), t/year, allow.

        Equation (M111), docs/model.md, for ``alw_h``.
        """
        prepared = self._prepared
        activities, made = prepared.benchmark.activities, prepared.made
        order, start = activities.need_order, activities.group_start
        per_tonne = activities.need_coefficient[order] * need_rate(state, controls)[:, order]
        groups = np.add.reduceat(bought[:, order], start, axis=1) / np.add.reduceat(per_tonne, start, axis=1)
        plant = activities.need_plant[order]
        groups = groups / activities.throughput[plant[start]]
        scarcest = np.minimum.reduceat(groups, activities.group_plant_start, axis=1)
        reach = np.ones((len(bought), len(made)))
        reach[:, made] = scarcest[:, activities.offer_plant[made]]
        return reach

    def _index(
        self, regime: Coming, log_price: FloatArray, where: BoolArray | None = None
    ) -> FloatArray:
        """(M, N) log choice index at gate prices (M, O); without sellers that of the base year.

        Args:
            where: (M, O) offers whose goods count; of others the index is far below any other.
        """
        world, prepared = self._prepared.world, self._prepared
        found = np.empty((len(log_price), len(world.need_good)))
        for good, kernel in enumerate(regime.market.kernel):
            sigma = np.reshape(np.asarray(prepared.sigma)[..., good], (-1, 1))
            price = log_price[:, world.offer_slice(good)]
            needs = world.need_slice(good)
            base = np.log(prepared.benchmark.base_index[needs])
            if not price.shape[1] or needs.start == needs.stop:
                found[:, needs] = base
                continue
            counts = None if where is None else where[:, world.offer_slice(good)].any(1)
            if counts is not None and not counts.any():
                found[:, needs] = -LARGEST_LOG
                continue
            pull = np.exp(-sigma * price)
            weights = kernel if kernel.ndim == 3 else kernel[None]
            total = np.add.reduce(pull[:, :, None] * weights, axis=1)
            safe = np.where(total > 0, total, 1.0)
            found[:, needs] = np.where(total > 0, -np.log(safe) / sigma, base)
            if counts is not None:
                # Member by member: what one meets must not depend on the others.
                found[~counts, needs] = -LARGEST_LOG
        return found


def opening_price(prepared: Prepared) -> FloatArray:
    """(M, O) price from which facilities that stand still open at full capacity; 0 for others."""
    margin = 1 + prepared.behaviour["entry_margin"]
    return np.where(prepared.benchmark.entrant, prepared.cash_cost * margin, 0.0)
