"""What agents know of the time ahead, what each coming regime would bring, and what that is worth today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sim.agents.holding import closing_rate
from sim.agents.parameters import with_assumptions
from sim.agents.rounds import Priced
from sim.agents.state import State
from sim.agents.tomorrow import Coming, Question, Tomorrow
from sim.arrays import BoolArray, FloatArray, IntArray, Saved
from sim.engine.policy import active_controls
from sim.engine.prospects import Prospects
from sim.engine.regime import Regimes
from sim.engine.rules import Rules
from sim.engine.run import Run
from sim.engine.windows import Window, Windows

__all__ = ["Outlook"]

def central_response(case: Run) -> FloatArray:
    """(O,) elasticity of what sellers make within a year, with the parameters of the central run."""
    world, table = case.world, with_assumptions(case.table, case.scenario.assumptions)
    by_good = [
        table.get(("supply_elasticity", good.mineral), table["supply_elasticity", "all"]).central
        for good in world.goods
    ]
    plants = table["processing_elasticity", "all"].central
    mines = np.array(by_good) * case.prepared.past.answer
    return np.where(case.prepared.made, plants, mines[world.offer_good])


@dataclass
class _Known:
    """A regime that has been priced."""

    place: int
    """That of its window in time."""
    name: str
    like: str
    parts: FloatArray
    """(M, n) what differs between the members: rules, times and events that were drawn, owners."""
    priced: Priced
    before: Priced
    """A quarter ago: expectations go from there to ``priced`` in the course of the quarter."""
    regime: Coming | None = None
    """None after a resumption, until it is priced again."""

    def at(self, part: float) -> Priced:
        """Prices after a part of the quarter.

        Equation (M114), docs/model.md, for ``Yk_s``.
        """
        return self.priced if self.before is self.priced else self.before.towards(self.priced, part)


@dataclass
class _Source:
    """Members whose prices in a window come from a regime that has been priced."""

    rows: BoolArray
    """(M,)"""
    known: _Known
    anew: bool
    """Whether it is priced again."""
    asked: Question | None = None
    priced: Priced | None = None
    """What came of it."""


@dataclass
class _Plan:
    """From what a window's prices come."""

    known: _Known
    """What will be known of it."""
    window: Window
    sources: list[_Source] = field(default_factory=list)
    new: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    """(M,) members to whom it is new."""
    calm: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    """(M,) members that have heard of nothing yet."""


class Outlook:
    """The expected price of every seller and buyer, from what is announced and in force.

    Attributes:
        rate: (M, G) at which what comes later counts for less.
    """

    def __init__(
        self,
        case: Run,
        rules: Rules,
        regimes: Regimes,
        leaks: Mapping[Any, FloatArray],
        saved: Saved | None = None,
    ) -> None:
        self._case, self._rules = case, rules
        prepared = case.prepared
        self._tomorrow = Tomorrow(prepared, central_response(case))
        self._prospects = Prospects(case, regimes, self._tomorrow.response, leaks)
        self.rate = closing_rate(prepared)
        world = prepared.world
        self._offer_rate, self._need_rate = self.rate[:, world.offer_good], self.rate[:, world.need_good]
        self._less = 1 - prepared.behaviour["storage_cost"] / self.rate
        self._priced: list[_Known] = []
        self._quarter: int | None = None
        self._moved: BoolArray | None = None
        # At base prices the market of tomorrow clears: the base year needs no rounds.
        self._base = self._tomorrow.base()
        self._windows = Windows(case, rules)
        if saved:
            self._restore(saved)

    def expect(self, time: int, state: State) -> None:
        """Set the expected prices of a step: (M, O) at the gate and (M, N) delivered.

        A regime that is new is priced at once, others once a quarter: capacities and habits change slowly.
        """
        end = self._case.dates[time + 1]
        self._prospects.see(state)
        windows = self._windows.of(end, state.owner)
        quarter, part = _quarter(self._case.dates[time], end)
        again = self._quarter is not None and quarter != self._quarter
        self._quarter = quarter
        self._moved = None
        plans: list[_Plan] = []
        for window in windows:
            plans.append(self._plan(window, plans, state, again))
        self._priced = self._priced_by(plans, state)
        known = [one.at(part) for one in self._priced]
        offer = self._mean(windows, known, "offer", self._offer_rate)
        need = self._mean(windows, known, "need", self._need_rate)
        state.offer_expected_price = np.exp(offer)
        state.need_expected_price = self._case.prepared.benchmark.base_index * np.exp(need)

    def _apart(self, state: State) -> BoolArray:
        """(M, chains) whether any price that was expected in the last step has moved.

        So it has where a project has opened, a mine is empty, or more or less scrap arises.
        """
        if self._moved is not None:
            return self._moved
        prices = {id(of): of for one in self._priced for of in (one.priced, one.before)}
        apart = [self._tomorrow.chains.moved(of, self._base) for of in prices.values()]
        world, chains = self._case.world, self._tomorrow.chains
        if world.projects or world.scrap is not None:
            standing = np.where(world.comes_later, 0.0, world.offer_capacity)
            changed = np.zeros((len(state.capacity), chains.count), dtype=bool)
            rows, offers = np.nonzero(state.capacity != standing)
            changed[rows, chains.of_offer[offers]] = True
            apart.append(changed)
        none = np.zeros((len(state.capacity), chains.count), dtype=bool)
        self._moved = np.logical_or.reduce([none, *apart])
        return self._moved

    # -- what it would bring -------------------------------------------------------------------

    def _plan(self, window: Window, before: Sequence[_Plan], state: State, again: bool) -> _Plan:
        """From what a window's prices come, member by member: what has been priced nearest to it.

        Args:
            before: plans of the windows before this one.
            again: whether regimes that have been priced are priced again.
        """
        named = window.place, window.name, window.like, window.parts
        plan = _Plan(_Known(*named, self._base, self._base), window)
        if not window.events:
            # Where nothing has been heard of yet, what agents expect has moved nothing either.
            plan.calm = ~np.any(self._apart(state), axis=1)
            if plan.calm.all():
                return plan
        # A regime that grows is found again where it stood, or nearest to it.
        earlier = sorted(self._priced, key=lambda known: abs(known.place - window.place))
        groups = [
            ([of.known for of in before], "name", False), (earlier, "name", again), (earlier, "like", again)
        ]  # fmt: skip
        left = window.there
        for group, what, anew in groups:
            for known in group:
                same = getattr(known, what) == getattr(window, what)
                rows = left & _alike(known.parts, window.parts) if same else np.zeros_like(left)
                if rows.any():
                    plan.sources.append(_Source(rows, known, anew))
                    left = left & ~rows
        plan.new = left
        self._ask(plan, state)
        return plan

    def _ask(self, plan: _Plan, state: State) -> None:
        """Find a window's regime, and what of it is priced again."""
        found, window = plan.known, plan.window
        if plan.new.any():
            found.regime = self._regime(window, state.owner)
        for source in plan.sources:
            rows, known = source.rows, source.known
            # A regime is that of all members at once: one that serves some of them may be old for others.
            same = known.name == found.name
            regime = known.regime if same and rows.all() else found.regime
            if source.anew:
                regime = self._prospects.anew(regime) if regime else self._regime(window, state.owner)
                if same:
                    source.asked = Question(regime, known.priced, self._apart(state), False, rows)
                else:
                    source.asked = self._first(regime, state, known.priced, rows)
            found.regime = found.regime or regime

    def _priced_by(self, plans: Sequence[_Plan], state: State) -> list[_Known]:
        """Prices of all regimes: what is priced again at once, what is new from the window before."""
        again = [source for plan in plans for source in plan.sources if source.asked is not None]
        prices = self._tomorrow.price([source.asked for source in again if source.asked is not None], state)
        for source, priced in zip(again, prices, strict=True):
            source.priced = priced
        nearest, base = self._base, self._base
        whole: _Known | None = None
        for plan in plans:
            found, rows, there = plan.known, plan.new, plan.window.there
            if rows.any():
                assert found.regime is not None
                first = self._first(found.regime, state, nearest, rows)
                [found.priced] = self._tomorrow.price([first], state)
                found.before = found.priced
            for source in plan.sources:
                rows, known = source.rows, source.known
                now, before = known.priced, known.before
                if source.priced is not None:
                    now, before = source.priced, now
                if not rows.all():
                    now, before = now.where(rows, found.priced), before.where(rows, found.before)
                found.priced, found.before = now, before
            if plan.calm.any():
                calm = plan.calm
                found.priced, found.before = base.where(calm, found.priced), base.where(calm, found.before)
            if whole is None or not np.any(plan.window.ends):
                whole = found
            if there.all():
                nearest = found.priced
            else:
                # To whom a measure does not end, nothing is new; what others see must not reach them.
                nearest = found.priced.where(there, nearest)
                found.priced = found.priced.where(there, whole.priced)
                found.before = found.before.where(there, whole.before)
        return [plan.known for plan in plans]

    def _first(self, regime: Coming, state: State, start: Priced, rows: BoolArray) -> Question:
        """A regime that is new, or has new amounts.

        Chains that it does not touch, and that nothing known has moved, stay as they are: what moves them of
        itself moves them likewise where nothing is known. Who touches a host touches its by-products.
        """
        chains = self._tomorrow.chains
        touched = chains.of_goods(regime.touched, self._case.world)
        going = touched | chains.moved(start, self._base) | self._apart(state)
        return Question(regime, start, going, True, rows)

    def _regime(self, window: Window, owner: IntArray) -> Coming:
        likely, times = self._windows.likely(window.events, window.seen), (window.first, window.until)
        controls, shares = active_controls(
            self._case.world, window.events, times, likely, self._rules.strengths, owner
        )
        return self._prospects.coming(controls, shares, window.deciding)

    def _mean(
        self, windows: Sequence[Window], priced: Sequence[Priced], which: str, rate: FloatArray
    ) -> FloatArray:
        """Discounted mean of log prices over the base year's, less the cost of holding.

        Equation (M20), docs/model.md, for ``pe_s``.
        """
        less = self._less[:, self._case.world.offer_good if which == "offer" else self._case.world.need_good]
        base, base_cost = getattr(self._base, which), getattr(self._base, f"{which}_cost")
        total: FloatArray = np.zeros_like(base)
        whole = total
        for window, of in zip(windows, priced, strict=True):
            price, cost = getattr(of, which) - base, getattr(of, f"{which}_cost") - base_cost
            worth = cost + less * (price - cost)
            if np.any(window.ends):
                # What a measure moves is no longer there as far as it may have ended.
                total += window.weight(rate) * (worth - whole)
            else:
                whole = worth
                total += window.weight(rate) * worth
        return total

    # -- checkpoints ---------------------------------------------------------------------------

    def arrays(self) -> dict[str, FloatArray]:
        """All prices by regime, for a checkpoint."""
        found: dict[str, FloatArray] = {}
        for number, known in enumerate(self._priced):
            name = f"{number:02d}-{known.place}-{known.name}-{known.like}"
            found |= {f"{name}/{key}": value for key, value in known.priced.arrays().items()}
            if known.before is not known.priced:
                found |= {f"{name}/before/{key}": value for key, value in known.before.arrays().items()}
            found[f"{name}/parts"] = known.parts
        return found

    def _restore(self, saved: Saved) -> None:
        """Take over what :meth:`arrays` gave, the nearest window first.

        Raises:
            MonaziteError: an array is missing or does not fit.
        """
        shape = self._tomorrow.base()
        parts = np.empty((self._case.prepared.members, 0))
        for name in sorted({key.partition("/")[0] for key in saved}):
            priced = shape.take(saved, f"{name}/")
            _, place, regime, like = [*name.split("-"), "", "", ""][:4]
            own = saved.take(f"{name}/parts", parts, free=(1,))
            earlier = priced
            if f"{name}/before/offer" in saved:
                earlier = shape.take(saved, f"{name}/before/")
            where = int(place) if place.isdecimal() else 0
            self._priced.append(_Known(where, regime, like, own, priced, earlier))
        last = max(self._case.first - 1, 0)
        self._quarter, _ = _quarter(self._case.dates[last], self._case.dates[last + 1])


def _quarter(start: dt.date, end: dt.date) -> tuple[int, float]:
    """Number of the quarter in which a step starts, and the part of it that is over half-way in the step."""
    month = (start.month - 1) // 3 * 3 + 1
    first = dt.date(start.year, month, 1)
    following = dt.date(start.year + (month == 10), (month + 2) % 12 + 1, 1)
    return start.year * 4 + month // 3, min((start - first + (end - start) / 2) / (following - first), 1.0)


def _alike(one: FloatArray, other: FloatArray) -> BoolArray:
    """(M,) whether two tables (M, n) of parts agree in a row."""
    if one.shape != other.shape:
        return np.zeros(len(other), dtype=bool)
    agree: BoolArray = (one == other).all(1)
    return agree
