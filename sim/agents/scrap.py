"""Goods in use and their scrap: how long goods last, what is collected at which price, what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.arrays import FloatArray, raised
from sim.controls import Controls
from sim.world.scrap import STAGES
from sim.world.world import World

# Types only: what is prepared holds this.
if TYPE_CHECKING:
    from sim.agents.parameters import Behaviour

__all__ = ["Collection", "Recycling"]


@dataclass(frozen=True)
class Collection:
    """Where R recyclers stand, (M, R) each."""

    arising: FloatArray
    """t/year that would come out if all that is retired were collected."""
    embodied: FloatArray
    """t/year of it in what users that a recycler draws on take in."""
    collected: FloatArray
    """Share of what arises that is recovered; of new recyclers beside what is collected in the base year."""


class Recycling:
    """Rules of goods in use and of scrap, for U uses and R recyclers.

    Attributes:
        scrap: who they are. leaving: (M, U) share of a stage of life that goods leave in a step.
        now: (M, R) share collected in the base year. most: (M, R) that ever is.
        uncounted: (M, R) part of ``now`` that goes round outside the market, where a recycler is new.
    """

    def __init__(self, world: World, behaviour: Behaviour, step_years: float) -> None:
        assert world.scrap is not None
        self.scrap = scrap = world.scrap
        self._behaviour, self._step = behaviour, step_years
        years = scrap.years * behaviour["lifetime_scale"]
        self.leaving = -np.expm1(-STAGES * step_years / years)
        self._growth = np.expm1(scrap.past_growth * behaviour["past_growth_scale"] * step_years)
        self._use = world.need_use[scrap.needs] * step_years
        self._start = np.searchsorted(scrap.link_recycler, np.arange(len(scrap.offers)))
        output, capacity = world.offer_output[scrap.offers], world.offer_capacity[scrap.offers]
        self._room = np.where(scrap.new, 1.0, capacity / np.where(scrap.new, 1.0, output))
        arising = self._arising_first()
        today = np.minimum(output / np.maximum(arising, 1e-12), 1.0)
        self.now = np.where(scrap.new, scrap.collected_now, today)
        self.most = np.maximum(scrap.collected_most, self.now)
        self.uncounted = np.where(scrap.new, self.now, 0.0)

    def first(self) -> FloatArray:
        """(M, stages, U) tonnes in use as a run begins, after years in which use grew steadily.

        Equation (M168), docs/model.md, for ``lif_b1``.
        """
        left = self._growth + self.leaving
        held = self._use / left
        stages = []
        for _ in range(STAGES):
            stages.append(held)
            held = held * self.leaving / left
        return np.stack(stages, axis=1)

    def age(self, in_use: FloatArray, used: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Tonnes in use a step later, (M, stages, U), and what was retired, (M, U).

        Args:
            used: (M, U) tonnes that came into use in the step.

        Equations (M169) and (M170), docs/model.md, for ``lif_b1`` and ``ret_b``.
        """
        out = in_use * self.leaving[:, None]
        come = np.concatenate([used[:, None], out[:, :-1]], axis=1)
        return in_use - out + come, out[:, -1]

    def arising(self, retired: FloatArray) -> FloatArray:
        """(M, R) t/year that would come out if all of what was retired in a step, (M, U), were collected.

        Equation (M171), docs/model.md, for ``ars_s``.
        """
        scrap = self.scrap
        return self._drawn(retired, scrap.content * scrap.recovery)

    def embodied(self, used: FloatArray) -> FloatArray:
        """(M, R) t/year of what recyclers recover that is in what was used in a step, (M, U)."""
        return self._drawn(used, self.scrap.content)

    def _drawn(self, tonnes: FloatArray, weight: FloatArray) -> FloatArray:
        # Sums in one order, however many members share the run.
        links = tonnes[:, self.scrap.link_use] * weight
        drawn: FloatArray = np.add.reduceat(links, self._start, axis=1) / self._step
        return drawn

    def _arising_first(self) -> FloatArray:
        """(M, R) of what was retired in the step before the first."""
        return self.arising(self.first()[:, -1] * self.leaving / (1 + self._growth))

    def begin(self) -> Collection:
        """The base year."""
        shape = self.now.shape
        use = np.broadcast_to(self._use, (shape[0], len(self._use)))
        return Collection(self._arising_first(), self.embodied(use), self.now - self.uncounted)

    def wanted(self, at: Collection, paid: FloatArray, controls: Controls) -> FloatArray:
        """(M, R) share that is worth collecting at what is paid over its cost, or that is asked for.

        Args:
            paid: (M, O) multiples of the base price, what states add to it included.

        Equations (M172) and (M173), docs/model.md, for ``wil_s`` and ``clw_s``.
        """
        offers = self.scrap.offers
        ratio = (paid / controls.own_cost_factor)[:, offers]
        odds = self.most / self.now - 1
        willing: FloatArray = self.most / (1 + odds * raised(ratio, -self._behaviour["scrap_response"]))
        asked = np.broadcast_to(controls.collection_target, paid.shape)[:, offers]
        content = np.broadcast_to(controls.recycled_content, paid.shape)[:, offers]
        needed = content * at.embodied / np.maximum(at.arising, 1e-12)
        asked = np.minimum(np.maximum(asked, needed + self.uncounted), self.most)
        wanted: FloatArray = np.maximum(willing, asked) - self.uncounted
        # What rounding leaves of a price above the base year's makes nobody begin.
        wanted = np.where(wanted > 1e-9, wanted, 0.0)
        return wanted

    def followed(self, at: Collection, wanted: FloatArray, years: float) -> FloatArray:
        """(M, R) share that is recovered some years on.

        Equation (M174), docs/model.md, for ``col_s``.
        """
        part = -np.expm1(-years / self._behaviour["scrap_years"])
        later: FloatArray = at.collected + part * (wanted - at.collected)
        return later

    def capacity(self, at: Collection) -> FloatArray:
        """(M, R) t/year that recyclers can make of what is collected, those of today with their usual room.

        Equation (M175), docs/model.md, for ``C_s``.
        """
        capacity: FloatArray = at.arising * at.collected * self._room
        return capacity

    def most_made(self, at: Collection) -> FloatArray:
        """(M, R) t/year that can come out at most."""
        most: FloatArray = at.arising * (self.most - self.uncounted)
        return most
