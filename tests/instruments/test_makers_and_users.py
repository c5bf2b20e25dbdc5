"""Events at mines, plants and end users: whom they hit, when, and what members draw."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from sim.engine.policy import active_controls, policy_key
from sim.world.labels import Labels
from sim.world.world import World
from tests.instruments.acting import START, acted, at, drawn, event, needs, offers, restricted

DAY = dt.date


def changed(factors: dict[tuple[str, str], float]) -> dict[str, float]:
    """Facility -> factor, where it is not one."""
    return {facility: factor for (_, facility), factor in factors.items() if factor != 1}


@pytest.mark.parametrize(
    ("where", "hit"),
    [
        ({"countries": ["NOR", "USA"]}, {"cu_nor", "cu_usa"}),
        ({"firms": ["Northern"]}, {"sep_chn", "ga_chn"}),
        ({"firms": ["Northern"], "goods": ["gallium"]}, {"ga_chn"}),
        ({"facilities": ["cu_row"], "firms": ["BHP"]}, {"cu_row", "cu_usa"}),
        ({"facilities": ["cu_row", "cu_usa"], "countries": ["USA"]}, {"cu_usa"}),
        ({"countries": ["FRA"]}, set()),
        ({"countries": ["CHN"], "stages": ["refined"]}, {"ga_chn"}),
    ],
)
@pytest.mark.parametrize(
    ("kind", "fields", "where_it_acts"),
    [
        ("outage", {"loss": "50 %", "length": "1 years"}, "production_factor"),
        ("strike", {"loss": "50 %", "length": "1 years"}, "production_factor"),
        ("capacity_change", {"change": "-50 %"}, "capacity_factor"),
        ("price_flooding", {"discount": "50 %"}, "ask_factor"),
        ("energy_cost", {"change": "-100 %", "energy_share": "50 %"}, "own_cost_factor"),
    ],
)
def test_makers_by_country_firm_facility_good_and_stage(
    world: World, labels: Labels, kind: str, fields: dict[str, Any], where_it_acts: str,
    where: dict[str, Any], hit: set[str],
) -> None:  # fmt: skip
    one = event(kind, labels, **fields, **where)
    controls = acted(world, one)
    assert changed(offers(world, getattr(controls, where_it_acts)[0])) == dict.fromkeys(hit, 0.5)
    half = acted(world, one, share=0.5)
    assert set(changed(offers(world, getattr(half, where_it_acts)[0])).values()) <= {0.75}
    assert one.touches(labels) is bool(hit)
    assert {world.facilities[f] for f in world.offer_facility[controls.touched_offers["e"]]} == hit


def test_an_outage_lasts_as_long_as_it_says() -> None:
    outage = event("outage", countries=["NOR"], loss="100 %", length="31 days", starts_after="10 days")
    january, february, march = ((DAY(2025, m, 1), DAY(2025, m + 1, 1)) for m in (1, 2, 3))
    assert outage.activity(*january) == pytest.approx(21 / 31)
    assert outage.activity(*february) == pytest.approx(10 / 28)
    assert outage.activity(*march) == 0
    cut = event("outage", countries=["NOR"], loss="100 %", length="31 days", until="2025-01-20")
    assert cut.activity(*january) == pytest.approx(20 / 31)
    assert cut.activity(*february) == 0
    before = event("outage", countries=["NOR"], loss="100 %", length="31 days", in_base_year=True)
    assert before.activity(*january) == 0


def test_each_member_has_a_strike_of_its_own(world: World) -> None:
    strike = event("strike", countries=["NOR"], loss="80 %", length={"uniform": ["0 days", "60 days"]},
                   starts_after={"uniform": ["0 days", "90 days"]})  # fmt: skip
    day = 1 / 365.25
    own = drawn(strike, length=[31 * day, 62 * day, 0.0], starts_after=[0.0, 31 * day, 0.0])
    january, february = (DAY(2025, 1, 1), DAY(2025, 2, 1)), (DAY(2025, 2, 1), DAY(2025, 3, 1))
    assert own.activity(*january) == pytest.approx([1, 0, 0])
    assert own.activity(*february) == pytest.approx([0, 1, 0])
    assert policy_key([own], *january) != policy_key([own], *february)
    happens = {"e": np.array([True, True, True])}
    controls, shares = active_controls(world, [own], january, happens)
    norway = world.offer_facility == world.facilities.index("cu_nor")
    assert controls.production_factor[:, norway].ravel() == pytest.approx([0.2, 1, 1])
    assert np.asarray(shares["e"]) == pytest.approx([1, 0, 0])


def test_a_strike_that_is_announced_does_nothing_before_it_begins(world: World) -> None:
    strike = event("strike", countries=["NOR"], loss="80 %", length="30 days", announced="2024-12-01",
                   starts_after="90 days")  # fmt: skip
    controls, shares = active_controls(world, [strike], (START, DAY(2025, 2, 1)))
    assert shares["e"] == 0
    assert (controls.production_factor == 1).all()
    assert not controls.touched_offers


def test_a_loss_of_capacity_restricts_all_that_its_country_sells(small_world: World) -> None:
    made = {"facilities": ["separator_china_a"], "goods": ["dysprosium_oxide"]}
    hit = restricted(small_world, event("capacity_change", **made, change="-50 %"))
    seller = at(small_world, "dysprosium_oxide", "CHN", "JPN")[:2]
    assert hit[seller].all()
    assert np.argwhere(hit.any(2)).tolist() == [list(seller)]
    assert not restricted(small_world, event("capacity_change", **made, change="50 %")).any()
    # Who controls a good is who means to: a strike is nobody's measure.
    assert not restricted(small_world, event("outage", **made, loss="50 %", length="1 years")).any()


def test_capacity_climbs_in_a_straight_line(world: World) -> None:
    grow = event("capacity_change", facilities=["cu_nor"], change="40 %", ramp="2 years")
    cu_nor = ("copper_refined", "cu_nor")
    half, full = (acted(world, grow, month=month) for month in (DAY(2025, 12, 17), DAY(2027, 6, 1)))
    assert offers(world, half.capacity_factor[0])[cu_nor] == pytest.approx(1.2, abs=0.01)
    assert offers(world, full.capacity_factor[0])[cu_nor] == pytest.approx(1.4)
    months = [DAY(2025, 1, 1), DAY(2026, 1, 1), DAY(2027, 2, 1), DAY(2027, 3, 1)]
    phases = [grow.phase(month, month + dt.timedelta(days=28)) for month in months]
    assert phases[0] != phases[1] != phases[2] == phases[3]
    early = [grow.phase(DAY(2024, m, 1), DAY(2024, m + 1, 1)) for m in (3, 4)]
    assert early[0] == early[1]


def test_flooding_lowers_asks_and_adds_output(world: World) -> None:
    flood = event(
        "price_flooding", countries=["CHN"], goods=["gallium"], discount="30 %", extra_output="10 %"
    )
    controls = acted(world, flood, share=0.5)
    assert changed(offers(world, controls.ask_factor[0])) == {"ga_chn": 0.85}
    assert changed(offers(world, controls.production_factor[0])) == {"ga_chn": pytest.approx(1.05)}


def test_a_currency_moves_costs_and_budgets_of_its_country_alike(world: World, labels: Labels) -> None:
    fall = event("exchange_rate", labels, countries=["JPN", "FRA"], change="-20 %", pass_through="50 %")
    controls = acted(world, fall)
    assert changed(offers(world, controls.own_cost_factor[0])) == {"ga_jpn": 0.9}
    assert changed(needs(world, controls.budget_factor[0])) == {"chips_jpn": 0.9}
    assert fall.touches(labels)
    assert not event("exchange_rate", labels, countries=["FRA"], change="-20 %").touches(labels)
    two = acted(world, drawn(fall, change=[-0.2, 0.5]))
    japan = world.offer_facility == world.facilities.index("ga_jpn")
    assert two.own_cost_factor[:, japan].ravel() == pytest.approx([0.9, 1.25])


def test_needs_fall_over_years(world: World, labels: Labels) -> None:
    kind = "substitution_push"
    fields = {"countries": ["USA"], "goods": ["copper"], "share": "30 %", "ramp": "2 years"}
    push = event(kind, labels, sectors=["ev"], **fields)
    middle = acted(world, push, month=DAY(2025, 12, 17))
    assert changed(needs(world, middle.intensity_factor[0])) == {"ev_usa": pytest.approx(0.85, abs=0.005)}
    late = acted(world, push, month=DAY(2028, 1, 1), share=0.5)
    assert changed(needs(world, late.intensity_factor[0])) == {"ev_usa": pytest.approx(0.85)}
    assert push.touches(labels)
    assert not event(kind, labels, sectors=["chips"], **fields).touches(labels)


def test_redesign_reaches_plants_with_several_inputs_only(small_world: World) -> None:
    push = event("substitution_push", goods=["all"], share="30 %", ramp="1 days")
    controls = acted(small_world, push)
    hit = set(changed(needs(small_world, controls.intensity_factor[0])))
    assert {"magnet_china", "magnet_japan", "ev_usa", "wind_row"} <= hit
    assert not {name for name in hit if name.startswith(("separator", "trader"))}
    users = event("substitution_push", goods=["all"], sectors=["ev"], share="30 %", ramp="1 days")
    assert set(changed(needs(small_world, acted(small_world, users).intensity_factor[0]))) == {
        "ev_china", "ev_japan", "ev_usa"
    }  # fmt: skip


def test_demand_climbs_to_its_level(world: World) -> None:
    boom = event("demand_shock", sectors=["ev"], goods=["copper"], level="40 %", ramp="2 years")
    factors = needs(world, acted(world, boom, month=DAY(2025, 12, 17)).demand_factor[0])
    assert factors["copper_refined", "ev_usa"] == pytest.approx(1.2, abs=0.01)
    assert needs(world, acted(world, boom, month=DAY(2028, 1, 1)).demand_factor[0])[
        "copper_refined", "ev_usa"
    ] == pytest.approx(1.4)


def test_production_quota_by_year(world: World) -> None:
    amount = {"2025": "45 t/year", "2026": "30 t/year"}
    quota = event("production_quota", by="CHN", goods=["gallium"], amount=amount)
    for year, factor in ((2025, 0.75), (2026, 0.5), (2030, 0.5)):
        controls = acted(world, quota, month=DAY(year, 3, 1))
        ceilings = offers(world, controls.output_ceiling[0])
        assert {f: c for (_, f), c in ceilings.items() if c < np.inf} == {"ga_chn": pytest.approx(factor)}
