"""How mines, plants and users follow prices, step by step, against the equations in plain Python."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.agents import production
from sim.agents.prepared import Prepared
from tests.prepared_world import (
    LATER,
    MONTH,
    Situation,
    behaving,
    need_of,
    offer_of,
    plant_of,
    settled,
    situation,
)

MINE, SEPARATOR, MAGNETS = LATER
AT_ONCE = {"utilisation_speed": 1e9, "ramp_limit": 1e9, "expansion_speed": 0.0}
"""Rates jump to where they want to be; nobody builds."""


def gain(now: Situation, rate: float) -> float:
    """(M16)."""
    return 1 - exp(-rate * now.prepared.step_years)


def felt(now: Situation, ratio: float, member: int) -> float:
    """(M73)."""
    low, high = now.value("lowest_price_felt", member), now.value("highest_price_felt", member)
    return min(max(ratio, low), high)


def opening(now: Situation, over_cost: float, m: int) -> float:
    """(M77) and (M98), as a share of capacity; next to nothing is nothing."""
    opened = min(max((over_cost - 1) / now.value("entry_margin", m), 0.0), 1.0)
    return 0.0 if opened < now.value("least_entrant_rate", m) else opened


def kept_open(now: Situation, rate: float, wish: float, full: float, member: int) -> float:
    """An entrant that wants to stand still does once it makes next to nothing."""
    closing = wish <= 0 and rate < now.value("least_entrant_rate", member) * full
    return 0.0 if closing else rate


def adapted(now: Situation) -> Situation:
    """A step later, at the gate prices and choice indices that the situation has."""
    later = now.copied()
    prices = now.state.gate_price, now.state.choice_index
    production.adapt_rates(later.prepared, later.state, later.controls, prices)
    return later


# -- capacity ------------------------------------------------------------------------------------


def cost_by_hand(now: Situation, m: int, s: int) -> float:
    """(M180): of plants it moves with their inputs."""
    own = float(now.controls.own_cost_factor[m, s])
    activities = now.prepared.benchmark.activities
    plant = int(activities.offer_plant[s])
    if plant < 0:
        return own
    needs = np.flatnonzero(activities.need_plant == plant)
    paid = now.state.need_expected_price[m] / now.prepared.benchmark.base_index
    inputs = sum(activities.cost_weight[n] * felt(now, float(paid[n]), m) for n in needs.tolist())
    share = float(activities.input_cost_share[plant])
    return 1 + share * (float(inputs) - 1) + (1 - share) * (own - 1)


def built_by_hand(now: Situation, m: int, s: int) -> tuple[float, float]:
    """(M71) and (M72): capacity, and what is still being built."""
    state, step = now.state, now.prepared.step_years
    cost = cost_by_hand(now, m, s) * (1 + now.value("entry_margin", m))
    over = max(log(state.offer_expected_price[m, s] / cost), 0.0)
    begun = now.value("expansion_speed", m) * over * step * state.capacity[m, s]
    if now.prepared.benchmark.entrant[s]:
        begun = 0.0
    years = "plant_building_years" if now.prepared.made[s] else "building_years"
    done = gain(now, 1 / now.value(years, m)) * state.building[m, s]
    return float(state.capacity[m, s] + done), float(state.building[m, s] + begun - done)


@pytest.mark.parametrize("which", ["varied", "entering"])
def test_expansions(request: pytest.FixtureRequest, which: str) -> None:
    before: Situation = request.getfixturevalue(which)
    now, begun = adapted(before), set()
    for (m, s), capacity in np.ndenumerate(now.state.capacity):
        expected, building = built_by_hand(before, m, s)
        assert capacity == pytest.approx(expected, rel=1e-12)
        assert now.state.building[m, s] == pytest.approx(building, rel=1e-12)
        begun.add(building > before.state.building[m, s])
    assert begun == {False, True}


# -- mines ---------------------------------------------------------------------------------------


def mine_by_hand(now: Situation, m: int, s: int) -> float:
    """(M73) to (M77)."""
    state, controls, benchmark = now.state, now.controls, now.prepared.benchmark
    output, least = benchmark.normal_output[s], now.value("minimum_utilisation", m)
    capacity, _ = built_by_hand(now, m, s)
    price = state.gate_price[m, s] / controls.ask_factor[m, s] / controls.own_cost_factor[m, s]
    price = felt(now, price, m)
    most, grown = capacity / output, capacity / now.world.offer_capacity[s]
    elasticity = now.value("supply_elasticity", m, int(now.world.offer_good[s]))
    wish = min(max(grown * price**elasticity, least), most)
    covered = min(price / state.cash_cost[m, s], 1.0)
    wish = wish * covered ** now.value("shutdown_response", m)
    entrant, full = bool(benchmark.entrant[s]), 0.0
    if entrant:
        wish, full = opening(now, price / state.cash_cost[m, s], m) * most, float(output)
    wish = min(wish, controls.output_ceiling[m, s])
    change = gain(now, now.value("utilisation_speed", m)) * (wish * output - state.rate[m, s])
    known = max(state.practised[m, s] - state.rate[m, s], 0.0)
    rise = now.value("ramp_limit", m) * now.prepared.step_years * capacity
    rate = state.rate[m, s] + min(change, rise + known)
    return kept_open(now, float(rate), wish, full, m)


@pytest.mark.parametrize("which", ["varied", "entering"])
@pytest.mark.parametrize("ramp", [0.36, 9.0])
def test_mines(request: pytest.FixtureRequest, which: str, ramp: float) -> None:
    given_to: Situation = request.getfixturevalue(which)
    before = Situation(behaving(given_to.prepared, ramp_limit=ramp), given_to.state, given_to.controls)
    now = adapted(before)
    for s in np.flatnonzero(~now.prepared.made).tolist():
        for m in range(now.prepared.members):
            assert now.state.rate[m, s] == pytest.approx(mine_by_hand(before, m, s), rel=1e-12)


def rate_at(prepared: Prepared, price: float, **values: float) -> float:
    """Rate of a mine over its output in the long run, at a price."""
    now = settled(behaving(prepared, **{**AT_ONCE, **values}))
    now.state.gate_price[:] = price
    mine = offer_of(prepared.world, "mine_abroad")
    return float(adapted(now).state.rate[0, mine] / prepared.world.offer_output[mine])


def test_a_mine_runs_between_its_least_rate_and_its_capacity(plain: Prepared) -> None:
    assert rate_at(plain, 1.0) == pytest.approx(1.0)
    assert rate_at(plain, 1.21, supply_elasticity=0.5) == pytest.approx(1.1)
    assert rate_at(plain, 1e6) == pytest.approx(1.2)
    # Its cash cost is 0.7: at 0.35 half is covered.
    half = rate_at(plain, 0.35, supply_elasticity=0.0, shutdown_response=1.0, minimum_utilisation=0.1)
    assert half == pytest.approx(0.5)
    assert rate_at(plain, 0.7, supply_elasticity=0.0, shutdown_response=9.0) == pytest.approx(1.0)
    assert rate_at(plain, 0.71, supply_elasticity=9.0, minimum_utilisation=0.3) == pytest.approx(0.3)
    # Where nobody pays what digging costs, nobody digs.
    assert rate_at(plain, 1e-6, minimum_utilisation=0.3) < 0.01


@given(low=st.floats(0.01, 60), more=st.floats(0, 60))
def test_a_mine_makes_no_less_for_a_higher_price(plain: Prepared, low: float, more: float) -> None:
    assert rate_at(plain, low) <= rate_at(plain, low + more) * (1 + 1e-12)


def test_a_rate_closes_its_share_of_the_gap_in_each_step(plain: Prepared) -> None:
    slow = {"supply_elasticity": 0.0, "utilisation_speed": 3.0}
    now = settled(behaving(plain, **{**AT_ONCE, **slow}))
    mine = offer_of(plain.world, "mine_china")
    output = plain.world.offer_output[mine]
    now.state.rate[0, mine] = 0.4 * output
    for _ in range(3):
        now = adapted(now)
    assert now.state.rate[0, mine] / output == pytest.approx(1 - 0.6 * exp(-3 * 3.0 * MONTH))


def test_rates_climb_no_faster_than_the_ramp_but_fall_at_once(plain: Prepared) -> None:
    """Of capacity, 1.2 times the output, a hundredth a month: mines and plants alike."""
    now = settled(behaving(plain, **{**AT_ONCE, "ramp_limit": 0.12}))
    world, output = plain.world, plain.world.offer_output
    now.state.rate, now.state.throughput = 0.5 * now.state.rate, 0.5 * now.state.throughput
    now.state.practised = now.state.rate.copy()
    for month in (1, 2, 3):
        now = adapted(now)
        np.testing.assert_allclose(now.state.rate[0] / output, 0.5 + 0.012 * month)
    now.state.gate_price[:] = 1e-6
    now = adapted(now)
    mine = offer_of(world, "mine_china")
    # Nobody digs where nobody pays what digging costs.
    assert now.state.rate[0, mine] / output[mine] < 0.01


def test_a_rate_goes_back_at_once_to_what_was_run_at_not_long_ago(plain: Prepared) -> None:
    """After a standstill of two years a facility that forgets in two ramps from 37 % of what it had made."""
    now = settled(behaving(plain, **{**AT_ONCE, "ramp_limit": 0.0, "practice_years": 2.0}))
    output, ceiling = plain.world.offer_output, now.controls.output_ceiling
    for months, left in ((0, 1.0), (24, exp(-1.0))):
        now.controls.output_ceiling = np.zeros_like(ceiling)
        for _ in range(months):
            now = adapted(now)
            assert now.state.rate.max() == now.state.throughput.max() == 0
        now.controls.output_ceiling = ceiling
        for _ in range(3):
            now = adapted(now)
            np.testing.assert_allclose(now.state.rate[0] / output, left, rtol=1e-12)


def test_practice_fades_toward_what_is_run_at_and_never_below(plain: Prepared) -> None:
    now = settled(behaving(plain, practice_years=1.5))
    mine = offer_of(plain.world, "mine_china")
    output = float(plain.world.offer_output[mine])
    now.state.rate[0, mine] = 0.4 * output
    before = now.state.practised.copy()
    now = adapted(now)
    kept = exp(-MONTH / 1.5)
    rate = now.state.rate[0, mine]
    assert now.state.practised[0, mine] == pytest.approx(rate + kept * (before[0, mine] - rate), rel=1e-12)
    assert (now.state.practised >= now.state.rate).all()


def test_subsidies_and_own_costs_are_seen_in_what_is_received(plain: Prepared) -> None:
    """A price that falls by what the state pays, or rises with own costs, moves no mine."""
    now = settled(plain)
    now.controls.ask_factor = np.full_like(now.controls.ask_factor, 0.6)
    now.controls.own_cost_factor = np.full_like(now.controls.own_cost_factor, 1.5)
    now.state.gate_price *= 0.6 * 1.5
    mine = offer_of(plain.world, "mine_china")
    assert adapted(now).state.rate[0, mine] == pytest.approx(plain.world.offer_output[mine])


# -- plants --------------------------------------------------------------------------------------


def plant_by_hand(now: Situation, m: int, facility: int) -> float:
    """(M78) to (M80), and (M98) for a plant that enters."""
    world, state, controls, benchmark = now.world, now.state, now.controls, now.prepared.benchmark
    needs = np.flatnonzero(world.need_facility == facility)
    offers = np.flatnonzero(world.offer_facility == facility)
    price = world.base_price
    earned = benchmark.normal_output[offers] * price[world.offer_good[offers]]
    spent = benchmark.normal_use[needs] * price[world.need_good[needs]] * benchmark.base_index[needs]
    share = min(spent.sum() / earned.sum(), now.prepared.behaviour.shared("input_cost_ceiling"))
    product = [felt(now, state.gate_price[m, s] / controls.ask_factor[m, s], m) for s in offers]
    paid = [felt(now, state.choice_index[m, b] / benchmark.base_index[b], m) for b in needs]
    own = np.dot(earned, controls.own_cost_factor[m, offers]) / earned.sum()
    cost = 1 + share * (np.dot(spent, paid) / spent.sum() - 1) + (1 - share) * (own - 1)
    margin = np.dot(earned, product) / earned.sum() / cost
    capacity = [built_by_hand(now, m, s)[0] for s in offers]
    most = max(capacity / benchmark.normal_output[offers])
    grown = max(capacity / world.offer_capacity[offers])
    wish = grown * margin ** now.value("processing_elasticity", m)
    wish = min(max(wish, now.value("minimum_utilisation", m)), most)
    normal, full = float(benchmark.normal_use[needs].sum()), 0.0
    if benchmark.entrant[offers[0]]:
        over_cost = margin / (np.dot(earned, state.cash_cost[m, offers]) / earned.sum())
        wish, full = opening(now, over_cost, m) * most, normal
    wish = min(wish, max(controls.output_ceiling[m, offers]))
    pace = state.throughput[m, plant_of(now.prepared, world.facilities[facility])]
    change = gain(now, now.value("utilisation_speed", m)) * (wish * normal - pace)
    known = max(max(state.practised[m, offers] / benchmark.normal_output[offers]) * normal - pace, 0.0)
    pace = pace + min(change, now.value("ramp_limit", m) * now.prepared.step_years * most * normal + known)
    return kept_open(now, float(pace), wish, full, m)


@pytest.mark.parametrize("which", ["varied", "replaceable", "entering"])
@pytest.mark.parametrize("ramp", [0.36, 9.0])
def test_plants(request: pytest.FixtureRequest, which: str, ramp: float) -> None:
    given_to: Situation = request.getfixturevalue(which)
    before = Situation(behaving(given_to.prepared, ramp_limit=ramp), given_to.state, given_to.controls)
    now, world = adapted(before), before.world
    for facility in now.prepared.benchmark.activities.facility.tolist():
        plant = plant_of(now.prepared, world.facilities[facility])
        offers = np.flatnonzero(world.offer_facility == facility)
        for m in range(now.prepared.members):
            pace = plant_by_hand(before, m, facility)
            assert now.state.throughput[m, plant] == pytest.approx(pace, rel=1e-12)
            # What it makes at that pace, in proportion to its normal output.
            taken = now.prepared.benchmark.normal_use[world.need_facility == facility].sum()
            made = now.prepared.benchmark.normal_output[offers] * pace / taken
            np.testing.assert_allclose(now.state.rate[m, offers], made, rtol=1e-12)


@pytest.mark.parametrize("seed", range(1, 7))
def test_how_far_plants_open(entering: Situation, seed: int) -> None:
    """With so wide a margin that most stay between shut and open."""
    wide = {"entry_margin": 5.0, "utilisation_speed": 1e9, "ramp_limit": 1e9}
    before = situation(behaving(entering.prepared, **wide), seed)
    now, paces = adapted(before), []
    for name in (SEPARATOR, MAGNETS):
        facility, plant = now.world.facilities.index(name), plant_of(now.prepared, name)
        for m in range(now.prepared.members):
            paces.append(now.state.throughput[m, plant])
            assert paces[-1] == pytest.approx(plant_by_hand(before, m, facility), rel=1e-12)
    assert len({round(float(pace), 9) for pace in paces if pace > 0}) > 1


def test_in_the_base_year_nobody_moves(plain: Prepared) -> None:
    still = settled(plain)
    now = adapted(still)
    production.adapt_intensity(now.prepared, now.state, now.controls)
    for name in ("rate", "throughput", "intensity", "capacity", "building"):
        np.testing.assert_allclose(getattr(now.state, name), getattr(still.state, name), rtol=1e-12)


def test_a_plant_follows_its_margin_and_not_the_level_of_prices(plain: Prepared) -> None:
    now = settled(behaving(plain, **AT_ONCE))
    plant = plant_of(plain, "magnet_japan")
    base = float(now.state.throughput[0, plant])
    now.state.gate_price *= 2
    now.state.choice_index *= 1 + 1 / plain.benchmark.activities.input_cost_share[plant]
    assert adapted(now).state.throughput[0, plant] == pytest.approx(base)
    now.state.choice_index = plain.benchmark.base_index[None].copy()
    assert adapted(now).state.throughput[0, plant] == pytest.approx(1.2 * base)


# -- entrants ------------------------------------------------------------------------------------


def after(now: Situation, price: float, steps: int = 1) -> list[float]:
    """Entrants' shares after some steps at a price of all that is sold, input prices normal."""
    now.state.gate_price[:] = price
    prices = now.state.gate_price, now.state.choice_index
    for _ in range(steps):
        production.adapt_rates(now.prepared, now.state, now.controls, prices)
    return shares(now)


def shares(now: Situation) -> list[float]:
    """Rate of each entrant over its capacity: mine, separator, magnets."""
    world = now.world
    offers = [offer_of(world, MINE), offer_of(world, SEPARATOR, "ndpr_oxide"), offer_of(world, MAGNETS)]
    return [float(now.state.rate[0, s] / world.offer_capacity[s]) for s in offers]


@pytest.mark.parametrize(
    ("price", "mine", "plant"),
    [(0.5, 0.0, 0.0), (1.0, 0.0, 0.0), (1.05, 0.0, 0.5), (1.1, 0.0, 1.0), (1.3, 0.0, 1.0), (1.365, 0.5, 1.0),
     (1.43, 1.0, 1.0), (40.0, 1.0, 1.0)],
)  # fmt: skip
def test_entrants_open_above_cash_cost_and_stay_within_capacity(
    entering: Situation, price: float, mine: float, plant: float
) -> None:
    """The mine's cash cost is 1.3, a plant's costs are 1; at a tenth above it they run in full."""
    now = settled(behaving(entering.prepared, entry_margin=0.1, **AT_ONCE))
    assert after(now, price) == pytest.approx([mine, plant, plant])


def test_an_entrant_climbs_slowly_and_shuts_again_for_good(entering: Situation) -> None:
    speed, least = 2.0, 0.01
    slow = {**AT_ONCE, "utilisation_speed": speed, "least_entrant_rate": least}
    now = settled(behaving(entering.prepared, **slow))
    assert after(now, 2.0, steps=3) == pytest.approx([1 - exp(-3 * speed * MONTH)] * 3)
    assert after(now, 2.0, steps=300) == pytest.approx([1.0] * 3)
    # Falls as exp(-t) while it is worth something, and is shut once under a hundredth.
    last = int(log(1 / least) / (speed * MONTH))
    assert after(now, 0.9, steps=last) == pytest.approx([exp(-last * speed * MONTH)] * 3)
    assert after(now, 0.9) == [0.0] * 3
    assert after(now, 1.0, steps=5) == [0.0] * 3


def test_an_entrant_builds_nothing_before_it_has_run_what_it_has(entering: Situation) -> None:
    now = settled(entering.prepared)
    now.state.offer_expected_price[:] = 20.0
    begun = adapted(now).state.building > 0
    np.testing.assert_array_equal(begun, np.broadcast_to(~now.prepared.benchmark.entrant, begun.shape))


def test_nobody_opens_on_the_rounding_of_a_price(entering: Situation) -> None:
    now = settled(behaving(entering.prepared, entry_margin=0.1, least_entrant_rate=1e-3))
    assert after(now, 1 + 0.9e-4, steps=50) == [0.0] * 3
    assert after(now, 1 + 1.1e-4)[1] > 0


def test_what_always_ran_never_shuts(entering: Situation) -> None:
    now = settled(behaving(entering.prepared, minimum_utilisation=0.2))
    after(now, 1e-3, steps=500)
    ran = ~now.prepared.benchmark.entrant
    plant = ran & now.prepared.made
    np.testing.assert_allclose(now.state.rate[0, plant] / now.world.offer_output[plant], 0.2)
    # Mines dig next to nothing where nobody pays what digging costs, and are open all the same.
    mine = ran & ~now.prepared.made
    assert (now.state.rate[0, mine] > 0).all()
    assert (now.state.rate[0, mine] < 0.01 * now.world.offer_output[mine]).all()


def test_behind_a_ceiling_nothing_winds_up(plain: Prepared) -> None:
    """Once it falls, what is made rises from where it was, not from what prices would have had made."""
    now = settled(behaving(plain, utilisation_speed=1e9))
    now.controls.output_ceiling = np.full_like(now.controls.output_ceiling, 0.4)
    now.state.gate_price[:], now.state.choice_index[:] = 9.0, 9.0
    now = adapted(now)
    np.testing.assert_allclose(now.state.rate[0] / plain.world.offer_output, 0.4)


# -- thrift --------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["varied", "replaceable", "entering"])
def test_thrift(request: pytest.FixtureRequest, which: str) -> None:
    """(M81), of users and of plants with several inputs."""
    before: Situation = request.getfixturevalue(which)
    now, world = before.copied(), before.world
    production.adapt_intensity(now.prepared, now.state, now.controls)
    for (m, b), found in np.ndenumerate(now.state.intensity):
        old = before.state.intensity[m, b]
        facility = world.need_facility[b]
        free = world.facility_kind[facility] == "manufacturer" or (world.need_facility == facility).sum() > 1
        base = now.prepared.benchmark.base_index[b] * before.controls.budget_factor[m, b]
        ratio = felt(before, before.state.need_expected_price[m, b] / base, m)
        wish = ratio ** -before.value("thrift_elasticity", m, int(world.need_good[b]))
        wish = min(wish, before.value("most_intensity", m))
        expected = old + gain(before, before.value("thrift_speed", m)) * (wish - old)
        assert found == pytest.approx(expected if free else old, rel=1e-12)


def test_a_plant_with_one_input_cannot_economise(plain: Prepared) -> None:
    now = settled(behaving(plain, thrift_speed=1e9, thrift_elasticity=1.0))
    now.state.need_expected_price *= 2
    production.adapt_intensity(now.prepared, now.state, now.controls)
    intensity, world = now.state.intensity[0], plain.world
    assert intensity[need_of(world, "separator_china_a")] == 1.0
    assert intensity[need_of(world, "magnet_japan", "dysprosium_oxide")] == pytest.approx(0.5)
    assert intensity[need_of(world, "ev_usa")] == pytest.approx(0.5)


def test_a_weaker_currency_is_a_higher_price(plain: Prepared) -> None:
    found = []
    for price, budget in ((4.0, 1.0), (1.0, 0.25)):
        now = settled(plain)
        now.state.need_expected_price *= price
        now.controls.budget_factor = np.full_like(now.controls.budget_factor, budget)
        production.adapt_intensity(now.prepared, now.state, now.controls)
        found.append((now.state.intensity, now.state.switched))
    np.testing.assert_array_equal(*found)
    assert found[0][0].min() < 1
    assert found[0][1].max() > 0


def test_thrift_is_bounded_by_what_is_felt_and_waste_by_its_most(plain: Prepared) -> None:
    quick = {"thrift_speed": 1e9, "thrift_elasticity": 1.0, "highest_price_felt": 4.0, "most_intensity": 1.05}
    now = settled(behaving(plain, **quick))
    user, base = need_of(plain.world, "ev_usa"), now.state.need_expected_price
    for price, intensity in ((1e9, 0.25), (0.99, 1 / 0.99), (0.5, 1.05)):
        now.state.need_expected_price = base * price
        production.adapt_intensity(now.prepared, now.state, now.controls)
        assert now.state.intensity[0, user] == pytest.approx(intensity)


# -- switching -----------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["varied", "entering"])
def test_switching(request: pytest.FixtureRequest, which: str) -> None:
    """(M82) and (M83)."""
    before: Situation = request.getfixturevalue(which)
    now, world = before.copied(), before.world
    production.adapt_intensity(now.prepared, now.state, now.controls)
    for (m, b), found in np.ndenumerate(now.state.switched):
        old, years = before.state.switched[m, b], world.need_switch_years[b]
        base = now.prepared.benchmark.base_index[b] * before.controls.budget_factor[m, b]
        price = before.state.need_expected_price[m, b] / base
        over = log(price / world.need_switch_multiple[b]) / before.value("switch_spread", m)
        pays = min(max(0.5 + over, 0.0), 1.0)
        go = gain(before, pays / years) if years > 0 else 0.0
        back = gain(before, before.value("return_speed", m) * (1 - pays))
        assert found == pytest.approx(old + go * (1 - old) - back * old, rel=1e-12)


def test_who_has_switched_comes_back_slowly(plain: Prepared) -> None:
    """Who left in two years is nearly as far away two years after the price has fallen."""
    now = settled(behaving(plain, return_speed=0.04))
    user = need_of(plain.world, "ev_usa")
    base = now.state.need_expected_price
    now.state.need_expected_price = 9 * base
    for _ in range(24):
        production.adapt_intensity(now.prepared, now.state, now.controls)
    gone = 1 - exp(-24 * MONTH / plain.world.need_switch_years[user])
    assert now.state.switched[0, user] == pytest.approx(gone)
    now.state.need_expected_price = base
    for _ in range(24):
        production.adapt_intensity(now.prepared, now.state, now.controls)
    assert now.state.switched[0, user] == pytest.approx(gone * exp(-0.08))
