"""Tables of others written into a folder of one's own world: output into mines.csv, trade into flows.csv.

What is read is written as rows that can be looked at and changed, each with the file that it comes from;
rows of the same good that stood there before give way to them, rows of other goods stay as they are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import MonaziteError, did_you_mean, listed, plural
from sim.files import write_whole
from sim.names import REST, REST_NAMES, NoCountry, country_code, folded, suggestion
from sim.paths import shown
from sim.tables import Row, read_table
from sim.world.build.own import COLUMNS
from sim.world.importers.cepii import LAYOUT, read_cepii
from sim.world.importers.production import read_production

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Filled", "Reading", "fill_output", "fill_trade", "is_trade"]

README = "README.md of 'monazite world new FOLDER' explains the tables"
SMALLEST = 0.01
"""The smallest flows, together less than this share of the tonnes, are left out: hundreds of pairs."""
MOST_NAMED = 24
HEAD = 4096
"""Bytes of a file in which its first line must end."""
Rows = list[dict[str, str]]
Flows = dict[tuple[str, str], float]
"""Exporter and importer -> tonnes."""


@dataclass(frozen=True)
class Reading:
    """How a table of output is to be read, where it does not say so itself.

    Attributes:
        mineral, stage: whose rows are meant. unit: of the figures. sheet: of a workbook.
        columns: ``country``, ``year``, ``quantity`` and so on -> the table's heading.
        thousands: what parts them, ``,`` or ``.``.
    """

    mineral: str = ""
    stage: str = ""
    unit: str = ""
    sheet: str | None = None
    columns: Mapping[str, str] | None = None
    thousands: str = ","


AS_IT_IS = Reading()


@dataclass(frozen=True)
class Filled:
    """What was written.

    Attributes:
        path: of the table. good: whose rows. rows: written. replaced: that stood there before.
        tonnes: of all rows. notes: sentences on what was left out, recoded, scaled or taken for granted.
    """

    path: Path
    good: str
    rows: int
    replaced: int
    tonnes: float
    notes: tuple[str, ...]


def is_trade(path: Path) -> bool:
    """Whether a file has the columns of CEPII's own layout; a file that cannot be read has not."""
    try:
        with path.open("rb") as handle:
            first = handle.read(HEAD).split(b"\n", 1)[0]
    except OSError:
        return False
    text = first.decode("utf-8", "replace").strip("\ufeff\r")
    return set(LAYOUT) <= {cell.strip() for cell in text.split(",")}


def fill_output(folder: Path, file: Path, good: str, year: int, reading: Reading = AS_IT_IS) -> Filled:
    """Output of one good by country from a table of USGS, BGS or one's own, as rows of ``mines.csv``.

    Args:
        folder: of one's own tables, with the good in its ``prices.csv``. file: CSV or Excel.
        good: that is made. year: of the figures. reading: what the table does not say.

    Raises:
        MonaziteError: the folder has no such good, the table cannot be read, does not have the year, or holds
            several minerals or stages of which none is named.
    """
    unit = _unit(folder, good)
    read = read_production(
        file, mineral=reading.mineral, unit=reading.unit, columns=reading.columns, sheet=reading.sheet,
        thousands=reading.thousands,
    )  # fmt: skip
    table = _of_year(_one_kind(read.table, file, reading.stage), file, year)
    sums: dict[str, float] = {}
    guessed: set[str] = set()
    for iso3, tonnes, estimated in zip(table.iso3, table.quantity_t, table.estimated, strict=True):
        sums[iso3] = sums.get(iso3, 0.0) + float(tonnes)
        guessed |= {iso3} if estimated else set()
    notes = [*read.notes, f"figures are in '{', '.join(sorted(set(table.unit)))}', {good} is in '{unit}'"]
    zero = sum(tonnes <= 0 for tonnes in sums.values())
    if zero:
        notes.append(f"left out: {plural(zero, 'figure')} of zero")
    rows = [
        {"good": good, "country": iso3, "output_t": _number(tonnes),
         "source": f"{file.name}{', estimate' if iso3 in guessed else ''}"}
        for iso3, tonnes in sums.items() if tonnes > 0
    ]  # fmt: skip
    if not rows:
        raise MonaziteError(f"{shown(file)}: nobody made any in {year}; name another year, or --mineral")
    return _written(folder, "mines", good, rows, notes)


def fill_trade(
    folder: Path, files: Sequence[Path], good: str, year: int, codes: Sequence[str], content: float = 1.0
) -> Filled:
    """Trade in one good from files of BACI, as rows of ``flows.csv``.

    Codes are added up. What a country ships beyond what it makes is trade in what others made: flows of
    countries that make none are left out, those of others are scaled down to what they make.

    Args:
        folder: of one's own tables, with the good in ``prices.csv`` and its makers in ``mines.csv`` or
            ``plants.csv``. files: as CEPII ships them. good: that is shipped. year: of the trade.
        codes: HS codes of the good, or their beginnings. content: tonnes of the good in a tonne shipped.

    Raises:
        MonaziteError: the folder has no such good or nobody who makes it; a file cannot be read; it has no
            trade of these codes in the year, or none with quantities.
    """
    _unit(folder, good)
    made = _made(folder, good)
    read = read_cepii(list(files), codes)
    named = ", ".join(shown(file) for file in files)
    if read.table.empty:
        raise MonaziteError(f"{named}: has no trade in HS {', '.join(codes)}; check the codes")
    table = read.table[read.table.year == year].dropna(subset="quantity_t")
    if table.empty:
        years = ", ".join(map(str, sorted(set(read.table.year))))
        raise MonaziteError(f"{named}: has no quantities of {year}; its years are {years}")
    flows: Flows = {}
    for exporter, importer, tonnes in zip(table.exporter, table.importer, table.quantity_t, strict=True):
        pair = str(exporter), str(importer)
        flows[pair] = flows.get(pair, 0.0) + float(tonnes) * content
    notes = [*read.notes]
    flows = _of_makers(flows, made, notes)
    flows = _largest(flows, notes)
    if not flows:
        raise MonaziteError(f"{named}: none of those that make {good} ships any; check codes and makers")
    source = f"BACI, HS {' '.join(sorted(set(table.hs6)))}, {year}"
    rows = [
        {"good": good, "exporter": pair[0], "importer": pair[1], "tonnes": _number(tonnes), "source": source}
        for pair, tonnes in sorted(flows.items(), key=lambda item: (-item[1], item[0]))
    ]
    return _written(folder, "flows", good, rows, notes)


def _unit(folder: Path, good: str) -> str:
    """What tonnes of the good are, by the folder's own table."""
    if not folder.is_dir():
        raise MonaziteError(f"{shown(folder)}: no such folder; 'monazite world new FOLDER' writes one")
    goods = read_table(folder / "prices.csv", COLUMNS["prices"], remedy=README).pairs("good", "unit")
    if good not in goods:
        say = did_you_mean(good, goods) or "add its row first"
        raise MonaziteError(f"{shown(folder / 'prices.csv')}: has no good '{good[:60]}'; {say}")
    return goods[good]


def _one_kind(table: pd.DataFrame, file: Path, stage: str) -> pd.DataFrame:
    """The rows of one mineral and one stage: tonnes of several are none of one good."""
    stages = sorted(set(table.stage))
    if stage:
        meant = [word for word in stages if folded(word) == folded(stage)]
        if not meant:
            say = suggestion(stage, stages) or listed(stages) or "see its column"
            raise MonaziteError(f"{shown(file)}: has no stage '{stage[:60]}'; {say}")
        table = table[table.stage.isin(meant)]
    for name in ("mineral", "stage"):
        known = sorted(set(table[name]))
        if len(known) > 1:
            some = ", ".join(f"'{word}'" for word in known[:MOST_NAMED]) + ", ..." * (len(known) > MOST_NAMED)
            raise MonaziteError(f"{shown(file)}: holds more than one {name}; name one by --{name}: {some}")
    return table


def _of_year(table: pd.DataFrame, file: Path, year: int) -> pd.DataFrame:
    found = table[table.year == year]
    if found.empty:
        years = sorted(set(table.year))
        span = f"{years[0]} to {years[-1]}" if len(years) > 6 else ", ".join(map(str, years))
        raise MonaziteError(f"{shown(file)}: has no output of {year}; its years are {span}")
    return found


def _made(folder: Path, good: str) -> dict[str, float]:
    """Country -> tonnes made, in the spelling of the importers."""
    made: dict[str, float] = {}
    for name in ("mines", "plants"):
        path = folder / f"{name}.csv"
        if not path.is_file():
            continue
        table = read_table(path, COLUMNS[name], remedy=README)
        for line in table:
            if line.text("good") == good:
                code = _country(line)
                made[code] = made.get(code, 0.0) + line.number("output_t", 0.0)
        table.problems.check()
    if not made:
        say = "write its output first, or import it: what others ship is no output of theirs"
        raise MonaziteError(f"{shown(folder / 'mines.csv')}: nobody makes '{good}'; {say}")
    return made


def _country(line: Row) -> str:
    word = line.text("country").strip()
    if folded(word) in REST_NAMES:
        return REST
    try:
        return country_code(word)
    except NoCountry as error:
        line.refuse("country", error.message, error.remedy)
        return REST


def _of_makers(flows: Flows, made: Mapping[str, float], notes: list[str]) -> Flows:
    """Flows of those that make the good, none of which ships more than it makes."""
    whole = sum(flows.values())
    kept = {pair: tonnes for pair, tonnes in flows.items() if made.get(pair[0], 0.0) > 0}
    others = {pair[0] for pair in flows} - {pair[0] for pair in kept}
    if others:
        share = 1 - sum(kept.values()) / whole
        said = f"{plural(len(others), 'exporter')} without output, that is of what others made"
        notes.append(f"left out: {said}: {100 * share:.1f} % of the tonnes")
    for country in sorted({pair[0] for pair in kept}):
        sent = sum(tonnes for pair, tonnes in kept.items() if pair[0] == country)
        scale = made[country] / sent
        if scale < 1:
            kept |= {pair: tonnes * scale for pair, tonnes in kept.items() if pair[0] == country}
            said = f"ships {sent:,.6g} t and makes {made[country]:,.6g} t"
            notes.append(f"{country} {said}: its flows are scaled down to that")
    return kept


def _largest(flows: Flows, notes: list[str]) -> Flows:
    """Flows but for the smallest, which are together less than :data:`SMALLEST` of the tonnes."""
    left, whole = 0.0, sum(flows.values())
    kept = dict(flows)
    for pair, tonnes in sorted(flows.items(), key=lambda item: (item[1], item[0])):
        left += tonnes
        if left >= SMALLEST * whole:
            break
        del kept[pair]
    if len(kept) < len(flows):
        said = f"left out: the {len(flows) - len(kept)} smallest of {len(flows)} flows"
        notes.append(f"{said}, together less than {100 * SMALLEST:.0f} % of the tonnes")
    return kept


def _number(tonnes: float) -> str:
    """As text, with two decimals or four: three would look like thousands."""
    return f"{tonnes:.0f}" if tonnes.is_integer() else f"{tonnes:.{2 if tonnes >= 1 else 4}f}"


def _written(folder: Path, name: str, good: str, rows: Rows, notes: Sequence[str]) -> Filled:
    """Replace the rows of a good in a table, which keeps its other rows and columns."""
    path, needed = folder / f"{name}.csv", (*COLUMNS[name], "source")
    before: Rows = []
    columns = list(needed)
    if path.is_file():
        table = read_table(path, COLUMNS[name], remedy=README)
        before = table.dictionaries()
        columns = [*table.position, *(column for column in needed if column not in table.position)]
    others = [row for row in before if row["good"] != good]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows([*others, *rows])
    write_whole(path, text.getvalue().encode())
    amount = "output_t" if name == "mines" else "tonnes"
    tonnes = sum(float(row[amount]) for row in rows)
    return Filled(path, good, len(rows), len(before) - len(others), tonnes, tuple(notes))
