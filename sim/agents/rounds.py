"""Rounds of the market of tomorrow: what plants pay, ask and can make follow each other until they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np

from sim.agents.prepared import Prepared
from sim.arrays import BoolArray, FloatArray, Groups, IntArray, Saved

__all__ = ["ARRIVED", "NEARLY", "Chains", "Mixing", "Priced"]

ARRIVED, NEARLY = 1e-3, 5e-3
"""Change of a log price, or of a share, up to which a chain's prices agree with what they rest on: of a
regime that is new, and of one that goes on, whose prices are on their way anyhow."""
MEMORY = 8
"""Changes between rounds that are remembered."""
FARTHEST = 3.0
"""How far an earlier change is taken back, or gone on, in multiples of itself."""
SAME, SHRINKS, ONWARDS = 0.3, 0.9, 2.0
"""Where two rounds change alike, by this cosine, and the second by no less than this share of the first, the
way is far: rounds then go this multiple of it, as no straight line is in sight."""
STEADY, LEAST = 1e-2, 1e-12
"""Added to the least squares, as a share of their size and in all: rounds alike settle nothing."""
SMALL_SHARE = 0.02
"""Share of its usual output above which changes of what a plant can make count by their ratio."""
LARGEST_LOG, LARGEST = 60.0, 1e6
"""Of a log price and of a share that a checkpoint may hold."""


@dataclass
class Priced:
    """Logs of prices in multiples of the base price, (M, O) at the gate and (M, N) of choice indices."""

    offer: FloatArray
    need: FloatArray
    offer_cost: FloatArray
    """(M, O) what it costs to make, with mark-ups, inputs at base prices."""
    need_cost: FloatArray
    """(M, N) choice index at these costs."""
    reach: FloatArray
    """(M, O) share of its usual output that a plant's inputs allow."""
    own: FloatArray
    """(M, O) costs other than those of inputs, over the base year's."""

    def arrays(self) -> dict[str, FloatArray]:
        """All arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def where(self, rows: BoolArray, other: Priced) -> Priced:
        """These prices for some members (M,), others for the rest."""
        both = zip(self.arrays().items(), other.arrays().values(), strict=True)
        return Priced(**{name: np.where(rows[:, None], own, rest) for (name, own), rest in both})

    def towards(self, other: Priced, part: float) -> Priced:
        """A part of the way from these prices to others."""
        both = zip(self.arrays().items(), other.arrays().values(), strict=True)
        return Priced(**{name: own + part * (rest - own) for (name, own), rest in both})

    def take(self, saved: Saved, prefix: str) -> Priced:
        """What :meth:`arrays` gave, of the same shapes, under names with a prefix.

        Raises:
            MonaziteError: an array is missing or does not fit.
        """
        own = self.arrays()
        return Priced(**{k: saved.take(f"{prefix}{k}", v, -LARGEST_LOG, LARGEST) for k, v in own.items()})


class Chains:
    """Goods that plants link, directly or through others: nothing passes from one chain to another.

    Attributes:
        of_good: (G,) number of each good's chain. count: how many there are.
    """

    def __init__(self, prepared: Prepared) -> None:
        world, activities = prepared.world, prepared.benchmark.activities
        chain = np.arange(len(world.goods))
        plant = activities.need_plant >= 0
        makers: dict[int, list[int]] = {}
        made = np.flatnonzero(prepared.made)
        pairs = [(activities.offer_plant[made], world.offer_good[made])]
        pairs += [(activities.need_plant[plant], world.need_good[plant])]
        for at, goods in pairs:
            for one, good in zip(at.tolist(), goods.tolist(), strict=True):
                makers.setdefault(one, []).append(good)
        for linked in makers.values():
            joined = np.isin(chain, chain[linked])
            chain[joined] = chain[linked].min()
        self.of_good: IntArray = np.unique(chain, return_inverse=True)[1]
        self.count = int(self.of_good.max()) + 1
        self._offer, self._need = self.of_good[world.offer_good], self.of_good[world.need_good]
        self._columns = np.concatenate([self._offer, self._need, self._offer])
        self._groups = Groups(self._columns)

    def joined(self, of: Priced) -> FloatArray:
        """(M, columns) what the rounds are about: logs of prices and of shares.

        Equation (M105), docs/model.md, for ``pt_n``.
        """
        return np.concatenate([of.offer, of.need, np.log1p(of.reach / SMALL_SHARE)], axis=1)

    def parted(self, values: FloatArray, like: Priced, going: BoolArray) -> Priced:
        """Prices from what :meth:`joined` gave; of chains (M, chains) that do not go on those of ``like``."""
        offers, needs = like.offer.shape[1], like.need.shape[1]
        offer, need, reach = np.split(values, [offers, offers + needs], axis=1)
        reach = SMALL_SHARE * np.expm1(np.maximum(reach, 0.0))
        # To the bit: a member that has arrived must not depend on how long others go on.
        of_offers, of_needs = going[:, self._offer], going[:, self._need]
        return replace(
            like,
            offer=np.where(of_offers, offer, like.offer),
            need=np.where(of_needs, need, like.need),
            reach=np.where(of_offers, reach, like.reach),
        )

    def sums(self, values: FloatArray) -> FloatArray:
        """(M, chains) sums over columns."""
        return self._groups.spread_sums(values, self.count)

    def largest(self, values: FloatArray) -> FloatArray:
        """(M, chains) maxima over columns."""
        most = np.zeros((len(values), self.count))
        most[:, self._groups.keys] = self._groups.largest(values)
        return most

    def spread(self, by_chain: FloatArray) -> FloatArray:
        """(M, columns) values by chain for every column."""
        wide: FloatArray = by_chain[:, self._columns]
        return wide

    def of_columns(self, by_chain: BoolArray) -> BoolArray:
        """(M, columns) what holds of a chain for every column."""
        wide: BoolArray = by_chain[:, self._columns]
        return wide

    def moved(self, of: Priced, base: Priced) -> BoolArray:
        """(M, chains) whether any price differs from the base year's."""
        apart: BoolArray = self.largest(np.abs(self.joined(of) - self.joined(base))) > 0
        return apart


class Mixing:
    """The way of all chains from round to round, each with a memory of a few rounds (Anderson 1965).

    A plain repetition swings where a price and what can be made at it answer each other: what the last rounds
    say together is the price at which they would agree, were both straight lines.

    Args:
        chains: of the goods. going: (M, chains) those that have not arrived. near: change that is none.
    """

    def __init__(self, chains: Chains, going: BoolArray, near: float = ARRIVED) -> None:
        self._chains, self.going, self._near = chains, going, near
        self._rounds: list[tuple[FloatArray, FloatArray]] = []
        self._calmest: tuple[FloatArray, FloatArray, FloatArray] | None = None

    def goods(self) -> BoolArray:
        """(G,) goods that some member still clears."""
        going = np.flatnonzero(self.going.any(axis=0))
        return np.isin(self._chains.of_good, going)

    def step(self, now: Priced, found: Priced, last: bool = False) -> Priced:
        """Prices of the next round, after a round found others than it began with.

        Chains that agree stay as they are. After the last round a chain takes the round that changed least.

        Equations (M106), (M109) and (M110), docs/model.md, for ``chg_n`` and ``pt_n``.
        """
        chains = self._chains
        at = chains.joined(now)
        change = chains.joined(found) - at
        size = chains.largest(np.abs(change))
        self.going = self.going & (size > self._near)
        calm = self._calm(size, at, change)
        if last:
            return chains.parted(calm[0] + calm[1], now, self.going)
        self._rounds = [*self._rounds, (at, change)][-(MEMORY + 1) :]
        ahead = change
        pairs = list(pairwise(self._rounds))
        if pairs:
            turned = [after[1] - before[1] for before, after in pairs]
            onwards = self._far(pairs[-1][0][1], change)
            for (before, after), bent, back in zip(pairs, turned, self._back(turned, change), strict=True):
                ahead = ahead - chains.spread(back) * (after[0] - before[0] + bent)
            ahead = np.where(chains.of_columns(onwards), ONWARDS * change, ahead)
        return chains.parted(at + ahead, now, self.going)

    def _calm(self, size: FloatArray, at: FloatArray, change: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Where the round began that changed each chain least so far, and what it changed."""
        if self._calmest is None:
            self._calmest = size, at, change
        else:
            least, place, moved = self._calmest
            calmer: BoolArray = np.asarray(size < least)
            columns = self._chains.of_columns(calmer)
            self._calmest = (
                np.where(calmer, size, least), np.where(columns, at, place), np.where(columns, change, moved)
            )  # fmt: skip
        return self._calmest[1], self._calmest[2]

    def _far(self, before: FloatArray, change: FloatArray) -> BoolArray:
        """(M, chains) whether two changes are alike and the second is hardly smaller: the way is long."""
        sums = self._chains.sums
        size, earlier = sums(change * change), sums(before * before)
        alike = sums(change * before) > SAME * np.sqrt(size * earlier)
        far: BoolArray = np.logical_and(alike, size > SHRINKS**2 * earlier)
        return far

    def _back(self, turned: Sequence[FloatArray], change: FloatArray) -> Sequence[FloatArray]:
        """(M, chains) for each earlier change how much of it is taken back, by least squares.

        Equations (M107) and (M108), docs/model.md, for ``gram_lk`` and ``tk_l``.
        """
        sums = self._chains.sums
        matrix = np.stack([np.stack([sums(one * other) for other in turned], -1) for one in turned], -2)
        right = np.stack([sums(one * change) for one in turned], -1)
        size = np.trace(matrix, axis1=-2, axis2=-1)[..., None, None] / len(turned)
        matrix += (STEADY * size + LEAST) * np.eye(len(turned))
        back = np.linalg.solve(matrix, right[..., None])[..., 0]
        return list(np.moveaxis(np.clip(back, -FARTHEST, FARTHEST), -1, 0))
