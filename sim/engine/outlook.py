"""What agents know of the time ahead, what each coming regime would bring, and what that is worth today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.agents.holding import closing_rate, weight_ahead
from sim.agents.parameters import with_assumptions
from sim.agents.rounds import Priced
from sim.agents.state import State
from sim.agents.tomorrow import Coming, Tomorrow
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


class Outlook:
    """The expected price of every seller and buyer, from what is announced and in force.

    Attributes:
        rate: (M, G) at which what comes later counts for less.
    """

    def __init__(self, case: Run, rules: Rules, regimes: Regimes, saved: Saved | None = None) -> None:
        self._case, self._rules = case, rules
        prepared = case.prepared
        self._tomorrow = Tomorrow(prepared, central_response(case))
        self._prospects = Prospects(case, regimes, self._tomorrow.response)
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
        kept: list[_Known] = []
        self._moved = None
        for window in windows:
            kept.append(self._of(window, state, kept, again))
        self._priced = kept
        known = [one.at(part) for one in kept]
        offer = self._mean(windows, known, "offer", self._offer_rate)
        need = self._mean(windows, known, "need", self._need_rate)
        state.offer_expected_price = np.exp(offer)
        state.need_expected_price = self._case.prepared.benchmark.base_index * np.exp(need)

    def _apart(self, state: State) -> BoolArray:
        """(M, chains) whether any price that was expected in the last step has moved.

        So it has where a project has opened, or a mine is empty.
        """
        if self._moved is not None:
            return self._moved
        prices = {id(of): of for one in self._priced for of in (one.priced, one.before)}
        apart = [self._tomorrow.chains.moved(of, self._base) for of in prices.values()]
        world, chains = self._case.world, self._tomorrow.chains
        if world.projects:
            standing = np.where(world.project_of_offer < 0, world.offer_capacity, 0.0)
            changed = np.zeros((len(state.capacity), chains.count), dtype=bool)
            rows, offers = np.nonzero(state.capacity != standing)
            changed[rows, chains.of_offer[offers]] = True
            apart.append(changed)
        none = np.zeros((len(state.capacity), chains.count), dtype=bool)
        self._moved = np.logical_or.reduce([none, *apart])
        return self._moved

    # -- what it would bring -------------------------------------------------------------------

    def _of(self, window: Window, state: State, kept: Sequence[_Known], again: bool) -> _Known:
        """Prices of a window's regime, member by member from what comes nearest to it.

        Args:
            kept: what windows before this one have been priced at in this step.
            again: whether regimes that have been priced are priced again.
        """
        calm = np.zeros(len(window.parts), dtype=bool)
        if not window.events:
            # Where nothing has been heard of yet, what agents expect has moved nothing either.
            calm = ~np.any(self._apart(state), axis=1)
            if calm.all():
                return _Known(window.name, window.like, window.parts, self._base, self._base)
        here = len(kept)
        # A regime that grows is found again where it stood, or nearest to it.
        places = sorted(range(len(self._priced)), key=lambda place: abs(place - here))
        earlier = [self._priced[place] for place in places]
        groups = [(kept, "name", False), (earlier, "name", again), (earlier, "like", again)]
        left = np.ones(len(window.parts), dtype=bool)
        chosen: list[tuple[BoolArray, _Known, bool]] = []
        for group, what, anew in groups:
            for known in group:
                same = getattr(known, what) == getattr(window, what)
                rows = left & _alike(known.parts, window.parts) if same else np.zeros_like(left)
                if rows.any():
                    chosen.append((rows, known, anew))
                    left = left & ~rows
        name, like, parts = window.name, window.like, window.parts
        nearest = kept[-1].priced if kept else self._base
        found = _Known(name, like, parts, nearest, nearest)
        if left.any():
            found.regime = self._regime(window, state.owner)
            found.priced = self._first(found.regime, state, nearest, left)
            found.before = found.priced
        for rows, known, anew in chosen:
            # A regime is that of all members at once: one that serves some of them may be old for others.
            same = known.name == name
            regime = known.regime if same and rows.all() else found.regime
            now, before = known.priced, known.before
            if anew:
                regime = self._prospects.anew(regime) if regime else self._regime(window, state.owner)
                if same:
                    after = self._tomorrow.price(regime, state, now, self._apart(state), False, rows)
                else:
                    after = self._first(regime, state, now, rows)
                now, before = after, now
            found.regime = found.regime or regime
            if rows.all():
                found.priced, found.before = now, before
            else:
                found.priced, found.before = now.where(rows, found.priced), before.where(rows, found.before)
        if calm.any():
            base = self._base
            found.priced, found.before = base.where(calm, found.priced), base.where(calm, found.before)
        return found

    def _first(self, regime: Coming, state: State, start: Priced, rows: BoolArray) -> Priced:
        """Prices of a regime that is new, or has new amounts.

        Chains that it does not touch, and that nothing known has moved, stay as they are: what moves them of
        itself moves them likewise where nothing is known. Who touches a host touches its by-products.
        """
        chains = self._tomorrow.chains
        touched = chains.of_goods(regime.touched, self._case.world)
        going = touched | chains.moved(start, self._base) | self._apart(state)
        return self._tomorrow.price(regime, state, start, going, True, rows)

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

        Users adapt to what they know is coming: what it moves prices by fades at the speed of thrift.

        Equation (M20), docs/model.md, for ``pe_s``.
        """
        less = self._less[:, self._case.world.offer_good if which == "offer" else self._case.world.need_good]
        base, base_cost = getattr(self._base, which), getattr(self._base, f"{which}_cost")
        total: FloatArray = np.zeros_like(base)
        thrift = self._case.prepared.behaviour["thrift_speed"]
        for window, of in zip(windows, priced, strict=True):
            price, cost = getattr(of, which) - base, getattr(of, f"{which}_cost") - base_cost
            total += weight_ahead(rate, window.years, window.over) * cost
            total += weight_ahead(rate, window.years, window.over, thrift) * less * (price - cost)
        return total

    # -- checkpoints ---------------------------------------------------------------------------

    def arrays(self) -> dict[str, FloatArray]:
        """All prices by regime, for a checkpoint."""
        found: dict[str, FloatArray] = {}
        for number, known in enumerate(self._priced):
            name = f"{number:02d}-{known.name}-{known.like}"
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
            _, regime, like = [*name.split("-"), "", ""][:3]
            own = saved.take(f"{name}/parts", parts, free=(1,))
            earlier = priced
            if f"{name}/before/offer" in saved:
                earlier = shape.take(saved, f"{name}/before/")
            self._priced.append(_Known(regime, like, own, priced, earlier))
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
