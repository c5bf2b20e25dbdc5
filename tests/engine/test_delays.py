# ruff: noqa: E501 (events are written in one line each)
"""Delays at sea that differ by member, runs shorter than the longest lag, and members that run alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from sim.engine import Simulation
from sim.scenario import Scenario, load_scenario
from sim.world.load import load_world
from sim.world.world import World

pytestmark = pytest.mark.usefixtures("few_rounds")
LATER = "f: {type: freight_shock, from: 2024-04-01, assumption: true, "
DELAYS = {
    "drawn": [LATER + "delay: {uniform: [10 days, 40 days]}}"],
    "by chance": [LATER + "delay: 30 days, probability: 50 %}"],
    "shorter by chance": [LATER + "delay: {choice: [-10 days, 45 days]}, probability: 50 %, exporters: CHN}"],
    "by a rule": [
        LATER + "delay: 30 days, dormant: true}",
        "rule: {type: reaction_rule, by: USA, action: scale, step: 30 %, times: 3, events: [f], from: 2024-02-01, trigger: {price: [tantalum], above: 100 %}, assumption: true}",
    ],
    "two": [
        LATER + "delay: {uniform: [10 days, 40 days]}}",
        "g: {type: freight_shock, from: 2024-05-01, delay: {uniform: [5 days, 1 years]}, one_way: true, importers: USA, assumption: true}",
    ],
}


@pytest.fixture(scope="module")
def world() -> World:
    return load_world(2024)


def scenario(
    folder: Path, events: list[str], time: str = "start: 2024-01, end: 2024-09", mineral: str = "tantalum"
) -> Scenario:
    lines = "\n".join(f"  {event}" for event in events) or "  {}"
    head = f"format: 2\nname: case\ntitle: A case\nbase_year: 2024\nminerals: [{mineral}]\ntime: {{{time}}}\n"
    (folder / "case.yaml").write_text(f"{head}events:\n{lines}\n")
    return load_scenario(folder / "case.yaml")


def same(one: xr.Dataset, other: xr.Dataset) -> None:
    for name, values in one.data_vars.items():
        if "member" in values.dims:
            theirs = other[name].sel(member=values.member)
            np.testing.assert_array_equal(values.values, theirs.values, err_msg=str(name))


@pytest.mark.parametrize("kind", sorted(DELAYS))
@pytest.mark.parametrize("step", ["month", "week"])
def test_a_delay_that_differs_by_member(world: World, tmp_path: Path, kind: str, step: str) -> None:
    """Nothing is lost on the way, and a member is the same alone."""
    time = f"start: 2024-01-01, end: 2024-0{9 if step == 'month' else 5}-30, step: {step}"
    case = scenario(tmp_path, DELAYS[kind], time)
    simulation = Simulation(world, case, members=5, seed=4)
    under_way = []
    while simulation.time < simulation.steps:
        before = simulation.state.buyer_stock + simulation.state.transit.sum(0)
        result = simulation.step()
        held = before + result.purchases - result.consumed
        now = simulation.state.buyer_stock + simulation.state.transit.sum(0)
        np.testing.assert_allclose(now, held, rtol=1e-11, atol=1e-11 * held.max())
        under_way.append(simulation.state.transit.sum((0, 2)))
    together = simulation.recorder.dataset()
    assert len(np.unique(np.array(under_way)[-1])) > 1
    calm = Simulation(world, scenario(tmp_path, [], time), members=5, seed=4).run()
    assert not np.array_equal(calm.buyer_stock, together.buyer_stock)
    for member in (0, 4):
        same(Simulation(world, case, members=[member], seed=4).run(), together)


def test_delays_that_a_design_sets(world: World, tmp_path: Path) -> None:
    """As if each member had a scenario of its own."""
    case = scenario(tmp_path, [LATER + "delay: 20 days}"])
    delays = np.array([-10, 0, 20, 90]) / 365.25
    design = Simulation(world, case, members=[0] * 4, seed=1, values={"events.f.delay": delays}).run()
    for position, days in enumerate((-10, 0, 20, 90)):
        alone = Simulation(world, scenario(tmp_path, [LATER + f"delay: {days} days}}"]), seed=1).run()
        for name in ("price_gate", "buyer_stock", "purchases", "shortfall"):
            np.testing.assert_array_equal(design[name][position], alone[name][0], err_msg=name)


@pytest.mark.parametrize(
    "time",
    [
        "start: 2024-01-01, end: 2024-01-28, step: week",
        "start: 2024-01-01, end: 2024-01-02, step: week",
        "start: 2024-01, end: 2024-06",
    ],
)
def test_a_run_shorter_than_its_longest_lag(world: World, tmp_path: Path, time: str) -> None:
    """Imports of the steps that were run are those of a longer run."""
    for events in ([], ["f: {type: freight_shock, from: 2024-01-01, delay: 8 months, assumption: true}"]):
        short = Simulation(world, scenario(tmp_path, events, time), members=2).run()
        longer = time.replace("2024-06", "2025-06").replace("2024-01-28", "2024-12-28")
        longer = longer.replace("2024-01-02", "2024-12-28")
        long = Simulation(world, scenario(tmp_path, events, longer), members=2).run()
        steps = len(short.time)
        assert len(long.time) > 12 > steps
        for name in ("imports", "import_value", "exports", "purchases"):
            np.testing.assert_array_equal(short[name], long[name][:, :steps], err_msg=name)
        assert float(short.imports.isel(time=0).sum()) > 0


@pytest.mark.parametrize("members", [1, 2, 5, 9])
def test_one_member_runs_where_many_do(world: World, tmp_path: Path, members: int) -> None:
    """A ceiling on a good whose sellers fill no size class, alone and as the last of a block."""
    licence = "f: {type: export_licence, by: CHN, goods: [cobalt], stages: [refined], approval_share: 40 %, delay: 30 days, from: 2024-02-01, assumption: true}"
    case = scenario(tmp_path, [licence], "start: 2024-01, end: 2024-06", "cobalt")
    together = Simulation(world, case, members=members, seed=3).run()
    assert bool(together.certified.all())
    same(Simulation(world, case, members=[members - 1], seed=3).run(), together)


def test_resume_into_longer_delays(world: World, tmp_path: Path) -> None:
    """A checkpoint has the lags of its run; what goes on from it may need more, by member."""
    simulation = Simulation(world, scenario(tmp_path, []), members=3, seed=4)
    for _ in range(2):
        simulation.step()
    checkpoint = simulation.checkpoint()
    case = scenario(tmp_path, DELAYS["two"])
    onward = Simulation.resume(checkpoint, case, world).run()
    whole = Simulation(world, case, members=3, seed=4).run()
    for name in ("price_gate", "buyer_stock", "imports", "import_value"):
        np.testing.assert_array_equal(onward[name], whole[name][:, 2:], err_msg=name)
