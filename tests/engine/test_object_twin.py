"""The Mesa object model of the benchmark is a twin of the engine: one rule book, written twice."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.agents import tomorrow
from sim.engine import Simulation, actors
from sim.twin.object_model import MesaObjects
from sim.twin.object_outlook import Window
from sim.world.world import World
from tests.engine_events import Merger, PlainScenario, Restriction
from tests.prepared_world import with_substitutes
from tests.scrap_world import goods_in_use, scrap_world

START, END = dt.date(2024, 7, 1), dt.date(2025, 2, 28)
AHEAD = 1e-11
"""What the markets of tomorrow may leave over."""
OXIDE = ("dysprosium_oxide",)
EVENTS: dict[str, tuple[Any, ...]] = {
    "nothing": (),
    "ban": (Restriction("e", "ban", OXIDE, START, announced=dt.date(2024, 4, 1), to=("JPN",)),),
    "half a month's quota": (Restriction("e", "quota", OXIDE, dt.date(2024, 7, 16), open_share=0.4),),
    "licence": (Restriction("e", "licence", (*OXIDE, "magnet"), START, open_share=0.5),),
    "tariff": (Restriction("e", "tariff", ("magnet",), START, rate=0.3, to=("USA",)),),
    "output cut": (Restriction("e", "output cut", ("clay",), START, open_share=0.6),),
    "one of two products is cut": (Restriction("e", "output cut", OXIDE, START, open_share=0.6),),
    "merger": (Merger(("separator_china_a", "separator_china_b"), START),),
}


@pytest.fixture(scope="module", autouse=True)
def _exact() -> Iterator[None]:
    """What a small seller is quoted is loose within the engine's usual tolerance; here all are sharp.

    Rounds remember earlier ones, and so what a market of tomorrow leaves over: 1e-10 moved a price by 2e-6.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(actors, "MARKET_TOLERANCE", 1e-11)
        patch.setattr(tomorrow, "TOLERANCE", AHEAD)
        yield


@pytest.fixture(scope="module")
def uneven_world(small_world: World) -> World:
    """The small world with capacities that differ over output.

    Where all are alike, what mines can make at most is to the kilogram what plants have room for: no single
    price clears such a market, and each model finds another.
    """
    factor = np.linspace(1.15, 1.4, len(small_world.offer_output))
    return replace(small_world, offer_capacity=small_world.offer_output * factor)


Pair = tuple[MesaObjects, Simulation]
MADE: dict[tuple[str, int], Pair] = {}


def both(world: World, event: str, member: int) -> Pair:
    if (event, member) not in MADE:
        MADE[event, member] = made(world, event, member)
    return MADE[event, member]


def made(world: World, event: str, member: int) -> Pair:
    scenario: Any = PlainScenario(end=END, events=EVENTS[event])
    objects = MesaObjects(world, scenario, member, rng=5, tolerance=1e-11, ahead=AHEAD)
    objects.run()
    engine = Simulation(world, scenario, members=[member], seed=5)
    while engine.time < engine.steps:
        engine.step()
    return objects, engine


@pytest.mark.parametrize("member", [0, 3])
@pytest.mark.parametrize("event", EVENTS)
def test_objects_and_arrays_tell_the_same_story(uneven_world: World, event: str, member: int) -> None:
    same_story(uneven_world, *both(uneven_world, event, member))


def test_recipes_of_objects_and_arrays_are_the_same(uneven_world: World) -> None:
    """Where two inputs replace each other, and one of them becomes dear."""
    world = with_substitutes(uneven_world)
    objects, engine = made(world, "one of two products is cut", 0)
    same_story(world, objects, engine)
    mixes = engine.state.mix[0]
    np.testing.assert_allclose([need.mix for need in objects.needs], mixes, atol=1e-6)
    assert mixes.min() < 0.98
    assert mixes.max() > 1.001


def same_story(world: World, objects: MesaObjects, engine: Simulation) -> None:
    """That both ended in the same state."""
    offers, needs, state = objects.offers, objects.needs, engine.state
    usual, output = world.need_use / 12, world.offer_output

    def agree(found: list[float], expected: np.ndarray, scale: np.ndarray | float) -> None:
        np.testing.assert_allclose(np.array(found) / scale, expected / scale, atol=1e-6)

    agree([offer.price for offer in offers], state.gate_price[0], 1.0)
    # What hardly anything reaches has a price of any height: there, in relative terms.
    agree([need.choice_index for need in needs], state.choice_index[0], np.maximum(state.choice_index[0], 1))
    asks = state.offer_expected_price[0]
    agree([offer.ask for offer in offers], asks, np.maximum(asks, 1))
    bids = state.need_expected_price[0]
    agree([need.expected for need in needs], bids, np.maximum(bids, 1))
    agree([offer.rate for offer in offers], state.rate[0], output)
    agree([offer.capacity for offer in offers], state.capacity[0], output)
    agree([need.intensity for need in needs], state.intensity[0], 1.0)
    agree([need.switched for need in needs], state.switched[0], 1.0)
    agree([need.stock for need in needs], state.buyer_stock[0], usual)
    agree([offer.stock for offer in offers], state.seller_stock[0], output / 12)
    agree([need.shortfall for need in needs], state.shortfall[0], usual)
    rows = zip(objects.benchmark.basket_need, engine.actors.tracers[0].buyer.stock[0], strict=True)
    for position, elements in rows:
        agree(objects.needs[position].elements or [], elements, usual[position])


@pytest.mark.parametrize("event", ["nothing", "output cut"])
def test_goods_in_use_and_scrap_are_the_same(tmp_path: Path, event: str) -> None:
    """With the recycler of the base year alone: the twin has nobody who enters later."""
    world = scrap_world(tmp_path, least_share="2")
    factor = np.linspace(1.15, 1.4, len(world.offer_output))
    world = replace(world, offer_capacity=world.offer_output * factor)
    scenario: Any = PlainScenario(end=dt.date(2025, 6, 30), events=EVENTS[event])
    objects = MesaObjects(world, scenario, 3, rng=5, tolerance=1e-11, ahead=AHEAD)
    objects.run()
    engine = Simulation(world, scenario, members=[3], seed=5)
    while engine.time < engine.steps:
        engine.step()
    held, state = goods_in_use(engine), engine.state
    assert world.scrap is not None
    use = world.need_use[world.scrap.needs]
    stages = np.array([use.stages for use in objects.scrap.uses]).T
    np.testing.assert_allclose(stages / use, held.in_use[0] / use, atol=1e-6)
    shares = [recycler.collected for recycler in objects.scrap.recyclers]
    np.testing.assert_allclose(shares, state.scrap_collected[0], rtol=1e-6)
    np.testing.assert_allclose([o.price for o in objects.offers], state.gate_price[0], atol=1e-6)
    rates = np.array([o.rate for o in objects.offers]) / world.offer_output
    np.testing.assert_allclose(rates, state.rate[0] / world.offer_output, atol=1e-6)
    assert abs(state.scrap_collected[0, 0] - 0.1) > 0.02


def test_the_base_year_of_the_objects_is_a_fixed_point(uneven_world: World) -> None:
    objects, _ = both(uneven_world, "nothing", 0)
    prices = np.array(objects.datacollector.get_model_vars_dataframe()["price"].tolist())
    np.testing.assert_allclose(prices, 1.0, atol=1e-9)


def test_the_market_of_tomorrow_of_the_objects_rests_at_base_prices(uneven_world: World) -> None:
    """So that the base year needs no rounds: what plants have room for is left out of what they use."""
    scenario: Any = PlainScenario(end=END)
    objects = MesaObjects(uneven_world, scenario, rng=5, ahead=1e-11)
    outlook = objects.outlook
    nothing = Window((), (), 0.0, math.inf, START, END, START, (), ())
    base = outlook.tomorrow.base()
    prospect = objects._prospect(nothing)
    goods = range(len(uneven_world.goods))
    found = outlook.tomorrow.round(prospect, outlook.tomorrow.open(prospect, base), base, goods)
    np.testing.assert_allclose(found.offer, base.offer, atol=1e-9)
    np.testing.assert_allclose(found.need, base.need, atol=1e-9)
    np.testing.assert_allclose(found.reach, 1.0, atol=1e-9)
    priced = outlook.tomorrow.price(prospect, base, 3, range(len(outlook.tomorrow.chains)))
    assert (priced.offer, priced.need) == (base.offer, base.need)
    assert priced.reach == base.reach
    # Nor is there nothing to leave out.
    assert any(plant.most > plant.grown for plant in outlook.tomorrow.plants)


def test_a_ban_moves_the_objects(uneven_world: World) -> None:
    """The comparison above would also hold if neither model moved."""
    objects, engine = both(uneven_world, "ban", 0)
    found = objects.datacollector.get_model_vars_dataframe()
    good = [item.id for item in uneven_world.goods].index("dysprosium_oxide")
    prices = np.array(found["price"].tolist())[:, good]
    assert np.abs(prices - 1).max() > 0.05
    assert any(abs(offer.ask - 1) > 0.05 for offer in objects.offers)
    assert sum(sum(row) for row in found["shortfall"]) > 0
    assert engine.state.shortfall.sum() > 0
