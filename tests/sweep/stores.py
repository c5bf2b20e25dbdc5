"""What the tests of sweeps share: a quick sweep, and a store as bytes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sim.sweep.executors import ExecutorSettings
from sim.sweep.journal import NOT_COMPARED
from sim.sweep.plan import Plan, make_plan
from sim.sweep.request import Keeping, Request

QUICK = ("minerals=[gallium]", "time.end=2024-06")
"""Makes the shipped baseline run within milliseconds."""
BAN = "+events.ban={type: export_ban, by: CHN, to: world, goods: gallium, from: 2024-03-01, assumption: x}"
BOOM = "+events.boom={type: demand_shock, level: 120 %, goods: gallium, from: 2024-02-01, assumption: x}"

# A clean server forks processes: each starts within milliseconds, with nothing of this one, libraries loaded.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["tests.sweep.test_kill", "sim.sweep.summary", "sim.engine.simulation", "hydra", "zarr", "pandas"]
)
LOCAL = ExecutorSettings("local")
BLOCKS_OF_FOUR = Keeping(block=4)


def quick_plan(members: int | None = 22, overrides: Sequence[str] = (), **asked: Any) -> Plan:
    """A sweep of the gallium chain over six months: 22 members in six blocks, the last one short."""
    request = {"keeping": BLOCKS_OF_FOUR, **asked}
    return make_plan(Request(["baseline-2024"], [*QUICK, *overrides], members=members, **request))


def snapshot(directory: Path) -> dict[str, bytes]:
    """Every file that has to be the same, by path."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name not in NOT_COMPARED and "slurm" not in path.parts
    }


def differences(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Paths that only one has, or that differ."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
