"""A small world that the tests of agents share."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.world.load import load_world
from sim.world.world import World
from tests.small_world import write_small_world


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return load_world(2024, write_small_world(Path(tmp_path_factory.mktemp("world"))))
