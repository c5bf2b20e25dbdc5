"""How mines, plants and users follow prices, step by step, against the equations in plain Python."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.agents import production, sellers
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


def gain(now: Situation, speed: str, member: int) -> float:
    """(M17)."""
    return 1 - exp(-now.value(speed, member) * now.prepared.step_years)


def felt(now: Situation, ratio: float, member: int) -> float:
    low, high = now.value("lowest_price_felt", member), now.value("highest_price_felt", member)
    return min(max(ratio, low), high)


def stock_felt(now: Situation, member: int, s: int) -> float:
    normal = sellers.normal_stock(now.prepared, now.controls)
    share = now.state.seller_stock[member, s] / normal[member, s]
    return max(float(share), now.value("least_stock_felt", member))


def opening(now: Situation, over_cost: float, less: float, m: int) -> float:
    """(M80) and (M100), as a share of capacity; next to nothing is nothing."""
    opened = min(max((over_cost - 1) / now.value("entry_margin", m), 0.0), 1.0)
    return 0.0 if opened < now.value("least_entrant_rate", m) else opened * min(less, 1.0)


def kept_open(now: Situation, rate: float, wish: float, full: float, member: int) -> float:
    """An entrant that wants to stand still does once it makes next to nothing."""
    closing = wish <= 0 and rate < now.value("least_entrant_rate", member) * full
    return 0.0 if closing else rate


# -- mines ---------------------------------------------------------------------------------------


def mine_by_hand(now: Situation, m: int, s: int) -> float:
    """(M76) to (M80)."""
    state, controls, benchmark = now.state, now.controls, now.prepared.benchmark
    output, least = benchmark.normal_output[s], now.value("minimum_utilisation", m)
    received = state.offer_expected_price[m, s] / controls.ask_factor[m, s] / controls.own_cost_factor[m, s]
    price = felt(now, received, m)
    most = state.capacity[m, s] / output
    less = stock_felt(now, m, s) ** -now.value("output_stock_response", m)
    elasticity = now.value("supply_elasticity", m, int(now.world.offer_good[s]))
    wish = min(max(price**elasticity * less, least), most)
    covered = min(price / state.cash_cost[m, s], 1.0)
    wish = max(wish * covered ** now.value("shutdown_response", m), least)
    entrant, full = bool(benchmark.entrant[s]), 0.0
    if entrant:
        wish, full = opening(now, price / state.cash_cost[m, s], less, m) * most, float(output)
    rate = state.rate[m, s] + gain(now, "utilisation_speed", m) * (wish * output - state.rate[m, s])
    return kept_open(now, float(rate), wish, full, m)


@pytest.mark.parametrize("which", ["varied", "entering"])
def test_mines(request: pytest.FixtureRequest, which: str) -> None:
    before: Situation = request.getfixturevalue(which)
    now = before.copied()
    production.adapt_rates(now.prepared, now.state, now.controls)
    for s in np.flatnonzero(~now.prepared.made).tolist():
        for m in range(now.prepared.members):
            assert now.state.rate[m, s] == pytest.approx(mine_by_hand(before, m, s), rel=1e-12)


def rate_at(prepared: Prepared, price: float, stock: float = 1.0, **values: float) -> float:
    """Rate of a mine over its output in the long run, at a price and a multiple of normal stock."""
    now = settled(behaving(prepared, utilisation_speed=1e9, **values))
    now.state.offer_expected_price[:] = price
    now.state.seller_stock *= stock
    production.adapt_rates(now.prepared, now.state, now.controls)
    mine = offer_of(prepared.world, "mine_abroad")
    return float(now.state.rate[0, mine] / prepared.world.offer_output[mine])


def test_a_mine_runs_between_its_least_rate_and_its_capacity(plain: Prepared) -> None:
    assert rate_at(plain, 1.0) == pytest.approx(1.0)
    assert rate_at(plain, 1.21, supply_elasticity=0.5) == pytest.approx(1.1)
    assert rate_at(plain, 1e6) == pytest.approx(1.2)
    # Its cash cost is 0.7: at 0.35 half is covered.
    half = rate_at(plain, 0.35, supply_elasticity=0.0, shutdown_response=1.0, minimum_utilisation=0.1)
    assert half == pytest.approx(0.5)
    assert rate_at(plain, 0.7, supply_elasticity=0.0, shutdown_response=9.0) == pytest.approx(1.0)
    assert rate_at(plain, 1e-6, minimum_utilisation=0.3) == pytest.approx(0.3)
    assert rate_at(plain, 1.0, stock=4.0, output_stock_response=0.5) == pytest.approx(0.5)
    assert rate_at(plain, 1.0, stock=0.0) == pytest.approx(1.2)


@given(low=st.floats(0.01, 60), more=st.floats(0, 60), stock=st.floats(0, 10), glut=st.floats(0, 10))
def test_a_mine_makes_no_less_for_a_higher_price_or_a_smaller_stock(
    plain: Prepared, low: float, more: float, stock: float, glut: float
) -> None:
    assert rate_at(plain, low, stock) <= rate_at(plain, low + more, stock) * (1 + 1e-12)
    assert rate_at(plain, low, stock + glut) <= rate_at(plain, low, stock) * (1 + 1e-12)


def test_a_rate_closes_its_share_of_the_gap_in_each_step(plain: Prepared) -> None:
    now = settled(behaving(plain, supply_elasticity=0.0, utilisation_speed=3.0))
    mine = offer_of(plain.world, "mine_china")
    output = plain.world.offer_output[mine]
    now.state.rate[0, mine] = 0.4 * output
    for _ in range(3):
        production.adapt_rates(now.prepared, now.state, now.controls)
    assert now.state.rate[0, mine] / output == pytest.approx(1 - 0.6 * exp(-3 * 3.0 * MONTH))


def test_subsidies_and_own_costs_are_seen_in_what_is_received(plain: Prepared) -> None:
    """A price that falls by what the state pays, or rises with own costs, moves no mine."""
    now = settled(plain)
    now.controls.ask_factor = np.full_like(now.controls.ask_factor, 0.6)
    now.controls.own_cost_factor = np.full_like(now.controls.own_cost_factor, 1.5)
    now.state.offer_expected_price *= 0.6 * 1.5
    production.adapt_rates(now.prepared, now.state, now.controls)
    mine = offer_of(plain.world, "mine_china")
    assert now.state.rate[0, mine] == pytest.approx(plain.world.offer_output[mine])


# -- plants --------------------------------------------------------------------------------------


def plant_by_hand(now: Situation, m: int, facility: int) -> float:
    """(M81) to (M83), and (M100) for a plant that enters."""
    world, state, controls, benchmark = now.world, now.state, now.controls, now.prepared.benchmark
    needs = np.flatnonzero(world.need_facility == facility)
    offers = np.flatnonzero(world.offer_facility == facility)
    price = world.base_price
    earned = benchmark.normal_output[offers] * price[world.offer_good[offers]]
    spent = benchmark.normal_use[needs] * price[world.need_good[needs]] * benchmark.base_index[needs]
    share = min(spent.sum() / earned.sum(), now.prepared.behaviour.shared("input_cost_ceiling"))
    product = [felt(now, state.offer_expected_price[m, s] / controls.ask_factor[m, s], m) for s in offers]
    paid = [felt(now, state.need_expected_price[m, b] / benchmark.base_index[b], m) for b in needs]
    own = np.dot(earned, controls.own_cost_factor[m, offers]) / earned.sum()
    cost = 1 + share * (np.dot(spent, paid) / spent.sum() - 1) + (1 - share) * (own - 1)
    margin = np.dot(earned, product) / earned.sum() / cost
    glut = np.dot(earned, [stock_felt(now, m, s) for s in offers]) / earned.sum()
    less = glut ** -now.value("output_stock_response", m)
    most = max(state.capacity[m, s] / benchmark.normal_output[s] for s in offers)
    wish = margin ** now.value("processing_elasticity", m) * less
    wish = min(max(wish, now.value("minimum_utilisation", m)), most)
    normal, full = float(benchmark.normal_use[needs].sum()), 0.0
    if benchmark.entrant[offers[0]]:
        over_cost = margin / (np.dot(earned, state.cash_cost[m, offers]) / earned.sum())
        wish, full = opening(now, over_cost, less, m) * most, normal
    pace = state.throughput[m, plant_of(now.prepared, world.facilities[facility])]
    pace = pace + gain(now, "utilisation_speed", m) * (wish * normal - pace)
    return kept_open(now, float(pace), wish, full, m)


@pytest.mark.parametrize("which", ["varied", "replaceable", "entering"])
def test_plants(request: pytest.FixtureRequest, which: str) -> None:
    before: Situation = request.getfixturevalue(which)
    now, world = before.copied(), before.world
    production.adapt_rates(now.prepared, now.state, now.controls)
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
    before = situation(behaving(entering.prepared, entry_margin=5.0, utilisation_speed=1e9), seed)
    now = before.copied()
    production.adapt_rates(now.prepared, now.state, now.controls)
    paces = []
    for name in (SEPARATOR, MAGNETS):
        facility, plant = now.world.facilities.index(name), plant_of(now.prepared, name)
        for m in range(now.prepared.members):
            paces.append(now.state.throughput[m, plant])
            assert paces[-1] == pytest.approx(plant_by_hand(before, m, facility), rel=1e-12)
    assert len({round(float(pace), 9) for pace in paces if pace > 0}) > 1


def test_in_the_base_year_nobody_moves(plain: Prepared) -> None:
    now, still = settled(plain), settled(plain)
    production.adapt_rates(now.prepared, now.state, now.controls)
    production.adapt_intensity(now.prepared, now.state, now.controls)
    for name in ("rate", "throughput", "intensity"):
        np.testing.assert_allclose(getattr(now.state, name), getattr(still.state, name), rtol=1e-12)


def test_a_plant_follows_its_margin_and_not_the_level_of_prices(plain: Prepared) -> None:
    now = settled(behaving(plain, utilisation_speed=1e9))
    world, plant = plain.world, plant_of(plain, "magnet_japan")
    base = float(now.state.throughput[0, plant])
    own = 1 / (1 - sellers.own_share(plain)[offer_of(world, "magnet_japan")])
    now.state.offer_expected_price *= 2
    now.state.need_expected_price *= 1 + own
    production.adapt_rates(now.prepared, now.state, now.controls)
    assert now.state.throughput[0, plant] == pytest.approx(base)
    now.state.need_expected_price = plain.benchmark.base_index[None].copy()
    production.adapt_rates(now.prepared, now.state, now.controls)
    assert now.state.throughput[0, plant] == pytest.approx(1.2 * base)


# -- entrants ------------------------------------------------------------------------------------


def after(now: Situation, price: float, steps: int = 1) -> list[float]:
    """Entrants' shares after some steps at a price of all that is sold, input prices and stocks normal."""
    now.state.offer_expected_price[:] = price
    now.state.seller_stock = sellers.normal_stock(now.prepared, now.controls).copy()
    for _ in range(steps):
        production.adapt_rates(now.prepared, now.state, now.controls)
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
    now = settled(behaving(entering.prepared, utilisation_speed=1e9, entry_margin=0.1))
    assert after(now, price) == pytest.approx([mine, plant, plant])


def test_an_entrant_climbs_slowly_and_shuts_again_for_good(entering: Situation) -> None:
    speed, least = 2.0, 0.01
    now = settled(behaving(entering.prepared, utilisation_speed=speed, least_entrant_rate=least))
    assert after(now, 2.0, steps=3) == pytest.approx([1 - exp(-3 * speed * MONTH)] * 3)
    assert after(now, 2.0, steps=300) == pytest.approx([1.0] * 3)
    # Falls as exp(-t) while it is worth something, and is shut once under a hundredth.
    last = int(log(1 / least) / (speed * MONTH))
    assert after(now, 0.9, steps=last) == pytest.approx([exp(-last * speed * MONTH)] * 3)
    assert after(now, 0.9) == [0.0] * 3
    assert after(now, 1.0, steps=5) == [0.0] * 3


def test_nobody_opens_on_the_rounding_of_a_price(entering: Situation) -> None:
    now = settled(behaving(entering.prepared, entry_margin=0.1, least_entrant_rate=1e-3))
    assert after(now, 1 + 0.9e-4, steps=50) == [0.0] * 3
    assert after(now, 1 + 1.1e-4)[1] > 0


def test_what_always_ran_never_shuts(entering: Situation) -> None:
    now = settled(behaving(entering.prepared, minimum_utilisation=0.2))
    after(now, 1e-3, steps=500)
    ran = ~now.prepared.benchmark.entrant
    np.testing.assert_allclose(now.state.rate[0, ran] / now.world.offer_output[ran], 0.2)


def test_an_entrant_that_cannot_sell_runs_less(entering: Situation) -> None:
    now = settled(behaving(entering.prepared, utilisation_speed=1e9, output_stock_response=0.5))
    now.state.offer_expected_price[:] = 5.0
    now.state.seller_stock = 4 * sellers.normal_stock(now.prepared, now.controls)
    production.adapt_rates(now.prepared, now.state, now.controls)
    assert shares(now) == pytest.approx([0.5] * 3)


# -- thrift --------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["varied", "replaceable", "entering"])
def test_thrift(request: pytest.FixtureRequest, which: str) -> None:
    """(M84), of users and of plants with several inputs."""
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
        expected = old + gain(before, "thrift_speed", m) * (wish - old)
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
    for price, budget in ((2.0, 1.0), (1.0, 0.5)):
        now = settled(plain)
        now.state.need_expected_price *= price
        now.controls.budget_factor = np.full_like(now.controls.budget_factor, budget)
        production.adapt_intensity(now.prepared, now.state, now.controls)
        found.append(now.state.intensity)
    np.testing.assert_array_equal(*found)
    assert found[0].min() < 1


def test_thrift_is_bounded_by_what_is_felt(plain: Prepared) -> None:
    now = settled(behaving(plain, thrift_speed=1e9, thrift_elasticity=1.0, highest_price_felt=4.0))
    now.state.need_expected_price *= 1e9
    production.adapt_intensity(now.prepared, now.state, now.controls)
    assert now.state.intensity[0, need_of(plain.world, "ev_usa")] == pytest.approx(0.25)
