"""``python -m scripts.panel --source FOLDER``: make ``data/panel`` from tables kept elsewhere.

The tables, by the names that they have in FOLDER:

| file | where it comes from |
|---|---|
| `baci_minerals_1995_2024.parquet` | CEPII BACI, HS92, 54 codes (Gaulier and Zignago 2010); Etalab 2.0 |
| `bgs_production_1971_2023.csv.gz` | BGS World Mineral Statistics, output by country |
| `usgs_world_panel_2021_2025.csv` | USGS Mineral Commodity Summaries (MCS) 2023 to 2026, tonnes |
| `usgs_mcs2025_world.csv` | USGS MCS 2025 world tables, doi 10.5066/P13XCP3R |
| `usgs_mcs2026_critical.csv` | USGS MCS 2026 data release, doi 10.5066/P1WKQ63T |
| `iea_supply_by_country.csv` | IEA Critical Minerals Data Explorer |
| `usgs_prices_2017_2024.csv` | USGS MCS 2022, 2024 and 2026, prices |
| `usgs_ds140_annual.csv.gz` | USGS Data Series 140, US unit values and world output |
| `worldbank_metals_monthly.csv` | World Bank Commodity Price Data (Pink Sheet), monthly |

Which rows are taken, and how they are converted, stands in `data/panel/*_series.csv`. Three Parquet files are
written: `output` (mineral, stage, iso3, year, tonnes), `prices` (series, year, USD per tonne) and `trade`
(year, hs6, exporter, importer, thousand USD, gross tonnes); and `coverage.csv`: the years that they make.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

PANEL = Path(__file__).resolve().parents[1] / "data" / "panel"
FIRST, LAST = 1996, 2024
LEAST_COVERAGE = 0.6
"""A year whose countries add up to less of the world output that USGS states is left out."""
MOST_COVERAGE = 2.5
UNITS = {
    "metric tons": 1.0, "": 1.0, "thousand metric tons": 1e3, "thousand metric dry tons": 1e3,
    "million metric tons": 1e6, "kilograms": 1e-3,
}  # fmt: skip
DS140 = {"magnesium": "magnesium_metal"}
OUTPUT = ["mineral", "stage", "iso3", "year", "tonnes", "source", "confidence"]


def _table(path: Path) -> pd.DataFrame:
    frame: pd.DataFrame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    return frame


def _series(name: str) -> list[dict[str, str]]:
    frame = pd.read_csv(PANEL / f"{name}.csv", keep_default_na=False, dtype=str)
    return [{str(k): str(v) for k, v in row.items()} for row in frame.to_dict("records")]


def _found(
    part: pd.DataFrame, row: dict[str, str], tonnes: pd.Series, source: pd.Series | str
) -> pd.DataFrame:
    labels = {"mineral": row["mineral"], "stage": row["stage"], "confidence": row["confidence"]}
    found: pd.DataFrame = part.assign(**labels, tonnes=tonnes * float(row["factor"]), source=source)[OUTPUT]
    return found


def _summed(found: pd.DataFrame) -> pd.DataFrame:
    """Rows of one country and year added up."""
    keys = [column for column in OUTPUT if column != "tonnes"]
    sums: pd.DataFrame = found.groupby(keys)[["tonnes"]].sum().reset_index()
    return sums[OUTPUT]


def _bgs(folder: Path, rows: list[dict[str, str]]) -> Iterator[pd.DataFrame]:
    table = _table(folder / "bgs_production_1971_2023.csv.gz").fillna({"sub_commodity": ""})
    table = table.assign(quantity=pd.to_numeric(table["quantity"], errors="coerce"))
    table = table[(table.year >= FIRST) & (table.quantity > 0)]
    name = "BGS World Mineral Statistics"
    for row in rows:
        part = table[(table.commodity == row["commodity"]) & (table.sub_commodity == row["part"])]
        found = _found(part, row, part.quantity, name)
        if row["mineral"] == "manganese":
            found.loc[found.iso3 == "CHN", "tonnes"] *= 0.2 / 0.38
        yield found
    yield _lithium(table[table.commodity == "lithium minerals"], name)


def _lithium(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Lithium carbonate equivalent: of each country the larger of what contents and products add up to."""
    parts = []
    for row in _series("lithium_series"):
        part = table[table.sub_commodity == row["part"]]
        if row["countries"] != "*":
            part = part[part.iso3.isin(row["countries"].split(";"))]
        kind = "content" if "content" in row["part"] else "product"
        parts.append(part.assign(kind=kind, part=row["part"], tonnes=part.quantity * float(row["factor"])))
    found = pd.concat(parts)
    # What is unspecified holds the products that are named beside it.
    named = found[(found.part != "") & found.iso3.isin(["ARG", "CAN", "USA"])][["year", "iso3"]]
    known = set(map(tuple, named.itertuples(index=False)))
    keys = found[["year", "iso3"]].itertuples(index=False)
    twice = np.array([tuple(key) in known for key in keys]) & (found.part == "").to_numpy()
    found = found[~twice]
    sums = found.groupby(["year", "iso3", "kind"])[["tonnes"]].sum().reset_index()
    largest = sums.groupby(["year", "iso3"])[["tonnes"]].max().reset_index()
    labels = {"mineral": "lithium", "stage": "mine", "confidence": "derived", "source": name}
    result: pd.DataFrame = largest.assign(**labels)[OUTPUT]
    return result


def _panel(folder: Path, rows: list[dict[str, str]]) -> Iterator[pd.DataFrame]:
    table = _table(folder / "usgs_world_panel_2021_2025.csv")
    table = table[(table.measure == "production") & (table.year <= LAST) & (table.value_t > 0)]
    for row in rows:
        part = table[(table.mineral == row["commodity"]) & (table.stage == row["part"])]
        vintage = part.vintage.str.replace("MCS", "USGS MCS ")
        yield _found(part, row, part.value_t, vintage)


def _mcs2025(folder: Path, rows: list[dict[str, str]]) -> Iterator[pd.DataFrame]:
    table = _table(folder / "usgs_mcs2025_world.csv").fillna({"unit": "", "type": ""})
    commodity, unit = table.commodity.str.strip(), table.unit.str.strip().map(UNITS)
    for row in rows:
        kind = np.logical_and.reduce(
            [table.type.str.contains(word.strip(), regex=False) for word in row["part"].split(";")]
        )
        for year, column in ((2023, "prod_2023"), (2024, "prod_2024e")):
            value = pd.to_numeric(table[column], errors="coerce") * unit
            keep = (commodity == row["commodity"]) & kind & (value > 0)
            part = table[keep].assign(year=year)
            found = _found(part, row, value[keep], "USGS MCS 2025")
            yield _summed(found)


def _mcs2026(folder: Path, rows: list[dict[str, str]]) -> Iterator[pd.DataFrame]:
    table = _table(folder / "usgs_mcs2026_critical.csv").fillna({"detail": "", "unit": ""})
    table = table[(table.statistic == "Production") & (table.year.astype(str) == str(LAST))]
    table = table[table.section.str.startswith("World")].assign(year=LAST)
    for row in rows:
        detail = table.detail.str.startswith(row["part"]) & ~table.detail.str.contains("rounded")
        part = table[(table.commodity == row["commodity"]) & detail]
        value = pd.to_numeric(part.value, errors="coerce") * part.unit.map(UNITS)
        found = _found(part, row, value, "USGS MCS 2026")
        found = found[found.tonnes > 0]
        yield _summed(found)


def _iea(folder: Path, rows: list[dict[str, str]]) -> Iterator[pd.DataFrame]:
    table = _table(folder / "iea_supply_by_country.csv")
    table = table[(table.year == LAST) & (table.kt > 0)]
    for row in rows:
        part = table[(table.mineral == row["commodity"]) & (table.stage == row["part"])]
        yield _found(part, row, part.kt, "IEA Critical Minerals Data Explorer")


ORIGINS = {"mcs2026": _mcs2026, "mcs2025": _mcs2025, "panel": _panel, "iea": _iea, "bgs": _bgs}
"""Readers of output; where several have a year of a mineral, the first is kept."""


def output(folder: Path) -> pd.DataFrame:
    """Output by country, one source for each year of a mineral's stage."""
    series = _series("output_series")
    kept: dict[tuple[str, str, int], pd.DataFrame] = {}
    parts = [_table(PANEL / "usgs_tin_2021_2022.csv").assign(confidence="seen")]
    for origin, read in ORIGINS.items():
        parts.extend(read(folder, [row for row in series if row["origin"] == origin]))
    for part in parts:
        part = part[(part.iso3 != "WLD") & part.iso3.notna()]
        for key, rows in part.groupby(["mineral", "stage", "year"]):
            words = [str(word) for word in key]
            kept.setdefault((words[0], words[1], int(words[2])), rows)
    world = _world(folder)
    good = []
    for (mineral, stage, year), rows in kept.items():
        total = float(rows.tonnes.sum())
        stated = world.get((DS140.get(mineral, mineral), stage, year), total)
        if LEAST_COVERAGE <= total / stated <= MOST_COVERAGE:
            good.append(rows)
    frame = pd.concat(good).sort_values(["mineral", "stage", "year", "iso3"], ignore_index=True)
    return frame.astype({"year": "int16", "tonnes": "float64"})


def _world(folder: Path) -> dict[tuple[str, str, int], float]:
    """World output by mineral, stage and year as Data Series 140 states it, in the units of the panel."""
    table = _table(folder / "usgs_ds140_annual.csv.gz")
    table = table[table.year >= FIRST]
    found: dict[tuple[str, str, int], float] = {}
    for measure, stage in (
        ("World production", "mine"), ("World mine production", "mine"), ("World production", "refined"),
    ):  # fmt: skip
        part = table[table.measure == measure]
        for commodity, year, value in zip(part.commodity, part.year, part.value, strict=True):
            factor = 5.323 if commodity == "lithium" else 1.0
            if not (commodity == "nickel" and stage == "refined"):
                found[str(commodity), stage, int(year)] = float(value) * factor
    return found


def trade(folder: Path) -> pd.DataFrame:
    """Bilateral trade, sorted so that a reader of one code and year touches little else."""
    frame = pd.read_parquet(folder / "baci_minerals_1995_2024.parquet")
    frame = frame[(frame.year >= FIRST) & (frame.exporter != frame.importer)]
    return frame.sort_values(["hs6", "year", "exporter", "importer"], ignore_index=True)


def unit_values(records: pd.DataFrame) -> dict[tuple[str, int], float]:
    """Median unit value of a code in a year, USD per gross tonne.

    Weighted by the geometric mean of value and tonnes, so that neither a wrong value nor a wrong quantity of
    one record carries the median.
    """
    found = {}
    whole = records.dropna(subset=["quantity_t", "value_kusd"])
    whole = whole[whole.quantity_t > 0]
    for key, part in whole.groupby(["hs6", "year"]):
        value = part.value_kusd.to_numpy(dtype=float)
        tonnes = part.quantity_t.to_numpy(dtype=float)
        unit, weight = value / tonnes, np.sqrt(value * tonnes)
        order = np.argsort(unit, kind="stable")
        place = np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2)
        code, year = map(str, key)
        found[code, int(year)] = float(unit[order][place]) * 1e3
    return found


def _yearly(folder: Path, row: dict[str, str], units: dict[tuple[str, int], float]) -> dict[int, float]:
    """One source of a price series: year -> USD per tonne before its factor."""
    if row["origin"] == "worldbank":
        table = _table(folder / "worldbank_metals_monthly.csv")
        year = table.month.str[:4].astype(int)
        months = table[row["key"]].groupby(year).agg(["mean", "count"])
        return {int(y): float(m) for y, m in months[months["count"] == 12]["mean"].items()}  # type: ignore[call-overload]
    if row["origin"] == "usgs":
        table = _table(folder / "usgs_prices_2017_2024.csv")
        words = table.series.str.contains(row["words"], regex=False)
        part = table[(table.commodity == row["key"]) & words].dropna(subset=["price"])
        part = part.sort_values("vintage").drop_duplicates("year", keep="last")
        return {int(y): float(p) for y, p in zip(part.year, part.price, strict=True) if p > 0}
    if row["origin"] == "ds140":
        table = _table(folder / "usgs_ds140_annual.csv.gz")
        part = table[(table.commodity == row["key"]) & (table.measure == "Unit value ($/t)")]
        return {int(y): float(v) for y, v in zip(part.year, part.value, strict=True) if v > 0}
    return {year: value for (code, year), value in units.items() if code == row["key"]}


NAMES = {
    "worldbank": "World Bank Commodity Price Data", "usgs": "USGS MCS", "ds140": "USGS Data Series 140",
    "trade": "CEPII BACI, HS",
}  # fmt: skip


def prices(folder: Path, units: dict[tuple[str, int], float]) -> pd.DataFrame:
    """Price of each series and year from the first source that has it; gaps between years are bridged."""
    rows: dict[tuple[str, int], tuple[float, str, str]] = {}
    for row in _series("price_series"):
        name = NAMES[row["origin"]] + (f" {row['key']}" if row["origin"] == "trade" else "")
        for year, value in _yearly(folder, row, units).items():
            if FIRST <= year <= LAST:
                entry = value * float(row["factor"]), f"{name}: {row['note']}", row["confidence"]
                rows.setdefault((row["series"], year), entry)
    for series in sorted({name for name, _ in rows}):
        known = sorted(year for name, year in rows if name == series)
        for before, after in pairwise(known):
            for year in range(before + 1, after):
                low, high = rows[series, before][0], rows[series, after][0]
                value = low * (high / low) ** ((year - before) / (after - before))
                rows[series, year] = value, f"between {before} and {after}", "derived"
    found = [(name, year, *entry) for (name, year), entry in sorted(rows.items())]
    return pd.DataFrame(found, columns=["series", "year", "usd_t", "source", "confidence"])


def coverage(made: pd.DataFrame, paid: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """Years of each mineral: stages in all, with output by country, with records of trade.

    A year counts where the first stage has output and every stage a price.
    """
    chains = _series("chains")
    outputs = set(zip(made.mineral, made.stage, made.year, strict=True))
    priced = set(zip(paid.series, paid.year, strict=True))
    traded = set(zip(records.hs6, records.year, strict=True))
    rows = []
    for mineral in sorted({row["mineral"] for row in chains}):
        stages = [row for row in chains if row["mineral"] == mineral]
        for year in range(FIRST, LAST + 1):
            if (mineral, stages[0]["output"], year) not in outputs:
                continue
            if not all((row["price"], year) in priced for row in stages):
                continue
            known = [bool(row["output"]) and (mineral, row["output"], year) in outputs for row in stages]
            trade_of = [any((code, year) in traded for code in row["codes"].split(";")) for row in stages]
            rows.append((mineral, year, len(stages), sum(known), sum(trade_of)))
    return pd.DataFrame(rows, columns=["mineral", "year", "stages", "output", "trade"])


def _write(frame: pd.DataFrame, name: str, groups: str | None = None) -> None:
    """One Parquet file; with ``groups`` a row group for each value of that column."""
    words = [c for c in frame.columns if str(frame[c].dtype) in ("object", "str", "string")]
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    for column in words:
        place = table.schema.get_field_index(column)
        table = table.set_column(place, column, table[column].cast(pa.string()).dictionary_encode())
    path = PANEL / f"{name}.parquet"
    with pq.ParquetWriter(path, table.schema, compression="zstd", compression_level=19) as writer:
        cuts = [0, len(frame)]
        if groups is not None:
            values = frame[groups].to_numpy()
            cuts = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(frame)]
        for start, stop in pairwise(cuts):
            writer.write_table(table.slice(start, stop - start), row_group_size=max(stop - start, 1))


def main() -> None:
    """Read FOLDER, write ``data/panel``."""
    parser = argparse.ArgumentParser(prog="python -m scripts.panel", description="make data/panel")
    parser.add_argument("--source", type=Path, required=True, help="folder of the tables named above")
    folder = parser.parse_args().source
    records, made = trade(folder), output(folder)
    paid = prices(folder, unit_values(records))
    _write(made, "output")
    _write(paid, "prices")
    coverage(made, paid, records).to_csv(PANEL / "coverage.csv", index=False, lineterminator="\n")
    _write(records, "trade", groups="hs6")


if __name__ == "__main__":
    main()
