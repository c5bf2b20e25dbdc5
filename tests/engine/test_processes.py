"""Events with a memory: what they see of a step, how they act on the next, what is booked and kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from sim.arrays import FloatArray
from sim.controls import Controls
from sim.engine import Simulation
from sim.instruments.process import Ended, Process, Setting
from sim.units import Amount
from sim.world.world import World
from tests.engine_events import PlainEvent, PlainScenario

START = dt.date(2024, 4, 1)
HALF = 500.0
"""Tonnes that take away half of the force."""


class Fading(Process):
    """All clay mines make less, by a share that fades with the tonnes missing so far."""

    name = "fading"

    def __init__(self, events: Sequence[Any], setting: Setting) -> None:
        self.events, self.setting = events, setting
        self.lost = np.zeros((setting.members, len(events)))
        self.missing = np.zeros((setting.members, len(setting.world.offer_good)))

    def act(self, controls: Controls, shares: Mapping[str, Amount]) -> None:
        for position, event in enumerate(self.events):
            force = event.loss * HALF / (HALF + self.lost[:, position])
            controls.scale_output(event.offers(controls.world), 1 - shares[event.id] * force)

    def after(self, ended: Ended) -> None:
        usual = self.setting.benchmark.normal_output * self.setting.step_years
        mines = self.events[0].offers(self.setting.world)
        active = np.asarray(ended.shares[self.events[0].id]).reshape(-1, 1) > 0
        self.missing = np.where(active & mines, np.maximum(usual - ended.output, 0.0), 0.0)
        self.lost = self.lost + self.missing.sum(1)[:, None]

    def moved(self) -> Mapping[str, FloatArray]:
        row = np.zeros((len(self.lost), len(self.setting.world.goods)))
        row[:, 0] = -self.missing.sum(1)
        return {self.events[0].id: row}

    def arrays(self) -> dict[str, FloatArray]:
        return {"lost": self.lost}

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        self.lost = arrays.get("lost", self.lost)


@dataclass(frozen=True)
class FadingStrike(PlainEvent):
    loss: float
    id: str = "strike"
    from_: dt.date = START
    until: dt.date | None = None
    announced: dt.date | None = None
    type: str = "fading"
    probability: None = None
    longest_delay_at_sea: float = 0.0
    dormant: bool = False
    scalable: bool = False

    def phase(self, start: dt.date, end: dt.date) -> object:
        return None

    def own_phase(self, start: dt.date, end: dt.date) -> float:
        return 0.0

    def sentence(self) -> str:
        return "a strike"

    def activity(self, start: dt.date, end: dt.date) -> float:
        return float(start >= self.from_)

    def offers(self, world: World) -> np.ndarray:
        return world.offer_good == 0

    def restricts(self, controls: Controls) -> np.ndarray:
        return controls.no_links()

    def apply(self, controls: Controls, share: float) -> None:
        controls.touched_offers[self.id] = self.offers(controls.world)

    @classmethod
    def process(cls, events: Any, setting: Any) -> Any:
        return Fading(events, setting)


def simulation(world: World, *, members: Any = 3, loss: float = 0.8) -> Simulation:
    scenario: Any = PlainScenario(events=(FadingStrike(loss),), end=dt.date(2025, 12, 31))
    return Simulation(world, scenario, members=members, seed=7)


def outputs(made: Simulation, world: World) -> FloatArray:
    """(steps, M) clay made."""
    rows = []
    while made.time < made.steps:
        rows.append(made.step().output[:, world.offer_slice(0)].sum(1))
    return np.array(rows)


def test_what_is_remembered_acts_on_the_next_step(small_world: World) -> None:
    made = simulation(small_world)
    clay = outputs(made, small_world)
    usual = 1400 / 12
    assert clay[:3, 0] == pytest.approx(usual)
    assert clay[3, 0] == pytest.approx(0.2 * usual)
    lost = 0.8 * usual
    # The price has risen, and rates with it, as far as a mine's can in a month: by a twelfth of `ramp_limit`.
    made_again = usual * (1 - 0.8 * HALF / (HALF + lost))
    assert made_again < clay[4, 0] < made_again * (1 + 0.36 / 12)
    assert (np.diff(clay[3:9, 0]) > 0).all()


def test_what_it_took_is_booked(small_world: World) -> None:
    made = simulation(small_world)
    data = made.run()
    (process,) = made.actors.processes
    assert isinstance(process, Fading)
    flow = data.event_flow.sel(event="strike").values
    assert not flow[:, :3].any()
    assert flow.sum(1) == pytest.approx(process.lost[:, 0], rel=1e-5)
    np.testing.assert_array_equal(data.event_change.sel(event="strike").values, -flow)
    value = data.event_flow_usd.sel(event="strike").values
    assert value == pytest.approx(flow * data.price_gate.sel(good="clay").values, rel=1e-5)


def test_members_remember_for_themselves(small_world: World) -> None:
    together = outputs(simulation(small_world, members=[0, 1, 2]), small_world)
    alone = outputs(simulation(small_world, members=[2]), small_world)
    assert not np.array_equal(together[:, 1], together[:, 2])
    np.testing.assert_array_equal(alone[:, 0], together[:, 2])


def test_a_checkpoint_holds_what_is_remembered(small_world: World) -> None:
    whole = outputs(simulation(small_world), small_world)
    made = simulation(small_world)
    for _ in range(8):
        made.step()
    went_on = Simulation.resume(made.checkpoint(), world=small_world)
    np.testing.assert_array_equal(outputs(went_on, small_world), whole[8:])
