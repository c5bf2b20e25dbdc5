"""By-products: what is mined with another good follows the mines of its host, in arrays and in objects."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.agents import production, sellers, tomorrow
from sim.arrays import FloatArray
from sim.engine import Simulation, actors
from sim.errors import MonaziteError
from sim.twin.object_model import MesaObjects
from sim.world.load import load_world
from sim.world.restrict import restrict
from sim.world.world import World
from tests.engine.busy_run import event
from tests.engine_events import PlainScenario, Restriction
from tests.prepared_world import behaving, offer_of, prepared_world, settled
from tests.small_world import small_sketch
from tests.world_sketch import GoodSketch

SHARE = 0.9


def write(root: Path, *hosts: tuple[str, str, str, float]) -> Path:
    """The small world, and tin that two mines dig up and two users take."""
    sketch = small_sketch()
    sketch.goods["tin"] = GoodSketch(25_000.0, "tin", "ore", "Tin")
    sketch.country |= {"mine_tin_china": "CHN", "mine_tin_usa": "USA"}
    for seller, user, tonnes in (
        ("mine_tin_china", "ev_china", 40.0), ("mine_tin_china", "ev_japan", 30.0),
        ("mine_tin_usa", "ev_usa", 30.0),
    ):  # fmt: skip
        sketch.flow("tin", seller, user, tonnes)
    sketch.hosts = list(hosts)
    return sketch.write(root)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = write(tmp_path_factory.mktemp("hosts"), ("tin", "*", "clay", SHARE))
    return load_world(2024, root)


STRIKE = Restriction(
    "strike", "output cut", ("clay",), dt.date(2024, 4, 1), until=dt.date(2025, 1, 1), open_share=0.4
)


def scenario(*events: object) -> Any:
    return PlainScenario(events=events, end=dt.date(2025, 12, 31))


def output(world: World, mine: str, *events: object) -> FloatArray:
    """(T,) of a tin mine, over that of the base year."""
    simulation = Simulation(world, scenario(*events))
    place = offer_of(world, mine, "tin")
    rows = []
    while simulation.time < simulation.steps:
        simulation.step()
        rows.append(simulation.last.output[0, place] * 12 / world.offer_output[place])
    return np.array(rows)


def test_a_strike_at_the_host_is_a_loss_of_the_by_product(world: World) -> None:
    """Of clay 40 % are dug: of tin what is mined for itself, and 40 % of the rest of its capacity."""
    china, usa = output(world, "mine_tin_china", STRIKE), output(world, "mine_tin_usa", STRIKE)
    place = offer_of(world, "mine_tin_china", "tin")
    capacity = world.offer_capacity[place] / world.offer_output[place]
    assert china[:3] == pytest.approx(1.0, abs=1e-9)
    part = capacity * (1 - SHARE + SHARE * 0.4)
    assert china[3] == pytest.approx(part, rel=0.03)
    assert china[3:12].max() < 1.2 * part, "whoever expands is bound likewise"
    assert china[-6:].min() > 0.95, "it comes back with its host"
    # No clay is mined in the United States: tin there comes alone, and makes more as the price rises.
    assert usa[3:12].max() > 1.0


def test_more_of_the_host_brings_no_more(world: World) -> None:
    grow = event("grow", "capacity_change", countries=["CHN"], goods=["clay"], change="50 %",
                 assumption="made up", **{"from": dt.date(2024, 4, 1)})  # fmt: skip
    place = offer_of(world, "mine_tin_china", "tin")
    found = output(world, "mine_tin_china", grow)
    assert found.max() < world.offer_capacity[place] / world.offer_output[place]


def test_rates_do_not_wind_up_while_the_host_stands_still(world: World) -> None:
    """However dear tin gets, its rate goes no higher than what comes up."""
    prepared = behaving(prepared_world(world), utilisation_speed=1e9, ramp_limit=1e9, expansion_speed=0.0)
    now = settled(prepared)
    tin, clay = offer_of(world, "mine_tin_china", "tin"), offer_of(world, "mine_china", "clay")
    now.state.gate_price[0, tin] = 20.0
    now.state.rate[0, clay] = 0.5 * world.offer_output[clay]
    prices = now.state.gate_price, now.state.choice_index
    production.adapt_rates(prepared, now.state, now.controls, prices)
    part = 1 - SHARE + SHARE * 0.5
    assert now.state.rate[0, tin] == pytest.approx(part * world.offer_capacity[tin], rel=1e-12)


def test_what_is_planned_follows_what_the_host_plans(world: World) -> None:
    """Its plan in the same step, chance and policy included; no more than the base year's counts."""
    prepared = prepared_world(world, 3)
    now = settled(prepared)
    tin, clay = offer_of(world, "mine_tin_china", "tin"), offer_of(world, "mine_china", "clay")
    noise = np.ones_like(now.state.rate)
    noise[:, clay] = [0.5, 1.0, 1.4]
    plan = sellers.planned_output(prepared, now.state, now.controls, noise)
    capacity = world.offer_capacity[tin] / 12
    limits = np.array([1 - SHARE + SHARE * level for level in (0.5, 1.0, 1.0)]) * capacity
    np.testing.assert_allclose(plan[:, tin], np.minimum(limits, world.offer_output[tin] / 12), rtol=1e-12)


def test_a_host_that_is_left_out_goes_on_as_in_the_base_year(world: World) -> None:
    small = restrict(world, ["tin"])
    assert [good.id for good in small.goods] == ["tin"]
    assert (small.offer_host == -1).all()
    assert output(small, "mine_tin_china").tolist() == pytest.approx([1.0] * 24, abs=1e-9)


def test_what_an_announced_strike_at_the_host_will_do_is_foreseen(world: World) -> None:
    """Tin gets dear with the news, before any is lost."""
    known = replace(STRIKE, announced=dt.date(2024, 2, 1))
    simulation = Simulation(world, scenario(known))
    place = offer_of(world, "mine_tin_china", "tin")
    prices = []
    for _ in range(3):
        simulation.step()
        prices.append(float(simulation.state.gate_price[0, place]))
    assert prices[0] == pytest.approx(1.0, abs=1e-6)
    assert prices[1] > 1.1


@pytest.mark.parametrize("member", [0, 2])
def test_objects_tell_the_same_story(
    world: World, member: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With capacities that differ over output, as in :mod:`tests.engine.test_object_twin`."""
    monkeypatch.setattr(actors, "MARKET_TOLERANCE", 1e-11)
    monkeypatch.setattr(tomorrow, "TOLERANCE", 1e-11)
    factor = np.linspace(1.15, 1.4, len(world.offer_output))
    world = replace(world, offer_capacity=world.offer_output * factor)
    objects = MesaObjects(world, scenario(STRIKE), member, rng=5, tolerance=1e-11, ahead=1e-11)
    objects.run()
    engine = Simulation(world, scenario(STRIKE), members=[member], seed=5)
    while engine.time < engine.steps:
        engine.step()
    tin = np.flatnonzero(world.offer_good == [good.id for good in world.goods].index("tin"))
    usual = world.offer_output[tin]
    for name in ("rate", "capacity"):
        found = np.array([getattr(objects.offers[place], name) for place in tin.tolist()])
        np.testing.assert_allclose(found / usual, getattr(engine.state, name)[0, tin] / usual, atol=1e-6)
    found = np.array([objects.offers[place].made for place in tin.tolist()])
    np.testing.assert_allclose(found / usual, engine.last.output[0, tin] / usual, atol=1e-6)


@pytest.mark.parametrize(
    ("rows", "say"),
    [
        ([("tin", "*", "clay", 1.5)], "1.5 is out of range"),
        ([("tin", "*", "tin", 1.0)], "'tin' comes with itself"),
        ([("tin", "*", "gold", 1.0)], "unknown good 'gold'"),
        ([("tin", "XXX", "clay", 1.0)], "unknown country 'XXX'"),
        (
            [("tin", "*", "clay", 1.0), ("tin", "CHN", "clay", 0.5)],
            "'tin' of CHN comes with a good in another row, too; remove one row",
        ),
    ],
)
def test_rows_that_cannot_be(tmp_path: Path, rows: list[tuple[str, str, str, float]], say: str) -> None:
    root = write(tmp_path, *rows)
    with pytest.raises(MonaziteError) as caught:
        load_world(2024, root)
    assert "hosts.csv" in str(caught.value)
    assert say in str(caught.value)
