"""Worlds for tests: who makes what of what and sells it to whom, written as the CSV files of a world folder.

Outputs and uses are the sums of the flows, so a sketch is exactly balanced. What stands still in the base
year (``later``, ``waiting``) has rows without flows.
"""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sim.paths import share_root

MARK = {"unit": "t", "source": "made up", "confidence": "assumption"}
COUNTRIES = {
    "CHN": ("China", 104.0, 35.0, 0, 0), "JPN": ("Japan", 138.0, 36.0, 0, 1),
    "USA": ("United States", -98.0, 39.0, 0, 1), "SGP": ("Singapore", 104.0, 1.0, 0, 0),
    "ROW": ("Rest of world", 10.0, 50.0, 0, 0),
}  # fmt: skip
"""Code -> name, longitude, latitude, whether in the EU, whether in the OECD and the G7."""


def write_rows(path: Path, rows: list[dict[str, Any]], columns: str = "") -> None:
    """A CSV file; ``columns`` where there may be no row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]) if rows else columns.split(","))
        writer.writeheader()
        writer.writerows(rows)


@dataclass(frozen=True)
class GoodSketch:
    """A good; ``element`` for an oxide that separators make."""

    price: float
    mineral: str
    stage: str = "refined"
    name: str = ""
    basket: bool = False
    element: str = ""


@dataclass
class Sketch:
    """A world in few words. Facilities are named ``KIND_...``, see :data:`KINDS`."""

    goods: dict[str, GoodSketch]
    country: dict[str, str]
    """Facility -> country."""
    flows: dict[tuple[str, str, str], float] = field(default_factory=dict)
    """(good, seller, buyer) -> t/year."""
    later: dict[tuple[str, str], float] = field(default_factory=dict)
    """(facility, good) -> t/year that a facility could make that makes nothing yet."""
    waiting: list[tuple[str, str]] = field(default_factory=list)
    """(facility, good) that it would take."""
    at_capacity: dict[tuple[str, str], float] = field(default_factory=dict)
    """(facility, good) -> t/year that it would take at full capacity, where no other plant shows it."""
    cash: dict[str, float | None] = field(default_factory=dict)
    """Facility -> cash cost over the base price, where not 0.7; None for an empty cell."""
    elements: tuple[str, ...] = ("NdPr", "Dy", "Other")
    composition: dict[tuple[str, str], tuple[float, ...]] = field(default_factory=dict)
    """(facility, good) -> share of each element."""
    substitutes: dict[str, str] = field(default_factory=dict)
    """Good -> group."""
    hosts: list[tuple[str, str, str, float]] = field(default_factory=list)
    """(good, country, good that it is mined with, share of its output that is)."""
    tariffs: dict[tuple[str, str, str], float] = field(default_factory=dict)
    """(good, exporter, importer) -> rate."""
    countries: tuple[str, ...] = tuple(COUNTRIES)
    dollars: float = 1.0

    def flow(self, good: str, seller: str, buyer: str, tonnes: float) -> None:
        """Add a flow."""
        self.flows[good, seller, buyer] = self.flows.get((good, seller, buyer), 0.0) + tonnes

    def sums(self, end: int) -> dict[tuple[str, str], float]:
        """(good, facility) -> t/year; ``end`` 1 for sellers, 2 for buyers."""
        total: dict[tuple[str, str], float] = {}
        for link, tonnes in self.flows.items():
            key = link[0], link[end]
            total[key] = total.get(key, 0.0) + tonnes
        return total

    def write(self, root: Path) -> Path:
        """Write the folder, with the shipped table of behaviour beside it."""
        assert np.isfinite(list(self.flows.values())).all()
        self._write_lists(root)
        self._write_year(root / "2024")
        shutil.copy(share_root() / "data" / "world" / "behaviour.csv", root)
        return root

    def _write_lists(self, root: Path) -> None:
        codes = {code: COUNTRIES[code] for code in self.countries}
        write_rows(root / "countries.csv", [
            {"iso3": c, "name": n, "lon": lon, "lat": lat, "region": "", "eu27": eu, "oecd": o, "g7": o,
             "brics": 0, "political_risk": 0.3, "duty_on_fob": int(c == "USA"),
             "source": "made up", "confidence": "assumption"}
            for c, (n, lon, lat, eu, o) in codes.items()
        ])  # fmt: skip
        write_rows(root / "goods.csv", [
            {"good": name, "name": good.name or name, "mineral": good.mineral, "market": "",
             "stage": good.stage,
             "unit": "t", "hs6": "284690", "basket": int(good.basket), "element": good.element, "note": ""}
            for name, good in self.goods.items()
        ])  # fmt: skip
        write_rows(
            root / "elements.csv",
            [{"element": e, "name": e, "members": e, "note": ""} for e in self.elements],
            "element,name,members,note",
        )
        groups = [{"group": group, "good": good, **MARK} for good, group in self.substitutes.items()]
        write_rows(root / "substitutes.csv", groups, "group,good,unit,source,confidence")
        write_rows(root / "hosts.csv", [
            {"good": good, "country": country, "host": host, "share": share, **MARK}
            for good, country, host, share in self.hosts
        ], "good,country,host,share,unit,source,confidence")  # fmt: skip
        write_rows(root / "transport.csv", [
            {"rule": r, "value": v, "low": v, "high": v, **MARK}
            for r, v in (("sailing_speed", 480), ("handling_time", 14), ("freight_base", 0.01),
                         ("freight_by_distance", 0.001))
        ])  # fmt: skip

    def _write_year(self, year: Path) -> None:
        write_rows(year / "facilities.csv", [
            {"facility": f, "name": f, "kind": kind_of(f), "country": c, "firm": f,
             "sector": f.split("_")[0] if kind_of(f) == "manufacturer" else "",
             "value_added_usd": 1e9 * self.dollars if kind_of(f) == "manufacturer" else 0,
             "source": "made up", "confidence": "assumption"}
            for f, c in self.country.items()
        ])  # fmt: skip
        offers = {(f, g): (t, 1.2 * t) for (g, f), t in self.sums(1).items()}
        offers |= {key: (0.0, capacity) for key, capacity in self.later.items()}
        write_rows(year / "outputs.csv", [
            {"facility": f, "good": g, "output_t": repr(made), "capacity_t": repr(most), "stock_weeks": 6,
             "cash_cost_usd_t": self._cash_cost(f, g), "by_product": 0, **MARK}
            for (f, g), (made, most) in offers.items()
        ])  # fmt: skip
        needs = {(f, g): t for (g, f), t in self.sums(2).items()} | dict.fromkeys(self.waiting, 0.0)
        stated = {key: {"use_at_capacity_t": self.at_capacity.get(key, "")} for key in needs}
        write_rows(year / "inputs.csv", [
            {"facility": f, "good": g, "use_t": repr(t), "cover_weeks": 6, "dependence": 0.5,
             "worth_multiple": 12, "switch_multiple": 3, "switch_years": 2,
             "switch_share": 0.4, **MARK, **(stated[f, g] if self.at_capacity else {})}
            for (f, g), t in needs.items()
        ])  # fmt: skip
        write_rows(year / "flows.csv", [
            {"good": g, "seller": s, "buyer": b, "tonnes": repr(t), **MARK}
            for (g, s, b), t in self.flows.items()
        ])  # fmt: skip
        write_rows(year / "composition.csv", [
            {"facility": f, "good": g, "element": e, "share": share, **MARK}
            for (f, g), shares in self.composition.items()
            for e, share in zip(self.elements, shares, strict=True)
        ], "facility,good,element,share")  # fmt: skip
        write_rows(year / "prices.csv", [
            {"good": g, "price_usd_t": good.price * self.dollars, "unit": "USD/t", "series": "", "source": "",
             "confidence": ""}
            for g, good in self.goods.items()
        ])  # fmt: skip
        write_rows(year / "tariffs.csv", [
            {"good": g, "exporter": a, "importer": b, "rate": rate, "source": "", "confidence": ""}
            for (g, a, b), rate in self.tariffs.items()
        ], "good,exporter,importer,rate,source,confidence")  # fmt: skip

    def _cash_cost(self, facility: str, good: str) -> float | str:
        over = self.cash.get(facility, 0.7)
        return "" if over is None else over * self.goods[good].price * self.dollars


KINDS = {"mine": "miner", "separator": "processor", "magnet": "processor", "plant": "processor",
         "trader": "trader"}  # fmt: skip
"""First word of a facility's name -> its kind; a manufacturer's is its sector."""


def kind_of(facility: str) -> str:
    """The kind of a facility by its name."""
    return KINDS.get(facility.split("_")[0], "manufacturer")
