"""Read ``data/world`` into one frozen :class:`~sim.world.world.World`.

Reads CSV only. Every identity that the engine relies on (margins of flows, one country per facility, known
codes, capacity for all that is made) is checked here, so a damaged data folder says all that is wrong with
it, by file and row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sim.errors import MonaziteError
from sim.paths import world_directory
from sim.tables import Problems, Row, Table, read_table
from sim.world.entrants import normal_amounts
from sim.world.labels import FIRM_HOMES
from sim.world.past_projects import RESERVES
from sim.world.projects import CATALOGUE, REGISTER, read_projects, read_reserves
from sim.world.roles import KINDS, check_roles
from sim.world.rows import HOSTS, LADDER, PAST_PRICES, Ends, Named, check_use, read_hosts, read_past
from sim.world.scrap import Scrap, read_scrap
from sim.world.transport import great_circle_km, read_transport
from sim.world.world import BoolArray, FloatArray, Good, IntArray, World

__all__ = ["load_world"]

WEEKS_PER_YEAR = 52.0
GROUP_COLUMNS = {"eu27": "EU27", "oecd": "OECD", "g7": "G7", "brics": "BRICS"}
COUNTRY_COLUMNS = ("name", "lon", "lat", *GROUP_COLUMNS, "duty_on_fob")
LEAST_TARIFF = -0.99
"""A subsidy of nearly the whole price."""


def load_world(base_year: int = 2024, root: Path | None = None) -> World:
    """Load one base year.

    An offer may have a base output of 0 where it has a capacity: a facility that may enter later. Its flows
    are then 0 or left out, and a plant that makes nothing yet uses nothing.

    Args:
        base_year: a year that the tables hold, such as 2024; see :func:`sim.paths.base_years`.
        root: the ``data/world`` folder; the installed one when ``None``.

    Raises:
        MonaziteError: a file is missing; rows name something unknown, hold what is no number, is out of range
            or contradicts another row; margins do not close. All that is wrong is said at once.
    """
    top = root if root is not None else world_directory()
    if not (top / str(base_year)).is_dir():
        known = sorted(p.name for p in top.glob("[12]*") if p.is_dir())
        raise MonaziteError(f"no base year {base_year} in {top}; there are: {', '.join(known)}")
    world = replace(_Reader(top, base_year).world(), firm_home=_firm_home(top))
    # Refuses a world that does not say what entrants would take.
    normal_amounts(world)
    return world


def _firm_home(top: Path) -> Mapping[str, str]:
    """Firm -> country from which it is controlled; a world may do without the table."""
    path = top / FIRM_HOMES
    if not path.is_file():
        return {}
    return {row.text("firm"): row.text("country") for row in read_table(path, ("firm", "country"))}


class _Reader:
    """One base year while it is being read. What is wrong is noted, and raised by :meth:`world`."""

    def __init__(self, top: Path, base_year: int) -> None:
        self.top, self.year, self.base_year = top, top / str(base_year), base_year
        self.problems = Problems()
        self.countries = self._named(top / "countries.csv", "iso3", COUNTRY_COLUMNS)
        columns: tuple[str, ...] = ("name", "mineral", "market", "stage", "unit", "hs6", "basket", "element")
        self.listed = self._named(top / "goods.csv", "good", columns)
        self.elements = self._named(top / "elements.csv", "element")
        columns = ("name", "kind", "country", "firm", "sector", "value_added_usd")
        self.facilities = self._named(self.year / "facilities.csv", "facility", columns)
        for row in self.facilities.rows:
            row.word("country", self.countries.index, "country")
            row.word("kind", KINDS, "kind")
            firm = row.text("firm")
            if firm != firm.strip():
                message = f"'{firm}' has blanks around it, which make another firm of it"
                row.refuse("firm", message, "remove them")
        columns = ("output_t", "capacity_t", "stock_weeks", "cash_cost_usd_t")
        outputs = self._table(self.year / "outputs.csv", "facility", "good", *columns)
        columns = ("use_t", "cover_weeks", "dependence", *LADDER)
        inputs = self._table(self.year / "inputs.csv", "facility", "good", *columns)
        self.goods = self._goods({good for (good,) in outputs.columns("good")})
        self.good = {good.id: place for place, good in enumerate(self.goods)}
        self.offers, self.needs = self._ends(outputs), self._ends(inputs)

    def _table(self, path: Path, *columns: str) -> Table:
        return read_table(path, columns, self.problems)

    def _named(self, path: Path, key: str, columns: tuple[str, ...] = ()) -> Named:
        rows: list[Row] = []
        index: dict[str, int] = {}
        for row in self._table(path, key, *columns):
            name = row.text(key)
            if name in index:
                row.refuse(key, f"'{name}' stands twice", "remove one row")
                continue
            index[name] = len(rows)
            rows.append(row)
        return Named(rows, index)

    def _goods(self, traded: set[str]) -> tuple[Good, ...]:
        """The goods that somebody sells in this base year."""
        path = self.year / "prices.csv"
        prices = {
            row.word("good", self.listed.index, "good"): row.number("price_usd_t", positive=True)
            for row in self._table(path, "good", "price_usd_t")
        }
        for good in sorted(traded & self.listed.index.keys() - prices.keys()):
            self.problems.note(str(path), f"has no price of '{good}', which is sold", "add its row")
        past = read_past(self.year / PAST_PRICES, self.listed.index, self.problems)
        return tuple(
            Good(
                id=row.text("good"),
                name=row.text("name"),
                mineral=row.text("mineral"),
                market=row.text("market") or row.text("mineral"),
                stage=row.text("stage"),
                unit=row.text("unit"),
                hs6=tuple(code for code in row.text("hs6").split(";") if code),
                basket=row.text("basket") == "1",
                element=row.text("element"),
                base_price=prices.get(row.text("good"), 1.0),
                past=tuple(p / prices[row.text("good")] for p in past.get(row.text("good"), ())),
            )
            for row in self.listed.rows
            if row.text("good") in traded
        )

    def _ends(self, table: Table) -> Ends:
        found: dict[tuple[int, int], Row] = {}
        for row in table:
            good, facility = row.word("good", self.listed.index, "good"), row.text("facility")
            row.word("facility", self.facilities.index, "facility")
            if good in self.listed.index and good not in self.good:
                row.refuse("good", f"nobody sells '{good}' in {self.base_year}", "remove the row")
            if good not in self.good or facility not in self.facilities.index:
                continue
            key = self.good[good], self.facilities.index[facility]
            if key in found:
                row.refuse("", f"{facility} and {good} stand twice", "add the two rows up")
            found[key] = row
        keys = sorted(found)
        goods, facilities = np.array(keys, dtype=np.int64).reshape(-1, 2).T
        places = {key: place for place, key in enumerate(keys)}
        return Ends([found[key] for key in keys], goods, facilities, places, table.position)

    def _check_goods(self) -> None:
        if not self.goods:
            message = "sells nothing that goods.csv names"
            self.problems.note(str(self.year / "outputs.csv"), message, "add rows")
            self.problems.check()

    def _check_rows(self, use: FloatArray, output: FloatArray) -> None:
        check_use(self.offers, self.needs, use, output)
        if all(row.text("kind") in KINDS for row in self.facilities.rows):
            check_roles(self.facilities.rows, self.offers.by_name(), self.needs.by_name())

    def _base_flow(self) -> tuple[FloatArray, ...]:
        """Per good (sellers, buyers) tonnes per year."""
        path = self.year / "flows.csv"
        first_offer, first_need = (ends.first(len(self.goods)) for ends in (self.offers, self.needs))
        sizes = zip(np.diff(first_offer).tolist(), np.diff(first_need).tolist(), strict=True)
        blocks = tuple(np.zeros(size) for size in sizes)
        facilities = self.facilities.index
        # Where names are wrong already, every link of theirs would be refused once more.
        links_known = not self.problems
        for row in self._table(path, "good", "seller", "buyer", "tonnes"):
            good = self.good.get(row.word("good", self.listed.index, "good"), -1)
            seller, buyer = (row.word(end, facilities, "facility") for end in ("seller", "buyer"))
            tonnes = row.number("tonnes", 0.0)
            offer = self.offers.position.get((good, facilities.get(seller, -1)))
            need = self.needs.position.get((good, facilities.get(buyer, -1)))
            if offer is not None and need is not None:
                blocks[good][offer - first_offer[good], need - first_need[good]] += tonnes
            elif links_known and seller in facilities and buyer in facilities:
                message = f"{seller} -> {buyer} is not a link of {row.text('good')}"
                row.refuse("", message, "it needs a row of outputs.csv and one of inputs.csv")
        return blocks

    def _composition(self) -> FloatArray:
        """(O, E) element shares that sum to 1, or to 0 where nothing is stated."""
        shares = np.zeros((len(self.offers.rows), len(self.elements.rows)))
        for row in self._table(self.year / "composition.csv", "facility", "good", "element", "share"):
            good = self.good.get(row.word("good", self.listed.index, "good"), -1)
            facility = row.word("facility", self.facilities.index, "facility")
            element = row.word("element", self.elements.index, "element")
            share = row.number("share", 0.0)
            offer = self.offers.position.get((good, self.facilities.index.get(facility, -1)))
            if offer is not None and element in self.elements.index:
                shares[offer, self.elements.index[element]] = share
        total = shares.sum(1, keepdims=True)
        for offer in np.flatnonzero(total[:, 0] <= 0).tolist():
            row, good = self.offers.rows[offer], self.goods[self.offers.good[offer]]
            kind = self.facilities.rows[self.offers.facility[offer]].text("kind")
            if good.basket and kind != "trader":
                remedy = f"add rows of composition.csv for {row.text('facility')}"
                row.refuse("good", f"nothing says which elements its {good.id} holds", remedy)
        stated: FloatArray = np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
        return stated

    def _hosts(self) -> dict[str, Any]:
        table = self._table(self.top / "hosts.csv", *HOSTS)
        return read_hosts(table, self.offers, self.listed, self.countries, self.facilities)

    def _on_fob(self) -> BoolArray:
        column = "duty_on_fob"
        marks = [row.word(column, ("0", "1"), column) for row in self.countries.rows]
        return np.array([mark == "1" for mark in marks], dtype=bool)

    def _tariffs(self) -> FloatArray:
        """(G, C, C) rates, exporter by importer; goods that nobody sells in this year are left out."""
        codes = self.countries.index
        rates = np.zeros((len(self.goods), len(codes), len(codes)))
        for row in self._table(self.year / "tariffs.csv", "good", "exporter", "importer", "rate"):
            good = row.word("good", self.listed.index, "good")
            ends = [row.word(end, codes, "country") for end in ("exporter", "importer")]
            rate = row.number("rate", LEAST_TARIFF)
            if good in self.good and all(end in codes for end in ends):
                rates[self.good[good], codes[ends[0]], codes[ends[1]]] = rate
        return rates

    def _substitutes(self) -> Mapping[str, str]:
        return {
            row.word("good", self.listed.index, "good"): row.text("group")
            for row in self._table(self.top / "substitutes.csv", "group", "good")
        }

    def _groups(self) -> Mapping[str, tuple[str, ...]]:
        return {
            label: tuple(row.text("iso3") for row in self.countries.rows if row.text(column) == "1")
            for column, label in GROUP_COLUMNS.items()
        }

    def _shipping(self, distance: FloatArray, country: IntArray) -> tuple[list[FloatArray], list[FloatArray]]:
        """Per good (sellers, buyers) years under way, and freight as a share of FOB value."""
        transport = read_transport(self.top / "transport.csv", self.problems)
        years, freight = [], []
        for good in range(len(self.goods)):
            origin = country[self.offers.facility[self.offers.good == good]]
            destination = country[self.needs.facility[self.needs.good == good]]
            km, abroad = distance[np.ix_(origin, destination)], origin[:, None] != destination
            years.append(transport.years(km, abroad))
            freight.append(transport.freight(km, abroad))
        return years, freight

    def world(self) -> World:
        """The world.

        Raises:
            MonaziteError: something in the folder is wrong.
        """
        offers, needs, facilities, countries = self.offers, self.needs, self.facilities, self.countries
        self._check_goods()
        output, use = offers.numbers("output_t", 0.0), needs.numbers("use_t", 0.0)
        capacity, full_use = offers.capacity(output), needs.full_use(use)
        self._check_rows(use, output)
        flow = self._base_flow()
        sold, bought = (np.concatenate([block.sum(axis) for block in flow]) for axis in (1, 0))
        offers.check_margin("output_t", output, sold)
        needs.check_margin("use_t", use, bought)
        country = np.array([countries.index.get(code, 0) for code in facilities.texts("country")])
        distance = great_circle_km(countries.numbers("lon", -180, 180), countries.numbers("lat", -90, 90))
        years, freight = self._shipping(distance, country)
        world = World(
            base_year=self.base_year,
            goods=self.goods,
            countries=tuple(countries.index),
            country_names=countries.texts("name"),
            country_duty_on_fob=self._on_fob(),
            groups=self._groups(),
            elements=tuple(self.elements.index),
            facilities=tuple(facilities.index),
            facility_names=facilities.texts("name"),
            facility_kind=facilities.texts("kind"),
            facility_country=country,
            facility_firm=_firms(facilities),
            facility_sector=facilities.texts("sector"),
            facility_value_added=facilities.numbers("value_added_usd", 0.0),
            offer_facility=offers.facility,
            offer_good=offers.good,
            offer_output=sold,
            # Ten digits of an output and the sum of its flows differ in the last.
            offer_capacity=np.maximum(capacity, sold),
            offer_stock=sold * offers.numbers("stock_weeks", 0.0) / WEEKS_PER_YEAR,
            offer_cash_cost=offers.numbers("cash_cost_usd_t", 0.0),
            offer_composition=self._composition(),
            **self._hosts(),
            substitutes=self._substitutes(),
            need_facility=needs.facility,
            need_good=needs.good,
            need_use=bought,
            need_full_use=full_use,
            need_cover=needs.numbers("cover_weeks", 0.0) / WEEKS_PER_YEAR,
            need_dependence=needs.numbers("dependence", 0.0, 1.0),
            **needs.ladder(),
            base_flow=flow,
            transit_years=tuple(years),
            freight_share=tuple(freight),
            base_tariff=self._tariffs(),
            distance_km=distance,
            **_long_run(self),
            scrap=_scrap(self),
        )
        self.problems.check()
        return world


def _firms(facilities: Named) -> tuple[str, ...]:
    """Owner of each facility, itself where none is stated."""
    return tuple(firm or name for firm, name in zip(facilities.texts("firm"), facilities.index, strict=True))


def _long_run(reader: _Reader) -> dict[str, Any]:
    """Projects, what is known of reserves, and political risk, where a scenario asked for projects."""
    projects = read_projects(reader.year / CATALOGUE, reader.facilities.index, reader.problems)
    if not projects:
        return {}
    known = read_reserves(reader.top / REGISTER, reader.base_year)
    known |= read_reserves(reader.top / RESERVES, reader.base_year)
    left = [known.get(row.text("facility"), np.inf) for row in reader.offers.rows]
    risk = reader.countries.numbers("political_risk", 0.0, 1.0)
    return {"projects": projects, "offer_reserve": np.array(left), "country_risk": risk}


def _scrap(reader: _Reader) -> Scrap | None:
    """Goods in use and recyclers, where a scenario asked for scrap."""
    names, goods = list(reader.facilities.index), [good.id for good in reader.goods]
    offers, needs = (
        {(names[facility], goods[good]): at for (good, facility), at in ends.position.items()}
        for ends in (reader.offers, reader.needs)
    )
    country = dict(zip(names, reader.facilities.texts("country"), strict=True))
    return read_scrap(reader.year, (offers, needs), country, reader.problems)
