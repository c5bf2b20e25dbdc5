"""Elasticities that members draw: each member is what it is alone, and what it is with the value fixed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import xarray as xr

from sim.distributions import Distribution
from sim.engine import Simulation
from sim.errors import MonaziteError
from sim.world.world import World
from tests.engine_events import Merger, PlainScenario, Restriction

pytestmark = pytest.mark.usefixtures("few_rounds")
START = dt.date(2024, 4, 1)
OXIDE = ("dysprosium_oxide",)
EVENTS = (
    Restriction("lic", "licence", OXIDE, START, open_share=0.4),
    Restriction("duty", "tariff", ("magnet",), START, rate=0.5, to=("USA",)),
    Merger(("separator_china_a", "separator_china_b"), START),
)
SCENARIO = PlainScenario(events=EVENTS, end=dt.date(2024, 9, 30))
"""Half a year of licence, duty and merger: in its first months already all parameters are at work."""
MEMBERS = [1, 2, 3, 4, 5, 6]
VALUES = {
    "sourcing_elasticity": [6.0, 4.0, 6.0, 4.0, 2.5, 9.0],
    "sourcing_elasticity.dysprosium": [6.0, 4.0, 6.0, 4.0, 2.5, 9.0],
    "storage_cost": [0.1, 0.06, 0.14, 0.12, 0.08, 0.1],
    "urgent_elasticity": [6.0, 2.0, 4.0, 8.0, 3.0, 6.0],
    "instant_elasticity": [1.0, 0.6, 2.0, 1.5, 0.8, 1.0],
    "storage_limit": [4.0, 2.5, 6.0, 8.0, 2.0, 4.0],
    "markup_demand_elasticity": [1.2, 1.5, 1.3, 2.0, 1.2, 1.4],
    "world_share_weight": [0.5, 0.0, 1.0, 0.2, 0.5, 0.8],
    "fringe_firms": [5.0, 1.0, 10.0, 3.0, 5.0, 2.0],
}
KEPT = (
    "price_gate", "price_outside", "sales", "production", "shortfall", "buyer_stock", "seller_stock",
    "requirement",
)  # fmt: skip


def run(world: World, members: list[int], scenario: PlainScenario = SCENARIO, **given: Any) -> xr.Dataset:
    return Simulation(world, scenario, members=members, seed=2, **given).run()


def same(one: xr.Dataset, other: xr.Dataset, positions: list[int]) -> None:
    for name in KEPT:
        np.testing.assert_array_equal(one[name].values, other[name].values[positions], err_msg=name)


@pytest.fixture(scope="module")
def all_of_them(small_world: World) -> Callable[[str], xr.Dataset]:
    """The run of all members, who draw one parameter, once for both tests of it."""

    @cache
    def drawing(name: str) -> xr.Dataset:
        return run(small_world, MEMBERS, values={f"assumptions.{name}": np.array(VALUES[name])})

    return drawing


@pytest.mark.parametrize("name", VALUES)
def test_a_member_is_the_same_alone_and_among_others(
    small_world: World, all_of_them: Callable[[str], xr.Dataset], name: str
) -> None:
    path, values = f"assumptions.{name}", np.array(VALUES[name])
    together = all_of_them(name)
    assert np.ptp(together["price_gate"].values[[0, 3]]) > 0
    for which in ([1], [4, 2], [5, 4, 3, 2, 1, 0]):
        some = run(small_world, [MEMBERS[i] for i in which], values={path: values[which]})
        same(some, together, which)


@pytest.mark.parametrize("name", VALUES)
def test_a_member_is_the_same_with_the_value_fixed(
    small_world: World, all_of_them: Callable[[str], xr.Dataset], name: str
) -> None:
    """The oracle: the path on which all members share the parameter."""
    values, together = VALUES[name], all_of_them(name)
    for position in (1, 4):
        fixed = replace(SCENARIO, assumptions={name: values[position]})
        alone = run(small_world, [MEMBERS[position]], fixed)
        same(alone, together, [position])


def test_a_parameter_matters_to_those_who_draw_it_alone(small_world: World) -> None:
    """Members at the fixed value have the bits of a run in which nothing varies."""
    values = np.array([6.0, 4.0, 6.0, 4.0, 6.0, 2.5])
    varied = run(small_world, MEMBERS, values={"assumptions.sourcing_elasticity": values})
    plain = run(small_world, MEMBERS)
    for name in KEPT:
        np.testing.assert_array_equal(
            varied[name].values[[0, 2, 4]], plain[name].values[[0, 2, 4]], err_msg=name
        )
    assert (varied["sales"].values[[1, 3, 5]] != plain["sales"].values[[1, 3, 5]]).any(axis=(1, 2)).all()


def test_ranges_are_drawn_and_recorded(small_world: World) -> None:
    spans = {name: Distribution("uniform", (min(v), max(v))) for name, v in VALUES.items()}
    scenario: Any = replace(SCENARIO, assumptions=spans)
    together = run(small_world, [0, 1, 2, 3, 4], scenario)
    drawn = together["drawn"]
    for name in VALUES:
        assert len(np.unique(drawn.sel(draw=f"assumptions.{name}"))) == 5, name
    same(run(small_world, [3], scenario), together, [3])


def test_the_base_year_is_a_fixed_point_for_every_member(small_world: World) -> None:
    simulation = Simulation(
        small_world, PlainScenario(end=dt.date(2025, 12, 31)), members=[0] * 6,
        values={f"assumptions.{name}": np.array(values) for name, values in VALUES.items()},
    )  # fmt: skip
    index = simulation.case.prepared.benchmark.base_index
    data = simulation.run()
    np.testing.assert_allclose(simulation.last.clearing.price, 1.0, rtol=1e-5)
    np.testing.assert_allclose(simulation.last.clearing.index, np.tile(index, (6, 1)), rtol=1e-5)
    for name in ("price_gate", "price_outside", "production", "seller_stock", "buyer_stock"):
        first, last = data[name].isel(time=0), data[name].isel(time=-1)
        np.testing.assert_allclose(last, first, rtol=1e-5, err_msg=name)
    assert float(data.shortfall.max()) < 1e-6 * float(data.requirement.max())


def test_tonnes_balance_for_every_member(small_world: World) -> None:
    values = {f"assumptions.{name}": np.array(values) for name, values in VALUES.items()}
    simulation = Simulation(small_world, SCENARIO, members=MEMBERS, seed=1, values=values)
    for _ in range(simulation.steps):
        state = simulation.state
        sellers, buyers = state.seller_stock.copy(), state.buyer_stock + state.transit.sum(0)
        simulation.step()
        clearing, state = simulation.last.clearing, simulation.state
        assert clearing.certified.all()
        made = sellers + simulation.last.output - clearing.sales - simulation.last.discarded
        np.testing.assert_allclose(state.seller_stock, made, rtol=1e-9, atol=1e-9)
        held = buyers + clearing.purchases - simulation.last.consumed
        np.testing.assert_allclose(state.buyer_stock + state.transit.sum(0), held, rtol=1e-9, atol=1e-9)


def test_what_all_members_share_says_why(small_world: World) -> None:
    scenario: Any = replace(SCENARIO, assumptions={"prior_weight": Distribution("uniform", (0.01, 0.05))})
    with pytest.raises(MonaziteError, match=r"assumptions\.prior_weight: all members share this parameter"):
        Simulation(small_world, scenario, members=2)
