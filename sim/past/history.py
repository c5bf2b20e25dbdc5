"""The long list of natural experiments since 1977: which the model can try, and how it does on each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim.analysis.targets import read_table, reasons
from sim.engine import Simulation
from sim.errors import MonaziteError, did_you_mean
from sim.past.episodes import EpisodeTarget
from sim.past.origins import PairRecorder
from sim.past.replay import UNEXPLAINED, HindcastRow
from sim.past.scoring import HOW, Statistic, Window, evaluate
from sim.past.timing import TIMES
from sim.paths import share_root
from sim.scenario import Scenario, load_scenario
from sim.sweep.estimate import check_members
from sim.world.load import load_world
from sim.world.restrict import restrict
from sim.world.world import World

__all__ = [
    "CaseRun", "HistoryTarget", "chosen_targets", "history_targets", "load_case", "run_case", "run_history",
]  # fmt: skip

LIST, TRIED = "targets/history_targets.csv", "targets/history_rows.csv"
CASES = "targets/history"


@dataclass(frozen=True)
class HistoryTarget:
    """One row of the list.

    Attributes:
        id, mineral, episode, cause: as the list has them. target: what is observed, and its band.
        case: the run that tries it; empty where none does. over: what the statistic is divided by.
        left_out: why it is not tried; empty where it is.
    """

    id: str
    mineral: str
    episode: str
    cause: str
    target: EpisodeTarget
    case: str
    over: float
    left_out: str


def history_targets(root: Path | None = None) -> tuple[HistoryTarget, ...]:
    """All rows of the list, in its order.

    Args:
        root: the folder that holds ``data/raw``; where the program's data lie if None.

    Raises:
        MonaziteError: a table is missing, lacks a row, or a row cannot be read: says which, why, what to do.
    """
    listed, tried = _rows(LIST, root), {row["id"]: row for row in _rows(TRIED, root)}
    unknown = sorted(set(tried) - {row["id"] for row in listed})
    if unknown:
        raise MonaziteError(f"history_rows.csv: '{unknown[0]}' is no row of history_targets.csv; remove it")
    found = []
    for row in listed:
        how = tried.get(row["id"])
        if how is None:
            raise MonaziteError(
                f"history_rows.csv: has no row '{row['id']}'; say how it is tried, or why not ('left_out')"
            )
        found.append(_target(row, how))
    return tuple(found)


def _rows(name: str, root: Path | None) -> list[dict[str, str]]:
    if root is None:
        return read_table(name)
    from sim.tables import read_table as read_csv

    return read_csv(root / "data" / "raw" / name, remedy="restore it").dictionaries()


def _target(row: dict[str, str], how: dict[str, str]) -> HistoryTarget:
    place = f"history_rows.csv, {row['id']}"
    if bool(how["case"]) == bool(how["left_out"]):
        raise MonaziteError(f"{place}: needs either a 'case' or a reason under 'left_out'; state one of them")
    statistic = _statistic(how, place) if how["case"] else Statistic("", "mean", Window.parse(row["year"]))
    low, observed, high = (_number(row[name], f"history_targets.csv, {row['id']}", name) for name in BAND)
    target = EpisodeTarget(
        row["id"], row["statistic"], statistic, observed, low, high, row["source_title"],
        note=row["note"],
    )  # fmt: skip
    over = _number(how["over"], place, "over") if how["over"] else 1.0
    if not over > 0:
        raise MonaziteError(f"{place}: 'over' is {how['over']}, but divides; write a number above 0")
    about = (row["id"], row["mineral"], row["episode"], row["instrument"])
    return HistoryTarget(*about, target, how["case"], over, how["left_out"])


BAND = ("accept_low", "value", "accept_high")


def _number(text: str, place: str, column: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise MonaziteError(f"{place}: {column} is '{text[:60]}', which is no number; write one")
    return value


def _statistic(how: dict[str, str], place: str) -> Statistic:
    reference = None
    if how["reference_series"]:
        reference = _part(how, "reference_", place)
    main = _part(how, "", place)
    if main.how in TIMES and reference is None:
        raise MonaziteError(f"{place}: '{main.how}' counts from a reference; state 'reference_series'")
    return Statistic(main.series, main.how, main.at, reference)


def _part(how: dict[str, str], prefix: str, place: str) -> Statistic:
    word, known = how[f"{prefix}how"], {*HOW, *(TIMES if not prefix else ())}
    if word not in known:
        raise MonaziteError(f"{place}: {prefix}how is '{word[:60]}'; {did_you_mean(word, sorted(known))}")
    return Statistic(how[f"{prefix}series"], word, Window.parse(how[f"{prefix}at"]))


def chosen_targets(names: Sequence[str]) -> tuple[HistoryTarget, ...]:
    """The rows with these ids or of these cases; all of them without a name.

    Raises:
        MonaziteError: a name is neither.
    """
    rows = history_targets()
    known = {row.id for row in rows} | {row.case for row in rows if row.case}
    for name in names:
        if name not in known:
            say = did_you_mean(name, sorted(known), list_up_to=0) or "history_rows.csv has them all"
            raise MonaziteError(f"'{name[:60]}' is neither a row nor a case of the list of history; {say}")
    return tuple(row for row in rows if not names or row.id in names or row.case in names)


def load_case(case: str) -> tuple[World, Scenario]:
    """World and scenario of a case, from its file in ``data/raw/targets/history``.

    Raises:
        MonaziteError: there is no such file, or it is no scenario.
    """
    path = share_root() / "data" / "raw" / CASES / f"{case}.yaml"
    if not path.is_file():
        there = sorted(file.stem for file in path.parent.glob("*.yaml"))
        raise MonaziteError(f"history_rows.csv: no case '{case[:60]}'; {did_you_mean(case, there)}")
    scenario = load_scenario(str(path))
    return restrict(load_world(scenario.base_year, scenario.tables), scenario.minerals), scenario


@dataclass(frozen=True)
class CaseRun:
    """The run of one case: its rows, markets that were solved, and those of them that carry a certificate."""

    case: str
    rows: tuple[HindcastRow, ...]
    cleared: int
    certified: int


def run_case(case: str, rows: Sequence[HistoryTarget], members: int, seed: int) -> CaseRun:
    """Run one case and score its rows.

    Raises:
        MonaziteError: a row names a series, good or date that the run does not have.
    """
    world, scenario = load_case(case)
    check_members(world, scenario, members)
    data = Simulation(world, scenario, members=members, seed=seed, recorder=PairRecorder).run()
    known, found = reasons(), []
    for row in rows:
        values = evaluate(data, row.target.statistic) / row.over
        scored = HindcastRow(case, row.target, values, {})
        reason = "" if scored.in_band else known.get((row.id, case), UNEXPLAINED)
        found.append(HindcastRow(case, row.target, values, {}, reason))
    certified = data["certified"].values
    return CaseRun(case, tuple(found), int(certified.size), int(certified.sum()))


def run_history(
    rows: Sequence[HistoryTarget],
    members: int = 100,
    seed: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[CaseRun, ...]:
    """The cases that try some rows, in the order of the list.

    Args:
        progress: called with a case, how many are done, and how many there are.
    """
    cases = list(dict.fromkeys(row.case for row in rows if row.case))
    found = []
    for done, case in enumerate(cases):
        if progress is not None:
            progress(case, done, len(cases))
        found.append(run_case(case, [row for row in rows if row.case == case], members, seed))
    return tuple(found)
