"""What plants plan, run at, use and throw away, against the equations in plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.agents import production, sellers
from sim.agents.prepared import Prepared
from sim.agents.state import need_rate
from sim.arrays import FloatArray
from tests.prepared_world import (
    MONTH,
    Situation,
    behaving,
    need_of,
    offer_of,
    plant_of,
    prepared_world,
    settled,
    with_substitutes,
)

MAGNETS = ("magnet_china", "magnet_japan")
SEPARATORS = ("separator_china_a", "separator_china_b")
OXIDES = ("ndpr_oxide", "dysprosium_oxide")


@dataclass(frozen=True)
class Plant:
    """One plant as the world's tables have it."""

    at: int
    needs: list[int]
    offers: list[int]
    groups: list[list[int]]
    """Needs that replace each other."""
    throughput: float


def plants(prepared: Prepared) -> Iterator[Plant]:
    world, normal = prepared.world, prepared.benchmark.normal_use
    for facility, kind in enumerate(world.facility_kind):
        if kind in ("processor", "trader"):
            needs = np.flatnonzero(world.need_facility == facility).tolist()
            groups: dict[str, list[int]] = {}
            for b in needs:
                good = world.goods[world.need_good[b]].id
                groups.setdefault(world.substitutes.get(good, good), []).append(b)
            at = plant_of(prepared, world.facilities[facility])
            offers = np.flatnonzero(world.offer_facility == facility).tolist()
            yield Plant(at, needs, offers, list(groups.values()), float(normal[needs].sum()))


def per_tonne(prepared: Prepared, plant: Plant, rate: FloatArray, m: int, b: int) -> float:
    """(M6) input per tonne of throughput, times the rate of the need."""
    return float(prepared.benchmark.normal_use[b] / plant.throughput * rate[m, b])


def reach(now: Situation, plant: Plant, rate: FloatArray, held: FloatArray, m: int) -> list[float]:
    """Throughput that each group of inputs allows."""
    return [
        sum(held[m, b] for b in group) / sum(per_tonne(now.prepared, plant, rate, m, b) for b in group)
        for group in plant.groups
    ]


def contents(now: Situation) -> FloatArray:
    """(M, baskets, E) elements in buyers' stocks of concentrate, each with a mix of its own."""
    stock = now.state.buyer_stock[:, now.prepared.benchmark.basket_need]
    mixes = np.random.default_rng(5).dirichlet(np.ones(3), stock.shape)
    return np.asarray(stock[..., None] * mixes)


def plan_of(now: Situation) -> FloatArray:
    factor = np.random.default_rng(6).uniform(0.2, 1.5, now.state.rate.shape)
    return np.asarray(factor * now.prepared.benchmark.normal_output * now.prepared.step_years)


# -- planned throughput --------------------------------------------------------------------------


def test_the_product_most_wanted_decides_for_all(varied: Situation) -> None:
    """(M62) and (M65)."""
    plan, output = plan_of(varied), varied.world.offer_output
    throughput = production.planned_throughput(varied.prepared, plan)
    within = production.within_plan(varied.prepared, plan)
    made = set()
    for plant in plants(varied.prepared):
        for m in range(len(plan)):
            most = max(plan[m, s] / output[s] for s in plant.offers)
            assert throughput[m, plant.at] == pytest.approx(plant.throughput * most, rel=1e-12)
            shares = [plan[m, s] / output[s] / most for s in plant.offers]
            np.testing.assert_allclose(within[m, plant.offers], shares, rtol=1e-12)
        made |= set(plant.offers)
    mines = [s for s in range(len(output)) if s not in made]
    assert (within[:, mines] == 1).all()
    assert within.max() <= 1


def test_a_plant_that_plans_nothing_takes_nothing(plain: Prepared) -> None:
    none = np.zeros((1, len(plain.world.offer_good)))
    assert (production.planned_throughput(plain, none) == 0).all()
    made = plain.benchmark.activities.offer_plant >= 0
    assert (production.within_plan(plain, none)[0, made] == 0).all()


# -- running -------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["varied", "replaceable"])
def test_run_plants(request: pytest.FixtureRequest, which: str) -> None:
    """(M63), (M64) and (M66)."""
    now: Situation = request.getfixturevalue(which)
    world, prepared = now.world, now.prepared
    rate, held, elements = need_rate(now.state, now.controls), now.state.buyer_stock, contents(now)
    held = held + 0.05 * prepared.benchmark.normal_use * MONTH
    plan = production.planned_throughput(prepared, plan_of(now))
    output, used = production.run_plants(prepared, rate, plan, held, elements, np.ones_like(held))
    baskets = prepared.benchmark.basket_need.tolist()
    seen = {"plan": 0, "input": 0, "replaced": 0}
    for plant in plants(prepared):
        for m in range(len(held)):
            allowed = min(reach(now, plant, rate, held, m))
            ran = min(plan[m, plant.at], allowed)
            seen["plan" if ran == plan[m, plant.at] else "input"] += 1
            for group in plant.groups:
                wanted = [ran * per_tonne(prepared, plant, rate, m, b) for b in group]
                taken = used[m, group]
                assert taken.sum() == pytest.approx(sum(wanted), rel=1e-9)
                assert (taken <= held[m, group]).all()
                # Each in its own proportion first; of what is left, the others fill the gap.
                own = np.minimum(wanted, held[m, group])
                spare = held[m, group] - own
                gap = (sum(wanted) - own.sum()) * spare / max(spare.sum(), 1e-300)
                np.testing.assert_allclose(taken, own + gap, rtol=1e-9, atol=1e-12)
                seen["replaced"] += gap.max() > 0
            for s in plant.offers:
                element = world.goods[world.offer_good[s]].element
                (basket,) = [b for b in plant.needs if b in baskets] or [None]
                if element and basket is not None:
                    e = world.elements.index(element)
                    content = elements[m, baskets.index(basket), e] / held[m, basket]
                    expected = used[m, basket] * content * oxide_yield(prepared, plant, s)
                else:
                    expected = ran * world.offer_output[s] / plant.throughput
                assert output[m, s] == pytest.approx(expected, rel=1e-9)
    assert seen["plan"]
    assert seen["input"]
    assert bool(seen["replaced"]) == (which == "replaceable")
    assert (output[:, ~prepared.made] == 0).all()


def oxide_yield(prepared: Prepared, plant: Plant, s: int) -> float:
    """(M7) base-year output over the tonnes of its element in what the plant buys."""
    world, good = prepared.world, int(prepared.world.need_good[plant.needs[0]])
    bought = prepared.benchmark.flow[good][:, plant.needs[0] - world.need_slice(good).start]
    element = world.elements.index(world.goods[world.offer_good[s]].element)
    content = world.offer_composition[world.offer_slice(good), element]
    return float(world.offer_output[s] / (bought @ content))


def run(
    now: Situation, held: FloatArray, throughput: float = 1.0, served: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Output and use of a step at a multiple of base throughput, concentrates of the base-year mix."""
    prepared = now.prepared
    activities = prepared.benchmark.activities
    mix = np.array([0.37, 0.07, 0.56])
    elements = held[:, prepared.benchmark.basket_need, None] * mix
    planned = throughput * activities.throughput[None] * MONTH
    rate = need_rate(now.state, now.controls)
    served = np.ones_like(held) if served is None else served
    return production.run_plants(prepared, rate, planned, held, elements, served)


def test_in_the_base_year_plants_use_and_make_what_they_did(plain: Prepared) -> None:
    now, world = settled(plain), plain.world
    output, used = run(now, now.state.buyer_stock)
    made, needed = plain.made, plain.benchmark.activities.need_plant >= 0
    np.testing.assert_allclose(used[0, needed], world.need_use[needed] * MONTH, rtol=1e-12)
    magnets = [offer_of(world, name) for name in MAGNETS]
    np.testing.assert_allclose(output[0, magnets], world.offer_output[magnets] * MONTH, rtol=1e-12)
    assert (used[0, ~needed] == 0).all()
    assert (output[0, ~made] == 0).all()


def test_one_input_that_is_missing_stops_a_plant(plain: Prepared) -> None:
    now, world = settled(plain), plain.world
    held = now.state.buyer_stock.copy()
    held[0, need_of(world, "magnet_japan", "dysprosium_oxide")] = 0.0
    output, used = run(now, held)
    assert output[0, offer_of(world, "magnet_japan")] == 0
    assert used[0, need_of(world, "magnet_japan", "ndpr_oxide")] == 0
    assert output[0, offer_of(world, "magnet_china")] > 0


def test_an_input_that_can_be_replaced_does_not(plain: Prepared) -> None:
    world = with_substitutes(plain.world)
    now = settled(prepared_world(world))
    first, second = (need_of(world, "magnet_japan", good) for good in OXIDES)
    held = now.state.buyer_stock.copy()
    held[0, second] = 0.0
    output, used = run(now, held)
    both = world.need_use[[first, second]].sum() * MONTH
    assert used[0, [first, second]].tolist() == pytest.approx([both, 0.0])
    magnets = offer_of(world, "magnet_japan")
    assert output[0, magnets] == pytest.approx(world.offer_output[magnets] * MONTH)
    held[0, first] = 0.5 * both
    assert run(now, held)[0][0, magnets] == pytest.approx(0.5 * world.offer_output[magnets] * MONTH)


def test_a_separator_makes_oxides_of_what_is_in_its_own_stock(plain: Prepared) -> None:
    now, world = settled(plain), plain.world
    held, activities = now.state.buyer_stock, plain.benchmark.activities
    elements = np.zeros((1, len(plain.benchmark.basket_need), 3))
    first, other = (plain.benchmark.basket_need.tolist().index(need_of(world, name)) for name in SEPARATORS)
    elements[0, first] = [0.0, held[0, need_of(world, SEPARATORS[0])], 0.0]
    elements[0, other] = [held[0, need_of(world, SEPARATORS[1])], 0.0, 0.0]
    output, used = production.run_plants(
        plain, np.ones_like(held), activities.throughput[None] * MONTH, held, elements, np.ones_like(held)
    )
    made = {(name, good): output[0, offer_of(world, name, good)] for name in SEPARATORS for good in OXIDES}
    assert made[SEPARATORS[0], "ndpr_oxide"] == 0
    assert made[SEPARATORS[1], "dysprosium_oxide"] == 0
    # The small world recovers nine tenths of everything.
    taken = [used[0, need_of(world, name)] for name in SEPARATORS]
    assert made[SEPARATORS[0], "dysprosium_oxide"] == pytest.approx(0.9 * taken[0])
    assert made[SEPARATORS[1], "ndpr_oxide"] == pytest.approx(0.9 * taken[1])


def test_empty_stores_run_nothing(varied: Situation) -> None:
    none = np.zeros_like(varied.state.buyer_stock)
    output, used = run(varied, none)
    assert (output == 0).all()
    assert (used == 0).all()


@given(share=st.floats(0, 2, allow_subnormal=False), wish=st.floats(0, 2, allow_subnormal=False))
def test_plants_run_at_the_lesser_of_wish_and_stock(plain: Prepared, share: float, wish: float) -> None:
    now = settled(plain)
    output, used = run(now, share * plain.world.need_use[None] * MONTH, wish)
    ran = min(share, wish)
    needed = plain.benchmark.activities.need_plant >= 0
    np.testing.assert_allclose(used[0, needed], ran * plain.world.need_use[needed] * MONTH, rtol=1e-9)
    assert (used <= share * plain.world.need_use * MONTH).all()
    magnets = [offer_of(plain.world, name) for name in MAGNETS]
    np.testing.assert_allclose(output[0, magnets], ran * plain.world.offer_output[magnets] * MONTH, rtol=1e-9)


# -- what inputs are good for --------------------------------------------------------------------


@pytest.mark.parametrize("which", ["varied", "replaceable"])
def test_usable_inputs(request: pytest.FixtureRequest, which: str) -> None:
    """(M67): the scarcest group in full, the others a little beyond it; users in full."""
    now: Situation = request.getfixturevalue(which)
    rate = need_rate(now.state, now.controls)
    held = now.state.buyer_stock + 0.05 * now.prepared.benchmark.normal_use * MONTH
    planned = production.planned_throughput(now.prepared, plan_of(now))
    found = production.usable_inputs(now.prepared, rate, planned, held)
    expected = np.ones_like(found)
    for plant in plants(now.prepared):
        for m in range(len(found)):
            reached = reach(now, plant, rate, held, m)
            share = min(reached) / planned[m, plant.at]
            room = min(now.value("recovery_room", m) * share + now.value("recovery_step", m), 1.0)
            for group, own in zip(plant.groups, reached, strict=True):
                expected[m, group] = 1.0 if own <= min(reached) * (1 + 1e-9) else room
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert (expected < 1).any() == (which == "varied")


@pytest.mark.parametrize("tonnes", [0.0, 1.0, 1e12])
def test_a_plant_that_plans_nothing_has_no_scarce_input(plain: Prepared, tonnes: float) -> None:
    """Whatever lies in stock: nothing is divided by a plan of 0."""
    held = np.full_like(settled(plain).state.buyer_stock, tonnes)
    held[0, need_of(plain.world, "magnet_japan", "dysprosium_oxide")] = 0.0
    none = np.zeros_like(plain.benchmark.activities.throughput)[None]
    careful = behaving(plain, recovery_room=0.5)
    found = production.usable_inputs(careful, np.ones_like(held), none, held)
    assert (found == 1).all()


# -- use and surplus -----------------------------------------------------------------------------


def test_consume(plain: Prepared) -> None:
    """(M68) and (M69): what is not worth its price is missing, as what is not there is."""
    rows = ([0.0, 1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 0.75, 1.0, 0.25], [1.0, 1.0, 0.5, 0.0, 9.0])
    wide = np.zeros((1, len(plain.world.need_good) - 5))
    given = [np.concatenate([np.array([row]), wide], axis=1) for row in rows]
    used, short = production.consume(plain, *given)
    assert used[0, :5].tolist() == [0.0, 1.0, 0.5, 0.0, 1.0]
    assert short[0, :5].tolist() == [0.0, 0.0, 1.5, 3.0, 3.0]


@pytest.mark.parametrize("which", ["varied", "replaceable"])
def test_paying_share(request: pytest.FixtureRequest, which: str) -> None:
    """The input that pays least decides; of those that replace each other the one that pays best."""
    now: Situation = request.getfixturevalue(which)
    served = np.random.default_rng(8).uniform(0, 1, now.state.buyer_stock.shape)
    found = production.paying_share(now.prepared, served)
    for plant in plants(now.prepared):
        for m, row in enumerate(served):
            expected = min(max(row[b] for b in group) for group in plant.groups)
            assert found[m, plant.at] == expected


def test_discard_surplus(varied: Situation) -> None:
    """(M70), of plants that make several goods."""
    now = varied.copied()
    now.state.seller_stock *= np.linspace(0.1, 40, now.state.seller_stock.size).reshape(now.state.rate.shape)
    found = production.discard_surplus(now.prepared, now.state, now.controls)
    normal = sellers.normal_stock(now.prepared, now.controls)
    joint = [s for plant in plants(now.prepared) if len(plant.offers) > 1 for s in plant.offers]
    assert len(joint) == 4
    for (m, s), tonnes in np.ndenumerate(found):
        patience = now.value("discard_years", m) * now.world.offer_output[s]
        surplus = max(now.state.seller_stock[m, s] - patience - normal[m, s], 0.0)
        assert tonnes == pytest.approx(surplus if s in joint else 0.0)
    assert (found > 0).any()


def test_single_products_are_never_thrown_away(plain: Prepared) -> None:
    now = settled(plain)
    now.state.seller_stock[:] = 1e9
    found = production.discard_surplus(plain, now.state, now.controls)[0]
    joint = {offer_of(plain.world, name, good) for name in SEPARATORS for good in OXIDES}
    assert set(np.flatnonzero(found).tolist()) == joint


def test_felt(plain: Prepared) -> None:
    """The bounds of (M73)."""
    prepared = behaving(plain, lowest_price_felt=0.25, highest_price_felt=8.0)
    found = production.felt(prepared, np.array([[0.0, 0.25, 1.0, 7.0, 8.0, 1e9]]))
    assert found.tolist() == [[0.25, 0.25, 1.0, 7.0, 8.0, 8.0]]
