"""A strike that tires: its force follows what it has cost, member by member, through a checkpoint, too."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from sim.engine import Simulation
from sim.world.world import World
from tests.engine_events import PlainScenario
from tests.instruments.acting import event

USUAL = 1000.0 / 12
"""Tonnes of clay that the Chinese mine makes in a month."""


def run(world: World, *, members: Any = 1, kind: str = "tiring_strike", **fields: Any) -> Simulation:
    given = {"countries": ["CHN"], "goods": ["clay"], "loss": "60 %", "from": dt.date(2024, 4, 1)}
    strike = event(kind, id="strike", **given | (fields or {"patience": "100 t"}))
    scenario: Any = PlainScenario(events=(strike,), end=dt.date(2025, 6, 30))
    return Simulation(world, scenario, members=members, seed=7)


def clay(world: World, made: Simulation) -> np.ndarray:
    """(steps, M) tonnes that the Chinese mine makes."""
    mine = world.facilities.index("mine_china")
    at = np.flatnonzero((world.offer_facility == mine) & (world.offer_good == 0))
    return np.array([made.step().output[:, at[0]] for _ in range(made.time, made.steps)])


def test_its_force_fades_with_what_it_has_cost(small_world: World) -> None:
    made = clay(small_world, run(small_world))[:, 0]
    assert made[:3] == pytest.approx(USUAL)
    assert made[3] == pytest.approx(0.4 * USUAL)
    lost = 0.6 * USUAL
    assert made[4] == pytest.approx((1 - 0.6 / (1 + lost / 100)) * USUAL, rel=0.03)
    assert (np.diff(made[3:9]) > 0).all()


def test_one_that_never_tires_is_a_plain_strike(small_world: World) -> None:
    tireless = clay(small_world, run(small_world, patience="1000000000000 t"))
    plain = clay(small_world, run(small_world, kind="strike", length="2 years"))
    np.testing.assert_allclose(tireless, plain, rtol=1e-6)


def test_what_it_cost_stands_in_the_ledger(small_world: World) -> None:
    made = run(small_world, members=3)
    data = made.run()
    (strikers,) = made.actors.processes
    flow = data.event_flow.sel(event="strike").values
    assert not flow[:, :3].any()
    assert flow.sum(1) == pytest.approx(strikers.arrays()["strike"], rel=1e-5)
    assert (flow.sum(1) > 100).all()


def test_each_member_tires_alone(small_world: World) -> None:
    loss = {"uniform": ["40 %", "80 %"]}
    together = clay(small_world, run(small_world, members=[0, 1, 2], loss=loss, patience="100 t"))
    alone = clay(small_world, run(small_world, members=[2], loss=loss, patience="100 t"))
    assert not np.array_equal(together[:, 1], together[:, 2])
    np.testing.assert_array_equal(alone[:, 0], together[:, 2])


def test_it_goes_on_as_tired_as_it_was(small_world: World) -> None:
    whole = clay(small_world, run(small_world, members=2))
    made = run(small_world, members=2)
    for _ in range(7):
        made.step()
    resumed = Simulation.resume(made.checkpoint(), world=small_world)
    np.testing.assert_array_equal(clay(small_world, resumed), whole[7:])
