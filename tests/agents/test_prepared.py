"""What is fixed during a run, above all for facilities that made nothing in the base year."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.agents.prepared import Prepared
from sim.world.world import World
from tests.prepared_world import LATER, Situation, offer_of, prepared_world


def later(world: World) -> list[int]:
    """Offers of the mine, the separator (two) and the magnet plant."""
    facilities = [world.facilities.index(name) for name in LATER]
    return np.flatnonzero(np.isin(world.offer_facility, facilities)).tolist()


def test_mines_and_plants(plain: Prepared) -> None:
    kinds = [plain.world.facility_kind[facility] for facility in plain.world.offer_facility]
    assert plain.made.tolist() == [kind != "miner" for kind in kinds]


def test_sellers_hold_what_they_held(plain: Prepared) -> None:
    np.testing.assert_array_equal(plain.kept_stock, plain.world.offer_stock[None])
    np.testing.assert_allclose(plain.cash_cost, 0.7)


def test_members_scale_what_sellers_hold(small_world: World) -> None:
    prepared = prepared_world(small_world, 2, seller_stock_scale=[1.0, 1.5])
    stock = small_world.offer_stock
    np.testing.assert_allclose(prepared.kept_stock, [stock, 1.5 * stock])


def test_entrants_hold_as_much_in_time_of_output_as_the_sellers_of_their_good(entering: Situation) -> None:
    world = entering.world
    stock = world.offer_stock.copy()
    stock[offer_of(world, "mine_china")] *= 3
    prepared = replace(entering.prepared, world=replace(world, offer_stock=stock))
    entrants = later(world)
    for s in range(len(stock)):
        same = world.offer_good == world.offer_good[s]
        years = stock[same].sum() / world.offer_output[same].sum()
        expected = years * world.offer_capacity[s] if s in entrants else stock[s]
        scale = prepared.behaviour["seller_stock_scale"][:, 0]
        assert prepared.kept_stock[:, s].tolist() == pytest.approx((scale * expected).tolist())


def test_an_entrant_to_a_good_that_nobody_sold_holds_nothing_beside_its_output(entering: Situation) -> None:
    """And nothing is divided by an output of 0."""
    world = entering.world
    of_good = world.offer_good == world.offer_good[offer_of(world, "mine_later")]
    nobody = replace(world, offer_output=np.where(of_good, 0.0, world.offer_output))
    benchmark = replace(entering.prepared.benchmark, entrant=nobody.offer_output <= 0)
    prepared = replace(entering.prepared, world=nobody, benchmark=benchmark)
    assert (prepared.kept_stock[:, of_good] == 0).all()


def test_what_did_not_run_at_base_prices_costs_no_less(entering: Situation) -> None:
    world = entering.world
    cost = dict(zip(later(world), entering.prepared.cash_cost[later(world)].tolist(), strict=True))
    assert cost[offer_of(world, "mine_later")] == pytest.approx(1.3)
    assert cost[offer_of(world, "separator_later", "ndpr_oxide")] == 1.0
    assert cost[offer_of(world, "magnet_later")] == 1.0
    assert entering.prepared.cash_cost[offer_of(world, "mine_china")] == pytest.approx(0.7)


def test_sigma_is_one_row_unless_it_is_drawn(small_world: World) -> None:
    shared = prepared_world(small_world, 2)
    drawn = prepared_world(small_world, 2, sourcing_elasticity=[6.0, 3.0])
    assert shared.sigma.shape == (4,)
    np.testing.assert_array_equal(drawn.sigma, [[6.0] * 4, [3.0] * 4])


def test_each_member_gets_a_row_to_write_in(plain: Prepared) -> None:
    row = np.arange(3.0)
    found = replace(plain, members=2).each(row)
    found[0] += 1
    assert found.tolist() == [[1.0, 2.0, 3.0], [0.0, 1.0, 2.0]]
    assert row.tolist() == [0.0, 1.0, 2.0]
