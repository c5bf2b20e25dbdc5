"""The sweep behind a case: its design, and what came out at each of its points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.analysis.baselines import family, scenario_title
from sim.plots.case import Case, Shown
from sim.sweep.responses import outcomes_of

if TYPE_CHECKING:
    from sim.analysis.outcomes import Outcome
    from sim.sweep import StoredAxis, Sweep

__all__ = ["Swept", "factor_scale", "swept"]

Values = npt.NDArray[np.float64]


def factor_scale(axis: StoredAxis) -> tuple[float, str]:
    """Factor and unit in which the values of an axis are read; shares in per cent."""
    return (100.0, "%") if axis.dimension == "share" else (1.0, "")


@dataclass(frozen=True)
class Swept:
    """One scenario of a stored sweep.

    Attributes:
        sweep: as stored.
        shown: how the scenario is named and coloured.
        scenario: its id. baseline: the one in the same sweep that it is compared to, if any.
        frame: its rows of the design, ordered by run and sample.
    """

    sweep: Sweep
    shown: Shown
    scenario: str
    baseline: str | None
    frame: pd.DataFrame
    good: str

    @property
    def axes(self) -> tuple[StoredAxis, ...]:
        """What varies by a number in this scenario, and takes more than one value."""
        return tuple(
            axis
            for axis in self.sweep.axes
            if not axis.structural and self.frame[axis.path].nunique(dropna=True) > 1
        )

    @property
    def name(self) -> str:
        """The scenario in words: points of all its variants are meant, not those of the one shown first."""
        kinds = [axis for axis in self.sweep.axes if axis.structural]
        several = any(self.frame[axis.path].nunique(dropna=True) > 1 for axis in kinds)
        return scenario_title(self.shown.run) if several else self.shown.name

    @property
    def varying(self) -> list[str]:
        """Paths of all that takes more than one value, dates and other choices among it."""
        paths = [axis.path for axis in self.sweep.axes]
        return [path for path in paths if self.frame[path].nunique(dropna=True) > 1]

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """One value for each row of the frame."""
        return outcomes_of(self.sweep, self.frame, self.baseline, self.sweep.design, [self.good])

    def values(self, outcome: Outcome) -> Values:
        """(row,) NaN where a run failed."""
        return np.where(self.frame["failed"].to_numpy(), np.nan, outcome.values)


def swept(case: Case) -> Swept | None:
    """The sweep that a case's scenarios are variants of; None where they are runs of their own."""
    from sim.sweep import open_sweep

    for shown in case.lined.scenarios or (case.lined.baseline,):
        directory = shown.run.directory.parent
        if "sweep" not in shown.run.manifest or not (directory / "sweep.json").is_file():
            continue
        sweep = open_sweep(directory)
        if not sweep.complete:
            continue
        whole, scenario = sweep.design, family(shown.run)
        frame = whole[whole["scenario"] == scenario].reset_index(drop=True)
        base = family(case.lined.baseline.run)
        baseline = base if base != scenario and base in set(whole["scenario"]) else None
        return Swept(sweep, shown, scenario, baseline, frame, case.good)
    return None
