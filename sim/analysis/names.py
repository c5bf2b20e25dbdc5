"""Names in words for the codes of the world, as texts and pictures show them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from sim.names import countries
from sim.paths import world_directory
from sim.tables import read_table

__all__ = ["country_name", "in_text"]

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
    if not Path(path).is_file():
        return {}
    return read_table(Path(path), ("iso3", "name")).pairs("iso3", "name")


def country_name(iso3: str) -> str:
    """Short English name of a country; the code itself where nobody knows it.

    >>> country_name("USA")
    'United States'
    """
    found = SHORT.get(iso3) or _names(str(world_directory() / "countries.csv")).get(iso3)
    # Worlds of the panel, and of one's own, have countries that the curated ones pool.
    return found or (countries()[iso3].name if iso3 in countries() else iso3)


def in_text(name: str) -> str:
    """A name as it stands inside a sentence: lower-case unless it is an abbreviation.

    >>> in_text("Dysprosium oxide"), in_text("NdFeB magnets"), in_text("EV motors")
    ('dysprosium oxide', 'NdFeB magnets', 'EV motors')
    """
    first = name.split(" ")[0]
    return name[:1].lower() + name[1:] if first[1:] == first[1:].lower() else name
