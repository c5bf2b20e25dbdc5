"""Projects in runs: when they begin, are built, idle and end, and that money and tonnes add up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from sim.engine import Simulation
from sim.world.projects import STAGES
from sim.world.world import World
from tests.projects_world import event, project_world, projects_of, simulation

PROSPECT, PERMITTED, BUILDING, OPERATING, MOTHBALLED, CLOSED, CANCELLED = range(len(STAGES))
pytestmark = pytest.mark.usefixtures("few_rounds")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A cheap mine that is built as the run begins; a separator and a plant that may be."""
    mine = {"stage": "building", "start": "2024.5", "capex_usd": "400000"}
    return project_world(tmp_path_factory.mktemp("projects"), mine=mine)


def stages(data: xr.Dataset, project: str) -> Any:
    return data.project_stage.sel(project=project).values


def test_what_does_not_run_has_no_capacity_and_what_is_built_runs(world: World) -> None:
    run = simulation(world, members=[0])
    mine = np.flatnonzero(world.offer_facility == world.facilities.index("mine_later"))
    assert run.state.capacity[0, mine] == 0
    data = run.run()
    stage = stages(data, "mine_later")[0]
    opened = int(np.argmax(stage == OPERATING))
    # The middle draw slips by ln 2 of the mean: 0.4 of the half-year that is left of the year it takes.
    assert 6 <= opened <= 9
    assert set(stage[:opened]) == {BUILDING}
    output = data.production.values[0][:, mine[0]]
    assert not output[: opened + 1].any()
    assert output[-1] > 0
    assert run.state.capacity[0, mine] == pytest.approx(100)


def test_cash_tonnes_and_stages_add_up(world: World) -> None:
    data = simulation(world, members=4, years=8).run()
    cash, moved = data.project_cash.values, data.project_margin - data.project_charges + data.project_put_in
    before = np.concatenate([np.zeros_like(cash[:, :1]), cash[:, :-1]], axis=1)
    np.testing.assert_allclose(cash - before, moved.values, atol=1e-6)
    left = data.reserve_left.sel(deposit="mine_later").values
    mine = world.offer_facility == world.facilities.index("mine_later")
    made = data.production.values[..., mine][..., 0].cumsum(1)
    np.testing.assert_allclose(left + made, 20 * 100, rtol=1e-6)
    stage = data.project_stage.values
    # Nobody runs who was not built, and who is given up or closed stays so.
    for last in (CLOSED, CANCELLED):
        ended = np.maximum.accumulate(stage == last, axis=1)
        assert (stage[ended] == last).all()


def test_a_member_is_the_same_alone_and_among_others(world: World) -> None:
    together = simulation(world, members=[0, 1, 2]).run()
    alone = simulation(world, members=[2]).run()
    for name in ("project_stage", "project_cash", "project_worth", "production", "reserve_left"):
        np.testing.assert_array_equal(together[name].values[2], alone[name].values[0], err_msg=name)


def test_a_run_goes_on_from_a_checkpoint(world: World) -> None:
    whole = simulation(world, members=2).run()
    run = simulation(world, members=2)
    for _ in range(20):
        run.step()
    rest = Simulation.resume(run.checkpoint(), world=world).run()
    for name in ("project_stage", "project_cash", "reserve_left", "price_gate"):
        np.testing.assert_array_equal(rest[name].values, whole[name].values[:, 20:], err_msg=name)


def test_capital_that_fears_risk_builds_later(tmp_path: Path) -> None:
    first = {}
    for name, risk in (("safe", "0"), ("risky", "1")):
        row = {"capex_usd": "4000000", "risk": risk}
        data = simulation(project_world(tmp_path / name, mine=row), members=range(20), years=9).run()
        begun = stages(data, "mine_later") >= BUILDING
        first[name] = np.where(begun.any(1), begun.argmax(1), begun.shape[1])
    assert (first["risky"] >= first["safe"]).all()
    assert first["risky"].mean() > first["safe"].mean() + 1


def test_an_empty_mine_stays_empty(tmp_path: Path) -> None:
    mine = {"stage": "building", "start": "2024.1", "capex_usd": "1000", "life_years": "1"}
    world = project_world(tmp_path, mine=mine)
    data = simulation(world, members=2, years=7, grade_decline=0.0).run()
    left = data.reserve_left.values[..., 0]
    empty = left <= 1e-6
    assert empty[:, -1].all()
    mine_at = world.offer_facility == world.facilities.index("mine_later")
    output = data.production.values[..., mine_at][..., 0]
    first = empty.argmax(1)
    for member, step in enumerate(first):
        assert not output[member, step + 1 :].any()
        assert (stages(data, "mine_later")[member, step:] == CLOSED).all()
    np.testing.assert_allclose(output.sum(1), 100.0, rtol=1e-6)


def test_it_is_mothballed_before_it_is_closed(tmp_path: Path) -> None:
    mine = {"stage": "building", "start": "2024.1", "capex_usd": "1000"}
    # A cost far above any price: it opens, for its capital is spent, and stops.
    world = project_world(tmp_path, cost=60_000, mine=mine)
    data = simulation(world, members=2, years=8, project_idle_years=2.0, project_start_speed=1e-6).run()
    for row in stages(data, "mine_later"):
        order = [int(stage) for stage in dict.fromkeys(row.tolist())]
        assert order == [BUILDING, OPERATING, MOTHBALLED, CLOSED]


def test_what_is_dormant_is_touched_only_once_it_is_opened(tmp_path: Path) -> None:
    row = {"stage": "prospect", "dormant": "1", "permit_years": "0.2", "capex_usd": "100000"}
    world = project_world(tmp_path, mine=row)
    assert (stages(simulation(world).run(), "mine_later") == PROSPECT).all()
    opened = event("new_deposit", projects=["mine_later"], **{"from": "2026-01-01"})
    stage = stages(simulation(world, opened).run(), "mine_later")
    assert (stage[:, :24] == PROSPECT).all()
    assert (stage[:, -1] >= BUILDING).all()


def test_weeks_and_months_agree(world: World) -> None:
    """What is built opens on the same day, up to a step, and what is earned by then is alike."""
    opened, earned = {}, {}
    for step in ("month", "week"):
        data = simulation(world, members=range(4), years=4, step=step).run()
        stage = stages(data, "mine_later")
        days = data.time.values.astype("datetime64[D]").astype(float)
        assert (stage == OPERATING).any(1).all()
        opened[step] = days[(stage == OPERATING).argmax(1)]
        # Of the central run: chance has other paths in weeks.
        earned[step] = data.project_margin.sel(project="mine_later", member=0).values.sum()
    np.testing.assert_allclose(opened["week"], opened["month"], atol=32)
    np.testing.assert_allclose(earned["week"], earned["month"], rtol=0.02)


def test_a_long_boom_brings_a_glut(tmp_path: Path) -> None:
    """Mines that are begun while prices are high are there when they are not: half the peak, idle mines."""
    mine = {"capex_usd": "8500000", "build_years": "2", "permit_years": "0.1"}
    world = project_world(tmp_path, cost=8_000, copies=9, mine=mine)
    boom = event("demand_shock", level="120 %", **{"from": "2025-01-01", "until": "2030-12-31"})
    runs = [
        simulation(world, *events, members=range(1, 9), years=11, expansion_speed=0.0).run()
        for events in ((boom,), ())
    ]
    price, usual = (one.price_gate.values[..., 0] / 20_000 for one in runs)
    high, later = price[:, 12:84].max(1), price[:, 84:].mean(1)
    assert np.median(high) > 1.4
    assert np.median(later / high) < 0.55
    assert np.median(later) < np.median(usual[:, 84:].mean(1))
    idled, calm = ((one.project_stage.values == MOTHBALLED).any(1).sum() for one in runs)
    assert idled > calm


def test_a_world_without_projects_knows_nothing_of_them(small_world: World) -> None:
    """A world without projects has no process for them, and its results no variable."""
    run = simulation(small_world, years=1)
    assert run.actors.processes == []
    assert not [name for name in run.run().data_vars if name.startswith(("project_", "reserve_", "fund_"))]


def test_what_waits_comes_at_its_rate_whatever_the_step(world: World) -> None:
    """The draws are exponential with mean 1, the same for every run of the seed."""
    draws = projects_of(simulation(world, members=range(1, 400)))._chance
    for name, values in draws.items():
        assert values.mean() == pytest.approx(1, abs=0.1), name
    again = projects_of(simulation(world, members=range(1, 400)))._chance
    np.testing.assert_array_equal(draws["start"], again["start"])


def test_an_old_mine_empties_where_its_reserves_are_known(tmp_path: Path) -> None:
    """Reserves of the register bind mines that stand; tonnes made and tonnes left add up to them."""

    def run(reserves: int) -> tuple[World, xr.Dataset]:
        folder = tmp_path / str(reserves)
        folder.mkdir()
        (folder / "register.csv").write_text(
            f"mine,facility,base_year,reserves_t\nAbroad,mine_abroad,2024,{reserves}\n"
            "Other,mine_china,2022,1\n,,,\n",
            encoding="utf-8",
        )
        world = project_world(folder)
        return world, simulation(world, members=3, years=5, grade_decline=0.0).run()

    world, data = run(900)
    assert data.deposit.values.tolist() == ["mine_abroad", "mine_later"]
    left = data.reserve_left.sel(deposit="mine_abroad").values
    mine = world.offer_facility == world.facilities.index("mine_abroad")
    output = data.production.values[..., mine][..., 0]
    np.testing.assert_allclose(left + output.cumsum(1), 900, rtol=1e-6)
    assert not left[:, -1].any()
    # It made 400 t a year: it is empty in the third year, and buyers pay more than where much is left.
    assert not output[:, 40:].any()
    price, usual = (of.price_gate.values[:, 40:, 0].mean(1) for of in (data, run(10**6)[1]))
    assert (price > 1.2 * usual).all()
