"""Sums over labels and statistics over members, shared by tables, metrics and plots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.floating]
Keys = list[tuple[str, ...]]

__all__ = ["PROBABILITIES", "STATISTICS", "group_sum", "member_statistics"]

PROBABILITIES = {"p05": 0.05, "p10": 0.10, "p25": 0.25, "p50": 0.50, "p75": 0.75, "p90": 0.90, "p95": 0.95}
STATISTICS = ("central", *PROBABILITIES)
"""``central`` is member 0: central parameters, no noise. The others are quantiles over members."""


def group_sum(values: Values, labels: Sequence[Iterable[str]]) -> tuple[Keys, npt.NDArray[np.float64]]:
    """Sum the last axis of ``values`` over equal label tuples.

    Args:
        values: (..., n) any unit that may be added.
        labels: one sequence of n strings per label column.

    Returns:
        The K distinct label tuples, sorted, and the (..., K) sums in float64.

    >>> keys, total = group_sum(np.array([[1.0, 2.0, 4.0]]), [["JPN", "USA", "JPN"]])
    >>> keys, total.tolist()
    ([('JPN',), ('USA',)], [[5.0, 2.0]])
    """
    rows: Keys = list(zip(*(map(str, column) for column in labels), strict=True))
    keys = sorted(set(rows))
    if not keys:
        return [], np.zeros((*values.shape[:-1], 0))
    position = {key: i for i, key in enumerate(keys)}
    code = np.array([position[row] for row in rows])
    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], np.arange(len(keys)))
    return keys, np.add.reduceat(values[..., order], starts, axis=-1, dtype=np.float64)


def member_statistics(values: Values) -> dict[str, npt.NDArray[np.float64]]:
    """Central member and quantiles over the leading member axis, ignoring NaN.

    Args:
        values: (member, ...), member 0 central.

    Returns:
        One array of shape ``values.shape[1:]`` per name in :data:`STATISTICS`; only ``central``
        where there is a single member, since a band of one run would be an invention.
    """
    central = np.asarray(values[0], dtype=np.float64)
    if values.shape[0] == 1:
        return {"central": central}
    flat = np.asarray(values, dtype=np.float64).reshape(values.shape[0], -1)
    result = np.full((len(PROBABILITIES), flat.shape[1]), np.nan)
    whole = ~np.isnan(flat).any(axis=0)
    probabilities = list(PROBABILITIES.values())
    if whole.any():
        result[:, whole] = np.quantile(flat[:, whole], probabilities, axis=0)
    for column in np.flatnonzero(~whole & ~np.isnan(flat).all(axis=0)):
        result[:, column] = np.nanquantile(flat[:, column], probabilities)
    shaped = result.reshape(len(PROBABILITIES), *values.shape[1:])
    return {"central": central, **dict(zip(PROBABILITIES, shaped, strict=True))}
