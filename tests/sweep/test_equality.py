"""The same bytes from every executor, batch and number of workers; the same member alone or in a thousand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import sim
from sim.sweep import open_sweep
from sim.sweep.execute import execute
from sim.sweep.executors import ExecutorSettings
from sim.sweep.kept import SweepRecorder
from sim.sweep.plan import Plan, make_plan
from sim.sweep.request import Keeping, Request, Sampling
from sim.sweep.work import simulate
from tests.sweep.stores import BAN, BOOM, LOCAL, QUICK, differences, quick_plan, snapshot

SAMPLING = Sampling("lhs", samples=5, seeds=2)


@pytest.mark.parametrize(
    "settings",
    [
        ExecutorSettings("local", batch=1),
        ExecutorSettings("local", batch=3),
        ExecutorSettings("processes", workers=3, batch=2),
    ],
    ids=lambda s: f"{s.executor}-{s.workers}-{s.batch}",
)
def test_executors_batches_and_workers(
    plan: Plan, undisturbed: dict[str, bytes], out: Path, settings: ExecutorSettings
) -> None:
    report = execute(plan, out, settings)
    assert report.complete
    assert differences(snapshot(report.directory), undisturbed) == []


@pytest.fixture(scope="module")
def run_of_the_plan() -> xr.Dataset:
    """What ``monazite run`` says of the members of the plan."""
    return sim.run("baseline-2024", *QUICK, members=22, seed=1)


def test_submitit(out: Path, tmp_path: Path) -> None:
    small = quick_plan(members=6)
    here = execute(small, tmp_path / "here", LOCAL)
    there = execute(small, out, ExecutorSettings("submitit-local", 2))
    assert differences(snapshot(there.directory), snapshot(here.directory)) == []


def test_values_that_differ_by_member_do_not_depend_on_the_batch(out: Path, tmp_path: Path) -> None:
    vary = {
        "events.ban.probability": ["20 %", "90 %"],
        "events.boom.level": ["80 %", "150 %"],
        "assumptions.thrift_speed": {"uniform": [0.2, 0.6]},
    }
    overrides = [*QUICK, BAN, "events.ban.probability='50 %'", BOOM]
    plan = make_plan(Request(["baseline-2024"], overrides, vary, SAMPLING, keeping=Keeping(block=8)))
    one = execute(plan, out, ExecutorSettings("local", batch=1))
    all_at_once = execute(plan, tmp_path / "other", ExecutorSettings("local", batch=8))
    assert one.failed == ()
    assert differences(snapshot(one.directory), snapshot(all_at_once.directory)) == []


def test_elasticities_that_differ_by_member_do_not_depend_on_the_batch(out: Path, tmp_path: Path) -> None:
    vary = {
        "assumptions.sourcing_elasticity": {"uniform": [3.0, 9.0]},
        "assumptions.sourcing_elasticity.gallium": [2.5, 6.0],
        "assumptions.instant_elasticity": {"uniform": [0.6, 2.0]},
        "assumptions.urgent_elasticity": [3.0, 6.0],
        "assumptions.storage_limit": {"uniform": [2.0, 8.0]},
    }
    plan = make_plan(Request(["baseline-2024"], [*QUICK, BAN], vary, SAMPLING, keeping=Keeping(block=8)))
    one = execute(plan, out, ExecutorSettings("local", batch=1))
    all_at_once = execute(plan, tmp_path / "other", ExecutorSettings("local", batch=8))
    assert one.failed == ()
    assert differences(snapshot(one.directory), snapshot(all_at_once.directory)) == []


def test_store_holds_what_a_run_of_the_same_members_says(
    finished_store: Path, run_of_the_plan: xr.Dataset
) -> None:
    stored, run = open_sweep(finished_store).dataset("baseline-2024"), run_of_the_plan
    for name in ("price_gate", "price_inside", "price_outside", "rent", "hhi_owners"):
        np.testing.assert_allclose(stored[name].values, run[name].values, rtol=1e-4, atol=1e-7)
    for name, axis in (
        ("production", "offer"),
        ("seller_stock", "offer"),
        ("shortfall", "need"),
        ("requirement", "need"),
    ):
        for good in stored["good"].values.astype(str):
            there = stored[name].values[..., stored[f"{axis}_good"].values.astype(str) == good].sum(-1)
            here = run[name].values[..., run[f"{axis}_good"].values.astype(str) == good].sum(-1)
            np.testing.assert_allclose(there, here, rtol=2e-4, atol=1e-3)
    outcomes = open_sweep(finished_store).outcomes()
    np.testing.assert_allclose(
        outcomes["peak_price_outside"].values, run["price_outside"].values.max(1), rtol=1e-4
    )
    assert bool(stored["certified"].values.all())
    moved = stored["flow_year"].values.sum(axis=(1, 2))
    assert moved.min() > 0


def test_flow_quantiles_are_those_of_a_run(finished_store: Path, run_of_the_plan: xr.Dataset) -> None:
    table = pd.read_parquet(finished_store / "baseline-2024" / "tables" / "flows.parquet")
    middle = table[table["statistic"] == "p50"].set_index(["good", "exporter", "importer"])["value"]
    run = run_of_the_plan
    flow = run["flow"].sel(quantile=0.5).isel(year=0)
    labels = (run[f"link_{n}"].values.astype(str) for n in ("good", "exporter", "importer"))
    compared = 0
    for good, exporter, importer, value in zip(*labels, flow.values, strict=True):
        if value > 1.0:
            assert middle[good, exporter, importer] == pytest.approx(float(value), rel=1e-3)
            compared += 1
    assert compared > 10


def test_member_alone_is_the_member_of_the_sweep(plan: Plan, finished_store: Path) -> None:
    (variant,) = plan.variants
    simulation = simulate(variant.scenario, [17], [1], {})
    while simulation.time < simulation.steps:
        simulation.step()
    assert isinstance(simulation.recorder, SweepRecorder)
    alone = simulation.recorder.finish()["price_outside"][0]
    stored = open_sweep(finished_store).dataset("baseline-2024")["price_outside"].values[17]
    np.testing.assert_allclose(stored, alone, rtol=2**-13)


def test_full_keeps_every_bit_and_flows_of_every_step(out: Path) -> None:
    plan = quick_plan(members=3, keeping=Keeping(4, full=True, every_flow=True))
    report = execute(plan, out, LOCAL)
    data = open_sweep(report.directory).dataset("baseline-2024")
    (variant,) = plan.variants
    simulation = simulate(variant.scenario, [0, 1, 2], [1, 1, 1], {}, every_flow=True)
    while simulation.time < simulation.steps:
        simulation.step()
    assert isinstance(simulation.recorder, SweepRecorder)
    kept = simulation.recorder.finish()
    assert np.array_equal(data["price_outside"].values, kept["price_outside"])
    np.testing.assert_allclose(
        data["flow_step"].values.sum(1), data["flow_year"].values.sum(1), rtol=1e-5, atol=1e-4
    )


def test_seeds_of_their_own_are_the_seeds_of_runs(out: Path) -> None:
    plan = quick_plan(members=None, cases=[(1, 5), (1, 6), (2, 5)])
    report = execute(plan, out, LOCAL)
    prices = open_sweep(report.directory).dataset("baseline-2024")["price_gate"].values
    for row, (number, seed) in enumerate([(1, 5), (1, 6), (2, 5)]):
        run = sim.run("baseline-2024", *QUICK, members=3, seed=seed)
        np.testing.assert_allclose(prices[row], run["price_gate"].values[number], rtol=1e-4)
