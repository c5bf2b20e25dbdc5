"""What the model makes of a game: each quarter goes on from the end of the last, under the moves made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from sim.arrays import BoolArray, FloatArray
from sim.engine.checkpoint import Checkpoint
from sim.engine.run import step_dates
from sim.engine.simulation import Simulation
from sim.errors import MonaziteError
from sim.explain.branches import spread
from sim.instruments import Instrument
from sim.instruments.base import RULES
from sim.lesson.game import Limits, Round, Seen
from sim.lesson.lab import Lab
from sim.lesson.moves import Event, Move, event_of, injected, strengths
from sim.lesson.score import Accountant, Marks
from sim.lesson.seats import Seat, seats_of
from sim.lesson.settings import status_quo
from sim.lesson.stepwise import Once, Work, finished
from sim.scenario import Scenario, load_scenario
from sim.scenario.governments import PREFIX
from sim.scenario.node import Override
from sim.units import Quantity

__all__ = ["MONTHS", "Book", "Referee", "influence"]

MONTHS = 3
"""Of a quarter, a step each."""
MOST_ROUNDS = 12
MOST_MEMBERS = 5
"""Runs of a game: a class waits for each quarter."""
ON_STEP = "month"
TALKS = "A talk in a game."
Owned = Mapping[str, Event]


@dataclass(frozen=True)
class Book:
    """Events of a game up to a quarter.

    Attributes:
        events: id -> event. owner: id -> country whose move it was. moves: id -> the move.
    """

    events: dict[str, Event]
    owner: dict[str, str]
    moves: dict[str, Move]

    def measures(self, country: str, day: dt.date) -> dict[str, Event]:
        """A country's measures that are in force, or about to be, from a day on."""
        return {
            name: event for name, event in self.events.items()
            if self.owner.get(name) == country and event.get("until", "9999") >= str(day)
        }  # fmt: skip


class Referee:
    """Runs quarters of a game on a lesson's world, without what its button and sliders do.

    Args:
        lab: of the lesson.

    Attributes:
        seats: country -> what it can do. first: month in which the game begins.
        members: runs that differ by chance.
        limits: rounds and seats. shape: members, months of a quarter, goods and countries.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab, self.members = lab, min(lab.members, MOST_MEMBERS)
        self.seats: dict[str, Seat] = seats_of(lab.world, lab.goods)
        begins = lab.first_day_step(status_quo(lab.lesson)) // MONTHS * MONTHS
        self.first = begins if lab.scenario.step == ON_STEP else len(lab.months)
        left = (len(lab.months) - self.first) // MONTHS
        self.limits = Limits(min(left, MOST_ROUNDS), tuple(self.seats))
        self.places = {code: i for i, code in enumerate(lab.world.countries)}
        self.shape = self.members, MONTHS, len(lab.goods), len(self.places)
        self._days = step_dates(lab.scenario.start, lab.scenario.end, lab.scenario.step)
        self._calm = Once(self._run_calm)

    def day(self, quarter: int) -> dt.date:
        """First day of a quarter."""
        return self._days[self.first + MONTHS * quarter]

    def months(self, quarter: int) -> list[str]:
        """First days of its months."""
        first = self.first + MONTHS * quarter
        return [str(day) for day in self._days[first : first + MONTHS]]

    def calm(self) -> tuple[Marks, Checkpoint]:
        """The world in which nobody moves, from the game's first month to the end; and where it begins."""
        return finished(self.calming())

    def calming(self) -> Work[tuple[Marks, Checkpoint]]:
        """The same, a month at a time."""
        return self._calm.get()

    def _run_calm(self) -> Work[tuple[Marks, Checkpoint]]:
        scenario = self.scenario({}, (), reactive=False)
        numbers, recorder = list(range(self.members)), self._accountant({})
        simulation = Simulation(self.lab.whole, scenario, numbers, self.lab.seed, recorder=recorder)
        while simulation.time < self.first:
            simulation.step()
            yield
        at = simulation.checkpoint()
        while simulation.time < simulation.steps:
            simulation.step()
            yield
        return _marks(simulation).months(self.first, simulation.steps), at

    # -- events ------------------------------------------------------------------------------------

    def book(self, history: Sequence[Round]) -> Book:
        """The events of some quarters, the last of which need not have been run."""
        book = Book({}, {}, {})
        for quarter, ran in enumerate(history):
            day, after = self.day(quarter), self._after(quarter)
            leaks = {one.country for one in ran.injections() if one.kind == "leak"}
            for country in sorted(ran.moves):
                move = ran.move(country)
                assert move is not None
                if move.kind == "lift" and move.lifts in book.events:
                    ends = {"until": str(day - dt.timedelta(days=1))}
                    book.events[move.lifts] = {**book.events[move.lifts], **ends}
                leaked = self._days[self.first + MONTHS * quarter + 1] if country in leaks else None
                event = event_of(move, self.seats[country], day, leaked)
                if event is not None:
                    name = f"q{quarter + 1}-{country}"
                    book.events[name], book.owner[name], book.moves[name] = event, country, move
            for number, one in enumerate(ran.injections()):
                brought = injected(one, day, after)
                # Whether a report was true is known a quarter later.
                if brought is not None and (one.kind != "report" or quarter == len(history) - 1):
                    book.events[f"news{quarter + 1}-{number + 1}"] = brought
            self._talks(book, quarter, ran.deals)
        return book

    def _after(self, quarter: int) -> dt.date:
        return self._days[self.first + MONTHS * (quarter + 1)]

    def _talks(self, book: Book, quarter: int, deals: Iterable[tuple[str, str]]) -> None:
        """What two agree: measures of each that are aimed at the other by name are suspended."""
        for one, other in deals:
            eased = [
                name for a, b in ((one, other), (other, one))
                for name in book.measures(a, self.day(quarter))
                if book.moves[name].whom == b and not name.startswith(f"q{quarter + 1}-")
            ]  # fmt: skip
            if eased:
                book.events[f"talks{quarter + 1}-{one}-{other}"] = {
                    "type": "negotiation", "between": [one, other], "events": eased, "relief": "100 %",
                    "from": str(self.day(quarter)), "assumption": TALKS,
                }  # fmt: skip

    def scenario(self, events: Owned, humans: Iterable[str], *, reactive: bool = True) -> Scenario:
        """The lesson's scenario with the events of a game alone; countries without a team act by rules.

        Args:
            events: id -> event. humans: countries that have a team.
            reactive: whether countries without a team act at all.
        """
        changes = [Override(("lesson",), None, "lesson=null", 0)]
        if reactive:
            changes.append(Override(("governments",), "reactive", "governments=reactive", 0))
        for name in self.lab.own_events():
            changes.append(Override(("events", name), None, f"~events.{name}", 0, delete=True))
        for name, fields in events.items():
            changes.append(Override(("events", name), dict(fields), f"+events.{name}=", 0, add=True))
        scenario = load_scenario(self.lab.source, changes)
        people = set(humans)
        kept = tuple(event for event in scenario.events if not _acts_for(event, people))
        return replace(scenario, events=kept)

    # -- quarters ----------------------------------------------------------------------------------

    def deals(
        self, history: Sequence[Round], humans: Iterable[str], last: Marks | None
    ) -> tuple[tuple[str, str], ...]:
        """Pairs that agree in the quarter that is being decided.

        Two teams do where each talks to the other; a country without a team does where its users lacked much.

        Args:
            last: the quarter before; None in the first.
        """
        people, ran = set(humans), history[-1]
        talks = {country: move.whom for country, move in ran.moves.items() if move.kind == "talks"}
        found = set()
        for one, other in talks.items():
            if talks.get(other) == one or (other not in people and self._is_short(other, last)):
                found.add((min(one, other), max(one, other)))
        return tuple(sorted(found))

    def _is_short(self, country: str, last: Marks | None) -> bool:
        if last is None:
            return False
        place = self.places[country]
        need, short = last.need[..., place].sum(axis=1), last.short[..., place].sum(axis=1)
        share = np.median(short / np.where(need > 0, need, 1.0))
        return bool(share > strengths()["talks", "short"][0])

    def quarter(
        self, at: Checkpoint, scenario: Scenario, book: Book
    ) -> tuple[Marks, Checkpoint, tuple[Seen, ...]]:
        """Three months: what came of them, where they end, what governments of the model do."""
        simulation = self._resumed(at, scenario, book)
        for _ in range(MONTHS):
            simulation.step()
        end = simulation.checkpoint() if simulation.time < simulation.steps else at
        return _marks(simulation), end, tuple(_seen(simulation))

    def fitting(self, at: Checkpoint, quarter: int) -> Checkpoint:
        """A checkpoint from a file, if it is one of this game's at the end of a quarter.

        Raises:
            MonaziteError: it is of another world, version, date or other members.
        """
        own, calm = at.header, self.calm()[1].header
        same = all(own[name] == calm[name] for name in ("version", "world", "start", "step", "minerals"))
        time = min(self.first + MONTHS * (quarter + 1), len(self._days) - 1)
        if not same or at.members != list(range(self.members)) or own["time"] != time:
            raise MonaziteError("the checkpoint is of another game")
        return at

    def without(
        self, at: Checkpoint, scenario: Scenario, book: Book, teams: Sequence[str]
    ) -> tuple[Marks, Checkpoint]:
        """The same three months as they are, and once more without all moves of each team so far.

        Args:
            at: checkpoint of 1 + T stacks of the members: as it is, then without each of T teams.
        """
        count = self.members
        events = []
        for event in scenario.events:
            mask = np.ones((1 + len(teams), count))
            owner = book.owner.get(event.id)
            if owner in teams:
                mask[1 + teams.index(owner)] = 0.0
                chance = Quantity(1.0, "share", "100 %", drawn=mask.ravel())
                event = event.model_copy(update={"probability": chance})
            events.append(event)
        simulation = self._resumed(at, replace(scenario, events=tuple(events)), book)
        for _ in range(MONTHS):
            simulation.step()
        return _marks(simulation), simulation.checkpoint() if simulation.time < simulation.steps else at

    def stacked(self, at: Checkpoint, before: Sequence[str], teams: Sequence[str]) -> Checkpoint:
        """A checkpoint of stacks for more teams: those who have not moved yet stand where the game stands."""
        count = self.members
        stacks = [0, *(1 + before.index(team) if team in before else 0 for team in teams)]
        rows = np.concatenate([np.arange(count) + count * stack for stack in stacks])
        return spread(at, rows)

    def _resumed(self, at: Checkpoint, scenario: Scenario, book: Book) -> Simulation:
        payers = {name: self.places[country] for name, country in book.owner.items()}
        return Simulation.resume(at, scenario, self.lab.whole, self._accountant(payers))

    def _accountant(self, payers: Mapping[str, int]) -> Any:
        return partial(Accountant, self.lab.goods, self.lab.homes, payers)


def influence(
    marks: Marks, teams: Sequence[str], places: Mapping[str, int], count: int
) -> dict[str, FloatArray]:
    """Team -> (M,) USD at base prices that all others lacked more through its moves.

    Args:
        marks: of 1 + T stacks of ``count`` members.
    """
    short = marks.short.sum(axis=1)
    as_is = short[:count]
    found = {}
    for k, team in enumerate(teams):
        gap = as_is - short[(1 + k) * count : (2 + k) * count]
        found[team] = gap.sum(axis=1) - gap[:, places[team]]
    return found


def _marks(simulation: Simulation) -> Marks:
    accountant = simulation.recorder
    assert isinstance(accountant, Accountant)
    return accountant.marks()


def _acts_for(event: Instrument, people: set[str]) -> bool:
    """Whether an act of the model's governments is one of a country that has a team."""
    if not event.id.startswith(PREFIX):
        return False
    actors: tuple[str, ...] = getattr(event, "between", ()) or getattr(event, "by", ())
    return bool(people & set(actors))


def _seen(simulation: Simulation) -> Iterable[Seen]:
    """Measures of the model's governments that are in force, and in which share of the runs."""
    known = {event.id: event for event in simulation.case.events}
    for name, strength in simulation.rules.strengths.items():
        event = known[name]
        on: BoolArray = strength > 0
        if not name.startswith(PREFIX) or event.type in RULES or not on.any():
            continue
        yield Seen(
            event=name, kind=event.type, by=",".join(getattr(event, "by", ())),
            to=tuple(getattr(event, "to", None) or ()), goods=tuple(getattr(event, "goods", ())),
            share=float(on.mean()),
        )  # fmt: skip

