"""Targets: what the base year is known to look like, from ``data/raw/targets``."""

from __future__ import annotations

from dataclasses import dataclass

from sim.errors import MonaziteError
from sim.paths import share_root
from sim.tables import read_table as read_csv

__all__ = [
    "Target", "import_sources", "inventories", "load_target", "mine_shares", "prices", "read_table",
    "reasons",
]  # fmt: skip

OTHERS = "ROW"
IMPORT_STATISTIC = "Import sources"


@dataclass(frozen=True)
class Target:
    """One row of the list of targets: what is compared and the band that is accepted."""

    id: str
    statistic: str
    observed: str
    unit: str
    low: float
    high: float


def read_table(name: str) -> list[dict[str, str]]:
    """Rows of a table below ``data/raw``.

    Raises:
        MonaziteError: the table does not come with this installation.
    """
    remedy = "such tables come with the source tree and with the installed program; restore it"
    return read_csv(share_root() / "data" / "raw" / name, remedy=remedy).dictionaries()


def _goods(text: str) -> tuple[str, ...]:
    return tuple(good for good in text.split(";") if good)


def _iso3() -> dict[str, str]:
    return {row["country"]: row["iso3"] for row in read_table("targets/country_names.csv")}


def load_target(identifier: str) -> Target:
    """One target with its accepted band.

    Raises:
        MonaziteError: the list has no such row.
    """
    for row in read_table("targets/calibration_targets.csv"):
        if row["id"] == identifier:
            low, high = float(row["accept_low"]), float(row["accept_high"])
            return Target(identifier, row["statistic"], row["observed"], row["unit"], low, high)
    raise MonaziteError(f"calibration_targets.csv has no row '{identifier}'")


def mine_shares() -> dict[str, tuple[tuple[str, ...], dict[str, float]]]:
    """Per mineral the goods that are compared and the observed country shares, % of world output."""
    iso3 = _iso3()
    observed: dict[tuple[str, str], dict[str, float]] = {}
    for row in read_table("targets/base_country_shares_2024.csv"):
        country = iso3[row["country"]]
        if country != OTHERS and row["share_pct_of_world"]:
            key = (row["commodity"], row["stage"])
            # Some minerals come in two rows, ilmenite and rutile for example; both are shares of the sum.
            shares = observed.setdefault(key, {})
            shares[country] = shares.get(country, 0.0) + float(row["share_pct_of_world"])
    return {
        row["mineral"]: (_goods(row["goods"]), observed.get((row["commodity"], row["stage"]), {}))
        for row in read_table("targets/mine_goods.csv")
    }


def prices() -> dict[str, tuple[float, str]]:
    """Per good the observed price of 2024, USD per tonne in the good's unit, and its series.

    Where several series are named, their mean counts.
    """
    series = {
        (row["commodity"], row["series"]): float(row["price"])
        for row in read_table("usgs_prices_2017_2024.csv")
        if row["year"] == "2024" and row["vintage"] == "MCS2026"
    }
    found: dict[str, tuple[float, str]] = {}
    parts: dict[str, list[tuple[float, str]]] = {}
    for row in read_table("targets/price_series.csv"):
        key = (row["commodity"], row["series"])
        if key not in series:
            raise MonaziteError(f"price_series.csv: no price of 2024 for {key[0]}: {key[1]}")
        value = series[key] * float(row["usd_per_t_factor"])
        parts.setdefault(row["good"], []).append((value, f"USGS {row['commodity']}"))
    for good, values in parts.items():
        found[good] = (sum(v for v, _ in values) / len(values), " and ".join(name for _, name in values))
    return found


def import_sources() -> dict[str, tuple[tuple[str, ...], dict[str, float]]]:
    """Per class of US imports the goods compared and the observed origins, % of imports."""
    iso3 = _iso3()
    observed: dict[tuple[str, str], dict[str, float]] = {}
    for row in read_table("base_us_import_sources_2021_24.csv"):
        country = iso3[row["country"]]
        if row["statistic"].startswith(IMPORT_STATISTIC) and country != OTHERS and row["value"]:
            observed.setdefault((row["commodity"], row["detail"]), {})[country] = float(row["value"])
    return {
        row["class"]: (_goods(row["goods"]), observed.get((row["commodity"], row["detail"]), {}))
        for row in read_table("targets/import_goods.csv")
    }


def inventories() -> dict[str, tuple[tuple[str, ...], float, float]]:
    """Per class of material the goods, and the lowest and highest observed weeks of cover."""
    return {
        row["class"]: (_goods(row["goods"]), float(row["low_weeks"]), float(row["high_weeks"]))
        for row in read_table("targets/inventory_goods.csv")
    }


def reasons() -> dict[tuple[str, str], str]:
    """Known reasons for rows out of band, by target and row."""
    return {(row["target"], row["row"]): row["reason"] for row in read_table("targets/reasons.csv")}
