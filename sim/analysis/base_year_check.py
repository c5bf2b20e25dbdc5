"""The no-shock run against what is known of the base year: every row shown, in band or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis import targets
from sim.analysis.metrics import mean_price, supply_shares
from sim.analysis.names import country_name
from sim.analysis.run_metrics import steps_per_year
from sim.analysis.select import good_name
from sim.errors import MonaziteError
from sim.paths import world_directory
from sim.results.grouping import group_sum, over_run
from sim.tables import read_table

__all__ = ["CHECKED_MONTHS", "CheckRow", "assumption_shares", "check_rows"]

Values = npt.NDArray[np.float64]
CHECKED_MONTHS = 60
PRICE_MONTHS = 24
LEAST_SHARE = 2.0
"""Countries with a smaller observed share, in %, are not compared."""
ORIGINS = 4
IMPORTER = "USA"
WEEKS_PER_YEAR = 52.0
MAGNET_OXIDES = ("neodymium_praseodymium_oxide", "dysprosium_oxide", "terbium_oxide")
MAGNETS = ("ndfeb_magnet", "ndfeb_magnet_high_temperature")
VOLATILE_GOOD = "neodymium_praseodymium_oxide"
DRIFT_LIMIT = 0.01
SECONDARY = "secondary"
UNEXPLAINED = "not explained yet"
NOTHING = ("no such good in the world", "the world has no US buyer of these goods")
"""Reasons where the model has no value at all, in general and for US imports."""


@dataclass(frozen=True)
class CheckRow:
    """One comparison: a target's statistic for one mineral, country, good or class."""

    target: str
    row: str
    observed: float
    model: float
    low: float
    high: float
    unit: str
    reason: str = ""

    @property
    def in_band(self) -> bool:
        """True where the model's value lies in the accepted band, bounds included."""
        return bool(self.low <= self.model <= self.high)

    def as_dict(self) -> dict[str, Any]:
        """JSON form; a missing value is null."""

        def plain(value: float) -> float | None:
            return float(f"{value:.6g}") if np.isfinite(value) else None

        return {
            "target": self.target,
            "row": self.row,
            "observed": plain(self.observed),
            "model": plain(self.model),
            "low": plain(self.low),
            "high": plain(self.high),
            "unit": self.unit,
            "in_band": self.in_band,
            "reason": self.reason,
        }


def _first_steps(dataset: xr.Dataset, months: int) -> xr.Dataset:
    return dataset.isel(time=slice(0, months * steps_per_year(dataset) // 12))


def _known(dataset: xr.Dataset, goods: Iterable[str]) -> list[str]:
    present = set(dataset["good"].values.astype(str))
    return [good for good in goods if good in present]


def _output_shares(dataset: xr.Dataset, goods: Sequence[str]) -> dict[str, float]:
    """Country shares of the central member's primary output of some goods, %."""
    chosen = np.flatnonzero(
        np.isin(dataset["offer_good"].values.astype(str), list(goods))
        & (dataset["offer_kind"].values.astype(str) != "trader")
        & ~np.char.startswith(np.char.lower(dataset["offer_facility"].values.astype(str)), SECONDARY)
    )
    output = over_run(dataset["production"].values[:1, :, chosen], "production")
    countries, tonnes = group_sum(output[0], [dataset["offer_country"].values.astype(str)[chosen]])
    if not tonnes.sum() > 0:
        return {}
    return {key[0]: 100 * float(s) for key, s in zip(countries, supply_shares(tonnes), strict=True)}


def _mine_rows(dataset: xr.Dataset) -> list[CheckRow]:
    band = targets.load_target("C1")
    rows = []
    for mineral, (goods, observed) in targets.mine_shares().items():
        known = _known(dataset, goods)
        model = _output_shares(dataset, known) if known else {}
        for country, share in sorted(observed.items(), key=lambda item: -item[1]):
            if share > LEAST_SHARE:
                value = model.get(country, 0.0) if known else float("nan")
                name = f"{mineral}, {country_name(country)}"
                rows.append(
                    CheckRow("C1", name, share, value, share + band.low, share + band.high, "% of world")
                )
    return rows


def _price_rows(dataset: xr.Dataset) -> list[CheckRow]:
    band = targets.load_target("C2")
    early = _first_steps(dataset, PRICE_MONTHS)
    rows = []
    for good, (price, series) in targets.prices().items():
        if not _known(dataset, [good]):
            rows.append(
                CheckRow(
                    "C2", f"{good} ({series})", price, np.nan, price * band.low, price * band.high, "USD/t"
                )
            )
            continue
        model = float(mean_price(early["price_gate"].sel(good=good).values[:1])[0])
        name = f"{good_name(dataset, good)} ({series})"
        rows.append(CheckRow("C2", name, price, model, price * band.low, price * band.high, "USD/t"))
    return rows


def _stage_rows(dataset: xr.Dataset) -> list[CheckRow]:
    rows = []
    for target, goods, name in (
        ("C3", MAGNET_OXIDES, "refined magnet rare earths, China"),
        ("C4", MAGNETS, "sintered NdFeB, China"),
    ):
        band = targets.load_target(target)
        known = _known(dataset, goods)
        model = _output_shares(dataset, known).get("CHN", 0.0) if known else float("nan")
        rows.append(CheckRow(target, name, float(band.observed), model, band.low, band.high, "% of world"))
    return rows


def _import_rows(dataset: xr.Dataset) -> list[CheckRow]:
    band = targets.load_target("C5")
    middle = int(np.abs(dataset["quantile"].values - 0.5).argmin())
    flow = dataset["flow"].values[middle][0].astype(np.float64)
    good = dataset["link_good"].values.astype(str)
    exporter = dataset["link_exporter"].values.astype(str)
    abroad = (dataset["link_importer"].values.astype(str) == IMPORTER) & (exporter != IMPORTER)
    rows = []
    for name, (goods, observed) in targets.import_sources().items():
        known = _known(dataset, goods)
        chosen = abroad & np.isin(good, known)
        total = flow[chosen].sum()
        for country, share in sorted(observed.items(), key=lambda item: -item[1])[:ORIGINS]:
            model = 100 * flow[chosen & (exporter == country)].sum() / total if total > 0 else np.nan
            label = f"{name} from {country_name(country)}"
            rows.append(
                CheckRow("C5", label, share, model, share + band.low, share + band.high, "% of imports")
            )
    return rows


def _cover_rows(dataset: xr.Dataset) -> list[CheckRow]:
    band = targets.load_target("C6")
    early = _first_steps(dataset, PRICE_MONTHS)
    users = dataset["need_kind"].values.astype(str) == "manufacturer"
    good = dataset["need_good"].values.astype(str)
    rows = []
    for name, (goods, low, high) in targets.inventories().items():
        chosen = np.flatnonzero(users & np.isin(good, list(goods)))
        stock = early["buyer_stock"].values[0][:, chosen].sum(dtype=np.float64)
        need = early["requirement"].values[0][:, chosen].sum(dtype=np.float64)
        weeks = stock / need * WEEKS_PER_YEAR / steps_per_year(dataset) if need > 0 else np.nan
        rows.append(CheckRow("C6", name, (low + high) / 2, weeks, low * band.low, high * band.high, "weeks"))
    return rows


def _yearly_log_changes(dataset: xr.Dataset, good: str) -> Values:
    """Log changes of yearly mean prices, (member, years - 1)."""
    prices = dataset["price_gate"].sel(good=good).values.astype(np.float64)
    width = steps_per_year(dataset)
    years = prices.shape[1] // width
    means = prices[:, : years * width].reshape(len(prices), years, width).mean(axis=2)
    changes: Values = np.diff(np.log(means), axis=1)
    return changes


def _movement_rows(dataset: xr.Dataset) -> list[CheckRow]:
    band = targets.load_target("C7")
    goods = [str(g) for g in dataset["good"].values]
    rows = []
    if VOLATILE_GOOD in goods:
        changes = _yearly_log_changes(dataset, VOLATILE_GOOD)
        noisy = changes[1:] if len(changes) > 1 else changes
        spread = float(np.median(noisy.std(axis=1, ddof=1)))
        name = f"volatility of {good_name(dataset, VOLATILE_GOOD)}"
        rows.append(
            CheckRow("C7", name, float(band.observed), spread, band.low, band.high, "sd of log change")
        )
    drift = {good: float(np.abs(_yearly_log_changes(dataset, good)[0].mean())) for good in goods}
    worst = max(drift, key=lambda good: drift[good])
    for good in dict.fromkeys([VOLATILE_GOOD, worst]):
        if good in drift:
            label = f"drift of {good_name(dataset, good)}" + (
                " (largest of all goods)" if good == worst else ""
            )
            rows.append(CheckRow("C7", label, 0.0, 100 * drift[good], 0.0, 100 * DRIFT_LIMIT, "%/year"))
    return rows


def check_rows(dataset: xr.Dataset) -> list[CheckRow]:
    """All rows of targets C1 to C7 for a no-shock run of at least 60 months.

    Shares, prices and cover are those of the central member, volatility the median over the
    others. C1 counts primary output over the whole run, C2 and C6 months 1 to 24, C5 the first
    calendar year.

    Raises:
        MonaziteError: the run starts from another base year than the targets, or is too short.
    """
    if int(dataset.attrs["base_year"]) != 2024:
        raise MonaziteError(f"the targets are those of base year 2024, not {dataset.attrs['base_year']}")
    months = dataset.sizes["time"] * 12 / steps_per_year(dataset)
    if months < CHECKED_MONTHS - 0.5:
        raise MonaziteError(f"the run covers {months:.0f} months; a check needs {CHECKED_MONTHS}")
    makers = (_mine_rows, _price_rows, _stage_rows, _import_rows, _cover_rows, _movement_rows)
    known = targets.reasons()
    explained = []
    for row in (row for make in makers for row in make(dataset)):
        reason = ""
        if not row.in_band:
            default = NOTHING[row.target == "C5"] if np.isnan(row.model) else UNEXPLAINED
            reason = known.get((row.target, row.row), default)
        explained.append(replace(row, reason=reason))
    return explained


def assumption_shares(base_year: int) -> dict[str, float]:
    """Share of a base year's numbers that rest on each level of confidence.

    Returns:
        ``<what> by <measure>, <confidence>`` -> share of one, for output, use and trade, weighted
        by tonnes and by value at base prices (by tonnes iron ore and steel hide all the rest).
    """
    folder = world_directory(base_year)

    def rows(name: str) -> list[dict[str, str]]:
        return read_table(folder / name).dictionaries()

    price = {row["good"]: float(row["price_usd_t"]) for row in rows("prices.csv")}
    shares: dict[str, float] = {}
    for what, table, column in (
        ("output", "outputs.csv", "output_t"),
        ("use", "inputs.csv", "use_t"),
        ("trade", "flows.csv", "tonnes"),
    ):
        for measure in ("tonnes", "value"):
            parts: dict[str, float] = {}
            for row in rows(table):
                amount = float(row[column]) * (price[row["good"]] if measure == "value" else 1.0)
                parts[row["confidence"]] = parts.get(row["confidence"], 0.0) + amount
            for label, amount in sorted(parts.items()):
                shares[f"{what} by {measure}, {label}"] = amount / sum(parts.values())
    return shares
