"""A small stored campaign with two events of its own, which all tests of this room read."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.commands.run import Settings, run_scenarios
from sim.results import Run, find_runs

OVERRIDES = ("minerals=[tantalum]", "time.end=2027-06")


@pytest.fixture(scope="session")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a stockpile and a stoppage of tantalum beside their baseline."""
    out = tmp_path_factory.mktemp("explain")
    settings = Settings(members=3, seed=5, out=out, campaign="tantalum")
    return run_scenarios(["baseline-2024", "stockpile-usa-tantalum"], OVERRIDES, settings)


@pytest.fixture(scope="session")
def runs(campaign: Path) -> tuple[Run, Run]:
    """The shocked run and its baseline."""
    by_name = {run.scenario: run for run in find_runs(campaign)}
    return by_name["stockpile-usa-tantalum"], by_name["baseline-2024"]
