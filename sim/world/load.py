"""Read ``data/world`` into one frozen :class:`~sim.world.world.World`.

Reads CSV only. Every identity that the engine relies on (margins of flows, one country per facility, known
codes, capacity for all that is made) is checked here, so a damaged data folder says all that is wrong with
it, by file and row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim.errors import MonaziteError
from sim.paths import world_directory
from sim.tables import Problems, Row, Table, read_table
from sim.world.transport import great_circle_km, read_transport
from sim.world.world import FloatArray, Good, IntArray, World

__all__ = ["load_world"]

MARGIN_TOLERANCE = 1e-4
"""Largest relative gap between an output or use and the sum of its flows."""
ROUNDING = 1e-6
"""Relative gap by which a capacity may lie below its output, both written with few digits."""
WEEKS_PER_YEAR = 52.0
GROUP_COLUMNS = {"eu27": "EU27", "oecd": "OECD", "g7": "G7", "brics": "BRICS"}
KINDS = ("miner", "processor", "trader", "manufacturer")
LEAST_TARIFF = -0.99
"""A subsidy of nearly the whole price."""
INFINITE = float("inf")


@dataclass(frozen=True)
class _Named:
    """A table whose rows have a name each."""

    rows: list[Row]
    index: dict[str, int]
    """Name -> place."""

    def texts(self, column: str) -> tuple[str, ...]:
        return tuple(row.text(column) for row in self.rows)

    def numbers(self, column: str, low: float, high: float = INFINITE) -> FloatArray:
        """One number a row; an empty cell is 0."""
        return np.array([row.number(column, low, high, empty=0.0) for row in self.rows])


@dataclass(frozen=True)
class _Ends:
    """Offers, or needs: rows of one table, sorted by good, then facility."""

    rows: list[Row]
    good: IntArray
    facility: IntArray
    position: dict[tuple[int, int], int]
    """(good, facility) -> place."""

    def numbers(self, column: str, low: float, high: float = INFINITE) -> FloatArray:
        """One number a row; an empty cell is 0."""
        return np.array([row.number(column, low, high, empty=0.0) for row in self.rows])

    def first(self, goods: int) -> IntArray:
        """(G + 1,) place of each good's first row."""
        return np.searchsorted(self.good, np.arange(goods + 1))


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
    return _Reader(top, base_year).world()


class _Reader:
    """One base year while it is being read. What is wrong is noted, and raised by :meth:`world`."""

    def __init__(self, top: Path, base_year: int) -> None:
        self.top, self.year, self.base_year = top, top / str(base_year), base_year
        self.problems = Problems()
        self.countries = self._named(top / "countries.csv", "iso3", ("name", "lon", "lat", *GROUP_COLUMNS))
        columns: tuple[str, ...] = ("name", "mineral", "stage", "unit", "hs6", "basket", "element")
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
        columns = ("use_t", "cover_weeks", "reservation_multiple", "dependence")
        inputs = self._table(self.year / "inputs.csv", "facility", "good", *columns)
        self.goods = self._goods({good for (good,) in outputs.columns("good")})
        self.good = {good.id: place for place, good in enumerate(self.goods)}
        self.offers, self.needs = self._ends(outputs), self._ends(inputs)

    def _table(self, path: Path, *columns: str) -> Table:
        return read_table(path, columns, self.problems)

    def _named(self, path: Path, key: str, columns: tuple[str, ...] = ()) -> _Named:
        rows: list[Row] = []
        index: dict[str, int] = {}
        for row in self._table(path, key, *columns):
            name = row.text(key)
            if name in index:
                row.refuse(key, f"'{name}' stands twice", "remove one row")
                continue
            index[name] = len(rows)
            rows.append(row)
        return _Named(rows, index)

    def _goods(self, traded: set[str]) -> tuple[Good, ...]:
        """The goods that somebody sells in this base year."""
        path = self.year / "prices.csv"
        prices = {
            row.word("good", self.listed.index, "good"): row.number("price_usd_t", positive=True)
            for row in self._table(path, "good", "price_usd_t")
        }
        for good in sorted(traded & self.listed.index.keys() - prices.keys()):
            self.problems.note(str(path), f"has no price of '{good}', which is sold", "add its row")
        return tuple(
            Good(
                id=row.text("good"),
                name=row.text("name"),
                mineral=row.text("mineral"),
                stage=row.text("stage"),
                unit=row.text("unit"),
                hs6=tuple(code for code in row.text("hs6").split(";") if code),
                basket=row.text("basket") == "1",
                element=row.text("element"),
                base_price=prices.get(row.text("good"), 1.0),
            )
            for row in self.listed.rows
            if row.text("good") in traded
        )

    def _ends(self, table: Table) -> _Ends:
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
        return _Ends([found[key] for key in keys], goods, facilities, places)

    def _capacity(self, output: FloatArray) -> FloatArray:
        """(O,) t/year; an empty cell stands for the output."""
        stated = np.empty(len(output))
        for place, (row, made) in enumerate(zip(self.offers.rows, output.tolist(), strict=True)):
            stated[place] = capacity = row.number("capacity_t", 0.0, empty=made)
            if capacity < made * (1 - ROUNDING):
                message = f"{row.text('capacity_t')} is less than the output, {row.text('output_t')}"
                row.refuse("capacity_t", message, "raise it, or lower output and flows")
            if capacity == 0 and made == 0:
                remedy = "give a facility that enters later its capacity, or remove the row"
                row.refuse("capacity_t", "makes nothing and has no capacity", remedy)
        return stated

    def _check_use(self, use: FloatArray, output: FloatArray) -> None:
        """Only a plant that makes nothing yet may use nothing, and it may use no more."""
        sells = set(self.offers.facility.tolist())
        at_work = set(self.offers.facility[output > 0].tolist())
        for row, facility, used in zip(
            self.needs.rows, self.needs.facility.tolist(), use.tolist(), strict=True
        ):
            waits = facility in sells and facility not in at_work
            if used == 0 and not waits:
                row.refuse("use_t", "uses nothing", "write its use, or remove the row")
            if used > 0 and waits:
                message = f"uses {row.text('use_t')} t, but the facility makes nothing"
                row.refuse("use_t", message, "write 0, or give the facility an output")

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

    def _check_margin(self, ends: _Ends, column: str, stated: FloatArray, flows: FloatArray) -> None:
        gap = np.abs(stated - flows) > MARGIN_TOLERANCE * stated
        for place in np.flatnonzero(gap).tolist():
            message = f"{ends.rows[place].text(column)} t, but the flows sum to {flows[place]:.6g} t"
            ends.rows[place].refuse(column, message, "make them agree, or rebuild with 'make data'")

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
        stated: FloatArray = np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
        return stated

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
        if not self.goods:
            message = "sells nothing that goods.csv names"
            self.problems.note(str(self.year / "outputs.csv"), message, "add rows")
            self.problems.check()
        output, use = offers.numbers("output_t", 0.0), needs.numbers("use_t", 0.0)
        capacity = self._capacity(output)
        self._check_use(use, output)
        flow = self._base_flow()
        sold, bought = (np.concatenate([block.sum(axis) for block in flow]) for axis in (1, 0))
        self._check_margin(offers, "output_t", output, sold)
        self._check_margin(needs, "use_t", use, bought)
        country = np.array([countries.index.get(code, 0) for code in facilities.texts("country")])
        distance = great_circle_km(countries.numbers("lon", -180, 180), countries.numbers("lat", -90, 90))
        years, freight = self._shipping(distance, country)
        firms = zip(facilities.texts("firm"), facilities.index, strict=True)
        world = World(
            base_year=self.base_year,
            goods=self.goods,
            countries=tuple(countries.index),
            country_names=countries.texts("name"),
            groups=self._groups(),
            elements=tuple(self.elements.index),
            facilities=tuple(facilities.index),
            facility_names=facilities.texts("name"),
            facility_kind=facilities.texts("kind"),
            facility_country=country,
            facility_firm=tuple(firm or facility for firm, facility in firms),
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
            substitutes=self._substitutes(),
            need_facility=needs.facility,
            need_good=needs.good,
            need_use=bought,
            need_cover=needs.numbers("cover_weeks", 0.0) / WEEKS_PER_YEAR,
            need_reservation=needs.numbers("reservation_multiple", 1.0),
            need_dependence=needs.numbers("dependence", 0.0, 1.0),
            base_flow=flow,
            transit_years=tuple(years),
            freight_share=tuple(freight),
            base_tariff=self._tariffs(),
            distance_km=distance,
        )
        self.problems.check()
        return world
