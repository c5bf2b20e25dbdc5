"""Which ranges of uncertain inputs lead to a bad outcome: the patient rule induction method (PRIM).

From the box that holds all points, thin slices are peeled off, each time the one whose loss raises the share
of bad points most for each point given up; of levels without order, a level. Of the boxes on that way one is
kept, slices are pasted back where that costs no density, and restrictions that chance would give as well are
lifted. References: Friedman and Fisher 1999, Statistics and Computing 9 (peeling, pasting,
covering); Bryant and Lempert 2010, Technological Forecasting and Social Change 77 (coverage, density, and the
quasi-p-value of a restriction).

Density is flattered by the search, so it is also measured on points that were held back from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

__all__ = ["LEAST_BAD", "Box", "Found", "Points", "discover"]

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

PEEL = 0.05
"""Share of the points in a box that a slice takes off; Friedman and Fisher advise 0.05 to 0.1."""
LEAST_MASS = 0.05
"""Share of all points that a box keeps at least."""
LEAST_INSIDE = 10
"""Points that a box keeps at least."""
LEAST_BAD = 10
"""Bad points, and others, without which there is nothing to find."""
BY_CHANCE = 0.05
"""Quasi-p-value from which a restriction is lifted."""
PARTS = 5
"""Into which the points are cut to hold back one of them in turn."""
SEED = 1
"""Of that cut, so that the same sweep gives the same numbers."""


@dataclass(frozen=True)
class Points:
    """Points of a design and whether each came out badly.

    Attributes:
        names: of the D factors.
        place: (n, D) coordinates, of a factor without order the number of its level.
        bad: (n,)
        unordered: of each factor, whether its levels have no order.
    """

    names: tuple[str, ...]
    place: Values
    bad: Mask
    unordered: tuple[bool, ...]

    def some(self, where: Mask) -> Points:
        """Those points alone."""
        return replace(self, place=self.place[where], bad=self.bad[where])


@dataclass(frozen=True)
class Box:
    """A box: from ``low`` to ``high``, ends included, and without some levels.

    Attributes:
        low: (D,) minus infinity where nothing is cut off. high: (D,) likewise.
        without: of each factor, the levels left out.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    without: tuple[frozenset[int], ...]

    def holds(self, place: Values) -> Mask:
        """(n,) which points lie in it."""
        inside = ((place >= np.array(self.low)) & (place <= np.array(self.high))).all(axis=1)
        for j, levels in enumerate(self.without):
            if levels:
                inside &= ~np.isin(place[:, j], list(levels))
        return np.asarray(inside, dtype=np.bool_)

    @property
    def restricted(self) -> tuple[int, ...]:
        """Numbers of the factors that it restricts."""
        return tuple(
            j for j, levels in enumerate(self.without)
            if levels or np.isfinite(self.low[j]) or np.isfinite(self.high[j])
        )  # fmt: skip

    def freed(self, j: int) -> Box:
        """Without its restriction of one factor."""
        return self._set(j, -np.inf, np.inf, frozenset())

    def _set(self, j: int, low: float, high: float, without: frozenset[int]) -> Box:
        ends = [list(self.low), list(self.high)]
        ends[0][j], ends[1][j] = low, high
        kept = list(self.without)
        kept[j] = without
        return Box(tuple(ends[0]), tuple(ends[1]), tuple(kept))


@dataclass(frozen=True)
class Found:
    """A box and how good it is.

    Attributes:
        box: the ranges.
        inside: points in it, of those that earlier boxes have left.
        hits: bad points in it. bad: bad points in all. points: in all.
        chance: number of each restricted factor -> quasi-p-value of its restriction.
        held_back: coverage and density of boxes found without the points that they are judged by.
        path: (steps, 3) mass, coverage and density of the boxes that were peeled, the whole first.
    """

    box: Box
    inside: int
    hits: int
    bad: int
    points: int
    chance: dict[int, float]
    held_back: tuple[float, float]
    path: Values

    @property
    def coverage(self) -> float:
        """Share of all bad points that lie in it."""
        return self.hits / self.bad

    @property
    def density(self) -> float:
        """Share of the points in it that are bad."""
        return self.hits / self.inside

    @property
    def mass(self) -> float:
        """Share of all points that lie in it."""
        return self.inside / self.points


def discover(points: Points, boxes: int = 1, density: float | None = None) -> list[Found]:
    """Boxes with many bad points, one after the other, each among the points outside those before.

    Args:
        points: at least :data:`LEAST_BAD` of them bad, and as many not.
        boxes: at most so many; the search ends where a box would be no denser than all points are.
        density: least share of bad points in a box, of which the largest is then taken; where None, the box
            with the highest harmonic mean of coverage and density.

    Raises:
        ValueError: too few points are bad, or too few are not.
    """
    bad, total = int(points.bad.sum()), len(points.bad)
    if min(bad, total - bad) < LEAST_BAD:
        rarer = min(bad, total - bad)
        remedy = f"take about {math.ceil(total * LEAST_BAD / rarer):,} points, or " if rarer else "take "
        raise ValueError(
            f"{bad} of {total} points are bad; {LEAST_BAD} must be, and {LEAST_BAD} must not: {remedy}"
            "another bound"
        )
    left, found = points, []
    for _ in range(boxes):
        if min(left.bad.sum(), (~left.bad).sum()) < LEAST_BAD:
            break
        box, path = _search(left, density)
        inside = box.holds(left.place)
        hits = int(left.bad[inside].sum())
        if not box.restricted or hits * total <= bad * inside.sum():
            break
        path[:, 0] *= len(left.bad) / total
        path[:, 1] *= left.bad.sum() / bad
        chance = {j: _by_chance(left, box, j) for j in box.restricted}
        coverage, dense = _held_back(left, density)
        judged = coverage * float(left.bad.sum()) / bad, dense
        found.append(Found(box, int(inside.sum()), hits, bad, total, chance, judged, path))
        left = left.some(~inside)
    return found


def _search(points: Points, density: float | None) -> tuple[Box, Values]:
    """Peel, choose, paste, and lift what chance would give; also mass, coverage and density on the way."""
    way = list(_peeled(points))
    inside = np.array([box.holds(points.place) for box in way])
    hits, size = inside[:, points.bad].sum(axis=1), inside.sum(axis=1)
    path = np.stack([size / len(points.bad), hits / points.bad.sum(), hits / size], axis=1)
    if density is None:
        best = int(np.argmax(2 * path[:, 1] * path[:, 2] / np.maximum(path[:, 1] + path[:, 2], 1e-300)))
    else:
        enough = np.flatnonzero(path[:, 2] >= density)
        best = int(enough[np.argmax(path[enough, 1])]) if len(enough) else int(np.argmax(path[:, 2]))
    return _lifted(points, _pasted(points, way[best]), density), path


def _peeled(points: Points) -> Iterator[Box]:
    """The boxes on the way from all points to the fewest allowed, each one slice smaller."""
    count = len(points.names)
    box = Box((-np.inf,) * count, (np.inf,) * count, (frozenset(),) * count)
    least = max(LEAST_INSIDE, math.ceil(LEAST_MASS * len(points.bad)))
    while True:
        yield box
        inside = box.holds(points.place)
        share, size = points.bad[inside].mean(), int(inside.sum())
        if share == 1:
            return
        best, gain = None, -np.inf
        for smaller in _smaller(points, box, inside):
            kept = smaller.holds(points.place)
            if least <= kept.sum() < size:
                gained = (points.bad[kept].mean() - share) / (size - kept.sum())
                if gained > gain:
                    best, gain = smaller, gained
        if best is None:
            return
        box = best


def _smaller(points: Points, box: Box, inside: Mask) -> Iterator[Box]:
    """The box less a slice at either end of each factor, or less one of its levels."""
    for j, unordered in enumerate(points.unordered):
        values = np.sort(points.place[inside, j])
        if values[0] == values[-1]:
            continue
        if unordered:
            for level in np.unique(values):
                yield box._set(j, -np.inf, np.inf, box.without[j] | {int(level)})
            continue
        slice_ = max(int(PEEL * len(values)), 1)
        # Points alike in a factor, those of a grid for example, go together.
        above, below = values[values > values[slice_ - 1]], values[values < values[-slice_]]
        if len(above):
            yield box._set(j, float(above[0]), box.high[j], box.without[j])
        if len(below):
            yield box._set(j, box.low[j], float(below[-1]), box.without[j])


def _pasted(points: Points, box: Box) -> Box:
    """Slices put back as long as the box has more bad points and is no less dense for it."""
    while True:
        inside = box.holds(points.place)
        best, most = None, (float(points.bad[inside].mean()), int(points.bad[inside].sum()))
        for larger in _larger(points, box, int(inside.sum())):
            holds = larger.holds(points.place)
            now = float(points.bad[holds].mean()), int(points.bad[holds].sum())
            if now[1] > points.bad[inside].sum() and now >= most:
                best, most = larger, now
        if best is None:
            return box
        box = best


def _larger(points: Points, box: Box, size: int) -> Iterator[Box]:
    """The box with a slice more at either end of each factor that it restricts, or with a level more."""
    slice_ = max(int(PEEL * size), 1)
    for j in box.restricted:
        for level in box.without[j]:
            yield box._set(j, -np.inf, np.inf, box.without[j] - {level})
        near = points.place[box.freed(j).holds(points.place), j]
        below, above = np.sort(near[near < box.low[j]])[::-1], np.sort(near[near > box.high[j]])
        for beyond, low in ((below, True), (above, False)):
            if len(beyond):
                end = float(beyond[min(slice_, len(beyond)) - 1])
                # Where nothing is left beyond, nothing is cut off any more.
                whole = slice_ >= len(beyond)
                ends = (-np.inf if whole else end, box.high[j]) if low else (
                    box.low[j], np.inf if whole else end
                )  # fmt: skip
                yield box._set(j, *ends, box.without[j])


def _lifted(points: Points, box: Box, density: float | None) -> Box:
    """Without restrictions that chance would give as well, unless the box must be as dense as it is."""
    while box.restricted:
        chance = {j: _by_chance(points, box, j) for j in box.restricted}
        weakest = max(chance, key=lambda j: chance[j])
        wider = box.freed(weakest)
        if chance[weakest] < BY_CHANCE:
            return box
        if density is not None and points.bad[wider.holds(points.place)].mean() < density:
            return box
        box = wider
    return box


def _by_chance(points: Points, box: Box, j: int) -> float:
    """Probability of so many bad points in the box if those that the factor cuts off were drawn by lot."""
    from scipy.stats import binom

    inside, wider = box.holds(points.place), box.freed(j).holds(points.place)
    hits = int(points.bad[inside].sum())
    return float(binom.sf(hits - 1, int(inside.sum()), float(points.bad[wider].mean())))


def _held_back(points: Points, density: float | None) -> tuple[float, float]:
    """Coverage and density of boxes, each found without a part of the points and judged by that part."""
    part = np.random.default_rng(SEED).permutation(len(points.bad)) % PARTS
    hits = inside = 0
    for number in range(PARTS):
        box, _ = _search(points.some(part != number), density)
        judge = points.some(part == number)
        holds = box.holds(judge.place)
        hits += int(judge.bad[holds].sum())
        inside += int(holds.sum())
    return hits / int(points.bad.sum()), hits / inside if inside else float("nan")
