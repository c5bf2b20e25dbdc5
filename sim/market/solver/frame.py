"""Many markets as flat arrays: where each one's variables lie, and the products between them.

The *variables* of a market are its sellers' and its caps' unknowns, its *rows* the sellers' links cut
by caps. Without caps rows and variables coincide. Goods with and without caps have frames of their own.

Markets of one good stand in whole blocks of members, see :mod:`sim.market.solver.products`: a last
block that is not full repeats its last member.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from sim.market.layout import BoolArray, Bucket, FloatArray, IntArray, Market
from sim.market.solver.parts import some_products
from sim.market.solver.products import BLOCK, Products, joined

__all__ = ["Frame", "Piece", "Places", "frames_of", "of_classes", "of_markets", "some_pieces"]


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


class Target:
    """Where values of a frame's flat axis belong in an array with the members first.

    Args:
        place: (n,) position of each value in a (members, width) array. part: the columns that are wanted.
    """

    def __init__(self, place: IntArray, members: int, width: int, part: slice) -> None:
        source = np.full(members * width, -1, dtype=np.int64)
        source[place] = np.arange(len(place))
        wanted = source.reshape(members, width)[:, part]
        columns = np.flatnonzero((wanted >= 0).all(axis=0))
        self.source = np.ascontiguousarray(wanted[:, columns])
        self.whole = len(columns) == wanted.shape[1]
        self.as_given = self.whole and np.array_equal(self.source.ravel(), np.arange(len(place)))
        # Columns of one good follow each other: copied run by run.
        ends = np.flatnonzero(np.diff(columns, prepend=-2, append=-2) != 1)
        self.runs = [
            (slice(int(columns[a]), int(columns[b - 1]) + 1), slice(int(a), int(b)))
            for a, b in pairwise(ends)
        ]

    def put(self, values: FloatArray, out: FloatArray) -> None:
        """Flat values into ``out``, (members, columns)."""
        if self.as_given:
            np.copyto(out, values.reshape(out.shape))
        elif self.whole:
            np.take(values, self.source, out=out, mode="clip")
        elif self.runs:
            taken = values.take(self.source)
            for there, here in self.runs:
                out[:, there] = taken[:, here]


class Source:
    """Where a frame's flat axis reads an array with the members first.

    Args:
        place: (n,) position of each value in a (members, width) array. part: the columns that are read;
            what points elsewhere is padding.

    Attributes:
        places: positions on the flat axis that read something; all of them, if padding may read anything.
        source: what is read, in the (members, columns) array. padding: other positions.
        as_given: whether the flat axis is the array itself.
    """

    def __init__(self, place: IntArray, width: int, part: slice, everywhere: bool = True) -> None:
        columns = part.stop - part.start
        member, column = np.divmod(place, width)
        reads = (column >= part.start) & (column < part.stop)
        self.places = np.arange(len(place)) if everywhere else np.flatnonzero(reads)
        source = member * columns + np.clip(column - part.start, 0, max(columns - 1, 0))
        self.source = source[self.places]
        self.padding = np.flatnonzero(~reads if everywhere else column >= part.stop)
        # All of it: the first goods of one member alone lie in order, too, but others follow.
        whole = len(place) == columns * (int(member.max(initial=-1)) + 1)
        in_order = whole and np.array_equal(source, np.arange(len(place)))
        self.as_given = everywhere and in_order and not len(self.padding)

    def take(self, values: FloatArray, filler: float) -> FloatArray:
        """The flat axis of (members, columns) values; may be a view."""
        if self.as_given:
            return values.reshape(-1)
        out: FloatArray = np.take(values, self.source)
        if len(self.padding):
            out[self.padding] = filler
        return out


class Places(NamedTuple):
    """Where the markets of a smaller frame lay in a larger one."""

    markets: IntArray
    variables: IntArray
    rows: IntArray
    buyers: IntArray

    def within(self, larger: Places) -> Places:
        """The same in the frame in which a larger one than this lay."""
        return Places(*(whole[part] for whole, part in zip(larger, self, strict=True)))


class Frame:
    """Markets of some members, flat: the goods under caps, or those without.

    Static under one policy, so kept from step to step.

    Attributes:
        pieces: per bucket. prepared: whether the pieces have a remedy.
        members: number of members. unit: markets that stay together, see :class:`Products`.
        plain: length of the part of rows and variables that coincide.
        lengths: numbers of variables, rows and buyers, padding included.
        first_variable, first_buyer: (n,) where each market starts. first_market: first one of each piece.
        offer, need: flat positions in (members, O + 1 + C + 1) and (members, N + 1) arrays.
        sigma, eps, scale, is_cap, is_offer: per variable; is_offer is False for padding.
        seller: 1 - is_cap. response: eps / sigma, 0 for caps. bent: 1 + response. slope: seller / bent.
        lean: response x slope. level: scale / sigma. seller_rate: seller / eps. sigma_rate: 1 / sigma.
        market_sigma: (n,).
        is_need, buyer_sigma, index_rate: per buyer; index_rate is -1 / sigma.
        from_offers, from_caps, from_needs: from (members, ...) arrays to flat axes, see :class:`Source`.
        to_offers, to_caps, to_needs: the other way, see :class:`Target`.
        variable_market, buyer_market: market of each variable and buyer.
        good, member: (n,).
        memory: workspaces that later calls may use again.
        kind: type of the numbers, double or single.
        made_of: members, whether capped, first member; None for a part, or for single precision.

    A copy, or what is read back from a pickle, is the frame of the market's copy, without memory.
    """

    kind: type[np.floating[Any]] = np.float64
    made_of: tuple[int, bool, int] | None = None
    market: Market
    memory: dict[object, Any]
    plain: int
    pieces: tuple[Piece, ...]
    capped: tuple[Piece, ...]
    lengths: tuple[int, int, int]
    kernel: Products
    incidence: Products
    prepared: bool
    remedy: Products
    first_variable: IntArray
    first_buyer: IntArray
    first_market: IntArray
    variable_market: IntArray
    buyer_market: IntArray
    good: IntArray
    member: IntArray
    market_sigma: FloatArray
    sigma: FloatArray
    buyer_sigma: FloatArray
    index_rate: FloatArray
    sigma_rate: FloatArray
    is_offer: BoolArray
    is_need: BoolArray
    seller: FloatArray
    response: FloatArray
    bent: FloatArray
    slope: FloatArray
    seller_rate: FloatArray
    lean: FloatArray
    level: FloatArray
    from_offers: Source
    from_caps: Source
    from_needs: Source
    to_offers: Target
    to_caps: Target
    to_needs: Target

    def __init__(self, market: Market, members: int, capped: bool, first: int = 0) -> None:
        """``first`` is the number of the first member, which counts where members have own kernels."""
        self.members, self.made_of = members, (members, capped, first)
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
            caps_eps = np.ones((len(bucket.eps), variables - sellers))
            eps = np.concatenate([bucket.eps, caps_eps], axis=1)[good].ravel()
            scale = bucket.log_scale[good].ravel()
            static.append(np.stack([eps, scale, np.tile(np.arange(variables) >= sellers, len(good))]))
        self._set_up(market, choice)
        self.offer, self.need = joined(source, np.int64), joined(need, np.int64)
        self.eps, self.scale, is_cap = np.concatenate([np.zeros((3, 0)), *static], axis=1)
        self.is_cap: BoolArray = is_cap > 0
        self._set_statics()

    def _set_up(self, market: Market, choice: Sequence[tuple[Bucket, IntArray, IntArray]]) -> None:
        """Everything but what :meth:`take` can copy from a larger frame."""
        self._set_pieces(market, choice)
        pieces = self.pieces
        self.kernel = Products(
            [p.good for p in pieces],
            [p.bucket.own for p in pieces],
            [(p.rows, p.buyers) for p in pieces],
            [of_markets(p, p.bucket.kernel) if p.bucket.own else p.bucket.kernel for p in pieces],
            self.unit,
            [p.bucket.blocked for p in pieces],
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
                [np.zeros_like(p.good) if p.bucket.own else p.good for p in pieces],
                [False] * len(pieces),
                [(p.variables, p.variables) for p in pieces],
                remedies,
                self.unit,
            )

    def _set_pieces(self, market: Market, choice: Sequence[tuple[Bucket, IntArray, IntArray]]) -> None:
        """Where the markets and what is theirs lie."""
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
        self.first_market = np.array([piece.markets.start for piece in pieces], dtype=np.int64)
        self.capped = tuple(piece for piece in pieces if piece.capped)
        self.lengths = at[1], at[2], at[3]
        counts = [len(piece.good) for piece in pieces]
        widths = np.array([piece.widths for piece in pieces], dtype=np.int64).reshape(len(pieces), 3)
        size = np.repeat(widths, counts, axis=0)
        self.first_variable, _, self.first_buyer = np.ascontiguousarray((size.cumsum(0) - size).T)
        self.variable_market = np.repeat(np.arange(at[0]), size[:, 0])

    def _set_statics(self) -> None:
        """What follows from the positions and elasticities alone."""
        market, pieces = self.market, self.pieces
        width = np.array([piece.widths[2] for piece in pieces], dtype=np.int64)
        size = np.repeat(width, [len(piece.good) for piece in pieces] or np.zeros(0, dtype=np.int64))
        self.buyer_market = np.repeat(np.arange(len(self)), size)
        self.good = joined([p.bucket.goods[p.good] for p in pieces], np.int64)
        self.member = joined([p.member for p in pieces], np.int64)
        self.market_sigma = joined([p.bucket.sigma[p.good] for p in pieces], np.float64)
        self.sigma = np.take(self.market_sigma, self.variable_market)
        self.buyer_sigma = np.repeat(self.market_sigma, size)
        self.index_rate, self.sigma_rate = -1 / self.buyer_sigma, 1 / self.sigma
        offers, needs, caps = len(market.offer_good), len(market.need_good), len(market.caps)
        self.is_offer: BoolArray = self.offer % (offers + caps + 2) < offers
        self.is_need: BoolArray = self.need % (needs + 1) < needs
        self.seller = (~self.is_cap).astype(float)
        self.response = self.eps / self.sigma * self.seller
        self.bent = 1 + self.response
        self.slope = self.seller / self.bent
        self.seller_rate = self.seller / self.eps
        both = offers + caps + 2
        self.from_offers = Source(self.offer, both, slice(0, offers))
        self.from_caps = Source(self.offer, both, slice(offers + 1, offers + 1 + caps), everywhere=False)
        self.from_needs = Source(self.need, needs + 1, slice(0, needs))
        self.to_offers = Target(self.offer, self.members, both, slice(0, offers))
        self.to_caps = Target(self.offer, self.members, both, slice(offers + 1, offers + 1 + caps))
        self.to_needs = Target(self.need, self.members, needs + 1, slice(0, needs))
        self.lean, self.level = self.response * self.slope, self.scale / self.sigma

    def __len__(self) -> int:
        return len(self.first_variable)

    def __reduce__(self) -> tuple[Any, ...]:
        """A frame is views on workspaces, which a copy would part: it is made again from its market."""
        if self.made_of is None:
            raise TypeError("a part of a frame is a workspace and cannot be copied; copy the market")
        return _kept_frame, (self.market, *self.made_of)

    def acting(self) -> IntArray:
        """(D, rows) the variables that act on each row, the seller first and repeated to fill up."""
        if "acting" not in self.memory:
            self.memory["acting"] = _acting(self)
        acting: IntArray = self.memory["acting"]
        return acting

    def take(self, going: BoolArray) -> tuple[Frame, Places]:
        """The markets still going, to sweep and mix on: without what reading and quoting need.

        Blocks are filled up with the good's last market, so that one may be there more than once.

        Returns:
            The frame, and where its markets, variables, rows and buyers lay in this one.
        """
        choice, kept, markets = [], [], []
        for piece in self.pieces:
            mine = _in_blocks(self.unit, piece, going[piece.markets])
            if not len(mine):
                continue
            markets.append(mine + piece.markets.start)
            choice.append((piece.bucket, piece.good[mine], piece.member[mine]))
            at = [
                (s.start + mine[:, None] * w + np.arange(w)).ravel()
                for s, w in ((piece.variables, piece.widths[0]), (piece.buyers, piece.widths[2]))
            ]
            rows = at[0]
            if piece.capped:
                width = piece.widths[1]
                rows = (piece.rows.start + mine[:, None] * width + np.arange(width)).ravel()
            kept.append((at[0], rows, at[1]))
        part = object.__new__(Frame)
        part.members, part.unit = self.members, self.unit
        part._set_up(self.market, choice)
        part = part.single() if self.kind is np.float32 else part
        variables, rows, buyers = (joined([k[axis] for k in kept], np.int64) for axis in range(3))
        return part, Places(joined(markets, np.int64), variables, rows, buyers)

    def single(self) -> Frame:
        """The same markets in single precision; kept."""
        if "single" not in self.memory:
            other = object.__new__(Frame)
            other.__dict__.update(self.__dict__)
            other.kind, other.memory, other.made_of = np.float32, {}, None
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


def _acting(frame: Frame) -> IntArray:
    deepest = max(int((p.bucket.incidence > 0).sum(axis=2).max()) for p in frame.capped)
    found = []
    for piece in frame.capped:
        incidence = piece.bucket.incidence[:1] if piece.bucket.own else piece.bucket.incidence
        order = np.argsort(incidence <= 0, axis=2, kind="stable")[:, :, :deepest]
        acts = np.take_along_axis(incidence, order, axis=2) > 0
        local = np.repeat(order[:, :, :1], deepest, axis=2)
        local[:, :, : order.shape[2]] = np.where(acts, order, order[:, :, :1])
        good = np.zeros_like(piece.good) if piece.bucket.own else piece.good
        start = frame.first_variable[piece.markets, None, None]
        found.append((start + local[good]).reshape(-1, deepest))
    acting: IntArray = np.concatenate(found).T.copy()
    return acting


def _in_blocks(unit: int, piece: Piece, going: BoolArray) -> IntArray:
    """Positions within the piece of markets still going, in whole blocks of one good."""
    if unit < BLOCK:
        return np.flatnonzero(np.repeat(going.reshape(-1, unit).any(axis=1), unit))
    mine = np.flatnonzero(going)
    goods = np.zeros_like(mine) if piece.bucket.own else piece.good[mine]
    count = np.bincount(goods)
    missing = -count % BLOCK
    if not missing.any():
        return mine
    times = np.ones(len(mine), dtype=np.int64)
    some = count > 0
    times[np.cumsum(count)[some] - 1] += missing[some]
    return np.repeat(mine, times)


def frames_of(market: Market, members: int, first: int) -> list[Frame]:
    """The frames for a number of members from ``first`` on, kept by the market."""
    kept = market.memory.setdefault("frames", {})
    key = members, first if market.members is not None else 0
    if key not in kept:
        there = sorted({bool(bucket.caps.shape[1]) for bucket in market.buckets})
        both = [Frame(market, members, capped, key[1]) for capped in there]
        kept[key] = [frame for frame in both if len(frame)]
    frames: list[Frame] = kept[key]
    return frames


def some_pieces(frame: Frame, kept: tuple[bool, ...]) -> tuple[Frame, Places]:
    """As :meth:`Frame.take`, the markets of some pieces, whole: their products are there already."""
    part = object.__new__(Frame)
    part.members, part.unit = frame.members, frame.unit
    part.prepared, part.kind = frame.prepared, frame.kind
    mine = [piece for piece, keep in zip(frame.pieces, kept, strict=True) if keep]
    part._set_pieces(frame.market, [(piece.bucket, piece.good, piece.member) for piece in mine])
    capped = [keep for piece, keep in zip(frame.pieces, kept, strict=True) if piece.capped]
    part.kernel = some_products(frame.kernel, kept, [(piece.rows, piece.buyers) for piece in part.pieces])
    under_caps = [(piece.rows, piece.variables) for piece in part.capped]
    part.incidence = some_products(frame.incidence, capped, under_caps)
    if frame.prepared:
        sides = [(piece.variables, piece.variables) for piece in part.pieces]
        part.remedy = some_products(frame.remedy, kept, sides)
    markets, variables, rows, buyers = (
        joined([np.arange(at.start, at.stop) for at in axis], np.int64)
        for axis in zip(*((p.markets, p.variables, p.rows, p.buyers) for p in mine), strict=True)
    )
    return part, Places(markets, variables, rows, buyers)


def of_classes(frame: Frame, classes: tuple[bool, ...], made: bool) -> tuple[Frame, Places] | None:
    """As :meth:`Frame.take`, the markets of some of a frame's pieces; kept.

    Args:
        made: whether they are taken where they have not been before; else there is None.
    """
    kept = frame.memory.setdefault("classes", {})
    if classes not in kept and made:
        kept[classes] = some_pieces(frame, classes)
    found: tuple[Frame, Places] | None = kept.get(classes)
    return found


def _kept_frame(market: Market, members: int, capped: bool, first: int) -> Frame:
    return next(f for f in frames_of(market, members, first) if bool(f.capped) == capped)


def of_markets(piece: Piece, values: FloatArray) -> FloatArray:
    """(n, ...) of (G, ...) values of a bucket; without a copy where the markets follow each other."""
    good = piece.good
    if len(good) and (np.diff(good) == 1).all():
        return values[good[0] : good[-1] + 1]
    taken: FloatArray = values[good]
    return taken
