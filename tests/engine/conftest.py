"""Fixtures that the tests of the engine share."""

from __future__ import annotations

import pytest

from sim.engine import Simulation
from sim.world.world import World
from tests.checks_of_runs import price_briefly
from tests.engine.busy_run import HALFWAY, advance, busy


@pytest.fixture(scope="session")
def halfway(small_world: World) -> Simulation:
    """The busy run in the middle, for tests that look at its checkpoint; they do not make it go on."""
    with pytest.MonkeyPatch.context() as patch:
        price_briefly(patch)
        return advance(busy(small_world), HALFWAY)
