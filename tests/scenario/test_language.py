# ruff: noqa: E501 (messages and overrides are quoted whole)
"""What a scenario file can say: extending, removing, overriding, dates, origins, warnings."""

import datetime as dt
from pathlib import Path

import pytest

from sim.errors import InputProblems
from sim.instruments.dated import as_written
from sim.scenario import Scenario, check_scenario, load_scenario

BASE = """\
format: 2
name: base
title: Base
question: None
base_year: 2024
tags: [first]
time: {start: 2024-01, end: 2026-12}
sources:
  press: {title: A paper}
events:
  licence:
    type: export_licence
    by: CHN
    to: world
    goods: [dysprosium]
    from: 2024-06-01
    approval_share: 40 %
    delay: 45 business days
    source: press
  ban:
    type: export_ban
    by: CHN
    to: JPN
    goods: [gallium]
    from: 2025-01
    until: 2025-02
    assumption: It is a test.
"""
CHILD = """\
format: 2
name: child
title: Child
extends: [base]
events:
  licence: {approval_share: "20 %"}
  ban: null
  tariff: {type: import_tariff, by: USA, on: CHN, goods: [dysprosium], from: 2025-05-01, rate: 25 %, assumption: true}
assumptions: {thrift_speed: 0.4, supply_elasticity: {gallium: 0.2}}
seed: 3
"""


@pytest.fixture(autouse=True)
def files() -> None:
    Path("base.yaml").write_text(BASE)
    Path("child.yaml").write_text(CHILD)


def ids(scenario: Scenario) -> list[str]:
    return [event.id for event in scenario.events]


def test_base() -> None:
    scenario = load_scenario("base.yaml")
    assert (scenario.name, scenario.base_year, scenario.step) == ("base", 2024, "month")
    assert (scenario.start, scenario.end) == (dt.date(2024, 1, 1), dt.date(2026, 12, 31))
    assert len(scenario.steps()) == 36
    assert scenario.steps()[1] == (dt.date(2024, 2, 1), dt.date(2024, 3, 1))
    assert scenario.warnings == ()


def test_child_changes_removes_and_adds() -> None:
    scenario = load_scenario("child.yaml")
    assert ids(scenario) == ["licence", "tariff"]
    assert as_written(scenario.event("licence").approval_share) == "20 %"  # type: ignore[attr-defined]
    assert as_written(scenario.event("licence").delay) == "45 business days"  # type: ignore[attr-defined]
    assert scenario.assumptions == {"thrift_speed": 0.4, "supply_elasticity.gallium": 0.2}
    assert scenario.seed == 3
    assert scenario.tags == ()
    assert scenario.sources["press"].title == "A paper"


def test_every_value_knows_its_file_line_and_column() -> None:
    origin = load_scenario("child.yaml", ["events.licence.delay=30 days"]).origin
    assert origin["events.licence.approval_share"] == ("child.yaml", 6, 29)
    assert origin["events.licence.by"] == ("base.yaml", 13, 9)
    assert origin["events.licence.delay"] == ("command line", 1, 22)
    assert "events.ban" not in origin


def test_later_file_wins() -> None:
    Path("other.yaml").write_text("events: {licence: {approval_share: 70 %}}\n")
    text = "format: 1\nname: both\ntitle: Both\nextends: [child, other]\n"
    Path("both.yaml").write_text(text)
    assert as_written(load_scenario("both.yaml").event("licence").approval_share) == "70 %"  # type: ignore[attr-defined]
    Path("both.yaml").write_text(text.replace("child, other", "other, child"))
    assert as_written(load_scenario("both.yaml").event("licence").approval_share) == "20 %"  # type: ignore[attr-defined]


def test_event_of_another_type_replaces_the_first() -> None:
    text = "format: 1\nname: swap\ntitle: Swap\nextends: [base]\nevents:\n"
    Path("swap.yaml").write_text(
        text
        + "  licence: {type: export_ban, by: CHN, to: USA, goods: [gallium], from: 2025-01, assumption: true}\n"
    )
    assert load_scenario("swap.yaml").event("licence").type == "export_ban"


@pytest.mark.parametrize(
    ("override", "check"),
    [
        ("events.licence.approval_share=20%", lambda s: as_written(s.event("licence").approval_share) == "20%"),
        ("events.licence.approval_share='5 %'", lambda s: as_written(s.event("licence").approval_share) == "5 %"),
        ("events.licence.approval_share={JPN: 50 %, world: 10 %}",
         lambda s: as_written(s.event("licence").approval_share)["JPN"] == "50 %"),
        ("events.ban.to=[USA,DEU]", lambda s: s.event("ban").to == ("USA", "DEU")),
        ("events.ban.from=2025-02-10", lambda s: s.event("ban").from_ == dt.date(2025, 2, 10)),
        ("~events.ban", lambda s: ids(s) == ["licence"]),
        ("events.ban=null", lambda s: ids(s) == ["licence"]),
        ("time.end=2025-06", lambda s: s.end == dt.date(2025, 6, 30)),
        ("time.step=week", lambda s: len(s.steps()) == 157),
        ("assumptions.thrift_speed=0.25", lambda s: s.assumptions == {"thrift_speed": 0.25}),
        ("seed=7", lambda s: s.seed == 7),
        ("+events.cut={type: production_quota, by: CHN, goods: gallium, cut: 20 %, from: 2025-01, assumption: true}",
         lambda s: ids(s) == ["licence", "ban", "cut"]),
    ],
)  # fmt: skip
def test_override(override: str, check: object) -> None:
    scenario = load_scenario("base.yaml", [override])
    assert check(scenario)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("events.licnce.delay=3 days", "command line:1:1: events.licnce.delay: there is no event 'licnce'; "
         "did you mean 'licence'? To add an event, start with '+'"),
        ("~events.bann", "command line:1:1: events.bann: there is no event 'bann'; did you mean 'ban'?"),
        ("tme.end=2025", "command line:1:1: tme.end: unknown field; did you mean 'time'?"),
        ("seed=1,2", "command line:1:6: a sweep stands where one value is needed; put text with a comma in quotes"),
        ("title=${oc.env:HOME}", "command line:1:7: interpolations are refused; write the value"),
        ("events.licence.delay=40", "command line:1:22: events.licence.delay: '40' has no unit; "
         "write for example '40 business days'"),
        ("events.licence.dely='4 days'", "command line:1:21: events.licence.dely: unknown field; did you mean "
         "'delay'? Allowed: type, announced, from, until, end_announced, expected_to_last, source, assumption, probability, note, in_base_year, dormant, "
         "by, to, goods, stages, approval_share, delay, longest_delay, validity, validated_countries, "
         "validated_firms, validated_facilities, validated_sectors, validated_share"),
    ],
)  # fmt: skip
def test_bad_override(override: str, message: str) -> None:
    with pytest.raises(InputProblems) as caught:
        load_scenario("base.yaml", [override])
    assert [problem.text() for problem in caught.value.problems] == [message]


def test_unreadable_override_is_one_problem() -> None:
    with pytest.raises(InputProblems) as caught:
        load_scenario("base.yaml", ["seed=7", "events.[="])
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.excerpt) == ("command line", 2, "events.[=")
    assert problem.remedy == "write for example 'time.end=2027-12'"


def test_run_shortened_on_the_command_line_warns_about_what_is_cut_off() -> None:
    scenario = load_scenario("base.yaml", ["time.end=2024-12"])
    assert [p.text() for p in scenario.warnings] == [
        "base.yaml:25:11: warning: events.ban.from: starts on 2025-01-01, after the run ends on 2024-12-31; "
        "start it earlier, or move time.end"
    ]


def test_event_that_touches_nothing_warns_with_id_and_place() -> None:
    Path("case.yaml").write_text(BASE.replace("name: base", "name: case").replace("to: JPN", "to: NOR"))
    scenario, problems = check_scenario("case.yaml")
    assert scenario is not None
    assert [p.text() for p in problems] == [
        "case.yaml:20:3: warning: events.ban: 'ban' touches nothing in base year 2024; "
        "check countries, goods and stages"
    ]


def test_event_on_projects_in_a_world_without_any_says_what_to_write() -> None:
    event = "type: permitting\n    countries: [USA]\n    change: -50 %\n    from: 2025-01-01\n    assumption: true\n"
    head = BASE.replace("name: base", "name: case").rpartition("    type:")[0]
    Path("case.yaml").write_text(f"{head}    {event}")
    scenario, problems = check_scenario("case.yaml")
    assert scenario is not None
    assert [p.text() for p in problems] == [
        "case.yaml:20:3: warning: events.ban: 'ban' touches nothing in base year 2024; "
        "write 'world: {projects: all}'"
    ]


def test_name_that_differs_from_the_file_warns() -> None:
    Path("other.yaml").write_text(BASE)
    (problem,) = check_scenario("other.yaml")[1]
    assert problem.text() == (
        "other.yaml:2:7: warning: name: the file is called 'other', so others find it by that name; "
        "write 'name: other' or rename the file"
    )


def test_alias_with_limits_is_allowed() -> None:
    text = BASE.replace("goods: [dysprosium]", "goods: &goods [dysprosium]").replace("[gallium]", "*goods")
    Path("base.yaml").write_text(text)
    assert load_scenario("base.yaml").event("ban").goods == ("dysprosium",)  # type: ignore[attr-defined]


def test_hs_code_with_leading_zero_and_country_words_stay_text() -> None:
    text = BASE.replace("[gallium]", "[8112, 740311]").replace("to: JPN", "to: [EU27, JPN]")
    Path("base.yaml").write_text(text)
    ban = load_scenario("base.yaml").event("ban")
    assert ban.goods == ("8112", "740311")  # type: ignore[attr-defined]


def test_resolved_scenario_reads_back_as_the_same() -> None:
    from sim.results.resolved import resolved_yaml

    scenario = load_scenario("child.yaml", ["events.licence.delay=30 days"])
    Path("scenario.resolved.yaml").write_text(resolved_yaml(scenario))
    again = load_scenario("scenario.resolved.yaml")
    assert again.model_dump() == scenario.model_dump()
    assert again.warnings == ()
