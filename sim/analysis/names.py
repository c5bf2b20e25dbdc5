"""Names in words for the codes of the world, as texts and pictures show them."""

from __future__ import annotations

import csv
from functools import lru_cache

from sim.paths import world_directory

__all__ = ["country_name"]

SHORT = {
    "COD": "DR Congo",
    "GBR": "United Kingdom",
    "KOR": "South Korea",
    "MMR": "Myanmar",
    "PRK": "North Korea",
    "ROW": "rest of world",
    "RUS": "Russia",
    "TWN": "Taiwan",
    "USA": "United States",
    "VNM": "Vietnam",
}
"""Names shorter than, or missing from, the world's table of countries."""


@lru_cache(maxsize=4)
def _names(path: str) -> dict[str, str]:
    try:
        with open(path, newline="", encoding="utf-8") as handle:
            return {row["iso3"]: row["name"] for row in csv.DictReader(handle)}
    except FileNotFoundError:
        return {}


def country_name(iso3: str) -> str:
    """Short English name of a country; the code itself where the world does not know it.

    >>> country_name("USA")
    'United States'
    """
    return SHORT.get(iso3) or _names(str(world_directory() / "countries.csv")).get(iso3, iso3)
