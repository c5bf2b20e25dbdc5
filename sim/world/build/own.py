"""Tables of a world of one's own: mines, plants, uses, flows and prices, checked before anything is built."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from math import fsum
from pathlib import Path

import pandas as pd

from sim.names import REST_NAMES, NoCountry, country_code, folded
from sim.tables import Problems, Table, read_table
from sim.tables import Row as Line
from sim.world.build.raw import OTHER
from sim.world.build.raw import Row as Cells
from sim.world.build.stand_in import StandIn
from sim.world.build.supply import pairs

__all__ = ["COLUMNS", "OwnTables", "unit_slips"]

COLUMNS = {
    "prices": ("good", "name", "mineral", "stage", "unit", "price_usd_t"),
    "mines": ("good", "country", "output_t"),
    "plants": ("good", "country", "output_t", "inputs"),
    "uses": ("good", "sector", "country"),
    "flows": ("good", "exporter", "importer", "tonnes"),
}
"""Columns that each table has to have; further ones may be left out."""
OPTIONAL = {
    "prices": ("hs6", "source"),
    "mines": ("capacity_t", "cash_cost_usd_t", "name", "firm", "source"),
    "plants": ("capacity_t", "cash_cost_usd_t", "name", "firm", "source"),
    "uses": ("use_t", "share", "source"),
    "flows": ("source",),
}
NEEDED = ("prices", "mines", "uses")
README = "README.md of 'monazite world new FOLDER' explains every column"
WORD = re.compile(r"[a-z][a-z0-9_]*")
DOTTED = re.compile(r"[0-9]{1,3}\.[0-9]{3}")
"""A number whose dot may be meant to part thousands."""
USUAL_HOME = "0.7"


class OwnTables(StandIn):
    """The tables of a folder, with what is wrong in any of them raised at once.

    Args:
        root: the folder that holds ``data/raw``.
        folder: with ``prices.csv``, ``mines.csv``, ``uses.csv``; ``plants.csv`` and ``flows.csv`` if wanted.
        year: of the world.

    Raises:
        MonaziteError: tables, columns or cells that are missing or wrong, each with file, line and remedy.
    """

    def __init__(self, root: Path, folder: Path, year: int) -> None:
        super().__init__(root, year)
        self.own, self.problems = folder, Problems()
        self.tables = dict(self._read())
        self.goods = self._read_goods()
        sectors = [row["sector"] for row in self.usual("sectors")]
        self.mines = [self._seller(line) for line in self._lines("mines")]
        self.plants = [self._plant(line) for line in self._lines("plants")]
        self.uses = [self._use(line, sectors) for line in self._lines("uses")]
        self.flows = [self._flow(line) for line in self._lines("flows")]
        self._check_uses()
        self.problems.check()
        self._check_chains()
        self._check_flows()
        self.problems.check()

    def _read(self) -> Iterator[tuple[str, Table]]:
        for name, columns in COLUMNS.items():
            path = self.own / f"{name}.csv"
            if path.is_file() or name in NEEDED:
                table = read_table(path, columns, self.problems, README)
                for column in table.position:
                    if column not in (*columns, *OPTIONAL[name]):
                        known = ", ".join((*columns, *OPTIONAL[name]))
                        said = f"unknown column '{column[:60]}'"
                        self.problems.note(f"{path}:1", said, f"columns are: {known}")
                yield name, table

    def _lines(self, name: str) -> Iterator[Line]:
        return iter(self.tables[name]) if name in self.tables else iter(())

    def _read_goods(self) -> dict[str, Cells]:
        found: dict[str, Cells] = {}
        for line in self.tables["prices"]:
            columns = ("good", "name", "mineral", "stage", "unit")
            row = {column: self._text(line, column) for column in columns}
            for column in ("good", "mineral", "stage"):
                if not WORD.fullmatch(row[column]):
                    say = "write small letters, digits and '_'"
                    line.refuse(column, f"'{row[column][:60]}' is no word", say)
            if not row["unit"].startswith("t"):
                say = "write t, or t and what, as in 't Si'"
                line.refuse("unit", f"'{row['unit'][:60]}' is no unit in tonnes", say)
            if row["good"] in found:
                line.refuse("good", f"'{row['good']}' stands twice", "remove one row")
            row["price"] = str(line.number("price_usd_t", positive=True))
            row |= {"hs6": self._optional(line, "hs6"), "source": self._optional(line, "source")}
            found[row["good"]] = row
        return found

    def _text(self, line: Line, column: str) -> str:
        text = line.text(column).strip()
        if not text:
            line.refuse(column, "is empty", README)
        return text

    def _optional(self, line: Line, column: str, usual: str = "") -> str:
        return line.text(column).strip() if column in line._table.position else usual

    def _country(self, line: Line, column: str) -> str:
        word = line.text(column).strip()
        if folded(word) in REST_NAMES:
            return OTHER
        try:
            return country_code(word)
        except NoCountry as error:
            line.refuse(column, error.message, error.remedy)
            return OTHER

    def _good(self, line: Line) -> str:
        return line.word("good", self.goods, "good of prices.csv")

    def _seller(self, line: Line) -> Cells:
        tonnes = line.number("output_t", 0.0)
        row: Cells = {"line": line, "good": self._good(line), "country": self._country(line, "country")}
        row["tonnes"] = tonnes
        for column in ("capacity_t", "cash_cost_usd_t"):
            given = bool(self._optional(line, column))
            row[column] = line.number(column, 0.0) if given else 0.0
        if tonnes == 0 and not row["capacity_t"] > 0:
            line.refuse("output_t", "is 0 without a capacity", "state capacity_t, or remove the row")
        if 0 < row["capacity_t"] < tonnes:
            said = f"{row['capacity_t']:g} is below the output"
            line.refuse("capacity_t", said, "write at least the output")
        row |= {column: self._optional(line, column) for column in ("name", "firm", "source")}
        return row

    def _plant(self, line: Line) -> Cells:
        row = self._seller(line)
        if row["tonnes"] == 0:
            say = "add plants that do not work yet by 'world: facilities:' of a scenario"
            line.refuse("output_t", "a plant of the folder works", say)
        try:
            inputs = pairs(line.text("inputs").strip())
        except ValueError:
            inputs = {}
        if not inputs or not all(0 < value < float("inf") for value in inputs.values()):
            say = "write goods with tonnes per tonne of output, as in 'silicon_ore:2.7;coke:1.1'"
            line.refuse("inputs", f"'{line.text('inputs')[:60]}' says no inputs", say)
        for good in inputs:
            if good not in self.goods:
                line.refuse("inputs", f"'{good[:60]}' is no good of prices.csv", "add its row there")
        row["inputs"] = {good: value for good, value in inputs.items() if good in self.goods}
        return row

    def _use(self, line: Line, sectors: list[str]) -> Cells:
        country = self._country(line, "country") if line.text("country").strip() else ""
        row: Cells = {"line": line, "good": self._good(line), "country": country}
        row["sector"] = line.word("sector", sectors, "sector")
        given = [column for column in ("use_t", "share") if self._optional(line, column)]
        if len(given) != 1:
            line.refuse("", "states use_t and share, or neither", "state one of them")
        row["kind"] = given[0] if given else "use_t"
        highest = 1.0 if row["kind"] == "share" else float("inf")
        row["amount"] = line.number(row["kind"], 0.0, highest, positive=True) if len(given) == 1 else 1.0
        if row["kind"] == "share" and country:
            say = "leave the country empty, or state use_t"
            line.refuse("share", "goes with a sector of all countries", say)
        row["source"] = self._optional(line, "source")
        return row

    def _flow(self, line: Line) -> Cells:
        row: Cells = {"line": line, "good": self._good(line)}
        row |= {end: self._country(line, end) for end in ("exporter", "importer")}
        row["tonnes"] = line.number("tonnes", 0.0)
        row["source"] = self._optional(line, "source")
        return row

    def _check_uses(self) -> None:
        """Of one good shares or tonnes, and shares that make a whole."""
        for good in self.goods:
            rows = [row for row in self.uses if row["good"] == good]
            if len({row["kind"] for row in rows}) > 1:
                say = "state the same in all of its rows"
                rows[-1]["line"].refuse("", f"{good} has shares and tonnes", say)
            whole = fsum(row["amount"] for row in rows if row["kind"] == "share")
            if rows and rows[0]["kind"] == "share" and abs(whole - 1) > 0.02:
                rows[-1]["line"].refuse("share", f"the shares of {good} add up to {whole:.3g}", "make them 1")

    def _check_chains(self) -> None:
        """What is sold is bought, what is bought is sold."""
        sold = {row["good"] for row in (*self.mines, *self.plants)}
        bought = {row["good"] for row in self.uses} | {good for row in self.plants for good in row["inputs"]}
        path = self.own / "prices.csv"
        for good in self.goods:
            if good not in sold:
                self.problems.note(str(path), f"nobody makes '{good}'", "add rows to mines.csv or plants.csv")
            if good not in bought:
                self.problems.note(str(path), f"nobody buys '{good}'", "add rows to uses.csv or plants.csv")

    def _check_flows(self) -> None:
        """Nobody ships what it neither makes nor buys."""
        for good in self.goods:
            made: dict[str, float] = {}
            for row in (*self.mines, *self.plants):
                if row["good"] == good:
                    made[row["country"]] = made.get(row["country"], 0.0) + row["tonnes"]
            rows = [row for row in self.flows if row["good"] == good and row["exporter"] != row["importer"]]
            for country in dict.fromkeys(row["exporter"] for row in rows):
                sent = [row for row in rows if row["exporter"] == country]
                tonnes, own = fsum(row["tonnes"] for row in sent), made.get(country, 0.0)
                if tonnes > own * (1 + 1e-6):
                    lines = ", ".join(str(row["line"].line) for row in sent)
                    sent[0]["line"].refuse(
                        "tonnes",
                        f"{country} ships {tonnes:,.6g} t of {good} (lines {lines}) and makes {own:,.6g} t",
                        f"raise its output by {tonnes - own:,.6g} t, or lower its flows by as much",
                    )

    # -- what the builder reads ------------------------------------------------------------------

    @cached_property
    def baci(self) -> pd.DataFrame:
        """The stated flows, each good a code of its own, at one price."""
        rows = [row for row in self.flows if row["exporter"] != row["importer"] and row["tonnes"] > 0]
        return pd.DataFrame(
            {
                "year": self.year,
                "hs6": [row["good"] for row in rows],
                "exporter": [row["exporter"] for row in rows],
                "importer": [row["importer"] for row in rows],
                "value_kusd": [row["tonnes"] for row in rows],
                "quantity_t": [row["tonnes"] for row in rows],
            }
        )

    def _goods(self) -> list[Cells]:
        extra = {"market": "", "basket": "0", "element": "", "note": ""}
        columns = ("good", "name", "mineral", "stage", "unit", "hs6")
        return [{**{column: row[column] for column in columns}, **extra} for row in self.goods.values()]

    def _trade_rules(self) -> list[Cells]:
        stated = set(self.baci["hs6"])
        found = []
        for good in self.goods:
            known = good in stated
            source = "flows.csv fitted to the margins" if known else "no flows stated: gravity"
            rule = {"base_year": "", "good": good, "codes": good if known else "", "content": "1"}
            rule |= {"home_share": USUAL_HOME, "traders": "0", "skip": "", "source": source}
            found.append({**rule, "confidence": "derived" if known else "assumption"})
        return found

    def _end_uses(self) -> list[Cells]:
        return [
            {"base_year": "", "good": row["good"], "sector": row["sector"], "share": row["amount"],
             "source": row["source"] or "uses.csv", "confidence": "derived"}
            for row in self.uses
            if row["kind"] == "share"
        ]  # fmt: skip

    def _use_countries(self) -> list[Cells]:
        """Where flows are stated, countries of uses by share follow what arrives and stays."""
        shared = dict.fromkeys(row["good"] for row in self.uses if row["kind"] == "share")
        stated = set(self.baci["hs6"])
        return [{"base_year": "", "good": g, "iso3": "*", "share": ""} for g in shared if g in stated]

    def _countries(self) -> list[Cells]:
        named = {row["country"] for row in (*self.mines, *self.plants, *self.uses)}
        named |= {row[end] for row in self.flows for end in ("exporter", "importer")}
        return self.with_countries(named - {"", OTHER})


def unit_slips(tables: OwnTables) -> list[str]:
    """What looks like a slip of units, one sentence each: dots in numbers, flows far from what is made."""
    found = []
    for table in tables.tables.values():
        for line in table:
            for column in ("output_t", "capacity_t", "use_t", "tonnes"):
                text = line.text(column).strip() if column in table.position else ""
                if DOTTED.fullmatch(text):
                    meant = text.replace(".", "")
                    place = f"{table.path}:{line.line}: {column}"
                    said = f"{place}: {text} is read as {float(text):g}"
                    found.append(f"{said}; write {meant} if that is meant")
    for good in tables.goods:
        made = fsum(row["tonnes"] for row in (*tables.mines, *tables.plants) if row["good"] == good)
        sent = fsum(row["tonnes"] for row in tables.flows if row["good"] == good)
        if sent and made and not 0.01 <= sent / made <= 10:
            say = "are all figures in tonnes?"
            found.append(f"flows.csv: {sent:,.6g} t of {good} are shipped and {made:,.6g} t made; {say}")
    return found
