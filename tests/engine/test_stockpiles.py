"""Stockpiles of states: they buy cheap, release when dear or short, and lose no tonne."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
import xarray as xr

from sim.instruments import Instrument
from sim.world.world import World
from tests.engine.test_rules import event, simulation
from tests.engine_events import piles_of

GOOD = "dysprosium_oxide"
TIGHT = {"by": "CHN", "goods": [GOOD], "amount": "15 t/year", "from": dt.date(2025, 7, 1)}


def pile(**fields: Any) -> Instrument:
    given = {"by": "JPN", "goods": [GOOD], "size": "12 t", "rate": "12 t/year", "release_above": "150 %"}
    return event("pile", "stockpile", **given | fields)


def quota() -> Instrument:
    return event("quota", "export_quota", **TIGHT)


def total(data: xr.Dataset, name: str, axis: str, good: str = GOOD) -> np.ndarray:
    return data[name].values[..., data[f"{axis}_good"].values == good].sum(-1, dtype=np.float64)


@pytest.mark.usefixtures("few_rounds")
@pytest.mark.parametrize("step", ["month", "week"])
def test_no_tonne_is_lost(small_world: World, step: str) -> None:
    from dataclasses import replace

    from sim.engine import Simulation

    made = simulation(small_world, pile(rotation="20 %/year", initial="3 t"), quota(), members=3, years=3)
    made = Simulation(small_world, replace(made.case.scenario, step=step), members=3, seed=7)  # type: ignore[type-var]
    offers, needs = small_world.offer_slice(2), small_world.need_slice(2)
    assert small_world.goods[2].id == GOOD

    def everywhere() -> np.ndarray:
        state, piles = made.state, piles_of(made).tonnes
        parts = state.seller_stock[:, offers], state.buyer_stock[:, needs], state.transit[:, :, needs].sum(0)
        return np.asarray(sum(part.sum(1) for part in parts) + piles.position.sum((1, 2)))

    for _ in range(made.steps):
        before, held = everywhere(), piles_of(made).tonnes.position[..., 0].sum(1)
        made.step()
        gained = made.last.output[:, offers].sum(1) - made.last.discarded[:, offers].sum(1)
        used = made.last.consumed[:, needs].sum(1)
        np.testing.assert_allclose(everywhere(), before + gained - used, rtol=1e-12)
        moved = piles_of(made).bought.sum(1) - piles_of(made).released.sum(1)
        np.testing.assert_allclose(piles_of(made).tonnes.position[..., 0].sum(1), held + moved, atol=1e-9)


@pytest.fixture(scope="module")
def story(small_world: World) -> tuple[xr.Dataset, xr.Dataset]:
    """With and without a stockpile that fills for eighteen months, then meets a quota."""
    with_it = simulation(small_world, pile(buy_below="105 %"), quota(), years=4).run()
    return with_it, simulation(small_world, quota(), years=4).run()


def test_it_fills_while_cheap_and_empties_when_dear(story: tuple[xr.Dataset, xr.Dataset]) -> None:
    data, _ = story
    bought, released = data.stockpile_bought.values[0, :, 0], data.stockpile_released.values[0, :, 0]
    price = data.price_outside.sel(good=GOOD).values[0] / float(data.good_base_price.sel(good=GOOD))
    assert bought[:18].sum() > 6
    assert bought.max() <= 1.0 + 1e-6
    assert not released[:18].any()
    assert bought[price > 1.6].max() < 0.01 * bought.max()
    assert released.sum() > 0.9 * data.stockpile_stock.values[0].max()
    assert not released[price < 1.2].any()


def test_it_raises_the_price_while_it_buys_and_spares_its_own_users_later(
    story: tuple[xr.Dataset, xr.Dataset],
) -> None:
    with_it, without = story
    price = [data.price_outside.sel(good=GOOD).values[0] for data in story]
    assert (price[0][2:18] > price[1][2:18]).all()
    first_year = slice(18, 30)
    japan = ((with_it.need_good == GOOD) & (with_it.need_country == "JPN")).values
    missing = [data.shortfall.values[0, first_year][:, japan].sum() for data in story]
    assert missing[1] > 0
    assert missing[0] < 0.7 * missing[1]
    assert without.sizes.get("pile") is None


def test_a_shortfall_opens_it_too(small_world: World) -> None:
    closed = pile(initial="12 t", release_above=None)
    opened = pile(initial="12 t", release_above=None, release_on_shortfall="2 %")
    kept = simulation(small_world, closed, quota(), years=4).run()
    given = simulation(small_world, opened, quota(), years=4).run()
    assert float(kept.stockpile_released.sum()) == 0
    assert float(given.stockpile_released.sum()) > 10
    assert float(given.shortfall.sum()) < float(kept.shortfall.sum())


def test_a_size_in_months_is_months_of_use(small_world: World) -> None:
    made = simulation(small_world, pile(size="6 months"))
    japan = (small_world.need_country == small_world.countries.index("JPN")) & (small_world.need_good == 2)
    assert piles_of(made).target[0, 0] == pytest.approx(small_world.need_use[japan].sum() / 2)


def test_rotation_sells_and_buys_back(small_world: World) -> None:
    data = simulation(small_world, pile(initial="12 t", rotation="50 %/year"), years=3).run()
    yearly = data.stockpile_released.values[0, :, 0].reshape(3, 12).sum(1)
    assert yearly[1:] == pytest.approx([6.0, 6.0], rel=0.1)
    assert data.stockpile_stock.values[0, -1, 0] == pytest.approx(12.0, rel=0.1)


def test_after_its_last_day_it_lies_still(small_world: World) -> None:
    data = simulation(small_world, pile(until="2024-06"), quota(), years=3).run()
    assert not data.stockpile_released.values.any()
    assert not data.stockpile_bought.values[0, 6:].any()
    bought = data.stockpile_bought.values.sum()
    assert data.stockpile_stock.values[0, -1, 0] == pytest.approx(bought, rel=1e-5)


@pytest.mark.usefixtures("few_rounds")
def test_concentrate_keeps_its_elements(small_world: World) -> None:
    made = simulation(
        small_world, pile(by="CHN", goods=["clay"], size="100 t", rate="200 t/year", rotation="30 %/year")
    )
    made.run()
    elements = piles_of(made).mixes[0].stock[0, 0]
    assert piles_of(made).tonnes.stock[0, 0, 0] > 10
    assert elements.sum() == pytest.approx(piles_of(made).tonnes.stock[0, 0, 0])
    assert (elements > 0).all()


def test_two_states_may_buy_through_the_same_users(small_world: World) -> None:
    """A national stock and one of a bloc overlap: each gets a tier of its own."""
    bloc = event("bloc", "stockpile", by=["JPN", "CHN"], goods=[GOOD], size="12 t", rate="12 t/year")
    both = simulation(small_world, pile(), bloc).run()
    assert list(both.pile_event.values) == ["pile", "bloc"]
    assert (both.stockpile_bought.values[0, 0] > 0.2).all()


def test_a_reaction_rule_opens_a_dormant_stockpile(small_world: World) -> None:
    asleep = pile(initial="12 t", dormant=True)
    trigger = {"event": "quota"}
    rule = event("rule", "reaction_rule", by="JPN", trigger=trigger, action="activate", events="pile")
    data = simulation(small_world, asleep, quota(), rule, years=3).run()
    released = data.stockpile_released.values[0, :, 0]
    assert not data.stockpile_bought.values[0, :18].any()
    assert released.sum() > 6


@pytest.mark.usefixtures("few_rounds")
def test_a_member_is_the_same_alone_and_among_others(small_world: World) -> None:
    uncertain = pile(size={"uniform": ["4 t", "20 t"]}, rate={"uniform": ["5 t/year", "20 t/year"]},
                     probability="60 %", rotation="10 %/year")
    numbers = [1, 2, 3, 4, 5, 6]
    together = simulation(small_world, uncertain, quota(), members=numbers, years=3)
    data = together.run()
    assert 0 < together.case.happens["pile"].sum() < len(numbers)
    for position in (0, 2, 5):
        alone = simulation(small_world, uncertain, quota(), members=[numbers[position]], years=3).run()
        for name in ("price_outside", "purchases", "stockpile_stock", "event_flow", "ledger_tonnes"):
            np.testing.assert_array_equal(alone[name].values[0], data[name].values[position], name)
