from pathlib import Path

import pytest

from tests.scenario.tiny_world import write_world


@pytest.fixture(scope="session")
def tiny_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("tiny") / "world")


@pytest.fixture(autouse=True)
def in_tiny_world(tiny_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test of this room reads the small world, from a folder of its own."""
    monkeypatch.setenv("MONAZITE_WORLD", str(tiny_world))
    monkeypatch.chdir(tmp_path)
