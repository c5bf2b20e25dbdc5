"""Random shocks to demand and output, the only chance events of a run without scenario."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.agents.parameters import NOISE_STREAM, member_generator, member_seeds
from sim.agents.prepared import Prepared
from sim.arrays import FloatArray
from sim.world.world import Kept

__all__ = ["Noise"]


class Noise:
    """Autoregressive log shocks: demand by good and by country, output by facility.

    Member 0 has none. The others draw from their own stream, so a member's shocks do not depend
    on which members run beside it, and are the same in every scenario.
    """

    def __init__(
        self, prepared: Prepared, members: Sequence[int], seed: int | Sequence[int], steps: int
    ) -> None:
        """Equation (M85), docs/model.md, for ``nz``."""
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
        self._draws = np.zeros((steps, len(members), self._bounds[-1]))
        for row, (own_seed, member) in enumerate(zip(member_seeds(seed, members), members, strict=True)):
            if member:
                generator = member_generator(own_seed, member, NOISE_STREAM)
                self._draws[:, row] = generator.standard_normal((steps, drawn))[:, used]
        keep = np.exp(-step_years / behaviour["noise_memory"])
        for t in range(1, steps):
            self._draws[t] = keep * self._draws[t - 1] + np.sqrt(1 - keep**2) * self._draws[t]
        self._demand_size, self._output_size = behaviour["demand_noise"], behaviour["output_noise"]

    def _part(self, time: int, part: int) -> FloatArray:
        part_draws: FloatArray = self._draws[time][:, self._bounds[part] : self._bounds[part + 1]]
        return part_draws

    def demand(self, time: int) -> FloatArray:
        """(M, N) factor on each need.

        Equation (M86), docs/model.md, for ``nd_b``.
        """
        by_good = self._part(time, 0)[:, self._world.need_good]
        by_country = self._part(time, 1)[:, self._world.need_country]
        factor: FloatArray = np.exp(self._demand_size * (by_good + by_country))
        return factor

    def output(self, time: int) -> FloatArray:
        """(M, O) factor on each offer's planned output.

        Equation (M87), docs/model.md, for ``no_s``.
        """
        by_facility = self._part(time, 2)[:, self._world.offer_facility]
        factor: FloatArray = np.exp(self._output_size * by_facility)
        return factor
