"""Many small matrix products on flat arrays, with bits that do not depend on what shares the batch.

A product's last bit depends on its shape. So every product runs on blocks of exactly ``BLOCK`` members of
one good, whatever shares the batch; several blocks at once where a try shows that this library then gives
the same bits. Fewer than ``BLOCK`` members in all are copied into blocks for the products alone. Where each
market has a matrix of its own, markets are multiplied one at a time: as vectors, or as one row of a block
where a market is to have the bits that it has with a matrix that all share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from sim.market.layout import FloatArray, IntArray

__all__ = ["BLOCK", "Products", "Room", "follow_each_other", "joined", "same_bits", "shifted"]

BLOCK = 4
MOST_JOINED = 16
"""Blocks multiplied at once, at most."""
WORTH_A_CALL = 3
"""Blocks of a good from which on a product of its own is quicker than a copy of its matrix for each."""
ONE_BY_ONE = 4
"""Products of few members that are made one by one; from more of a size on in a stack."""
LEAST_SINGLE = np.exp(-46.0)
"""Weights of open links in single precision are at least this share of their seller's largest: products
with them then stay clear of subnormal numbers, which are slow and coarse."""
Triples = list[tuple[FloatArray, FloatArray, FloatArray]]
"""What is multiplied by what, into what."""


class Room(NamedTuple):
    """Blocks for fewer members than they hold, and where each number lies in them; the rest stays 0."""

    sides: list[tuple[slice, slice]]
    """Of the pieces, on the flat axes of x and of y."""
    buffers: tuple[FloatArray, FloatArray]
    places: tuple[IntArray, IntArray]
    together: bool
    """Whether the pieces lie one after the other."""

    def fill(self, given: FloatArray, side: int) -> None:
        """Flat values into the blocks of a side."""
        if self.together:
            whole = given[self.sides[0][side].start : self.sides[-1][side].stop]
        else:
            whole = np.concatenate([given[at[side]] for at in self.sides])
        self.buffers[side][self.places[side]] = whole

    def empty(self, out: FloatArray, side: int) -> None:
        """The blocks of a side into flat values."""
        if self.together:
            whole = out[self.sides[0][side].start : self.sides[-1][side].stop]
            self.buffers[side].take(self.places[side], out=whole, mode="clip")
            return
        taken, at = self.buffers[side].take(self.places[side]), 0
        for axis in self.sides:
            length = axis[side].stop - axis[side].start
            out[axis[side]] = taken[at : at + length]
            at += length

    def some(self, kept: Sequence[int], sides: list[tuple[slice, slice]]) -> Room:
        """For some of the pieces, which lie at other places now."""
        places = []
        for side in range(2):
            ends = np.cumsum([0] + [at[side].stop - at[side].start for at in self.sides]).tolist()
            places.append(np.concatenate([self.places[side][ends[n] : ends[n + 1]] for n in kept]))
        return Room(sides, self.buffers, (places[0], places[1]), follow_each_other(sides))

    def moved(self, shift: tuple[int, int]) -> Room:
        """For the same pieces further on."""
        return self._replace(sides=[(shifted(x, shift[0]), shifted(y, shift[1])) for x, y in self.sides])


class Products:
    """x -> x A for all pieces, A per good or per market, and y -> y A' the other way.

    Args:
        goods: per piece, (n,) which matrix each market has. own: whether each has one of its own, so that
            ``matrices`` are per market already.
        sides: per piece, its slices on the flat axes of x and of y.
        matrices: per piece (G, P, Q), or (n, P, Q). unit: members that share a matrix without a gap,
            ``BLOCK`` or, for fewer members, their number.
        blocked: per piece, whether matrices of its own multiply whole blocks; none by default.
    """

    per_market: list[FloatArray]
    per_market_back: list[FloatArray]
    matrices: list[FloatArray]
    transposed: list[FloatArray]
    rooms: list[Room]
    """Of fewer members than a block has."""
    blocked: list[list[FloatArray]]
    """Views on the rooms, both sides."""
    few: list[tuple[Triples, Triples]]
    """Of fewer members than a block has, both ways: products one by one, and in stacks."""
    by_piece: list[list[tuple[Triples, Triples]]]
    """The same by piece."""

    def __init__(
        self,
        goods: Sequence[IntArray],
        own: Sequence[bool],
        sides: Sequence[tuple[slice, slice]],
        matrices: Sequence[FloatArray],
        unit: int,
        blocked: Sequence[bool] | None = None,
    ) -> None:
        self.unit, self.own_sides = unit, [side for side, o in zip(sides, own, strict=True) if o]
        self.own_blocked = [b for b, o in zip(blocked or [False] * len(own), own, strict=True) if o]
        self.own, self.sides = own, [side for side, o in zip(sides, own, strict=True) if not o]
        self.goods: list[IntArray] = []
        self.joined: list[tuple[int, int]] = []
        self.shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        shared, sides = [m for m, o in zip(matrices, own, strict=True) if not o], self.sides
        self.sides, self.parts = [], list[tuple[int, slice]]()
        given = [good[::unit] for good, o in zip(goods, own, strict=True) if not o]
        for piece, (which, matrix, side) in enumerate(zip(given, shared, sides, strict=True)):
            count = np.bincount(which, minlength=len(matrix))
            if unit < BLOCK or (count == count[0]).all() or len(which) < WORTH_A_CALL * len(matrix):
                self.parts.append((piece, slice(None)))
                self._add_side(which, count, matrix, side)
                continue
            # Many blocks of each good, but not as many of each: one product for each good.
            for good in np.flatnonzero(count):
                first, last = np.searchsorted(which, (good, good + 1))
                self.parts.append((piece, slice(good, good + 1)))
                run = [_run(axis, len(which), int(first), int(last)) for axis in side]
                self._add_side(which[first:last], count[good, None], matrix[:1], (run[0], run[1]))
        self._set_matrices(matrices)
        if unit < BLOCK:
            self._set_buffers([len(which) for which in self.goods], [matrix.shape[1:] for matrix in shared])
            self._set_few()

    def _add_side(
        self, which: IntArray, count: IntArray, matrix: FloatArray, side: tuple[slice, slice]
    ) -> None:
        # Goods with the same number of blocks share their matrix by broadcasting, without a copy.
        lead: tuple[int, ...] = (len(matrix), int(count[0]))
        if not (count == count[0]).all():
            lead = (len(which),)
        # Several blocks are multiplied at once where that makes no difference: quicker, by a third.
        many = _joined_blocks(lead[1]) if len(lead) == 2 and self.unit == BLOCK else 1
        if many > 1 and not same_bits(matrix.shape[1], matrix.shape[2], many):
            many = 1
        self.joined.append((many, lead[1] // many * many if many > 1 else 0))
        self.goods.append(which)
        self.sides.append(side)
        self.shapes.append(((*lead, BLOCK, matrix.shape[1]), (*lead, BLOCK, matrix.shape[2])))

    def _set_matrices(self, matrices: Sequence[FloatArray]) -> None:
        shared = [matrix for matrix, own in zip(matrices, self.own, strict=True) if not own]
        self.per_market = [matrix for matrix, own in zip(matrices, self.own, strict=True) if own]
        # In blocks the bits depend on how a matrix lies, too: the other way it is copied, as shared ones are.
        self.per_market_back = [
            np.ascontiguousarray(np.swapaxes(m, 1, 2)) if blocked else np.swapaxes(m, 1, 2)
            for m, blocked in zip(self.per_market, self.own_blocked, strict=True)
        ]
        parts = [shared[piece][which] for piece, which in self.parts]
        fit = zip(parts, self.goods, self.shapes, strict=True)
        self.matrices = [m[:, None] if len(shape[0]) == 4 else m[goods] for m, goods, shape in fit]
        self.transposed = [np.ascontiguousarray(np.swapaxes(matrix, -1, -2)) for matrix in self.matrices]

    def _set_buffers(self, counts: Sequence[int], widths: Sequence[tuple[int, ...]]) -> None:
        """Room for whole blocks, and where each number lies in it; unused members stay 0."""
        self.blocked = []
        buffers, places = [], []
        for side in range(2):
            here = tuple((count, width[side]) for count, width in zip(counts, widths, strict=True))
            first, views = 0, []
            buffer = np.zeros(sum(count * BLOCK * width for count, width in here))
            for (count, width), shape in zip(here, self.shapes, strict=True):
                end = first + count * BLOCK * width
                views.append(buffer[first:end].reshape(shape[side]))
                first = end
            buffers.append(buffer)
            places.append(_places(self.unit, here))
            self.blocked.append(views)
        self.rooms = []
        if self.sides:
            pairs = (buffers[0], buffers[1]), (places[0], places[1])
            self.rooms = [Room(self.sides, *pairs, follow_each_other(self.sides))]

    def __reduce__(self) -> tuple[Any, ...]:
        """Buffers and the views on them would part in a copy."""
        raise TypeError("products are a workspace and cannot be copied; copy the market")

    def like(self, matrices: Sequence[FloatArray]) -> Products:
        """The same places and buffers with other matrices of the same shapes."""
        other = object.__new__(Products)
        other.__dict__.update(self.__dict__)
        other._set_matrices(matrices)
        if self.unit < BLOCK:
            other._set_few()
        return other

    def single(self) -> Products:
        """The same in single precision, weights floored."""
        other = object.__new__(Products)
        other.__dict__.update(self.__dict__)
        for name in ("matrices", "transposed", "per_market"):
            setattr(other, name, [_floored(matrix) for matrix in getattr(self, name)])
        other.per_market_back = [
            _floored(back) if blocked else np.swapaxes(matrix, 1, 2)
            for back, matrix, blocked in zip(
                self.per_market_back, other.per_market, self.own_blocked, strict=True
            )
        ]
        if self.unit < BLOCK:
            other.rooms, other.blocked = _like_rooms(self.rooms, self.blocked, _zeros_single)
            other._set_few()
        return other

    def apart(self) -> Products:
        """The same with buffers of its own."""
        other = object.__new__(Products)
        other.__dict__.update(self.__dict__)
        if self.unit < BLOCK:
            other.rooms, other.blocked = _like_rooms(self.rooms, self.blocked, np.zeros)
            other._set_few()
        return other

    def forward(self, x: FloatArray, out: FloatArray) -> None:
        """Flat x -> flat y."""
        self._apply(x, out, self.matrices, 0, 1)

    def backward(self, y: FloatArray, out: FloatArray) -> None:
        """Flat y -> flat x."""
        self._apply(y, out, self.transposed, 1, 0)

    def _apply(
        self, given: FloatArray, out: FloatArray, matrices: Sequence[FloatArray], here: int, there: int
    ) -> None:
        if self.own_sides:
            self._apply_own(given, out, here, there)
        if self.unit < BLOCK:
            self._apply_few(given, out, here, there)
            return
        for side, shape, (many, count), matrix in zip(
            self.sides, self.shapes, self.joined, matrices, strict=True
        ):
            x, y = given[side[here]].reshape(shape[here]), out[side[there]].reshape(shape[there])
            if count:
                group = len(x), count // many, many * BLOCK
                np.matmul(
                    x[:, :count].reshape(*group, shape[here][-1]),
                    matrix,
                    out=y[:, :count].reshape(*group, shape[there][-1]),
                )
                x, y = x[:, count:], y[:, count:]
            if x.size:
                np.matmul(x, matrix, out=y)

    def _apply_own(self, given: FloatArray, out: FloatArray, here: int, there: int) -> None:
        """Markets with a matrix of their own."""
        own = self.per_market if here == 0 else self.per_market_back
        for own_side, matrix, blocked in zip(self.own_sides, own, self.own_blocked, strict=True):
            x, y = given[own_side[here]], out[own_side[there]]
            x, y = x.reshape(len(matrix), 1, -1), y.reshape(len(matrix), 1, -1)
            if blocked:
                rows = np.zeros((len(matrix), BLOCK, x.shape[2]), dtype=x.dtype)
                rows[:, :1] = x
                y[...] = np.matmul(rows, matrix)[:, :1]
            else:
                np.matmul(x, matrix, out=y)

    def _set_few(self) -> None:
        """The products of few members: a stack of few is quicker one by one, with the same bits."""
        self.by_piece = []
        for here, matrices in enumerate((self.matrices, self.transposed)):
            found: list[tuple[Triples, Triples]] = []
            for given, matrix, out in zip(self.blocked[here], matrices, self.blocked[1 - here], strict=True):
                x, y = (blocks.reshape(-1, *blocks.shape[-2:]) for blocks in (given, out))
                each = matrix.reshape(-1, *matrix.shape[-2:])
                if len(x) <= ONE_BY_ONE:
                    found.append((list(zip(x, each, y, strict=True)), []))
                else:
                    found.append(([], [(x, each, y)]))
            self.by_piece.append(found)
        self.flatten()

    def flatten(self) -> None:
        """Set ``few`` from ``by_piece``."""
        self.few = [
            ([one for single, _ in pieces for one in single], [one for _, many in pieces for one in many])
            for pieces in self.by_piece
        ]

    def _apply_few(self, given: FloatArray, out: FloatArray, here: int, there: int) -> None:
        """Fewer members than a block has, in blocks of which the rest is empty."""
        for room in self.rooms:
            room.fill(given, here)
        single, stacked = self.few[here]
        for x, matrix, y in single:
            x.dot(matrix, y)
        for x, matrix, y in stacked:
            np.matmul(x, matrix, out=y)
        # Products of the members that are 0 are 0: the buffer is clean for the other direction.
        for room in self.rooms:
            room.empty(out, there)


def _like_rooms(
    rooms: Sequence[Room], blocked: Sequence[Sequence[FloatArray]], make: Callable[[int], FloatArray]
) -> tuple[list[Room], list[list[FloatArray]]]:
    """Other buffers, and on them the same views, wherever in the old ones these lay."""
    found: tuple[list[Room], list[list[FloatArray]]] = [], [[], []]
    begun = 0
    for room in rooms:
        left, right = (make(len(buffer)) for buffer in room.buffers)
        found[0].append(room._replace(buffers=(left, right)))
        for side, (old, new) in enumerate(zip(room.buffers, (left, right), strict=True)):
            for view in blocked[side][begun : begun + len(room.sides)]:
                first = (_address(view) - _address(old)) // old.itemsize
                found[1][side].append(new[first : first + view.size].reshape(view.shape))
        begun += len(room.sides)
    return found


def _address(values: FloatArray) -> int:
    address: int = values.__array_interface__["data"][0]
    return address


@lru_cache(maxsize=256)
def _places(unit: int, sizes: tuple[tuple[int, int], ...]) -> IntArray:
    """Where the numbers of the first ``unit`` members of each block lie. Regimes are laid out alike: kept.

    Args:
        sizes: number and width of blocks, piece by piece.
    """
    places, first = [], 0
    for count, width in sizes:
        block = np.arange(unit)[:, None] * width + np.arange(width)
        start = first + np.arange(count) * BLOCK * width
        places.append((start[:, None, None] + block).ravel())
        first += count * BLOCK * width
    return np.asarray(joined(places, np.int64))


def _joined_blocks(count: int) -> int:
    """How many of a good's blocks to multiply at once: all of them in equal parts, or four and the rest."""
    fitting = [many for many in range(MOST_JOINED, 2, -1) if count % many == 0]
    return fitting[0] if fitting else 4 if count > 4 else 1


@cache
def same_bits(width: int, height: int, many: int) -> bool:
    """Whether products of ``many`` blocks at once have the bits of as many products, both ways, here.

    The order in which a library adds depends on shapes, never on the numbers; so one try tells.
    """
    rng = np.random.default_rng(0)
    kinds: list[type[np.floating[Any]]] = [np.float64, np.float32]
    for p, q in ((width, height), (height, width)):
        x, matrix = rng.uniform(0.5, 1.5, (many, BLOCK, p)), rng.uniform(0.5, 1.5, (p, q))
        for kind in kinds:
            few, one = np.asarray(x, dtype=kind), np.asarray(matrix, dtype=kind)
            if not np.array_equal((few @ one).reshape(-1, q), few.reshape(-1, p) @ one):
                return False
    return True


def follow_each_other(sides: Sequence[tuple[slice, slice]]) -> bool:
    """Whether pieces lie one after the other, on both axes."""
    return all(
        a[side].stop == b[side].start for a, b in pairwise(sides) for side in range(2)
    )


def shifted(part: slice, by: int) -> slice:
    """The same places further on."""
    return slice(part.start + by, part.stop + by)


def _run(axis: slice, blocks: int, first: int, last: int) -> slice:
    """Blocks ``first`` to ``last`` of a flat axis."""
    width = (axis.stop - axis.start) // blocks
    return slice(axis.start + first * width, axis.start + last * width)


def _zeros_single(length: int) -> Any:
    return np.zeros(length, dtype=np.float32)


def _floored(matrix: FloatArray) -> Any:
    low = (matrix > 0) & (matrix < LEAST_SINGLE)
    return np.ascontiguousarray(np.where(low, LEAST_SINGLE, matrix).astype(np.float32))


def joined(parts: Sequence[Any], kind: type) -> Any:
    """Arrays one after the other; empty, of the kind, where there is none."""
    return np.concatenate(parts) if len(parts) else np.zeros(0, dtype=kind)
