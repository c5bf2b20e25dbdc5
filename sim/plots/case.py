"""What a picture is about: one good, a baseline, and the scenarios beside it, paired, named and coloured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis.baselines import carried_events, few, titles
from sim.analysis.names import country_name
from sim.analysis.pairing import common_months, paired
from sim.analysis.select import controller, good_name, touching_events
from sim.errors import MonaziteError
from sim.plots.style import BASELINE, DASHES, PALETTE, factor_name, footer
from sim.results import Run

__all__ = ["MOST", "Case", "LineUp", "Shown", "line_up"]

MOST = len(PALETTE)
"""Scenarios that one picture can tell apart."""
Event = dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """One scenario, or the baseline, as every picture shows it."""

    key: str
    """Scenario id, or name of the variant."""
    name: str
    """In words."""
    colour: str
    dash: Any
    run: Run
    now: xr.Dataset
    """Its results, over the months that all have."""
    before: xr.Dataset
    """Those of the baseline, row by row the same member."""


@dataclass(frozen=True)
class LineUp:
    """A baseline and the scenarios compared with it; the same for every good.

    Attributes:
        baseline: itself beside itself.
        scenarios: in the order of the runs, at most :data:`MOST`.
        left_out: names of those beyond.
    """

    baseline: Shown
    scenarios: tuple[Shown, ...]
    left_out: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[Shown, ...]:
        """The baseline first."""
        return self.baseline, *self.scenarios

    @property
    def shown(self) -> tuple[Shown, ...]:
        """The scenarios; the baseline where there is none."""
        return self.scenarios or (self.baseline,)

    def of(self, good: str) -> Case:
        """The case of one good."""
        return Case(self, good)

    @cached_property
    def time(self) -> npt.NDArray[np.datetime64]:
        """First days of the steps."""
        found: npt.NDArray[np.datetime64] = self.baseline.now["time"].values
        return found

    @cached_property
    def members(self) -> int:
        """Pairs of members, of the scenario that has fewest."""
        return min(int(shown.now.sizes["member"]) for shown in self.shown)

    def footer(self, unit: str, note: str) -> str:
        """Unit, axes, source and runs, what varies between members, and what is left out."""
        varied = sorted({p for s in self.shown for p in json.loads(s.run.dataset.attrs.get("varies", "[]"))})
        if varied:
            note += f" Between members varies, besides their draws: {', '.join(map(factor_name, varied))}."
        if self.left_out:
            note += f" Not drawn: {', '.join(self.left_out)}."
        return footer([shown.run for shown in self.all], unit, note.strip(), self.members)

    @property
    def baseline_name(self) -> str:
        """Baseline in words, with what acts in it."""
        acting = carried_events(self.baseline.run.dataset)
        has = f", itself with {few(acting).replace('_', ' ')}" if acting else ""
        return f"{self.baseline.name}{has}"


@dataclass(frozen=True)
class Case:
    """A good in a line-up: what a picture is drawn from."""

    lined: LineUp
    good: str
    events_of: dict[str, list[Event]] = field(default_factory=dict, compare=False)

    @property
    def base(self) -> xr.Dataset:
        """Results of the baseline."""
        return self.lined.baseline.now

    @property
    def name(self) -> str:
        """The good in words."""
        return good_name(self.base, self.good)

    @cached_property
    def controllers(self) -> tuple[str, ...]:
        """Countries inside which a price is reported, of the scenarios in their order, each once."""
        return tuple(dict.fromkeys(controller(shown.now, self.good) for shown in self.lined.shown))

    @property
    def place(self) -> str:
        """The controlling country in words; where scenarios differ, that there are several."""
        return country_name(self.controllers[0]) if len(self.controllers) == 1 else "the controlling country"

    def events(self, shown: Shown) -> list[Event]:
        """Events of a scenario that touch the good or what it is made from; of the baseline, what acts."""
        if shown.key not in self.events_of:
            self.events_of[shown.key] = self._touching(shown)
        return self.events_of[shown.key]

    def _touching(self, shown: Shown) -> list[Event]:
        alone = shown.key == self.lined.baseline.key
        base = None if alone else self.lined.baseline.run.dataset
        return touching_events(shown.run.dataset, base, self.good)


def line_up(runs: Sequence[Run], baseline: str) -> LineUp:
    """Pair runs with the baseline among them.

    Args:
        runs: stored runs.
        baseline: scenario id of the baseline, or name of its variant.

    Raises:
        MonaziteError: the baseline is missing, or a run is not paired with it.
    """
    base = next((run for run in runs if run.scenario == baseline), None)
    if base is None:
        raise MonaziteError(
            f"no run of {baseline} is there; there are: {', '.join(r.scenario for r in runs)}"
        )
    others = [run for run in runs if run is not base]
    kept = others[:MOST]
    months = common_months([run.dataset for run in (base, *kept)])

    def cut(data: xr.Dataset) -> xr.Dataset:
        return data if data.sizes["time"] == len(months) else data.sel(time=months)

    own = cut(base.dataset)
    names = titles(others)
    shown = []
    for i, run in enumerate(kept):
        now, before = paired(cut(run.dataset), own)
        shown.append(Shown(run.scenario, names[i], PALETTE[i], DASHES[i], run, now, before))
    first = Shown(base.scenario, titles([base])[0], BASELINE, "solid", base, own, own)
    return LineUp(first, tuple(shown), tuple(names[MOST:]))
