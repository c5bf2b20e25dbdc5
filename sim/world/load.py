"""Read ``data/world`` into one frozen :class:`~sim.world.world.World`.

Reads CSV only. Every identity that the engine relies on (margins of flows, one country per
facility, known codes) is checked here, so a damaged data folder fails with its file and row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sim.errors import MonaziteError
from sim.paths import world_directory
from sim.world.world import FloatArray, Good, World

__all__ = ["great_circle_km", "load_world"]

MARGIN_TOLERANCE = 1e-4
"""Largest relative gap between an output or use and the sum of its flows."""
WEEKS_PER_YEAR = 52.0
GROUP_COLUMNS = {"eu27": "EU27", "oecd": "OECD", "g7": "G7", "brics": "BRICS"}
EARTH_RADIUS_KM = 6371.0
# Transport: sea speed, handling time and freight rate are assumptions, listed in docs/model.md.
KM_PER_DAY = 480.0
HANDLING_DAYS = 14.0
FREIGHT_BASE = 0.01
FREIGHT_PER_1000_KM = 0.001


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise MonaziteError(f"{path}: no such file; build it with 'make data'")
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def great_circle_km(longitude: FloatArray, latitude: FloatArray) -> FloatArray:
    """Great-circle distances, (C, C) km, from degrees."""
    lon, lat = np.radians(longitude), np.radians(latitude)
    half = np.sin((lat[:, None] - lat) / 2) ** 2
    half = half + np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    distance: FloatArray = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return distance


def _index(names: Iterable[str], what: str, path: Path) -> dict[str, int]:
    index: dict[str, int] = {}
    for name in names:
        if name in index:
            raise MonaziteError(f"{path}: {what} '{name}' stands twice; remove one row")
        index[name] = len(index)
    return index


def _lookup(index: dict[str, int], key: str, what: str, path: Path, row: int) -> int:
    if key not in index:
        raise MonaziteError(f"{path}:{row + 2}: unknown {what} '{key}'")
    return index[key]


def load_world(base_year: int = 2024, root: Path | None = None) -> World:
    """Load one base year.

    Args:
        base_year: 2024, 2022 or 2009.
        root: the ``data/world`` folder; the installed one when ``None``.

    Raises:
        MonaziteError: a file is missing, names something unknown, or its margins do not close.
    """
    top = root if root is not None else world_directory()
    year = top / str(base_year)
    if not year.is_dir():
        known = sorted(p.name for p in top.glob("[12]*") if p.is_dir())
        raise MonaziteError(f"no base year {base_year} in {top}; there are: {', '.join(known)}")

    country_rows = _rows(top / "countries.csv")
    country = _index((r["iso3"] for r in country_rows), "country", top / "countries.csv")
    lon = np.array([float(r["lon"]) for r in country_rows])
    lat = np.array([float(r["lat"]) for r in country_rows])
    distance = great_circle_km(lon, lat)
    groups = {
        label: tuple(r["iso3"] for r in country_rows if r[column] == "1")
        for column, label in GROUP_COLUMNS.items()
    }

    prices = {r["good"]: float(r["price_usd_t"]) for r in _rows(year / "prices.csv")}
    output_rows, input_rows = _rows(year / "outputs.csv"), _rows(year / "inputs.csv")
    traded = {r["good"] for r in output_rows}
    goods = tuple(
        Good(
            id=r["good"],
            name=r["name"],
            mineral=r["mineral"],
            stage=r["stage"],
            unit=r["unit"],
            hs6=tuple(code for code in r["hs6"].split(";") if code),
            basket=r["basket"] == "1",
            element=r["element"],
            base_price=prices[r["good"]],
        )
        for r in _rows(top / "goods.csv")
        if r["good"] in traded
    )
    good = _index((g.id for g in goods), "good", top / "goods.csv")
    elements = tuple(r["element"] for r in _rows(top / "elements.csv"))

    facility_path = year / "facilities.csv"
    facility_rows = _rows(facility_path)
    facility = _index((r["facility"] for r in facility_rows), "facility", facility_path)
    facility_country = np.array(
        [_lookup(country, r["country"], "country", facility_path, i) for i, r in enumerate(facility_rows)]
    )

    def positions(rows: list[dict[str, str]], path: Path) -> list[tuple[int, int, dict[str, str]]]:
        found = [
            (
                _lookup(good, r["good"], "good", path, i),
                _lookup(facility, r["facility"], "facility", path, i),
                r,
            )
            for i, r in enumerate(rows)
        ]
        return sorted(found, key=lambda item: item[:2])

    offers = positions(output_rows, year / "outputs.csv")
    needs = positions(input_rows, year / "inputs.csv")
    offer_good = np.array([g for g, _, _ in offers])
    offer_facility = np.array([f for _, f, _ in offers])
    need_good = np.array([g for g, _, _ in needs])
    need_facility = np.array([f for _, f, _ in needs])
    offer_at = {(g, f): k for k, (g, f, _) in enumerate(offers)}
    need_at = {(g, f): k for k, (g, f, _) in enumerate(needs)}

    flow_path = year / "flows.csv"
    first_offer = np.searchsorted(offer_good, np.arange(len(goods)))
    first_need = np.searchsorted(need_good, np.arange(len(goods)))
    offer_count = np.bincount(offer_good, minlength=len(goods))
    need_count = np.bincount(need_good, minlength=len(goods))
    base_flow = tuple(np.zeros((offer_count[g], need_count[g])) for g in range(len(goods)))
    for i, r in enumerate(_rows(flow_path)):
        g = _lookup(good, r["good"], "good", flow_path, i)
        s = offer_at.get((g, _lookup(facility, r["seller"], "facility", flow_path, i)))
        b = need_at.get((g, _lookup(facility, r["buyer"], "facility", flow_path, i)))
        if s is None or b is None:
            raise MonaziteError(
                f"{flow_path}:{i + 2}: {r['seller']} -> {r['buyer']} is not a link of {r['good']}"
            )
        base_flow[g][s - first_offer[g], b - first_need[g]] += float(r["tonnes"])

    sold = np.concatenate([block.sum(1) for block in base_flow])
    bought = np.concatenate([block.sum(0) for block in base_flow])
    for rows, column, flows, path in (
        (offers, "output_t", sold, year / "outputs.csv"),
        (needs, "use_t", bought, year / "inputs.csv"),
    ):
        stated = np.array([float(r[column]) for _, _, r in rows])
        gap = np.abs(stated - flows) / np.maximum(stated, 1e-12)
        if gap.max() > MARGIN_TOLERANCE:
            _, _, r = rows[int(gap.argmax())]
            raise MonaziteError(
                f"{path}: {r['facility']} of {r['good']} states {r[column]} t but its flows sum to "
                f"{flows[int(gap.argmax())]:.6g} t; rebuild with 'make data'"
            )

    composition = np.zeros((len(offers), len(elements)))
    element = {name: k for k, name in enumerate(elements)}
    for r in _rows(year / "composition.csv"):
        key = (good[r["good"]], facility[r["facility"]])
        if key in offer_at:
            composition[offer_at[key], element[r["element"]]] = float(r["share"])
    total = composition.sum(1, keepdims=True)
    composition = np.divide(composition, total, out=np.zeros_like(composition), where=total > 0)

    tariff = np.zeros((len(goods), len(country), len(country)))
    for r in _rows(year / "tariffs.csv"):
        if r["good"] in good:
            tariff[good[r["good"]], country[r["exporter"]], country[r["importer"]]] = float(r["rate"])

    substitutes = {r["good"]: r["group"] for r in _rows(top / "substitutes.csv")}

    transit, freight = [], []
    for g in range(len(goods)):
        origin = facility_country[offer_facility[offer_good == g]]
        destination = facility_country[need_facility[need_good == g]]
        km = distance[np.ix_(origin, destination)]
        abroad = origin[:, None] != destination
        transit.append(np.where(abroad, (HANDLING_DAYS + km / KM_PER_DAY) / 365.25, 0.0))
        freight.append(np.where(abroad, FREIGHT_BASE + FREIGHT_PER_1000_KM * km / 1000, 0.0))

    def numbers(rows: list[tuple[int, int, dict[str, str]]], name: str) -> FloatArray:
        return np.array([float(r[name] or 0) for _, _, r in rows])

    return World(
        base_year=base_year,
        goods=goods,
        countries=tuple(country),
        country_names=tuple(r["name"] for r in country_rows),
        groups=groups,
        political_risk=np.array([float(r["political_risk"] or 0) for r in country_rows]),
        elements=elements,
        facilities=tuple(facility),
        facility_names=tuple(r["name"] for r in facility_rows),
        facility_kind=tuple(r["kind"] for r in facility_rows),
        facility_country=facility_country,
        facility_firm=tuple(r["firm"] or r["facility"] for r in facility_rows),
        facility_sector=tuple(r["sector"] for r in facility_rows),
        facility_value_added=np.array([float(r["value_added_usd"] or 0) for r in facility_rows]),
        offer_facility=offer_facility,
        offer_good=offer_good,
        offer_output=sold,
        offer_capacity=np.maximum(numbers(offers, "capacity_t"), sold),
        offer_stock=sold * numbers(offers, "stock_weeks") / WEEKS_PER_YEAR,
        offer_cash_cost=numbers(offers, "cash_cost_usd_t"),
        offer_by_product=numbers(offers, "by_product") > 0,
        offer_composition=composition,
        substitutes=substitutes,
        need_facility=need_facility,
        need_good=need_good,
        need_use=bought,
        need_cover=numbers(needs, "cover_weeks") / WEEKS_PER_YEAR,
        need_reservation=np.maximum(numbers(needs, "reservation_multiple"), 1.5),
        need_dependence=numbers(needs, "dependence"),
        base_flow=base_flow,
        transit_years=tuple(transit),
        freight_share=tuple(freight),
        base_tariff=tariff,
        distance_km=distance,
    )
