"""The model of ``docs/model.md`` as a Mesa modeller would write it, to compare its speed with the engine's.

It is a twin of :mod:`sim.engine`: the same world and base-year benchmark, the same rules in the same order,
the same draws of parameters and noise, the same events. What differs:

- one member per model; a thousand members are a thousand models;
- agents are objects that act in stages (``AgentSet.do``) on Python floats (:mod:`sim.twin.objects`,
  :mod:`sim.twin.facilities`);
- markets clear by tatonnement (:mod:`sim.twin.object_market`), to the same tolerance but without certificate,
  and so do those of tomorrow (:mod:`sim.twin.object_tomorrow`), of which expectations are made
  (:mod:`sim.twin.object_outlook`);
- a data collector keeps prices and shortfalls by good, where the engine keeps every series of every facility;
- third countries sell nothing on around a ban, as with ``resale_speed`` 0 in the engine;
- decisions cannot be overridden, a licence keeps the delays that it starts with, and of the instruments only
  bans, tariffs, taxes, licences, plain caps, mergers, output and demand factors act; others are refused, and
  so are worlds in which facilities stand still, new recyclers among them.

What policy does to links is read from the engine's tables when it changes, a few times in a run, and so is
what it will do to them, for each time ahead that is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import mul

import mesa
import numpy as np

from sim.agents.licences import _decided
from sim.agents.noise import Noise
from sim.agents.parameters import (
    BehaviourTable,
    Draws,
    base_year_rules,
    draw_behaviour,
    read_behaviour,
    with_assumptions,
)  # fmt: skip
from sim.agents.prepared import Prepared
from sim.agents.state import initial_state
from sim.agents.tomorrow import TOLERANCE as TOMORROW_TOLERANCE
from sim.agents.tracers import Tracer, elements
from sim.controls import Cap, Controls, Licence
from sim.engine.actors import MARKET_TOLERANCE
from sim.engine.draws import draw_events
from sim.engine.markets import PolicyMarket, build_market
from sim.engine.policy import active_controls, policy_key
from sim.engine.run import STEPS_PER_YEAR, step_dates
from sim.errors import MonaziteError
from sim.scenario import Scenario
from sim.twin.facilities import MineAgent, PlantAgent, UserAgent, dearest_prices
from sim.twin.object_market import NO_CAP, Border, ObjectMarket
from sim.twin.object_markups import ratios
from sim.twin.object_outlook import ObjectOutlook, Window, foreseen
from sim.twin.object_scrap import ObjectScrap
from sim.twin.object_tomorrow import Prospect, Tomorrow, weighed_rows
from sim.twin.objects import LicenceOffice, Need, Offer, one, share_of, table
from sim.units import Amount
from sim.world.benchmark import make_benchmark
from sim.world.world import World

TOLERANCE = MARKET_TOLERANCE
"""Excess left in a market, as a share of its largest offer: as in the engine."""
LEAST_SOLD = 1e-9
"""Tonnes per step that are rounding, not trade."""
STAGES = ("adapt", "offer", "require")
AGENTS = {"miner": MineAgent, "processor": PlantAgent, "trader": PlantAgent, "manufacturer": UserAgent}


class MesaObjects(mesa.Model):  # type: ignore[misc]
    """One member of a scenario.

    Args:
        world: the base year.
        scenario: time span, events and assumptions.
        member: number of the member; 0 is the central run without noise.
        rng: seed of every random stream.
        tolerance: excess at which a market stops, as a share of its largest offer.
        ahead: the same of the markets of tomorrow.
    """

    output_noise: list[float]
    demand_noise: list[float]
    controls: Controls
    shares: Mapping[str, Amount]
    policy: PolicyMarket
    kernels: list[list[list[float]]]
    """Per good sourcing weights under the policy, without what buyers have learnt of sellers."""
    production_factor: list[float]
    demand_factor: list[float]
    dearest: list[float]
    borders: list[Border]

    def __init__(
        self,
        world: World,
        scenario: Scenario,
        member: int = 0,
        rng: int = 0,
        tolerance: float = TOLERANCE,
        ahead: float = TOMORROW_TOLERANCE,
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
        if any(event.ends_base_year for event in self.events):
            raise MonaziteError("the twin has no rule for owners who are joined in the base year")
        self.happens = {
            event.id: draws.happens(f"events.{event.id}", event.chance)
            for event in self.events
            if event.probability is not None
        }
        table = with_assumptions(read_behaviour(), scenario.assumptions)
        behaviour = draw_behaviour(world, table, draws)
        self.b = {name: float(values[0, 0]) for name, values in behaviour.values.items()}
        self.per_good = {
            name: values[0].tolist() for name, values in behaviour.values.items() if values.shape[1] > 1
        }
        self.sigma = behaviour["sourcing_elasticity"][0]
        self.benchmark = make_benchmark(world, self.sigma, base_year_rules(behaviour), step_years)
        # One member: what it draws is the same for all.
        self.prepared = Prepared(world, self.benchmark, replace(behaviour, drawn=frozenset()), step_years, 1)
        self.start = initial_state(self.prepared)
        content = elements(self.prepared)
        content.start(self.prepared, self.start)
        self.noise = Noise(self.prepared, [member], rng, len(self.dates) - 1)

        self.offers = [Offer(self, position) for position in range(len(world.offer_good))]
        self.needs = [Need(self, position) for position in range(len(world.need_good))]
        self._find_hosts()
        self.markets: list[ObjectMarket[Offer, Need]] = []
        self.lags: list[list[list[list[float]]]] = []
        plants = self._settle(content)
        self.dearest = dearest_prices(self, plants)
        self.scrap = ObjectScrap(self)
        self.offices: dict[object, LicenceOffice] = {}
        self._policy_key: object = None
        response = central_response(world, self.offers, table, self.prepared.past.answer.tolist())
        tomorrow = Tomorrow(self, plants, response, ahead)
        self.outlook = ObjectOutlook(tomorrow, self.events, self._prospect, policy_key, self.happens)
        self.datacollector = mesa.DataCollector(
            model_reporters={"price": prices, "shortfall": shortfalls, "rounds": rounds}
        )

    def _settle(self, content: Tracer) -> list[PlantAgent]:
        """Stocks of elements, agents and markets; the plants among the agents."""
        world = self.world
        for row, position in enumerate(self.benchmark.basket_offer.tolist()):
            self.offers[position].elements = content.seller[0, row].tolist()
            self.offers[position].mix = world.offer_composition[position].tolist()
        for row, position in enumerate(self.benchmark.basket_need.tolist()):
            self.needs[position].elements = content.buyer.stock[0, row].tolist()
            self.needs[position].element_transit = content.buyer.transit[:, 0, row].tolist()
        agents = []
        for index, kind in enumerate(world.facility_kind):
            agents.append(AGENTS[kind](self, index))

        least = self.b["least_order_share"]
        for g, flow in enumerate(self.benchmark.flow):
            offers, needs = self.offers[world.offer_slice(g)], self.needs[world.need_slice(g)]
            kernel = self.benchmark.kernel[g].tolist()
            self.markets.append(ObjectMarket(offers, needs, kernel, float(self.sigma[g]), least))
            self.lags.append([weights[g].T.tolist() for weights in self.benchmark.lag_weight])
            assert flow.shape == (len(offers), len(needs))
        return [agent for agent in agents if isinstance(agent, PlantAgent)]

    def _markups(self, controls: Controls, kernels: Sequence[list[list[float]]]) -> list[float]:
        return ratios(self, controls, kernels) if controls.owner_changes else [1.0] * len(self.offers)

    def _find_hosts(self) -> None:
        """Mines of the same country with whose output that of an offer comes."""
        world = self.world
        for offer, good in zip(self.offers, world.offer_host.tolist(), strict=True):
            country = world.offer_country[offer.position]
            offer.hosts = [
                host for host in self.offers
                if host.good == good and world.offer_country[host.position] == country
            ]  # fmt: skip

    def step(self) -> None:
        """One step, in the order of ``docs/model.md``."""
        self.set_policy()
        self.learn()
        self.output_noise = self.noise.output(self.month)[0].tolist()
        self.demand_noise = self.noise.demand(self.month)[0].tolist()
        for offer in self.offers:
            offer.host_part = offer.look_at_hosts([host.rate for host in offer.hosts])
        for stage in STAGES:
            self.agents.do(stage)
        self.file_licences()
        self.trade()
        self.agents.do("produce")
        self.scrap.step()
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
        world = self.world
        controls, self.shares = active_controls(world, self.events, (start, end), self.happens)
        self.controls = controls
        refuse_others(controls)
        self.policy = build_market(self.prepared, controls, set(self.happens))
        self.production_factor = controls.production_factor[0].tolist()
        self.demand_factor = controls.demand_factor[0].tolist()
        self.kernels = [weights_of(self, controls, self.policy, g) for g in range(len(self.markets))]
        self._set_borders()
        gates = {gate.key for gate in self.policy.gates}
        self.offices = {key: office for key, office in self.offices.items() if key in gates}

    def _set_borders(self) -> None:
        """Ceilings of now; a border that stays keeps its rent."""
        kept = {}
        for g, market in enumerate(self.markets):
            for border in market.borders:
                kept[g, tuple(border.sellers), tuple(border.covered)] = border.log_rent
            market.borders = []
        self.borders = []
        for g, border in borders_of(self.world, self.controls):
            border.log_rent = kept.get((g, tuple(border.sellers), tuple(border.covered)), 0.0)
            self.markets[g].borders.append(border)
            self.borders.append(border)

    def learn(self) -> None:
        """Stage 2: what is expected moves the prices that everybody reckons with."""
        offers, needs = self.outlook.expect(self.dates[self.month], self.dates[self.month + 1])
        markups_now = self._markups(self.controls, self.kernels)
        for offer, expected, markup in zip(self.offers, offers, markups_now, strict=True):
            offer.learn(expected)
            offer.markup = markup
        for need, expected in zip(self.needs, needs, strict=True):
            need.learn(expected)

    def _prospect(self, window: Window) -> Prospect:
        """The regime of a time ahead."""
        dates = window.first, window.until
        seen = foreseen(self.happens, window.events, window.seen)
        controls, shares = active_controls(self.world, window.events, dates, seen)
        refuse_others(controls)
        policy = build_market(self.prepared, controls, set(self.happens))
        kernels = [weights_of(self, controls, policy, g) for g in range(len(self.markets))]
        borders: list[list[Border]] = [[] for _ in kernels]
        for cap, (g, border) in enumerate(borders_of(self.world, controls)):
            border.tonnes, border.approved = ceiling(policy, cap, shares, window.settled)
            border.applicants = applicants_of(policy, cap)
            borders[g].append(border)

        def markup() -> list[float]:
            return self._markups(controls, kernels)

        made, used = controls.production_factor[0].tolist(), controls.demand_factor[0].tolist()
        found = Prospect(kernels, borders, markup(), made, used, set(), markup)
        found.touched |= touched_by(self, found)
        return found

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
            offer.place()
        for kernel, market in zip(self.kernels, self.markets, strict=True):
            market.set_kernel(weighed_rows(kernel, market.offers))
            market.clear(self.tolerance)
        for gate in self.policy.gates:
            free = one(self.policy.free_tonnes(gate.cap, self.shares, self.step_years))
            self.offices[gate.key].use(max(self.borders[gate.cap].flow - free, 0.0))
        for g, market in enumerate(self.markets):
            ship(market, self.lags[g])
            adapt_weights(self, g, market)


def adapt_weights(model: MesaObjects, good: int, market: ObjectMarket[Offer, Need]) -> None:
    """Buyers come to prefer sellers who have been cheap beside what else they could have bought."""
    further = max(model.per_good["sourcing_elasticity_long"][good] - float(model.sigma[good]), 0.0)
    closed = share_of(model.b["sourcing_speed"], model.step_years)
    ratio = model.policy.delivered[good] / model.world.base_wedge(good)
    wedge = table(ratio, model.benchmark.flow[good])
    relative = [need.base_index / need.choice_index for need in market.needs]
    for s, (offer, row) in enumerate(zip(market.offers, market.flow, strict=True)):
        paid = list(map(mul, map(mul, row, wedge[s]), relative))
        if market.borders:
            paid = list(map(mul, paid, market.rent[s]))
        dear = math.log(sum(paid) * offer.price / offer.sales) if offer.sales > LEAST_SOLD else 0.0
        offer.weight *= math.exp(-closed * (math.log(offer.weight) + further * dear))


def weights_of(
    model: MesaObjects, controls: Controls, policy: PolicyMarket, good: int
) -> list[list[float]]:
    """Sourcing weights of a good behind the wedges and bans of a policy."""
    world, benchmark = model.world, model.benchmark
    origin, destination = world.link_countries(good)
    pair = origin[:, None], destination[None]
    freight = world.freight_share[good]
    # Where the duty is levied on FOB, freight is not taxed.
    taxed = 1 + np.where(world.country_duty_on_fob[destination], 0.0, freight)
    base = 1 + freight + world.base_tariff[good][pair] * taxed
    weight = benchmark.kernel[good] * controls.open_share.on(good, pair)
    wedge = (policy.delivered[good] / base) ** -model.sigma[good]
    return table(weight * wedge, benchmark.flow[good])


def touched_by(model: MesaObjects, of: Prospect) -> set[int]:
    """Goods with ceilings, links, output, needs or mark-ups that are not the base year's."""
    found = {g for g, there in enumerate(of.borders) if any(border.tonnes < NO_CAP for border in there)}
    sold, bought = [offer.good for offer in model.offers], [need.good for need in model.needs]
    factors = (sold, of.production_factor), (bought, of.demand_factor), (sold, of.markup)
    for goods, values in factors:
        found |= {good for good, factor in zip(goods, values, strict=True) if factor != 1}
    for g, kernel in enumerate(of.kernels):
        usual = table(model.benchmark.kernel[g], model.benchmark.flow[g])
        if not np.allclose(kernel, usual, rtol=1e-9, atol=0):
            found.add(g)
    return found


def borders_of(world: World, controls: Controls) -> list[tuple[int, Border]]:
    """Ceilings and their goods, in the order of the policy's caps."""
    found = []
    rules: list[Cap | Licence] = [*controls.caps, *controls.licences]
    for rule in rules:
        origin, destination = world.link_countries(rule.good)
        sellers = np.flatnonzero(origin == rule.origin).tolist()
        covered = rule.destinations[destination] & (destination != rule.origin)
        if isinstance(rule, Licence) and rule.exempt_needs is not None:
            covered &= ~rule.exempt_needs[world.need_slice(rule.good)]
        if sellers and covered.any():
            found.append((rule.good, Border(sellers, covered.astype(float).tolist())))
    return found


def central_response(
    world: World, offers: Sequence[Offer], table: BehaviourTable, answer: Sequence[float]
) -> list[float]:
    """Per offer, elasticity of what is made within a year, as the central run has it."""
    plants, all_goods = table["processing_elasticity", "all"], table["supply_elasticity", "all"]
    found = []
    for offer in offers:
        mines = table.get(("supply_elasticity", world.goods[offer.good].mineral), all_goods)
        found.append(mines.central * float(answer[offer.good]) if offer.mined else plants.central)
    return found


def ship(market: ObjectMarket[Offer, Need], lags: list[list[list[float]]]) -> None:
    """Tonnes sold leave the sellers and travel, with what they consist of.

    Args:
        lags: per lag, [buyer][seller] share of a shipment that takes so many steps.
    """
    content = []
    for offer in market.offers:
        if offer.elements is not None:
            mix = [x / offer.stock if offer.stock > 0 else 0.0 for x in offer.elements]
            content.append(mix)
            offer.elements = [
                x - m * offer.sales for x, m in zip(offer.elements, mix, strict=True)
            ]
        offer.stock -= offer.sales
    for b, column in enumerate(zip(*market.flow, strict=True)):
        need = market.needs[b]
        shipped = [list(map(mul, column, lag[b])) for lag in lags]
        need.receive([sum(tonnes) for tonnes in shipped])
        if need.elements is not None:
            by_lag = [
                [sum(map(mul, tonnes, shares)) for shares in zip(*content, strict=True)]
                for tonnes in shipped
            ]
            need.elements = [x + y for x, y in zip(need.elements, by_lag[0], strict=True)]
            for waiting, sent in zip(need.element_transit, by_lag[1:], strict=True):
                for e, tonnes_of_element in enumerate(sent):
                    waiting[e] += tonnes_of_element


def ceiling(
    policy: PolicyMarket, cap: int, shares: Mapping[str, Amount], settled: Sequence[str]
) -> tuple[float, float]:
    """Tonnes that pass a cap in a year, and of a licence what is approved, once anything is decided."""
    event = policy.cap_events[cap]
    share, base = one(shares.get(event, 1.0)), float(policy.base_cap_flow[cap])
    if share <= 0:
        return NO_CAP, 0.0
    rules = {gate.cap: gate.rule for gate in policy.gates}
    rule = rules.get(cap)
    free = (1 - share + share * one(policy.free_shares[cap])) * base
    if not isinstance(rule, Licence):
        return free + share * one(policy.fixed_caps[cap]), 0.0
    decided = one(rule.approval_share) if event in settled else 0.0
    return free, share * decided * (1 - one(rule.free_share)) * base


def applicants_of(policy: PolicyMarket, cap: int) -> list[tuple[int, float]]:
    """Who applies for licences under a cap, each with its share in the base year's flow; nobody elsewhere."""
    for gate in policy.gates:
        if gate.cap == cap and isinstance(gate.rule, Licence):
            flows = gate.base.reshape(len(gate.offers), len(gate.needs)).sum(0).tolist()
            total = sum(flows)
            return [(b, x / total) for b, x in zip(gate.needs.tolist(), flows, strict=True) if total > 0]
    return []


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
    asked = controls.collection_target, controls.recycled_content, controls.recovery_subsidy
    changed += ["recycling"] * any((level > 0).any() for level in asked)
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
