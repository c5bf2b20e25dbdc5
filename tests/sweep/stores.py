"""What the tests of sweeps share: a quick sweep, and a store as bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sim.sweep.journal import NOT_COMPARED
from sim.sweep.plan import Plan, make_plan

QUICK = ("minerals=[gallium]", "time.end=2024-06")
"""Makes the shipped baseline run within milliseconds."""
BAN = "+events.ban={type: export_ban, by: CHN, to: world, goods: gallium, from: 2024-03-01, assumption: x}"
BOOM = "+events.boom={type: demand_shock, level: 120 %, goods: gallium, from: 2024-02-01, assumption: x}"


def quick_plan(members: int | None = 22, block: int = 4, **settings: Any) -> Plan:
    """A sweep of the gallium chain over six months: 22 members in six blocks, the last one short."""
    overrides = [*QUICK, *settings.pop("overrides", [])]
    return make_plan(["baseline-2024"], overrides, members=members, block=block, **settings)


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
