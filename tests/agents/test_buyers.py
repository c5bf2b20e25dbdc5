"""What buyers need, want to hold, and order, against the equations in plain Python."""

from __future__ import annotations

from dataclasses import replace
from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.accounts import Orders
from sim.agents import buyers
from sim.agents.prepared import Prepared
from sim.arrays import FloatArray
from sim.world.world import World
from tests.prepared_world import (
    MONTH,
    Situation,
    behaving,
    need_of,
    offer_of,
    plant_of,
    prepared_world,
    settled,
    siblings,
)

TRADERS = ("trader_singapore_ndpr", "trader_singapore_dy")


def is_user(world: World, need: int) -> bool:
    return world.facility_kind[world.need_facility[need]] == "manufacturer"


def offers_of_buyer(world: World, need: int) -> list[int]:
    return np.flatnonzero(world.offer_facility == world.need_facility[need]).tolist()


# -- need ----------------------------------------------------------------------------------------


def need_by_hand(now: Situation, noise: FloatArray, member: int, b: int) -> float:
    """(M35) and (M36)."""
    world, state, controls = now.world, now.state, now.controls
    use = world.need_use[b] * now.prepared.step_years
    use *= state.intensity[member, b] * controls.intensity_factor[member, b]
    if is_user(world, b):
        return float(use * controls.demand_factor[member, b] * noise[member, b])
    taken = sum(world.need_use[i] for i in siblings(world.need_facility, b))
    plant = plant_of(now.prepared, world.facilities[world.need_facility[b]])
    made = offers_of_buyer(world, b)
    level = max(controls.production_factor[member, s] * controls.capacity_factor[member, s] for s in made)
    most = max(controls.output_ceiling[member, s] for s in made)
    pace = state.throughput[member, plant] / taken * state.usable[member, b] * level
    return float(use * min(pace, most))


def test_need_of_users_and_of_plants(varied: Situation) -> None:
    noise = np.random.default_rng(1).uniform(0.8, 1.2, varied.state.intensity.shape)
    found = buyers.required_input(varied.prepared, varied.state, varied.controls, noise)
    for (m, b), need in np.ndenumerate(found):
        assert need == pytest.approx(need_by_hand(varied, noise, m, b), rel=1e-12)


def test_in_the_base_year_everybody_needs_what_it_uses(plain: Prepared) -> None:
    now = settled(plain)
    found = buyers.required_input(plain, now.state, now.controls, np.ones((1, 1)))
    np.testing.assert_allclose(found[0], plain.world.need_use * MONTH, rtol=1e-14)


def test_a_plant_that_stands_still_needs_nothing_and_users_do_not_notice(plain: Prepared) -> None:
    now = settled(plain)
    before = buyers.required_input(plain, now.state, now.controls, np.ones((1, 1)))
    now.state.throughput[:] = 0.0
    found = buyers.required_input(plain, now.state, now.controls, np.ones((1, 1)))
    user = np.array([is_user(plain.world, b) for b in range(found.shape[1])])
    assert (found[:, ~user] == 0).all()
    np.testing.assert_array_equal(found[:, user], before[:, user])


def test_chance_and_demand_act_on_users_alone(plain: Prepared) -> None:
    now = settled(plain)
    before = buyers.required_input(plain, now.state, now.controls, np.ones((1, 1)))
    now.controls.demand_factor = np.full_like(now.controls.demand_factor, 0.5)
    found = buyers.required_input(plain, now.state, now.controls, np.full((1, 1), 3.0))
    user = [is_user(plain.world, b) for b in range(found.shape[1])]
    np.testing.assert_allclose(found / before, [np.where(user, 1.5, 1.0)])


def test_a_ceiling_on_output_stops_the_need_for_inputs(plain: Prepared) -> None:
    now = settled(plain)
    stopped = plain.world.offer_facility == plain.world.facilities.index("magnet_japan")
    now.controls.output_ceiling = np.where(stopped, 0.25, np.inf)[None]
    now.state.throughput *= 1.1
    found = buyers.required_input(plain, now.state, now.controls, np.ones((1, 1)))
    share = found[0] / (plain.world.need_use * MONTH)
    assert share[need_of(plain.world, "magnet_japan", "ndpr_oxide")] == pytest.approx(0.25)
    assert share[need_of(plain.world, "magnet_china", "ndpr_oxide")] == pytest.approx(1.1)


# -- target position -----------------------------------------------------------------------------


def target_by_hand(now: Situation, lag: FloatArray, need: float, member: int, b: int) -> float:
    """(M37) and (M38)."""
    pipe = sum(share * max(steps - 1, 0) for steps, share in enumerate(lag[:, b])) + 1 - lag[0, b]
    cover = now.value("cover_scale", member) * now.world.need_cover[b] / now.prepared.step_years
    cover *= 1 + now.value("risk_cover_response", member) * now.state.risk[member, b]
    return float(need * (cover + pipe))


def test_target_position(varied: Situation) -> None:
    lag = varied.prepared.benchmark.need_lag
    need = np.random.default_rng(2).uniform(0, 5, varied.state.risk.shape)
    found = buyers.target_position(varied.prepared, varied.state, lag, need)
    for (m, b), target in np.ndenumerate(found):
        assert target == pytest.approx(target_by_hand(varied, lag, need[m, b], m, b), rel=1e-12)
    by_member = np.repeat(lag[:, None], len(need), axis=1)
    again = buyers.target_position(varied.prepared, varied.state, by_member, need)
    np.testing.assert_array_equal(again, found)


@pytest.mark.parametrize(("arrives_after", "pipeline"), [(0, 0.0), (1, 1.0), (2, 2.0), (4, 4.0)])
def test_what_takes_some_steps_is_under_way_as_many_times(
    plain: Prepared, arrives_after: int, pipeline: float
) -> None:
    now = settled(behaving(plain, cover_scale=0.0))
    lag = np.zeros((5, len(plain.world.need_good)))
    lag[arrives_after] = 1.0
    need = np.full((1, lag.shape[1]), 7.0)
    assert buyers.target_position(now.prepared, now.state, lag, need) == pytest.approx(7.0 * pipeline)


def test_fear_lengthens_cover_alone(plain: Prepared) -> None:
    now = settled(behaving(plain, risk_cover_response=0.5))
    lag, need = plain.benchmark.need_lag, np.ones((1, len(plain.world.need_good)))
    calm = buyers.target_position(now.prepared, now.state, lag, need)
    now.state.risk[:] = 1.0
    afraid = buyers.target_position(now.prepared, now.state, lag, need)
    cover = plain.world.need_cover * now.value("cover_scale") / MONTH
    np.testing.assert_allclose(afraid - calm, 0.5 * cover[None])


# -- what an input is worth ----------------------------------------------------------------------


def test_give_up_prices(varied: Situation) -> None:
    """(M44)."""
    found, world = buyers.give_up_prices(varied.prepared), varied.world
    for member, row in enumerate(found):
        for b, classes in enumerate(row):
            multiple, base = world.need_reservation[b], varied.prepared.benchmark.base_index[b]
            power = varied.value("give_up_exponent", member) / 3
            expected = [base * multiple ** (power * k) for k in (1, 2, 3)]
            np.testing.assert_allclose(classes, expected, rtol=1e-12)
    assert (np.diff(found, axis=-1) > 0).all()


def test_who_can_pay_no_more_than_the_base_price_gives_up_there(small_world: World) -> None:
    world = replace(small_world, need_reservation=np.ones_like(small_world.need_reservation))
    prepared = prepared_world(world)
    found = buyers.give_up_prices(prepared)
    np.testing.assert_allclose(found, np.repeat(prepared.benchmark.base_index[None, :, None], 3, axis=2))


@given(spent=st.floats(0.01, 1.0), margin=st.floats(0.05, 1.0), worth=st.floats(1.0, 50.0))
def test_a_plant_pays_what_leaves_its_other_costs_covered(
    plain: Prepared, spent: float, margin: float, worth: float
) -> None:
    """(M45): of revenue 1 it spends s on the input, o = (1 - m)(1 - s) else; at v it pays (v - o) / s."""
    other = (1 - margin) * (1 - spent)
    multiple = 1 + margin * (1 / spent - 1)
    world = replace(plain.world, need_reservation=np.full(len(plain.world.need_good), multiple))
    prepared = replace(behaving(plain, margin_share=margin), world=world)
    slope = buyers.worth_slopes(prepared)
    plant = need_of(world, "magnet_japan", "ndpr_oxide")
    assert multiple * (1 + slope[0, plant] * (worth - 1)) == pytest.approx((worth - other) / spent)
    assert all(slope[0, need_of(world, trader)] == 1.0 for trader in TRADERS)
    assert all(slope[0, b] == 0.0 for b in range(slope.shape[1]) if is_user(world, b))


def test_worth_of_inputs_follows_the_products(varied: Situation) -> None:
    """(M46), but for the budgets, which the caller multiplies in."""
    world, prepared = varied.world, varied.prepared
    give_up, slope = buyers.give_up_prices(prepared), buyers.worth_slopes(prepared)
    kept = give_up.copy()
    found = buyers.worth_of_inputs(prepared, varied.state, give_up, slope)
    np.testing.assert_array_equal(give_up, kept)
    for member, row in enumerate(found):
        for b, classes in enumerate(row):
            made = offers_of_buyer(world, b)
            revenue = [world.offer_output[s] * world.base_price[world.offer_good[s]] for s in made]
            prices = varied.state.offer_expected_price[member, made]
            worth = np.dot(revenue, prices) / sum(revenue) if made else 1.0
            factor = 1 + slope[member, b] * max(worth - 1, 0)
            np.testing.assert_allclose(classes, give_up[member, b] * factor, rtol=1e-12)


def test_cheap_products_do_not_lower_what_an_input_is_worth(plain: Prepared) -> None:
    now = settled(plain)
    now.state.offer_expected_price[:] = 0.1
    give_up = buyers.give_up_prices(plain)
    found = buyers.worth_of_inputs(plain, now.state, give_up, buyers.worth_slopes(plain))
    np.testing.assert_array_equal(found, give_up)


# -- orders --------------------------------------------------------------------------------------


def ordered(now: Situation, need: FloatArray, give_up: FloatArray | None = None) -> Orders:
    prices = buyers.give_up_prices(now.prepared) if give_up is None else give_up
    return buyers.order_tiers(now.prepared, now.state, now.prepared.benchmark.need_lag, need, prices)


def test_order_tiers(varied: Situation) -> None:
    """(M39) to (M43) and (M47)."""
    need = np.random.default_rng(3).uniform(0.1, 5, varied.state.risk.shape)
    give_up, lag = buyers.give_up_prices(varied.prepared), varied.prepared.benchmark.need_lag
    found = ordered(varied, need)
    for m in range(len(need)):
        value = {name: varied.value(name, m) for name in varied.prepared.behaviour.values}
        ceiling, slope = value["restock_ceiling"], value["restock_elasticity"]
        for b in range(need.shape[1]):
            held = varied.state.buyer_stock[m, b] + varied.state.transit[:, m, b].sum()
            target = target_by_hand(varied, lag, need[m, b], m, b)
            lack = (held / target - value["urgency_cover"]) / value["urgency_width"]
            urgent = need[m, b] / (1 + exp(min(lack, 40)))
            least = value["least_order_share"] * need[m, b]
            gap = (target - held) * varied.prepared.step_years / value["cover_adjustment_time"]
            order = max(need[m, b] + gap, least)
            rest = max(order - urgent, least)
            tonnes = [urgent / 3, urgent / 3, urgent / 3, ceiling * rest]
            np.testing.assert_allclose(found.tonnes[m, b], tonnes, rtol=1e-10)
            fear = 1 + value["risk_price_premium"] * varied.state.risk[m, b]
            wanted = min(varied.state.need_expected_price[m, b] * fear, give_up[m, b, 2])
            prices = [*give_up[m, b], wanted * ceiling ** (-1 / slope)]
            np.testing.assert_allclose(found.reservation[m, b], prices, rtol=1e-12)
            elasticity = np.broadcast_to(found.elasticity, found.tonnes.shape)[m, b]
            assert elasticity.tolist() == [value["urgent_elasticity"]] * 3 + [slope]


def bought(orders: Orders, price: FloatArray) -> FloatArray:
    """(M, N) tonnes at choice indices (M, N)."""
    over = np.maximum(price[..., None] / orders.reservation, 1.0)
    total: FloatArray = (orders.tonnes * over**-orders.elasticity).sum(-1)
    return total


def test_in_the_base_year_orders_are_what_is_used(plain: Prepared) -> None:
    now = settled(plain)
    use = plain.world.need_use[None] * MONTH
    # Stock on hand when buyers order includes what arrived in the step.
    now.state.buyer_stock = now.state.buyer_stock + now.state.transit[0]
    now.state.transit[:-1], now.state.transit[-1] = now.state.transit[1:].copy(), 0.0
    np.testing.assert_allclose(bought(ordered(now, use), plain.benchmark.base_index[None]), use, rtol=1e-12)


def test_without_stock_nearly_all_is_urgent_and_with_much_nothing(plain: Prepared) -> None:
    now = settled(plain)
    need = np.ones((1, len(plain.world.need_good)))
    now.state.buyer_stock[:], now.state.transit[:] = 0.0, 0.0
    urgent = ordered(now, need).tonnes[..., :3].sum(-1)
    share = 1 / (1 + exp(-now.value("urgency_cover") / now.value("urgency_width")))
    np.testing.assert_allclose(urgent, share)
    assert share > 0.98
    now.state.buyer_stock[:] = 1e9
    full = ordered(now, need)
    assert full.tonnes[..., :3].max() < 1e-16
    least = now.value("least_order_share") * now.value("restock_ceiling")
    np.testing.assert_allclose(full.tonnes[..., 3], least)


def test_the_rest_of_an_order_is_never_less_than_the_least(plain: Prepared) -> None:
    """Not even where buyers hold much and feel that they lack it."""
    now = settled(behaving(plain, urgency_cover=9.0, cover_adjustment_time=1e-3))
    need = np.ones((1, len(plain.world.need_good)))
    target = buyers.target_position(now.prepared, now.state, plain.benchmark.need_lag, need)
    now.state.buyer_stock, now.state.transit[:] = 2 * target, 0.0
    found = ordered(now, need)
    np.testing.assert_allclose(found.tonnes[..., :3].sum(-1), 1.0)
    least = now.value("least_order_share") * now.value("restock_ceiling")
    np.testing.assert_allclose(found.tonnes[..., 3], least)


def test_who_needs_nothing_orders_nothing(varied: Situation) -> None:
    """Whatever lies in stock; a target of 0 divides nothing."""
    need = np.zeros_like(varied.state.risk)
    found = ordered(varied, need)
    assert (found.tonnes == 0).all()
    assert np.isfinite(found.reservation).all()


def test_prices_that_nobody_expects_can_be_paid_do_not_raise_restocking(plain: Prepared) -> None:
    now = settled(plain)
    need = np.ones((1, len(plain.world.need_good)))
    give_up = buyers.give_up_prices(plain)
    now.state.need_expected_price[:] = 1e6
    found = ordered(now, need, give_up)
    fade = now.value("restock_ceiling") ** (-1 / now.value("restock_elasticity"))
    np.testing.assert_allclose(found.reservation[..., 3], give_up[..., 2] * fade)


def test_at_the_expected_price_the_last_tier_is_the_rest_of_the_order(varied: Situation) -> None:
    """Whatever the ceiling: it is what a low price adds."""
    need = np.ones_like(varied.state.risk)
    found = ordered(varied, need, np.full((*need.shape, 3), 1e9))
    fear = 1 + varied.prepared.behaviour["risk_price_premium"] * varied.state.risk
    price = varied.state.need_expected_price * fear
    last = found.tonnes[..., 3] * (price / found.reservation[..., 3]) ** -found.elasticity[..., 3]
    np.testing.assert_allclose(last * varied.prepared.behaviour["restock_ceiling"], found.tonnes[..., 3])


@given(low=st.floats(0, 3), more=st.floats(0, 3), fear=st.floats(0, 1))
def test_at_the_expected_price_more_stock_never_orders_more(
    plain: Prepared, low: float, more: float, fear: float
) -> None:
    """At lower prices it may: what is urgent does not grow with a bargain."""
    now = settled(plain)
    need = np.ones((1, len(plain.world.need_good)))
    now.state.risk[:] = fear
    now.state.transit[:] = 0.0
    target = buyers.target_position(now.prepared, now.state, now.prepared.benchmark.need_lag, need)
    price = now.prepared.benchmark.base_index * (1 + now.value("risk_price_premium") * now.state.risk)
    now.state.buyer_stock = low * target
    little = ordered(now, need)
    now.state.buyer_stock = (low + more) * target
    much = ordered(now, need)
    assert (bought(much, price) <= bought(little, price) * (1 + 1e-12)).all()
    assert (much.tonnes[..., :3] <= little.tonnes[..., :3]).all()
    assert (little.tonnes >= 0).all()


def test_what_is_under_way_counts_like_stock(plain: Prepared) -> None:
    now = settled(plain)
    need = np.ones((1, len(plain.world.need_good)))
    now.state.transit[-1] += 2.0
    with_shipments = ordered(now, need)
    now.state.transit[-1] -= 2.0
    now.state.buyer_stock += 2.0
    np.testing.assert_allclose(ordered(now, need).tonnes, with_shipments.tonnes, rtol=1e-10)


def test_traders_are_where_they_are_expected(small_world: World) -> None:
    """The tests above take plants and users from the world's table of facilities."""
    kinds = dict(zip(small_world.facilities, small_world.facility_kind, strict=True))
    assert {kinds[name] for name in TRADERS} == {"trader"}
    assert offer_of(small_world, TRADERS[0]) in offers_of_buyer(small_world, need_of(small_world, TRADERS[0]))
