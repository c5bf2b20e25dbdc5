"""``governments: reactive``: who may do what, from base-year trade and the scenario's events."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sim.errors import InputProblems
from sim.results.resolved import resolved_yaml
from sim.scenario import Scenario, check_scenario, load_scenario
from sim.scenario.governments import PREFIX

TARIFF = (
    "tariff: {type: import_tariff, by: USA, on: CHN, goods: [dysprosium], from: 2025-01-01, rate: 25 %, "
    "assumption: x}"
)
HEAD = "format: 2\nname: case\ntitle: A case\nbase_year: 2024\ntime: {start: 2024-01, end: 2026-12}\n"


def read(tmp_path: Path, text: str, *overrides: str) -> Scenario:
    path = tmp_path / "case.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return load_scenario(path, overrides=overrides)


def acts(scenario: Scenario) -> set[str]:
    return {event.id for event in scenario.events if event.id.startswith(PREFIX)}


def test_without_the_word_governments_do_what_the_file_says(tmp_path: Path) -> None:
    plain = read(tmp_path, f"events:\n  {TARIFF}\n")
    assert [event.id for event in plain.events] == ["tariff"]
    assert read(tmp_path, f"governments: scripted\nevents:\n  {TARIFF}\n").events == plain.events


def test_who_sells_much_may_restrict_and_who_depends_on_one_may_stock(tmp_path: Path) -> None:
    found = read(tmp_path, "governments: reactive\n")
    assert acts(found) == {
        "gov-licence-CHN-dysprosium", "gov-restricts-CHN-dysprosium",
        "gov-licence-CHN-gallium", "gov-restricts-CHN-gallium",
        "gov-licence-JPN-gallium", "gov-restricts-JPN-gallium",
        "gov-licence-NOR-copper", "gov-restricts-NOR-copper",
        "gov-stock-JPN-dysprosium", "gov-stocks-JPN-dysprosium",
        "gov-stock-JPN-gallium", "gov-stocks-JPN-gallium",
        "gov-stock-USA-dysprosium", "gov-stocks-USA-dysprosium",
    }  # fmt: skip
    assert all(event.dormant for event in found.events if event.type in ("export_licence", "stockpile"))


def test_minerals_that_are_not_run_are_left_alone(tmp_path: Path) -> None:
    found = read(tmp_path, "governments: reactive\nminerals: [Cu]\n")
    assert acts(found) == {"gov-licence-NOR-copper", "gov-restricts-NOR-copper"}


def test_who_is_hit_answers_and_both_may_talk(tmp_path: Path) -> None:
    found = read(tmp_path, f"governments: reactive\nevents:\n  {TARIFF}\n")
    answer = found.event("gov-answer-CHN-USA")
    assert (answer.type, answer.by, answer.to, answer.goods) == (
        "export_licence", ("CHN",), ("USA",), ("dysprosium_oxide",),
    )  # fmt: skip
    rule = found.event("gov-answers-CHN-USA-tariff")
    assert (rule.trigger.event, rule.events) == ("tariff", ("gov-answer-CHN-USA",))
    assert rule.probability is not None
    assert rule.probability.value == 0.6
    talks = found.event("gov-talks-CHN-USA")
    assert talks.events == ("tariff", "gov-answer-CHN-USA")
    assert talks.trigger is not None
    assert talks.trigger.in_ == ("USA",)


@pytest.mark.parametrize("event", [
    TARIFF.replace("on: CHN", "on: world"),  # against everybody is against nobody
    TARIFF.replace("on: CHN", "on: NOR").replace("dysprosium", "copper"),  # Norway sells it nothing
    TARIFF.replace("2025-01-01", "2018-01-01").replace("}", ", in_base_year: true}"),
])  # fmt: skip
def test_nobody_answers_what_does_not_hit_them(tmp_path: Path, event: str) -> None:
    found = read(tmp_path, f"governments: reactive\nevents:\n  {event}\n")
    assert not any("answer" in name for name in acts(found))


def test_the_file_has_the_last_word(tmp_path: Path) -> None:
    own = "  gov-licence-CHN-gallium: {approval_share: 10 %}\n"
    own += "  gov-stocks-JPN-gallium: null\n  gov-stock-JPN-gallium: null\n"
    found = read(tmp_path, f"governments: reactive\nevents:\n{own}")
    licence = found.event("gov-licence-CHN-gallium")
    assert next(iter(licence.approval_share["world"].values())).value == 0.1
    assert next(iter(licence.delay["world"].values())).value > 0
    assert not {"gov-stock-JPN-gallium", "gov-stocks-JPN-gallium"} & acts(found)


def test_so_has_the_command_line(tmp_path: Path) -> None:
    words = ["governments=reactive", "events.gov-licence-CHN-gallium.delay='20 days'"]
    licence = read(tmp_path, "", *words).event("gov-licence-CHN-gallium")
    assert next(iter(licence.delay["world"].values())).text == "20 days"
    with pytest.raises(InputProblems, match="there is no event 'gov-licence-CHN-tin'"):
        read(tmp_path, "", "governments=reactive", "events.gov-licence-CHN-tin.delay='20 days'")


def test_what_it_came_to_reads_back_as_the_same(tmp_path: Path) -> None:
    found = read(tmp_path, f"governments: reactive\nevents:\n  {TARIFF}\n")
    again = tmp_path / "scenario.resolved.yaml"
    again.write_text(resolved_yaml(found), encoding="utf-8")
    assert load_scenario(again).events == found.events


def test_other_words_are_refused_with_the_two(tmp_path: Path) -> None:
    with pytest.raises(InputProblems, match="'revolting' is not allowed; allowed: scripted, reactive"):
        read(tmp_path, "governments: revolting\n")


def test_a_world_without_the_rules_says_so(
    tmp_path: Path, tiny_world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = tmp_path / "world"
    shutil.copytree(tiny_world, world)
    (world / "governments.csv").unlink()
    monkeypatch.setenv("MONAZITE_WORLD", str(world))
    path = tmp_path / "case.yaml"
    path.write_text(f"{HEAD}governments: reactive\n", encoding="utf-8")
    scenario, problems = check_scenario(path)
    assert scenario is None
    assert [(problem.line, "governments.csv" in problem.message) for problem in problems] == [(6, True)]
