# ruff: noqa: E501 (events are written in one line each)
"""The order in which a scenario lists its events does not matter."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.engine import Simulation
from sim.scenario import load_scenario
from sim.world.load import load_world
from sim.world.world import World

pytestmark = pytest.mark.usefixtures("few_rounds")
HEAD = """\
format: 2
name: case
title: A case
base_year: 2024
time: {start: 2024-01, end: 2024-06}
minerals: [gallium]
blocs: {allies: [JPN, DEU]}
events:
"""
EVENTS = {
    "ban": "{type: export_ban, by: CHN, to: USA, goods: [gallium], from: 2024-02-10, until: 2024-04-15}",
    "ban-all": "{type: export_ban, by: CHN, to: allies, goods: [gallium], from: 2024-03-20}",
    "licence": "{type: export_licence, by: CHN, goods: [gallium], approval_share: 40 %, delay: 30 days, from: 2024-02}",
    "quota": "{type: export_quota, by: CHN, goods: [gallium], amount: 60 t/year, from: 2024-03-10}",
    "duty": "{type: import_tariff, by: JPN, on: CHN, goods: [gallium], rate: 20 %, from: 2024-02}",
    "relief": "{type: import_tariff, by: allies, on: world, goods: all, rate: -2 %, from: 2024-03-05}",
    "cut": "{type: production_quota, by: CHN, goods: [gallium], cut: 20 %, from: 2024-02}",
    "cut-more": "{type: production_quota, by: world, goods: all, cut: 5 %, from: 2024-04}",
    "boom": "{type: demand_shock, level: 20 %, from: 2024-02}",
    "slump": "{type: demand_shock, countries: [USA], level: -10 %, growth: -5 %/year, from: 2024-03}",
}  # fmt: skip
WATCHED = ("price_gate", "production", "purchases", "shortfall", "buyer_stock", "seller_stock", "tariff_revenue")


@pytest.fixture(scope="module")
def world() -> World:
    return load_world(2024)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def outcome(world: World, names: list[str]) -> xr.Dataset:
    rows = [f"  {name}: {EVENTS[name][:-1]}, assumption: true}}\n" for name in names]
    Path("case.yaml").write_text(HEAD + ("".join(rows) or "  {}\n"))
    return Simulation(world, load_scenario("case.yaml"), members=2, seed=3).run()


EXAMPLES = 100 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 5


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**62))
def test_any_order_gives_the_same_result(world: World, number: int) -> None:
    """Turned round every two of them have changed places: of five events ten pairs in one example."""
    chance = random.Random(number)
    chosen = chance.sample(sorted(EVENTS), chance.randint(len(EVENTS) // 2, len(EVENTS)))
    one, other = outcome(world, chosen), outcome(world, chosen[::-1])
    watched = [name for name in WATCHED if name in one]
    assert len(watched) >= 5
    for name in watched:
        # Equal to what single precision keeps: sums of several terms are rounded in another order.
        np.testing.assert_allclose(one[name].values, other[name].values, rtol=2e-5, atol=1e-6, err_msg=name)


def test_the_events_of_this_test_do_something(world: World) -> None:
    calm = outcome(world, [])
    for name in sorted(EVENTS):
        shocked = outcome(world, [name])
        assert any(not np.allclose(shocked[v].values, calm[v].values, rtol=1e-4) for v in WATCHED if v in calm), name


def test_files_that_are_merged_in_another_order_give_the_same_events() -> None:
    base = HEAD.partition("minerals")[0].replace("name: case", "name: base") + "events: {}\n"
    Path("base.yaml").write_text(base)
    names = ["ban", "duty", "cut"]
    for name in names:
        row = f"events:\n  {name}: {EVENTS[name][:-1]}, assumption: true}}\n"
        text = f"format: 2\nname: {name}\ntitle: Part\nextends: [base]\n{row}".replace("to: allies", "to: JPN")
        Path(f"{name}.yaml").write_text(text)
    found = []
    for order in (names, names[::-1], [names[1], names[2], names[0]]):
        Path("all.yaml").write_text(f"format: 2\nname: all\ntitle: All\nextends: [{', '.join(order)}]\n")
        found.append({event.id: event for event in load_scenario("all.yaml").events})
    assert found[0] == found[1] == found[2]
    assert set(found[0]) == set(names)


def test_a_bloc_in_a_run_is_its_members(world: World) -> None:
    def run(to: str) -> xr.Dataset:
        event = f"ban: {{type: export_ban, by: CHN, to: {to}, goods: [gallium], from: 2024-02, assumption: true}}"
        Path("case.yaml").write_text(HEAD + f"  {event}\n")
        return Simulation(world, load_scenario("case.yaml"), members=1, seed=3).run()

    bloc, listed, none = run("allies"), run("[JPN, DEU]"), run("AUS")
    for name in WATCHED:
        np.testing.assert_array_equal(bloc[name].values, listed[name].values, err_msg=name)
    assert not np.allclose(bloc["shortfall"].values, none["shortfall"].values)
