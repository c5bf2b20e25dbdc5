"""Countries by ISO-3, ISO-2, UN number and name, from the table beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sim.errors import MonaziteError
from sim.names.spelling import folded, suggestion
from sim.tables import read_table

__all__ = ["Country", "countries", "country_called", "country_code", "country_numbered"]

TABLE = Path(__file__).with_name("countries.csv")


@dataclass(frozen=True)
class Country:
    """One country or territory of the ISO and UN lists."""

    iso3: str
    iso2: str
    m49: int | None
    """Number of the United Nations; none for Kosovo."""
    name: str
    others: tuple[str, ...]

    @property
    def spellings(self) -> tuple[str, ...]:
        """Codes and names, the ISO-3 code first."""
        return (self.iso3, self.iso2, self.name, *self.others)


@lru_cache(maxsize=1)
def countries() -> Mapping[str, Country]:
    """ISO-3 code -> country."""
    table = read_table(TABLE, ("iso3", "iso2", "m49", "name", "other_names"))
    return {
        iso3: Country(
            iso3, iso2, int(m49) if m49 else None, name, tuple(part for part in others.split(";") if part)
        )
        for iso3, iso2, m49, name, others in table.columns("iso3", "iso2", "m49", "name", "other_names")
    }


@lru_cache(maxsize=1)
def _by_spelling() -> Mapping[str, tuple[Country, ...]]:
    found: dict[str, tuple[Country, ...]] = {}
    for country in countries().values():
        for spelling in dict.fromkeys(map(folded, country.spellings)):
            found[spelling] = (*found.get(spelling, ()), country)
    return found


@lru_cache(maxsize=1)
def _by_number() -> Mapping[int, Country]:
    return {country.m49: country for country in countries().values() if country.m49 is not None}


def country_called(word: str) -> tuple[Country, ...]:
    """Countries of a code or name, in any spelling; several where the name is ambiguous, none if unknown.

    >>> [country.iso3 for country in country_called("Türkiye")], len(country_called("Congo"))
    (['TUR'], 2)
    """
    return _by_spelling().get(folded(word), ())


def country_numbered(number: int) -> Country | None:
    """The country of a number of the United Nations; the list is M49."""
    return _by_number().get(number)


def country_code(word: str) -> str:
    """The ISO-3 code of a country in any spelling, for tables in which rows name countries.

    Raises:
        MonaziteError: no country is called so, or several are; names the word and what to write.
    """
    found = country_called(word)
    if len(found) == 1:
        return found[0].iso3
    if found:
        either = " or ".join(f"{country.iso3} ({country.name})" for country in found)
        raise MonaziteError(f"'{word[:60]}' is the name of several countries; write {either}")
    names = [country.name for country in countries().values()]
    say = suggestion(word, names) or "write its ISO-3 code, or its name in English"
    raise MonaziteError(f"unknown country '{word[:60]}'; {say}")
