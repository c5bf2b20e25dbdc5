"""One run laid out: who takes part, what happens when, and what is drawn. Nothing here changes in a run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sim.agents.parameters import (
    BehaviourTable,
    Draws,
    base_year_rules,
    draw_behaviour,
    read_behaviour,
    with_assumptions,
)  # fmt: skip
from sim.agents.prepared import Prepared
from sim.arrays import BoolArray, FloatArray
from sim.engine.draws import draw_events
from sim.engine.observe import Observer, controlling_country
from sim.instruments import Instrument
from sim.instruments.negotiation import Negotiation
from sim.instruments.reaction_rule import ReactionRule
from sim.market.compiled.engine import machine_code
from sim.world.benchmark import make_benchmark
from sim.world.restrict import restrict
from sim.world.world import World

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["STEPS_PER_YEAR", "Run", "lay_out", "step_dates"]

STEPS_PER_YEAR = {"month": 12, "week": 52}


def step_dates(start: dt.date, end: dt.date, step: str) -> list[dt.date]:
    """First day of every step from ``start``, plus the day after the last step."""
    dates = [start]
    while dates[-1] <= end:
        last = dates[-1]
        if step == "month":
            dates.append(dt.date(last.year + last.month // 12, last.month % 12 + 1, 1))
        else:
            dates.append(last + dt.timedelta(days=7))
    return dates


@dataclass(frozen=True)
class Run:
    """A scenario on a world, for some members."""

    scenario: Scenario
    prepared: Prepared
    members: Sequence[int]
    """(M,) numbers of the members; number 0 is the central run without noise."""
    seed: int | Sequence[int]
    draws: Draws
    events: tuple[Instrument, ...]
    """With every quantity drawn."""
    happens: Mapping[str, BoolArray]
    """Event id -> (M,) whether it happens, for events with a probability."""
    whole: World
    """The world that was given, before the scenario's choice of minerals."""
    table: BehaviourTable
    """What behaviour is drawn from, before the scenario's assumptions."""
    first: int = 0
    """The first step that is run and recorded: above 0 where a checkpoint is resumed."""
    history: Mapping[str, FloatArray] = field(default_factory=dict)
    """Of the steps before, what records need: variable -> (M, lags, n)."""

    @property
    def world(self) -> World:
        """The world, with only the goods that the scenario asks for."""
        return self.prepared.world

    @cached_property
    def dates(self) -> list[dt.date]:
        """First day of every step, plus the day after the last."""
        return step_dates(self.scenario.start, self.scenario.end, self.scenario.step)

    @property
    def steps(self) -> int:
        """Number of steps from the scenario's start to its end."""
        return len(self.dates) - 1

    @cached_property
    def differing(self) -> frozenset[str]:
        """Events that come and go member by member: by chance, or by rules that see what happens to each."""
        ruled = {event.id for event in self.events if event.dormant}
        for event in self.events:
            if isinstance(event, ReactionRule | Negotiation):
                ruled |= set(event.events)
        return frozenset(ruled | set(self.happens))

    @cached_property
    def observer(self) -> Observer:
        """What reads prices and trade off a step."""
        return Observer(self.prepared, controlling_country(self.world, self.scenario.events))


def lay_out(
    world: World,
    scenario: Scenario,
    members: Sequence[int],
    seed: int | Sequence[int],
    values: Mapping[str, FloatArray] | None = None,
    least_lags: int = 0,
) -> Run:
    """Draw what is uncertain, and invert the base year.

    Args:
        seed: root of every random stream, of all members or (M,) of each.
        values: (M,) values that a design sets, by path ``events.ID.FIELD`` or ``assumptions.PARAMETER``.
        least_lags: number of shipping lags for which there is room at least.

    Raises:
        MonaziteError: an assumption, or a value of a design, is refused; the engine needs what is missing.
    """
    whole, table = world, read_behaviour()
    world = restrict(world.with_groups(scenario.blocs), scenario.minerals)
    draws = Draws(members, seed, values)
    events = draw_events(scenario.events, draws)
    happens = {
        event.id: draws.happens(f"events.{event.id}", event.chance)
        for event in events
        if event.probability is not None
    }
    step_years = 1 / STEPS_PER_YEAR[scenario.step]
    behaviour = draw_behaviour(world, with_assumptions(table, scenario.assumptions), draws)
    sigma = np.asarray(behaviour.shared_or_each("sourcing_elasticity"))
    delay = sum(event.longest_delay_at_sea for event in events)
    benchmark = make_benchmark(world, sigma, base_year_rules(behaviour), step_years, delay, least_lags)
    if scenario.engine == "compiled":
        machine_code()  # or an error, before anything is run
    prepared = Prepared(world, benchmark, behaviour, step_years, len(members), scenario.engine)
    events = tuple(event.under(prepared.resells) for event in events)
    return Run(scenario, prepared, members, seed, draws, events, happens, whole, table)
