"""Monazite: an agent-based simulator of supply shocks in critical minerals.

>>> import sim
>>> data = sim.run("baseline-2024", "time.end=2024-03")
>>> float(data.price_gate.sel(good="dysprosium_oxide").isel(member=0, time=-1))
257000.0
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from sim.scenario import Scenario
    from sim.world.world import World

__all__ = ["load", "load_world", "run", "run_parameters"]

# Imports stand inside the functions: `import sim` and the command line's help must stay quick.


def load(name: str | Path, *overrides: str) -> Scenario:
    """Read one scenario by name or path, with overrides in Hydra's grammar.

    Raises:
        sim.errors.InputProblems: everything that is wrong with the file, at once.
    """
    from sim.scenario import load_scenario

    return load_scenario(name, overrides=overrides)


def load_world(base_year: int = 2024) -> World:
    """The world of one base year: 2024, 2022 or 2009."""
    from sim.world.load import load_world as read

    return read(base_year)


def run(scenario: str | Path | Scenario, *overrides: str, members: int = 1, seed: int = 1) -> xr.Dataset:
    """Run a scenario and return its labelled results (``docs/results.md``) without saving them.

    Args:
        scenario: a name, a path, or what :func:`load` returned (then without overrides).
        members: ensemble members; member 0 is the central run without noise.
        seed: root of all random streams.
    """
    from sim.engine import Simulation

    loaded = load(scenario, *overrides) if isinstance(scenario, str | Path) else scenario
    return Simulation(load_world(loaded.base_year), loaded, members=members, seed=seed).run()


def run_parameters(scenario: str | Path, *overrides: str, **parameters: Any) -> dict[str, float]:
    """Run one member with some values set and return its outcomes; see :mod:`sim.sweep.interface`.

    For workbenches that bring their own designs: ``events__licence__approval_share=0.2`` sets the value
    at ``events.licence.approval_share``. ``goods``, ``member`` and ``seed`` may be given, too.
    """
    from sim.sweep.interface import run_parameters as call

    return call(scenario, *overrides, **parameters)
