"""Which uncertain factor moves an outcome, and by how much: from the points of a design to indices.

Three kinds of design, each with the measures that it allows (:class:`Design`):

- ``saltelli``: Sobol indices, first-order and total (Saltelli et al. 2010), by SALib;
- ``morris``: mean absolute elementary effect and its spread (Morris 1991, Campolongo et al. 2007), by SALib;
- ``grid``: first-order indices, exact for the levels given, and rank correlations;
- any other sample: first-order indices by RBD-FAST (Tarantola et al. 2006), by SALib, and partial rank
  correlations (Marino et al. 2008), whose sign says which way a factor acts.

References: Saltelli et al. 2010, Computer Physics Communications 181; Morris 1991, Technometrics 33;
Campolongo et al. 2007, Environmental Modelling and Software 22; Tarantola et al. 2006, Reliability
Engineering and System Safety 91; Marino et al. 2008, Journal of Theoretical Biology 254.

All of them work on the unit cube, from which the values of a design are taken by quantile. Intervals
are at 95 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.analysis.points_needed import CONVERGED, LEAST_PLAIN, TO_CONVERGE, intervals_say

__all__ = ["CONVERGED", "Design", "Indices", "Tornado", "analyse", "tornado"]

Values = npt.NDArray[np.float64]

HARMONICS = 10
"""Of RBD-FAST; below ten points for each, correcting its bias is larger than what it corrects."""
OUTER_SHARE = 0.25
"""Outer share of a factor's range that stands for 'low' and 'high' in a tornado."""
NORMAL_95 = 1.959964
SEED = 1
"""Of the resampling behind the intervals, so that a table comes out the same every time."""


@dataclass(frozen=True)
class Design:
    """Points of a design, one row per sample, in the order in which it was made."""

    method: str
    """``saltelli``, ``morris``, ``grid``, or any other word for a sample."""
    names: tuple[str, ...]
    """The D factors."""
    unit: Values
    """(n, D) coordinates on the unit cube."""
    second_order: bool = True
    """Whether a ``saltelli`` design has the points for second-order indices."""
    levels: int = 4
    """Grid levels of a ``morris`` design."""

    @property
    def block(self) -> int:
        """Points that stand or fall together: one base sample with its neighbours, or one trajectory."""
        factors = len(self.names)
        if self.method == "saltelli":
            return 2 * factors + 2 if self.second_order else factors + 2
        return factors + 1 if self.method == "morris" else 1


@dataclass(frozen=True)
class Indices:
    """What one outcome depends on."""

    columns: tuple[str, ...]
    """Names of the measures; ``NAME_conf`` is the half-width of the 95 % interval of ``NAME``."""
    values: Values
    """(D, columns)"""
    pairs: tuple[tuple[str, str, float, float], ...]
    """Second-order Sobol indices: factor, factor, index, half-width."""
    used: int
    """Points that count."""
    dropped: int
    """Points left out because they failed, or a point of their block did."""
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Tornado:
    """Mean outcome in the outer quarters of each factor's range, all else as it comes. NaN without points."""

    low: Values
    """(D,)"""
    high: Values
    """(D,)"""

    @property
    def swing(self) -> Values:
        """(D,) high less low."""
        return self.high - self.low


def analyse(design: Design, outcome: Values) -> Indices:
    """Indices of one outcome.

    Args:
        design: the points.
        outcome: (n,) what came out at each point; NaN where a run failed.

    Raises:
        ValueError: the outcome does not fit the design, or too few points are left.
    """
    points, block = len(design.unit), design.block
    if outcome.shape != (points,):
        raise ValueError(f"{outcome.shape[0]} outcomes for {points} points")
    if points % block:
        raise ValueError(
            f"a {design.method} design of {len(design.names)} factors comes in blocks of {block} points; "
            f"{points} is no multiple"
        )
    sound = np.isfinite(outcome).reshape(-1, block).all(axis=1).repeat(block)
    unit, values = design.unit[sound], outcome[sound].astype(np.float64)
    used, dropped = len(values), points - len(values)
    if used < 2 * block or used < len(design.names) + 4:
        needed = -(-max(2 * block, len(design.names) + 4) // block) * block
        raise ValueError(
            f"{used} points of {points} are left, too few for {len(design.names)} factors: "
            f"{needed} are the least"
        )
    columns, measures = COLUMNS.get(design.method, SAMPLE_COLUMNS), MEASURES.get(design.method, _sampled)
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        zeros = np.zeros((len(design.names), len(columns)))
        return Indices(columns, zeros, (), used, dropped, ("the outcome is the same at all points",))
    table, pairs, notes = measures(design, unit, values)
    return Indices(columns, table, pairs, used, dropped, notes)


Measured = tuple[Values, tuple[tuple[str, str, float, float], ...], tuple[str, ...]]


def _problem(names: Sequence[str]) -> dict[str, Any]:
    return {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}


def _sobol(design: Design, unit: Values, values: Values) -> Measured:
    from SALib.analyze import sobol

    found = sobol.analyze(
        _problem(design.names), values, calc_second_order=design.second_order, seed=SEED
    )
    table = np.stack([found["S1"], found["S1_conf"], found["ST"], found["ST_conf"]], axis=1)
    pairs: list[tuple[str, str, float, float]] = []
    if design.second_order:
        for i, first in enumerate(design.names):
            for j in range(i + 1, len(design.names)):
                index, width = float(found["S2"][i, j]), float(found["S2_conf"][i, j])
                pairs.append((first, design.names[j], index, width))
    return table, tuple(pairs), _convergence(design, float(table[:, [1, 3]].max()), len(values))


def _morris(design: Design, unit: Values, values: Values) -> Measured:
    from SALib.analyze import morris

    found = morris.analyze(
        _problem(design.names), unit, values, num_levels=design.levels, seed=SEED
    )
    table = np.stack([found["mu_star"], found["mu_star_conf"], found["mu"], found["sigma"]], axis=1)
    ranked = np.sort(table[:, 0])[::-1]
    notes = _convergence(design, float(table[:, 1].max()) / float(ranked[0]), len(values))
    return np.asarray(table, dtype=np.float64), (), notes


def _sampled(design: Design, unit: Values, values: Values) -> Measured:
    from SALib.analyze import rbd_fast

    points = len(values)
    correlation, width = partial_rank_correlation(unit, values)
    first = np.full((len(design.names), 2), np.nan)
    if points >= LEAST_PLAIN:
        found = rbd_fast.analyze(_problem(design.names), unit, values, M=HARMONICS, seed=SEED)
        first = np.stack([found["S1"], found["S1_conf"]], axis=1).astype(np.float64)
        notes = _convergence(design, float(first[:, 1].max()), points)
    else:
        notes = (
            f"S1 needs at least {LEAST_PLAIN} points, and about {TO_CONVERGE} for intervals of "
            f"±{CONVERGED:g}; there are {points}",
        )
    more = "interactions do not show in a plain sample: a saltelli design gives total indices"
    return np.column_stack([first, correlation, width]), (), (*notes, more)


def _gridded(design: Design, unit: Values, values: Values) -> Measured:
    """On a full grid the mean at a level averages over all levels of the others: nothing to estimate."""
    first = np.empty(len(design.names))
    for j, coordinate in enumerate(unit.T):
        _, level, count = np.unique(coordinate, return_inverse=True, return_counts=True)
        mean = np.bincount(level, values) / count
        first[j] = ((mean - values.mean()) ** 2 * count).sum() / ((values - values.mean()) ** 2).sum()
    correlation, width = partial_rank_correlation(unit, values)
    more = "S1 is exact for the levels of the grid, and speaks of no value between them"
    return np.column_stack([first, correlation, width]), (), (more,)


def _convergence(design: Design, widest: float, points: int) -> tuple[str, ...]:
    """How many points the widest interval wants; nothing where it is narrow enough."""
    note = intervals_say(design.method, widest, points // design.block, design.block)
    return (note,) if note else ()


def partial_rank_correlation(unit: Values, values: Values) -> tuple[Values, Values]:
    """Rank correlation of the outcome with each factor, the others held fixed, and its 95 % half-width.

    Args:
        unit: (n, D), n > D + 3. values: (n,).

    Returns:
        (D,) correlations, 0 for a factor that does not vary; (D,) half-widths.
    """
    from scipy.stats import rankdata

    points, factors = unit.shape
    ranks = rankdata(np.column_stack([unit, values]), axis=0)
    ranks -= ranks.mean(axis=0)
    correlation = np.zeros(factors)
    for j in range(factors):
        others = np.delete(ranks[:, :factors], j, axis=1)
        pair = ranks[:, [j, factors]]
        if factors > 1:
            pair = pair - others @ np.linalg.lstsq(others, pair, rcond=None)[0]
        x, y = pair.T
        size = np.sqrt((x @ x) * (y @ y))
        if x @ x > 1e-9 * points**3:
            correlation[j] = np.clip((x @ y) / size, -1.0, 1.0) if size > 0 else 0.0
    # Fisher's transformation: normal, with a variance that depends on the number of points alone.
    middle = np.arctanh(np.clip(correlation, -1 + 1e-12, 1 - 1e-12))
    half = NORMAL_95 / np.sqrt(points - factors - 2)
    return correlation, (np.tanh(middle + half) - np.tanh(middle - half)) / 2


def tornado(design: Design, outcome: Values) -> Tornado:
    """Mean outcome in the outer quarters of each factor's range.

    Args:
        design: the points.
        outcome: (n,); NaN is left out.
    """
    sound = np.isfinite(outcome)
    low, high = np.full((2, len(design.names)), np.nan)
    for j, coordinate in enumerate(design.unit.T):
        for end, here in ((low, coordinate <= OUTER_SHARE), (high, coordinate >= 1 - OUTER_SHARE)):
            if (here & sound).any():
                end[j] = outcome[here & sound].mean()
    return Tornado(low, high)


SAMPLE_COLUMNS = ("S1", "S1_conf", "PRCC", "PRCC_conf")
COLUMNS = {
    "saltelli": ("S1", "S1_conf", "ST", "ST_conf"),
    "morris": ("mu_star", "mu_star_conf", "mu", "sigma"),
    "grid": ("S1", "PRCC", "PRCC_conf"),
}
MEASURES = {"saltelli": _sobol, "morris": _morris, "grid": _gridded}
