"""Episodes of the past and what was observed in them: the tables of the project, or a user's scenario."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sim.analysis.scoring import HOW, PRICES, Statistic, Window
from sim.analysis.targets import read_table
from sim.errors import MonaziteError
from sim.scenario import Scenario
from sim.scenario.scenario import Observation

__all__ = ["Episode", "EpisodeTarget", "episode_of", "episodes", "statistic_of"]

TOLERANCE = 1.25
"""Where an observation names no band, a value within a quarter of it counts as in band (assumption)."""
MONTHS_AFTER = 6
"""Months that a run goes on after its last target, so that pictures show what follows."""


@dataclass(frozen=True)
class EpisodeTarget:
    """One observed statistic with its accepted band, in the unit of the series or as a ratio."""

    id: str
    text: str
    statistic: Statistic
    observed: float
    low: float
    high: float
    source: str
    listed: bool = True
    """Counts towards the score; others are shown beside it."""
    note: str = ""


@dataclass(frozen=True)
class Episode:
    """A scenario, the minerals that are run, and its targets."""

    id: str
    title: str
    scenario: str
    minerals: tuple[str, ...]
    targets: tuple[EpisodeTarget, ...]

    @property
    def overrides(self) -> tuple[str, ...]:
        """Overrides of the scenario: a small world, and no longer than the targets need."""
        last = max(window.last for t in self.targets for window in _windows(t.statistic))
        year, month = divmod(last.year * 12 + last.month - 1 + MONTHS_AFTER, 12)
        end = (f"time.end={dt.date(year, month + 1, 1):%Y-%m}",)
        return (*end, f"minerals=[{','.join(self.minerals)}]") if self.minerals else end


def _windows(statistic: Statistic) -> list[Window]:
    below = _windows(statistic.reference) if statistic.reference else []
    return [statistic.at, *below]


def episodes() -> tuple[Episode, ...]:
    """The episodes of ``data/raw/targets``.

    Raises:
        MonaziteError: a table is missing, or a row cannot be read.
    """
    rows = read_table("targets/episode_targets.csv")
    return tuple(
        Episode(
            id=row["episode"],
            title=row["title"],
            scenario=row["scenario"],
            minerals=tuple(row["minerals"].split()),
            targets=tuple(_target(r) for r in rows if r["episode"] == row["episode"]),
        )
        for row in read_table("targets/episodes.csv")
    )


def _target(row: dict[str, str]) -> EpisodeTarget:
    reference = None
    if row["reference_series"]:
        reference = _statistic(row, "reference_")
    main = _statistic(row, "")
    return EpisodeTarget(
        id=row["id"],
        text=row["statistic"],
        statistic=Statistic(main.series, main.how, main.at, reference),
        observed=float(row["observed"]),
        low=float(row["low"]),
        high=float(row["high"]),
        source=row["source"],
        listed=row["listed"] == "1",
        note=row["note"],
    )


def _statistic(row: dict[str, str], prefix: str) -> Statistic:
    how = row[f"{prefix}how"]
    if how not in HOW:
        raise MonaziteError(f"episode_targets.csv, {row['id']}: '{how}' is none of {', '.join(HOW)}")
    return Statistic(row[f"{prefix}series"], how, Window.parse(row[f"{prefix}at"]))


def statistic_of(observation: Observation) -> Statistic:
    """The statistic that an ``observed`` entry of a scenario names."""

    def part(series: str, at: dt.date, until: dt.date | None, how: str | None) -> Statistic:
        usual = "mean" if series.partition(".")[0] in (*PRICES, "import_unit_value") else "total"
        return Statistic(series, how or usual, Window(at, until or at))

    main = part(observation.series, observation.at, observation.until, observation.statistic)
    other = observation.relative_to
    if other is None:
        return main
    reference = part(other.series or observation.series, other.at, other.until, other.statistic)
    return Statistic(main.series, main.how, main.at, reference)


def episode_of(scenario: Scenario, minerals: Sequence[str] = (), name: str | None = None) -> Episode:
    """The observations of a scenario as an episode, scored like those of the project.

    Args:
        scenario: with figures under ``observed``.
        minerals: chains to run; none for the world that the scenario asks for.
        name: by which the scenario is found again, a path for example; its own name where ``None``.

    Raises:
        MonaziteError: the scenario lists nothing under ``observed``.
    """
    if not scenario.observed:
        raise MonaziteError(
            f"'{scenario.name}' lists no observations; add them under 'observed' "
            "(docs/how-to/your-own-hindcast.md)"
        )
    targets = []
    for entry, observation in scenario.observed.items():
        value = observation.value.value
        low = observation.low.value if observation.low else value / TOLERANCE
        high = observation.high.value if observation.high else value * TOLERANCE
        source = scenario.sources.get(observation.source or "")
        targets.append(
            EpisodeTarget(
                entry, entry.replace("-", " "), statistic_of(observation), value, low, high,
                source.title if source else "assumption",
            )
        )  # fmt: skip
    return Episode(
        scenario.name, scenario.title, name or scenario.name, tuple(minerals), tuple(targets)
    )
