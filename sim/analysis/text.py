"""A comparison as plain text in 80 columns: one column per scenario, bands in brackets."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

import numpy as np

from sim.analysis.comparison import Band, Comparison, Row

__all__ = ["comparison_table", "format_band", "number", "table"]

DASH = "-"
CLOSE = 0.05
"""Multiples this close to one are written with the digits of what they differ by."""
DIGITS = 2
"""Significant digits in the table of a comparison: a band says how little more would mean."""
NOTHING = 5e-5
"""Changes of a share below half a hundredth of a point are the rounding of markets."""
WIDTH = 80
WIDEST = {True: (34, 20), False: (29, 15)}
"""For one scenario, and for several: widest first column where others need the room, and widest other one."""
GAP = "  "
SIGNED = ("change", "change-share")


def number(value: float, digits: int = 3) -> str:
    """Significant digits, three unless told otherwise, thousands set apart by commas.

    >>> number(1234567), number(0.01234), number(889.7), number(0), number(float("nan"))
    ('1,230,000', '0.0123', '890', '0', '-')
    >>> number(1310, 2), number(0.996, 2)
    ('1,300', '1')
    """
    if not np.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits}g}")
    places = max(digits - 1 - int(np.floor(np.log10(abs(rounded)))), 0)
    return f"{rounded:,.{places}f}".rstrip("0").rstrip(".") if places else f"{rounded:,.0f}"


def _multiple(value: float) -> str:
    """Small effects, those of a merger for example, would vanish in two digits: 1.0062."""
    away = value - 1
    if away == 0 or abs(away) >= CLOSE:
        return number(value, DIGITS)
    places = DIGITS - 1 - int(np.floor(np.log10(abs(float(f"{away:.{DIGITS}g}")))))
    return f"{value:.{min(places, 4)}f}".rstrip("0").rstrip(".")


def _one(value: float, kind: str, horizon: float) -> str:
    if np.isnan(value):
        return DASH
    if np.isinf(value):
        return f">{horizon:.0f}"
    if kind == "month":
        return str(np.datetime64("1970-01", "M") + round(value))
    if kind == "duration":
        return f"{value:.0f}"
    if kind == "multiple":
        return _multiple(value)
    if kind == "change-share" and abs(value) < NOTHING:
        return "0"
    text = number(100 * value if kind in ("share", "change-share") else value, DIGITS)
    return f"+{text}" if kind in SIGNED and value > 0 else text


def format_band(band: Band | None, kind: str, horizon: float) -> str:
    """``median [p10-p90]``; the median alone where the band is a point or has one member.

    >>> format_band(Band(890.0, 640.0, 1310.0, 50), "number", 60.0)
    '890 [640-1,300]'
    >>> format_band(Band(float("inf"), 31.0, float("inf"), 50), "duration", 68.0)
    '>68 [31->68]'
    >>> format_band(Band(-1.23, -2.0, 0.5, 50), "change", 68.0)
    '-1.2 [-2 to +0.5]'
    """
    if band is None or band.members == 0:
        return DASH
    middle, low, high = (_one(v, kind, horizon) for v in (band.median, band.low, band.high))
    if band.members == 1 or low == high:
        return middle
    separator = " to " if kind in ("month", *SIGNED) or low.startswith("-") else "-"
    return f"{middle} [{low}{separator}{high}]"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned by blanks: the first left, the others right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = []
    for row in [header, *rows]:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _label(row: Row) -> str:
    return f"{row.name}, {row.unit}" if row.unit and row.unit not in ("x", "months") else row.name


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Lines of at most that many characters, broken between words, and inside one only where it must be."""
    # A number and its unit stay together.
    kept = re.sub(r"(?<=\d) (?=%)", "\N{NO-BREAK SPACE}", text)
    lines = textwrap.wrap(kept, width, subsequent_indent=indent)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines] or [""]


def _hanging(name: str, width: int) -> list[str]:
    """A label in lines, all as far in as the first or farther."""
    bare = name.lstrip()
    lead = " " * (len(name) - len(bare))
    return [lead + line for line in _wrapped(bare, width - len(lead), "  ")]


def _cell(text: str, width: int) -> list[str]:
    """A number, its band below it where both do not fit side by side."""
    middle, bracket, rest = text.partition(" [")
    if len(text) <= width or not bracket:
        return _wrapped(text, width)
    return [middle, *_wrapped(f"[{rest}", width)]


def _lines(cells: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    """The lines of one row of a table whose cells have several: labels from the top, numbers as well."""
    lines = []
    for i in range(max(map(len, cells))):
        line = [cell[i] if i < len(cell) else "" for cell in cells]
        first, *others = (
            text.ljust(width) if k == 0 else text.rjust(width)
            for k, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        lines.append(GAP.join([first, *others]).rstrip())
    return lines


def _side_by_side(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], pinned: int) -> list[str]:
    """A table as wide as a terminal: the first column is repeated where not all others fit beside it.

    Args:
        title: above the first column.
        heads: of the columns.
        rows: cells, the label first.
        pinned: 1 where the first column, the baseline, stands in each part, else 0.
    """
    label, cell = WIDEST[len(heads) - pinned < 2]
    columns = [
        (_wrapped(head, cell), [_cell(row[k + 1], cell) for row in rows]) for k, head in enumerate(heads)
    ]
    wide = [max(len(line) for cell in [head, *cells] for line in cell) for head, cells in columns]
    room = max(WIDTH - sum(width + len(GAP) for width in wide), label)
    labels = [_hanging(row[0], room) for row in rows]
    first = max((len(line) for label in labels for line in label), default=0)
    first = max(first, min(len(title), room))
    always = list(range(pinned))
    parts: list[list[int]] = [[*always]]
    for k in range(pinned, len(columns)):
        used = first + sum(wide[i] + len(GAP) for i in [*parts[-1], k])
        if used > WIDTH and len(parts[-1]) > pinned:
            parts.append([*always])
        parts[-1].append(k)
    lines: list[str] = []
    for part in parts:
        widths = [first, *(wide[k] for k in part)]
        above = [_wrapped(title, first), *(columns[k][0] for k in part)]
        tallest = max(map(len, above))
        # Heads stand on the line above their numbers.
        above[1:] = [[""] * (tallest - len(head)) + head for head in above[1:]]
        lines += ["", *_lines(above, widths)] if lines else _lines(above, widths)
        for i, text in enumerate(labels):
            if len(parts) > 1 and all(columns[k][1][i] == [DASH] for k in part[pinned:]):
                continue  # what only scenarios of another part have
            lines += _lines([text, *(columns[k][1][i] for k in part)], widths)
    return lines


def comparison_table(comparison: Comparison) -> str:
    """All sections of a comparison as text of 80 columns, and what its numbers mean."""
    names = [comparison.baseline, *comparison.scenarios]
    parts = []
    for section in comparison.sections:
        # Of what only differences are told, the baseline has nothing to say.
        pinned = any(names[0] in row.bands for row in section.rows)
        shown = names if pinned or len(names) == 1 else names[1:]
        rows = [
            [
                _label(row),
                *(
                    format_band(row.bands.get(n), row.kind, comparison.horizon(n, row.key.good))
                    for n in shown
                ),
            ]
            for row in section.rows
        ]
        kept = [comparison.names.get(name, name) for name in shown]
        parts.append("\n".join(_side_by_side(section.title, kept, rows, int(pinned))))
    return "\n\n".join([*parts, "\n".join(_explained(comparison, parts))])


def _explained(comparison: Comparison, parts: Sequence[str]) -> list[str]:
    """What the columns are, what was left out, and how the numbers are meant."""
    members = comparison.members
    said = [f"Note: {text}." for text in comparison.notes]
    for name in (comparison.baseline, *comparison.scenarios):
        if title := comparison.titles.get(name):
            said.append(f"{comparison.names.get(name, name)}: {title}.")
    note = f"Median [p10-p90] of {members} paired members." if members > 1 else "One member: no bands."
    if all(comparison.period):
        note += f" Totals and peaks are over {' to '.join(comparison.period)}."
    note += " Two significant digits."
    together = "\n".join(parts)
    if "probability of" in together:
        note += " Probabilities are shares of members, in the worst twelve months."
    note += (
        " Months count from the first event that touches the good; recovered: back within 20 % of the"
        " baseline price, or less than 1 % of need unmet beyond the baseline's, for the rest of the run."
    )
    if any(np.isinf(b.high) for row in comparison.rows() for b in row.bands.values()):
        note += " '>n': not within the n months that the run covers after that event."
    if "net gain or loss" in together:
        note += (
            " Net gain: exports at gate prices less imports, with freight and rent, less value added at risk;"
            " each less the baseline's."
        )
    return [line for text in [*said, note] for line in _wrapped(text, WIDTH, "  ")]
