"""Rules of governments: triggers, lags, caps on repetition, relief, and independence of the batch."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from sim.engine import Simulation
from sim.instruments import Instrument, instrument_class
from sim.world.world import World
from tests.engine_events import PlainScenario

briefly = pytest.mark.usefixtures("few_rounds")
START = dt.date(2024, 1, 1)
QUOTA = {"by": "CHN", "goods": ["dysprosium_oxide"], "amount": "20 t/year"}
LICENCE = {"by": "CHN", "goods": ["dysprosium_oxide"], "approval_share": "30 %", "delay": "1 month"}


def event(name: str, kind: str, **fields: Any) -> Instrument:
    given = {"id": name, "type": kind, "from": START, "assumption": True} | fields
    return instrument_class(kind).model_validate(given)


def rule(trigger: dict[str, Any], action: str, events: Any, **fields: Any) -> Instrument:
    return event("rule", "reaction_rule", by="CHN", trigger=trigger, action=action, events=events, **fields)


def simulation(
    world: World, *events: Instrument, members: Any = 1, years: int = 2, **assumptions: float
) -> Simulation:
    scenario = PlainScenario(events=events, end=dt.date(2023 + years, 12, 31), assumptions=assumptions)
    return Simulation(world, scenario, members=members, seed=7)


def strengths(world: World, *events: Instrument, name: str, steps: int = 12, members: Any = 1) -> np.ndarray:
    """(steps, M) strength of one event, step by step."""
    made = simulation(world, *events, members=members)
    rows = []
    for _ in range(steps):
        made.step()
        rows.append(np.broadcast_to(made.rules.strengths[name], (len(made.case.members),)))
    return np.array(rows)


@briefly
def test_an_event_in_force_triggers_after_the_lag(small_world: World) -> None:
    quota = event("quota", "export_quota", **QUOTA, **{"from": dt.date(2024, 4, 1)})
    answer = event("answer", "import_tariff", by="USA", on="CHN", goods=["magnet"], rate="20 %", dormant=True)
    reacts = rule({"event": "quota"}, "activate", "answer", lag="2 months")
    found = strengths(small_world, quota, answer, reacts, name="answer")[:, 0]
    # In force in month 3, seen in month 4, acted on in month 6.
    assert found.tolist() == [0.0] * 6 + [1.0] * 6


@briefly
def test_a_trigger_must_hold_for_its_time_and_a_step_counts_up_to_the_cap(small_world: World) -> None:
    quota = event("quota", "export_quota", **QUOTA)
    tariff = event("tariff", "import_tariff", by="USA", on="CHN", goods=["magnet"], rate="20 %", dormant=True)
    reacts = rule(
        {"event": "quota", "for": "2 months"}, "scale", ["tariff"], step="60 %", times=3
    )
    found = strengths(small_world, quota, tariff, reacts, name="tariff")[:, 0]
    expected = [0.0] * 2 + [0.6] * 2 + [1.2] * 2 + [1.8] * 6
    assert found == pytest.approx(expected)


@briefly
def test_only_a_tariff_goes_beyond_what_its_file_says(small_world: World) -> None:
    quota = event("quota", "export_quota", **QUOTA)
    other = event("other", "export_quota", **QUOTA | {"goods": ["magnet"]}, dormant=True)
    reacts = rule({"event": "quota"}, "scale", ["other"], step="60 %", times=3)
    assert strengths(small_world, quota, other, reacts, name="other")[-1, 0] == 1.0


@briefly
def test_a_reaction_that_reverses_ends_with_its_trigger(small_world: World) -> None:
    quota = event("quota", "export_quota", **QUOTA, until="2024-03")
    answer = event("answer", "export_quota", **QUOTA | {"goods": ["magnet"]}, dormant=True)
    for reverses, expected in ((True, [0, 1, 1, 1, 0, 0]), (False, [0, 1, 1, 1, 1, 1])):
        reacts = rule({"event": "quota"}, "activate", "answer", reverses=reverses)
        found = strengths(small_world, quota, answer, reacts, name="answer", steps=6)
        assert found[:, 0].tolist() == expected


@briefly
def test_suspension_and_relief_multiply(small_world: World) -> None:
    quota = event("quota", "export_quota", **QUOTA)
    talks = event("talks", "negotiation", between=["USA", "CHN"], events="quota", relief="40 %",
                  delay="3 months", until="2024-08")
    found = strengths(small_world, quota, talks, name="quota")[:, 0]
    assert found == pytest.approx([1.0] * 3 + [0.6] * 5 + [1.0] * 4)
    stops = rule({"event": "quota", "for": "5 months"}, "suspend", "quota")
    found = strengths(small_world, quota, talks, stops, name="quota")[:, 0]
    assert found == pytest.approx([1.0] * 3 + [0.6] * 2 + [0.0] * 7)


@briefly
@pytest.mark.parametrize(
    ("trigger", "acts"),
    [
        ({"price": ["dysprosium_oxide"], "above": "105 %"}, True),
        ({"price": ["dysprosium_oxide"], "below": "50 %"}, False),
        ({"price": ["clay", "dysprosium_oxide"], "above": "105 %"}, True),
        ({"shortfall": ["dysprosium_oxide"], "in": "JPN", "above": "2 %"}, True),
        ({"shortfall": ["dysprosium_oxide"], "in": "USA", "above": "0 %"}, False),
        ({"exports": ["dysprosium_oxide"], "in": "CHN", "below": "50 %"}, True),
        ({"exports": ["dysprosium_oxide"], "in": "CHN", "above": "150 %"}, False),
    ],
)
def test_what_governments_see(small_world: World, trigger: dict[str, Any], acts: bool) -> None:
    """A quota of a tenth: the price outside rises, Japan runs short, exports fall; nothing before."""
    quota = event("quota", "export_quota", **QUOTA | {"amount": "10 t/year"}, **{"from": dt.date(2024, 6, 1)})
    answer = event("answer", "export_quota", **QUOTA | {"goods": ["magnet"]}, dormant=True)
    reacts = rule(trigger, "activate", "answer")
    found = strengths(small_world, quota, answer, reacts, name="answer", steps=24)
    assert not found[:6].any()
    assert bool(found[-1, 0]) is acts


@briefly
def test_a_dormant_event_that_nothing_wakes_changes_no_bit_of_a_tariff_free_run(small_world: World) -> None:
    asleep = event("asleep", "import_tariff", by="USA", on="CHN", goods=["magnet"], rate="20 %", dormant=True)
    with_it, without = simulation(small_world, asleep).run(), simulation(small_world).run()
    for name in ("price_outside", "production", "shortfall", "purchases"):
        np.testing.assert_array_equal(with_it[name].values, without[name].values)


def test_talks_raise_the_approval_share_for_those_named_where_they_succeed(small_world: World) -> None:
    licence = event("licence", "export_licence", **LICENCE)
    fields = {"between": ["JPN", "CHN"], "events": "licence", "approval_share": "90 %", "to": "JPN"}
    talks = event("talks", "negotiation", **fields, delay="6 months", probability="50 %")
    failed = event("talks", "negotiation", **fields, probability="0 %")
    made = simulation(small_world, licence, talks, members=range(1, 9), years=3)
    data = made.run()
    agreed = made.case.happens["talks"]
    assert 0 < agreed.sum() < len(agreed)
    japan = (data.need_good == "dysprosium_oxide") & (data.need_country == "JPN")
    bought = data.purchases.sel(need=japan).isel(time=slice(12, None)).sum(["need", "time"]).values
    alone = simulation(small_world, licence, failed, members=range(1, 9), years=3).run()
    before = alone.purchases.sel(need=japan).isel(time=slice(12, None)).sum(["need", "time"]).values
    ratio = bought / before
    assert (ratio[agreed] > 1.3).all()
    # Up to the rounding of what is recorded: a licence that some members see twice has a market of its own.
    assert ratio[~agreed] == pytest.approx(1.0, abs=1e-6)


@briefly
@pytest.mark.parametrize(
    "answer",
    [
        event("answer", "import_tariff", by="JPN", on="CHN", goods=["magnet"], rate="40 %", dormant=True),
        event("answer", "export_ban", by="CHN", to="JPN", goods=["magnet"], dormant=True),
        event("answer", "demand_shock", sectors="ev", goods=["magnet"], level="-20 %", dormant=True),
    ],
    ids=lambda one: one.type,
)
def test_members_with_and_without_a_reaction_do_not_touch_each_other(
    small_world: World, answer: Instrument
) -> None:
    quota = event("quota", "export_quota", **QUOTA | {"amount": {"uniform": ["10 t/year", "60 t/year"]}})
    trigger = {"price": ["dysprosium_oxide"], "above": "170 %"}
    reacts = rule(trigger, "scale", "answer", step="30 %", times=3)
    numbers = [1, 2, 3, 4, 5, 6, 7]
    together = simulation(small_world, quota, answer, reacts, members=numbers)
    data = together.run()
    fired = np.asarray(together.rules.fired("rule")) > 0
    assert 0 < fired.sum() < len(numbers)
    for position in (int(np.flatnonzero(fired)[0]), int(np.flatnonzero(~fired)[0])):
        alone = simulation(small_world, quota, answer, reacts, members=[numbers[position]]).run()
        for name in ("price_outside", "purchases", "price_delivered", "event_flow", "ledger_tonnes"):
            np.testing.assert_array_equal(alone[name].values[0], data[name].values[position], name)


@briefly
def test_a_member_is_the_same_alone_and_among_others(small_world: World) -> None:
    """Reactions differ from member to member: some prices cross the bound, some do not, some talks fail."""
    events = (
        event("quota", "export_quota", **QUOTA | {"amount": {"uniform": ["10 t/year", "60 t/year"]}}),
        event("licence", "export_licence", **LICENCE, dormant=True),
        event("rule", "reaction_rule", by="CHN", trigger={"price": ["dysprosium_oxide"], "above": "170 %"},
              action="activate", events="licence", lag="1 month", reverses=True, times=4),
        event("talks", "negotiation", between=["JPN", "CHN"], events="quota", relief="80 %",
              delay={"uniform": ["6 months", "15 months"]}, probability="50 %",
              trigger={"event": "licence"}),
    )
    numbers = [1, 2, 3, 4, 5, 6, 7]
    together = simulation(small_world, *events, members=numbers, years=3)
    all_members = together.run()
    assert 0 < (np.asarray(together.rules.fired("rule")) > 0).sum() < len(numbers)
    for position in (0, 2, 6):
        alone = simulation(small_world, *events, members=[numbers[position]], years=3).run()
        for name in (
            "price_outside", "purchases", "seller_stock", "event_tonnes", "event_flow", "event_agents",
        ):
            np.testing.assert_array_equal(alone[name].values[0], all_members[name].values[position], name)
