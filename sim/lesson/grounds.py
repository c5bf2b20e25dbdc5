"""What runs of a lesson branch from: the scenario run up to where something may act, kept as checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from sim.agents.parameters import Draws
from sim.arrays import FloatArray, IntArray
from sim.engine.checkpoint import Checkpoint
from sim.engine.draws import draw_events
from sim.engine.simulation import Simulation
from sim.explain.branches import first_step, spread
from sim.lesson.settings import Settings
from sim.lesson.stepwise import Once, Work
from sim.lesson.watch import Tracks, Watcher
from sim.scenario import Scenario
from sim.scenario.lesson_part import Lesson
from sim.world.world import World

__all__ = ["Branch", "Ground", "Grounds"]

FROM_THE_START = ("initial",)
"""Fields that act before their event does."""
Branch = tuple[tuple[int, ...], tuple[str, ...]]
"""Options of the card, and the events of the button that act."""


class Runs(Protocol):
    """What a lab knows of its runs; :class:`sim.lesson.lab.Lab` says what each is."""

    lesson: Lesson
    goods: tuple[str, ...]
    homes: IntArray
    whole: World
    seed: int
    members: int
    quo: Settings
    pairs: list[tuple[str, str]]

    @property
    def months(self) -> list[str]:
        """First day of every step."""

    def acting(self, settings: Settings) -> tuple[str, ...]:
        """Ids of the events that the button switches on."""

    def scenario_of(self, options: tuple[int, ...], acts: tuple[str, ...]) -> Scenario:
        """The scenario under the options of a card, with some events of the button."""


@dataclass(frozen=True)
class Ground:
    """One scenario with its sliders at the status quo, and where others may branch from it.

    Attributes:
        scenario: the scenario. tracks: its run, as far as it was made.
        at: step -> checkpoint. first: slider -> the first step that it can touch.
    """

    scenario: Scenario
    tracks: Tracks
    at: Mapping[int, Checkpoint]
    first: Mapping[str, int]


class Grounds:
    """Makes grounds, each once, and runs stacks that branch from them; all of it a month at a time.

    Up to the month in which the button's events first act, the run with them and the status quo are one run.
    It is made once, with these events, since what they follow (whose material a good is made of) is followed
    from the start; the status quo goes on from there without them.

    Args:
        lab: of the lesson.
    """

    def __init__(self, lab: Runs) -> None:
        self._lab = lab
        self._made: dict[Branch, Once[Ground]] = {}

    def of(self, options: tuple[int, ...], acts: tuple[str, ...]) -> Work[Ground]:
        """The ground under some options with some events of the button; whoever asks meanwhile helps on."""
        made = self._made.get((options, acts))
        if made is None:
            made = self._made[options, acts] = Once(partial(self._make, options, acts))
        return (yield from made.get())

    def _make(self, options: tuple[int, ...], acts: tuple[str, ...]) -> Work[Ground]:
        """All of the run where nothing of the button acts, else up to the first step that it can touch."""
        lab = self._lab
        scenario = lab.scenario_of(options, acts)
        sliders = lab.lesson.part.sliders.items()
        first = {name: self._first(scenario, slider.sets) for name, slider in sliders}
        end = min((first_step(scenario.event(name), scenario) for name in acts), default=len(lab.months))
        numbers = np.arange(lab.members)
        # An array with one row may be of one member or shared by all; with two members it is plain which.
        numbers = numbers if len(numbers) > 1 else np.repeat(numbers, 2)
        varied = self._varied(scenario, [lab.quo.sliders], numbers)
        whole = lab.acting(replace(lab.quo, options=options))
        before = (yield from self.of(options, whole)) if whole and not acts else None
        recorder = partial(Watcher, lab.goods, lab.homes)
        if before is None:
            simulation = Simulation(lab.whole, varied, numbers.tolist(), lab.seed, recorder=recorder)
            at = {0: simulation.checkpoint()}
        else:
            at = dict(before.at)
            simulation = Simulation.resume(at[max(at)], varied, lab.whole, recorder)
        begun = simulation.time
        while simulation.time < end:
            simulation.step()
            if simulation.time in {*first.values(), end} and simulation.time < len(lab.months):
                at[simulation.time] = simulation.checkpoint()
            yield
        watcher = simulation.recorder
        assert isinstance(watcher, Watcher)
        lab.pairs = watcher.pairs
        tracks = watcher.tracks().rows(slice(0, lab.members))
        if before is not None:
            tracks = tracks.behind(before.tracks.until(begun))
        return Ground(scenario, tracks, at, first)

    def _first(self, scenario: Scenario, path: str) -> int:
        """The first step that a field of an event can touch; the end where the event does not happen."""
        event, field = path.split(".")[1:3]
        if event not in {one.id for one in scenario.events}:
            return len(self._lab.months)
        return 0 if field in FROM_THE_START else first_step(scenario.event(event), scenario)

    def stack(
        self, ground: Ground, cases: Sequence[tuple[int, ...]], members: IntArray
    ) -> Work[list[Tracks]]:
        """One simulation of all cases, from the first month that one of them can touch.

        Args:
            cases: positions of all sliders in each. members: of the lesson's, the same in each.
        """
        lab = self._lab
        names = list(lab.lesson.part.sliders)
        touched = [
            ground.first[names[i]]
            for places in cases
            for i, (place, own) in enumerate(zip(places, lab.quo.sliders, strict=True))
            if place != own
        ]
        first = min([*touched, ground.tracks.price.shape[1]])
        before = ground.tracks.rows(members)
        if first == len(lab.months):
            return [before for _ in cases]
        at = max(step for step in ground.at if step <= first)
        numbers = np.tile(members, 2) if len(cases) * len(members) == 1 else members
        rows = np.tile(numbers, len(cases))
        simulation = Simulation.resume(
            spread(ground.at[at], rows), self._varied(ground.scenario, cases, numbers), lab.whole,
            partial(Watcher, lab.goods, lab.homes),
        )  # fmt: skip
        while simulation.time < simulation.steps:
            simulation.step()
            yield
        watcher = simulation.recorder
        assert isinstance(watcher, Watcher)
        tracks, count = watcher.tracks(), len(members)
        parts = [tracks.rows(slice(i * count, (i + 1) * count)) for i in range(len(cases))]
        return [part.behind(before.until(at)) for part in parts]

    def _varied(
        self, scenario: Scenario, cases: Sequence[tuple[int, ...]], members: IntArray
    ) -> Scenario:
        """The scenario in which each case's members have its positions of the sliders: cases x members."""
        lesson = self._lab.lesson
        known = {event.id for event in scenario.events}
        values: dict[str, FloatArray] = {}
        for i, (name, slider) in enumerate(lesson.part.sliders.items()):
            if slider.sets.split(".")[1] in known:
                numbers = np.array([lesson.numbers[name][places[i]] for places in cases])
                values[slider.sets] = np.repeat(numbers, len(members))
        rows = np.tile(members, len(cases)).tolist()
        drawn = draw_events(scenario.events, Draws(rows, self._lab.seed, values))
        return replace(scenario, events=drawn)
