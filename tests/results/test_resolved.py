"""The resolved scenario that is stored with a run is itself a scenario that gives the same run."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.results.resolved import plain, resolved_yaml
from sim.scenario import load_scenario
from sim.scenario.find import names


@pytest.mark.parametrize("name", sorted(names()))
def test_a_resolved_scenario_reads_back_as_the_same_scenario(name: str, tmp_path: Path) -> None:
    scenario = load_scenario(name)
    copy = tmp_path / f"{name}.yaml"
    copy.write_text(resolved_yaml(scenario), encoding="utf-8")
    again = load_scenario(str(copy))
    assert again.events == scenario.events
    assert plain(again) == plain(scenario)


def test_values_from_the_command_line_say_so() -> None:
    text = resolved_yaml(load_scenario("ree-licence-2025", overrides=["events.licence.approval_share=20%"]))
    line = next(row for row in text.splitlines() if '"20%"' in row or '"20 %"' in row)
    assert "# command line:1" in line
    untouched = next(row for row in text.splitlines() if row.startswith("base_year"))
    assert "# scenarios/baseline/baseline-2024.yaml:" in untouched
