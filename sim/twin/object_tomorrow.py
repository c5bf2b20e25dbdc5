"""The market of tomorrow in plain loops: what a regime would bring if it lasted and nobody held stocks.

All goods clear round after round, by the tatonnement of :mod:`sim.twin.object_market`. What a plant can make
follows what it could buy, what it asks follows what that costs, what it pays follows what its products fetch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sim.twin.facilities import PlantAgent
from sim.twin.object_market import Border, ObjectMarket
from sim.twin.objects import Need, ObjectModel, Offer, share_of, within

__all__ = ["Prices", "Prospect", "Tomorrow"]

STEP, EVEN_ROUNDS = 0.6, 5
"""Part of the way that is gone in a round; after some rounds less and less."""
ROOM_RESPONSE = 20.0
"""Of what plants take beyond the base year against the price at which that pays."""


@dataclass
class Maker:
    """What a facility sells of a good in a year, with nothing in store."""

    response: float
    price: float = 1.0
    ask: float = 1.0
    quantity: float = 0.0
    sales: float = 0.0

    def offered(self, move: float) -> tuple[float, float]:
        """As :meth:`sim.twin.object_market.Seller.offered`: a power of the price below the ask."""
        ahead = math.log(self.price / self.ask) + move
        if ahead >= 0:
            return math.log(self.quantity), 0.0
        return math.log(self.quantity) + self.response * ahead, self.response

    def quote(self, full: float, sigma: float) -> float:
        """As :meth:`sim.twin.object_market.Seller.quote`."""
        if full >= self.ask:
            return full
        share = sigma / (sigma + self.response)
        return math.exp(share * math.log(full) + (1 - share) * math.log(self.ask))


@dataclass
class Taker:
    """What a facility buys of a good in a year."""

    tiers: list[tuple[float, float, float]] = field(default_factory=list)
    held: float = 0.0
    choice_index: float = 1.0
    purchases: float = 0.0


@dataclass
class Prospect:
    """A regime ahead, with its markets."""

    kernels: list[list[list[float]]]
    borders: list[list[Border]]
    """Per good, with what may pass in a year."""
    markup: Sequence[float]
    production_factor: Sequence[float]
    demand_factor: Sequence[float]
    markets: list[ObjectMarket[Maker, Taker]] = field(default_factory=list)
    """Made at the first round; what they found is where the next round starts."""


@dataclass
class Prices:
    """What a regime would bring: by offer, by need; prices in logs of multiples of the base price."""

    offer: list[float]
    need: list[float]
    offer_cost: list[float]
    """What it costs to make beside inputs, mark-up included."""
    need_cost: list[float]
    """Index at these costs."""
    reach: list[float]
    """Share of its usual output that its plant's inputs allow."""
    use: list[float]
    """Share of its usual need that is of use beside the scarcest input."""


class Tomorrow:
    """Prices regimes without stocks.

    Args:
        response: per offer, elasticity of what is made within a year, of the central run.
        tolerance: excess at which a market stops, as a share of its largest offer.
    """

    def __init__(
        self, model: ObjectModel, plants: Sequence[PlantAgent], response: Sequence[float], tolerance: float
    ) -> None:
        self.model, self.plants, self.response, self.tolerance = model, plants, response, tolerance
        self.maker = {offer: plant for plant in plants for offer in plant.offers}
        self.buyer = {need: plant for plant in plants for need in plant.needs}

    def base(self) -> Prices:
        """The base year: all prices at base, at which this market clears."""
        offers, needs = len(self.model.offers), self.model.needs
        base = [math.log(need.base_index) for need in needs]
        return Prices([0.0] * offers, base, [0.0] * offers, list(base), [1.0] * offers, [1.0] * len(needs))

    def price(self, prospect: Prospect, start: Prices, rounds: int) -> Prices:
        """Prices after some rounds in which all goods clear."""
        if not prospect.markets:
            self._open(prospect, start)
        now = start
        if rounds > 1:
            costs = list(prospect.markup)
            now = replace(start, offer_cost=logs(costs), need_cost=logs(self._indices(prospect, costs)))
        for number in range(rounds):
            now = self._round(prospect, now, STEP * min(1.0, EVEN_ROUNDS / (number + 1)))
        return now

    def _open(self, prospect: Prospect, start: Prices) -> None:
        model = self.model
        for good, kernel in enumerate(prospect.kernels):
            mine = [offer.position for offer in model.offers if offer.good == good]
            makers = [Maker(self.response[s], math.exp(start.offer[s])) for s in mine]
            takers = [Taker() for need in model.needs if need.good == good]
            sigma = model.per_good["sourcing_elasticity"][good]
            market = ObjectMarket(makers, takers, kernel, sigma, borders=prospect.borders[good])
            prospect.markets.append(market)

    def _round(self, prospect: Prospect, now: Prices, part: float) -> Prices:
        model = self.model
        products, inputs = [math.exp(x) for x in now.offer], [math.exp(x) for x in now.need]
        makers = [maker for market in prospect.markets for maker in market.offers]
        takers = [taker for market in prospect.markets for taker in market.needs]
        costs = [self._cost(offer, inputs) * prospect.markup[offer.position] for offer in model.offers]
        for offer, maker in zip(model.offers, makers, strict=True):
            self._offer(offer, maker, costs[offer.position], (prospect, now.reach[offer.position]))
        for need, taker in zip(model.needs, takers, strict=True):
            taker.tiers = self._tiers(need, prospect, now.use[need.position], (products, inputs))
        for market in prospect.markets:
            if market.offers and market.needs:
                market.clear(self.tolerance)
        floor = [max(offer.cash_cost, 1e-6) for offer in model.offers]
        lowest = self._indices(prospect, floor)
        reach, use = self._reach(takers)
        prices = [max(maker.price, least) for maker, least in zip(makers, floor, strict=True)]
        indices = [max(taker.choice_index, least) for taker, least in zip(takers, lowest, strict=True)]
        return Prices(
            mixed(part, logs(prices), now.offer),
            mixed(part, logs(indices), now.need),
            now.offer_cost,
            now.need_cost,
            mixed(part, reach, now.reach),
            mixed(part, use, now.use),
        )

    def _cost(self, offer: Offer, inputs: Sequence[float]) -> float:
        """Unit cost over that of the base year."""
        plant = self.maker.get(offer)
        if plant is None:
            return 1.0
        spent = sum(n.cost_weight * inputs[n.position] / n.base_index for n in plant.needs)
        return plant.input_cost_share * spent + 1 - plant.input_cost_share

    def _offer(self, offer: Offer, maker: Maker, cost: float, given: tuple[Prospect, float]) -> None:
        """Most that could be made in a year, and the price at which it would."""
        prospect, reach = given
        factor, capacity = prospect.production_factor[offer.position], offer.capacity
        normal = offer.output * capacity / offer.first_capacity
        most = max(capacity, normal * max(factor, 1.0)) * min(factor, 1.0)
        usual = min(normal * factor, most)
        maker.quantity = most if offer.mined else min(most, offer.output * reach)
        ratio = max(maker.quantity, 1e-12) / max(usual, 1e-12)
        maker.ask = cost * within(ratio, 1e-3, 1e3) ** (1 / maker.response)

    def _tiers(
        self, need: Need, prospect: Prospect, usable: float, prices: tuple[list[float], list[float]]
    ) -> list[tuple[float, float, float]]:
        """What a facility would use in a year: classes of worth, who goes over to something else, more."""
        b, plant = self.model.b, self.buyer.get(need)
        adapted, adapting = 0.0, 0.0
        if plant is None or plant.thrifty:
            adapted = share_of(b["thrift_speed"], 1.0)
            adapting = adapted * need.thrift
        left = 1 - need.switch_share * need.switched
        tonnes = need.use / self.model.step_years * need.intensity ** (1 - adapted) * left
        if plant is None:
            tonnes *= prospect.demand_factor[need.position]
            worth = need.worth_to_users
        else:
            level = max(prospect.production_factor[o.position] for o in plant.offers)
            tonnes *= plant.grown * level * usable
            worth = plant.worth(need, *prices)
        going = 0.0
        if need.switch_share > 0:
            going = need.switch_share * share_of(1 / need.switch_years, 1.0) * (1 - need.switched)
            going /= max(left, 1e-9)
        urgent = b["urgent_elasticity"]
        stay = [(t * (1 - going), r, e) for t, r, e in need.in_use(self.model, tonnes, worth, adapting)]
        tiers = [*stay, (going * tonnes, need.base_index * need.switch_multiple, urgent)]
        if plant is None:
            return tiers
        more = tonnes * max(plant.most / plant.grown - 1, 0.0)
        pays = plant.worth_of_more(need, *prices, 1 + b["entry_margin"])
        # A little of it is wanted at base prices already: so much less of the rest, or the base year moves.
        left = 1 - (more * self._wanted_at_base(need, plant) / tonnes if tonnes > 0 else 0.0)
        return [*((t * left, r, e) for t, r, e in tiers), (more, pays, ROOM_RESPONSE)]

    def _wanted_at_base(self, need: Need, plant: PlantAgent) -> float:
        """Share of what a plant has room for beyond the base year that it would take at base prices."""
        products, inputs = [1.0] * len(self.model.offers), [n.base_index for n in self.model.needs]
        pays = plant.worth_of_more(need, products, inputs, 1 + self.model.b["entry_margin"])
        return float(max(need.base_index / pays, 1.0) ** -ROOM_RESPONSE)

    def _reach(self, takers: Sequence[Taker]) -> tuple[list[float], list[float]]:
        """What purchases allow plants to make, and of what use each input is beside the scarcest."""
        b, model = self.model.b, self.model
        reach, use = [1.0] * len(model.offers), [1.0] * len(model.needs)
        for plant in self.plants:
            allowed = []
            for group in plant.groups:
                bought = sum(takers[n.position].purchases for n in group)
                per_tonne = sum(n.coefficient * n.per_activity for n in group)
                allowed.append(bought / per_tonne / plant.full)
            scarcest = min(allowed)
            room = min(scarcest * b["recovery_room"] + b["recovery_step"], 1.0)
            for offer in plant.offers:
                reach[offer.position] = scarcest
            for group, share in zip(plant.groups, allowed, strict=True):
                for need in group:
                    use[need.position] = 1.0 if share <= scarcest * (1 + 1e-3) else room
        return reach, use

    def _indices(self, prospect: Prospect, prices: Sequence[float]) -> list[float]:
        """Every need's index at given gate prices; that of the base year where nobody may sell."""
        model, found = self.model, []
        for good, kernel in enumerate(prospect.kernels):
            sigma = model.per_good["sourcing_elasticity"][good]
            mine = [price for offer, price in zip(model.offers, prices, strict=True) if offer.good == good]
            for b, need in enumerate(need for need in model.needs if need.good == good):
                weight = sum(row[b] * price**-sigma for row, price in zip(kernel, mine, strict=True))
                found.append(weight ** (-1 / sigma) if weight > 0 else need.base_index)
        return found


def logs(values: Sequence[float]) -> list[float]:
    """Their natural logs."""
    return [math.log(value) for value in values]


def mixed(part: float, new: Sequence[float], old: Sequence[float]) -> list[float]:
    """Part of the way from the old to the new."""
    return [part * a + (1 - part) * b for a, b in zip(new, old, strict=True)]
