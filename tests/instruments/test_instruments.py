# ruff: noqa: E501 (sentences are quoted whole)
"""What each instrument writes to Controls, says, and touches, in a world small enough to count."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from sim.controls import Controls
from sim.engine.observe import controlling_country
from sim.instruments import instrument_class, instrument_types
from sim.world.labels import Labels
from sim.world.world import World
from tests.instruments.acting import acted, at, event, needs, offers, restricted

BAN = {"by": "CHN", "to": "JPN", "goods": ["gallium_low_purity"]}
LICENCE = {"by": "CHN", "goods": ["dysprosium"], "approval_share": "40 %", "delay": "45 business days"}


def test_instruments_are_the_files() -> None:
    assert instrument_types() == (
        "acquisition", "bloc", "capacity_change", "carbon_border_tax", "cartel", "demand_shock", "energy_cost",
        "exchange_rate",
        "export_ban", "export_licence", "export_promotion", "export_quota", "export_tax", "freight_shock",
        "host_demands", "import_ban", "import_tariff",
        "investment_block", "investment_finance", "joint_venture", "merger", "negotiation", "new_deposit", "offtake",
        "outage", "ownership_control", "permitting", "price_flooding", "price_floor", "production_quota",
        "reaction_rule", "recycling_policy", "sanction", "stockpile", "strike", "substitution_push", "supply_pact",
        "technology_export_ban",
    )  # fmt: skip
    for name in instrument_types():
        assert instrument_class(name).model_fields["type"].default == name


@pytest.mark.parametrize(
    ("first", "last", "share"),
    [
        (dt.date(2025, 1, 1), dt.date(2025, 2, 1), 1.0),
        (dt.date(2024, 12, 1), dt.date(2025, 1, 1), 0.0),
        (dt.date(2024, 12, 18), dt.date(2025, 1, 15), 0.5),
        (dt.date(2025, 3, 1), dt.date(2025, 4, 1), 10 / 31),
        (dt.date(2025, 4, 1), dt.date(2025, 5, 1), 0.0),
    ],
)
def test_activity_counts_days_and_includes_the_last(first: dt.date, last: dt.date, share: float) -> None:
    ban = event("export_ban", **BAN, until="2025-03-10")
    assert ban.activity(first, last) == pytest.approx(share)


def test_month_means_its_first_or_its_last_day() -> None:
    ban = event("export_ban", **BAN | {"from": "2025-02", "until": "2025-02"})
    assert (ban.from_, ban.until) == (dt.date(2025, 2, 1), dt.date(2025, 2, 28))


def test_event_of_the_base_year_does_nothing(world: World) -> None:
    ban = event("export_ban", **BAN | {"from": "2023-01-01"}, in_base_year=True)
    assert ban.activity(dt.date(2025, 1, 1), dt.date(2025, 2, 1)) == 0
    assert controlling_country(world, [ban]).tolist() == controlling_country(world, []).tolist()


def test_ban_closes_only_its_links(world: World) -> None:
    controls = acted(world, event("export_ban", **BAN))
    closed = at(world, "gallium_low_purity", "CHN", "JPN")
    assert np.argwhere(controls.open_share.shared == 0).tolist() == [list(closed)]
    assert np.argwhere(restricted(world, event("export_ban", **BAN))).tolist() == [list(closed)]
    assert controls.touched_links["e"].sum() == 1


def test_ban_on_the_world_never_closes_domestic_links(world: World) -> None:
    controls = acted(world, event("export_ban", **BAN | {"to": "world", "goods": ["all"]}))
    assert controls.open_share.shared[at(world, "dysprosium_oxide", "CHN", "CHN")] == 1
    assert (controls.open_share.shared == 0).sum() == len(world.goods) * (len(world.countries) - 1)


def test_part_of_a_step_and_overlapping_bans(world: World) -> None:
    ban = event("export_ban", **BAN)
    link = at(world, "gallium_low_purity", "CHN", "JPN")
    # A ceiling of its own lets pass what the open part of the step carried; of two the tighter one holds.
    for bans in ([ban], [ban, event("export_ban", **BAN | {"id": "again"})]):
        controls = acted(world, *bans, share=0.25)
        assert controls.open_share.shared[link] == 1
        assert [cap.event for cap in controls.caps] == [one.id for one in bans]
        for cap in controls.caps:
            assert (cap.good, cap.origin, np.flatnonzero(cap.destinations).tolist()) == (*link[:2], [link[2]])
            assert cap.tonnes_per_year == 0


def test_group_spares_its_own_members(world: World) -> None:
    controls = acted(world, event("export_ban", by="EU27", to="world", goods=["gallium"]))
    assert controls.open_share.shared[at(world, "gallium_low_purity", "FRA", "DEU")] == 1
    assert controls.open_share.shared[at(world, "gallium_low_purity", "FRA", "JPN")] == 0
    alone = acted(world, event("export_ban", by=["FRA", "DEU"], to="world", goods=["gallium"]))
    assert alone.open_share.shared[at(world, "gallium_low_purity", "FRA", "DEU")] == 0


@pytest.mark.parametrize(
    ("goods", "stages", "chosen"),
    [
        (["gallium"], None, {"gallium_low_purity", "gallium_high_purity"}),
        (["gallium"], ["metal"], {"gallium_high_purity"}),
        (["811299"], None, {"gallium_low_purity"}),
        ([8112], None, {"gallium_low_purity", "gallium_high_purity"}),
        (["dysprosium_oxide", "copper"], None, {"dysprosium_oxide", "copper_refined"}),
    ],
)
def test_goods_by_id_mineral_stage_and_hs_code(
    world: World, labels: Labels, goods: list[Any], stages: list[str] | None, chosen: set[str]
) -> None:
    controls = acted(world, event("export_ban", labels, by="CHN", to="JPN", goods=goods, stages=stages))
    touched = controls.touched_links["e"].any((1, 2))
    assert {good.id for good, hit in zip(world.goods, touched, strict=True) if hit} == chosen


def test_quota_is_split_in_proportion_to_base_exports(world: World) -> None:
    quota = event("export_quota", by="CHN", goods=["dysprosium", "gallium"], amount="50 t/year")
    controls = acted(world, quota)
    tonnes = {world.goods[cap.good].id: cap.tonnes_per_year for cap in controls.caps}
    # Base exports: 40 t of dysprosium oxide (60 t stay at home), 60 t of gallium, none of high purity.
    assert tonnes == pytest.approx(
        {"dysprosium_oxide": 20, "gallium_low_purity": 30, "gallium_high_purity": 0}
    )
    for cap in controls.caps:
        assert world.countries[cap.origin] == "CHN"
        assert not cap.destinations[cap.origin]
    hit = restricted(world, quota)
    assert hit[at(world, "dysprosium_oxide", "CHN", "JPN")]
    assert not hit[at(world, "dysprosium_oxide", "CHN", "CHN")]


def test_quota_above_base_exports_restricts_nothing(world: World) -> None:
    quota = event("export_quota", by="CHN", goods=["dysprosium"], amount="1 kt/year")
    controls = acted(world, quota)
    assert not restricted(world, quota).any()
    assert [cap.tonnes_per_year for cap in controls.caps] == [1000]


def test_licence(world: World) -> None:
    controls = acted(world, event("export_licence", **LICENCE))
    (licence,) = controls.licences
    assert licence.approval_share == pytest.approx(0.4)
    assert licence.delay_years == pytest.approx(63 / 365.25)
    assert licence.validity_years == pytest.approx(0.5)
    assert licence.destinations.sum() == len(world.countries) - 1
    assert restricted(world, event("export_licence", **LICENCE))[at(world, "dysprosium_oxide", "CHN", "USA")]


def test_licence_by_destination_country_before_group_before_world(world: World) -> None:
    shares = {"world": "10 %", "G7": "50 %", "JPN": "100 %"}
    licence = event("export_licence", **LICENCE | {"approval_share": shares})
    controls = acted(world, licence)
    found = {
        code: rule.approval_share
        for rule in controls.licences
        for code, covered in zip(world.countries, rule.destinations, strict=True)
        if covered
    }
    assert found == pytest.approx({"JPN": 1.0, "USA": 0.5, "DEU": 0.5, "FRA": 0.5, "NOR": 0.1, "ROW": 0.1})
    assert sum(rule.destinations.sum() for rule in controls.licences) == len(found)
    hit = restricted(world, licence)
    assert hit[at(world, "dysprosium_oxide", "CHN", "USA")]
    assert not hit[at(world, "dysprosium_oxide", "CHN", "JPN")]


def test_licence_grants_nothing_to_a_destination_left_out(world: World) -> None:
    controls = acted(world, event("export_licence", **LICENCE | {"approval_share": {"JPN": "90 %"}}))
    usa = world.countries.index("USA")
    assert [v.approval_share for v in controls.licences if v.destinations[usa]] == [0.0]


def test_tariff_adds_to_the_base_year_tariff(world: World) -> None:
    tariff = event("import_tariff", by="JPN", on="CHN", goods=["gallium"], rate="25 %")
    controls = acted(world, tariff)
    link = at(world, "gallium_low_purity", "CHN", "JPN")
    assert controls.tariff_rate.shared[link] == pytest.approx(0.28)
    assert np.argwhere(restricted(world, tariff).any(0)).tolist() == [list(link[1:])]
    assert controls.tariff_rate.shared[at(world, "gallium_low_purity", "JPN", "CHN")] == 0
    assert acted(world, tariff, share=0.5).tariff_rate.shared[link] == pytest.approx(0.155)
    assert acted(world, tariff, tariff).tariff_rate.shared[link] == pytest.approx(0.53)


def test_tariff_relief_restricts_nothing(world: World) -> None:
    relief = event("import_tariff", by="JPN", on="CHN", goods=["gallium"], rate="-3 %")
    controls = acted(world, relief)
    assert controls.tariff_rate.shared[at(world, "gallium_low_purity", "CHN", "JPN")] == pytest.approx(0)
    assert not restricted(world, relief).any()


def owners(world: World, controls: Controls, *facilities: str) -> list[int]:
    return [int(controls.markup_owner[0, world.facilities.index(name)]) for name in facilities]


def test_merger_joins_owners(world: World) -> None:
    merger = event("merger", firms=["BHP", "Anglo American"])
    before = owners(world, Controls(world), "cu_usa", "cu_nor", "cu_row")
    assert len(set(before)) == 3
    after = owners(world, acted(world, merger), "cu_usa", "cu_nor", "cu_row")
    assert after == [before[0], before[0], before[2]]
    assert owners(world, acted(world, merger, share=0.4), "cu_usa", "cu_nor", "cu_row") == before
    assert acted(world, merger).touched_offers["e"].sum() == 2


def test_mergers_in_a_row_join_all(world: World) -> None:
    first = event("merger", firms=["BHP", "Anglo American"])
    second = event("merger", firms=["Anglo American", "Dowa"])
    for order in ((first, second), (second, first)):
        joined = owners(world, acted(world, *order), "cu_usa", "cu_nor", "ga_jpn")
        assert len(set(joined)) == 1


def test_demand_shock(world: World) -> None:
    shock = event("demand_shock", sectors="ev", countries=["USA"], goods=["dysprosium"], level="-20 %")
    factors = needs(world, acted(world, shock).demand_factor[0])
    assert factors[("dysprosium_oxide", "ev_usa")] == pytest.approx(0.8)
    assert sum(factor != 1 for factor in factors.values()) == 1
    assert not shock.varies


def test_demand_growth_compounds_from_the_first_day(world: World) -> None:
    boom = event("demand_shock", level="10 %", growth="5 %/year")
    assert boom.varies
    controls = Controls(world)
    controls.date = dt.date(2027, 1, 1)
    boom.apply(controls, 1.0)
    factors = needs(world, controls.demand_factor[0])
    assert factors[("copper_refined", "ev_usa")] == pytest.approx(1.1 * 1.05 ** (730 / 365.25))
    # A trader's need follows from its sales; nobody shocks it.
    assert factors[("gallium_low_purity", "trade_fra")] == 1


def test_production_cut_hits_buyers_at_home_too(world: World) -> None:
    cut = event("production_quota", by="CHN", goods=["dysprosium"], cut="20 %")
    controls = acted(world, cut)
    ceilings = offers(world, controls.output_ceiling[0])
    assert ceilings[("dysprosium_oxide", "sep_chn")] == pytest.approx(0.8)
    assert sum(ceiling != np.inf for ceiling in ceilings.values()) == 1
    for importer in ("CHN", "USA"):
        assert restricted(world, cut)[at(world, "dysprosium_oxide", "CHN", importer)]


def test_production_quota_by_amount_spares_traders_and_may_not_bind(world: World) -> None:
    quota = event("production_quota", by=["CHN", "FRA"], goods=["gallium"], amount="45 t/year")
    ceilings = offers(world, acted(world, quota).output_ceiling[0])
    assert ceilings[("gallium_low_purity", "ga_chn")] == pytest.approx(0.75)
    assert ceilings[("gallium_low_purity", "trade_fra")] == np.inf
    loose = event("production_quota", by="CHN", goods=["gallium"], amount="1 kt/year")
    assert acted(world, loose).output_ceiling.min() > 1
    assert not restricted(world, loose).any()


@pytest.mark.parametrize(
    ("kind", "fields", "touches"),
    [
        ("export_ban", BAN, True),
        ("export_ban", BAN | {"to": "NOR"}, False),
        ("export_ban", BAN | {"by": "FRA", "to": "DEU"}, True),
        ("export_ban", BAN | {"by": "EU27", "to": "DEU"}, False),
        ("export_quota", {"by": "CHN", "to": "USA", "goods": ["gallium"], "amount": "1 t/year"}, False),
        ("export_licence", LICENCE, True),
        ("import_tariff", {"by": "DEU", "on": "FRA", "goods": ["gallium"], "rate": "5 %"}, True),
        ("import_tariff", {"by": "FRA", "on": "DEU", "goods": ["gallium"], "rate": "5 %"}, False),
        ("merger", {"firms": ["BHP", "Dowa"]}, True),
        ("merger", {"firms": ["BHP", "ev CHN"]}, False),
        ("demand_shock", {"sectors": ["ev"], "goods": ["dysprosium"], "level": "5 %"}, True),
        ("demand_shock", {"sectors": ["ev"], "goods": ["gallium"], "level": "5 %"}, False),
        ("production_quota", {"by": "JPN", "goods": ["gallium"], "cut": "5 %"}, True),
        ("production_quota", {"by": "FRA", "goods": ["gallium"], "cut": "5 %"}, False),
    ],
)
def test_touches_agrees_with_the_ledger(
    world: World, labels: Labels, kind: str, fields: dict[str, Any], touches: bool
) -> None:
    from sim.engine.ledger import touched

    one = event(kind, labels, **fields)
    assert one.touches(labels) is touches
    tonnes, _ = touched(world, acted(world, one), {"e": 1.0}, 1 / 12)["e"]
    if kind != "merger":
        assert (tonnes > 0) is touches


@pytest.mark.parametrize(
    ("kind", "fields", "sentence"),
    [
        ("export_ban", BAN | {"until": "2025-03-10", "announced": "2024-12-01"},
         "From 2025-01-01 to 2025-03-10 China bans exports of gallium to Japan; announced on 2024-12-01."),
        ("export_licence", LICENCE,
         "From 2025-01-01 China licenses exports of dysprosium to every country: each shipment waits "
         "45 business days, 40 % are approved."),
        ("export_licence", LICENCE | {"approval_share": {"JPN": "90 %", "world": "10 %"}, "stages": ["oxide"]},
         "From 2025-01-01 China licenses exports of dysprosium (oxide) to every country: each shipment waits "
         "45 business days, 90 % to Japan and 10 % to every country are approved."),
        ("export_quota", {"by": "CHN", "goods": ["dysprosium", "gallium"], "amount": "50 t/year"},
         "From 2025-01-01 China caps exports of dysprosium and gallium to every country at 50 t/year in all."),
        ("import_tariff", {"by": "EU27", "on": "world", "goods": ["copper"], "rate": "-3 %"},
         "From 2025-01-01 the EU takes 3 % off the tariff on imports of copper from every country."),
        ("merger", {"firms": ["BHP", "Anglo American"], "from": None},
         "Throughout the run BHP and Anglo American set their prices as one firm."),
        ("demand_shock", {"sectors": ["ev"], "goods": ["all"], "level": "20 %", "growth": "5 %/year"},
         "From 2025-01-01 the need of ev in every country for all goods changes by 20 % and grows by 5 %/year."),
        ("production_quota", {"by": "CHN", "goods": ["gallium"], "cut": "20 %", "in_base_year": True},
         "In force since 2025-01-01, so already in base-year trade: China cuts output of gallium by 20 %."),
    ],
)  # fmt: skip
def test_sentence(labels: Labels, kind: str, fields: dict[str, Any], sentence: str) -> None:
    assert event(kind, labels, **fields).sentence() == sentence


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_events_on_one_link_commute(world: World, order: tuple[int, ...]) -> None:
    events = [
        event("export_ban", **BAN | {"id": "a"}),
        event("import_tariff", id="b", by="JPN", on="CHN", goods=["gallium"], rate="25 %"),
        event("production_quota", id="c", by="CHN", goods=["gallium"], cut="20 %"),
    ]
    reference = acted(world, *events, share=0.5)
    shuffled = acted(world, *(events[i] for i in order), share=0.5)
    for name in ("open_share", "tariff_rate"):
        np.testing.assert_array_equal(getattr(shuffled, name).shared, getattr(reference, name).shared)
    for name in ("production_factor", "demand_factor"):
        np.testing.assert_array_equal(getattr(shuffled, name), getattr(reference, name))
