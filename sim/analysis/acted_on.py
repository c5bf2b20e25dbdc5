"""What each event of a run acted on, in one line; and the events that acted on nothing."""

from __future__ import annotations

import numpy as np

from sim.analysis.text import number
from sim.instruments.base import RULES
from sim.results import Run
from sim.results.grouping import over_run

__all__ = ["event_lines", "idle_events", "idle_warning"]


def _total(run: Run, name: str, event: str) -> float:
    """Median over members of a total over the run."""
    values = run.dataset[name].sel(event=event)
    return float(np.median(over_run(values.values, name) if "time" in values.dims else values))


def event_lines(run: Run) -> list[str]:
    """For each event of the run tonnes, dollars, agents, and what it changed: medians over members."""
    lines = []
    for event in run.events:
        name = str(event["id"])
        if event.get("in_base_year"):
            continue
        tonnes, change = _total(run, "event_flow", name), _total(run, "event_change", name)
        usd, agents = _total(run, "event_flow_usd", name), _total(run, "event_agents", name)
        lines.append(f"{name}: {_said(tonnes, change, usd, agents)}")
    return lines


def _said(tonnes: float, change: float, usd: float, agents: float) -> str:
    """What an event acted on, in words; trade that it stopped altogether has no tonnes left to count."""
    who = f"{number(agents)} agent{'' if agents == 1 else 's'}"
    if tonnes == 0 and change < 0:
        return f"stopped all of the {number(-change)} t that the base year had there; {who}"
    if tonnes == 0:
        return f"acted on {who}, on no trade"
    moved = "as in the base year"
    if change:
        moved = f"{number(abs(change))} t {'more' if change > 0 else 'less'} than in the base year"
    return f"acted on {number(tonnes)} t worth {number(usd)} USD, {who}; {moved}"


def idle_events(run: Run) -> list[str]:
    """Ids of events that acted on nothing in any member, those of the base year left out."""
    idle = []
    for event in run.events:
        name = str(event["id"])
        touched = run.dataset["event_tonnes"].sel(event=name).values
        if not event.get("in_base_year") and not (touched > 0).any():
            idle.append(name)
    return idle


def idle_warning(run: Run, name: str) -> str:
    """What to say of an event that acted on nothing."""
    kind = next(str(event["type"]) for event in run.events if event["id"] == name)
    if kind in RULES:
        return f"{run.scenario}: '{name}' never acted: its trigger was not met in any member"
    return f"{run.scenario}: '{name}' touched nothing in the whole run; check dates, countries and goods"
