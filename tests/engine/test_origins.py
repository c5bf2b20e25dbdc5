"""Origins of stocks: tonnes by origin add up, and rules on resale bite by exactly what they bar."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from sim.agents.origins import Origins
from sim.controls import Resale
from sim.engine import Simulation
from sim.instruments import Instrument
from sim.instruments.piles import Piles
from sim.world.world import World
from tests.engine.test_rules import event, simulation

FROM = dt.date(2024, 7, 1)
OXIDE = ["dysprosium_oxide"]


def ban(to: str = "JPN", goods: list[str] | None = None, **fields: Any) -> Instrument:
    given = {"by": "CHN", "to": to, "goods": goods or OXIDE, "from": FROM} | fields
    return event("ban", "export_ban", **given)


def everything(**fields: Any) -> Instrument:
    """All goods of the small world, and all countries that make any of them."""
    given = {"by": ["CHN", "JPN", "ROW"], "to": "USA", "goods": ["all"], "extraterritorial": True}
    return ban(**given | fields)


@pytest.mark.usefixtures("few_rounds")
@pytest.mark.parametrize("content", [False, True])
def test_where_all_origins_are_named_they_add_up_to_every_stock(small_world: World, content: bool) -> None:
    """Tonnes by origin conserve: through trade, resale, transit, plants and a stockpile, under a rule."""
    pile = event("pile", "stockpile", by="JPN", goods=["dysprosium_oxide", "magnet"], size="2 months",
                 rate="500 t/year", release_above="150 %", rotation="30 %/year")
    made = simulation(small_world, everything(content=content), pile, members=3, years=2)
    (family,), (piles,) = made.actors.families, made.actors.processes
    assert isinstance(piles, Piles)
    for _ in range(made.steps):
        made.step()
        for tonnes, mix in (
            (made.state.seller_stock[:, family.offers], family.seller),
            (made.state.buyer_stock[:, family.needs], family.buyer.stock),
            (made.state.transit[:, :, family.needs], family.buyer.transit),
            (piles.tonnes.stock[..., 0], piles.mixes[1].stock),
            (piles.tonnes.transit[..., 0], piles.mixes[1].transit),
        ):
            assert mix.min(initial=0.0) >= 0
            scale = max(float(tonnes.max(initial=0.0)), 1e-9)
            np.testing.assert_allclose(mix.sum(-1), tonnes, rtol=1e-9, atol=1e-9 * scale)
    assert piles.tonnes.stock.min() > 0


@pytest.mark.usefixtures("few_rounds")
def test_shares_stay_between_none_and_all(small_world: World) -> None:
    rule = ban("JPN", ["dysprosium_oxide", "magnet"], by="ROW", extraterritorial=True, content=True)
    made = simulation(small_world, ban(), rule.model_copy(update={"id": "rule"}), members=3)
    (family,) = made.actors.families
    for _ in range(made.steps):
        made.step()
        assert family.seller.min() >= 0
        assert (family.seller.sum(-1) <= made.state.seller_stock[:, family.offers] + 1e-9).all()


@pytest.fixture(scope="module")
def bans(small_world: World) -> dict[str, xr.Dataset]:
    kinds: dict[str, Any] = {
        "plain": {},
        "no compliance": {"extraterritorial": True, "compliance": "0 %"},
        "half": {"extraterritorial": True, "compliance": "50 %"},
        "full": {"extraterritorial": True},
    }
    return {name: simulation(small_world, ban(**fields), members=2).run() for name, fields in kinds.items()}


def test_without_compliance_it_is_the_plain_ban_to_the_bit(bans: dict[str, xr.Dataset]) -> None:
    for name in ("price_outside", "purchases", "seller_stock", "shortfall", "event_flow"):
        np.testing.assert_array_equal(bans["plain"][name].values, bans["no compliance"][name].values)
    assert "origin_purchases" not in bans["no compliance"]


def bought(data: xr.Dataset, importer: str, good: str = OXIDE[0]) -> np.ndarray:
    """(M,) tonnes bought in the second year of the run."""
    needs = ((data.need_good == good) & (data.need_country == importer)).values
    second = data.time.values >= np.datetime64("2025-01-01")
    return data.purchases.isel(need=needs, time=second).sum(["need", "time"]).values


def test_what_comes_through_a_third_country_falls_with_compliance(bans: dict[str, xr.Dataset]) -> None:
    """All oxide is Chinese: Japan lives on what Singapore resells, and on nothing where nobody may."""
    amounts = [bought(bans[name], "JPN") for name in ("plain", "half", "full")]
    assert (amounts[0] > 1.5 * amounts[1]).all()
    assert (amounts[1] > 0.1 * amounts[0]).all()
    assert (amounts[2] < 1e-6 * amounts[0]).all()


def test_the_record_says_what_was_bought_by_origin(bans: dict[str, xr.Dataset]) -> None:
    for name in ("half", "full"):
        data = bans[name]
        chinese = data.origin_purchases.sel(origin_link=(data.origin_importer == "JPN").values)
        np.testing.assert_allclose(
            chinese.isel(time=slice(12, None)).sum(["origin_link", "time"]), bought(data, "JPN"), rtol=1e-4,
            atol=1e-6,
        )


@pytest.mark.usefixtures("few_rounds")
def test_third_countries_sell_no_more_than_what_may_go_there(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = simulation(small_world, ban(extraterritorial=True, compliance="70 %"))
    asked: list[tuple[np.ndarray, np.ndarray]] = []

    def noted(family: Origins, rule: Resale, offer: int, stock: np.ndarray) -> np.ndarray:
        tonnes = admissible(family, rule, offer, stock)
        asked.append((tonnes, stock.copy()))
        return tonnes

    admissible = Origins.admissible
    monkeypatch.setattr(Origins, "admissible", noted)
    capped = 0
    for _ in range(made.steps):
        asked.clear()
        result = made.step()
        if result.market.resale_caps:
            capped += 1
            sold = result.clearing.cap_flow[:, -len(asked) :]
            assert (sold <= np.stack([tonnes for tonnes, _ in asked], axis=1) * (1 + 1e-12)).all()
            tonnes, stock = asked[0]
            # At first three tenths of the stock may go; what is left is more and more what may not.
            assert tonnes[0] < 0.3 * stock[0] * (1 + 1e-9)
    assert capped


def test_domestic_sales_and_other_destinations_stay_free(small_world: World) -> None:
    """A rule on what goes to the US binds no link of the oxide that Singapore sells to Japan."""
    made = simulation(small_world, ban("USA", extraterritorial=True))
    made.step()
    assert made.last.market.resale_caps == ()


def test_goods_made_of_barred_material_count_only_with_content(small_world: World) -> None:
    """Japanese magnets are made of Chinese oxide."""
    goods = ["dysprosium_oxide", "ndpr_oxide", "magnet"]

    def sales(**fields: Any) -> float:
        run = simulation(small_world, ban("USA", goods, **fields), resale_speed=0.0).run()
        return float(bought(run, "USA", "magnet")[0])

    plain, resale = sales(), sales(extraterritorial=True)
    assert resale == pytest.approx(plain, rel=1e-6)
    assert sales(extraterritorial=True, content=True) < 1e-6 * plain


def test_months_and_weeks_let_through_about_the_same(small_world: World) -> None:
    def year(step: str) -> float:
        scenario = simulation(small_world, ban(extraterritorial=True, compliance="50 %")).case.scenario
        data = Simulation(small_world, replace(scenario, step=step), members=1, seed=7).run()  # type: ignore[type-var]
        return float(bought(data.sel(time=slice("2024-01-01", "2025-12-25")), "JPN")[0])

    assert year("week") == pytest.approx(year("month"), rel=0.25)


@pytest.mark.usefixtures("few_rounds")
def test_a_part_of_a_step_bars_in_proportion(small_world: World) -> None:
    made = simulation(small_world, ban(extraterritorial=True, **{"from": dt.date(2024, 1, 16)}))
    made.step()
    (rule,) = made.last.controls.resales
    assert rule.compliance == pytest.approx(16 / 31)


@pytest.mark.usefixtures("few_rounds")
def test_a_member_is_the_same_alone_and_among_others(small_world: World) -> None:
    rule = ban(extraterritorial=True, compliance={"choice": ["0 %", "60 %", "100 %"]})
    numbers = [1, 2, 3, 4, 5]
    together = simulation(small_world, rule, members=numbers).run()
    drawn = together.drawn.sel(draw="events.ban.compliance").values
    assert len(np.unique(drawn)) > 1
    for position in (0, 3, 4):
        alone = Simulation(small_world, _scenario(rule), members=[numbers[position]], seed=7).run()
        for name in ("price_outside", "purchases", "origin_purchases", "ledger_tonnes"):
            np.testing.assert_array_equal(alone[name].values[0], together[name].values[position], name)


def _scenario(rule: Instrument) -> Any:
    from tests.engine_events import PlainScenario

    return PlainScenario(events=(rule,), end=dt.date(2025, 12, 31))
