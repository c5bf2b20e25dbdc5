"""Mark-ups against the closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.agents.firms import markups, owner_concentration
from sim.world.world import World

SIGMA, ETA = 6.0, 1.2


def markups_of(world: World, owner: list[int], ceiling: float = 10.0) -> np.ndarray:
    return markups(world, np.array(owner), np.full(len(world.goods), SIGMA), ETA, ceiling)


def test_a_monopolist_faces_the_demand_elasticity(small_world: World) -> None:
    everything_one_owner = markups_of(small_world, [0] * len(small_world.facilities))
    assert everything_one_owner == pytest.approx(ETA / (ETA - 1))


def test_a_seller_of_no_weight_faces_the_sourcing_elasticity(small_world: World) -> None:
    flow = small_world.base_flow[0].copy()
    flow[1] *= 1e-9
    world = replace(small_world, base_flow=(flow, *small_world.base_flow[1:]))
    small = markups_of(world, list(range(len(world.facilities))))[1]
    assert small == pytest.approx(SIGMA / (SIGMA - 1), rel=1e-6)


def test_a_merger_raises_the_markup_of_both_and_of_nobody_else(small_world: World) -> None:
    apart = list(range(len(small_world.facilities)))
    joined = list(apart)
    first, second = (small_world.facilities.index(f"separator_china_{x}") for x in "ab")
    joined[second] = joined[first]
    change = markups_of(small_world, joined) / markups_of(small_world, apart)
    merged = np.isin(small_world.offer_facility, [first, second])
    assert (change[merged] > 1.001).all()
    assert change[~merged] == pytest.approx(1.0)
    sales = small_world.offer_output[None]
    concentration = (
        owner_concentration(small_world, np.array([joined]), sales)
        - owner_concentration(small_world, np.array([apart]), sales)
    )[0]
    share = small_world.offer_output[small_world.offer_good == 1] / small_world.offer_output[
        small_world.offer_good == 1
    ].sum()
    assert concentration[1] == pytest.approx(1e4 * 2 * share[0] * share[1])


def test_the_ceiling_holds(small_world: World) -> None:
    assert markups_of(small_world, [0] * len(small_world.facilities), ceiling=3.0) == pytest.approx(3.0)


def test_inelastic_demand_ends_at_the_ceiling(small_world: World) -> None:
    everything_one_owner = np.zeros(len(small_world.facilities), dtype=np.int64)
    sigma = np.full(len(small_world.goods), SIGMA)
    for eta in (0.0, 0.8, 1.0):
        found = markups(small_world, everything_one_owner, sigma, eta, 10.0)
        assert found == pytest.approx(10.0)


def test_who_sold_nothing_faces_the_sourcing_elasticity(entering_world: World) -> None:
    """And changes no mark-up of those who did, not even where they sell to each other."""
    apart = markups_of(entering_world, list(range(len(entering_world.facilities))))
    idle = entering_world.offer_output == 0
    assert idle.sum() == 4
    assert apart[idle] == pytest.approx(SIGMA / (SIGMA - 1))
    joined = list(range(len(entering_world.facilities)))
    joined[entering_world.facilities.index("mine_later")] = entering_world.facilities.index("mine_china")
    np.testing.assert_array_equal(markups_of(entering_world, joined), apart)
