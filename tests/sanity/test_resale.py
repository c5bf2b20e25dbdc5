"""The rule of 2024 that third countries may not pass on Chinese material, on the real chain of gallium."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from sim.engine import Simulation
from sim.scenario import load_scenario
from sim.world.load import load_world

GALLIUM = "gallium_high_purity"


def run(rule: bool) -> xr.Dataset:
    word = str(rule).lower()
    overrides = [f"+events.ban-usa.{field}={word}" for field in ("extraterritorial", "content")]
    overrides += ["minerals=[gallium]", "time.end=2025-12"]
    scenario = load_scenario("ga-ge-sb-ban-usa-2024", overrides)
    return Simulation(load_world(scenario.base_year), scenario).run()


@pytest.fixture(scope="module")
def both() -> tuple[xr.Dataset, xr.Dataset]:
    return run(False), run(True)


def traded(data: xr.Dataset, exporter: str, importer: str) -> float:
    """Tonnes of refined gallium in 2025."""
    link = (
        (data.link_good == GALLIUM) & (data.link_exporter == exporter) & (data.link_importer == importer)
    ).values
    return float(data.flow.sel(quantile=0.5, year=2025).values[link].sum())


def test_a_refiner_of_chinese_gallium_alone_ships_less_to_the_us_and_more_elsewhere(
    both: tuple[xr.Dataset, xr.Dataset],
) -> None:
    """Slovakia has no gallium of its own."""
    free, barred = both
    assert traded(barred, "SVK", "USA") < 0.5 * traded(free, "SVK", "USA")
    others = [
        sum(traded(data, "SVK", code) for code in data.importer.values if code not in ("SVK", "USA"))
        for data in both
    ]
    assert others[1] > others[0]


def test_the_us_pays_more_and_buys_from_those_who_hold_other_material(
    both: tuple[xr.Dataset, xr.Dataset],
) -> None:
    free, barred = both
    months = slice("2025-01-01", "2025-10-31")
    price = [
        float(data.price_delivered.sel(good=GALLIUM, importer="USA", time=months).mean()) for data in both
    ]
    assert price[1] > 1.005 * price[0]
    # Japan and Canada recover gallium from scrap at home, which the rule does not touch.
    from_scrap = [sum(traded(data, exporter, "USA") for exporter in ("JPN", "CAN")) for data in both]
    assert from_scrap[1] > 1.02 * from_scrap[0]
    assert traded(barred, "JPN", "USA") > traded(free, "JPN", "USA")
    assert bool(barred.certified.all())


def test_almost_no_chinese_material_reaches_the_us(both: tuple[xr.Dataset, xr.Dataset]) -> None:
    _, barred = both
    here = ((barred.origin_good == GALLIUM) & (barred.origin_importer == "USA")).values
    chinese = barred.origin_purchases.isel(member=0, origin_link=here).sum("origin_link")
    before = float(chinese.sel(time=slice("2023-01-01", "2023-06-30")).mean())
    during = float(chinese.sel(time=slice("2025-02-01", "2025-10-31")).mean())
    # What the US refines itself of stock that it had is left.
    assert during < 0.1 * before
    assert np.isfinite(chinese.values).all()
