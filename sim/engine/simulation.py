"""The simulation: eight calls a step, on arrays with the member axis first.

``Simulation`` knows nothing of Mesa; :mod:`sim.model` wraps it for users who want agents.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim.agents.origins import Origins
from sim.agents.state import State
from sim.arrays import FloatArray
from sim.engine.actors import Actors, Decisions, Made, Wanted, processes_of
from sim.engine.borders import UnderWay, history_of
from sim.engine.checkpoint import Checkpoint
from sim.engine.observe import Seen
from sim.engine.outlook import Outlook
from sim.engine.record import Recorder
from sim.engine.recording import Recording
from sim.engine.regime import Regime, Regimes
from sim.engine.result import StepResult
from sim.engine.rules import Rules
from sim.engine.run import Run, lay_out
from sim.errors import MonaziteError
from sim.instruments.process import Process
from sim.market.clearing import Clearing
from sim.world.load import load_world
from sim.world.world import World

if TYPE_CHECKING:
    import xarray as xr

    from sim.scenario import Scenario

__all__ = ["MakeRecorder", "Simulation"]

MakeRecorder = Callable[[Run, Sequence[Origins], Sequence[Process]], Recording]
"""Called with the run, its tracers of origins and what its events remember."""


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
        case: the run laid out. actors: the agents and what they carry. rules: governments that react.
        time: steps done since the scenario's start. recorder: what keeps the record.
    """

    case: Run
    actors: Actors
    rules: Rules
    recorder: Recording
    time: int
    _regimes: Regimes
    _outlook: Outlook
    _under_way: UnderWay
    _seen: Seen | None
    _last: StepResult | None

    def __init__(
        self,
        world: World,
        scenario: Scenario,
        members: int | Sequence[int] = 1,
        seed: int | Sequence[int] = 0,
        values: Mapping[str, FloatArray] | None = None,
        recorder: MakeRecorder = Recorder,
    ) -> None:
        numbers = range(members) if isinstance(members, int) else members
        self._begin(lay_out(world, scenario, numbers, seed, values), recorder)

    def _begin(self, case: Run, recorder: MakeRecorder, at: Checkpoint | None = None) -> None:
        """The base year's steady state, or where a checkpoint stands."""
        processes = processes_of(case)
        self.case, self.time = case, case.first
        self.actors, self.rules = Actors(case, processes, at), Rules(case)
        self._regimes = Regimes(case, self.rules, processes)
        self._under_way = UnderWay(case)
        self.recorder = recorder(case, self.actors.families, processes)
        self._seen = self._last = None
        saved, leaks = at.part("outlook") if at else None, self.actors.gates.ways
        self._outlook = Outlook(case, self.rules, self._regimes, leaks, saved)
        self._look_for_money()
        if at is not None:
            self.rules.restore(at.part("rules"))
            if self.time:
                required, shortfall = self.state.required, self.state.shortfall
                self._seen = case.observer.restored(at.part("seen"), required, shortfall)

    def checkpoint(self) -> Checkpoint:
        """Where the simulation stands: arrays and words, from which :meth:`resume` goes on.

        What was recorded so far is not in it, nor are overrides of decisions.
        """
        arrays, keys = self.actors.parts()
        seen = self._seen if self._last is None else self.case.observer.seen(self._last)
        arrays |= {
            "rules": self.rules.arrays(),
            "history": self._under_way.history(),
            "outlook": self._outlook.arrays(),
            "seen": {} if seen is None else {"price": seen.price, "exports": seen.exports},
        }
        return Checkpoint.of(self.case, self.time, arrays, keys)

    @classmethod
    def resume(
        cls,
        checkpoint: Checkpoint | Path,
        scenario: Scenario | None = None,
        world: World | None = None,
        recorder: MakeRecorder = Recorder,
    ) -> Simulation:
        """Go on from a checkpoint, under the same scenario or another one.

        Another scenario acts from the month that the checkpoint has reached: its events of earlier dates that
        are still in force are in force at once, rules have seen the step before, new stockpiles start with
        what they state, and origins that nobody followed so far with the mix of the base year. The record
        begins here, too: sums over years and over the run are of the steps from here on.

        Args:
            checkpoint: of :meth:`checkpoint`, or a file that one was written to.
            scenario: with the same start and length of steps; that of the checkpoint where left out.
            world: the base year; where left out, that of the checkpoint, for a file loaded from the tables.

        Raises:
            MonaziteError: the file is no checkpoint, or does not fit the scenario or the world; says why.
        """
        if isinstance(checkpoint, Checkpoint):
            at = checkpoint
            at.verify()
        else:
            at = Checkpoint.read(checkpoint)
        scenario = at.scenario if scenario is None else scenario
        if scenario is None:
            name = at.header["scenario"]
            raise MonaziteError(
                f"a checkpoint in a file does not hold its scenario; give one: scenario=sim.load('{name}')"
            )
        if world is None:
            known = at.world is not None and at.world.base_year == scenario.base_year
            world = at.world if known else load_world(scenario.base_year, scenario.tables)
        assert world is not None
        case = lay_out(world, scenario, at.members, at.seed, at.values, at.header["lags"])
        at.check(case)
        simulation = cls.__new__(cls)
        history = history_of(case, at.part("history"), at.header["lags"])
        case = replace(case, first=at.header["time"], history=history)
        simulation._begin(case, recorder, at)
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
    def state(self) -> State:
        """The agents' arrays."""
        return self.actors.state

    @property
    def decisions(self) -> Decisions:
        """Overrides of single decisions."""
        return self.actors.decisions

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
        actors, time = self.actors, self.time
        regime = self._set_policy()
        before = self.state.offer_expected_price, self.state.need_expected_price
        self._outlook.expect(time, self.state)
        actors.expect(regime, before)
        offered = actors.offer(time, regime)
        wanted = actors.require(time, regime)
        clearing = actors.clear(regime, offered, wanted)
        purchases = actors.ship(regime, clearing, wanted)
        made = actors.produce(regime, offered, wanted)
        return self._record(self._remembered(self._result(regime, clearing, wanted, purchases, made)))

    def _set_policy(self) -> Regime:
        """1. Events announced, started or ended at this date change links, rates and amounts."""
        start, end = self.case.dates[self.time], self.case.dates[self.time + 1]
        self.rules.advance(self.time, start, end, self._seen)
        regime = self._regimes.of(self.time, self.state)
        self.state.markup = np.broadcast_to(regime.markup_ratio, self.state.gate_price.shape)
        self.actors.gates.keep(regime.market)
        return regime

    def _result(
        self,
        regime: Regime,
        clearing: Clearing,
        wanted: Wanted,
        purchases: FloatArray,
        made: Made,
    ) -> StepResult:
        actors, state = self.actors, self.state
        return StepResult(
            time=self.time,
            controls=regime.controls,
            shares=regime.shares,
            market=regime.market,
            clearing=clearing,
            prices=self.case.observer.prices(regime.market, clearing, wanted.give_up[..., -1]),
            output=made.output,
            discarded=made.discarded,
            held_back=wanted.held_back,
            required=wanted.required,
            consumed=made.consumed,
            shortfall=made.shortfall,
            purchases=purchases,
            seller_stock=state.seller_stock,
            buyer_stock=state.buyer_stock,
            bought_by_origin=tuple(family.shipped for family in actors.families),
            moved={},
            booked={},
            queues=actors.gates.books(regime.market),
            acting=tuple(self.rules.acting()),
        )

    def _remembered(self, result: StepResult) -> StepResult:
        """Events with a memory see the step, then say what they moved and book."""
        processes = self.actors.processes
        for process in processes:
            process.after(result)
        self._look_for_money()
        moved = {event: row for process in processes for event, row in process.moved().items()}
        booked = {name: row for process in processes for name, row in process.book().items()}
        return replace(result, moved=moved, booked=booked)

    def _look_for_money(self) -> None:
        """Rules come to know whose money is gone."""
        for process in self.actors.processes:
            self.rules.exhaust(process.out_of_money())

    def _record(self, result: StepResult) -> StepResult:
        """8. What the step brought is seen by rules and written by the recorder; neither changes anything."""
        self._last = result
        self._under_way.note(result)
        self._seen = self.case.observer.seen(result) if self.rules else None
        self.time += 1
        self.recorder.record(result)
        return result
