"""Observed series of trade, year by year, from records in CEPII's own layout."""

from __future__ import annotations

from pathlib import Path

from sim.errors import MonaziteError
from sim.instruments.words import select_goods
from sim.scenario.named import series_called
from sim.world.importers import read_cepii
from sim.world.labels import Labels

__all__ = ["trade_figures"]

KINDS = {"exports": ("exporter", "quantity_t", 1.0, "t"), "imports": ("importer", "quantity_t", 1.0, "t"),
         "import_value": ("importer", "value_kusd", 1000.0, "USD")}  # fmt: skip
"""Series -> side of the records, their column, and what one of it is in which unit."""


def trade_figures(path: Path, series: str, labels: Labels | None) -> tuple[dict[str, str], tuple[str, ...]]:
    """Year -> figure with its unit, and what must be said of them.

    Args:
        path: of BACI. series: ``exports.GOODS.COUNTRY``, ``imports...`` or ``import_value...``.

    Raises:
        MonaziteError: the file cannot be read, or the series is not among them.
    """
    if labels is None:
        raise MonaziteError("the base year is not known, so goods have no codes; write 'base_year'")
    kind, _, rest = series_called(series, labels).partition(".")
    goods, _, country = rest.rpartition(".")
    if kind not in KINDS or not goods or country not in labels.countries:
        known = ", ".join(f"{name}.GOODS.COUNTRY" for name in KINDS)
        raise MonaziteError(f"'{series[:60]}' is no series of yearly trade; write one of: {known}")
    codes = {word for word in goods.split("+") if word.isdigit()}
    chosen = select_goods(labels.goods, [word for word in goods.split("+") if not word.isdigit()])
    codes |= {code for k in chosen for code in labels.goods[k].hs6}
    if not codes:
        raise MonaziteError(f"'{goods[:60]}' has no HS code; 'monazite list goods' shows the codes")
    side, column, factor, unit = KINDS[kind]
    imported = read_cepii(path, sorted(codes))
    rows = imported.table[imported.table[side] == country]
    totals = rows.groupby("year")[column].sum(min_count=1).dropna()
    notes = [f"trade of {', '.join(sorted(codes))}, all of each code"]
    if column == "quantity_t":
        missing = rows.quantity_t.isna()
        share = rows.value_kusd[missing].sum() / max(rows.value_kusd.sum(), 1e-9)
        notes[0] += ", in tonnes of gross weight, where the model counts content"
        if missing.any():
            notes.append(
                f"{int(missing.sum()):,} of {len(rows):,} rows of the series have no quantity and are not in "
                f"its figures: {100 * share:.1f} % of its value"
            )
    return {str(year): f"{total * factor:.6g} {unit}" for year, total in totals.items()}, tuple(notes)
