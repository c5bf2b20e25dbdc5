"""What agents know of the time ahead, what each coming regime would bring, and what that is worth today."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.agents.holding import closing_rate, weight_ahead
from sim.agents.parameters import with_assumptions
from sim.agents.rounds import Priced
from sim.agents.state import State
from sim.agents.tomorrow import Coming, Tomorrow
from sim.arrays import BoolArray, FloatArray, IntArray, Saved
from sim.engine.policy import Deciding, active_controls
from sim.engine.prospects import Prospects
from sim.engine.regime import Regimes
from sim.engine.rules import Rules
from sim.engine.run import Run
from sim.instruments import Instrument

__all__ = ["Outlook"]

DAYS = 365.25
ROUNDS = 80
"""How often goods clear at most until their prices agree; those that have been priced take a few rounds."""
MOST_WINDOWS = 8
"""Changes ahead that are looked at: the nearest."""
HORIZON_YEARS = 10.0


def central_response(case: Run) -> FloatArray:
    """(O,) elasticity of what sellers make within a year, with the parameters of the central run."""
    world, table = case.world, with_assumptions(case.table, case.scenario.assumptions)
    by_good = [
        table.get(("supply_elasticity", good.mineral), table["supply_elasticity", "all"]).central
        for good in world.goods
    ]
    plants = table["processing_elasticity", "all"].central
    return np.where(case.prepared.made, plants, np.array(by_good)[world.offer_good])


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
        self._deciding = Deciding(world)
        self._written = {event.id: event.model_dump_json(exclude={"probability"}) for event in case.events}
        if saved:
            self._restore(saved)

    def expect(self, time: int, state: State) -> None:
        """Set the expected prices of a step: (M, O) at the gate and (M, N) delivered.

        A regime that is new is priced at once, others once a quarter: capacities and habits change slowly.
        """
        end = self._case.dates[time + 1]
        self._prospects.see(state)
        windows = self._windows(time, end, state.owner)
        quarter, part = _quarter(self._case.dates[time], end)
        again = self._quarter is not None and quarter != self._quarter
        self._quarter = quarter
        kept: list[_Known] = []
        asked = again or not all(window.events for window in windows)
        self._moved = self._apart_from_base(state) if asked else None
        for window in windows:
            kept.append(self._of(window, state, kept, again))
        self._priced = kept
        known = [one.at(part) for one in kept]
        offer = self._mean(windows, known, "offer", self._offer_rate)
        need = self._mean(windows, known, "need", self._need_rate)
        state.offer_expected_price = np.exp(offer)
        state.need_expected_price = self._case.prepared.benchmark.base_index * np.exp(need)

    def _apart_from_base(self, state: State) -> BoolArray | None:
        """(M, chains) whether any price that is expected has moved; None where none is.

        So it has where a project has opened, or a mine is empty.
        """
        prices = {id(of): of for one in self._priced for of in (one.priced, one.before)}
        apart = [self._tomorrow.chains.moved(of, self._base) for of in prices.values()]
        world, chains = self._case.world, self._tomorrow.chains
        if world.projects:
            standing = np.where(world.project_of_offer < 0, world.offer_capacity, 0.0)
            changed = np.zeros((len(state.capacity), chains.count), dtype=bool)
            rows, offers = np.nonzero(state.capacity != standing)
            changed[rows, chains.of_offer[offers]] = True
            apart.append(changed)
        moved: BoolArray | None = np.any(apart, axis=0) if apart else None
        return moved

    # -- what is known -------------------------------------------------------------------------

    def _known_events(self, start: dt.date, end: dt.date) -> list[Instrument]:
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

    def _windows(self, time: int, end: dt.date, owner: IntArray) -> list[_Window]:
        """Times ahead between which nothing that is known changes, from the end of the step on."""
        case = self._case
        events = self._known_events(case.dates[time], end)
        last = end + dt.timedelta(days=int(HORIZON_YEARS * DAYS))
        dates = sorted({date for event in events for date in event.turns(end) if end < date < last})
        edges = [end, *dates[:MOST_WINDOWS]]
        windows = []
        for first, following in zip(edges, [*edges[1:], None], strict=True):
            until = following if following is not None else first + dt.timedelta(days=365)
            active = [np.asarray(event.activity(first, until)) for event in events]
            phases = [np.asarray(event.own_phase(first, until)) for event in events]
            # By name is kept what all members have in common: what one meets must not depend on the others.
            common, grown = ([None if of.ndim else float(of) for of in all_] for all_ in (active, phases))
            written = [(self._written[event.id], event.until) for event in events]
            deciding = self._deciding.by(events, first)
            like = self._named(written, common, deciding)
            said = [bool(event.announced and event.announced < until) for event in events]
            name = self._named(like, said, grown, [event.phase(first, until) for event in events])
            years = (first - end).days / DAYS
            over = np.inf if following is None else (following - end).days / DAYS
            drawn = [of for of in [*active, *phases] if of.ndim]
            parts = self._parts([*drawn, *self._likely(events, end).values()], owner)
            known = tuple(events), deciding
            windows.append(_Window(name, like, parts, years, over, first, until, end, *known))
        return windows

    def _likely(self, events: Sequence[Instrument], day: dt.date) -> dict[str, FloatArray]:
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

    def _parts(self, drawn: Sequence[FloatArray], owner: IntArray) -> FloatArray:
        """(M, n) what members have of their own: shares, actions of rules, a number for who owns what."""
        members = self._case.prepared.members
        owners = owner @ np.random.default_rng(0).integers(1 << 20, size=owner.shape[1])
        columns = [*drawn, *self._rules.standing, owners]
        return np.stack([np.broadcast_to(np.asarray(c, dtype=float), (members,)) for c in columns], axis=1)

    @staticmethod
    def _named(*parts: object) -> str:
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    # -- what it would bring -------------------------------------------------------------------

    def _of(self, window: _Window, state: State, kept: Sequence[_Known], again: bool) -> _Known:
        """Prices of a window's regime, member by member from what comes nearest to it.

        Args:
            kept: what windows before this one have been priced at in this step.
            again: whether regimes that have been priced are priced again.
        """
        calm = np.zeros(len(window.parts), dtype=bool)
        if not window.events:
            # Where nothing has been heard of yet, what agents expect has moved nothing either.
            calm = np.ones_like(calm) if self._moved is None else ~np.any(self._moved, axis=1)
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
            found.priced = self._tomorrow.price(found.regime, state, nearest, ROUNDS, rows=left)
            found.before = found.priced
        for rows, known, anew in chosen:
            # A regime is that of all members at once: one that serves some of them may be old for others.
            same = known.name == name
            regime = known.regime if same and rows.all() else found.regime
            now, before = known.priced, known.before
            if anew:
                regime = self._prospects.anew(regime) if regime else self._regime(window, state.owner)
                going = self._moved if same else None
                now, before = self._tomorrow.price(regime, state, now, ROUNDS, going, rows), now
            found.regime = found.regime or regime
            if rows.all():
                found.priced, found.before = now, before
            else:
                found.priced, found.before = now.where(rows, found.priced), before.where(rows, found.before)
        if calm.any():
            base = self._base
            found.priced, found.before = base.where(calm, found.priced), base.where(calm, found.before)
        return found

    def _regime(self, window: _Window, owner: IntArray) -> Coming:
        likely, times = self._likely(window.events, window.seen), (window.first, window.until)
        controls, shares = active_controls(
            self._case.world, window.events, times, likely, self._rules.strengths, owner
        )
        return self._prospects.coming(controls, shares, window.deciding)

    def _mean(
        self, windows: Sequence[_Window], priced: Sequence[Priced], which: str, rate: FloatArray
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


@dataclass(frozen=True)
class _Window:
    """A time ahead, in years from the end of the step; ``over`` is infinite for the last."""

    name: str
    like: str
    """The same for windows in which the same measures act, whatever they have grown to."""
    parts: FloatArray
    """(M, n) what differs between the members."""
    years: float
    over: float
    first: dt.date
    until: dt.date
    seen: dt.date
    """Of an event that begins before this day it is known whether it happens."""
    events: tuple[Instrument, ...]
    deciding: tuple[str, ...]
    """Licences that decide on applications as it begins."""


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
