"""The page on what each scenario does: one row each, made by the script, with verdicts by its rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sim
from scripts import row_sentences
from scripts.row_sentences import (
    GIVEN,
    Row,
    dearest_buyer,
    library,
    page,
    row,
    small_because,
    touched,
    verdict,
)  # fmt: skip
from sim.instruments import instrument_types
from sim.scenario.find import names

WORDS = ("mechanism", "proxy", "weak")


def _rows() -> list[tuple[str, str, str]]:
    """Scenario, verdict and sentence of each row of the page."""
    text = row_sentences.PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^\| `([\w-]+)` \| `[\w-]+` \| (\w+): [^|]+ \| ([^|]+) \|$", text, re.MULTILINE)
    return [(name, word, said) for name, word, said in found]


def test_the_page_has_a_row_for_each_scenario_of_the_library() -> None:
    rows = _rows()
    names = [name for name, _, _ in rows]
    assert names == library(), "run: python -m scripts.row_sentences"
    assert {word for _, word, _ in rows} <= set(WORDS)
    for name, _, said in rows:
        assert re.search(r"\d", said), name


def test_the_line_above_counts_the_verdicts() -> None:
    rows, text = _rows(), row_sentences.PAGE.read_text(encoding="utf-8")
    counts = ", ".join(f"{sum(word == w for _, w, _ in rows)} {word}" for word in WORDS)
    assert re.search(rf"^{len(rows)} scenarios, [\d to]+ members each: {counts}\.$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("types", "idle", "effects", "word", "reason"),
    [
        (["export_ban"], [], ["price"], "mechanism", "export_ban"),
        (["export_ban", "demand_shock", "export_ban"], ["late"], ["price"], "mechanism",
         "export_ban, demand_shock; never acts: late"),
        (["demand_shock", "capacity_change"], [], ["money"], "proxy",
         "its path is given, by demand_shock, capacity_change"),
        (["bloc"], [], [], "weak",
         "no price moves by more than 5 %, at a border neither, no project, no public money"),
    ],
)  # fmt: skip
def test_verdicts_follow_from_types_and_effects(
    types: list[str], idle: list[str], effects: list[str], word: str, reason: str
) -> None:
    assert verdict(types, idle, effects) == (word, reason)


def test_what_is_given_are_types_of_events() -> None:
    assert set(GIVEN) <= set(instrument_types())


def test_a_row_is_what_a_comparison_says() -> None:
    short = "minerals=[gallium]", "time.end=2024-03"
    scenario = sim.load("gallium-germanium-licence-2023", *short)
    runs = [sim.run(one, members=2, seed=1) for one in (scenario, sim.load("baseline-2022", *short))]
    goods = touched(*runs)
    assert set(goods) <= {"gallium_low_purity", "gallium_high_purity"}
    found = row(scenario.name, runs[0].compare(runs[1], good=goods))
    assert (found.baseline, found.members, found.verdict) == ("baseline-2022", 2, "mechanism")
    assert found.reason == "export_licence"
    assert "outside China costs up to" in found.said
    assert found.said.startswith("Gallium")


def test_what_buyers_pay_at_a_border_is_an_effect() -> None:
    """A duty of a half lifts what America pays for gallium, and the world's price hardly."""
    short = "minerals=[gallium]", "time.end=2024-06"
    fields = "type: import_tariff, by: USA, on: world, goods: [gallium], from: 2024-02-01, rate: 50 %"
    duty = f"+events.duty={{{fields}, assumption: x}}"
    dutied, usual = (
        sim.run(sim.load("baseline-2024", *short, *more), members=2, seed=1) for more in ((duty,), ())
    )
    found = dearest_buyer(dutied, usual, ["gallium_high_purity", "gallium_low_purity"])
    assert found is not None
    assert found[0] == "USA"
    assert 1.2 < found[2] < 1.7


def test_a_weak_row_says_why_as_the_head_of_its_file_does(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    head = "# For teachers: a case.\n# Small because: ice\n# melts.\n"
    path.write_text(f"{head}format: 2\n# Small because: no\n")
    assert small_because(path) == "ice melts."
    path.write_text("format: 2\n")
    assert small_because(path) == ""
    weak = [name for name, word, _ in _rows() if word == "weak"]
    assert all(small_because(names()[name]) for name in weak)


def test_a_page_is_made_of_rows() -> None:
    rows = [Row("a", "b", 8, "weak", "nothing moves", "No 5."), Row("c", "b", 8, "proxy", "given", "Two 2.")]
    text = page(rows)
    assert "2 scenarios, 8 members each: 0 mechanism, 1 proxy, 1 weak." in text
    assert "| `c` | `b` | proxy: given | Two 2. |" in text
