"""Which countries trade through which straits: the shortest way by sea between their harbours.

Four small tables next to ``countries.csv``: names of straits, legs between seas with the strait that each
passes, the seas at which countries have harbours, and regions whose members trade by land. Needs the
standard library alone, as all that ``validate`` uses.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sim.tables import Problems, read_table

__all__ = ["Straits", "Way", "read_straits"]

Pair = tuple[str, str]


@dataclass(frozen=True)
class Way:
    """The shortest way by sea between two countries: nautical miles, and the straits in between, in order."""

    miles: float
    straits: tuple[str, ...]


@dataclass(frozen=True)
class _Leg:
    to: str
    strait: str
    miles: float


@dataclass(frozen=True)
class Straits:
    """Names of the straits, and the network of seas around them."""

    names: Mapping[str, str]
    """Strait -> its name in a sentence."""
    _legs: Mapping[str, tuple[_Leg, ...]]
    """Sea -> legs from it."""
    _harbours: Mapping[str, tuple[str, ...]]
    """Country -> seas at which it has harbours."""
    _by_land: frozenset[Pair]
    """Countries, in alphabetic order, that trade by land."""

    def passing(self, straits: Iterable[str]) -> frozenset[Pair]:
        """Pairs of countries, both ways, whose shortest way passes any of these straits."""
        wanted = set(straits)
        return frozenset(
            pair
            for (a, b), way in self.ways.items()
            if wanted & set(way.straits)
            for pair in ((a, b), (b, a))
        )

    @cached_property
    def ways(self) -> Mapping[Pair, Way]:
        """(Country, country), in alphabetic order -> the shortest way; none where trade goes by land."""
        return self._all_ways("")

    def without(self, strait: str) -> Mapping[Pair, Way]:
        """The same where one strait is closed; pairs that it cuts off are left out."""
        return self._all_ways(strait)

    def _all_ways(self, closed: str) -> dict[Pair, Way]:
        found = {}
        countries = sorted(self._harbours)
        for number, one in enumerate(countries):
            reached = self._from(self._harbours[one], closed)
            for other in countries[number + 1 :]:
                if (one, other) in self._by_land:
                    continue
                ends = [reached[sea] for sea in self._harbours[other] if sea in reached]
                if ends:
                    found[one, other] = min(ends, key=lambda way: way.miles)
        return found

    def _from(self, seas: Iterable[str], closed: str) -> dict[str, Way]:
        """Sea -> the shortest way to it from any of some seas (Dijkstra)."""
        done: dict[str, Way] = {}
        waiting: list[tuple[float, str, tuple[str, ...]]] = [(0.0, sea, ()) for sea in seas]
        heapq.heapify(waiting)
        while waiting:
            miles, sea, passed = heapq.heappop(waiting)
            if sea in done:
                continue
            done[sea] = Way(miles, passed)
            for leg in self._legs.get(sea, ()):
                if leg.to not in done and (not closed or leg.strait != closed):
                    through = (*passed, leg.strait) if leg.strait else passed
                    heapq.heappush(waiting, (miles + leg.miles, leg.to, through))
        return done


def read_straits(top: Path) -> Straits:
    """The tables of a folder of worlds; no strait where they are missing.

    Raises:
        MonaziteError: a table is damaged, or names something that another one lacks.
    """
    if not (top / "straits.csv").is_file():
        return Straits({}, {}, {}, frozenset())
    problems = Problems()
    table = read_table(top / "straits.csv", ("strait", "name"), problems)
    names = {row.text("strait"): row.text("name") for row in table}
    codes = [code for (code,) in read_table(top / "countries.csv", ("iso3",), problems).columns("iso3")]
    legs: dict[str, list[_Leg]] = {}
    for row in read_table(top / "sea_legs.csv", ("sea", "other_sea", "strait", "nautical_miles"), problems):
        strait = row.word("strait", names, "strait") if row.text("strait") else ""
        miles = row.number("nautical_miles", positive=True)
        ends = row.text("sea"), row.text("other_sea")
        for here, there in (ends, ends[::-1]):
            legs.setdefault(here, []).append(_Leg(there, strait, miles))
    harbours: dict[str, list[str]] = {}
    for row in read_table(top / "harbours.csv", ("iso3", "sea"), problems):
        country = row.word("iso3", codes, "country")
        harbours.setdefault(country, []).append(row.word("sea", legs, "sea"))
    by_land = set()
    for row in read_table(top / "overland.csv", ("region", "members"), problems):
        members = row.text("members").split()
        for code in members:
            if code not in codes:
                row.refuse("members", f"unknown country '{code}'", "countries.csv lists all")
        by_land |= {(a, b) for a in members for b in members if a < b}
    problems.check()
    return Straits(
        names, {sea: tuple(some) for sea, some in legs.items()},
        {code: tuple(seas) for code, seas in harbours.items()}, frozenset(by_land),
    )  # fmt: skip
