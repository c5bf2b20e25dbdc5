"""Episodes of the past and what was observed in them: the tables of the project, or a user's scenario."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sim.analysis.targets import read_table
from sim.errors import MonaziteError
from sim.past.scoring import HOW, PRICES, Statistic, Window
from sim.scenario import Scenario

__all__ = ["TOLERANCE", "Episode", "EpisodeTarget", "episode_of", "episodes"]

TOLERANCE = 1.25
"""Factor around a user's figure within which a value counts as in band (assumption)."""
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
    unscored: tuple[str, ...] = ()
    """Observed series that no run keeps member by member."""

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


Figure = tuple[dt.date, float, str, str]
"""Date, value, source key, name of the row."""


def _figures(scenario: Scenario) -> dict[str, list[Figure]]:
    """Per series the observed figures in order of their dates."""
    found: dict[str, list[Figure]] = {}
    for entry, observation in scenario.observed.items():
        several = len(observation.values) > 1
        for day, figure in observation.values.items():
            name = f"{entry} {day:%Y-%m}" if several else entry
            source = figure.source or observation.source or ""
            found.setdefault(observation.series, []).append((day, figure.value.value, source, name))
    return {series: sorted(figures) for series, figures in found.items()}


YEARLY = "yearly_"
BY_PAIR = "yearly_flow"


def _window(series: str, day: dt.date) -> tuple[str, Window]:
    """The series that is scored, and over which time: a ``yearly_`` one over the year of the figure."""
    if not series.startswith(YEARLY):
        return series, Window(day, day)
    return series.removeprefix(YEARLY), Window(dt.date(day.year, 1, 1), dt.date(day.year, 12, 31))


def _targets_of(series: str, figures: list[Figure], scenario: Scenario) -> list[EpisodeTarget]:
    """The figures of one series as targets; of several, the first is the reference of the others."""
    how = "mean" if series.partition(".")[0] in (*PRICES, "import_unit_value") else "total"
    reference, level = None, 1.0
    if len(figures) > 1:
        (day, level, _, entry), *figures = figures
        scored, window = _window(series, day)
        reference = Statistic(scored, how, window)
        if level <= 0:
            raise MonaziteError(
                f"observed.{entry}: the first figure of {series} is the reference of the others and must "
                "be more than zero; put an earlier one before it"
            )
    targets = []
    for day, value, source, entry in figures:
        ratio = value / level
        scored, window = _window(series, day)
        form = "%Y" if series.startswith(YEARLY) else "%Y-%m"
        text = f"{series}, {day.strftime(form)}"
        text += f" over {reference.at.first.strftime(form)}" if reference else ""
        known = scenario.sources.get(source)
        targets.append(
            EpisodeTarget(
                entry, text, Statistic(scored, how, window, reference), ratio,
                ratio / TOLERANCE, ratio * TOLERANCE, known.title if known else "assumption",
            )
        )  # fmt: skip
    return targets


def episode_of(scenario: Scenario, minerals: Sequence[str] = (), name: str | None = None) -> Episode:
    """The observations of a scenario as an episode, scored like those of the project.

    Of a series with several figures the first is the reference and the others are scored as ratios to it,
    since what trade quotes and what the model's base year holds differ in level. A single figure is
    scored as it stands. In band is what lies within a factor :data:`TOLERANCE` of the observed value.
    Flows between two countries are kept as quantiles over the members, not member by member: they are
    left out and named.

    Args:
        scenario: with figures under ``observed``.
        minerals: chains to run; none for the world that the scenario asks for.
        name: by which the scenario is found again, a path for example; its own name where ``None``.

    Raises:
        MonaziteError: the scenario lists nothing under ``observed`` that can be scored, or a reference is
            zero.
    """
    if not scenario.observed:
        raise MonaziteError(
            f"'{scenario.name}' lists no observations; add them under 'observed' "
            "(docs/how-to/your-own-hindcast.md)"
        )
    targets: list[EpisodeTarget] = []
    unscored: list[str] = []
    for series, figures in _figures(scenario).items():
        if series.partition(".")[0] == BY_PAIR:
            unscored.append(series)
        else:
            targets += _targets_of(series, figures, scenario)
    if not targets:
        raise MonaziteError(
            f"'{scenario.name}': nothing under 'observed' can be scored ({', '.join(unscored)}); add prices, "
            "exports or imports of a country (docs/how-to/your-own-hindcast.md)"
        )
    return Episode(
        scenario.name, scenario.title, name or scenario.name, tuple(minerals), tuple(targets),
        unscored=tuple(unscored),
    )  # fmt: skip
