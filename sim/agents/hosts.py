"""By-products: what is mined with another good is no more than the other's mines bring up."""

from __future__ import annotations

import numpy as np

from sim.arrays import FloatArray
from sim.world.benchmark import Benchmark
from sim.world.world import World

__all__ = ["Hosts"]


class Hosts:
    """Mines whose output comes with a host: a good's mines of the same country, all taken together.

    Where the world holds no such mines, the host goes on as in the base year, and binds nothing.

    Attributes:
        offers: (B,) offers that have a host.
        hosts: (H,) offers of all hosts, one after the other; a host of several by-products stands for each.
    """

    def __init__(self, world: World, benchmark: Benchmark) -> None:
        offers: list[int] = []
        hosts: list[int] = []
        start: list[int] = []
        for offer in np.flatnonzero(world.offer_host >= 0).tolist():
            same = world.offer_country == world.offer_country[offer]
            mines = same & (world.offer_good == world.offer_host[offer]) & (world.offer_output > 0)
            if mines.any():
                offers.append(offer)
                start.append(len(hosts))
                hosts.extend(np.flatnonzero(mines).tolist())
        self.offers = np.array(offers, dtype=np.int64)
        self.hosts = np.array(hosts, dtype=np.int64)
        self._start = np.array(start, dtype=np.int64)
        self._share = world.offer_host_share[self.offers]
        normal = benchmark.normal_output[self.hosts]
        self._normal = np.add.reduceat(normal, self._start) if offers else np.zeros(0)

    def room(self, most: FloatArray, made: FloatArray) -> FloatArray:
        """(M, O) of what by-products could make, the part that comes up; infinite for all others.

        Args:
            most: (M, O) that could be made beside enough of a host, in any unit.
            made: (M, O) t/year that is made, or would be, of which that of hosts counts.

        Equation (M120), docs/model.md, for ``hp_s``.
        """
        room = np.full_like(most, np.inf)
        if len(self.offers):
            level = np.add.reduceat(made[:, self.hosts], self._start, axis=1) / self._normal
            part = 1 - self._share + self._share * np.minimum(level, 1.0)
            room[:, self.offers] = most[:, self.offers] * part
        return room
