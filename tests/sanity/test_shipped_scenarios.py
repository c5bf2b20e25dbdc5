"""Every scenario that ships runs certified, balances its tonnes, and each of its events is seen to act."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sim.engine import Simulation
from sim.scenario import Scenario, load_scenario
from sim.world.load import load_world
from tests.engine_events import piles_of

FILES = sorted((Path(__file__).parents[2] / "scenarios").rglob("*.yaml"), key=lambda path: path.stem)
NAMES = [path.stem for path in FILES]
YEAR = 12
Tonnes = npt.NDArray[np.float64]


def certain(name: str) -> Scenario:
    """The scenario with all its events certain to happen: one member is enough to see them."""
    chances = [event.id for event in load_scenario(name).events if event.probability is not None]
    return load_scenario(name, overrides=[f"events.{event}.probability=100%" for event in chances])


def shortened(scenario: Scenario) -> Scenario:
    """The scenario up to half a year after its last event began; whole where rules wait for others."""
    if any(event.type in ("reaction_rule", "negotiation") for event in scenario.events):
        return scenario
    last = max([scenario.start, *(event.from_ for event in scenario.events if event.from_)])
    return replace(scenario, end=min(scenario.end, last + dt.timedelta(days=200)))


def by_good(simulation: Simulation, needs: Tonnes) -> Tonnes:
    """(M, G) sums over the needs of each good."""
    first = np.searchsorted(simulation.world.need_good, np.arange(len(simulation.world.goods)))
    return np.add.reduceat(needs, first, axis=1)


def in_piles(simulation: Simulation) -> Tonnes:
    """(M, G) tonnes in stockpiles and on their way there."""
    total = np.zeros((len(simulation.case.members), len(simulation.world.goods)))
    if simulation.actors.processes:
        piles = piles_of(simulation)
        tonnes = (piles.tonnes.stock + piles.tonnes.transit.sum(0))[..., 0]
        np.add.at(total, (slice(None), np.array(piles.goods)), tonnes)
    return total


def test_names_are_unique() -> None:
    assert Counter(NAMES).most_common(1)[0][1] == 1


@pytest.mark.parametrize("name", NAMES)
def test_its_first_year_balances_in_tonnes(name: str) -> None:
    """What is made or bought is sold, used, stocked, under way or discarded; in every member."""
    scenario = load_scenario(name)
    simulation = Simulation(load_world(scenario.base_year), scenario, members=2, seed=3)
    for _ in range(YEAR):
        state = simulation.state
        stock = state.seller_stock.copy()
        held = state.buyer_stock + state.transit.sum(0)
        piled = in_piles(simulation)
        simulation.step()
        clearing, state = simulation.last.clearing, simulation.state
        made = stock + simulation.last.output - clearing.sales - simulation.last.discarded
        np.testing.assert_allclose(state.seller_stock, made, rtol=1e-9, atol=1e-9)
        kept = held + clearing.purchases - simulation.last.consumed
        after = state.buyer_stock + state.transit.sum(0)
        if not simulation.actors.processes:
            np.testing.assert_allclose(after, kept, rtol=1e-9, atol=1e-9)
        # A stockpile stands beside the needs through which it buys: together they balance, good by good.
        moved = by_good(simulation, after - kept) + in_piles(simulation) - piled
        np.testing.assert_allclose(moved, 0, atol=1e-6)
        assert clearing.certified.all()


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_certified_and_every_event_acts(name: str) -> None:
    scenario = shortened(certain(name))
    data = Simulation(load_world(scenario.base_year), scenario).run()
    assert bool(data.certified.all())
    assert bool((data.price_outside.fillna(data.quote_outside) > 0).all())
    assert not (data.price_outside <= 0).any()
    for event in scenario.events:
        acted = float(data.event_tonnes.sel(event=event.id).max())
        assert (acted > 0) != event.in_base_year, event.id
    if not any(not event.in_base_year for event in scenario.events):
        relative = data.price_outside / data.price_outside.isel(time=0)
        assert float(np.abs(relative - 1).max()) < 1e-3


def test_the_licence_scenario_tells_its_story() -> None:
    """Outside up, inside not, the exports of the first months nearly nothing, and then a slow way back."""
    scenario = load_scenario("ree-licence-2025")
    data = Simulation(load_world(scenario.base_year), scenario).run()
    dysprosium = data.sel(good="dysprosium_oxide").isel(member=0)
    after = dysprosium.time >= np.datetime64("2025-05-01")
    assert float(dysprosium.price_outside.where(after).max()) > 1.5 * float(dysprosium.good_base_price)
    first_year = after & (dysprosium.time < np.datetime64("2026-04-01"))
    assert float(dysprosium.price_inside.where(first_year).max()) < 1.01 * float(dysprosium.good_base_price)
    abroad = (data.need_good == "dysprosium_oxide") & (data.need_country == "JPN")
    bought = data.purchases.isel(member=0).sel(need=abroad.values).sum("need")
    assert float(bought.sel(time="2025-05-01")) < 0.3 * float(bought.sel(time="2025-01-01"))
