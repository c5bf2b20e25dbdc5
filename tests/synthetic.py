"""A small, invented result set with the dimensions and names of a real one.

The numbers follow simple formulas, so that a test can say what a metric must be. They model
nothing.
"""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

GOODS = (
    # good, name, mineral, stage, unit, base price, controller
    ("ree_concentrate", "Rare-earth concentrate", "rare_earths", "concentrate", "t REO", 9_000.0, "CHN"),
    ("dysprosium_oxide", "Dysprosium oxide", "dysprosium", "oxide", "t Dy2O3", 257_000.0, "CHN"),
    ("ndfeb_magnet", "NdFeB magnets", "rare_earth_magnets", "magnet", "t", 60_000.0, "CHN"),
    ("gallium_refined", "Gallium", "gallium", "refined", "t Ga", 440_000.0, "CHN"),
)
SECTORS = ("electric_vehicles", "wind", "defence")
COUNTRIES = ("CHN", "JPN", "USA", "DEU", "AUS", "MYS", "ROW")
SHOCK_START = 15
"""Step in which the invented control takes effect."""


def facilities() -> list[tuple[str, str, str, str]]:
    """(facility, kind, country, sector) of every invented facility."""
    rows = [(f"mine {c}", "miner", c, "") for c in ("CHN", "AUS", "ROW")]
    rows += [(f"separator {c}", "processor", c, "") for c in ("CHN", "MYS")]
    rows += [(f"magnet plant {c}", "processor", c, "") for c in ("CHN", "JPN", "DEU")]
    rows += [("gallium plant CHN", "miner", "CHN", "")]
    rows += [(f"{s} {c}", "manufacturer", c, s) for c in ("CHN", "JPN", "USA", "DEU") for s in SECTORS]
    return rows


def _offers() -> list[tuple[str, str, float]]:
    return [
        ("mine CHN", "ree_concentrate", 270_000.0),
        ("mine AUS", "ree_concentrate", 60_000.0),
        ("mine ROW", "ree_concentrate", 50_000.0),
        ("separator CHN", "dysprosium_oxide", 2_000.0),
        ("separator MYS", "dysprosium_oxide", 120.0),
        ("magnet plant CHN", "ndfeb_magnet", 240_000.0),
        ("magnet plant JPN", "ndfeb_magnet", 15_000.0),
        ("magnet plant DEU", "ndfeb_magnet", 2_000.0),
        ("gallium plant CHN", "gallium_refined", 750.0),
    ]


def _needs() -> list[tuple[str, str, float]]:
    rows = [
        ("separator CHN", "ree_concentrate", 320_000.0),
        ("separator MYS", "ree_concentrate", 60_000.0),
        ("magnet plant CHN", "dysprosium_oxide", 1_700.0),
        ("magnet plant JPN", "dysprosium_oxide", 380.0),
        ("magnet plant DEU", "dysprosium_oxide", 40.0),
    ]
    for country, scale in (("CHN", 6.0), ("JPN", 1.5), ("USA", 1.0), ("DEU", 1.2)):
        for i, sector in enumerate(SECTORS):
            rows.append((f"{sector} {country}", "ndfeb_magnet", scale * 9_000.0 / (i + 1)))
            if sector == "defence":
                rows.append((f"{sector} {country}", "gallium_refined", scale * 40.0))
    return rows


def shock_profile(steps: int, start: int = SHOCK_START, length: int = 12) -> np.ndarray:
    """0 before ``start``, a triangle up to 1 and back over ``2 x length`` steps, then 0."""
    t = np.arange(steps, dtype=float)
    profile: np.ndarray = np.clip(1 - np.abs(t - (start + length)) / length, 0, 1) * (t >= start)
    return profile


def make_dataset(
    name: str = "baseline-test",
    *,
    shock: float = 0.0,
    members: int = 5,
    steps: int = 60,
    recovers: bool = True,
    seed: int = 7,
    step: str = "month",
) -> xr.Dataset:
    """Results of an invented run; ``shock`` 0 is a baseline, 1 multiplies outside prices by 4."""
    rng = np.random.default_rng(seed)  # the same seed gives the same noise: members are paired
    goods = [g[0] for g in GOODS]
    base = np.array([g[5] for g in GOODS])
    facility = facilities()
    kind = {f: (k, c, s) for f, k, c, s in facility}
    offers = sorted(_offers(), key=lambda o: goods.index(o[1]))
    needs = sorted(_needs(), key=lambda n: goods.index(n[1]))
    if step == "month":
        time = np.array([np.datetime64("2024-01", "M") + i for i in range(steps)]).astype("datetime64[ns]")
        per_year = 12.0
    else:
        time = (np.datetime64("2024-01-01") + 7 * np.arange(steps)).astype("datetime64[ns]")
        per_year = 365.25 / 7
    profile = shock_profile(steps)
    if not recovers:
        profile = np.maximum.accumulate(profile)
    spread = 1 + 0.3 * np.concatenate([[0.0], rng.uniform(-1, 1, max(members - 1, 0))])
    noise = 1 + 0.02 * rng.standard_normal((members, steps, len(goods)))
    noise[0] = 1.0
    touched = np.array([g in ("dysprosium_oxide", "ndfeb_magnet") for g in goods], dtype=float)
    strength = shock * profile[None, :, None] * spread[:, None, None] * touched
    outside = base * noise * (1 + 3 * strength)
    inside = base * noise * (1 - 0.3 * np.clip(strength, 0, 1))

    offer_good = np.array([goods.index(o[1]) for o in offers])
    need_good = np.array([goods.index(n[1]) for n in needs])
    offer_country = np.array([kind[o[0]][1] for o in offers])
    need_country = np.array([kind[n[0]][1] for n in needs])
    cut = strength[:, :, offer_good]
    production = (
        np.array([o[2] for o in offers])
        / per_year
        * np.where(offer_country == "CHN", 1 - 0.2 * np.clip(cut, 0, 1), 1 + 0.3 * cut)
    )
    requirement = np.broadcast_to(
        np.array([n[2] for n in needs]) / per_year, (members, steps, len(needs))
    ).copy()
    abroad = (need_country != "CHN").astype(float)
    weight = 0.4 + 0.5 * (np.arange(len(needs)) % 3) / 2
    share = np.clip(strength[:, :, need_good] * abroad * weight, 0, 1)
    shortfall = requirement * share
    names = [f[0] for f in facility]
    value = np.array([2e9 if f[1] == "manufacturer" else 0.0 for f in facility]) / per_year
    risk = np.zeros((members, steps, len(names)))
    for i, need in enumerate(needs):
        where = names.index(need[0])
        risk[:, :, where] = np.maximum(risk[:, :, where], share[:, :, i] * value[where])

    pairs = [(g, a, b) for g in goods for a in ("CHN", "AUS", "MYS") for b in ("JPN", "USA", "DEU")]
    years = np.unique(time.astype("datetime64[Y]").astype(int) + 1970)
    flow = (
        np.linspace(50, 500, len(pairs))
        * np.ones((3, len(years), 1))
        * np.array([0.9, 1, 1.1])[:, None, None]
    )
    events = (
        [
            {
                "id": "licence",
                "type": "export_licence",
                "sentence": "CHN licenses exports of dysprosium oxide and magnets to every country.",
                "announced": str(time[max(SHOCK_START - 2, 0)])[:10],
                "from": str(time[SHOCK_START])[:10],
                "until": str(time[min(SHOCK_START + 24, steps - 1)])[:10],
            }
        ]
        if shock
        else []
    )
    m, t = members, steps
    importer = list(COUNTRIES)
    delivered = np.full((m, t, len(goods), len(importer)), np.nan)
    for j, country in enumerate(importer):
        delivered[..., j] = inside if country == "CHN" else outside
    variables: dict[str, tuple[tuple[str, ...], np.ndarray, str, str]] = {
        "price_gate": (("member", "time", "good"), inside, "USD/t", "gate price, sales-weighted"),
        "price_inside": (("member", "time", "good"), inside, "USD/t", "price inside the controlling country"),
        "price_outside": (("member", "time", "good"), outside, "USD/t", "price outside, CIF"),
        "price_delivered": (("member", "time", "good", "importer"), delivered, "USD/t", "delivered price"),
        "hhi_owners": (
            ("member", "time", "good"), np.full((m, t, len(goods)), 5000.0), "0 to 10,000",
            "Herfindahl-Hirschman index of sales by owner",
        ),
        "rent": (("member", "time", "good"), np.zeros((m, t, len(goods))), "1", "rent as share of price"),
        "production": (("member", "time", "offer"), production, "t/step", "output"),
        "sales": (("member", "time", "offer"), production, "t/step", "sales"),
        "seller_stock": (("member", "time", "offer"), production * 0.5, "t", "seller stock"),
        "discarded": (("member", "time", "offer"), production * 0, "t/step", "discarded"),
        "consumption": (("member", "time", "need"), requirement - shortfall, "t/step", "consumption"),
        "requirement": (("member", "time", "need"), requirement, "t/step", "requirement"),
        "shortfall": (("member", "time", "need"), shortfall, "t/step", "unmet need"),
        "purchases": (("member", "time", "need"), requirement - shortfall, "t/step", "purchases"),
        "buyer_stock": (("member", "time", "need"), requirement * 1.5, "t", "buyer stock"),
        "value_added_at_risk": (("member", "time", "facility"), risk, "USD/step", "value added at risk"),
        "tariff_revenue": (
            ("member", "time", "importer"),
            np.zeros((m, t, len(importer))),
            "USD/step",
            "tariff",
        ),
        "event_tonnes": (
            ("member", "time", "event"),
            np.ones((m, t, len(events))),
            "t/step",
            "tonnes touched",
        ),
        "event_usd": (("member", "time", "event"), np.ones((m, t, len(events))), "USD/step", "USD touched"),
        **{
            name: (("member", "time", "event"), np.full((m, t, len(events)), value), unit, name)
            for name, value, unit in (
                ("event_flow", 0.5, "t/step"), ("event_change", -0.5, "t/step"),
                ("event_flow_usd", 2.0, "USD/step"), ("event_waiting", 0.0, "t"),
                ("event_filed", 2.0, "t"), ("event_approved", 1.0, "t"),
            )
        },
        "event_agents": (("member", "event"), np.full((m, len(events)), 3), "facilities", "agents touched"),
        "flow": (("quantile", "year", "link"), flow, "t/year", "flow between countries"),
    }
    data = {
        k: (d, v.astype(np.float32), {"units": u, "long_name": n}) for k, (d, v, u, n) in variables.items()
    }
    certificate = np.full((m, t, len(goods)), 1e-11)
    for key in ("certificate_residual", "certificate_gap"):
        data[key] = (("member", "time", "good"), certificate, {"units": "1", "long_name": key})
    data["certified"] = (
        ("member", "time", "good"),
        np.ones((m, t, len(goods)), bool),
        {"units": "1", "long_name": "certified"},
    )

    def text(values: list[str]) -> np.ndarray:
        return np.array(values, dtype=str)

    coords = {
        "member": np.arange(m),
        "time": time,
        "good": text(goods),
        "importer": text(importer),
        "facility": text(names),
        "event": text([str(e["id"]) for e in events]),
        "year": years,
        "quantile": np.array([0.1, 0.5, 0.9]),
        "good_name": ("good", text([g[1] for g in GOODS])),
        "good_mineral": ("good", text([g[2] for g in GOODS])),
        "good_stage": ("good", text([g[3] for g in GOODS])),
        "good_unit": ("good", text([g[4] for g in GOODS])),
        "good_base_price": ("good", base),
        "good_controller": ("good", text([g[6] for g in GOODS])),
        "offer_good": ("offer", text([o[1] for o in offers])),
        "offer_facility": ("offer", text([o[0] for o in offers])),
        "offer_country": ("offer", text(list(offer_country))),
        "offer_firm": ("offer", text([f"firm of {o[0]}" for o in offers])),
        "offer_kind": ("offer", text([kind[o[0]][0] for o in offers])),
        "need_good": ("need", text([n[1] for n in needs])),
        "need_facility": ("need", text([n[0] for n in needs])),
        "need_country": ("need", text(list(need_country))),
        "need_sector": ("need", text([kind[n[0]][2] for n in needs])),
        "need_kind": ("need", text([kind[n[0]][0] for n in needs])),
        "facility_country": ("facility", text([f[2] for f in facility])),
        "facility_sector": ("facility", text([f[3] for f in facility])),
        "facility_kind": ("facility", text([f[1] for f in facility])),
        "link_good": ("link", text([p[0] for p in pairs])),
        "link_exporter": ("link", text([p[1] for p in pairs])),
        "link_importer": ("link", text([p[2] for p in pairs])),
    }
    attrs = {
        "scenario": name,
        "title": f"Invented run {name}",
        "base_year": 2024,
        "seed": seed,
        "members": m,
        "step": step,
        "compare_to": "baseline-test",
        "events": json.dumps(events),
    }
    return xr.Dataset(data, coords=coords, attrs=attrs)
