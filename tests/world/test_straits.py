# ruff: noqa: E501 (messages are written whole)
"""Which countries trade through which straits: the tables, the shortest ways, what is wrong with a table."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from sim.errors import MonaziteError
from sim.paths import world_directory
from sim.world.labels import load_labels
from sim.world.straits import Straits, read_straits

TABLES = ("straits.csv", "sea_legs.csv", "harbours.csv", "overland.csv", "countries.csv")


@pytest.fixture(scope="module")
def straits() -> Straits:
    return load_labels(2024).straits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in TABLES:
        shutil.copy(world_directory() / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("one", "other", "passed"),
    [
        ("CHN", "NLD", "taiwan malacca bab_el_mandeb suez gibraltar dover"),
        ("JPN", "SAU", "malacca hormuz"),
        ("CHL", "NLD", "panama dover"),
        ("NLD", "ZAF", "dover good_hope"),
        ("CHN", "COD", "taiwan malacca"),
        ("BRA", "CHN", "good_hope sunda taiwan"),
        ("AUS", "CHN", "lombok"),
        ("CHN", "UKR", "taiwan malacca bab_el_mandeb suez bosporus"),
        ("FIN", "USA", "danish_straits dover"),
        ("CHN", "USA", ""),
        ("CHN", "IDN", ""),
        ("JPN", "PHL", ""),
    ],
)
def test_ways_that_everybody_knows(straits: Straits, one: str, other: str, passed: str) -> None:
    assert straits.ways[one, other].straits == tuple(passed.split())


@pytest.mark.parametrize(("one", "other"), [("CHN", "RUS"), ("CHN", "MMR"), ("CAN", "USA"), ("DEU", "POL")])
def test_neighbours_trade_by_land(straits: Straits, one: str, other: str) -> None:
    assert (one, other) not in straits.ways


def test_every_country_has_a_harbour_and_every_strait_is_passed(straits: Straits) -> None:
    countries = set(load_labels(2024).countries) - {"ROW"}
    assert {code for pair in straits.ways for code in pair} == countries
    assert {name for way in straits.ways.values() for name in way.straits} == set(straits.names)
    for way in straits.ways.values():
        assert len(set(way.straits)) == len(way.straits)


def test_lengths_are_those_of_great_circles_or_more(straits: Straits) -> None:
    """Figures that shipping tables agree on, within a twentieth."""
    known = {("CHN", "NLD"): 10_500, ("NLD", "SGP"): 8_300, ("JPN", "USA"): 4_840, ("BRA", "NLD"): 5_430}
    for pair, miles in known.items():
        assert straits.ways[pair].miles == pytest.approx(miles, rel=0.05)


def test_passing_goes_both_ways(straits: Straits) -> None:
    pairs = straits.passing(["hormuz", "magellan"])
    assert {("IRN", "JPN"), ("JPN", "IRN"), ("KOR", "SAU")} <= pairs
    assert ("CHN", "NLD") not in pairs
    assert pairs == {pair[::-1] for pair in pairs}
    assert straits.passing([]) == frozenset()


def test_a_closed_strait_makes_ways_longer_or_cuts_them(straits: Straits) -> None:
    suez, hormuz = straits.without("suez"), straits.without("hormuz")
    assert suez["CHN", "NLD"].straits[-2:] == ("good_hope", "dover")
    assert 3_000 < suez["CHN", "NLD"].miles - straits.ways["CHN", "NLD"].miles < 4_000
    assert ("IRN", "JPN") not in hormuz
    assert hormuz["JPN", "SAU"].straits == ("malacca", "bab_el_mandeb"), "round to the Red Sea coast"
    assert all(way.miles >= straits.ways[pair].miles for pair, way in suez.items())


def test_a_world_without_the_tables_knows_no_strait(tmp_path: Path) -> None:
    found = read_straits(tmp_path)
    assert not found.names
    assert not found.ways


@pytest.mark.parametrize(
    ("table", "column", "value", "message"),
    [
        ("sea_legs.csv", "strait", "suess", "sea_legs.csv:2: strait: unknown strait 'suess'; did you mean 'suez'?"),
        ("sea_legs.csv", "nautical_miles", "0", "nautical_miles: 0 is out of range; write a number above 0"),
        ("harbours.csv", "iso3", "XXX", "harbours.csv:2: iso3: unknown country 'XXX'"),
        ("harbours.csv", "sea", "baltick", "harbours.csv:2: sea: unknown sea 'baltick'; did you mean 'baltic'?"),
        ("overland.csv", "members", "DEU XXX", "overland.csv:2: members: unknown country 'XXX'"),
    ],
)
def test_what_is_wrong_with_a_table(folder: Path, table: str, column: str, value: str, message: str) -> None:
    with (folder / table).open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    rows[0][column] = value
    with (folder / table).open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(MonaziteError) as caught:
        read_straits(folder)
    assert message in str(caught.value)
