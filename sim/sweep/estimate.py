"""What a sweep will take, measured on a few of its own members: memory, time, disk."""

from __future__ import annotations

import math
import time
import tracemalloc
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.errors import MonaziteError, plural
from sim.sweep.encode import encode_block
from sim.sweep.kept import SweepRecorder
from sim.sweep.machine import available_bytes
from sim.sweep.plan import Plan, Variant
from sim.sweep.work import portable, simulate
from sim.variables import VARIABLES
from sim.world.restrict import restrict

if TYPE_CHECKING:
    from sim.scenario import Scenario
    from sim.world.world import World

__all__ = ["Estimate", "check_members", "fitting_batch", "measure"]

PROBES = (2, 10)
"""Members of the two small simulations whose memory is compared."""
TIMED_MEMBERS = 16
TIMED_STEPS = 4
SPARE = 0.85
"""Part of the free memory that a sweep may fill."""
PACKING = 2.5
"""Copies of a block's results that stand beside each other while they are packed (measured)."""
PROCESS_BYTES = 190_000_000
"""A worker without any member: interpreter, libraries, the world's tables (measured)."""

COPIES = 3
"""Of a run's numbers: simulated, as a data set, and rounded for the disk.

Measured as growth of the highest memory in use from 50 to 400 members of 30 months of dysprosium: 2.0 while
they are simulated, 2.9 when they have been saved at 14 bits, 2.6 with all bits.
"""


def check_members(world: World, scenario: Scenario, members: int) -> None:
    """Refuse more members of one run than memory holds, before any is taken for them.

    The estimate counts what a run keeps of each step; it costs microseconds.

    Raises:
        MonaziteError: they would not fit; the message says how many would.
    """
    whole = restrict(world, scenario.minerals)
    goods, offers, needs = len(whole.goods), len(whole.offer_good), len(whole.need_good)
    lengths = {
        "good": goods, "offer": offers, "need": needs, "facility": len(whole.facilities),
        "importer": len(whole.countries), "event": len(scenario.events), "outbound": offers, "inbound": needs,
    }  # fmt: skip
    steps = len(scenario.steps())
    each = sum(
        np.dtype(item.dtype).itemsize * steps * math.prod(lengths.get(axis, 1) for axis in item.axes[2:])
        for item in VARIABLES.values()
        if item.axes[:2] == ("member", "time") and item.detail in ("run", "alike", "summed")
    )
    free = available_bytes()
    most = int(SPARE * free / (COPIES * each))
    if members > most:
        needed = members * each * COPIES
        raise MonaziteError(
            f"{scenario.name}: a run of {plural(members, 'member')} needs about {needed / 1e9:,.1f} GB, and "
            f"{free / 1e9:,.1f} GB are free; write --members {max(most // 2, 1)}, or use 'monazite sweep', "
            "which stores members as it goes"
        )


@dataclass(frozen=True)
class Estimate:
    """Measured on the first members of a variant, taken for all."""

    member_bytes: float
    """Memory of one member while it is simulated."""
    block_bytes: float
    """Memory of a block's results while they are packed."""
    seconds: float
    """Time of one member on one processor."""
    disk_bytes: float
    """Size of one member in the store."""
    members: int = 0
    """How many were timed."""

    def memory(self, batch: int, workers: int) -> float:
        """Bytes that all workers together need."""
        return workers * (PROCESS_BYTES + self.block_bytes + batch * self.member_bytes)


def _peak(plan: Plan, variant: Variant, members: int) -> tuple[int, float]:
    """Largest memory of a small simulation, and bytes that each member keeps."""
    rows = slice(0, 1)
    repeated = {path: [float(values[0])] * members for path, values in variant.values.items()}
    tracemalloc.start()
    try:
        simulation = simulate(
            portable(variant.scenario),
            np.arange(members),
            np.repeat(variant.seed[rows], members),
            {path: np.array(values) for path, values in repeated.items()},
            plan.every_flow,
        )
        for _ in range(min(2, simulation.steps)):
            simulation.step()
        recorder = simulation.recorder
        assert isinstance(recorder, SweepRecorder)
        kept = sum(values.nbytes for values in recorder.kept.values())
        return tracemalloc.get_traced_memory()[1], kept / members
    finally:
        tracemalloc.stop()


def measure(plan: Plan, memory_only: bool = False) -> Estimate:
    """Simulate a few members for a few steps.

    Early steps are quiet: a shock may make later ones slower by a third or so.
    """
    variant = max(plan.variants, key=lambda v: len(v.scenario.steps()))
    (small, kept_bytes), (large, _) = (_peak(plan, variant, members) for members in PROBES)
    member_bytes = max((large - small) / (PROBES[1] - PROBES[0]), 1.0)
    block_bytes = PACKING * plan.block * kept_bytes
    if memory_only:
        return Estimate(member_bytes, block_bytes, 0.0, 0.0)
    count = min(TIMED_MEMBERS, plan.block)
    rows = np.arange(count) % len(variant.runs)
    simulation = simulate(
        portable(variant.scenario), np.arange(count), variant.seed[rows],
        {path: values[rows] for path, values in variant.values.items()}, plan.every_flow,
    )  # fmt: skip
    simulation.step()
    began = time.perf_counter()
    timed = max(min(TIMED_STEPS, simulation.steps - 1), 0)
    for _ in range(timed):
        simulation.step()
    seconds = (time.perf_counter() - began) / max(timed, 1) / count
    recorder = simulation.recorder
    assert isinstance(recorder, SweepRecorder)
    done = simulation.time
    kept = recorder.finish()
    stepwise = {k: v[:, :done] for k, v in kept.items() if v.ndim == 3 and v.shape[1] == simulation.steps}
    began = time.perf_counter()
    size = sum(map(len, encode_block(stepwise, count, plan.full).values())) / count / done
    yearly = kept["flow_year"][:, :1]
    once = sum(map(len, encode_block({"flow_year": yearly}, count, plan.full).values())) / count
    encoding = (time.perf_counter() - began) / count / done
    years = len({start.year for start, _ in variant.scenario.steps()})
    steps = simulation.steps
    disk = size * steps + once * years
    return Estimate(member_bytes, block_bytes, (seconds + encoding) * steps, disk, count)


def fitting_batch(estimate: Estimate, block: int, workers: int, batch: int | None, free: int) -> int:
    """How many members to simulate together: what was asked for, else as many as fit, up to a block.

    Raises:
        MonaziteError: it would not fit; the message says what would.
    """
    room = SPARE * free / workers - PROCESS_BYTES - estimate.block_bytes
    most = int(min(room / estimate.member_bytes, 1e9))
    if most >= (batch or 1):
        return min(batch or block, block, most)
    advice = [
        *([f"--batch {most}"] if most >= 1 else []),
        *([f"--workers {max(workers // 2, 1)}"] if workers > 1 else []),
    ]
    remedy = "free some memory, or run a smaller world ('minerals')"
    if advice:
        remedy = f"write {' or '.join(advice)}"
    raise MonaziteError(
        f"about {estimate.memory(batch or 1, workers) / 1e9:.1f} GB are needed for "
        f"{plural(batch or 1, 'member')} at a time on {plural(workers, 'worker')}, and "
        f"{free / 1e9:.1f} GB are free; {remedy}"
    )
