# ruff: noqa: E501 (events are written whole)
"""Import bans, duties in place of others, quotas by quarter, by share of base trade and by firm in tonnes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from sim.instruments.calendar import check_periods, period_of
from sim.instruments.selecting import base_tonnes
from sim.instruments.words import WordError
from sim.scenario import check_scenario
from sim.world.world import World
from tests.instruments.acting import acted, at, event, restricted

OXIDE = ["dysprosium_oxide"]
FROM_CHINA = {"by": "CHN", "goods": OXIDE}
INTO_JAPAN = {"by": "JPN", "on": "CHN", "goods": OXIDE}


def test_an_import_ban_closes_what_an_export_ban_closes(small_world: World) -> None:
    ban = event("import_ban", **INTO_JAPAN)
    other = event("export_ban", by="CHN", to="JPN", goods=OXIDE)
    link = at(small_world, OXIDE[0], "CHN", "JPN")
    for share, left in ((1.0, 0.0), (0.25, 1.0)):
        one, two = acted(small_world, ban, share=share), acted(small_world, other, share=share)
        assert one.open_share.shared[link] == left
        np.testing.assert_array_equal(one.open_share.shared, two.open_share.shared)
        np.testing.assert_array_equal(np.argwhere(restricted(small_world, ban)), [link])
        np.testing.assert_array_equal(restricted(small_world, ban), restricted(small_world, other))
    assert "bans imports of" in ban.sentence()


def test_a_duty_in_place_of_another(small_world: World) -> None:
    link = at(small_world, OXIDE[0], "CHN", "JPN")
    before = float(small_world.base_tariff[link])
    instead = acted(small_world, event("import_tariff", rate="30 %", applies="instead of", **INTO_JAPAN))
    assert instead.tariff_rate.shared[link] == pytest.approx(0.3)
    half = acted(small_world, event("import_tariff", rate="30 %", applies="instead of", **INTO_JAPAN), share=0.5)
    assert half.tariff_rate.shared[link] == pytest.approx((before + 0.3) / 2)
    on_top = acted(small_world, event("import_tariff", rate="30 %", **INTO_JAPAN))
    assert on_top.tariff_rate.shared[link] == pytest.approx(before + 0.3)


def test_two_duties_in_place_of_one_tariff_are_refused() -> None:
    def problems(**second: str) -> list[Any]:
        first = event("import_tariff", id="a", rate="30 %", applies="instead of", **INTO_JAPAN)
        fields: dict[str, Any] = {"id": "b", "rate": "20 %", "applies": "instead of"} | INTO_JAPAN | second
        other = event("import_tariff", **fields)
        by_id = {"a": first, "b": other}
        return [*first.problems_with(by_id), *other.problems_with(by_id)]

    assert len(problems()) == 1
    assert problems(applies="on top of") == []


def test_a_quota_as_a_share_of_base_trade(small_world: World) -> None:
    share = event("export_quota", amount="60 % of 2024", **FROM_CHINA)
    caps = acted(small_world, share).caps
    controls = acted(small_world)
    total = sum(base_tonnes(small_world, share.mask(controls)).values())  # type: ignore[attr-defined]
    assert sum(float(cap.tonnes_per_year) for cap in caps) == pytest.approx(0.6 * total)
    same = event("export_quota", share="60 %", **FROM_CHINA)
    assert same.sentence() == share.sentence()
    assert "at 60 % of those of the base year" in share.sentence()
    with pytest.raises(ValueError, match="exactly one of 'amount', 'amounts' and 'share'"):
        event("export_quota", amount="5 t/year", share="60 %", **FROM_CHINA)


def test_firms_in_tonnes(small_world: World) -> None:
    firm = "separator_china_a"
    quota = event("export_quota", amount="20 t/year", firm_amounts={firm: "5 t/year"}, **FROM_CHINA)
    owner = np.array(small_world.facility_firm)[small_world.offer_facility] == firm
    caps = acted(small_world, quota).caps
    mine = [cap for cap in caps if cap.offers is not None and np.array_equal(cap.offers, owner)]
    assert sum(float(cap.tonnes_per_year) for cap in mine) == pytest.approx(5)
    assert sum(float(cap.tonnes_per_year) for cap in caps) == pytest.approx(20)
    for wrong in ({"firm_amounts": {firm: "30 t/year"}}, {"firms": {firm: "5 %"}, "firm_amounts": {firm: "5 t/year"}}):
        with pytest.raises(ValueError, match=r"add up to 30 t/year|twice"):
            event("export_quota", amount="20 t/year", **wrong, **FROM_CHINA)


def test_quarters() -> None:
    keys = ("2024-Q3", "2024-Q4", "2025-H1")
    check_periods(keys, dt.date(2024, 8, 1))
    batch = period_of(keys, dt.date(2024, 12, 31))
    assert (batch.key, batch.start, batch.end) == ("2024-Q4", dt.date(2024, 10, 1), dt.date(2025, 1, 1))
    assert period_of(("2024-Q1",), dt.date(2025, 8, 5)).key == "2025-Q3"
    assert period_of(("2024-H1",), dt.date(2025, 8, 5)).key == "2025-H2"
    assert period_of(("2024",), dt.date(2025, 8, 5)).key == "2025"
    with pytest.raises(WordError, match="no amount between 2024-Q1 and 2024-Q3"):
        check_periods(("2024-Q1", "2024-Q3"), None)


def test_a_code_that_shares_a_good_is_warned_about(tmp_path: Any) -> None:
    text = (
        "format: 2\nname: case\ntitle: t\nbase_year: 2024\ntime: {start: 2024-01, end: 2024-12}\n"
        "events: {a: {type: export_ban, by: PHL, to: world, goods: ['%s'], from: 2024-03, assumption: true}}\n"
    )
    path = tmp_path / "case.yaml"
    for code, others in (("750110", "260400"), ("260400", "750110")):
        path.write_text(text % code)
        scenario, problems = check_scenario(path)
        assert scenario is not None
        said = [p.text() for p in problems if "one good, 'nickel_ore'" in p.text()]
        assert len(said) == 1
        assert f"for HS {code} and {others}" in said[0]
        assert "t Ni crossed borders in 2024" in said[0]
        assert f"HS {code} (nickel ore" in scenario.events[0].sentence()
