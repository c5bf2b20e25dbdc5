"""The compiled engine: what a batch asks, as named arrays, through machine code, into its results.

Nothing here needs the compiler's package before a market is cleared by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from sim.errors import MonaziteError
from sim.market.compiled import places as at
from sim.market.compiled.tables import COLUMNS, Asked, Found, Layout, Limits, Space
from sim.market.layout import Bucket, FloatArray, IntArray
from sim.market.solver.frame import Frame, Piece
from sim.market.solver.inputs import Given
from sim.market.solver.sweeps import DEPTH_CAPPED, MOST_SWEEPS

__all__ = ["Aim", "Laid", "laid_out", "clear_frame"]

EIGHT = 8
NOTHING = np.zeros((0, 0))


class Laid(NamedTuple):
    """A frame for the machine code; kept by the frame."""

    layout: Layout
    space: Space
    which: IntArray
    """Markets, but those that fill up blocks."""
    copies: tuple[IntArray, IntArray]
    """(markets that fill up blocks, those that they repeat)"""


def _eights(count: int) -> int:
    return -(-count // EIGHT) * EIGHT


def machine_code() -> Callable[..., None]:
    """What clears markets, see :func:`sim.market.compiled.kernel.clear_markets`; compiled at first use.

    Raises:
        MonaziteError: the package that compiles it is missing, or does not fit.
    """
    try:
        from sim.market.compiled.program import program
    except ImportError as error:
        raise MonaziteError(
            f"engine: compiled needs monazite[fast]: pip install '.[fast]' ({error})"
        ) from None
    return program()


def laid_out(frame: Frame, tiers: int) -> Laid:
    """A frame's markets, kernels in whole blocks of eight."""
    key = "compiled", tiers
    if key not in frame.memory:
        frame.memory[key] = _laid_out(frame, tiers)
    laid: Laid = frame.memory[key]
    return laid


def _laid_out(frame: Frame, tiers: int) -> Laid:
    parts, begun = [], (0, 0)
    for piece in frame.pieces:
        part = _Part(frame, piece, begun)
        parts.append(part)
        begun = begun[0] + part.matrix.size // EIGHT, begun[1] + part.acting.shape[1]
    table = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    size = table["sellers"] + table["caps"]
    table["first"] = np.cumsum(size) - size
    source = np.concatenate([part.source for part in parts])
    deepest = max(len(part.acting) for part in parts)
    acting = [
        np.pad(part.acting, ((0, deepest - len(part.acting)), (0, 0)), constant_values=-1) for part in parts
    ]
    market = frame.market
    offers = len(market.offer_good)
    caps = frame.offer[source] % (offers + len(market.caps) + 2) - offers - 1
    layout = Layout(
        np.stack([table[name] for name in COLUMNS], axis=1), np.concatenate([part.matrix for part in parts]),
        frame.market_sigma, frame.eps[source], frame.scale[source], np.maximum(caps, -1),
        np.ascontiguousarray(np.concatenate(acting, axis=1)),
    )  # fmt: skip
    same = (np.diff(table[name], prepend=-1) == 0 for name in ("good", "member"))
    again = np.flatnonzero(np.logical_and(*same))
    which = np.setdiff1d(np.arange(len(size)), again)
    return Laid(
        layout, _space(table, tiers), which, (again, which[np.searchsorted(which, again) - 1])
    )


class _Part:
    """The markets of one piece of a frame.

    Args:
        begun: blocks of kernels, and rows of goods, of the pieces before.
    """

    def __init__(self, frame: Frame, piece: Piece, begun: tuple[int, int]) -> None:
        bucket, good = piece.bucket, piece.good
        offers, needs, caps = (
            len(a) for a in (frame.market.offer_good, frame.market.need_good, frame.market.caps)
        )
        kernel = bucket.kernel[good] if bucket.own else bucket.kernel
        count, rows, buyers = kernel.shape
        high, wide = _eights(rows), _eights(buyers)
        padded = np.zeros((count, high, wide))
        padded[:, :rows, :buyers] = kernel
        self.matrix = np.concatenate([padded.ravel(), np.swapaxes(padded, 1, 2).ravel()])
        self.acting = _acting(bucket, offers)
        real = np.concatenate([bucket.sellers < offers, bucket.caps < caps], axis=1)[good]
        self.source = piece.variables.start + np.flatnonzero(real)
        sellers, each, order = bucket.sellers.shape[1], high * wide // EIGHT, np.arange(len(good))
        which = order if bucket.own else good
        self.columns = {
            "row": piece.rows.start + order * rows, "buyer": piece.buyers.start + order * buyers,
            "sellers": real[:, :sellers].sum(axis=1), "caps": real[:, sellers:].sum(axis=1),
            "rows": (bucket.row_seller < sellers).sum(axis=1)[good],
            "buyers": (bucket.buyers < needs).sum(axis=1)[good],
            "kernel": begun[0] + which * each, "transposed": begun[0] + (count + which) * each,
            "across": 0 * order + wide // EIGHT, "back": 0 * order + high // EIGHT,
            "acts": begun[1] + 0 * order if bucket.own else begun[1] + good * rows,
            "member": piece.member, "offer": bucket.sellers[good, 0], "need": bucket.buyers[good, 0],
            "good": bucket.goods[good],
        }  # fmt: skip


def _acting(bucket: Bucket, offers: int) -> IntArray:
    """(D, rows of all goods) as in :class:`Layout`."""
    own = slice(0, 1) if bucket.own else slice(None)
    incidence, sellers = bucket.incidence[own], bucket.sellers.shape[1]
    deepest = max(1, int((incidence > 0).sum(axis=2).max(initial=1)))
    order = np.argsort(incidence <= 0, axis=2, kind="stable")[:, :, :deepest]
    acts = np.take_along_axis(incidence, order, axis=2) > 0
    real = (bucket.sellers[own] < offers).sum(axis=1)[:, None, None]
    local = np.where(order < sellers, order, order - sellers + real)
    found: IntArray = np.where(acts, local, -1).reshape(-1, deepest).T
    return found


def _space(table: Mapping[str, IntArray], tiers: int) -> Space:
    """Room for the largest of the markets."""
    # Where nothing is capped rows are variables.
    variables = _eights(max(int((table["sellers"] + table["caps"]).max()), int(table["rows"].max())))
    buyers, most = _eights(int(table["buyers"].max())), DEPTH_CAPPED + 1
    rows = int(table["rows"].max())
    return Space(
        np.zeros((at.VARIABLES, variables)), np.zeros((at.ROWS, variables)), np.zeros((at.BUYERS, buyers)),
        np.zeros((at.TIERS, tiers * buyers)), np.zeros((at.HISTORIES, most * variables)),
        np.zeros((at.SMALL, most * most)), np.zeros((2, rows * buyers)), np.zeros((1, variables * variables)),
        np.zeros(at.STAND), np.zeros(tiers, dtype=np.int64),
    )  # fmt: skip


def _own(values: FloatArray) -> FloatArray:
    """An array as machine code takes it."""
    found = np.ascontiguousarray(values)
    return found if found.flags.writeable else found.copy()


def asked_of(given: Given, here: slice, price: FloatArray | None, rent: FloatArray) -> Asked:
    """What some of the members ask.

    Args:
        price: (m, O) log prices to start from; None for the asks. rent: (m, C) log rents.
    """
    response = given.elasticity
    if response.ndim == 1:
        response = response[None, None]
    elif len(response) > 1:
        response = response[here]
    response = np.broadcast_to(response, (*response.shape[:2], given.demand.shape[2]))

    def part(values: FloatArray | None) -> FloatArray:
        return NOTHING if values is None else _own(values[here])

    return Asked(
        part(given.quantity), part(given.ask), part(given.demand), part(given.reservation), _own(response),
        given.order, part(given.allowed), part(given.signal), part(given.held), part(given.kept),
        NOTHING if price is None else _own(price), _own(rent),
    )  # fmt: skip


class Flows(NamedTuple):
    """The sides of a frame's flows, as :class:`sim.market.flows.Batch` has them."""

    row: FloatArray
    row_rent: FloatArray
    pull: FloatArray


class Aim(NamedTuple):
    """Residuals."""

    arrive: float
    """To arrive at."""
    settled: float
    """With which a market may be left."""


def clear_frame(
    frame: Frame, given: Given, here: slice, asked: Asked, results: Mapping[str, Any], aim: Aim
) -> Flows:
    """Clear the markets of a frame.

    Args:
        here: the frame's members, among all. asked: of these, from ``given``.
        results: arrays of all members, by their names in :class:`Found`; filled.
    """
    run = machine_code()
    limits = Limits(*aim, MOST_SWEEPS, given.least, given.keep_elasticity, here.start)
    laid = laid_out(frame, given.demand.shape[2])
    _, rows, buyers = frame.lengths
    flows = Flows(np.zeros(rows), np.ones(rows), np.zeros(buyers))
    run(laid.layout, asked, limits, Found(**results, **flows._asdict()), laid.space, laid.which)
    _fill_up(frame, laid, flows)
    return flows


def _fill_up(frame: Frame, laid: Laid, flows: Flows) -> None:
    """Markets that fill up blocks repeat those of the block's last member."""
    again, first = laid.copies
    if not len(again):
        return
    markets = laid.layout.markets
    for side, axes in (("row", (flows.row, flows.row_rent)), ("buyer", (flows.pull,))):
        count = markets[again, COLUMNS.index(side + "s")]
        every = np.repeat(np.arange(len(again)), count)
        local = np.arange(len(every)) - np.repeat(np.cumsum(count) - count, count)
        begin = markets[:, COLUMNS.index(side)]
        for axis in axes:
            axis[begin[again][every] + local] = axis[begin[first][every] + local]
