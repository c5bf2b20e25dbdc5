"""A small world behaves as the whole one does for the goods that it keeps."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.engine import Simulation
from sim.errors import MonaziteError
from sim.world.labels import load_labels
from sim.world.load import load_world
from sim.world.restrict import linked_goods, restrict, restrict_labels
from sim.world.world import World
from tests.engine_events import PlainScenario, Restriction

YEARS = (2009, 2022, 2024)
GALLIUM = ("gallium_low_purity", "gallium_high_purity")


@pytest.fixture(scope="module", params=YEARS)
def whole(request: pytest.FixtureRequest) -> World:
    return load_world(request.param)


def ids(world: World) -> set[str]:
    return {good.id for good in world.goods}


@given(st.lists(st.frozensets(st.integers(0, 12), min_size=1, max_size=4), max_size=12), st.integers(0, 12))
def test_linked_goods_are_those_that_a_search_reaches(plants: list[frozenset[int]], start: int) -> None:
    reached, waiting = {start}, [start]
    while waiting:
        good = waiting.pop()
        for plant in plants:
            if good in plant:
                waiting += plant - reached
                reached |= plant
    names = [[str(good) for good in plant] for plant in plants]
    assert linked_goods([str(start)], names) == {str(good) for good in reached}


def test_every_chain_is_a_fixed_point(whole: World) -> None:
    """For each mineral: no plant reaches outside, and a year without shock moves no price."""
    year = whole.base_year
    scenario = PlainScenario(start=dt.date(year, 1, 1), end=dt.date(year, 12, 31))
    seen: set[frozenset[str]] = set()
    for mineral in sorted({good.mineral for good in whole.goods}):
        small = restrict(whole, [mineral])
        if frozenset(ids(small)) in seen:
            continue
        seen.add(frozenset(ids(small)))
        data = Simulation(small, scenario).run()
        np.testing.assert_allclose(data.price_gate / data.good_base_price, 1, atol=1e-6, err_msg=mineral)
        assert float(data.shortfall.max()) == 0
    # The chains that the minerals give are a partition: none shares a good with another.
    assert sum(map(len, seen)) == len(whole.goods)


def test_a_control_does_the_same_in_the_small_world_and_in_the_whole_one() -> None:
    whole = load_world(2022)
    start = dt.date(2022, 7, 1)
    licence = Restriction("licence", "licence", GALLIUM, start, open_share=0.4)
    both = [
        Simulation(
            whole,
            PlainScenario(
                start=dt.date(2022, 1, 1), end=dt.date(2023, 12, 31), events=(licence,), minerals=minerals
            ),
            members=4,
            seed=3,
        ).run()
        for minerals in ((), ("gallium",))
    ]
    large, small = both
    assert small.sizes["good"] == 2 < large.sizes["good"]
    chosen = large.sel(good=list(GALLIUM))
    assert float(small.price_outside.max() / small.price_outside.min()) > 1.2
    # Members share parameters and noise; markets are cleared to a tolerance of 1e-6.
    for name in ("price_gate", "price_inside", "price_outside"):
        np.testing.assert_allclose(small[name], chosen[name], rtol=1e-4, err_msg=name)
    needs = np.isin(large.need_good, GALLIUM)
    for name in ("buyer_stock", "shortfall"):
        np.testing.assert_allclose(
            small[name], large.isel(need=needs)[name], rtol=1e-4, atol=1e-4, err_msg=name
        )


def test_restricting_twice_is_restricting_once(whole: World) -> None:
    once = restrict(whole, ["dysprosium", "gallium"] if whole.base_year > 2009 else ["dysprosium"])
    assert restrict(once, ["dysprosium"]).kept is not None or whole.base_year == 2009
    again = restrict(once, ["yttrium"])
    direct = restrict(whole, ["yttrium"])
    assert again.facilities == direct.facilities
    if direct.kept is not None and again.kept is not None:
        np.testing.assert_array_equal(again.kept.facilities, direct.kept.facilities)
        np.testing.assert_array_equal(again.kept.goods, direct.kept.goods)


def test_labels_and_world_keep_the_same_goods(whole: World) -> None:
    labels = load_labels(whole.base_year)
    for mineral in sorted({good.mineral for good in whole.goods}):
        assert {good.id for good in restrict_labels(labels, [mineral]).goods} == ids(
            restrict(whole, [mineral])
        )


def test_no_mineral_keeps_everything_and_an_unknown_one_is_refused(whole: World) -> None:
    assert restrict(whole, []) is whole
    with pytest.raises(MonaziteError, match="unknown mineral 'dysprosum' in the 20"):
        restrict(whole, ["dysprosum"])


def test_every_need_keeps_its_own_numbers(whole: World) -> None:
    small = restrict(whole, ["yttrium"]).with_groups({"near": ("JPN",)})
    kept = np.isin([whole.goods[g].id for g in whole.need_good.tolist()], sorted(ids(small)))
    names = [field.name for field in fields(World) if field.name.startswith("need_")]
    assert len(names) > 8
    for name in set(names) - {"need_good", "need_facility"}:
        np.testing.assert_array_equal(getattr(small, name), getattr(whole, name)[kept], err_msg=name)
