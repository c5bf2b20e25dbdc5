"""The Mesa object model of the benchmark is a twin of the engine: one rule book, written twice."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from sim.engine import Simulation, actors
from sim.twin.object_model import MesaObjects
from sim.world.world import World
from tests.engine_events import Merger, PlainScenario, Restriction

START, END = dt.date(2024, 7, 1), dt.date(2025, 12, 31)
OXIDE = ("dysprosium_oxide",)
EVENTS: dict[str, tuple[Any, ...]] = {
    "nothing": (),
    "ban": (Restriction("e", "ban", OXIDE, START, announced=dt.date(2024, 4, 1), to=("JPN",)),),
    "half a month's quota": (Restriction("e", "quota", OXIDE, dt.date(2024, 7, 16), open_share=0.4),),
    "licence": (Restriction("e", "licence", (*OXIDE, "magnet"), START, open_share=0.5),),
    "tariff": (Restriction("e", "tariff", ("magnet",), START, rate=0.3, to=("USA",)),),
    "output cut": (Restriction("e", "output cut", ("clay",), START, open_share=0.6),),
    "merger": (Merger(("separator_china_a", "separator_china_b"), START),),
}


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a small seller is quoted is loose within the engine's usual tolerance; here both are sharp."""
    monkeypatch.setattr(actors, "MARKET_TOLERANCE", 1e-9)


def both(world: World, events: tuple[Any, ...], member: int) -> tuple[MesaObjects, Simulation]:
    scenario: Any = PlainScenario(end=END, events=events)
    objects = MesaObjects(world, scenario, member, rng=5, tolerance=1e-9)
    objects.run()
    engine = Simulation(world, scenario, members=[member], seed=5)
    while engine.time < engine.steps:
        engine.step()
    return objects, engine


@pytest.mark.parametrize("member", [0, 3])
@pytest.mark.parametrize("event", EVENTS)
def test_objects_and_arrays_tell_the_same_story(small_world: World, event: str, member: int) -> None:
    objects, engine = both(small_world, EVENTS[event], member)
    state = engine.state
    usual = small_world.need_use / 12

    def agree(found: list[float], expected: np.ndarray, scale: np.ndarray | float) -> None:
        np.testing.assert_allclose(np.array(found) / scale, expected / scale, atol=5e-4)

    agree([offer.price for offer in objects.offers], state.gate_price[0], 1.0)
    agree([need.choice_index for need in objects.needs], state.choice_index[0], 1.0)
    agree([need.risk for need in objects.needs], state.risk[0], 1.0)
    agree([need.stock for need in objects.needs], state.buyer_stock[0], usual)
    agree([offer.stock for offer in objects.offers], state.seller_stock[0], small_world.offer_output / 12)
    agree([need.shortfall for need in objects.needs], state.shortfall[0], usual)
    agree([need.paid_average for need in objects.needs], state.input_cost[0], 1.0)
    rows = zip(objects.benchmark.basket_need, engine.actors.tracers[0].buyer.stock[0], strict=True)
    for position, elements in rows:
        agree(objects.needs[position].elements or [], elements, usual[position])


def test_the_base_year_of_the_objects_is_a_fixed_point(small_world: World) -> None:
    objects, _ = both(small_world, (), 0)
    prices = np.array(objects.datacollector.get_model_vars_dataframe()["price"].tolist())
    np.testing.assert_allclose(prices, 1.0, atol=1e-5)


def test_a_ban_moves_the_objects(small_world: World) -> None:
    """The comparison above would also hold if neither model moved."""
    objects, engine = both(small_world, EVENTS["ban"], 0)
    found = objects.datacollector.get_model_vars_dataframe()
    good = [item.id for item in small_world.goods].index("dysprosium_oxide")
    prices = np.array(found["price"].tolist())[:, good]
    assert abs(prices[-1] - 1) > 0.05
    assert sum(sum(row) for row in found["shortfall"]) > 0
    assert engine.state.shortfall.sum() > 0
