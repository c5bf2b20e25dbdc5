"""Governments that act by rules, in runs: by chance, member by member, and seen in the ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.controls import Fund
from sim.engine import Simulation
from sim.engine.public_money import PublicMoney
from sim.instruments.investment_finance import InvestmentFinance
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


SUBSIDY = """
format: 2
name: subsidy
title: A stop, and what it calls forth
base_year: 2024
governments: reactive
minerals: [gallium]
world: {projects: all}
time: {start: 2024-01, end: 2029-12}
assumptions: {resale_speed: 0}
events:
  stop: {type: export_ban, by: CHN, to: [JPN], goods: [gallium], from: 2024-06-01, assumption: x}
"""


def test_who_loses_pays_for_projects_outside_the_adversary(tmp_path: Path, few_rounds: None) -> None:
    """Money follows losses, is remembered and forgotten, and goes to the cheapest tonne first."""
    path = tmp_path / "subsidy.yaml"
    path.write_text(SUBSIDY, encoding="utf-8")
    scenario = load_scenario(path)
    act = next(event for event in scenario.events if event.id == "gov-subsidy-JPN-gallium")
    assert isinstance(act, InvestmentFinance)
    assert "CHN" not in (act.countries or ())
    assert act.losers == ("JPN",)
    world = load_world(2024, scenario.tables)
    data = Simulation(world, scenario, members=6, seed=1).run()
    assert list(data.event.values).count(act.id) == 1
    fed = data.fund_fed.sel(fund=act.id).values
    awake = data.event_usd.sel(event=act.id).values > 0
    assert awake.any(1).sum() >= 2
    assert (fed[awake.any(1)].sum(1) > 0).all()
    assert not fed[~awake.any(1)].any()
    assert not fed[~awake].any()
    # What was promised was there: it was put in before, or came back.
    promised = data.fund_promised.sel(fund=act.id).values
    back = data.fund_returned.sel(fund=act.id).values.cumsum(1)
    assert (promised <= fed.cumsum(1) + back + 1.0).all()
    country = data.project_country.values.astype(str)
    scripted = replace(scenario, events=tuple(e for e in scenario.events if not e.id.startswith("gov-")))
    without = Simulation(world, scripted, members=6, seed=1).run()
    begun = ((data.project_stage.values >= 2) & (data.project_stage.values <= 5)).any(1)
    usual = ((without.project_stage.values >= 2) & (without.project_stage.values <= 5)).any(1)
    assert begun[:, country != "CHN"].sum() > usual[:, country != "CHN"].sum()


def test_the_cheapest_is_paid_first_and_a_loss_is_forgotten() -> None:
    money = PublicMoney(["gov", "plain"], ["grant", "grant"], [0.0, 100.0], (1, 3))
    money.grows[0] = True
    money.feed("gov", np.array([60.0]))
    funds = [
        Fund(name, "grant", np.array([True, True, False]), 0.5, 0.0, 0.0) for name in ("gov", "plain")
    ]
    planned, cost = np.array([[100.0, 80.0, 10.0]]), np.array([[0.9, 0.7, 0.1]])
    shares = money.shares(funds, [1.0, 1.0], planned, cost)
    # Half of the cheaper one, 40, then what is left for the other: 20 of 100.
    np.testing.assert_allclose(shares[0, 0], [0.2, 0.5, 0.0])
    np.testing.assert_allclose(shares[0, 1], [0.5, 0.5, 0.0])
    waiting = np.array([[0.9, np.inf, 0.1]])
    np.testing.assert_allclose(money.shares(funds, [1.0, 1.0], planned, waiting)[0, 0], [0.5, 0.0, 0.0])
