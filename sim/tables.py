"""The one reader of CSV tables: every cell that is wrong is named with file, line, rule and remedy.

Needs the standard library alone: ``validate`` and ``list`` read tables, and numpy takes longer to import than
they take to answer.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from sim.errors import MonaziteError, did_you_mean

__all__ = ["REBUILD", "Parts", "Problems", "Row", "Table", "parse_table", "read_table"]

REBUILD = "rebuild with 'make data'"
"""Remedy for a table that is made from others."""
MOST_SAID = 20
"""Problems written out; beyond, they are counted."""
LONGEST_CELL = 60
"""Characters of a cell that a message repeats."""


class Problems:
    """What is wrong with one table or several, gathered and raised together."""

    def __init__(self) -> None:
        self._said: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._said)

    def note(self, place: str, message: str, remedy: str) -> None:
        """Remember one problem.

        Args:
            place: file and line, and the column where one cell is wrong.
            message: the value, and the rule that it breaks. remedy: what to do.
        """
        self._said.append(f"{place}: {message}; {remedy}")

    def check(self) -> None:
        """Raise what was noted.

        Raises:
            MonaziteError: something was.
        """
        if not self._said:
            return
        more = len(self._said) - MOST_SAID
        said = self._said[:MOST_SAID] + ([f"and {more} more problems"] if more > 0 else [])
        raise MonaziteError("\n".join(said))


class Row:
    """One line of a table. A bad cell is noted, and something that can be worked with is returned."""

    __slots__ = ("_cells", "_table", "line")

    def __init__(self, table: Table, cells: Sequence[str], line: int) -> None:
        self._table, self._cells, self.line = table, cells, line

    def text(self, column: str) -> str:
        """The cell as it stands.

        Raises:
            KeyError: the table has no such column.
        """
        return self._cells[self._table.position[column]]

    def refuse(self, column: str, message: str, remedy: str) -> None:
        """Note a problem with one cell, or with the whole line where ``column`` is empty."""
        place = f"{self._table.path}:{self.line}"
        self._table.problems.note(f"{place}: {column}" if column else place, message, remedy)

    def word(self, column: str, allowed: Collection[str], what: str) -> str:
        """A cell that names one of some words; ``what`` says what they are, such as 'country'."""
        text = self.text(column)
        if text not in allowed:
            say = did_you_mean(text, allowed) or f"name a {what} that its table holds"
            self.refuse(column, f"unknown {what} '{text[:LONGEST_CELL]}'", say)
        return text

    def number(
        self,
        column: str,
        low: float = -math.inf,
        high: float = math.inf,
        empty: float | None = None,
        positive: bool = False,
    ) -> float:
        """A finite number in [low, high]; NaN where it is none.

        Args:
            empty: what an empty cell stands for; None where it may not be empty.
            positive: it must be above 0, whatever ``low``.
        """
        text = self.text(column)
        if not text and empty is not None:
            return empty
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self.refuse(column, f"'{text[:LONGEST_CELL]}' is not a number", "write a number such as 0.25")
            return math.nan
        if not low <= value <= high or (positive and value <= 0):
            rule = "a number above 0" if positive else _range(low, high)
            self.refuse(column, f"{text[:LONGEST_CELL]} is out of range", f"write {rule}")
            return math.nan
        return value

    def integer(self, column: str, low: int = 0) -> int:
        """A whole number of at least ``low``; ``low`` where it is none."""
        text = self.text(column)
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low:
            message = f"'{text[:LONGEST_CELL]}' is not a whole number of at least {low}"
            self.refuse(column, message, f"write a number such as {low + 1}")
            return low
        return value


def _range(low: float, high: float) -> str:
    if math.isinf(high):
        return f"{low:g} or more"
    return f"{high:g} or less" if math.isinf(low) else f"a number from {low:g} to {high:g}"


class Table:
    """One CSV file, read.

    Attributes:
        path: of the file. position: column -> where it stands. problems: what was noted so far.
    """

    def __init__(
        self, path: Path, header: Sequence[str], lines: Mapping[int, Sequence[str]], problems: Problems
    ) -> None:
        self.path, self.problems = path, problems
        self.position = {name: place for place, name in enumerate(header)}
        self._lines = lines

    def __iter__(self) -> Iterator[Row]:
        return (Row(self, cells, line) for line, cells in self._lines.items())

    def __len__(self) -> int:
        return len(self._lines)

    def columns(self, *names: str) -> list[tuple[str, ...]]:
        """The named columns as text, a tuple for each line: the quick way through a long table.

        Raises:
            KeyError: the table has no such column.
        """
        places = [self.position[name] for name in names]
        return [tuple(cells[place] for place in places) for cells in self._lines.values()]

    def pairs(self, key: str, value: str) -> dict[str, str]:
        """Text of one column by that of another; where a key stands twice, the last counts.

        Raises:
            KeyError: the table has no such column.
        """
        return {cells[0]: cells[1] for cells in self.columns(key, value)}

    def dictionaries(self) -> list[dict[str, str]]:
        """Every line as column -> text."""
        names = list(self.position)
        return [dict(zip(names, cells, strict=True)) for cells in self._lines.values()]


class Parts:
    """A long table taken apart by its first column; a part is read when it is asked for.

    No cell of the table may run over several lines.

    Raises:
        MonaziteError: as :func:`read_table`; of single lines once their part is read.
    """

    def __init__(self, path: Path, columns: Sequence[str], remedy: str = REBUILD) -> None:
        self._path, self._columns, self._remedy = path, columns, remedy
        self._lines: dict[str, dict[int, str]] = {}
        self._header: list[str] = []
        for line, text in enumerate(_text(path, remedy).splitlines(), start=1):
            if line == 1:
                self._header = next(csv.reader([text]), [])
            elif text:
                self._lines.setdefault(text.partition(",")[0], {})[line] = text
        _check(path, self._header, columns, {}, remedy)

    def part(self, key: str) -> Table:
        """The lines that begin with a word."""
        texts = self._lines.get(key, {})
        lines = dict(zip(texts, csv.reader(texts.values()), strict=True))
        _check(self._path, self._header, self._columns, lines, self._remedy)
        return Table(self._path, self._header, lines, Problems())


def read_table(
    path: Path,
    columns: Sequence[str] = (),
    problems: Problems | None = None,
    remedy: str = REBUILD,
) -> Table:
    """Read one CSV file, UTF-8, with a line of column names.

    Args:
        columns: names that must be there.
        problems: where problems of single cells are noted; the table's own where None, and then the caller
            ends with ``table.problems.check()``.
        remedy: what to do where the file itself is missing or damaged.

    Raises:
        MonaziteError: there is no such file, it is no CSV text, columns are missing or stand twice, or lines
            have more or fewer cells than there are columns.
    """
    return parse_table(_text(path, remedy), path, columns, problems, remedy)


def parse_table(
    text: str,
    path: Path,
    columns: Sequence[str] = (),
    problems: Problems | None = None,
    remedy: str = REBUILD,
) -> Table:
    """As :func:`read_table`, from text that has been read already; ``path`` is what messages name."""
    reader = csv.reader(io.StringIO(text, newline=""))
    first, lines = 1, {}
    try:
        for cells in reader:
            if cells:
                lines[first] = cells
            # A quoted cell may run over several lines.
            first = reader.line_num + 1
    except csv.Error as error:
        raise MonaziteError(f"{path}:{first}: is no CSV text ({error}); {remedy}") from None
    header = lines.pop(min(lines)) if lines else []
    _check(path, header, columns, lines, remedy)
    return Table(path, header, lines, problems if problems is not None else Problems())


def _text(path: Path, remedy: str) -> str:
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            return handle.read()
    except FileNotFoundError:
        raise MonaziteError(f"{path}: no such file; {remedy}") from None
    except OSError as error:
        raise MonaziteError(f"{path}: cannot be read ({error.strerror or error}); {remedy}") from None
    except UnicodeDecodeError as error:
        raise MonaziteError(f"{path}: is no UTF-8 text ({error.reason}); {remedy}") from None


def _check(
    path: Path, header: Sequence[str], columns: Sequence[str], lines: Mapping[int, Sequence[str]], remedy: str
) -> None:
    damaged = Problems()
    for name in columns:
        if name not in header:
            damaged.note(f"{path}:1", f"column '{name}' is missing", remedy)
    for name in dict.fromkeys(header):
        if header.count(name) > 1:
            damaged.note(f"{path}:1", f"column '{name}' stands twice", "remove one of them")
    for line, cells in lines.items():
        if len(cells) != len(header):
            message = f"has cells: {len(cells)}, columns: {len(header)}"
            damaged.note(f"{path}:{line}", message, "write one cell for each column")
    damaged.check()
