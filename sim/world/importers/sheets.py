"""Rows of a CSV file or a sheet of Excel, as text, wherever in it the table begins."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

from sim.errors import MonaziteError
from sim.files import read_bytes
from sim.paths import shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_BYTES", "Imported", "Sheet", "read_sheet"]

MOST_BYTES = 64_000_000
"""Of a file whose cells are all looked at; what is longer is no table of countries."""
MOST_CELLS = 5_000_000
EXCEL = (".xlsx", ".xlsm")
ENCODINGS = ("utf-8-sig", "cp1252")
DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Imported:
    """A tidy table, and what was done to get it."""

    table: pd.DataFrame
    notes: tuple[str, ...] = ()
    """Sentences: what was left out, recoded, summed or taken for granted, each with how often."""


@dataclass(frozen=True)
class Sheet:
    """Rows with their numbers in the file, counted from 1; empty rows are left out."""

    path: Path
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    name: str = ""
    """Of the sheet in a workbook."""

    def place(self, line: int) -> str:
        """A row as messages name it."""
        return f"{shown(self.path)}:{f'{self.name}:' if self.name else ''}{line}"


def read_sheet(path: Path, sheet: str | None = None) -> Sheet:
    """All rows as text.

    Args:
        path: ``.csv`` (or ``.txt``, ``.tsv``), parted by comma, semicolon, tab or bar, in UTF-8 or
            Windows-1252; or ``.xlsx``.
        sheet: of a workbook; its only sheet, or the first with cells, where None.

    Raises:
        MonaziteError: it cannot be read, is too large, or has no such sheet.
    """
    try:
        data = read_bytes(path, MOST_BYTES)
    except FileNotFoundError:
        raise MonaziteError(f"{shown(path)}: no such file; check the name") from None
    except OSError as error:
        raise MonaziteError(f"{shown(path)}: cannot be read ({error.strerror or error})") from None
    if path.suffix.lower() in EXCEL:
        return _workbook(path, data, sheet)
    if path.suffix.lower() == ".xls" or data[:4] == b"PK\x03\x04":
        raise MonaziteError(f"{shown(path)}: is no CSV text; save it as .xlsx or .csv")
    return Sheet(path, tuple(_numbered(_csv_rows(path, data))))


def _csv_rows(path: Path, data: bytes) -> list[list[str]]:
    for encoding in ENCODINGS:
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise MonaziteError(f"{shown(path)}: is neither UTF-8 nor Windows-1252 text; save it as UTF-8")
    if "\0" in text:
        raise MonaziteError(f"{shown(path)}: is no CSV text; save it as CSV in UTF-8")
    first = next((line for line in text.splitlines() if sum(map(line.count, DELIMITERS))), "")
    delimiter = max(DELIMITERS, key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise MonaziteError(f"{shown(path)}: is no CSV text ({error}); save it as CSV in UTF-8") from None


def _workbook(path: Path, data: bytes, name: str | None) -> Sheet:
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except (BadZipFile, KeyError, ValueError, OSError, TypeError) as error:
        raise MonaziteError(f"{shown(path)}: is no workbook of Excel ({error}); save it again") from None
    try:
        if name is not None and name not in book.sheetnames:
            known = ", ".join(book.sheetnames)
            raise MonaziteError(f"{shown(path)}: has no sheet '{name}'; it has: {known}")
        for title in [name] if name is not None else book.sheetnames:
            cells: list[list[str]] = []
            seen = 0
            for row in book[title].iter_rows(values_only=True):
                seen += len(row)
                if seen > MOST_CELLS:
                    many = f"has more than {MOST_CELLS:,} cells"
                    raise MonaziteError(f"{shown(path)}: {many}; save a part of it")
                cells.append([_text(value) for value in row])
            rows = _numbered(cells)
            if rows:
                return Sheet(path, tuple(rows), title)
    finally:
        book.close()
    return Sheet(path, ())


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def _numbered(rows: Sequence[Sequence[str]]) -> list[tuple[int, tuple[str, ...]]]:
    stripped = ((line, tuple(cell.strip() for cell in row)) for line, row in enumerate(rows, start=1))
    return [(line, row) for line, row in stripped if any(row)]
