"""The model on episodes of the past, beside what was observed and two forecasts that need no model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis.targets import reasons
from sim.engine import Simulation
from sim.past.episodes import Episode, EpisodeTarget
from sim.past.naive import naive_run
from sim.past.scoring import evaluate, miss, score
from sim.scenario import Scenario, load_scenario
from sim.sweep.estimate import check_members
from sim.world.load import load_world
from sim.world.restrict import restrict
from sim.world.world import World

__all__ = ["FORECASTS", "EpisodeRun", "HindcastRow", "hindcast", "load_episode", "run_episode", "summary"]

Values = npt.NDArray[np.float64]
FORECASTS = ("model", "unchanged", "elasticity")
LOW, HIGH = 0.1, 0.9
UNEXPLAINED = "not explained yet"


@dataclass(frozen=True)
class HindcastRow:
    """One target: what was observed, what the members of the model say, what the naive forecasts say."""

    episode: str
    target: EpisodeTarget
    members: Values
    """(M,) the statistic of each member; NaN where it has no value."""
    naive: Mapping[str, float]
    reason: str = ""

    @property
    def median(self) -> float:
        """Median over the members."""
        return self._quantile(0.5)

    @property
    def low(self) -> float:
        """10th percentile over the members."""
        return self._quantile(LOW)

    @property
    def high(self) -> float:
        """90th percentile over the members."""
        return self._quantile(HIGH)

    def _quantile(self, share: float) -> float:
        known = self.members[~np.isnan(self.members)]
        if not len(known):
            return float("nan")
        # What does not happen in a run is later than all that does, and nothing lies between.
        if np.isinf(known).any():
            return float(np.quantile(known, share, method="inverted_cdf"))
        return float(np.quantile(known, share))

    def miss_of(self, forecast: str) -> float:
        """How far the model's median, or a naive forecast, lies outside the band, in band widths."""
        value = self.median if forecast == "model" else self.naive[forecast]
        return miss(value, self.target.low, self.target.high)

    @property
    def in_band(self) -> bool:
        """True where the model's median lies in the accepted band."""
        return self.miss_of("model") == 0.0

    def as_dict(self) -> dict[str, Any]:
        """JSON form; a missing value is null."""

        def plain(value: float) -> float | None:
            return float(f"{value:.6g}") if np.isfinite(value) else None

        target = self.target
        return {
            "target": target.id, "episode": self.episode, "statistic": target.text,
            "observed": plain(target.observed), "low": plain(target.low), "high": plain(target.high),
            "median": plain(self.median), "p10": plain(self.low), "p90": plain(self.high),
            "in_band": self.in_band, "listed": target.listed,
            "naive": {name: plain(value) for name, value in self.naive.items()},
            "miss": {name: plain(self.miss_of(name)) for name in ("model", *self.naive)},
            "source": target.source, "note": target.note, "reason": self.reason,
        }  # fmt: skip


@dataclass(frozen=True)
class EpisodeRun:
    """The run of one episode and its rows."""

    episode: Episode
    dataset: xr.Dataset
    rows: tuple[HindcastRow, ...]


def load_episode(episode: Episode, extra: Sequence[str] = ()) -> tuple[World, Scenario]:
    """World and scenario of an episode, no larger and no longer than its targets need.

    Args:
        episode: which.
        extra: further overrides in Hydra's grammar.
    """
    scenario = load_scenario(episode.scenario, overrides=(*episode.overrides, *extra))
    return restrict(load_world(scenario.base_year, scenario.tables), scenario.minerals), scenario


def run_episode(
    episode: Episode,
    members: int = 100,
    seed: int = 1,
    extra: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> EpisodeRun:
    """Run one episode over parameter uncertainty and noise, and score it.

    Raises:
        MonaziteError: a target names a series, good or date that the run does not have.
    """
    world, scenario = load_episode(episode, extra)
    check_members(world, scenario, members)
    data = Simulation(world, scenario, members=members, seed=seed).run(progress=progress)
    forecasts = {
        "unchanged": naive_run(world, scenario, data, elasticity=None),
        "elasticity": naive_run(world, scenario, data),
    }
    known = reasons()
    rows = []
    for target in episode.targets:
        naive = {name: float(evaluate(run, target.statistic)[0]) for name, run in forecasts.items()}
        row = HindcastRow(episode.id, target, evaluate(data, target.statistic), naive)
        if not row.in_band:
            reason = known.get((target.id, episode.id), UNEXPLAINED)
            row = HindcastRow(row.episode, row.target, row.members, row.naive, reason)
        rows.append(row)
    return EpisodeRun(episode, data, tuple(rows))


def hindcast(chosen: Sequence[Episode], members: int = 100, seed: int = 1) -> tuple[EpisodeRun, ...]:
    """All chosen episodes."""
    return tuple(run_episode(episode, members, seed) for episode in chosen)


def summary(rows: Sequence[HindcastRow]) -> dict[str, dict[str, float]]:
    """Per forecast: targets in band, targets in all, and the score, over the listed rows.

    Where no row is listed, all count.
    """
    counted = [row for row in rows if row.target.listed] or list(rows)
    result = {}
    for name in FORECASTS:
        misses = [row.miss_of(name) for row in counted]
        result[name] = {
            "in_band": float(sum(m == 0 for m in misses)),
            "targets": float(len(misses)),
            "score": score(misses),
        }
    return result
