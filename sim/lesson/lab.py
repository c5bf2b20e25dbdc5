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
from typing import Any

import numpy as np

from sim.arrays import IntArray
from sim.errors import MonaziteError
from sim.explain.branches import LARGEST_STACK
from sim.lesson.abroad import homes_of
from sim.lesson.grounds import Branch, Grounds
from sim.lesson.settings import Settings, from_file, lesson_of, status_quo
from sim.lesson.stepwise import Work, finished
from sim.lesson.watch import Tracks
from sim.scenario import Scenario, load_scenario
from sim.scenario.lesson_part import SettingsPart
from sim.scenario.node import Override
from sim.units import Quantity, parse_quantity
from sim.world.load import load_world
from sim.world.restrict import restrict
from sim.world.world import World

__all__ = ["Case", "Lab"]

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
        quo: settings of the status quo. source: name or file of the scenario. whole: the world that it is run
        in, all chains.
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
        self.quo = status_quo(lesson)
        self._kept: OrderedDict[Key, Tracks] = OrderedDict()
        self._grounds = Grounds(self)
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
        rows = zip(self.lesson.part.sliders, settings.sliders, self.quo.sliders, strict=True)
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
        return finished(self.grounding(settings))

    def grounding(self, settings: Settings) -> Work[Tracks]:
        """The same, a month at a time."""
        return (yield from self._grounds.of(settings.options, ())).tracks

    def prepare(self, settings: Settings) -> None:
        """Make what runs of these settings branch from, so that they need not wait for it."""
        finished(self.preparing(settings))

    def preparing(self, settings: Settings) -> Work[None]:
        """The same, a month at a time."""
        yield from self._grounds.of(settings.options, ())
        yield from self._grounds.of(settings.options, self.acting(settings))

    def run(self, cases: Sequence[Case], members: IntArray | None = None) -> list[Tracks]:
        """The tracks of some cases, each of the same members, as :meth:`running` makes them."""
        return finished(self.running(cases, members))

    def running(self, cases: Sequence[Case], members: IntArray | None = None) -> Work[list[Tracks]]:
        """The tracks of some cases, each of the same members, a month of a stack at a time.

        Args:
            cases: with any settings; those with the same options and events share a stack, and those that
                come to the same are run once.
            members: which of the lesson's members; all where None.
        """
        rows = np.arange(self.members) if members is None else members
        keys = [self._key(case) for case in cases]
        found = {key: self._kept[key].rows(rows) for key in keys if key in self._kept}
        groups: dict[Branch, list[tuple[int, ...]]] = {}
        for options, acts, places in dict.fromkeys(keys):
            if (options, acts, places) not in found:
                groups.setdefault((options, acts), []).append(places)
        width = max(1, LARGEST_STACK // len(rows))
        for group, missing in groups.items():
            for start in range(0, len(missing), width):
                some = missing[start : start + width]
                ground = yield from self._grounds.of(*group)
                parts = yield from self._grounds.stack(ground, some, rows)
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
        rows = zip(self.lesson.part.sliders, case.settings.sliders, self.quo.sliders, strict=True)
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

    def told(self, settings: Settings) -> list[str]:
        """What the model is told, in sentences: the button's events, and those of sliders that are moved."""
        acts = self.acting(settings) if settings.embargo else ()
        known = {event.id: event for event in self.scenario_of(settings.options, acts).events}
        shown, moved = list(acts), self.moved(settings)
        for (name, slider), place in zip(self.lesson.part.sliders.items(), settings.sliders, strict=True):
            event, field = slider.sets.split(".")[1:3]
            if name in moved and event in known:
                quantity = parse_quantity(slider.positions[place])
                told = _placed(getattr(known[event], field), quantity)
                known[event] = known[event].model_copy(update={field: told})
                shown.append(event)
        return [known[name].sentence() for name in dict.fromkeys(shown)]

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


def _placed(field: Any, quantity: Quantity) -> Any:
    """A field of an event with another quantity: alone, or by place and date as its event keeps it."""
    if isinstance(field, Mapping):
        return {key: _placed(value, quantity) for key, value in field.items()}
    return quantity if isinstance(field, Quantity) else field
