"""How much of a base year rests on data and how much on assumptions."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum
from pathlib import Path

from sim.tables import read_table
from sim.world.build.draft import RANK

__all__ = ["assumption_share"]


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
        MonaziteError: the folder holds no base year.
    """
    goods = read_table(base_year_dir.parent / "goods.csv", ("good", "mineral"))
    mineral = goods.pairs("good", "mineral")
    result: dict[str, dict[str, dict[str, float]]] = {}
    for what, file, column in (("flows", "flows.csv", "tonnes"), ("supply", "outputs.csv", "output_t")):
        rows = read_table(base_year_dir / file, ("good", column, "confidence")).dictionaries()
        found = dict.fromkeys(mineral[r["good"]] for r in rows)
        parts = {
            name: _shares((r["confidence"], float(r[column])) for r in rows if mineral[r["good"]] == name)
            for name in found
        }
        mean = {label: fsum(p[label] for p in parts.values()) / len(parts) for label in RANK}
        result[what] = {"all": mean, **parts}
    return result
