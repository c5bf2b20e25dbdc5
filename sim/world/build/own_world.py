"""A world of one's own from a folder of five tables, on the road of the curated worlds."""

from __future__ import annotations

import re
import shutil
from math import fsum
from pathlib import Path

from sim.errors import MonaziteError
from sim.world.build.bilateral import balance
from sim.world.build.demand import Sectors, add_end_use
from sim.world.build.draft import Adjustment, Draft, Facility, Offer, Use
from sim.world.build.economy import set_behaviour
from sim.world.build.own import OwnTables
from sim.world.build.places import country_rows, places
from sim.world.build.raw import OTHER, Row
from sim.world.build.supply import pairs
from sim.world.build.write import GOODS, YearTables, write_table, write_year

__all__ = ["build_own_world", "write_common"]

MOST_SCALED = 2.0
"""What is used may differ from what is made by this factor at the most."""
MOVED = 0.01
"""A stated flow that the fit moves by more is told."""
WRITTEN = ("goods.csv", "hosts.csv", "substitutes.csv", "countries.csv")
"""Tables of all years that a world has of its own; the others are those of the curated worlds."""


def build_own_world(root: Path, tables: Path, folder: Path, year: int, out: Path) -> OwnTables:
    """Build the world of a folder's tables into ``out``, laid out like ``data/world``.

    Args:
        root: the folder that holds ``data/raw``.
        tables: a folder of world tables, of which those that hold for all years are copied.
        folder: with ``prices.csv``, ``mines.csv``, ``uses.csv``; ``plants.csv`` and ``flows.csv`` if wanted.
        year: that the tables describe.
        out: folder to write.

    Returns:
        The tables as they were read.

    Raises:
        MonaziteError: what is wrong with the tables, or why they do not balance: which rows, by how much,
            what to change.
    """
    own = OwnTables(root, folder, year)
    draft = Draft(year)
    _add_sellers(draft, own)
    sectors, points = Sectors.read(own, year), places(own)
    rules = {rule["good"]: rule for rule in own.rows("trade_rules")}
    prices = _prices(own)
    try:
        for good in own.goods:
            _check_balance(draft, own, good)
            add_end_use(draft, own, sectors, good)
            _add_stated_use(draft, own, sectors, good)
            balance(draft, good, rules[good], own, points)
            _tell_moved(draft, own, good)
        set_behaviour(draft, own, prices, {good: row["mineral"] for good, row in own.goods.items()})
    except ValueError as error:
        say = "compare prices.csv and the inputs of plants.csv" if "inputs cost" in str(error) else ""
        raise MonaziteError(f"{folder}: {error}" + (f"; {say}" if say else "")) from error
    goods = own.rows("goods")
    write_year(out / str(year), draft, YearTables(goods, prices, [], []))
    write_common(out, tables, goods, country_rows(own))
    return own


def write_common(out: Path, tables: Path, goods: list[Row], countries: list[Row]) -> None:
    """Tables of all years: goods and countries of the world, the others as the curated worlds have them."""
    write_table(out / "goods.csv", GOODS, [[row[c] for c in GOODS] for row in goods])
    write_table(out / "hosts.csv", ["good", "country", "host", "share", "source", "confidence"], [])
    write_table(out / "substitutes.csv", ["group", "good", "source", "confidence"], [])
    write_table(out / "countries.csv", list(countries[0]), [list(row.values()) for row in countries])
    for path in sorted(tables.glob("*.csv")):
        if path.name not in WRITTEN:
            shutil.copyfile(path, out / path.name)


def _add_sellers(draft: Draft, own: OwnTables) -> None:
    """Mines and plants; two rows of a country and good are two facilities."""
    costs: list[Row] = []
    for kind, rows in (("miner", own.mines), ("processor", own.plants)):
        for row in rows:
            good, country = row["good"], row["country"]
            facility = _identity(draft, f"{good}_{country.lower()}", row["firm"] or row["name"])
            where = "other countries" if country == OTHER else country
            name = row["name"] or f"{own.goods[good]['name']}, {where}"
            label = (row["source"] or f"{kind}s of the folder", "seen" if row["source"] else "assumption")
            firm = row["firm"] or f"other {country}"
            draft.add(Facility(facility, name, kind, country, firm, "", 0.0, *label))
            draft.offer(good, facility, Offer(row["tonnes"], *label, capacity=row["capacity_t"]))
            for taken, tonnes in row.get("inputs", {}).items():
                draft.use(taken, facility, Use(tonnes * row["tonnes"], f"recipe; {label[0]}", label[1]))
            if row["cash_cost_usd_t"]:
                cost = {"base_year": "", "good": good, "facility": facility}
                costs.append({**cost, "cash_cost_usd_t": row["cash_cost_usd_t"]})
    own.rows("cash_costs_by_facility").extend(costs)


def _identity(draft: Draft, usual: str, name: str) -> str:
    """An id that no other facility has: good and country, and the firm where that is not enough."""
    if usual not in draft.facilities:
        return usual
    word = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_") or "other"
    found, count = f"{usual}_{word}", 2
    while found in draft.facilities:
        found, count = f"{usual}_{word}_{count}", count + 1
    return found


def _prices(own: OwnTables) -> dict[str, Row]:
    return {
        good: {
            "price_usd_t": float(row["price"]),
            "series": "stated",
            "source": row["source"] or "prices.csv",
            "confidence": "seen" if row["source"] else "assumption",
        }
        for good, row in own.goods.items()
    }


def _check_balance(draft: Draft, own: OwnTables, good: str) -> None:
    """Use near what is made; otherwise which rows say what, and what to change.

    Raises:
        ValueError: they differ by more than :data:`MOST_SCALED`.
    """
    made = draft.supply(good)
    taken = fsum(use.tonnes for use in draft.uses.get(good, {}).values())
    stated = [row for row in own.uses if row["good"] == good]
    used = fsum(row["amount"] for row in stated if row["kind"] == "use_t")
    shared = any(row["kind"] == "share" for row in stated)
    if shared and taken < made:
        return
    whole = taken + used
    if 1 / MOST_SCALED <= whole / made <= MOST_SCALED and not (stated and taken >= made):
        return
    lines = ", ".join(str(row["line"].line) for row in stated) or "none"
    rest = " and shares of the rest" if shared else ""
    raise ValueError(
        f"{good} cannot balance: {made:,.6g} t are made, plants take {taken:,.6g} t and uses.csv "
        f"(lines {lines}) has {used:,.6g} t{rest}; change output or use by about {abs(made - whole):,.6g} t"
    )


def _add_stated_use(draft: Draft, own: OwnTables, sectors: Sectors, good: str) -> None:
    """Uses in tonnes: of a sector in a country, or spread over the countries where the sector is."""
    rows = [row for row in own.uses if row["good"] == good and row["kind"] == "use_t"]
    if not rows:
        return
    cells: dict[tuple[str, str], float] = {}
    for row in rows:
        spread = {row["country"]: 1.0} if row["country"] else sectors.weight[row["sector"]]
        for country, share in spread.items():
            key = country, row["sector"]
            cells[key] = cells.get(key, 0.0) + share * row["amount"]
    left = draft.supply(good) - fsum(use.tonnes for use in draft.uses.get(good, {}).values())
    whole = fsum(cells.values())
    if abs(left / whole - 1) > 1e-9:
        rule = "scaled to what is made less what plants take"
        draft.adjust(Adjustment(good, "WLD", "stated use", whole, left, "t", rule))
    source = next((row["source"] for row in rows if row["source"]), "")
    label = (source or "uses.csv", "seen" if source else "assumption")
    for (country, sector), tonnes in cells.items():
        facility = f"{sector}_{country.lower()}"
        where = "rest of the world" if country == OTHER else country
        worth = _value_added(own, sectors, sector, country)
        name, firm = f"{sectors.names[sector]}, {where}", f"{sector} {country}"
        text = sectors.source[sector]
        draft.add(Facility(facility, name, "manufacturer", country, firm, sector, worth, *text))
        draft.use(good, facility, Use(tonnes * left / whole, *label, value_added=worth))


def _value_added(own: OwnTables, sectors: Sectors, sector: str, country: str) -> float:
    """USD a year; of a country that the sector's table pools, from the tables of its industries."""
    if country in sectors.value_added[sector]:
        return sectors.value_added[sector][country]
    terms = next(row["terms"] for row in own.rows("sectors") if row["sector"] == sector)
    industries = pairs(terms)
    total = fsum(own.value_added[name].get(country, 0.0) * part for name, part in industries.items())
    # A country without statistics still has an industry where the folder says that it uses the good.
    return total or 1e-4 * fsum(sectors.value_added[sector].values())


def _tell_moved(draft: Draft, own: OwnTables, good: str) -> None:
    """Book every stated flow that the fit moved."""
    fitted: dict[tuple[str, str], float] = {}
    for (seller, buyer), tonnes in draft.flows[good].items():
        pair = draft.facilities[seller].country, draft.facilities[buyer].country
        fitted[pair] = fitted.get(pair, 0.0) + tonnes
    stated: dict[tuple[str, str], float] = {}
    for row in own.flows:
        if row["good"] == good:
            pair = row["exporter"], row["importer"]
            stated[pair] = stated.get(pair, 0.0) + row["tonnes"]
    for (exporter, importer), tonnes in stated.items():
        now = fitted.get((exporter, importer), 0.0)
        if abs(now - tonnes) > MOVED * max(tonnes, now):
            rule = "fitted to what sellers make and buyers use"
            draft.adjust(Adjustment(good, exporter, f"flow to {importer}", tonnes, now, "t", rule))
