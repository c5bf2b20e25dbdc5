"""Sums over labels and steps, ratios, and statistics over members, shared by tables, metrics and plots."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.variables import VARIABLES

Values = npt.NDArray[np.floating]
Keys = list[tuple[str, ...]]
Reduced = npt.NDArray[np.float64]

__all__ = [
    "PROBABILITIES", "STATISTICS", "average", "group_sum", "highest", "lowest", "member_statistics",
    "over_period", "over_run", "ratio", "running_sums", "share", "total",
]  # fmt: skip

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


def total(values: Values) -> Reduced:
    """(member, time, ...) -> (member, ...) sum over the steps, NaN where a step is unknown."""
    found: Reduced = values.sum(axis=1, dtype=np.float64)
    return found


def average(values: Values) -> Reduced:
    """(member, time, ...) -> (member, ...) mean over the steps that have a value, NaN where none has."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(axis=1, dtype=np.float64), known.sum(axis=1))


def highest(values: Values) -> Reduced:
    """(member, time, ...) -> (member, ...) largest value, NaN where no step has one."""
    return _extreme(values, np.max, -np.inf)


def lowest(values: Values) -> Reduced:
    """(member, time, ...) -> (member, ...) smallest value, NaN where no step has one."""
    return _extreme(values, np.min, np.inf)


def _extreme(values: Values, choose: Callable[..., Values], least: float) -> Reduced:
    known = ~np.isnan(values)
    chosen = choose(np.where(known, values, least), axis=1).astype(np.float64)
    return np.where(known.any(axis=1), chosen, np.nan)


def over_period(dataset: Mapping[Hashable, Any], name: str) -> Reduced | None:
    """(member, label) what was summed over the steps of a data set: by itself, or by the sweep that kept it.

    None of what the data set has neither way.
    """
    if name in dataset:
        return total(np.asarray(dataset[name]))
    summed = f"{name}_total"
    return np.asarray(dataset[summed], dtype=np.float64) if summed in dataset else None


def ratio(above: Values, below: npt.ArrayLike) -> Reduced:
    """``above / below``; NaN where either is unknown or ``below`` is not more than zero.

    >>> ratio(np.array([3.0, 1.0, np.nan]), np.array([2.0, 0.0, 1.0])).tolist()
    [1.5, nan, nan]
    """
    found: Reduced = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=np.greater(below, 0))
    return found


def share(part: Values, whole: Values) -> Reduced:
    """``part / whole``, 0 where the whole is nothing, NaN where either is unknown.

    >>> share(np.array([3.0, 0.0, np.nan]), np.array([4.0, 0.0, np.nan])).tolist()
    [0.75, 0.0, nan]
    """
    nothing = np.where(np.isnan(part) | np.isnan(whole), np.nan, 0.0)
    return np.divide(part, whole, out=nothing, where=whole > 0)


def over_run(values: npt.NDArray[Any], name: str) -> Reduced:
    """A variable over the whole run, as the table of variables says: a flow summed, a stock at its end.

    Args:
        values: (member, time, ...).
        name: of the variable, a row of :data:`sim.variables.VARIABLES`.

    Raises:
        KeyError: there is no such variable, or its steps have no meaning together.
    """
    return OVER_RUN[VARIABLES[name].over_time](values)


OVER_RUN: dict[str, Callable[..., Reduced]] = {
    "sum": total,
    "mean": average,
    "largest": highest,
    "last": lambda values: values[:, -1].astype(np.float64),
    "every": lambda values: values.all(axis=1).astype(np.float64),
}


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


def running_sums(values: Reduced, window: int) -> Reduced:
    """(member, ..., ...) sums of (member, time, ...) over each ``window`` steps on end; over all if fewer."""
    width = min(window, values.shape[1])
    sums = np.concatenate([np.zeros_like(values[:, :1]), np.cumsum(values, axis=1)], axis=1)
    difference: Reduced = sums[:, width:] - sums[:, :-width]
    return difference
