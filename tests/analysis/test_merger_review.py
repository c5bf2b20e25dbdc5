"""A merger review: its figures by hand, what must add up, what remedies mend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.agents.firms import Rivalry
from sim.analysis import merger_review
from sim.analysis.merger_figures import CentralBand, MarketRow, Review, as_json, thresholds
from sim.analysis.merger_review import review
from sim.errors import MonaziteError
from sim.instruments import Instrument
from sim.world.load import load_world
from sim.world.world import World
from tests.engine_events import PlainScenario
from tests.instruments.acting import event

COBALT = "cobalt_intermediate"
PARTIES = ("CMOC", "Glencore")


@pytest.fixture(scope="module")
def world() -> World:
    return load_world()


def reviewed(world: World, *events: Instrument, members: int = 1, **settings: Any) -> Review:
    scenario: Any = PlainScenario(minerals=("cobalt",), events=events, **settings)
    return review(world, scenario, members)


def merger(**fields: Any) -> Instrument:
    return event("merger", firms=list(PARTIES), **fields)


@pytest.fixture(scope="module")
def plain(world: World) -> Review:
    return reviewed(world, merger(), members=30)


def market(found: Review, region: str) -> MarketRow:
    return next(row for row in found.markets if row.good == COBALT and row.region == region)


def test_shares_and_concentration_by_hand(world: World, plain: Review) -> None:
    good = [one.id for one in world.goods].index(COBALT)
    sellers = world.offer_facility[world.offer_slice(good)]
    chinese = np.array([world.countries[c] == "CHN" for c in world.need_country[world.need_slice(good)]])
    bought = world.base_flow[good][:, chinese].sum(1)
    share = {world.facility_firm[f]: x / bought.sum() for f, x in zip(sellers, bought, strict=True)}
    row = market(plain, "CHN")
    assert row.shares == pytest.approx({firm: share[firm] for firm in PARTIES})
    assert row.change == pytest.approx(2e4 * share["CMOC"] * share["Glencore"])
    small = [share[world.facility_firm[f]] for f in sellers if world.unnamed[f]]
    large = [x for firm, x in share.items() if not firm.startswith("other ")]
    expected = 1e4 * (sum(x**2 for x in large) + sum(x**2 for x in small) / 5)
    assert row.hhi == pytest.approx(expected)
    assert row.value == pytest.approx(bought.sum() * world.goods[good].base_price)


def test_prices_rise_most_where_the_parties_meet(plain: Review) -> None:
    rows = [row for row in plain.markets if row.region != "world"]
    rise = [row.price.value for row in rows]
    assert min(rise) > 0
    # Rows stand in order of the change of the index, and so do the prices.
    assert rise == sorted(rise, reverse=True)
    (good,) = plain.goods
    assert good.parties["Glencore"].value > good.parties["CMOC"].value > good.rivals.value > 0
    for band in (*good.parties.values(), good.users):
        assert band.low < band.value < band.high


def test_pressure_comes_near_the_price(plain: Review) -> None:
    """GUPPI is the first-order price rise where a dollar of pressure is passed on."""
    (good,) = plain.goods
    for one in good.pressure:
        assert one.gross.value == pytest.approx(good.parties[one.firm].value, rel=0.3)
        assert one.net == one.gross


def test_who_gains_and_who_pays(plain: Review) -> None:
    (good,) = plain.goods
    users = sum(band.value for name, band in good.gains.items() if name.startswith("users in "))
    assert good.gains["parties"].value > 0
    assert good.gains["rivals"].value > 0
    assert users < -(good.gains["parties"].value + good.gains["rivals"].value) < 0
    spent = market(plain, "world").value / 1e6
    assert users == pytest.approx(-good.users.value * spent, rel=1e-9)
    # What refiners buy is a part of what refined cobalt costs.
    assert 0 < good.passed_on["cobalt_refined"].value < good.users.value


def test_selling_the_overlap_mends_all_and_a_part_mends_a_part(world: World) -> None:
    found = reviewed(world, merger(divest=[{"facilities": ["glencore_cobalt"]}]))
    assert found.goods == ()
    to_rival = reviewed(world, merger(divest=[{"facilities": ["glencore_cobalt"], "to": "ERG"}]))
    (good,) = to_rival.goods
    assert 0 < good.users.value < good.remedies["none"].value
    assert good.remedies["selling glencore_cobalt"] == good.users


def test_savings_lower_prices_and_net_pressure(world: World, plain: Review) -> None:
    (saving,) = reviewed(world, merger(synergies="10 %", ramp="3 years")).goods
    (dear,) = plain.goods
    assert saving.users.value < 0 < dear.users.value
    for one in saving.pressure:
        assert one.net.value < 0.1 * one.gross.value


def test_the_central_case_does_not_depend_on_the_draws(world: World, plain: Review) -> None:
    alone = reviewed(world, merger())
    assert alone.goods[0].users.value == pytest.approx(plain.goods[0].users.value, rel=1e-9)
    assert alone.goods[0].users.low == alone.goods[0].users.value


def test_a_review_needs_a_deal(world: World) -> None:
    with pytest.raises(MonaziteError, match="plain: no event joins owners; a review needs a merger"):
        reviewed(world)


def test_what_is_not_in_the_prices_is_said(world: World) -> None:
    closing = reviewed(world, merger(withdrawal="10 %", announced="2024-02-01", withdrawn="2024-03-01"))
    assert [note.partition(":")[2].split()[0] for note in closing.notes] == ["output", "called"]


@pytest.mark.parametrize(
    ("hhi", "change", "share", "authorities"),
    [
        (1900, 120, 0.2, {"US"}), (1700, 90, 0.2, set()), (1500, 120, 0.35, {"US"}),
        (1500, 260, 0.2, {"EU"}), (900, 260, 0.2, set()), (2100, 160, 0.2, {"US", "EU"}),
        (2100, 90, 0.45, set()), (800, 10, 0.55, {"EU"}),
    ],
)  # fmt: skip
def test_lines_of_authorities(hhi: float, change: float, share: float, authorities: set[str]) -> None:
    assert {line.authority for line in thresholds() if line.crossed(hhi, change, share)} == authorities


def test_json_has_what_is_printed(plain: Review) -> None:
    content = as_json(plain)
    assert content["markets"][0]["change"] == plain.markets[0].change
    assert content["goods"][0]["users"]["value"] == plain.goods[0].users.value
    assert len(content["thresholds"]) == len(thresholds())


def test_a_band_of_one() -> None:
    assert CentralBand.of(np.array([0.5])) == CentralBand(0.5, 0.5, 0.5)


def test_rivalry_and_prices_of_a_good_are_made_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Markets, remedies, what is passed on and gains all rest on them."""
    made: list[int] = []
    fresh = merger_review._Desk._new_rivalry

    def counted(desk: merger_review._Desk, good: int) -> Rivalry:
        made.append(good)
        return fresh(desk, good)

    monkeypatch.setattr(merger_review._Desk, "_new_rivalry", counted)
    found = reviewed(world, merger(), members=3)
    assert len(made) == len(set(made)) == len(found.goods)
