"""Settings shared by all tests: one thread per process, no display, reproducible random inputs."""

from __future__ import annotations

import os
import signal
import tempfile
from typing import TYPE_CHECKING

# Before numpy is imported: several workers with several threads each would only get in each other's way.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["MPLBACKEND"] = "Agg"
# Worlds that tests build are kept apart from the user's own; workers of one run share them.
_kept = f"monazite-tests-{getattr(os, 'getuid', int)()}"
os.environ.setdefault("MONAZITE_CACHE", os.path.join(tempfile.gettempdir(), _kept))

# A job in the background of a shell, or under nohup, is born deaf to these; tests of signals need them heard.
for _number, _handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    if hasattr(signal, _number) and signal.getsignal(getattr(signal, _number)) == signal.SIG_IGN:
        signal.signal(getattr(signal, _number), _handler)

import pytest  # noqa: E402 (after the environment is set)
from hypothesis import HealthCheck, settings  # noqa: E402

if TYPE_CHECKING:
    from sim.world.world import World

# Time limits per example would make tests depend on the machine's load.
settings.register_profile(
    "default", deadline=None, derandomize=True, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """For runs that are compared to the bit, or whose tonnes are added up: they take a third of the time."""
    from tests.checks_of_runs import price_briefly

    price_briefly(monkeypatch)


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A small balanced world that the tests of agents and engine share."""
    from sim.world.load import load_world
    from tests.small_world import write_small_world

    return load_world(2024, write_small_world(tmp_path_factory.mktemp("world")))


@pytest.fixture(scope="session")
def entering_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The small world and three facilities that made nothing in the base year but could."""
    from tests.prepared_world import world_with_entrants

    return world_with_entrants(tmp_path_factory.mktemp("entrants"))
