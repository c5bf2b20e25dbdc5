"""What plants take and make, and facilities that made nothing in the base year."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.agents.prepared import Prepared
from sim.errors import MonaziteError
from sim.world.entrants import normal_amounts
from sim.world.world import World
from tests.prepared_world import (
    LATER,
    need_of,
    offer_of,
    plant_of,
    prepared_world,
    with_substitutes,
)
from tests.small_world import CLAY, RECOVERY

PLANTS = ("separator_china_a", "separator_china_b", "magnet_china", "magnet_japan", "trader_singapore_ndpr",
          "trader_singapore_dy")  # fmt: skip


@pytest.fixture(scope="module")
def prepared(small_world: World) -> Prepared:
    return prepared_world(small_world)


# -- activities ----------------------------------------------------------------------------------


def test_plants_are_processors_and_traders(prepared: Prepared) -> None:
    world, activities = prepared.world, prepared.benchmark.activities
    assert [world.facilities[facility] for facility in activities.facility] == list(PLANTS)
    for axis, plant in (
        (world.offer_facility, activities.offer_plant), (world.need_facility, activities.need_plant),
    ):  # fmt: skip
        for facility, found in zip(axis.tolist(), plant.tolist(), strict=True):
            name = world.facilities[facility]
            assert found == (PLANTS.index(name) if name in PLANTS else -1)


@pytest.mark.parametrize("name", PLANTS)
def test_coefficients_reproduce_the_base_year(prepared: Prepared, name: str) -> None:
    """(M6), (M7) and (M8), and the shares in revenue and in the cost of inputs."""
    world, activities, plant = prepared.world, prepared.benchmark.activities, plant_of(prepared, name)
    needs = np.flatnonzero(world.need_facility == world.facilities.index(name))
    offers = np.flatnonzero(world.offer_facility == world.facilities.index(name))
    taken, price = world.need_use[needs].sum(), world.base_price
    assert activities.throughput[plant] == pytest.approx(taken)
    np.testing.assert_allclose(activities.need_coefficient[needs], world.need_use[needs] / taken)
    spent = world.need_use[needs] * price[world.need_good[needs]] * prepared.benchmark.base_index[needs]
    earned = world.offer_output[offers] * price[world.offer_good[offers]]
    share = min(spent.sum() / earned.sum(), prepared.behaviour.shared("input_cost_ceiling"))
    assert activities.input_cost_share[plant] == pytest.approx(share)
    np.testing.assert_allclose(activities.cost_weight[needs], spent / spent.sum())
    np.testing.assert_allclose(activities.revenue_weight[offers], earned / earned.sum())
    if name.startswith("separator"):
        metal = {"NdPr": 0, "Dy": 1}
        assert [world.elements[e] for e in activities.offer_element[offers]] == list(metal)
        assert activities.basket_need[plant] == prepared.benchmark.basket_need.tolist().index(needs[0])
    else:
        assert (activities.offer_element[offers] == -1).all()
        assert activities.basket_need[plant] == -1
        np.testing.assert_allclose(activities.offer_yield[offers], world.offer_output[offers] / taken)


def test_a_separator_recovers_what_the_world_says(prepared: Prepared) -> None:
    """Of the elements that it is sent, prior included; about nine tenths, as the small world is made."""
    world, activities = prepared.world, prepared.benchmark.activities
    flow, mixes = prepared.benchmark.flow[0], np.array([CLAY["mine_china"], CLAY["mine_abroad"]])
    for name in PLANTS[:2]:
        metal = flow[:, need_of(world, name)] @ mixes
        for element, good in enumerate(("ndpr_oxide", "dysprosium_oxide")):
            offer = offer_of(world, name, good)
            assert activities.offer_yield[offer] == pytest.approx(world.offer_output[offer] / metal[element])
            assert activities.offer_yield[offer] == pytest.approx(RECOVERY, rel=1e-2)


def test_the_cost_of_inputs_has_a_ceiling(small_world: World) -> None:
    found = prepared_world(small_world, input_cost_ceiling=0.2).benchmark.activities.input_cost_share
    assert found.max() == 0.2


def test_means_and_largest_over_a_plants_offers_and_inputs(prepared: Prepared) -> None:
    world, activities = prepared.world, prepared.benchmark.activities
    rng = np.random.default_rng(2)
    by_offer = rng.uniform(0, 3, (2, len(world.offer_good)))
    by_need = rng.uniform(0, 3, (2, len(world.need_good)))
    for plant, name in enumerate(PLANTS):
        offers = world.offer_facility == world.facilities.index(name)
        needs = world.need_facility == world.facilities.index(name)
        for m in range(2):
            mean = (by_offer[m] * activities.revenue_weight)[offers].sum()
            assert activities.revenue_mean(by_offer)[m, plant] == pytest.approx(mean)
            assert activities.largest(by_offer)[m, plant] == by_offer[m, offers].max()
            mean = (by_need[m] * activities.cost_weight)[needs].sum()
            assert activities.cost_mean(by_need)[m, plant] == pytest.approx(mean)


def groups_of(prepared: Prepared, name: str) -> list[set[str]]:
    """Goods that replace each other in a plant, read off the arrays of groups."""
    world, activities, plant = prepared.world, prepared.benchmark.activities, plant_of(prepared, name)
    ends = [*activities.group_start[1:].tolist(), len(activities.need_order)]
    plants_ends = [*activities.group_plant_start[1:].tolist(), len(activities.group_start)]
    found = []
    for group in range(activities.group_plant_start[plant], plants_ends[plant]):
        members = activities.need_order[activities.group_start[group] : ends[group]]
        assert (activities.need_plant[members] == plant).all()
        assert (activities.need_group[activities.group_start[group] : ends[group]] == group).all()
        found.append({world.goods[world.need_good[b]].id for b in members})
    return found


def test_inputs_that_replace_each_other_form_a_group(prepared: Prepared) -> None:
    oxides = ("ndpr_oxide", "dysprosium_oxide")
    assert sorted(map(sorted, groups_of(prepared, "magnet_japan"))) == [[one] for one in sorted(oxides)]
    replaced = prepared_world(with_substitutes(prepared.world))
    assert groups_of(replaced, "magnet_japan") == [set(oxides)]
    assert groups_of(replaced, "separator_china_a") == [{"clay"}]
    assert groups_of(replaced, "trader_singapore_dy") == [{"dysprosium_oxide"}]


# -- entrants ------------------------------------------------------------------------------------


def test_entrants_are_measured_at_full_capacity(entering_world: World) -> None:
    """Inputs per tonne of the most valuable product are those of all plants that make it."""
    world = entering_world
    output, use = normal_amounts(world)
    entrant = world.offer_output == 0
    assert entrant.sum() == 4
    np.testing.assert_array_equal(output, np.where(entrant, world.offer_capacity, world.offer_output))
    np.testing.assert_array_equal(use[world.need_use > 0], world.need_use[world.need_use > 0])
    # A separator earns most by dysprosium: 8 t x 250,000 against 30 t x 60,000.
    made = sum(world.offer_output[offer_of(world, name, "dysprosium_oxide")] for name in PLANTS[:2])
    clay = sum(world.need_use[need_of(world, name)] for name in PLANTS[:2])
    assert use[need_of(world, "separator_later")] == pytest.approx(8.0 * clay / made)
    magnets = sum(world.offer_output[offer_of(world, name)] for name in PLANTS[2:4])
    for good in ("ndpr_oxide", "dysprosium_oxide"):
        taken = sum(world.need_use[need_of(world, name, good)] for name in PLANTS[2:4])
        assert use[need_of(world, "magnet_later", good)] == pytest.approx(200.0 * taken / magnets)


def test_an_entrant_recovers_what_others_do_and_never_more_than_there_is(entering_world: World) -> None:
    prepared = prepared_world(entering_world)
    world, activities = entering_world, prepared.benchmark.activities
    inflow = prepared.benchmark.mix[0].T @ world.offer_composition[:3]
    for element, good in enumerate(("ndpr_oxide", "dysprosium_oxide")):
        peers = [offer_of(world, name, good) for name in PLANTS[:2]]
        metal = sum(inflow[need_of(world, name), element] for name in PLANTS[:2])
        usual = world.offer_output[peers].sum() / metal
        offer = offer_of(world, "separator_later", good)
        own = world.offer_capacity[offer] / inflow[need_of(world, "separator_later"), element]
        assert activities.offer_yield[offer] == pytest.approx(min(own, usual))


def test_a_world_without_entrants_has_only_base_year_amounts(small_world: World) -> None:
    output, use = normal_amounts(small_world)
    np.testing.assert_array_equal(output, small_world.offer_output)
    np.testing.assert_array_equal(use, small_world.need_use)


def test_a_plant_that_works_in_part_is_refused(entering_world: World) -> None:
    output = entering_world.offer_output.copy()
    output[offer_of(entering_world, "separator_later", "ndpr_oxide")] = 1.0
    message = r"^separator_later: some of its base-year outputs and uses are 0 and others are not; "
    with pytest.raises(MonaziteError, match=message):
        normal_amounts(replace(entering_world, offer_output=output))


def test_a_user_that_uses_nothing_is_refused(small_world: World) -> None:
    use = small_world.need_use.copy()
    use[need_of(small_world, "wind_row")] = 0.0
    with pytest.raises(MonaziteError, match=r"^wind_row uses no magnet in the base year; remove the row"):
        normal_amounts(replace(small_world, need_use=use))


def test_an_entrant_that_nobody_shows_the_way_is_refused(entering_world: World) -> None:
    """All magnets are made by plants to come."""
    world = entering_world
    shut = np.isin(world.offer_facility, [world.facilities.index(name) for name in PLANTS[2:4]])
    idle = np.isin(world.need_facility, [world.facilities.index(name) for name in PLANTS[2:4]])
    output, use = np.where(shut, 0.0, world.offer_output), np.where(idle, 0.0, world.need_use)
    nobody = replace(world, offer_output=output, need_use=use)
    with pytest.raises(MonaziteError, match=r"no other plant makes magnet of \w+_oxide: nothing says"):
        normal_amounts(nobody)


def test_the_names_of_entrants(entering_world: World) -> None:
    idle = entering_world.offer_facility[entering_world.offer_output == 0]
    assert {entering_world.facilities[facility] for facility in idle} == set(LATER)
