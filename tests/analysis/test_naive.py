"""The naive forecasts, by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
import xarray as xr

from sim.engine import Simulation
from sim.past.naive import ELASTICITY, naive_run
from sim.past.scoring import Statistic, Window, evaluate
from sim.scenario import Scenario, load_scenario
from sim.world.load import load_world
from sim.world.restrict import restrict
from sim.world.world import World

SCENARIO = """
format: 2
name: naive
title: Naive
base_year: 2022
minerals: [gallium]
time: {{start: 2022-01, end: 2023-12}}
events:
  control:
    {event}
    by: CHN
    goods: [gallium_low_purity]
    from: 2023-01-01
    assumption: true
"""
GOOD = "gallium_low_purity"


@pytest.fixture(scope="module")
def world() -> World:
    return restrict(load_world(2022), ["gallium"])


def naive(world: World, tmp_path: Any, event: str, elasticity: float | None = ELASTICITY) -> xr.Dataset:
    path = tmp_path / "naive.yaml"
    path.write_text(SCENARIO.format(event=event), encoding="utf-8")
    scenario: Scenario = load_scenario(path)
    template = Simulation(world, scenario).run()
    return naive_run(world, scenario, template, elasticity)


def base(world: World) -> tuple[float, float, float]:
    """World output, Chinese exports and US imports of the good, t/year."""
    g = [good.id for good in world.goods].index(GOOD)
    origin, destination = world.link_countries(g)
    china, usa = (world.countries.index(code) for code in ("CHN", "USA"))
    flow = world.base_flow[g]
    exports = flow[np.ix_(origin == china, destination != china)].sum()
    return float(flow.sum()), float(exports), float(flow[np.ix_(origin != usa, destination == usa)].sum())


def value(data: xr.Dataset, series: str, how: str = "mean") -> float:
    return float(evaluate(data, Statistic(series, how, Window(dt.date(2023, 6, 1), dt.date(2023, 6, 30))))[0])


def test_a_ban_takes_the_exports_away_and_the_price_follows_the_elasticity(
    world: World, tmp_path: Any
) -> None:
    data = naive(world, tmp_path, "type: export_ban\n    to: world")
    output, exports, imports = base(world)
    left = 1 - exports / output
    price = float(data.good_base_price.sel(good=GOOD))
    assert value(data, f"price_outside.{GOOD}") == pytest.approx(price * left ** (1 / ELASTICITY), rel=1e-9)
    assert value(data, f"price_inside.{GOOD}") == value(data, f"price_outside.{GOOD}")
    assert value(data, f"exports.{GOOD}.CHN", "total") == 0
    assert value(data, f"imports.{GOOD}.USA", "total") == pytest.approx(imports * left / 12, rel=1e-9)


def test_a_quota_lets_its_amount_pass(world: World, tmp_path: Any) -> None:
    output, exports, _ = base(world)
    data = naive(world, tmp_path, f"type: export_quota\n    amount: {exports / 2!r} t/year")
    left = 1 - exports / 2 / output
    assert value(data, f"exports.{GOOD}.CHN", "total") == pytest.approx(exports / 24, rel=1e-6)
    price = float(data.good_base_price.sel(good=GOOD))
    assert value(data, f"price_gate.{GOOD}") == pytest.approx(price * left ** (1 / ELASTICITY), rel=1e-6)


def test_a_licence_lets_nothing_pass_until_its_delay_is_over(world: World, tmp_path: Any) -> None:
    data = naive(world, tmp_path, "type: export_licence\n    approval_share: 40 %\n    delay: 60 days")
    monthly = data.exports.isel(member=0).sel(outbound=(data.outbound_good == GOOD).values)
    china = monthly.sel(outbound=(monthly.outbound_country == "CHN").values).sum("outbound").values
    exports = base(world)[1] / 12
    np.testing.assert_allclose(china[:12], exports)
    # 1 January plus 60 days is 2 March, so March has not begun with permits.
    np.testing.assert_allclose(china[12:15], 0, atol=1e-9)
    np.testing.assert_allclose(china[15:], 0.4 * exports)


def test_nothing_changes_where_nothing_is_thought_to_change(world: World, tmp_path: Any) -> None:
    data = naive(world, tmp_path, "type: export_ban\n    to: world", elasticity=None)
    assert (data.price_outside == data.good_base_price).all()
    assert value(data, f"exports.{GOOD}.CHN", "total") == pytest.approx(base(world)[1] / 12)
    assert float(data.shortfall.max()) == 0


def test_a_cut_of_output_of_half_the_world_is_no_supply_shock_twice(world: World, tmp_path: Any) -> None:
    data = naive(world, tmp_path, "type: production_quota\n    cut: 50 %")
    g = [good.id for good in world.goods].index(GOOD)
    origin, _ = world.link_countries(g)
    china = world.base_flow[g][origin == world.countries.index("CHN")].sum() / world.base_flow[g].sum()
    price = float(data.good_base_price.sel(good=GOOD))
    expected = price * (1 - china / 2) ** (1 / ELASTICITY)
    assert value(data, f"price_outside.{GOOD}") == pytest.approx(expected, rel=1e-9)
