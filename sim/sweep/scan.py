"""A scan: for many minerals and each of their largest suppliers, what if a year's exports, or output, stop?

A scan is a sweep of scenarios that it writes itself, a calm one for each mineral and one for each supplier,
so it is stored, resumed and read like any other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sim.analysis.metrics import highest_multiple, months_to_first_shortfall, price_recovery
from sim.analysis.run_metrics import months_since, shortage_share
from sim.errors import MonaziteError, did_you_mean
from sim.files import write_whole
from sim.tables import read_table
from sim.world.labels import load_labels
from sim.world.source import PANEL, panel_coverage, world_tables

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from sim.sweep.read import Sweep

__all__ = ["STOPS", "ScanCase", "largest_suppliers", "scan_minerals", "scan_table", "write_cases"]

STOPS = {
    "exports": "{{type: export_ban, by: {iso3}, to: world, goods: [{mineral}], from: {first}, until: {last}, "
    "assumption: 'all exports stop for a year'}}",
    "output": "{{type: outage, countries: [{iso3}], goods: [{mineral}], loss: 100 %, length: 12 months, "
    "from: {first}, assumption: 'all output stops for a year'}}",
}
"""What stops -> the event."""
OTHER = "ROW"
Values = npt.NDArray[np.float64]
MONTHS_BEFORE = 6
WEEKS_PER_MONTH = 365.25 / 12 / 7


@dataclass(frozen=True)
class ScanCase:
    """One supplier of one mineral. Names are those of the scenarios that are written."""

    mineral: str
    iso3: str
    share: float
    """Of the value that all countries export, or make."""
    name: str
    calm: str


def scan_minerals(base_year: int, named: Sequence[str] = ()) -> list[str]:
    """The minerals of a scan: those named, or all that the panel has in the year.

    Raises:
        MonaziteError: the year is not there, or a mineral is not.
    """
    known = sorted(mineral for mineral, years in panel_coverage().items() if base_year in years)
    if not known:
        say = "'monazite list minerals' shows its years"
        raise MonaziteError(f"the panel has no world of {base_year}; {say}")
    for mineral in named:
        if mineral not in known:
            say = did_you_mean(mineral, known, list_up_to=0) or "'monazite list minerals' shows all"
            raise MonaziteError(f"the panel has no {mineral[:60]} of {base_year}; {say}")
    return list(dict.fromkeys(named)) or known


def largest_suppliers(mineral: str, base_year: int, count: int, stop: str) -> dict[str, float]:
    """Countries that export most of a mineral by value, or make most of it -> their share; ROW is none.

    Args:
        mineral: of the panel. base_year: of the world. count: how many at the most.
        stop: ``exports`` or ``output``.
    """
    tables = world_tables(base_year, (mineral,), PANEL)
    labels = load_labels(base_year, tables)
    prices = read_table(tables / str(base_year) / "prices.csv", ("good", "price_usd_t")).pairs(
        "good", "price_usd_t"
    )
    value: dict[str, float] = {}
    for good in labels.goods:
        price = float(prices[good.id])
        if stop == "exports":
            sold = {(i, j): t for (i, j), t in labels.trade(good.id).items() if i != j}
            amounts = [(i, tonnes) for (i, _), tonnes in sold.items()]
        else:
            amounts = [
                (labels.facilities[name].country, tonnes)
                for (made, name), tonnes in labels.output.items()
                if made == good.id and labels.facilities[name].kind != "trader"
            ]
        for country, tonnes in amounts:
            value[country] = value.get(country, 0.0) + tonnes * price
    whole = math.fsum(value.values())
    ordered = sorted(value, key=lambda country: (-value[country], country))
    named = [country for country in ordered if country != OTHER and value[country] > 0]
    return {country: value[country] / whole for country in named[:count]}


def write_cases(
    folder: Path, minerals: Sequence[str], base_year: int, settings: tuple[int, str, int]
) -> list[ScanCase]:
    """Write the scenarios of a scan.

    Args:
        folder: for the files; those that are there already are left if they are the same.
        minerals: of the panel. base_year: of their worlds.
        settings: suppliers of each mineral, what stops, months of a run.
    """
    count, stop, months = settings
    first = f"{base_year}-{MONTHS_BEFORE + 1:02d}-01"
    last = f"{base_year + 1}-{MONTHS_BEFORE:02d}-30"
    end = f"{base_year + (months - 1) // 12}-{(months - 1) % 12 + 1:02d}"
    cases = []
    folder.mkdir(parents=True, exist_ok=True)
    for mineral in minerals:
        calm = f"scan-{base_year}-{mineral}".replace("_", "-")
        head = f"base_year: {base_year}\nminerals: [{mineral}]\nworld: {PANEL}\n"
        head += f"time: {{start: {base_year}-01, end: {end}}}\n"
        _write(folder, calm, f"{mineral} without a stop", head)
        for iso3, share in largest_suppliers(mineral, base_year, count, stop).items():
            event = STOPS[stop].format(iso3=iso3, mineral=mineral, first=first, last=last)
            name = f"{calm}-{iso3.lower()}-{stop}"
            body = f"{head}compare_to: {calm}\nevents:\n  stop: {event}\n"
            _write(folder, name, f"{iso3}: {stop} of {mineral} stop for a year", body)
            cases.append(ScanCase(mineral, iso3, share, name, calm))
    return cases


def _write(folder: Path, name: str, title: str, body: str) -> None:
    text = f"format: 2\nname: {name}\ntitle: '{title}'\n{body}".encode()
    path = folder / f"{name}.yaml"
    if not path.is_file() or path.read_bytes() != text:
        write_whole(path, text)


def scan_table(
    sweep: Sweep, cases: Sequence[ScanCase], country: Sequence[str], risk: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """One row for each case, the largest loss first.

    Args:
        sweep: complete. cases: those that it ran.
        country: ISO-3 codes whose value lost is ranked; all where empty.
        risk: supplier -> weight; with it ``value_lost_weighted`` is ranked.

    Returns:
        mineral, supplier, share, value_lost (USD, median) with p10 and p90, price_peak (multiple of the
        paired baseline, median) with p10 and p90, weeks_to_shortage, months_to_recover (medians; inf: never),
        unmet (largest share of need missing in a month, median).
    """
    import pandas as pd

    rows = []
    for case in cases:
        found, calm = sweep.dataset(case.name), sweep.dataset(case.calm)
        rows.append({"mineral": case.mineral, "supplier": case.iso3, "share": case.share,
                     **_measures(found, calm, country)})  # fmt: skip
    table = pd.DataFrame(rows)
    ranked = "value_lost"
    if risk is not None:
        table["weight"] = [risk.get(iso3, math.nan) for iso3 in table["supplier"]]
        table["value_lost_weighted"] = table["value_lost"] * table["weight"]
        ranked = "value_lost_weighted"
    order = ["mineral", "supplier"]
    return table.sort_values([ranked, *order], ascending=[False, True, True], ignore_index=True)


def _measures(found: xr.Dataset, calm: xr.Dataset, country: Sequence[str]) -> dict[str, float]:
    lost = _value_lost(found, country) - _value_lost(calm, country)
    prices, base = (data["price_outside"].values.astype(np.float64) for data in (found, calm))
    multiple = highest_multiple(prices, base)
    # The good of the mineral that becomes dearest, in the median of the members.
    good = int(np.nanargmax(np.nan_to_num(np.nanmedian(multiple, axis=0), nan=0.0)))
    first = np.datetime64(f"{int(calm.attrs['base_year'])}-{MONTHS_BEFORE + 1:02d}-01")
    months = months_since(first, found["time"].values)
    ratio = prices[:, :, good] / base[:, :, good]
    excess = np.max(
        [shortage_share(found, g) - shortage_share(calm, g) for g in found["good"].values.astype(str)],
        axis=0,
    )
    recovery = price_recovery(ratio, months)
    return {
        **_band("value_lost", lost),
        **_band("price_peak", multiple[:, good]),
        "weeks_to_shortage": float(np.median(months_to_first_shortfall(excess, months))) * WEEKS_PER_MONTH,
        "months_to_recover": float(np.median(recovery)),
        "unmet": float(np.median(excess.max(axis=1))),
    }


def _value_lost(data: xr.Dataset, country: Sequence[str]) -> Values:
    lost = data["value_added_at_risk"].values.astype(np.float64).sum(axis=1)
    if not country:
        return np.asarray(lost.sum(axis=1))
    places = data["facility_country"].values.astype(str)
    return np.asarray(lost[:, np.isin(places, list(country))].sum(axis=1))


def _band(name: str, values: Values) -> dict[str, float]:
    low, middle, high = np.nanquantile(values, (0.1, 0.5, 0.9))
    return {name: float(middle), f"{name}_p10": float(low), f"{name}_p90": float(high)}
