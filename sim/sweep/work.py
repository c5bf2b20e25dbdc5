"""The work of one block: simulate its members, encode what is kept.

What a job returns depends on the job alone, so any process of any machine may do it.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.errors import MonaziteError
from sim.sweep.encode import encode_block, unknown
from sim.sweep.machine import peak_bytes

if TYPE_CHECKING:
    from sim.engine.simulation import Simulation
    from sim.scenario import Scenario
    from sim.sweep.plan import Plan
    from sim.world.world import World

__all__ = ["Job", "Result", "compute", "job_of", "portable", "simulate", "work"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Job:
    """One block to compute."""

    block: str
    key: str
    scenario: Scenario
    digest: str
    """Of scenario, world and program, as the one who asks has them."""
    number: Array
    seed: Array
    values: Mapping[str, Array]
    size: int
    """Members to a block."""
    batch: int
    """Members that are simulated together."""
    full: bool = False
    every_flow: bool = False


@dataclass(frozen=True)
class Result:
    """What a job made."""

    block: str
    key: str
    files: Mapping[str, bytes]
    """Variable -> its chunk."""
    failures: Mapping[int, str] = field(default_factory=dict)
    """Row in the block -> traceback."""
    cleared: int = 0
    certified: int = 0
    seconds: float = 0.0
    peak_bytes: int = 0
    """Largest memory of the process so far, see :func:`sim.sweep.machine.peak_bytes`."""


def portable(scenario: Scenario) -> Scenario:
    """The scenario without what only messages need: a thousandth of its size."""
    events = []
    for event in scenario.events:
        bare = event.model_copy()
        bare._labels = None
        events.append(bare)
    return replace(scenario, events=tuple(events), origin={}, warnings=(), sources={}, observed={})


def job_of(plan: Plan, variant: str, index: int, key: str, batch: int) -> Job:
    """The job of one block."""
    chosen = plan.variant(variant)
    rows = chosen.rows(index, plan.block)
    return Job(
        block=f"{variant}/{index}",
        key=key,
        scenario=portable(chosen.scenario),
        digest=chosen.digest,
        number=chosen.number[rows],
        seed=chosen.seed[rows],
        values={path: values[rows] for path, values in chosen.values.items()},
        size=plan.block,
        batch=batch,
        full=plan.full,
        every_flow=plan.every_flow,
    )


@lru_cache(maxsize=2)
def _world(base_year: int, top: Path) -> World:
    from sim.world.load import load_world

    return load_world(base_year, top)


def simulate(
    scenario: Scenario,
    number: Sequence[int] | Array,
    seed: Sequence[int] | Array,
    values: Mapping[str, Array],
    every_flow: bool = False,
    world: World | None = None,
) -> Simulation:
    """A simulation of some members that keeps what a sweep keeps; not yet run.

    Raises:
        MonaziteError: a value is refused.
    """
    from sim.engine.simulation import Simulation
    from sim.sweep.kept import EveryFlowRecorder, SweepRecorder

    return Simulation(
        world if world is not None else _world(scenario.base_year, scenario.tables),
        scenario,
        members=[int(n) for n in number],
        seed=[int(s) for s in seed],
        values=dict(values),
        recorder=EveryFlowRecorder if every_flow else SweepRecorder,
    )


def compute(job: Job) -> tuple[dict[str, Array], dict[int, str]]:
    """Arrays of a block's members, and the tracebacks of those that failed, whose rows are NaN.

    Members that are equal in number, seed and values are simulated once.
    """
    columns = [job.number, job.seed, *(job.values[path] for path in sorted(job.values))]
    table = np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)
    _, first, inverse = np.unique(table, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    parts: list[tuple[Array, dict[str, Array]]] = []
    failed: dict[int, str] = {}

    def attempt(rows: Array) -> None:
        try:
            parts.append((rows, _run(job, rows)))
            return
        except (MemoryError, OSError):
            # No fault of a member: the block has to be done again elsewhere, or later.
            raise
        except Exception as error:  # noqa: BLE001 (whatever a member does wrong must not stop the others)
            below = error.__traceback__.tb_next if error.__traceback__ else None
            said = "".join(traceback.format_exception(type(error), error, below))
        if len(rows) == 1:
            failed[int(rows[0])] = said
            return
        half = len(rows) // 2
        attempt(rows[:half])
        attempt(rows[half:])

    order = np.sort(first)
    for start in range(0, len(order), job.batch):
        attempt(order[start : start + job.batch])
    row_of = first[inverse]
    arrays: dict[str, Array] = {}
    for name in list(parts[0][1]) if parts else ():
        blank = unknown(parts[0][1][name].dtype)
        # One variable after the other, each let go of once it is in place: half the memory.
        found = [(rows, values.pop(name)) for rows, values in parts]
        if len(found) == 1 and np.array_equal(found[0][0], row_of):
            arrays[name] = found[0][1]
            continue
        whole = np.full((len(job.number), *found[0][1].shape[1:]), blank, dtype=found[0][1].dtype)
        for rows, one in found:
            whole[rows] = one
        arrays[name] = whole if np.array_equal(row_of, np.arange(len(row_of))) else whole[row_of]
    failures = {row: failed[int(row_of[row])] for row in range(len(row_of)) if int(row_of[row]) in failed}
    return arrays, failures


def _run(job: Job, rows: Array) -> dict[str, Array]:
    from sim.sweep.kept import SweepRecorder

    values = {path: values[rows] for path, values in job.values.items()}
    simulation = simulate(job.scenario, job.number[rows], job.seed[rows], values, job.every_flow)
    while simulation.time < simulation.steps:
        simulation.step()
    recorder = simulation.recorder
    assert isinstance(recorder, SweepRecorder)
    kept = recorder.finish()
    # A simulation and its recorder know each other, and would lie about until the collector comes by.
    vars(simulation).clear()
    vars(recorder).clear()
    return kept


def _check(job: Job) -> None:
    """Refuse work for another program or other data: a worker elsewhere may have an older one."""
    from sim.sweep.plan import scenario_digest

    own = scenario_digest(job.scenario)
    if own != job.digest:
        raise MonaziteError(
            "a worker has another Monazite or other world data than the program that sends it work; "
            "install the same version there, and restart the workers"
        )


def work(job: Job) -> Result:
    """Compute and encode a block.

    Raises:
        MonaziteError: this process has another program or other data than the one that asks.
    """
    began = time.perf_counter()
    _check(job)
    arrays, failures = compute(job)
    certified = arrays.get("certified")
    files = encode_block(arrays, job.size, job.full)
    good = [row for row in range(len(job.number)) if row not in failures]
    return Result(
        block=job.block,
        key=job.key,
        files=files,
        failures=failures,
        cleared=0 if certified is None else int(certified[good].size),
        certified=0 if certified is None else int(certified[good].sum()),
        seconds=time.perf_counter() - began,
        peak_bytes=peak_bytes(),
    )
