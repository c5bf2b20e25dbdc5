"""Observed prices that a scenario lists, to set beside the model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from pydantic import ValidationError

from sim.results import Run
from sim.scenario import Observation
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
            if name not in MARKETS or what != good or item.get("minus") or item.get("over"):
                continue
            if "values" in item:
                rows += _figures(item, MARKETS[name])
                continue
            # Runs stored by version 0.1.0 have one figure each.
            try:
                value = parse_quantity(item.get("value"), "price").value
            except QuantityError:
                continue
            rows.append((str(item.get("at")), MARKETS[name], value, str(item.get("source") or "assumption")))
    return pd.DataFrame(list(dict.fromkeys(rows)), columns=["date", "market", "value", "source"])


def _figures(item: Mapping[str, object], market: str) -> list[tuple[str, str, float, str]]:
    """Day, market, USD/t and source of each figure of a series that is a price."""
    try:
        seen = Observation.model_validate(dict(item))
    except ValidationError:
        return []
    return [
        (str(period.middle), market, figure.value.value, str(figure.source or seen.source or "assumption"))
        for period, figure in seen.values.items()
        if figure.value.dimension == "price"
    ]
