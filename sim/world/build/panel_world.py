"""A world of some minerals in one year, from the panel: the same road as that of the curated worlds."""

from __future__ import annotations

import csv
from math import exp, fsum, log
from pathlib import Path

from sim.errors import MonaziteError
from sim.world.build.bilateral import balance
from sim.world.build.demand import Sectors, add_end_use
from sim.world.build.draft import Adjustment, Draft, Facility, Offer, Use
from sim.world.build.economy import set_behaviour
from sim.world.build.own_world import write_common
from sim.world.build.panel import Panel
from sim.world.build.places import country_rows, places
from sim.world.build.raw import OTHER, Row
from sim.world.build.supply import pairs
from sim.world.build.trade_records import add_traders, apparent_use
from sim.world.build.write import YearTables, write_year

__all__ = ["build_panel_world"]

PAST_PRICES = "past_prices.csv"
"""Of a year: what prices were in the years before, at its money."""

MOST_INPUT_COST = 0.88
"""Where an input would cost more of what its product brings, its price is lowered to this share."""


def build_panel_world(root: Path, tables: Path, minerals: tuple[str, ...], year: int, out: Path) -> None:
    """Build the world of some minerals in one year into ``out``, laid out like ``data/world``.

    Args:
        root: the folder that holds ``data/raw`` and ``data/panel``.
        tables: a folder of world tables, of which those that hold for all years are copied.
        minerals: names as in ``data/panel/chains.csv``.
        year: one of which the panel has these minerals.
        out: folder to write.

    Raises:
        MonaziteError: the figures of the year do not make a world; says of which good, and why.
    """
    panel = Panel(root, minerals, year)
    draft = Draft(year)
    prices = panel.prices()
    _add_supply(draft, panel)
    try:
        _add_use(draft, panel)
        _lower_prices(draft, panel, prices)
        past = panel.past_prices()
        _remember(prices, past)
        set_behaviour(draft, panel, prices, {row["good"]: row["mineral"] for row in panel.chain})
    except (ValueError, ZeroDivisionError) as error:
        message = f"the panel's figures of {year} make no world of {', '.join(minerals)}: {error}"
        raise MonaziteError(message) from error
    goods = panel.rows("goods")
    write_year(out / str(year), draft, YearTables(goods, prices, [], []))
    _write_past(out / str(year) / PAST_PRICES, past, prices)
    write_common(out, tables, goods, country_rows(panel))


def _remember(prices: dict[str, Row], past: list[Row]) -> None:
    """Adds to each price with a past ``usual``: the geometric mean of the years before, over it."""
    logs: dict[str, list[float]] = {}
    for row in past:
        logs.setdefault(row["good"], []).append(log(row["ratio"]))
    for good, of in logs.items():
        prices[good] |= {"usual": exp(fsum(of) / len(of))}


def _write_past(path: Path, past: list[Row], prices: dict[str, Row]) -> None:
    if not past:
        return
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("good", "year", "price_usd_t"))
        for row in past:
            price = row["ratio"] * float(prices[row["good"]]["price_usd_t"])
            writer.writerow((row["good"], row["year"], f"{price:.10g}"))


def _add_supply(draft: Draft, panel: Panel) -> None:
    for row in panel.chain:
        tonnes, source, confidence = panel.stage_output(row)
        if row["input"]:
            if not tonnes:
                tonnes, source, confidence = _plants(draft, panel, row)
            _add_facilities(draft, panel, row, tonnes, (source, confidence))
        elif tonnes:
            _add_facilities(draft, panel, row, tonnes, (source, confidence))


def _add_facilities(
    draft: Draft, panel: Panel, row: Row, tonnes: dict[str, float], label: tuple[str, str]
) -> None:
    """One facility per country; what is small, or of countries that are no agents, is pooled."""
    good, kind = row["good"], "processor" if row["input"] else "miner"
    known = {r["iso3"] for r in panel.rows("countries")} - {OTHER}
    names = {r["iso3"]: r["name"] for r in panel.rows("countries")}
    limit = float(row["pool_below"]) * fsum(tonnes.values())
    kept = {c: t for c, t in tonnes.items() if c in known and t >= limit}
    pooled = fsum(tonnes.values()) - fsum(kept.values())
    if pooled > 1e-9 * fsum(tonnes.values()):
        kept[OTHER] = pooled
        below = f"producers below {100 * float(row['pool_below']):g} % of the good"
        rule = f"{below}, and countries that are no agents"
        draft.adjust(Adjustment(good, OTHER, "pooled output", pooled, pooled, "t", rule))
    what = "plants" if row["input"] else "mines" if row["output"] == "mine" else "producers"
    for iso3, value in kept.items():
        facility = f"{good}_{iso3.lower()}"
        where = "other countries" if iso3 == OTHER else names[iso3]
        name = f"{row['name'].split(',')[0]} {what}, {where}"
        draft.add(Facility(facility, name, kind, iso3, f"other {iso3}", "", 0.0, *label))
        draft.offer(good, facility, Offer(value, *label, by_product=row["by_product"] == "1"))
        if row["input"]:
            recipe = float(row["recipe"])
            use = Use(recipe * value, f"{recipe:g} t per t; {label[0]}", "assumption")
            draft.use(row["input"], facility, use)


def _plants(draft: Draft, panel: Panel, row: Row) -> tuple[dict[str, float], str, str]:
    """Output of a stage that no table has: by stated shares, by where ore is sent, or by its apparent use."""
    total = draft.supply(row["input"]) / float(row["recipe"])
    ore = next(r for r in panel.chain if r["good"] == row["input"])
    text = row["plants"]
    if text and ">" not in text:
        shares, source = pairs(text), "stated shares of plants"
    elif text:
        shares = _sent(draft.supply_by_country(row["input"]), text)
        source = "output of ore, moved to where it is worked"
    elif panel.codes_of(ore):
        use = apparent_use(draft, panel, row["input"])
        shares, source = {c: max(v, 0.0) for c, v in use.items()}, "apparent use of ore"
    else:
        shares, source = draft.supply_by_country(row["input"]), "where ore is mined"
    whole = fsum(shares.values())
    ordered = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    confidence = "derived" if source == "apparent use of ore" else "assumption"
    return {c: v * total / whole for c, v in ordered if v > 0}, source, confidence


def _sent(supply: dict[str, float], text: str) -> dict[str, float]:
    """Tonnes by country after ``AUS>CHN:0.9;...``: nine tenths of what Australia has are worked in China."""
    found = dict(supply)
    for pair, share in pairs(text).items():
        here, there = pair.split(">")
        moved = supply.get(here, 0.0) * share
        if moved > 0:
            found[here] -= moved
            found[there] = found.get(there, 0.0) + moved
    return found


def _add_use(draft: Draft, panel: Panel) -> None:
    sectors, points = Sectors.read(panel, draft.year), places(panel)
    rules = {r["good"]: r for r in panel.rows("trade_rules")}
    for good in (row["good"] for row in panel.chain):
        add_end_use(draft, panel, sectors, good)
        add_traders(draft, panel, good)
        balance(draft, good, rules[good], panel, points)


def _lower_prices(draft: Draft, panel: Panel, prices: dict[str, Row]) -> None:
    """No plant can pay more for its input than its product brings: more ore than plants need is cheap ore."""
    for row in panel.chain:
        if not row["input"]:
            continue
        used = fsum(
            use.tonnes
            for facility, use in draft.uses[row["input"]].items()
            if facility in draft.offers[row["good"]]
        )
        most = MOST_INPUT_COST * float(prices[row["good"]]["price_usd_t"]) * draft.supply(row["good"]) / used
        price = float(prices[row["input"]]["price_usd_t"])
        if price > most:
            rule = "lowered so that plants earn their costs"
            draft.adjust(Adjustment(row["input"], "WLD", "price", price, most, "USD/t", rule))
            prices[row["input"]] |= {"price_usd_t": most, "confidence": "assumption"}
