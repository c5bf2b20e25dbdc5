"""Export licences as queues at the border.

An application takes tonnes out of the exporter's stock; when it is decided they return to
stock, and the approved share becomes a permit to export, valid for some time. Exports are then
whatever trade makes of the permits: there is no second queue in transit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.controls import Licence
from sim.world.world import FloatArray

__all__ = ["LicenceQueue"]


@dataclass
class LicenceQueue:
    """One licence on one good: applications under way and permits in hand."""

    waiting: FloatArray
    """(M, slots, S) tonnes by seller whose application is decided in 0, 1, ... steps."""
    permits: FloatArray
    """(M, slots) approved tonnes, slot 0 expires first."""

    @classmethod
    def empty(cls, members: int, sellers: int, licence: Licence, step_years: float) -> LicenceQueue:
        """A queue on the day that the licence comes into force: nothing applied for, no permits."""
        delay = int(np.ceil(licence.delay_years / step_years)) + 1
        validity = max(1, round(licence.validity_years / step_years))
        return cls(np.zeros((members, delay, sellers)), np.zeros((members, validity)))

    def resize(self, licence: Licence, step_years: float) -> None:
        """Fit a licence with another delay or validity: what waits is decided at its new latest."""
        fresh = LicenceQueue.empty(len(self.permits), self.waiting.shape[2], licence, step_years)
        for held, room in ((self.waiting, fresh.waiting), (self.permits, fresh.permits)):
            for slot in range(held.shape[1]):
                room[:, min(slot, room.shape[1] - 1)] += held[:, slot]
        self.waiting, self.permits = fresh.waiting, fresh.permits

    def apply_for(self, tonnes: FloatArray, licence: Licence, step_years: float) -> None:
        """File applications, (M, S) tonnes; a delay between two steps is split between them."""
        delay = licence.delay_years / step_years
        early = int(np.floor(delay))
        late_share = delay - early
        self.waiting[:, early] += (1 - late_share) * tonnes
        if late_share > 0:
            self.waiting[:, early + 1] += late_share * tonnes

    def decide(self, approval_share: float) -> FloatArray:
        """Decide what is due: permits for the approved share; return (M, S) tonnes to stock."""
        due = self.waiting[:, 0].copy()
        self.waiting[:, :-1] = self.waiting[:, 1:]
        self.waiting[:, -1] = 0.0
        self.permits[:, -1] += approval_share * due.sum(1)
        return due

    @property
    def allowed(self) -> FloatArray:
        """(M,) tonnes that may be exported now."""
        tonnes: FloatArray = self.permits.sum(1)
        return tonnes

    def use(self, tonnes: FloatArray) -> None:
        """Spend permits, oldest first, then let the oldest expire."""
        left = tonnes.copy()
        for slot in range(self.permits.shape[1]):
            spent = np.minimum(left, self.permits[:, slot])
            self.permits[:, slot] -= spent
            left = left - spent
        self.permits[:, :-1] = self.permits[:, 1:]
        self.permits[:, -1] = 0.0
