"""From the events of a scenario to controls: what policy is in force in a step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from sim.arrays import BoolArray, FloatArray, IntArray
from sim.controls import Controls
from sim.instruments import Instrument
from sim.units import Amount
from sim.world.world import World

__all__ = ["Deciding", "active_controls", "policy_key"]


def policy_key(events: Sequence[Instrument], start: dt.date, end: dt.date) -> tuple[object, ...]:
    """What the policy of the step [start, end) depends on; equal keys mean equal controls."""
    return tuple(
        (
            event.id,
            np.asarray(event.activity(start, end)).tobytes(),
            event.phase(start, end),
            np.asarray(event.own_phase(start, end)).tobytes(),
        )
        for event in events
    )


def active_controls(
    world: World,
    events: Sequence[Instrument],
    dates: tuple[dt.date, dt.date],
    happens: Mapping[str, BoolArray | FloatArray] = MappingProxyType({}),
    strengths: Mapping[str, Amount] = MappingProxyType({}),
    owner: IntArray | None = None,
) -> tuple[Controls, dict[str, Amount]]:
    """Controls of the step between two dates, and the share of it in which each event is in force.

    Events act in the order of their names: what they do together must not depend, in the last bit, on the
    order in which a file has them. An event that only some members see (``happens``, (M,))
    has a share for each member. Rules scale what an event does by its strength (``strengths``, one number or
    (M,)); one that is dormant acts with strength 0: what a member meets must not depend on the others.

    Args:
        owner: (1 or M, F) number of the firm that owns each facility now; None for the base year's.
    """
    start, end = dates
    shares: dict[str, Any] = {event.id: event.activity(start, end) for event in events}
    controls = Controls(world, owner, frozenset(name for event in events for name in event.weighed))
    controls.date, controls.end = start, end
    for event in sorted(events, key=lambda event: event.id):
        share = shares[event.id]
        # Whether it may act in any member: the shape of a market must not depend on who shares it.
        acts = bool(np.any(np.asarray(share) > 0))
        if event.id in happens:
            share = shares[event.id] = share * happens[event.id].astype(float)
        if event.id in strengths:
            share = shares[event.id] = share * strengths[event.id]
        if acts:
            event.apply(controls, share)
    return controls, shares


class Deciding:
    """Which licences decide on applications by a day: after their delay, or at once as heirs.

    A licence that takes the place of another, of the same goods between the same countries, takes over its
    queue, and nobody waits for its first decisions.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._places: dict[str, frozenset[tuple[int, int, bytes]]] = {}

    def by(self, events: Sequence[Instrument], day: dt.date) -> tuple[str, ...]:
        """Names of those of the events that are licences and decide by a day."""
        licences = [event for event in events if event.settled(dt.date.max)]
        return tuple(event.id for event in licences if self._decides(event, day, licences))

    def _decides(self, event: Instrument, day: dt.date, licences: Sequence[Instrument]) -> bool:
        if event.settled(day):
            return True
        begins = event.from_
        if begins is None or begins > day:
            return False
        return any(
            (other.from_ is None or other.from_ < begins)
            and (other.until is None or other.until >= begins - dt.timedelta(days=1))
            and self._where(event) <= self._where(other)
            and self._decides(other, begins, licences)
            for other in licences
        )

    def _where(self, event: Instrument) -> frozenset[tuple[int, int, bytes]]:
        """Good, origin and destinations of each queue of a licence."""
        if event.id not in self._places:
            first = event.from_ or dt.date.min
            controls, _ = active_controls(self._world, [event], (first, first + dt.timedelta(days=1)))
            self._places[event.id] = frozenset(
                (licence.good, licence.origin, np.asarray(licence.destinations).tobytes())
                for licence in controls.licences
            )
        return self._places[event.id]
