"""What a search found becomes what all other runs draw from: two tables of a checkout are rewritten."""

from __future__ import annotations

from pathlib import Path

from sim.errors import MonaziteError
from sim.past.search import Found
from sim.paths import is_repository, share_root, shown
from sim.sweep.journal import write_file
from sim.tables import parse_table

__all__ = ["adopt"]

DIGITS = 4
"""Of what is written to ``behaviour.csv``: more would pretend to a precision that no episode gives."""


def adopt(found: Found, root: Path | None = None) -> tuple[Path, Path]:
    """Write the weighted medians and percentiles, and the sample itself, to ``data/raw``.

    In ``assumptions/behaviour.csv`` the searched parameters get value, low and high = median, p10 and p90;
    all other cells stay. ``targets/posterior.csv`` is the search's own file.

    Args:
        found: a finished search.
        root: of the checkout; this one where None.

    Returns:
        The two files.

    Raises:
        MonaziteError: no checkout, or a parameter was searched that the table lacks.
    """
    if root is None:
        if not is_repository():
            raise MonaziteError(
                "--adopt rewrites data/raw, which an installed Monazite lacks; use a checkout"
            )
        root = share_root()
    table, sample = root / "data/raw/assumptions/behaviour.csv", root / "data/raw/targets/posterior.csv"
    try:
        text = table.read_text(encoding="utf-8")
        rows = parse_table(text, table, ("parameter", "scope"), remedy="restore it").dictionaries()
        lines = text.splitlines()
        place = {row["parameter"]: i for i, row in enumerate(rows, start=1) if row["scope"] == "all"}
        for one in found.parameters():
            name = one["parameter"]
            if name not in place:
                raise MonaziteError(f"{shown(table)}: has no parameter '{name}', which the search found")
            # Only three cells change; quotes and everything else in the line stay as they were written.
            values = [f"{one[part]:.{DIGITS}g}" for part in ("median", "p10", "p90")]
            head, scope, _, _, _, rest = lines[place[name]].split(",", 5)
            lines[place[name]] = ",".join([head, scope, *values, rest])
        content = (found.directory / "posterior.csv").read_bytes()
        write_file(sample, content)
        write_file(table, ("\n".join(lines) + "\n").encode())
    except OSError as error:
        raise MonaziteError(f"{error.filename or root}: {error.strerror or error}") from None
    return table, sample
