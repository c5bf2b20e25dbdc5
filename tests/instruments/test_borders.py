"""Measures at the border: what they write to Controls, which links they leave alone, what members draw."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from sim.controls import Controls
from sim.engine.policy import active_controls
from sim.world.labels import Labels
from sim.world.world import World
from tests.instruments.acting import START, acted, at, drawn, event, restricted

GALLIUM = "gallium_low_purity"


def links(values: np.ndarray[Any, Any], world: World, neutral: float) -> dict[tuple[str, str, str], float]:
    """Links with a value other than the neutral one."""
    return {
        (world.goods[g].id, world.countries[i], world.countries[j]): float(values[g, i, j])
        for g, i, j in np.argwhere(values != neutral)
    }


def test_export_tax_is_paid_abroad_only_and_adds_up(world: World) -> None:
    tax = event("export_tax", by="CHN", goods=["dysprosium"], rate="15 %")
    controls = acted(world, tax, tax, share=0.5)
    rates = links(controls.export_tax_rate.shared, world, 0.0)
    assert set(rates) == {("dysprosium_oxide", "CHN", c) for c in world.countries if c != "CHN"}
    assert set(rates.values()) == {0.15}
    assert set(links(restricted(world, tax), world, 0.0)) == set(rates)
    rebate = event("export_tax", by="CHN", goods=["dysprosium"], rate="-10 %")
    assert not restricted(world, rebate).any()


def test_tariff_exemptions(world: World, labels: Labels) -> None:
    fields = {"by": "JPN", "on": "world", "goods": ["gallium"], "rate": "10 %"}
    tariff = event("import_tariff", labels, **fields, exempt_countries=["G7", "NOR"],
                   exempt_goods=["gallium_high_purity"])  # fmt: skip
    base = Controls(world).tariff_rate.shared
    added = links(acted(world, tariff).tariff_rate.shared - base, world, 0.0)
    assert set(added) == {(GALLIUM, c, "JPN") for c in ("CHN", "ROW")}
    assert tariff.touches(labels)
    assert not event("import_tariff", labels, **fields, exempt_countries=["CHN"]).touches(labels)
    assert not event("import_tariff", labels, **fields, exempt_goods=["gallium"]).touches(labels)


def test_carbon_border_tax_is_price_times_intensity_over_base_price(world: World) -> None:
    tax = event(
        "carbon_border_tax", by=["JPN", "DEU"], on="world",
        intensity={"gallium": "50 t CO2/t", GALLIUM: {"CHN": "100 t CO2/t", "FRA": "20 t CO2/t"}},
        price="80 USD/t CO2", paid_at_origin={"CHN": "30 USD/t CO2", "FRA": "90 USD/t CO2"},
    )  # fmt: skip
    added = links(acted(world, tax).tariff_rate.shared - Controls(world).tariff_rate.shared, world, 0.0)
    # The id goes before the mineral: an origin that it leaves out pays nothing, and France has paid more.
    low = {key: rate for key, rate in added.items() if key[0] == GALLIUM}
    assert set(low) == {(GALLIUM, "CHN", "JPN"), (GALLIUM, "CHN", "DEU")}
    assert low[GALLIUM, "CHN", "JPN"] == pytest.approx((80 - 30) * 100 / 250_000)
    assert added["gallium_high_purity", "USA", "JPN"] == pytest.approx(80 * 50 / 400_000)
    assert added["gallium_high_purity", "CHN", "JPN"] == pytest.approx((80 - 30) * 50 / 400_000)
    assert ("gallium_high_purity", "JPN", "JPN") not in added


def test_carbon_border_tax_of_members(world: World) -> None:
    tax = event("carbon_border_tax", by="JPN", on="CHN", intensity={"gallium": "100 t CO2/t"},
                price={"uniform": ["0 USD/t CO2", "100 USD/t CO2"]})  # fmt: skip
    controls = acted(world, drawn(tax, price=[0.0, 50.0]))
    good, exporter, importer = at(world, GALLIUM, "CHN", "JPN")
    pair = np.array([[exporter]]), np.array([[importer]])
    assert controls.tariff_rate.on(good, pair).ravel() == pytest.approx([0.03, 0.03 + 0.02])


@pytest.mark.parametrize(
    ("stops", "closed"),
    [
        ("imports", {("CHN", "JPN"), ("CHN", "USA")}),
        ("exports", {("JPN", "CHN"), ("USA", "CHN")}),
        ("trade", {("CHN", "JPN"), ("CHN", "USA"), ("JPN", "CHN"), ("USA", "CHN")}),
    ],
)
def test_sanction_on_a_country(world: World, stops: str, closed: set[tuple[str, str]]) -> None:
    sanction = event(
        "sanction", by=["JPN", "USA"], on="CHN", goods=[GALLIUM], stops=stops, compliance="80 %"
    )
    controls = acted(world, sanction, share=0.5)
    shut = links(controls.open_share.shared, world, 1.0)
    assert {(i, j) for _, i, j in shut} == closed
    assert list(shut.values()) == pytest.approx([0.6] * len(closed))
    assert set(links(restricted(world, sanction), world, 0.0)) == set(shut)
    assert not controls.barriers


def test_sanction_on_a_firm_cuts_it_off_wherever_it_is(world: World) -> None:
    sanction = event("sanction", by="JPN", firms="Northern", stops="imports")
    controls = acted(world, sanction)
    (closing,) = controls.barriers
    sellers = {world.facilities[f] for f in world.offer_facility[closing.offers]}
    buyers = {world.facilities[f] for f in world.need_facility[closing.needs]}
    assert sellers == {"sep_chn", "ga_chn"}
    assert buyers == {"chips_jpn"}
    assert not restricted(world, sanction).any()
    assert closing.open_share == 0
    assert controls.open_share.shared.min() == 1
    assert {world.facilities[f] for f in world.offer_facility[controls.touched_offers["e"]]} == sellers


@pytest.mark.parametrize(
    ("fields", "touches"),
    [
        ({"by": "JPN", "on": "CHN", "stops": "imports"}, True),
        ({"by": "JPN", "on": "CHN", "stops": "exports"}, False),
        ({"by": "JPN", "firms": "Northern", "stops": "imports"}, True),
        ({"by": "JPN", "firms": "Northern", "stops": "exports"}, False),
        ({"by": "JPN", "firms": "Northern", "goods": ["copper"]}, False),
    ],
)
def test_whether_a_sanction_touches_anything(labels: Labels, fields: dict[str, Any], touches: bool) -> None:
    assert event("sanction", labels, **fields).touches(labels) is touches


def test_freight_shock_goes_both_ways_and_spares_transport_at_home(world: World, labels: Labels) -> None:
    both = event("freight_shock", exporters="CHN", importers="JPN", goods=[GALLIUM], change="200 %",
                 delay="14 days")  # fmt: skip
    controls = acted(world, both, share=0.5)
    assert links(controls.freight_factor.shared, world, 1.0) == {
        (GALLIUM, "CHN", "JPN"): 2.0, (GALLIUM, "JPN", "CHN"): 2.0
    }  # fmt: skip
    assert controls.transit_delay.shared.max() == pytest.approx(7 / 365.25)
    one = event("freight_shock", exporters="JPN", importers="CHN", one_way=True, change="50 %")
    dearer = links(acted(world, one).freight_factor.shared, world, 1.0)
    assert {(i, j) for _, i, j in dearer} == {("JPN", "CHN")}
    assert both.touches(labels)
    assert not one.touches(labels)
    everywhere = acted(world, event("freight_shock", change="50 %")).freight_factor.shared
    at_home = np.eye(len(world.countries), dtype=bool)
    assert (everywhere[:, at_home] == 1).all()
    assert (everywhere[:, ~at_home] == 1.5).all()


def test_bloc_prefers_members_and_taxes_others(world: World) -> None:
    bloc = event("bloc", members=["JPN", "DEU"], goods=[GALLIUM], preference="50 %", tariff_inside="-2 %",
                 tariff_outside="10 %")  # fmt: skip
    controls = acted(world, bloc)
    preferred = links(controls.preference.shared, world, 1.0)
    assert preferred == {(GALLIUM, i, j): 1.5 for i in ("JPN", "DEU") for j in ("JPN", "DEU")}
    added = links(controls.tariff_rate.shared - Controls(world).tariff_rate.shared, world, 0.0)
    inside = {key: rate for key, rate in added.items() if key[1] in ("JPN", "DEU")}
    assert inside == {(GALLIUM, "JPN", "DEU"): -0.02, (GALLIUM, "DEU", "JPN"): -0.02}
    assert all(j in ("JPN", "DEU") for _, _, j in added)
    assert added[GALLIUM, "CHN", "JPN"] == pytest.approx(0.1)
    assert set(links(restricted(world, bloc), world, 0.0)) == set(added) - set(inside)


def test_quota_by_half_year_and_by_firm(world: World) -> None:
    amounts = {"2025-H1": "20 t", "2025-H2": "8 t"}
    quota = event("export_quota", by="CHN", goods=["dysprosium"], amounts=amounts)
    for month, tonnes, days in ((3, 20, 181), (8, 8, 184)):
        (cap,) = acted(world, quota, month=dt.date(2025, month, 1)).caps
        assert cap.tonnes_per_year == pytest.approx(tonnes * 365.25 / days)
        assert not cap.counts
    batch = event("export_quota", by="CHN", goods=["dysprosium"], amounts=amounts, allotted="at once",
                  **{"from": "2025-04-01"})  # fmt: skip
    (cap,) = acted(world, batch, month=dt.date(2025, 4, 1)).caps
    assert cap.counts
    assert cap.period == "2025-H1"
    assert cap.tonnes_per_year * cap.period_years == pytest.approx(20 * 91 / 181)
    firms = event("export_quota", by=["CHN", "FRA"], goods=["gallium"], amount="40 t/year",
                  firms={"Northern": "75 %"})  # fmt: skip
    northern = world.offer_facility == world.facilities.index("ga_chn")
    caps = {
        (cap.good, cap.origin, bool(cap.offers[northern].any())): cap.tonnes_per_year
        for cap in acted(world, firms).caps
        if cap.offers is not None
    }
    good, china, _ = at(world, GALLIUM, "CHN", "JPN")
    france = world.countries.index("FRA")
    # Northern has three quarters, from China; the traders of France, who are the rest, have one.
    assert caps[good, china, True] == pytest.approx(30)
    assert caps[good, france, True] == 0
    assert caps[good, china, False] == 0
    assert caps[good, france, False] == pytest.approx(10)


def test_licence_in_phases_with_a_fan_of_decisions_and_users_that_need_none(world: World) -> None:
    licence = event(
        "export_licence", by="CHN", goods=["dysprosium"], delay={"USA": "90 days", "world": "30 days"},
        approval_share={"JPN": {"2025-01": "0 %", "2025-06": "40 %"}, "world": "20 %"},
        longest_delay="120 days", validated_countries="FRA", validated_firms="ev USA",
        validated_sectors="chips", validated_share="10 %",
    )  # fmt: skip
    late = acted(world, licence, month=dt.date(2025, 7, 1))
    by_country = {
        code: rule
        for rule in late.licences
        for code, covered in zip(world.countries, rule.destinations, strict=True)
        if covered
    }
    assert sum(rule.destinations.sum() for rule in late.licences) == len(by_country)
    assert set(by_country) == set(world.countries) - {"CHN", "FRA"}
    assert by_country["JPN"].approval_share == 0.4
    assert by_country["DEU"].approval_share == 0.2
    assert by_country["USA"].delay_years == pytest.approx(90 / 365.25)
    assert by_country["JPN"].delay_years == pytest.approx(30 / 365.25)
    assert [rule.longest_delay_years for rule in late.licences] == [
        pytest.approx(120 / 365.25) for _ in late.licences
    ]
    assert {rule.free_share for rule in late.licences} == {0.1}
    exempt = {world.facilities[f] for f in world.need_facility[by_country["JPN"].exempt_needs]}
    assert exempt == {"ev_usa", "chips_jpn", "chips_deu"}


def test_whose_trade_a_licence_restricts(world: World) -> None:
    fields = {"by": "CHN", "goods": ["dysprosium"], "delay": "30 days", "validated_share": "10 %",
              "approval_share": {"2025-01": "0 %", "2025-06": "40 %"}}  # fmt: skip
    plain = event("export_licence", **fields, validated_countries="FRA")
    hit = restricted(world, plain)
    assert hit[at(world, "dysprosium_oxide", "CHN", "JPN")]
    assert not hit[at(world, "dysprosium_oxide", "CHN", "FRA")]
    # Where single users are spared, no link is restricted as a whole.
    assert not restricted(world, event("export_licence", **fields, validated_firms="ev USA")).any()
    assert not acted(world, plain).barriers


def test_a_tax_that_only_some_members_see(world: World) -> None:
    tax = event("export_tax", by="CHN", goods=["dysprosium"], rate="20 %", probability="50 %")
    happens = {"e": np.array([True, False])}
    controls, _ = active_controls(world, [tax], (START, dt.date(2025, 2, 1)), happens)
    good, exporter, importer = at(world, "dysprosium_oxide", "CHN", "USA")
    pair = np.array([[exporter]]), np.array([[importer]])
    assert controls.export_tax_rate.on(good, pair).ravel().tolist() == [0.2, 0.0]
