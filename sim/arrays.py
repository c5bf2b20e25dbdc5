"""What all rooms share on arrays: types, sums over groups, powers whose bits do not depend on the batch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.units import Amount

__all__ = ["BoolArray", "FloatArray", "Groups", "IntArray", "raised"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class Groups:
    """Positions of an axis grouped by an integer key.

    Attributes:
        keys: (K,) the distinct keys, ascending.
    """

    def __init__(self, key: IntArray) -> None:
        order = np.argsort(key, kind="stable")
        self.keys, self._start = np.unique(key[order], return_index=True)
        # An axis that is sorted by its key needs no gathering, which costs more than the sums.
        self._order = None if np.array_equal(order, np.arange(len(key))) else order

    def _gathered(self, values: FloatArray) -> FloatArray:
        return values if self._order is None else values[:, self._order]

    def sums(self, values: FloatArray) -> FloatArray:
        """(M, K) sums of values (M, positions)."""
        total: FloatArray = np.add.reduceat(self._gathered(values), self._start, axis=1)
        return total

    def largest(self, values: FloatArray) -> FloatArray:
        """(M, K) maxima of values (M, positions)."""
        most: FloatArray = np.maximum.reduceat(self._gathered(values), self._start, axis=1)
        return most

    def spread_sums(self, values: FloatArray, size: int) -> FloatArray:
        """(M, size) sums of values (M, positions) by key; 0 for a key that has no position."""
        sums = self.sums(values)
        if len(self.keys) == size:
            return sums
        total = np.zeros((len(values), size))
        total[:, self.keys] = sums
        return total


def raised(base: FloatArray, exponent: Amount) -> FloatArray:
    """``base ** exponent``, of the shape that both broadcast to.

    numpy takes a root or a square where the exponent is a single 0.5 or 2, as for one member alone, and a
    power where it is an array of such, as for several; these differ in the last bit. A whole array of
    exponents always takes powers.
    """
    result: FloatArray = np.power(base, np.zeros(np.shape(base)) + exponent)
    return result
