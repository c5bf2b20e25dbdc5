"""The road from ``data/raw`` to ``data/world``, one base year at a time."""

from __future__ import annotations

from pathlib import Path

from sim.errors import MonaziteError
from sim.tables import read_table
from sim.world.build.bilateral import balance
from sim.world.build.demand import Sectors, add_end_use
from sim.world.build.draft import Draft
from sim.world.build.economy import read_prices, set_behaviour
from sim.world.build.places import country_rows, places
from sim.world.build.rare_earths import add_magnet_makers, add_ree_mines, separate
from sim.world.build.raw import Raw, Row
from sim.world.build.supply import add_extra_supply, add_mines, add_processors, split_plants
from sim.world.build.trade_records import add_traders
from sim.world.build.write import GOODS, YearTables, write_table, write_year

__all__ = ["build_draft", "build_world"]

COPIED = (
    "behaviour", "firms", "governments", "hosts", "substitutes", "transport", "straits", "sea_legs",
    "harbours", "overland", "projects", "more_countries", "register", "reserves",
    "past_projects", "project_rules", "past_reserves", "scrap", "lifetimes", "recyclers",
)  # fmt: skip
"""Tables of assumptions that the world holds as they are."""


def build_draft(raw: Raw, year: int) -> tuple[Draft, list[Row]]:
    """Facilities, offers, needs and flows of one base year, with the goods that it holds."""
    draft, sectors, points = Draft(year), Sectors.read(raw, year), places(raw)
    add_ree_mines(draft, raw)
    separate(draft, raw)
    add_mines(draft, raw)
    add_extra_supply(draft, raw)
    add_processors(draft, raw)
    split_plants(draft, raw)
    add_magnet_makers(draft, raw)
    goods = [g for g in raw.rows("goods") if g["good"] in draft.offers]
    rules = {r["good"]: r for r in raw.rows_for("trade_rules", year)}
    for good in (g["good"] for g in goods):
        add_end_use(draft, raw, sectors, good)
        if good not in draft.flows:
            add_traders(draft, raw, good)
            balance(draft, good, rules[good], raw, points)
    return draft, goods


def build_world(root: Path, out: Path | None = None) -> None:
    """Build every base year from ``root``/data/raw into ``out`` (default ``root``/data/world)."""
    raw = Raw(root)
    folder = out if out is not None else root / "data" / "world"
    for year in raw.base_years():
        draft, goods = build_draft(raw, year)
        prices = read_prices(raw, year, [g["good"] for g in goods])
        set_behaviour(draft, raw, prices, {g["good"]: g["mineral"] for g in goods})
        present = {g["good"] for g in goods}
        tariffs = [r for r in raw.rows_for("tariffs", year) if r["good"] in present]
        tables = YearTables(goods, prices, tariffs, raw.rows_for("controls", year))
        write_year(folder / str(year), draft, tables)
    write_table(folder / "goods.csv", GOODS, [[r[c] for c in GOODS] for r in raw.rows("goods")])
    columns = "element,name,members,note".split(",")
    write_table(folder / "elements.csv", columns, [[r[c] for c in columns] for r in raw.rows("elements")])
    for table in COPIED:
        rows = raw.rows(table)
        write_table(folder / f"{table}.csv", list(rows[0]), [list(r.values()) for r in rows])
    _write_posterior(root, folder, raw)
    countries = country_rows(raw)
    columns = list(countries[0])
    write_table(folder / "countries.csv", columns, [[r[c] for c in columns] for r in countries])


def _write_posterior(root: Path, folder: Path, raw: Raw) -> None:
    """Parameters and weights of the calibrated sample, where ``data/raw/targets`` holds one.

    A parameter is a column that ``behaviour.csv`` searches; the others (statistics, distance) are dropped.
    """
    source, target = root / "data" / "raw" / "targets" / "posterior.csv", folder / "posterior.csv"
    if not source.is_file():
        target.unlink(missing_ok=True)
        return
    rows = read_table(source).dictionaries()
    columns = [row["parameter"] for row in raw.rows("behaviour") if row["prior_low"]]
    missing = [name for name in (*columns, "weight") if not rows or name not in rows[0]]
    if missing:
        raise MonaziteError(
            f"{source}: has no column '{missing[0]}', which behaviour.csv searches; repeat "
            "'monazite calibrate' and adopt its result, or remove the file"
        )
    columns.append("weight")
    write_table(target, columns, [[row[name] for name in columns] for row in rows])
