"""Runs of one scenario with some of its events off: one stacked simulation that branches as events begin.

Every run of a set of events has the seeds, and so the noise and the behaviour, of the run that is explained.
Up to the month in which an event first acts, runs with and without it are the same run; it is made once. An
event that is off is one that does not happen, as the model knows it from events with a probability.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sim.arrays import BoolArray, FloatArray, IntArray
from sim.engine.checkpoint import Checkpoint
from sim.engine.checkpoint_file import KINDS
from sim.engine.run import step_dates
from sim.engine.simulation import Simulation
from sim.explain.measure import Measure, Watcher
from sim.instruments import Instrument
from sim.instruments.negotiation import Negotiation
from sim.scenario import Scenario
from sim.units import Quantity
from sim.world.world import World

__all__ = ["LARGEST_STACK", "Cases", "cut", "first_step", "run_subsets", "spread"]

LARGEST_STACK = 640
"""Members simulated together: more of them are no faster each, and take memory."""


@dataclass(frozen=True)
class Cases:
    """The members that are run.

    Attributes:
        number: (M,) numbers of the members; 0 is the central run.
        seed: (M,) seed of each.
        values: path -> (M,) values that a design has set.
    """

    number: IntArray
    seed: IntArray
    values: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.number)

    def rows(self, chosen: IntArray) -> Cases:
        """Some of them, each as often as it is named."""
        values = {path: given[chosen] for path, given in self.values.items()}
        return Cases(self.number[chosen], self.seed[chosen], values)


def first_step(event: Instrument, scenario: Scenario) -> int:
    """The step in which an event may first change anything: announced, in force, or watching."""
    if event.from_ is None:
        return 0
    days = [day for day in (event.announced, event.from_) if day is not None]
    begins = step_dates(scenario.start, scenario.end, scenario.step)
    return max(bisect_right(begins, min(days)) - 1, 0)


def run_subsets(
    world: World,
    scenario: Scenario,
    cases: Cases,
    acts: Mapping[str, BoolArray],
    measure: Measure,
) -> FloatArray:
    """One measure of the runs in which some of the events act.

    Args:
        world: the base year.
        scenario: with the events in question; it may keep fewer minerals than the run did.
        cases: M members.
        acts: event id -> (K,) in which of the runs it acts; other events of the scenario always do.
        measure: what is recorded.

    Returns:
        (K, M) values.
    """
    sets = np.stack(list(acts.values()), axis=1)
    # Talks part a licence's queue by destination from its first day, whether they succeed or not. So runs
    # without them are runs of a scenario that does not have them.
    apart = np.array([_parts_queues(scenario.event(name)) for name in acts])
    found = np.zeros((len(sets), len(cases)))
    for pattern in np.unique(sets[:, apart], axis=0):
        rows = np.flatnonzero((sets[:, apart] == pattern).all(axis=1))
        names = [name for name, parted in zip(acts, apart, strict=True) if not parted]
        gone = {name for name, on in zip([n for n in acts if n not in names], pattern, strict=True) if not on}
        kept = replace(scenario, events=tuple(e for e in scenario.events if e.id not in gone))
        found[rows] = _in_portions(world, kept, cases, {n: acts[n][rows] for n in names}, len(rows), measure)
    return found


def _parts_queues(event: Instrument) -> bool:
    return isinstance(event, Negotiation) and event.approval_share is not None


def _in_portions(
    world: World,
    scenario: Scenario,
    cases: Cases,
    acts: Mapping[str, BoolArray],
    count: int,
    measure: Measure,
) -> FloatArray:
    """The runs of some members at a time: (K, M)."""
    width = max(1, LARGEST_STACK // count)
    parts = []
    for start in range(0, len(cases), width):
        chosen = np.arange(start, min(start + width, len(cases)))
        # An array with one row may be of one member or shared by all; with two members it is plain which.
        stack = chosen if len(chosen) > 1 else np.repeat(chosen, 2)
        parts.append(_branched(world, scenario, cases.rows(stack), acts, measure)[:, : len(chosen)])
    return np.concatenate(parts, axis=1)


def _branched(
    world: World, scenario: Scenario, cases: Cases, acts: Mapping[str, BoolArray], measure: Measure
) -> FloatArray:
    begins = {name: first_step(scenario.event(name), scenario) for name in acts}
    steps = len(step_dates(scenario.start, scenario.end, scenario.step)) - 1
    sets, members = np.stack([*acts.values()], axis=1) if acts else np.ones((1, 0), bool), len(cases)
    bounds = [*sorted({0, *begins.values()}), steps]
    values = np.zeros((steps, len(sets), members))
    simulation: Simulation | None = None
    before = np.zeros(len(sets), dtype=np.int64)
    for start, end in pairwise(bounds):
        begun = np.array([begins[name] <= start for name in acts])
        # Runs that differ only in what has not begun yet are one run.
        alike, first, number = np.unique(sets & begun, axis=0, return_index=True, return_inverse=True)
        number = number.reshape(-1)
        rows = (before[first][:, None] * members + np.arange(members)).ravel()
        masks = {name: np.repeat(alike[:, k], members) for k, name in enumerate(acts)}
        stacked = cases.rows(np.tile(np.arange(members), len(alike)))
        simulation = _stage(world, _masked(scenario, masks, stacked), stacked, measure, simulation, rows)
        while simulation.time < end:
            simulation.step()
        watcher = simulation.recorder
        assert isinstance(watcher, Watcher)
        found = np.stack(watcher.rows).reshape(end - start, len(alike), members)
        values[start:end] = found[:, number]
        before = number
    return measure.of_run(values)


def _stage(
    world: World,
    scenario: Scenario,
    cases: Cases,
    measure: Measure,
    simulation: Simulation | None,
    rows: IntArray,
) -> Simulation:
    """The simulation of the next months: a new one, or one that goes on from rows of another."""
    recorder = partial(Watcher, measure)
    if simulation is None:
        return Simulation(
            world, scenario, cases.number.tolist(), cases.seed.tolist(), dict(cases.values), recorder
        )
    at = spread(simulation.checkpoint(), rows)
    return Simulation.resume(at, scenario, world, recorder)


def spread(checkpoint: Checkpoint, rows: IntArray) -> Checkpoint:
    """The checkpoint of a simulation whose members are some of this one's, each as often as it is named."""
    members = len(checkpoint.members)

    def chosen(name: str, array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        # What is under way has an axis of lags before that of the members.
        axis = 1 if name.rpartition("/")[2] == "transit" else 0
        return np.take(array, rows, axis=axis) if array.shape[axis] == members else array

    arrays = {name: chosen(name, array) for name, array in checkpoint.arrays.items()}
    numbers, seed = checkpoint.members, checkpoint.seed
    header = {
        **checkpoint.header,
        "members": [numbers[row] for row in rows],
        "seed": seed if isinstance(seed, int) else [seed[row] for row in rows],
        "arrays": {name: [KINDS[a.dtype.kind], list(a.shape)] for name, a in arrays.items()},
    }
    return Checkpoint(header, arrays, checkpoint.scenario, checkpoint.world)


def _masked(scenario: Scenario, acts: Mapping[str, BoolArray], cases: Cases) -> Scenario:
    """The scenario with events that happen in some members only: where they act, as likely as before."""

    def likely(event: Instrument) -> Instrument:
        if event.id not in acts:
            return event
        chance = cases.values.get(f"events.{event.id}.probability", event.chance)
        drawn = np.asarray(chance, dtype=np.float64) * acts[event.id]
        return event.model_copy(update={"probability": Quantity(1.0, "share", "100 %", drawn=drawn)})

    return replace(scenario, events=tuple(likely(event) for event in scenario.events))


def cut(scenario: Scenario, steps: int) -> Scenario:
    """The scenario up to the end of a step."""
    begins = step_dates(scenario.start, scenario.end, scenario.step)
    return replace(scenario, end=min(scenario.end, begins[steps] - dt.timedelta(days=1)))
