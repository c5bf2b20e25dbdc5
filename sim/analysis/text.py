"""A comparison as a plain-text table: one column per scenario, bands in brackets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.analysis.paired import Band, Comparison, Row

__all__ = ["comparison_table", "format_band", "number", "table"]

DASH = "-"
CLOSE = 0.1
"""Multiples this close to one are written with four decimals."""


def number(value: float) -> str:
    """Three significant digits, thousands set apart by commas.

    >>> number(1234567), number(0.01234), number(889.7), number(0), number(float("nan"))
    ('1,230,000', '0.0123', '890', '0', '-')
    """
    if not np.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    digits = max(2 - int(np.floor(np.log10(abs(value)))), 0)
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.{digits}f}".rstrip("0").rstrip(".") if digits else f"{rounded:,.0f}"


def _one(value: float, kind: str, horizon: float) -> str:
    if np.isnan(value):
        return DASH
    if np.isinf(value):
        return f">{horizon:.0f}"
    if kind == "month":
        return str(np.datetime64("1970-01", "M") + round(value))
    if kind == "duration":
        return f"{value:.0f}"
    if kind == "multiple" and abs(value - 1) < CLOSE:
        # Small effects, those of a merger for example, would vanish in three digits.
        return f"{value:.4f}".rstrip("0").rstrip(".")
    if kind == "share":
        return f"{100 * value:.1f}" if 0 < value < 0.0995 else f"{100 * value:.0f}"
    return number(value)


def format_band(band: Band | None, kind: str, horizon: float) -> str:
    """``median [p10-p90]``; the median alone where the band is a point or has one member.

    >>> format_band(Band(890.0, 640.0, 1310.0, 50), "number", 60.0)
    '890 [640-1,310]'
    >>> format_band(Band(float("inf"), 31.0, float("inf"), 50), "duration", 68.0)
    '>68 [31->68]'
    """
    if band is None or band.members == 0:
        return DASH
    middle, low, high = (_one(v, kind, horizon) for v in (band.median, band.low, band.high))
    if band.members == 1 or low == high:
        return middle
    separator = " to " if kind == "month" or low.startswith("-") else "-"
    return f"{middle} [{low}{separator}{high}]"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned by blanks: the first left, the others right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = []
    for row in [header, *rows]:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _cells(row: Row, names: Sequence[str], horizon: dict[str, float]) -> list[str]:
    label = f"{row.name}, {row.unit}" if row.unit and row.unit not in ("x", "months") else row.name
    return [label, *(format_band(row.bands.get(n), row.kind, horizon.get(n, 0.0)) for n in names)]


def comparison_table(comparison: Comparison) -> str:
    """All sections of a comparison as text, with a line that explains the brackets."""
    names = [comparison.baseline, *comparison.scenarios]
    heads = [comparison.names.get(name, name) for name in names]
    parts = []
    for section in comparison.sections:
        rows = [_cells(row, names, comparison.horizon_months) for row in section.rows]
        parts.append(table([section.title, *heads], rows))
    members = comparison.members
    note = f"Median [p10-p90] of {members} paired members." if members > 1 else "One member: no bands."
    if all(comparison.period):
        note += f" Totals and peaks are over {' to '.join(comparison.period)}."
    if any(np.isinf(b.high) for s in comparison.sections for r in s.rows for b in r.bands.values()):
        note += " '>n': not within the n months that the run covers after the first event."
    note += (
        " Months count from the first event; recovered: back within 20 % of the baseline price,"
        " or less than 1 % of need unmet beyond the baseline's, for the rest of the run."
    )
    said = [f"Note: {text}." for text in comparison.notes]
    return "\n\n".join([*parts, "\n".join([*said, note])])
