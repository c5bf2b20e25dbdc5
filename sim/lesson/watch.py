"""What a lesson keeps of a run: prices and shortages of a few goods, country by country, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.agents.origins import Origins
from sim.arrays import BoolArray, FloatArray, Groups, IntArray
from sim.engine.recording import Recording
from sim.engine.result import StepResult
from sim.engine.run import Run
from sim.instruments.process import Process
from sim.lesson.abroad import Abroad

__all__ = ["Tracks", "Watcher"]


@dataclass(frozen=True)
class Tracks:
    """Some runs of a lesson, S steps of M members each.

    Attributes:
        price: (M, S, G) USD/t outside the lesson's exporter; where nothing is traded, what users would pay.
        short: (M, S, K) tonnes missing, by pair of good and country.
        need: (M, S, K) tonnes needed.
    """

    price: FloatArray
    short: FloatArray
    need: FloatArray

    def rows(self, chosen: IntArray | BoolArray | slice) -> Tracks:
        """Some of the members."""
        return Tracks(self.price[chosen], self.short[chosen], self.need[chosen])

    def behind(self, before: Tracks) -> Tracks:
        """These steps after those of other runs, member by member."""
        pairs = ((before.price, self.price), (before.short, self.short), (before.need, self.need))
        return Tracks(*(np.concatenate(pair, axis=1) for pair in pairs))

    def until(self, step: int) -> Tracks:
        """The first steps alone."""
        return Tracks(self.price[:, :step], self.short[:, :step], self.need[:, :step])


class Watcher(Recording):
    """Keeps tracks; costs nothing beside the run.

    Args:
        goods: ids of the goods. homes: (all goods,) countries outside of which prices are shown.
    """

    def __init__(
        self, goods: Sequence[str], homes: IntArray, case: Run, families: Sequence[Origins],
        processes: Sequence[Process],
    ) -> None:  # fmt: skip
        world = case.world
        self._abroad = Abroad(homes, case)
        ids = [good.id for good in world.goods]
        self._goods = np.array([ids.index(good) for good in goods])
        self._needs = np.flatnonzero(np.isin(world.need_good, self._goods))
        countries = len(world.countries)
        self._groups = Groups(world.need_good[self._needs] * countries + world.need_country[self._needs])
        good, country = np.divmod(self._groups.keys, countries)
        self.pairs = [(ids[g], world.countries[c]) for g, c in zip(good, country, strict=True)]
        """Good and country of each of the K columns."""
        self._members = len(case.members)
        self._rows: list[tuple[FloatArray, FloatArray, FloatArray]] = []

    def record(self, result: StepResult) -> None:
        """Keep what the step brought."""
        price = self._abroad.price(result)[:, self._goods]
        short, need = (self._groups.sums(a[:, self._needs]) for a in (result.shortfall, result.required))
        self._rows.append((price, short, need))

    def tracks(self) -> Tracks:
        """All that was kept."""
        if not self._rows:
            goods, pairs = len(self._goods), len(self.pairs)
            return Tracks(*(np.zeros((self._members, 0, n)) for n in (goods, pairs, pairs)))
        return Tracks(*(np.stack(column, axis=1) for column in zip(*self._rows, strict=True)))
