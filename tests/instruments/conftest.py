from pathlib import Path

import pytest

from sim.world.labels import Labels, load_labels
from sim.world.load import load_world
from sim.world.world import World
from tests.scenario.tiny_world import write_world


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("tiny") / "world")


@pytest.fixture(scope="session")
def world(folder: Path) -> World:
    return load_world(2024, folder)


@pytest.fixture(scope="session")
def labels(folder: Path) -> Labels:
    return load_labels(2024, folder)
