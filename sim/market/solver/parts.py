"""Products of some pieces of a frame, and of several frames, without making any matrix again."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from sim.market.solver.products import BLOCK, Products, shifted

__all__ = ["products_beside", "some_products"]


def some_products(
    whole: Products, kept: Sequence[bool], sides: Sequence[tuple[slice, slice]]
) -> Products:
    """The products of some pieces, whole, with the same matrices and buffers.

    Args:
        kept: per piece. sides: of the pieces that are kept, on the flat axes of these.
    """
    other = object.__new__(Products)
    new = iter(sides)
    moved = [next(new) if keep else None for keep in kept]
    own = [side for side, is_own in zip(moved, whole.own, strict=True) if is_own]
    shared = [side for side, is_own in zip(moved, whole.own, strict=True) if not is_own]
    stays = [place for place, side in enumerate(own) if side is not None]
    other.unit, other.own_sides = whole.unit, [side for side in own if side is not None]
    for name in ("own_blocked", "per_market", "per_market_back"):
        setattr(other, name, [getattr(whole, name)[place] for place in stays])
    other.own = [is_own for is_own, keep in zip(whole.own, kept, strict=True) if keep]
    number = np.cumsum([side is not None for side in shared]).tolist()
    parts = [place for place, (piece, _) in enumerate(whole.parts) if shared[piece] is not None]
    other.parts = [(number[whole.parts[place][0]] - 1, whole.parts[place][1]) for place in parts]
    for name in ("goods", "joined", "shapes", "matrices", "transposed"):
        setattr(other, name, [getattr(whole, name)[place] for place in parts])
    first: dict[int, tuple[slice, slice]] = {}
    for (piece, _), side in zip(whole.parts, whole.sides, strict=True):
        first.setdefault(piece, side)
    other.sides = []
    for place in parts:
        to, was, side = shared[whole.parts[place][0]], first[whole.parts[place][0]], whole.sides[place]
        assert to is not None
        by = to[0].start - was[0].start, to[1].start - was[1].start
        other.sides.append((shifted(side[0], by[0]), shifted(side[1], by[1])))
    if whole.unit < BLOCK:
        other.blocked = [[views[place] for place in parts] for views in whole.blocked]
        other.by_piece = [[pieces[place] for place in parts] for pieces in whole.by_piece]
        other.flatten()
        other.rooms, begun = [], 0
        for room in whole.rooms:
            mine = range(bisect_left(parts, begun), bisect_left(parts, begun + len(room.sides)))
            if mine:
                there = [other.sides[n] for n in mine]
                other.rooms.append(room.some([parts[n] - begun for n in mine], there))
            begun += len(room.sides)
    return other


def products_beside(several: Sequence[Products], shifts: Sequence[tuple[int, int]]) -> Products:
    """Those of several frames one after the other, with the same matrices and buffers.

    Args:
        shifts: by how much each one's places on the axes of x and of y move.
    """
    # The same products twice, or some of those that stand beside, would write over each other's numbers.
    taken: set[int] = set()
    apart = []
    for of in several:
        buffers = {id(room.buffers[0]) for room in of.rooms} if of.unit < BLOCK else set()
        apart.append(of.apart() if taken & buffers else of)
        taken |= buffers
    several = apart
    other, first = object.__new__(Products), several[0]
    other.unit = first.unit
    for name in (
        "own", "own_blocked", "per_market", "per_market_back", "goods", "joined", "shapes", "matrices",
        "transposed",
    ):  # fmt: skip
        setattr(other, name, [one for of in several for one in getattr(of, name)])
    for name in ("sides", "own_sides"):
        setattr(other, name, [
            (shifted(x, shift[0]), shifted(y, shift[1]))
            for of, shift in zip(several, shifts, strict=True) for x, y in getattr(of, name)
        ])  # fmt: skip
    other.parts, pieces = [], 0
    for of in several:
        other.parts += [(pieces + piece, part) for piece, part in of.parts]
        pieces += len(of.own) - sum(of.own)
    if first.unit < BLOCK:
        other.blocked = [[view for of in several for view in of.blocked[side]] for side in range(2)]
        other.by_piece = [[one for of in several for one in of.by_piece[side]] for side in range(2)]
        other.flatten()
        other.rooms = [
            room.moved(shift) for of, shift in zip(several, shifts, strict=True) for room in of.rooms
        ]
    return other
