"""Scrap of runs side by side: what recyclers bring back of each good, and its part of all output."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from sim.analysis.compared_rows import plain_row
from sim.analysis.comparison import Band, Key, Section, Values, band
from sim.analysis.digits import two
from sim.analysis.select import texts

__all__ = ["scrap_facts", "scrap_section", "scrap_sentence"]

YEAR = np.timedelta64(365, "D")
GOODS_NAMED = 3
"""Of which a scenario brings back most more, by value, stand in the sentence."""
NEGLIGIBLE_SHARE = 0.0005
"""Of a good's output: less than this is not spoken of."""
BILLION = 1e-9


def scrap_facts(data: xr.Dataset) -> dict[Key, Values]:
    """(M,) tonnes of each good that recyclers recovered, and their share of its output in the last year."""
    if "recycler" not in data.coords:
        return {}
    found: dict[Key, Values] = {}
    makers, goods = texts(data, "offer_facility"), texts(data, "offer_good")
    mined = texts(data, "offer_kind") != "trader"
    of_recycler = np.isin(makers, texts(data, "recycler"))
    last = data["time"].values > data["time"].values[-1] - YEAR
    for good in sorted(set(texts(data, "recycler_good").tolist())):
        made = data["production"].values[:, :, (goods == good) & mined]
        scrap = data["production"].values[:, :, (goods == good) & of_recycler]
        found[Key("recovered", good)] = scrap.sum(axis=(1, 2)).astype(np.float64)
        whole = made[:, last].sum(axis=(1, 2)).astype(np.float64)
        part = scrap[:, last].sum(axis=(1, 2)).astype(np.float64)
        none = np.zeros_like(whole)
        found[Key("recovered_share", good)] = np.divide(part, whole, out=none, where=whole > 0)
    return found


def scrap_section(runs: Mapping[str, xr.Dataset], period: str) -> Section | None:
    """Rows on scrap; None where no run follows goods in use.

    Args:
        runs: scenario -> results, the baseline's first. period: that totals are over.
    """
    facts = {name: scrap_facts(data) for name, data in runs.items()}
    keys = list(dict.fromkeys(key for mine in facts.values() for key in mine))
    named = {key: f", {_words(key.good)}" if key.measure == "recovered" else "" for key in keys}
    rows = [plain_row(facts, key, words) for key, words in named.items()]
    shown = tuple(row for row in rows if row is not None)
    return Section("scrap", f"Scrap: what recyclers bring back, {period}", shown) if shown else None


def scrap_sentence(name: str, data: xr.Dataset, base: xr.Dataset) -> str:
    """What comes back more than in the baseline, in one sentence with figures; empty where nothing does."""
    mine, usual = scrap_facts(data), scrap_facts(base)
    price = dict(zip(texts(data, "good").tolist(), data["good_base_price"].values.tolist(), strict=True))
    shares = {key.good: values for key, values in mine.items() if key.measure == "recovered_share"}
    worth: dict[str, Values] = {}
    for good, share in shares.items():
        before = usual.get(Key("recovered_share", good))
        if before is not None and abs(np.median(share - before)) > NEGLIGIBLE_SHARE:
            worth[good] = (mine[Key("recovered", good)] - usual[Key("recovered", good)]) * price[good]
    if not worth:
        return ""
    named = sorted(worth, key=lambda good: -np.median(worth[good]))[:GOODS_NAMED]
    each = [
        f"{_percent(band(shares[good]))} of {_words(good)} in the last year instead of "
        f"{_percent(band(usual[Key('recovered_share', good)]))}" for good in named
    ]  # fmt: skip
    total = band(np.sum(list(worth.values()), axis=0))
    return f"{name}: recyclers bring back {_money(total)} bn USD more at base prices ({'; '.join(each)})"


def _words(good: str) -> str:
    return good.replace("_", " ")


def _percent(of: Band) -> str:
    return f"{two(100 * of.median)} %"


def _money(of: Band) -> str:
    """Median with the band in bn USD, ``1.2 (0.9 to 1.4)``."""
    low, middle, high = (two(value * BILLION) for value in (of.low, of.median, of.high))
    return middle if low == high else f"{middle} ({low} to {high})"
