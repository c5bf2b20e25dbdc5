"""What a world remembers of the years before its own, by hand, and what it does to a run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from math import exp, log
from pathlib import Path

import numpy as np
import pytest

from sim.agents.prepared import Prepared
from sim.engine import Simulation
from sim.past.history import load_case
from sim.world.load import load_world
from sim.world.source import world_tables
from sim.world.world import World
from tests.prepared_world import behaving

PRICES = (0.2, 0.4, 0.8)
"""Oldest first."""


@pytest.fixture
def remembering(plain: Prepared) -> Prepared:
    """The small world, whose first good was cheaper in the years before."""
    first, *others = plain.world.goods
    world = replace(plain.world, goods=(replace(first, past=PRICES), *others))
    return behaving(replace(plain, world=world), entry_margin=0.1, expansion_speed=0.3)


def test_usual_prices_are_the_geometric_mean(remembering: Prepared) -> None:
    usual = remembering.past.long_run
    assert exp(usual[0]) == pytest.approx(0.4)
    assert not usual[1:].any()
    assert remembering.past.answer[0] == pytest.approx(0.4)
    assert (remembering.past.answer[1:] == 1).all()


def test_users_have_adapted_to_a_mean_in_which_late_years_count_more(remembering: Prepared) -> None:
    speed = 0.5
    seen = remembering.past.seen(np.full((remembering.members, 1), speed))[0]
    weights = [exp(-speed * k) - exp(-speed * (k + 1)) for k in range(3)]
    expected = sum(w * log(p) for w, p in zip(weights, reversed(PRICES), strict=True))
    assert seen[0] == pytest.approx(expected + exp(-3 * speed) * log(0.4))
    assert not seen[1:].any()


def test_high_prices_of_the_last_years_have_begun_to_build(remembering: Prepared) -> None:
    past, world = remembering.past, remembering.world
    years = np.full((remembering.members, len(world.offer_good)), 2.0)
    entrant = np.zeros(len(world.offer_good), dtype=bool)
    building = past.building(entrant, years)[0]
    # Twice the usual price, half a year ago in the mean; before that it was the usual one or less.
    share = 0.3 * log(2 / 1.1) * exp(-0.25)
    mine = world.offer_good == 0
    np.testing.assert_allclose(building[mine], share * world.offer_capacity[mine])
    assert not building[~mine].any()
    assert not past.building(~entrant, years).any()


def test_a_member_remembers_alike_alone_and_among_others(remembering: Prepared) -> None:
    speeds = np.linspace(0.2, 0.6, 17)[:, None]
    together = remembering.past.seen(speeds)
    for row, speed in enumerate(speeds):
        np.testing.assert_array_equal(remembering.past.seen(speed[None])[0], together[row])


def test_a_world_without_past_prices_starts_as_if_they_had_always_held(plain: Prepared) -> None:
    assert not plain.past.long_run.any()
    assert (plain.past.answer == 1).all()
    assert not plain.past.building(np.zeros(len(plain.world.offer_good), dtype=bool), np.ones((1, 1))).any()


def panel(year: int) -> World:
    return load_world(year, world_tables(year, ("lithium",), "panel"))


def test_worlds_of_the_panel_remember_five_years_at_the_money_of_their_own() -> None:
    """Lithium cost four times as much in 2022 as in the years before; the first years have too few."""
    peak, trough, first = panel(2022), panel(2020), panel(1998)
    assert [len(good.past) for good in peak.goods] == [5, 5]
    usual = [exp(float(np.log(np.array(good.past)).mean())) for good in (peak.goods[0], trough.goods[0])]
    assert usual[0] < 0.3
    assert usual[1] > 1.2
    assert not first.goods[0].past
    cost = [world.offer_cash_cost / world.base_price[world.offer_good] for world in (peak, trough, first)]
    mine = [world.offer_good == 0 for world in (peak, trough, first)]
    assert cost[0][mine[0]].max() < 0.3
    assert cost[1][mine[1]].max() <= 0.9
    assert cost[2][mine[2]].max() == pytest.approx(0.7)


def test_a_boom_that_has_lasted_ends_in_a_bust(tmp_path: Path) -> None:
    """The world of 2022, at its peak: with the years before it falls; as if it were usual, it holds."""
    world, scenario = load_case("lithium-2022")

    def price(of: World) -> float:
        run = Simulation(of, scenario, members=1, seed=1)
        while run.time < run.steps:
            run.step()
        sold = of.offer_good == len(of.goods) - 1
        made = of.offer_output[sold]
        return float((run.state.gate_price[0, sold] * made).sum() / made.sum())

    forgetful = replace(world, goods=tuple(replace(good, past=()) for good in world.goods))
    assert price(world) < 0.75
    assert price(forgetful) > 0.95


def test_a_past_price_must_be_a_price(tmp_path: Path) -> None:
    folder = tmp_path / "world"
    shutil.copytree(world_tables(2022, ("lithium",), "panel"), folder)
    path = folder / "2022" / "past_prices.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("2019,", "2019,-"), encoding="utf-8")
    with pytest.raises(Exception, match=r"past_prices.csv:\d+"):
        load_world(2022, folder)
