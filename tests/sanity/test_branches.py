"""Scenarios that ship, in the middle of their run: copied, pickled, put on disk, gone on with otherwise."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.engine import Simulation
from sim.engine.record import Recorder
from sim.engine.recording import Recording
from sim.errors import MonaziteError
from sim.scenario import Scenario, load_scenario
from sim.sweep.kept import EveryFlowRecorder, SweepRecorder
from tests.sanity.branches import (
    COPIES,
    MOST_STEPS,
    NAMES,
    STEPS,
    THOROUGH,
    assert_all_go_on,
    parted,
    world_of,
)
from tests.sanity.continued import continued
from tests.steps import bits, differing, digest

ROOT = Path(__file__).parents[2]
WEEKLY = NAMES if THOROUGH else ["teaching-stockpile", "hindcast-gallium-2023"]
ELSEWHERE = NAMES if THOROUGH else ["ga-ge-sb-ban-usa-2024", "teaching-embargo-45min", "teaching-stockpile"]
REACTING = {
    "framework-deal-2025": ["minerals=[dysprosium]"], "tariff-spiral-2025": ["minerals=[dysprosium]"],
    "ga-ge-sb-ban-usa-2024": ["minerals=[gallium]"], "teaching-stockpile": [],
}  # fmt: skip
"""Rules, talks, a ban that follows origins with licences, a stockpile; and a mineral on which all of it acts.

The others in the whole world are in test_shipped_scenarios.
"""
CASES = dict.fromkeys(NAMES, ()) if THOROUGH else REACTING
briefly = pytest.mark.usefixtures("few_rounds")
"""Prices of the time ahead are found in full where other processes run, and in test_shipped_scenarios."""


@briefly
@pytest.mark.parametrize("name", CASES)
def test_a_shipped_scenario_goes_on_with_the_same_bits(name: str, tmp_path: Path) -> None:
    """What every later step brings, and what is recorded of it; test_shipped_scenarios tries the others."""
    assert_all_go_on(parted(name, *CASES[name]), tmp_path)


@briefly
@pytest.mark.parametrize("name", WEEKLY)
def test_so_it_does_week_by_week(name: str, tmp_path: Path) -> None:
    assert_all_go_on(parted(name, "time.step=week"), tmp_path)


def test_in_another_process_too(tmp_path: Path) -> None:
    """Where words have other hashes, and nothing has been run before."""
    expected = {}
    for name in ELSEWHERE:
        simulation = parted(name)
        simulation.checkpoint().write(tmp_path / f"{name}.checkpoint")
        (tmp_path / f"{name}.pickle").write_bytes(pickle.dumps(simulation))
        expected[f"{name}.checkpoint"] = expected[f"{name}.pickle"] = continued(simulation, STEPS)
    done = subprocess.run(
        [sys.executable, "-m", "tests.sanity.continued", str(tmp_path), str(STEPS)], cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected


@briefly
def test_a_shipped_run_does_not_notice_that_it_is_copied() -> None:
    alone, copied = (parted("teaching-embargo-45min") for _ in range(2))
    for _ in range(3):
        for made in COPIES:
            made(copied).step()
        assert differing(bits(alone.step()), bits(copied.step())) == []


@briefly
@pytest.mark.parametrize("name", CASES)
def test_results_do_not_depend_on_who_records(name: str) -> None:
    scenario = load_scenario(name, overrides=CASES[name])
    found = []
    for keeper in (Recorder, SweepRecorder, EveryFlowRecorder, lambda *_: Recording()):
        simulation = Simulation(world_of(scenario), scenario, members=2, seed=1, recorder=keeper)
        steps = [simulation.step() for _ in range(min(simulation.steps, MOST_STEPS // 3))]
        # Hashed after all of them: later steps have not written into what earlier ones brought.
        found.append([digest(bits(step)) for step in steps])
    assert found[1:] == found[:1] * 3


# -- branches ------------------------------------------------------------------------------------


def branch(first: Simulation, scenario: Scenario) -> tuple[Simulation, Simulation]:
    """The run gone on with under another scenario, and a run of that one from its start."""
    whole = Simulation(world_of(scenario), scenario, members=first.case.members, seed=first.case.seed)
    for _ in range(first.time):
        whole.step()
    return Simulation.resume(first.checkpoint(), scenario), whole


def baseline(name: str, steps: int, **fields: Any) -> Simulation:
    """The first steps of a baseline."""
    scenario = replace(load_scenario(name), **fields)
    simulation = Simulation(world_of(scenario), scenario, members=[0, 3], seed=4)
    for _ in range(steps):
        simulation.step()
    return simulation


@briefly
def test_a_ban_on_top_of_the_baseline_is_a_run_with_that_ban() -> None:
    """To the bit: before its month, the scenario with the ban has done the very sums of the baseline."""
    lesson = load_scenario("teaching-merger")
    branched, whole = branch(baseline("baseline-2024", 6, minerals=lesson.minerals), lesson)
    for _ in range(4):
        assert differing(bits(branched.step()), bits(whole.step())) == []
    suspension = load_scenario("teaching-stockpile", overrides=["~events.stock"])
    branched, whole = branch(baseline("baseline-2024", 24, minerals=lesson.minerals), suspension)
    for _ in range(4):
        assert differing(bits(branched.step()), bits(whole.step())) == []
    assert branched.last.shares["first-stoppage"] == 1.0


@briefly
def test_a_stockpile_on_top_of_the_baseline() -> None:
    """To the bit, too: it had bought nothing before its month."""
    lesson = load_scenario("teaching-stockpile")
    branched, whole = branch(baseline("baseline-2024", 6, minerals=lesson.minerals), lesson)
    for _ in range(4):
        assert differing(bits(branched.step()), bits(whole.step())) == []
    assert branched.last.booked["stockpile_stock"].min() > 0


def test_an_embargo_that_follows_origins_on_top_of_the_baseline() -> None:
    """Nearly: noise has moved what stocks consist of, and who did not follow it takes the base year's mix.

    Member 0 has no noise; there only the rounding of that mix is left.
    """
    lesson = load_scenario("teaching-embargo-45min")
    branched, whole = branch(baseline("baseline-2022", 12, minerals=lesson.minerals, end=lesson.end), lesson)
    for _ in range(4):
        mine, theirs = branched.step(), whole.step()
        for member, tolerance in ((0, 1e-9), (1, 1e-3)):
            prices, tonnes = mine.prices.outside[member], mine.bought_by_origin[0][member]
            np.testing.assert_allclose(prices, theirs.prices.outside[member], rtol=tolerance)
            others = theirs.bought_by_origin[0][member]
            np.testing.assert_allclose(tonnes, others, rtol=tolerance, atol=tolerance * others.max())
    assert mine.shares["embargo"] == 1.0
    assert tonnes.max() > 0


def test_minerals_of_another_choice_are_refused() -> None:
    """By name, not by the numbers of goods that follow from it."""
    first = baseline("baseline-2024", 1, minerals=("gallium",))
    with pytest.raises(MonaziteError, match="minerals gallium, that of baseline-2024 has all") as refused:
        Simulation.resume(first.checkpoint(), load_scenario("baseline-2024"))
    assert len(str(refused.value).splitlines()) == 2


def test_another_base_year_is_refused() -> None:
    first = baseline("baseline-2024", 1, minerals=("gallium",))
    other = load_scenario("baseline-2022", overrides=["minerals=[gallium]"])
    with pytest.raises(MonaziteError, match="base year is 2024, that of baseline-2022 is 2022") as refused:
        Simulation.resume(first.checkpoint(), other)
    assert "its run has time.start 2024-01-01, baseline-2022 has" in str(refused.value)
