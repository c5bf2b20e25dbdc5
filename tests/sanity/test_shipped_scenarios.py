"""Every scenario that ships runs certified, balances its tonnes, gives what it gave, goes on from the middle,
and each of its events is seen to act. One run shows it all."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr

from scripts import golden
from sim.engine import Simulation
from sim.instruments.piles import Piles
from sim.scenario import Scenario, load_scenario
from tests.checks_of_runs import price_briefly
from tests.engine.busy_run import record_tail
from tests.engine_events import piles_of
from tests.sanity import branches
from tests.sanity.branches import NAMES
from tests.sanity.continued import continued
from tests.sanity.test_results_stay import ACCEPT
from tests.steps import Bits, bits, digest

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
    if any(isinstance(process, Piles) for process in simulation.actors.processes):
        piles = piles_of(simulation)
        tonnes = (piles.tonnes.stock + piles.tonnes.transit.sum(0))[..., 0]
        np.add.at(total, (slice(None), np.array(piles.goods)), tonnes)
    return total


def test_names_are_unique() -> None:
    assert Counter(NAMES).most_common(1)[0][1] == 1


def imbalances(simulation: Simulation) -> Iterator[str]:
    """Make a step: what is made or bought is sold, used, stocked, under way or discarded; in every member."""
    state = simulation.state
    stock = state.seller_stock.copy()
    held = state.buyer_stock + state.transit.sum(0)
    piled = in_piles(simulation)
    simulation.step()
    clearing, state = simulation.last.clearing, simulation.state
    made = stock + simulation.last.output - clearing.sales - simulation.last.discarded
    kept = held + clearing.purchases - simulation.last.consumed
    after = state.buyer_stock + state.transit.sum(0)
    # A stockpile stands beside the needs through which it buys: together they balance, good by good.
    moved = by_good(simulation, after - kept) + in_piles(simulation) - piled
    balanced = {
        "sellers": np.allclose(state.seller_stock, made, rtol=1e-9, atol=1e-9),
        "buyers": bool(simulation.actors.processes) or np.allclose(after, kept, rtol=1e-9, atol=1e-9),
        "goods": np.allclose(moved, 0, rtol=0, atol=1e-6),
        "certificates": clearing.certified.all(),
    }
    yield from (f"{name}, step {simulation.time}" for name, right in balanced.items() if not right)


@dataclass
class Story:
    """What one run of a shipped scenario shows.

    Two members: the central one, and one with noise.
    """

    name: str
    scenario: Scenario
    data: xr.Dataset
    wrong: list[str]
    """Balances that do not close."""
    figures: golden.Figures
    parted: tuple[str, str]
    """Hash of the steps after it was copied, pickled or put on disk, and of the same steps of the copy."""


def told(name: str, folder: Path) -> Story:
    """Run it once, look at each step, and part it on the way.

    Prices of the time ahead are found in full for the first years, which the table holds, and where it is
    parted. In the years after, and wherever chances are made certain, so that the table's figures come from a
    run of their own, rounds end early: tonnes balance, markets are certified and events act at any prices.
    """
    plain, whole = load_scenario(name), certain(name)
    scenario = shortened(whole)
    first_years, same = golden.shortened(plain), plain.events == whole.events
    scenario = replace(scenario, end=max(scenario.end, first_years.end))
    simulation = Simulation(branches.world_of(scenario), scenario, golden.MEMBERS, golden.SEED)
    measured = golden.Ratios(simulation.case, (), ())
    noted = len(first_years.steps())
    at = branches.month_of_parting(scenario, random.Random(name))
    other, expected, found, wrong = simulation, "", Bits(), []
    with pytest.MonkeyPatch.context() as patch:
        if not same:
            price_briefly(patch)
        while simulation.time < simulation.steps:
            if simulation.time == at:
                other = branches.made_otherwise(simulation, folder, NAMES.index(name))
            if simulation.time == max(noted, at + branches.STEPS):
                price_briefly(patch)
            wrong += imbalances(simulation)
            past = simulation.time
            if past <= noted:
                measured.record(simulation.last)
            if at < past <= at + branches.STEPS:
                found |= {f"{past - at - 1} {key}": array for key, array in bits(simulation.last).items()}
            if past == at + branches.STEPS:
                expected = digest(found | record_tail(simulation, at))
        if same:
            # Its own steps were found in full.
            patch.undo()
        parted = expected, continued(other, branches.STEPS)
    figures = measured.figures() if same else golden.measure(name)
    return Story(name, scenario, simulation.recorder.dataset(), wrong, figures, parted)


@pytest.mark.parametrize("name", NAMES)
def test_it_balances_acts_stays_and_goes_on(name: str, tmp_path: Path) -> None:
    """All that one run shows, in one test: processes that share tests would make the run again."""
    story = told(name, tmp_path)
    assert story.wrong == []
    assert_it_runs_certified_and_every_event_acts(story)
    assert_results_stay(story)
    expected, found = story.parted
    assert found == expected != "", "a copy, a pickle or a checkpoint goes on with other bits"


def assert_it_runs_certified_and_every_event_acts(story: Story) -> None:
    data = story.data
    assert bool(data.certified.all())
    assert bool((data.price_outside.fillna(data.quote_outside) > 0).all())
    assert not (data.price_outside <= 0).any()
    for event in story.scenario.events:
        acted = float(data.event_tonnes.sel(event=event.id).isel(member=0).max())
        # A bid that is called off moves prices by news alone.
        never = event.in_base_year or getattr(event, "withdrawn", None) is not None
        assert (acted > 0) != never, event.id
    if not any(not event.in_base_year for event in story.scenario.events):
        relative = data.price_outside.isel(member=0) / data.price_outside.isel(member=0, time=0)
        assert float(np.abs(relative - 1).max()) < 1e-3


def assert_results_stay(story: Story) -> None:
    """A change of behaviour is meant, seen and written down."""
    noted, before = golden.read()
    found = golden.moved(story.name, before.get(story.name, {}), story.figures, golden.tolerance(noted))
    report = "\n".join(str(one) for one in found)
    assert not found, f"{len(found)} figures have moved:\n{report}\n{ACCEPT}"


def test_the_licence_scenario_tells_its_story() -> None:
    """Outside up, inside not, the exports of the first months nearly nothing, and then a slow way back."""
    scenario = load_scenario("ree-licence-2025")
    data = Simulation(branches.world_of(scenario), scenario).run()
    dysprosium = data.sel(good="dysprosium_oxide").isel(member=0)
    after = dysprosium.time >= np.datetime64("2025-05-01")
    assert float(dysprosium.price_outside.where(after).max()) > 1.5 * float(dysprosium.good_base_price)
    first_year = after & (dysprosium.time < np.datetime64("2026-04-01"))
    assert float(dysprosium.price_inside.where(first_year).max()) < 1.01 * float(dysprosium.good_base_price)
    abroad = (data.need_good == "dysprosium_oxide") & (data.need_country == "JPN")
    bought = data.purchases.isel(member=0).sel(need=abroad.values).sum("need")
    assert float(bought.sel(time="2025-05-01")) < 0.3 * float(bought.sel(time="2025-01-01"))
