"""The agents of the Mesa object model: one Python object per facility, offer, need and licence.

They follow ``docs/model.md`` rule by rule, in Python floats. :mod:`sim.twin.object_model` makes them act
in stages, and says what the model shares with the engine and what not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import mesa
import numpy as np

from sim.agents.buyers import VALUE_CLASSES
from sim.agents.state import State
from sim.world.benchmark import Benchmark
from sim.world.world import World


def within(value: float, low: float, high: float) -> float:
    """The value, held between two bounds."""
    return min(max(value, low), high)


class ObjectModel(Protocol):
    """What agents see of their model."""

    world: World
    benchmark: Benchmark
    start: State
    step_years: float
    b: Mapping[str, float]
    per_good: Mapping[str, Sequence[float]]
    eps: float
    firm: float
    slope: float
    ceiling: float
    learn: float
    revert: float
    follow: float
    thrift_follow: float
    risk_follow: float
    offers: list[Offer]
    needs: list[Need]
    exposure: Sequence[float]
    production_factor: Sequence[float]
    demand_factor: Sequence[float]
    output_noise: Sequence[float]
    demand_noise: Sequence[float]
    markup_ratio: Sequence[float]


def felt(model: ObjectModel, ratio: float) -> float:
    """A price ratio as plants and needs respond to it: beyond a range, no further."""
    return within(ratio, model.b["lowest_price_felt"], model.b["highest_price_felt"])


class Offer:
    """A facility selling one good."""

    def __init__(self, model: ObjectModel, position: int) -> None:
        world, step_years = model.world, model.step_years
        self.position = position
        self.good = int(world.offer_good[position])
        self.country = int(world.offer_country[position])
        self.output = float(world.offer_output[position]) * step_years
        self.capacity_ratio = float(world.offer_capacity[position] / world.offer_output[position])
        self.capacity = self.output * self.capacity_ratio
        self.base_stock = float(world.offer_stock[position])
        self.normal = self.base_stock + self.output
        self.least_stock_felt = model.b["least_stock_felt"]
        self.discard_limit = model.b["discard_years"] * self.output / step_years + self.normal
        base_price = world.goods[self.good].base_price
        self.cash_cost = float(world.offer_cash_cost[position]) / base_price
        self.supply_elasticity = model.per_good["supply_elasticity"][self.good]
        self.stock = self.normal
        self.reserve = model.b["seller_reserve_share"] * self.base_stock
        self.price = self.expected = self.cost = self.rate = 1.0
        self.plan = self.ask = self.quantity = self.full_ask = self.sales = self.made = 0.0
        self.held_back = 0.0
        self.elements: list[float] | None = None
        self.mix: list[float] = []
        activities = model.benchmark.activities
        self.plant_yield = float(activities.offer_yield[position])
        self.element = int(activities.offer_element[position])
        self.revenue_weight = float(activities.revenue_weight[position])

    def expect(self, model: ObjectModel, cost: float) -> None:
        """Adapt the expected price; remember the unit cost."""
        self.cost = cost
        log = math.log(self.expected)
        log += model.learn * (math.log(self.price) - log)
        log += model.revert * (math.log(cost) - log)
        self.expected = math.exp(log)

    def decide(self, model: ObjectModel, rate: float) -> None:
        """Planned output and ask."""
        usual = self.output * rate
        self.plan = min(usual * model.production_factor[self.position], max(usual, self.capacity))
        self.plan *= model.output_noise[self.position]
        wait = (self.expected / self.cost) ** model.b["offer_expectation_response"]
        self.ask = self.cost * model.markup_ratio[self.position] * wait

    def place(self, model: ObjectModel) -> None:
        """What is for sale, and the ask at which all of it is."""
        b = model.b
        for_sale = self.stock - self.held_back
        self.quantity = max(for_sale - self.reserve, 0.0)
        volume = self.plan * (max(for_sale, 0.0) / self.normal) ** b["offer_stock_response"]
        volume = max(volume, b["least_offer"] * self.output)
        self.full_ask = self.ask * (max(self.quantity, 1e-12) / volume) ** (1 / model.eps)

    def adapt_mine(self, model: ObjectModel) -> None:
        """A mine follows price and its own stock, and idles below cash cost."""
        b, lowest = model.b, model.b["minimum_utilisation"]
        expected = felt(model, self.expected)
        wanted = expected**self.supply_elasticity * self.relative_stock ** -b["output_stock_response"]
        wanted = within(wanted, lowest, self.capacity_ratio)
        loss = min(expected / max(self.cash_cost, 1e-9), 1.0) ** b["shutdown_response"]
        self.rate += model.follow * (max(wanted * loss, lowest) - self.rate)

    @property
    def relative_stock(self) -> float:
        """Stock on hand over the normal one."""
        return max(self.stock / self.normal, self.least_stock_felt)


class Need:
    """A facility buying one good."""

    def __init__(self, model: ObjectModel, position: int) -> None:
        world, benchmark, step_years = model.world, model.benchmark, model.step_years
        self.position = position
        self.good = int(world.need_good[position])
        self.country = int(world.need_country[position])
        self.use = float(world.need_use[position]) * step_years
        self.usual_cover = float(world.need_cover[position]) * model.b["cover_scale"] / step_years
        mix = benchmark.need_lag[:, position].tolist()
        self.pipeline = sum(share * max(lag - 1, 0) for lag, share in enumerate(mix)) + 1 - mix[0]
        self.base_index = float(benchmark.base_index[position])
        exponent, reservation = model.b["give_up_exponent"], float(world.need_reservation[position])
        self.per_unit = (1 + (reservation - 1) / model.b["margin_share"]) / reservation
        self.base_give_up = [
            self.base_index * reservation ** (exponent * k / VALUE_CLASSES)
            for k in range(1, VALUE_CLASSES + 1)
        ]
        self.give_up = self.base_give_up
        self.thrift = model.per_good["thrift_elasticity"][self.good]
        self.expected = self.paid_average = self.choice_index = self.base_index
        self.risk, self.intensity, self.usable = 0.0, 1.0, 1.0
        self.stock = float(model.start.buyer_stock[0, position])
        self.transit: list[float] = model.start.transit[:, 0, position].tolist()
        self.required = self.purchases = self.consumed = self.shortfall = 0.0
        self.tiers: list[tuple[float, float, float]] = []
        self.elements: list[float] | None = None
        self.element_transit: list[list[float]] = []
        self.coefficient = float(benchmark.activities.need_coefficient[position])
        self.cost_weight = float(benchmark.activities.cost_weight[position])

    def expect(self, model: ObjectModel) -> None:
        """Adapt the expected price and the perceived risk."""
        log = math.log(self.expected)
        log += model.learn * (math.log(self.choice_index) - log)
        log += model.revert * (math.log(self.base_index) - log)
        self.expected = math.exp(log)
        self.risk += model.risk_follow * (model.exposure[self.position] - self.risk)

    def arrive(self) -> None:
        """What is due this step reaches the stock."""
        if self.transit:
            self.stock += self.transit.pop(0)
            self.transit.append(0.0)
        if self.elements is not None and self.element_transit:
            due = self.element_transit.pop(0)
            self.elements = [a + b for a, b in zip(self.elements, due, strict=True)]
            self.element_transit.append([0.0] * len(due))

    def order(self, model: ObjectModel) -> None:
        """Orders in tiers: urgent need in classes of value, then restocking."""
        b, required = model.b, self.required
        cover = self.usual_cover * (1 + b["risk_cover_response"] * self.risk)
        target = required * (cover + self.pipeline)
        position = self.stock + sum(self.transit)
        lack = (position / max(target, 1e-12) - b["urgency_cover"]) / b["urgency_width"]
        urgent = required / (1 + math.exp(within(lack, -40, 40)))
        order = required + (target - position) * model.step_years / b["cover_adjustment_time"]
        least = b["least_order_share"] * required
        order = max(order, least)
        rest = max(order - urgent, least)
        wanted = min(self.expected * (1 + b["risk_price_premium"] * self.risk), self.give_up[-1])
        wanted *= model.ceiling ** (-1 / model.slope)
        firm = model.firm
        self.tiers = [(urgent / VALUE_CLASSES, price, firm) for price in self.give_up]
        self.tiers.append((rest * model.ceiling, wanted, model.slope))

    def receive(self, paid: float, by_lag: list[float]) -> None:
        """Average the cost of the stock; put shipments into stock or on their way."""
        before = self.stock + sum(self.transit)
        total = before + self.purchases
        if total > 1e-9 * self.use:
            self.paid_average = (before * self.paid_average + paid) / max(total, 1e-12)
        self.stock += by_lag[0]
        for lag, tonnes in enumerate(by_lag[1:]):
            self.transit[lag] += tonnes

    def economise(self, model: ObjectModel) -> None:
        """Need per unit of activity falls slowly while the price is expected high."""
        ratio = felt(model, self.expected / self.base_index)
        self.intensity += model.thrift_follow * (ratio**-self.thrift - self.intensity)

    def use_up(self, amount: float) -> list[float]:
        """Take tonnes out of stock; returns the tonnes of each element that leave with them."""
        taken: list[float] = []
        if self.elements is not None:
            share = amount / self.stock if self.stock > 0 else 0.0
            taken = [share * x for x in self.elements]
            self.elements = [x - t for x, t in zip(self.elements, taken, strict=True)]
        self.consumed = amount
        self.stock = max(self.stock - amount, 0.0)
        return taken


class Facility(mesa.Agent):  # type: ignore[misc]
    """A facility with its offers and needs."""

    model: ObjectModel

    def __init__(self, model: ObjectModel, index: int) -> None:
        super().__init__(model)
        self.index = index
        self.offers = [o for o in model.offers if model.world.offer_facility[o.position] == index]
        self.needs = [n for n in model.needs if model.world.need_facility[n.position] == index]

    def unit_cost(self) -> float:
        """Cost of a tonne relative to the base year."""
        return 1.0

    def rate_of(self, offer: Offer) -> float:
        """Utilisation relative to the base year."""
        return offer.rate

    def expect(self) -> None:
        """Stage 2."""
        cost = self.unit_cost()
        for offer in self.offers:
            offer.expect(self.model, cost)
        for need in self.needs:
            need.expect(self.model)

    def offer(self) -> None:
        """Stage 3."""
        for offer in self.offers:
            offer.decide(self.model, self.rate_of(offer))

    def require(self) -> None:
        """Stage 4."""
        for need in self.needs:
            need.required = self.requirement(need)
            need.arrive()
            need.give_up = self.give_up(need)
            need.order(self.model)

    def give_up(self, need: Need) -> list[float]:
        """Prices at which each class of use stops."""
        return need.base_give_up

    def requirement(self, need: Need) -> float:
        """Tonnes of an input needed this step."""
        factor: float = self.model.demand_factor[need.position] * self.model.demand_noise[need.position]
        return need.use * need.intensity * factor

    def produce(self) -> None:
        """Stage 7."""
        raise NotImplementedError

    def adapt(self) -> None:
        """Stage 8."""

    def sell_surplus(self, joint: bool) -> None:
        """Put the output on stock; throw away what nobody took for too long."""
        for offer in self.offers:
            offer.stock += offer.made
            if joint and offer.stock > offer.discard_limit:
                offer.stock = offer.discard_limit


class MineAgent(Facility):
    """Sells, buys nothing."""

    def produce(self) -> None:
        """Stage 7: dig what was planned."""
        for offer in self.offers:
            offer.made = offer.plan
            if offer.elements is not None:
                offer.elements = [
                    x + offer.plan * m for x, m in zip(offer.elements, offer.mix, strict=True)
                ]
        self.sell_surplus(joint=False)

    def adapt(self) -> None:
        """Stage 8: mines follow price, stock and cash cost."""
        for offer in self.offers:
            offer.adapt_mine(self.model)


class UserAgent(Facility):
    """An end-use sector of a country."""

    def produce(self) -> None:
        """Stage 7: use what is needed and there."""
        for need in self.needs:
            used = min(need.required, need.stock)
            need.shortfall = need.required - used
            need.use_up(used)

    def adapt(self) -> None:
        """Stage 8: use less of what is expected to be dear."""
        for need in self.needs:
            need.economise(self.model)


class PlantAgent(Facility):
    """A processor or a trader: turns needs into offers."""

    def __init__(self, model: ObjectModel, index: int) -> None:
        super().__init__(model, index)
        activities, world = model.benchmark.activities, model.world
        plant = int(np.flatnonzero(activities.facility == index)[0])
        self.throughput = float(activities.throughput[plant]) * model.step_years
        self.capacity_ratio = float(activities.capacity_ratio[plant])
        self.input_cost_share = float(activities.input_cost_share[plant])
        self.trader = world.facility_kind[index] == "trader"
        self.rate = 1.0
        groups: dict[str, list[Need]] = {}
        for need in self.needs:
            name = world.goods[need.good].id
            groups.setdefault(world.substitutes.get(name, name), []).append(need)
        self.groups = list(groups.values())
        baskets = [need for need in self.needs if world.goods[need.good].basket]
        self.basket = baskets[-1] if baskets else None

    def unit_cost(self) -> float:
        """Cost of a tonne relative to the base year, with that of the inputs in stock."""
        inputs = sum(n.paid_average / n.base_index * n.cost_weight for n in self.needs)
        return 1 + self.input_cost_share * (inputs - 1)

    def rate_of(self, offer: Offer) -> float:
        """Utilisation of the plant, the same for all that it makes."""
        return self.rate

    def give_up(self, need: Need) -> list[float]:
        """Prices at which each class of use stops: higher while the output sells well."""
        rise = max(sum(o.revenue_weight * o.expected for o in self.offers) - 1, 0.0)
        factor = 1 + rise * (1.0 if self.trader else need.per_unit)
        return [price * factor for price in need.base_give_up]

    def requirement(self, need: Need) -> float:
        """Tonnes of an input needed at the present utilisation."""
        level: float = max(self.model.production_factor[offer.position] for offer in self.offers)
        return need.use * need.intensity * self.rate * need.usable * level

    def produce(self) -> None:
        """Stage 7: as much as the scarcest input allows, in the proportions of the recipe."""
        plan = self.throughput * max(offer.plan / offer.output for offer in self.offers)
        reach = [
            sum(n.stock for n in group) / sum(n.coefficient * n.intensity for n in group)
            for group in self.groups
        ]
        scarcest = min(reach)
        b = self.model.b
        room = min(scarcest / max(plan, 1e-300) * b["recovery_room"] + b["recovery_step"], 1.0)
        throughput = max(min(plan, scarcest), 0.0)
        used: dict[Need, float] = {}
        for group, allows in zip(self.groups, reach, strict=True):
            wanted = [throughput * n.coefficient * n.intensity for n in group]
            own = [min(w, n.stock) for w, n in zip(wanted, group, strict=True)]
            spare = sum(n.stock for n in group) - sum(own)
            fill = (sum(wanted) - sum(own)) / spare if spare > 0 else 0.0
            for need, part in zip(group, own, strict=True):
                need.usable = 1.0 if allows <= scarcest * (1 + 1e-9) else room
                used[need] = min(part + fill * (need.stock - part), need.stock)
        most = plan / self.throughput
        for offer in self.offers:
            offer.made = throughput * offer.plant_yield
            basket = self.basket
            if offer.element >= 0 and basket is not None and basket.elements is not None:
                content = basket.elements[offer.element] / basket.stock if basket.stock > 0 else 0.0
                offer.made = used[basket] * content * offer.plant_yield
            offer.made *= offer.plan / offer.output / max(most, 1e-12)
        taken = {}
        for need, amount in used.items():
            need.shortfall = need.required - min(need.required, need.stock)
            taken[need.good] = need.use_up(amount)
        for offer in self.offers:
            if offer.elements is not None:
                # What is resold keeps its elements; what is made has the mix of its maker.
                gained = taken.get(offer.good) or [offer.plan * share for share in offer.mix]
                offer.elements = [x + t for x, t in zip(offer.elements, gained, strict=True)]
        self.sell_surplus(joint=len(self.offers) > 1)

    def adapt(self) -> None:
        """Stage 8: utilisation follows the margin and the stock of output."""
        b, model = self.model.b, self.model
        value = glut = 0.0
        for offer in self.offers:
            value += offer.revenue_weight * felt(self.model, offer.expected)
            glut += offer.revenue_weight * offer.relative_stock
        inputs = sum(
            n.cost_weight * felt(self.model, n.expected / n.base_index)
            for n in self.needs
        )
        margin = value / (1 + self.input_cost_share * (inputs - 1))
        wanted = margin ** b["processing_elasticity"] * glut ** -b["output_stock_response"]
        wanted = within(wanted, b["minimum_utilisation"], self.capacity_ratio)
        self.rate += model.follow * (wanted - self.rate)
        if len(self.needs) > 1:
            for need in self.needs:
                need.economise(model)


class LicenceOffice:
    """A queue at the border: applications wait, a share is approved, permits expire.

    Args:
        decided: share of an application that is decided after 0, 1, ... steps.
        validity: steps for which a permit lasts.
    """

    def __init__(self, sellers: list[Offer], decided: list[float], validity: float) -> None:
        self.sellers, self.decided = sellers, decided
        self.waiting = [[0.0] * len(sellers) for _ in decided]
        self.late = 0.0
        self.permits = [0.0] * max(round(validity), 1)

    def decide(self, approval_share: float, pace: float) -> None:
        """Decide a part of what is due, or overdue; hold back all that is not due yet."""
        due = self.waiting.pop(0)
        self.waiting.append([0.0] * len(due))
        ready = sum(due) + self.late
        self.late = ready * (1 - pace)
        self.permits[-1] += approval_share * ready * pace
        for s, offer in enumerate(self.sellers):
            offer.held_back += sum(slot[s] for slot in self.waiting)

    def apply_for(self, wanted: list[float]) -> None:
        """File applications for stock above the reserve."""
        for s, offer in enumerate(self.sellers):
            free = offer.stock - offer.reserve - sum(slot[s] for slot in self.waiting)
            tonnes = within(wanted[s], 0.0, max(free, 0.0))
            for slot, share in zip(self.waiting, self.decided, strict=True):
                slot[s] += share * tonnes

    def use(self, tonnes: float) -> None:
        """Spend permits, oldest first; the oldest expires."""
        for slot, held in enumerate(self.permits):
            spent = min(tonnes, held)
            self.permits[slot] -= spent
            tonnes -= spent
        self.permits.pop(0)
        self.permits.append(0.0)
