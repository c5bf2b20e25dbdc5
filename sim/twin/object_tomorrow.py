"""The market of tomorrow in plain loops: what a regime would bring if it lasted and nobody held stocks.

All goods clear round after round, by the tatonnement of :mod:`sim.twin.object_market`. What a plant can make
follows what it could buy, what it asks follows what that costs, what it pays follows what its products fetch.
Each chain of goods goes its own way from round to round (:mod:`sim.twin.object_rounds`), until it arrives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from sim.twin.facilities import PlantAgent
from sim.twin.object_market import Border, ObjectMarket
from sim.twin.object_rounds import Path, chains_of, log_share, share_of_log
from sim.twin.objects import Need, ObjectModel, Offer, share_of, within

__all__ = ["Prices", "Prospect", "Tomorrow"]

SETTLED, NEARLY_SETTLED = 1e-3, 5e-3
"""Largest change at which a chain has arrived: of a regime that is new, and of one that is priced again."""
NO_LIMIT = 60.0
"""Log price that nobody pays."""
FARTHEST_MOVE = 3.0
"""Largest move of what a plant can make between two rounds, in logs."""
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

    def above(self, most: float, made: float) -> float:
        """Price from which the most is made, over that at which so much is."""
        return float(within(max(most, 1e-12) / max(made, 1e-12), 1e-3, 1e3) ** (1 / self.response))

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
    touched: set[int]
    """Goods of which anything differs from the base year by policy."""
    markup_anew: Callable[[], Sequence[float]] = list
    """The mark-ups on what the last step left."""


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


class Tomorrow:
    """Prices regimes without stocks.

    Args:
        response: per offer, elasticity of what is made within a year, of the central run.
        tolerance: excess at which a market stops, as a share of its largest offer.

    Attributes:
        chains: sets of goods that plants link; each is priced by itself.
    """

    def __init__(
        self, model: ObjectModel, plants: Sequence[PlantAgent], response: Sequence[float], tolerance: float
    ) -> None:
        self.model, self.plants, self.response, self.tolerance = model, plants, response, tolerance
        self.maker = {offer: plant for plant in plants for offer in plant.offers}
        self.buyer = {need: plant for plant in plants for need in plant.needs}
        linked = [[*(o.good for o in plant.offers), *(n.good for n in plant.needs)] for plant in plants]
        self.chains = chains_of(len(model.world.goods), linked)
        self._of_chain = [
            (
                [offer.position for offer in model.offers if offer.good in chain],
                [need.position for need in model.needs if need.good in chain],
            )
            for chain in self.chains
        ]

    def base(self) -> Prices:
        """The base year: all prices at base, at which this market clears."""
        offers = len(self.model.offers)
        base = [math.log(need.base_index) for need in self.model.needs]
        return Prices([0.0] * offers, base, [0.0] * offers, list(base), [1.0] * offers)

    def price(
        self, prospect: Prospect, start: Prices, rounds: int, going: Collection[int], new: bool = True
    ) -> Prices:
        """Prices after rounds in which goods clear, until all chains have arrived.

        Args:
            prospect: the regime. start: where the first round begins. rounds: how many there are at most.
            going: chains that are priced. new: whether it is the first time.
        """
        now, near = start, NEARLY_SETTLED
        if new:
            near = SETTLED
            costs = list(prospect.markup)
            indices = indices_at(self.model, prospect, costs, learnt=False)
            now = replace(start, offer_cost=logs(costs), need_cost=logs(indices))
        markets = self.open(prospect, now)
        paths = {chain: Path() for chain in going}
        for number in range(rounds):
            goods = {good for chain in paths for good in self.chains[chain]}
            found = self.round(prospect, markets, now, goods)
            following = now
            for chain, path in list(paths.items()):
                at = self.numbers(now, chain)
                change = [b - a for a, b in zip(at, self.numbers(found, chain), strict=True)]
                if max(abs(x) for x in change) <= near:
                    del paths[chain]
                    continue
                ahead = path.onwards(at, change, last=number == rounds - 1)
                following = self._with(following, chain, ahead)
            now = following
            if not paths:
                break
        return now

    def numbers(self, prices: Prices, chain: int) -> list[float]:
        """What rounds change of a chain: logs of prices, and of shares."""
        offers, needs = self._of_chain[chain]
        return [
            *(prices.offer[s] for s in offers),
            *(prices.need[b] for b in needs),
            *(log_share(prices.reach[s]) for s in offers),
        ]

    def _with(self, prices: Prices, chain: int, numbers: Sequence[float]) -> Prices:
        """Prices with those of a chain replaced."""
        offers, needs = self._of_chain[chain]
        changed = replace(
            prices, offer=[*prices.offer], need=[*prices.need], reach=[*prices.reach]
        )
        left = iter(numbers)
        for s in offers:
            changed.offer[s] = next(left)
        for b in needs:
            changed.need[b] = next(left)
        for s in offers:
            changed.reach[s] = share_of_log(next(left))
        return changed

    def open(self, prospect: Prospect, start: Prices) -> list[ObjectMarket[Maker, Taker]]:
        """Per good its market; what one round finds there is where the next starts."""
        model, markets = self.model, []
        for good, kernel in enumerate(prospect.kernels):
            mine = [offer.position for offer in model.offers if offer.good == good]
            makers = [Maker(self.response[s], math.exp(start.offer[s])) for s in mine]
            takers = [Taker() for need in model.needs if need.good == good]
            sigma = model.per_good["sourcing_elasticity"][good]
            borders = [replace(border, log_rent=0.0, flow=0.0) for border in prospect.borders[good]]
            weighed = weighed_rows(kernel, [model.offers[s] for s in mine])
            markets.append(ObjectMarket(makers, takers, weighed, sigma, borders=borders))
        return markets

    def round(
        self,
        prospect: Prospect,
        markets: Sequence[ObjectMarket[Maker, Taker]],
        now: Prices,
        goods: Collection[int],
    ) -> Prices:
        """What a round finds in which some goods clear; of others it says nothing."""
        model = self.model
        products, inputs = [math.exp(x) for x in now.offer], [math.exp(x) for x in now.need]
        paid = [price / markup for price, markup in zip(products, prospect.markup, strict=True)]
        makers = [maker for market in markets for maker in market.offers]
        takers = [taker for market in markets for taker in market.needs]
        for offer, maker in zip(model.offers, makers, strict=True):
            cost = self._cost(offer, inputs) * prospect.markup[offer.position]
            given = products[offer.position], now.reach[offer.position]
            self._offer(offer, maker, cost, (prospect, *given))
        for need, taker in zip(model.needs, takers, strict=True):
            taker.tiers = self._tiers(need, prospect, (paid, inputs))
        self._apply(markets, prospect)
        for good in goods:
            if markets[good].offers and markets[good].needs:
                markets[good].clear(self.tolerance)
        prices, indices = self._bounded(prospect, markets, (paid, inputs))
        reach = reach_of(model, self.plants, takers)
        for offer in self.maker:
            # By the price found it could have bought more, or less, than by that of its bids.
            move = math.log(prices[offer.position] / products[offer.position])
            move *= self.response[offer.position]
            reach[offer.position] *= math.exp(within(move, -FARTHEST_MOVE, FARTHEST_MOVE))
        return Prices(logs(prices), logs(indices), now.offer_cost, now.need_cost, reach)

    def _bounded(
        self,
        prospect: Prospect,
        markets: Sequence[ObjectMarket[Maker, Taker]],
        given: tuple[Sequence[float], Sequence[float]],
    ) -> tuple[list[float], list[float]]:
        """Prices and indices found, at most what the last class of anybody pays, at least what it costs.

        Args:
            given: prices and indices with which the round began.
        """
        model = self.model
        floor = [max(offer.cash_cost, 1e-6) for offer in model.offers]
        lowest = indices_at(model, prospect, floor)
        prices, indices = [], []
        for good, market in enumerate(markets):
            offers = [offer for offer in model.offers if offer.good == good]
            needs = [need for need in model.needs if need.good == good]
            most = max((self._worth(need, given)[-1] for need in needs), default=math.exp(NO_LIMIT))
            least = [floor[offer.position] for offer in offers]
            idle = False
            for maker, cash in zip(market.offers, least, strict=True):
                idle = idle or maker.price < cash
                prices.append(max(min(maker.price, most), cash))
            for need, taker in zip(needs, market.needs, strict=True):
                index = min(taker.choice_index, most)
                indices.append(max(index, lowest[need.position]) if idle else index)
        return prices, indices

    def _cost(self, offer: Offer, inputs: Sequence[float]) -> float:
        """Unit cost over that of the base year."""
        plant = self.maker.get(offer)
        if plant is None:
            return 1.0
        spent = sum(n.cost_weight * inputs[n.position] / n.base_index for n in plant.needs)
        return plant.input_cost_share * spent + 1 - plant.input_cost_share

    def _offer(
        self, offer: Offer, maker: Maker, cost: float, given: tuple[Prospect, float, float]
    ) -> None:
        """Most that could be made in a year, and the price at which it would.

        Args:
            given: the regime, the price that the facility's bids rest on, what its inputs allow.
        """
        prospect, price, reach = given
        most, usual = supply_of(offer, prospect)
        maker.quantity = most
        maker.ask = cost * maker.above(most, usual)
        if not offer.mined:
            # A plant takes in what its least hindered product asks for; of others it makes less than that.
            together = self.maker[offer].offers
            relative = {o: supply_of(o, prospect)[1] / o.output for o in together}
            able = offer.output * reach * relative[offer] / max(relative.values())
            maker.ask = max(maker.ask, price * maker.above(most, able))

    def _needed(self, need: Need, prospect: Prospect) -> tuple[float, float]:
        """Tonnes a year that would be used as in the base year; by which elasticity a year's thrift adds."""
        b, plant = self.model.b, self.buyer.get(need)
        adapted, adapting = 0.0, 0.0
        if plant is None or plant.thrifty:
            adapted = share_of(b["thrift_speed"], 1.0)
            adapting = adapted * need.thrift
        left = 1 - need.switch_share * need.switched
        tonnes = need.use / self.model.step_years * need.intensity ** (1 - adapted) * need.mix * left
        if plant is None:
            return tonnes * prospect.demand_factor[need.position], adapting
        level = max(prospect.production_factor[o.position] for o in plant.offers)
        return tonnes * plant.grown * level, adapting

    def _apply(self, markets: Sequence[ObjectMarket[Maker, Taker]], prospect: Prospect) -> None:
        """Ceilings of licences: buyers apply for what they need."""
        needs, years = self.model.needs, self.model.step_years
        for market, borders in zip(markets, prospect.borders, strict=True):
            for border, known in zip(market.borders, borders, strict=True):
                wanted = sum(
                    share * self._needed(needs[b], prospect)[0] / (needs[b].use / years)
                    for b, share in known.applicants
                )
                border.tonnes = known.tonnes + known.approved * wanted

    def _tiers(
        self, need: Need, prospect: Prospect, prices: tuple[list[float], list[float]]
    ) -> list[tuple[float, float, float]]:
        """What a facility would use in a year: classes of worth, who goes over to something else, more."""
        b, plant = self.model.b, self.buyer.get(need)
        tonnes, adapting = self._needed(need, prospect)
        left = 1 - need.switch_share * need.switched
        worth = self._worth(need, prices)
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

    def _worth(self, need: Need, prices: tuple[Sequence[float], Sequence[float]]) -> list[float]:
        """Price up to which each class of a need pays, the last the most."""
        plant = self.buyer.get(need)
        return need.worth_to_users if plant is None else plant.worth(need, *prices)

    def _wanted_at_base(self, need: Need, plant: PlantAgent) -> float:
        """Share of what a plant has room for beyond the base year that it would take at base prices."""
        products, inputs = [1.0] * len(self.model.offers), [n.base_index for n in self.model.needs]
        pays = plant.worth_of_more(need, products, inputs, 1 + self.model.b["entry_margin"])
        return float(max(need.base_index / pays, 1.0) ** -ROOM_RESPONSE)


def supply_of(offer: Offer, prospect: Prospect) -> tuple[float, float]:
    """Tonnes a year that could be made, and that would be at base prices."""
    factor, capacity = prospect.production_factor[offer.position], offer.year_capacity
    normal = offer.output * capacity / offer.first_capacity
    runs = [host.rate * min(prospect.production_factor[host.position], 1.0) for host in offer.hosts]
    most = max(capacity, normal * max(factor, 1.0)) * min(factor, 1.0) * offer.look_at_hosts(runs)
    return most, min(normal * factor, most)


def indices_at(
    model: ObjectModel, prospect: Prospect, prices: Sequence[float], learnt: bool = True
) -> list[float]:
    """Every need's index at given gate prices; that of the base year where nobody may sell."""
    found = []
    for good, kernel in enumerate(prospect.kernels):
        sigma = model.per_good["sourcing_elasticity"][good]
        mine = [price for offer, price in zip(model.offers, prices, strict=True) if offer.good == good]
        weighed: Sequence[Sequence[float]] = kernel
        if learnt:
            weighed = weighed_rows(kernel, [offer for offer in model.offers if offer.good == good])
        for b, need in enumerate(need for need in model.needs if need.good == good):
            weight = sum(row[b] * price**-sigma for row, price in zip(weighed, mine, strict=True))
            found.append(weight ** (-1 / sigma) if weight > 0 else need.base_index)
    return found


def weighed_rows(kernel: Sequence[Sequence[float]], offers: Sequence[Offer]) -> list[list[float]]:
    """Sourcing weights of sellers' links with what buyers have learnt of them."""
    return [[weight * offer.weight for weight in row] for row, offer in zip(kernel, offers, strict=True)]


def reach_of(
    model: ObjectModel, plants: Sequence[PlantAgent], takers: Sequence[Taker]
) -> list[float]:
    """What purchases allow plants to make: what the scarcest group of inputs does."""
    reach = [1.0] * len(model.offers)
    for plant in plants:
        allowed = []
        for group in plant.groups:
            bought = sum(takers[n.position].purchases for n in group)
            per_tonne = sum(n.coefficient * n.per_activity * lean(takers[n.position]) for n in group)
            allowed.append(bought / per_tonne / plant.full)
        for offer in plant.offers:
            reach[offer.position] = min(allowed)
    return reach


def lean(taker: Taker) -> float:
    """Input for a tonne of product over today's: of what is thrifty or changes recipe less does as much."""
    usual = sum(tonnes for tonnes, _, _ in taker.tiers[:-1])
    saved = sum(
        tonnes * (1 - max(taker.choice_index / price, 1.0) ** -elasticity)
        for tonnes, price, elasticity in (taker.tiers[0], taker.tiers[-2])
        if tonnes > 0
    )
    return 1 - saved / usual if usual > 0 else 1.0


def logs(values: Sequence[float]) -> list[float]:
    """Their natural logs."""
    return [math.log(value) for value in values]

