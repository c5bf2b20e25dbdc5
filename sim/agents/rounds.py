"""Rounds of the market of tomorrow: what plants pay, ask and can make follow each other until they agree."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from sim.agents.prepared import Prepared
from sim.arrays import BoolArray, FloatArray, Groups, IntArray, Kept, Numbers, Saved, some_of
from sim.world.world import World

__all__ = ["ARRIVED", "NEARLY", "Chains", "Mixing", "Part", "Priced"]

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
MOST_PARTS = 64
"""Sets of chains that are kept renumbered: the same go on again and again."""
LARGEST_LOG, LARGEST = 60.0, 1e6
"""Of a log price and of a share that a checkpoint may hold."""


@dataclass(frozen=True)
class Part:
    """Some members and some whole chains, by their positions in a larger whole."""

    rows: IntArray
    """(m,) members."""
    chains: IntArray
    goods: IntArray
    offers: IntArray
    needs: IntArray

    @property
    def size(self) -> int:
        """What it weighs in a round: needs, of all its members."""
        return len(self.rows) * len(self.needs)

    def within(self, larger: Part) -> Part:
        """The same by the positions in the whole of which a larger part is one."""
        return Part(*(getattr(larger, field.name)[getattr(self, field.name)] for field in fields(self)))


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

    def some(self, part: Part) -> Priced:
        """Prices of a part."""
        axes = {"need": part.needs, "need_cost": part.needs}
        own = self.arrays()
        return Priced(**{k: some_of(v, part.rows, axes.get(k, part.offers)) for k, v in own.items()})

    def copied(self) -> Priced:
        """The same prices, in arrays of their own where rounds find others."""
        return replace(self, offer=self.offer.copy(), need=self.need.copy(), reach=self.reach.copy())

    def put(self, some: Priced, part: Part) -> None:
        """Overwrite what rounds find of a part, in place."""
        rows = part.rows[:, None]
        self.offer[rows, part.offers] = some.offer
        self.need[rows, part.needs] = some.need
        self.reach[rows, part.offers] = some.reach

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
        of_offer, of_need: (O,) and (N,), as of_good.
    """

    of_good: IntArray
    of_offer: IntArray
    of_need: IntArray
    count: int
    _columns: IntArray
    _groups: Groups
    _parts: Kept[bytes, Chains]
    """Some of the chains, by their numbers."""

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
        of_good: IntArray = np.unique(chain, return_inverse=True)[1]
        self._set_up(of_good, of_good[world.offer_good], of_good[world.need_good], int(of_good.max()) + 1)

    def _set_up(self, of_good: IntArray, of_offer: IntArray, of_need: IntArray, count: int) -> None:
        self.of_good, self.of_offer, self.of_need, self.count = of_good, of_offer, of_need, count
        self._columns = np.concatenate([of_offer, of_need, of_offer])
        self._groups = Groups(self._columns)
        self._parts = Kept[bytes, Chains](MOST_PARTS)

    def part(self, going: BoolArray) -> Part:
        """The members (M,) and chains of which some are going, (M, chains)."""
        chains: BoolArray = np.asarray(going.any(axis=0))
        axes = self.of_good, self.of_offer, self.of_need
        goods, offers, needs = (np.flatnonzero(chains.take(of)) for of in axes)
        return Part(np.flatnonzero(going.any(axis=1)), np.flatnonzero(chains), goods, offers, needs)

    def some(self, part: Part) -> Chains:
        """The chains of a part, renumbered; kept."""
        return self._parts.get(part.chains.tobytes(), lambda: self._some(part))

    def _some(self, part: Part) -> Chains:
        number = np.full(self.count, -1)
        number[part.chains] = np.arange(len(part.chains))
        chains = object.__new__(Chains)
        axes = (self.of_good, part.goods), (self.of_offer, part.offers), (self.of_need, part.needs)
        good, offer, need = (number[of[where]] for of, where in axes)
        chains._set_up(good, offer, need, len(part.chains))
        return chains

    def columns(self, part: Part) -> IntArray:
        """Positions of a part's columns in what :meth:`joined` gives."""
        offers, needs = len(self.of_offer), len(self.of_need)
        return np.concatenate([part.offers, offers + part.needs, offers + needs + part.offers])

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
        of_offers, of_needs = going[:, self.of_offer], going[:, self.of_need]
        return replace(
            like,
            offer=np.where(of_offers, offer, like.offer),
            need=np.where(of_needs, need, like.need),
            reach=np.where(of_offers, reach, like.reach),
        )

    def sums(self, values: FloatArray) -> FloatArray:
        """(..., M, chains) sums over columns."""
        return self._groups.spread_sums(values, self.count)

    def largest(self, values: FloatArray) -> FloatArray:
        """(M, chains) maxima over columns."""
        found = self._groups.largest(values)
        if len(self._groups.keys) == self.count:
            return found
        most = np.zeros((len(values), self.count))
        most[:, self._groups.keys] = found
        return most

    def spread(self, by_chain: npt.NDArray[Numbers]) -> npt.NDArray[Numbers]:
        """(..., M, columns) what chains have, for every column."""
        wide: npt.NDArray[Numbers] = by_chain.take(self._columns, axis=-1)
        return wide

    def of_goods(self, goods: BoolArray, world: World) -> BoolArray:
        """(M, chains) which hold any of some goods (M, G), or by-products of what they hold, and so on."""
        found = np.zeros((len(goods), self.count), dtype=bool)
        np.logical_or.at(found.T, self.of_good, goods.T)
        hosted = np.flatnonzero(world.offer_host >= 0)
        by, host = self.of_offer[hosted], self.of_good[world.offer_host[hosted]]
        while (found[:, host] & ~found[:, by]).any():
            np.logical_or.at(found.T, by, found[:, host].T)
        return found

    def moved(self, of: Priced, base: Priced) -> BoolArray:
        """(M, chains) whether any price differs from the base year's."""
        apart: BoolArray = np.asarray(self.largest(np.abs(self.joined(of) - self.joined(base))) > 0)
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
        self._last: tuple[FloatArray, FloatArray] | None = None
        self._calmest: tuple[FloatArray, FloatArray, FloatArray] | None = None
        self._changes = 0
        """Changes between rounds so far: the newest few are kept, each in the place of the oldest."""
        columns = len(chains.spread(np.zeros(chains.count)))
        self._turned, self._back = np.zeros((2, MEMORY, len(going), columns))
        """(MEMORY, M, columns) how the change of a round changed, and that and the way between them."""
        self._products = np.zeros((MEMORY, MEMORY, *going.shape))
        """(MEMORY, MEMORY, M, chains) products of what turned."""

    def narrow(self, part: Part) -> None:
        """Go on with some members and chains alone: those left out have arrived."""
        columns = self._chains.columns(part)
        self._turned, self._back = (some_of(a, part.rows, columns) for a in (self._turned, self._back))
        self._products = some_of(self._products, part.rows, part.chains)
        self.going = some_of(self.going, part.rows, part.chains)
        if self._last is not None:
            at, change = self._last
            self._last = some_of(at, part.rows, columns), some_of(change, part.rows, columns)
        if self._calmest is not None:
            size, at, change = self._calmest
            wide = some_of(at, part.rows, columns), some_of(change, part.rows, columns)
            self._calmest = some_of(size, part.rows, part.chains), *wide
        self._chains = self._chains.some(part)

    def left(self) -> Part:
        """The members and chains that have not arrived."""
        return self._chains.part(self.going)

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
        ahead = change
        if self._last is not None:
            self._remember(self._last, at, change)
            onwards = self._far(self._last[1], change)
            kept = self._kept()
            back = np.zeros((MEMORY, *size.shape))
            back[kept] = self._taken_back(kept, change)
            ways = chains.spread(back)
            ways *= self._back
            for place in kept:
                ahead = ahead - ways[place]
            ahead = np.where(chains.spread(onwards), ONWARDS * change, ahead)
        self._last = at, change
        return chains.parted(at + ahead, now, self.going)

    def _calm(self, size: FloatArray, at: FloatArray, change: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Where the round began that changed each chain least so far, and what it changed."""
        if self._calmest is None:
            self._calmest = size, at, change
        else:
            least, place, moved = self._calmest
            calmer: BoolArray = np.asarray(size < least)
            columns = self._chains.spread(calmer)
            self._calmest = (
                np.where(calmer, size, least), np.where(columns, at, place), np.where(columns, change, moved)
            )  # fmt: skip
        return self._calmest[1], self._calmest[2]

    def _far(self, before: FloatArray, change: FloatArray) -> BoolArray:
        """(M, chains) whether two changes are alike and the second is hardly smaller: the way is long."""
        size, earlier, both = self._chains.sums(np.stack([change * change, before * before, change * before]))
        alike = both > SAME * np.sqrt(size * earlier)
        far: BoolArray = np.logical_and(alike, size > SHRINKS**2 * earlier)
        return far

    def _kept(self) -> list[int]:
        """Places of the changes between rounds that are remembered, the oldest first."""
        return [number % MEMORY for number in range(max(self._changes - MEMORY, 0), self._changes)]

    def _remember(self, before: tuple[FloatArray, FloatArray], at: FloatArray, change: FloatArray) -> None:
        """Keep what changed from a round to the next, in the place of the oldest."""
        place = self._changes % MEMORY
        self._changes += 1
        turned = np.subtract(change, before[1], out=self._turned[place])
        back = np.subtract(at, before[0], out=self._back[place])
        back += turned
        # Products of what is kept do not change from round to round: the newest alone are new.
        some = min(self._changes, MEMORY)
        products = self._chains.sums(self._turned[:some] * turned)
        self._products[place, :some] = products
        self._products[:some, place] = products

    def _taken_back(self, kept: list[int], change: FloatArray) -> FloatArray:
        """(kept, M, chains) of each earlier change how much of it is taken back, by least squares.

        Equations (M107) and (M108), docs/model.md, for ``gram_lk`` and ``tk_l``.
        """
        some = len(kept)
        matrix = np.moveaxis(self._products[np.ix_(kept, kept)], (0, 1), (-2, -1)).copy()
        right = np.moveaxis(self._chains.sums(self._turned[:some] * change)[kept], 0, -1)
        size = np.trace(matrix, axis1=-2, axis2=-1)[..., None, None] / some
        matrix += (STEADY * size + LEAST) * np.eye(some)
        back = np.linalg.solve(matrix, right[..., None])[..., 0]
        taken: FloatArray = np.moveaxis(np.clip(back, -FARTHEST, FARTHEST), -1, 0)
        return taken
