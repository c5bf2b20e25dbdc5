"""How one chain of goods goes from round to round in the market of tomorrow, for one member.

A chain's state is a list of numbers: logs of the prices of its offers and needs, and logs of shares of what
its plants can make and use. A round says where each number would go; :class:`Path` says how far it goes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

__all__ = ["Path", "chains_of", "log_share", "share_of_log"]

REMEMBERED = 8
"""Changes between rounds that count."""
LARGEST_TAKEN = 3.0
"""Most of an earlier change that is taken back or added, in multiples of it."""
STILL_FAR, LONG_STEP = (0.3, 0.9), 2.0
"""Cosine between two changes, and ratio of their lengths, above which the end is far; how far a step then
goes, in multiples of the change."""
RIDGE, LEAST_RIDGE = 1e-2, 1e-12
"""Added to the diagonal of the least squares: as a share of its mean, and in all."""
SMALL = 0.02
"""Share below which shares are hardly on a log scale any more."""


def log_share(share: float) -> float:
    """A share as rounds look at it."""
    return math.log1p(share / SMALL)


def share_of_log(value: float) -> float:
    """The share of which :func:`log_share` gives the value."""
    return SMALL * math.expm1(max(value, 0.0))


def chains_of(goods: int, plants: Iterable[Sequence[int]]) -> list[set[int]]:
    """Goods that plants link, directly or through others.

    Args:
        goods: how many there are. plants: goods that each of them buys or sells.
    """
    chains = [{good} for good in range(goods)]
    for linked in plants:
        touched = [chain for chain in chains if chain & set(linked)]
        chains = [chain for chain in chains if chain not in touched]
        if touched:
            chains.append(set().union(*touched))
    return sorted(chains, key=min)


class Path:
    """The rounds of one chain so far."""

    def __init__(self) -> None:
        self._places: list[np.ndarray] = []
        self._changes: list[np.ndarray] = []
        self._calmest: tuple[float, np.ndarray, np.ndarray] | None = None

    def onwards(self, at: Sequence[float], change: Sequence[float], last: bool) -> list[float]:
        """Where the next round begins.

        Args:
            at: where this round began. change: how far it would go.
            last: no other round follows; then the one that changed least so far counts.
        """
        size = max(abs(x) for x in change)
        if self._calmest is None or size < self._calmest[0]:
            self._calmest = size, np.array(at), np.array(change)
        if last:
            return [float(x) for x in self._calmest[1] + self._calmest[2]]
        self._places = [*self._places, np.array(at)][-REMEMBERED - 1 :]
        self._changes = [*self._changes, np.array(change)][-REMEMBERED - 1 :]
        place, now = self._places[-1], self._changes[-1]
        if len(self._changes) > 1 and self._far(self._changes[-2], now):
            return [float(x) for x in place + LONG_STEP * now]
        ahead = now
        if len(self._changes) > 1:
            moved, turned = np.diff(self._places, axis=0), np.diff(self._changes, axis=0)
            for part, step, bend in zip(self._taken_back(turned, now), moved, turned, strict=True):
                ahead = ahead - part * (step + bend)
        return [float(x) for x in place + ahead]

    @staticmethod
    def _far(before: np.ndarray, now: np.ndarray) -> bool:
        """Whether two changes point the same way and the second is hardly shorter."""
        cosine, ratio = STILL_FAR
        length, earlier = math.sqrt(now @ now), math.sqrt(before @ before)
        return bool(now @ before > cosine * length * earlier and length > ratio * earlier)

    @staticmethod
    def _taken_back(turned: np.ndarray, now: np.ndarray) -> list[float]:
        """How much of each earlier change explains this one: a ridge regression."""
        count = len(turned)
        square = turned @ turned.T
        ridge = RIDGE * np.trace(square) / count + LEAST_RIDGE
        parts = np.linalg.solve(square + ridge * np.eye(count), turned @ now)
        return [min(max(float(part), -LARGEST_TAKEN), LARGEST_TAKEN) for part in parts]
