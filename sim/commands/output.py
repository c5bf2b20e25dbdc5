"""What commands print: tables that stay plain outside a terminal, and the same as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sim.errors import MonaziteError

__all__ = ["print_table", "write_json"]


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns; on a terminal by rich, which wraps long cells."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            # Brackets are text here, not rich's markup.
            table.add_row(*(cell.replace("[", r"\[") for cell in row))
        Console().print(table)
        return
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    for row in [columns, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def write_json(target: Path | None, content: Mapping[str, object] | Sequence[object]) -> None:
    """Write what was printed as JSON; ``-`` writes to standard output, ``None`` nothing."""
    if target is None:
        return
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"
    if str(target) == "-":
        sys.stdout.write(text)
        return
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MonaziteError(f"{target}: cannot be written: {error.strerror}") from None
