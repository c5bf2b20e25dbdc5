"""Costs, plans, asks and offers of sellers, against the equations in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.agents import sellers
from sim.agents.prepared import Prepared
from sim.arrays import FloatArray
from sim.world.world import World
from tests.prepared_world import MONTH, Situation, behaving, offer_of, prepared_world, settled, situation


def input_share(prepared: Prepared, offer: int) -> float:
    """(M8) cost of a plant's inputs over its revenue in the base year; 0 of a mine."""
    world = prepared.world
    facility = world.offer_facility[offer]
    bought, sold = world.need_facility == facility, world.offer_facility == facility
    price = world.base_price
    spent = (world.need_use * price[world.need_good] * prepared.benchmark.base_index)[bought].sum()
    earned = (world.offer_output * price[world.offer_good])[sold].sum()
    return min(float(spent / earned), prepared.behaviour.shared("input_cost_ceiling"))


# -- normal stock and costs ----------------------------------------------------------------------


def test_normal_stock(varied: Situation) -> None:
    """(M23)."""
    found, world = sellers.normal_stock(varied.prepared, varied.controls), varied.world
    for (m, s), stock in np.ndenumerate(found):
        least = varied.value("least_working_stock", m)
        size = world.offer_stock[s] + world.offer_output[s] * varied.prepared.step_years
        assert stock == pytest.approx(size * max(varied.controls.capacity_factor[m, s], least))


def test_normal_stock_of_what_is_shut_is_small_but_never_nothing(plain: Prepared) -> None:
    now = settled(plain)
    normal = sellers.normal_stock(plain, now.controls)
    np.testing.assert_array_equal(normal, now.state.seller_stock)
    now.controls.capacity_factor = np.zeros_like(now.controls.capacity_factor)
    found = sellers.normal_stock(plain, now.controls)
    np.testing.assert_allclose(found, normal * now.value("least_working_stock"))


def test_cost_index(varied: Situation) -> None:
    """(M24) and (M25)."""
    world, own = varied.world, varied.controls.own_cost_factor
    found = sellers.cost_index(varied.prepared, varied.state, own)
    base = varied.prepared.benchmark.base_index
    for (m, s), cost in np.ndenumerate(found):
        share = input_share(varied.prepared, s)
        inputs = np.flatnonzero(world.need_facility == world.offer_facility[s])
        spent = world.need_use[inputs] * world.base_price[world.need_good[inputs]] * base[inputs]
        dearer = 1.0
        if share:
            dearer = np.dot(spent, varied.state.input_cost[m, inputs] / base[inputs]) / spent.sum()
        assert cost == pytest.approx(1 + share * (dearer - 1) + (1 - share) * (own[m, s] - 1), rel=1e-12)


def test_costs_of_the_base_year_are_one(plain: Prepared) -> None:
    now = settled(plain)
    found = sellers.cost_index(plain, now.state, now.controls.own_cost_factor)
    np.testing.assert_allclose(found, 1.0, rtol=1e-14)


def test_a_mine_bears_its_own_costs_in_full_and_no_inputs(plain: Prepared) -> None:
    now = settled(plain)
    now.state.input_cost *= 5
    mine, plant = offer_of(plain.world, "mine_china"), offer_of(plain.world, "magnet_japan")
    found = sellers.cost_index(plain, now.state, np.full_like(now.controls.own_cost_factor, 1.5))[0]
    share = input_share(plain, plant)
    assert found[mine] == pytest.approx(1.5)
    assert found[plant] == pytest.approx(1 + share * 4 + (1 - share) * 0.5)


def test_own_share(plain: Prepared) -> None:
    found = sellers.own_share(plain)
    np.testing.assert_allclose(found, [1 - input_share(plain, s) for s in range(len(found))], rtol=1e-12)
    assert found[offer_of(plain.world, "mine_abroad")] == 1.0
    assert 0 < found[offer_of(plain.world, "magnet_china")] < 1


# -- planned output ------------------------------------------------------------------------------


def test_planned_output(varied: Situation) -> None:
    """(M26)."""
    state, controls, step = varied.state, varied.controls, varied.prepared.step_years
    noise = np.random.default_rng(1).uniform(0.8, 1.2, state.rate.shape)
    found = sellers.planned_output(varied.prepared, state, controls, noise)
    for (m, s), plan in np.ndenumerate(found):
        rate, capacity = state.rate[m, s], state.capacity[m, s]
        made = min(controls.production_factor[m, s] * rate, max(rate, capacity))
        made *= noise[m, s] * controls.capacity_factor[m, s] * step
        ceiling = controls.output_ceiling[m, s] * varied.world.offer_output[s] * step
        assert plan == pytest.approx(min(made, ceiling), rel=1e-12)


@pytest.mark.parametrize(
    ("rate", "factor", "capacity_factor", "ceiling", "plan"),
    [
        (1.0, 1.0, 1.0, np.inf, 1.0),
        (0.0, 2.0, 1.0, np.inf, 0.0),
        (1.0, 1.1, 1.0, np.inf, 1.1),
        (1.0, 2.0, 1.0, np.inf, 1.2),  # capacity is 1.2 times the output
        (1.3, 2.0, 1.0, np.inf, 1.3),  # what runs over capacity is not cut by a push
        (1.0, 2.0, 0.5, np.inf, 0.6),
        (1.0, 0.5, 1.0, np.inf, 0.5),
        (1.0, 2.0, 1.0, 0.7, 0.7),
        (0.5, 1.0, 1.0, 0.7, 0.5),
        (1.0, 1.0, 0.0, np.inf, 0.0),
        (1.0, 1.0, 1.0, 0.0, 0.0),
    ],
)
def test_pushes_end_at_capacity_and_ceilings_always_hold(
    plain: Prepared, rate: float, factor: float, capacity_factor: float, ceiling: float, plan: float
) -> None:
    now, output = settled(plain), plain.world.offer_output[None] * MONTH
    now.state.rate *= rate
    now.controls.production_factor = np.full_like(output, factor)
    now.controls.capacity_factor = np.full_like(output, capacity_factor)
    now.controls.output_ceiling = np.full_like(output, ceiling)
    found = sellers.planned_output(plain, now.state, now.controls, np.ones((1, 1)))
    np.testing.assert_allclose(found, plan * output, rtol=1e-12)
    lucky = sellers.planned_output(plain, now.state, now.controls, np.full((1, 1), 1.5))
    np.testing.assert_allclose(lucky, np.minimum(1.5 * plan, ceiling) * output, rtol=1e-12)


# -- asks ----------------------------------------------------------------------------------------


def test_asks(varied: Situation) -> None:
    """(M27)."""
    cost = sellers.cost_index(varied.prepared, varied.state, varied.controls.own_cost_factor)
    ratio = np.random.default_rng(2).uniform(0.8, 1.5, cost.shape)
    found = sellers.asks(varied.prepared, varied.state, cost, ratio, varied.controls.ask_factor)
    for (m, s), ask in np.ndenumerate(found):
        factor = varied.controls.ask_factor[m, s]
        full = factor * cost[m, s]
        expected = varied.state.offer_expected_price[m, s] / full
        power = varied.value("offer_expectation_response", m)
        assert ask == pytest.approx(ratio[m, s] * full * expected**power, rel=1e-12)


def test_what_is_expected_at_cost_is_asked_at_cost(varied: Situation) -> None:
    now = varied.copied()
    cost = sellers.cost_index(now.prepared, now.state, now.controls.own_cost_factor)
    now.state.offer_expected_price = cost.copy()
    one = np.ones((1, 1))
    np.testing.assert_allclose(sellers.asks(now.prepared, now.state, cost, one, one), cost)
    np.testing.assert_allclose(sellers.asks(now.prepared, now.state, cost, 1.25 * one, one), 1.25 * cost)


def test_a_subsidy_lowers_the_ask_by_all_that_the_state_pays(varied: Situation) -> None:
    """Once sellers expect to be paid less by buyers, by as much."""
    now, one = varied.copied(), np.ones((1, 1))
    cost = sellers.cost_index(now.prepared, now.state, now.controls.own_cost_factor)
    before = sellers.asks(now.prepared, now.state, cost, one, one)
    now.state.offer_expected_price = 0.6 * now.state.offer_expected_price
    found = sellers.asks(now.prepared, now.state, cost, one, 0.6 * one)
    np.testing.assert_allclose(found, 0.6 * before)


@given(low=st.floats(0.01, 50), more=st.floats(0, 50), response=st.floats(0, 1))
def test_higher_expectations_never_lower_an_ask(
    plain: Prepared, low: float, more: float, response: float
) -> None:
    now = settled(behaving(plain, offer_expectation_response=response))
    cost, one = np.ones_like(now.state.rate), np.ones((1, 1))
    now.state.offer_expected_price[:] = low
    first = sellers.asks(now.prepared, now.state, cost, one, one)
    now.state.offer_expected_price[:] = low + more
    assert (sellers.asks(now.prepared, now.state, cost, one, one) >= first * (1 - 1e-14)).all()


# -- offers --------------------------------------------------------------------------------------


def offered(now: Situation, held_back: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Plan, ask, quantity and full ask."""
    plan = sellers.planned_output(now.prepared, now.state, now.controls, np.ones((1, 1)))
    cost = sellers.cost_index(now.prepared, now.state, now.controls.own_cost_factor)
    ask = sellers.asks(now.prepared, now.state, cost, np.ones((1, 1)), now.controls.ask_factor)
    return plan, ask, *sellers.offers(now.prepared, now.state, now.controls, plan, ask, held_back)


def test_offers(varied: Situation) -> None:
    """(M28), (M29) and (M30)."""
    world, step = varied.world, varied.prepared.step_years
    held_back = np.random.default_rng(4).uniform(0, 1.2, varied.state.rate.shape) * varied.state.seller_stock
    plan, ask, quantity, full_ask = offered(varied, held_back)
    normal = sellers.normal_stock(varied.prepared, varied.controls)
    assert (quantity == 0).any()
    for (m, s), tonnes in np.ndenumerate(quantity):
        free = varied.state.seller_stock[m, s] - held_back[m, s]
        reserve = varied.value("seller_reserve_share", m) * world.offer_stock[s]
        assert tonnes == pytest.approx(max(free - reserve, 0), rel=1e-12)
        share = max(free, 0) / normal[m, s]
        volume = plan[m, s] * share ** varied.value("offer_stock_response", m)
        volume = max(volume, varied.value("least_offer", m) * world.offer_output[s] * step)
        if tonnes > 0:
            expected = ask[m, s] * (tonnes / volume) ** (1 / varied.value("offer_elasticity", m))
            assert full_ask[m, s] == pytest.approx(expected, rel=1e-12)
    assert (full_ask > 0).all()


def test_in_the_base_year_output_is_sold_at_the_base_price(plain: Prepared) -> None:
    """The stock above the reserve would all be sold at ``full_ask``; at 1 a step's output is."""
    now = settled(plain)
    _, ask, quantity, full_ask = offered(now, np.zeros_like(now.state.rate))
    supply = quantity * np.minimum(1.0, (1.0 / full_ask) ** now.value("offer_elasticity"))
    np.testing.assert_allclose(ask, 1.0, rtol=1e-12)
    np.testing.assert_allclose(supply, plain.world.offer_output[None] * MONTH, rtol=1e-12)
    assert (full_ask > 1).all()


@given(stock=st.floats(0.31, 20.0))
def test_at_its_ask_a_seller_places_the_volume(plain: Prepared, stock: float) -> None:
    now = settled(behaving(plain, seller_reserve_share=0.0))
    now.state.seller_stock *= stock
    plan, ask, quantity, full_ask = offered(now, np.zeros_like(now.state.rate))
    supply = quantity * np.minimum(1.0, (ask / full_ask) ** now.value("offer_elasticity"))
    volume = plan * stock ** now.value("offer_stock_response")
    np.testing.assert_allclose(supply, np.minimum(volume, quantity), rtol=1e-9)


def test_an_empty_store_offers_nothing_and_does_not_divide_by_it(plain: Prepared) -> None:
    now = settled(plain)
    now.state.seller_stock[:] = 0.0
    now.state.rate[:] = 0.0
    _, _, quantity, full_ask = offered(now, np.zeros_like(now.state.rate))
    assert (quantity == 0).all()
    assert np.isfinite(full_ask).all()
    assert (full_ask > 0).all()


def test_who_makes_nothing_sells_off_what_it_has_above_the_ask_alone(plain: Prepared) -> None:
    """The volume is at least ``least_offer`` of a step's output, so that the full ask stays finite."""
    now = settled(plain)
    now.state.rate[:] = 0.0
    _, ask, quantity, full_ask = offered(now, np.zeros_like(now.state.rate))
    least = now.value("least_offer") * plain.world.offer_output * MONTH
    expected = (quantity / least) ** (1 / now.value("offer_elasticity"))
    np.testing.assert_allclose(full_ask / ask, expected)


def test_what_waits_for_a_licence_is_not_for_sale(plain: Prepared) -> None:
    now = settled(plain)
    none = np.zeros_like(now.state.rate)
    _, _, before, cheap = offered(now, none)
    _, _, found, dear = offered(now, none + 0.5 * before)
    np.testing.assert_allclose(found, 0.5 * before)
    assert (dear != cheap).all()
    _, _, found, _ = offered(now, 3 * now.state.seller_stock)
    assert (found == 0).all()


def test_weeks_offer_as_much_of_a_stock_as_months_in_time(small_world: World) -> None:
    """What is for sale beside a step's output does not depend on the step."""
    found = []
    for step in (MONTH, 1 / 52):
        now = settled(prepared_world(small_world, step_years=step))
        quantity = offered(now, np.zeros_like(now.state.rate))[2]
        found.append(quantity - small_world.offer_output * step)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


@pytest.mark.parametrize("pace", [0.0, 0.4, 1.0, 2.0])
def test_what_entrants_have_on_sale(entering: Situation, pace: float) -> None:
    """(M94), (M95) and (M96), one by one; the others as before."""
    now, step = entering.copied(), entering.prepared.step_years
    world, full = now.world, now.prepared.benchmark.normal_output
    now.state.rate = pace * full + np.zeros_like(now.state.rate)
    now.state.seller_stock *= np.array([[1.0], [0.01], [1e-4]])
    plan, ask, quantity, full_ask = offered(now, np.zeros_like(now.state.rate))
    normal, kept = sellers.normal_stock(now.prepared, now.controls), now.prepared.kept_stock
    seen = set()
    for m, s in np.ndindex(*quantity.shape):
        stock, entrant = now.state.seller_stock[m, s], bool(now.prepared.benchmark.entrant[s])
        running = min(now.state.rate[m, s] / full[s], 1.0) if entrant else 1.0
        free = max(stock - now.value("seller_reserve_share", m) * kept[s] * running, 0.0)
        volume = plan[m, s] * (stock / normal[m, s]) ** now.value("offer_stock_response", m)
        volume = max(volume, now.value("least_offer", m) * full[s] * step)
        if entrant:
            free = 0.0 if free < now.value("least_entrant_rate", m) * full[s] * step else free
            volume = max(volume, free * full[s] * step / normal[m, s])
            seen.add(free > 0)
        assert quantity[m, s] == pytest.approx(free, rel=1e-12)
        if free > 0:
            power = 1 / now.value("offer_elasticity", m)
            assert full_ask[m, s] == pytest.approx(ask[m, s] * (free / volume) ** power, rel=1e-12)
    assert seen == {False, True}
    assert world.facilities[world.offer_facility[0]] == "mine_china"


def test_a_shut_entrant_empties_its_store(entering: Situation) -> None:
    """It keeps no reserve and places the share of its stock that others do, although it plans nothing."""
    now = settled(entering.prepared)
    at = offer_of(now.world, "mine_later")
    now.state.seller_stock[:, at] = sellers.normal_stock(now.prepared, now.controls)[:, at]
    start = float(now.state.seller_stock[0, at])
    for _ in range(24):
        _, ask, quantity, full_ask = offered(now, np.zeros_like(now.state.rate))
        power = now.value("offer_elasticity")
        sold = (quantity * np.minimum(1.0, (ask / full_ask) ** power))[0, at]
        now.state.seller_stock[0, at] -= sold
    assert now.state.seller_stock[0, at] < 1e-3 * start
    full = now.prepared.benchmark.normal_output[at] * MONTH
    assert now.state.seller_stock[0, at] < full


def test_entrants_hold_in_time_of_output_what_others_do(entering: Situation) -> None:
    now = situation(entering.prepared)
    now.controls.capacity_factor = np.ones_like(now.controls.capacity_factor)
    weeks = sellers.normal_stock(now.prepared, now.controls) / now.prepared.benchmark.normal_output
    # The small world holds six weeks of everything.
    np.testing.assert_allclose(weeks, 6 / 52 + MONTH, rtol=1e-3)
