"""Countries by ISO-3, ISO-2, UN number and name, from the table beside this file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sim.errors import MonaziteError
from sim.names.spelling import folded, suggestion
from sim.tables import read_table

__all__ = [
    "REST", "REST_NAMES", "Country", "NoCountry", "countries", "country_called", "country_code",
    "country_numbered", "several_countries",
]  # fmt: skip

TABLE = Path(__file__).with_name("countries.csv")
REST = "ROW"
"""Code of all countries that have no place of their own in a world."""
REST_NAMES = frozenset(map(folded, (REST, "rest of world", "rest of the world", "other countries")))
MOST_LISTED = 12
"""Countries up to which all are named as a remedy."""


class NoCountry(MonaziteError):
    """A word that is no country here: ``message`` says why, ``remedy`` what to write."""

    def __init__(self, message: str, remedy: str) -> None:
        self.message, self.remedy = message, remedy
        super().__init__(f"{message}; {remedy}")


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


def country_code(word: str, known: Collection[str] | None = None, where: str = "") -> str:
    """The ISO-3 code of a country in any spelling, wherever a country is named.

    Args:
        word: as written.
        known: codes that may be meant, ``ROW`` for the rest of the world among them; any country if None.
        where: what has these and no others, as a sentence goes on: ``this run``.

    Raises:
        NoCountry: no country is called so, several are, or it is none of those known.
    """
    if known is not None and word in known:
        return word
    fold, found = folded(word), country_called(word)
    if len(found) > 1:
        raise several_countries(word, found)
    if known is not None and REST in known and fold in REST_NAMES:
        return REST
    if found and (known is None or found[0].iso3 in known):
        return found[0].iso3
    if found:
        raise _elsewhere(word, found[0], known or (), where)
    near = [one for one in countries().values() if known is None or one.iso3 in known]
    spelt = dict.fromkeys([*(one.name for one in near), *(name for one in near for name in one.others)])
    codes = [one.iso3 for one in near] if known is not None else []
    say = suggestion(word, [*codes, *spelt]) or "write its ISO-3 code, or its name in English"
    raise NoCountry(f"unknown country '{word[:60]}'", say)


def several_countries(word: str, found: Sequence[Country]) -> NoCountry:
    """What to say of a name that several countries share."""
    either = " or ".join(f"{country.iso3} ({country.name})" for country in found)
    return NoCountry(f"'{word[:60]}' may be more than one country", f"write {either}")


def _elsewhere(word: str, country: Country, known: Collection[str], where: str) -> NoCountry:
    said = "" if folded(word) == folded(country.name) else f" ({country.name})"
    said += "" if country.iso3 == word else f", {country.iso3},"
    if REST in known:
        say = f"write {REST}, the rest of the world, if all that it may be part of is meant"
    else:
        listed = ", ".join(sorted(known))
        say = f"there are: {listed}" if len(known) <= MOST_LISTED else "write one that does"
    return NoCountry(f"'{word[:60]}'{said} has no place of its own in {where}", say)
