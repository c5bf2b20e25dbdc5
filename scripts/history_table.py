"""The table of natural experiments in docs/validation.md: the list run anew, with the reason of each miss.

python -m scripts.history_table                 some ten minutes with 100 members
python -m scripts.history_table --from rows.json   of what ``monazite hindcast --history --json`` has written
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.results_tables import table, with_tables
from sim.analysis.targets import reasons
from sim.commands.hindcast_history import value

__all__ = ["PAGE", "markdown", "main"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "validation.md"
MEMBERS, SEED = 100, 1
HEAD = ("row", "case", "observed", "accepted", "model", "in band", "why not")
HEAD_OUT = ("why it cannot be tried", "rows")


def markdown(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Name of a table -> its Markdown, of rows as ``--json`` has them."""
    tried = [row for row in rows if "left_out" not in row]
    missing: dict[str, list[str]] = {}
    for row in rows:
        if "left_out" in row:
            missing.setdefault(row["left_out"], []).append(row["target"])
    within = sum(row["in_band"] for row in tried)
    count = f"In band: {within} of {len(tried)} rows that can be tried, of {len(rows)} in the list."
    return {
        "history": table(HEAD, [_cells(row) for row in tried]) + f"\n\n{count}",
        "history left out": table(HEAD_OUT, [[why, " ".join(ids)] for why, ids in missing.items()]),
    }


def _explained(row: dict[str, Any]) -> dict[str, Any]:
    """With the reason that the table has by now."""
    if row.get("in_band", True):
        return row
    return row | {"reason": reasons().get((row["target"], row["episode"]), row["reason"])}


def _cells(row: Mapping[str, Any]) -> list[str]:
    found = [_figure(row[name]) for name in ("observed", "low", "high", "median", "p10", "p90")]
    observed, low, high, median, p10, p90 = found
    return [
        f"**{row['target']}** {row['mineral']}: {row['statistic']}", f"`{row['episode']}`", observed,
        f"{low} to {high}", f"{median} ({p10} to {p90})", "yes" if row["in_band"] else "**no**",
        row["reason"],
    ]  # fmt: skip


def _figure(figure: float | str | None) -> str:
    """As the command prints it; a time without an end is a word already."""
    return figure if isinstance(figure, str) else value(float("nan") if figure is None else figure)


def main() -> None:
    """Run the list, or read what a run has written, and put its tables into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="file", type=Path, default=None)
    args = parser.parse_args()
    if args.file is not None:
        rows = [_explained(row) for row in json.loads(args.file.read_text(encoding="utf-8"))["rows"]]
    else:
        from sim.commands.hindcast_history import plain_rows
        from sim.past.history import history_targets, run_history

        chosen = history_targets()
        rows = plain_rows(chosen, run_history(chosen, MEMBERS, SEED))
    PAGE.write_text(with_tables(PAGE, markdown(rows)), encoding="utf-8")


if __name__ == "__main__":
    main()
