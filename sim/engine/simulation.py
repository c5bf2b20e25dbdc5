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
from sim.agents.parameters import Behaviour, Draws, draw_behaviour, read_behaviour, with_assumptions
from sim.agents.state import State, initial_state
from sim.controls import Controls
from sim.engine.draws import draw_events
from sim.engine.policy import PolicyMarket, active_controls, build_market, licence_keys, policy_key, touched
from sim.engine.record import Recorder
from sim.market.clearing import Clearing, ClearingState, clear
from sim.units import Amount
from sim.world.calibrate import calibrate
from sim.world.restrict import restrict
from sim.world.world import FloatArray, IntArray, World

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
        seed: root of every random stream.
        first_member: number of the first member, so that a run may be cut into batches.
        values: (M,) values that a design sets, in the unit used inside the model, by path:
            ``events.ID.FIELD`` or ``assumptions.PARAMETER``.

    Attributes:
        state: the agents' arrays. clearing: the last market result. decisions: overrides.
    """

    def __init__(
        self,
        world: World,
        scenario: Scenario,
        members: int | Sequence[int] = 1,
        seed: int = 0,
        first_member: int = 0,
        values: Mapping[str, FloatArray] | None = None,
    ) -> None:
        world = restrict(world, scenario.minerals)
        self.world, self.scenario, self.seed = world, scenario, seed
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
        sigma = self.behaviour["sourcing_elasticity"][0]
        prior = self.behaviour.shared("prior_weight")
        self.sigma = sigma
        self.calibration = calibrate(world, sigma, prior, self.step_years)
        self.state: State = initial_state(
            world, self.calibration, self.behaviour["cover_scale"], self.step_years
        )
        self.give_up = buyers.give_up_prices(world, self.calibration, self.behaviour)
        self.give_up_now = self.give_up
        self.noise = Noise(world, self.behaviour, self.members, seed, self.steps, self.step_years)
        self.decisions = Decisions()
        self.clearing: Clearing | None = None
        self.time = 0
        self._warm: ClearingState | None = None
        self._eta = self.behaviour.shared("markup_demand_elasticity")
        self._ceiling = self.behaviour.shared("markup_ceiling")
        self._base_markup = markups(world, Controls(world).markup_owner[0], sigma, self._eta, self._ceiling)
        self._policy_key: object = None
        self.shares: Mapping[str, Amount] = {}
        self.controls: Controls = Controls(world)
        self.market: PolicyMarket = build_market(world, self.calibration, self.controls, sigma, self._eps)
        no_offer = np.zeros((len(members), len(world.offer_good)))
        no_need = np.zeros((len(members), len(world.need_good)))
        self.output, self.discarded, self.held_back = no_offer, no_offer, no_offer
        self.required, self.consumed, self.shortfall, self.paid = no_need, no_need, no_need, no_need
        self.recorder = Recorder(self)

    @property
    def _eps(self) -> float:
        return self.behaviour.shared("offer_elasticity")

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
        key = policy_key(self.events, start, end)
        if key == self._policy_key:
            return
        controls, shares = active_controls(self.world, self.events, start, end, self.happens)
        self._policy_key, self.controls, self.shares = key, controls, shares
        self.market = build_market(self.world, self.calibration, controls, self.sigma, self._eps)
        owner = controls.markup_owner
        self.markup_ratio = (
            markups_by_member(self.world, owner, self.sigma, self._eta, self._ceiling) / self._base_markup
        )
        self.exposure = self.market.exposure
        self.touched = touched(self.world, controls, shares, self.step_years)
        kept = set(licence_keys(controls.licences))
        self.state.queues = {k: q for k, q in self.state.queues.items() if k in kept}

    def _origin_sellers(self, good: int, origin: int) -> IntArray:
        at = (self.world.offer_good == good) & (self.world.offer_country == origin)
        return np.flatnonzero(at)

    def expect(self) -> None:
        """2. Expected prices adapt; perceived risk follows announced and active restrictions."""
        self.cost = sellers.cost_index(self.world, self.state, self.calibration)
        expectations.update_expectations(
            self.state, self.calibration, self.behaviour, self.cost, self.step_years
        )
        expectations.update_risk(self.state, self.exposure, self.behaviour, self.step_years)

    def offer(self) -> None:
        """3. Sellers offer stock above their reserve at an ask; exporters file for licences."""
        self.plan = sellers.planned_output(
            self.world, self.state, self.calibration, self.controls.production_factor, self.step_years
        )
        self.plan = _overridden(self.decisions.planned_output, self.plan * self.noise.output(self.time))
        ask = sellers.asks(self.state, self.behaviour, self.cost, self.markup_ratio)
        self.ask = _overridden(self.decisions.ask, ask)

    def require(self) -> None:
        """4. Buyers order in tiers: urgent need first, restocking around the expected price."""
        level = self.controls.demand_factor * self.noise.demand(self.time)
        required = buyers.required_input(self.world, self.state, self.calibration, level, self.step_years)
        self.required = _overridden(self.decisions.requirement, required)
        self._arrive()
        self.give_up_now = buyers.worth_of_inputs(self.world, self.state, self.calibration, self.give_up)
        self.orders = buyers.order_tiers(
            self.world, self.state, self.calibration, self.behaviour, self.required, self.give_up_now,
            self.step_years,
        )
        self._file_licences()

    def _arrive(self) -> None:
        """Shipments due this step reach the buyers' stocks."""
        state = self.state
        if len(state.transit):
            state.buyer_stock += state.transit[0]
            state.buyer_elements += state.transit_elements[0]
            for pipeline in (state.transit, state.transit_elements):
                pipeline[:-1] = pipeline[1:]
                pipeline[-1] = 0.0

    def _file_licences(self) -> None:
        """Exporters apply for what licensed buyers need; what is decided may be exported or sold."""
        state, world, step_years = self.state, self.world, self.step_years
        self.held_back = np.zeros_like(state.seller_stock)
        reserve = self.behaviour["seller_reserve_share"] * world.offer_stock
        overrun = self.behaviour["licence_overrun"][:, 0]
        keys = licence_keys(self.controls.licences)
        for key, licence in zip(keys, self.controls.licences, strict=True):
            at = self._origin_sellers(licence.good, licence.origin)
            if not len(at):
                continue
            if key not in state.queues:
                state.queues[key] = LicenceQueue.empty(len(self.members), len(at), licence, step_years)
            queue = state.queues[key]
            queue.resize(licence, step_years)
            needs = world.need_slice(licence.good)
            group = licence.destinations[world.need_country[needs]]
            group &= world.need_country[needs] != licence.origin
            rows = at - world.offer_slice(licence.good).start
            base = self.calibration.flow[licence.good][np.ix_(rows, np.flatnonzero(group))] * step_years
            activity = self.required[:, needs][:, group] / (world.need_use[needs][group] * step_years)
            # Not a matrix product: its last bit would depend on the number of members.
            share = np.reshape(self.shares.get(licence.event, 1.0), (-1, 1))
            wanted = (activity[:, None] * base).sum(-1) * share
            free = state.seller_stock[:, at] - reserve[:, at] - queue.waiting.sum(1)
            queue.apply_for(np.clip(wanted, 0.0, np.maximum(free, 0.0)), licence, step_years)
            # Deciding after filing: a delay of no time then holds up nothing.
            queue.decide(licence.approval_share, queue.pace(licence, overrun, step_years))
            self.held_back[:, at] += queue.waiting.sum(1)

    def clear(self) -> None:
        """5. Every good's market at once: flows, prices, rents."""
        quantity, full_ask = sellers.offers(
            self.world, self.state, self.behaviour, self.plan, self.ask, self.held_back, self.step_years
        )
        queues = self.state.queues
        permits = [queues[key].allowed if key in queues else None for key in self.market.licence_keys]
        self.clearing = clear(
            self.market.market,
            quantity,
            full_ask,
            self.orders.tonnes,
            self.orders.reservation,
            self.orders.elasticity,
            self.market.cap_tonnes(len(self.members), permits, self.shares, self.step_years),
            start=self._warm,
            tolerance=MARKET_TOLERANCE,
        )
        self._warm = self.clearing.state
        self.state.gate_price = self.clearing.price
        self.state.choice_index = self.clearing.index

    def ship(self) -> None:
        """6. Sold tonnes leave the sellers' stocks, travel, and arrive after their transit time."""
        state, clearing = self.state, self.cleared
        calibration = self.calibration
        for position, key in enumerate(self.market.licence_keys):
            if key in state.queues:
                state.queues[key].use(clearing.cap_flow[:, self.market.licence_caps[position]])
        before = state.seller_stock[:, calibration.basket_offer]
        composition = np.divide(
            state.seller_elements, before[..., None],
            out=np.zeros_like(state.seller_elements), where=before[..., None] > 0,
        )
        state.seller_stock = state.seller_stock - clearing.sales
        state.seller_elements -= composition * clearing.sales[:, calibration.basket_offer, None]

        self.paid = paid = self.market.delivered_cost(clearing)
        stock = state.buyer_stock + state.transit.sum(0)
        total = stock + clearing.purchases
        mixed = (stock * state.input_cost + paid) / np.maximum(total, 1e-12)
        state.input_cost = np.where(total > 1e-9 * self.world.need_use, mixed, state.input_cost)

        element_flow = self._element_flow(composition)
        for lag, weights in enumerate(calibration.lag_weight):
            tonnes = clearing.to_buyers(weights)
            if lag == 0:
                state.buyer_stock += tonnes
                state.buyer_elements += element_flow[0]
            else:
                state.transit[lag - 1] += tonnes
                state.transit_elements[lag - 1] += element_flow[lag]

    @property
    def cleared(self) -> Clearing:
        """The last clearing. Raises RuntimeError before the first step."""
        if self.clearing is None:
            raise RuntimeError("the market has not been cleared yet; call step()")
        return self.clearing

    def _element_flow(self, composition: FloatArray) -> list[FloatArray]:
        """Per lag (M, basket needs, E) tonnes of each element shipped."""
        calibration = self.calibration
        shape = (len(self.members), len(self.world.need_good), len(self.world.elements))
        full = np.zeros((len(self.members), len(self.world.offer_good), len(self.world.elements)))
        full[:, calibration.basket_offer] = composition
        lags = len(calibration.lag_weight)
        flow = np.zeros((lags, *shape))
        for g, good in enumerate(self.world.goods):
            if good.basket:
                needs, content = self.world.need_slice(g), full[:, self.world.offer_slice(g)]
                shipped = np.swapaxes(self.cleared.flow(g), 1, 2)
                for lag, weights in enumerate(calibration.lag_weight):
                    flow[lag][:, needs] = (shipped * weights[g].T) @ content
        return list(flow[:, :, calibration.basket_need])

    def produce(self) -> None:
        """7. Plants run on what they have, sectors consume; what is missing is the shortfall."""
        state, activities = self.state, self.calibration.activities
        made = activities.offer_plant >= 0
        relative = self.plan / (self.world.offer_output * self.step_years)
        order, start = activities.offer_order, activities.offer_start
        most = np.maximum.reduceat(relative[:, order], start, axis=1)
        plan = activities.throughput * self.step_years * most
        held = state.buyer_stock.copy()
        state.usable = production.usable_inputs(state, self.calibration, plan, held)
        output, used = production.run_plants(self.world, state, self.calibration, plan, held)
        within = np.ones_like(relative)
        within[:, made] = relative[:, made] / np.maximum(most[:, activities.offer_plant[made]], 1e-12)
        output = output * within
        mine = ~made
        output[:, mine] = self.plan[:, mine]

        user = activities.need_plant < 0
        consumed, self.shortfall = production.consume(self.required, held)
        self.consumed = np.where(user, consumed, used)
        self._take_elements(held)
        state.buyer_stock = np.maximum(held - self.consumed, 0.0)
        state.seller_stock = state.seller_stock + output
        self.output = output
        self.discarded = production.discard_surplus(
            self.world, state, self.calibration, self.behaviour, self.step_years
        )
        state.seller_stock -= self.discarded

    def _take_elements(self, held: FloatArray) -> None:
        """Elements leave a buyer's stock of concentrate in proportion; traders pass them on."""
        state, calibration = self.state, self.calibration
        basket = calibration.basket_need
        share = np.divide(
            self.consumed[:, basket], held[:, basket],
            out=np.zeros_like(held[:, basket]), where=held[:, basket] > 0,
        )
        taken = state.buyer_elements * share[..., None]
        state.buyer_elements -= taken
        for row, offer in enumerate(calibration.basket_offer):
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
            self.world, self.state, self.calibration, self.behaviour, cash, self.step_years
        )
        production.adapt_intensity(
            self.world, self.state, self.calibration, self.behaviour, self.step_years
        )

    def record(self) -> None:
        """9. Everything that is kept is written here, after the step."""
        self.recorder.record(self)
