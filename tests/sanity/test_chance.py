"""How much prices move without any event: noise that is sized on world output, against observed prices."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from scripts.impulse_responses import worth_most
from sim.arrays import FloatArray
from sim.engine import Simulation
from sim.world.world import World
from tests.engine_events import PlainScenario

YEARS, MEMBERS = 10, 8


@pytest.fixture(scope="module")
def yearly(world: World) -> dict[str, FloatArray]:
    """(years, members) log of the yearly mean of gate prices, of each mineral's good that is worth most."""
    scenario = PlainScenario(end=dt.date(2023 + YEARS, 12, 31))
    simulation = Simulation(world, scenario, members=range(1, MEMBERS + 1), seed=1)
    output = simulation.case.prepared.benchmark.normal_output
    shown = worth_most(world)
    monthly: dict[str, list[FloatArray]] = {mineral: [] for mineral in shown}
    while simulation.time < simulation.steps:
        simulation.step()
        price = np.log(simulation.state.gate_price)
        for mineral, place in shown.items():
            offers = world.offer_slice(place)
            monthly[mineral].append(price[:, offers] @ output[offers] / output[offers].sum())
    return {
        mineral: np.array(prices).reshape(YEARS, 12, MEMBERS).mean(axis=1)
        for mineral, prices in monthly.items()
    }  # fmt: skip


def test_prices_move_as_much_without_events_as_they_are_seen_to(yearly: dict[str, FloatArray]) -> None:
    """Yearly prices of USGS series: deviations of 0.10 to 0.50 in logs, of which much is left next year."""
    within = []
    for mineral, price in yearly.items():
        deviation = float(price.std(axis=0, ddof=1).mean())
        away = price - price.mean(axis=0)
        again = float((away[1:] * away[:-1]).sum() / (away[:-1] ** 2).sum())
        if 0.10 <= deviation <= 0.50 and 0.4 <= again <= 0.98:
            within.append(mineral)
    assert len(within) >= 0.8 * len(yearly), sorted(set(yearly) - set(within))


def test_the_middle_of_chance_is_the_run_without_it(yearly: dict[str, FloatArray]) -> None:
    """What chance does to prices goes both ways: a mineral's mean strays by less than its members do."""
    assert all(abs(float(np.median(price))) < 0.25 for price in yearly.values())
