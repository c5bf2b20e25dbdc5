"""One good in one run, as numbers per member: prices, shortages, recovery, concentration.

Members are read some hundred at a time, so that ten thousand of them fit into memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis import metrics, run_metrics
from sim.analysis.compared_shares import Shares, last_year, share_facts, shares_of
from sim.analysis.comparison import Key
from sim.analysis.select import controller, events_for, price, user_needs
from sim.results.grouping import group_sum, over_run

Values = npt.NDArray[np.float64]
Made = TypeVar("Made")
Facts = dict[Key, Values]
"""What is measured -> (member,) in tonnes, USD, shares of one or months."""

__all__ = ["PEAK", "Facts", "Wanted", "good_facts", "in_blocks", "largest_moves"]

BLOCK = 256
"""Members read at once."""
USED = (
    "price_outside", "price_inside", "price_gate", "hhi_owners", "production", "shortfall", "requirement"
)  # fmt: skip
MOST_TOGETHER = 4
"""Blocks in memory at once."""
NEEDED = (*USED, "imports", "price_delivered", "flow_year", "sales", "sales_year")
"""All that is read of a run: to cut out members of every variable that a run has takes as long as to read."""
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

    def some(rows: slice) -> Facts:
        return make(run.isel(member=rows), base.isel(member=rows) if base is not None else None)

    return _joined(each(some, blocks_of(run)))


def each(make: Callable[[slice], Made], blocks: Sequence[slice]) -> list[Made]:
    """What is made of each block of members, in their order; some of them at the same time.

    Reading, unpacking and most of what numpy does happen outside Python's lock. What is made of a block hangs
    on that block alone, so the numbers are the same however many are made together.
    """
    if len(blocks) == 1:
        return [make(blocks[0])]
    with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_TOGETHER)) as pool:
        return list(pool.map(make, blocks))


def blocks_of(run: xr.Dataset) -> list[slice]:
    """All members of a run, some at a time."""
    return [slice(first, first + BLOCK) for first in range(0, run.sizes["member"], BLOCK)]


def _joined(parts: Sequence[Facts]) -> Facts:
    """Facts of members from those of some of them at a time."""
    if len(parts) == 1:
        return parts[0]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def good_facts(
    base: xr.Dataset,
    pairs: Mapping[str, tuple[xr.Dataset, xr.Dataset]],
    controls: Mapping[str, Sequence[str]],
    wanted: Wanted,
) -> tuple[Facts, dict[str, Facts]]:
    """All that a comparison says of some goods in the baseline, and in each scenario.

    Args:
        base: results of the baseline.
        pairs: scenario -> its results and those of the paired baseline; where all members are paired in
            their order, these are ``base`` itself, which is then read once for all scenarios.
        controls: good id -> countries between whose inside and outside prices are told apart in the
            baseline; in a scenario it is its own controlling country.
        wanted: what is asked for beyond that.

    Returns:
        Of the baseline, and of each scenario, numbers by :class:`~sim.analysis.comparison.Key`; ``place``
        of a price is the controlling country.
    """
    goods = list(controls)
    own = {name: {good: [controller(data, good)] for good in goods} for name, (data, _) in pairs.items()}
    beside = [name for name, (_, usual) in pairs.items() if usual is base]
    narrow = {name: _needed(data) for name, (data, _) in pairs.items()}
    alone = _needed(base)

    def together(rows: slice) -> tuple[Facts, list[Facts]]:
        usual = _Members(_read(alone.isel(member=rows), goods))
        others = [
            _facts(_Members(_read(narrow[name].isel(member=rows), goods)), usual, own[name], wanted)
            for name in beside
        ]
        return _facts(usual, None, controls, wanted), others

    made = each(together, blocks_of(base))
    found = {name: _joined([others[i] for _, others in made]) for i, name in enumerate(beside)}
    for name, (_, paired_base) in pairs.items():
        if name not in beside:
            usual = _needed(paired_base)

            def apart(rows: slice, run: xr.Dataset = narrow[name], usual: xr.Dataset = usual, name: str = name
                      ) -> Facts:  # fmt: skip
                now, before = (_Members(_read(data.isel(member=rows), goods)) for data in (run, usual))
                return _facts(now, before, own[name], wanted)

            found[name] = _joined(each(apart, blocks_of(narrow[name])))
    return _joined([facts for facts, _ in made]), found


def _needed(data: xr.Dataset) -> xr.Dataset:
    return data[[name for name in NEEDED if name in data]]


@dataclass
class _Members:
    """Some members in memory, and what has been made of them, which the baseline's are asked for again."""

    data: xr.Dataset
    needs: dict[tuple[str, tuple[str, ...]], _Need] = field(default_factory=dict)
    spread: dict[str, tuple[Values, Values]] = field(default_factory=dict)
    shares: dict[str, Shares] = field(default_factory=dict)

    def need(self, good: str, by: tuple[str, ...]) -> _Need:
        """Tonnes missing and needed by labels of users."""
        if (good, by) not in self.needs:
            self.needs[good, by] = _need(self.data, good, by)
        return self.needs[good, by]

    def concentration(self, good: str) -> tuple[Values, Values]:
        """(member,) indices of the last year, of output by country and of sales by owner."""
        if good not in self.spread:
            self.spread[good] = _last_year(self.data, good)
        return self.spread[good]

    def share(self, good: str) -> Shares:
        """Shares of the last year, by country and owner."""
        if good not in self.shares:
            self.shares[good] = shares_of(self.data, good)
        return self.shares[good]


def _facts(
    run: _Members, base: _Members | None, controls: Mapping[str, Sequence[str]], wanted: Wanted
) -> Facts:
    """Of some members and of those that they are paired with; None for the baseline itself."""
    facts: Facts = {}
    usual = base.data if base is not None else None
    for good, places in controls.items():
        facts |= {**_concentration(run, base, good), **_imports(run.data, usual, good, wanted)}
        for country in places:
            facts |= _prices(run.data, usual, good, country)
        facts |= _users(run, base, good, wanted)
        facts |= share_facts(good, run.share(good), base.share(good) if base is not None else None)
    return facts


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
    wanted = [data["price_outside"].sel(good=list(goods)) for data in (run, base)]

    def moves(rows: slice) -> Values:
        now, before = (prices.isel(member=rows).values for prices in wanted)
        return np.nan_to_num(metrics.largest_move(now, before))

    return np.concatenate(each(moves, blocks_of(run)))


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
    start = run_metrics.first_event(events_for(run, base, good))
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
    where = user_needs(run, good)
    labels = [run[f"need_{name}"].values.astype(str)[where] for name in by]
    keys, short = group_sum(run["shortfall"].isel(need=where).values, labels)
    _, required = group_sum(run["requirement"].isel(need=where).values, labels)
    return _Need(keys, short, required)


def _users(run: _Members, base: _Members | None, good: str, wanted: Wanted) -> Facts:
    """Unmet demand in all and by country, by sector where asked; when it begins and ends."""
    found = run.need(good, ("country",))
    window = run_metrics.steps_per_year(run.data)
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
    if wanted.sectors and "need_sector" in run.data.coords:
        single = run.need(good, ("country", "sector"))
        for sector in wanted.sectors:
            for place in ("", *wanted.importers):
                mine = [i for i, (c, s) in enumerate(single.keys) if s == sector and place in ("", c)]
                if mine:
                    sums = (v[..., mine].sum(axis=-1) for v in (single.short, single.required))
                    enter(place, sector, *sums)
    if base is not None:
        facts |= _shortage_times(run.data, base, good, found)
    return facts


def _share_outside(found: _Need, country: str) -> Values:
    """(member, time) unmet share of all countries but one, unless nobody else needs the good."""
    abroad = [i for i, (place,) in enumerate(found.keys) if place != country] or slice(None)
    return metrics.unmet_share(found.short[..., abroad].sum(-1), found.required[..., abroad].sum(-1))


def _shortage_times(run: xr.Dataset, base: _Members, good: str, found: _Need) -> Facts:
    country = controller(run, good)
    start = run_metrics.first_event(events_for(run, base.data, good))
    if start is None:
        first = last = np.full(run.sizes["member"], np.nan)
    else:
        months = run_metrics.months_since(start, run["time"].values)
        usual = _share_outside(base.need(good, ("country",)), country)
        excess = metrics.excess_share(_share_outside(found, country), usual)
        first = metrics.months_to_first_shortfall(excess, months)
        last = metrics.supply_recovery(excess, months)
    return {
        Key("first_shortage", good, country): first, Key("supply_recovery", good, country): last
    }  # fmt: skip


def _last_year(data: xr.Dataset, good: str) -> tuple[Values, Values]:
    owners = data["hhi_owners"].sel(good=good).values[:, last_year(data)]
    return (
        np.asarray(run_metrics.concentration(data, [good])["hhi"].values[:, -1], dtype=np.float64),
        over_run(owners, "hhi_owners"),
    )


def _concentration(run: _Members, base: _Members | None, good: str) -> Facts:
    """Of the last year, and how much it differs from the baseline's."""
    own = run.concentration(good)
    facts = {Key("hhi", good): own[0], Key("hhi_owners", good): own[1]}
    if base is not None:
        other = base.concentration(good)
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
