"""The static side of a clearing: kernels cut into rows, and goods of like size stacked in buckets.

A *row* is one seller over the links that share one set of caps. On a row the weight of a link is

    log K_rb - sigma * (y_seller + sum of mu over the caps of the row)

so that quotas keep the structure of two matrix products. Goods are padded to fixed size classes, by the good
alone, never by those that share the batch: the last bit of a matrix product may depend on its shape.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BoolArray", "Bucket", "CapKey", "Engine", "FloatArray", "IntArray", "Market", "Terms"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
CapKey = tuple[int, bytes, bytes]
Engine = Literal["numpy", "compiled"]

ROW_SIZES = (8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 512, 640, 768, 1024)
BUYER_SIZES = ROW_SIZES
MOST_CODED = 60
"""Caps on a good up to which a set of them is one number."""
WIDEST = 600.0
"""A link whose log weight lies further below its seller's largest is closed: products take it for zero."""


def _padded(size: int, sizes: Sequence[int]) -> int:
    """Smallest size class that holds ``size``; multiples of 1024 above the table."""
    return next((s for s in sizes if s >= size), -(-size // 1024) * 1024)


BY_GOOD = (
    "goods", "log_kernel", "kernel", "log_scale", "row_seller", "incidence", "sellers", "buyers", "caps",
    "sigma", "eps",
)  # fmt: skip
"""Arrays of a bucket with one row for each of its goods."""


@dataclass(frozen=True)
class Terms:
    """What M members ask of a market, as :func:`sim.market.clear` takes it."""

    quantity: ArrayLike
    """(M, O) tonnes on sale."""
    ask: ArrayLike
    """(M, O) price from which all of it is on sale."""
    demand: ArrayLike
    """(M, N, K) tonnes per tier."""
    reservation: ArrayLike
    """(M, N, K) price at which a tier starts to give way."""
    elasticity: ArrayLike
    """(M, N, K), or what broadcasts to it."""
    cap_tonnes: ArrayLike | None = None
    """(M, C) tonnes allowed; None without caps."""
    held: ArrayLike | None = None
    """(M, N) tonnes that a buyer has already and does not need to buy; None where nobody has."""
    least: float = 0.0
    """Share of what its tiers want that a buyer orders however much it holds; > 0 with ``held``."""
    kept: ArrayLike | None = None
    """(M, O) tonnes that a seller keeps at its ask; None where sellers answer by the market's ``eps``."""
    keep_elasticity: float = 1.0
    """Fall of what is kept, in logs, per rise of price."""


@dataclass(frozen=True)
class Bucket:
    """Goods of one size class. R rows, S sellers, B buyers, C caps, each the padded number.

    Padding sellers, buyers and caps point at one slot past the end of the flat axes.
    """

    goods: IntArray
    """(G,) position of each good on the axis of goods."""
    log_kernel: FloatArray
    """(G, R, B) log sourcing weight, -inf where closed or padding."""
    kernel: FloatArray
    """(G, R, B) sourcing weight over its seller's largest."""
    log_scale: FloatArray
    """(G, S + C) log of the seller's largest weight; 0 for caps, padding and sellers without links."""
    row_seller: IntArray
    """(G, R) local seller of a row; the last slot, S, for padding."""
    incidence: FloatArray
    """(G, R, S + C) 1 where the seller's log price or a cap's log rent acts on the row."""
    sellers: IntArray
    """(G, S) flat offer, O for padding."""
    buyers: IntArray
    """(G, B) flat need, N for padding."""
    caps: IntArray
    """(G, C) flat cap, number of caps for padding."""
    sigma: FloatArray
    """(G,)"""
    eps: FloatArray
    """(G, S)"""
    own: bool = False
    """Whether each member has a kernel of its own. G then counts members of one good, not goods."""
    blocked: bool = False
    """Whether own kernels multiply whole blocks, for the bits that a member has under a shared kernel."""
    remedy: FloatArray | None = None
    """(G, S + C, S + C), or one identity for own kernels; None if not prepared, see `prepare.py`."""

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """Numbers of goods, rows, sellers, buyers and caps, padded."""
        goods, rows, buyers = self.log_kernel.shape
        return goods, rows, self.sellers.shape[1], buyers, self.caps.shape[1]

    def alone(self, wanted: BoolArray, rows: IntArray | None, axes: _Renumbered) -> Bucket | None:
        """The part of some goods (G,) of the market, on its own axes; None where none of them is here.

        Args:
            rows: members whose own kernels stay; None for all.
        """
        keep = np.flatnonzero(wanted[self.goods])
        if not len(keep):
            return None
        if self.own and rows is not None:
            keep = rows
        arrays = {name: getattr(self, name)[keep] for name in BY_GOOD}
        at = {name: getattr(axes, name)[arrays[name]] for name in axes._fields}
        # Of own kernels one identity serves all members.
        remedy = self.remedy if self.own or self.remedy is None else self.remedy[keep]
        return replace(self, **arrays | at, remedy=remedy)


class _Renumbered(NamedTuple):
    """New numbers of goods, offers, needs and caps, one more for padding each."""

    goods: IntArray
    sellers: IntArray
    buyers: IntArray
    caps: IntArray


@dataclass(frozen=True, eq=False)
class Market:
    """All goods under one policy. O offers, N needs, G goods, C caps. Build with :meth:`build`.

    ``kernel`` holds (S, B) per good, or (M, S, B) where members differ; ``sigma`` is (G,) or (M, G),
    ``eps`` (O,) or (M, O).
    """

    offer_good: IntArray
    need_good: IntArray
    kernel: tuple[FloatArray, ...]
    sigma: FloatArray
    eps: FloatArray
    caps: tuple[tuple[int, BoolArray, BoolArray], ...]
    buckets: tuple[Bucket, ...]
    cap_keys: tuple[CapKey, ...]
    cap_good: IntArray
    members: int | None = None
    """Number of members where any good has kernels or elasticities by member; else None."""
    engine: Engine = "numpy"
    """What clears it: arrays, or machine code that the extra ``fast`` compiles."""
    memory: dict[object, Any] = field(default_factory=dict, repr=False)
    """Workspaces and padded weights that later calls may use again; holds no results."""

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle takes along: not the memory, whose arrays are views on each other."""
        return {**self.__dict__, "memory": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Fill in a copy, whose memory is filled anew as it is used."""
        self.__dict__.update(state)

    @property
    def goods(self) -> int:
        """Number of goods."""
        return len(self.kernel)

    def offers_of(self, good: int) -> slice:
        """Positions of a good's offers on the flat axis."""
        first, last = np.searchsorted(self.offer_good, (good, good + 1))
        return slice(int(first), int(last))

    def needs_of(self, good: int) -> slice:
        """Positions of a good's needs on the flat axis."""
        first, last = np.searchsorted(self.need_good, (good, good + 1))
        return slice(int(first), int(last))

    def alone(self, wanted: BoolArray, rows: IntArray | None = None) -> Market:
        """The market of some goods, and where members differ of some members, on axes of their own.

        A good's results are the same to the bit, whatever other goods clear with it.

        Args:
            wanted: (G,) goods that clear. rows: (m,) members; None for all.
        """
        if self.members is None:
            rows = None
        offers, needs = wanted[self.offer_good], wanted[self.need_good]
        caps = wanted[self.cap_good]
        axes = _Renumbered(*(_renumbered(axis) for axis in (wanted, offers, needs, caps)))
        parts = (bucket.alone(wanted, rows, axes) for bucket in self.buckets)
        goods, number = np.flatnonzero(wanted), axes.goods
        kernels = [self.kernel[good] for good in goods]
        sigma, eps = self.sigma[..., goods], self.eps[..., offers]
        if rows is not None:
            kernels = [kernel[rows] if kernel.ndim == 3 else kernel for kernel in kernels]
            sigma, eps = (array[rows] if array.ndim == 2 else array for array in (sigma, eps))
        kept = np.flatnonzero(caps).tolist()
        groups = tuple((int(number[good]), s, b) for good, s, b in (self.caps[c] for c in kept))
        keys = tuple((int(number[good]), s, b) for good, s, b in (self.cap_keys[c] for c in kept))
        return Market(
            number[self.offer_good[offers]], number[self.need_good[needs]], tuple(kernels), sigma, eps,
            groups, tuple(part for part in parts if part is not None), keys, number[self.cap_good[kept]],
            self.members if rows is None else len(rows), self.engine,
        )  # fmt: skip

    @staticmethod
    def build(
        offer_good: ArrayLike,
        need_good: ArrayLike,
        kernel: Sequence[ArrayLike],
        sigma: ArrayLike,
        eps: ArrayLike,
        caps: Sequence[tuple[int, ArrayLike, ArrayLike]] = (),
        blocked: Collection[int] = (),
    ) -> Market:
        """Lay out a market.

        Args:
            offer_good: (O,) good of each offer, ascending.
            need_good: (N,) good of each need, ascending.
            kernel: per good (S, B) sourcing weight K >= 0, or (M, S, B) one for each member; 0 closes a link.
            sigma: (G,) or (M, G) elasticity of substitution between sellers, > 0.
            eps: (O,), (G,) or (M, O) price response of offers below their ask, > 0.
            caps: (good, (S,) seller mask, (B,) buyer mask) of each ceiling; groups may overlap.
            blocked: goods whose kernels by member multiply whole blocks: somewhat slower, and each member
                then has the very bits that it has where all share its kernel. So it is anyway for goods of
                which the elasticities alone differ.

        Raises:
            ValueError: a shape does not fit, an axis is not sorted, or a number is out of range.
        """
        offers, needs = np.asarray(offer_good, dtype=np.int64), np.asarray(need_good, dtype=np.int64)
        kernels = tuple(np.array(k, dtype=np.float64) for k in kernel)
        goods = len(kernels)
        sigmas, responses = _elasticities(sigma, eps, offers, goods)
        counts = {len(k) for k in kernels if k.ndim == 3}
        counts |= {len(a) for a in (sigmas, responses) if a.ndim == 2}
        if len(counts) > 1:
            raise ValueError(f"kernels and elasticities are for {sorted(counts)} members, not one number")
        members = counts.pop() if counts else None
        _refuse_unsorted(offers, needs, goods)
        if not (np.all(sigmas > 0) and np.all(responses > 0)):
            raise ValueError("sigma and eps must be > 0")
        sizes = [(int((offers == g).sum()), int((needs == g).sum())) for g in range(goods)]
        _refuse_kernels(kernels, sizes)
        groups = _groups(caps, sizes)
        layouts = [_lay_out(g, kernels[g], offers, needs, groups) for g in range(goods)]
        flat = _Flat(len(offers), len(needs), len(groups), members)
        buckets = []
        for size, alike in _classes(layouts, sizes, kernels, sigmas, responses):
            whole = alike[0] in blocked or kernels[alike[0]].ndim == 2
            buckets.append(_stack([layouts[g] for g in alike], size, sigmas, responses, flat, whole))
        keys = tuple((g, s.tobytes(), b.tobytes()) for g, s, b in groups)
        cap_good = np.array([g for g, _, _ in groups], dtype=np.int64)
        return Market(
            offers, needs, kernels, sigmas, responses, tuple(groups), tuple(buckets), keys, cap_good, members
        )


def _renumbered(stays: BoolArray) -> IntArray:
    """(n + 1,) new number of each position that stays, and of the place of padding, past the end."""
    number = np.cumsum(np.append(stays, True)) - 1
    return number


def _elasticities(
    sigma: ArrayLike, eps: ArrayLike, offers: IntArray, goods: int
) -> tuple[FloatArray, FloatArray]:
    """(G,) or (M, G) sigma and (O,) or (M, O) eps."""
    sigmas, responses = np.array(sigma, dtype=np.float64), np.array(eps, dtype=np.float64)
    if sigmas.ndim < 2:
        sigmas = np.array(np.broadcast_to(sigmas, (goods,)))
    if responses.shape == (goods,) and goods != len(offers):
        responses = responses[offers]
    if responses.shape[-1:] != offers.shape or responses.ndim > 2:
        raise ValueError(f"eps has shape {responses.shape}; expected ({len(offers)},) or ({goods},)")
    if sigmas.shape[-1:] != (goods,) or sigmas.ndim > 2:
        raise ValueError(f"sigma has shape {sigmas.shape}; expected ({goods},)")
    return sigmas, responses


def _refuse_unsorted(offers: IntArray, needs: IntArray, goods: int) -> None:
    for name, axis in (("offer_good", offers), ("need_good", needs)):
        if axis.ndim != 1 or np.any(np.diff(axis) < 0) or np.any((axis < 0) | (axis >= goods)):
            raise ValueError(f"{name} must be one ascending axis of goods 0..{goods - 1}")


def _refuse_kernels(kernels: Sequence[FloatArray], sizes: Sequence[tuple[int, int]]) -> None:
    for g, matrix in enumerate(kernels):
        if matrix.ndim not in (2, 3) or matrix.shape[-2:] != sizes[g]:
            raise ValueError(f"kernel of good {g} has shape {matrix.shape}; expected {sizes[g]}")
        if not np.all(np.isfinite(matrix) & (matrix >= 0)):
            raise ValueError(f"kernel of good {g} must be finite and >= 0")


def _groups(
    caps: Sequence[tuple[int, ArrayLike, ArrayLike]], sizes: Sequence[tuple[int, int]]
) -> list[tuple[int, BoolArray, BoolArray]]:
    groups = []
    for good, sellers, buyers in caps:
        pair = np.asarray(sellers, dtype=bool), np.asarray(buyers, dtype=bool)
        if not 0 <= good < len(sizes) or (pair[0].shape[0], pair[1].shape[0]) != sizes[good]:
            raise ValueError(f"the masks of a cap on good {good} do not fit its sellers and buyers")
        groups.append((int(good), *pair))
    return groups


class _Flat(NamedTuple):
    """Lengths of the flat axes, and members with kernels or elasticities of their own."""

    offers: int
    needs: int
    caps: int
    members: int | None


def _classes(
    layouts: Sequence[_Layout],
    sizes: Sequence[tuple[int, int]],
    kernels: Sequence[FloatArray],
    sigmas: FloatArray,
    responses: FloatArray,
) -> list[tuple[tuple[int, ...], list[int]]]:
    """Goods by size class; one whose members differ has a class of its own, named by a fifth number."""
    classes: dict[tuple[int, ...], list[int]] = {}
    for g, layout in enumerate(layouts):
        if sizes[g][0] and sizes[g][1]:
            differs = _differs(sigmas[..., [g]]) or _differs(responses[..., layout.sellers])
            # A good with kernels by member has a bucket of its own: its members take the goods' place.
            own = (g,) if differs or kernels[g].ndim == 3 else ()
            classes.setdefault((*layout.size_class, *own), []).append(g)
    return sorted(classes.items())


def _different(sets: BoolArray) -> BoolArray:
    """The different rows of (n, caps), in order."""
    if sets.shape[1] > MOST_CODED:
        return np.unique(sets, axis=0)
    weight = 2 ** np.arange(sets.shape[1])[::-1]
    codes = np.unique(sets @ weight)
    return (codes[:, None] & weight) > 0


@dataclass(frozen=True)
class _Layout:
    """One good, not yet padded."""

    good: int
    log_kernel: FloatArray
    """(1 or M, R, B)"""
    row_seller: IntArray
    row_caps: BoolArray
    sellers: IntArray
    buyers: IntArray
    caps: IntArray

    @property
    def size_class(self) -> tuple[int, int, int, int]:
        """Padded numbers of rows, sellers, buyers and caps."""
        rows, sellers = len(self.row_seller), len(self.sellers)
        padded = _padded(rows, ROW_SIZES)
        caps = -(-len(self.caps) // 2) * 2
        buyers = _padded(len(self.buyers), BUYER_SIZES)
        return padded, padded if not caps else _padded(sellers, ROW_SIZES), buyers, caps


def _lay_out(
    good: int,
    kernel: FloatArray,
    offers: IntArray,
    needs: IntArray,
    groups: Sequence[tuple[int, BoolArray, BoolArray]],
) -> _Layout:
    """Cut the sellers of one good into rows."""
    mine = np.array([c for c, group in enumerate(groups) if group[0] == good], dtype=np.int64)
    with np.errstate(divide="ignore"):
        log_kernel = np.log(kernel if kernel.ndim == 3 else kernel[None])
    log_kernel[log_kernel < log_kernel.max(axis=2, keepdims=True, initial=-np.inf) - WIDEST] = -np.inf
    rows, row_seller, row_caps = [], [], []
    sellers, buyers = kernel.shape[-2:]
    own = np.flatnonzero(offers == good), np.flatnonzero(needs == good)
    under = np.zeros(sellers, dtype=bool)
    for group in mine:
        under |= groups[group][1]
    if not under.any():
        # Of sellers under no cap all links are one row.
        none = np.zeros((sellers, len(mine)), dtype=bool)
        return _Layout(good, log_kernel, np.arange(sellers), none, *own, mine)
    nothing = np.zeros(len(mine), dtype=bool)
    for seller in range(sellers):
        if not under[seller]:
            rows.append(log_kernel[:, seller])
            row_seller.append(seller)
            row_caps.append(nothing)
            continue
        covered = np.zeros((buyers, len(mine)), dtype=bool)
        for c, group in enumerate(mine):
            if groups[group][1][seller]:
                covered[:, c] = groups[group][2]
        is_open = np.isfinite(log_kernel[:, seller]).any(axis=0)
        # Where members differ, what is open must not count: rows would hang on who shares the run.
        seen = covered[is_open | (kernel.ndim == 3)]
        sets = _different(seen) if len(seen) else nothing[None]
        for links in sets:
            rows.append(np.where(is_open & (covered == links).all(1), log_kernel[:, seller], -np.inf))
            row_seller.append(seller)
            row_caps.append(links)
    return _Layout(
        good=good,
        log_kernel=np.stack(rows, axis=1) if rows else np.zeros((len(log_kernel), 0, buyers)),
        row_seller=np.array(row_seller, dtype=np.int64),
        row_caps=np.array(row_caps, dtype=bool).reshape(len(rows), len(mine)),
        sellers=own[0],
        buyers=own[1],
        caps=mine,
    )


def _stack(
    layouts: Sequence[_Layout],
    size: tuple[int, ...],
    sigma: FloatArray,
    eps: FloatArray,
    flat: _Flat,
    blocked: bool,
) -> Bucket:
    """Pad the goods of one class and stack them; or the members of one good, where the class names it."""
    own = len(size) == 5
    goods, (rows, sellers, buyers, caps) = len(layouts), size[:4]
    log_kernel = np.full((goods, rows, buyers), -np.inf)
    row_seller = np.full((goods, rows), sellers, dtype=np.int64)
    incidence = np.zeros((goods, rows, sellers + caps))
    offer = np.full((goods, sellers), flat.offers, dtype=np.int64)
    need = np.full((goods, buyers), flat.needs, dtype=np.int64)
    cap = np.full((goods, caps), flat.caps, dtype=np.int64)
    response = np.ones((goods, sellers))
    for g, layout in enumerate(layouts):
        r, s, b, c = len(layout.row_seller), len(layout.sellers), len(layout.buyers), len(layout.caps)
        if not own:
            log_kernel[g, :r, :b] = layout.log_kernel[0]
        row_seller[g, :r] = layout.row_seller
        incidence[g, np.arange(r), layout.row_seller] = 1
        incidence[g, :r, sellers : sellers + c] = layout.row_caps
        offer[g, :s], need[g, :b], cap[g, :c] = layout.sellers, layout.buyers, layout.caps
        response[g, :s] = eps[..., layout.sellers][0] if eps.ndim == 2 else eps[layout.sellers]
    order = np.array([layout.good for layout in layouts], dtype=np.int64)
    if own:
        (layout,), count = layouts, flat.members or 0
        r, b, s = len(layout.row_seller), len(layout.buyers), len(layout.sellers)
        log_kernel = np.full((count, rows, buyers), -np.inf)
        log_kernel[:, :r, :b] = layout.log_kernel
        response = np.repeat(response, count, axis=0)
        response[:, :s] = eps[..., layout.sellers]
        # Views of one row: the layout is the same for all members.
        row_seller, offer = _same(row_seller, count), _same(offer, count)
        need, cap = _same(need, count), _same(cap, count)
        incidence = np.broadcast_to(incidence, (count, *incidence.shape[1:]))
        order = np.repeat(order, count)
    largest = np.where(incidence > 0, log_kernel.max(axis=2)[:, :, None], -np.inf).max(axis=1)
    largest[:, sellers:] = 0.0
    scale = np.where(np.isfinite(largest), largest, 0.0)
    by_seller = np.concatenate([scale[:, :sellers], np.zeros((len(scale), 1))], axis=1)
    row_scale = np.take_along_axis(by_seller, row_seller, axis=1)
    return Bucket(
        goods=order,
        log_kernel=log_kernel,
        kernel=np.exp(log_kernel - row_scale[:, :, None]),
        log_scale=scale,
        row_seller=row_seller,
        incidence=incidence,
        sellers=offer,
        buyers=need,
        caps=cap,
        sigma=sigma[:, order[0]] if own and sigma.ndim == 2 else sigma[..., order].reshape(-1, len(order))[0],
        eps=response,
        own=own,
        blocked=own and blocked,
    )


def _differs(values: FloatArray) -> bool:
    """Whether values by member differ. Where they agree, the market is laid out as if all shared them."""
    return values.ndim == 2 and bool((values != values[:1]).any())


def _same(row: IntArray, count: int) -> IntArray:
    return np.broadcast_to(row, (count, *row.shape[1:]))
