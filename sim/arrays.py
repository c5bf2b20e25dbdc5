"""What all rooms share on arrays: types, sums over groups, powers with own bits, what is kept or saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np
import numpy.typing as npt

from sim.errors import MonaziteError
from sim.units import Amount

__all__ = ["BoolArray", "FloatArray", "Groups", "IntArray", "Kept", "Numbers", "Saved", "raised", "some_of"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Key = TypeVar("Key")
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """What has been worked out, by what it follows from; all of it is forgotten once there is too much."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[Key, Value] = {}

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """What is known under a key, or is made now."""
        if key not in self._known:
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[key] = make()
        return self._known[key]


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
        return values if self._order is None else values.take(self._order, axis=-1)

    def sums(self, values: FloatArray) -> FloatArray:
        """(..., K) sums of values (..., positions)."""
        total: FloatArray = np.add.reduceat(self._gathered(values), self._start, axis=-1)
        return total

    def any(self, holds: BoolArray) -> BoolArray:
        """(M, K) whether something holds of any position (M, positions)."""
        gathered = holds if self._order is None else holds.take(self._order, axis=1)
        found: BoolArray = np.logical_or.reduceat(gathered, self._start, axis=1)
        return found

    def largest(self, values: FloatArray) -> FloatArray:
        """(..., K) maxima of values (..., positions)."""
        most: FloatArray = np.maximum.reduceat(self._gathered(values), self._start, axis=-1)
        return most

    def spread_sums(self, values: FloatArray, size: int) -> FloatArray:
        """(..., size) sums of values (..., positions) by key; 0 for a key that has no position."""
        sums = self.sums(values)
        if len(self.keys) == size:
            return sums
        total = np.zeros((*values.shape[:-1], size))
        total[..., self.keys] = sums
        return total


def raised(base: FloatArray, exponent: Amount) -> FloatArray:
    """``base ** exponent``, of the shape that both broadcast to.

    numpy takes a root or a square where the exponent is a single 0.5 or 2, as for one member alone, and a
    power where it is an array of such, as for several; these differ in the last bit. A whole array of
    exponents always takes powers.
    """
    result: FloatArray = np.power(base, np.zeros(np.shape(base)) + exponent)
    return result


Numbers = TypeVar("Numbers", bound=np.generic)


def some_of(values: npt.NDArray[Numbers], rows: IntArray, columns: IntArray) -> npt.NDArray[Numbers]:
    """Some rows and columns of (..., M, n) values; those of all members (..., 1, n) serve any rows.

    In rows that lie one after the other: what is summed over them adds in the order of the whole.
    """
    if values.shape[-2] > 1:
        values = values.take(rows, axis=-2)
    found: npt.NDArray[Numbers] = values.take(columns, axis=-1)
    return found


class Saved(Mapping[str, npt.NDArray[Any]]):
    """One part of a checkpoint, arrays by name. Who goes on from it takes copies that are known to fit."""

    def __init__(self, part: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self.part, self._arrays = part, arrays

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def take(
        self,
        name: str,
        like: npt.NDArray[Any],
        least: float = 0.0,
        most: float = np.inf,
        free: tuple[int, ...] = (),
    ) -> npt.NDArray[Any]:
        """A copy of one array.

        Args:
            like: an array of the kind and shape that it must have.
            least, most: bounds of its numbers, up to a rounding.
            free: axes that may be longer or shorter.

        Raises:
            MonaziteError: it is not there, or does not fit; names the array.
        """
        array = self._arrays.get(name)
        if array is None:
            self.refuse(name, "is missing")
        shape = tuple(
            length if axis in free else wanted
            for axis, (length, wanted) in enumerate(zip(array.shape, like.shape, strict=False))
        )
        if array.ndim != like.ndim or array.shape != shape:
            self.refuse(name, f"has shape {array.shape}; expected {like.shape}")
        if array.dtype.kind != like.dtype.kind:
            self.refuse(name, f"holds {array.dtype}; expected {like.dtype}")
        if array.size:
            low, high = array.min(), array.max()
            # Written so that a NaN, which is neither, is refused.
            if not (low >= least - ROUNDING and high <= most + ROUNDING and np.isfinite(high)):
                self.refuse(name, f"holds numbers from {low:g} to {high:g}; expected {least:g} to {most:g}")
        return np.array(array, dtype=like.dtype, order="C")

    def refuse(self, name: str, why: str) -> NoReturn:
        """Raise MonaziteError for one array."""
        raise MonaziteError(
            f"the checkpoint's array '{self.part}/{name}' {why}; it is damaged, or was not made for this run"
        )


ROUNDING = 1e-6
"""How far beyond its bound a saved number may lie: what rounding took too much of."""
