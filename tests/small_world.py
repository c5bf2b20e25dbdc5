"""A small, exactly balanced world written as the CSV files that the loader reads.

Clay is mined in China and elsewhere, separated in China, made into magnets in China and Japan,
and used in three countries; Chinese traders do not exist, a Singapore trader resells oxide.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

COUNTRIES = [
    ("CHN", "China", 104.0, 35.0, 0, 0), ("JPN", "Japan", 138.0, 36.0, 0, 1),
    ("USA", "United States", -98.0, 39.0, 0, 1), ("SGP", "Singapore", 104.0, 1.0, 0, 0),
    ("ROW", "Rest of world", 10.0, 50.0, 0, 0),
]
ELEMENTS = ["NdPr", "Dy", "Other"]
CLAY = {"mine_china": (0.40, 0.06, 0.54), "mine_abroad": (0.30, 0.10, 0.60)}
RECOVERY = 0.9


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_small_world(root: Path, tonnes: float = 1.0, dollars: float = 1.0) -> Path:
    """Write the world under ``root``; ``tonnes`` and ``dollars`` rescale every quantity and price."""
    flows: dict[tuple[str, str, str], float] = {}

    def flow(good: str, seller: str, buyer: str, amount: float) -> None:
        flows[good, seller, buyer] = flows.get((good, seller, buyer), 0.0) + amount * tonnes

    clay = {"mine_china": 1000.0, "mine_abroad": 400.0}
    for mine, amount in clay.items():
        flow("clay", mine, "separator_china_a", 0.6 * amount)
        flow("clay", mine, "separator_china_b", 0.4 * amount)
    metal = {
        e: sum(amount * CLAY[m][k] for m, amount in clay.items()) for k, e in enumerate(ELEMENTS)
    }
    for good, element in (("ndpr_oxide", "NdPr"), ("dysprosium_oxide", "Dy")):
        for plant, part in (("separator_china_a", 0.6), ("separator_china_b", 0.4)):
            made = part * metal[element] * RECOVERY
            flow(good, plant, "magnet_china", 0.6 * made)
            flow(good, plant, "magnet_japan", 0.25 * made)
            flow(good, plant, f"trader_singapore_{element.lower()}", 0.15 * made)
        flow(good, f"trader_singapore_{element.lower()}", "magnet_japan", 0.15 * metal[element] * RECOVERY)
    magnets = {"magnet_china": 0.6, "magnet_japan": 0.4}
    oxide = (metal["NdPr"] + metal["Dy"]) * RECOVERY
    uses = {
        "magnet_china": {"ev_china": 0.6, "ev_usa": 0.25, "ev_japan": 0.05, "wind_row": 0.1},
        "magnet_japan": {"ev_japan": 0.8, "ev_usa": 0.15, "wind_row": 0.05},
    }
    for plant, part in magnets.items():
        for user, share in uses[plant].items():
            flow("magnet", plant, user, 3.0 * oxide * part * share)

    country = {
        "mine_china": "CHN", "mine_abroad": "ROW", "separator_china_a": "CHN", "separator_china_b": "CHN",
        "magnet_china": "CHN", "magnet_japan": "JPN", "trader_singapore_ndpr": "SGP",
        "trader_singapore_dy": "SGP", "ev_china": "CHN",
        "ev_japan": "JPN", "ev_usa": "USA", "wind_row": "ROW",
    }
    price = {"clay": 20_000.0, "ndpr_oxide": 60_000.0, "dysprosium_oxide": 250_000.0, "magnet": 60_000.0}
    mark = {"unit": "t", "source": "made up", "confidence": "assumption"}
    _write(root / "countries.csv", [
        {"iso3": c, "name": n, "lon": lon, "lat": lat, "region": "", "eu27": eu, "oecd": o, "g7": o,
         "brics": 0, "political_risk": 0.3, "source": "made up", "confidence": "assumption"}
        for c, n, lon, lat, eu, o in COUNTRIES
    ])
    goods = [
        ("clay", "Ionic clay", "rare_earth_concentrates", "concentrate", 1, ""),
        ("ndpr_oxide", "NdPr oxide", "neodymium_praseodymium", "oxide", 0, "NdPr"),
        ("dysprosium_oxide", "Dy oxide", "dysprosium", "oxide", 0, "Dy"),
        ("magnet", "Magnet", "rare_earth_magnets", "magnet", 0, ""),
    ]
    _write(root / "goods.csv", [
        {"good": g, "name": n, "mineral": m, "stage": s, "unit": "t", "hs6": "284690", "basket": b,
         "element": e, "note": ""}
        for g, n, m, s, b, e in goods
    ])
    _write(root / "elements.csv", [{"element": e, "name": e, "members": e, "note": ""} for e in ELEMENTS])
    _write(root / "substitutes.csv", [{"group": "alone", "good": "magnet", **mark}])
    _write(root / "transport.csv", [
        {"rule": r, "value": v, "low": v, "high": v, **mark}
        for r, v in (("sailing_speed", 480), ("handling_time", 14), ("freight_base", 0.01),
                     ("freight_by_distance", 0.001))
    ])
    year = root / "2024"
    kinds = {"mine": "miner", "sepa": "processor", "magn": "processor", "trad": "trader"}
    _write(year / "facilities.csv", [
        {"facility": f, "name": f, "kind": kinds.get(f[:4], "manufacturer"), "country": c, "firm": f,
         "sector": f.split("_")[0] if f[:4] not in kinds else "",
         "value_added_usd": 0 if f[:4] in kinds else 1e9 * dollars,
         "source": "made up", "confidence": "assumption"}
        for f, c in country.items()
    ])
    sold: dict[tuple[str, str], float] = {}
    bought: dict[tuple[str, str], float] = {}
    for (good, seller, buyer), amount in flows.items():
        sold[good, seller] = sold.get((good, seller), 0.0) + amount
        bought[good, buyer] = bought.get((good, buyer), 0.0) + amount
    _write(year / "outputs.csv", [
        {"facility": f, "good": g, "output_t": repr(v), "capacity_t": repr(1.2 * v), "stock_weeks": 6,
         "cash_cost_usd_t": 0.7 * price[g] * dollars, "by_product": 0, **mark}
        for (g, f), v in sold.items()
    ])
    _write(year / "inputs.csv", [
        {"facility": f, "good": g, "use_t": repr(v), "cover_weeks": 6, "reservation_multiple": 8,
         "dependence": 0.5, **mark}
        for (g, f), v in bought.items()
    ])
    _write(year / "flows.csv", [
        {"good": g, "seller": s, "buyer": b, "tonnes": repr(v), **mark}
        for (g, s, b), v in flows.items()
    ])
    _write(year / "composition.csv", [
        {"facility": m, "good": "clay", "element": e, "share": CLAY[m][k], **mark}
        for m in CLAY for k, e in enumerate(ELEMENTS)
    ])
    _write(year / "prices.csv", [
        {"good": g, "price_usd_t": p * dollars, "unit": "USD/t", "series": "", "source": "", "confidence": ""}
        for g, p in price.items()
    ])
    _write(year / "tariffs.csv", [
        {"good": "magnet", "exporter": "CHN", "importer": "USA", "rate": 0.1, "source": "", "confidence": ""}
    ])
    assert np.isfinite(list(flows.values())).all()
    return root
