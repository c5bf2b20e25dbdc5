"""What the model gives in the tables of docs/validation.md: targets of the hindcast, properties of behaviour.

monazite hindcast --json HINDCAST
monazite check behaviour --json BEHAVIOUR
python -m scripts.validation_tables HINDCAST BEHAVIOUR

Texts and observed figures on the page stay as they are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["hindcast_cells", "shown", "with_cells"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "validation.md"
MODEL, BAND, NOW = 4, 5, 4
"""Columns of the model's figure, of whether it is in the band, and of what a property is found to be."""


def shown(value: float, dollars: bool) -> str:
    """A figure as the table has it; of dollars in millions."""
    return f"{value / 1e6:.3g} m" if dollars else f"{value:.3g}"


def hindcast_cells(row: Mapping[str, Any]) -> dict[int, str]:
    """Cells of a target, by column."""
    dollars = row["statistic"].endswith("USD")
    median, low, high = (shown(row[name], dollars) for name in ("median", "p10", "p90"))
    return {MODEL: f"{median} ({low} to {high})", BAND: "yes" if row["in_band"] else "**no**"}


def with_cells(text: str, head: str, cells: Mapping[int, str]) -> str:
    """The page with some cells of the one row that begins with a head replaced.

    Raises:
        ValueError: no row, or several, begin so.
    """
    lines = text.split("\n")
    found = [number for number, line in enumerate(lines) if line.startswith(head)]
    if len(found) != 1:
        raise ValueError(f"docs/validation.md has {len(found)} rows that begin with '{head}'")
    row = lines[found[0]].split(" | ")
    for column, cell in cells.items():
        row[column - 1] = cell + (" |" if row[column - 1].endswith(" |") else "")
    lines[found[0]] = " | ".join(row)
    return "\n".join(lines)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("hindcast", type=Path)
    parser.add_argument("behaviour", type=Path)
    asked = parser.parse_args()
    text = PAGE.read_text(encoding="utf-8")
    for row in json.loads(asked.hindcast.read_text(encoding="utf-8"))["rows"]:
        if row["listed"]:
            text = with_cells(text, f"| **{row['target']}** ", hindcast_cells(row))
    for one in json.loads(asked.behaviour.read_text(encoding="utf-8"))["properties"]:
        if not one["held"]:
            raise SystemExit(f"property {one['number']} does not hold, as the page says: {one['found']}")
        text = with_cells(text, f"| {one['number']} | ", {NOW + 1: one["found"]})
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
