"""Runs side by side: medians and bands over members that are paired with the baseline's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis import metrics, run_metrics
from sim.analysis.baselines import Group, carried_events, groups, shown_name
from sim.analysis.pairing import check_alike, common_goods, common_months, paired
from sim.analysis.select import controller, good_name, label, own_events, price, price_unit
from sim.errors import MonaziteError
from sim.results import Run
from sim.results.grouping import over_run

Values = npt.NDArray[np.float64]
Pairs = dict[str, tuple[xr.Dataset, xr.Dataset]]
"""Scenario -> its results and those of the baseline, row by row the same member."""

__all__ = ["Band", "Comparison", "Row", "Section", "band", "compare", "compare_group", "paired"]

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
    """Pairs of members, of the scenario that has fewest."""
    period: tuple[str, str] = ("", "")
    """First and last month, the same for all columns: totals are over these."""
    names: dict[str, str] = field(default_factory=dict)
    """Heads of the columns, in words."""
    notes: tuple[str, ...] = ()
    """What a reader must know of what was compared."""

    def as_dict(self) -> dict[str, Any]:
        """JSON form: one entry per good, measure and scenario."""
        return {
            "baseline": self.baseline,
            "scenarios": list(self.scenarios),
            "members": self.members,
            "period": list(self.period),
            "names": dict(self.names),
            "notes": list(self.notes),
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


def _controllers(good: str, runs: dict[str, xr.Dataset], baseline: str) -> dict[str, list[str]]:
    """Controlling country -> scenarios whose inside it is; of the baseline where there are no scenarios."""
    found: dict[str, list[str]] = {}
    for name in [name for name in runs if name != baseline] or [baseline]:
        found.setdefault(controller(runs[name], good), []).append(name)
    return found


def _price_rows(
    good: str, runs: dict[str, xr.Dataset], pairs: Pairs, baseline: str, control: tuple[str, list[str]]
) -> list[Row]:
    """Prices outside and inside one country, of the scenarios that it controls and of the baseline."""
    country, names = control
    shown = price_unit(runs[baseline], good)
    # A baseline without this control has one price everywhere, that at the gate.
    world = "" if controller(runs[baseline], good) == country else " (baseline: gate price, world)"
    rows = []
    for market, place in (("outside", f"outside {country}"), ("inside", f"inside {country}")):
        peaks = {
            name: run_metrics.peak_price(runs[name], good, market, country)
            for name in dict.fromkeys([baseline, *names])
        }
        prices = {name: band(p["price"].values * shown.factor) for name, p in peaks.items()}
        rows.append(Row(f"peak price {place}{world}", shown.name, "number", prices))
        ranges = {name: _multiples(*pairs[name], good, market) for name in names if name in pairs}
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


def _good_section(good: str, runs: dict[str, xr.Dataset], pairs: Pairs, baseline: str) -> Section:
    recovery = {name: _recovery(*pair, good) for name, pair in pairs.items()}
    controls = list(_controllers(good, runs, baseline).items())
    durations = [
        Row(
            f"{name}{country}", "months", "duration",
            {n: band(recovery[n][key]) for n in names if n in recovery},
        )
        for country, names in controls
        for name, key in (
            ("months to first shortfall outside ", "first"),
            ("months to recover, price outside ", "price"),
            ("months to recover, supply outside ", "shortage"),
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
    prices = [row for control in controls for row in _price_rows(good, runs, pairs, baseline, control)]
    return Section(
        good, good_name(runs[baseline], good), (*prices, *_unmet_rows(good, runs), *durations, spread, firms)
    )


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
        baseline: scenario id of the baseline, or name of its variant.
        goods: good ids, one section each.

    Raises:
        MonaziteError: the baseline is missing, a run is not paired with it, or a good is not in all of them.
    """
    (group,) = groups(runs, baseline)
    return compare_group(group, goods)


def compare_group(group: Group, goods: Sequence[str]) -> Comparison:
    """Compare runs with their baseline, over the months that all have.

    Raises:
        MonaziteError: a run is not paired with the baseline, or a good is not in all of them.
    """
    baseline = group.baseline.scenario
    stored = {run.scenario: run.dataset for run in group.together}
    for data in stored.values():
        check_alike(data, stored[baseline])
    months = common_months(list(stored.values()))
    shared = common_goods(list(stored.values()))
    for good in goods:
        if good not in shared:
            name = next(n for n, d in stored.items() if good not in d["good"].values.astype(str))
            raise MonaziteError(f"{name} does not hold {good}; in common are: {', '.join(shared)}")
    whole = stored
    if any(data.sizes["time"] != len(months) for data in stored.values()):
        stored = {name: data.sel(time=months) for name, data in stored.items()}
    pairs = {name: paired(data, stored[baseline]) for name, data in stored.items() if name != baseline}
    cut = {baseline: stored[baseline], **{name: pair[0] for name, pair in pairs.items()}}
    sections = [_good_section(good, cut, pairs, baseline) for good in goods]
    alike = all(set(data["good"].values) == set(whole[baseline]["good"].values) for data in whole.values())
    if pairs and alike:
        sections.append(_economy_section(cut, pairs))
    horizon = {}
    for name, (data, base) in pairs.items():
        start = run_metrics.first_event(own_events(data, base))
        horizon[name] = (
            float(run_metrics.months_since(start, data["time"].values)[-1]) if start is not None else 0.0
        )
    members = min([data.sizes["member"] for data in cut.values()][1:] or [cut[baseline].sizes["member"]])
    period = str(months[0].astype("datetime64[M]")), str(months[-1].astype("datetime64[M]"))
    return Comparison(
        baseline, tuple(pairs), tuple(sections), horizon, members, period,
        {run.scenario: _head(run, run is group.baseline) for run in group.together},
        tuple(_notes(group, whole, pairs, alike)),
    )  # fmt: skip


def _head(run: Run, is_baseline: bool) -> str:
    """Head of a column; of a baseline in which events act, with these."""
    acting = carried_events(run.dataset) if is_baseline else []
    return f"{shown_name(run)} (itself with {', '.join(acting)})" if acting else shown_name(run)


def _notes(group: Group, whole: dict[str, xr.Dataset], pairs: Pairs, alike: bool) -> list[str]:
    """What was chosen and what was left out."""
    notes = [group.note] if group.note else []
    acting = carried_events(group.baseline.dataset)
    if acting and group.runs:
        notes.append(
            f"the baseline {shown_name(group.baseline)} itself has {', '.join(acting)}: "
            f"differences are what is added to that"
        )
    if not alike:
        notes.append("value added is left out: it hangs on all goods, and the runs hold different ones")
    if len({data.sizes["time"] for data in whole.values()}) > 1:
        notes.append("the runs differ in length; compared are the months that all have")
    for name, (data, _) in pairs.items():
        if data.sizes["member"] < whole[name].sizes["member"]:
            more, kept = whole[name].sizes["member"], data.sizes["member"]
            notes.append(f"{name}: {kept} of {more} members have a counterpart in the baseline")
    return notes
