"""Runs and sweeps whose markets machine code clears: resumed, alone, in two processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.engine import Simulation
from sim.errors import MonaziteError
from sim.scenario import Scenario, load_scenario
from sim.sweep.execute import execute
from sim.sweep.executors import ExecutorSettings
from sim.world.load import load_world
from tests.engine.busy_run import WAYS
from tests.steps import bits, differing
from tests.sweep.stores import BAN, LOCAL, QUICK, differences, quick_plan, snapshot

pytest.importorskip("numba", reason="RUNS OF THE COMPILED ENGINE ARE NOT TESTED: pip install '.[fast]'")

HALF, STEPS = 3, 6
COMPILED = "engine=compiled"


def scenario(*overrides: str) -> Scenario:
    return load_scenario("baseline-2024", [*QUICK, BAN, *overrides])


def begun(asked: Scenario, members: int | list[int] = 3) -> Simulation:
    return Simulation(load_world(asked.base_year, asked.tables), asked, members=members, seed=1)


@pytest.mark.parametrize("way", WAYS)
def test_it_goes_on_with_the_same_bits(way: str, tmp_path: Path) -> None:
    run = begun(scenario(COMPILED))
    for _ in range(HALF):
        run.step()
    other = WAYS[way](run, tmp_path)
    for _ in range(HALF, STEPS):
        one, again = run.step(), other.step()
        assert again.clearing.market.engine == "compiled"
        assert differing(bits(one), bits(again)) == []


def test_a_member_has_the_same_bits_alone() -> None:
    together, alone = begun(scenario(COMPILED), [0, 1, 2]), begun(scenario(COMPILED), [1])
    for _ in range(STEPS):
        one, other = together.step(), alone.step()
        for name in ("output", "purchases", "buyer_stock", "seller_stock"):
            assert getattr(one, name)[1].tobytes() == getattr(other, name)[0].tobytes(), name
        assert one.clearing.price[1].tobytes() == other.clearing.price[0].tobytes()


@pytest.mark.slow
def test_two_processes_make_the_store_of_one(tmp_path: Path) -> None:
    plan = quick_plan(members=6, overrides=[BAN, COMPILED])
    one = execute(plan, tmp_path / "one", LOCAL)
    two = execute(plan, tmp_path / "two", ExecutorSettings("processes", workers=2, batch=2))
    assert one.complete
    assert two.complete
    assert differences(snapshot(two.directory), snapshot(one.directory)) == []
    assert plan.id != quick_plan(members=6, overrides=[BAN]).id, "the engine is part of what a sweep is"


def test_an_engine_that_is_not_there_is_refused() -> None:
    with pytest.raises(MonaziteError, match="engine"):
        scenario("engine=quick")
