"""The simulation: nine calls a step, on arrays with the member axis first.

``Simulation`` knows nothing of Mesa; :mod:`sim.model` wraps it for users who want agents.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sim.agents import buyers, expectations, production, sellers
from sim.agents.firms import markups, markups_by_member
from sim.agents.licences import LicenceQueue
from sim.agents.noise import Noise
from sim.agents.origins import families
from sim.agents.parameters import Behaviour, Draws, draw_behaviour, read_behaviour, with_assumptions
from sim.agents.state import State, initial_state
from sim.agents.stockpiles import Stockpiles
from sim.controls import Controls
from sim.engine.draws import draw_events
from sim.engine.ledger import touched
from sim.engine.permits import in_hand, keep_gates, open_gates, use_gates
from sim.engine.policy import PolicyMarket, active_controls, build_market, policy_key
from sim.engine.record import Recorder
from sim.engine.rules import Rules, Seen
from sim.instruments.export_ban import ExportBan
from sim.instruments.stockpile import Stockpile
from sim.market.clearing import Clearing, ClearingState, clear
from sim.units import Amount
from sim.world.benchmark import make_benchmark
from sim.world.restrict import restrict
from sim.world.world import FloatArray, World

if TYPE_CHECKING:
    import xarray as xr

    from sim.scenario import Scenario

__all__ = ["Decisions", "Simulation", "step_dates"]

MARKET_TOLERANCE = 1e-6
"""Excess demand left in a market, as a share of it; tonnes balance to rounding all the same."""
STEPS_PER_YEAR = {"month": 12, "week": 52}

Override = Callable[[int, FloatArray], FloatArray]
"""Called as ``override(member, row)`` with one member's decision; returns the changed row."""


@dataclass
class Decisions:
    """Overrides of single decisions, called once for each member.

    A user's agent subclass registers here; see ``docs/how-to`` and :mod:`sim.model`.
    """

    planned_output: list[Override] = field(default_factory=list)
    """(O,) tonnes that each offer's facility plans to make."""
    ask: list[Override] = field(default_factory=list)
    """(O,) price asked, multiple of the base price."""
    requirement: list[Override] = field(default_factory=list)
    """(N,) tonnes that each buyer needs."""


def _overridden(overrides: list[Override], decision: FloatArray) -> FloatArray:
    for override in overrides:
        decision = np.stack([override(member, row) for member, row in enumerate(decision)])
    return decision


def step_dates(start: dt.date, end: dt.date, step: str) -> list[dt.date]:
    """First day of every step from ``start``, plus the day after the last step."""
    dates = [start]
    while dates[-1] <= end:
        last = dates[-1]
        if step == "month":
            dates.append(dt.date(last.year + last.month // 12, last.month % 12 + 1, 1))
        else:
            dates.append(last + dt.timedelta(days=7))
    return dates


class Simulation:
    """One scenario, all its members.

    Args:
        world: the base year; where the scenario names minerals, only their chains are run.
        scenario: time span, events and assumptions.
        members: how many members, or their numbers; number 0 is the central run without noise. A number
            may stand several times, with different ``values``: the chance events are then the same.
        seed: root of every random stream, of all members or (M,) of each.
        first_member: number of the first member, so that a run may be cut into batches.
        values: (M,) values that a design sets, in the unit used inside the model, by path:
            ``events.ID.FIELD`` or ``assumptions.PARAMETER``.
        recorder: makes what records the steps; a sweep keeps less than a single run.

    Attributes:
        state: the agents' arrays. clearing: the last market result. decisions: overrides.
    """

    def __init__(
        self,
        world: World,
        scenario: Scenario,
        members: int | Sequence[int] = 1,
        seed: int | Sequence[int] = 0,
        first_member: int = 0,
        values: Mapping[str, FloatArray] | None = None,
        recorder: Callable[[Simulation], Recorder] = Recorder,
    ) -> None:
        world = restrict(world.with_groups(scenario.blocs), scenario.minerals)
        self.world, self.scenario = world, scenario
        self.seed = seed if isinstance(seed, int) else int(seed[0])
        if isinstance(members, int):
            members = range(first_member, first_member + members)
        self.members: Sequence[int] = members
        self.draws = Draws(members, seed, values)
        self.events = draw_events(scenario.events, self.draws)
        self.happens = {
            event.id: self.draws.happens(f"events.{event.id}", event.chance)
            for event in self.events
            if event.probability is not None
        }
        self.dates = step_dates(scenario.start, scenario.end, scenario.step)
        self.steps = len(self.dates) - 1
        self.step_years = 1 / STEPS_PER_YEAR[scenario.step]
        table = with_assumptions(read_behaviour(), scenario.assumptions)
        self.behaviour: Behaviour = draw_behaviour(world, table, self.draws)
        sigma = np.asarray(self.behaviour.shared_or_each("sourcing_elasticity"))
        prior = self.behaviour.shared("prior_weight")
        self.sigma = sigma
        self.benchmark = make_benchmark(
            world, sigma, prior, self.step_years, sum(event.longest_delay_at_sea for event in self.events)
        )
        self.state: State = initial_state(
            world, self.benchmark, self.behaviour["cover_scale"], self.step_years
        )
        self.rules = Rules(
            world, self.benchmark, self.events, self.happens, len(members), self.steps, self.step_years
        )
        self.differing = self.rules.ruled | set(self.happens)
        barred = [event.resale(world) for event in self.events if isinstance(event, ExportBan)]
        self.origins = families(world, self.benchmark, [rule for rule in barred if rule is not None])
        for family in self.origins:
            family.start(self.state, self.step_years)
        reserves = [event for event in self.events if isinstance(event, Stockpile)]
        reserves = [event for event in reserves if not event.in_base_year]
        self.stockpiles = Stockpiles(world, self.benchmark, reserves, len(members), self.step_years)
        if self.stockpiles:
            self.stockpiles.start(self.state)
            self.stockpiles.add_mix(self.state.buyer_elements, self.benchmark.basket_need)
            for family in self.origins:
                self.stockpiles.add_mix(family.buyer, family.needs)
        self._base_give_up = buyers.give_up_prices(world, self.benchmark, self.behaviour)
        self.give_up = self._base_give_up
        self._slopes = buyers.worth_slopes(world, self.benchmark)
        self.noise = Noise(world, self.behaviour, self.members, seed, self.steps, self.step_years)
        self.decisions = Decisions()
        self.clearing: Clearing | None = None
        self.time = 0
        self._warm: ClearingState | None = None
        self._eta = self.behaviour.shared_or_each("markup_demand_elasticity")
        self._ceiling = self.behaviour.shared_or_each("markup_ceiling")
        self._base_markup = markups(world, Controls(world).markup_owner[0], sigma, self._eta, self._ceiling)
        self._policy_key: object = None
        self.shares: Mapping[str, Amount] = {}
        self.controls: Controls = Controls(world)
        self.market: PolicyMarket = build_market(
            world, self.benchmark, self.controls, sigma, self._eps, self.step_years
        )
        no_offer = np.zeros((len(members), len(world.offer_good)))
        no_need = np.zeros((len(members), len(world.need_good)))
        self.output, self.discarded, self.held_back = no_offer, no_offer, no_offer
        self.required, self.consumed, self.shortfall, self.paid = no_need, no_need, no_need, no_need
        self.purchases = no_need
        self.recorder = recorder(self)

    @property
    def _eps(self) -> Amount:
        return self.behaviour.shared_or_each("offer_elasticity")

    def run(self, progress: Callable[[int, int], None] | None = None) -> xr.Dataset:
        """Run all steps and return the labelled results (``docs/results.md``)."""
        while self.time < self.steps:
            self.step()
            if progress is not None:
                progress(self.time, self.steps)
        return self.recorder.dataset()

    def step(self) -> None:
        """One step, as in ``docs/model.md``."""
        self.set_policy()
        self.expect()
        self.offer()
        self.require()
        self.clear()
        self.ship()
        self.produce()
        self.adapt()
        self.record()
        self.time += 1

    def set_policy(self) -> None:
        """1. Events announced, started or ended at this date change links, rates and amounts."""
        start, end = self.dates[self.time], self.dates[self.time + 1]
        self.rules.advance(self.time, start, end, self._seen())
        key = (policy_key(self.events, start, end), self.rules.key)
        if key == self._policy_key:
            return
        controls, shares = active_controls(
            self.world, self.rules.eased(), start, end, self.happens, self.rules.strengths
        )
        self._policy_key, self.controls, self.shares = key, controls, shares
        self.market = build_market(
            self.world, self.benchmark, controls, self.sigma, self._eps, self.step_years, self.differing
        )
        owner = controls.markup_owner
        self.markup_ratio = (
            markups_by_member(self.world, owner, self.sigma, self._eta, self._ceiling) / self._base_markup
        )
        self.exposure = self.market.exposure
        self.touched = touched(self.world, controls, shares, self.step_years)
        keep_gates(self.market, self.state)
        self._budgets = self._base_give_up * controls.budget_factor[:, :, None]
        self.state.technology, self.state.capacity = controls.intensity_factor, controls.capacity_factor

    def queues_by_event(self) -> list[tuple[str, LicenceQueue]]:
        """The licence queues in use, each with the event that runs it."""
        queues = self.state.queues
        return [(gate.rule.event, queues[gate.key]) for gate in self.market.gates if gate.key in queues]

    def _seen(self) -> Seen | None:
        if self.clearing is None or not self.rules:
            return None
        price = self.recorder.latest("price_outside") / self.world.base_price
        return Seen(price, self.required, self.shortfall, self.clearing)

    def expect(self) -> None:
        """2. Expected prices adapt; perceived risk follows announced and active restrictions."""
        controls = self.controls
        self.cost = sellers.cost_index(
            self.world, self.state, self.benchmark, controls.own_cost_factor
        )
        expectations.update_expectations(
            self.state, self.benchmark, self.behaviour, self.cost * controls.ask_factor, self.step_years
        )
        expectations.update_risk(self.state, self.exposure, self.behaviour, self.step_years)

    def offer(self) -> None:
        """3. Sellers offer stock above their reserve at an ask; exporters file for licences."""
        self.plan = sellers.planned_output(
            self.world, self.state, self.benchmark, self.controls.production_factor,
            self.noise.output(self.time), self.controls.output_ceiling, self.step_years,
        )
        self.plan = _overridden(self.decisions.planned_output, self.plan)
        ask = sellers.asks(
            self.state, self.behaviour, self.cost, self.markup_ratio, self.controls.ask_factor
        )
        self.ask = _overridden(self.decisions.ask, ask)

    def require(self) -> None:
        """4. Buyers order in tiers: urgent need first, restocking around the expected price."""
        controls = self.controls
        level = controls.demand_factor * self.noise.demand(self.time)
        output = controls.production_factor * controls.capacity_factor
        required = buyers.required_input(
            self.world, self.state, self.benchmark, level, output, controls.output_ceiling, self.step_years
        )
        last = self.required, self.shortfall
        self.required = _overridden(self.decisions.requirement, required)
        self._arrive()
        if self.stockpiles:
            self._release(*last)
        self.give_up = buyers.worth_of_inputs(self.state, self.benchmark, self._budgets, self._slopes)
        self.orders = buyers.order_tiers(
            self.world, self.market.need_lag, self.state, self.behaviour, self.required, self.give_up,
            self.step_years,
        )
        if self.stockpiles:
            self.orders = self.stockpiles.add_orders(self.orders)
        reserve = self.behaviour["seller_reserve_share"] * self.world.offer_stock
        overrun = self.behaviour["licence_overrun"][:, 0]
        self.held_back = open_gates(
            self.market, self.world, self.state, self.required, reserve, overrun, self.shares,
            self.step_years,
        )

    def _arrive(self) -> None:
        """Shipments due this step reach the buyers' stocks."""
        state = self.state
        if len(state.transit):
            state.buyer_stock += state.transit[0]
            state.buyer_elements += state.transit_elements[0]
            for pipeline in (state.transit, state.transit_elements):
                pipeline[:-1] = pipeline[1:]
                pipeline[-1] = 0.0
        for family in self.origins:
            family.arrive()
        self.stockpiles.arrive()

    def _release(self, last_required: FloatArray, last_shortfall: FloatArray) -> None:
        """Stockpiles hand tonnes to their users, who pay what they last paid in the market."""
        state = self.state
        tonnes, elements, *origins = self.stockpiles.decide(
            state, self.required, last_required, last_shortfall, self.controls.stockpiles
        )
        given = tonnes[..., 0]
        held = state.buyer_stock + state.transit.sum(0)
        worth = held * state.input_cost + given * state.choice_index
        mixed = worth / np.maximum(held + given, 1e-12)
        state.input_cost = np.where(given > 0, mixed, state.input_cost)
        state.buyer_stock = state.buyer_stock + given
        state.buyer_elements += elements[:, self.benchmark.basket_need]
        for family, mix in zip(self.origins, origins, strict=True):
            family.buyer = family.buyer + mix[:, family.needs]

    def clear(self) -> None:
        """5. Every good's market at once: flows, prices, rents."""
        quantity, full_ask = sellers.offers(
            self.world, self.state, self.behaviour, self.plan, self.ask, self.held_back, self.step_years
        )
        allowed = in_hand(self.market, self.state)
        self.clearing = clear(
            self.market.market,
            quantity,
            full_ask,
            self.orders.tonnes,
            self.orders.reservation,
            self.orders.elasticity,
            self.market.cap_tonnes(len(self.members), allowed, self.shares, self.step_years, self._resale()),
            start=self._warm,
            tolerance=MARKET_TOLERANCE,
        )
        self._warm = self.clearing.state
        self.state.gate_price = self.clearing.price
        self.state.choice_index = self.clearing.index

    def _resale(self) -> FloatArray | None:
        """(M, caps on resale) tonnes that third countries may sell to where a rule bars an origin."""
        for family in self.origins:
            family.comply(self.controls.resales)
        columns = [
            family.admissible(rule, offer, self.state.seller_stock[:, offer])
            for rule, offer in self.market.resale_caps
            for family in self.origins
            if family.covers(rule)
        ]
        return np.stack(columns, axis=1) if columns else None

    def ship(self) -> None:
        """6. Sold tonnes leave the sellers' stocks, travel, and arrive after their transit time."""
        state, clearing = self.state, self.cleared
        benchmark = self.benchmark
        use_gates(self.market, state, clearing.cap_flow, self.shares, self.step_years)
        before = state.seller_stock[:, benchmark.basket_offer]
        composition = np.divide(
            state.seller_elements, before[..., None],
            out=np.zeros_like(state.seller_elements), where=before[..., None] > 0,
        )
        piles = self.stockpiles
        taken = piles.fractions(clearing, self.orders) if piles else np.zeros((0, *clearing.purchases.shape))
        self.purchases = clearing.purchases * (1 - taken.sum(0)) if piles else clearing.purchases
        for position, family in enumerate(self.origins):
            shipped = family.ship(
                clearing, state.seller_stock, self.controls.resales, self.market.lag_weight
            )
            if piles:
                shipped = piles.mixes[1 + position].take(shipped, taken[:, :, family.needs])
            family.load(shipped)
        state.seller_stock = state.seller_stock - clearing.sales
        state.seller_elements -= composition * clearing.sales[:, benchmark.basket_offer, None]

        self.paid = paid = self.market.delivered_cost(clearing)
        stock = state.buyer_stock + state.transit.sum(0)
        total = stock + self.purchases
        own = paid * (1 - taken.sum(0)) if piles else paid
        mixed = (stock * state.input_cost + own) / np.maximum(total, 1e-12)
        state.input_cost = np.where(total > 1e-9 * self.world.need_use, mixed, state.input_cost)

        element_flow = self._element_flow(composition)
        by_lag = [clearing.to_buyers(weights) for weights in self.market.lag_weight]
        if piles:
            by_lag = list(piles.tonnes.take(np.stack(by_lag)[..., None], taken)[..., 0])
            at = benchmark.basket_need
            element_flow = piles.mixes[0].take(element_flow, taken[:, :, at])
        state.buyer_stock += by_lag[0]
        state.buyer_elements += element_flow[0]
        for lag, tonnes in enumerate(by_lag[1:]):
            state.transit[lag] += tonnes
            state.transit_elements[lag] += element_flow[lag + 1]

    @property
    def cleared(self) -> Clearing:
        """The last clearing. Raises RuntimeError before the first step."""
        if self.clearing is None:
            raise RuntimeError("the market has not been cleared yet; call step()")
        return self.clearing

    def _element_flow(self, composition: FloatArray) -> FloatArray:
        """(L, M, basket needs, E) tonnes of each element shipped, by lag."""
        benchmark, world = self.benchmark, self.world
        lags, basket = len(self.market.lag_weight), benchmark.basket_need
        flow = np.zeros((lags, len(self.members), len(basket), len(world.elements)))
        for g, good in enumerate(world.goods):
            if good.basket:
                offers, needs = world.offer_slice(g), world.need_slice(g)
                sold = slice(*np.searchsorted(benchmark.basket_offer, [offers.start, offers.stop]))
                bought = slice(*np.searchsorted(basket, [needs.start, needs.stop]))
                shipped = np.swapaxes(self.cleared.flow(g), 1, 2)
                for lag, weights in enumerate(self.market.lag_weight):
                    content = composition[:, sold]
                    flow[lag][:, bought] = (shipped * np.swapaxes(weights[g], -1, -2)) @ content
        return flow

    def produce(self) -> None:
        """7. Plants run on what they have, sectors consume; what is missing is the shortfall."""
        state, activities = self.state, self.benchmark.activities
        made = activities.offer_plant >= 0
        relative = self.plan / (self.world.offer_output * self.step_years)
        most = activities.largest(relative)
        plan = activities.throughput * self.step_years * most
        held = state.buyer_stock.copy()
        state.usable = production.usable_inputs(state, self.benchmark, plan, held)
        output, used = production.run_plants(self.world, state, self.benchmark, plan, held)
        within = np.ones_like(relative)
        within[:, made] = relative[:, made] / np.maximum(most[:, activities.offer_plant[made]], 1e-12)
        output = output * within
        mine = ~made
        output[:, mine] = self.plan[:, mine]

        user = activities.need_plant < 0
        consumed, self.shortfall = production.consume(self.required, held)
        self.consumed = np.where(user, consumed, used)
        self._take_elements(held)
        for family in self.origins:
            family.produce(self.consumed, held, output)
        state.buyer_stock = np.maximum(held - self.consumed, 0.0)
        state.seller_stock = state.seller_stock + output
        self.output = output
        self.discarded = production.discard_surplus(
            self.world, state, self.benchmark, self.behaviour, self.step_years
        )
        for family in self.origins:
            family.discard(self.discarded, state.seller_stock)
        state.seller_stock -= self.discarded

    def _take_elements(self, held: FloatArray) -> None:
        """Elements leave a buyer's stock of concentrate in proportion; traders pass them on."""
        state, benchmark = self.state, self.benchmark
        basket = benchmark.basket_need
        share = np.divide(
            self.consumed[:, basket], held[:, basket],
            out=np.zeros_like(held[:, basket]), where=held[:, basket] > 0,
        )
        taken = state.buyer_elements * share[..., None]
        state.buyer_elements -= taken
        for row, offer in enumerate(benchmark.basket_offer):
            source = np.flatnonzero(
                (self.world.need_facility[basket] == self.world.offer_facility[offer])
                & (self.world.need_good[basket] == self.world.offer_good[offer])
            )
            if len(source):
                state.seller_elements[:, row] += taken[:, source[0]]
            else:
                state.seller_elements[:, row] += (
                    self.plan[:, offer, None] * self.world.offer_composition[offer]
                )

    def adapt(self) -> None:
        """8. Plants change their rates, users economise, slowly."""
        cash = self.world.offer_cash_cost / self.world.base_price[self.world.offer_good]
        production.adapt_rates(
            self.world, self.state, self.benchmark, self.behaviour, cash,
            self.controls.own_cost_factor, self.controls.ask_factor, self.step_years,
        )
        production.adapt_intensity(
            self.world, self.state, self.benchmark, self.behaviour, self.controls.budget_factor,
            self.step_years,
        )

    def record(self) -> None:
        """9. Everything that is kept is written here, after the step."""
        self.recorder.record(self)
