"""The measures of the past, written down a second time from the sources, against the scenarios that ship.

``tests/scenarios/second_encoding.csv`` was written before the scenario files were read. What differs is
listed, with its reason, in ``tests/scenarios/second_differences.csv``: an unlisted difference fails, and so
does a listed one that is no longer there.
"""

from __future__ import annotations

import csv
import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sim.errors import MonaziteError
from sim.scenario import load_scenario
from sim.units import Quantity, QuantityError, parse_quantity

FOLDER = Path(__file__).parents[1] / "scenarios"
RARE_EARTHS = (
    *("neodymium_praseodymium", "dysprosium", "terbium", "samarium", "gadolinium", "yttrium"),
    "lanthanum_cerium",
)
GOODS = {
    "rare earths": RARE_EARTHS,
    "magnets": ("ndfeb_magnet_high_temperature", "rare_earth_magnets"),
    "graphite": ("graphite_flake", "graphite_anode_natural", "graphite_anode_synthetic"),
}
"""The goods that a mineral of the second encoding stands for, where its name is not that of the good."""
SPANS = {"approval_share", "tonnes of the half-year"}
"""Fields whose dates say when a value held, not when the measure began."""
DAY = dt.timedelta(days=1)
Row = dict[str, str]


def table(name: str) -> list[Row]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))


ROWS = table("second_encoding.csv")
KNOWN = table("second_differences.csv")


@cache
def events(scenario: str) -> tuple[Any, ...]:
    try:
        return load_scenario(scenario).events
    except MonaziteError:
        return ()


def covers(event: Any, mineral: str) -> bool:
    """Whether one of the goods of the event is one that the mineral stands for."""
    return not mineral or any(good in GOODS.get(mineral, (mineral,)) for good in event.goods or ())


def same_countries(event: Any, row: Row) -> bool:
    makers = getattr(event, "by", None) or getattr(event, "countries", None) or ()
    others = getattr(event, "to", None) or getattr(event, "on", None) or ()
    return all(
        not written or not named or "world" in named or set(written.split(";")) & set(named)
        for written, named in ((row["by"], makers), (row["to"], others))
    )


def day(written: str) -> dt.date:
    """The first day of a date written to the year, the month or the day."""
    return dt.date(*[int(part) for part in (written + "-01-01").split("-")[:3]])


def last_day(written: str) -> dt.date:
    """The last day of a month; a full date is its own."""
    if written.count("-") == 2:
        return day(written)
    return (day(written) + dt.timedelta(days=31)).replace(day=1) - DAY


def at(values: Any, row: Row) -> Quantity | None:
    """What a value, alone, by date or by destination and date, is when the row begins."""
    if isinstance(values, dict) and values and isinstance(next(iter(values)), str):
        values = values.get(row["to"], values.get("world"))
    if not isinstance(values, dict):
        return values  # type: ignore[no-any-return]
    begun = [date for date in values if date <= last_day(row["from"])]
    return values[max(begun)] if begun else None


def value(event: Any, row: Row) -> str:
    """The field of the row as the event has it, in words."""
    if row["field"] in SPANS and not event.from_ <= day(row["from"]) <= (event.until or dt.date.max):
        return "none"
    if row["field"] == "tonnes of the half-year":
        half = "H1" if day(row["from"]).month < 7 else "H2"
        found = (event.amounts or {}).get(f"{row['from'][:4]}-{half}")
        return found.text if found else "none"
    if row["field"] == "length":
        return f"{round((event.until - event.from_).days / 30.4)} months"
    if row["field"] == "extraterritorial":
        return str(event.extraterritorial).lower()
    found = at(getattr(event, row["field"], None), row)
    return found.text if found else "none"


def equal(written: str, shipped: str) -> bool:
    if written == shipped:
        return True
    try:
        return parse_quantity(written).value == pytest.approx(parse_quantity(shipped).value)
    except QuantityError:  # dates, words, and what the scenario lacks
        return False


def compared(event: Any, row: Row) -> dict[str, tuple[str, str]]:
    """What the row and the event both say of: (written, shipped) by aspect."""
    pairs = {}
    for aspect, name in (("announced", "announced"), ("from", "from_"), ("until", "until")):
        # A share or a tonnage holds for its span only: the measure itself may be older and go on.
        if not row[aspect] or (row["field"] in SPANS and aspect != "announced"):
            continue
        shipped = str(getattr(event, name) or "none")
        if (
            aspect == "from"
            and isinstance(getattr(event, "rate", None), dict)
            and day(row["from"]) in event.rate
        ):
            shipped = row["from"]
        pairs[aspect] = row[aspect], shipped[: len(row[aspect])]
    if row["value"] and row["field"] != "end":
        pairs["value"] = row["value"], value(event, row)
    return pairs


def differing(pairs: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    return {aspect: pair for aspect, pair in pairs.items() if not equal(*pair)}


def verdicts() -> tuple[int, dict[tuple[str, ...], str]]:
    """How many values agree; and what the scenario has instead, by row and aspect."""
    agreed, differences = 0, {}
    for row in ROWS:
        key = (
            row["scenario"],
            row["type"],
            row["to"],
            row["minerals"],
            row["from"] or row["until"],
            row["field"],
        )
        alike = [event for event in events(row["scenario"]) if event.type == row["type"]]
        same = [event for event in alike if same_countries(event, row)]
        minerals = row["minerals"].split(";")
        missing = [mineral for mineral in minerals if not any(covers(event, mineral) for event in same)]
        if missing:
            differences[*key, "event"] = "none for " + (";".join(missing) or "any good")
        pairs: dict[str, list[tuple[str, str]]] = {}
        for mineral in sorted(set(minerals) - set(missing)):
            found = [compared(event, row) for event in same if covers(event, mineral)]
            for aspect, pair in min(found, key=lambda one: len(differing(one))).items():
                pairs.setdefault(aspect, []).append(pair)
        for aspect, several in pairs.items():
            other = sorted({shipped for written, shipped in several if not equal(written, shipped)})
            agreed += not other
            if other:
                differences[*key, aspect] = ";".join(other)
    return agreed, differences


def test_what_differs_is_listed_and_what_is_listed_differs() -> None:
    names = ("scenario", "type", "to", "minerals", "from", "field", "aspect")
    listed = {tuple(row[name] for name in names): row["shipped"] for row in KNOWN}
    assert len(listed) == len(KNOWN)
    assert verdicts()[1] == listed


def test_as_many_values_agree_as_the_documentation_says() -> None:
    text = (FOLDER.parents[1] / "docs" / "scenarios.md").read_text(encoding="utf-8")
    agreed, differences = verdicts()
    assert f"{len(ROWS)} rows, {agreed} values agree, {len(differences)} differ" in " ".join(text.split())


def test_each_listed_difference_has_a_reason() -> None:
    assert [row for row in KNOWN if not row["reason"].strip()] == []
