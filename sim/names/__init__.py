"""Names as people write them: of countries, minerals and goods, in whatever spelling, and their codes."""

from sim.names.countries import Country, countries, country_called, country_code, country_numbered
from sim.names.goods import GoodName, Meaning, good_called, good_names, meaning_of
from sim.names.spelling import folded, suggestion

__all__ = [
    "Country", "GoodName", "Meaning", "countries", "country_called", "country_code", "country_numbered",
    "folded", "good_called", "good_names", "meaning_of", "suggestion",
]  # fmt: skip
