"""Trade records: BACI by good, outliers rejected, apparent consumption and re-exporters."""

from __future__ import annotations

from math import fsum

import numpy as np

from sim.world.build.draft import Adjustment, Draft, Facility, Offer, Use
from sim.world.build.raw import OTHER, Raw, Row

__all__ = ["add_traders", "apparent_use", "country_seed", "gross_trade"]


def country_seed(
    raw: Raw, year: int, codes: list[str], draft: Draft, good: str
) -> dict[tuple[str, str], float]:
    """Gross tonnes between countries for some HS codes, after outliers are rejected.

    Rule: a record of more than 0.5 % of the code's tonnage is rejected when its unit value lies more than
    a factor 12 off the code's median (weighted by value), or when it has no value at all.
    """
    total: dict[tuple[str, str], float] = {}
    for code in codes:
        part = raw.baci[(raw.baci.hs6 == code) & (raw.baci.year == year)].dropna(subset=["quantity_t"])
        part = part[part.quantity_t > 0]
        if part.empty:
            continue
        unit = (part.value_kusd.fillna(0.0) / part.quantity_t).to_numpy(dtype=float)
        value = part.value_kusd.fillna(0.0).to_numpy(dtype=float)
        order = np.argsort(unit, kind="stable")
        middle = unit[order][np.searchsorted(np.cumsum(value[order]), value.sum() / 2)]
        world = float(part.quantity_t.sum())
        for exporter, importer, quantity, price in zip(
            part.exporter, part.importer, part.quantity_t, unit, strict=True
        ):
            if quantity > 0.005 * world and not middle / 12 <= price <= middle * 12:
                usual = f"{price * 1000:.0f} USD/t, median {middle * 1000:.0f}"
                rule = f"HS {code} to {importer} rejected: {usual}"
                dropped = Adjustment(
                    good, str(exporter), "trade record", float(quantity), 0.0, "t gross", rule
                )
                draft.adjust(dropped)
                continue
            pair = (str(exporter), str(importer))
            total[pair] = total.get(pair, 0.0) + float(quantity)
    return total


def gross_trade(raw: Raw, draft: Draft, good: str) -> tuple[Row, dict[tuple[str, str], float]]:
    """The trade rule of a good and its recorded trade in the good's own unit, skipped pairs left out."""
    rule = next(r for r in raw.rows_for("trade_rules", draft.year) if r["good"] == good)
    codes = [c for c in rule["codes"].split(";") if c]
    skip = {tuple(pair.split(">")) for pair in rule["skip"].split(";") if pair}
    content = float(rule["content"])
    scratch = Draft(draft.year)
    trade = country_seed(raw, draft.year, codes, scratch, good)
    return rule, {pair: q * content for pair, q in trade.items() if pair not in skip}


def apparent_use(draft: Draft, raw: Raw, good: str) -> dict[str, float]:
    """Output plus imports less exports, t per country; may be negative where the records disagree."""
    use = draft.supply_by_country(good)
    for (i, j), quantity in gross_trade(raw, draft, good)[1].items():
        use[i] = use.get(i, 0.0) - quantity
        use[j] = use.get(j, 0.0) + quantity
    return use


def add_traders(draft: Draft, raw: Raw, good: str) -> None:
    """Re-exporters: what a country exports beyond its own output, where that is over 1 % of world trade."""
    for row in raw.rows_for("traders", draft.year):
        if row["good"] == good:
            _add_trader(draft, good, row["iso3"], float(row["tonnes"]), row["source"], row["confidence"])
    rule, trade = gross_trade(raw, draft, good)
    if rule["traders"] != "1":
        return
    supply, world = draft.supply_by_country(good), fsum(trade.values())
    exports: dict[str, float] = {}
    imports: dict[str, float] = {}
    for (i, j), quantity in trade.items():
        exports[i] = exports.get(i, 0.0) + quantity
        imports[j] = imports.get(j, 0.0) + quantity
    known = {r["iso3"] for r in raw.rows("countries")} - {OTHER}
    for iso3 in sorted(exports):
        beyond = min(exports[iso3] - supply.get(iso3, 0.0), 0.9 * imports.get(iso3, 0.0))
        if beyond <= 0.01 * world or iso3 not in known:
            continue
        _add_trader(draft, good, iso3, beyond, "exports beyond own output (BACI)", "derived")


def _add_trader(draft: Draft, good: str, iso3: str, tonnes: float, source: str, confidence: str) -> None:
    facility, name = f"trader_{good}_{iso3.lower()}", f"Traders of {good.replace('_', ' ')}, {iso3}"
    draft.add(Facility(facility, name, "trader", iso3, f"traders {iso3}", "", 0.0, source, confidence))
    draft.offer(good, facility, Offer(tonnes, source, confidence))
    draft.use(good, facility, Use(tonnes, source, confidence))
