"""Observed prices that a scenario lists, to set beside the model's."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sim.results import Run
from sim.units import QuantityError, parse_quantity

__all__ = ["observed_prices"]

MARKETS = {"price_outside": "outside", "price_inside": "inside"}


def observed_prices(runs: Sequence[Run], good: str) -> pd.DataFrame:
    """Observations of one good's price in some runs.

    A scenario lists them under ``observed`` with the series ``price_outside.<good>`` or
    ``price_inside.<good>``. Other series (exports, for example) are no prices and are left out.

    Returns:
        Columns ``date``, ``market``, ``value`` in USD/t and ``source``; each observation once.
    """
    rows = []
    for run in runs:
        for item in (run.manifest.get("observed") or {}).values():
            name, _, what = str(item.get("series", "")).partition(".")
            if name not in MARKETS or what != good:
                continue
            # Runs stored by version 0.1.0 have one figure each.
            for day, figure in (item.get("values") or {item.get("at"): item.get("value")}).items():
                own = figure if isinstance(figure, dict) else {"value": figure}
                try:
                    value = parse_quantity(own["value"], "price").value
                except QuantityError:
                    continue
                source = own.get("source") or item.get("source") or "assumption"
                rows.append((str(day), MARKETS[name], value, str(source)))
    return pd.DataFrame(list(dict.fromkeys(rows)), columns=["date", "market", "value", "source"])
