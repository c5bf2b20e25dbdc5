"""Many markets as flat arrays: where each one's variables lie, and the products between them.

The *variables* of a market are its sellers' and its caps' unknowns, its *rows* the sellers' links cut
by caps. Without caps rows and variables coincide; such markets come first on the flat axes.

Every matrix product runs on blocks of exactly ``BLOCK`` members of one good. A product's last bit
depends on its shape, so the shape is always the same whatever shares the batch.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.market.layout import Bucket, FloatArray, IntArray, Market

__all__ = ["BLOCK", "Frame", "Piece", "Product"]

BLOCK = 4


class _Blocks:
    """Markets in blocks of ``BLOCK`` of the same good; the rest of a good's last block is zero."""

    def __init__(self, good: IntArray, goods: int) -> None:
        counts = np.bincount(good, minlength=goods)
        blocks = -(-counts // BLOCK)
        first = np.concatenate([[0], np.cumsum(blocks)[:-1]]) * BLOCK
        before = np.concatenate([[0], np.cumsum(counts)[:-1]])
        self.count = int(blocks.sum())
        self.slot = first[good] + np.arange(len(good)) - before[good]
        self.good = np.repeat(np.arange(goods), blocks)
        self.per_good = int(blocks[0]) if (blocks == blocks[0]).all() else 0
        self.dense = len(good) == self.count * BLOCK
        self.regular = int(counts[0]) if self.per_good and (counts == counts[0]).all() else 0


class Product:
    """x -> x A for markets in blocks, with A per good, and y -> y A' the other way."""

    def __init__(self, blocks: _Blocks, matrix: FloatArray) -> None:
        self.blocks = blocks
        self.matrix = matrix[:, None] if blocks.per_good else matrix[blocks.good]
        self.transposed = np.swapaxes(self.matrix, -1, -2)
        lead = (-1, blocks.per_good, BLOCK) if blocks.per_good else (blocks.count, BLOCK)
        self.shapes = [(*lead, matrix.shape[1]), (*lead, matrix.shape[2])]
        self.buffers = [np.zeros(shape) for shape in ((blocks.count * BLOCK, w) for w in matrix.shape[1:])]
        self.blocked = [b.reshape(s) for b, s in zip(self.buffers, self.shapes, strict=True)]
        if blocks.regular:
            goods = matrix.shape[0]
            self.used = [b.reshape(goods, -1, b.shape[1])[:, : blocks.regular] for b in self.buffers]

    def like(self, matrix: FloatArray) -> Product:
        """The same markets and buffers with another matrix of the same shape."""
        other = copy(self)
        other.matrix = matrix[:, None] if self.blocks.per_good else matrix[self.blocks.good]
        other.transposed = np.swapaxes(other.matrix, -1, -2)
        return other

    def forward(self, x: FloatArray, out: FloatArray) -> None:
        """(n, P) -> (n, Q), both flat."""
        self._apply(x, out, self.matrix, 0, 1)

    def backward(self, y: FloatArray, out: FloatArray) -> None:
        """(n, Q) -> (n, P), both flat."""
        self._apply(y, out, self.transposed, 1, 0)

    def _apply(self, x: FloatArray, out: FloatArray, matrix: FloatArray, given: int, got: int) -> None:
        blocks = self.blocks
        if blocks.dense:
            np.matmul(x.reshape(self.shapes[given]), matrix, out=out.reshape(self.shapes[got]))
            return
        # Slots beyond a good's last market hold 0 from the start, and a product of 0 keeps them so.
        if blocks.regular:
            np.copyto(self.used[given], x.reshape(self.used[given].shape))
            np.matmul(self.blocked[given], matrix, out=self.blocked[got])
            np.copyto(out.reshape(self.used[got].shape), self.used[got])
            return
        self.buffers[given][blocks.slot] = x.reshape(-1, self.buffers[given].shape[1])
        np.matmul(self.blocked[given], matrix, out=self.blocked[got])
        np.take(
            self.buffers[got],
            blocks.slot,
            axis=0,
            out=out.reshape(-1, self.buffers[got].shape[1]),
            mode="clip",
        )


@dataclass(frozen=True)
class Piece:
    """The markets of one bucket, ordered by good, then member."""

    bucket: Bucket
    good: IntArray
    """(n,) position in the bucket."""
    member: IntArray
    """(n,)"""
    markets: slice
    """On the frame's axis of markets."""
    variables: slice
    rows: slice
    buyers: slice
    kernel: Product
    """Rows -> buyers."""
    incidence: Product | None
    """Rows -> variables; None without caps, where they are the same."""
    remedy: Product | None
    """Variables -> variables: how a change in a sweep is turned into a step; None if unprepared."""

    @property
    def widths(self) -> tuple[int, int, int]:
        """Variables, rows and buyers of each market."""
        rows, buyers = self.bucket.kernel.shape[1:]
        return self.bucket.incidence.shape[2], rows, buyers


class Frame:
    """Markets of some members, flat. Static under one policy, so kept from step to step.

    Attributes:
        pieces: per bucket. capped: those with caps. prepared: whether some piece has a remedy.
        plain: length of the part of rows and variables that coincide.
        first_variable, first_row, first_buyer: (n,) where each market starts.
        offer, need: flat positions in (members, O + 1 + C + 1) and (members, N + 1) arrays.
        lengths: numbers of variables, rows and buyers, padding included.
        sigma, eps, scale, is_cap: per variable. market_sigma: (n,). buyer_sigma: per buyer.
        variable_market, buyer_market: market of each variable and buyer.
        good, member: (n,). members: number of members.
    """

    def __init__(self, market: Market, members: int) -> None:
        buckets = sorted(market.buckets, key=lambda bucket: bucket.caps.shape[1] > 0)
        offers, needs, caps = len(market.offer_good), len(market.need_good), len(market.caps)
        width = offers + caps + 2
        choice, source, need, static = [], [], [], []
        for bucket in buckets:
            good = np.repeat(np.arange(len(bucket.goods)), members)
            member = np.tile(np.arange(members), len(bucket.goods))
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
        columns: FloatArray = np.concatenate(static, axis=1) if static else np.zeros((3, 0))
        self.eps, self.scale, self.is_cap = columns[0], columns[1], columns[2] > 0

    def _set_up(self, market: Market, choice: list[tuple[Bucket, IntArray, IntArray]]) -> None:
        """Everything but what :meth:`take` can copy from a larger frame."""
        self.market = market
        pieces, at = [], (0, 0, 0, 0)
        self.plain = 0
        for bucket, good, member in choice:
            n, (rows, buyers) = len(good), bucket.kernel.shape[1:]
            sellers, variables = bucket.sellers.shape[1], bucket.incidence.shape[2]
            blocks = _Blocks(good, len(bucket.goods))
            end = at[0] + n, at[1] + n * variables, at[2] + n * rows, at[3] + n * buyers
            pieces.append(
                Piece(
                    bucket=bucket,
                    good=good,
                    member=member,
                    markets=slice(at[0], end[0]),
                    variables=slice(at[1], end[1]),
                    rows=slice(at[2], end[2]),
                    buyers=slice(at[3], end[3]),
                    kernel=Product(blocks, bucket.kernel),
                    incidence=Product(blocks, bucket.incidence) if variables > sellers else None,
                    remedy=None if bucket.remedy is None else Product(blocks, bucket.remedy),
                )
            )
            at = end
            if variables == sellers:
                self.plain = end[1]
        self.pieces = tuple(pieces)
        self.capped = tuple(piece for piece in pieces if piece.incidence is not None)
        self.prepared = any(piece.remedy is not None for piece in pieces)
        self.lengths = at[1], at[2], at[3]
        counts = [len(piece.good) for piece in pieces]
        widths = np.array([piece.widths for piece in pieces], dtype=np.int64).reshape(len(pieces), 3)
        size = np.repeat(widths, counts, axis=0)
        self.first_variable, self.first_row, self.first_buyer = np.ascontiguousarray(
            (size.cumsum(0) - size).T
        )
        number = np.arange(at[0])
        self.variable_market, self.buyer_market = np.repeat(number, size[:, 0]), np.repeat(number, size[:, 2])
        self.good = _joined([p.bucket.goods[p.good] for p in pieces], np.int64)
        self.member = _joined([p.member for p in pieces], np.int64)
        self.members = int(self.member.max(initial=-1)) + 1
        self.market_sigma = _joined([p.bucket.sigma[p.good] for p in pieces], np.float64)
        self.sigma = np.repeat(self.market_sigma, size[:, 0])
        self.buyer_sigma = np.repeat(self.market_sigma, size[:, 2])

    def __len__(self) -> int:
        return len(self.first_variable)

    def take(self, which: IntArray) -> tuple[Frame, IntArray, IntArray, IntArray]:
        """A frame of some markets (ascending), and where its variables, rows and buyers lay here."""
        choice, kept = [], []
        for piece in self.pieces:
            mine = which[(which >= piece.markets.start) & (which < piece.markets.stop)] - piece.markets.start
            if not len(mine):
                continue
            choice.append((piece.bucket, piece.good[mine], piece.member[mine]))
            parts = zip((piece.variables, piece.rows, piece.buyers), piece.widths, strict=True)
            kept.append([(s.start + mine[:, None] * w + np.arange(w)).ravel() for s, w in parts])
        part = object.__new__(Frame)
        part._set_up(self.market, choice)
        variables, rows, buyers = (_joined([k[axis] for k in kept], np.int64) for axis in range(3))
        part.offer, part.need = self.offer[variables], self.need[buyers]
        part.eps, part.scale, part.is_cap = self.eps[variables], self.scale[variables], self.is_cap[variables]
        return part, variables, rows, buyers

    def to_buyers(self, rows: FloatArray, out: FloatArray) -> None:
        """Per buyer, the sum over rows of kernel x value."""
        for piece in self.pieces:
            piece.kernel.forward(rows[piece.rows], out[piece.buyers])

    def to_rows(self, buyers: FloatArray, out: FloatArray) -> None:
        """Per row, the sum over buyers of kernel x value."""
        for piece in self.pieces:
            piece.kernel.backward(buyers[piece.buyers], out[piece.rows])

    def spread(self, variables: FloatArray, out: FloatArray) -> None:
        """Per row, the sum of the variables that act on it."""
        np.copyto(out[: self.plain], variables[: self.plain])
        for piece in self.capped:
            if piece.incidence is not None:
                piece.incidence.backward(variables[piece.variables], out[piece.rows])

    def collect(self, rows: FloatArray, out: FloatArray) -> None:
        """Per variable, the sum over the rows that it acts on."""
        np.copyto(out[: self.plain], rows[: self.plain])
        for piece in self.capped:
            if piece.incidence is not None:
                piece.incidence.forward(rows[piece.rows], out[piece.variables])

    def mend(self, change: FloatArray, out: FloatArray) -> None:
        """Per variable, the step that the prepared inverse makes of a sweep's change."""
        for piece in self.pieces:
            if piece.remedy is None:
                np.copyto(out[piece.variables], change[piece.variables])
            else:
                piece.remedy.forward(change[piece.variables], out[piece.variables])


def _joined(parts: list[Any], kind: type) -> Any:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)
