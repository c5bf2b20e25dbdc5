"""Where scenarios are: names looked up in this folder and in the scenario folders, and nowhere else."""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path

from sim.paths import scenario_folders, shown
from sim.visible import visible

__all__ = ["find", "is_path", "names"]

HEAD_BYTES = 4096
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def is_path(word: str) -> bool:
    """Whether the word is a path to a file rather than a name."""
    return "/" in word or "\\" in word or word.endswith((".yaml", ".yml"))


def names() -> dict[str, Path]:
    """Scenario name -> file; this folder and its ``scenarios`` go before those that ship."""
    here = Path.cwd()
    found = {path.stem: path for path in sorted(here.glob("*.yaml")) if _looks_like_one(path, here)}
    for folder in scenario_folders():
        for path in _files(folder):
            found.setdefault(path.stem, path)
    return found


def _files(folder: Path) -> tuple[Path, ...]:
    # A link that leads out of the folder would let a scenario's name stand for any file.
    return tuple(p for p in sorted(folder.rglob("*.yaml")) if _lies_inside(p, folder))


def _lies_inside(path: Path, folder: Path) -> bool:
    """Whether it is a file of the folder; a note says of anything else that it was skipped, and why."""
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(folder):
            return False
        if not path.is_file():
            why = "is no file"
        elif not os.access(path, os.R_OK):
            why = "may not be read"
        else:
            return True
    except (OSError, RuntimeError):
        # What a loop of links raises depends on the version of Python.
        why = "is a link that leads nowhere"
    _note(path, why)
    return False


@cache
def _note(path: Path, why: str) -> None:
    """Say once that a file was skipped."""
    print(visible(f"skipped {shown(path.parent)}/{path.name}: it {why}"), file=sys.stderr)


def _looks_like_one(path: Path, folder: Path) -> bool:
    """Whether a file of the current folder, which may hold any YAML, is a scenario called like the file."""
    try:
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except (OSError, RuntimeError):
        return False
    return all(re.search(rb"^" + key + rb"\s*:", head, re.MULTILINE) for key in (b"format", b"name"))


def find(name: str, beside: Path | None = None) -> Path | None:
    """The file of a scenario name, looked up first beside the file that asks for it.

    A name holds no path separators, so nothing outside these folders can be reached.
    """
    if not NAME.fullmatch(name):
        return None
    if beside is not None:
        sibling = beside.parent / f"{name}.yaml"
        try:
            if sibling.is_file() and sibling.resolve(strict=True).parent == beside.parent.resolve():
                return sibling
        except (OSError, RuntimeError):
            return None
    return names().get(name)
