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

    _check_overrides(overrides)
    return load_scenario(name, overrides=overrides)


def load_world(base_year: int = 2024, *minerals: str) -> World:
    """The world of one base year.

    Args:
        base_year: such as 2024; ``sim.paths.base_years()`` has those of which all minerals are there.
        minerals: of these alone, where the panel has the year; see :func:`sim.world.source.world_tables`.
    """
    from sim.world.load import load_world as read
    from sim.world.source import world_tables

    return read(base_year, world_tables(base_year, minerals))


def run(scenario: str | Path | Scenario, *overrides: str, members: int = 1, seed: int = 1) -> xr.Dataset:
    """Run a scenario and return its labelled results (``docs/results.md``) without saving them.

    ``run(...).compare(...)`` sets them beside others (:mod:`sim.plots.notebook`).

    Args:
        scenario: a name, a path, or what :func:`load` returned (then without overrides).
        members: ensemble members; member 0 is the central run without noise.
        seed: root of all random streams.

    Raises:
        sim.errors.MonaziteError: bad input, or an argument that would have no effect.
    """
    from sim.engine import Simulation
    from sim.errors import MonaziteError
    from sim.plots import notebook as notebook  # gives datasets their compare
    from sim.results.labels import with_labels
    from sim.world.load import load_world as read

    _check_whole("members", members, 1)
    _check_whole("seed", seed, 0)
    if isinstance(scenario, str | Path):
        loaded = load(scenario, *overrides)
    elif overrides:
        raise MonaziteError("overrides have no effect on a loaded scenario; give them to sim.load")
    else:
        loaded = scenario
    simulation = Simulation(read(loaded.base_year, loaded.tables), loaded, members=members, seed=seed)
    return with_labels(simulation.run())


def run_parameters(scenario: str | Path, *overrides: str, **parameters: Any) -> dict[str, float]:
    """Run one member with some values set and return its outcomes; see :mod:`sim.sweep.interface`.

    For workbenches that bring their own designs: ``events__licence__approval_share=0.2`` sets the value
    at ``events.licence.approval_share``. ``goods``, ``member`` and ``seed`` may be given, too.
    """
    from sim.sweep.interface import run_parameters as call

    _check_overrides(overrides)
    return call(scenario, *overrides, **parameters)


def _check_whole(name: str, value: object, least: int) -> None:
    from sim.errors import MonaziteError

    # numpy's whole numbers have an index, too; truth values are no counts.
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        example = f"{name}={max(least, 3)}"
        raise MonaziteError(f"{name}: {value!r} is not a whole number; write for example {example}")
    if value.__index__() < least:
        raise MonaziteError(f"{name} must be at least {least}, not {value}")


def _check_overrides(overrides: tuple[object, ...]) -> None:
    from sim.errors import MonaziteError

    for override in overrides:
        if not isinstance(override, str):
            say = "write each as text, for example 'events.licence.delay=30 days'"
            raise MonaziteError(f"{str(override)[:60]!r} ({type(override).__name__}) is no override; {say}")
