"""Quantile tables of a sweep, made from its stored blocks a few columns at a time.

The quantiles are exact: they are taken over all members at once. Memory grows with members by one slab of
:data:`sim.sweep.encode.COLUMNS` columns alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.results.grouping import PROBABILITIES, over_run
from sim.results.store import ARRAYS
from sim.results.tables import long_table, stacked
from sim.sweep.encode import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

    from sim.sweep.journal import Store
    from sim.sweep.plan import Variant

__all__ = ["quantile_tables"]

Array = npt.NDArray[Any]

SLAB_BYTES = 16_000_000
"""Values held at once, where a slab of columns can be that small."""


def _quantiles(path: Path, name: str, good: Array, whole_run: bool = False) -> dict[str, Array]:
    """Statistic -> (..., columns) over the members that did not fail, step by step or over the whole run."""
    import zarr

    array = zarr.open_array(path / name, mode="r")
    shape = array.shape
    each = max(int(np.prod(shape[:-1])) * 4, 1)
    columns = max(SLAB_BYTES // each // COLUMNS, 1) * COLUMNS
    inner = () if whole_run else shape[1:-1]
    found = np.empty((len(PROBABILITIES), *inner, shape[-1]))
    for first in range(0, shape[-1], columns):
        slab = np.asarray(array[..., first : first + columns])
        for column in range(slab.shape[-1]):
            # One column at a time: a copy of the slab would double the memory.
            values = slab[..., column] if good.all() else slab[..., column][good]
            if whole_run:
                values = over_run(values, name)
            found[..., first + column] = np.quantile(values, list(PROBABILITIES.values()), axis=0)
    return dict(zip(PROBABILITIES, found, strict=True))


def quantile_tables(store: Store, variant: Variant) -> Iterator[tuple[str, pd.DataFrame]]:
    """Quantiles over members of prices by step, shortfalls over the run, flows by year."""
    import zarr

    path = store.directory / variant.name / ARRAYS
    failed = set(store.failed)
    good = np.array([int(run) not in failed for run in variant.runs])
    if not good.any():
        return
    group = zarr.open_group(path, mode="r")

    def label(name: str) -> list[Any]:
        item: Any = group[name]
        values = np.asarray(item[...])
        return [str(v) for v in values] if values.dtype.kind in "TO" else list(values)

    def rows(*names: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Column names without their axis, and one tuple of labels per position."""
        short = tuple(name.partition("_")[2] or name for name in names)
        return short, list(zip(*(label(name) for name in names), strict=True))

    days = np.array(label("time")).astype("datetime64[D]").astype("datetime64[ns]")
    time = (("time",), [(day,) for day in days])
    yield "prices", stacked([
        long_table(_quantiles(path, f"price_{market}", good), [time, rows("good")], "USD/t", market=market)
        for market in ("inside", "outside", "gate")
    ])  # fmt: skip

    unit = dict(zip(label("good"), label("good_unit"), strict=True))
    needs = rows("need_good", "need_country", "need_kind")
    units = [unit[name] for name in label("need_good")]
    yield "shortfall", stacked([
        long_table(_quantiles(path, variable, good, whole_run=True), [needs], units, measure=variable)
        for variable in ("shortfall", "requirement")
    ])  # fmt: skip

    flows = _quantiles(path, "flow_year", good)
    moved = {name: np.where(values > 0, values, np.nan) for name, values in flows.items()}
    links = rows("link_good", "link_exporter", "link_importer")
    units = [f"{unit[name]}/year" for name in label("link_good")]
    yield "flows", long_table(moved, [rows("year"), links], units)
