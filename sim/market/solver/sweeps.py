"""The fast path: sweeps of two matrix products, mixed by Anderson's method.

With ``w = log u`` (``u = p**-sigma`` for a seller, phi for a cap) one sweep maps w to the value at which
every seller, and every binding cap, would clear if the buyers' side stood still. Anderson mixing
combines the last few sweeps of each market so that the change would be smallest. A market stops at
the first check at which it has arrived, whatever the others do.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sim.market.layout import BoolArray, FloatArray, IntArray
from sim.market.solver.asked import NEVER, Load
from sim.market.solver.frame import Frame, Places, of_classes
from sim.market.solver.history import History
from sim.market.solver.holdings import Keeping, keeping

__all__ = ["Sweeper", "mix"]

DEPTH, DEPTH_PREPARED, DEPTH_CAPPED = 4, 3, 6
"""Earlier sweeps that mixing uses: usually, with a prepared inverse, for goods under caps."""
LONGEST = 5.0
"""Largest change of w in one sweep."""
FIRST_CHECK, MOST_SWEEPS = 3, 40
FAR = {14: 0.1, 20: 0.03, 28: 0.003}
"""Sweeps after which a market that is so far off, in shares of its size, is left to the safeguard: mixing
then wanders among the corners of tiers and ceilings, and mostly goes on to."""
COMPACT, WORTH_COMPACTING = 0.4, 250
"""Share of markets still going at which the others are dropped, in batches of at least so many."""
COMPACT_CLASSES, LONG = 0.6, 6
"""Share of size classes still going at which the others are dropped, in smaller batches; and the sweep from
which on frames are made for those that are left."""


@dataclass
class Sweeper:
    """The map w -> sweep(w) for the markets of a frame, with its workspace.

    After :meth:`sweep` the attributes hold the point: ``row`` u on each row, ``z`` the buyers' sums,
    ``log_z``, ``tier`` (K, buyers), ``wanted``, their sum, ``demanded``, ``pull`` = demanded / z,
    ``row_pull`` = kernel x pull, and ``full``, the w at which all of an offer is sold: w - full is
    log(flow / limit).
    """

    frame: Frame
    load: Load
    reference: FloatArray
    """(n,) log price at which w is 0, so that no power overflows."""
    row: FloatArray = field(init=False)
    row_pull: FloatArray = field(init=False)
    z: FloatArray = field(init=False)
    log_z: FloatArray = field(init=False)
    pull: FloatArray = field(init=False)
    tier: FloatArray = field(init=False)
    wanted: FloatArray = field(init=False)
    demanded: FloatArray = field(init=False)
    power: FloatArray = field(init=False)
    by_group: list[tuple[FloatArray, FloatArray, FloatArray]] = field(init=False)
    """Of each run of tiers its power, and its parts of what makes a tier and of the tiers."""
    full: FloatArray = field(init=False)
    work: FloatArray = field(init=False)
    row_flow: FloatArray = field(init=False)
    sums: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        frame, load = self.frame, self.load
        self.buyer_reference = np.take(self.reference, frame.buyer_market)
        self.offset = np.take(self.reference, frame.variable_market)
        """w = offset - sigma log price; for a cap w = -sigma log rent."""
        if frame.capped:
            self.offset *= frame.seller
        self.offset *= frame.sigma
        self.offset += frame.scale
        with np.errstate(divide="ignore"):
            self.log_limit = np.log(load.solved_limit)
        # An uncapped offer is solved for u in closed form: w = slope x (capped solution) + intercept.
        self.weight = load.solved_limit * (frame.bent if load.log_kept is None else 1.0)
        self.slope = frame.slope
        self.intercept = frame.sigma * load.log_ask
        np.subtract(self.offset, self.intercept, out=self.intercept)
        dead, ask = load.dead, self.intercept
        if load.all_live:
            self.intercept *= frame.lean
        else:
            self.slope, self.intercept = self.slope.copy(), ask * frame.lean
            self.log_limit[dead], self.weight[dead], self.slope[dead] = NEVER, 0.0, 0.0
            self.intercept[dead] = (ask * frame.seller)[dead]
        # A tier's demand is min(d, d r**eta P**-eta): one power for all tiers of the same elasticity.
        heads = [group.start for group in load.groups]
        self.rate = load.elasticity[heads] / frame.buyer_sigma
        self.steep = load.log_reservation - self.buyer_reference
        np.multiply(self.steep, load.elasticity, out=self.steep)
        np.exp(self.steep, out=self.steep)
        np.multiply(self.steep, load.demand, out=self.steep)
        # What holds for all needs no pass.
        self.row_on = None if load.all_on else load.row_on
        self.buyer_off = None if load.all_served else load.buyer_off
        self.off = None if load.all_live and not frame.capped else dead.astype(frame.kind)
        self.demand, self.groups = load.demand, load.groups
        self.held, self.least = load.held, load.least
        self.keeping: Keeping | None = None
        if load.log_kept is not None:
            self.keeping = keeping(frame, load, self.offset)
        self._make_room()

    def _make_room(self) -> None:
        """The workspace of a sweep."""
        variables, rows, buyers = self.frame.lengths
        kind, tiers = self.frame.kind, len(self.demand)
        self.row, self.row_pull = np.empty(rows, dtype=kind), np.empty(rows, dtype=kind)
        self.z, self.log_z, self.pull = (np.empty(buyers, dtype=kind) for _ in range(3))
        self.tier = np.empty((tiers, buyers), dtype=kind)
        self.wanted = self.tier[0] if tiers == 1 else np.empty(buyers, dtype=kind)
        self.demanded = self.wanted if self.held is None else np.empty(buyers, dtype=kind)
        self.power = np.empty((len(self.groups), buyers), dtype=kind)
        self.full, self.work = np.empty(variables, dtype=kind), np.empty(variables, dtype=kind)
        pairs = zip(self.power, self.groups, strict=True)
        self.by_group = [(power, self.steep[group], self.tier[group]) for power, group in pairs]
        if self.frame.capped:
            self.row_flow, self.sums = np.empty(rows, dtype=kind), np.empty(variables, dtype=kind)

    def take(self, frame: Frame, places: Places) -> Sweeper:
        """The sweeper of a smaller frame, for :meth:`sweep` and :meth:`distance` alone."""
        part = object.__new__(Sweeper)
        part.frame, part.groups, part.least = frame, self.groups, self.least
        part.held = None if self.held is None else self.held.take(places.buyers)
        part.keeping = None if self.keeping is None else self.keeping.take(places.variables)
        for name in ("log_limit", "weight", "slope", "intercept", "off"):
            value = getattr(self, name)
            setattr(part, name, None if value is None else value.take(places.variables))
        part.row_on = None if self.row_on is None else self.row_on.take(places.rows)
        part.buyer_off = None if self.buyer_off is None else self.buyer_off.take(places.buyers)
        for name in ("rate", "steep", "demand"):
            setattr(part, name, getattr(self, name).take(places.buyers, axis=1))
        part._make_room()
        return part

    def put(self, part: Sweeper, places: Places) -> None:
        """The points that a smaller frame's sweeper holds."""
        self.full[places.variables] = part.full
        self.row[places.rows], self.row_pull[places.rows] = part.row, part.row_pull
        self.log_z[places.buyers], self.pull[places.buyers] = part.log_z, part.pull
        self.tier[:, places.buyers] = part.tier
        if len(self.tier) > 1:
            self.wanted[places.buyers] = part.wanted
        if self.held is not None:
            self.demanded[places.buyers] = part.demanded

    def from_prices(self, log_price: FloatArray) -> FloatArray:
        """w from log prices (sellers) and log rents (caps); what cannot trade stays at its ask."""
        w = self.frame.sigma * log_price
        np.subtract(self.offset, w, out=w)
        return w if self.load.all_live else np.where(self.load.live, w, self.intercept)

    def to_prices(self, w: FloatArray) -> FloatArray:
        """Log prices and log rents from w."""
        return np.asarray((self.offset - w) / self.frame.sigma)

    def sweep(self, w: FloatArray, out: FloatArray) -> None:
        """One sweep from ``w`` into ``out``.

        Equations (C3), (C21), (C12), (C13) and (C14), docs/clearing.md, for ``T_b``, ``D_b``, ``z_b``,
        ``z1_s`` and ``u_s``.
        """
        frame = self.frame
        if frame.capped:
            frame.spread(w, self.row)
            np.exp(self.row, out=self.row)
        else:
            np.exp(w, out=self.row)
        if self.row_on is not None:
            np.multiply(self.row, self.row_on, out=self.row)
        frame.kernel.forward(self.row, self.z)
        if self.buyer_off is not None:
            np.add(self.z, self.buyer_off, out=self.z)
        np.log(self.z, out=self.log_z)
        np.multiply(self.rate, self.log_z, out=self.power)
        np.exp(self.power, out=self.power)
        for power, steep, tier in self.by_group:
            np.multiply(power, steep, out=tier)
        np.minimum(self.tier, self.demand, out=self.tier)
        if len(self.tier) > 1:
            np.add.reduce(self.tier, axis=0, out=self.wanted)
        if self.held is not None:
            np.subtract(self.wanted, self.held, out=self.demanded)
            np.multiply(self.wanted, self.least, out=self.pull)
            np.maximum(self.demanded, self.pull, out=self.demanded)
        np.divide(self.demanded, self.z, out=self.pull)
        frame.kernel.backward(self.pull, self.row_pull)
        full = self.full
        if frame.capped:
            np.multiply(self.row, self.row_pull, out=self.row_flow)
            frame.collect(self.row_flow, self.sums)
            if self.off is not None:
                np.add(self.sums, self.off, out=self.sums)
            np.log(self.sums, out=full)
            np.subtract(self.log_limit, full, out=full)
            np.add(full, w, out=full)
        else:
            if self.off is None:
                np.log(self.row_pull, out=full)
            else:
                np.add(self.row_pull, self.off, out=full)
                np.log(full, out=full)
            np.subtract(self.log_limit, full, out=full)
        if self.keeping is not None:
            self.keeping.move(w, full, out)
            return
        np.multiply(full, self.slope, out=self.work)
        np.add(self.work, self.intercept, out=self.work)
        np.minimum(full, self.work, out=out)

    def distance(self, change: FloatArray) -> FloatArray:
        """(n,) bound on the residual, to first order, from the change that a sweep made."""
        np.abs(change, out=self.work)
        if self.keeping is not None:
            np.multiply(self.work, self.keeping.steepness, out=self.work)
        np.multiply(self.work, self.weight, out=self.work)
        return np.asarray(np.maximum.reduceat(self.work, self.frame.first_variable))


def mix(sweeper: Sweeper, start: FloatArray, tolerance: float) -> tuple[FloatArray, IntArray, IntArray]:
    """Sweep and mix until each market has arrived.

    A market that has arrived stays where it is, so that afterwards the sweeper holds the point of each.

    Args:
        sweeper: the markets. start: w, per variable. tolerance: residual to arrive at.

    Returns:
        w at arrival, or as far as it came for a market that did not arrive; sweeps (n,); and the markets that
        did not arrive, of which the sweeper does not hold the point.

    Equation (C15), docs/clearing.md, for ``u_s``.
    """
    mixing = _Mixing(sweeper, start)
    for sweep in range(1, MOST_SWEEPS + 1):
        mixing.sweep(sweep)
        if sweep >= FIRST_CHECK and mixing.all_arrived(sweep, tolerance):
            break
        mixing.move_on(sweep)
    return mixing.outcome(start)


class _Mixing:
    """The markets of a sweeper on their way, in a smaller frame once few are left.

    Attributes:
        whole: all markets. sweeper, history, frame: those in work; w where they are.
        raw: the change that the last sweep made. markets: (n,) their numbers. going: (n,) not yet arrived.
        frozen: per variable, whether its market has arrived; None while none has.
        smaller: the sweepers of the smaller frames, and where their markets lay in the whole.
        sweeps: sweeps of each market of the whole.
    """

    def __init__(self, sweeper: Sweeper, start: FloatArray) -> None:
        frame = sweeper.frame
        self.whole, self.sweeper, self.frame = sweeper, sweeper, frame
        self.w, self.result = start.copy(), start
        self.sweeps, self.markets = np.full(len(frame), MOST_SWEEPS), np.arange(len(frame))
        self.going = np.ones(len(frame), dtype=bool)
        self.frozen: BoolArray | None = None
        self.smaller: list[tuple[Sweeper, Places]] = []
        self.lost: list[IntArray] = []
        """Markets that were given up."""
        self.depth = DEPTH_CAPPED if frame.capped else DEPTH_PREPARED if frame.prepared else DEPTH
        if "history" not in frame.memory:
            frame.memory["history"] = History(frame, self.depth)
        self.history: History = frame.memory["history"]
        self.ahead, self.kept = np.empty_like(start), np.empty_like(start)
        self.raw = self.kept

    def _newest(self, sweep: int) -> int:
        """Where the history holds a sweep."""
        return (sweep - 1) % (self.depth + 1)

    def _raw(self, now: int) -> FloatArray:
        """Room for the change as it comes, before the remedy."""
        return self.kept if self.frame.prepared else self.history.change[now]

    def sweep(self, sweep: int) -> None:
        """Sweep once, from ``w`` into the history."""
        now = self._newest(sweep)
        image, self.raw = self.history.image[now], self._raw(now)
        self.sweeper.sweep(self.w, image)
        np.subtract(image, self.w, out=self.raw)

    def all_arrived(self, sweep: int, tolerance: float) -> bool:
        """Let go of markets that have arrived; whether these were the last."""
        distance = self.sweeper.distance(self.raw)
        arrived = self.going & (distance <= tolerance)
        if sweep in FAR:
            lost = self.going & ~(distance <= FAR[sweep])
            self.lost.append(self.markets[lost])
            arrived |= lost
        if not arrived.any() and (sweep != LONG or self.frozen is None):
            return False
        self.sweeps[self.markets[arrived]] = sweep
        self.going &= ~arrived
        left = int(self.going.sum())
        if not left:
            return True
        if len(self.frame) >= WORTH_COMPACTING and left <= COMPACT * len(self.going):
            self._compact(sweep, *self.frame.take(self.going))
            return False
        begin = self.frame.first_market
        classes = tuple(np.logical_or.reduceat(self.going, begin).tolist())
        few = len(self.frame) < WORTH_COMPACTING and sum(classes) <= COMPACT_CLASSES * len(classes)
        # A market that takes long takes much longer: only then is a frame worth making.
        if few and (smaller := of_classes(self.frame, classes, made=sweep >= LONG)) is not None:
            self._compact(sweep, *smaller)
        if not self.going.all():
            self.frozen = np.take(~self.going, self.frame.variable_market)
        return False

    def _compact(self, sweep: int, frame: Frame, places: Places) -> None:
        """Go on with the markets of a smaller frame alone."""
        self._hand_in()
        self.frame = frame
        self.sweeper = self.sweeper.take(self.frame, places)
        self.history = self.history.take(self.frame, places)
        self.w, self.kept = self.w[places.variables], self.kept[places.variables]
        self.ahead = self.ahead[: len(self.sweeper.full)]
        self.markets, self.going = self.markets[places.markets], self.going[places.markets]
        self.frozen = None
        self.smaller.append((self.sweeper, places.within(self.smaller[-1][1]) if self.smaller else places))
        self.raw = self._raw(self._newest(sweep))

    def _hand_in(self) -> None:
        """Write ``w`` into the result of all."""
        if self.smaller:
            self.result[self.smaller[-1][1].variables] = self.w
        else:
            self.result = self.w

    def move_on(self, sweep: int) -> None:
        """Mix the last sweeps into the next ``w``."""
        now, length = self._newest(sweep), min(sweep, self.depth + 1)
        history, w, ahead, kept = self.history, self.w, self.ahead, self.kept
        image = history.image[now]
        if self.frame.prepared:
            self.frame.remedy.forward(self.raw, history.change[now])
            np.add(w, history.change[now], out=image)
        history.book(now, length)
        if length > 1:
            history.combine(history.weights(now, length, np.flatnonzero(self.going)), ahead)
        else:
            np.copyto(ahead, image)
        np.subtract(ahead, w, out=kept)
        if not (kept.max() <= LONGEST and kept.min() >= -LONGEST):
            far = ~(np.abs(kept) <= LONGEST)
            ahead[far] = w[far] + np.clip(kept[far], -LONGEST, LONGEST)
        if self.frozen is not None:
            np.copyto(ahead, w, where=self.frozen)
        self.w, self.ahead = ahead, w

    def outcome(self, start: FloatArray) -> tuple[FloatArray, IntArray, IntArray]:
        """What :func:`mix` returns."""
        self._hand_in()
        for part, places in self.smaller:
            self.whole.put(part, places)
        missed = np.unique(np.concatenate([self.markets[self.going], *self.lost]))
        if len(missed):
            back = np.isin(self.whole.frame.variable_market, missed) & ~np.isfinite(self.result)
            self.result[back] = start[back]
        return self.result, self.sweeps, missed
