"""Which points of a sweep's design came out badly, by a condition of ``monazite compare``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sim.analysis.baselines import Group, family
from sim.analysis.conditions import (
    Condition,
    condition_good,
    condition_rows,
    meets,
    read_condition,
    shown_bound,
)
from sim.analysis.paired import Wanted, compare_group, paired
from sim.analysis.prim import Points
from sim.errors import MonaziteError
from sim.paths import shown
from sim.results import Run, find_runs

if TYPE_CHECKING:
    import pandas as pd

    from sim.sweep.read import StoredAxis, Sweep

__all__ = ["Judged", "judged"]

OPTION = "--bad"
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """Points of one scenario of a sweep and how they came out.

    Attributes:
        points: with their factors; those with a failed run are left out.
        axes: what varies, in the order of the factors.
        frame: one row of the design for each point, in their order.
        outcome: (n,) what the condition judges, of several goods the worst; of several seeds the statistic
            asked for. unit: in which that is.
        bound: what it is compared with, in that unit.
        words: of the outcome.
        left_out: points left out for failed runs.
    """

    points: Points
    axes: tuple[StoredAxis, ...]
    frame: pd.DataFrame
    outcome: Values
    unit: str
    bound: float
    words: str
    left_out: int


def judged(sweep: Sweep, scenario: str, baseline: str | None, text: str) -> Judged:
    """Judge every point of a scenario's design.

    Args:
        sweep: complete.
        scenario: one of it. baseline: the one in the same sweep that it is compared to, if any.
        text: a condition, as :mod:`sim.analysis.conditions` reads it. A statistic is one over the seeds of a
            point; without it the median.

    Raises:
        MonaziteError: the condition cannot be read or judged here, nothing varies, or factors move together.
    """
    where = shown(sweep.directory)
    frame = sweep.design[sweep.design["scenario"] == scenario]
    axes = tuple(axis for axis in sweep.axes if frame[axis.path].nunique() > 1)
    if not axes:
        raise MonaziteError(f"{where}: nothing varies in this sweep but the seed; give it a range to vary")
    if sweep.method == "zip":
        raise MonaziteError(f"{where}: the factors of a zip move together; use lhs, sobol or grid")
    runs = find_runs(sweep.directory)
    bases = [run for run in runs if family(run) == baseline]
    parts = []
    for variant in dict.fromkeys(frame["variant"]):
        run = next(run for run in runs if run.scenario == variant)
        parts.append(_variant(run, _fitting(run, bases), text))
    first = parts[0]
    values_of = {run: row for part in parts for run, row in zip(part.runs.tolist(), part.values, strict=True)}
    # A run stands for several points where its scenario lacks some of what varies.
    nothing = np.full(first.values.shape[1], np.nan)
    values = np.array([values_of.get(run, nothing) for run in frame["run"].tolist()])
    values[frame["failed"].to_numpy()] = np.nan
    samples, row = np.unique(frame["sample"].to_numpy(), return_inverse=True)
    bad, outcome = np.zeros(len(samples), dtype=np.bool_), np.full(len(samples), np.nan)
    worst = np.nanmax if first.condition.sign in (">", ">=") else np.nanmin
    for i in range(len(samples)):
        mine = values[row == i]
        if np.isnan(mine).any(axis=0).all():
            continue
        found = [meets(first.condition, column, first.bound) for column in mine.T]
        bad[i], outcome[i] = any(holds for holds, _ in found), worst([value for _, value in found])
    kept = ~np.isnan(outcome)
    design = frame.drop_duplicates("sample").sort_values("sample").reset_index(drop=True)[kept]
    design = design.reset_index(drop=True)
    points = Points(
        tuple(axis.path for axis in axes), np.stack([_place(axis, design) for axis in axes], axis=1),
        bad[kept], tuple(axis.structural for axis in axes),
    )  # fmt: skip
    return Judged(
        points, axes, design, outcome[kept], first.unit, first.bound, first.words, int((~kept).sum())
    )  # fmt: skip


def _place(axis: StoredAxis, design: pd.DataFrame) -> Values:
    """(n,) values of a factor; of what has no order, numbers of its levels."""
    if axis.structural:
        return np.array([axis.levels.index(text) for text in design[axis.path]], dtype=np.float64)
    return design[axis.path].to_numpy(dtype=np.float64)


def _fitting(run: Run, bases: list[Run]) -> Run | None:
    """The variant of the baseline that shares most of what sets this one apart."""
    own = run.manifest["sweep"]["levels"]

    def alike(other: Run) -> int:
        return sum(own.get(path) == text for path, text in other.manifest["sweep"]["levels"].items())

    return max(bases, key=alike, default=None)


@dataclass(frozen=True)
class _Variant:
    """What a condition judges in one variant: (run,) numbers, and (run, good) values in a unit."""

    condition: Condition
    runs: npt.NDArray[np.int64]
    values: Values
    unit: str
    bound: float
    words: str


def _variant(run: Run, base: Run | None, text: str) -> _Variant:
    condition = read_condition(text, run.dataset, OPTION)
    place, sector, owner = (
        (name,) if name else () for name in (condition.place, condition.sector, condition.owner)
    )
    wanted = Wanted(place, sector, owner)
    group = Group(run, ()) if base is None else Group(base, (run,))
    comparison = compare_group(group, list(condition.goods), wanted)
    rows = [row for row in condition_rows(condition, comparison) if run.scenario in row.values]
    data = run.dataset if base is None else paired(run.dataset, base.dataset)[0]
    if not rows or any(len(row.values[run.scenario]) != data.sizes["member"] for row in rows):
        lack = "the runs have no value for it" if not rows else "it is read of some members alone"
        more = "" if base is not None else ", or sweep the scenario together with its baseline"
        raise MonaziteError(f"{OPTION} '{text}': {lack}; name another measure{more}")
    values = np.stack([row.values[run.scenario] for row in rows], axis=1)
    unit = rows[0].unit
    # Of a mineral of several goods any may be the worst.
    good = f", {condition_good(rows[0], comparison)}" if rows[0].key.good and len(rows) == 1 else ""
    return _Variant(
        condition, data["run"].values.astype(np.int64), values, unit, shown_bound(condition, unit),
        f"{rows[0].name.strip()}{good}",
    )  # fmt: skip
