"""Every file in tests/scenarios/valid loads, describes itself, and reads back the same."""

from pathlib import Path

import pytest

from sim.results.resolved import resolved_yaml
from sim.scenario import load_scenario

FOLDER = Path(__file__).parents[1] / "scenarios" / "valid"
FILES = sorted(path.name for path in FOLDER.glob("*.yaml"))
WARNED = {"ban-by-hs-code.yaml": "so the event acts on all"}
"""Valid, but something has to be said."""


def test_there_are_cases() -> None:
    assert len(FILES) >= 40


@pytest.mark.parametrize("file", FILES)
def test_valid(file: str, tmp_path: Path) -> None:
    scenario = load_scenario(FOLDER / file)
    said = [problem.text() for problem in scenario.warnings]
    assert len(said) == (file in WARNED)
    assert all(WARNED[file] in text for text in said)
    assert scenario.name == file.removesuffix(".yaml")
    for event in scenario.events:
        assert event.sentence().endswith(".")
    copy = tmp_path / "scenario.resolved.yaml"
    copy.write_text(resolved_yaml(scenario), encoding="utf-8")
    again = load_scenario(copy)
    assert again.model_dump() == scenario.model_dump()
    assert [event.sentence() for event in again.events] == [event.sentence() for event in scenario.events]


@pytest.mark.parametrize("world", ["{}", "{projects: []}", "{facilities: {}, from: null}"])
def test_a_world_of_which_nothing_is_said_is_the_usual_one(world: str, tmp_path: Path) -> None:
    text = (FOLDER / "quota-by-half-year.yaml").read_text(encoding="utf-8")
    usual, said = tmp_path / "usual.yaml", tmp_path / "quota-by-half-year.yaml"
    usual.write_text(text, encoding="utf-8")
    said.write_text(f"{text}\nworld: {world}\n", encoding="utf-8")
    assert load_scenario(said).model_dump() == load_scenario(usual).model_dump()
