"""Episodes of the past and what was observed in them: the tables of the project, or a user's scenario."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sim.analysis.targets import read_table
from sim.errors import MonaziteError
from sim.past.scoring import HOW, PRICES, Statistic, Window
from sim.scenario import Figure, Observation, Scenario
from sim.scenario.observed import per_month
from sim.scenario.period import Period, Span

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
            targets=tuple(_tabled(r) for r in rows if r["episode"] == row["episode"]),
        )
        for row in read_table("targets/episodes.csv")
    )


def _tabled(row: dict[str, str]) -> EpisodeTarget:
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


@dataclass(frozen=True)
class _Seen:
    """One observed figure of a series."""

    period: Period
    figure: Figure
    entry: Observation
    name: str
    """Of the row."""

    @property
    def value(self) -> float:
        """In the unit of the series, a month of it where it adds up over time."""
        return per_month(self.figure.value, self.period)

    @property
    def source(self) -> str:
        """Key of the source; empty for an assumption."""
        return self.figure.source or self.entry.source or ""


def _groups(scenario: Scenario) -> list[list[_Seen]]:
    """Figures that are scored against each other, in order of their dates.

    Figures of one series belong together, whichever entries they stand in, unless an entry says what its own
    are set against.
    """
    found: dict[object, list[_Seen]] = {}
    for name, entry in scenario.observed.items():
        several = len(entry.values) > 1
        apart = name if entry.minus or entry.over or entry.reference else None
        for period, figure in entry.values.items():
            row = f"{name} {period}" if several else name
            found.setdefault((entry.series, apart), []).append(_Seen(period, figure, entry, row))
    return [sorted(figures, key=lambda seen: seen.period) for figures in found.values()]


YEARLY = "yearly_"
BY_PAIR = "yearly_flow"


def _scored(series: str, period: Period) -> tuple[str, Window]:
    """The series that is scored, and over which time: a ``yearly_`` one over the year of the figure."""
    if not series.startswith(YEARLY):
        return series, Window(period.first, period.last)
    first = period.first
    return series.removeprefix(YEARLY), Window(dt.date(first.year, 1, 1), dt.date(first.year, 12, 31))


def _how(series: str) -> str:
    return "mean" if series.partition(".")[0] in (*PRICES, "import_unit_value") else "total"


def _targets_of(figures: list[_Seen], scenario: Scenario) -> list[EpisodeTarget]:
    """The figures of one group as targets."""
    entry = figures[0].entry
    if entry.minus or entry.over:
        return [_beside(seen, scenario) for seen in figures]
    if entry.reference is not None:
        return _against_window(figures, entry.reference, scenario)
    if len(figures) == 1:
        return [_alone(figures[0], scenario)]
    return _against_first(figures, scenario)


def _target(
    seen: _Seen, statistic: Statistic, text: str, scenario: Scenario, level: float = 1.0
) -> EpisodeTarget:
    """A figure over a level, with the band that it states or that goes without saying."""
    value = seen.figure.value.value / level
    known = scenario.sources.get(seen.source)
    band = _band(seen, value, level, statistic.reference is not None)
    return EpisodeTarget(
        seen.name, text, statistic, value, *band, known.title if known else "assumption"
    )


def _band(seen: _Seen, value: float, level: float, against: bool) -> tuple[float, float]:
    """Low and high: as stated, else a factor :data:`TOLERANCE` either way; of a gap, a share of its size.

    Where nothing was left of a level (``against`` it), up to a fifth of it is in band.
    """
    stated = seen.figure.band or ()
    if len(stated) == 2:
        return stated[0].value / level, stated[1].value / level
    whole = seen.entry.band
    share = stated[0].value if stated else whole.value if whole is not None else TOLERANCE - 1
    if seen.entry.minus:
        return value - share * abs(value), value + share * abs(value)
    if value == 0 and against:
        return 0.0, share / (1 + share)
    return value / (1 + share), value * (1 + share)


def _alone(seen: _Seen, scenario: Scenario) -> EpisodeTarget:
    """A single figure is scored as it stands; of zero, nothing but zero is in band unless it states one."""
    series, window = _scored(seen.entry.series, seen.period)
    text = f"{seen.entry.series}, {_when(seen)}"
    return _target(seen, Statistic(series, _how(series), window), text, scenario)


def _against_first(figures: list[_Seen], scenario: Scenario) -> list[EpisodeTarget]:
    """The first figure above zero is the reference of the others.

    Raises:
        MonaziteError: all are zero.
    """
    first = next((seen for seen in figures if seen.value > 0), None)
    if first is None:
        raise MonaziteError(
            f"observed.{figures[0].name}: all figures of {figures[0].entry.series} are zero, and the first "
            "above zero is the reference of the others; put an earlier one before them"
        )
    series, window = _scored(first.entry.series, first.period)
    uneven = len({seen.period.months for seen in figures}) > 1
    how = "mean" if uneven and not first.entry.series.startswith(YEARLY) else _how(series)
    reference = Statistic(series, how, window)
    targets = []
    for seen in figures:
        if seen is first:
            continue
        scored, window = _scored(seen.entry.series, seen.period)
        level = first.value * seen.period.months if _how(series) == "total" else first.value
        text = f"{seen.entry.series}, {_when(seen)} over {_when(first)}"
        targets.append(_target(seen, Statistic(scored, how, window, reference), text, scenario, level))
    return targets


def _against_window(figures: list[_Seen], span: Span, scenario: Scenario) -> list[EpisodeTarget]:
    """The mean of a window is the reference: that of the model, and of the figures that lie in it.

    Figures inside are scored, too, unless there is one alone, which is its own mean.
    """
    series, _ = _scored(figures[0].entry.series, figures[0].period)
    reference = Statistic(series, "mean", Window(span.first, span.last))
    level = figures[0].entry.level()
    inside = [seen for seen in figures if span.holds(seen.period)]
    targets = []
    for seen in figures:
        if inside == [seen] and seen.figure.value.dimension != "share":
            continue
        scored, window = _scored(seen.entry.series, seen.period)
        adds_up = seen.figure.value.dimension not in ("price", "share")
        own = level * seen.period.months if adds_up else level
        text = f"{seen.entry.series}, {_when(seen)} over {span.text}"
        targets.append(_target(seen, Statistic(scored, "mean", window, reference), text, scenario, own))
    return targets


def _beside(seen: _Seen, scenario: Scenario) -> EpisodeTarget:
    """A gap or a ratio to another series at the same time."""
    entry = seen.entry
    series, window = _scored(entry.series, seen.period)
    if entry.minus:
        other, _ = _scored(entry.minus, seen.period)
        text = f"{entry.series} less {entry.minus}, {_when(seen)}"
        return _target(seen, Statistic(series, _how(series), window, minus=other), text, scenario)
    other, _ = _scored(str(entry.over), seen.period)
    text = f"{entry.series} over {entry.over}, {_when(seen)}"
    below = Statistic(other, _how(other), window)
    return _target(seen, Statistic(series, _how(series), window, below), text, scenario)


def _when(seen: _Seen) -> str:
    return str(seen.period.first.year) if seen.entry.series.startswith(YEARLY) else str(seen.period)


def episode_of(scenario: Scenario, minerals: Sequence[str] = (), name: str | None = None) -> Episode:
    """The observations of a scenario as an episode, scored like those of the project.

    Of a series with several figures the first above zero is the reference and the others are scored as ratios
    to it, since what trade quotes and what the model's base year holds differ in level; an entry may name a
    window instead (``reference``), or another series (``minus``, ``over``). A single figure is scored as it
    stands. In band is what lies within a factor :data:`TOLERANCE` of the observed value, unless it states its
    own.
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
    for figures in _groups(scenario):
        series = figures[0].entry.series
        if series.partition(".")[0] == BY_PAIR:
            unscored.append(series)
        else:
            targets += _targets_of(figures, scenario)
    if not targets:
        raise MonaziteError(
            f"'{scenario.name}': nothing under 'observed' can be scored ({', '.join(unscored)}); add prices, "
            "exports or imports of a country (docs/how-to/your-own-hindcast.md)"
        )
    return Episode(
        scenario.name, scenario.title, name or scenario.name, tuple(minerals), tuple(targets),
        unscored=tuple(unscored),
    )  # fmt: skip
