"""Countries and goods as people write them: a table of spellings, each with its meaning in the 2024 world."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from sim.errors import MonaziteError
from sim.instruments.naming import WordError, country_word, good_words
from sim.names import countries, country_called, country_code, folded, good_called, good_names, suggestion
from sim.paths import share_root
from sim.tables import read_table
from sim.world.labels import Labels, load_labels

TABLE = Path(__file__).with_name("spellings.csv")
ROWS = [tuple(row) for row in csv.reader(TABLE.read_text(encoding="utf-8").splitlines())][1:]


@pytest.fixture(scope="module")
def labels() -> Labels:
    return load_labels(2024, share_root() / "data" / "world")


def test_there_are_enough() -> None:
    assert len(ROWS) >= 300
    assert len({row[:2] for row in ROWS}) == len(ROWS)


def test_every_spelling(labels: Labels) -> None:
    read = {"country": _country, "good": _good}
    found = [(kind, word, read[kind](word, labels)) for kind, word, _ in ROWS]
    assert [row for row, expected in zip(found, ROWS, strict=True) if row != expected] == []


def _country(word: str, labels: Labels) -> str:
    try:
        return country_word(word, labels)
    except WordError as error:
        if "more than one country" in error.message:
            return f"two: {' '.join(sorted(c.iso3 for c in country_called(word)))}"
        if "part of ROW" in error.message:
            return f"rest: {country_called(word)[0].iso3}" if "write ROW if all" in error.remedy else ""
        return "good or mineral" if "is a good or a mineral" in error.message else "unknown"


def _good(word: str, labels: Labels) -> str:
    try:
        found = good_words(word, labels)
    except WordError as error:
        for kind in ("country", "firm"):
            if f"is a {kind}" in error.message:
                return kind
        if "unknown good" in error.message or "no good has" in error.message:
            return "unknown"
        _, _, said = error.message.partition("' is ")
        plain = said.partition(",")[0].partition(" (")[0]
        return f"not held: {word.casefold() if 'not in the' in error.message else plain}"
    return "+".join(found.words) + (" *" if found.more else "")


def test_codes_are_those_of_the_lists_of_countries() -> None:
    listed = {row["iso3"]: row for row in read_table(share_root() / "data/raw/countries.csv").dictionaries()}
    unofficial = {"XKX"}
    assert set(listed) - set(countries()) == {"CYN", "SOL"}
    for iso3, country in countries().items():
        if iso3 not in unofficial:
            row = listed[iso3]
            assert (country.iso2, country.m49) == (row["iso2"], int(float(row["m49"])))
        if name := listed[iso3]["name"].rstrip("* "):
            assert country in country_called(name), name


def test_two_countries_share_a_spelling_only_where_both_are_meant() -> None:
    spelt = Counter(word for c in countries().values() for word in {folded(s) for s in c.spellings})
    assert {word for word, number in spelt.items() if number > 1} == {"congo", "korea"}


def test_two_goods_share_a_spelling_only_where_case_tells_them_apart() -> None:
    rows = {id(row): row for row in map(good_called, good_names()) if row is not None}.values()
    spelt = Counter(word for row in rows for word in {folded(name) for name in row.names})
    assert {word for word, number in spelt.items() if number > 1} == {"hf"}
    assert len(set(good_names())) == len(good_names())


def test_every_trade_name_says_what_it_is_where_the_world_has_it_not(labels: Labels) -> None:
    found = {name: _good(name, labels) for name in good_names()}
    assert [name for name, what in found.items() if what == "unknown"] == []
    assert sum(what.startswith("not held: ") for what in found.values()) > 50


@pytest.mark.parametrize(
    ("word", "names", "said"),
    [
        ("UK", ["UKR", "Ukraine"], ""),
        ("magnets", ["manganese", "magnesium"], ""),
        ("aluminium", ["gallium"], ""),
        ("chm", ["CHN", "CHL", "CHE", "JPN"], "did you mean 'CHE', 'CHL' or 'CHN'?"),
        ("Chnia", ["China", "Chile"], "did you mean 'China'?"),
        ("turky", ["Turkey"], "did you mean 'Turkey'?"),
        ("xyz", ["CHN"], ""),
    ],
)
def test_suggestions_are_close_or_none(word: str, names: list[str], said: str) -> None:
    assert suggestion(word, names) == said


def test_rows_of_a_table_name_countries() -> None:
    assert country_code("Congo, Dem. Rep.") == "COD"
    with pytest.raises(MonaziteError, match=r"'Congo' may be more than one country; write COD \(DR"):
        country_code("Congo")
    with pytest.raises(MonaziteError, match="unknown country 'Germny'; did you mean 'Germany'"):
        country_code("Germny")
