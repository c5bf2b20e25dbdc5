"""Bilateral flows: a seed from trade data or gravity, fitted to what sellers sell and buyers use."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.world.build.draft import Draft, Facility, Offer, Use
from sim.world.build.raw import OTHER, Raw, Row

__all__ = ["add_traders", "apparent_use", "balance", "country_seed", "distance_km", "ras"]

Array = npt.NDArray[np.float64]
DROP_BELOW = 1e-5
"""Links below this share of the good's world tonnage are dropped."""
PRIOR = 1e-7
"""Weight of the gravity prior under a seed from trade data: it only keeps the fit feasible."""


def ras(seed: Array, rows: Array, columns: Array, rounds: int = 20000, tolerance: float = 1e-13) -> Array:
    """Scale a non-negative (sellers, buyers) matrix to the given margins, rows last, so rows are exact.

    Raises:
        ValueError: a row or column with tonnes has no admissible cell.
    """
    if np.any((seed.sum(axis=1) <= 0) & (rows > 0)) or np.any((seed.sum(axis=0) <= 0) & (columns > 0)):
        raise ValueError("a seller or a buyer has no admissible link")
    flow = seed.copy()
    for _ in range(rounds):
        total = flow.sum(axis=0)
        flow *= np.where(total > 0, columns / np.where(total > 0, total, 1.0), 0.0)
        total = flow.sum(axis=1)
        flow *= np.where(total > 0, rows / np.where(total > 0, total, 1.0), 0.0)[:, None]
        miss = np.abs(flow.sum(axis=0) - columns)
        if np.all(miss <= tolerance * np.maximum(columns, 1e-30)):
            break
    return flow


def distance_km(places: dict[str, tuple[float, float]], a: str, b: str) -> float:
    """Great-circle distance between two country points; 400 km within a country."""
    if a == b:
        return 400.0
    lon1, lat1, lon2, lat2 = np.radians([*places[a], *places[b]])
    h = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return float(max(2 * 6371.0 * np.arcsin(np.sqrt(h)), 400.0))


def country_seed(raw: Raw, year: int, codes: list[str], draft: Draft, good: str) -> dict[tuple[str, str], float]:
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
                rule = f"HS {code} to {importer} rejected: {price * 1000:.0f} USD/t, median {middle * 1000:.0f}"
                draft.adjust(good, str(exporter), "trade record", float(quantity), 0.0, "t gross", rule)
                continue
            pair = (str(exporter), str(importer))
            total[pair] = total.get(pair, 0.0) + float(quantity)
    return total


def _gross_trade(raw: Raw, draft: Draft, good: str) -> tuple[Row, dict[tuple[str, str], float]]:
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
    for (i, j), quantity in _gross_trade(raw, draft, good)[1].items():
        use[i] = use.get(i, 0.0) - quantity
        use[j] = use.get(j, 0.0) + quantity
    return use


def add_traders(draft: Draft, raw: Raw, good: str) -> None:
    """Re-exporters: what a country exports beyond its own output, where that is over 1 % of world trade."""
    rule, trade = _gross_trade(raw, draft, good)
    if rule["traders"] != "1":
        return
    supply, world = draft.supply_by_country(good), sum(trade.values())
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
        facility, source = f"trader_{good}_{iso3.lower()}", "exports beyond own output (BACI)"
        name = f"Traders of {good.replace('_', ' ')}, {iso3}"
        draft.add(Facility(facility, name, "trader", iso3, f"traders {iso3}", "", 0.0, source, "derived"))
        draft.offer(good, facility, Offer(beyond, source, "derived"))
        draft.use(good, facility, Use(beyond, source, "derived"))


def _us_column(
    draft: Draft, raw: Raw, good: str, countries: dict[tuple[str, str], float], us_use: float
) -> tuple[str, str] | None:
    """Give the US column the origin shares that USGS reports; other origins keep their pattern."""
    rows = [r for r in raw.rows_for("us_sources", draft.year) if r["good"] == good]
    if not rows or ("USA", "USA") not in countries and not any(j == "USA" for _, j in countries):
        return None
    home = min(countries.get(("USA", "USA"), 0.0), 0.98 * us_use)
    imports = us_use - home
    shares = raw.us_import_sources(rows[0]["commodity"], rows[0]["detail"])
    named = {c: s for c, s in shares.items() if (c, "USA") in countries and c != "USA"}
    rest = {i: v for (i, j), v in countries.items() if j == "USA" and i not in named and i != "USA"}
    left, whole = max(1.0 - sum(named.values()), 0.02), sum(rest.values())
    for origin, share in named.items():
        countries[origin, "USA"] = share * imports
    for origin, value in rest.items():
        countries[origin, "USA"] = left * imports * value / whole
    return rows[0]["source"], rows[0]["confidence"]


def _group(countries: list[str], iso3: str) -> str:
    return iso3 if iso3 in countries else OTHER


def _country_matrix(
    draft: Draft, good: str, rule: Row, raw: Raw, places: dict[str, tuple[float, float]]
) -> dict[tuple[str, str], float]:
    """Seed between the seller countries and buyer countries of a good, t/year of its own unit."""
    supply = draft.supply_by_country(good, traders=True)
    use: dict[str, float] = {}
    for facility, need in draft.uses[good].items():
        country = draft.facilities[facility].country
        use[country] = use.get(country, 0.0) + need.tonnes
    sellers, buyers, world = list(supply), list(use), sum(supply.values())
    gravity = {}
    for i in sellers:
        for j in buyers:
            near = float(rule["home_bias"]) if i == j else (distance_km(places, i, j) / 1000.0) ** -0.8
            gravity[i, j] = supply[i] * use[j] / world * near
    codes = [c for c in rule["codes"].split(";") if c]
    if not codes:
        return gravity
    seed = dict.fromkeys(gravity, 0.0)
    content = float(rule["content"])
    exports = dict.fromkeys(sellers, 0.0)
    skip = {tuple(pair.split(">")) for pair in rule["skip"].split(";") if pair}
    for (i, j), quantity in country_seed(raw, draft.year, codes, draft, good).items():
        if (i, j) in skip:
            continue
        a, b = _group(sellers, i), _group(buyers, j)
        if a in supply and a != b:
            exports[a] += quantity * content
            if b in use:
                seed[a, b] += quantity * content
    for i in sellers:
        if (i, i) in seed:
            seed[i, i] = max(supply[i] - exports[i], 0.05 * supply[i])
    return {pair: value + PRIOR * gravity[pair] for pair, value in seed.items()}


def balance(draft: Draft, good: str, rule: Row, raw: Raw, places: dict[str, tuple[float, float]]) -> None:
    """Fit the flows of one good; afterwards every use equals what the flows bring.

    Raises:
        ValueError: nobody sells or nobody buys the good, or a margin cannot be met.
    """
    offers, uses = draft.offers.get(good, {}), draft.uses.get(good, {})
    if not offers or not uses:
        raise ValueError(f"{good} has no seller or no buyer")
    sellers, buyers = list(offers), list(uses)
    rows = np.array([offers[s].tonnes for s in sellers])
    columns = np.array([uses[b].tonnes for b in buyers])
    trading = np.array([draft.facilities[b].kind == "trader" for b in buyers])
    scale = float((rows.sum() - columns[trading].sum()) / columns[~trading].sum())
    columns[~trading] *= scale
    if abs(scale - 1.0) > 1e-9:
        stated = float(columns[~trading].sum())
        rule_text = "recipes scaled so that what plants and sectors use equals supply"
        draft.adjust(good, "WLD", "use", stated / scale, stated, "t", rule_text)
    countries = _country_matrix(draft, good, rule, raw, places)
    where = {f: draft.facilities[f].country for f in [*sellers, *buyers]}
    supply, use = draft.supply_by_country(good, traders=True), {}
    for b, tonnes in zip(buyers, columns, strict=True):
        use[where[b]] = use.get(where[b], 0.0) + tonnes
    world = float(rows.sum())
    pinned: dict[tuple[str, str], tuple[str, str]] = {}
    for row in raw.rows_for("trade_pins", draft.year):
        if row["good"] == good and (row["exporter"], row["importer"]) in countries:
            countries[row["exporter"], row["importer"]] = float(row["share_of_importer"]) * use[row["importer"]]
            pinned[row["exporter"], row["importer"]] = (row["source"], row["confidence"])
    label = _us_column(draft, raw, good, countries, use.get("USA", 0.0)) if "USA" in use else None
    if label is not None:
        pinned.update({pair: label for pair in countries if pair[1] == "USA" and pair not in pinned})
    seed = np.zeros((len(sellers), len(buyers)))
    factors = [r for r in raw.rows_for("facility_links", draft.year) if r["good"] == good]
    for a, s in enumerate(sellers):
        for b, d in enumerate(buyers):
            seed[a, b] = countries[where[s], where[d]] * rows[a] / supply[where[s]] * columns[b] / use[where[d]]
            for row in factors:
                if row["seller"] in ("*", s) and row["buyer"] in ("*", d):
                    seed[a, b] *= float(row["factor"])
            kinds = (draft.facilities[s].kind, draft.facilities[d].kind)
            if "trader" in kinds and (where[s] == where[d] or kinds == ("trader", "trader")):
                seed[a, b] = 0.0
    flow = ras(seed, rows, columns)
    keep = flow >= DROP_BELOW * world
    keep[np.arange(len(sellers)), flow.argmax(axis=1)] = True
    keep[flow.argmax(axis=0), np.arange(len(buyers))] = True
    keep &= flow > 0
    flow = ras(np.where(keep, flow, 0.0), rows, columns)
    miss = float(np.max(np.abs(flow.sum(axis=0) - columns) / columns))
    if miss > 1e-8:
        raise ValueError(f"{good}: the flows miss a buyer's use by {miss:.1e}")
    draft.flows[good] = {
        (s, d): float(flow[a, b])
        for a, s in enumerate(sellers)
        for b, d in enumerate(buyers)
        if flow[a, b] > 0
    }
    for b, d in enumerate(buyers):
        uses[d].tonnes = float(flow[:, b].sum())
    usual = (rule["source"], rule["confidence"])
    draft.flow_label[good] = {pair: pinned.get((where[pair[0]], where[pair[1]]), usual) for pair in draft.flows[good]}
