"""Who sells what: mines from USGS, facilities from tables, processors with their recipes."""

from __future__ import annotations

from dataclasses import replace
from math import fsum

from sim.world.build.draft import Adjustment, Draft, Facility, Offer, Use, plant
from sim.world.build.raw import OTHER, Raw, Row

__all__ = ["add_extra_supply", "add_mines", "add_processors", "number", "pairs", "split_plants"]


def number(text: str, default: float = 0.0) -> float:
    """A table cell as a number; ``default`` when it is empty."""
    return float(text) if text else default


def pairs(text: str) -> dict[str, float]:
    """``a:1;b:2`` as a mapping, in the order written."""
    return {k: float(v) for k, v in (item.split(":") for item in text.split(";") if item)}


def add_mines(draft: Draft, raw: Raw) -> None:
    """Miners per country at exactly the USGS tonnes; named firms inside, small producers pooled in ROW."""
    for row in raw.rows_for("mines", draft.year):
        good = row["good"]
        factor = float(row["factor"])
        tonnes = {c: v * factor for c, v in raw.mine_output(row["mineral"], row["stage"], draft.year).items()}
        capacity: dict[str, float] = {}
        try:
            known = raw.mine_output(row["mineral"], row["stage"], draft.year, "capacity")
            capacity = {c: v * factor for c, v in known.items()}
        except KeyError:
            capacity = {}
        firms = [r for r in raw.rows_for("mine_firms", draft.year) if r["good"] == good]
        named = {r["country"] for r in firms}
        limit = float(row["pool_below"]) * fsum(tonnes.values())
        pooled = 0.0
        for iso3, value in tonnes.items():
            if iso3 == OTHER or (value < limit and iso3 not in named):
                pooled += value
                continue
            _add_country_mines(draft, row, iso3, value, capacity.get(iso3, 0.0), firms)
        if pooled > 0:
            _add_country_mines(draft, row, OTHER, pooled, 0.0, [])
            rule = f"producers below {100 * float(row['pool_below']):g} % of the good, and other countries"
            draft.adjust(Adjustment(good, OTHER, "pooled output", pooled, pooled, "t", rule))
    _split_types(draft, raw)


def _split_types(draft: Draft, raw: Raw) -> None:
    """Move a share of a country's output to another grade of the same mineral."""
    for row in raw.rows_for("mine_splits", draft.year):
        old, new, iso3, share = row["from_good"], row["to_good"], row["country"], float(row["share"])
        for facility in [f for f in draft.offers.get(old, {}) if draft.facilities[f].country == iso3]:
            offer = draft.offers[old][facility]
            identity = f"{new}_{iso3.lower()}"
            name = draft.facilities[facility].name.replace("Flake", "Amorphous")
            here = {**row, "firm": f"other {iso3}"}
            draft.add(plant(here, "miner", identity, name))
            draft.offer(new, identity, Offer(offer.tonnes * share, row["source"], row["confidence"]))
            offer.tonnes *= 1.0 - share
            offer.capacity *= 1.0 - share
            if share >= 1.0:
                del draft.offers[old][facility], draft.facilities[facility]


def _add_country_mines(
    draft: Draft, row: Row, iso3: str, tonnes: float, capacity: float, firms: list[Row]
) -> None:
    good, rest = row["good"], 1.0
    source = "USGS world production"
    for firm in [f for f in firms if f["country"] == iso3]:
        share = number(firm["share"]) or min(float(firm["tonnes"]) / tonnes, rest)
        draft.add(plant(firm, "miner"))
        text = f"{source}; {firm['source']}"
        offer = Offer(share * tonnes, text, firm["confidence"], by_product=row["by_product"] == "1")
        draft.offer(good, firm["facility"], offer)
        rest -= share
    if rest < 1e-9:
        return
    name = f"{row['name']}, {'other countries' if iso3 == OTHER else iso3}"
    identity = f"{good}_{iso3.lower()}"
    draft.add(Facility(identity, name, "miner", iso3, f"other {iso3}", "", 0.0, source, row["confidence"]))
    offer = Offer(
        rest * tonnes,
        source,
        row["confidence"],
        capacity=rest * max(capacity, tonnes) if capacity else 0.0,
        by_product=row["by_product"] == "1",
    )
    draft.offer(good, identity, offer)


def add_extra_supply(draft: Draft, raw: Raw) -> None:
    """Facilities whose tonnes stand in a table: secondary supply and goods without USGS world output."""
    for row in raw.rows_for("supply_extra", draft.year):
        draft.add(plant(row, row["kind"]))
        offer = Offer(
            float(row["tonnes"]),
            row["source"],
            row["confidence"],
            capacity=number(row["capacity"]),
            by_product=row["by_product"] == "1",
        )
        draft.offer(row["good"], row["facility"], offer)


def add_processors(draft: Draft, raw: Raw) -> None:
    """Plants with a recipe of input tonnes per tonne of output; the needs are targets until balanced."""
    for row in raw.rows_for("processors", draft.year):
        tonnes = float(row["tonnes"])
        draft.add(plant(row, "processor"))
        offer = Offer(tonnes, row["source"], row["confidence"], capacity=number(row["capacity"]))
        draft.offer(row["output"], row["facility"], offer)
        for good, coefficient in pairs(row["inputs"]).items():
            use = Use(coefficient * tonnes, f"recipe; {row['source']}", row["confidence"])
            draft.use(good, row["facility"], use)


def split_plants(draft: Draft, raw: Raw) -> None:
    """Named firms take their share of what a country's plants make and use; others keep the rest."""
    whole: dict[str, tuple[float, float]] = {}
    for row in raw.rows_for("plant_firms", draft.year):
        facility, share = row["from_facility"], float(row["share"])
        good = next(good for good, offers in draft.offers.items() if facility in offers)
        offer = draft.offers[good][facility]
        tonnes, capacity = whole.setdefault(facility, (offer.tonnes, offer.capacity))
        if row["facility"] == facility:
            draft.facilities[facility] = replace(
                draft.facilities[facility], name=row["name"], firm=row["firm"]
            )
            continue
        text = f"{offer.source}; {row['source']}"
        draft.add(plant({**row, "country": draft.facilities[facility].country, "source": text},
                        draft.facilities[facility].kind))  # fmt: skip
        label = {"source": text, "confidence": row["confidence"]}
        taken = replace(offer, tonnes=share * tonnes, capacity=share * capacity, **label)
        draft.offer(good, row["facility"], taken)
        left = (offer.tonnes - share * tonnes) / offer.tonnes
        if left < -1e-9:
            raise ValueError(f"plant_firms.csv: firms take more than all of {facility}")
        for input_good, uses in draft.uses.items():
            if facility in uses:
                use = uses[facility]
                part = share * tonnes / offer.tonnes * use.tonnes
                draft.use(input_good, row["facility"], replace(use, tonnes=part, **label))
                use.tonnes -= part
        offer.tonnes *= left
        offer.capacity *= left
        if left < 1e-9:
            del draft.offers[good][facility], draft.facilities[facility]
            for uses in draft.uses.values():
                uses.pop(facility, None)
