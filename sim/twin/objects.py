"""The agents' holdings of the Mesa object model: one Python object per offer, need and licence.

They follow ``docs/model.md`` rule by rule, in Python floats. :mod:`sim.twin.facilities` has who owns them,
:mod:`sim.twin.object_model` makes them act in stages, and says what the model shares with the engine and what
not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Protocol

import numpy as np

from sim.agents.prepared import Prepared
from sim.agents.state import State
from sim.twin.object_market import what_is_not_kept
from sim.units import Amount
from sim.world.benchmark import Benchmark
from sim.world.world import FloatArray, World

VALUE_CLASSES = 6
"""Parts of a need, by what a tonne is worth to them."""


def within(value: float, low: float, high: float) -> float:
    """The value, held between two bounds."""
    return min(max(value, low), high)


def one(amount: Amount) -> float:
    """The amount of the only member."""
    return float(np.ravel(amount)[0])


def table(block: FloatArray, like: FloatArray) -> list[list[float]]:
    """A block of links, with or without a member axis, as rows of numbers."""
    rows: list[list[float]] = np.broadcast_to(block, (1, *like.shape))[0].tolist()
    return rows


class ObjectModel(Protocol):
    """What agents see of their model."""

    world: World
    benchmark: Benchmark
    start: State
    prepared: Prepared
    step_years: float
    b: Mapping[str, float]
    per_good: Mapping[str, Sequence[float]]
    offers: list[Offer]
    needs: list[Need]
    dearest: Sequence[float]
    """Per good: price beyond which nobody who makes something of it reckons with buyers."""
    production_factor: Sequence[float]
    demand_factor: Sequence[float]
    output_noise: Sequence[float]
    demand_noise: Sequence[float]


def share_of(rate: float, years: float) -> float:
    """Share of a gap that is closed in a time at a yearly rate."""
    return 1 - math.exp(-rate * years)


def followed(model: ObjectModel, rate: float, wanted: float, practised: float, most: float) -> float:
    """A rate a step later: up to what was practised at the speed of all rates, beyond it slowly."""
    rise = share_of(model.b["utilisation_speed"], model.step_years) * (wanted - rate)
    known = max(practised - rate, 0.0)
    return rate + min(rise, model.b["ramp_limit"] * model.step_years * most + known)


def felt(model: ObjectModel, ratio: float) -> float:
    """A price ratio as plants and needs respond to it: beyond a range, no further."""
    return within(ratio, model.b["lowest_price_felt"], model.b["highest_price_felt"])


class Offer:
    """A facility selling one good."""

    def __init__(self, model: ObjectModel, position: int) -> None:
        world, activities = model.world, model.benchmark.activities
        self.position = position
        self.good = int(world.offer_good[position])
        self.output = float(world.offer_output[position])
        """t/year in the base year."""
        self.first_capacity = self.capacity = float(world.offer_capacity[position])
        self.building = float(model.start.building[0, position])
        self.usual = float(model.prepared.past.long_run[self.good])
        """Log of the mean price of the years before, over the base year's."""
        self.most_made = math.inf
        """t/year that can be made at most, of a recycler."""
        self.coming_capacity: float | None = None
        """Capacity of a recycler within a year, t/year; None where it is what it is."""
        self.rate = self.practised = self.output
        self.usual_stock = float(world.offer_stock[position]) * model.b["seller_stock_scale"]
        a_step = self.output * model.step_years
        self.discard_limit = model.b["discard_years"] * self.output + self.usual_stock + a_step
        # What ran at base prices covered its cost.
        cost = float(world.offer_cash_cost[position]) / world.goods[self.good].base_price
        self.cash_cost = min(cost, 1.0)
        answer = float(model.prepared.past.answer[self.good])
        self.supply_elasticity = model.per_good["supply_elasticity"][self.good] * answer
        self.mined = int(activities.offer_plant[position]) < 0
        self.stock = self.usual_stock + (0.0 if self.mined else a_step)
        self.reserve = model.b["seller_reserve_share"] * self.usual_stock
        self.price = self.near = self.ask = self.markup = 1.0
        self.weight = 1.0
        """Factor on its sourcing weights: what buyers have learnt of it."""
        self.keep_elasticity = model.b["storage_elasticity"]
        self.plan = self.quantity = self.sales = self.made = self.held_back = 0.0
        self.elements: list[float] | None = None
        self.mix: list[float] = []
        self.plant_yield = float(activities.offer_yield[position])
        self.element = int(activities.offer_element[position])
        self.hosts: list[Offer] = []
        self.host_share = float(world.offer_host_share[position])
        self.host_part = 1.0
        self.revenue_weight = float(activities.revenue_weight[position])

    @property
    def year_capacity(self) -> float:
        """Capacity within a year, t/year."""
        return self.capacity if self.coming_capacity is None else self.coming_capacity

    def learn(self, expected: float) -> None:
        """Take over a price that is expected without stocks: it moves the price that is reckoned with."""
        self.near = self.price * expected / self.ask
        self.ask = expected

    def expand(self, model: ObjectModel, cost: float) -> None:
        """Build where the expected price is well above cost and past prices; finish what is being built."""
        b = model.b
        over = math.log(self.ask / cost / (1 + b["entry_margin"])) - self.usual
        begun = b["expansion_speed"] * max(over, 0.0) * model.step_years * self.capacity
        years = b["building_years" if self.mined else "plant_building_years"]
        done = share_of(1 / years, model.step_years) * self.building
        self.building += begun - done
        self.capacity += done

    def adapt_mine(self, model: ObjectModel) -> None:
        """A mine follows the price, and idles below cash cost; it cannot rise faster than a mine can."""
        b, lowest = model.b, model.b["minimum_utilisation"]
        price = felt(model, self.near / self.markup)
        wanted = self.capacity / self.first_capacity * price**self.supply_elasticity
        wanted = within(wanted, lowest, self.capacity / self.output)
        covered = min(price / max(self.cash_cost, 1e-9), 1.0)
        wanted = wanted * covered ** b["shutdown_response"]
        wanted = min(wanted, self.host_part * self.capacity / self.output)
        self.rate = followed(model, self.rate, wanted * self.output, self.practised, self.capacity)
        self.forget(model)

    def forget(self, model: ObjectModel) -> None:
        """What it ran at not long ago, it can go back to."""
        lost = share_of(1 / model.b["practice_years"], model.step_years)
        self.practised = max(self.rate, self.practised + lost * (self.rate - self.practised))

    def look_at_hosts(self, made: Sequence[float]) -> float:
        """Part of its capacity that comes up with its hosts, which make so many tonnes a year each."""
        if not self.hosts:
            return 1.0
        level = sum(made) / sum(host.output for host in self.hosts)
        return 1 - self.host_share + self.host_share * min(level, 1.0)

    def planned(self, model: ObjectModel) -> float:
        """Tonnes that it would make in a step if it needed no host."""
        usual, most = self.rate * model.step_years, self.capacity * model.step_years
        plan: float = min(usual * model.production_factor[self.position], max(usual, most))
        return plan * model.output_noise[self.position]

    def decide(self, model: ObjectModel) -> None:
        """Planned output of the step."""
        part = self.look_at_hosts([host.planned(model) / model.step_years for host in self.hosts])
        self.plan = self.planned(model)
        if self.hosts:
            self.plan = min(self.plan, part * self.capacity * model.step_years)
        self.plan = min(self.plan, self.most_made * model.step_years)

    def place(self) -> None:
        """What could be sold."""
        self.quantity = max(self.stock - self.held_back, 0.0)

    def offered(self, move: float) -> tuple[float, float]:
        """As :meth:`sim.twin.object_market.Seller.offered`: what it does not want to keep at the price."""
        ahead = math.log(self.price / self.ask) + move
        return what_is_not_kept(self.quantity, self.usual_stock, ahead, self.keep_elasticity)

    def quote(self, full: float, sigma: float) -> float:
        """As :meth:`sim.twin.object_market.Seller.quote`."""
        return full


class Need:
    """A facility buying one good."""

    def __init__(self, model: ObjectModel, position: int) -> None:
        world, benchmark, step_years = model.world, model.benchmark, model.step_years
        activities, b = benchmark.activities, model.b
        self.position = position
        self.good = int(world.need_good[position])
        self.use = float(world.need_use[position]) * step_years
        """Tonnes in a step of the base year."""
        self.usual_cover = float(world.need_cover[position]) * b["cover_scale"] / step_years
        mix = benchmark.need_lag[:, position].tolist()
        self.pipeline = sum(share * max(lag - 1, 0) for lag, share in enumerate(mix)) + 1 - mix[0]
        self.base_index = float(benchmark.base_index[position])
        self.of_user = int(activities.need_plant[position]) < 0
        self.worth_to_users = self._worth_to_users(model, float(world.need_worth[position]))
        self.switch_multiple = float(world.need_switch_multiple[position])
        self.switch_years = float(world.need_switch_years[position])
        self.switch_share = float(world.need_switch_share[position])
        self.thrift = model.per_good["thrift_elasticity"][self.good]
        self.used_to = math.exp(float(model.prepared.used_to[0, self.good]))
        """Price that use has adapted to, over the base year's."""
        self.expected = self.near = self.choice_index = self.base_index
        self.intensity = self.usable = self.mix = 1.0
        self.switched = 0.0
        self.stock = float(model.start.buyer_stock[0, position])
        self.transit: list[float] = model.start.transit[:, 0, position].tolist()
        self.required = self.purchases = self.held = self.consumed = self.shortfall = 0.0
        self.use_tiers: list[tuple[float, float, float]] = []
        self.tiers: list[tuple[float, float, float]] = []
        self.elements: list[float] | None = None
        self.element_transit: list[list[float]] = []
        self.coefficient = float(activities.need_coefficient[position])
        self.cost_weight = float(activities.cost_weight[position])

    def _worth_to_users(self, model: ObjectModel, mean: float) -> list[float]:
        """Price up to which each class of users pays, lowest first: lognormal around a tonne's worth."""
        spread, normal = model.b["worth_spread"], NormalDist()
        classes = [
            math.exp(spread * normal.inv_cdf((k + 0.5) / VALUE_CLASSES)) for k in range(VALUE_CLASSES)
        ]
        over = model.b["worth_scale"] * max(mean - 1, 0.0) / (sum(classes) / VALUE_CLASSES)
        return [self.base_index * (1 + over * value) for value in classes]

    @property
    def per_activity(self) -> float:
        """Need for a unit of what it is for, relative to the base year."""
        return self.intensity * self.mix * (1 - self.switch_share * self.switched)

    def learn(self, expected: float) -> None:
        """Take over a price that is expected without stocks, as an offer does."""
        self.near = self.choice_index * expected / self.expected
        self.expected = expected

    def economise(self, model: ObjectModel) -> None:
        """Need per unit of activity falls slowly while the price is expected high."""
        ratio = felt(model, self.expected / self.base_index / self.used_to)
        wanted = min(ratio**-self.thrift, model.b["most_intensity"])
        follow = share_of(model.b["thrift_speed"], model.step_years)
        self.intensity += follow * (wanted - self.intensity)

    def switch(self, model: ObjectModel) -> None:
        """Who can do something else goes over to it where that is expected to pay, and is slow to return."""
        if self.switch_share <= 0:
            return
        over = math.log(self.expected / self.base_index / self.switch_multiple)
        pays = within(0.5 + over / model.b["switch_spread"], 0.0, 1.0)
        go = share_of(pays / self.switch_years, model.step_years)
        back = share_of(model.b["return_speed"] * (1 - pays), model.step_years)
        self.switched += go * (1 - self.switched) - back * self.switched

    def arrive(self) -> None:
        """What is due this step reaches the stock."""
        if self.transit:
            self.stock += self.transit.pop(0)
            self.transit.append(0.0)
        if self.elements is not None and self.element_transit:
            due = self.element_transit.pop(0)
            self.elements = [a + b for a, b in zip(self.elements, due, strict=True)]
            self.element_transit.append([0.0] * len(due))

    def in_use(
        self, model: ObjectModel, tonnes: float, worth: Sequence[float], adapting: float = 0.0
    ) -> list[tuple[float, float, float]]:
        """Tiers of what is used: what users save at once as it gets dearer, then classes by their worth.

        Args:
            adapting: elasticity of use beside that at once, where there is time to adapt.
        """
        b = model.b
        saved = ((b["use_elasticity"] if self.of_user else 0.0) + adapting) / b["instant_elasticity"]
        saved = min(saved, 1.0)
        tiers = [(saved * tonnes, self.base_index, b["instant_elasticity"])]
        part = (1 - saved) * tonnes / VALUE_CLASSES
        return [*tiers, *((part, price, b["urgent_elasticity"]) for price in worth)]

    def order(self, model: ObjectModel, worth: Sequence[float]) -> None:
        """Tiers of use and, cheaper, of stock to hold; what is there beyond what has to be under way."""
        b, required = model.b, self.required
        self.use_tiers = self.in_use(model, required, worth)
        limit, slope = b["storage_limit"], b["storage_elasticity"]
        self.tiers = [
            *self.use_tiers,
            (limit * self.usual_cover * required, self.expected * limit ** (-1 / slope), slope),
        ]
        self.held = max(self.stock + sum(self.transit) - required * self.pipeline, 0.0)

    @property
    def served(self) -> float:
        """Share of what is needed that is worth the price."""
        total = served = 0.0
        for tonnes, price, elasticity in self.use_tiers:
            total += tonnes
            served += tonnes * max(self.choice_index / price, 1.0) ** -elasticity
        return served / total if total > 0 else 1.0

    def receive(self, by_lag: list[float]) -> None:
        """Put shipments into stock or on their way."""
        self.stock += by_lag[0]
        for lag, tonnes in enumerate(by_lag[1:]):
            self.transit[lag] += tonnes

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
