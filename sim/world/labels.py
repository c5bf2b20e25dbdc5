"""Names and country-level base-year trade, read with the csv module alone.

``list``, ``validate`` and ``describe`` must answer at once, so they use these instead of the
arrays of :class:`~sim.world.world.World`, whose numpy alone takes longer to import.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from pathlib import Path

from sim.errors import MonaziteError
from sim.paths import base_years, world_directory

__all__ = ["FacilityLabel", "GoodLabel", "Labels", "load_labels"]

GROUP_COLUMNS = {"eu27": "EU27", "oecd": "OECD", "g7": "G7", "brics": "BRICS"}


@dataclass(frozen=True)
class GoodLabel:
    """A good by name: what a scenario selects with ``goods`` and ``stages``."""

    id: str
    name: str
    mineral: str
    stage: str
    unit: str
    hs6: tuple[str, ...]


@dataclass(frozen=True)
class FacilityLabel:
    """Where a facility is, who owns it, what it does."""

    country: str
    firm: str
    sector: str
    kind: str


@dataclass(frozen=True)
class Labels:
    """The names of one base year. Tonnes are per year, in the unit of the good."""

    base_year: int
    folder: Path
    countries: Mapping[str, str]
    """ISO-3 code -> name."""
    groups: Mapping[str, tuple[str, ...]]
    goods: tuple[GoodLabel, ...]
    """Goods traded in this base year."""
    parameters: Mapping[str, frozenset[str]]
    """Behavioural parameter -> scopes that the table names."""

    def group(self, word: str) -> tuple[str, ...]:
        """Members of ``world``, of a country group, or the country itself; empty if unknown."""
        if word == "world":
            return tuple(self.countries)
        if word in self.groups:
            return self.groups[word]
        return (word,) if word in self.countries else ()

    def with_groups(self, groups: Mapping[str, tuple[str, ...]]) -> Labels:
        """The same names, and more country groups; tables already read are not read again."""
        if not groups:
            return self
        wider = replace(self, groups={**self.groups, **groups})
        read = {k: v for k, v in vars(self).items() if k not in {f.name for f in fields(self)}}
        vars(wider).update(read)
        return wider

    @cached_property
    def facilities(self) -> Mapping[str, FacilityLabel]:
        """Facility id -> country, firm and sector."""
        columns = ("facility", "country", "firm", "sector", "kind")
        return {
            name: FacilityLabel(country, firm or name, sector, kind)
            for name, country, firm, sector, kind in _columns(self.folder / "facilities.csv", columns)
        }

    @cached_property
    def firms(self) -> frozenset[str]:
        """Names of the firms that own facilities."""
        return frozenset(facility.firm for facility in self.facilities.values())

    @cached_property
    def sectors(self) -> frozenset[str]:
        """End-use sectors of the manufacturers."""
        return frozenset(facility.sector for facility in self.facilities.values() if facility.sector)

    @cached_property
    def _flow_lines(self) -> Mapping[str, list[str]]:
        """Good -> lines of the flow table, not yet taken apart: most goods are never asked for."""
        path = self.folder / "flows.csv"
        if not path.is_file():
            raise MonaziteError(f"{path}: no such file; build it with 'make data'")
        lines: dict[str, list[str]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            lines.setdefault(line.partition(",")[0], []).append(line)
        return lines

    @cached_property
    def _trade(self) -> dict[str, Mapping[tuple[str, str], float]]:
        return {}

    def trade(self, good: str) -> Mapping[tuple[str, str], float]:
        """(exporter, importer) -> tonnes per year of one good, domestic sales included."""
        if good not in self._trade:
            header = next(csv.reader(self._flow_lines.get("good", [])), [])
            seller, buyer, tonnes = (header.index(name) for name in ("seller", "buyer", "tonnes"))
            totals: dict[tuple[str, str], float] = {}
            for row in csv.reader(self._flow_lines.get(good, [])):
                key = self.facilities[row[seller]].country, self.facilities[row[buyer]].country
                totals[key] = totals.get(key, 0.0) + float(row[tonnes])
            self._trade[good] = totals
        return self._trade[good]

    @cached_property
    def output(self) -> Mapping[tuple[str, str], float]:
        """(good, facility) -> tonnes per year made or resold."""
        columns = ("good", "facility", "output_t")
        return {(g, f): float(t) for g, f, t in _columns(self.folder / "outputs.csv", columns)}

    @cached_property
    def use(self) -> Mapping[tuple[str, str], float]:
        """(good, facility) -> tonnes per year bought."""
        columns = ("good", "facility", "use_t")
        return {(g, f): float(t) for g, f, t in _columns(self.folder / "inputs.csv", columns)}


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise MonaziteError(f"{path}: no such file; build it with 'make data'")
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def _columns(path: Path, names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The named columns; four times as fast as dictionaries, which shows with 9,000 flows."""
    if not path.is_file():
        raise MonaziteError(f"{path}: no such file; build it with 'make data'")
    with path.open(newline="", encoding="utf-8") as handle:
        rows = csv.reader(handle)
        header = next(rows, [])
        missing = [name for name in names if name not in header]
        if missing:
            raise MonaziteError(f"{path}:1: column '{missing[0]}' is missing; rebuild with 'make data'")
        at = [header.index(name) for name in names]
        return [tuple(row[i] for i in at) for row in rows]


def load_labels(base_year: int = 2024, root: Path | None = None) -> Labels:
    """Names of one base year.

    Args:
        base_year: a year that the world tables hold.
        root: folder of the world tables; the installed one when ``None``.

    Raises:
        MonaziteError: a table is missing, or there is no such base year.
    """
    return _load(base_year, (root if root is not None else world_directory()).resolve())


@lru_cache(maxsize=16)
def _load(base_year: int, top: Path) -> Labels:
    folder = top / str(base_year)
    if not folder.is_dir():
        known = ", ".join(map(str, base_years())) or "none"
        raise MonaziteError(f"no world tables for base year {base_year} in {top}; there are: {known}")
    countries = _rows(top / "countries.csv")
    traded = {good for (good,) in _columns(folder / "outputs.csv", ("good",))}
    parameters: dict[str, frozenset[str]] = {}
    if (top / "behaviour.csv").is_file():
        for name, scope in _columns(top / "behaviour.csv", ("parameter", "scope")):
            parameters[name] = parameters.get(name, frozenset()) | {scope}
    return Labels(
        base_year=base_year,
        folder=folder,
        countries={r["iso3"]: r["name"] for r in countries},
        groups={
            label: tuple(r["iso3"] for r in countries if r[column] == "1")
            for column, label in GROUP_COLUMNS.items()
        },
        goods=tuple(
            GoodLabel(
                r["good"], r["name"], r["mineral"], r["stage"], r["unit"],
                tuple(code for code in r["hs6"].split(";") if code),
            )
            for r in _rows(top / "goods.csv")
            if r["good"] in traded
        ),
        parameters=parameters,
    )  # fmt: skip
