"""Tonnes on the links of a market, side by side: for sums that need each link, not each seller or buyer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.market.flows import Batch
from sim.market.layout import Bucket, FloatArray, IntArray, Market
from sim.market.solver.frame import Frame

__all__ = ["Links", "links_of"]


@dataclass(frozen=True)
class Links:
    """The L links of the goods under caps, or of those without, the closed ones among them.

    Which are open must not count: sums of a member would then hang on who shares the batch.
    """

    offer: IntArray
    """(L,) position of the seller on the axis of offers."""
    need: IntArray
    """(L,) position of the buyer on the axis of needs."""
    kernel: FloatArray
    """(1 or M, L) sourcing weight over its seller's largest, as batches have it."""
    bucket: IntArray
    """(L,) number of the bucket; then places in it: of the good, the row and the buyer."""
    good: IntArray
    row: IntArray
    buyer: IntArray

    def tonnes(self, batch: Batch) -> FloatArray:
        """(m, L) tonnes in a batch of m members.

        Equation (C4), docs/clearing.md, for ``x_sb``.
        """
        rows, buyers = self._places(batch.frame)
        kernel = self.kernel
        flow: FloatArray = batch.row.take(rows)
        flow *= kernel if len(kernel) == 1 else kernel[batch.first : batch.first + len(rows)]
        flow *= batch.pull.take(buyers)
        return flow

    def with_rent(self, batch: Batch) -> FloatArray:
        """(m, L) 1 + rent on the links of a batch."""
        rents: FloatArray = batch.row_rent.take(self._places(batch.frame)[0])
        return rents

    def _places(self, frame: Frame) -> tuple[IntArray, IntArray]:
        """(m, L) positions of each link's row and buyer on the frame's flat axes; kept by the frame."""
        kept = frame.memory.get("links")
        if kept is None or kept[0] is not self:
            kept = frame.memory["links"] = self, *self._found(frame)
        return kept[1], kept[2]

    def _found(self, frame: Frame) -> tuple[IntArray, IntArray]:
        starts, steps = (np.zeros((2, len(frame.market.buckets)), dtype=np.int64) for _ in range(2))
        each = np.zeros(len(frame.market.buckets), dtype=np.int64)
        number = {id(bucket): place for place, bucket in enumerate(frame.market.buckets)}
        for piece in frame.pieces:
            place = number[id(piece.bucket)]
            each[place] = len(piece.good) // (1 if piece.bucket.own else len(piece.bucket.goods))
            starts[:, place], steps[:, place] = (piece.rows.start, piece.buyers.start), piece.widths[1:]
        market = each[self.bucket] * self.good
        member = np.arange(frame.members)[:, None]
        rows, buyers = (
            starts[side, self.bucket] + at + (market + member) * steps[side, self.bucket]
            for side, at in enumerate((self.row, self.buyer))
        )
        return rows, buyers


def links_of(
    market: Market, capped: bool, order: Callable[[IntArray, IntArray], IntArray]
) -> Links:
    """The links of the goods under caps, or of those without.

    Args:
        order: from the offers and needs of links to a key, by which they are sorted.
    """
    columns, kernels = [np.zeros((6, 0), dtype=np.int64)], [np.zeros((1, 0))]
    for number, bucket in enumerate(market.buckets):
        if bool(bucket.caps.shape[1]) == capped:
            found, kernel = _of_bucket(bucket, len(market.offer_good), len(market.need_good))
            columns.append(np.stack([found[0], found[1], np.full(len(found[0]), number), *found[2:]]))
            kernels.append(kernel)
    links, members = np.concatenate(columns, axis=1), max(len(kernel) for kernel in kernels)
    kernel = np.concatenate([np.broadcast_to(k, (members, k.shape[1])) for k in kernels], axis=1)
    by = np.argsort(order(links[0], links[1]), kind="stable")
    offer, need, place, good, row, buyer = links[:, by]
    return Links(offer, need, kernel.take(by, axis=1), place, good, row, buyer)


def _of_bucket(bucket: Bucket, offers: int, needs: int) -> tuple[tuple[IntArray, ...], FloatArray]:
    """Offers, needs, goods, rows and buyers of a bucket's links, and their kernel."""
    kernel = bucket.kernel if bucket.own else bucket.kernel[None]
    goods, sellers = (1, bucket.sellers[:1]) if bucket.own else (len(bucket.goods), bucket.sellers)
    rows, buyers = bucket.kernel.shape[1:]
    is_open = (kernel > 0).any(axis=0).reshape(goods, rows, buyers)
    # Its row is the seller's that has the link; one that is closed lies in any of them.
    row_of = np.zeros((goods, sellers.shape[1] + 1, buyers), dtype=np.int64)
    seller_of = bucket.row_seller[:goods]
    every, whichever = np.nonzero(seller_of >= 0)
    row_of[every, seller_of[every, whichever]] = whichever[:, None]
    good, row, buyer = np.nonzero(is_open)
    row_of[good, seller_of[good, row], buyer] = row
    real = (sellers < offers)[:, :, None] & (bucket.buyers[:goods] < needs)[:, None]
    good, seller, buyer = np.nonzero(real)
    row = row_of[good, seller, buyer]
    weight = kernel[:, row, buyer] if bucket.own else kernel[:, good, row, buyer]
    return (sellers[good, seller], bucket.buyers[good, buyer], good, row, buyer), weight
