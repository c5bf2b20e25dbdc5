"""Runs of shipped scenarios in the middle, and the ways in which they are taken up again."""

from __future__ import annotations

import copy
import functools
import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path

from sim.engine import Checkpoint, Simulation
from sim.scenario import Scenario, load_scenario
from sim.world.load import load_world
from sim.world.world import World
from tests.sanity.continued import continued

__all__ = [
    "COPIES", "MOST_STEPS", "NAMES", "STEPS", "THOROUGH", "assert_all_go_on", "made_otherwise",
    "month_of_parting", "parted", "world_of",
]  # fmt: skip

FILES = sorted((Path(__file__).parents[2] / "scenarios").rglob("*.yaml"), key=lambda path: path.stem)
NAMES = [path.stem for path in FILES]
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
MOST_STEPS, STEPS = (60, 6) if THOROUGH else (17, 2)
"""Before a run is parted, where it is run for that alone, and after."""
Way = Callable[[Simulation], Simulation]


def world_of(scenario: Scenario) -> World:
    return _world(scenario.base_year, scenario.tables)


@functools.cache
def _world(base_year: int, tables: Path) -> World:
    return load_world(base_year, tables)


def month_of_parting(scenario: Scenario, chance: random.Random) -> int:
    """Steps before a run is parted: soon after its first event began, or anywhere."""
    begun = [event.from_ for event in scenario.events if event.from_ and event.from_ > scenario.start]
    months = chance.randint(1, MOST_STEPS)
    if begun and not THOROUGH:
        first = min(begun)
        months = (first.year - scenario.start.year) * 12 + first.month - scenario.start.month + 1
        months += chance.randint(0, 6)
    return min(months, len(scenario.steps()) - STEPS)


def parted(name: str, *overrides: str) -> Simulation:
    """A scenario's run after some months, as many as its name says: members with seeds of their own."""
    scenario = load_scenario(name, overrides=overrides)
    chance = random.Random(name)
    months = min(month_of_parting(scenario, chance), MOST_STEPS)
    members = [0, chance.randint(1, 99)] + [chance.randint(1, 99)] * THOROUGH
    seeds = [chance.randint(0, 9) for _ in members]
    simulation = Simulation(world_of(scenario), scenario, members=members, seed=seeds)
    for _ in range(months):
        simulation.step()
    return simulation


def through_a_file(simulation: Simulation, folder: Path) -> Simulation:
    path = folder / "run.checkpoint"
    simulation.checkpoint().write(path)
    scenario = simulation.case.scenario
    return Simulation.resume(Checkpoint.read(path), scenario, world_of(scenario))


COPIES: list[Way] = [
    copy.deepcopy, lambda simulation: pickle.loads(pickle.dumps(simulation)),
    lambda simulation: Simulation.resume(simulation.checkpoint()),
]  # fmt: skip


def _ways(folder: Path) -> list[Way]:
    return [*COPIES, lambda simulation: through_a_file(simulation, folder)]


def made_otherwise(simulation: Simulation, folder: Path, which: int) -> Simulation:
    """The same run in the middle, made in one of four ways."""
    ways = _ways(folder)
    return ways[which % len(ways)](simulation)


def assert_all_go_on(simulation: Simulation, folder: Path) -> None:
    """In all four ways."""
    others = [made(simulation) for made in _ways(folder)]
    expected = continued(simulation, STEPS)
    for other in others:
        assert continued(other, STEPS) == expected
