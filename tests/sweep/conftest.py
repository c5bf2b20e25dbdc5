from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.sweep import execute as execute_module
from sim.sweep.estimate import Estimate, measure
from sim.sweep.execute import execute
from sim.sweep.plan import Plan
from tests.sweep.stores import LOCAL, quick_plan, snapshot


@pytest.fixture(scope="session", autouse=True)
def _measured_once() -> Iterator[None]:
    """The memory of a plan's members is measured once, and not anew by every sweep of the same plan."""
    known: dict[tuple[str, bool], Estimate] = {}

    def recalled(plan: Plan, memory_only: bool = False) -> Estimate:
        key = plan.id, memory_only
        if key not in known:
            known[key] = measure(plan, memory_only)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute_module, "measure", recalled)
        yield


@pytest.fixture(scope="session")
def plan() -> Plan:
    return quick_plan()


@pytest.fixture(scope="session")
def finished_store(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the plan, made in this process without any trouble. Copy it, never change it."""
    report = execute(plan, tmp_path_factory.mktemp("undisturbed"), LOCAL)
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
