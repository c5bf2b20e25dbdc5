"""Which events of a run can have made a difference to a good, and how much of the world shows it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from sim.explain.branches import cut, first_step
from sim.instruments import Instrument
from sim.instruments.base import RULES
from sim.instruments.words import select_goods
from sim.scenario import Scenario
from sim.world.labels import Labels, load_labels
from sim.world.restrict import restrict_labels

__all__ = ["chains_of", "players"]


def chains_of(scenario: Scenario, good: str) -> Scenario:
    """The scenario with only the minerals that a good's price depends on: the same numbers in less time.

    Kept are the chain of the good, those that rules watch, and those that share a stated amount with them.
    """
    labels = load_labels(scenario.base_year, scenario.tables)
    mineral = {item.id: item.mineral for item in labels.goods}
    needed = {mineral[good]}
    for event in scenario.events:
        trigger = getattr(event, "trigger", None)
        needed |= {mineral[name] for name in _named(labels, getattr(trigger, "goods", ()))}
    shared = [
        _named(labels, getattr(event, "goods", ()), getattr(event, "stages", None) or ())
        for event in scenario.events
        if not event.in_base_year and getattr(event, "amount", None) is not None
    ]
    while True:
        kept = {item.id for item in restrict_labels(labels, sorted(needed)).goods}
        more = {mineral[name] for goods in shared if goods & kept for name in goods - kept}
        if not more - needed:
            return replace(scenario, minerals=tuple(sorted(needed)))
        needed |= more


def _named(labels: Labels, words: Iterable[str], stages: Iterable[str] = ()) -> set[str]:
    return {labels.goods[k].id for k in select_goods(labels.goods, tuple(words), tuple(stages))}


def players(
    scenario: Scenario, own: Collection[str], steps: int
) -> tuple[Scenario, list[str], dict[str, str]]:
    """The scenario up to the end of a step, and the events that may have moved something until then.

    Args:
        scenario: with only the chains in question.
        own: ids of the events that its baseline does not have.
        steps: how many steps count.

    Returns:
        The scenario, ids of the events, and of the others why they have no part.
    """
    short = cut(scenario, steps)
    labels = load_labels(scenario.base_year, scenario.tables).with_groups(scenario.blocs)
    small = restrict_labels(labels, scenario.minerals)
    found, idle = [], {}
    for event in sorted(scenario.events, key=lambda event: event.id):
        if event.id not in own or event.in_base_year:
            continue
        if first_step(event, scenario) >= steps:
            idle[event.id] = f"begins later, on {_begins(event)}"
        elif event.type not in RULES and not event.touches(small):
            idle[event.id] = "touches nothing in these chains"
        else:
            found.append(event.id)
    return short, found, idle


def _begins(event: Instrument) -> str:
    return str(min(day for day in (event.announced, event.from_) if day is not None))
