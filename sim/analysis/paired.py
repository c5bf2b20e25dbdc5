"""Runs side by side: medians and bands over members that are paired with the baseline's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis import metrics, run_metrics
from sim.analysis.select import controller, good_name, label, own_events, price, price_unit
from sim.errors import MonaziteError
from sim.results import Run
from sim.results.grouping import over_run

Values = npt.NDArray[np.float64]

__all__ = ["Band", "Comparison", "Row", "Section", "band", "compare", "paired"]

COUNTRIES_SHOWN = 6
PEAK = 1.05
"""Multiple of the baseline from which a price is said to have a peak."""
NEGLIGIBLE_SHARE = 0.0005
"""Countries short of less than this share of their requirement in every run are left out."""


@dataclass(frozen=True)
class Band:
    """Median and 10th to 90th percentile over members. Infinity: not within the run."""

    median: float
    low: float
    high: float
    members: int

    def as_dict(self) -> dict[str, float | int | str | None]:
        """JSON form; infinity becomes the text ``beyond the run``, NaN becomes null."""

        def plain(value: float) -> float | str | None:
            if np.isnan(value):
                return None
            return "beyond the run" if np.isinf(value) else float(f"{value:.6g}")

        return {
            "median": plain(self.median),
            "p10": plain(self.low),
            "p90": plain(self.high),
            "members": self.members,
        }


@dataclass(frozen=True)
class Row:
    """One measure over all runs; ``kind`` says how to print: number, multiple, month, duration
    or share."""

    name: str
    unit: str
    kind: str
    bands: dict[str, Band]


@dataclass(frozen=True)
class Section:
    """The rows of one good, or of the whole economy."""

    key: str
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Comparison:
    """All sections, the columns in order, and how far a run reaches, in months."""

    baseline: str
    scenarios: tuple[str, ...]
    sections: tuple[Section, ...]
    horizon_months: dict[str, float]
    members: int

    def as_dict(self) -> dict[str, Any]:
        """JSON form: one entry per good, measure and scenario."""
        return {
            "baseline": self.baseline,
            "scenarios": list(self.scenarios),
            "members": self.members,
            "sections": [
                {
                    "key": section.key,
                    "title": section.title,
                    "rows": [
                        {
                            "measure": row.name,
                            "unit": row.unit,
                            "kind": row.kind,
                            "values": {name: b.as_dict() for name, b in row.bands.items()},
                        }
                        for row in section.rows
                    ],
                }
                for section in self.sections
            ],
        }


def band(values: Values) -> Band:
    """Median and p10-p90 of one value per member, NaN left out.

    Where a value is infinite the quantiles are values of members: between a number and "never"
    there is nothing to interpolate.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return Band(np.nan, np.nan, np.nan, 0)
    method: Any = "linear" if np.isfinite(known).all() else "nearest"
    low, middle, high = np.quantile(known, [0.1, 0.5, 0.9], method=method)
    return Band(float(middle), float(low), float(high), len(known))


def paired(run: xr.Dataset, baseline: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    """Both data sets cut to the members and steps that they share.

    Raises:
        MonaziteError: other seed, step or base year, or no step in common: then member 3 of the
            one has nothing to do with member 3 of the other.
    """
    for key in ("seed", "step", "base_year"):
        if run.attrs.get(key) != baseline.attrs.get(key):
            raise MonaziteError(
                f"{run.attrs['scenario']} ({key} {run.attrs.get(key)}) and {baseline.attrs['scenario']} "
                f"({key} {baseline.attrs.get(key)}) are not paired; run them in one command: "
                f"monazite run {baseline.attrs['scenario']} {run.attrs['scenario']}"
            )
    members = min(run.sizes["member"], baseline.sizes["member"])
    times = np.intersect1d(run["time"].values, baseline["time"].values)
    if not len(times):
        raise MonaziteError(f"{run.attrs['scenario']} and {baseline.attrs['scenario']} share no date")

    def cut(dataset: xr.Dataset) -> xr.Dataset:
        if dataset.sizes["member"] == members and dataset.sizes["time"] == len(times):
            return dataset
        return dataset.isel(member=slice(0, members)).sel(time=times)

    return cut(run), cut(baseline)


def _recovery(run: xr.Dataset, baseline: xr.Dataset, good: str) -> dict[str, Values]:
    start = run_metrics.first_event(own_events(run, baseline))
    members = run.sizes["member"]
    if start is None:
        nothing = np.full(members, np.nan)
        return {"price": nothing, "shortage": nothing, "first": nothing}
    months = run_metrics.months_since(start, run["time"].values)
    country = controller(run, good)
    multiple = metrics.paired_ratio(price(run, good, "outside"), price(baseline, good, "outside", country))
    excess = metrics.excess_share(*(run_metrics.shortage_share(d, good, country) for d in (run, baseline)))
    return {
        "price": metrics.price_recovery(multiple, months),
        "shortage": metrics.supply_recovery(excess, months),
        "first": metrics.months_to_first_shortfall(excess, months),
    }


def _month_number(date: npt.NDArray[np.datetime64]) -> Values:
    months = date.astype("datetime64[M]").astype(float)
    return np.where(np.isnat(date), np.nan, months)


def _multiples(run: xr.Dataset, baseline: xr.Dataset, good: str, market: str) -> tuple[Values, Values]:
    """(member,) lowest and highest multiple of the paired baseline; NaN without trade."""
    own, base = price(run, good, market), price(baseline, good, market, controller(run, good))
    return metrics.lowest_multiple(own, base), metrics.highest_multiple(own, base)


def _country(good: str, runs: dict[str, xr.Dataset], baseline: str) -> str:
    """The controlling country of the scenarios; the baseline's where there are none."""
    scenarios = [name for name in runs if name != baseline]
    return controller(runs[scenarios[0] if scenarios else baseline], good)


def _price_rows(good: str, runs: dict[str, xr.Dataset], pairs: Pairs, baseline: str) -> list[Row]:
    country = _country(good, runs, baseline)
    shown = price_unit(runs[baseline], good)
    rows = []
    for market, place in (("outside", f"outside {country}"), ("inside", f"inside {country}")):
        peaks = {name: run_metrics.peak_price(data, good, market, country) for name, data in runs.items()}
        prices = {name: band(p["price"].values * shown.factor) for name, p in peaks.items()}
        rows.append(Row(f"peak price {place}", shown.name, "number", prices))
        ranges = {name: _multiples(a, b, good, market) for name, (a, b) in pairs.items()}
        highest = {name: band(values[1]) for name, values in ranges.items()}
        rows.append(Row("  highest multiple of the baseline", "x", "multiple", highest))
        if market == "outside":
            # The month of a peak that is hardly one would be the month of the largest noise.
            dates = {
                n: band(np.where(ranges[n][1] > PEAK, _month_number(p["date"].values), np.nan))
                for n, p in peaks.items()
                if n != baseline
            }
            rows.append(Row("  month of the peak", "", "month", dates))
        else:
            lowest = {name: band(values[0]) for name, values in ranges.items()}
            rows.append(Row("  lowest multiple of the baseline", "x", "multiple", lowest))
    return rows


def _unmet_rows(good: str, runs: dict[str, xr.Dataset]) -> list[Row]:
    unit = label(next(iter(runs.values())), "good_unit", good)
    unmet = {name: run_metrics.unmet_demand(data, good) for name, data in runs.items()}
    rows = [
        Row(
            "unmet demand, all countries",
            unit,
            "number",
            {n: band(u["tonnes"].sum("country", skipna=False).values) for n, u in unmet.items()},
        )
    ]
    worst: dict[str, tuple[float, float]] = {}
    for u in unmet.values():
        for country in u["country"].values.astype(str):
            share = float(band(u["share"].sel(country=country).values).high)
            tonnes = float(band(u["tonnes"].sel(country=country).values).median)
            before = worst.get(country, (0.0, 0.0))
            worst[country] = (max(share, before[0]), max(tonnes, before[1]))
    short = [c for c, (share, _) in worst.items() if share > NEGLIGIBLE_SHARE]
    for country in sorted(short, key=lambda c: (-worst[c][1], c))[:COUNTRIES_SHOWN]:
        amounts: dict[str, Band] = {}
        shares: dict[str, Band] = {}
        for name, u in unmet.items():
            amounts[name] = band(u["tonnes"].sel(country=country).values)
            missing = run_metrics.shortage(runs[name], good, country=country)
            shares[name] = band(metrics.worst_year_share(*missing, run_metrics.steps_per_year(runs[name])))
        rows.append(Row(f"unmet demand {country}", unit, "number", amounts))
        rows.append(Row("  of requirement, worst 12 months", "%", "share", shares))
    return rows


Pairs = dict[str, tuple[xr.Dataset, xr.Dataset]]


def _good_section(good: str, runs: dict[str, xr.Dataset], pairs: Pairs, baseline: str) -> Section:
    recovery = {name: _recovery(*pair, good) for name, pair in pairs.items()}
    country = _country(good, runs, baseline)
    durations = [
        Row(name, "months", "duration", {n: band(r[key]) for n, r in recovery.items()})
        for name, key in (
            (f"months to first shortfall outside {country}", "first"),
            (f"months to recover, price outside {country}", "price"),
            (f"months to recover, supply outside {country}", "shortage"),
        )
    ]
    hhi = {n: band(run_metrics.concentration(d, [good])["hhi"].values[:, -1]) for n, d in runs.items()}
    spread = Row("HHI of output by country, last year", "", "number", hhi)
    year = run_metrics.steps_per_year(runs[baseline])
    owners = {
        n: band(over_run(d["hhi_owners"].sel(good=good).values[:, -year:], "hhi_owners"))
        for n, d in runs.items()
    }
    firms = Row("HHI of sales by owner, last year", "", "number", owners)
    rows = [*_price_rows(good, runs, pairs, baseline), *_unmet_rows(good, runs), *durations, spread, firms]
    return Section(good, good_name(runs[baseline], good), tuple(rows))


def _economy_section(runs: dict[str, xr.Dataset], pairs: Pairs) -> Section:
    rows = []
    lost = {
        name: run_metrics.value_added_at_risk(a) - run_metrics.value_added_at_risk(b)
        for name, (a, b) in pairs.items()
    }
    total = {name: band(v.sum("group", skipna=False).values / 1e9) for name, v in lost.items()}
    rows.append(Row("value added at risk, all countries", "bn USD", "number", total))
    largest: dict[str, float] = {}
    for v in lost.values():
        for country in v["group"].values.astype(str):
            middle = band(v.sel(group=country).values).median
            largest[country] = max(middle, largest.get(country, 0.0))
    top = [c for c in sorted(largest, key=lambda c: (-largest[c], c)) if largest[c] > 0]
    for country in top[:COUNTRIES_SHOWN]:
        values = {name: band(v.sel(group=country).values / 1e9) for name, v in lost.items()}
        rows.append(Row(f"  {country}", "bn USD", "number", values))
    return Section("economy", "All goods, against the baseline", tuple(rows))


def compare(runs: Sequence[Run], baseline: str, goods: Sequence[str]) -> Comparison:
    """Compare runs with the baseline among them.

    Args:
        runs: stored runs, the baseline included.
        baseline: scenario id of the baseline.
        goods: good ids, one section each.

    Raises:
        MonaziteError: the baseline is missing, or a run is not paired with it.
    """
    stored = {run.scenario: run.dataset for run in runs}
    if baseline not in stored:
        others = " ".join(name for name in stored)
        raise MonaziteError(
            f"no run of '{baseline}' among {', '.join(sorted(stored))}; "
            f"make one with the same members and seed: monazite run {baseline} {others}"
        )
    pairs = {name: paired(data, stored[baseline]) for name, data in stored.items() if name != baseline}
    cut = {baseline: stored[baseline], **{name: pair[0] for name, pair in pairs.items()}}
    sections = [_good_section(good, cut, pairs, baseline) for good in goods]
    if pairs:
        sections.append(_economy_section(cut, pairs))
    horizon = {}
    for name, (data, base) in pairs.items():
        start = run_metrics.first_event(own_events(data, base))
        horizon[name] = (
            float(run_metrics.months_since(start, data["time"].values)[-1]) if start is not None else 0.0
        )
    members = min(data.sizes["member"] for data in cut.values())
    return Comparison(baseline, tuple(pairs), tuple(sections), horizon, members)
