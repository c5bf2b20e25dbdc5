"""Labels of users, sellers and links that ``sel`` takes: good, country, sector and others of their axes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr
from xarray.core.indexing import IndexSelResult
from xarray.indexes import PandasIndex

__all__ = ["with_labels"]


class _Label(PandasIndex):
    """A label that many positions share: selecting keeps the axis, with all that have it."""

    def sel(self, labels: dict[Any, Any], method: str | None = None, tolerance: Any = None) -> IndexSelResult:
        ((name, wanted),) = labels.items()
        if isinstance(wanted, slice) or method is not None or tolerance is not None:
            raise ValueError(f"{name}: takes a label or a list of labels, no slice and no nearest")
        asked = np.atleast_1d(np.asarray(wanted, dtype=object))
        known = self.index.to_numpy()
        for label in asked:
            if label not in known:
                raise KeyError(f"{label!r} is no {name}")
        found: dict[Hashable, Any] = {self.dim: np.flatnonzero(np.isin(known.astype(str), asked.astype(str)))}
        return IndexSelResult(found)


def with_labels(dataset: xr.Dataset) -> xr.Dataset:
    """Results with labels to select by on axes that have no names of their own: ``sel(need_country="JPN")``.

    Of two labels of one axis each takes a ``sel`` of its own: ``.sel(need_good=...).sel(need_country=...)``.
    """
    for name, labels in dataset.coords.items():
        # Axes with names of their own, such as good, are selected by these.
        if labels.ndim == 1 and labels.dims[0] not in dataset.coords and labels.dtype.kind in "OU":
            dataset = dataset.set_xindex(str(name), _Label)
    return dataset
