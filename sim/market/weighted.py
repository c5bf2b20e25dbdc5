"""Sourcing kernels times weights on links, padded as the kernels are: what sums over links multiply with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.market.layout import FloatArray, IntArray
from sim.market.solver.frame import Frame, Piece, of_markets
from sim.market.solver.products import Products

__all__ = ["weighted"]

KEPT_WEIGHTS = 64
"""Sets of link weights whose padded kernels a frame keeps."""
ALL = -1
"""In place of a batch's first member, where all members share the weights."""
Part = tuple[Piece, slice]
"""Some of the markets of a piece, by their positions in it."""


def weighted(
    frame: Frame, members: tuple[int, int], link_weights: Sequence[FloatArray] | None
) -> Products:
    """Rows to buyers and back, with the sourcing kernel or with a weighted one.

    Weighted kernels are made once per set of weights, since every step uses the same ones. A member has the
    same bits whether the weights of a good are its own or all members share them.

    Args:
        members: number of the batch's first member, for a frame may serve several batches, and of all.
        link_weights: per good (S, B), or (M, S, B) with one for each member.

    Raises:
        ValueError: weights by member are for another number of members.
    """
    if link_weights is None:
        return frame.kernel
    kept: list[tuple[Sequence[FloatArray], int, Products]] = frame.memory.setdefault("weights", [])
    for weights, begun, products in kept:
        if weights is link_weights and begun in (ALL, members[0]):
            return products
    by_member = any(np.ndim(weight) == 3 for weight in link_weights)
    start = members[0] if by_member else 0
    if len(kept) >= KEPT_WEIGHTS:
        del kept[0]
    for good, weight in enumerate(link_weights):
        if np.ndim(weight) == 3 and len(weight) != members[1]:
            raise ValueError(f"weights of good {good} are for {len(weight)} members; there are {members[1]}")
    made = _split(frame, start, link_weights) if by_member else None
    if made is None:
        made = frame.kernel.like([_shared(piece, link_weights) for piece in frame.pieces])
    kept.append((link_weights, start if by_member else ALL, made))
    return made


def _split(frame: Frame, first: int, link_weights: Sequence[FloatArray]) -> Products | None:
    """Products in which a good whose members share a kernel, but not the weights, has a matrix for each.

    None where no good of the frame is such: the layout of the kernels then serves.
    """
    parts: list[Part] = []
    apart: list[bool] = []
    for piece in frame.pieces:
        if piece.bucket.own:
            parts.append((piece, slice(0, len(piece.good))))
            apart.append(False)
            continue
        for good in range(len(piece.bucket.goods)):
            here = np.flatnonzero(piece.good == good)
            if len(here):
                parts.append((piece, slice(int(here[0]), int(here[-1]) + 1)))
                apart.append(np.ndim(link_weights[piece.bucket.goods[good]]) == 3)
    if not any(apart):
        return None
    matrices = []
    for (piece, at), alone in zip(parts, apart, strict=True):
        if piece.bucket.own:
            matrices.append(_own(piece, link_weights))
        elif alone:
            matrices.append(_by_member(piece, at, first, link_weights))
        else:
            matrices.append(_one(piece, int(piece.good[at.start]), link_weights)[None])
    own = [piece.bucket.own or alone for (piece, _), alone in zip(parts, apart, strict=True)]
    return Products(
        [np.zeros_like(piece.good[at]) for piece, at in parts],
        own,
        [_sides(piece, at) for piece, at in parts],
        matrices,
        frame.unit,
        [piece.bucket.blocked or alone for (piece, _), alone in zip(parts, apart, strict=True)],
    )


def _sides(piece: Piece, at: slice) -> tuple[slice, slice]:
    """Where the rows and buyers of some of a piece's markets lie on the flat axes."""
    _, width, buyers = piece.widths
    row, buyer = piece.rows.start, piece.buyers.start
    return (
        slice(row + at.start * width, row + at.stop * width),
        slice(buyer + at.start * buyers, buyer + at.stop * buyers),
    )


def _shared(piece: Piece, link_weights: Sequence[FloatArray]) -> FloatArray:
    """(G, R, B), or (n, R, B) where each market has a kernel of its own."""
    if piece.bucket.own:
        return _own(piece, link_weights)
    bucket = piece.bucket
    if piece.capped:
        return np.stack([_one(piece, g, link_weights) for g in range(len(bucket.goods))])
    # Without caps rows are sellers, in order.
    laid = np.zeros(bucket.kernel.shape)
    for g, good in enumerate(bucket.goods.tolist()):
        weight = np.asarray(link_weights[good])
        laid[g, : weight.shape[0], : weight.shape[1]] = weight
    laid *= bucket.kernel
    return laid


def _own(piece: Piece, link_weights: Sequence[FloatArray]) -> FloatArray:
    """(n, R, B) of a good whose kernels are by member."""
    bucket = piece.bucket
    kernel, good = of_markets(piece, bucket.kernel), int(bucket.goods[0])
    rows, by_row = _rows(bucket.row_seller[0], link_weights[good])
    by_row = by_row[piece.good] if by_row.ndim == 3 else by_row
    return _laid(rows, by_row, kernel.shape) * kernel


def _by_member(piece: Piece, at: slice, first: int, link_weights: Sequence[FloatArray]) -> FloatArray:
    """(n, R, B) of one good whose kernel is shared, but not the weights."""
    bucket, g = piece.bucket, int(piece.good[at.start])
    rows, by_row = _rows(bucket.row_seller[g], link_weights[bucket.goods[g]])
    member = first + piece.member[at]
    kernel: FloatArray = bucket.kernel[g]
    return _laid(rows, by_row[member], (len(member), *kernel.shape)) * kernel


def _one(piece: Piece, g: int, link_weights: Sequence[FloatArray]) -> FloatArray:
    """(R, B) of one good."""
    bucket = piece.bucket
    rows, by_row = _rows(bucket.row_seller[g], link_weights[bucket.goods[g]])
    kernel: FloatArray = bucket.kernel[g]
    return _laid(rows, by_row, kernel.shape) * kernel


def _rows(row_seller: IntArray, weight: FloatArray) -> tuple[IntArray, FloatArray]:
    """The rows that are no padding, and (..., rows, B) their sellers' weights."""
    weight = np.asarray(weight, dtype=np.float64)
    rows = np.flatnonzero(row_seller < weight.shape[-2])
    return rows, weight[..., row_seller[rows], :]


def _laid(rows: IntArray, by_row: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Weights by row in an array of padded size."""
    padded = np.zeros(shape)
    padded[..., rows, : by_row.shape[-1]] = by_row
    return padded
