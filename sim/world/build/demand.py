"""Final use: manufacturers are sectors in countries; what processors leave goes to them."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum

from sim.world.build.draft import Adjustment, Draft, Facility, Use
from sim.world.build.raw import OTHER, Raw
from sim.world.build.supply import pairs
from sim.world.build.trade_records import apparent_use

__all__ = ["Sectors", "add_end_use"]


@dataclass(frozen=True)
class Sectors:
    """Value added (USD) and share of world activity by sector and country, rest of world included."""

    value_added: dict[str, dict[str, float]]
    weight: dict[str, dict[str, float]]
    names: dict[str, str]
    source: dict[str, tuple[str, str]]

    @classmethod
    def read(cls, raw: Raw, year: int) -> Sectors:
        """Build from the value-added panel and the sector tables, moved to the base year by a table."""
        moved = {r["iso3"]: float(r["factor"]) for r in raw.rows_for("sector_years", year)}
        usual = moved.get("*", 1.0)
        value_added, weight, names, source = {}, {}, {}, {}
        for row in raw.rows("sectors"):
            sector = row["sector"]
            total: dict[str, float] = {}
            for origin, fraction in pairs(row["terms"]).items():
                for iso3, value in raw.value_added[origin].items():
                    total[iso3] = total.get(iso3, 0.0) + fraction * value * moved.get(iso3, usual)
            world = fsum(total.values())
            known = [r for r in raw.rows("sector_countries") if r["sector"] == sector]
            table = {r["iso3"]: float(r["share"]) for r in known}
            table = {c: s * moved.get(c, usual) for c, s in table.items()}
            share = table or {iso3: value / world for iso3, value in total.items()}
            scale = fsum(share.values())
            # With a margin: a share that equals the cut must not come and go with the last bit of a sum.
            cut = float(row["cut"]) * (1 - 1e-9)
            kept = {c: s / scale for c, s in share.items() if c != OTHER and s / scale >= cut}
            kept = dict(sorted(kept.items(), key=lambda item: (-item[1], item[0])))
            kept[OTHER] = 1.0 - fsum(kept.values())
            weight[sector] = kept
            value_added[sector] = {c: s * world for c, s in kept.items()}
            names[sector] = row["name"]
            source[sector] = (row["source"], row["confidence"])
        return cls(value_added, weight, names, source)


def _ratio(target: float, total: float) -> float:
    return target / total if total > 0 else 0.0


def _pool_below(raw: Raw, good: str) -> float:
    """Cells of sector and country below this share of a good are pooled into the rest of the world."""
    mineral = next(r["mineral"] for r in raw.rows("goods") if r["good"] == good)
    limits = {r["mineral"]: float(r["pool_below"]) for r in raw.rows("use_pooling")}
    return limits.get(mineral, limits[""])


def _country_shares(draft: Draft, raw: Raw, good: str, known: set[str], left: float) -> dict[str, float]:
    """Share of a good's final use per country where a table or apparent consumption tells it."""
    rows = [r for r in raw.rows_for("use_countries", draft.year) if r["good"] == good]
    if not any(r["iso3"] == "*" for r in rows):
        return {r["iso3"]: float(r["share"]) for r in rows if r["iso3"] in known}
    use = apparent_use(draft, raw, good)
    for facility, need in draft.uses.get(good, {}).items():
        country = draft.facilities[facility].country
        use[country] = use.get(country, 0.0) - need.tonnes
    kept = {c: max(use.get(c, 0.0), 0.0) for c in sorted(known) if c != OTHER}
    kept[OTHER] = max(fsum(max(v, 0.0) for v in use.values()) - fsum(kept.values()), 0.0)
    whole = fsum(kept.values())
    rule = "scaled to supply less what processors take"
    draft.adjust(Adjustment(good, "WLD", "apparent final use", whole, left, "t", rule))
    return {c: v / whole for c, v in kept.items()}


def add_end_use(draft: Draft, raw: Raw, sectors: Sectors, good: str) -> None:
    """Give what the processors do not take to the manufacturers of the good's end-use sectors.

    Raises:
        ValueError: the processors want more than the supply of a good that has end uses.
    """
    rows = [r for r in raw.rows_for("end_uses", draft.year) if r["good"] == good]
    if not rows:
        return
    left = draft.supply(good) - fsum(u.tonnes for u in draft.uses.get(good, {}).values())
    if left <= 0:
        raise ValueError(f"nothing of {good} is left for its end uses ({left:.3g} t)")
    whole = fsum(float(r["share"]) for r in rows)
    share = {r["sector"]: float(r["share"]) / whole for r in rows}
    label = {r["sector"]: (r["source"], r["confidence"]) for r in rows}
    cells = {(c, s): share[s] * w for s in share for c, w in sectors.weight[s].items()}
    pinned = _country_shares(draft, raw, good, {c for c, _ in cells}, left)
    free = max(1.0 - fsum(pinned.values()), 0.0)
    for _ in range(60):
        by_country: dict[str, float] = {}
        for (c, _s), v in cells.items():
            key = c if c in pinned else ""
            by_country[key] = by_country.get(key, 0.0) + v
        cells = {
            (c, s): v * _ratio(pinned.get(c, free), by_country[c if c in pinned else ""])
            for (c, s), v in cells.items()
        }
        by_sector: dict[str, float] = {}
        for (_c, s), v in cells.items():
            by_sector[s] = by_sector.get(s, 0.0) + v
        cells = {(c, s): v * _ratio(share[s], by_sector[s]) for (c, s), v in cells.items()}
    kept = {pair: v for pair, v in cells.items() if v > 1e-6}
    whole = fsum(kept.values())
    cells = {pair: v / whole for pair, v in kept.items()}
    limit = _pool_below(raw, good)
    for (c, s), v in cells.items():
        country = c if v >= limit else OTHER
        facility = f"{s}_{country.lower()}"
        where = "rest of the world" if country == OTHER else country
        text, confidence = sectors.source[s]
        draft.add(
            Facility(
                facility,
                f"{sectors.names[s]}, {where}",
                "manufacturer",
                country,
                f"{s} {country}",
                s,
                sectors.value_added[s][country],
                text,
                confidence,
            )
        )
        use = Use(v * left, *label[s], value_added=sectors.value_added[s][c])
        draft.use(good, facility, use)
