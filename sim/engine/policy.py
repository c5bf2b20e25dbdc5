"""From the events of a scenario to controls: what policy is in force in a step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from sim.arrays import BoolArray, IntArray
from sim.controls import Controls
from sim.instruments import Instrument
from sim.units import Amount
from sim.world.world import World

__all__ = ["active_controls", "policy_key"]


def policy_key(events: Sequence[Instrument], start: dt.date, end: dt.date) -> tuple[object, ...]:
    """What the policy of the step [start, end) depends on; equal keys mean equal controls."""
    return tuple(
        (
            event.id,
            np.asarray(event.activity(start, end)).tobytes(),
            event.phase(start, end),
        )
        for event in events
    )


def active_controls(
    world: World,
    events: Sequence[Instrument],
    dates: tuple[dt.date, dt.date],
    happens: Mapping[str, BoolArray] = MappingProxyType({}),
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
    controls = Controls(world, owner)
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
