"""The last sweeps of some markets, and the weights by which mixing combines them."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.market.layout import FloatArray, IntArray
from sim.market.solver.frame import Frame, Places

__all__ = ["History"]

RIDGE, RIDGE_SINGLE = 1e-12, 1e-6
"""Share of the trace of the mixing's small systems that is added to their diagonal."""
TINY = float(np.finfo(np.float64).tiny)
FEW = 3
"""Markets of which the small systems are solved number by number."""


class History:
    """The last sweeps of some markets: changes, images, and the products of the changes."""

    def __init__(self, frame: Frame, depth: int) -> None:
        count, length, markets = depth + 1, frame.lengths[0], len(frame)
        self.change, self.image, self._work = np.empty((3, count, length), dtype=frame.kind)
        self.gram = np.zeros((count, count, markets), dtype=frame.kind)
        self._products = np.empty((count, markets), dtype=frame.kind)
        self._system, self._lower, self._outer = np.zeros((3, count + 1, count, markets), dtype=frame.kind)
        self._views: dict[int, tuple[Any, ...]] = {}
        self._first, self._market = frame.first_variable, frame.variable_market

    def take(self, frame: Frame, places: Places) -> History:
        """The history of some markets."""
        part = History(frame, len(self.change) - 1)
        # `take` keeps rows contiguous, indexing would not: sums of a market's entries add in one order.
        np.take(self.change, places.variables, axis=1, out=part.change, mode="clip")
        np.take(self.image, places.variables, axis=1, out=part.image, mode="clip")
        np.take(self.gram, places.markets, axis=2, out=part.gram, mode="clip")
        return part

    def book(self, now: int, length: int) -> None:
        """Products of the newest change with the last ``length`` ones, itself included."""
        products, work = self._products[:length], self._work[:length]
        np.multiply(self.change[:length], self.change[now], out=work)
        np.add.reduceat(work, self._first, axis=1, out=products)
        self.gram[now, :length] = products
        self.gram[:length, now] = products

    def combine(self, weights: FloatArray, out: FloatArray) -> None:
        """Sum of the images by the weights (length, n), into ``out``."""
        work = self._work[: len(weights)]
        np.take(weights, self._market, axis=1, out=work, mode="clip")
        np.multiply(work, self.image[: len(weights)], out=work)
        np.add.reduce(work, axis=0, out=out)

    def weights(self, now: int, length: int, going: IntArray) -> FloatArray:
        """(length, n) weights, summing to 1, of the combination of changes with the smallest square.

        Solved in differences from the newest: the matrix is positive semi-definite and has a ridge, so that
        elimination needs no pivots. Where few markets go on, number by number: quicker than arrays, with the
        same bits; the others then get what the newest sweep alone says.

        Args:
            now: number of the newest change. going: markets that have not arrived.
        """
        if len(going) > FEW or self.gram.dtype != np.float64:
            return self._of_all(now, length)
        try:
            return self._of_few(now, length, going)
        except ZeroDivisionError:
            # Arrays divide by nothing without ado.
            return self._of_all(now, length)

    def _of_all(self, now: int, length: int) -> FloatArray:
        """Each entry is one array over the markets, and a pass takes a block of entries.

        The newest change has a row of its own, an equation of which 0 comes out. The last row is the right
        side: what elimination leaves in it, divided, is what the way back begins with.
        """
        if length not in self._views:
            self._views[length] = self._viewed(length)
        matrix, right, diagonal, steps, last, back, solved = self._views[length]
        gram = self.gram[:length, :length]
        cross = gram[now]
        np.subtract(cross[now], cross, out=right)
        np.subtract(gram, cross, out=matrix)
        np.add(matrix, right[:, None], out=matrix)
        ridge = np.add.reduce(diagonal, axis=0)
        ridge *= RIDGE if ridge.dtype == np.float64 else RIDGE_SINGLE
        ridge += np.finfo(ridge.dtype).tiny
        np.add(diagonal, ridge, out=diagonal)
        diagonal[now] = 1.0
        # Lower triangle to L D L'; what lies above it is of no account.
        for below, pivot, factor, by_row, column, outer, rest in steps:
            np.divide(below, pivot, out=factor)
            np.multiply(by_row, column, out=outer)
            np.subtract(rest, outer, out=rest)
        np.divide(*last)
        for row, own, room, earlier in back:
            np.multiply(row, own, out=room)
            np.subtract(earlier, room, out=earlier)
        np.subtract(1.0, np.add.reduce(solved, axis=0), out=solved[now])
        found: FloatArray = solved
        return found

    def _viewed(self, length: int) -> tuple[Any, ...]:
        """The parts of the workspace that a system of some changes passes through."""
        system, lower, outer = (
            a[: length + 1, :length] for a in (self._system, self._lower, self._outer)
        )
        steps = []
        for k in range(length - 1):
            below, factor = system[k + 1 :, k], lower[k + 1 :, k]
            rest = slice(k + 1, None), slice(k + 1, None)
            by_row, column = factor[:, None], below[:-1]
            steps.append((below, system[k, k], factor, by_row, column, outer[rest], system[rest]))
        solved = lower[length]
        back = [(lower[k, :k], solved[k], outer[0, :k], solved[:k]) for k in range(length - 1, 0, -1)]
        diagonal = np.einsum("iin->in", system[:length])
        last = system[length, -1], system[length - 1, -1], solved[-1]
        return system[:length], system[length], diagonal, steps, last, back, solved

    def _of_few(self, now: int, length: int, few: IntArray) -> FloatArray:
        weights: FloatArray = self._lower[length, :length]
        weights.fill(0.0)
        weights[now] = 1.0
        older = [i for i in range(length) if i != now]
        for market in few.tolist():
            solved = _solved(self.gram[:length, :length, market].tolist(), now, older)
            for place, weight in zip(older, solved, strict=True):
                weights[place, market] = weight
            weights[now, market] = 1.0 - sum(solved)
        return weights


def _solved(table: list[list[float]], now: int, older: list[int]) -> list[float]:
    """Weights of the older changes of one market, from the products of its changes."""
    cross, count = table[now], len(older)
    own = cross[now]
    right = [own - cross[i] for i in older]
    matrix = [[table[i][j] - cross[j] + right[a] for j in older[: a + 1]] for a, i in enumerate(older)]
    trace = matrix[0][0]
    for a in range(1, count):
        trace += matrix[a][a]
    ridge = trace * RIDGE + TINY
    for a in range(count):
        matrix[a][a] += ridge
    for k in range(count):
        pivot = matrix[k][k]
        column = [row[k] for row in matrix[k + 1 :]]
        base = right[k] = right[k] / pivot
        for a, entry in enumerate(column):
            row = matrix[a + k + 1]
            part = row[k] = entry / pivot
            for b in range(a + 1):
                row[b + k + 1] -= part * column[b]
            right[a + k + 1] -= base * entry
    for k in range(count - 1, 0, -1):
        row, own = matrix[k], right[k]
        for j in range(k):
            right[j] -= row[j] * own
    return right
