"""Where a page's numbers come from: command, version, seeds, hashes, and the licences of the data."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from sim.paths import share_root
from sim.results import Run

__all__ = ["Origin", "licences", "origin"]

PAGE = "DATA_LICENSES.md"


@dataclass(frozen=True)
class Origin:
    """How to make the runs again.

    Attributes:
        commands: each that made some of the runs.
        version: of the program.
        runs: id, members, seed, and when it was started.
        inputs: path and SHA-256 of each file that was read.
    """

    commands: tuple[str, ...]
    version: str
    runs: tuple[tuple[str, ...], ...]
    inputs: tuple[tuple[str, str], ...]


def origin(runs: Sequence[Run]) -> Origin:
    """Read it from the manifests."""
    commands: dict[str, None] = {}
    inputs: dict[str, str] = {}
    for run in runs:
        words = [str(word) for word in run.manifest.get("argv", [])]
        if words:
            commands["monazite " + shlex.join(words[1:])] = None
        inputs |= {str(path): str(digest) for path, digest in dict(run.manifest.get("inputs", {})).items()}
    versions = dict.fromkeys(str(run.manifest["version"]) for run in runs)
    made = [(run.id, *(str(run.manifest[key]) for key in ("members", "seed", "started"))) for run in runs]
    return Origin(tuple(commands), ", ".join(versions), tuple(made), tuple(sorted(inputs.items())))


def licences() -> list[tuple[str, str, str]]:
    """Material, terms and what follows, of each source of the world's data."""
    path = share_root() / PAGE
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        cells = [cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and not set(cells[0]) <= set("-: "):
            rows.append((cells[0], cells[1], cells[2]))
    return rows[1:]
