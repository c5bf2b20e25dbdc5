"""Governments that act by rules, in runs: by chance, member by member, and seen in the ledger."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.engine import Simulation
from sim.scenario import Scenario, load_scenario
from sim.world.load import load_world

CASE = """
format: 2
name: case
title: A case
base_year: 2024
governments: reactive
minerals: [gallium]
time: {start: 2024-01, end: 2026-06}
events:
  cut: {type: capacity_change, countries: [CHN], goods: [gallium], from: 2024-04-01, until: 2025-12-31,
        change: -60 %, assumption: x}
  tariff: {type: import_tariff, by: JPN, on: CHN, goods: [gallium], from: 2024-07-01, rate: 10 %,
           assumption: x}
"""
MEMBERS = 30


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    path = tmp_path_factory.mktemp("governments") / "case.yaml"
    path.write_text(CASE, encoding="utf-8")
    return load_scenario(path)


def run(scenario: Scenario, members: int | list[int] = MEMBERS) -> Simulation:
    simulation = Simulation(load_world(2024), scenario, members)
    while simulation.time < simulation.steps:
        simulation.step()
    return simulation


def fired(simulation: Simulation, rule: str) -> np.ndarray:
    found = simulation.rules.fired(rule)
    assert found is not None
    return found


def test_they_act_by_chance_and_where_there_is_a_reason(few_rounds: None, scenario: Scenario) -> None:
    simulation = run(scenario)
    restricts = fired(simulation, "gov-restricts-CHN-gallium")
    answers = fired(simulation, "gov-answers-CHN-JPN-tariff")
    # Prices stay far above 150 % for about 20 months: 1 - exp(-20 / 26) of the members see a control, 53 %.
    assert 0.3 < (restricts > 0).mean() < 0.8
    assert 0.35 < (answers > 0).mean() < 0.85, "six in ten"
    data = simulation.recorder.dataset()
    acted = data.event_tonnes.sel(event="gov-answer-CHN-JPN").values
    assert (acted[answers == 0] == 0).all()
    assert (acted[answers > 0] > 0).any(axis=1).all()
    august = int(np.searchsorted(data.time.values, np.datetime64("2024-08-01")))
    assert (acted[answers > 0][:, august + 1] > 0).all(), "within a month"
    assert (acted[:, : august - 1] == 0).all(), "not before the tariff"


def test_no_reason_no_act(few_rounds: None, scenario: Scenario, tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(CASE, encoding="utf-8")
    calm = load_scenario(path, overrides=["~events.cut", "~events.tariff"])
    simulation = run(calm, 1)
    assert not any(acting.any() for _, _, acting in simulation.rules.acting())


def test_a_member_is_the_same_alone(few_rounds: None, scenario: Scenario) -> None:
    many, alone = run(scenario, [3, 7, 11]), run(scenario, [7])
    for one, other in ((many.last.clearing, alone.last.clearing), (many.last, alone.last)):
        for name in ("price", "purchases", "shortfall", "buyer_stock"):
            if hasattr(other, name):
                np.testing.assert_array_equal(getattr(one, name)[1:2], getattr(other, name), err_msg=name)
