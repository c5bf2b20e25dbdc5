"""Bilateral flows: a seed from trade data or gravity, fitted to what sellers sell and buyers use."""

from __future__ import annotations

from math import fsum

import numpy as np
import numpy.typing as npt

from sim.world.build.draft import Adjustment, Draft
from sim.world.build.raw import OTHER, Raw, Row
from sim.world.build.trade_records import country_seed

__all__ = ["balance", "distance_km", "ras"]

Array = npt.NDArray[np.float64]
Pair = tuple[str, str]
DROP_BELOW = 1e-5
"""Links below this share of the good's world tonnage are dropped."""
PRIOR = 1e-4
"""Weight of the gravity prior under a seed from trade data: it only keeps the fit feasible."""
MOST_OF_SUPPLY = 0.95
"""The largest share of an exporter's supply that fixed flows may take."""
MISS = 1e-8
"""Largest share of a buyer's use by which fitted flows may miss it."""
FAR = 3.0
"""A fitted flow further than this factor from its record no longer counts as read from data."""
GRAVITY_POWER = -1.1
"""Fall of trade with distance where no trade code exists."""


def ras(seed: Array, rows: Array, columns: Array, rounds: int = 20000, tolerance: float = 1e-13) -> Array:
    """Scale a non-negative (sellers, buyers) matrix to the given margins, rows last, so rows are exact.

    Raises:
        ValueError: a row or column with tonnes has no admissible cell.
    """
    sellers = np.flatnonzero((seed.sum(axis=1) <= 0) & (rows > 0))
    buyers = np.flatnonzero((seed.sum(axis=0) <= 0) & (columns > 0))
    if sellers.size or buyers.size:
        raise ValueError(f"no admissible link: sellers {sellers.tolist()}, buyers {buyers.tolist()}")
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


def _group(countries: dict[str, float], iso3: str) -> str:
    return iso3 if iso3 in countries else OTHER


class _Margins:
    """Tonnes of one good by seller and buyer, and by their countries."""

    def __init__(self, draft: Draft, good: str) -> None:
        offers, uses = draft.offers.get(good, {}), draft.uses.get(good, {})
        if not offers or not uses:
            raise ValueError(f"{good} has no seller or no buyer")
        self.good, self.sellers, self.buyers = good, list(offers), list(uses)
        self.where = {f: draft.facilities[f].country for f in [*offers, *uses]}
        self.trades = {f: draft.facilities[f].kind == "trader" for f in [*offers, *uses]}
        self.rows = np.array([offers[s].tonnes for s in self.sellers])
        self.columns = np.array([uses[b].tonnes for b in self.buyers])
        self.world = float(self.rows.sum())
        trading = np.array([self.trades[b] for b in self.buyers])
        scale = float((self.world - self.columns[trading].sum()) / self.columns[~trading].sum())
        self.columns[~trading] *= scale
        if abs(scale - 1.0) > 1e-9:
            stated = float(self.columns[~trading].sum())
            rule = "recipes scaled so that what plants and sectors use equals supply"
            draft.adjust(Adjustment(good, "WLD", "use", stated / scale, stated, "t", rule))
        self.supply = self._by_country(self.sellers, self.rows)
        self.use = self._by_country(self.buyers, self.columns)

    def _by_country(self, names: list[str], tonnes: Array) -> dict[str, float]:
        total: dict[str, float] = {}
        for name, value in zip(names, tonnes, strict=True):
            total[self.where[name]] = total.get(self.where[name], 0.0) + float(value)
        return total

    def allowed(self, seller: str, buyer: str) -> bool:
        """Traders buy and sell abroad only, and not from each other."""
        both = self.trades[seller] and self.trades[buyer]
        one = self.trades[seller] or self.trades[buyer]
        return not both and not (one and self.where[seller] == self.where[buyer])


def _country_matrix(
    draft: Draft, good: str, rule: Row, raw: Raw, places: dict[str, tuple[float, float]], margins: _Margins
) -> dict[Pair, float]:
    """Seed between seller and buyer countries, t/year: trade records, else gravity with a home share."""
    supply, use = margins.supply, margins.use
    gravity = {
        (i, j): supply[i] * use[j] / margins.world * (distance_km(places, i, j) / 1000.0) ** GRAVITY_POWER
        for i in supply
        for j in use
    }
    codes = [c for c in rule["codes"].split(";") if c]
    if not codes:
        home = {c: float(rule["home_share"]) * min(supply[c], use[c]) for c in supply if c in use}
        abroad = fsum(v for (i, j), v in gravity.items() if i != j)
        left = margins.world - fsum(home.values())
        return {(i, j): home[i] if i == j else v * left / abroad for (i, j), v in gravity.items()}
    seed = dict.fromkeys(gravity, 0.0)
    content = float(rule["content"])
    exports = dict.fromkeys(supply, 0.0)
    skip = {tuple(pair.split(">")) for pair in rule["skip"].split(";") if pair}
    for (i, j), quantity in country_seed(raw, draft.year, codes, draft, good).items():
        a, b = _group(supply, i), _group(use, j)
        if (i, j) in skip or a not in supply or a == b:
            continue
        exports[a] += quantity * content
        if b in use:
            seed[a, b] += quantity * content
    for i in supply:
        if (i, i) in seed:
            seed[i, i] = max(supply[i] - exports[i], 0.05 * supply[i])
    return {pair: value + PRIOR * gravity[pair] for pair, value in seed.items()}


def _fixed_flows(
    draft: Draft, good: str, raw: Raw, seed: dict[Pair, float], margins: _Margins
) -> tuple[dict[Pair, float], dict[Pair, tuple[str, str]]]:
    """Flows between countries that a table states: shares of an importer's use, US import sources."""
    fixed: dict[Pair, float] = {}
    label: dict[Pair, tuple[str, str]] = {}
    for row in raw.rows_for("trade_pins", draft.year):
        pair = (row["exporter"], row["importer"])
        if row["good"] == good and pair in seed:
            fixed[pair] = float(row["share_of_importer"]) * margins.use[pair[1]]
            label[pair] = (row["source"], row["confidence"])
    rows = [r for r in raw.rows_for("us_sources", draft.year) if r["good"] == good]
    us_rule = next(r for r in raw.rows_for("trade_rules", draft.year) if r["good"] == good) if rows else {}
    if rows and "USA" in margins.use:
        use = margins.use["USA"]
        home = min(seed.get(("USA", "USA"), 0.0), 0.98 * use, MOST_OF_SUPPLY * margins.supply.get("USA", 0.0))
        if home > 0:
            fixed["USA", "USA"] = home
            label["USA", "USA"] = ("supply less exports", "derived" if us_rule["codes"] else "assumption")
        shares = raw.us_import_sources(rows[0]["commodity"], rows[0]["detail"])
        named = {c: v for c, v in shares.items() if (c, "USA") in seed and c != "USA"}
        others = [i for (i, j), v in seed.items() if j == "USA" and i not in named and v > 0]
        if named and not others:  # the largest origin takes the remainder
            named.pop(max(named, key=lambda c: named[c]))
        for origin, share in named.items():
            fixed[origin, "USA"] = share * (use - home)
            label[origin, "USA"] = (rows[0]["source"], rows[0]["confidence"])
    for country, tonnes in margins.supply.items():
        taken = fsum(v for (i, _), v in fixed.items() if i == country)
        if taken > MOST_OF_SUPPLY * tonnes:
            for pair in [p for p in fixed if p[0] == country]:
                stated = fixed[pair]
                fixed[pair] *= MOST_OF_SUPPLY * tonnes / taken
                rule = f"stated flow to {pair[1]} cut to what {country} has"
                draft.adjust(Adjustment(good, country, "fixed flow", stated, fixed[pair], "t", rule))
    return fixed, label


def _spread(margins: _Margins, countries: dict[Pair, float]) -> Array:
    """Country pairs to facility pairs, pro rata to the margins, inadmissible pairs left out."""
    weight = np.zeros((len(margins.sellers), len(margins.buyers)))
    total: dict[Pair, float] = {}
    for a, s in enumerate(margins.sellers):
        for b, d in enumerate(margins.buyers):
            pair = (margins.where[s], margins.where[d])
            if pair in countries and margins.allowed(s, d):
                weight[a, b] = margins.rows[a] * margins.columns[b]
                total[pair] = total.get(pair, 0.0) + weight[a, b]
    for a, s in enumerate(margins.sellers):
        for b, d in enumerate(margins.buyers):
            if weight[a, b] > 0:
                pair = (margins.where[s], margins.where[d])
                weight[a, b] *= countries[pair] / total[pair]
    return weight


def _moved(rule: Row, seed: dict[Pair, float], margins: _Margins, flow: Array) -> dict[Pair, tuple[str, str]]:
    """Country pairs that the fit moved far from the trade record: they are assumptions, not data."""
    if not rule["codes"] or rule["confidence"] == "assumption":
        return {}
    total: dict[Pair, float] = {}
    for a, s in enumerate(margins.sellers):
        for b, d in enumerate(margins.buyers):
            pair = (margins.where[s], margins.where[d])
            total[pair] = total.get(pair, 0.0) + float(flow[a, b])
    text = (f"{rule['source']}; moved by more than a factor {FAR:g}", "assumption")
    return {p: text for p, v in total.items() if p[0] != p[1] and not seed[p] / FAR <= v <= seed[p] * FAR}


def _without_dust(tonnes: Array, world: float) -> Array:
    return np.where(np.abs(tonnes) > 1e-12 * world, tonnes, 0.0)


def _without_small(whole: Array, pinned: Array, rows: Array, columns: Array, margins: _Margins) -> Array:
    """Fitted flows without links below :data:`DROP_BELOW`; with them where the rest cannot meet the margins.

    Raises:
        ValueError: not even all links can.
    """
    flow = whole + pinned
    keep = flow >= DROP_BELOW * margins.world
    keep[np.arange(len(rows)), flow.argmax(axis=1)] = True
    keep[flow.argmax(axis=0), np.arange(len(columns))] = True
    free = np.where(keep, flow - pinned, 0.0)
    stuck = (free.sum(axis=1) <= 0) & (rows > 1e-12 * margins.world)
    free[stuck] = (flow - pinned)[stuck]
    stuck = (free.sum(axis=0) <= 0) & (columns > 1e-12 * margins.world)
    free[:, stuck] = (flow - pinned)[:, stuck]
    for fitted in (ras(free, rows, columns) + pinned, flow):
        miss = np.abs(fitted.sum(axis=0) - margins.columns) / margins.columns
        if miss.max() <= MISS:
            return fitted
    worst = margins.buyers[int(miss.argmax())]
    raise ValueError(f"{margins.good}: the flows miss the use of {worst} by {miss.max():.1e}")


def balance(draft: Draft, good: str, rule: Row, raw: Raw, places: dict[str, tuple[float, float]]) -> None:
    """Fit the flows of one good; afterwards every use equals what the flows bring.

    Raises:
        ValueError: nobody sells or nobody buys the good, or a margin cannot be met.
    """
    margins = _Margins(draft, good)
    countries = _country_matrix(draft, good, rule, raw, places, margins)
    fixed, label = _fixed_flows(draft, good, raw, countries, margins)
    pinned = _spread(margins, fixed)
    seed = _spread(margins, {p: v for p, v in countries.items() if p not in fixed})
    rows = _without_dust(margins.rows - pinned.sum(axis=1), margins.world)
    columns = _without_dust(margins.columns - pinned.sum(axis=0), margins.world)
    whole = ras(seed, rows, columns)
    flow = _without_small(whole, pinned, rows, columns, margins)
    label = _moved(rule, countries, margins, flow) | label
    usual = (rule["source"], rule["confidence"])
    draft.flows[good], draft.flow_label[good] = {}, {}
    for a, s in enumerate(margins.sellers):
        for b, d in enumerate(margins.buyers):
            if flow[a, b] > 0:
                draft.flows[good][s, d] = float(flow[a, b])
                pair = (margins.where[s], margins.where[d])
                draft.flow_label[good][s, d] = label.get(pair, usual)
    for b, d in enumerate(margins.buyers):
        draft.uses[good][d].tonnes = float(flow[:, b].sum())
