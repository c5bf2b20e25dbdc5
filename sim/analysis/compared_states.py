"""Public money of runs side by side: what hosts take of mines, what states pay makers and others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from sim.analysis.compared_goods import Facts
from sim.analysis.compared_rows import plain_row
from sim.analysis.comparison import Band, Key, Section, Values, band
from sim.analysis.digits import two
from sim.analysis.names import country_name
from sim.analysis.select import texts
from sim.results.grouping import over_period

__all__ = ["state_facts", "state_section", "state_sentence"]

BILLION = 1e-9
HOSTS_NAMED = 4
"""Of them those that take most stand in the sentence."""
PAID = {
    "promotion_paid": ("promotion_paid", "on exports"),
    "floors_paid": ("floor_paid", "under price floors"),
    "recycling_paid": ("recycling_paid", "for scrap"),
}
"""Measure -> variable of results, and on what states pay it, in words."""


def state_facts(data: xr.Dataset) -> dict[Key, Values]:
    """(M,) USD over the period: taken by each host of mines; paid on exports, under floors, for scrap."""
    found: dict[Key, Values] = {}
    royalty, carried = (over_period(data, name) for name in ("host_royalty", "host_carried"))
    if royalty is not None and carried is not None:
        taken = royalty + carried
        places = texts(data, "host_country")
        for place in sorted(set(places.tolist())):
            found[Key("host_income", "", place)] = taken[:, places == place].sum(axis=1)
    for measure, (name, _) in PAID.items():
        paid = over_period(data, name)
        if paid is not None:
            found[Key(measure)] = paid.sum(axis=1)
    return found


def state_section(runs: Mapping[str, xr.Dataset], money: Mapping[str, Facts], period: str) -> Section | None:
    """Rows on states; None where they neither take nor pay anything in any run.

    Args:
        runs: scenario -> results, the baseline's first.
        money: scenario -> what money rows are made of, where trade was compared.
        period: that totals are over.
    """
    facts = {name: state_facts(data) for name, data in runs.items()}
    keys = list(dict.fromkeys(key for mine in facts.values() for key in mine))
    if not keys:
        return None
    rows = []
    for key in keys:
        rows.append(plain_row(facts, key, f", {country_name(key.place)}" if key.place else ""))
        if key.place:
            rows.append(plain_row(money, Key("exports_value", "", key.place)))
    title = f"States: what they take of mines, and pay makers, exporters and recyclers, {period}"
    return Section("states", title, tuple(row for row in rows if row is not None))


def state_sentence(name: str, data: xr.Dataset, money: Facts) -> str:
    """What states take and pay in a run, in one sentence with figures; empty where they do neither."""
    facts = state_facts(data)
    taken = {key.place: values for key, values in facts.items() if key.measure == "host_income"}
    parts = []
    if taken:
        largest = sorted(taken, key=lambda place: -band(taken[place]).median)[:HOSTS_NAMED]
        each = []
        for place in largest:
            words = f"{country_name(place)} {_figure(band(taken[place]))}"
            sold = money.get(Key("exports_value", "", place))
            each.append(words if sold is None else f"{words}, with exports of {_change(band(sold))}")
        total = np.sum(list(taken.values()), axis=0)
        parts.append(f"hosts take {_figure(band(total))} bn USD of mines ({'; '.join(each)})")
    for measure, (_, words) in PAID.items():
        if Key(measure) in facts:
            parts.append(f"states pay {_figure(band(facts[Key(measure)]))} bn USD {words}")
    return f"{name}: {'; '.join(parts)}" if parts else ""


def _figure(of: Band) -> str:
    """Median with the band in bn USD, ``1.2 (0.9 to 1.4)``."""
    low, middle, high = (two(value * BILLION) for value in (of.low, of.median, of.high))
    return middle if low == high else f"{middle} ({low} to {high})"


def _change(of: Band) -> str:
    """How much more or less, in words."""
    return f"{two(abs(of.median) * BILLION)} {'less' if of.median < 0 else 'more'}"
