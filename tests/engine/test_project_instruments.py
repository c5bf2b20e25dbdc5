"""What instruments do to projects: in the right direction in every member, with money that adds up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from sim.agents.projects import annuity, value, years_paid
from sim.arrays import FloatArray
from sim.instruments.process import Promise
from sim.world.world import World
from tests.projects_world import event, project_world, projects_of, simulation

BUILDING, OPERATING, MOTHBALLED, CLOSED, CANCELLED = range(2, 7)
MEMBERS = range(12)
pytestmark = pytest.mark.usefixtures("few_rounds")
COST = "4000000"
"""Of the mine: it pays, but not at once in every member."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    mine = {"stage": "prospect", "permit_years": "2", "capex_usd": COST, "risk": "0.8"}
    return project_world(tmp_path_factory.mktemp("projects"), mine=mine)


@pytest.fixture(scope="module")
def alone(world: World) -> xr.Dataset:
    with pytest.MonkeyPatch.context() as patch:
        from tests.checks_of_runs import price_briefly

        price_briefly(patch)
        return simulation(world, members=MEMBERS, years=8).run()


def first(data: xr.Dataset, stage: int, project: str = "mine_later") -> FloatArray:
    """(M,) step in which a project first is of a stage, or one beyond the last."""
    reached = np.asarray(data.project_stage.sel(project=project).values == stage)
    found: FloatArray = np.where(reached.any(1), reached.argmax(1), reached.shape[1])
    return found


def with_(world: World, kind: str, **fields: Any) -> xr.Dataset:
    return simulation(world, event(kind, **fields), members=MEMBERS, years=8).run()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("investment_finance", {"form": "grant", "share": "50 %"}),
        ("investment_finance", {"form": "loan", "share": "80 %", "rate": "2 %/year"}),
        ("investment_finance", {"form": "guarantee", "share": "80 %"}),
        ("investment_finance", {"form": "equity", "share": "50 %"}),
        ("offtake", {"share": "80 %"}),
        ("permitting", {"change": "-80 %"}),
    ],
)
def test_what_helps_lets_each_member_start_sooner(
    world: World, alone: xr.Dataset, kind: str, fields: dict[str, str]
) -> None:
    data = with_(world, kind, projects=["mine_later"], **fields)
    helped, before = first(data, BUILDING), first(alone, BUILDING)
    assert (helped <= before).all()
    assert helped.sum() < before.sum()


def test_what_is_blocked_does_not_start(world: World, alone: xr.Dataset) -> None:
    assert (first(alone, BUILDING) < 96).any()
    blocked = with_(world, "investment_block", countries=["USA"])
    assert not (blocked.project_stage.sel(project="mine_later").values == BUILDING).any()


def test_know_how_that_is_kept_at_home_slows_plants_and_not_mines(tmp_path: Path) -> None:
    started = {"stage": "building", "start": "2025.0", "capex_usd": "1000"}
    world = project_world(tmp_path, mine=started, separator=started)
    before = simulation(world, members=MEMBERS, years=6).run()
    slow = simulation(
        world, event("technology_export_ban", by="CHN", slower="50 %"), members=MEMBERS, years=6
    ).run()
    assert (first(slow, OPERATING) == first(before, OPERATING)).all()
    plant = first(before, OPERATING, "separator_later"), first(slow, OPERATING, "separator_later")
    np.testing.assert_allclose(plant[1] + 1, 2 * (plant[0] + 1), atol=1.1)


@pytest.mark.parametrize("form", ["grant", "loan", "equity", "guarantee"])
def test_public_money_adds_up_and_can_run_out(world: World, form: str) -> None:
    rate = {"rate": "4 %/year"} if form == "loan" else {}
    made = event(
        "investment_finance", projects=["mine_later"], form=form, share="50 %", fund="1 million USD", **rate
    )
    run = simulation(world, made, members=MEMBERS, years=8)
    data = run.run()
    public = projects_of(run).money.public
    paid, promised = data.fund_paid.values[..., 0], data.fund_promised.values[..., 0]
    np.testing.assert_allclose(paid.sum(1), public.given.sum((1, 2)), atol=1e-6)
    np.testing.assert_allclose(data.fund_returned.values[..., 0].sum(1), public.back[:, 0], atol=1e-6)
    assert (promised <= 1e6 + 1e-6).all()
    assert (public.given <= public.promised + 1e-6).all()
    started = first(data, BUILDING) < 96
    # Half of four million does not fit: all of the fund is promised to who starts, and nothing to others.
    assert started.any()
    ended = data.project_stage.sel(project="mine_later").values[:, -1]
    runs = started & (ended != CANCELLED) & (ended != CLOSED)
    np.testing.assert_allclose(promised[runs, -1], 1e6)
    assert not promised[~started].any()
    built = first(data, OPERATING) < 96
    if form == "guarantee":
        assert not paid[runs].any()
    else:
        np.testing.assert_allclose(paid[built].sum(1), 1e6)
    if form in ("loan", "equity"):
        assert data.fund_returned.values[built].sum() > 0


def test_a_floor_pays_what_the_market_does_not(world: World) -> None:
    floor = event("price_floor", countries=["ROW"], goods=["clay"], price="130 %", **{"from": "2025-01-01"})
    data = simulation(world, floor, members=3, years=3).run()
    offers = (world.offer_good == 0) & (world.offer_country == world.countries.index("ROW"))
    due = 0.0
    run = simulation(world, floor, members=3, years=3)
    while run.time < run.steps:
        result = run.step()
        gap = np.maximum(1.3 - result.clearing.price[:, offers], 0) * result.output[:, offers]
        paid = (gap * 20_000.0).sum(1) if run.time > 12 else np.zeros(3)
        np.testing.assert_allclose(data.floor_paid.values[:, run.time - 1, 0], paid, rtol=1e-9, atol=1e-6)
        due = due + paid
    assert (due > 0).all()
    # Who is paid more makes more.
    without = simulation(world, members=3, years=3).run()
    more, made = (one.production.values[..., offers].sum((1, 2)) for one in (data, without))
    assert (more > made).all()


def test_a_fund_that_is_spent_pays_no_more(world: World) -> None:
    floor = event("price_floor", countries=["ROW"], goods=["clay"], price="150 %", fund="2 million USD")
    data = simulation(world, floor, members=3, years=3).run()
    paid = data.floor_paid.values[..., 0]
    np.testing.assert_allclose(paid.sum(1), 2e6)
    assert not paid[:, -12:].any()


def test_builders_count_on_a_floor_as_far_as_its_money_goes() -> None:
    """Promised for ten years, three before it runs: what others draw, and what it would draw itself."""
    none = np.zeros((4, 1))
    due, build, revenue = np.array([[0.5], [0.5], [0.5], [-0.2]]), np.full((4, 1), 3.0), np.array([2e6])
    left, pays = np.array([np.inf, 8e6, 8e6, 1.0]), np.array([5e6, 0.0, 1e6, 1e6])
    years = years_paid(Promise(due, 10.0, left, pays), due, build, revenue)
    # Without end; eight millions at one a year; five that are left by then at two; who pays in, pays on.
    np.testing.assert_allclose(years[:, 0], [7.0, 7.0, 2.5, 7.0])
    spent = Promise(due, 10.0, np.zeros(4), none[:, 0])
    np.testing.assert_allclose(years_paid(spent, due, build, revenue)[:3, 0], 0.0)
    rate, life, margin = np.full((4, 1), 0.1), np.array([20.0]), np.full((4, 1), 0.3)
    worth = value(rate, life, margin, [(due, years)])
    np.testing.assert_allclose(worth, annuity(rate, life) * margin + annuity(rate, years) * due)


def test_a_floor_with_hardly_any_money_starts_nobody(world: World, alone: xr.Dataset) -> None:
    whole, full, little = (
        first(with_(world, "price_floor", countries=["USA"], goods=["clay"], price="150 %", **fund), BUILDING)
        for fund in ({}, {"fund": "1 billion USD"}, {"fund": "1 USD"})
    )
    before = first(alone, BUILDING)
    assert whole.sum() < before.sum()
    np.testing.assert_array_equal(full, whole)
    np.testing.assert_array_equal(little, before)


def test_a_floor_saves_what_low_prices_stop(tmp_path: Path) -> None:
    mine = {"stage": "building", "start": "2024.2", "capex_usd": "1000"}
    world = project_world(tmp_path, cost=25_000, mine=mine)
    floor = event("price_floor", countries=["USA"], goods=["clay"], price="200 %")
    lost, kept = simulation(world, members=6).run(), simulation(world, floor, members=6).run()
    assert (lost.project_stage.sel(project="mine_later").values == MOTHBALLED).any(1).sum() > 3
    saved = kept.project_stage.sel(project="mine_later").values
    assert (saved[:, -1] == OPERATING).all()
    assert not (saved == MOTHBALLED).any()


def test_a_flood_cancels_more_than_none(tmp_path: Path) -> None:
    mine = {"stage": "building", "start": "2033.0", "build_years": "9", "capex_usd": "5000000"}
    world = project_world(tmp_path, mine=mine)
    flood = event("price_flooding", countries=["CHN", "ROW"], goods=["clay"], discount="60 %",
                  extra_output="15 %")  # fmt: skip
    cancelled = [
        (one.project_stage.sel(project="mine_later").values[:, -1] == CANCELLED)
        for one in (simulation(world, members=20).run(), simulation(world, flood, members=20).run())
    ]
    assert (cancelled[1] | ~cancelled[0]).all()
    assert cancelled[1].sum() > cancelled[0].sum()


def test_a_checkpoint_keeps_the_books_of_states(world: World) -> None:
    from sim.engine import Simulation

    events = (
        event("investment_finance", projects=["mine_later"], form="loan", share="50 %", rate="4 %/year",
              fund="1 million USD"),
        event("price_floor", countries=["ROW"], goods=["clay"], price="150 %", fund="2 million USD"),
    )  # fmt: skip
    whole = simulation(world, *events, members=3, years=5).run()
    run = simulation(world, *events, members=3, years=5)
    for _ in range(30):
        run.step()
    rest = Simulation.resume(run.checkpoint(), world=world).run()
    for name in ("fund_paid", "fund_promised", "fund_returned", "floor_paid", "project_cash"):
        np.testing.assert_array_equal(rest[name].values, whole[name].values[:, 30:], err_msg=name)
