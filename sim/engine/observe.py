"""What can be seen of a step: reported prices, rents, trade at the border, value at risk.

Nothing here changes anything. Weights that do not change over a run are made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.agents.prepared import Prepared
from sim.arrays import FloatArray, Groups, IntArray, Saved
from sim.controls import Controls
from sim.engine.losses import Losses
from sim.engine.markets import PolicyMarket
from sim.engine.result import Prices, StepResult
from sim.instruments import Instrument
from sim.market.clearing import Clearing
from sim.world.world import World

__all__ = ["Observer", "Seen", "controlling_country"]


def controlling_country(world: World, events: Sequence[Instrument]) -> IntArray:
    """(G,) country whose inside price is reported: who restricts exports, else who exports most."""
    exports = np.zeros((len(world.goods), len(world.countries)))
    scratch = Controls(world)
    for event in events:
        event.announce(scratch)
    for g in range(len(world.goods)):
        origin, _ = world.link_countries(g)
        np.add.at(exports[g], origin, world.base_flow[g].sum(1))
    restricted = exports * (scratch.risk.largest().max(2) > 0)
    chosen: IntArray = np.where(restricted.max(1) > 0, restricted.argmax(1), exports.argmax(1))
    return chosen


@dataclass(frozen=True)
class Seen:
    """What governments see of the step before."""

    price: FloatArray
    """(M, G) price outside the controlling country over the base price."""
    required: FloatArray
    """(M, N) tonnes needed."""
    shortfall: FloatArray
    """(M, N) tonnes needed but missing."""
    exports: FloatArray
    """(M, X) tonnes sold abroad, by good and country as in :attr:`Observer.exporters`."""


class Observer:
    """Sums over the links of one world, for one choice of controlling countries.

    Attributes:
        controller: (G,) country whose inside price is reported.
        abroad: per good (S, B) 1 on links that cross a border.
        exporters, importers: offers by good and country, needs by good and country.
    """

    def __init__(self, prepared: Prepared, controller: IntArray) -> None:
        world = prepared.world
        self._prepared, self.controller = prepared, controller
        self._by_offer, self._by_need = Groups(world.offer_good), Groups(world.need_good)
        self._outside = world.need_country != controller[world.need_good]
        self._at_home = world.offer_country == controller[world.offer_good]
        self._inside, self.abroad = [], []
        for g in range(len(world.goods)):
            origin, destination = world.link_countries(g)
            home = (origin == controller[g])[:, None] & (destination == controller[g])
            self._inside.append(home.astype(float))
            self.abroad.append((origin[:, None] != destination).astype(float))
        countries = len(world.countries)
        self.exporters = Groups(world.offer_good * countries + world.offer_country)
        self.importers = Groups(world.need_good * countries + world.need_country)
        makers = np.array([kind == "manufacturer" for kind in world.facility_kind])
        self._losses = Losses(prepared)
        self._user_needs = np.flatnonzero(makers[world.need_facility])
        self.users = Groups(world.need_facility[self._user_needs])

    def of_offers(self, values: FloatArray) -> FloatArray:
        """(M, G) sums of values (M, O) by good."""
        return self._by_offer.spread_sums(values, len(self._prepared.world.goods))

    def of_needs(self, values: FloatArray) -> FloatArray:
        """(M, G) sums of values (M, N) by good."""
        return self._by_need.spread_sums(values, len(self._prepared.world.goods))

    def prices(self, market: PolicyMarket, clearing: Clearing, give_up: FloatArray) -> Prices:
        """Gate, inside and outside price of a step.

        Args:
            give_up: (M, N) price at which the last class of use gives up.

        Equations (M90), (M91) and (M92), docs/model.md, for ``gate_g``, ``in_g`` and ``abr_g``.
        """
        world, normal = self._prepared.world, self._prepared.benchmark
        output = normal.normal_output
        sold = self.of_offers(clearing.sales)
        value = self.of_offers(clearing.sales * clearing.price)
        plain = self.of_offers(output * clearing.price) / self.of_offers(output[None])
        gate = world.base_price * _ratio(value, sold, plain)

        inside = clearing.to_sellers(self._inside)
        tonnes, value = self.of_offers(inside), self.of_offers(inside * clearing.price)
        home = self.of_offers(output * self._at_home * clearing.price)
        weight = self.of_offers((output * self._at_home)[None])
        at_home = world.base_price * _ratio(value, tonnes, _ratio(home, weight, plain))

        landed = clearing.to_buyers(market.cif, clearing.price, include_rent=True)
        outside, use = self._outside, normal.normal_use
        tonnes = self.of_needs(clearing.purchases * outside)
        usual = np.maximum(self.of_needs((use * outside)[None]), 1e-12)
        # Where practically nothing is traded there is no price; what users would pay at most stands in.
        bid = np.minimum(clearing.index, give_up)
        signal = self.of_needs(use * outside * bid) / usual
        value = self.of_needs(landed * outside)
        thin = self._prepared.behaviour["least_trade_quoted"]
        traded = tonnes > thin * usual * self._prepared.step_years
        abroad = world.base_price * np.where(traded, _ratio(value, tonnes, signal), signal)
        return Prices(gate, at_home, abroad)

    def rents(self, result: StepResult) -> FloatArray:
        """(M, G) largest rent of a cap that somebody pays, share of price.

        Equation (M93), docs/model.md, for ``top_g``.
        """
        clearing, market = result.clearing, result.market
        share = self._prepared.behaviour["least_capped_trade"][:, 0]
        rent = np.zeros((len(clearing.price), len(self._prepared.world.goods)))
        for cap, good in enumerate(market.cap_goods):
            # A cap with no flow has no rent that anybody pays.
            least = share * market.base_cap_flow[cap] * self._prepared.step_years
            paying = clearing.cap_flow[:, cap] > least
            rent[:, good] = np.maximum(rent[:, good], np.where(paying, clearing.rent[:, cap], 0.0))
        return rent

    def value_added_at_risk(self, result: StepResult) -> FloatArray:
        """(M, users) USD per step: what those who went without would have paid."""
        lost = self._losses.of(result.required, result.shortfall, result.controls.budget_factor)
        risk: FloatArray = self.users.sums(lost[:, self._user_needs])
        return risk

    def exports(self, clearing: Clearing) -> FloatArray:
        """(M, X) tonnes sold abroad, by good and country of the seller."""
        return self.exporters.sums(clearing.to_sellers(self.abroad))

    def seen(self, result: StepResult) -> Seen:
        """What governments will have seen of a step."""
        price = result.prices.outside / self._prepared.world.base_price
        return Seen(price, result.required, result.shortfall, self.exports(result.clearing))

    def restored(self, saved: Saved, required: FloatArray, shortfall: FloatArray) -> Seen:
        """What governments had seen when a checkpoint was made.

        Args:
            required, shortfall: (M, N) tonnes of the last step.

        Raises:
            MonaziteError: an array is missing or does not fit.
        """
        members = len(required)
        price = saved.take("price", np.zeros((members, len(self._prepared.world.goods))))
        exports = saved.take("exports", np.zeros((members, len(self.exporters.keys))))
        return Seen(price, required, shortfall, exports)


def _ratio(value: FloatArray, weight: FloatArray, fallback: FloatArray) -> FloatArray:
    """value / weight where there is weight, else the fallback."""
    return np.where(weight > 1e-9, value / np.maximum(weight, 1e-12), fallback)
