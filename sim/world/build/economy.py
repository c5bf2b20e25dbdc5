"""Prices, cash costs, stocks and what a shortage costs."""

from __future__ import annotations

from collections.abc import Mapping

from sim.world.build.draft import Adjustment, Draft, Facility, Offer
from sim.world.build.raw import Raw, Row
from sim.world.build.supply import number
from sim.world.build.worth import set_worth

__all__ = ["read_prices", "set_behaviour"]


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
    """Fill capacity, stocks, cash costs, worth and next-best ways on the reconciled tonnes.

    Raises:
        ValueError: a plant's inputs cost more than ``input_cost_ceiling`` of what its outputs bring.
    """
    price = {good: float(row["price_usd_t"]) for good, row in prices.items()}
    usual = {good: float(row["usual"]) for good, row in prices.items() if "usual" in row}
    spend: dict[str, float] = {}
    revenue: dict[str, float] = {}
    for good, uses in draft.uses.items():
        for facility, use in uses.items():
            spend[facility] = spend.get(facility, 0.0) + use.tonnes * price[good]
    for good, offers in draft.offers.items():
        for facility, offer in offers.items():
            revenue[facility] = revenue.get(facility, 0.0) + offer.tonnes * price[good]
    rules = {**raw.rules("plants"), **raw.behaviour("margin_share", "input_cost_ceiling")}
    for facility, money in spend.items():
        if draft.facilities[facility].kind == "processor":
            ratio = money / revenue[facility]
            if ratio > rules["input_cost_ceiling"]:
                raise ValueError(f"{facility}: inputs cost {ratio:.3f} of the output value")
    stocks = {r["mineral"]: r for r in raw.rows("stocks")}
    known = raw.rows_for("cash_costs_by_facility", draft.year)
    costs = {(r["good"], r["facility"]): float(r["cash_cost_usd_t"]) for r in known}
    for good, offers in draft.offers.items():
        row = stocks.get(mineral[good], stocks[""])
        for facility, offer in offers.items():
            kind = draft.facilities[facility].kind
            offer.stock_weeks = number(row["stock_weeks"])
            inputs = spend[facility] / revenue[facility] if kind == "processor" else 0.0
            share = _cost_share(draft.facilities[facility], offer, inputs, rules)
            if kind == "miner" and not draft.facilities[facility].id.startswith("secondary"):
                # Mines are built and run for the price of years, not for that of one.
                share = min(share * usual.get(good, 1.0), max(share, rules["most_mine_cost"]))
            offer.cash_cost = costs.get((good, facility), share * price[good])
            ratio = rules["trader_capacity_over_output" if kind == "trader" else "capacity_over_output"]
            offer.capacity = max(offer.capacity, offer.tonnes * ratio)
    _set_users(draft, raw, mineral)
    for good, uses in draft.uses.items():
        for facility, use in uses.items():
            buyer = draft.facilities[facility]
            if buyer.kind != "manufacturer":
                use.cover_weeks, use.dependence = rules["plant_cover"], 1.0
                use.worth = rules["least_give_up"]
                if buyer.kind == "processor":
                    share = use.tonnes * price[good] / revenue[facility]
                    use.worth = _give_up(draft, good, buyer, share, rules)
    set_worth(draft, raw, price, mineral)


def _cost_share(facility: Facility, offer: Offer, inputs: float, rules: Mapping[str, float]) -> float:
    """Cash cost as a share of the price where no table names one; ``inputs`` is a plant's share of those."""
    if facility.kind == "processor":
        return inputs + (1.0 - rules["margin_share"]) * (1.0 - inputs)
    if facility.kind == "trader":
        return rules["trader_cost"]
    if facility.id.startswith("secondary"):
        return rules["secondary_cost"]
    return rules["by_product_cost" if offer.by_product else "mine_cost"]


def _give_up(draft: Draft, good: str, plant: Facility, share: float, rules: Mapping[str, float]) -> float:
    """Give-up price of a plant's input from its share in revenue (``docs/model.md``), within the bounds."""
    derived = 1.0 + rules["margin_share"] * (1.0 / share - 1.0)
    if derived < rules["least_give_up"]:
        unit, rule = "multiple of base price", "raised to the least give-up price (plants.csv)"
        moved = Adjustment(
            good, plant.country, f"give-up price of {plant.id}", derived, rules["least_give_up"], unit, rule
        )
        draft.adjust(moved)
    return min(max(derived, rules["least_give_up"]), rules["most_give_up"])


def _set_users(draft: Draft, raw: Raw, mineral: dict[str, str]) -> None:
    """Cover of manufacturers, by mineral."""
    stocks = {r["mineral"]: r for r in raw.rows("stocks")}
    for good, uses in draft.uses.items():
        row = stocks.get(mineral[good], stocks[""])
        for name, use in uses.items():
            buyer = draft.facilities[name]
            if buyer.kind == "manufacturer":
                use.cover_weeks = number(row["cover_weeks"])
