"""Output by country and year, from tables of USGS, BGS or anybody's own, in CSV or Excel, long or wide."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sim.errors import MonaziteError, listed
from sim.names import countries, country_called, folded, suggestion
from sim.paths import shown
from sim.tables import Problems
from sim.world.importers.cells import CellError, looks_like_thousands, read_number, tonnes_in
from sim.world.importers.sheets import Imported, Sheet, read_sheet

__all__ = ["PRODUCTION_COLUMNS", "read_production"]

PRODUCTION_COLUMNS = ("mineral", "stage", "iso3", "year", "quantity_t", "estimated", "unit")
HEADINGS = {
    "country": ("country", "country or locality", "country trans", "countries", "producer", "nation"),
    "iso3": ("iso3", "iso 3", "country iso3 code", "iso3 code", "code"),
    "year": ("year", "t"),
    "mineral": ("mineral", "commodity", "bgs commodity trans", "mcs commodity", "substance"),
    "stage": (
        "stage", "type", "sub commodity", "bgs sub commodity trans", "detail", "statistics detail",
        "statistic detail",
    ),
    "unit": ("unit", "units", "unit meas", "unit of measure"),
    "quantity": ("quantity", "value", "quantity t", "value t", "production", "output", "tonnes", "amount"),
    "section": ("section",),
    "statistic": ("statistic", "statistics", "measure", "yearbook table trans"),
}  # fmt: skip
"""What a column holds -> headings in use, without case and signs: those of USGS, BGS, and plain ones."""
YEAR = re.compile(
    r"(?:(?:prod|production|output) ?(?P<est>est)? ?)?(?P<year>(?:19|20)\d\d)(?P<mark> ?[a-z0-9 ]{0,3})"
)
TOTALS = re.compile(
    r"\b(?:world|total|subtotal|grand|other countries|other|others|rounded|sum|all countries|undistributed)\b"
)
FORMER = {
    "soviet union", "ussr", "yugoslavia", "czechoslovakia", "german democratic republic",
    "german democratic rep", "east germany",
    "serbia and montenegro", "germany federal republic", "germany democratic republic", "south yemen",
}  # fmt: skip
"""States that are no more, folded: their output belongs to no country of today."""
FOOTNOTE = re.compile(r"(?<=[A-Za-z.)])[\d¹²³⁴-⁹]+(?:,\s*\d+)*$|[*†‡]+$|\(\d+\)$|\^?[er]$(?<=\d[er])")
PRODUCTION = re.compile(r"\b(?:production|output|poduction|prod)\b")
LAST_HEADING = 30
"""Rows in which the line of headings must come."""


@dataclass
class _Gathered:
    """Rows as they are found, and what is to be said of them."""

    mineral: str = ""
    """Whose rows are asked for; all where empty."""
    rows: list[tuple[str, str, str, int, float, bool, str]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    total: set[str] = field(default_factory=set)
    units: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    others: set[str] = field(default_factory=set)
    """Minerals whose rows are not asked for."""


def read_production(
    path: Path,
    *,
    mineral: str = "",
    unit: str = "",
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
    thousands: str = ",",
) -> Imported:
    """Output by country and year.

    The table may have a row for each figure (columns for country, year and quantity) or a column for each
    year; a title and notes may stand around it. Layouts of the USGS (world data of the Mineral Commodity
    Summaries, tables of the Minerals Yearbook) and of the BGS are known by their headings.

    Args:
        path: ``.csv`` or ``.xlsx``. mineral: whose rows are read, all where empty; a table that names none
            is of it. unit: where the table does not say it.
        columns: of a table with other headings: ``country``, ``year``, ``quantity`` and so on -> its heading.
        sheet: of a workbook. thousands: ``,`` or ``.``.

    Returns:
        :data:`PRODUCTION_COLUMNS`: mineral and stage as the table names them, ISO-3 code, year, tonnes (of
        what ``unit`` says, its own words), whether the figure is an estimate. Notes say what was left out.

    Raises:
        MonaziteError: no table of countries is found, countries are unknown, cells are no numbers, figures
            are negative or stand twice; all at once, with their lines.
    """
    import pandas as pd

    read = read_sheet(path, sheet)
    at, places, years = _header(read, columns or {})
    problems, found = Problems(), _Gathered(mineral)
    defaults = {"mineral": mineral, "unit": unit or _unit_of_title(read, at)}
    if not defaults["unit"] and "unit" not in places:
        say = "say unit='t' (--unit t), or add a column 'unit'"
        raise MonaziteError(f"{shown(path)}: nothing says in which unit the figures are; {say}")
    for line, row in read.rows[at + 1 :]:
        _take(_Line(read, line, row, places, defaults), years, thousands, problems, found)
    problems.check()
    if not found.rows:
        if found.others:
            say = suggestion(mineral, found.others) or listed(sorted(found.others)) or "see its column"
            raise MonaziteError(f"{shown(path)}: has no output of '{mineral[:60]}'; {say}")
        raise MonaziteError(f"{shown(path)}: holds no output of a country; check sheet and headings")
    table = pd.DataFrame(found.rows, columns=list(PRODUCTION_COLUMNS))
    keys = list(PRODUCTION_COLUMNS[:4])
    table = table.drop_duplicates([*keys, "quantity_t"])
    double = table[table.duplicated(keys, keep=False)]
    if len(double):
        first = double.iloc[0]
        raise MonaziteError(
            f"{shown(path)}: {len(double)} figures share mineral, stage, country and year, the first "
            f"{first.mineral}, {first.stage}, {first.iso3}, {first.year}; leave all but one out, or name "
            "what tells them apart as 'stage' in columns"
        )
    ordered = table.sort_values(keys, ignore_index=True)
    return Imported(ordered, tuple(_notes(found)))


@dataclass(frozen=True)
class _Line:
    """One row of the table below its headings."""

    sheet: Sheet
    line: int
    row: Sequence[str]
    places: Mapping[str, int]
    defaults: Mapping[str, str]

    def text(self, name: str) -> str:
        """The cell of a column, or what stands for it."""
        at = self.places.get(name)
        cell = self.row[at] if at is not None and at < len(self.row) else ""
        return cell or self.defaults.get(name, "")


def _header(sheet: Sheet, own: Mapping[str, str]) -> tuple[int, dict[str, int], dict[int, tuple[int, bool]]]:
    """Position of the row of headings, name -> column, and column -> (year, estimated) of a wide table.

    Raises:
        MonaziteError: there is none, or a heading named by the caller is missing.
    """
    unknown = sorted(set(own) - set(HEADINGS))
    if unknown:
        raise MonaziteError(f"columns: unknown name '{unknown[0]}'; allowed: {', '.join(HEADINGS)}")
    for at, (line, row) in enumerate(sheet.rows[:LAST_HEADING]):
        headings = {folded(cell): k for k, cell in reversed(list(enumerate(row))) if cell}
        places = {
            name: headings[known]
            for name, knowns in HEADINGS.items()
            for known in reversed(knowns) if known in headings
        }  # fmt: skip
        for name, heading in own.items():
            if folded(heading) in headings:
                places[name] = headings[folded(heading)]
        years = {k: _year(cell) for k, cell in enumerate(row) if k not in places.values() and _year(cell)[0]}
        if ("country" in places or "iso3" in places) and (years or {"year", "quantity"} <= places.keys()):
            lacking = [heading for heading in own.values() if folded(heading) not in headings]
            if lacking:
                known = f"the columns are: {', '.join(cell for cell in row if cell)}"
                raise MonaziteError(f"{sheet.place(line)}: no column '{lacking[0]}'; {known}")
            return at, places, {} if {"year", "quantity"} <= places.keys() else years
    say = "name them with columns={'country': ..., 'year': ..., 'quantity': ...} (--column country=...)"
    raise MonaziteError(
        f"{shown(sheet.path)}: no row is headed by country and years, or country, year and quantity; {say}"
    )


def _year(heading: str) -> tuple[int, bool]:
    """The year of a column of figures and whether it holds estimates; year 0 where it is none.

    >>> _year("PROD_EST_ 2024"), _year("2023e"), _year("CAP_2023"), _year("2024")
    ((2024, True), (2023, True), (0, False), (2024, False))
    """
    match = YEAR.fullmatch(folded(heading))
    if match is None:
        return 0, False
    return int(match["year"]), bool(match["est"]) or "e" in match["mark"]


def _unit_of_title(sheet: Sheet, at: int) -> str:
    """The unit that stands in brackets above the headings, as in the Minerals Yearbook; else empty."""
    for _, row in sheet.rows[:at]:
        for cell in row:
            inside = re.search(r"\(([^()]+)\)", cell)
            said = inside[1] if inside else cell
            if len(said) < 80 and tonnes_in(said) is not None:
                return said
    return ""


def _take(
    line: _Line, years: Mapping[int, tuple[int, bool]], thousands: str, problems: Problems, found: _Gathered
) -> None:
    """The figures of one row; what is wrong goes to the problems, what is left out to the notes."""
    if "statistic" in line.places and not PRODUCTION.search(line.text("statistic").casefold()):
        found.notes["rows of other statistics than production"] += 1
        return
    if "section" in line.places and "world" not in folded(line.text("section")).split():
        found.notes["rows of sections on one country"] += 1
        return
    if found.mineral and folded(line.text("mineral")) != folded(found.mineral):
        found.others.add(line.text("mineral"))
        return
    iso3 = _country(line, problems, found)
    if not iso3:
        return
    unit = line.text("unit")
    tonnes = tonnes_in(unit)
    if tonnes is None:
        found.notes[f"rows in '{unit[:40] or 'no unit'}', which is no mass"] += 1
        return
    if years:
        figures = [
            (year, guess, line.row[k] if k < len(line.row) else "") for k, (year, guess) in years.items()
        ]
    else:
        text = line.text("year")
        if not re.fullmatch(r"(?:19|20)\d\d(?:\.0)?", text):
            problems.note(line.sheet.place(line.line), f"'{text[:60]}' is no year", "write for example 2022")
            return
        figures = [(int(text[:4]), False, line.text("quantity"))]
    for year, guess, cell in figures:
        try:
            number = read_number(cell, thousands)
        except CellError as error:
            problems.note(line.sheet.place(line.line), f"{iso3} {year}: {error.message}", error.remedy)
            continue
        if number.value is None:
            found.notes[f"figures that are {number.why}"] += 1
        elif number.value < 0:
            said = f"{iso3} {year}: {cell} is negative"
            problems.note(line.sheet.place(line.line), said, "write 0 or more")
        else:
            found.texts.append(cell)
            found.units.add(unit)
            found.rows.append(
                (line.text("mineral"), line.text("stage"), iso3, year, number.value * tonnes,
                 guess or number.estimated, unit)
            )  # fmt: skip


def _country(line: _Line, problems: Problems, found: _Gathered) -> str:
    """ISO-3 code of the row; empty for totals, which are noted, and unknown countries, which are problems."""
    code, written = line.text("iso3"), line.text("country")
    if code in countries():
        return code
    word = FOOTNOTE.sub("", written or code).strip(" ,:;")
    matches = country_called(word) or country_called(re.sub(r"\(.*\)", "", word))
    if len(matches) == 1:
        return matches[0].iso3
    parts = [country_called(part) for part in re.split(r",|\band\b", word)]
    together = len(parts) > 1 and all(parts)
    if code in ("WLD", "ROW") or TOTALS.search(folded(word)) or folded(word) in FORMER or together:
        found.total.add(word)
        return ""
    if not any(any(ch.isdigit() for ch in cell) for cell in line.row[1:]):
        # A heading between rows, or a note below the table.
        return ""
    if matches:
        say = "write " + " or ".join(country.iso3 for country in matches)
    else:
        say = suggestion(word, _every_name()) or "write its ISO-3 code, or its name in English"
    problems.note(line.sheet.place(line.line), f"unknown country '{word[:60]}'", say)
    return ""


def _every_name() -> Iterable[str]:
    return (country.name for country in countries().values())


def _notes(found: _Gathered) -> list[str]:
    notes = [f"left out: {count:,} {what}" for what, count in sorted(found.notes.items())]
    if found.total:
        notes.append(f"left out, as no country: {', '.join(sorted(found.total)[:12])}")
    if len(found.units) > 1:
        units = ", ".join(sorted(found.units))
        notes.append(f"figures are in different units, each turned to tonnes: {units}")
    doubtful = looks_like_thousands(found.texts)
    if doubtful:
        notes.append(
            f"{len(doubtful):,} figures such as '{doubtful[0]}' have three decimals and are read as such; if "
            "the dot parts thousands, say thousands='.' (--thousands .)"
        )
    estimated = sum(row[5] for row in found.rows)
    if estimated:
        notes.append(f"{estimated:,} of {len(found.rows):,} figures are estimates of the source")
    return notes
