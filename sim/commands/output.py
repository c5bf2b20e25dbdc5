"""What commands print: lines and tables without control characters of others, and the same as JSON."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from sim.errors import MonaziteError, plural
from sim.files import check_inside, write_whole
from sim.visible import visible

__all__ = ["plural", "print_table", "say", "write_bytes", "write_json"]

GAP = "  "
LEAST_TEXT = 24
"""Narrowest column, in characters, in which text is wrapped."""


def say(text: str = "", *, file: TextIO | None = None, end: str = "\n", flush: bool = False) -> None:
    """Print lines, to standard output unless told otherwise; see :func:`sim.visible.visible`."""
    print(visible(text, lines=True), file=file, end=end, flush=flush)


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, spare: Sequence[str] = ()
) -> None:
    """Aligned columns. On a terminal too narrow for them, text is wrapped between words, never inside one.

    Args:
        columns: heads of the columns.
        rows: cells, as many in each row as there are columns.
        spare: columns that are left out first, in this order, on a narrow terminal.
    """
    cells = [[visible(cell) for cell in row] for row in [columns, *rows]]
    if not sys.stdout.isatty():
        for line in _aligned(cells, [0] * len(columns)):
            print(line)
        return
    room = shutil.get_terminal_size().columns
    kept = list(range(len(columns)))
    for name in [*spare, None]:
        chosen = [[row[i] for i in kept] for row in cells]
        widths = _fitting(chosen, room)
        if widths is not None:
            print("\n".join(_aligned(chosen, widths)))
            break
        if name is not None:
            kept.remove(list(columns).index(name))
    else:
        print("\n".join(_one_by_one([[row[i] for i in kept] for row in cells], room)))
    if len(kept) < len(columns):
        left = [name for i, name in enumerate(columns) if i not in kept]
        print(f"Left out on this narrow terminal: {', '.join(left)}; --json - prints all.", file=sys.stderr)


def _fitting(cells: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Widths of columns that fit side by side, where only text gives way; None where none do."""
    natural = [max(map(len, column)) for column in zip(*cells, strict=True)]
    words = [max(len(w) for cell in column for w in cell.split(" ")) for column in zip(*cells, strict=True)]
    over = sum(natural) + len(GAP) * (len(natural) - 1) - room
    widths = list(natural)
    while over > 0:
        floors = [max(word, min(whole, LEAST_TEXT)) for word, whole in zip(words, natural, strict=True)]
        widest = max(range(len(widths)), key=lambda i: widths[i] - floors[i])
        if widths[widest] <= floors[widest]:
            return None
        widths[widest] -= 1
        over -= 1
    return widths


def _aligned(cells: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    """Lines of a table; a width of 0 is that of the widest cell."""
    whole = [width or max(len(row[i]) for row in cells) for i, width in enumerate(widths)]
    lines = []
    for row in cells:
        parts = [
            [cell] if len(cell) <= width else textwrap.wrap(
                cell, width, break_long_words=False, break_on_hyphens=False
            )
            for cell, width in zip(row, whole, strict=True)
        ]  # fmt: skip
        for i in range(max(map(len, parts))):
            line = [part[i] if i < len(part) else "" for part in parts]
            lines.append(GAP.join(c.ljust(w) for c, w in zip(line, whole, strict=True)).rstrip())
    return lines


def _one_by_one(cells: Sequence[Sequence[str]], room: int) -> list[str]:
    """Lines of a table too wide to stand side by side: each row under its first cell."""
    heads, *rows = cells
    margin = max(map(len, heads)) + 2 * len(GAP)
    lines = []
    for row in rows:
        lines.append(row[0])
        for head, cell in zip(heads[1:], row[1:], strict=True):
            label = f"{GAP}{head}".ljust(margin)
            lines += textwrap.wrap(
                cell, max(room, 2 * margin), initial_indent=label, subsequent_indent=" " * margin,
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
    return lines


def write_json(target: Path | None, content: Mapping[str, object] | Sequence[object]) -> None:
    """Write what was printed as JSON; ``-`` writes to standard output, ``None`` nothing."""
    if target is None:
        return
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"
    if visible(text, lines=True) != text:
        # JSON has escapes of its own for what must not reach a terminal as it is.
        text = json.dumps(content, indent=2, default=str) + "\n"
    if str(target) == "-":
        sys.stdout.write(text)
        return
    write_bytes(target, text.encode("utf-8"))


def write_bytes(target: Path, data: bytes) -> None:
    """Write a file as a whole, or not at all.

    Raises:
        MonaziteError: it is a link to somewhere else, or cannot be written.
    """
    # A file that somebody sent may be a link to another one; '-' is there for whoever means /dev/stdout.
    check_inside(target.parent, target)
    try:
        # What stands in its place is replaced as a whole, so half of it is never read.
        if target.exists() and not target.is_file():
            target.write_bytes(data)
        else:
            write_whole(target, data)
    except OSError as error:
        raise MonaziteError(f"{target}: cannot be written: {error.strerror}") from None
