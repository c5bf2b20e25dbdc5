"""The countries of the world: where they lie, which groups they belong to, how stable they are."""

from __future__ import annotations

from math import fsum

from sim.world.build.raw import OTHER, Raw, Row

__all__ = ["country_rows", "places"]

ROW_POINT = (20.0, 10.0)
"""Where distances to the rest of the world are measured from: an assumption (central Africa)."""
SOURCES = "UN and Natural Earth; World Bank WGI"
"""Of places, groups and risk; who levies duties on FOB has the law beside it."""


def country_rows(raw: Raw) -> list[Row]:
    """Rows of countries.csv, alphabetic, the rest of the world last."""
    frame = raw.frame("countries.csv")
    by_code = {str(r["iso3"]): r for r in frame.to_dict("records")}
    risk = raw.frame("wgi_political_stability.csv")
    known = risk.sort_values("year")[["iso3", "political_risk_0_1"]].dropna()
    latest = {str(i): float(v) for i, v in known.to_numpy()}
    rows: list[Row] = []
    for entry in raw.rows("countries"):
        iso3 = entry["iso3"]
        if iso3 == OTHER:
            continue
        r = by_code[iso3]
        rows.append(
            {
                "iso3": iso3,
                "name": entry["name"],
                "lon": float(entry["lon"] or r["lon"]),
                "lat": float(entry["lat"] or r["lat"]),
                "region": str(r["region"]),
                "eu27": int(r["eu27"]),
                "oecd": int(r["oecd"]),
                "g7": int(r["g7"]),
                "brics": int(entry["brics"] or 0),
                "political_risk": latest.get(iso3, 0.5),
                "duty_on_fob": int(entry["duty_on_fob"]),
                "source": "; ".join(filter(None, (SOURCES, entry["duty_source"]))),
                "confidence": "seen" if iso3 in latest else "assumption",
            }
        )
    mean = fsum(float(r["political_risk"]) for r in rows) / len(rows)
    rows.append(
        {
            "iso3": OTHER,
            "name": "Rest of the world",
            "lon": ROW_POINT[0],
            "lat": ROW_POINT[1],
            "region": "",
            "eu27": 0,
            "oecd": 0,
            "g7": 0,
            "brics": 0,
            "political_risk": mean,
            "duty_on_fob": 0,
            "source": "assumed point; mean risk",
            "confidence": "assumption",
        }
    )
    return rows


def places(raw: Raw) -> dict[str, tuple[float, float]]:
    """Longitude and latitude per country, degrees."""
    return {str(r["iso3"]): (float(r["lon"]), float(r["lat"])) for r in country_rows(raw)}
