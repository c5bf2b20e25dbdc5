"""The times ahead as agents know them: what is announced and in force, and when it changes."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.agents.holding import weight_ahead
from sim.arrays import BoolArray, FloatArray, IntArray
from sim.engine.policy import Deciding
from sim.engine.rules import Rules
from sim.engine.run import Run
from sim.instruments import Instrument

__all__ = ["Window", "Windows"]

DAYS = 365.25
MOST_WINDOWS = 8
"""Changes ahead that are looked at: the nearest."""
HORIZON_YEARS = 10.0
Times = tuple[dt.date, dt.date, dt.date, bool, int]


@dataclass(frozen=True)
class Window:
    """A time ahead, in years from the end of the step; ``over`` is infinite for the last."""

    name: str
    like: str
    """The same for windows in which the same measures act, whatever they have grown to."""
    parts: FloatArray
    """(M, n) what differs between the members; the last says for whom it is there."""
    years: float
    over: float
    first: dt.date
    until: dt.date
    seen: dt.date
    """Of an event that begins before this day it is known whether it happens."""
    events: tuple[Instrument, ...]
    deciding: tuple[str, ...]
    """Licences that decide on applications as it begins."""
    place: int
    """Number of the time ahead; that without a measure has that of the one with it."""
    ends: float | FloatArray = 0.0
    """Rate a year, or (M,) such, at which a measure ends that the time before has and this one has not."""
    since: float = 0.0
    """Years from the end of the step until that measure begins."""

    @property
    def there(self) -> BoolArray:
        """(M,) members whose measure may have ended: to the others it is the time before."""
        there: BoolArray = self.parts[:, -1] > 0
        return there

    def weight(self, rate: FloatArray) -> FloatArray:
        """Share that it has of today's log price; of one without a measure, of what that moves.

        Args:
            rate: (M, n) a year, at which later prices count for less.

        Equations (M19) and (M162), docs/model.md, for ``om_k`` and ``gn_k``.
        """
        whole = weight_ahead(rate, self.years, self.over)
        ends = np.reshape(np.asarray(self.ends, dtype=float), (-1, 1))
        if not ends.any():
            return whole
        both = rate + ends
        still = rate / both * np.exp(ends * self.since) * weight_ahead(both, self.years, self.over)
        gone: FloatArray = whole - still
        return gone


class Windows:
    """Parts the time ahead where something that is known changes."""

    def __init__(self, case: Run, rules: Rules) -> None:
        self._case, self._rules = case, rules
        self._deciding = Deciding(case.world)
        self._owner_numbers = np.random.default_rng(0).integers(1 << 20, size=len(case.world.facilities))
        self._written = {event.id: event.model_dump_json(exclude={"probability"}) for event in case.events}

    def of(self, end: dt.date, owner: IntArray) -> list[Window]:
        """Times ahead between which nothing that is known changes, from the end of the step on.

        Args:
            owner: (1 or M, F) number of the firm that owns each facility now.
        """
        events = self._known_events(end)
        last = end + dt.timedelta(days=int(HORIZON_YEARS * DAYS))
        dates = sorted({date for event in events for date in event.turns(end) if end < date < last})
        edges = [end, *dates[:MOST_WINDOWS]]
        shared = [*self._rules.standing, owner @ self._owner_numbers]
        everybody = np.ones(self._case.prepared.members)
        windows = []
        for place, (first, following) in enumerate(zip(edges, [*edges[1:], None], strict=True)):
            until = following if following is not None else first + dt.timedelta(days=365)
            times = end, first, until, following is None, place
            windows.append(self._window(events, times, [*shared, everybody]))
            for event, ends, there in self._of_unknown_end(events, times):
                since = max((event.from_ or end) - end, dt.timedelta(0)).days / DAYS
                rest = [other for other in events if other is not event]
                window = self._window(rest, times, [*shared, there.astype(float)])
                windows.append(replace(window, ends=ends, since=since))
        return windows

    def _window(
        self, events: Sequence[Instrument], times: Times, shared: Sequence[FloatArray | IntArray]
    ) -> Window:
        """A time ahead in which some events are known.

        Args:
            times: the end of the step, when it begins, and ends, whether it is the last, and its number.
            shared: what differs between members anyway, and at last for whom it is there.
        """
        end, first, until, is_last, place = times
        written = [(self._written[event.id], event.until) for event in events]
        active = [np.asarray(event.activity(first, until)) for event in events]
        phases = [np.asarray(event.own_phase(first, until)) for event in events]
        # By name is kept what all members have in common: what one meets must not depend on the others.
        common, grown = ([None if of.ndim else float(of) for of in all_] for all_ in (active, phases))
        deciding = self._deciding.by(events, first)
        like = self._named(written, common, deciding)
        said = [bool(event.announced and event.announced < until) for event in events]
        name = self._named(like, said, grown, [event.phase(first, until) for event in events])
        years = (first - end).days / DAYS
        over = np.inf if is_last else (until - end).days / DAYS
        likely = self.likely(events, end).values()
        parts = self._parts([*(of for of in [*active, *phases] if of.ndim), *likely, *shared])
        return Window(name, like, parts, years, over, first, until, end, tuple(events), deciding, place)

    def _of_unknown_end(
        self, events: Sequence[Instrument], times: Times
    ) -> list[tuple[Instrument, float | FloatArray, BoolArray]]:
        """Events in force that people think will end, they do not know when; how fast; and for whom.

        The last are (1 or M,) members.
        """
        end, first, until, *_ = times
        found = []
        for event in events:
            ends = event.expected_end(end)
            there = np.atleast_1d((np.asarray(ends) > 0) & (np.asarray(event.activity(first, until)) > 0))
            if there.any():
                found.append((event, ends, there))
        # A regime starts from the prices of the one before: the order of events in the file must not matter.
        return sorted(found, key=lambda pair: pair[0].id)

    def likely(self, events: Sequence[Instrument], day: dt.date) -> dict[str, FloatArray]:
        """(M,) how likely each event of chance is: before a day on which it has begun it is known.

        Member by member: for one to whom it is certain nothing changes as it begins.
        """
        happens, members = self._case.happens, self._case.prepared.members
        found = {}
        for event in events:
            if event.id in happens:
                begun = event.known_from is None or event.known_from < day
                likely = happens[event.id] if begun else event.chance
                found[event.id] = np.broadcast_to(np.asarray(likely, dtype=float), (members,))
        return found

    def _known_events(self, end: dt.date) -> list[Instrument]:
        """Events that are announced or in force before the end of a step."""
        return [
            event.as_known(end)
            for event in self._rules.eased()
            if (not event.in_base_year or event.ends_base_year)
            and (
                event.from_ is None
                or event.from_ < end
                or (event.announced is not None and event.announced < end)
            )
        ]

    def _parts(self, columns: Sequence[npt.NDArray[Any]]) -> FloatArray:
        """(M, n) what members have of their own: shares, actions of rules, a number for who owns what."""
        members = self._case.prepared.members
        return np.stack([np.broadcast_to(np.asarray(c, dtype=float), (members,)) for c in columns], axis=1)

    @staticmethod
    def _named(*parts: object) -> str:
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
