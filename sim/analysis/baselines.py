"""Which run is compared with which: the baseline that a run names, never one that nobody chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import xarray as xr

from sim.analysis.select import own_events
from sim.errors import MonaziteError
from sim.results import Run

__all__ = [
    "Group", "NoBaselineError", "carried_events", "family", "few", "groups", "scenario_title", "shown_name",
    "titles", "variant_label",
]  # fmt: skip


NAMED = 2
"""Events of a baseline that the head of its column names."""


class NoBaselineError(MonaziteError):
    """The runs lack the baseline that they are to be compared with.

    Attributes:
        wanted: names of all that are missing; none where nobody has said which.
        lacking: the runs that lack one.
    """

    def __init__(self, message: str, wanted: Sequence[str], lacking: Sequence[Run]) -> None:
        super().__init__(message)
        self.wanted, self.lacking = tuple(wanted), tuple(lacking)


@dataclass(frozen=True)
class Group:
    """A baseline and the runs that are compared with it."""

    baseline: Run
    runs: tuple[Run, ...]
    """Without the baseline."""
    note: str = ""
    """Why this baseline, where nobody named it."""

    @property
    def together(self) -> list[Run]:
        """All of them, the baseline first."""
        return [self.baseline, *self.runs]


def family(run: Run) -> str:
    """Id of the scenario that a run, or a variant of a sweep, is one of."""
    return str(run.manifest.get("sweep", {}).get("scenario", run.scenario))


def scenario_title(run: Run) -> str:
    """Title of the scenario that was run, its id where it has none."""
    return str(run.manifest.get("title") or run.scenario)


def variant_label(run: Run) -> str:
    """What sets a variant of a sweep apart, in words; empty elsewhere."""
    return str(run.manifest.get("sweep", {}).get("label", ""))


def shown_name(run: Run) -> str:
    """The run in words: what sets a variant apart, else the scenario's id."""
    label = variant_label(run)
    return f"{family(run)}: {label}" if label else run.scenario


def titles(runs: Sequence[Run]) -> list[str]:
    """Titles of runs, no two alike: variants with what sets them apart, others of one title with their name.

    Variants of one scenario alone are called by what sets them apart, since its title goes without saying.
    """
    several = len({family(run) for run in runs}) > 1
    found = []
    for run in runs:
        title, label = scenario_title(run), variant_label(run)
        found.append((f"{title}: {label}" if several else label) if label else title)
    return [
        f"{text} ({shown_name(run)})" if found.count(text) > 1 else text
        for text, run in zip(found, runs, strict=True)
    ]


def carried_events(dataset: xr.Dataset) -> list[str]:
    """Ids of the events that act in a run: those that base-year trade does not show already."""
    return [str(event["id"]) for event in own_events(dataset, None) if not event.get("in_base_year")]


def few(events: Sequence[str]) -> str:
    """Events by name where they fit the head of a column, else how many.

    >>> few(["ban", "tariff"]), few(["a", "b", "c"])
    ('ban, tariff', '3 events')
    """
    return ", ".join(events) if len(events) <= NAMED else f"{len(events)} events"


def _levels(run: Run) -> dict[str, str]:
    levels: dict[str, str] = run.manifest.get("sweep", {}).get("levels", {})
    return levels


def _fits(baseline: Run, run: Run) -> bool:
    """Whether a variant has the assumptions of another: the same value of all that varies in both."""
    own, other = _levels(run), _levels(baseline)
    return all(own[path] == other[path] for path in own.keys() & other.keys())


def _only(run: Run, name: str, runs: Sequence[Run]) -> Run | None:
    """The variant of a scenario that a run is to be compared with; None where there is none."""
    exact = [other for other in runs if name in (other.scenario, other.id, shown_name(other))]
    if len(exact) == 1:
        return exact[0]
    named = [other for other in runs if family(other) == name]
    fitting = [other for other in named if other is run] or [other for other in named if _fits(other, run)]
    if len(fitting) > 1:
        choice = " or ".join(f"--vs {other.scenario}" for other in fitting)
        raise MonaziteError(f"{run.scenario}: '{name}' is there in several variants; choose one: {choice}")
    return fitting[0] if fitting else None


def _unshocked(runs: Sequence[Run]) -> str | None:
    """The only scenario among some in which no event acts; None where there is none, or more than one."""
    names = {family(run) for run in runs if not carried_events(run.dataset)}
    return names.pop() if len(names) == 1 else None


def groups(runs: Sequence[Run], named: str | None) -> list[Group]:
    """Baselines with the runs that are compared with each, in the order of the runs.

    Args:
        runs: what is there.
        named: the baseline asked for, by scenario or by variant; where None each run's own ``compare_to``,
            and where a file names none, the only scenario in which no event acts.

    Raises:
        NoBaselineError: a baseline is not there, or nobody has named one.
        MonaziteError: it is there in several variants, and none fits.
    """
    free = _unshocked(runs)
    found: dict[str, list[Run]] = {}
    by_id = {run.id: run for run in runs}
    notes: dict[str, str] = {}
    lacking: list[tuple[str | None, Run]] = []
    for run in runs:
        stated = named or run.manifest["compare_to"]
        name = stated or free
        baseline = _only(run, str(name), runs) if name else None
        if baseline is None:
            if stated or carried_events(run.dataset) or len(runs) > 1:
                lacking.append((str(name) if name else None, run))
            else:
                found.setdefault(run.id, [])
            continue
        if not stated and baseline is not run:
            who = family(baseline)
            notes[baseline.id] = f"baseline: {who}, the only scenario here in which no event acts"
        mine = found.setdefault(baseline.id, [])
        if baseline is not run:
            mine.append(run)
    used = {run.id for others in found.values() for run in others}
    lacking = [(name, run) for name, run in lacking if run.id not in found]
    # What has no event and no baseline is a baseline that nothing here is compared with.
    lacking = [(n, run) for n, run in lacking if n or carried_events(run.dataset) or not used]
    if not lacking and len(found) > 1 and not used:
        lacking = [(None, run) for run in runs]
    if lacking:
        raise _without(lacking, runs)
    kept = {key: others for key, others in found.items() if others or (key not in used and len(found) == 1)}
    return [Group(by_id[key], tuple(others), notes.get(key, "")) for key, others in kept.items()]


def _without(lacking: Sequence[tuple[str | None, Run]], runs: Sequence[Run]) -> NoBaselineError:
    wanted = list(dict.fromkeys(name for name, _ in lacking if name is not None))
    there = ", ".join(dict.fromkeys(family(run) for run in runs))
    variants = ", ".join(run.scenario for run in runs)
    if lacking[0][0] is not None:
        missing = " or ".join(f"'{name}'" for name in wanted)
        short = [run for name, run in lacking if name is not None]
        return NoBaselineError(f"holds no run of {missing}; there are: {there}", wanted, short)
    short = [run for name, run in lacking if name is None]
    acting = ", ".join(dict.fromkeys(event for run in short for event in carried_events(run.dataset)))
    what = f"events act in all that is there ({acting})" if acting else "several runs have no event"
    return NoBaselineError(
        f"nobody says what {family(short[0])} is compared with, and {what}. Name one of {variants} "
        f"with --vs, or write 'compare_to: SCENARIO' in the scenario's file",
        (),
        short,
    )
