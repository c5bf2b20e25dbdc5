"""Where things lie: in the repository of an editable install, or in the folder a wheel brings along."""

from __future__ import annotations

import os
from pathlib import Path

from sim.visible import visible

__all__ = [
    "base_years",
    "cache_directory",
    "configuration_directory",
    "is_repository",
    "outputs_directory",
    "scenario_folders",
    "schema_file",
    "share_root",
    "shown",
    "world_directory",
]

PACKAGE = Path(__file__).resolve().parent
WORLD_VARIABLE = "MONAZITE_WORLD"
"""Environment variable that names another folder of world tables."""
CACHE_VARIABLE = "MONAZITE_CACHE"
"""Environment variable that names another folder for worlds that were built."""
SCENARIOS_VARIABLE = "MONAZITE_SCENARIOS"
"""Environment variable that names further folders of scenarios, separated as in PATH."""


def is_repository() -> bool:
    """True when the package runs from a checkout, so that scenarios and data lie beside it."""
    return (PACKAGE.parent / "scenarios").is_dir() and (PACKAGE.parent / "data").is_dir()


def share_root() -> Path:
    """The folder that holds ``scenarios``, ``conf`` and ``data/world``."""
    return PACKAGE.parent if is_repository() else PACKAGE / "share"


def world_directory(base_year: int | None = None) -> Path:
    """The folder of world tables, or its subfolder of one base year."""
    named = os.environ.get(WORLD_VARIABLE)
    top = Path(named) if named else share_root() / "data" / "world"
    return top if base_year is None else top / str(base_year)


def base_years() -> tuple[int, ...]:
    """The base years that the world tables hold, oldest first."""
    top = world_directory()
    found = (p.name for p in top.iterdir() if p.is_dir()) if top.is_dir() else iter(())
    return tuple(sorted(int(name) for name in found if name.isdigit()))


def cache_directory() -> Path:
    """Where worlds that were built are kept: ``MONAZITE_CACHE``, else in the user's cache folder."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(home) if home else Path.home() / ".cache") / "monazite"


def scenario_folders() -> tuple[Path, ...]:
    """Folders searched for scenario names: ``scenarios`` here, those named, those that ship with Monazite."""
    named = [Path(part) for part in os.environ.get(SCENARIOS_VARIABLE, "").split(os.pathsep) if part]
    folders = [Path.cwd() / "scenarios", *named, share_root() / "scenarios"]
    return tuple(dict.fromkeys(folder.resolve() for folder in folders if folder.is_dir()))


def schema_file() -> Path:
    """The JSON Schema of scenario files that ships."""
    return share_root() / "schema" / "scenario.schema.json"


def configuration_directory() -> Path:
    """The folder of Hydra configurations for runs."""
    return share_root() / "conf"


def outputs_directory() -> Path:
    """Where runs are saved unless told otherwise: ``outputs`` in the current folder."""
    return Path.cwd() / "outputs"


def shown(path: Path) -> str:
    """A path as messages show it: relative to the current folder where it lies inside."""
    try:
        return visible(path.resolve().relative_to(Path.cwd().resolve()).as_posix())
    except (ValueError, RuntimeError, OSError):
        # Outside, or a link that points to itself.
        return visible(str(path))
