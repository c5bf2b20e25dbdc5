"""A small stored campaign with two events of its own, which all tests of this room read."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.results import Run
from tests.tantalum import tantalum_campaign, tantalum_runs


@pytest.fixture(scope="session")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The campaign's folder."""
    return tantalum_campaign(tmp_path_factory)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """The shocked run and its baseline."""
    return tantalum_runs(tmp_path_factory)
