"""Governments that react: how hard each event acts in each member, given what has happened so far.

An event has a *strength*: 1 as written, 0 for one that is dormant or suspended. Reaction rules and
negotiations change strengths; all that they see is the step before, so a member's story does not depend on
who shares its batch. See ``docs/model.md``, section "Reactions".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.arrays import BoolArray, FloatArray, IntArray, Saved
from sim.engine.observe import Seen
from sim.engine.run import Run
from sim.instruments import Instrument
from sim.instruments.condition import Condition
from sim.instruments.negotiation import Negotiation
from sim.instruments.reaction_rule import ReactionRule
from sim.instruments.words import select_goods
from sim.units import Amount, Quantity
from sim.world.world import World

__all__ = ["Rules"]

Numbers = npt.NDArray[Any]
LEAST_EXPORTS = 1e-9
"""Base-year exports in tonnes below which there is nothing to watch."""


class Rules:
    """The reaction rules and negotiations of one run.

    Attributes:
        strengths: event id -> (M,), of events on which rules act or that are dormant.
    """

    def __init__(self, case: Run) -> None:
        self.events = case.events
        self.members = case.prepared.members
        ever: BoolArray = np.ones(self.members, dtype=bool)
        self._followed = [
            _Followed(event, case, case.happens.get(event.id, ever))
            for event in case.events
            if isinstance(event, ReactionRule | Negotiation)
        ]
        self.ruled = {name for rule in self._followed for name in rule.event.events}
        self.ruled |= {event.id for event in case.events if event.dormant}
        self._happens = case.happens
        self._funded: dict[str, BoolArray] = {}
        self._before: dict[str, FloatArray] = {}
        self._now: dict[str, FloatArray] = {}
        self.strengths: dict[str, FloatArray] = {}
        # One number for each member even where all agree: the shape of a market must not depend on the batch.

    def __bool__(self) -> bool:
        return bool(self.ruled or self._followed)

    def fired(self, event: str) -> IntArray | None:
        """(M,) how often a rule has acted so far; None for other events."""
        return next((rule.fired for rule in self._followed if rule.event.id == event), None)

    def acting(self) -> list[tuple[str, tuple[str, ...], BoolArray]]:
        """Of each rule its id, the events that it acts on, and (M,) whether it does so now."""
        return [(rule.event.id, rule.event.events, rule.acting > 0) for rule in self._followed]

    def advance(self, step: int, start: dt.date, end: dt.date, seen: Seen | None) -> None:
        """Follow every rule into the step [start, end), given the step before (none at the start)."""
        for rule in self._followed:
            rule.advance(step, (start, end), seen, self._now, self._before)
        self.strengths = {}
        # Noted where nobody reacts, too: a rule may be added to a run that is resumed.
        in_force: dict[str, FloatArray] = {}
        for event in self.events:
            strength = self._strength(event, step)
            spent = self._funded.get(event.id)
            ends = spent is not None and event.unpaid(spent) is None
            if spent is not None and ends:
                strength = strength * ~spent
            if event.id in self.ruled or ends:
                self.strengths[event.id] = strength
            on = event.activity(start, end) > 0
            in_force[event.id] = strength * on * self._happens.get(event.id, True)
        self._before, self._now = self._now, in_force

    def exhaust(self, spent: Mapping[str, BoolArray]) -> None:
        """Events whose money is gone, (M,) each, act no more from the next step on, and everybody knows.

        Those that do more than pay go on without it.
        """
        self._funded = {**self._funded, **spent}

    def _strength(self, event: Instrument, step: int) -> FloatArray:
        """(M,) strength of an event; the order of the rules that act on it does not matter.

        Equation (M92), docs/model.md, for ``str_v``.
        """
        strength = np.full(self.members, 0.0 if event.dormant else 1.0)
        factor = np.ones(self.members)
        for rule in self._followed:
            if event.id not in rule.event.events:
                continue
            acting = rule.acting.astype(np.float64)
            if isinstance(rule.event, Negotiation):
                if rule.event.relief is not None:
                    factor = factor * (1 - rule.event.relief.amount * (acting > 0))
            elif rule.event.action == "activate":
                strength = np.where(acting > 0, np.maximum(strength, 1.0), strength)
            elif rule.event.action == "suspend":
                factor = factor * (acting == 0)
        for rule in self._followed:
            if event.id in rule.event.events and isinstance(rule.event, ReactionRule) and rule.event.step:
                strength = strength + rule.event.step.amount * rule.acting
        highest = np.inf if event.scalable else 1.0
        clipped: FloatArray = np.clip(strength, 0.0, highest) * factor
        return clipped

    def eased(self) -> tuple[Instrument, ...]:
        """The events: licences with the shares that talks have reached, duties without what is spent."""
        floors: dict[str, list[tuple[tuple[str, ...], Amount]]] = {}
        for rule in self._followed:
            talks = rule.event
            if isinstance(talks, Negotiation) and talks.approval_share is not None:
                floor = talks.approval_share.amount * (rule.acting > 0).astype(np.float64)
                for name in talks.events:
                    floors.setdefault(name, []).append((talks.to, floor))
        eased = (
            event.eased(tuple(floors[event.id])) if event.id in floors else event for event in self.events
        )
        spent = self._funded
        return tuple((event.id in spent and event.unpaid(spent[event.id])) or event for event in eased)

    def arrays(self) -> dict[str, Numbers]:
        """How rules stand, and how strongly events were in force in the last two steps, for a checkpoint."""
        found: dict[str, Numbers] = {}
        none = np.zeros(self.members)
        for rule in self._followed:
            found |= {f"{rule.event.id}/{name}": array for name, array in rule.arrays().items()}
        for event in self.events:
            found[f"{event.id}/before"] = self._before.get(event.id, none)
            found[f"{event.id}/now"] = self._now.get(event.id, none)
        return found

    def restore(self, saved: Saved) -> None:
        """Rules that were there before go on; new ones see which events were in force in the last step.

        Raises:
            MonaziteError: an array does not fit.
        """
        for rule in self._followed:
            if any(f"{rule.event.id}/{name}" in saved for name in rule.arrays()):
                rule.restore(saved)
        like = np.zeros(self.members)
        for event in self.events:
            for when, kept in (("before", self._before), ("now", self._now)):
                if f"{event.id}/{when}" in saved:
                    kept[event.id] = saved.take(f"{event.id}/{when}", like)

    @property
    def key(self) -> tuple[object, ...]:
        """What the policy of this step depends on, beside dates; equal keys mean equal controls."""
        return tuple(column.tobytes() for column in self.standing)

    @property
    def standing(self) -> tuple[IntArray, ...]:
        """What :attr:`key` says member by member, (M,) each: actions in effect, events without money."""
        gone = [spent.astype(np.int64) for spent in self._funded.values()]
        return (*(rule.acting for rule in self._followed), *gone)


class _Followed:
    """One rule over time.

    Attributes:
        acting: (M,) actions now in effect. fired: (M,) actions decided so far.
    """

    def __init__(self, event: ReactionRule | Negotiation, case: Run, happens: BoolArray) -> None:
        self.event = event
        members, step_years, steps = len(happens), case.prepared.step_years, case.steps
        self._happens = happens
        lag = event.lag if isinstance(event, ReactionRule) else event.delay
        self._lag = np.rint(_spread(lag, members) / step_years).astype(np.int64)
        trigger = event.trigger
        self._watch = None if trigger is None else _Watch(trigger, case)
        held = np.zeros(members)
        if trigger is not None and trigger.for_ is not None:
            held = _spread(trigger.for_, members)
        self._need = np.maximum(np.ceil(held / step_years - 1e-9), 1).astype(np.int64)
        self._times = event.times if isinstance(event, ReactionRule) else 1
        # Acting again on what is switched already would change nothing.
        self._once = not (isinstance(event, ReactionRule) and event.action == "scale")
        self._reverses = isinstance(event, ReactionRule) and event.reverses
        # Room for what is decided in the last step, too: the run may be taken up again for longer.
        self._schedule = np.zeros((members, steps + 1 + int(self._lag.max(initial=0))), dtype=np.int64)
        self._held, self._missing, self._planned = (np.zeros(members, dtype=np.int64) for _ in range(3))
        self.fired, self._agreed, self.acting = (np.zeros(members, dtype=np.int64) for _ in range(3))

    def arrays(self) -> dict[str, IntArray]:
        """How it stands, (M,) each, but for the schedule of decisions by step."""
        return {
            "schedule": self._schedule, "held": self._held, "missing": self._missing,
            "planned": self._planned, "fired": self.fired, "agreed": self._agreed, "acting": self.acting,
        }  # fmt: skip

    def restore(self, saved: Saved) -> None:
        """Take over what :meth:`arrays` gave in a run that may end at another time."""
        most = float(np.iinfo(np.int32).max)
        for name, target in self.arrays().items():
            least, free = (-most, (1,)) if name == "schedule" else (0.0, ())
            given = saved.take(f"{self.event.id}/{name}", target, least, most, free)
            width = min(given.shape[-1], target.shape[-1])
            target[..., :width] = given[..., :width]

    def advance(
        self,
        step: int,
        dates: tuple[dt.date, dt.date],
        seen: Seen | None,
        now: Mapping[str, FloatArray],
        before: Mapping[str, FloatArray],
    ) -> None:
        """Count how long the trigger has held, decide, and let due decisions take effect."""
        rule, (start, end) = self.event, dates
        holds = self._happens & (rule.activity(start, end) > 0)
        if self._watch is not None:
            holds = holds & self._watch.met(seen, now, before, len(holds))
        self._held = np.where(holds, self._held + 1, 0)
        self._missing = np.where(holds, 0, self._missing + 1)
        fires = holds & (self._held >= self._need) & (self.fired < self._times)
        if self._once:
            fires &= self._planned == 0
        self._book(fires, step, fires.astype(np.int64))
        self._held = np.where(fires, 0, self._held)
        self.fired = self.fired + fires
        self._planned = self._planned + fires
        if self._reverses:
            ends = (self._planned > 0) & (self._missing >= self._need)
            self._book(ends, step, -self._planned)
            self._planned = np.where(ends, 0, self._planned)
        self._agreed = self._agreed + self._schedule[:, step]
        over = rule.until is not None and rule.until < start
        # What talks have reached ends with them; what a rule has done stays done.
        self.acting = self._agreed * (not (over and isinstance(rule, Negotiation)))

    def _book(self, where: BoolArray, step: int, change: IntArray) -> None:
        due = step + self._lag
        rows = np.flatnonzero(where & (due < self._schedule.shape[1]))
        self._schedule[rows, due[rows]] += change[rows]


class _Watch:
    """A condition on the axes of a world."""

    def __init__(self, condition: Condition, case: Run) -> None:
        world, flow, countries = case.world, case.prepared.benchmark.flow, len(case.world.countries)
        sellers = case.observer.exporters.keys
        self._condition = condition
        self._goods = select_goods(world.goods, condition.goods)
        codes = {code for word in condition.in_ for code in _expand(world, word)}
        inside = np.array([code in codes for code in world.countries])
        self._needs, self._exporters, self._base = [], [], []
        for good in self._goods if condition.series != "price" else ():
            needs = world.need_slice(good)
            self._needs.append(needs.start + np.flatnonzero(inside[world.need_country[needs]]))
            origin, destination = world.link_countries(good)
            abroad = inside[origin][:, None] & (origin[:, None] != destination)
            theirs = (sellers // countries == good) & inside[sellers % countries]
            self._exporters.append(np.flatnonzero(theirs))
            self._base.append(float((flow[good] * abroad).sum()) * case.prepared.step_years)

    def met(
        self,
        seen: Seen | None,
        now: Mapping[str, FloatArray],
        before: Mapping[str, FloatArray],
        members: int,
    ) -> BoolArray:
        """(M,) whether the condition held in the step before."""
        condition = self._condition
        if condition.event is not None:
            none = np.zeros(members)
            last = now.get(condition.event, none)
            earlier = before.get(condition.event, none)
            changes: dict[str, BoolArray] = {
                "in force": last > 0, "raised": last > earlier, "eased": last < earlier,
                "lifted": (last == 0) & (earlier > 0),
            }  # fmt: skip
            return changes[condition.is_]
        if seen is None or not self._goods:
            return np.zeros(members, dtype=bool)
        values = self._values(seen)
        bound = condition.above or condition.below
        assert bound is not None
        limit = np.reshape(bound.amount, (-1, 1))
        crossed = np.greater(values, limit) if condition.above else np.less(values, limit)
        met: BoolArray = np.any(crossed, axis=1)
        return met

    def _values(self, seen: Seen) -> FloatArray:
        """(M, goods watched); NaN where there is nothing to watch, which crosses no bound."""
        series = self._condition.series
        if series == "price":
            return seen.price[:, self._goods]
        columns = []
        for needs, exporters, base in zip(self._needs, self._exporters, self._base, strict=True):
            if series == "shortfall":
                total = np.take(seen.required, needs, axis=1).sum(1)
                part = np.take(seen.shortfall, needs, axis=1).sum(1)
            else:
                part = np.take(seen.exports, exporters, axis=1).sum(1)
                total = np.full(len(part), base if base > LEAST_EXPORTS else 0.0)
            columns.append(np.divide(part, total, out=np.full(len(part), np.nan), where=total > 0))
        return np.stack(columns, axis=1)


def _expand(world: World, word: str) -> tuple[str, ...]:
    return world.countries if word == "world" else world.groups.get(word, (word,))


def _spread(quantity: Quantity, members: int) -> FloatArray:
    return np.broadcast_to(np.asarray(quantity.amount, dtype=np.float64), (members,))
