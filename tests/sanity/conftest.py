"""The shipped world of 2024 and its run without shock, shared by the sanity tests."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import xarray as xr

from sim.engine import Simulation
from sim.world.load import load_world
from sim.world.world import World
from tests.engine_events import PlainScenario


@pytest.fixture(scope="session")
def world() -> World:
    return load_world(2024)


@pytest.fixture(scope="session")
def ten_years(world: World) -> xr.Dataset:
    scenario: Any = PlainScenario(end=dt.date(2033, 12, 31))
    return Simulation(world, scenario).run()
