"""How much of a base year rests on data and how much on assumptions."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from math import fsum
from pathlib import Path

from sim.world.build.draft import RANK

__all__ = ["assumption_share"]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def _shares(weights: Iterable[tuple[str, float]]) -> dict[str, float]:
    total = dict.fromkeys(RANK, 0.0)
    for label, weight in weights:
        total[label] += weight
    whole = fsum(total.values())
    return {label: value / whole if whole > 0 else 0.0 for label, value in total.items()}


def assumption_share(base_year_dir: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Share of tonnes by confidence (seen, derived, memory, assumption) in one base-year folder.

    Returns:
        ``{"flows" | "supply": {"all" | mineral: {confidence: share of one}}}``. ``all`` is the plain
        mean over minerals, because adding tonnes of iron ore to tonnes of terbium would show iron only.

    Raises:
        FileNotFoundError: the folder holds no base year.
    """
    mineral = {r["good"]: r["mineral"] for r in _rows(base_year_dir.parent / "goods.csv")}
    result: dict[str, dict[str, dict[str, float]]] = {}
    for what, file, column in (("flows", "flows.csv", "tonnes"), ("supply", "outputs.csv", "output_t")):
        rows = _rows(base_year_dir / file)
        found = dict.fromkeys(mineral[r["good"]] for r in rows)
        parts = {
            name: _shares((r["confidence"], float(r[column])) for r in rows if mineral[r["good"]] == name)
            for name in found
        }
        mean = {label: fsum(p[label] for p in parts.values()) / len(parts) for label in RANK}
        result[what] = {"all": mean, **parts}
    return result
