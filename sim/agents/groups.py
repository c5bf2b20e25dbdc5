"""Sums and maxima over positions that share a key, such as all needs of one country."""

from __future__ import annotations

import numpy as np

from sim.world.world import FloatArray, IntArray

__all__ = ["Groups"]


class Groups:
    """Positions of an axis grouped by an integer key.

    Attributes:
        keys: (K,) the distinct keys, ascending.
    """

    def __init__(self, key: IntArray) -> None:
        self._order = np.argsort(key, kind="stable")
        self.keys, self._start = np.unique(key[self._order], return_index=True)

    def sums(self, values: FloatArray) -> FloatArray:
        """(M, K) sums of values (M, positions)."""
        total: FloatArray = np.add.reduceat(values[:, self._order], self._start, axis=1)
        return total

    def largest(self, values: FloatArray) -> FloatArray:
        """(M, K) maxima of values (M, positions)."""
        most: FloatArray = np.maximum.reduceat(values[:, self._order], self._start, axis=1)
        return most
