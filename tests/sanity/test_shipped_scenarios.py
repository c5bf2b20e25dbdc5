"""Every scenario that ships runs to its end, certified, and each of its events is seen to act."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.engine import Simulation
from sim.scenario import load_scenario
from sim.world.load import load_world

NAMES = sorted(path.stem for path in (Path(__file__).parents[2] / "scenarios").rglob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_certified_and_every_event_acts(name: str) -> None:
    scenario = load_scenario(name)
    data = Simulation(load_world(scenario.base_year), scenario).run()
    assert bool(data.certified.all())
    assert bool(np.isfinite(data.price_outside).all())
    for event in scenario.events:
        acted = float(data.event_tonnes.sel(event=event.id).max())
        assert (acted > 0) != event.in_base_year, event.id
    if not any(not event.in_base_year for event in scenario.events):
        relative = data.price_outside / data.price_outside.isel(time=0)
        assert float(np.abs(relative - 1).max()) < 1e-3


def test_the_licence_scenario_tells_its_story() -> None:
    """Outside up, inside not, and the exports of the first months nearly nothing."""
    scenario = load_scenario("ree-licence-2025")
    data = Simulation(load_world(scenario.base_year), scenario).run()
    dysprosium = data.sel(good="dysprosium_oxide").isel(member=0)
    after = dysprosium.time >= np.datetime64("2025-05-01")
    assert float(dysprosium.price_outside.where(after).max()) > 1.5 * float(dysprosium.good_base_price)
    assert float(dysprosium.price_inside.where(after).max()) < 1.01 * float(dysprosium.good_base_price)
    abroad = (data.need_good == "dysprosium_oxide") & (data.need_country == "JPN")
    bought = data.purchases.isel(member=0).sel(need=abroad.values).sum("need")
    assert float(bought.sel(time="2025-05-01")) < 0.3 * float(bought.sel(time="2025-01-01"))
