"""The facilities of the Mesa object model: mines, plants and users as agents that act in stages."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import mesa
import numpy as np

from sim.twin.objects import VALUE_CLASSES, Need, ObjectModel, felt, followed, share_of, within

__all__ = ["Facility", "MineAgent", "PlantAgent", "UserAgent", "dearest_prices"]

LEAST_WORTH = 0.02
"""Of an input whose product does not pay for the rest, multiple of its base price."""
NO_LIMIT = 1e3
"""Price of a good that nobody is known to buy."""


class Facility(mesa.Agent):  # type: ignore[misc]
    """A facility with its offers and needs."""

    model: ObjectModel

    def __init__(self, model: ObjectModel, index: int) -> None:
        super().__init__(model)
        self.index = index
        self.offers = [o for o in model.offers if model.world.offer_facility[o.position] == index]
        self.needs = [n for n in model.needs if model.world.need_facility[n.position] == index]

    @property
    def thrifty(self) -> bool:
        """Whether it can do with less of an input."""
        return True

    def adapt(self) -> None:
        """Stage 2: capacity, rates, thrift."""
        cost = self.cost_to_make()
        for offer in self.offers:
            offer.expand(self.model, cost)
        self.set_rates()
        for need in self.needs:
            if self.thrifty:
                need.economise(self.model)
            need.switch(self.model)

    def cost_to_make(self) -> float:
        """Unit cost over the base year's, at prices of inputs that are expected."""
        return 1.0

    def set_rates(self) -> None:
        """Pace at which things are made."""

    def offer(self) -> None:
        """Stage 3."""
        for offer in self.offers:
            offer.decide(self.model)

    def require(self) -> None:
        """Stage 4."""
        products = [offer.near / offer.markup for offer in self.model.offers]
        inputs = [need.near for need in self.model.needs]
        for need in self.needs:
            need.required = self.requirement(need)
            need.arrive()
            need.order(self.model, self.worth(need, products, inputs))

    def worth(self, need: Need, products: Sequence[float], inputs: Sequence[float]) -> list[float]:
        """Price up to which each class of a need pays.

        Args:
            products: price of every offer. inputs: index of every need.
        """
        return need.worth_to_users

    def requirement(self, need: Need) -> float:
        """Tonnes of an input needed this step."""
        factor: float = self.model.demand_factor[need.position] * self.model.demand_noise[need.position]
        return need.use * need.per_activity * factor

    @abstractmethod
    def produce(self) -> None:
        """Stage 7."""


class MineAgent(Facility):
    """Sells, buys nothing."""

    def set_rates(self) -> None:
        """Mines follow the price."""
        for offer in self.offers:
            offer.adapt_mine(self.model)

    def offer(self) -> None:
        """Stage 3: what is dug in a step is for sale in it."""
        super().offer()
        for offer in self.offers:
            offer.made = offer.plan
            offer.stock += offer.plan
            if offer.elements is not None:
                offer.elements = [
                    x + offer.plan * m for x, m in zip(offer.elements, offer.mix, strict=True)
                ]

    def produce(self) -> None:
        """Stage 7: done."""


class UserAgent(Facility):
    """An end-use sector of a country."""

    def produce(self) -> None:
        """Stage 7: use what is needed, worth its price, and there."""
        for need in self.needs:
            used = min(need.required * need.served, need.stock)
            need.shortfall = need.required - used
            need.use_up(used)


class PlantAgent(Facility):
    """A processor or a trader: turns needs into offers."""

    def __init__(self, model: ObjectModel, index: int) -> None:
        super().__init__(model, index)
        activities, world = model.benchmark.activities, model.world
        plant = int(np.flatnonzero(activities.facility == index)[0])
        self.full = float(activities.throughput[plant])
        """Tonnes of input a year in the base year."""
        self.throughput = self.full
        self.input_cost_share = float(activities.input_cost_share[plant])
        self.trader = world.facility_kind[index] == "trader"
        groups: dict[str, list[Need]] = {}
        for need in self.needs:
            name = world.goods[need.good].id
            groups.setdefault(world.substitutes.get(name, name), []).append(need)
        self.groups = list(groups.values())
        baskets = [need for need in self.needs if world.goods[need.good].basket]
        self.basket = baskets[-1] if baskets else None

    @property
    def thrifty(self) -> bool:
        """A plant with one input only changes its form and cannot save any."""
        return len(self.needs) > 1

    @property
    def grown(self) -> float:
        """Capacity over that of the base year."""
        return max(o.capacity / o.first_capacity for o in self.offers)

    @property
    def most(self) -> float:
        """Capacity over the output of the base year."""
        return max(o.capacity / o.output for o in self.offers)

    def group_of(self, need: Need) -> list[Need]:
        """The inputs that replace a need, itself included."""
        return next(group for group in self.groups if need in group)

    def cost_part(self, need: Need) -> float:
        """Share in revenue of what is spent on a need and what replaces it, in the base year."""
        return max(self.input_cost_share * sum(n.cost_weight for n in self.group_of(need)), 1e-6)

    def left_for(
        self, need: Need, products: Sequence[float], inputs: Sequence[float], over: float = 1.0
    ) -> float:
        """What a product fetches less the inputs that do not replace a need, over base-year revenue."""
        most = sum(o.revenue_weight * self.model.dearest[o.good] for o in self.offers)
        value = min(sum(o.revenue_weight * products[o.position] for o in self.offers) / over, most)
        own = self.group_of(need)
        others = sum(n.cost_weight * inputs[n.position] / n.base_index for n in self.needs if n not in own)
        return value - self.input_cost_share * others

    def worth(self, need: Need, products: Sequence[float], inputs: Sequence[float]) -> list[float]:
        """Price up to which each class of a need pays: they differ by how much margin they give up first."""
        left, part = self.left_for(need, products, inputs), self.cost_part(need)
        margin, other = self.model.b["margin_share"], 1 - self.input_cost_share
        return [
            need.base_index * max((left - (1 - margin * k / VALUE_CLASSES) * other) / part, LEAST_WORTH)
            for k in range(1, VALUE_CLASSES + 1)
        ]

    def worth_of_more(
        self, need: Need, products: Sequence[float], inputs: Sequence[float], over: float
    ) -> float:
        """Price up to which products that sell at ``over`` times the base year's margin pay for more."""
        left = self.left_for(need, products, inputs, over) - (1 - self.input_cost_share)
        return need.base_index * max(left / self.cost_part(need), LEAST_WORTH)

    def requirement(self, need: Need) -> float:
        """Tonnes of an input needed at the present pace."""
        level: float = max(self.model.production_factor[offer.position] for offer in self.offers)
        return need.use * need.per_activity * self.throughput / self.full * need.usable * level

    def adapt(self) -> None:
        """Stage 2: capacity, pace, thrift, recipe."""
        super().adapt()
        self.adapt_mix()

    def cost_to_make(self) -> float:
        """It moves with what inputs are expected to cost."""
        inputs = sum(n.cost_weight * felt(self.model, n.expected / n.base_index) for n in self.needs)
        return 1 + self.input_cost_share * (inputs - 1)

    def set_rates(self) -> None:
        """The pace follows the margin."""
        b, model = self.model.b, self.model
        value = sum(o.revenue_weight * felt(model, o.near / o.markup) for o in self.offers)
        inputs = sum(n.cost_weight * felt(model, n.near / n.base_index) for n in self.needs)
        margin = value / (1 + self.input_cost_share * (inputs - 1))
        most = self.most
        wanted = within(self.grown * margin ** b["processing_elasticity"], b["minimum_utilisation"], most)
        practised = max(offer.practised / offer.output for offer in self.offers) * self.full
        self.throughput = followed(model, self.throughput, wanted * self.full, practised, most * self.full)
        for offer in self.offers:
            offer.rate = self.throughput * offer.output / self.full
            offer.forget(model)

    def produce(self) -> None:
        """Stage 7: as much as the scarcest input allows and as pays, in the proportions of the recipe."""
        step_years = self.model.step_years
        relative = {offer: offer.plan / (offer.output * step_years) for offer in self.offers}
        most = max(relative.values())
        plan = self.full * step_years * most
        reach = [
            sum(n.stock for n in group) / sum(n.coefficient * n.per_activity for n in group)
            for group in self.groups
        ]
        scarcest = min(reach)
        b = self.model.b
        room = 1.0
        if plan > 0:
            room = min(scarcest / plan * b["recovery_room"] + b["recovery_step"], 1.0)
        throughput = plan
        for group in self.groups:
            whole = sum(n.coefficient * n.per_activity for n in group)
            best = max(n.served for n in group)
            there = sum(min(n.stock, n.served * plan * whole) for n in group)
            throughput = min(throughput, best * plan, there / whole)
        throughput = max(throughput, 0.0)
        used: dict[Need, float] = {}
        for group, allows in zip(self.groups, reach, strict=True):
            used |= self._mixed(group, throughput, plan)
            for need in group:
                need.usable = 1.0 if allows <= scarcest * (1 + 1e-9) or plan <= 0 else room
        for offer in self.offers:
            offer.made = throughput * offer.plant_yield
            basket = self.basket
            if offer.element >= 0 and basket is not None and basket.elements is not None:
                content = basket.elements[offer.element] / basket.stock if basket.stock > 0 else 0.0
                offer.made = used[basket] * content * offer.plant_yield
            offer.made *= relative[offer] / max(most, 1e-12)
        self._store(used)

    def _mixed(self, group: Sequence[Need], throughput: float, plan: float) -> dict[Need, float]:
        """Tonnes taken of inputs that replace each other: what pays in its own place, then the best."""
        whole = sum(n.coefficient * n.per_activity for n in group)
        best = max(n.served for n in group)
        there = {n: min(n.stock, n.served * plan * whole) for n in group}
        taken = {
            n: min(min(throughput, n.served * plan) * n.coefficient * n.per_activity, there[n])
            for n in group
        }
        for able in ([n for n in group if n.served >= best], group):
            lacking = throughput * whole - sum(taken.values())
            spare = sum(there[n] - taken[n] for n in able)
            part = min(max(lacking, 0.0) / spare, 1.0) if spare > 0 else 0.0
            for need in able:
                taken[need] = min(taken[need] + part * (there[need] - taken[need]), there[need])
        return taken

    def adapt_mix(self) -> None:
        """The recipe slowly turns to what has become cheap beside what it replaces, tonne for tonne."""
        b, model = self.model.b, self.model
        follow = share_of(b["thrift_speed"], model.step_years)
        for group in self.groups:
            if len(group) < 2:
                continue
            liked = [(n.expected / n.base_index) ** -b["replacement_elasticity"] for n in group]
            all_of = sum(n.coefficient for n in group)
            whole = sum(n.coefficient / all_of * x for n, x in zip(group, liked, strict=True))
            for need, like in zip(group, liked, strict=True):
                need.mix += follow * (like / whole - need.mix)

    def _lacking(self) -> None:
        """What is missing: of inputs that replace each other what they lack together, by what each lacks."""
        for group in self.groups:
            gaps = [n.required - min(n.required * n.served, n.stock) for n in group]
            if len(group) > 1:
                together = sum(n.required for n in group)
                have = sum(min(n.stock, n.served * together) for n in group)
                lack = max(together - min(have, max(n.served for n in group) * together), 0.0)
                part = min(lack / sum(gaps), 1.0) if sum(gaps) > 0 else 0.0
                gaps = [part * gap for gap in gaps]
            for need, gap in zip(group, gaps, strict=True):
                need.shortfall = gap

    def _store(self, used: dict[Need, float]) -> None:
        """Inputs leave stock, products enter it; what nobody took for too long is thrown away."""
        taken = {}
        self._lacking()
        for need, amount in used.items():
            taken[need.good] = need.use_up(amount)
        for offer in self.offers:
            if offer.elements is not None:
                # What is resold keeps its elements; what is made has the mix of its maker.
                gained = taken.get(offer.good) or [offer.made * share for share in offer.mix]
                offer.elements = [x + t for x, t in zip(offer.elements, gained, strict=True)]
            offer.stock += offer.made
            if len(self.offers) > 1 and offer.stock > offer.discard_limit:
                offer.stock = offer.discard_limit


def dearest_prices(model: ObjectModel, plants: Sequence[PlantAgent]) -> list[float]:
    """Per good, the price beyond which its buyers do something else, in the mean.

    Of users it is where their next best way pays, or what a tonne is worth to those who have none; of plants
    what their own buyers' limit leaves for the input. So it goes from end uses back along the chains.
    """
    of_user = {
        n: n.base_index * (n.switch_multiple if n.switch_share > 0 else model.world.need_worth[n.position])
        for n in model.needs if n.of_user
    }  # fmt: skip
    bought = [[need for need in model.needs if need.good == g] for g in range(len(model.world.goods))]
    owner = {need: plant for plant in plants for need in plant.needs}
    limit = [NO_LIMIT] * len(bought)
    for _ in range(len(bought)):
        found = list(limit)
        for good, needs in enumerate(bought):
            total = spent = 0.0
            for need in needs:
                bid = of_user.get(need)
                if bid is None:
                    plant = owner[need]
                    value = sum(o.revenue_weight * limit[o.good] for o in plant.offers)
                    part, inputs = plant.cost_part(need), plant.input_cost_share
                    bid = need.base_index * max((value - (inputs - part) - (1 - inputs)) / part, 1.0)
                total += need.use
                spent += need.use * bid
            if needs:
                found[good] = spent / max(total, 1e-12)
        limit = found
    return [float(price) for price in limit]
