"""Runs as yearly series in the layout of the Integrated Assessment Modeling Consortium (IAMC).

Columns model, scenario, region, variable, unit, then one for each year; levels of a variable are parted by
``|``. ``pyam.IamDataFrame`` reads it: it wants these five columns, years besides and nothing else, and no row
twice. Statistics over members are variables of their own, ``...|50.0th Percentile``, as assessments that
report ensembles have them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis import metrics
from sim.analysis.compared_goods import BLOCK
from sim.analysis.names import country_name
from sim.analysis.run_metrics import steps_per_year
from sim.analysis.select import controller, good_name, label, user_needs
from sim.errors import MonaziteError
from sim.results.grouping import group_sum, total

if TYPE_CHECKING:
    import pandas as pd

Values = npt.NDArray[np.float64]
Series = tuple[str, str, str, Values]
"""Region, variable, unit, and (member, year) values."""

__all__ = ["KEYS", "iamc_table"]

KEYS = ("model", "scenario", "region", "variable", "unit")
PERCENTILES = (10.0, 50.0, 90.0)
WORLD = "World"


def iamc_table(runs: Sequence[xr.Dataset], goods: Sequence[str]) -> pd.DataFrame:
    """Prices, output, need, unmet demand and value added at risk by calendar year.

    Args:
        runs: results, the baseline among them.
        goods: good ids.

    Returns:
        A column for each of :data:`KEYS` and each year that the runs cover as a whole; a year without a value
        is missing.

    Raises:
        MonaziteError: no run covers a whole calendar year.
    """
    import pandas as pd

    model = f"Monazite {metadata.version('monazite')}"
    rows = []
    for data in runs:
        years = _whole_years(data)
        for region, variable, unit, values in _series(data, goods, years):
            found = _percentiles(values)
            for percentile, line in zip(PERCENTILES, found, strict=True):
                name = f"{variable}|{percentile}th Percentile"
                head = (model, str(data.attrs["scenario"]), region, name, unit)
                rows.append(dict(zip(KEYS, head, strict=True)) | dict(zip(years, line, strict=True)))
    frame = pd.DataFrame(rows)
    if len(frame.columns) <= len(KEYS):
        raise MonaziteError(
            "the IAMC layout has yearly values, and no run here covers a whole calendar year; "
            "let the runs be longer, or write --table csv"
        )
    later = sorted(int(name) for name in frame.columns if name not in KEYS)
    return frame[[*KEYS, *later]]


def _percentiles(values: Values) -> Values:
    """(member, year) -> (percentile, year), members without a value left out."""
    known = ~np.isnan(values).all(axis=0)
    found = np.full((len(PERCENTILES), values.shape[1]), np.nan)
    if known.any():
        found[:, known] = np.nanpercentile(values[:, known], PERCENTILES, axis=0)
    return found


def _year_of(data: xr.Dataset) -> npt.NDArray[np.int64]:
    years: npt.NDArray[np.int64] = data["time"].values.astype("datetime64[Y]").astype(np.int64) + 1970
    return years


def _whole_years(data: xr.Dataset) -> list[int]:
    """Calendar years of which no step is missing."""
    years, counts = np.unique(_year_of(data), return_counts=True)
    return [int(year) for year, count in zip(years, counts, strict=True) if count >= steps_per_year(data)]


def _word(text: str) -> str:
    """A level of a variable: what parts levels, or stands for any text, must not stand in it."""
    return text.replace("|", "/").replace("*", "").strip()


def _named(data: xr.Dataset, goods: Sequence[str]) -> dict[str, str]:
    """Goods in words, told apart by their ids where several have the same."""
    words = {good: _word(good_name(data, good)) for good in goods}
    every = list(words.values())
    return {good: f"{name} ({good})" if every.count(name) > 1 else name for good, name in words.items()}


def _yearly(data: xr.Dataset, years: Sequence[int], values: Values, mean: bool = False) -> Values:
    """(member, time, ...) -> (member, year, ...)."""
    of = _year_of(data)
    summed = metrics.mean_price if mean else total
    parts = [summed(values[:, of == year]) for year in years]
    return np.stack(parts, axis=1) if parts else np.zeros((len(values), 0, *values.shape[2:]))


def _grouped(
    data: xr.Dataset, name: str, axis: str, where: npt.NDArray[np.intp], years: Sequence[int]
) -> tuple[list[str], Values]:
    """Countries, and (member, year, country) sums of some columns; members some hundred at a time."""
    labels = [data[f"{axis}_country"].values.astype(str)[where]]
    keys: list[tuple[str, ...]] = []
    parts = []
    for first in range(0, data.sizes["member"], BLOCK):
        values = data[name].isel({"member": slice(first, first + BLOCK), axis: where}).values
        keys, sums = group_sum(values, labels)
        parts.append(_yearly(data, years, sums))
    return [key[0] for key in keys], np.concatenate(parts)


def _series(data: xr.Dataset, goods: Sequence[str], years: Sequence[int]) -> Iterator[Series]:
    for good, name in _named(data, goods).items():
        country = country_name(controller(data, good))
        for market, place in (
            ("outside", f"Outside {country}"), ("inside", f"Inside {country}"), ("gate", "Gate")
        ):  # fmt: skip
            prices = data[f"price_{market}"].sel(good=good).values.astype(np.float64)
            yield WORLD, f"Price|{name}|{place}", "USD/t", _yearly(data, years, prices, mean=True)
        unit = f"{label(data, 'good_unit', good)}/yr"
        for variable, stored, axis in (
            ("Production", "production", "offer"), ("Requirement", "requirement", "need"),
            ("Unmet Demand", "shortfall", "need"),
        ):  # fmt: skip
            if axis == "offer":
                # Traders sell what was made elsewhere, and need what others use.
                mine = data["offer_good"].values.astype(str) == good
                where = np.flatnonzero(mine & (data["offer_kind"].values.astype(str) != "trader"))
            else:
                where = user_needs(data, good)
            countries, sums = _grouped(data, stored, axis, where, years)
            yield from _by_region(countries, sums, f"{variable}|{name}", unit)
    users = np.flatnonzero(data["facility_kind"].values.astype(str) == "manufacturer")
    countries, sums = _grouped(data, "value_added_at_risk", "facility", users, years)
    yield from _by_region(countries, sums, "Value Added at Risk", "USD/yr")


def _by_region(countries: Sequence[str], sums: Values, variable: str, unit: str) -> Iterator[Series]:
    """The world and each country; the rest of the world is a region of its own."""
    yield WORLD, variable, unit, sums.sum(axis=-1)
    for i, country in enumerate(countries):
        name = _word(country_name(country))
        yield name[0].upper() + name[1:], variable, unit, sums[..., i]
