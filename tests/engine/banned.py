"""Runs of a small world with a ban around which goods find their way."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from sim.engine import Simulation
from sim.instruments import Instrument, instrument_class
from sim.market.clearing import Clearing
from sim.world.world import World
from tests.engine_events import PlainScenario

__all__ = ["START", "advanced", "export_ban", "passing", "simulation"]

START = dt.date(2024, 4, 1)


def export_ban(good: str, **fields: Any) -> Instrument:
    """A ban by China on one good, from START on; fields name whom it bars."""
    given = {"id": "ban", "type": "export_ban", "from": START, "assumption": True, "by": "CHN",
             "goods": [good]}  # fmt: skip
    return instrument_class("export_ban").model_validate(given | fields)


def simulation(
    world: World, *events: Any, members: Any = 1, step: str = "month", **assumptions: float
) -> Simulation:
    """A run that has not begun."""
    scenario: Any = PlainScenario(events=events, step=step, assumptions=assumptions)
    return Simulation(world, scenario, members=members, seed=7)


def advanced(run: Simulation, steps: int) -> Simulation:
    """The run, some steps later."""
    for _ in range(steps):
        run.step()
    return run


def passing(run: Simulation) -> np.ndarray:
    """(M,) tonnes that passed the only ban in the last step."""
    clearing: Clearing = run.last.clearing
    (gate,) = run.last.market.gates
    return clearing.cap_flow[:, gate.cap]
