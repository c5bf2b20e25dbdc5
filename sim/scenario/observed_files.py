"""Observed figures from tables: tidy ones, those of others by a map of columns, pivot tables, trade of CEPII.

What a file holds is put in the place of the entry that names it, every figure with its file and line, so that
all that checks figures of a scenario checks these, and a resolved scenario needs the file no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sim.errors import MonaziteError, did_you_mean
from sim.instruments.words import WordError
from sim.names import folded
from sim.paths import shown
from sim.scenario.node import COMMAND_LINE, Node, Place, plain
from sim.scenario.period import parse_period
from sim.scenario.report import Report
from sim.world.importers.cells import CellError, looks_like_thousands, read_number
from sim.world.importers.sheets import Sheet, read_sheet
from sim.world.labels import Labels

__all__ = ["COLUMNS", "LAYOUTS", "with_files"]

LAYOUTS = ("tidy", "cepii")
OF_FILES = ("file", "layout", "columns", "pivot", "unit", "sheet", "thousands")
"""Fields of an entry that say how to read its file; all others are those of an observation."""
COLUMNS = ("series", "date", "value", "unit", "low", "high", "source", "minus", "over")
"""What a column of a tidy table may hold."""
DATE_HEADINGS = ("date", "month", "year", "period", "time", "quarter", "day")
KINDS = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm")
MOST_FIGURES = 20_000
TIDY = "the columns of a tidy table are series, date, value and unit; name others under 'columns'"


class _Wrong(Exception):
    """What is wrong with an entry: field below it, message, remedy."""

    def __init__(self, message: str, remedy: str = "", field: str = "file") -> None:
        self.message, self.remedy, self.field = message, remedy, field
        super().__init__(message)


@dataclass
class _Series:
    """Figures of one series as they are read."""

    fields: dict[str, Node]
    values: dict[str, Node]


def with_files(root: Node, report: Report, folders: Mapping[str, Path], labels: Labels | None) -> Node:
    """The scenario with the figures of observed files written out.

    Args:
        root: everything merged. report: takes problems.
        folders: file as shown -> its folder: an observed file lies in it or below.
        labels: of the base year, where it is known.
    """
    observed = root.value.get("observed") if isinstance(root.value, dict) else None
    if observed is None or not isinstance(observed.value, dict):
        return root
    entries: dict[str, Node] = {}
    for name, node in observed.value.items():
        short = name == "file" and isinstance(node.value, str)
        whole = isinstance(node.value, dict) and "file" in node.value
        if not short and not whole:
            entries[name] = node
            continue
        entry = node if whole else Node({"file": node}, node.place, node.key)
        try:
            found = _Reader(name, entry, report, folders, labels).read()
        except _Wrong as wrong:
            path = ("observed", name) if short else ("observed", name, wrong.field)
            report.add(path, wrong.message, wrong.remedy)
            continue
        for key, made in found.items():
            label = key if short else name if len(found) == 1 else f"{name} {key}"
            entries[label] = made
    assert isinstance(root.value, dict)
    return replace(root, value={**root.value, "observed": replace(observed, value=entries)})


class _Reader:
    """Reads the file of one entry."""

    def __init__(
        self, name: str, entry: Node, report: Report, folders: Mapping[str, Path], labels: Labels | None
    ) -> None:
        assert isinstance(entry.value, dict)
        self.name, self.entry, self.report, self.labels = name, entry, report, labels
        self.fields: dict[str, Node] = entry.value
        self.path = self._file(folders)
        self.thousands = self._word("thousands") or ","
        if self.thousands not in (",", "."):
            raise _Wrong("'thousands' is what parts them", "write ',' or '.'", "thousands")
        self.sheet = Sheet(self.path, ())

    def read(self) -> dict[str, Node]:
        """Series -> entry of an observation."""
        layout = self._word("layout") or LAYOUTS[0]
        if layout not in LAYOUTS:
            raise _Wrong(f"unknown layout '{layout[:60]}'", did_you_mean(layout, LAYOUTS), "layout")
        before = len(self.report.problems)
        try:
            found = self._cepii() if layout == "cepii" else self._table()
        except MonaziteError as error:
            raise _Wrong(str(error)) from None
        if not found and len(self.report.problems) == before:
            raise _Wrong("the file holds no figures", TIDY if layout != "cepii" else "look at 'series'")
        kept = {k: v for k, v in self.fields.items() if k not in OF_FILES}
        made = {}
        for key, series in found.items():
            own = {**kept, **series.fields}
            values = Node(dict(series.values), self.entry.place, self.entry.place)
            made[key] = replace(self.entry, value={**own, "values": values})
        return made

    # -- where -----------------------------------------------------------------------------------

    def _word(self, name: str) -> str:
        node = self.fields.get(name)
        if node is None or node.value is None:
            return ""
        if not isinstance(node.value, str):
            raise _Wrong(f"'{name}' is text", "", name)
        return node.value

    def _file(self, folders: Mapping[str, Path]) -> Path:
        """The file, which lies in the folder of the scenario or below it.

        Raises:
            _Wrong: it lies elsewhere, is missing, or of another kind.
        """
        node = self.fields["file"]
        if not isinstance(node.value, str) or not node.value.strip():
            raise _Wrong("an observed file is named by text", "write for example 'file: prices.csv'")
        here = Path.cwd() if node.place.file == COMMAND_LINE else folders.get(node.place.file, Path.cwd())
        path = here / node.value
        if Path(node.value).is_absolute() or ".." in Path(node.value).parts:
            raise _Wrong(f"'{node.value[:60]}' leads out of the folder", "put the file beside the scenario")
        if path.suffix.lower() not in KINDS:
            raise _Wrong(f"'{node.value[:60]}' is no table", f"name a file that ends in {', '.join(KINDS)}")
        try:
            inside = path.resolve(strict=True).is_relative_to(here.resolve())
        except (OSError, RuntimeError):
            say = "name a file beside the scenario, or below its folder"
            raise _Wrong(f"there is no file '{node.value[:60]}' in {shown(here)}", say) from None
        if not inside:
            raise _Wrong(f"'{node.value[:60]}' is a link that leads out of the folder", "put the file there")
        return path

    # -- tables ----------------------------------------------------------------------------------

    def _map(self, name: str) -> dict[str, str]:
        """A mapping of texts under the entry."""
        node = self.fields.get(name)
        written = plain(node) if node is not None else {}
        if not isinstance(written, dict) or not all(isinstance(v, str) for v in written.values()):
            raise _Wrong(f"'{name}' is a mapping of words to words", "write for example {date: Month}", name)
        return {str(k): str(v) for k, v in written.items()}

    def _table(self) -> dict[str, _Series]:
        self.sheet = read_sheet(self.path, self._word("sheet") or None)
        if not self.sheet.rows:
            return {}
        pivot = self._map("pivot")
        at, heads = self._headings(pivot)
        found: dict[str, _Series] = {}
        figures, texts = 0, []
        for line, row in self.sheet.rows[at + 1 :]:
            cells = {name: row[k] if k < len(row) else "" for name, k in heads.items()}
            for series, text in self._cells(cells, pivot):
                figures += 1
                if figures > MOST_FIGURES:
                    raise _Wrong(f"the file has more than {MOST_FIGURES:,} figures", "observe a part of them")
                texts.append(text)
                self._take(line, cells, series, text, found)
        doubtful = looks_like_thousands(texts)
        if doubtful and self.thousands == "," and len(texts) > 1:
            self.report.add(
                ("observed", self.name, "file"),
                f"{len(doubtful)} figures such as '{doubtful[0]}' have three decimals and are read as such",
                "write 'thousands: \".\"' if the dot parts thousands", warning=True,
            )  # fmt: skip
        return found

    def _headings(self, pivot: Mapping[str, str]) -> tuple[int, dict[str, int]]:
        """Position of the row of headings, and column of each name.

        Raises:
            _Wrong: a column is missing.
        """
        own = self._map("columns")
        unknown = [name for name in own if name not in COLUMNS]
        if unknown:
            say = did_you_mean(unknown[0], COLUMNS)
            raise _Wrong(f"no column holds '{unknown[0][:60]}'", say, "columns")
        wanted = {**own, **{series: heading for heading, series in pivot.items()}}
        for at, (_, row) in enumerate(self.sheet.rows):
            places = {folded(cell): k for k, cell in reversed(list(enumerate(row))) if cell}
            heads = {name: places[folded(head)] for name, head in wanted.items() if folded(head) in places}
            for name in COLUMNS:
                if name not in own and name in places:
                    heads[name] = places[name]
            if "date" not in heads:
                first = next((name for name in DATE_HEADINGS if name in places), None)
                heads |= {"date": places[first]} if first is not None else {}
            needed = ["date", *(pivot.values() if pivot else ["value"])]
            if all(name in heads for name in needed) and all(name in heads for name in wanted):
                return at, heads
        first = ", ".join(cell for cell in self.sheet.rows[0][1] if cell)
        lacking = [heading for heading in wanted.values() if heading]
        named = f"with the columns {', '.join(lacking)}" if lacking else "of a tidy table"
        where = "pivot" if pivot else "columns" if own else "file"
        raise _Wrong(f"there is no row of headings {named}; the first row is: {first[:200]}", TIDY, where)

    def _cells(self, cells: Mapping[str, str], pivot: Mapping[str, str]) -> list[tuple[str, str]]:
        """Series and text of the figures of a row; cells without anything are none."""
        if pivot:
            return [(series, cells[series]) for series in pivot.values() if cells[series]]
        series = cells.get("series", "") or self._word("series")
        return [(series, cells["value"])] if cells["value"] else []

    def _take(
        self, line: int, cells: Mapping[str, str], series: str, text: str, found: dict[str, _Series]
    ) -> None:
        """Add one figure; what is wrong with it goes to the report, at its line of the file."""
        place = Place(self.sheet.place(line).rpartition(":")[0], line, 1)
        field = f"observed.{self.name}"
        if not series:
            say = "add a column 'series', or write 'series: ...' beside 'file'"
            self.report.at(place, field, "nothing says of which series the figure is", say)
            return
        try:
            period = str(parse_period(cells["date"].removesuffix(" 00:00:00")))
        except WordError as error:
            self.report.at(place, field, error.message, error.remedy)
            return
        try:
            value = self._quantity(text, cells.get("unit", ""))
            ends = [self._quantity(cells.get(end, ""), cells.get("unit", "")) for end in ("low", "high")]
        except CellError as error:
            self.report.at(place, field, error.message, error.remedy)
            return
        if value is None:
            return
        node = Node(value, place, place)
        own: dict[str, Node] = {"value": node}
        if all(end is not None for end in ends):
            own["band"] = Node([Node(end, place, place) for end in ends], place, place)
        if cells.get("source"):
            own["source"] = Node(cells["source"], place, place)
        beside = {name: cells[name] for name in ("minus", "over") if cells.get(name)}
        key = " ".join([series, *(f"{name} {other}" for name, other in beside.items())])
        made = found.setdefault(key, _Series({}, {}))
        made.fields |= {"series": replace(node, value=series)}
        made.fields |= {name: replace(node, value=other) for name, other in beside.items()}
        if period in made.values:
            say = "leave one of them out"
            self.report.at(place, field, f"{series} has two figures for {period}", say)
            return
        made.values[period] = node if len(own) == 1 else Node(own, place, place)

    def _quantity(self, text: str, unit: str) -> str | None:
        """A figure with its unit; None where the cell says that there is none.

        Raises:
            CellError: it is no number, or has no unit.
        """
        unit = unit or self._word("unit")
        number = read_number(text, self.thousands)
        if number.value is None:
            return None
        if not unit:
            raise CellError(f"'{text[:60]}' has no unit", "add a column 'unit', or write 'unit: USD/kg'")
        return f"{number.value!r} {unit}".replace(".0 ", " ")

    # -- CEPII -----------------------------------------------------------------------------------

    def _cepii(self) -> dict[str, _Series]:
        """Yearly figures of one series of trade, from records with numbers for countries."""
        from sim.scenario.cepii_series import trade_figures

        figures, notes = trade_figures(self.path, self._word("series"), self.labels)
        for note in notes:
            self.report.add(("observed", self.name, "file"), note, warning=True)
        place = self.fields["file"].place
        values = {year: Node(text, place, place) for year, text in figures.items()}
        return {self._word("series"): _Series({}, dict[str, Node](values))} if values else {}


