"""The rare-earth chain as a forward pass: ore bodies -> separators -> oxides -> magnets."""

from __future__ import annotations

from math import fsum

from sim.world.build.draft import Adjustment, Draft, Offer, Use, plant, weakest
from sim.world.build.raw import Raw
from sim.world.build.supply import number, pairs

__all__ = ["OXIDES", "add_magnet_makers", "add_ree_mines", "separate"]

OXIDES = {
    "NdPr": "neodymium_praseodymium_oxide",
    "Dy": "dysprosium_oxide",
    "Tb": "terbium_oxide",
    "Sm": "samarium_oxide",
    "Gd": "gadolinium_oxide",
    "Y": "yttrium_oxide",
    "LaCe": "lanthanum_cerium_oxide",
}
GROUPS = {
    "Nd": "NdPr",
    "Pr": "NdPr",
    "Dy": "Dy",
    "Tb": "Tb",
    "Sm": "Sm",
    "Gd": "Gd",
    "Y": "Y",
    "La": "LaCe",
    "Ce": "LaCe",
}
STANDARD, HOT = "ndfeb_magnet", "ndfeb_magnet_high_temperature"


def add_ree_mines(draft: Draft, raw: Raw) -> None:
    """Mines with their baskets; a country's mines share its USGS output by the ``share`` column."""
    rows = raw.rows_for("ree_mines", draft.year)
    if not rows:
        return
    output = _mine_output(draft, raw)
    total: dict[str, float] = {}
    for row in rows:
        total[row["usgs_country"]] = total.get(row["usgs_country"], 0.0) + float(row["share"])
    for row in rows:
        origin = row["usgs_country"]
        tonnes = output[origin] * float(row["share"]) / total[origin]
        shares, label = _basket(raw, pairs(row["deposits"]))
        draft.add(plant(row, "miner"))
        offer = Offer(
            tonnes,
            row["source"],
            row["confidence"],
            composition=shares,
            composition_source=f"ore analyses: {row['deposits']}",
            composition_confidence=label,
        )
        draft.offer(row["good"], row["facility"], offer)


def _mine_output(draft: Draft, raw: Raw) -> dict[str, float]:
    if draft.year >= 2021:
        return raw.mine_output("rare_earths", "mine", draft.year)
    return {r["iso3"]: float(r["tonnes"]) for r in raw.rows_for("ree_output", draft.year)}


def _basket(raw: Raw, deposits: dict[str, float]) -> tuple[dict[str, float], str]:
    frame = raw.frame("reo_composition.csv")
    shares = dict.fromkeys([*OXIDES, "Other"], 0.0)
    labels = []
    for deposit, weight in deposits.items():
        part = frame[frame.deposit_id == deposit]
        if part.empty:
            raise KeyError(f"no ore analysis called {deposit}")
        for element, value in zip(part.element, part.value_norm100, strict=True):
            shares[GROUPS.get(str(element), "Other")] += weight * float(value) / 100.0
        quality = str(part.quality.iloc[0])
        labels.append("assumption" if quality == "C" else str(part.confidence.iloc[0]))
    scale = fsum(shares.values())
    return {k: v / scale for k, v in shares.items()}, weakest(labels)


def separate(draft: Draft, raw: Raw) -> None:
    """Ship the concentrates by the links table and separate them: oxide = element inflow x recovery.

    Raises:
        ValueError: the shares of a seller do not sum to one.
    """
    separators = {r["facility"]: r for r in raw.rows_for("ree_separators", draft.year)}
    sent: dict[str, float] = {}
    for row in raw.rows_for("ree_links", draft.year):
        sent[row["seller"]] = sent.get(row["seller"], 0.0) + float(row["share"])
    inflow: dict[str, dict[str, float]] = {}
    for row in raw.rows_for("ree_links", draft.year):
        seller, buyer = row["seller"], row["buyer"]
        if abs(sent[seller] - 1.0) > 1e-3:
            raise ValueError(f"the links of {seller} sum to {sent[seller]}, not to 1")
        good = separators[buyer]["input"]
        offer = draft.offers[good][seller]
        tonnes = offer.tonnes * float(row["share"]) / sent[seller]
        draft.flows.setdefault(good, {})[seller, buyer] = tonnes
        draft.flow_label.setdefault(good, {})[seller, buyer] = (row["source"], row["confidence"])
        basket = inflow.setdefault(buyer, {})
        for element, share in offer.composition.items():
            basket[element] = basket.get(element, 0.0) + tonnes * share
    for facility, row in separators.items():
        draft.add(plant(row, "processor"))
        basket = inflow[facility]
        draft.use(row["input"], facility, Use(fsum(basket.values()), "sum of the links", row["confidence"]))
        for element, good in OXIDES.items():
            tonnes = basket.get(element, 0.0) * number(row[element])
            if tonnes > 0:
                draft.offer(
                    good, facility, Offer(tonnes, f"element inflow x {row[element]}", row["confidence"])
                )
    for element, good in OXIDES.items():
        contained = fsum(b.get(element, 0.0) for b in inflow.values())
        placed = fsum(o.tonnes for f, o in draft.offers[good].items() if f in separators)
        rule = "recovery by plant"
        draft.adjust(Adjustment(good, "WLD", "not recovered", contained, placed, "t oxide", rule))


def add_magnet_makers(draft: Draft, raw: Raw) -> None:
    """Magnet output follows from the oxides: dysprosium sets the hot grades, NdPr the rest."""
    makers = raw.rows_for("ree_magnet_makers", draft.year)
    if not makers:
        return
    rows = [r for r in raw.rows_for("allocation", draft.year) if r["process"] == "magnets"]
    shares = {r["good"]: float(r["share"]) for r in rows}
    for_magnets = {g: shares[OXIDES[g]] * draft.supply(OXIDES[g]) for g in ("NdPr", "Dy", "Tb")}
    mix = raw.rows_for("magnet_recipes", draft.year)[0]
    light, heavy = float(mix["neodymium_praseodymium_t"]), float(mix["dysprosium_t"])
    hot = for_magnets["Dy"] / heavy
    standard = for_magnets["NdPr"] / light - hot
    recipes = {
        STANDARD: (standard, "standard", {"NdPr": light}),
        HOT: (hot, "high_temperature", {"NdPr": light, "Dy": heavy, "Tb": for_magnets["Tb"] / hot}),
    }
    for good, (tonnes, column, recipe) in recipes.items():
        whole = fsum(float(r[column]) for r in makers)
        for row in makers:
            output = tonnes * float(row[column]) / whole
            if output <= 0:
                continue
            facility = row["facility"] + ("_hot" if good == HOT else "")
            name = row["name"] + (", high temperature" if good == HOT else ", standard")
            draft.add(plant(row, "processor", facility, name))
            draft.offer(good, facility, Offer(output, row["source"], row["confidence"]))
            for element, coefficient in recipe.items():
                use = Use(coefficient * output, "oxide per tonne of magnet, assumed", "assumption")
                draft.use(OXIDES[element], facility, use)
