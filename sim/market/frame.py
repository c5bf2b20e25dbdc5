"""Many markets as flat arrays: where each one's variables lie, and the products between them.

The *variables* of a market are its sellers' and its caps' unknowns, its *rows* the sellers' links cut
by caps. Without caps rows and variables coincide. Goods with and without caps have frames of their own.

Every matrix product runs on blocks of exactly ``BLOCK`` members of one good. A product's last bit
depends on its shape, so the shape is always the same whatever shares the batch. A last block that is
not full repeats its last member; fewer than ``BLOCK`` members in all are kept apart and copied into
blocks for the products alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.market.layout import BoolArray, Bucket, FloatArray, IntArray, Market

__all__ = ["BLOCK", "Frame", "Piece", "Products", "of_markets"]

BLOCK = 4
LEAST_SINGLE = np.exp(-46.0)
"""Weights of open links in single precision are at least this share of their seller's largest: products
with them then stay clear of subnormal numbers, which are slow and coarse."""


@dataclass(frozen=True)
class Piece:
    """The markets of one bucket, ordered by good, then member."""

    bucket: Bucket
    good: IntArray
    """(n,) position in the bucket; the member's number where the bucket is one good's."""
    member: IntArray
    """(n,) may repeat, at the end of a good."""
    markets: slice
    """On the frame's axis of markets."""
    variables: slice
    rows: slice
    buyers: slice

    @property
    def widths(self) -> tuple[int, int, int]:
        """Variables, rows and buyers of each market."""
        rows, buyers = self.bucket.kernel.shape[1:]
        return self.bucket.incidence.shape[2], rows, buyers

    @property
    def capped(self) -> bool:
        """Whether rows and variables differ."""
        return bool(self.bucket.caps.shape[1])


class Products:
    """x -> x A for all pieces, A per good or per market, and y -> y A' the other way.

    Args:
        goods: per piece, (n,) which matrix each market has. own: whether each has one of its own, so that
            ``matrices`` are per market already.
        sides: per piece, its slices on the flat axes of x and of y.
        matrices: per piece (G, P, Q), or (n, P, Q). unit: members that share a matrix without a gap,
            ``BLOCK`` or, for fewer members, their number.
    """

    def __init__(
        self,
        goods: Sequence[IntArray],
        own: Sequence[bool],
        sides: Sequence[tuple[slice, slice]],
        matrices: Sequence[FloatArray],
        unit: int,
    ) -> None:
        self.unit, self.own_sides = unit, [side for side, o in zip(sides, own, strict=True) if o]
        self.own, self.sides = own, [side for side, o in zip(sides, own, strict=True) if not o]
        self.together = all(
            a[side].stop == b[side].start
            for a, b in zip(self.sides, self.sides[1:], strict=False)
            for side in range(2)
        )
        self.goods = [good[::unit] for good, o in zip(goods, own, strict=True) if not o]
        shared = [matrix for matrix, o in zip(matrices, own, strict=True) if not o]
        self.shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        counts = []
        for which, matrix in zip(self.goods, shared, strict=True):
            count = np.bincount(which, minlength=len(matrix))
            # Goods with the same number of blocks share their matrix by broadcasting, without a copy.
            lead = (len(matrix), int(count[0])) if (count == count[0]).all() else (len(which),)
            self.shapes.append(((*lead, BLOCK, matrix.shape[1]), (*lead, BLOCK, matrix.shape[2])))
            counts.append(len(which))
        self._set_matrices(matrices)
        if unit < BLOCK:
            self._set_buffers(counts, [matrix.shape[1:] for matrix in shared])

    def _set_matrices(self, matrices: Sequence[FloatArray]) -> None:
        shared = [matrix for matrix, own in zip(matrices, self.own, strict=True) if not own]
        self.per_market = [matrix for matrix, own in zip(matrices, self.own, strict=True) if own]
        fit = zip(shared, self.goods, self.shapes, strict=True)
        self.matrices = [m[:, None] if len(shape[0]) == 4 else m[goods] for m, goods, shape in fit]
        self.transposed = [np.ascontiguousarray(np.swapaxes(matrix, -1, -2)) for matrix in self.matrices]

    def _set_buffers(self, counts: Sequence[int], widths: Sequence[tuple[int, ...]]) -> None:
        """Room for whole blocks, and where each number lies in it; unused members stay 0."""
        self.buffers, self.places, self.blocked = [], [], []
        for side in range(2):
            places, views, first = [], [], 0
            for count, width in zip(counts, widths, strict=True):
                block = np.arange(self.unit)[:, None] * width[side] + np.arange(width[side])
                start = first + np.arange(count) * BLOCK * width[side]
                places.append((start[:, None, None] + block).ravel())
                first += count * BLOCK * width[side]
            buffer, first = np.zeros(first), 0
            for count, width, shape in zip(counts, widths, self.shapes, strict=True):
                views.append(buffer[first : first + count * BLOCK * width[side]].reshape(shape[side]))
                first += count * BLOCK * width[side]
            self.buffers.append(buffer)
            self.places.append(_joined(places, np.int64))
            self.blocked.append(views)

    def like(self, matrices: Sequence[FloatArray]) -> Products:
        """The same places and buffers with other matrices of the same shapes."""
        other = object.__new__(Products)
        other.__dict__.update(self.__dict__)
        other._set_matrices(matrices)
        return other

    def single(self) -> Products:
        """The same in single precision, weights floored."""
        other = object.__new__(Products)
        other.__dict__.update(self.__dict__)
        for name in ("matrices", "transposed", "per_market"):
            setattr(other, name, [_floored(matrix) for matrix in getattr(self, name)])
        if self.unit < BLOCK and self.sides:
            other.buffers = [np.zeros(len(buffer), dtype=np.float32) for buffer in self.buffers]
            other.blocked = []
            for buffer, views in zip(other.buffers, self.blocked, strict=True):
                ends = np.cumsum([0] + [view.size for view in views])
                other.blocked.append(
                    [buffer[a:b].reshape(v.shape) for a, b, v in zip(ends, ends[1:], views, strict=False)]
                )
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
        for own_side, matrix in zip(self.own_sides, self.per_market, strict=True):
            matrix = matrix if here == 0 else np.swapaxes(matrix, 1, 2)
            x, y = given[own_side[here]], out[own_side[there]]
            np.matmul(
                x.reshape(len(matrix), 1, -1), matrix, out=y.reshape(len(matrix), 1, -1)
            )
        if self.unit == BLOCK:
            for side, shape, matrix in zip(self.sides, self.shapes, matrices, strict=True):
                np.matmul(
                    given[side[here]].reshape(shape[here]), matrix, out=out[side[there]].reshape(shape[there])
                )
            return
        if not self.sides:
            return
        parts = [side[here] for side in self.sides]
        whole = given[parts[0].start : parts[-1].stop]
        if not self.together:
            whole = np.concatenate([given[part] for part in parts])
        self.buffers[here][self.places[here]] = whole
        for x, matrix, y in zip(self.blocked[here], matrices, self.blocked[there], strict=True):
            np.matmul(x, matrix, out=y)
        # Products of the members that are 0 are 0: the buffer is clean for the other direction.
        if self.together:
            whole = out[self.sides[0][there].start : self.sides[-1][there].stop]
            np.take(self.buffers[there], self.places[there], out=whole, mode="clip")
            return
        taken, at = self.buffers[there].take(self.places[there]), 0
        for side in self.sides:
            length = side[there].stop - side[there].start
            out[side[there]] = taken[at : at + length]
            at += length


class Frame:
    """Markets of some members, flat: the goods under caps, or those without.

    Static under one policy, so kept from step to step.

    Attributes:
        pieces: per bucket. prepared: whether the pieces have a remedy.
        members: number of members. unit: markets that stay together, see :class:`Products`.
        plain: length of the part of rows and variables that coincide.
        lengths: numbers of variables, rows and buyers, padding included.
        first_variable, first_buyer: (n,) where each market starts.
        offer, need: flat positions in (members, O + 1 + C + 1) and (members, N + 1) arrays.
        sigma, eps, scale, is_cap, is_offer: per variable; is_offer is False for padding.
        seller: 1 - is_cap. response: eps / sigma, 0 for caps. bent: 1 + response. slope: seller / bent.
        market_sigma: (n,).
        is_need, buyer_sigma: per buyer.
        variable_market, buyer_market: market of each variable and buyer.
        good, member: (n,).
        memory: workspaces that later calls may use again.
        kind: type of the numbers, double or single.
    """

    kind: type[np.floating[Any]] = np.float64

    def __init__(self, market: Market, members: int, capped: bool, first: int = 0) -> None:
        """``first`` is the number of the first member, which counts where members have own kernels."""
        self.members = members
        self.unit = min(members, BLOCK)
        padded = -(-members // self.unit) * self.unit
        buckets = [bucket for bucket in market.buckets if (bucket.caps.shape[1] > 0) == capped]
        offers, needs, caps = len(market.offer_good), len(market.need_good), len(market.caps)
        width = offers + caps + 2
        choice, source, need, static = [], [], [], []
        for bucket in buckets:
            count = 1 if bucket.own else len(bucket.goods)
            member = np.tile(np.minimum(np.arange(padded), members - 1), count)
            good = first + member if bucket.own else np.repeat(np.arange(count), padded)
            choice.append((bucket, good, member))
            sellers, variables = bucket.sellers.shape[1], bucket.incidence.shape[2]
            place = np.concatenate([bucket.sellers, offers + 1 + bucket.caps], axis=1)
            source.append((place[good] + member[:, None] * width).ravel())
            need.append((bucket.buyers[good] + member[:, None] * (needs + 1)).ravel())
            eps = np.pad(bucket.eps, ((0, 0), (0, variables - sellers)), constant_values=1)[good].ravel()
            scale = bucket.log_scale[good].ravel()
            static.append(np.stack([eps, scale, np.tile(np.arange(variables) >= sellers, len(good))]))
        self._set_up(market, choice)
        self.offer, self.need = _joined(source, np.int64), _joined(need, np.int64)
        self.eps, self.scale, is_cap = np.concatenate([np.zeros((3, 0)), *static], axis=1)
        self.is_cap: BoolArray = is_cap > 0
        self._set_statics()

    def _set_up(self, market: Market, choice: Sequence[tuple[Bucket, IntArray, IntArray]]) -> None:
        """Everything but what :meth:`take` can copy from a larger frame."""
        self.market, self.memory = market, dict[object, Any]()
        pieces, at = [], (0, 0, 0, 0)
        self.plain = 0
        for bucket, good, member in choice:
            n, (rows, buyers), variables = len(good), bucket.kernel.shape[1:], bucket.incidence.shape[2]
            end = at[0] + n, at[1] + n * variables, at[2] + n * rows, at[3] + n * buyers
            bounds = [slice(a, b) for a, b in zip(at, end, strict=True)]
            pieces.append(Piece(bucket, good, member, bounds[0], bounds[1], bounds[2], bounds[3]))
            at = end
            if not pieces[-1].capped:
                self.plain = end[1]
        self.pieces = tuple(pieces)
        self.capped = tuple(piece for piece in pieces if piece.capped)
        self.lengths = at[1], at[2], at[3]
        self.kernel = Products(
            [p.good for p in pieces],
            [p.bucket.own for p in pieces],
            [(p.rows, p.buyers) for p in pieces],
            [of_markets(p, p.bucket.kernel) if p.bucket.own else p.bucket.kernel for p in pieces],
            self.unit,
        )
        # Which cap acts on which row is the same for all members.
        self.incidence = Products(
            [np.zeros_like(p.good) if p.bucket.own else p.good for p in self.capped],
            [False] * len(self.capped),
            [(p.rows, p.variables) for p in self.capped],
            [p.bucket.incidence[:1] if p.bucket.own else p.bucket.incidence for p in self.capped],
            self.unit,
        )
        remedies = [p.bucket.remedy for p in pieces if p.bucket.remedy is not None]
        self.prepared = bool(pieces) and len(remedies) == len(pieces)
        if self.prepared:
            self.remedy = Products(
                [p.good for p in pieces],
                [False] * len(pieces),
                [(p.variables, p.variables) for p in pieces],
                remedies,
                self.unit,
            )
        counts = [len(piece.good) for piece in pieces]
        widths = np.array([piece.widths for piece in pieces], dtype=np.int64).reshape(len(pieces), 3)
        size = np.repeat(widths, counts, axis=0)
        self.first_variable, _, self.first_buyer = np.ascontiguousarray((size.cumsum(0) - size).T)
        number = np.arange(at[0])
        self.variable_market, self.buyer_market = np.repeat(number, size[:, 0]), np.repeat(number, size[:, 2])
        self.good = _joined([p.bucket.goods[p.good] for p in pieces], np.int64)
        self.member = _joined([p.member for p in pieces], np.int64)
        self.market_sigma = _joined([p.bucket.sigma[p.good] for p in pieces], np.float64)
        self.sigma = np.repeat(self.market_sigma, size[:, 0])
        self.buyer_sigma = np.repeat(self.market_sigma, size[:, 2])

    def _set_statics(self) -> None:
        """What follows from the positions and elasticities alone."""
        market = self.market
        offers, needs, caps = len(market.offer_good), len(market.need_good), len(market.caps)
        self.is_offer: BoolArray = self.offer % (offers + caps + 2) < offers
        self.is_need: BoolArray = self.need % (needs + 1) < needs
        self.seller = (~self.is_cap).astype(float)
        self.response = self.eps / self.sigma * self.seller
        self.bent = 1 + self.response
        self.slope = self.seller / self.bent

    def __len__(self) -> int:
        return len(self.first_variable)

    def take(self, going: BoolArray) -> tuple[Frame, IntArray, IntArray, IntArray, IntArray]:
        """A frame of the units with a market still going.

        Returns:
            The frame, and where its markets, variables, rows and buyers lay in this one.
        """
        units = np.repeat(going.reshape(-1, self.unit).any(axis=1), self.unit)
        choice, kept = [], []
        for piece in self.pieces:
            mine = np.flatnonzero(units[piece.markets])
            if not len(mine):
                continue
            choice.append((piece.bucket, piece.good[mine], piece.member[mine]))
            parts = zip((piece.variables, piece.rows, piece.buyers), piece.widths, strict=True)
            kept.append([(s.start + mine[:, None] * w + np.arange(w)).ravel() for s, w in parts])
        part = object.__new__(Frame)
        part.members, part.unit = self.members, self.unit
        part._set_up(self.market, choice)
        variables, rows, buyers = (_joined([k[axis] for k in kept], np.int64) for axis in range(3))
        part.offer, part.need = self.offer[variables], self.need[buyers]
        part.eps, part.scale, part.is_cap = self.eps[variables], self.scale[variables], self.is_cap[variables]
        part._set_statics()
        part = part.single() if self.kind is np.float32 else part
        return part, np.flatnonzero(units), variables, rows, buyers

    def single(self) -> Frame:
        """The same markets in single precision; kept."""
        if "single" not in self.memory:
            other = object.__new__(Frame)
            other.__dict__.update(self.__dict__)
            other.kind, other.memory = np.float32, {}
            for name, value in self.__dict__.items():
                if isinstance(value, np.ndarray) and value.dtype == np.float64:
                    setattr(other, name, value.astype(np.float32))
                elif isinstance(value, Products):
                    setattr(other, name, value.single())
            self.memory["single"] = other
        found: Frame = self.memory["single"]
        return found

    def spread(self, variables: FloatArray, out: FloatArray) -> None:
        """Per row, the sum of the variables that act on it."""
        np.copyto(out[: self.plain], variables[: self.plain])
        self.incidence.backward(variables, out)

    def collect(self, rows: FloatArray, out: FloatArray) -> None:
        """Per variable, the sum over the rows that it acts on."""
        np.copyto(out[: self.plain], rows[: self.plain])
        self.incidence.forward(rows, out)


def of_markets(piece: Piece, values: FloatArray) -> FloatArray:
    """(n, ...) of (G, ...) values of a bucket; without a copy where the markets follow each other."""
    good = piece.good
    if len(good) and (np.diff(good) == 1).all():
        return values[good[0] : good[-1] + 1]
    taken: FloatArray = values[good]
    return taken


def _floored(matrix: FloatArray) -> Any:
    low = (matrix > 0) & (matrix < LEAST_SINGLE)
    return np.ascontiguousarray(np.where(low, LEAST_SINGLE, matrix).astype(np.float32))


def _joined(parts: Sequence[Any], kind: type) -> Any:
    return np.concatenate(parts) if len(parts) else np.zeros(0, dtype=kind)
