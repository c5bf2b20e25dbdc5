"""Each event's part of a difference, from outcomes with some of the events off. Arrays alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.arrays import BoolArray, FloatArray

__all__ = ["MOST_SHAPLEY", "Credit", "credit", "subsets"]

MOST_SHAPLEY = 6
"""Events up to which every set of them is run: 64 sets."""


@dataclass(frozen=True)
class Credit:
    """Parts of the difference between all events and none, each (M,) or (n, M)."""

    none: FloatArray
    """(M,) outcome without any of the events."""
    parts: FloatArray
    """(n, M) what each event adds."""
    together: FloatArray
    """(M,) what only several events do together; 0 where the parts are Shapley values."""
    every: FloatArray
    """(M,) outcome with all of them: the sum of the others, up to rounding."""


def subsets(events: int) -> BoolArray:
    """(K, n) which events act in each run: every set of up to :data:`MOST_SHAPLEY`, beyond that none, all,
    and all but one. The first row has none, the last has all.
    """
    if events <= MOST_SHAPLEY:
        numbers = np.arange(2**events)
        acts: BoolArray = (numbers[:, None] >> np.arange(events)) % 2 == 1
        return acts
    but_one = ~np.eye(events, dtype=bool)
    return np.concatenate([np.zeros((1, events), bool), but_one, np.ones((1, events), bool)])


def credit(outcomes: FloatArray, events: int) -> Credit:
    """What each event adds.

    Up to :data:`MOST_SHAPLEY` events this is the Shapley value (Shapley 1953, "A value for n-person games"):
    what an event adds to those that act before it, averaged over all orders. The values add up to the
    difference. With more events it is what is missing where one of them is off; the rest of the difference,
    which may have either sign, is what they do together.

    Args:
        outcomes: (K, M) of the runs of :func:`subsets`.
        events: their number.
    """
    none, every = outcomes[0], outcomes[-1]
    if events > MOST_SHAPLEY:
        parts = every - outcomes[1:-1]
        return Credit(none, parts, every - none - parts.sum(axis=0), every)
    acts = subsets(events)
    size = acts.sum(axis=1)
    parts = np.zeros((events, outcomes.shape[1]))
    for event in range(events):
        without = np.flatnonzero(~acts[:, event])
        gain = outcomes[without + 2**event] - outcomes[without]
        weight = [1 / (events * math.comb(events - 1, int(n))) for n in size[without]]
        parts[event] = np.asarray(weight) @ gain
    return Credit(none, parts, np.zeros(outcomes.shape[1]), every)
