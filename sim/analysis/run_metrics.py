"""The metrics of one stored run: which of its labelled arrays each takes, by good and country."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis import metrics
from sim.analysis.select import price, user_needs
from sim.results.grouping import group_sum, over_run

__all__ = [
    "concentration",
    "first_event",
    "months_since",
    "net_import_reliance",
    "peak_price",
    "shortage",
    "shortage_share",
    "steps_per_year",
    "supply_by_country",
    "unmet_demand",
    "value_added_at_risk",
]

Values = npt.NDArray[np.float64]

DAYS_PER_MONTH = 365.25 / 12


def steps_per_year(dataset: xr.Dataset) -> int:
    """12 for monthly runs, 52 for weekly ones."""
    return {"month": 12, "week": 52}[str(dataset.attrs["step"])]


def _labels(dataset: xr.Dataset, name: str) -> npt.NDArray[np.str_]:
    return dataset[name].values.astype(str)


def _only(dataset: xr.Dataset, axis: str, good: str) -> npt.NDArray[np.intp]:
    return np.flatnonzero(_labels(dataset, f"{axis}_good") == good)


def _columns(dataset: xr.Dataset, name: str, where: npt.NDArray[np.intp]) -> Values:
    """Some columns of the last axis; of a stored run, only what holds them is read."""
    variable = dataset[name]
    values: Values = variable.isel({variable.dims[-1]: where}).values
    return values


def _over_run(dataset: xr.Dataset, name: str, where: npt.NDArray[np.intp]) -> Values:
    return np.asarray(over_run(_columns(dataset, name, where), name), dtype=np.float64)


def first_event(events: Sequence[dict[str, Any]]) -> np.datetime64 | None:
    """The day on which the first of some events takes effect; None without events."""
    days = [np.datetime64(str(e.get("from") or e.get("announced"))) for e in events]
    return min(days) if days else None


def months_since(day: np.datetime64, time: npt.NDArray[np.datetime64]) -> Values:
    """Months from the step that contains ``day`` to each step, (time,)."""
    days = time.astype("datetime64[D]")
    start = max(int(np.searchsorted(days, day.astype("datetime64[D]"), side="right")) - 1, 0)
    months: Values = np.round((days - days[start]).astype(float) / DAYS_PER_MONTH, 1)
    return months


def peak_price(dataset: xr.Dataset, good: str, market: str, country: str | None = None) -> xr.Dataset:
    """Highest price of the run and its date.

    Args:
        dataset: results of one run.
        good: good id.
        market: ``inside`` or ``outside`` the controlling country, or ``gate``.
        country: the controlling country meant (see :func:`sim.analysis.select.price`).

    Returns:
        ``price`` (member) in USD/t and ``date`` (member), the first day of the peak's step; NaN
        and NaT where the good never trades in that market.
    """
    prices = price(dataset, good, market, country)
    unit = {"units": metrics.METRICS["peak_price"].unit}
    return xr.Dataset({
        "price": ("member", metrics.peak_price(prices), unit),
        "date": ("member", metrics.date_of_peak(prices, dataset["time"].values)),
    })  # fmt: skip


def unmet_demand(dataset: xr.Dataset, good: str) -> xr.Dataset:
    """Shortfall of those who use one good, by country over the whole run.

    Returns:
        ``tonnes`` and ``requirement`` (member, country) in the good's unit, and ``share``.
    """
    where = user_needs(dataset, good)
    labels = [_labels(dataset, "need_country")[where]]
    countries, short = group_sum(metrics.unmet_tonnes(_columns(dataset, "shortfall", where)), labels)
    _, required = group_sum(_over_run(dataset, "requirement", where), labels)
    dims = ("member", "country")
    share = metrics.unmet_share(short, required)
    return xr.Dataset(
        {"tonnes": (dims, short), "requirement": (dims, required), "share": (dims, share)},
        coords={"country": [key[0] for key in countries]},
    )


def shortage(
    dataset: xr.Dataset, good: str, *, country: str | None = None, outside_of: str | None = None
) -> tuple[Values, Values]:
    """Tonnes that users miss and need by step, (member, time) each.

    Args:
        dataset: results of one run.
        good: good id.
        country: this country alone; all where None.
        outside_of: all but this country, unless nobody else needs the good.
    """
    where = user_needs(dataset, good)
    places = _labels(dataset, "need_country")[where]
    if country is not None:
        where = where[places == country]
    if outside_of:
        abroad = where[places != outside_of]
        where = abroad if len(abroad) else where
    short, required = (
        _columns(dataset, name, where).sum(axis=-1, dtype=np.float64)
        for name in ("shortfall", "requirement")
    )
    return short, required


def shortage_share(dataset: xr.Dataset, good: str, outside_of: str | None = None) -> Values:
    """Unmet share of requirement by step, (member, time), for all countries or all but one."""
    return metrics.unmet_share(*shortage(dataset, good, outside_of=outside_of))


def value_added_at_risk(dataset: xr.Dataset, by: Sequence[str] = ("country",)) -> xr.DataArray:
    """Value added lost to shortfalls over the whole run, (member, group), USD.

    Args:
        dataset: results of one run.
        by: ``country``, ``sector`` or both; a pair is joined as ``JPN wind``.
    """
    users = np.flatnonzero(_labels(dataset, "facility_kind") == "manufacturer")
    lost = metrics.value_added_at_risk(_columns(dataset, "value_added_at_risk", users))
    keys, together = group_sum(lost, [_labels(dataset, f"facility_{b}")[users] for b in by])
    return xr.DataArray(
        together,
        dims=("member", "group"),
        coords={"group": [" ".join(key) for key in keys]},
        attrs={"units": metrics.METRICS["value_added_at_risk"].unit},
    )


def supply_by_country(dataset: xr.Dataset, goods: Sequence[str]) -> xr.DataArray:
    """Output of some goods by country, (member, time, country), t per step.

    Traders are left out: what they sell was made elsewhere.
    """
    made = np.isin(_labels(dataset, "offer_good"), list(goods))
    where = np.flatnonzero(made & (_labels(dataset, "offer_kind") != "trader"))
    labels = [_labels(dataset, "offer_country")[where]]
    keys, output = group_sum(_columns(dataset, "production", where), labels)
    return xr.DataArray(
        output,
        dims=("member", "time", "country"),
        coords={"time": dataset["time"].values, "country": [key[0] for key in keys]},
    )


def concentration(dataset: xr.Dataset, goods: Sequence[str]) -> xr.Dataset:
    """Concentration of output by country and calendar year.

    Returns:
        ``hhi`` (member, year) from 0 to 10,000; ``top_3`` (member, year) share of the three
        largest producers; ``without_largest`` (member, year) share left without the largest. NaN in a
        year without output.
    """
    output = supply_by_country(dataset, goods)
    years = output["time"].values.astype("datetime64[Y]").astype(int) + 1970
    values = np.stack([output.values[:, years == y].sum(axis=1) for y in np.unique(years)], axis=1)
    dims = ("member", "year")
    return xr.Dataset(
        {
            "hhi": (dims, metrics.hhi(values)),
            "top_3": (dims, metrics.share_of_top_three(values)),
            "without_largest": (dims, metrics.share_without_largest(values)),
        },
        coords={"year": np.unique(years)},
    )


def net_import_reliance(dataset: xr.Dataset, good: str) -> xr.DataArray:
    """Net imports as a share of apparent consumption over the whole run, (member, country).

    Purchases by all buyers less sales by all sellers of a country, divided by what its own users
    bought. Negative for net exporters is shown as 0; NaN where nothing is used.
    """
    buys, sells = _only(dataset, "need", good), _only(dataset, "offer", good)
    bought, sold = _over_run(dataset, "purchases", buys), _over_run(dataset, "sales", sells)
    users = _labels(dataset, "need_kind")[buys] != "trader"
    countries, purchases = group_sum(bought, [_labels(dataset, "need_country")[buys]])
    _, used = group_sum(bought * users, [_labels(dataset, "need_country")[buys]])
    sellers, sales = group_sum(sold, [_labels(dataset, "offer_country")[sells]])
    own = dict(zip(sellers, np.moveaxis(sales, -1, 0), strict=True))
    home = np.stack([own.get(country, np.zeros(len(sold))) for country in countries], axis=-1)
    return xr.DataArray(
        metrics.net_import_reliance(purchases, home, used),
        dims=("member", "country"),
        coords={"country": [c[0] for c in countries]},
    )
