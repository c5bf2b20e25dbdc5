"""Prices, cash costs, stocks and what a shortage costs."""

from __future__ import annotations

from sim.world.build.draft import Draft
from sim.world.build.raw import Raw, Row
from sim.world.build.supply import number

__all__ = ["read_prices", "set_behaviour"]

MINE_COST, BY_PRODUCT_COST, SECONDARY_COST = 0.7, 0.5, 0.8
"""Cash cost as a share of the base price where no table names one."""
INPUT_COST_LIMIT = 0.95


def read_prices(raw: Raw, year: int, goods: list[str]) -> dict[str, Row]:
    """Base-year price per good, USD per tonne of its unit, from USGS or from a stated rule.

    Raises:
        KeyError: a good has no price row, or USGS has no such series in that year.
    """
    table = raw.frame("usgs_prices_2017_2024.csv")
    rows = {r["good"]: dict(r) for r in raw.rows_for("prices", year)}
    result = {}
    for good in goods:
        row = rows[good]
        if row["usgs"]:
            commodity, words = row["usgs"].split("|")
            part = table[(table.commodity == commodity) & (table.year == year)]
            part = part[part.series.str.contains(words, regex=False)]
            if part.empty:
                raise KeyError(f"no USGS price {row['usgs']} in {year}")
            latest = part[part.vintage == sorted(part.vintage)[-1]]
            row["price_usd_t"] = float(latest.price.iloc[0]) * float(row["factor"])
        else:
            row["price_usd_t"] = float(row["price_usd_t"])
        result[good] = row
    return result


def set_behaviour(draft: Draft, raw: Raw, prices: dict[str, Row], mineral: dict[str, str]) -> None:
    """Fill capacity, stocks, cash costs, give-up prices and dependence on the reconciled tonnes.

    Raises:
        ValueError: a plant's inputs cost more than 95 % of what its outputs bring.
    """
    stocks = {r["mineral"]: r for r in raw.rows("stocks")}
    give_up = {r["sector"]: float(r["reservation_multiple"]) for r in raw.rows("sector_behaviour")}
    dependence = {(r["mineral"], r["sector"]): float(r["dependence"]) for r in raw.rows("dependence")}
    known = raw.rows_for("cash_costs_by_facility", draft.year)
    costs = {(r["good"], r["facility"]): float(r["cash_cost_usd_t"]) for r in known}
    price = {good: float(row["price_usd_t"]) for good, row in prices.items()}
    spend: dict[str, float] = {}
    revenue: dict[str, float] = {}
    for good, uses in draft.uses.items():
        for facility, use in uses.items():
            spend[facility] = spend.get(facility, 0.0) + use.tonnes * price[good]
    for good, offers in draft.offers.items():
        for facility, offer in offers.items():
            revenue[facility] = revenue.get(facility, 0.0) + offer.tonnes * price[good]
    for good, offers in draft.offers.items():
        row = stocks.get(mineral[good], stocks[""])
        for facility, offer in offers.items():
            kind = draft.facilities[facility].kind
            offer.stock_weeks = number(row["stock_weeks"])
            if kind == "processor":
                ratio = spend[facility] / revenue[facility]
                if ratio > INPUT_COST_LIMIT:
                    raise ValueError(f"{facility}: inputs cost {ratio:.3f} of the output value")
                share = ratio + 0.5 * (1.0 - ratio)
            elif kind == "trader":
                share = 0.98
            elif facility.startswith("secondary"):
                share = SECONDARY_COST
            else:
                share = BY_PRODUCT_COST if offer.by_product else MINE_COST
            offer.cash_cost = costs.get((good, facility), share * price[good])
            offer.capacity = max(offer.capacity, offer.tonnes * (1.15 if kind != "trader" else 1.5))
    for good, uses in draft.uses.items():
        row = stocks.get(mineral[good], stocks[""])
        for name, use in uses.items():
            buyer = draft.facilities[name]
            if buyer.kind == "manufacturer":
                use.cover_weeks = number(row["cover_weeks"])
                use.reservation = give_up[buyer.sector]
                use.dependence = dependence.get((mineral[good], buyer.sector), dependence["", ""])
            elif buyer.kind == "processor":
                use.cover_weeks = 4.0
                share = use.tonnes * price[good] / revenue[name]
                use.reservation = min(max(1.0 + 0.5 * (1.0 / share - 1.0), 1.3), 10.0)
                use.dependence = 1.0
            else:
                use.cover_weeks, use.reservation, use.dependence = 4.0, 1.3, 1.0
