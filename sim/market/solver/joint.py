"""Frames of several markets side by side: one solve for all of them, each market with the bits of its own.

A frame is calls as much as arithmetic where members are few; markets that know nothing of each other, such as
those of the regimes ahead, then share the calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np

from sim.market.layout import FloatArray
from sim.market.solver.asked import Load
from sim.market.solver.frame import Frame
from sim.market.solver.parts import products_beside
from sim.market.solver.settle import Settled

__all__ = ["Ends", "alike", "joined_frame", "joined_load", "parted"]

KEPT = 8
"""Joined frames that a frame keeps, the newest: the same markets mostly clear together for some rounds."""
PER_VARIABLE = (
    "sigma", "eps", "scale", "is_cap", "is_offer", "seller", "response", "bent", "slope", "seller_rate",
    "lean", "level", "sigma_rate",
)  # fmt: skip
PER_BUYER = "is_need", "buyer_sigma", "index_rate"
PER_MARKET = "good", "member", "market_sigma"
SHARED = "groups", "least", "keep_elasticity"
"""What of a load is one for all its markets."""
SETTLED = {
    "log_price": 0, "sold": 0, "row": 1, "row_rent": 1, "log_index": 2, "bought": 2,
    "demanded": 2, "pull": 2, "residual": 3, "gap": 3, "scaled_down": 3,
}  # fmt: skip
"""Axis of what is settled: variables, rows, buyers, markets."""


@dataclass(frozen=True)
class Ends:
    """Where the markets of each frame lie in a joined one: along variables, rows, buyers and markets."""

    along: tuple[tuple[slice, ...], ...]


def alike(one: Frame, other: Frame) -> bool:
    """Whether two frames may be joined."""
    return (
        bool(one.capped) == bool(other.capped) and one.unit == other.unit
        and not one.prepared and not other.prepared and one.kind is other.kind
    )  # fmt: skip


def joined_frame(frames: Sequence[Frame]) -> tuple[Frame, Ends]:
    """One frame of several that are alike; the first of them keeps it."""
    kept = frames[0].memory.setdefault("joined", {})
    key = tuple(id(frame) for frame in frames)
    if key not in kept:
        while len(kept) >= KEPT:
            del kept[next(iter(kept))]
        # Held along, so that no other frame takes their numbers.
        kept[key] = (*_joined(frames), tuple(frames[1:]))
    frame, ends, _ = kept[key]
    return frame, ends


def _joined(frames: Sequence[Frame]) -> tuple[Frame, Ends]:
    frame: Frame = object.__new__(Frame)
    frame.members, frame.unit = frames[0].members, frames[0].unit
    frame._set_pieces(frames[0].market, [(p.bucket, p.good, p.member) for f in frames for p in f.pieces])
    frame.prepared = False
    for name in (*PER_VARIABLE, *PER_BUYER, *PER_MARKET):
        setattr(frame, name, np.concatenate([getattr(one, name) for one in frames]))
    lengths = np.array([(*one.lengths, len(one)) for one in frames])
    ends = np.cumsum(np.concatenate([np.zeros((1, 4), dtype=np.int64), lengths]), axis=0)
    at = ends[:-1].tolist()
    frame.kernel = products_beside(
        [one.kernel for one in frames], [(rows, buyers) for _, rows, buyers, _ in at]
    )
    frame.incidence = products_beside(
        [one.incidence for one in frames], [(rows, variables) for variables, rows, _, _ in at]
    )
    frame.buyer_market = np.concatenate(
        [one.buyer_market + start for one, start in zip(frames, ends[:, 3].tolist(), strict=False)]
    )
    along = tuple(
        tuple(slice(a, b) for a, b in pairwise(axis)) for axis in ends.T.tolist()
    )
    return frame, Ends(along)


def joined_load(loads: Sequence[Load]) -> Load:
    """What several frames ask, as the joined one does."""
    values: dict[str, Any] = {}
    for field in fields(Load):
        parts = [getattr(one, field.name) for one in loads]
        if field.name in SHARED or parts[0] is None:
            values[field.name] = parts[0]
        elif field.name == "floored":
            values[field.name] = any(parts)
        elif isinstance(parts[0], bool):
            values[field.name] = all(parts)
        else:
            values[field.name] = np.concatenate(parts, axis=-1)
    return Load(**values)


def parted(settled: Settled, ends: Ends) -> list[Settled]:
    """The outcome of each frame of a joined one."""
    found: list[dict[str, FloatArray | None]] = [{} for _ in ends.along[0]]
    for name, axis in SETTLED.items():
        values: FloatArray | None = getattr(settled, name)
        for part, where in zip(found, ends.along[axis], strict=True):
            part[name] = None if values is None else values[where]
    return [Settled(**part) for part in found]  # type: ignore[arg-type]
