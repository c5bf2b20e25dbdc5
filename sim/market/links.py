"""Flows of all goods at once, for records that need every link."""

from __future__ import annotations

import numpy as np

from sim.market.flows import Clearing
from sim.market.layout import FloatArray

__all__ = ["add_flows", "empty_flows"]


def empty_flows(clearing: Clearing) -> list[FloatArray]:
    """Per good (M, S, B) zeros to add flows to."""
    market, members = clearing.market, len(clearing.price)
    shapes = []
    for good in range(len(clearing.residual[0])):
        offers, needs = market.offers_of(good), market.needs_of(good)
        shapes.append((members, offers.stop - offers.start, needs.stop - needs.start))
    return [np.zeros(shape) for shape in shapes]


def add_flows(clearing: Clearing, totals: list[FloatArray]) -> None:
    """Add the tonnes of every link to ``totals``, per good (M, S, B).

    The same numbers as :meth:`Clearing.flow`, in one pass over the batches.
    """
    for batch in clearing.batches:
        for piece in batch.frame.pieces:
            _, rows, buyers = piece.widths
            bucket = piece.bucket
            sellers = bucket.sellers.shape[1]
            link = batch.row[piece.rows].reshape(-1, rows, 1) * bucket.kernel[piece.good]
            link *= batch.pull[piece.buyers].reshape(-1, 1, buyers)
            if rows != sellers or len(clearing.market.caps):
                link = np.swapaxes(bucket.incidence[piece.good, :, :sellers], 1, 2) @ link
            goods = bucket.goods[piece.good]
            order = np.argsort(goods, kind="stable")
            names, first = np.unique(goods[order], return_index=True)
            for good, which in zip(names.tolist(), np.split(order, first[1:]), strict=True):
                total = totals[good]
                members = batch.first + piece.member[which]
                total[members] += link[which, : total.shape[1], : total.shape[2]]
