"""Draws from the calibrated sample: rows stay together, weights count, what is given comes first."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2

from sim.agents.parameters import (
    Draws,
    Joint,
    Range,
    draw_behaviour,
    read_behaviour,
    read_priors,
    with_assumptions,
)
from sim.cli import main
from sim.distributions import Distribution
from sim.engine import Simulation
from sim.errors import MonaziteError
from sim.paths import world_directory
from sim.scenario import load_scenario
from sim.sweep import open_sweep
from sim.sweep.execute import execute
from sim.sweep.executors import ExecutorSettings
from sim.sweep.plan import make_plan, scenario_digest
from sim.sweep.request import Keeping, Request
from sim.world.load import load_world
from sim.world.world import World

HEAD = "parameter,scope,value,low,high,prior_low,prior_high,held,draw,unit,source,confidence\n"
TABLE = (
    HEAD
    + "speed,all,3,2,5,1,8,no,3,1/year,s,assumption\n"
    + "cover,all,1,0.7,1.3,0.5,2,no,0,1,s,assumption\n"
    + "other,all,1,0.5,2,,,no,1,1,s,assumption\n"
    + "supply_elasticity,all,0.3,0.1,0.5,,,no,2,1,s,assumption\n"
)
ROWS = ((2.0, 0.9, 1.0), (4.0, 0.6, 3.0), (7.0, 1.9, 4.0), (5.0, 1.0, 0.0))
"""Speed, cover, weight; the last has none."""


def write(folder: Path, sample: str | None = None, table: str = TABLE) -> Path:
    (folder / "behaviour.csv").write_text(table)
    if sample is None:
        sample = "speed,cover,weight\n" + "".join(f"{a},{b},{w}\n" for a, b, w in ROWS)
    (folder / "posterior.csv").write_text(sample)
    return folder / "behaviour.csv"


def test_members_take_whole_rows_and_the_central_run_takes_the_values(
    tmp_path: Path, small_world: World
) -> None:
    drawn = draw_behaviour(small_world, read_behaviour(write(tmp_path)), Draws(range(300), 5))
    pairs = list(zip(drawn["speed"][:, 0].tolist(), drawn["cover"][:, 0].tolist(), strict=True))
    assert pairs[0] == (3.0, 1.0)
    assert set(pairs[1:]) == {row[:2] for row in ROWS[:3]}


def test_rows_come_as_often_as_their_weights_say(tmp_path: Path, small_world: World) -> None:
    members = 4000
    drawn = draw_behaviour(small_world, read_behaviour(write(tmp_path)), Draws(range(1, members + 1), 7))
    seen = Counter(drawn["speed"][:, 0].tolist())
    expected = {speed: members * weight / 8 for speed, _, weight in ROWS if weight}
    assert set(seen) == set(expected)
    statistic = sum((seen[speed] - count) ** 2 / count for speed, count in expected.items())
    assert statistic < chi2.ppf(0.999, len(expected) - 1)


def test_all_other_parameters_are_what_they_are_without_a_sample(tmp_path: Path, small_world: World) -> None:
    path = write(tmp_path)
    joint = draw_behaviour(small_world, read_behaviour(path), Draws(range(20), 5))
    (tmp_path / "posterior.csv").unlink()
    table = read_behaviour(path)
    assert table["speed", "all"] == Range(3.0, 2.0, 5.0)
    plain = draw_behaviour(small_world, table, Draws(range(20), 5))
    for name in ("other", "supply_elasticity"):
        np.testing.assert_array_equal(joint[name], plain[name])
    assert (plain["speed"][1:] != joint["speed"][1:]).all()


def test_a_member_is_the_same_alone_in_any_batch_and_beside_other_seeds(
    tmp_path: Path, small_world: World
) -> None:
    table = read_behaviour(write(tmp_path))
    together = draw_behaviour(small_world, table, Draws(range(40), 5))
    for members, seeds in (([17], 5), ([30, 17, 2], 5), ([1, 17], [9, 5])):
        some = draw_behaviour(small_world, table, Draws(members, seeds))
        at = members.index(17)
        for name in ("speed", "cover", "other"):
            np.testing.assert_array_equal(some[name][at], together[name][17])


def test_an_assumption_takes_the_place_of_its_column_alone(tmp_path: Path, small_world: World) -> None:
    table = read_behaviour(write(tmp_path))
    free = draw_behaviour(small_world, table, Draws(range(50), 5))
    for assumed, bounds in ((2.5, (2.5, 2.5)), (Distribution("uniform", (10.0, 11.0)), (10.0, 11.0))):
        fixed = draw_behaviour(small_world, with_assumptions(table, {"speed": assumed}), Draws(range(50), 5))
        assert fixed["speed"].min() >= bounds[0]
        assert fixed["speed"].max() <= bounds[1]
        np.testing.assert_array_equal(fixed["cover"], free["cover"])


def test_a_design_takes_the_place_of_a_column_alone(tmp_path: Path, small_world: World) -> None:
    table = read_behaviour(write(tmp_path))
    given = np.linspace(1, 2, 6)
    draws = Draws(range(6), 5, {"assumptions.speed": given})
    drawn = draw_behaviour(small_world, table, draws)
    np.testing.assert_array_equal(drawn["speed"][:, 0], given)
    free = Draws(range(6), 5)
    np.testing.assert_array_equal(drawn["cover"], draw_behaviour(small_world, table, free)["cover"])
    # What was drawn is recorded under its path, as for every other parameter.
    np.testing.assert_array_equal(draws.values["assumptions.speed"], given)
    assert set(free.values["assumptions.speed"][1:]) <= {row[0] for row in ROWS[:3]}


def test_a_row_is_as_wide_as_its_weight() -> None:
    joint = Joint(0.0, (1.0, 2.0, 3.0), (0.25, 0.25, 1.0))
    assert [joint.quantile(u) for u in (0.0, 0.2499, 0.25, 0.999999)] == [1.0, 1.0, 3.0, 3.0]
    assert joint.bounds == (1.0, 3.0)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ("speed,pace,weight\n1,1,1\n",
         ": column 'pace' is no parameter of behaviour.csv; rebuild with 'make data'"),
        ("speed,cover\n1,1\n", ":1: column 'weight' is missing; rebuild with 'make data'"),
        ("", ":1: column 'weight' is missing; rebuild with 'make data'"),
        ("speed,weight\n", ": needs a row with a weight above 0; rebuild with 'make data'"),
        ("speed,weight\n1,0\n", ": needs a row with a weight above 0; rebuild with 'make data'"),
        ("speed,weight\n1,1\nx,1\n", ":3: speed: 'x' is not a number; write a number such as 0.25"),
        ("speed,weight\nnan,1\n", ":2: speed: 'nan' is not a number; write a number such as 0.25"),
        ("speed,weight\n1,-0.1\n1,1\n", ":2: weight: -0.1 is out of range; write 0 or more"),
        ("speed,weight\n1\n1,1\n", ":2: has cells: 1, columns: 2; write one cell for each column"),
    ],
)  # fmt: skip
def test_a_bad_sample_is_refused(tmp_path: Path, sample: str, message: str) -> None:
    with pytest.raises(MonaziteError) as caught:
        read_behaviour(write(tmp_path, sample))
    assert str(caught.value) == f"{tmp_path / 'posterior.csv'}{message}"


def test_priors_are_read_in_the_order_of_the_table(tmp_path: Path) -> None:
    assert list(read_priors(write(tmp_path)).items()) == [("speed", (1.0, 8.0)), ("cover", (0.5, 2.0))]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("speed,all,3,2,5,8,1,no,0,1,s,a", "prior_low: 8 is not below prior_high, 1; write the lower one "
         "first"),
        ("speed,all,3,2,5,,4,no,0,1,s,a", "prior_low: '' is not a number; write a number such as 0.25"),
        ("speed,copper,3,2,5,1,4,no,0,1,s,a", "scope: a parameter is searched for all minerals together; "
         "leave prior_low and prior_high of scope 'copper' empty"),
    ],
)  # fmt: skip
def test_bad_priors_are_refused(tmp_path: Path, row: str, message: str) -> None:
    path = write(tmp_path, table=HEAD + row + "\n")
    with pytest.raises(MonaziteError) as caught:
        read_priors(path)
    assert str(caught.value) == f"{path}:2: {message}"


def test_the_shipped_priors_hold_the_shipped_ranges() -> None:
    table = read_behaviour()
    priors = read_priors()
    assert len(priors) >= 4
    for name, (low, high) in priors.items():
        assert low <= table[name, "all"].central <= high, name


@pytest.fixture
def calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped world with a sample of two parameters beside it."""
    for path in world_directory().iterdir():
        if path.name != "posterior.csv":
            os.symlink(path, tmp_path / path.name)
    (tmp_path / "posterior.csv").write_text(
        "thrift_speed,cover_scale,weight\n0.25,1.25,1\n0.5,0.75,2\n0.3,1.1,1\n"
    )
    monkeypatch.setenv("MONAZITE_WORLD", str(tmp_path))
    return tmp_path


def test_runs_draw_from_the_sample_in_any_batch(calibrated: Path) -> None:
    overrides = ["minerals=[gallium]", "time.end=2024-03"]
    scenario = load_scenario("baseline-2024", overrides=overrides)
    world = load_world(2024)
    whole = Simulation(world, scenario, members=12, seed=3)
    pairs = {"thrift_speed", "cover_scale"}
    drawn_by_path = whole.case.draws.values
    rows = set(zip(*(drawn_by_path[f"assumptions.{name}"][1:] for name in sorted(pairs)), strict=True))
    assert rows <= {(1.25, 0.25), (0.75, 0.5), (1.1, 0.3)}
    assert len(rows) > 1
    part = Simulation(world, scenario, members=[5, 9], seed=3)
    np.testing.assert_array_equal(part.run()["price_gate"].values, whole.run()["price_gate"].values[[5, 9]])
    fixed = load_scenario("baseline-2024", overrides=[*overrides, "assumptions.cover_scale=0.9"])
    drawn = Simulation(world, fixed, members=12, seed=3)
    one, other = drawn.case.prepared.behaviour, whole.case.prepared.behaviour
    assert set(one["cover_scale"].ravel()) == {0.9}
    np.testing.assert_array_equal(one["thrift_speed"], other["thrift_speed"])


def test_another_sample_makes_another_sweep_but_not_another_search(calibrated: Path) -> None:
    scenario = load_scenario("baseline-2024")
    searched = ("behaviour.csv", "posterior.csv")
    before, besides = scenario_digest(scenario), scenario_digest(scenario, searched)
    (calibrated / "posterior.csv").write_text("thrift_speed,weight\n0.4,1\n")
    assert scenario_digest(scenario) != before
    assert scenario_digest(scenario, searched) == besides


def test_sweeps_and_reruns_give_the_members_of_runs(
    calibrated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = ["minerals=[gallium]", "time.end=2024-03"]
    plan = make_plan(Request(["baseline-2024"], overrides, members=6, seed=3, keeping=Keeping(block=2)))
    report = execute(plan, tmp_path / "out", ExecutorSettings("processes", workers=2))
    assert report.complete
    stored = open_sweep(report.directory)
    scenario = load_scenario("baseline-2024", overrides=overrides)
    simulation = Simulation(load_world(2024), scenario, members=6, seed=3)
    run = simulation.run()
    assert len(np.unique(simulation.case.draws.values["assumptions.cover_scale"])) > 2
    prices = stored.dataset("baseline-2024")["price_outside"].values
    np.testing.assert_allclose(prices, run["price_outside"].values, rtol=2**-13)
    capsys.readouterr()
    said = tmp_path / "said.json"
    assert main(["rerun", f"{report.directory}/4", "--json", str(said)]) == 0
    peak = json.loads(said.read_text())["peak_price_outside"]
    for k, good in enumerate(run["good"].values.astype(str)):
        assert peak[good] == pytest.approx(float(run["price_outside"].values[4, :, k].max()))
