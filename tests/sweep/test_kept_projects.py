"""A sweep keeps of projects, public money and owners what a run does, and compares it alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from sim.analysis.compared_projects import project_facts, project_section, project_sentence
from sim.analysis.compared_shares import largest_shares, share_facts, shares_of
from sim.analysis.compared_states import state_facts
from sim.analysis.comparison import Key
from sim.results.store import load_run
from sim.sweep import ExecutorSettings, Request, Sweep, make_plan, run_plan
from sim.sweep.encode import unknown
from sim.sweep.kept import SweepRecorder
from sim.variables import VARIABLES
from sim.world.world import World
from tests.projects_world import event, project_world, simulation


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    mine = {"stage": "building", "start": "2024.5", "capex_usd": "400000"}
    return project_world(tmp_path_factory.mktemp("projects"), mine=mine)


def data(world: World, years: int = 3) -> tuple[xr.Dataset, xr.Dataset]:
    """The same run as a run and as a sweep keep it."""
    events = (
        event("investment_finance", projects=["mine_later"], form="grant", share="50 %"),
        event("price_floor", countries=["USA"], goods=["all"], price="110 %"),
        event("host_demands", by="USA", royalty="5 %"),
        event("export_promotion", by="CHN", goods=["magnet"], rate="5 %"),
    )
    whole = simulation(world, *events, members=3, years=years).run()
    made = simulation(world, *events, members=3, years=years)
    made.recorder = SweepRecorder(made.case, made.actors.families, made.actors.processes)
    while made.time < made.steps:
        made.step()
    labels = made.recorder.labels()
    kept = {name: (VARIABLES[name].axes, values) for name, values in made.recorder.finish().items()}
    swept = xr.Dataset(kept, coords=labels, attrs={**whole.attrs, "events": json.dumps([])})
    swept["time"] = whole["time"]
    return whole, swept


@pytest.fixture(scope="module")
def both(world: World) -> tuple[xr.Dataset, xr.Dataset]:
    return data(world)


def test_a_sweep_keeps_stages_by_step_and_money_as_sums(both: tuple[xr.Dataset, xr.Dataset]) -> None:
    whole, swept = both
    np.testing.assert_array_equal(swept["project_stage"], whole["project_stage"])
    for name, variable in VARIABLES.items():
        if variable.detail == "total":
            steps = whole[name.removesuffix("_total")].sum("time")
            np.testing.assert_allclose(swept[name], steps, rtol=1e-6)
    assert float(swept["project_invested_total"].sum()) > 0
    assert float(swept["host_royalty_total"].sum()) > 0
    years = whole["time"].dt.year
    for at, year in enumerate(np.unique(years)):
        sold = whole["sales"].isel(time=np.flatnonzero(years == year)).sum("time")
        np.testing.assert_allclose(swept["sales_year"][:, at].sum("owned"), sold.sum("offer"), rtol=1e-5)


def test_a_sweep_says_of_projects_what_a_run_says(both: tuple[xr.Dataset, xr.Dataset]) -> None:
    whole, swept = both
    for make in (lambda one: project_facts(one, one), state_facts):
        facts, kept = make(whole), make(swept)
        assert set(facts) == set(kept)
        for key in facts:
            np.testing.assert_allclose(kept[key], facts[key], rtol=1e-5, err_msg=str(key))
    assert Key("projects_running", place="USA") in project_facts(swept, None)
    assert project_sentence("a", swept, swept) == project_sentence("a", whole, whole)
    section = project_section(("base", swept), {"a": (swept, swept)}, "now")
    assert section is not None
    assert "  of owners in United States" in [row.name for row in section.rows]


def test_shares_by_country_and_owner_by_hand(both: tuple[xr.Dataset, xr.Dataset]) -> None:
    whole, swept = both
    last = np.flatnonzero(whole["time"].dt.year == int(whole["time"].dt.year[-1]))
    here = np.flatnonzero(whole["offer_good"].values.astype(str) == "magnet")
    cases = ("country_share", "production", "country"), ("owner_share", "sales", "firm")
    for measure, name, label in cases:
        tonnes = whole[name].isel(offer=here, time=last).values.astype(np.float64).sum(1)
        homes = whole[f"offer_{label}"].values.astype(str)[here]
        for kept in both:
            shares = shares_of(kept, "magnet")[measure]
            assert set(shares) == set(homes)
            for home, share in shares.items():
                expected = tonnes[:, homes == home].sum(1) / tonnes.sum(1)
                np.testing.assert_allclose(share, expected, rtol=1e-5, err_msg=f"{measure} {home}")
    run = shares_of(swept, "magnet")
    base = {measure: {k: v * 0.5 for k, v in of.items()} for measure, of in run.items()}
    facts = share_facts("magnet", run, base)
    name, share = next(iter(run["owner_share"].items()))
    np.testing.assert_allclose(facts[Key("owner_share_change", "magnet", owner=name)], share / 2)
    largest = largest_shares([facts], "country_share", "magnet")
    middle = {name: float(np.median(share)) for name, share in run["country_share"].items()}
    assert largest[0] == max(middle, key=lambda one: middle[one])


def test_of_a_member_that_failed_nothing_is_known(both: tuple[xr.Dataset, xr.Dataset]) -> None:
    broken = both[1].copy(deep=True)
    assert unknown(np.dtype(np.int8)) == -1
    broken["project_stage"][1] = -1
    facts = project_facts(broken, broken)
    counted = {key: values for key, values in facts.items() if key.measure.startswith("projects_r")}
    assert counted
    for values in counted.values():
        assert np.isnan(values).tolist() == [False, True, False]


def swept_with(overrides: list[str], out: Path) -> Sweep:
    plan = make_plan(Request(["baseline-2024"], overrides, members=2))
    return run_plan(plan, out, ExecutorSettings("local"))


def test_a_stored_sweep_has_projects_where_its_scenario_has(tmp_path: Path) -> None:
    asked = ["minerals=[gallium]", "time.end=2024-03", "+world.projects=all"]
    sweep = swept_with(asked, tmp_path)
    (variant,) = sweep.variants
    stored = load_run(sweep.directory / variant).dataset
    assert stored["project_stage"].dtype == np.int8
    assert stored["project_stage"].dims == ("member", "time", "project")
    assert stored["project_invested_total"].dims == ("member", "project")
    assert set(stored["owned_good"].values.astype(str)) == set(stored["offer_good"].values.astype(str))
    plain = swept_with(asked[:2], tmp_path)
    assert "project_stage" not in load_run(plain.directory / plain.variants[0]).dataset
