"""A small stored campaign of real scenarios: a stockpile and a stoppage of tantalum beside their baseline."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.commands.run import Settings, run_scenarios
from sim.results import Run, find_runs

__all__ = ["tantalum_campaign", "tantalum_runs"]

OVERRIDES = ("minerals=[tantalum]", "time.end=2027-06")
_MADE: dict[str, Path] = {}


def tantalum_campaign(factory: pytest.TempPathFactory) -> Path:
    """The campaign's folder, made once in a process. Tests must not write into it."""
    if "campaign" not in _MADE:
        settings = Settings(members=3, seed=5, out=factory.mktemp("campaigns"), campaign="tantalum")
        _MADE["campaign"] = run_scenarios(["baseline-2024", "stockpile-usa-tantalum"], OVERRIDES, settings)
    return _MADE["campaign"]


def tantalum_runs(factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """The shocked run and its baseline."""
    by_name = {run.scenario: run for run in find_runs(tantalum_campaign(factory))}
    return by_name["stockpile-usa-tantalum"], by_name["baseline-2024"]
