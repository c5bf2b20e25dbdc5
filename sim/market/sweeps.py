"""The fast path: sweeps of two matrix products, mixed by Anderson's method.

With ``w = log u`` (``u = p**-sigma`` for a seller, phi for a cap) one sweep maps w to the value at which
every seller, and every binding cap, would clear if the buyers' side stood still. Anderson mixing
combines the last few sweeps of each market so that the change would be smallest. A market stops at
the first check at which it has arrived, whatever the others do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.market.frame import Frame
from sim.market.layout import FloatArray, IntArray
from sim.market.load import NEVER, Load

__all__ = ["Sweeper", "mix"]

DEPTH, DEPTH_PREPARED, DEPTH_CAPPED = 4, 3, 6
"""Earlier sweeps that mixing uses: usually, with a prepared inverse, for goods under caps."""
LONGEST = 5.0
"""Largest change of w in one sweep."""
FIRST_CHECK, MOST_SWEEPS = 3, 40
RIDGE, RIDGE_SINGLE = 1e-12, 1e-6
"""Share of the trace of the mixing's small systems that is added to their diagonal."""
COMPACT, WORTH_COMPACTING = 0.3, 250
"""Share of markets still going at which the others are dropped, in batches of at least so many."""


@dataclass
class Sweeper:
    """The map w -> sweep(w) for the markets of a frame, with its workspace.

    After :meth:`sweep` the attributes hold the point: ``row`` u on each row, ``z`` the buyers' sums,
    ``log_z``, ``tier`` (K, buyers), ``demanded``, ``pull`` = demanded / z, and
    ``row_pull`` = kernel x pull.
    """

    frame: Frame
    load: Load
    reference: FloatArray
    """(n,) log price at which w is 0, so that no power overflows."""

    def __post_init__(self) -> None:
        frame, load = self.frame, self.load
        variables, rows, buyers = frame.lengths
        tiers = load.demand.shape[0]
        # What holds for all markets needs no pass over them: switched off sellers, buyers, tiers.
        self.all_on, self.all_served = bool(load.row_on.all()), not load.buyer_off.any()
        self.all_live = bool(load.live.all())
        self.buyer_reference = np.take(self.reference, frame.buyer_market)
        self.offset = np.take(self.reference, frame.variable_market)
        """w = offset - sigma log price; for a cap w = -sigma log rent."""
        if frame.capped:
            self.offset *= frame.seller
        self.offset *= frame.sigma
        self.offset += frame.scale
        ask = self.offset - frame.sigma * load.log_ask
        with np.errstate(divide="ignore"):
            self.log_limit = np.log(load.solved_limit)
        # An uncapped offer is solved for u in closed form: w = slope x (capped solution) + intercept.
        self.weight = load.solved_limit * frame.bent
        self.slope = frame.slope
        self.intercept = ask * (frame.response * self.slope)
        dead = load.dead
        if not self.all_live:
            self.slope = self.slope.copy()
            self.log_limit[dead], self.weight[dead], self.slope[dead] = NEVER, 0.0, 0.0
            self.intercept[dead] = (ask * frame.seller)[dead]
        # A tier's demand is min(d, d r**eta P**-eta): one power for all tiers of the same elasticity.
        heads = [group.start for group in load.groups]
        self.rate = load.elasticity[heads] / frame.buyer_sigma
        self.steep = load.log_reservation - self.buyer_reference
        np.multiply(self.steep, load.elasticity, out=self.steep)
        np.exp(self.steep, out=self.steep)
        np.multiply(self.steep, load.demand, out=self.steep)
        kind = frame.kind
        self.off = dead.astype(kind)
        self.row, self.row_pull, self.row_flow = (np.empty(rows, dtype=kind) for _ in range(3))
        self.z, self.log_z, self.demanded, self.pull = (np.empty(buyers, dtype=kind) for _ in range(4))
        self.tier = np.empty((tiers, buyers), dtype=kind)
        self.power = np.empty((len(heads), buyers), dtype=kind)
        self.sums, self.work = np.empty(variables, dtype=kind), np.empty(variables, dtype=kind)

    def from_prices(self, log_price: FloatArray) -> FloatArray:
        """w from log prices (sellers) and log rents (caps); what cannot trade stays at its ask."""
        w = self.offset - self.frame.sigma * log_price
        return np.where(self.load.live, w, self.intercept)

    def to_prices(self, w: FloatArray) -> FloatArray:
        """Log prices and log rents from w."""
        return np.asarray((self.offset - w) / self.frame.sigma)

    def sweep(self, w: FloatArray, out: FloatArray) -> None:
        """One sweep from ``w`` into ``out``."""
        frame, load = self.frame, self.load
        frame.spread(w, self.row)
        np.exp(self.row, out=self.row)
        if not self.all_on:
            np.multiply(self.row, load.row_on, out=self.row)
        frame.kernel.forward(self.row, self.z)
        if not self.all_served:
            np.add(self.z, load.buyer_off, out=self.z)
        np.log(self.z, out=self.log_z)
        np.multiply(self.rate, self.log_z, out=self.power)
        np.exp(self.power, out=self.power)
        for group, power in zip(load.groups, self.power, strict=True):
            np.multiply(power, self.steep[group], out=self.tier[group])
        np.minimum(self.tier, load.demand, out=self.tier)
        np.add.reduce(self.tier, axis=0, out=self.demanded)
        np.divide(self.demanded, self.z, out=self.pull)
        frame.kernel.backward(self.pull, self.row_pull)
        plain, sums = frame.plain, self.sums
        if self.all_live and plain == len(sums):
            sums = self.row_pull
        else:
            np.add(self.row_pull[:plain], self.off[:plain], out=sums[:plain])
        if plain < len(sums):
            np.multiply(self.row, self.row_pull, out=self.row_flow)
            frame.collect(self.row_flow, sums)
            sums[:plain] = self.row_pull[:plain]
            np.add(sums, self.off, out=sums)
        np.log(sums, out=out)
        np.subtract(self.log_limit, out, out=out)
        if plain < len(sums):
            np.add(out[plain:], w[plain:], out=out[plain:])
        np.multiply(out, self.slope, out=self.work)
        np.add(self.work, self.intercept, out=self.work)
        np.minimum(out, self.work, out=out)

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

    def take(self, frame: Frame, variables: IntArray, markets: IntArray) -> _History:
        """The history of some markets."""
        part = _History(frame, len(self.change) - 1)
        # `take` keeps rows contiguous, indexing would not: sums of a market's entries add in one order.
        part.change, part.image = self.change.take(variables, axis=1), self.image.take(variables, axis=1)
        part.gram = self.gram.take(markets, axis=2)
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

    Args:
        sweeper: the markets. start: w, per variable. tolerance: residual to arrive at.

    Returns:
        w at arrival, or the start for a market that did not arrive; sweeps (n,); and the markets that
        did not arrive.
    """
    w, result = start.copy(), start.copy()
    frame = sweeper.frame
    sweeps = np.full(len(frame), MOST_SWEEPS)
    markets, variables = np.arange(len(frame)), np.arange(len(w))
    going = np.ones(len(frame), dtype=bool)
    depth = DEPTH_CAPPED if frame.capped else DEPTH_PREPARED if frame.prepared else DEPTH
    if "history" not in frame.memory:
        frame.memory["history"] = _History(frame, depth)
    history: _History = frame.memory["history"]
    move, raw = np.empty_like(w), np.empty_like(w)
    for sweep in range(1, MOST_SWEEPS + 1):
        now, length = (sweep - 1) % (depth + 1), min(sweep, depth + 1)
        image, change = history.image[now], history.change[now]
        sweeper.sweep(w, image)
        np.subtract(image, w, out=raw)
        if sweep >= FIRST_CHECK:
            arrived = going & (sweeper.distance(raw) <= tolerance)
            if arrived.any():
                keep = np.take(arrived, frame.variable_market)
                if len(variables) == len(result):
                    np.copyto(result, w, where=keep)
                else:
                    result[variables[keep]] = w[keep]
                sweeps[markets[arrived]] = sweep
                going &= ~arrived
                left = int(going.sum())
                if not left:
                    return result, sweeps, np.zeros(0, dtype=np.int64)
                if len(frame) >= WORTH_COMPACTING and left <= COMPACT * len(going):
                    part, which, at, rows, buyers = frame.take(going)
                    sub = sweeper.load.take(which, at, rows, buyers)
                    frame, sweeper = part, Sweeper(part, sub, sweeper.reference[which])
                    history, w, move, raw = history.take(part, at, which), w[at], move[at], raw[at]
                    markets, variables, going = markets[which], variables[at], going[which]
                    image, change = history.image[now], history.change[now]
        if frame.prepared:
            frame.remedy.forward(raw, change)
            np.add(w, change, out=image)
        else:
            np.copyto(change, raw)
        history.book(now, length)
        history.combine(_weights(history.gram, now, history.weights[:length]), move)
        np.subtract(move, w, out=move)
        np.clip(move, -LONGEST, LONGEST, out=move)
        np.add(w, move, out=w)
    return result, sweeps, markets[going]
