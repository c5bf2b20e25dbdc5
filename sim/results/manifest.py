"""What a run was made from: versions, inputs with checksums, seeds, machine, duration."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import xarray as xr

from sim.paths import world_directory
from sim.results.resolved import display_path, plain
from sim.results.rounding import rounding

__all__ = [
    "FORMAT",
    "Origin",
    "Timing",
    "build_manifest",
    "input_checksums",
    "program_version",
    "scenario_files",
    "sha256",
    "world_files",
]

FORMAT = 1
LIBRARIES = ("numpy", "scipy", "xarray", "zarr", "pyarrow", "pandas", "mesa", "hydra-core", "pydantic")


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def world_files(base_year: int, tables: Path | None = None) -> list[Path]:
    """The data files that a world of one base year is read from.

    Args:
        base_year: the year.
        tables: folder of world tables, see :attr:`sim.scenario.Scenario.tables`; those that ship if ``None``.
    """
    top = tables if tables is not None else world_directory()
    return sorted([*top.glob("*.csv"), *(top / str(base_year)).glob("*.csv")])


def scenario_files(scenario: object) -> list[Path]:
    """The scenario files that a resolved scenario was read from, extended ones included."""
    origin: Mapping[str, Any] = getattr(scenario, "origin", None) or {}
    names = {str(o[0] if isinstance(o, tuple | list) else getattr(o, "file", o)) for o in origin.values()}
    return sorted(path for path in map(Path, names) if path.is_file())


def input_checksums(paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 by displayed path."""
    return {display_path(path): sha256(path) for path in sorted(set(paths))}


def _versions() -> dict[str, str]:
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def program_version(attrs: Mapping[str, Any]) -> str:
    """Version that the results state, else that of the installed program."""
    stated = attrs.get("version")
    return str(stated) if stated else metadata.version("monazite")


def content_hash(scenario: object, inputs: Mapping[str, str], attrs: Mapping[str, Any], full: bool) -> str:
    """Eight hexadecimal digits of all that decides the results of a run."""
    decisive = {
        "scenario": plain(scenario),
        "inputs": dict(inputs),
        "run": {key: attrs.get(key) for key in ("base_year", "seed", "members", "step")},
        "version": program_version(attrs),
        "full": full,
    }
    text = json.dumps(decisive, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Timing:
    """When a run began, and how many seconds passed until the end of the engine's work."""

    started: datetime
    duration_s: float


@dataclass(frozen=True)
class Origin:
    """What a run was made from.

    Attributes:
        scenario: the resolved scenario, for the observations that it lists.
        inputs: SHA-256 by displayed path.
        argv: the command line.
        timing: when, and for how long.
        full: True where the arrays are stored with all their bits.
    """

    scenario: object
    inputs: Mapping[str, str]
    argv: Sequence[str]
    timing: Timing
    full: bool


def build_manifest(dataset: xr.Dataset, run_id: str, origin: Origin) -> dict[str, Any]:
    """Everything needed to say what a run was and to make it again.

    Args:
        dataset: the results; its attributes give scenario, seed and members.
        run_id: name of the run's directory.
        origin: what it was made from.
    """
    attrs = dataset.attrs
    members = int(attrs.get("members", dataset.sizes["member"]))
    certified = dataset["certified"].values
    return {
        "format": FORMAT,
        "status": "complete",
        "run_id": run_id,
        "scenario": attrs["scenario"],
        "title": attrs.get("title", ""),
        "compare_to": attrs.get("compare_to") or None,
        "base_year": int(attrs["base_year"]),
        "step": attrs["step"],
        "engine": attrs.get("engine", "numpy"),
        "steps": int(dataset.sizes["time"]),
        "members": members,
        "seed": int(attrs["seed"]),
        "full": origin.full,
        "markets": {"cleared": int(certified.size), "certified": int(certified.sum())},
        "version": program_version(attrs),
        "observed": plain(getattr(origin.scenario, "observed", None) or {}),
        "argv": list(origin.argv),
        "inputs": dict(origin.inputs),
        "started": origin.timing.started.astimezone(UTC).isoformat(timespec="seconds"),
        "duration_s": round(origin.timing.duration_s, 3),
        "machine": {
            "system": platform.system(),
            "release": platform.release(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
        },
        "rounding": rounding(),
        "python": platform.python_version(),
        "libraries": _versions(),
        "checksums": "checksums.json",
    }
