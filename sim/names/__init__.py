"""Names as people write them: of countries, minerals and goods, in whatever spelling, and their codes."""

from sim.names.countries import (
    REST,
    REST_NAMES,
    Country,
    NoCountry,
    countries,
    country_called,
    country_code,
    country_numbered,
    several_countries,
)  # fmt: skip
from sim.names.goods import GoodName, Meaning, good_called, good_names, meaning_of
from sim.names.spelling import folded, suggestion

__all__ = [
    "REST", "REST_NAMES", "Country", "GoodName", "Meaning", "NoCountry", "countries", "country_called",
    "country_code", "country_numbered", "folded", "good_called", "good_names", "meaning_of",
    "several_countries", "suggestion",
]  # fmt: skip
