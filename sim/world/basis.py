"""What a world rests on: of each good the output, trade, use and price, with source and confidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import fsum
from pathlib import Path

from sim.tables import read_table

__all__ = ["Basis", "adjusted", "world_basis"]

BEST_FIRST = ("seen", "derived", "memory", "assumption")
MOST_SOURCES = 2
"""Sources that one line names; the others are counted."""


@dataclass(frozen=True)
class Basis:
    """One figure of a world."""

    good: str
    what: str
    """output, trade, use or price."""
    amount: float
    unit: str
    parts: int
    """Countries, or pairs of countries, that it is made of; 0 for a price."""
    confidence: Mapping[str, float]
    """Share of one by confidence, the best first."""
    source: str

    @property
    def sure(self) -> str:
        """``seen 80 %, assumption 20 %``; a single level alone."""
        if len(self.confidence) == 1:
            return next(iter(self.confidence))
        return ", ".join(f"{label} {100 * share:.0f} %" for label, share in self.confidence.items())


def _shares(rows: Iterable[tuple[str, float]]) -> dict[str, float]:
    rows = list(rows)
    whole = fsum(tonnes for _, tonnes in rows) or 1.0
    shares = {label: fsum(t for name, t in rows if name == label) / whole for label in BEST_FIRST}
    return {label: share for label, share in shares.items() if share > 0}


def _sources(rows: Iterable[tuple[str, float]]) -> str:
    """The largest sources by tonnes."""
    total: dict[str, float] = {}
    for source, tonnes in rows:
        total[source] = total.get(source, 0.0) + tonnes
    names = sorted(total, key=lambda source: -total[source])
    more = len(names) - MOST_SOURCES
    return " | ".join(names[:MOST_SOURCES]) + (f" | and {more} more" if more > 0 else "")


def world_basis(tables: Path, base_year: int, minerals: Iterable[str] = ()) -> list[Basis]:
    """Four lines for each good: output, trade over borders, use, price.

    Args:
        tables: folder of world tables.
        base_year: a year in it.
        minerals: these alone; all if empty.

    Raises:
        MonaziteError: a table is missing or damaged.
    """
    folder, wanted = tables / str(base_year), set(minerals)
    goods = read_table(tables / "goods.csv", ("good", "mineral", "unit")).dictionaries()
    where = read_table(folder / "facilities.csv", ("facility", "country")).pairs("facility", "country")
    prices = {row["good"]: row for row in read_table(folder / "prices.csv").dictionaries()}
    tables_of = {
        name: _by_good(folder / f"{name}.csv") for name in ("outputs", "inputs", "flows")
    }  # fmt: skip
    found = []
    for good in goods:
        name, unit = good["good"], f"{good['unit']}/year"
        sold = tables_of["outputs"].get(name, [])
        if not sold or (wanted and good["mineral"] not in wanted):
            continue
        found.append(_line(name, "output", unit, sold, "output_t", {where[r["facility"]] for r in sold}))
        abroad = [r for r in tables_of["flows"].get(name, []) if where[r["seller"]] != where[r["buyer"]]]
        pairs = {(where[r["seller"]], where[r["buyer"]]) for r in abroad}
        found.append(_line(name, "trade", unit, abroad, "tonnes", pairs))
        used = tables_of["inputs"].get(name, [])
        found.append(_line(name, "use", unit, used, "use_t", {where[r["facility"]] for r in used}))
        price = prices[name]
        source = f"{price['series']}: {price['source']}"
        value = float(price["price_usd_t"])
        found.append(Basis(name, "price", value, price["unit"], 0, {price["confidence"]: 1.0}, source))
    return found


def _by_good(path: Path) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for row in read_table(path, ("good", "source", "confidence")).dictionaries():
        found.setdefault(row["good"], []).append(dict(row))
    return found


def _line(
    good: str, what: str, unit: str, rows: list[dict[str, str]], column: str, parts: Iterable[object]
) -> Basis:
    tonnes = [float(row[column] or 0) for row in rows]
    sure = _shares(zip((row["confidence"] for row in rows), tonnes, strict=True))
    source = _sources(zip((row["source"] for row in rows), tonnes, strict=True))
    return Basis(good, what, fsum(tonnes), unit, len(set(parts)), sure or {"assumption": 1.0}, source)


def adjusted(tables: Path, base_year: int, goods: Iterable[str]) -> list[dict[str, str]]:
    """What the reconciliation moved, dropped or pooled, of some goods; as many rows as the build booked."""
    wanted = set(goods)
    rows = read_table(tables / str(base_year) / "adjustments.csv").dictionaries()
    return [dict(row) for row in rows if row["good"] in wanted]
