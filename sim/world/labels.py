"""Names and country-level base-year trade, read with the csv module alone.

``list``, ``validate`` and ``describe`` must answer at once, so they use these instead of the
arrays of :class:`~sim.world.world.World`, whose numpy alone takes longer to import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from pathlib import Path

from sim.errors import MonaziteError
from sim.paths import base_years, world_directory
from sim.tables import Parts, read_table
from sim.world.projects import CATALOGUE
from sim.world.scrap import RECYCLING
from sim.world.straits import Straits, read_straits

__all__ = ["FacilityLabel", "GoodLabel", "Labels", "ParameterLabel", "load_labels"]

POSITIVE = (
    "sourcing_elasticity", "sourcing_elasticity_long", "storage_elasticity", "storage_limit",
    "instant_elasticity", "urgent_elasticity",
    "least_working_stock", "lowest_price_felt", "margin_share", "state_elasticity", "prior_distance",
    "entry_margin", "noise_memory", "least_order_share", "seller_stock_scale", "building_years",
    "plant_building_years",
    "switch_spread", "most_intensity", "worth_spread", "project_supply_elasticity", "project_patience_years",
    "project_memory_years", "project_near_years", "project_capital_cost", "project_interest",
    "qualification_years", "trial_share", "leak_decay",
    "lifetime_scale", "scrap_years",
)  # fmt: skip
"""Parameters that the model divides by, or takes powers of."""
UNNAMED = "other "
"""How names of firms begin that stand for producers whom no table names."""
FIRM_HOMES = "firms.csv"
"""Table of firms and the countries from which they are controlled; a world may do without."""
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
class ParameterLabel:
    """One row of the parameter table, as words and numbers for readers."""

    name: str
    scope: str
    """``all``, or a mineral."""
    value: float
    low: float
    high: float
    plausible: tuple[float, float]
    """Widest of the range in which members draw and that in which past episodes were searched."""
    unit: str
    meaning: str
    confidence: str
    held: bool

    @property
    def positive(self) -> bool:
        """Whether the model divides by it, or takes powers of it."""
        return self.name in POSITIVE


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
    def projects(self) -> Mapping[str, str]:
        """Project -> country of its owner; none unless the scenario asks for some."""
        path = self.folder / CATALOGUE
        if not path.is_file():
            return {}
        return read_table(path).pairs("facility", "owner_country")

    @cached_property
    def recyclers(self) -> tuple[tuple[str, str], ...]:
        """(facility, good) of those who recover goods in use; none unless the scenario follows some."""
        path = self.folder / RECYCLING
        if not path.is_file():
            return ()
        return tuple((name, good) for name, good in _columns(path, ("facility", "good")))

    @cached_property
    def firms(self) -> frozenset[str]:
        """Names of the firms that own facilities."""
        return frozenset(facility.firm for facility in self.facilities.values())

    @cached_property
    def firm_home(self) -> Mapping[str, str]:
        """Firm -> country from which it is controlled, where a table says so."""
        path = self.folder.parent / FIRM_HOMES
        rows = _columns(path, ("firm", "country")) if path.is_file() else []
        return {row[0]: row[1] for row in rows}

    def home(self, facility: str) -> str:
        """Country from which a facility is controlled: its own where nothing else is known."""
        label = self.facilities[facility]
        return self.firm_home.get(label.firm, label.country)

    @cached_property
    def sectors(self) -> frozenset[str]:
        """End-use sectors of the manufacturers."""
        return frozenset(facility.sector for facility in self.facilities.values() if facility.sector)

    @cached_property
    def straits(self) -> Straits:
        """Straits, and which countries' trade passes them."""
        return read_straits(self.folder.parent)

    @cached_property
    def parameter_rows(self) -> Mapping[tuple[str, str], ParameterLabel]:
        """(parameter, scope) -> its row; empty where there is no table."""
        return _parameter_rows(self.folder.parent / "behaviour.csv")

    @cached_property
    def _flows(self) -> Parts:
        """The flow table, by good: most goods are never asked for."""
        return Parts(self.folder / "flows.csv", ("good", "seller", "buyer", "tonnes"))

    @cached_property
    def _trade(self) -> dict[str, Mapping[tuple[str, str], float]]:
        return {}

    def trade(self, good: str) -> Mapping[tuple[str, str], float]:
        """(exporter, importer) -> tonnes per year of one good, domestic sales included."""
        if good not in self._trade:
            totals: dict[tuple[str, str], float] = {}
            flows = self._flows.part(good)
            for row in flows:
                ends = [row.word(end, self.facilities, "facility") for end in ("seller", "buyer")]
                tonnes = row.number("tonnes", low=0.0)
                flows.problems.check()
                key = self.facilities[ends[0]].country, self.facilities[ends[1]].country
                totals[key] = totals.get(key, 0.0) + tonnes
            self._trade[good] = totals
        return self._trade[good]

    @cached_property
    def output(self) -> Mapping[tuple[str, str], float]:
        """(good, facility) -> tonnes per year made or resold."""
        return _tonnes(self.folder / "outputs.csv", "output_t")

    @cached_property
    def use(self) -> Mapping[tuple[str, str], float]:
        """(good, facility) -> tonnes per year bought."""
        return _tonnes(self.folder / "inputs.csv", "use_t")


def _parameter_rows(path: Path) -> dict[tuple[str, str], ParameterLabel]:
    if not path.is_file():
        return {}
    names = ("parameter", "scope", "value", "low", "high", "held", "unit", "source", "confidence")
    table = read_table(path, names)
    found = {}
    for row in table:
        low, high = row.number("low"), row.number("high")
        bounds = [low, high]
        for column in ("prior_low", "prior_high"):
            if column in table.position and row.text(column):
                bounds.append(row.number(column))
        found[row.text("parameter"), row.text("scope")] = ParameterLabel(
            row.text("parameter"), row.text("scope"), row.number("value"), low, high,
            (min(bounds), max(bounds)), row.text("unit"), row.text("source"), row.text("confidence"),
            row.text("held") == "yes",
        )  # fmt: skip
    table.problems.check()
    return found


def _tonnes(path: Path, column: str) -> dict[tuple[str, str], float]:
    """(good, facility) -> tonnes per year."""
    table = read_table(path, ("good", "facility", column))
    tonnes = {(row.text("good"), row.text("facility")): row.number(column, 0.0, empty=0.0) for row in table}
    table.problems.check()
    return tonnes


def _columns(path: Path, names: tuple[str, ...]) -> list[tuple[str, ...]]:
    return read_table(path, names).columns(*names)


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
    countries = read_table(top / "countries.csv", ("iso3", "name", *GROUP_COLUMNS)).dictionaries()
    columns = ("good", "name", "mineral", "stage", "unit", "hs6")
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
            for r in read_table(top / "goods.csv", columns).dictionaries()
            if r["good"] in traded
        ),
        parameters=parameters,
    )  # fmt: skip
