"""Tidy long-form tables of one run: one number per row, with its unit.

The tables hold the central member and quantiles over members; the values of each member are in
the labelled arrays beside them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr
from pandas.api.types import union_categoricals

from sim.results.grouping import group_sum, member_statistics, over_run, share

Axes = Sequence[tuple[Sequence[str], Sequence[Sequence[object]]]]

EVENT_QUANTITIES = {
    "event_tonnes": "tonnes touched",
    "event_usd": "value touched",
    "event_flow": "tonnes acted on",
    "event_change": "change of tonnes",
    "event_flow_usd": "value acted on",
    "event_waiting": "tonnes waiting",
    "event_filed": "tonnes applied for so far",
    "event_approved": "tonnes approved so far",
}
"""Variable -> what the table of events calls it."""

__all__ = ["EVENT_QUANTITIES", "TABLES", "long_table", "stacked", "tidy_tables", "write_tables"]

TABLES = ("prices", "supply", "shortfall", "unmet_demand", "flows", "events", "ledger")


def _strings(dataset: xr.Dataset, name: str) -> list[str]:
    return [str(value) for value in dataset[name].values]


def _column(labels: Sequence[object], position: npt.NDArray[np.intp]) -> Any:
    """One column of labels by position: days as dates, numbers as numbers, texts as categories."""
    if isinstance(labels[0], str):
        names, codes = np.unique(np.array(labels, dtype=str), return_inverse=True)
        # Codes instead of texts: a table has millions of cells and a few hundred names.
        return pd.Categorical.from_codes(codes[position], categories=pd.Index(names.tolist(), dtype=object))
    return np.asarray(labels)[position]


def long_table(
    statistics: dict[str, npt.NDArray[np.float64]],
    axes: Axes,
    unit: str | Sequence[str],
    **constant: str,
) -> pd.DataFrame:
    """Rows for every cell of the statistics' arrays, cells without a value left out.

    Each entry of ``axes`` describes one array axis: the column names, then for every position
    the values of these columns. ``unit`` is one text, or one per position of the last axis.
    """
    values = np.stack(list(statistics.values()))
    flat = np.flatnonzero(~np.isnan(values.reshape(-1)))
    statistic, *positions = np.unravel_index(flat, values.shape)
    columns: dict[str, Any] = {}
    for (names, rows), position in zip(axes, positions, strict=True):
        for i, name in enumerate(names):
            columns[name] = _column([row[i] for row in rows], position) if rows else []
    for name, text in constant.items():
        columns[name] = _column([text], np.zeros(len(flat), dtype=np.intp))
    columns["statistic"] = _column(list(statistics), statistic)
    columns["value"] = values.reshape(-1)[flat]
    units = [unit] * values.shape[-1] if isinstance(unit, str) else list(unit)
    columns["unit"] = _column(units, positions[-1]) if units else []
    return pd.DataFrame(columns)


def stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames with equal columns below each other, categories united."""
    together = {}
    for name in frames[0].columns:
        parts = [frame[name] for frame in frames if len(frame)]
        if parts and isinstance(parts[0].dtype, pd.CategoricalDtype):
            together[name] = pd.Series(union_categoricals(parts, sort_categories=True))
        else:
            together[name] = pd.concat(parts, ignore_index=True) if parts else frames[0][name]
    return pd.DataFrame(together)


def _time_axis(dataset: xr.Dataset) -> tuple[list[str], list[tuple[object]]]:
    return ["time"], [(day,) for day in dataset["time"].values.astype("datetime64[ms]")]


def _good_facts(dataset: xr.Dataset) -> dict[str, tuple[str, str, str]]:
    columns = (_strings(dataset, f"good_{c}") for c in ("mineral", "stage", "unit"))
    return dict(zip(_strings(dataset, "good"), zip(*columns, strict=True), strict=True))


def _prices(dataset: xr.Dataset) -> pd.DataFrame:
    facts = _good_facts(dataset)
    rows = [(good, *facts[good][:2]) for good in facts]
    frames = [
        long_table(
            member_statistics(dataset[f"price_{market}"].values),
            [_time_axis(dataset), (["good", "mineral", "stage"], rows)],
            "USD/t",
            market=market,
        )
        for market in ("inside", "outside", "gate")
    ]
    return stacked(frames)


def _supply(dataset: xr.Dataset) -> pd.DataFrame:
    facts = _good_facts(dataset)
    labels = [_strings(dataset, "offer_good"), _strings(dataset, "offer_country")]
    keys, output = group_sum(dataset["production"].values, labels)
    rows = [(good, *facts[good][:2], country) for good, country in keys]
    step = dataset.attrs.get("step", "step")
    return long_table(
        member_statistics(output),
        [_time_axis(dataset), (["good", "mineral", "stage", "country"], rows)],
        [f"{facts[good][2]}/{step}" for good, _ in keys],
        quantity="production",
    )


def _shortfall(dataset: xr.Dataset) -> pd.DataFrame:
    facts = _good_facts(dataset)
    sector = [
        s or k for s, k in zip(_strings(dataset, "need_sector"), _strings(dataset, "need_kind"), strict=True)
    ]
    labels = [_strings(dataset, "need_good"), _strings(dataset, "need_country"), sector]
    step = dataset.attrs.get("step", "step")
    frames = []
    for quantity in ("shortfall", "requirement"):
        keys, total = group_sum(dataset[quantity].values, labels)
        rows = [(key[0], *facts[key[0]][:2], *key[1:]) for key in keys]
        frames.append(
            long_table(
                member_statistics(total),
                [_time_axis(dataset), (["good", "mineral", "stage", "country", "sector"], rows)],
                [f"{facts[key[0]][2]}/{step}" for key in keys],
                quantity=quantity,
            )
        )
    return stacked(frames)


def _unmet_demand(dataset: xr.Dataset) -> pd.DataFrame:
    facts = _good_facts(dataset)
    labels = [_strings(dataset, "need_good"), _strings(dataset, "need_country")]
    keys, short = group_sum(over_run(dataset["shortfall"].values, "shortfall"), labels)
    _, required = group_sum(over_run(dataset["requirement"].values, "requirement"), labels)
    axes = [(["good", "mineral", "stage", "country"], [(k[0], *facts[k[0]][:2], k[1]) for k in keys])]
    units = [facts[key[0]][2] for key in keys]
    frames = [
        long_table(member_statistics(short), axes, units, quantity="unmet demand, whole run"),
        long_table(member_statistics(required), axes, units, quantity="requirement, whole run"),
        long_table(
            member_statistics(share(short, required)), axes, "1",
            quantity="unmet demand / requirement, whole run",
        ),
    ]  # fmt: skip
    return stacked(frames)


def _flows(dataset: xr.Dataset) -> pd.DataFrame:
    facts = _good_facts(dataset)
    columns = [_strings(dataset, f"link_{c}") for c in ("good", "exporter", "importer")]
    links = [(good, *facts[good][:2], *pair) for good, *pair in zip(*columns, strict=True)]
    statistics = {
        f"p{round(100 * float(q)):02d}": np.asarray(dataset["flow"].values[i], dtype=np.float64)
        for i, q in enumerate(dataset["quantile"].values)
    }
    axes = [
        (["year"], [(int(year),) for year in dataset["year"].values]),
        (["good", "mineral", "stage", "exporter", "importer"], links),
    ]
    return long_table(statistics, axes, [f"{facts[link[0]][2]}/year" for link in links])


def _events(dataset: xr.Dataset) -> pd.DataFrame:
    listed = {event["id"]: event for event in json.loads(dataset.attrs.get("events", "[]"))}
    ids = _strings(dataset, "event")
    rows = [(event, str(listed.get(event, {}).get("type", ""))) for event in ids]
    axes: Axes = [_time_axis(dataset), (["event", "type"], rows)]
    frames = [
        long_table(
            member_statistics(dataset[name].values), axes, dataset[name].attrs["units"], quantity=quantity
        )
        for name, quantity in EVENT_QUANTITIES.items()
    ]
    return stacked(frames)


def _ledger(dataset: xr.Dataset) -> pd.DataFrame:
    """Tonnes that each event acted on over the whole run, by good and pair of countries."""
    facts = _good_facts(dataset)
    listed = {event["id"]: event for event in json.loads(dataset.attrs.get("events", "[]"))}
    names = ("event", "good", "exporter", "importer")
    known = "ledger_tonnes" in dataset
    keys = list(zip(*(_strings(dataset, f"ledger_{c}") for c in names), strict=True)) if known else []
    rows = [
        (event, str(listed.get(event, {}).get("sentence", "")), good, *facts[good][:2], exporter, importer)
        for event, good, exporter, importer in keys
    ]
    axes: Axes = [(["event", "sentence", "good", "mineral", "stage", "exporter", "importer"], rows)]
    traded = np.asarray(dataset["ledger_tonnes"].values if known else np.zeros((1, 0)), dtype=np.float64)
    base = np.asarray(dataset["ledger_base"].values if known else np.zeros((1, 0)), dtype=np.float64)
    units = [facts[good][2] for _, good, _, _ in keys]
    parts = (("traded", traded), ("traded in the base year", base), ("change", traded - base))
    return stacked(
        [
            long_table(member_statistics(values), axes, units, quantity=f"{quantity}, while in force")
            for quantity, values in parts
        ]
    )


def tidy_tables(dataset: xr.Dataset) -> dict[str, pd.DataFrame]:
    """All tidy tables of a run, by the names in :data:`TABLES`.

    Every table ends in the columns ``statistic`` (``central`` or a quantile over members),
    ``value`` and ``unit``.
    """
    makers = (_prices, _supply, _shortfall, _unmet_demand, _flows, _events, _ledger)
    return {name: make(dataset) for name, make in zip(TABLES, makers, strict=True)}


def write_tables(dataset: xr.Dataset, directory: Path) -> None:
    """Write each tidy table as ``directory/<name>.parquet`` (zstd), byte for byte reproducible."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, frame in tidy_tables(dataset).items():
        arrow = pa.Table.from_pandas(frame, preserve_index=False)
        # Without the pandas metadata the bytes do not depend on the pandas version.
        pq.write_table(arrow.replace_schema_metadata(None), directory / f"{name}.parquet", compression="zstd")
