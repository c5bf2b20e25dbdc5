"""How much of a base year rests on assumptions, and how much value hangs on its goods."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import fsum
from pathlib import Path

from sim.tables import read_table
from sim.world.build.draft import RANK

__all__ = ["Stake", "assumption_share", "stakes"]


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


@dataclass(frozen=True)
class Stake:
    """What hangs on the goods that one sector buys, as shares of its value added."""

    value_added: float
    """USD per year, all countries."""
    bids: dict[str, float]
    """Good -> worth x use x base price."""
    dependent: dict[str, float]
    """Good -> value added that depends on it."""


def stakes(base_year_dir: Path) -> dict[str, Stake]:
    """What hangs on each good in each sector of one base-year folder, in the order of the facilities.

    Shares of several goods overlap, because a product that needs two of them is lost with either.

    Raises:
        MonaziteError: the folder holds no base year.
    """
    path = base_year_dir / "facilities.csv"
    facilities = read_table(path, ("facility", "sector", "value_added_usd")).dictionaries()
    users = {r["facility"]: (r["sector"], float(r["value_added_usd"])) for r in facilities if r["sector"]}
    price = read_table(base_year_dir / "prices.csv", ("good", "price_usd_t")).pairs("good", "price_usd_t")
    columns = ("facility", "good", "use_t", "worth_multiple", "dependence")
    needs = [
        r for r in read_table(base_year_dir / "inputs.csv", columns).dictionaries() if r["facility"] in users
    ]
    result = {}
    for sector in dict.fromkeys(sector for sector, _ in users.values()):
        whole = fsum(value for name, value in users.values() if name == sector)
        bids: dict[str, float] = {}
        dependent: dict[str, float] = {}
        for r in needs:
            name, value = users[r["facility"]]
            if name == sector:
                bid = float(r["worth_multiple"]) * float(r["use_t"]) * float(price[r["good"]])
                bids[r["good"]] = bids.get(r["good"], 0.0) + bid / whole
                hangs = float(r["dependence"]) * value / whole
                dependent[r["good"]] = dependent.get(r["good"], 0.0) + hangs
        result[sector] = Stake(whole, bids, dependent)
    return result
