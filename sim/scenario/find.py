"""Where scenarios are: names looked up in the scenario folders and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

from sim.paths import scenario_folders

__all__ = ["find", "is_path", "names"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def is_path(word: str) -> bool:
    """Whether the word is a path to a file rather than a name."""
    return "/" in word or "\\" in word or word.endswith((".yaml", ".yml"))


def names() -> dict[str, Path]:
    """Scenario name -> file; the ``scenarios`` folder here goes before those that ship."""
    found: dict[str, Path] = {}
    for folder in scenario_folders():
        for path in _files(folder):
            found.setdefault(path.stem, path)
    return found


def _files(folder: Path) -> tuple[Path, ...]:
    # A link that leads out of the folder would let a scenario's name stand for any file.
    return tuple(p for p in sorted(folder.rglob("*.yaml")) if p.resolve().is_relative_to(folder))


def find(name: str, beside: Path | None = None) -> Path | None:
    """The file of a scenario name, looked up first beside the file that asks for it.

    A name holds no path separators, so nothing outside these folders can be reached.
    """
    if not NAME.fullmatch(name):
        return None
    if beside is not None:
        sibling = beside.parent / f"{name}.yaml"
        if sibling.is_file() and sibling.resolve().parent == beside.parent.resolve():
            return sibling
    return names().get(name)
