"""One good in one run, as numbers per member: prices, shortages, recovery, concentration.

Members are read some hundred at a time, so that ten thousand of them fit into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis import metrics, run_metrics
from sim.analysis.comparison import Key
from sim.analysis.select import controller, own_events, price
from sim.results.grouping import group_sum, over_run

Values = npt.NDArray[np.float64]
Facts = dict[Key, Values]
"""What is measured -> (member,) in tonnes, USD, shares of one or months."""

__all__ = ["PEAK", "Facts", "Wanted", "good_facts", "in_blocks", "largest_moves"]

BLOCK = 256
"""Members read at once."""
USED = (
    "price_outside", "price_inside", "price_gate", "hhi_owners", "production", "shortfall", "requirement"
)  # fmt: skip
PEAK = 1.05
"""Multiple of the baseline from which a price is said to have a peak."""


@dataclass(frozen=True)
class Wanted:
    """What a reader asks for beyond what every comparison shows.

    Attributes:
        importers: ISO-3 codes of countries shown whatever they lack.
        sectors: of users.
        owners: of facilities.
        threshold: share of requirement above which a member counts as short.
    """

    importers: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    threshold: float = 0.10


def in_blocks(
    make: Callable[[xr.Dataset, xr.Dataset | None], Facts], run: xr.Dataset, base: xr.Dataset | None
) -> Facts:
    """Facts of all members, made from some of them at a time.

    Args:
        make: facts of a run and its baseline, row by row the same member.
        run: results.
        base: those of the paired baseline.
    """
    parts = []
    for first in range(0, run.sizes["member"], BLOCK):
        rows = slice(first, first + BLOCK)
        parts.append(make(run.isel(member=rows), base.isel(member=rows) if base is not None else None))
    if len(parts) == 1:
        return parts[0]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def good_facts(
    run: xr.Dataset, base: xr.Dataset | None, controls: Mapping[str, Sequence[str]], wanted: Wanted
) -> Facts:
    """All that a comparison says of some goods in one run.

    Args:
        run: results.
        base: those of the paired baseline; None for the baseline itself.
        controls: good id -> countries between whose inside and outside prices are told apart.
        wanted: what is asked for beyond that.

    Returns:
        Numbers by :class:`~sim.analysis.comparison.Key`; ``place`` of a price is the controlling country.
    """

    def make(rows: xr.Dataset, beside: xr.Dataset | None) -> Facts:
        own = _read(rows, list(controls))
        usual = _read(beside, list(controls)) if beside is not None else None
        facts: Facts = {}
        for good, places in controls.items():
            facts |= {**_concentration(own, usual, good), **_imports(own, usual, good, wanted)}
            for country in places:
                facts |= _prices(own, usual, good, country)
            facts |= _users(own, usual, good, wanted)
        return facts

    return in_blocks(make, run, base)


def _read(data: xr.Dataset, goods: Sequence[str]) -> xr.Dataset:
    """Some goods alone, what is used more than once of them in memory: to read it takes longest."""
    where = {
        axis: np.flatnonzero(np.isin(data[f"{axis}_good"].values.astype(str), goods))
        for axis in ("need", "offer")
    }
    part = data.isel(where).sel(good=list(goods))
    return part.assign({name: part[name].load() for name in USED})


def largest_moves(run: xr.Dataset, base: xr.Dataset, goods: Sequence[str]) -> Values:
    """(member, good) farthest that each price outside is from the baseline's, in logs; 0 without trade."""
    parts = []
    for first in range(0, run.sizes["member"], BLOCK):
        now, before = (
            data["price_outside"].isel(member=slice(first, first + BLOCK)).sel(good=list(goods)).values
            for data in (run, base)
        )
        parts.append(np.nan_to_num(metrics.largest_move(now, before)))
    return np.concatenate(parts)


def _month_number(date: npt.NDArray[np.datetime64]) -> Values:
    months = date.astype("datetime64[M]").astype(float)
    return np.where(np.isnat(date), np.nan, months)


def _prices(run: xr.Dataset, base: xr.Dataset | None, good: str, country: str) -> Facts:
    """Prices outside and inside one country; of a baseline without its control, the gate price."""
    outside, inside = (price(run, good, market, country) for market in ("outside", "inside"))
    facts = {
        Key("price", good, country): metrics.peak_price(outside),
        Key("price_inside", good, country): metrics.peak_price(inside),
    }
    if base is None:
        return facts
    usual, usual_inside = (price(base, good, market, country) for market in ("outside", "inside"))
    multiple = metrics.paired_ratio(outside, usual)
    highest = metrics.highest_multiple(outside, usual)
    dates = metrics.date_of_peak(outside, run["time"].values)
    facts |= {
        Key("multiple", good, country): highest,
        # The month of a peak that is hardly one would be the month of the largest noise.
        Key("peak_month", good, country): np.where(highest > PEAK, _month_number(dates), np.nan),
        Key("multiple_inside", good, country): metrics.highest_multiple(inside, usual_inside),
        Key("lowest_inside", good, country): metrics.lowest_multiple(inside, usual_inside),
    }
    start = run_metrics.first_event(own_events(run, base))
    if start is None:
        recovery = np.full(run.sizes["member"], np.nan)
    else:
        recovery = metrics.price_recovery(multiple, run_metrics.months_since(start, run["time"].values))
    return facts | {Key("recovery", good, country): recovery}


@dataclass(frozen=True)
class _Need:
    """Tonnes missing and needed, (member, time, label), by labels of users."""

    keys: list[tuple[str, ...]]
    short: Values
    required: Values


def _need(run: xr.Dataset, good: str, by: Sequence[str]) -> _Need:
    where = np.flatnonzero(run["need_good"].values.astype(str) == good)
    labels = [run[f"need_{name}"].values.astype(str)[where] for name in by]
    keys, short = group_sum(run["shortfall"].isel(need=where).values, labels)
    _, required = group_sum(run["requirement"].isel(need=where).values, labels)
    return _Need(keys, short, required)


def _users(run: xr.Dataset, base: xr.Dataset | None, good: str, wanted: Wanted) -> Facts:
    """Unmet demand in all and by country, by sector where asked; when it begins and ends."""
    found = _need(run, good, ("country",))
    window = run_metrics.steps_per_year(run)
    facts: Facts = {}

    def enter(place: str, sector: str, short: Values, required: Values) -> None:
        facts[Key("unmet", good, place, sector)] = metrics.unmet_tonnes(short)
        facts[Key("shortage", good, place, sector)] = metrics.worst_year_share(short, required, window)

    enter("", "", found.short.sum(axis=-1), found.required.sum(axis=-1))
    shares = metrics.worst_year_share(found.short, found.required, window)
    tonnes = metrics.unmet_tonnes(found.short)
    for i, (country,) in enumerate(found.keys):
        facts[Key("unmet", good, country)] = tonnes[:, i]
        facts[Key("shortage", good, country)] = shares[:, i]
    if wanted.sectors and "need_sector" in run.coords:
        single = _need(run, good, ("country", "sector"))
        for sector in wanted.sectors:
            for place in ("", *wanted.importers):
                mine = [i for i, (c, s) in enumerate(single.keys) if s == sector and place in ("", c)]
                if mine:
                    sums = (v[..., mine].sum(axis=-1) for v in (single.short, single.required))
                    enter(place, sector, *sums)
    if base is not None:
        facts |= _shortage_times(run, base, good, found)
    return facts


def _share_outside(found: _Need, country: str) -> Values:
    """(member, time) unmet share of all countries but one, unless nobody else needs the good."""
    abroad = [i for i, (place,) in enumerate(found.keys) if place != country] or slice(None)
    return metrics.unmet_share(found.short[..., abroad].sum(-1), found.required[..., abroad].sum(-1))


def _shortage_times(run: xr.Dataset, base: xr.Dataset, good: str, found: _Need) -> Facts:
    country = controller(run, good)
    start = run_metrics.first_event(own_events(run, base))
    if start is None:
        first = last = np.full(run.sizes["member"], np.nan)
    else:
        months = run_metrics.months_since(start, run["time"].values)
        usual = _share_outside(_need(base, good, ("country",)), country)
        excess = metrics.excess_share(_share_outside(found, country), usual)
        first = metrics.months_to_first_shortfall(excess, months)
        last = metrics.supply_recovery(excess, months)
    return {
        Key("first_shortage", good, country): first, Key("supply_recovery", good, country): last
    }  # fmt: skip


def _concentration(run: xr.Dataset, base: xr.Dataset | None, good: str) -> Facts:
    """Of the last year, and how much it differs from the baseline's."""

    def both(data: xr.Dataset) -> tuple[Values, Values]:
        year = run_metrics.steps_per_year(data)
        owners = data["hhi_owners"].sel(good=good).values[:, -year:]
        return (
            np.asarray(run_metrics.concentration(data, [good])["hhi"].values[:, -1], dtype=np.float64),
            over_run(owners, "hhi_owners"),
        )

    own = both(run)
    facts = {Key("hhi", good): own[0], Key("hhi_owners", good): own[1]}
    if base is not None:
        other = both(base)
        facts[Key("hhi_change", good)] = own[0] - other[0]
        facts[Key("hhi_owners_change", good)] = own[1] - other[1]
    return facts


def _arrivals(run: xr.Dataset, good: str, place: str) -> Values | None:
    """(member,) tonnes that reach a country from abroad; None where nothing of it is kept."""
    if "imports" in run:
        mine = (run["inbound_good"].values == good) & (run["inbound_country"].values == place)
        kept = run["imports"].isel(inbound=np.flatnonzero(mine))
        arrived: Values = over_run(kept.values, "imports").sum(axis=-1)
        return arrived
    if "flow_year" not in run:
        return None
    abroad = run["link_exporter"].values != place
    mine = (run["link_good"].values == good) & (run["link_importer"].values == place) & abroad
    if not mine.any():
        return np.zeros(run.sizes["member"])
    kept = run["flow_year"].isel(link=np.flatnonzero(mine))
    return np.asarray(kept.values.sum(axis=(1, 2), dtype=np.float64))


def _imports(run: xr.Dataset, base: xr.Dataset | None, good: str, wanted: Wanted) -> Facts:
    """What the countries asked for pay and get."""
    facts: Facts = {}
    for place in wanted.importers:
        if "price_delivered" in run and place in run["importer"].values.astype(str):
            paid = run["price_delivered"].sel(good=good, importer=place).values
            facts[Key("delivered", good, place)] = metrics.peak_price(paid)
        tonnes = _arrivals(run, good, place)
        if tonnes is not None:
            facts[Key("imports", good, place)] = tonnes
            usual = _arrivals(base, good, place) if base is not None else None
            if usual is not None:
                facts[Key("imports_change", good, place)] = tonnes - usual
    return facts
