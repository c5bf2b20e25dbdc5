from __future__ import annotations

from pathlib import Path

import pytest

from sim.sweep.execute import execute
from sim.sweep.plan import Plan
from tests.sweep.stores import quick_plan, snapshot


@pytest.fixture(scope="session")
def plan() -> Plan:
    return quick_plan()


@pytest.fixture(scope="session")
def finished_store(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the plan, made in this process without any trouble. Copy it, never change it."""
    report = execute(plan, tmp_path_factory.mktemp("undisturbed"), executor="local")
    assert report.complete
    assert report.failed == ()
    return report.directory


@pytest.fixture(scope="session")
def undisturbed(finished_store: Path) -> dict[str, bytes]:
    """Its files as bytes."""
    return snapshot(finished_store)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "outputs"
