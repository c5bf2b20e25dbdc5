"""The result of a clearing: prices, tonnes, rents, certificates, and sums over links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sim.market.layout import BoolArray, CapKey, FloatArray, IntArray, Market
from sim.market.solver.frame import Frame, Piece
from sim.market.weighted import weighted

__all__ = ["Clearing", "ClearingState", "FlowTotals"]


@dataclass(frozen=True)
class ClearingState:
    """Where the next clearing starts. Survives a change of policy: caps are matched by their links."""

    log_price: FloatArray
    """(M, O)"""
    log_rent: FloatArray
    """(M, C)"""
    cap_keys: tuple[CapKey, ...]
    """Identity of each cap: good, sellers, buyers."""

    def arrays(self) -> dict[str, FloatArray]:
        """Its arrays by name."""
        return {"log_price": self.log_price, "log_rent": self.log_rent}

    def written_keys(self) -> list[list[int | str]]:
        """The caps' identities as numbers and hexadecimal digits."""
        return [[good, sellers.hex(), buyers.hex()] for good, sellers, buyers in self.cap_keys]

    @staticmethod
    def restored(keys: Sequence[Sequence[Any]], arrays: Mapping[str, FloatArray]) -> ClearingState:
        """From what :meth:`written_keys` and :meth:`arrays` gave."""
        caps = tuple((int(good), bytes.fromhex(s), bytes.fromhex(b)) for good, s, b in keys)
        return ClearingState(arrays["log_price"], arrays["log_rent"], caps)

    def members(self, which: IntArray | slice) -> ClearingState:
        """The state of some of the members."""
        return ClearingState(self.log_price[which], self.log_rent[which], self.cap_keys)

    def log_rent_for(self, market: Market) -> FloatArray:
        """(M, C) start for another market's caps; 0 for a cap that is new."""
        if self.cap_keys == market.cap_keys:
            return self.log_rent
        old = {key: position for position, key in enumerate(self.cap_keys)}
        start = np.zeros((len(self.log_price), len(market.cap_keys)))
        for position, key in enumerate(market.cap_keys):
            if key in old:
                start[:, position] = self.log_rent[:, old[key]]
        return start


@dataclass(frozen=True)
class Batch:
    """Flows of some members as products: row value x kernel x buyer value."""

    frame: Frame
    first: int
    """First member."""
    row: FloatArray
    row_rent: FloatArray
    pull: FloatArray


@dataclass(frozen=True)
class Clearing:
    """Prices, tonnes and rents. M members, O offers, N needs, C caps, G goods; tonnes as given."""

    market: Market
    price: FloatArray
    """(M, O) gate price; for an offer with nothing to sell, what a small lot would fetch."""
    index: FloatArray
    """(M, N) choice index; without an admissible seller, the highest reservation price."""
    sales: FloatArray
    """(M, O) tonnes."""
    purchases: FloatArray
    """(M, N) tonnes."""
    demanded: FloatArray
    """(M, N) tonnes wanted at ``index``; more than ``purchases`` where no seller may serve."""
    log_rent: FloatArray
    """(M, C)"""
    cap_flow: FloatArray
    """(M, C) tonnes on the links of each cap."""
    residual: FloatArray
    """(M, G) largest excess supply, demand or cap violation before scaling, relative to the market's
    size: the power of two next below its largest offer."""
    gap: FloatArray
    """(M, G) dual less primal value of the scaled flows, in log price, relative to the market's size."""
    scaled_down: FloatArray
    """(M, G) tonnes taken off by scaling flows to what is on sale and allowed."""
    iterations: IntArray
    """(M, G) sweeps and Newton steps."""
    certified: BoolArray
    """(M, G) residual and gap within tolerance."""
    state: ClearingState
    """Start for the next step."""
    batches: tuple[Batch, ...]
    """Flows, as products."""

    @property
    def rent(self) -> FloatArray:
        """(M, C) rent of each cap as a share of price.

        Equation (C17), docs/clearing.md, for ``rent``.
        """
        return np.expm1(self.log_rent)

    @cached_property
    def rent_value(self) -> FloatArray:
        """(M, C) tonnes x gate price x rent; a link under several caps is split by their log rents."""
        market, values = self.market, np.zeros(self.log_rent.shape)
        for good in np.unique(market.cap_good).tolist():
            caps = [(c, s[:, None] & b) for c, (g, s, b) in enumerate(market.caps) if g == good]
            worth = self.flow(good) * self.price[:, market.offers_of(good), None]
            on_link = np.zeros(worth.shape)
            for c, links in caps:
                on_link += self.log_rent[:, c, None, None] * links
            per_log = np.divide(np.expm1(on_link), on_link, out=np.zeros(worth.shape), where=on_link > 0)
            for c, links in caps:
                paid = (worth * per_log * links).sum(axis=2).sum(axis=1)
                values[:, c] = self.log_rent[:, c] * paid
        return values

    def missed(self) -> list[tuple[int, int, float]]:
        """(member, good, residual) of each market without certificate, the worst first."""
        member, good = np.nonzero(~self.certified)
        order = np.argsort(-self.residual[member, good], kind="stable")
        return [(int(member[i]), int(good[i]), float(self.residual[member[i], good[i]])) for i in order]

    def to_buyers(
        self,
        link_weights: Sequence[FloatArray] | None = None,
        seller_values: FloatArray | None = None,
        include_rent: bool = False,
    ) -> FloatArray:
        """(M, N) sum over sellers of tonnes x weight x value (x (1 + rent of the link)).

        Args:
            link_weights: per good (S, B), or (M, S, B) one for each member. Kept by identity and not copied:
                do not change it in place.
            seller_values: (M, O).
            include_rent: multiply by 1 + rent of the caps on the link.

        Raises:
            ValueError: weights by member are for another number of members.
        """
        total = np.zeros(self.index.shape)
        for batch in self.batches:
            frame = batch.frame
            row = batch.row * batch.row_rent if include_rent else batch.row
            if seller_values is not None:
                row = row * _row_values(frame, _members(seller_values, batch))
            summed = np.empty(frame.lengths[2])
            weighted(frame, (batch.first, len(total)), link_weights).forward(row, summed)
            summed *= batch.pull
            frame.to_needs.put(summed, _members(total, batch))
        return total

    def to_sellers(
        self,
        link_weights: Sequence[FloatArray] | None = None,
        buyer_values: FloatArray | None = None,
        include_rent: bool = False,
    ) -> FloatArray:
        """(M, O) sum over buyers of tonnes x weight x value (x (1 + rent of the link)).

        Args:
            link_weights: per good (S, B), or (M, S, B) one for each member. Kept by identity and not copied:
                do not change it in place.
            buyer_values: (M, N).
            include_rent: multiply by 1 + rent of the caps on the link.

        Raises:
            ValueError: weights by member are for another number of members.
        """
        total = np.zeros(self.price.shape)
        for batch in self.batches:
            frame = batch.frame
            pull = batch.pull
            if buyer_values is not None:
                pull = pull * np.take(_padded(_members(buyer_values, batch), 1), frame.need)
            summed, by_variable = np.empty(frame.lengths[1]), np.empty(frame.lengths[0])
            weighted(frame, (batch.first, len(total)), link_weights).backward(pull, summed)
            summed *= batch.row
            if include_rent:
                summed *= batch.row_rent
            frame.collect(summed, by_variable)
            frame.to_offers.put(by_variable, _members(total, batch))
        return total

    def flow(self, good: int) -> FloatArray:
        """(M, S, B) tonnes on the links of one good.

        Equation (C4), docs/clearing.md, for ``x_sb``.
        """
        offers, needs = self.market.offers_of(good), self.market.needs_of(good)
        tonnes = np.zeros((len(self.price), offers.stop - offers.start, needs.stop - needs.start))
        for batch in self.batches:
            for piece, mine in _markets_of(batch.frame, good):
                _, rows, buyers = piece.widths
                sellers = piece.bucket.sellers.shape[1]
                g = piece.good[mine] if piece.bucket.own else piece.good[mine[:1]]
                row = batch.row[piece.rows].reshape(-1, rows)[mine]
                pull = batch.pull[piece.buyers].reshape(-1, buyers)[mine]
                link = row[:, :, None] * piece.bucket.kernel[g] * pull[:, None, :]
                by_seller = piece.bucket.incidence[g[0], :, :sellers].T @ link
                tonnes[batch.first + piece.member[mine]] = by_seller[:, : tonnes.shape[1], : tonnes.shape[2]]
        return tonnes


def _markets_of(frame: Frame, good: int) -> list[tuple[Piece, IntArray]]:
    """The pieces that have markets of a good, and which of theirs these are; kept."""
    if ("good", good) not in frame.memory:
        found = [(piece, np.flatnonzero(piece.bucket.goods[piece.good] == good)) for piece in frame.pieces]
        frame.memory["good", good] = [(piece, mine) for piece, mine in found if len(mine)]
    kept: list[tuple[Piece, IntArray]] = frame.memory["good", good]
    return kept


def _members(values: FloatArray, batch: Batch) -> FloatArray:
    members = batch.frame.members
    return np.asarray(values, dtype=np.float64)[batch.first : batch.first + members]


def _padded(values: FloatArray, width: int) -> FloatArray:
    return np.concatenate([values, np.zeros((len(values), width))], axis=1)


def _row_values(frame: Frame, values: FloatArray) -> FloatArray:
    """Per row, its seller's value."""
    width = len(frame.market.caps) + 2
    by_variable: FloatArray = np.take(_padded(values, width), frame.offer)
    if not frame.capped:
        return by_variable
    rows = np.empty(frame.lengths[1])
    frame.spread(np.where(frame.is_cap, 0.0, by_variable), rows)
    return rows


class FlowTotals:
    """Tonnes per link over the clearings added so far.

    A flow is row value x kernel x buyer value, and the kernel stays the same while policy does. So
    the two factors are kept, and their products over time summed in one matrix product at the end.
    """

    def __init__(self) -> None:
        self._market: Market | None = None
        self._members = 0
        self._kept: dict[tuple[int, int, bool], tuple[Frame, list[FloatArray], list[FloatArray]]] = {}
        self._totals: list[FloatArray] = []

    def add(self, clearing: Clearing) -> None:
        """Add one clearing. All of them must have the same offers, needs and members."""
        if clearing.market is not self._market:
            self._flush()
            self._market, self._members = clearing.market, len(clearing.price)
        for batch in clearing.batches:
            # Within one market these tell frames apart, and batches of as many members that share one.
            key = batch.first, batch.frame.members, bool(batch.frame.capped)
            _, rows, pulls = self._kept.setdefault(key, (batch.frame, [], []))
            rows.append(batch.row.copy())
            pulls.append(batch.pull.copy())

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
        for (first, _, _), (frame, rows, pulls) in self._kept.items():
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
