"""What buyers need, want to hold, and order, against the equations in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.accounts import Orders
from sim.agents import buyers
from sim.agents.prepared import Prepared
from sim.agents.worth import CLASSES
from sim.arrays import FloatArray
from sim.world.world import World
from tests.prepared_world import MONTH, Situation, need_of, plant_of, settled, siblings


def is_user(world: World, need: int) -> bool:
    return world.facility_kind[world.need_facility[need]] == "manufacturer"


def offers_of_buyer(world: World, need: int) -> list[int]:
    return np.flatnonzero(world.offer_facility == world.need_facility[need]).tolist()


# -- need ----------------------------------------------------------------------------------------


def need_by_hand(now: Situation, noise: FloatArray, member: int, b: int) -> float:
    """(M32) and (M33)."""
    world, state, controls = now.world, now.state, now.controls
    use = world.need_use[b] * now.prepared.step_years
    use *= state.intensity[member, b] * controls.intensity_factor[member, b]
    use *= 1 - world.need_switch_share[b] * state.switched[member, b]
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


# -- use by price --------------------------------------------------------------------------------


def ladder(now: Situation) -> FloatArray:
    """(M, N, CLASSES) prices up to which classes pay, different in every member and need."""
    rng = np.random.default_rng(7)
    return np.asarray(np.sort(np.exp(rng.uniform(-0.5, 3, (*now.state.required.shape, CLASSES))), axis=-1))


def tiers_of(now: Situation, need: FloatArray) -> tuple[FloatArray, FloatArray]:
    return buyers.use_tiers(now.prepared, need, ladder(now), now.controls.budget_factor)


@pytest.mark.parametrize("more", [0.0, 0.3, 9.0])
def test_use_tiers(varied: Situation, more: float) -> None:
    """(M37) and (M38)."""
    need = np.random.default_rng(2).uniform(0, 5, varied.state.required.shape)
    worth, budget = ladder(varied), varied.controls.budget_factor
    extra = np.full_like(need, more) if more else None
    tonnes, price = buyers.use_tiers(varied.prepared, need, worth, budget, extra)
    for (m, b), required in np.ndenumerate(need):
        first = varied.value("use_elasticity", m) if is_user(varied.world, b) else 0.0
        first = min((first + more) / varied.value("instant_elasticity", m), 1.0)
        classes = [(1 - first) * required / CLASSES] * CLASSES
        np.testing.assert_allclose(tonnes[:, m, b], [first * required, *classes], rtol=1e-12, atol=1e-15)
        base = varied.prepared.benchmark.base_index[b] * budget[m, b]
        np.testing.assert_allclose(price[:, m, b], [base, *worth[m, b]], rtol=1e-12)


def test_served_share(varied: Situation) -> None:
    """(M44)."""
    need = np.random.default_rng(2).uniform(0.1, 5, varied.state.required.shape)
    tiers, index = tiers_of(varied, need), varied.state.choice_index
    found = buyers.served_share(varied.prepared, tiers, index)
    for (m, b), share in np.ndenumerate(found):
        powers = [varied.value("instant_elasticity", m)] + [varied.value("urgent_elasticity", m)] * CLASSES
        used = sum(
            tonnes * max(index[m, b] / price, 1.0) ** -power
            for tonnes, price, power in zip(tiers[0][:, m, b], tiers[1][:, m, b], powers, strict=True)
        )
        assert share == pytest.approx(used / need[m, b], rel=1e-12)
    assert found.max() <= 1 + 1e-12


def test_all_is_served_at_no_price_nothing_at_any_and_who_needs_nothing_is_served(varied: Situation) -> None:
    need = np.ones_like(varied.state.required)
    need[:, 0] = 0.0
    tiers = tiers_of(varied, need)
    np.testing.assert_allclose(buyers.served_share(varied.prepared, tiers, 1e-9 + 0 * need), 1.0)
    dear = buyers.served_share(varied.prepared, tiers, 1e9 + 0 * need)
    assert (dear[:, 0] == 1).all()
    assert dear[:, 1:].max() < 1e-5


# -- what is held, wanted and ordered ------------------------------------------------------------


def pipeline_by_hand(lag: FloatArray, need: float, b: int) -> float:
    """(M34)."""
    steps = sum(share * max(after - 1, 0) for after, share in enumerate(lag[:, b])) + 1 - lag[0, b]
    return float(need * steps)


def test_under_way(varied: Situation) -> None:
    lag = varied.prepared.benchmark.need_lag
    need = np.random.default_rng(2).uniform(0, 5, varied.state.required.shape)
    found = buyers.under_way(varied.prepared, lag, need)
    for (m, b), tonnes in np.ndenumerate(found):
        assert tonnes == pytest.approx(pipeline_by_hand(lag, need[m, b], b), rel=1e-12)
    by_member = np.repeat(lag[:, None], len(need), axis=1)
    np.testing.assert_array_equal(buyers.under_way(varied.prepared, by_member, need), found)


@pytest.mark.parametrize(("arrives_after", "pipeline"), [(0, 0.0), (1, 1.0), (2, 2.0), (4, 4.0)])
def test_what_takes_some_steps_is_under_way_as_many_times(
    plain: Prepared, arrives_after: int, pipeline: float
) -> None:
    lag = np.zeros((5, len(plain.world.need_good)))
    lag[arrives_after] = 1.0
    need = np.full((1, lag.shape[1]), 7.0)
    assert buyers.under_way(plain, lag, need) == pytest.approx(7.0 * pipeline)


def ordered(now: Situation, need: FloatArray) -> Orders:
    return buyers.orders(now.prepared, now.state, now.prepared.benchmark.need_lag, need, tiers_of(now, need))


def test_orders(varied: Situation) -> None:
    """(M35), (M36), (M39) and (M40)."""
    need = np.random.default_rng(3).choice([0.1, 5.0, 1e4], varied.state.required.shape)
    found, use = ordered(varied, need), tiers_of(varied, need)
    lag, step, seen = varied.prepared.benchmark.need_lag, varied.prepared.step_years, set()
    for m, b in np.ndindex(*need.shape):
        held = varied.state.buyer_stock[m, b] + varied.state.transit[:, m, b].sum()
        held = max(held - pipeline_by_hand(lag, need[m, b], b), 0.0)
        assert found.held[m, b] == pytest.approx(held, rel=1e-12)
        seen.add(held > 0)
        usual = varied.world.need_cover[b] * varied.value("cover_scale", m) / step * need[m, b]
        limit, slope = varied.value("storage_limit", m), varied.value("storage_elasticity", m)
        np.testing.assert_allclose(found.tonnes[m, b], [*use[0][:, m, b], limit * usual], rtol=1e-12)
        least = varied.state.need_expected_price[m, b] * limit ** (-1 / slope)
        np.testing.assert_allclose(found.reservation[m, b], [*use[1][:, m, b], least], rtol=1e-12)
        elasticity = np.broadcast_to(found.elasticity, found.tonnes.shape)[m, b]
        classes = [varied.value("urgent_elasticity", m)] * CLASSES
        assert elasticity.tolist() == [varied.value("instant_elasticity", m), *classes, slope]
    assert seen == {False, True}


def wanted(orders: Orders, price: FloatArray) -> FloatArray:
    """(M, N, K) tonnes that each tier wants at choice indices (M, N)."""
    over = np.maximum(price[..., None] / orders.reservation, 1.0)
    return np.asarray(orders.tonnes * over**-orders.elasticity)


def test_a_buyer_wants_to_hold_its_usual_stock_at_the_price_it_expects(varied: Situation) -> None:
    """Less above it by the elasticity of storage, more below it up to what there is room for."""
    need = np.ones_like(varied.state.required)
    found, expected = ordered(varied, need), varied.state.need_expected_price
    usual = varied.world.need_cover * varied.prepared.behaviour["cover_scale"] / MONTH
    slope, limit = varied.value("storage_elasticity"), varied.prepared.behaviour["storage_limit"]
    np.testing.assert_allclose(wanted(found, expected)[..., -1], usual)
    np.testing.assert_allclose(wanted(found, 2 * expected)[..., -1], usual * 2**-slope)
    np.testing.assert_allclose(wanted(found, 1e-9 * expected)[..., -1], usual * limit)


def test_in_the_base_year_orders_are_what_is_used(plain: Prepared) -> None:
    """What is used and held, less what is there, is a step's use, at base prices; with all classes served."""
    now = settled(plain)
    use, base = plain.world.need_use[None] * MONTH, plain.benchmark.base_index[None]
    # Stock on hand when buyers order includes what arrived in the step.
    now.state.buyer_stock = now.state.buyer_stock + now.state.transit[0]
    now.state.transit[:-1], now.state.transit[-1] = now.state.transit[1:].copy(), 0.0
    worth = np.full((*use.shape, CLASSES), 50.0)
    tiers = buyers.use_tiers(plain, use, worth, now.controls.budget_factor)
    found = buyers.orders(plain, now.state, plain.benchmark.need_lag, use, tiers)
    np.testing.assert_allclose(wanted(found, base).sum(-1) - found.held, use, rtol=1e-12)


def test_who_needs_nothing_orders_nothing(varied: Situation) -> None:
    """Whatever lies in stock, which then all is at hand."""
    need = np.zeros_like(varied.state.required)
    found = ordered(varied, need)
    assert (found.tonnes == 0).all()
    assert np.isfinite(found.reservation).all()
    np.testing.assert_allclose(found.held, varied.state.buyer_stock + varied.state.transit.sum(0))


@given(low=st.floats(0, 3), more=st.floats(0, 3), price=st.floats(0.1, 10))
def test_more_stock_or_a_higher_price_never_orders_more(
    plain: Prepared, low: float, more: float, price: float
) -> None:
    now = settled(plain)
    need = plain.world.need_use[None] * MONTH
    index = price * plain.benchmark.base_index[None]

    def bought(stock: float, at: FloatArray) -> FloatArray:
        now.state.buyer_stock = stock * settled(plain).state.buyer_stock
        found = ordered(now, need)
        return np.asarray(wanted(found, at).sum(-1) - found.held)

    little = bought(low, index)
    assert (bought(low + more, index) <= little + 1e-9 * need).all()
    assert (bought(low, 1.1 * index) <= little + 1e-9 * need).all()


def test_what_is_under_way_counts_like_stock(plain: Prepared) -> None:
    now = settled(plain)
    need = np.ones((1, len(plain.world.need_good)))
    now.state.transit[-1] += 2.0
    with_shipments = ordered(now, need)
    now.state.transit[-1] -= 2.0
    now.state.buyer_stock += 2.0
    np.testing.assert_allclose(ordered(now, need).held, with_shipments.held, rtol=1e-10)
