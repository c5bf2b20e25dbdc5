"""What a run did, as numbers per member: prices, shortages, recovery, concentration, reliance.

Every function takes the labelled arrays of one run (or the paired arrays of a run and its
baseline) and keeps the member axis, so that medians and bands come last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis.select import price
from sim.results.grouping import group_sum

Values = npt.NDArray[np.float64]

__all__ = [
    "RECOVERY_BAND",
    "SHORTAGE_SHARE",
    "concentration",
    "first_event",
    "months_since",
    "months_to_recover",
    "net_import_reliance",
    "peak_price",
    "shortage_share",
    "steps_per_year",
    "supply_by_country",
    "time_to_first_shortfall",
    "unmet_demand",
    "value_added_at_risk",
    "worst_year_share",
]

RECOVERY_BAND = 0.20
"""A price has recovered when it stays within this share of the paired baseline."""
SHORTAGE_SHARE = 0.01
"""Unmet share of requirement, above the baseline's, from which a step counts as short."""
DAYS_PER_MONTH = 365.25 / 12
HHI_SCALE = 10_000.0


def steps_per_year(dataset: xr.Dataset) -> int:
    """12 for monthly runs, 52 for weekly ones."""
    return {"month": 12, "week": 52}[str(dataset.attrs["step"])]


def _labels(dataset: xr.Dataset, name: str) -> npt.NDArray[np.str_]:
    return dataset[name].values.astype(str)


def _only(dataset: xr.Dataset, name: str, axis: str, good: str) -> npt.NDArray[np.intp]:
    return np.flatnonzero(_labels(dataset, f"{axis}_good") == good)


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
    filled = np.where(np.isnan(prices), -np.inf, prices)
    where = filled.argmax(axis=1)
    peak = np.take_along_axis(filled, where[:, None], axis=1)[:, 0]
    traded = np.isfinite(peak)
    date = np.where(traded, dataset["time"].values[where], np.datetime64("NaT"))
    return xr.Dataset(
        {
            "price": ("member", np.where(traded, peak, np.nan), {"units": "USD/t"}),
            "date": ("member", date),
        }
    )


def unmet_demand(dataset: xr.Dataset, good: str) -> xr.Dataset:
    """Shortfall of one good by country over the whole run.

    Returns:
        ``tonnes`` and ``requirement`` (member, country) in the good's unit, and ``share``.
    """
    where = _only(dataset, "shortfall", "need", good)
    labels = [_labels(dataset, "need_country")[where]]
    countries, short = group_sum(dataset["shortfall"].values[..., where].sum(axis=1, dtype=float), labels)
    _, required = group_sum(dataset["requirement"].values[..., where].sum(axis=1, dtype=float), labels)
    share = np.divide(short, required, out=np.zeros_like(short), where=required > 0)
    dims = ("member", "country")
    return xr.Dataset(
        {"tonnes": (dims, short), "requirement": (dims, required), "share": (dims, share)},
        coords={"country": [key[0] for key in countries]},
    )


def worst_year_share(short: Values, required: Values, window: int) -> Values:
    """Largest unmet share of requirement over any ``window`` steps in a row.

    Args:
        short: (member, time, ...) t per step.
        required: (member, time, ...) t per step.
        window: steps; the whole run where it is shorter.

    Returns:
        (member, ...) share of one.
    """

    def rolling(values: Values) -> Values:
        width = min(window, values.shape[1])
        total = np.concatenate([np.zeros_like(values[:, :1]), np.cumsum(values, axis=1)], axis=1)
        difference: Values = total[:, width:] - total[:, :-width]
        return difference

    lost, wanted = rolling(short), rolling(required)
    # Differences of running sums leave rounding behind where nothing is short.
    share = np.divide(lost, wanted, out=np.zeros_like(lost), where=wanted > 0)
    worst: Values = np.clip(share.max(axis=1), 0.0, 1.0)
    return worst


def shortage_share(dataset: xr.Dataset, good: str, outside_of: str | None = None) -> Values:
    """Unmet share of requirement by step, (member, time), for all countries or all but one."""
    where = _only(dataset, "shortfall", "need", good)
    if outside_of:
        abroad = where[_labels(dataset, "need_country")[where] != outside_of]
        where = abroad if len(abroad) else where
    short = dataset["shortfall"].values[..., where].sum(axis=-1, dtype=np.float64)
    required = dataset["requirement"].values[..., where].sum(axis=-1, dtype=np.float64)
    share: Values = np.divide(short, required, out=np.zeros_like(short), where=required > 0)
    return share


def months_to_recover(disturbed: npt.NDArray[np.bool_], months: Values) -> Values:
    """Months from the first event until a member is back for good.

    Args:
        disturbed: (member, time) True where the member is outside its band.
        months: (time,) months since the first event; negative before it.

    Returns:
        (member,) months; 0 where never disturbed after the event, infinity where still disturbed
        in the last step.
    """
    after = disturbed & (months >= 0)
    last = disturbed.shape[1] - 1 - after[:, ::-1].argmax(axis=1)
    end = np.append(months, np.inf)[last + 1]
    return np.where(after.any(axis=1), end, 0.0)


def time_to_first_shortfall(excess: Values, months: Values) -> Values:
    """Months from the first event to the first short step; infinity where none is short.

    Args:
        excess: (member, time) unmet share of requirement less the paired baseline's.
        months: (time,) months since the first event; negative before it.
    """
    short = (excess > SHORTAGE_SHARE) & (months >= 0)
    return np.where(short.any(axis=1), months[short.argmax(axis=1)], np.inf)


def value_added_at_risk(dataset: xr.Dataset, by: Sequence[str] = ("country",)) -> xr.DataArray:
    """Value added lost to shortfalls over the whole run, (member, group), USD.

    Args:
        dataset: results of one run.
        by: ``country``, ``sector`` or both; a pair is joined as ``JPN wind``.
    """
    lost = dataset["value_added_at_risk"].values.sum(axis=1, dtype=np.float64)
    users = np.flatnonzero(_labels(dataset, "facility_kind") == "manufacturer")
    keys, total = group_sum(lost[:, users], [_labels(dataset, f"facility_{b}")[users] for b in by])
    return xr.DataArray(
        total,
        dims=("member", "group"),
        coords={"group": [" ".join(key) for key in keys]},
        attrs={"units": "USD"},
    )


def supply_by_country(dataset: xr.Dataset, goods: Sequence[str]) -> xr.DataArray:
    """Output of some goods by country, (member, time, country), t per step.

    Traders are left out: what they sell was made elsewhere.
    """
    made = np.isin(_labels(dataset, "offer_good"), list(goods))
    where = np.flatnonzero(made & (_labels(dataset, "offer_kind") != "trader"))
    labels = [_labels(dataset, "offer_country")[where]]
    keys, total = group_sum(dataset["production"].values[..., where], labels)
    return xr.DataArray(
        total,
        dims=("member", "time", "country"),
        coords={"time": dataset["time"].values, "country": [key[0] for key in keys]},
    )


def concentration(dataset: xr.Dataset, goods: Sequence[str]) -> xr.Dataset:
    """Concentration of output by country and calendar year.

    Returns:
        ``hhi`` (member, year) from 0 to 10,000; ``top_3`` (member, year) share of the three
        largest producers; ``without_largest`` (member, year) share left without the largest.
    """
    output = supply_by_country(dataset, goods)
    years = output["time"].values.astype("datetime64[Y]").astype(int) + 1970
    values = np.stack([output.values[:, years == y].sum(axis=1) for y in np.unique(years)], axis=1)
    total = values.sum(axis=-1, keepdims=True)
    share = np.divide(values, total, out=np.zeros_like(values), where=total > 0)
    ranked = -np.sort(-share, axis=-1)
    dims = ("member", "year")
    return xr.Dataset(
        {
            "hhi": (dims, HHI_SCALE * (share**2).sum(axis=-1)),
            "top_3": (dims, ranked[..., :3].sum(axis=-1)),
            "without_largest": (dims, np.where(total[..., 0] > 0, 1 - ranked[..., 0], np.nan)),
        },
        coords={"year": np.unique(years)},
    )


def net_import_reliance(dataset: xr.Dataset, good: str) -> xr.DataArray:
    """Net imports as a share of apparent consumption over the whole run, (member, country).

    Purchases by all buyers less sales by all sellers of a country, divided by what its own users
    bought. Negative for net exporters is shown as 0; NaN where nothing is used.
    """
    buys = _only(dataset, "purchases", "need", good)
    sells = _only(dataset, "sales", "offer", good)
    bought = dataset["purchases"].values[..., buys].sum(axis=1, dtype=np.float64)
    sold = dataset["sales"].values[..., sells].sum(axis=1, dtype=np.float64)
    users = _labels(dataset, "need_kind")[buys] != "trader"
    countries, purchases = group_sum(bought, [_labels(dataset, "need_country")[buys]])
    _, used = group_sum(bought * users, [_labels(dataset, "need_country")[buys]])
    sellers, sales = group_sum(sold, [_labels(dataset, "offer_country")[sells]])
    own = dict(zip(sellers, np.moveaxis(sales, -1, 0), strict=True))
    home = np.stack([own.get(country, np.zeros(len(sold))) for country in countries], axis=-1)
    imports = np.clip(purchases - home, 0, None)
    reliance = np.divide(imports, used, out=np.full_like(used, np.nan), where=used > 0)
    return xr.DataArray(
        np.clip(reliance, 0, 1), dims=("member", "country"), coords={"country": [c[0] for c in countries]}
    )
