"""Random shocks to demand and output, the only chance events of a run without scenario.

Small ones, soon over, of each good, country and facility; and one of each market, a mineral's or that of
minerals that are mined together, which moves all its users and lasts for years, as large as what world
output is found to stray from its trend.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from sim.agents.parameters import FIRST_MARKET_STREAM, NOISE_STREAM, member_generator, member_seeds
from sim.agents.prepared import Prepared
from sim.arrays import FloatArray, IntArray
from sim.world.world import Kept

__all__ = ["Noise"]


Numbers = tuple[tuple[int, int], ...]
"""Seed and number of each member."""
_KEPT: WeakValueDictionary[tuple[Any, ...], FloatArray] = WeakValueDictionary()
"""Shocks of runs that are there, by what they follow from: who goes on from a checkpoint shares them."""


def _shocks(numbers: Numbers, size: tuple[int, int], used: IntArray, keep: FloatArray) -> FloatArray:
    """(steps, M, n) shocks that remember the last one; nobody writes into them.

    Args:
        size: steps, and numbers that a member draws in each. used: (n,) of these, what is kept.
        keep: (M, 1) share of a shock that lasts to the next step.

    Equation (M84), docs/model.md, for ``nz``.
    """
    draws = np.zeros((size[0], len(numbers), len(used)))
    for row, (seed, member) in enumerate(numbers):
        if member:
            generator = member_generator(seed, member, NOISE_STREAM)
            draws[:, row] = generator.standard_normal(size)[:, used]
    return _remembering(draws, keep)


def _remembering(draws: FloatArray, keep: FloatArray) -> FloatArray:
    """(steps, M, n) draws of which each keeps a part (M, 1) of the one before; the first stays as it is."""
    for t in range(1, len(draws)):
        draws[t] = keep * draws[t - 1] + np.sqrt(1 - keep**2) * draws[t]
    draws.flags.writeable = False
    return draws


def _markets(numbers: Numbers, names: Sequence[str], steps: int, keep: FloatArray) -> FloatArray:
    """(steps, M, markets) numbers behind the shocks of markets; nobody writes into them.

    They are 0 before the first step, whose market is known, and vary the more the farther a step lies ahead.

    Args:
        keep: (M, 1) share of a number that lasts to the next step.

    Equation (M118), docs/model.md, for ``nm``.
    """
    draws = np.zeros((steps, len(numbers), len(names)))
    for row, (seed, member) in enumerate(numbers):
        for place, name in enumerate(names):
            if member:
                stream = FIRST_MARKET_STREAM + zlib.crc32(name.encode())
                draws[:, row, place] = member_generator(seed, member, stream).standard_normal(steps)
    draws[:1] *= np.sqrt(1 - keep**2)
    return _remembering(draws, keep)


class Noise:
    """Autoregressive log shocks: demand by market, by good and by country, output by facility.

    Member 0 has none. The others draw from their own stream, so a member's shocks do not depend
    on which members run beside it, and are the same in every scenario.
    """

    def __init__(
        self, prepared: Prepared, members: Sequence[int], seed: int | Sequence[int], steps: int
    ) -> None:
        world, behaviour, step_years = prepared.world, prepared.behaviour, prepared.step_years
        self._world = world
        # A small world draws for all that the whole one holds, so that a member is the same in both.
        kept = world.kept or Kept.everything(world)
        countries = np.arange(len(world.countries))
        drawn = kept.good_count + len(countries) + kept.facility_count
        used = np.concatenate([
            kept.goods, kept.good_count + countries, kept.good_count + len(countries) + kept.facilities
        ])
        self._bounds = np.cumsum([0, len(kept.goods), len(countries), len(kept.facilities)])
        keep = np.exp(-step_years / behaviour["noise_memory"])
        numbers = tuple(zip(member_seeds(seed, members), map(int, members), strict=True))
        key: tuple[Any, ...] = numbers, steps, drawn, used.tobytes(), keep.tobytes()
        draws = _KEPT.get(key)
        if draws is None:
            draws = _KEPT[key] = _shocks(numbers, (steps, drawn), used, keep)
        self._draws = draws
        names = sorted({good.market for good in world.goods})
        self._market = np.array([names.index(good.market) for good in world.goods])[world.need_good]
        keep = np.exp(-step_years / behaviour["market_memory"])
        key = numbers, steps, tuple(names), keep.tobytes()
        markets = _KEPT.get(key)
        if markets is None:
            markets = _KEPT[key] = _markets(numbers, names, steps, keep)
        self._markets, self._market_size = markets, behaviour["market_noise"][:, world.need_good]
        self._demand_size, self._output_size = behaviour["demand_noise"], behaviour["output_noise"]

    def _part(self, time: int, part: int) -> FloatArray:
        part_draws: FloatArray = self._draws[time][:, self._bounds[part] : self._bounds[part + 1]]
        return part_draws

    def demand(self, time: int) -> FloatArray:
        """(M, N) factor on each need.

        Equation (M85), docs/model.md, for ``nd_b``.
        """
        by_good = self._part(time, 0)[:, self._world.need_good]
        by_country = self._part(time, 1)[:, self._world.need_country]
        by_market = self._market_size * self._markets[time][:, self._market]
        factor: FloatArray = np.exp(self._demand_size * (by_good + by_country) + by_market)
        return factor

    def output(self, time: int) -> FloatArray:
        """(M, O) factor on each offer's planned output.

        Equation (M86), docs/model.md, for ``no_s``.
        """
        by_facility = self._part(time, 2)[:, self._world.offer_facility]
        factor: FloatArray = np.exp(self._output_size * by_facility)
        return factor
