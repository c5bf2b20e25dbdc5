"""A comparison as a table for other programs: tidy rows as CSV, Parquet or XLSX, and Markdown for reading."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from sim.analysis.comparison import Comparison, Section
from sim.analysis.names import country_name
from sim.analysis.text import format_band

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "TEXT_FORMATS", "WRITERS", "html", "tidy"]

COLUMNS = (
    "baseline", "scenario", "column", "section", "good", "measure", "row", "place", "place_name", "sector",
    "owner", "event", "unit", "from", "to", "median", "p10", "p90", "members",
)  # fmt: skip
"""Columns of the tidy table; ``docs/results.md`` says what each holds."""
TEXT_FORMATS = ("csv", "md")
"""What may be printed."""


def tidy(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """One row per measure and scenario, the numbers as the printed table has them, with all their digits.

    A share is in per cent, a change of one in points. A month is a date of its first day as text; what is not
    reached within the run is infinite.
    """
    import pandas as pd

    rows = []
    for comparison in comparisons:
        for section in comparison.sections:
            for row in section.rows:
                scale = 100 if row.kind in ("share", "change-share") else 1
                for scenario, band in row.bands.items():
                    rows.append((
                        comparison.baseline, scenario, comparison.names.get(scenario, scenario), section.key,
                        row.key.good, row.key.measure, row.name.strip(), row.key.place,
                        country_name(row.key.place) if row.key.place else "", row.key.sector, row.key.owner,
                        row.key.event,
                        row.unit or {"month": "months since 1970-01"}.get(row.kind, "1"), *comparison.period,
                        *(scale * v for v in (band.median, band.low, band.high)),
                        band.members,
                    ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _csv(comparisons: Sequence[Comparison]) -> bytes:
    text: str = tidy(comparisons).to_csv(index=False, lineterminator="\n", float_format="%.10g")
    return text.encode()


def _parquet(comparisons: Sequence[Comparison]) -> bytes:
    target = io.BytesIO()
    tidy(comparisons).to_parquet(target, index=False)
    return target.getvalue()


def _xlsx(comparisons: Sequence[Comparison]) -> bytes:
    """One sheet. Text stays text, also where it looks like a formula: names may come from anybody."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("comparison")
    sheet.append(list(COLUMNS))
    for row in tidy(comparisons).itertuples(index=False):
        cells = []
        for value in row:
            finite = not isinstance(value, float) or abs(value) < float("inf")
            # A sheet knows no infinity and no missing number.
            shown = value if finite else None if value != value else f"{value}"
            cell = WriteOnlyCell(sheet, shown)
            if isinstance(shown, str):
                cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _printed(comparison: Comparison, section: Section) -> Iterator[tuple[str, bool, list[str]]]:
    """Rows of a section: the label, whether it belongs to the row above, a cell for each run."""
    for row in section.rows:
        bare = row.name.strip()
        cells = [
            format_band(row.bands.get(n), row.kind, comparison.horizon(n, row.key.good))
            for n in (comparison.baseline, *comparison.scenarios)
        ]
        label = f"{bare}, {row.unit}" if row.unit and row.unit not in ("x", "months") else bare
        yield label, row.name.startswith(" "), cells


def _heads(comparison: Comparison) -> list[str]:
    return [comparison.names.get(name, name) for name in (comparison.baseline, *comparison.scenarios)]


def _below(comparison: Comparison) -> list[str]:
    """What must be known of the numbers."""
    notes = [f"{text}." for text in comparison.notes]
    members = [f"Median [p10-p90] of {comparison.members} paired members."] if comparison.members > 1 else []
    return members + notes


def _markdown(comparisons: Sequence[Comparison]) -> bytes:
    """The printed table, a column for each scenario."""
    lines = []
    for comparison in comparisons:
        for section in comparison.sections:
            heads = [section.title, *_heads(comparison)]
            lines.append("| " + " | ".join(map(_escaped, heads)) + " |")
            lines.append("|---" + "|---:" * (len(heads) - 1) + "|")
            for label, below, cells in _printed(comparison, section):
                indent = "&nbsp;&nbsp;" if below else ""
                lines.append("| " + " | ".join([indent + _escaped(label), *map(_escaped, cells)]) + " |")
            lines.append("")
        lines += [*map(_escaped, _below(comparison)), ""]
    return "\n".join(lines).encode()


def html(comparisons: Sequence[Comparison]) -> str:
    """The printed table as HTML, one ``table`` for each section, as notebooks show it."""
    parts = []
    for comparison in comparisons:
        for section in comparison.sections:
            names = [section.title, *_heads(comparison)]
            heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
            parts.append(f"<table><thead><tr>{heads}</tr></thead><tbody>")
            for label, below, cells in _printed(comparison, section):
                indent = "&nbsp;&nbsp;" if below else ""
                row = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
                parts.append(f'<tr><th scope="row">{indent}{escape(label)}</th>{row}</tr>')
            parts.append("</tbody></table>")
        parts += [f"<p>{escape(text)}</p>" for text in _below(comparison)]
    return "\n".join(parts)


WRITERS: dict[str, Callable[[Sequence[Comparison]], bytes]] = {
    "csv": _csv, "md": _markdown, "xlsx": _xlsx, "parquet": _parquet,
}  # fmt: skip
"""Format -> bytes of the file."""
