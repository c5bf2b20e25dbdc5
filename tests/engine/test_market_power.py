"""Owners who join, part and are expected to, in whole runs: what moves, what must not, and when."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from sim.arrays import BoolArray, FloatArray
from sim.engine import Simulation
from sim.instruments import Instrument
from sim.world.world import World
from tests.engine_events import PlainScenario
from tests.instruments.acting import event

A, B = "separator_china_a", "separator_china_b"
START, END = dt.date(2024, 4, 1), dt.date(2024, 9, 30)


def merger(**fields: Any) -> Instrument:
    return event("merger", id="m", firms=[A, B], **{"from": START, **fields})


def run(
    world: World, *events: Instrument, members: Any = 1, **settings: Any
) -> tuple[FloatArray, FloatArray]:
    """(T, M, O) gate prices and mark-ups over those of the base year's owners, of all steps."""
    scenario: Any = PlainScenario(end=settings.pop("end", END), events=events, **settings)
    simulation = Simulation(world, scenario, members=members, seed=4)
    prices, markups = [], []
    while simulation.time < simulation.steps:
        simulation.step()
        prices.append(simulation.state.gate_price.copy())
        markups.append(np.array(simulation.state.markup))
    return np.array(prices), np.array(markups)


def parties(world: World) -> BoolArray:
    """(O,) True for what the two firms sell."""
    return np.isin(world.offer_facility, [world.facilities.index(name) for name in (A, B)])


def oxide(world: World) -> BoolArray:
    """(O,) True for what they sell of the first oxide."""
    return parties(world) & (world.offer_good == world.offer_good[parties(world)][0])


def test_parties_ask_more_rivals_follow_and_nothing_drifts(small_world: World) -> None:
    prices, markups = run(small_world, merger())
    here = parties(small_world)
    assert (markups[:3] == 1).all()
    assert (markups[3:, 0, here] > 1.01).all()
    assert (prices[3:, 0, oxide(small_world)] > 1.002).all()
    # From the first step of the merger on, mark-ups are where they stay.
    assert np.abs(markups[3:] / markups[3] - 1).max() < 0.01


def test_the_mark_up_stands_once_in_what_is_expected(small_world: World) -> None:
    """No price rises by more than the largest mark-up; plants that hold back bid less for inputs."""
    prices, markups = run(small_world, merger())
    assert prices.max() < markups.max()
    clay = small_world.offer_good == 0
    assert (prices[3:, 0, clay] < 1).all()


def test_without_a_change_of_owners_other_events_leave_mark_ups_alone(small_world: World) -> None:
    quota = event("production_quota", id="q", by="CHN", goods=["dysprosium_oxide"], cut="30 %",
                  **{"from": START})  # fmt: skip
    prices, markups = run(small_world, quota)
    assert np.abs(prices - 1).max() > 0.01
    assert (markups == 1).all()


def test_selling_the_whole_overlap_changes_nothing(small_world: World) -> None:
    base, _ = run(small_world)
    sold, markups = run(small_world, merger(divest=[{"facilities": [B]}]))
    np.testing.assert_allclose(markups, 1.0, atol=1e-12)
    np.testing.assert_allclose(sold, base, atol=1e-9)


def test_the_end_of_a_cartel_is_its_break_up(small_world: World) -> None:
    cartel = event("cartel", id="c", firms=[A, B], goods=["dysprosium_oxide"], cut="20 %",
                   **{"from": START, "until": "2024-06-30"})  # fmt: skip
    prices, markups = run(small_world, cartel, end=dt.date(2025, 6, 30))
    here = oxide(small_world)
    joint, after = prices[3:6, 0, here], prices[-1, 0, here]
    assert (joint > 1.02).all()
    assert (markups[6:] == 1).all()
    assert (after < joint.max(0)).all()


def test_synergies_can_outweigh_the_mark_up(small_world: World) -> None:
    dear, _ = run(small_world, merger())
    cheap, _ = run(small_world, merger(synergies="85 %"))
    here = oxide(small_world)
    assert (cheap[-1, 0, here] < dear[-1, 0, here]).all()
    assert (cheap[-1, 0, here] < 1).all()


@pytest.mark.usefixtures("few_rounds")
def test_a_member_is_the_same_alone_and_among_others(small_world: World) -> None:
    likely = merger(announced="2024-02-01", decided="2024-03-15", probability="50 %")
    many, _ = run(small_world, likely, members=[1, 2, 3, 4])
    for k, member in enumerate([1, 2, 3, 4]):
        alone, _ = run(small_world, likely, members=[member])
        np.testing.assert_array_equal(alone[:, 0], many[:, k])


def test_a_bid_moves_prices_by_its_probability_and_they_return(small_world: World) -> None:
    """Announced in February for July, called off in May: between, prices carry the part of a sure merger."""
    later: dict[str, Any] = {"from": dt.date(2024, 7, 1), "announced": "2024-02-01"}
    none, _ = run(small_world)
    sure, _ = run(small_world, merger(**later))
    half, _ = run(small_world, merger(probability="50 %", withdrawn="2024-05-01", **later))
    here = oxide(small_world)
    rise = [np.log(x / none)[:, 0, here].mean(1) for x in (sure, half)]
    assert np.abs(rise[0][0]) < 1e-9
    for month in (1, 2, 3):
        assert rise[0][month] > 0.001
        assert rise[1][month] == pytest.approx(rise[0][month] / 2, rel=0.15)
    # Stocks bought on the news press on the price for a while.
    assert abs(rise[1][-1]) < 0.3 * rise[1][3]
    markups = run(small_world, merger(probability="50 %", withdrawn="2024-05-01", **later))[1]
    assert (markups == 1).all()


def test_a_cartel_of_the_base_year_breaks_up(small_world: World) -> None:
    """Nothing moves as long as it holds, and prices fall once it has gone."""
    days: dict[str, Any] = {"from": None, "until": "2024-05-31", "end_announced": "2024-05-31"}
    goods = ["dysprosium_oxide", "ndpr_oxide"]
    cartel = event("cartel", id="c", firms=[A, B], goods=goods, in_base_year=True, **days)
    prices, markups = run(small_world, cartel)
    here = oxide(small_world)
    np.testing.assert_allclose(prices[:4], 1.0, atol=1e-6)
    assert (markups[:5] == 1).all()
    assert (markups[5:, 0, here] < 0.95).all()
    assert (prices[5:, 0, here] < 0.97).all()
    joined, _ = run(small_world, merger())
    assert abs(np.log(prices[-1, 0, here]).mean() + np.log(joined[-1, 0, here]).mean()) < 0.1
