"""The model of ``docs/model.md`` as a Mesa modeller would write it, to compare its speed with the engine's.

It is a twin of :mod:`sim.engine`: the same world and base-year benchmark, the same rules in the same order,
the same draws of parameters and noise, the same events. What differs:

- one member per model; a thousand members are a thousand models;
- agents are objects that act in stages (``AgentSet.do``) on Python floats (:mod:`sim.twin.objects`);
- markets clear by tatonnement (:mod:`sim.twin.object_market`), to the same tolerance but without certificate;
- a data collector keeps prices and shortfalls by good, where the engine keeps every series of every facility;
- decisions cannot be overridden, a licence keeps the delays that it starts with, and of the instruments only
  bans, tariffs, taxes, licences, plain caps, mergers, output and demand factors act; others are refused, and
  so are worlds in which facilities stand still.

What policy does to links is read from the engine's tables when it changes, a few times in a run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from operator import mul

import mesa
import numpy as np

from sim.agents.firms import markups
from sim.agents.licences import _decided
from sim.agents.noise import Noise
from sim.agents.parameters import Draws, base_year_rules, draw_behaviour, read_behaviour, with_assumptions
from sim.agents.prepared import Prepared
from sim.agents.state import initial_state
from sim.agents.tracers import Tracer, elements
from sim.controls import Cap, Controls, Licence
from sim.engine.actors import MARKET_TOLERANCE
from sim.engine.draws import draw_events
from sim.engine.markets import PolicyMarket, build_market
from sim.engine.policy import active_controls, policy_key
from sim.engine.run import STEPS_PER_YEAR, step_dates
from sim.errors import MonaziteError
from sim.scenario import Scenario
from sim.twin.object_market import Border, ObjectMarket
from sim.twin.objects import LicenceOffice, MineAgent, Need, Offer, PlantAgent, UserAgent
from sim.units import Amount
from sim.world.benchmark import make_benchmark
from sim.world.world import FloatArray, World

TOLERANCE = MARKET_TOLERANCE
"""Excess left in a market, as a share of its largest offer: as in the engine."""
STAGES = ("expect", "offer", "require")
AFTER_TRADE = ("produce", "adapt")
AGENTS = {"miner": MineAgent, "processor": PlantAgent, "trader": PlantAgent, "manufacturer": UserAgent}


def one(amount: Amount) -> float:
    """The amount of the only member."""
    return float(np.ravel(amount)[0])


def table(block: FloatArray, like: FloatArray) -> list[list[float]]:
    """A block of links, with or without a member axis, as rows of numbers."""
    rows: list[list[float]] = np.broadcast_to(block, (1, *like.shape))[0].tolist()
    return rows


class MesaObjects(mesa.Model):  # type: ignore[misc]
    """One member of a scenario.

    Args:
        world: the base year.
        scenario: time span, events and assumptions.
        member: number of the member; 0 is the central run without noise.
        rng: seed of every random stream.
        tolerance: excess at which a market stops, as a share of its largest offer.
    """

    output_noise: list[float]
    demand_noise: list[float]
    controls: Controls
    shares: Mapping[str, Amount]
    policy: PolicyMarket
    exposure: list[float]
    production_factor: list[float]
    demand_factor: list[float]
    markup_ratio: list[float]
    delivered: list[list[list[float]]]
    borders: list[Border]

    def __init__(
        self, world: World, scenario: Scenario, member: int = 0, rng: int = 0, tolerance: float = TOLERANCE
    ) -> None:
        super().__init__(rng=rng)
        if (world.offer_output <= 0).any():
            idle = world.facilities[world.offer_facility[int((world.offer_output <= 0).argmax())]]
            raise MonaziteError(
                f"{idle} has no base-year output, and the twin has no facilities that enter later; run "
                "sim.engine.Simulation, or leave it out of outputs.csv"
            )
        self.world, self.tolerance = world, tolerance
        self.dates = step_dates(scenario.start, scenario.end, scenario.step)
        self.step_years = step_years = 1 / STEPS_PER_YEAR[scenario.step]
        self.month = 0
        draws = Draws([member], rng)
        self.events = draw_events(scenario.events, draws)
        self.happens = {
            event.id: draws.happens(f"events.{event.id}", event.chance)
            for event in self.events
            if event.probability is not None
        }
        behaviour = draw_behaviour(world, with_assumptions(read_behaviour(), scenario.assumptions), draws)
        self.b = {name: float(values[0, 0]) for name, values in behaviour.values.items()}
        self.per_good = {
            name: values[0].tolist() for name, values in behaviour.values.items() if values.shape[1] > 1
        }
        self.sigma = behaviour["sourcing_elasticity"][0]
        self.eps = self.b["offer_elasticity"]
        self.firm, self.slope = self.b["urgent_elasticity"], self.b["restock_elasticity"]
        self.ceiling = self.b["restock_ceiling"]
        self.learn = self._share_of_step("expectation_speed")
        self.revert = self._share_of_step("expectation_reversion")
        self.follow = self._share_of_step("utilisation_speed")
        self.thrift_follow = self._share_of_step("thrift_speed")
        self.risk_follow = self._share_of_step("risk_speed")
        self.benchmark = make_benchmark(world, self.sigma, base_year_rules(behaviour), step_years)
        # One member: what it draws is the same for all.
        self.prepared = Prepared(world, self.benchmark, replace(behaviour, drawn=frozenset()), step_years, 1)
        self.start = initial_state(self.prepared)
        content = elements(self.prepared)
        content.start(self.prepared, self.start)
        self.noise = Noise(self.prepared, [member], rng, len(self.dates) - 1)

        self.offers = [Offer(self, position) for position in range(len(world.offer_good))]
        self.needs = [Need(self, position) for position in range(len(world.need_good))]
        self.markets: list[ObjectMarket[Offer, Need]] = []
        self.lags: list[list[list[list[float]]]] = []
        self._settle(content)
        self.offices: dict[object, LicenceOffice] = {}
        self._policy_key: object = None
        self._base_markup = self._markup(Controls(world))
        self.datacollector = mesa.DataCollector(
            model_reporters={"price": prices, "shortfall": shortfalls, "rounds": rounds}
        )

    def _settle(self, content: Tracer) -> None:
        """Stocks of elements, agents and markets."""
        world = self.world
        for row, position in enumerate(self.benchmark.basket_offer.tolist()):
            self.offers[position].elements = content.seller[0, row].tolist()
            self.offers[position].mix = world.offer_composition[position].tolist()
        for row, position in enumerate(self.benchmark.basket_need.tolist()):
            self.needs[position].elements = content.buyer.stock[0, row].tolist()
            self.needs[position].element_transit = content.buyer.transit[:, 0, row].tolist()
        for index, kind in enumerate(world.facility_kind):
            AGENTS[kind](self, index)

        for g, flow in enumerate(self.benchmark.flow):
            offers, needs = self.offers[world.offer_slice(g)], self.needs[world.need_slice(g)]
            kernel = self.benchmark.kernel[g].tolist()
            self.markets.append(ObjectMarket(offers, needs, kernel, float(self.sigma[g]), self.eps))
            self.lags.append([weights[g].T.tolist() for weights in self.benchmark.lag_weight])
            assert flow.shape == (len(offers), len(needs))

    def _share_of_step(self, rate: str) -> float:
        return 1 - math.exp(-self.b[rate] * self.step_years)

    def _markup(self, controls: Controls) -> FloatArray:
        eta, ceiling = self.b["markup_demand_elasticity"], self.b["markup_ceiling"]
        return markups(self.world, controls.markup_owner[0], self.sigma, eta, ceiling)

    def step(self) -> None:
        """One step, in the order of ``docs/model.md``."""
        self.set_policy()
        self.output_noise = self.noise.output(self.month)[0].tolist()
        self.demand_noise = self.noise.demand(self.month)[0].tolist()
        for stage in STAGES:
            self.agents.do(stage)
        self.file_licences()
        self.trade()
        for stage in AFTER_TRADE:
            self.agents.do(stage)
        self.month += 1
        self.datacollector.collect(self)

    def run(self) -> None:
        """All steps."""
        while self.month < len(self.dates) - 1:
            self.step()

    def set_policy(self) -> None:
        """Stage 1: weights, prices at the border and ceilings, when policy changes."""
        start, end = self.dates[self.month], self.dates[self.month + 1]
        key = policy_key(self.events, start, end)
        if key == self._policy_key:
            return
        self._policy_key = key
        world, benchmark = self.world, self.benchmark
        controls, self.shares = active_controls(world, self.events, (start, end), self.happens)
        self.controls = controls
        refuse_others(controls)
        self.policy = build_market(self.prepared, controls, set(self.happens))
        self.exposure = self.policy.exposure.reshape(-1).tolist()
        self.production_factor = controls.production_factor[0].tolist()
        self.demand_factor = controls.demand_factor[0].tolist()
        self.markup_ratio = (self._markup(controls) / self._base_markup).tolist()
        self.delivered = []
        for g, market in enumerate(self.markets):
            origin, destination = world.link_countries(g)
            pair = origin[:, None], destination[None]
            delivered = self.policy.delivered[g]
            base = (1 + world.freight_share[g]) * (1 + world.base_tariff[g][pair])
            weight = benchmark.kernel[g] * controls.open_share.on(g, pair)
            rows = table(weight * (delivered / base) ** -self.sigma[g], benchmark.flow[g])
            columns = zip(*table(delivered, benchmark.flow[g]), strict=True)
            self.delivered.append([list(column) for column in columns])
            market.set_kernel(rows)
        self._set_borders()
        gates = {gate.key for gate in self.policy.gates}
        self.offices = {key: office for key, office in self.offices.items() if key in gates}

    def _set_borders(self) -> None:
        """Ceilings, in the order of the policy's caps; a border that stays keeps its rent."""
        world, kept = self.world, {}
        for g, market in enumerate(self.markets):
            for border in market.borders:
                kept[g, tuple(border.sellers), tuple(border.covered)] = border.log_rent
            market.borders = []
        self.borders = []
        rules: list[Cap | Licence] = [*self.controls.caps, *self.controls.licences]
        for rule in rules:
            origin, destination = world.link_countries(rule.good)
            sellers = np.flatnonzero(origin == rule.origin).tolist()
            covered = rule.destinations[destination] & (destination != rule.origin)
            if isinstance(rule, Licence) and rule.exempt_needs is not None:
                covered &= ~rule.exempt_needs[world.need_slice(rule.good)]
            if sellers and covered.any():
                border = Border(sellers, covered.astype(float).tolist())
                border.log_rent = kept.get((rule.good, tuple(sellers), tuple(border.covered)), 0.0)
                self.markets[rule.good].borders.append(border)
                self.borders.append(border)

    def file_licences(self) -> None:
        """Exporters apply for what licensed buyers need; ceilings follow."""
        for offer in self.offers:
            offer.held_back = 0.0
        permits = {}
        for gate in self.policy.gates:
            licence = gate.rule
            assert isinstance(licence, Licence)
            office = self.offices.get(gate.key)
            if office is None:
                office = self.offices[gate.key] = self._office(gate.offers.tolist(), licence)
            share = one(self.shares.get(licence.event, 1.0))
            licensed = share * one(1 - licence.free_share)
            needs = [self.needs[b] for b in gate.needs.tolist()]
            activity = [need.required / need.use * licensed for need in needs]
            base = (gate.base * self.step_years).reshape(len(gate.offers), len(needs)).tolist()
            office.apply_for([sum(map(mul, activity, row)) for row in base])
            overrun = self.b["licence_overrun"] * one(licence.delay_years) / self.step_years
            office.decide(one(licence.approval_share), 1 - math.exp(-1 / max(overrun, 1e-9)))
            permits[gate.cap] = np.array([sum(office.permits)])
        tonnes = self.policy.cap_tonnes(self.prepared, permits, self.shares)[0].tolist()
        for border, allowed in zip(self.borders, tonnes, strict=True):
            border.tonnes = allowed

    def _office(self, sellers: list[int], licence: Licence) -> LicenceOffice:
        first, validity = (one(a) / self.step_years for a in (licence.delay_years, licence.validity_years))
        longest = licence.longest_delay_years
        last = first if longest is None else max(first, one(longest) / self.step_years)
        decided = _decided(np.array([first]), np.array([last]), math.ceil(last) + 1)[0].tolist()
        return LicenceOffice([self.offers[s] for s in sellers], decided, validity)

    def trade(self) -> None:
        """Stages 5 and 6: markets clear, tonnes leave, travel, arrive."""
        for offer in self.offers:
            offer.place(self)
        for market in self.markets:
            market.clear(self.tolerance)
        for gate in self.policy.gates:
            free = one(self.policy.free_tonnes(gate.cap, self.shares, self.step_years))
            self.offices[gate.key].use(max(self.borders[gate.cap].flow - free, 0.0))
        for g, market in enumerate(self.markets):
            self._ship(market, self.lags[g], self.delivered[g])

    def _ship(
        self, market: ObjectMarket[Offer, Need], lags: list[list[list[float]]], delivered: list[list[float]]
    ) -> None:
        prices = [offer.price for offer in market.offers]
        content = []
        for offer in market.offers:
            if offer.elements is not None:
                mix = [x / offer.stock if offer.stock > 0 else 0.0 for x in offer.elements]
                content.append(mix)
                offer.elements = [
                    x - m * offer.sales for x, m in zip(offer.elements, mix, strict=True)
                ]
            offer.stock -= offer.sales
        rents = list(zip(*market.rent, strict=True)) if market.borders else None
        for b, column in enumerate(zip(*market.flow, strict=True)):
            need = market.needs[b]
            worth = list(map(mul, column, prices))
            if rents is not None:
                worth = list(map(mul, worth, rents[b]))
            shipped = [list(map(mul, column, lag[b])) for lag in lags]
            need.receive(sum(map(mul, worth, delivered[b])), [sum(tonnes) for tonnes in shipped])
            if need.elements is not None:
                by_lag = [
                    [sum(map(mul, tonnes, shares)) for shares in zip(*content, strict=True)]
                    for tonnes in shipped
                ]
                need.elements = [x + y for x, y in zip(need.elements, by_lag[0], strict=True)]
                for waiting, sent in zip(need.element_transit, by_lag[1:], strict=True):
                    for e, tonnes_of_element in enumerate(sent):
                        waiting[e] += tonnes_of_element


def refuse_others(controls: Controls) -> None:
    """Raise where policy does what the object model has no rule for.

    Raises:
        ValueError: naming it.
    """
    untouched = {
        "costs": controls.own_cost_factor, "asks": controls.ask_factor, "budgets": controls.budget_factor,
        "capacity": controls.capacity_factor, "technology": controls.intensity_factor,
        "freight": controls.freight_factor.shared, "preference": controls.preference.shared,
        "transit": 1 + controls.transit_delay.shared,
    }
    if np.isfinite(controls.output_ceiling).any():
        raise ValueError("the object model has no rule for ceilings on output")
    changed = [name for name, factor in untouched.items() if not (factor == 1).all()]
    changed += [name for name in ("barriers", "resales", "stockpiles") if getattr(controls, name)]
    changed += ["counted quotas"] * any(cap.counts or cap.offers is not None for cap in controls.caps)
    if changed:
        raise ValueError(f"the object model has no rule for {', '.join(changed)}")


def prices(model: MesaObjects) -> list[float]:
    """Sales-weighted gate price of every good, multiple of the base price; plain where nothing is sold."""
    result = []
    for market in model.markets:
        sold = sum(offer.sales for offer in market.offers)
        if sold > 1e-9:
            result.append(sum(offer.sales * offer.price for offer in market.offers) / sold)
        else:
            total = sum(offer.output for offer in market.offers)
            result.append(sum(offer.output * offer.price for offer in market.offers) / total)
    return result


def shortfalls(model: MesaObjects) -> list[float]:
    """Tonnes of every good that its buyers lacked."""
    return [sum(need.shortfall for need in market.needs) for market in model.markets]


def rounds(model: MesaObjects) -> list[int]:
    """Rounds that every market took."""
    return [market.rounds for market in model.markets]
