"""New facilities and projects in a world that exists: rows added to its tables, its data untouched."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from sim.errors import MonaziteError, did_you_mean
from sim.names import NoCountry, country_code
from sim.tables import read_table
from sim.world.past_projects import year_projects
from sim.world.projects import CATALOGUE, MORE, add_projects, chosen_rows
from sim.world.scrap import add_scrap, chosen_scrap

__all__ = ["NewFacility", "NoWorld", "add_facilities"]

SOURCE = "'world' of the scenario"
FULL_USE = "use_at_capacity_t"
Rows = list[dict[str, str]]


class NoWorld(MonaziteError):
    """There is no such world; ``where`` is the field of the scenario that asks for it."""

    def __init__(self, where: tuple[str, ...], message: str, remedy: str) -> None:
        super().__init__(f"{message}; {remedy}")
        self.where, self.message, self.remedy = where, message, remedy


@dataclass(frozen=True)
class NewFacility:
    """A mine or plant that made nothing in the base year but could.

    Attributes:
        id: its name in tables. good: what it makes. country: where, in any spelling.
        capacity_t: t/year. cash_cost_usd_t: USD/t; that of others in the middle where None.
        firm: who owns it; itself where empty. name: in words.
        inputs: t of input per t of output; what other plants take where empty.
    """

    id: str
    good: str
    country: str
    capacity_t: float
    cash_cost_usd_t: float | None = None
    firm: str = ""
    name: str = ""
    inputs: tuple[tuple[str, float], ...] = ()


COPIES = ("facilities", "outputs", "inputs", "composition")
"""Tables of a year to which rows are added."""


def add_facilities(
    tables: Path,
    base_year: int,
    new: Sequence[NewFacility],
    out: Path,
    projects: tuple[Sequence[str], Path] | None = None,
    scrap: tuple[Sequence[str], Path] | None = None,
) -> None:
    """Copy world tables of one year to ``out`` and add facilities, projects and recyclers.

    Args:
        tables: folder of world tables, which has the year.
        base_year: the year.
        new: facilities; each enters where its price covers its cost.
        out: folder to write.
        projects: names of the catalogue, or ``all``; and the folder that holds the catalogue.
        scrap: what is recovered, or ``all``; and the folder that holds the tables of scrap.

    Raises:
        NoWorld: a facility names what the world does not have; ``where`` says which and what.
    """
    folder = tables / str(base_year)
    read = {name: _rows(folder / f"{name}.csv") for name in COPIES}
    read |= {name: _rows(tables / f"{name}.csv") for name in ("countries", "harbours")}
    goods = {row["good"]: row for row in read_table(tables / "goods.csv").dictionaries()}
    countries = [iso3 for (iso3,) in read_table(tables / "countries.csv").columns("iso3")]
    for facility in new:
        _add(facility, read, goods, countries)
    if projects is not None:
        read["prices"], read["goods"] = _rows(folder / "prices.csv"), list(goods.values())
    added = _projects(base_year, read, projects) if projects is not None else []
    minerals = {name: row["mineral"] for name, row in goods.items()}
    recovered = _scrap(base_year, read, minerals, scrap) if scrap is not None else {}
    shutil.copytree(folder, out / str(base_year))
    for path in tables.glob("*.csv"):
        shutil.copyfile(path, out / path.name)
    for name in COPIES:
        _write(out / str(base_year) / f"{name}.csv", read[name])
    for table, rows in recovered.items():
        _write(out / str(base_year) / table, rows)
    if projects is not None:
        _write(out / str(base_year) / CATALOGUE, added)
        for name in ("countries", "harbours"):
            _write(out / f"{name}.csv", read[name])


def _rows(path: Path) -> Rows:
    return read_table(path).dictionaries() if path.is_file() else []


def _write(path: Path, rows: Rows) -> None:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    if not columns:
        return
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _projects(base_year: int, read: dict[str, Rows], projects: tuple[Sequence[str], Path]) -> Rows:
    words, folder = projects
    made = {row["good"] for row in read["outputs"] if float(row["output_t"] or 0) > 0}
    rows, wrong = chosen_rows(year_projects(folder, base_year, read), words, base_year, made)
    if wrong is not None:
        place, message, remedy = wrong
        raise NoWorld(("world", "projects", str(place)), message, remedy)
    if not rows:
        say = "name some of 'monazite list projects', or leave 'projects' out"
        raise NoWorld(("world", "projects"), f"no project makes what this world of {base_year} makes", say)
    more = _rows(folder / MORE)
    risk = {row["iso3"]: float(row["political_risk"]) for row in read["countries"]}
    return add_projects(rows, read, more, risk)


def _scrap(
    base_year: int,
    read: dict[str, Rows],
    minerals: Mapping[str, str],
    scrap: tuple[Sequence[str], Path],
) -> dict[str, Rows]:
    words, folder = scrap
    sold = {row["good"] for row in read["outputs"] if float(row["output_t"] or 0) > 0}
    here = {good: mineral for good, mineral in minerals.items() if good in sold}
    chosen, wrong = chosen_scrap(folder, words, base_year, here)
    if wrong is not None:
        place, message, remedy = wrong
        raise NoWorld(("world", "scrap", str(place)), message, remedy)
    return add_scrap(chosen, read, here)


def _add(
    new: NewFacility,
    read: Mapping[str, Rows],
    goods: Mapping[str, Mapping[str, str]],
    countries: Sequence[str],
) -> None:
    where = ("world", "facilities", new.id)
    facilities, outputs, inputs = read["facilities"], read["outputs"], read["inputs"]
    kinds = {row["facility"]: row["kind"] for row in facilities}
    if new.id in kinds:
        raise NoWorld(where, f"the world has a facility '{new.id}' already", "choose another id")
    makers = [row for row in outputs if row["good"] == new.good and kinds[row["facility"]] != "trader"]
    makers = [row for row in makers if float(row["output_t"] or 0) > 0]
    if not makers:
        made = sorted({row["good"] for row in outputs})
        say = did_you_mean(new.good, made, list_up_to=0) or "'monazite world show' lists the goods of a world"
        raise NoWorld((*where, "good"), f"nobody makes '{new.good[:60]}' in this world", say)
    if goods[new.good].get("basket") == "1":
        say = "add it to a folder of tables with its composition (MONAZITE_WORLD)"
        raise NoWorld((*where, "good"), f"'{new.good}' is mined with several elements at once", say)
    country = _country(new, where, countries)
    largest = max(makers, key=lambda row: float(row["output_t"]))
    plant = kinds[largest["facility"]] == "processor"
    costs = [float(row["cash_cost_usd_t"] or 0) for row in makers]
    basis = {"source": SOURCE, "confidence": "assumption"}
    facilities.append(
        {"facility": new.id, "name": new.name or new.id, "kind": "processor" if plant else "miner",
         "country": country, "firm": new.firm or new.id, "sector": "", "value_added_usd": "0", **basis}
    )  # fmt: skip
    cost = median(costs) if new.cash_cost_usd_t is None else new.cash_cost_usd_t
    made_of = {"facility": new.id, "output_t": "0", "capacity_t": f"{new.capacity_t:.10g}"}
    outputs.append({**largest, **made_of, "cash_cost_usd_t": f"{cost:.10g}", "by_product": "0", **basis})
    if new.inputs and not plant:
        raise NoWorld((*where, "inputs"), f"mines of {new.good} take no inputs", "leave inputs out")
    if plant:
        names = {row["facility"] for row in makers}
        _add_inputs(new, where, inputs, names)


def _country(new: NewFacility, where: tuple[str, ...], countries: Sequence[str]) -> str:
    try:
        found = new.country if new.country in countries else country_code(new.country)
    except NoCountry as error:
        raise NoWorld((*where, "country"), error.message, error.remedy) from error
    if found not in countries:
        say = "name one of 'monazite list countries', or ROW, the rest of the world"
        raise NoWorld((*where, "country"), f"{found} is no country of this world", say)
    return found


def _add_inputs(new: NewFacility, where: tuple[str, ...], inputs: Rows, makers: set[str]) -> None:
    """Rows of what a plant takes: of stated inputs, or of those that most of its like take."""
    taken: dict[str, Rows] = {}
    for row in inputs:
        if row["facility"] in makers:
            taken.setdefault(row["good"], []).append(row)
    stated = dict(new.inputs)
    for good in stated:
        if good not in taken:
            say = f"they take {', '.join(sorted(taken)) or 'nothing'}"
            raise NoWorld((*where, "inputs"), f"no plant makes {new.good} of '{good[:60]}'", say)
    usual = [good for good, rows in taken.items() if 2 * len(rows) >= len(makers)] or list(taken)
    for good in stated or usual:
        like = max(taken[good], key=lambda row: float(row["use_t"] or 0))
        row = {**like, "facility": new.id, "use_t": "0", "source": SOURCE, "confidence": "assumption"}
        row[FULL_USE] = f"{stated[good] * new.capacity_t:.10g}" if stated else ""
        inputs.append(row)
