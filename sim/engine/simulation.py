"""The simulation: nine calls a step, on arrays with the member axis first.

``Simulation`` knows nothing of Mesa; :mod:`sim.model` wraps it for users who want agents.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.accounts import Orders
from sim.agents import buyers, expectations, logistics, production, sellers
from sim.agents.noise import Noise
from sim.agents.origins import Origins, families
from sim.agents.state import State, initial_state, need_rate
from sim.agents.tracers import Tracer, elements
from sim.arrays import FloatArray
from sim.engine.checkpoint import Checkpoint
from sim.engine.gates import Gates
from sim.engine.observe import Seen
from sim.engine.record import Recorder
from sim.engine.recording import Recording
from sim.engine.regime import Regime, Regimes
from sim.engine.result import StepResult
from sim.engine.rules import Rules
from sim.engine.run import Run, lay_out
from sim.errors import MonaziteError
from sim.instruments.process import Process, Setting, Stage
from sim.market.clearing import Clearing, ClearingState, clear
from sim.world.load import load_world
from sim.world.world import World

if TYPE_CHECKING:
    import xarray as xr

    from sim.scenario import Scenario

__all__ = ["Decisions", "Simulation"]

MARKET_TOLERANCE = 1e-6
"""Excess demand left in a market, as a share of it; tonnes balance to rounding all the same."""

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


@dataclass(frozen=True)
class _Offered:
    """Decisions of sellers: (M, O) tonnes planned, and the price asked."""

    plan: FloatArray
    ask: FloatArray


@dataclass(frozen=True)
class _Wanted:
    """Decisions of buyers."""

    required: FloatArray
    """(M, N) tonnes needed."""
    orders: Orders
    give_up: FloatArray
    """(M, N, classes) price, multiple of the base price."""
    held_back: FloatArray
    """(M, O) tonnes that wait for a licence."""


class Simulation:
    """One scenario, all its members.

    Args:
        world: the base year; where the scenario names minerals, only their chains are run.
        scenario: time span, events and assumptions.
        members: how many members, or their numbers; number 0 is the central run without noise. A number
            may stand several times, with different ``values``: the chance events are then the same.
        seed: root of every random stream, of all members or (M,) of each.
        values: (M,) values that a design sets, in the unit used inside the model, by path:
            ``events.ID.FIELD`` or ``assumptions.PARAMETER``.
        recorder: makes what records the steps; a sweep keeps less than a single run.

    Attributes:
        case: the run laid out. state: the agents' arrays. tracers: what stocks consist of, elements first.
        decisions: overrides. time: steps done since the scenario's start. last: result of the last step.
    """

    case: Run
    state: State
    tracers: list[Tracer]
    processes: list[Process]
    gates: Gates
    rules: Rules
    decisions: Decisions
    recorder: Recording
    time: int
    _noise: Noise
    _regimes: Regimes
    _base_give_up: FloatArray
    _slopes: FloatArray
    _warm: ClearingState | None
    _seen: Seen | None
    _last: StepResult | None

    def __init__(
        self,
        world: World,
        scenario: Scenario,
        members: int | Sequence[int] = 1,
        seed: int | Sequence[int] = 0,
        values: Mapping[str, FloatArray] | None = None,
        recorder: Callable[[Run, Sequence[Origins], Sequence[Process]], Recording] = Recorder,
    ) -> None:
        numbers = range(members) if isinstance(members, int) else members
        self._begin(lay_out(world, scenario, numbers, seed, values))
        self.recorder = recorder(self.case, self.families, self.processes)

    def _begin(self, case: Run, at: Checkpoint | None = None) -> None:
        """The base year's steady state, or where a checkpoint stands; records nothing yet."""
        self.case, prepared = case, case.prepared
        self.state = initial_state(prepared)
        if at is not None:
            self.state.restore(at.part("state"))
        barred = [rule for event in case.events if (rule := event.resale(case.world)) is not None]
        self.tracers = [elements(prepared), *families(prepared, barred)]
        for tracer in self.tracers:
            saved = at.part(f"tracers/{tracer.name}") if at is not None else {}
            if saved:
                tracer.restore(saved)
            else:
                tracer.start(prepared, self.state)
        self.processes = _processes(case)
        for process in self.processes:
            process.start(self.state, self.tracers)
        self.gates, self.rules = Gates(prepared), Rules(case)
        self._regimes = Regimes(case, self.rules, self.processes)
        self._base_give_up = buyers.give_up_prices(prepared)
        self._slopes = buyers.worth_slopes(prepared)
        self._noise = Noise(prepared, case.members, case.seed, case.steps)
        self.decisions = Decisions()
        self.recorder = Recording()
        self.time = case.first
        self._warm = self._seen = self._last = None
        if at is not None:
            self._take_up(at)

    def _take_up(self, at: Checkpoint) -> None:
        """Books, rules, memories and the solver's place of a checkpoint."""
        for process in self.processes:
            process.restore(at.part(f"processes/{process.name}"))
        self.gates.restore(at.header["keys"]["gates"], at.part("gates"))
        self.rules.restore(at.part("rules"))
        self._warm = ClearingState.restored(at.header["keys"]["caps"], at.part("warm"))
        seen = at.part("seen")
        self._seen = Seen(seen["price"], self.state.required, self.state.shortfall, seen["exports"])

    def checkpoint(self) -> Checkpoint:
        """Where the simulation stands: arrays and words, from which :meth:`resume` goes on.

        What was recorded so far is not in it, nor are overrides of decisions.

        Raises:
            RuntimeError: before the first step.
        """
        seen = self._seen if self._last is None else self.case.observer.seen(self._last)
        if seen is None or self._warm is None:
            raise RuntimeError("no step has been made yet; a checkpoint needs one")
        parts: dict[str, Mapping[str, npt.NDArray[Any]]] = {
            "state": self.state.arrays(), "gates": self.gates.arrays(), "rules": self.rules.arrays(),
            "history": self.recorder.history(), "warm": self._warm.arrays(),
            "seen": {"price": seen.price, "exports": seen.exports},
            **{f"tracers/{tracer.name}": tracer.arrays() for tracer in self.tracers},
            **{f"processes/{process.name}": process.arrays() for process in self.processes},
        }  # fmt: skip
        keys = {"gates": self.gates.keys(), "caps": self._warm.written_keys()}
        return Checkpoint.of(self.case, self.time, parts, keys)

    @classmethod
    def resume(
        cls,
        checkpoint: Checkpoint | Path,
        scenario: Scenario | None = None,
        world: World | None = None,
        recorder: Callable[[Run, Sequence[Origins], Sequence[Process]], Recording] = Recorder,
    ) -> Simulation:
        """Go on from a checkpoint, under the same scenario or another one.

        Another scenario acts from the month that the checkpoint has reached: its events of earlier dates that
        are still in force are in force at once, rules have seen the step before, new stockpiles start with
        what they state, and origins that nobody followed so far with the mix of the base year. The record
        begins here, too.

        Args:
            checkpoint: of :meth:`checkpoint`, or a file that one was written to.
            scenario: with the same start and length of steps; that of the checkpoint where left out.
            world: the base year; loaded where left out.

        Raises:
            MonaziteError: the file is no checkpoint, or does not fit the scenario or the world; says why.
        """
        at = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint.read(checkpoint)
        scenario = at.scenario if scenario is None else scenario
        if scenario is None:
            name = at.header["scenario"]
            raise MonaziteError(
                f"a checkpoint in a file does not hold its scenario; give one: scenario=sim.load('{name}')"
            )
        world = load_world(scenario.base_year) if world is None else world
        case = lay_out(world, scenario, at.members, at.seed, at.values, at.header["lags"])
        at.check(case)
        simulation = cls.__new__(cls)
        simulation._begin(replace(case, first=at.header["time"], history=at.part("history")), at)
        simulation.recorder = recorder(simulation.case, simulation.families, simulation.processes)
        return simulation

    @property
    def world(self) -> World:
        """The world that is run: the goods that the scenario asks for."""
        return self.case.world

    @property
    def steps(self) -> int:
        """Steps from the scenario's start to its end."""
        return self.case.steps

    @property
    def dates(self) -> list[dt.date]:
        """First day of every step, and the day after the last."""
        return self.case.dates

    @property
    def families(self) -> list[Origins]:
        """The tracers of origins."""
        return [tracer for tracer in self.tracers if isinstance(tracer, Origins)]

    @property
    def last(self) -> StepResult:
        """The result of the last step. Raises RuntimeError before the first."""
        if self._last is None:
            raise RuntimeError("no step has been made yet; call step()")
        return self._last

    def run(self, progress: Callable[[int, int], None] | None = None) -> xr.Dataset:
        """Run all steps that are left and return the labelled results (``docs/results.md``)."""
        while self.time < self.steps:
            self.step()
            if progress is not None:
                progress(self.time, self.steps)
        return self.recorder.dataset()

    def step(self) -> StepResult:
        """One step, as in ``docs/model.md``.

        Raises:
            MonaziteError: the scenario's last step has been made.
        """
        if self.time >= self.steps:
            end = self.case.scenario.end
            raise MonaziteError(
                f"{self.case.scenario.name}: the run ended on {end} after {self.steps} steps; for more, give "
                "the scenario a later time.end"
            )
        regime = self._set_policy()
        cost = self._expect(regime)
        offered = self._offer(regime, cost)
        wanted = self._require(regime)
        clearing = self._clear(regime, offered, wanted)
        purchases, paid = self._ship(regime, clearing, wanted)
        result = self._produce(regime, clearing, offered, wanted, (purchases, paid))
        self._adapt(regime)
        self._record(result)
        return result

    def _set_policy(self) -> Regime:
        """1. Events announced, started or ended at this date change links, rates and amounts."""
        start, end = self.case.dates[self.time], self.case.dates[self.time + 1]
        self.rules.advance(self.time, start, end, self._seen)
        regime = self._regimes.of(self.time, self.state.owner)
        self.gates.keep(regime.market)
        return regime

    def _expect(self, regime: Regime) -> FloatArray:
        """2. Expected prices adapt; perceived risk follows announced and active restrictions."""
        prepared, controls = self.case.prepared, regime.controls
        cost = sellers.cost_index(prepared, self.state, controls.own_cost_factor)
        expectations.update_expectations(prepared, self.state, cost * controls.ask_factor)
        expectations.update_risk(prepared, self.state, regime.market.exposure)
        return cost

    def _offer(self, regime: Regime, cost: FloatArray) -> _Offered:
        """3. Sellers offer stock above their reserve at an ask."""
        prepared, controls = self.case.prepared, regime.controls
        plan = sellers.planned_output(prepared, self.state, controls, self._noise.output(self.time))
        ask = sellers.asks(prepared, self.state, cost, regime.markup_ratio, controls.ask_factor)
        return _Offered(
            _overridden(self.decisions.planned_output, plan), _overridden(self.decisions.ask, ask)
        )

    def _require(self, regime: Regime) -> _Wanted:
        """4. Buyers order in tiers: urgent need first, restocking around the expected price.

        Exporters file for licences; states' stocks take part.
        """
        prepared, state, controls = self.case.prepared, self.state, regime.controls
        required = buyers.required_input(prepared, state, controls, self._noise.demand(self.time))
        required = _overridden(self.decisions.requirement, required)
        logistics.arrive(state, self.tracers)
        for process in self.processes:
            process.step(Stage(state, self.tracers, controls, regime.shares, required))
        budgets = self._base_give_up * controls.budget_factor[:, :, None]
        give_up = buyers.worth_of_inputs(prepared, state, budgets, self._slopes)
        orders = buyers.order_tiers(prepared, state, regime.market.need_lag, required, give_up)
        for process in self.processes:
            orders = process.add_orders(orders)
        held_back = self.gates.open(regime.market, state.seller_stock, required, regime.shares)
        return _Wanted(required, orders, give_up, held_back)

    def _clear(self, regime: Regime, offered: _Offered, wanted: _Wanted) -> Clearing:
        """5. Every good's market at once: flows, prices, rents."""
        prepared, market = self.case.prepared, regime.market
        quantity, full_ask = sellers.offers(
            prepared, self.state, regime.controls, offered.plan, offered.ask, wanted.held_back
        )
        caps = market.cap_tonnes(prepared, self.gates.in_hand(market), regime.shares, self._resale(regime))
        clearing = clear(
            market.market,
            quantity,
            full_ask,
            wanted.orders.tonnes,
            wanted.orders.reservation,
            wanted.orders.elasticity,
            caps,
            start=self._warm,
            tolerance=MARKET_TOLERANCE,
        )
        self._warm = clearing.state
        self.state.gate_price, self.state.choice_index = clearing.price, clearing.index
        return clearing

    def _resale(self, regime: Regime) -> FloatArray | None:
        """(M, caps on resale) tonnes that third countries may sell to where a rule bars an origin."""
        for family in self.families:
            family.comply(regime.controls.resales)
        columns = [
            family.admissible(rule, offer, self.state.seller_stock[:, offer])
            for rule, offer in regime.market.resale_caps
            for family in self.families
            if family.covers(rule)
        ]
        return np.stack(columns, axis=1) if columns else None

    def _ship(self, regime: Regime, clearing: Clearing, wanted: _Wanted) -> tuple[FloatArray, FloatArray]:
        """6. Sold tonnes leave the sellers' stocks, travel, and arrive after their transit time."""
        self.gates.use(regime.market, clearing.cap_flow, regime.shares)
        paid = regime.market.delivered_cost(clearing)
        traffic = logistics.Traffic(
            clearing, wanted.orders, regime.market.lag_weight, paid, regime.controls.resales
        )
        purchases = logistics.ship(self.case.prepared, self.state, self.tracers, self.processes, traffic)
        return purchases, paid

    def _produce(
        self,
        regime: Regime,
        clearing: Clearing,
        offered: _Offered,
        wanted: _Wanted,
        bought: tuple[FloatArray, FloatArray],
    ) -> StepResult:
        """7. Plants run on what they have, sectors consume; what is missing is the shortfall."""
        prepared, state = self.case.prepared, self.state
        plan, rate, held = offered.plan, need_rate(state, regime.controls), state.buyer_stock
        throughput = production.planned_throughput(prepared, plan)
        state.usable = production.usable_inputs(prepared, rate, throughput, held)
        stock = self.tracers[0].buyer.stock
        output, used = production.run_plants(prepared, rate, throughput, held, stock)
        output = np.where(prepared.made, output * production.within_plan(prepared, plan), plan)
        consumed, shortfall = production.consume(wanted.required, held)
        user = prepared.benchmark.activities.need_plant < 0
        consumed = np.where(user, consumed, used)
        logistics.store(state, self.tracers, consumed, held, output)
        discarded = production.discard_surplus(prepared, state, regime.controls)
        logistics.throw_away(state, self.tracers, discarded)
        state.required, state.shortfall = wanted.required, shortfall
        give_up = wanted.give_up[..., -1]
        return StepResult(
            time=self.time,
            controls=regime.controls,
            shares=regime.shares,
            market=regime.market,
            clearing=clearing,
            prices=self.case.observer.prices(regime.market, clearing, give_up),
            output=output,
            discarded=discarded,
            held_back=wanted.held_back,
            required=wanted.required,
            consumed=consumed,
            shortfall=shortfall,
            purchases=bought[0],
            paid=bought[1],
            seller_stock=state.seller_stock,
            buyer_stock=state.buyer_stock,
            bought_by_origin=tuple(family.shipped for family in self.families),
            moved={event: tonnes for process in self.processes for event, tonnes in process.moved().items()},
            booked={name: row for process in self.processes for name, row in process.book().items()},
            queues=self.gates.books(regime.market),
            acting=tuple(self.rules.acting()),
        )

    def _adapt(self, regime: Regime) -> None:
        """8. Plants change their rates, users economise, slowly."""
        production.adapt_rates(self.case.prepared, self.state, regime.controls)
        production.adapt_intensity(self.case.prepared, self.state, regime.controls)

    def _record(self, result: StepResult) -> None:
        """9. What the step brought is seen by rules and written by the recorder; neither changes anything."""
        self._last = result
        self._seen = self.case.observer.seen(result) if self.rules else None
        self.time += 1
        self.recorder.record(result)


def _processes(case: Run) -> list[Process]:
    """What events remember from step to step, one process for each type that does."""
    prepared = case.prepared
    setting = Setting(
        prepared.world, prepared.benchmark, prepared.behaviour, prepared.step_years, prepared.members
    )
    kinds = dict.fromkeys(type(event) for event in case.events)
    made = (kind.process([e for e in case.events if type(e) is kind], setting) for kind in kinds)
    return [process for process in made if process is not None]
