"""Flows on every link, summed over many clearings, for records that need them all."""

from __future__ import annotations

import numpy as np

from sim.market.flows import Clearing
from sim.market.frame import Frame
from sim.market.layout import FloatArray, Market

__all__ = ["FlowTotals"]


class FlowTotals:
    """Tonnes per link over the clearings added so far.

    A flow is row value x kernel x buyer value, and the kernel stays the same while policy does. So
    the two factors are kept, and their products over time summed in one matrix product at the end.
    """

    def __init__(self) -> None:
        self._market: Market | None = None
        self._members = 0
        self._kept: dict[tuple[int, int], tuple[Frame, int, list[FloatArray], list[FloatArray]]] = {}
        self._totals: list[FloatArray] = []

    def add(self, clearing: Clearing) -> None:
        """Add one clearing. All of them must have the same offers, needs and members."""
        if clearing.market is not self._market:
            self._flush()
            self._market, self._members = clearing.market, len(clearing.price)
        for batch in clearing.batches:
            # Batches of as many members share one frame: the first member tells them apart.
            key = id(batch.frame), batch.first
            kept = self._kept.setdefault(key, (batch.frame, batch.first, [], []))
            kept[2].append(batch.row.copy())
            kept[3].append(batch.pull.copy())

    def totals(self) -> list[FloatArray]:
        """Per good (M, S, B) tonnes."""
        self._flush()
        return self._totals

    def _flush(self) -> None:
        if self._market is None:
            return
        if not self._totals:
            self._totals = [
                np.zeros((self._members, offers.stop - offers.start, needs.stop - needs.start))
                for offers, needs in (
                    (self._market.offers_of(good), self._market.needs_of(good))
                    for good in range(self._market.goods)
                )
            ]
        for frame, first, rows, pulls in self._kept.values():
            self._add_products(frame, first, np.stack(rows), np.stack(pulls))
        self._kept = {}

    def _add_products(self, frame: Frame, first: int, rows: FloatArray, pulls: FloatArray) -> None:
        steps = len(rows)
        for piece in frame.pieces:
            _, width, buyers = piece.widths
            bucket = piece.bucket
            sellers = bucket.sellers.shape[1]
            row = rows[:, piece.rows].reshape(steps, -1, width).transpose(1, 2, 0)
            pull = pulls[:, piece.buyers].reshape(steps, -1, buyers).transpose(1, 0, 2)
            link = (row @ pull) * bucket.kernel[piece.good]
            if frame.capped:
                which = piece.good * 0 if bucket.own else piece.good
                link = np.swapaxes(bucket.incidence[which, :, :sellers], 1, 2) @ link
            goods = bucket.goods[piece.good]
            order = np.argsort(goods, kind="stable")
            names, start = np.unique(goods[order], return_index=True)
            for good, which in zip(names.tolist(), np.split(order, start[1:]), strict=True):
                total = self._totals[good]
                members = first + piece.member[which]
                total[members] += link[which, : total.shape[1], : total.shape[2]]
