"""The runs of a lesson: any number of settings as members of one stack, from the first month they touch.

Settings that differ in the positions of sliders alone are runs of one scenario, in which positions are
values that members have drawn. So they share one simulation, and up to the first month that one of them can
touch they are one run, made once and kept as checkpoints. With the button pressed, and under each option that
sets lists of countries or goods, it is another scenario.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from sim.agents.parameters import Draws
from sim.arrays import FloatArray, IntArray
from sim.engine.checkpoint import Checkpoint
from sim.engine.draws import draw_events
from sim.engine.simulation import Simulation
from sim.errors import MonaziteError
from sim.explain.branches import LARGEST_STACK, first_step, spread
from sim.lesson.abroad import homes_of
from sim.lesson.settings import Settings, from_file, lesson_of, status_quo
from sim.lesson.watch import Tracks, Watcher
from sim.scenario import Scenario, load_scenario
from sim.scenario.lesson_part import SettingsPart
from sim.scenario.node import Override
from sim.world.load import load_world
from sim.world.restrict import restrict
from sim.world.world import World

__all__ = ["Case", "Lab"]

FROM_THE_START = ("initial",)
"""Fields that act before their event does."""
MOST_KEPT = 64
"""Runs that are kept: a megabyte each."""
Key = tuple[tuple[int, ...], tuple[str, ...], tuple[int, ...]]
"""What decides a run: options, events of the button that act, positions of sliders."""


@dataclass(frozen=True)
class Case:
    """One run: settings, and the events among those moved that are off all the same.

    Attributes:
        settings: how the page is set.
        off: ids of events of the button that do not happen, and names of sliders put back; for "Why?".
    """

    settings: Settings
    off: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Ground:
    """One scenario with its sliders at the status quo, and where others may branch from it.

    Attributes:
        scenario: the scenario. tracks: its run, as far as it was made.
        at: step -> checkpoint. first: slider -> the first step that it can touch.
    """

    scenario: Scenario
    tracks: Tracks
    at: Mapping[int, Checkpoint]
    first: Mapping[str, int]


class Lab:
    """Runs a lesson's scenario; keeps the status quo, what others branch from, and the latest runs.

    Args:
        name: a scenario with a lesson, by name or file.
        seed: of the runs; that of the scenario where None.

    Raises:
        MonaziteError: there is no such scenario, it has no lesson, or the lesson names goods it does not run.

    Attributes:
        scenario: as the file has it. lesson: its lesson. goods: ids of the goods that are kept, first the
        lesson's own. pairs: good and country of each column of shortages. world: the chains that are run.
        homes: (G,) country outside of which each good's price is shown.
        source: name or file of the scenario. whole: the world that it is run in, all chains.
    """

    def __init__(self, name: str, seed: int | None = None) -> None:
        self.scenario = load_scenario(name)
        lesson = self.lesson = lesson_of(self.scenario)
        self.source = name
        self.whole: World = load_world(self.scenario.base_year, self.scenario.tables)
        self.world = restrict(self.whole, self.scenario.minerals)
        self.homes = homes_of(self.world, self.scenario)
        self.goods = tuple(lesson.part.goods)
        known = [good.id for good in self.world.goods]
        for good in self.goods:
            if good not in known:
                said = f"{self.scenario.name}: lesson: '{good}' is not run"
                raise MonaziteError(f"{said}; there are {', '.join(known)}")
        self.seed = seed if seed is not None else self.scenario.seed or 0
        self.members = lesson.part.members
        self._quo = status_quo(lesson)
        self._kept: OrderedDict[Key, Tracks] = OrderedDict()
        self._grounds: dict[tuple[tuple[int, ...], tuple[str, ...]], _Ground] = {}
        self.pairs: list[tuple[str, str]] = []

    @property
    def months(self) -> list[str]:
        """First day of every step."""
        return [start.isoformat() for start, _ in self.scenario.steps()]

    def settings(self, part: SettingsPart | None) -> Settings:
        """Settings as the lesson's file names them."""
        return from_file(self.lesson, part)

    def acting(self, settings: Settings) -> tuple[str, ...]:
        """Ids of the events that the button switches on, with these options."""
        card = self.lesson.part.card
        found = list(card.events)
        for choice, taken in zip(card.choices.values(), settings.options, strict=True):
            found += list(choice.options.values())[taken].events
        return tuple(dict.fromkeys(found))

    def moved(self, settings: Settings) -> tuple[str, ...]:
        """Names of the sliders that do not stand at the status quo."""
        rows = zip(self.lesson.part.sliders, settings.sliders, self._quo.sliders, strict=True)
        return tuple(name for name, place, own in rows if place != own)

    def first_day_step(self, settings: Settings) -> int:
        """The step in which the button's events first take effect."""
        scenario = self.scenario
        begins = [scenario.event(name).from_ or scenario.start for name in self.acting(settings)]
        starts = [start for start, _ in scenario.steps()]
        return max(sum(start <= min(begins) for start in starts) - 1, 0)

    def last_day_step(self, settings: Settings) -> int:
        """The step in which the last of the button's events is in force for the last time."""
        ends = [self.scenario.event(name).until or self.scenario.end for name in self.acting(settings)]
        return sum(start <= max(ends) for start, _ in self.scenario.steps()) - 1

    def ground(self, settings: Settings) -> Tracks:
        """The status quo under the options taken: M members."""
        return self._ground(settings.options, ()).tracks

    def prepare(self, settings: Settings) -> None:
        """Make what runs of these settings branch from, so that they need not wait for it."""
        self._ground(settings.options, ())
        self._ground(settings.options, self.acting(settings))

    def run(self, cases: Sequence[Case], members: IntArray | None = None) -> list[Tracks]:
        """The tracks of some cases, each of the same members.

        Args:
            cases: with any settings; those with the same options and events share a stack, and those that
                come to the same are run once.
            members: which of the lesson's members; all where None.
        """
        rows = np.arange(self.members) if members is None else members
        keys = [self._key(case) for case in cases]
        found = {key: self._kept[key].rows(rows) for key in keys if key in self._kept}
        groups: dict[tuple[tuple[int, ...], tuple[str, ...]], list[tuple[int, ...]]] = {}
        for options, acts, places in dict.fromkeys(keys):
            if (options, acts, places) not in found:
                groups.setdefault((options, acts), []).append(places)
        width = max(1, LARGEST_STACK // len(rows))
        for group, missing in groups.items():
            for start in range(0, len(missing), width):
                some = missing[start : start + width]
                parts = self._stack(self._ground(*group), some, rows)
                found |= {(*group, places): part for places, part in zip(some, parts, strict=True)}
        if members is None:
            self._keep(found)
        return [found[key] for key in keys]

    def _keep(self, found: Mapping[Key, Tracks]) -> None:
        self._kept |= found
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def _key(self, case: Case) -> Key:
        """Options, events of the button that act, and where the sliders stand that touch anything."""
        on = self.acting(case.settings) if case.settings.embargo else ()
        acts = tuple(name for name in on if name not in case.off)
        idle = case.off | set(self.idle(acts))
        rows = zip(self.lesson.part.sliders, case.settings.sliders, self._quo.sliders, strict=True)
        places = tuple(own if name in idle else place for name, place, own in rows)
        return case.settings.options, acts, places

    def idle(self, acts: Collection[str]) -> tuple[str, ...]:
        """Names of the sliders that set fields of events of the button which do not happen."""
        gone = set(self._buttons()) - set(acts)
        sliders = self.lesson.part.sliders.items()
        return tuple(name for name, slider in sliders if slider.sets.split(".")[1] in gone)

    def scenario_of(self, options: tuple[int, ...], acts: tuple[str, ...]) -> Scenario:
        """The scenario under the options of a card, with some events of the button; checked."""
        changes: dict[str, Any] = {}
        for choice, taken in zip(self.lesson.part.card.choices.values(), options, strict=True):
            changes |= list(choice.options.values())[taken].set
        scenario = self.scenario
        if changes:
            overrides = [
                Override(tuple(path.split(".")), value, f"{path}={value}", number)
                for number, (path, value) in enumerate(changes.items(), 1)
            ]
            overrides.append(Override(("lesson",), None, "lesson=null", 0))
            scenario = load_scenario(self.source, overrides)
        gone = set(self._buttons()) - set(acts)
        # What the button does is certain; what an option puts in its place has one of 0 in the file.
        events = [
            event.model_copy(update={"probability": None}) if event.id in acts else event
            for event in scenario.events
            if event.id not in gone
        ]
        return replace(scenario, events=tuple(events), lesson=None)

    def own_events(self) -> tuple[str, ...]:
        """Ids of all events that the button or a slider touches; others are part of the lesson's world."""
        options = [o for choice in self.lesson.part.card.choices.values() for o in choice.options.values()]
        paths = [path for option in options for path in option.set]
        paths += [slider.sets for slider in self.lesson.part.sliders.values()]
        return tuple(dict.fromkeys([*self._buttons(), *(path.split(".")[1] for path in paths)]))

    def _buttons(self) -> tuple[str, ...]:
        """Ids of all events that the button can switch on, under any option."""
        card = self.lesson.part.card
        of_options = (o.events for choice in card.choices.values() for o in choice.options.values())
        return tuple(dict.fromkeys([*card.events, *(event for events in of_options for event in events)]))

    def _ground(self, options: tuple[int, ...], acts: tuple[str, ...]) -> _Ground:
        """The scenario with some events of the button, sliders at the status quo.

        All of it is run where nothing acts, else up to the first step in which something does.
        """
        if (options, acts) in self._grounds:
            return self._grounds[options, acts]
        scenario = self.scenario_of(options, acts)
        sliders = self.lesson.part.sliders.items()
        first = {name: self._first(scenario, slider.sets) for name, slider in sliders}
        end = min((first_step(scenario.event(name), scenario) for name in acts), default=len(self.months))
        numbers = np.arange(self.members)
        # An array with one row may be of one member or shared by all; with two members it is plain which.
        numbers = numbers if len(numbers) > 1 else np.repeat(numbers, 2)
        varied = self._varied(scenario, [self._quo.sliders], numbers)
        simulation = Simulation(
            self.whole, varied, numbers.tolist(), self.seed, recorder=partial(Watcher, self.goods, self.homes)
        )
        at = {0: simulation.checkpoint()}
        while simulation.time < end:
            simulation.step()
            if simulation.time in {*first.values(), end} and simulation.time < len(self.months):
                at[simulation.time] = simulation.checkpoint()
        watcher = simulation.recorder
        assert isinstance(watcher, Watcher)
        self.pairs = watcher.pairs
        ground = _Ground(scenario, watcher.tracks().rows(slice(0, self.members)), at, first)
        self._grounds[options, acts] = ground
        return ground

    def _first(self, scenario: Scenario, path: str) -> int:
        """The first step that a field of an event can touch; the end where the event does not happen."""
        event, field = path.split(".")[1:3]
        if event not in {one.id for one in scenario.events}:
            return len(self.months)
        return 0 if field in FROM_THE_START else first_step(scenario.event(event), scenario)

    def _stack(self, ground: _Ground, cases: Sequence[tuple[int, ...]], members: IntArray) -> list[Tracks]:
        """One simulation of all cases, from the first month that one of them can touch."""
        names = list(self.lesson.part.sliders)
        touched = [
            ground.first[names[i]]
            for places in cases
            for i, (place, own) in enumerate(zip(places, self._quo.sliders, strict=True))
            if place != own
        ]
        first = min([*touched, ground.tracks.price.shape[1]])
        before = ground.tracks.rows(members)
        if first == len(self.months):
            return [before for _ in cases]
        at = max(step for step in ground.at if step <= first)
        numbers = np.tile(members, 2) if len(cases) * len(members) == 1 else members
        rows = np.tile(numbers, len(cases))
        simulation = Simulation.resume(
            spread(ground.at[at], rows), self._varied(ground.scenario, cases, numbers), self.whole,
            partial(Watcher, self.goods, self.homes),
        )  # fmt: skip
        while simulation.time < simulation.steps:
            simulation.step()
        watcher = simulation.recorder
        assert isinstance(watcher, Watcher)
        tracks, count = watcher.tracks(), len(members)
        parts = [tracks.rows(slice(i * count, (i + 1) * count)) for i in range(len(cases))]
        return [part.behind(before.until(at)) for part in parts]

    def _varied(self, scenario: Scenario, cases: Sequence[tuple[int, ...]], members: IntArray) -> Scenario:
        """The scenario in which each case's members have its positions of the sliders: cases x members."""
        known = {event.id for event in scenario.events}
        values: dict[str, FloatArray] = {}
        for i, (name, slider) in enumerate(self.lesson.part.sliders.items()):
            if slider.sets.split(".")[1] in known:
                numbers = np.array([self.lesson.numbers[name][places[i]] for places in cases])
                values[slider.sets] = np.repeat(numbers, len(members))
        rows = np.tile(members, len(cases)).tolist()
        drawn = draw_events(scenario.events, Draws(rows, self.seed, values))
        return replace(scenario, events=drawn)
