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
from sim.engine.price_index import LEAST_TONNES, BaseYear, Deliveries
from sim.engine.result import Prices, StepResult
from sim.instruments import Instrument
from sim.market.clearing import Clearing
from sim.world.world import World

__all__ = ["Observer", "Seen", "controlling_country"]


def controlling_country(world: World, events: Sequence[Instrument]) -> IntArray:
    """(G,) country whose inside price is reported: who restricts exports, else who exports most."""
    exports = np.zeros((len(world.goods), len(world.countries)))
    blank = Controls(world)
    hit = blank.no_links()
    for event in events:
        if not event.in_base_year:
            hit |= event.restricts(blank)
    for g in range(len(world.goods)):
        origin, _ = world.link_countries(g)
        np.add.at(exports[g], origin, world.base_flow[g].sum(1))
    restricted = exports * hit.any(2)
    chosen: IntArray = np.where(restricted.max(1) > 0, restricted.argmax(1), exports.argmax(1))
    return chosen


@dataclass(frozen=True)
class Seen:
    """What governments see of the step before."""

    price: FloatArray
    """(M, G) price outside the controlling country over the base price; where nothing is traded there, what
    users there would pay, and where there are none, what sellers ask."""
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
        self._base_cif = tuple(1 + freight for freight in world.freight_share)
        self._abroad = self._usual_abroad()
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

    def _usual_abroad(self) -> BaseYear:
        """What suppliers deliver outside the controlling country in a base-year step."""
        world, years = self._prepared.world, self._prepared.step_years
        value, tonnes = [], np.zeros(len(world.goods))
        for g, flow in enumerate(self._prepared.benchmark.flow):
            delivered = flow * self._outside[world.need_slice(g)] * years
            value.append((delivered * self._base_cif[g]).sum(1))
            tonnes[g] = delivered.sum()
        by_offer = np.concatenate(value)[None]
        return BaseYear(by_offer, tonnes[None], self.of_offers(by_offer))

    def of_offers(self, values: FloatArray) -> FloatArray:
        """(M, G) sums of values (M, O) by good."""
        return self._by_offer.spread_sums(values, len(self._prepared.world.goods))

    def of_needs(self, values: FloatArray) -> FloatArray:
        """(M, G) sums of values (M, N) by good."""
        return self._by_need.spread_sums(values, len(self._prepared.world.goods))

    def prices(self, market: PolicyMarket, clearing: Clearing, give_up: FloatArray) -> Prices:
        """Gate, inside and outside price of a step, and what stands in where nothing is traded.

        Args:
            give_up: (M, N) price at which the last class of use gives up.

        Equations (M87) and (M88), docs/model.md, for ``gate_g`` and ``in_g``.
        """
        world, normal = self._prepared.world, self._prepared.benchmark
        output = normal.normal_output
        sold = self.of_offers(clearing.sales)
        value = self.of_offers(clearing.sales * clearing.price)
        # What is not on sale is asked for no more than anybody would pay.
        ask = np.minimum(clearing.price, self._highest_bid(give_up)[:, world.offer_good])
        asked = self.of_offers(output * ask) / self.of_offers(output[None])
        gate = _ratio(value, sold, np.nan)

        inside = clearing.to_sellers(self._inside)
        tonnes, value = self.of_offers(inside), self.of_offers(inside * clearing.price)
        home = self.of_offers(output * self._at_home * ask)
        weight = self.of_offers((output * self._at_home)[None])
        at_home = _ratio(value, tonnes, np.nan)

        prices = gate, at_home, self._outside_price(market, clearing)
        quotes = asked, _ratio(home, weight, asked), self._bid(clearing, give_up, asked)
        return Prices(*(world.base_price * price for price in (*prices, *quotes)))

    def _highest_bid(self, give_up: FloatArray) -> FloatArray:
        """(M, G) what the last class of anybody would pay; infinite for a good that nobody uses."""
        most = np.full((len(give_up), len(self._prepared.world.goods)), np.inf)
        most[:, self._by_need.keys] = self._by_need.largest(give_up)
        return most

    def _bid(self, clearing: Clearing, give_up: FloatArray, asked: FloatArray) -> FloatArray:
        """(M, G) what users outside would pay, multiple of the base price; where there are none, ``asked``.

        Equation (M100), docs/model.md, for ``bid_g``.
        """
        use = self._prepared.benchmark.normal_use * self._outside
        bid = self.of_needs(use * np.minimum(clearing.index, give_up))
        return _ratio(bid, self.of_needs(use[None]), asked)

    def _outside_price(self, market: PolicyMarket, clearing: Clearing) -> FloatArray:
        """(M, G) price on arrival outside, as a multiple of the base price; NaN where nothing is traded.

        Equations (M89) and (M99), docs/model.md, for ``abr_g`` and ``rel_s``.
        """
        usual = self._prepared.benchmark.normal_use * self._outside
        thin = self._prepared.behaviour["least_trade_quoted"]
        bought = self.of_needs(clearing.purchases * self._outside)
        far = np.broadcast_to(self._outside.astype(float), clearing.index.shape)
        deliveries = Deliveries(
            value=clearing.to_sellers(market.cif, far, include_rent=True) * clearing.price,
            at_base_prices=clearing.to_sellers(self._base_cif, far),
            tonnes=bought,
        )
        price = self._abroad.price(deliveries, self.of_offers, thin)
        traded = bought > thin * self.of_needs(usual[None]) * self._prepared.step_years
        return np.where(traded, price, np.nan)

    def rents(self, result: StepResult) -> FloatArray:
        """(M, G) largest rent of a cap that somebody pays, share of price.

        Equation (M90), docs/model.md, for ``top_g``.
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
        price = result.prices.standing("outside") / self._prepared.world.base_price
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


def _ratio(value: FloatArray, weight: FloatArray, fallback: FloatArray | float) -> FloatArray:
    """value / weight where there is weight, else the fallback."""
    return np.where(weight > LEAST_TONNES, value / np.maximum(weight, LEAST_TONNES), fallback)
