"""The fast path: sweeps of two matrix products, mixed by Anderson's method.

With ``w = log u`` (``u = p**-sigma`` for a seller, phi for a cap) one sweep maps w to the value at which
every seller, and every binding cap, would clear if the buyers' side stood still. Anderson mixing
combines the last few sweeps of each market so that the change would be smallest. A market stops at
the first check at which it has arrived, whatever the others do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.market.layout import FloatArray, IntArray
from sim.market.solver.asked import NEVER, Load
from sim.market.solver.frame import Frame, Places

__all__ = ["Sweeper", "mix"]

DEPTH, DEPTH_PREPARED, DEPTH_CAPPED = 4, 3, 6
"""Earlier sweeps that mixing uses: usually, with a prepared inverse, for goods under caps."""
LONGEST = 5.0
"""Largest change of w in one sweep."""
FIRST_CHECK, MOST_SWEEPS = 3, 40
RIDGE, RIDGE_SINGLE = 1e-12, 1e-6
"""Share of the trace of the mixing's small systems that is added to their diagonal."""
COMPACT, WORTH_COMPACTING = 0.4, 250
"""Share of markets still going at which the others are dropped, in batches of at least so many."""


@dataclass
class Sweeper:
    """The map w -> sweep(w) for the markets of a frame, with its workspace.

    After :meth:`sweep` the attributes hold the point: ``row`` u on each row, ``z`` the buyers' sums,
    ``log_z``, ``tier`` (K, buyers), ``demanded``, ``pull`` = demanded / z, ``row_pull`` = kernel x pull,
    and ``full``, the w at which all of an offer is sold: w - full is log(flow / limit).
    """

    frame: Frame
    load: Load
    reference: FloatArray
    """(n,) log price at which w is 0, so that no power overflows."""

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
        self.weight = load.solved_limit * frame.bent
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
        self._make_room()

    def _make_room(self) -> None:
        """The workspace of a sweep."""
        variables, rows, buyers = self.frame.lengths
        kind, tiers = self.frame.kind, len(self.demand)
        self.row, self.row_pull = np.empty(rows, dtype=kind), np.empty(rows, dtype=kind)
        self.z, self.log_z, self.pull = (np.empty(buyers, dtype=kind) for _ in range(3))
        self.tier = np.empty((tiers, buyers), dtype=kind)
        self.demanded = self.tier[0] if tiers == 1 else np.empty(buyers, dtype=kind)
        self.power = np.empty((len(self.groups), buyers), dtype=kind)
        self.full, self.work = np.empty(variables, dtype=kind), np.empty(variables, dtype=kind)
        if self.frame.capped:
            self.row_flow, self.sums = np.empty(rows, dtype=kind), np.empty(variables, dtype=kind)

    def take(self, frame: Frame, places: Places) -> Sweeper:
        """The sweeper of a smaller frame, for :meth:`sweep` and :meth:`distance` alone."""
        part = object.__new__(Sweeper)
        part.frame, part.groups = frame, self.groups
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
        """One sweep from ``w`` into ``out``."""
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
        for group, power in zip(self.groups, self.power, strict=True):
            np.multiply(power, self.steep[group], out=self.tier[group])
        np.minimum(self.tier, self.demand, out=self.tier)
        if len(self.tier) > 1:
            np.add.reduce(self.tier, axis=0, out=self.demanded)
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
        np.multiply(full, self.slope, out=self.work)
        np.add(self.work, self.intercept, out=self.work)
        np.minimum(full, self.work, out=out)

    def distance(self, change: FloatArray) -> FloatArray:
        """(n,) bound on the residual, to first order, from the change that a sweep made."""
        np.abs(change, out=self.work)
        np.multiply(self.work, self.weight, out=self.work)
        return np.asarray(np.maximum.reduceat(self.work, self.frame.first_variable))


class _History:
    """The last sweeps of some markets: changes, images, and the products of the changes."""

    def __init__(self, frame: Frame, depth: int) -> None:
        shape = depth + 1, frame.lengths[0]
        self.change, self.image = np.empty((2, *shape), dtype=frame.kind)
        self.gram = np.zeros((depth + 1, depth + 1, len(frame)), dtype=frame.kind)
        self.products, self.weights = np.empty((2, depth + 1, len(frame)), dtype=frame.kind)
        self.pieces = [
            (piece.markets, piece.variables, (len(piece.good), piece.widths[0])) for piece in frame.pieces
        ]

    def take(self, frame: Frame, places: Places) -> _History:
        """The history of some markets."""
        part = _History(frame, len(self.change) - 1)
        # `take` keeps rows contiguous, indexing would not: sums of a market's entries add in one order.
        np.take(self.change, places.variables, axis=1, out=part.change, mode="clip")
        np.take(self.image, places.variables, axis=1, out=part.image, mode="clip")
        np.take(self.gram, places.markets, axis=2, out=part.gram, mode="clip")
        return part

    def book(self, now: int, length: int) -> None:
        """Products of the newest change with the last ``length`` ones, itself included."""
        products = self.products[:length]
        for markets, variables, shape in self.pieces:
            np.einsum(
                "kmv,mv->km",
                self.change[:length, variables].reshape(length, *shape),
                self.change[now, variables].reshape(shape),
                out=products[:, markets],
            )
        self.gram[now, :length] = products
        self.gram[:length, now] = products

    def combine(self, weights: FloatArray, out: FloatArray) -> None:
        """Sum of the images by the weights (length, n), into ``out``."""
        length = len(weights)
        for markets, variables, shape in self.pieces:
            np.einsum(
                "km,kmv->mv",
                weights[:, markets],
                self.image[:length, variables].reshape(length, *shape),
                out=out[variables].reshape(shape),
            )


def _weights(gram: FloatArray, newest: int, weights: FloatArray) -> FloatArray:
    """(length, n) weights, summing to 1, of the combination of changes with the smallest square.

    Solved in differences from the newest: the matrix is positive semi-definite and has a ridge, so
    that elimination needs no pivots. Each entry is one array over the markets.

    Args:
        gram: (depth + 1, depth + 1, n) products of the changes. newest: number of the newest change.
        weights: (length, n), filled and returned.
    """
    older = [i for i in range(len(weights)) if i != newest]
    cross, own = gram[newest], gram[newest, newest]
    right = [own - cross[i] for i in older]
    matrix = [[gram[i, j] - cross[j] + right[a] for j in older[: a + 1]] for a, i in enumerate(older)]
    if older:
        ridge = matrix[0][0].copy()
        for a in range(1, len(older)):
            ridge += matrix[a][a]
        ridge *= RIDGE if ridge.dtype == np.float64 else RIDGE_SINGLE
        ridge += np.finfo(ridge.dtype).tiny
        for a in range(len(older)):
            matrix[a][a] += ridge
    # Lower triangle to L D L'; right becomes the solution of the lower part.
    for k in range(len(older)):
        column = {a: matrix[a][k] for a in range(k + 1, len(older))}
        for a in column:
            matrix[a][k] = column[a] / matrix[k][k]
            for b in range(k + 1, a + 1):
                matrix[a][b] -= matrix[a][k] * column[b]
            right[a] -= matrix[a][k] * right[k]
    total = weights[newest]
    total.fill(1.0)
    for k in reversed(range(len(older))):
        solved = weights[older[k]]
        np.divide(right[k], matrix[k][k], out=solved)
        for a in range(k + 1, len(older)):
            solved -= matrix[a][k] * weights[older[a]]
        total -= solved
    return weights


def mix(sweeper: Sweeper, start: FloatArray, tolerance: float) -> tuple[FloatArray, IntArray, IntArray]:
    """Sweep and mix until each market has arrived.

    A market that has arrived stays where it is, so that afterwards the sweeper holds the point of each.

    Args:
        sweeper: the markets. start: w, per variable. tolerance: residual to arrive at.

    Returns:
        w at arrival, or the start for a market that did not arrive; sweeps (n,); and the markets that
        did not arrive, of which the sweeper does not hold the point.
    """
    whole, w, result = sweeper, start.copy(), start
    frame = sweeper.frame
    sweeps = np.full(len(frame), MOST_SWEEPS)
    markets = np.arange(len(frame))
    going, frozen = np.ones(len(frame), dtype=bool), None
    smaller: list[tuple[Sweeper, Places]] = []
    depth = DEPTH_CAPPED if frame.capped else DEPTH_PREPARED if frame.prepared else DEPTH
    if "history" not in frame.memory:
        frame.memory["history"] = _History(frame, depth)
    history: _History = frame.memory["history"]
    ahead, kept = np.empty_like(w), np.empty_like(w)
    for sweep in range(1, MOST_SWEEPS + 1):
        now, length = (sweep - 1) % (depth + 1), min(sweep, depth + 1)
        image, change = history.image[now], history.change[now]
        sweeper.sweep(w, image)
        raw = kept if frame.prepared else change
        np.subtract(image, w, out=raw)
        if sweep >= FIRST_CHECK:
            arrived = going & (sweeper.distance(raw) <= tolerance)
            if arrived.any():
                sweeps[markets[arrived]] = sweep
                going &= ~arrived
                left = int(going.sum())
                if not left:
                    break
                if len(frame) >= WORTH_COMPACTING and left <= COMPACT * len(going):
                    frame, places = frame.take(going)
                    if smaller:
                        result[smaller[-1][1].variables] = w
                    else:
                        result = w
                    sweeper, history = sweeper.take(frame, places), history.take(frame, places)
                    w, kept, ahead = w[places.variables], kept[places.variables], ahead[: len(sweeper.full)]
                    markets, going, frozen = markets[places.markets], going[places.markets], None
                    smaller.append((sweeper, places.within(smaller[-1][1]) if smaller else places))
                    image, change = history.image[now], history.change[now]
                    raw = kept if frame.prepared else change
                else:
                    frozen = np.take(~going, frame.variable_market)
        if frame.prepared:
            frame.remedy.forward(raw, change)
            np.add(w, change, out=image)
        history.book(now, length)
        if length > 1:
            history.combine(_weights(history.gram, now, history.weights[:length]), ahead)
        else:
            np.copyto(ahead, image)
        np.subtract(ahead, w, out=kept)
        if not (kept.max() <= LONGEST and kept.min() >= -LONGEST):
            far = ~(np.abs(kept) <= LONGEST)
            ahead[far] = w[far] + np.clip(kept[far], -LONGEST, LONGEST)
        if frozen is not None:
            np.copyto(ahead, w, where=frozen)
        w, ahead = ahead, w
    if smaller:
        result[smaller[-1][1].variables] = w
    else:
        result = w
    for part, places in smaller:
        whole.put(part, places)
    missed = np.unique(markets[going])
    if len(missed):
        back = np.isin(whole.frame.variable_market, missed)
        result[back] = start[back]
    return result, sweeps, missed
