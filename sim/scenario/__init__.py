"""Scenarios: read, checked, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.scenario.observed import Figure, Observation
    from sim.scenario.resolve import check_scenario, load_scenario
    from sim.scenario.scenario import Scenario

__all__ = ["Figure", "Observation", "Scenario", "check_scenario", "load_scenario"]

HOMES = {
    "Figure": "sim.scenario.observed",
    "Observation": "sim.scenario.observed",
    "Scenario": "sim.scenario.scenario",
    "check_scenario": "sim.scenario.resolve",
    "load_scenario": "sim.scenario.resolve",
}


def __getattr__(name: str) -> Any:
    # Listing scenarios needs the reader alone, not the models that take a quarter of a second.
    if name not in HOMES:
        raise AttributeError(f"module 'sim.scenario' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(HOMES[name]), name)
