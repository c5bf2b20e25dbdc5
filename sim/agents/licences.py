"""Export licences as queues at the border.

The delay of a licence is what the rules promise. Offices run over it: of what is due a share is
decided in every step, so that the time beyond the delay is exponential, ``overrun`` delays on average.

An application takes tonnes out of the exporter's stock; when it is due they return to stock, and once
it is decided the approved share becomes a permit to export, valid for some time. Exports are then
whatever trade makes of the permits: there is no second queue in transit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.controls import Licence
from sim.units import Amount
from sim.world.world import BoolArray, FloatArray, IntArray

__all__ = ["LicenceQueue"]


@dataclass
class LicenceQueue:
    """One licence on one good: applications under way and permits in hand."""

    waiting: FloatArray
    """(M, slots, S) tonnes by seller whose application is due in 0, 1, ... steps; held back from sale."""
    late: FloatArray
    """(M, S) tonnes whose application is overdue. Papers only: the goods have been sold meanwhile."""
    permits: FloatArray
    """(M, slots) approved tonnes, slot 0 expires first."""
    life: IntArray
    """(M,) steps for which a new permit lasts."""
    filed: FloatArray
    """(M,) tonnes applied for so far."""
    approved: FloatArray
    """(M,) tonnes of permits given so far."""

    def __post_init__(self) -> None:
        self._fitted: Licence | None = None
        """The licence that books were last fitted to: as long as it is the same they fit."""
        self._share: FloatArray | None = None
        """(M, slots) as :func:`_decided` gives it for that licence."""

    @classmethod
    def empty(cls, members: int, sellers: int, licence: Licence, step_years: float) -> LicenceQueue:
        """A queue on the day that the licence comes into force: nothing applied for, no permits."""
        slots = int(_latest(licence, step_years, members).max()) + 1
        life = np.rint(_spread(licence.validity_years, members) / step_years).astype(np.int64)
        life = np.maximum(life, 1)
        late = np.zeros((members, sellers))
        return cls(
            np.zeros((members, slots, sellers)), late, np.zeros((members, int(life.max()))), life,
            filed=np.zeros(members), approved=np.zeros(members),
        )  # fmt: skip

    def resize(self, licence: Licence, step_years: float) -> None:
        """Fit a licence with another delay or validity: what waits is decided at its new latest."""
        if licence is self._fitted:
            return
        members = len(self.permits)
        fresh = LicenceQueue.empty(members, self.waiting.shape[2], licence, step_years)
        rows, latest = np.arange(members), _latest(licence, step_years, members)
        for held, room, last in (
            (self.waiting, fresh.waiting, latest),
            (self.permits, fresh.permits, fresh.life - 1),
        ):
            for slot in range(held.shape[1]):
                room[rows, np.minimum(slot, last)] += held[:, slot]
        self.waiting, self.permits, self.life = fresh.waiting, fresh.permits, fresh.life
        self._fitted, self._share = licence, None

    def apply_for(self, tonnes: FloatArray, licence: Licence, step_years: float) -> None:
        """File applications, (M, S) tonnes; a decision between two steps is split between them.

        Equation (M50), docs/model.md, for ``wait_sl``.
        """
        share = self._share
        if share is None or licence is not self._fitted:
            first, last = (times / step_years for times in _delays(licence, len(tonnes)))
            share = _decided(first, last, self.waiting.shape[1])
            self._share = share if licence is self._fitted else None
        self.waiting += share[:, :, None] * tonnes[:, None]
        # A sum's last bit depends on how its terms lie in memory, and so on the number of members.
        self.filed = self.filed + np.ascontiguousarray(tonnes).sum(1)

    def decide(self, approval_share: Amount, pace: Amount = 1.0) -> FloatArray:
        """Decide what is due: permits for the approved share; return (M, S) tonnes to stock.

        Args:
            approval_share: share of what is decided that becomes a permit, one number or (M,).
            pace: share of what is due that the office gets done in this step, one number or (M,); the
                rest stays due.

        Equation (M52), docs/model.md, for ``perm``.
        """
        ready = self.waiting[:, 0] + self.late
        due: FloatArray = ready * np.reshape(pace, (-1, 1))
        self.late = ready - due
        self.waiting[:, :-1] = self.waiting[:, 1:]
        self.waiting[:, -1] = 0.0
        given = approval_share * due.sum(1)
        self.permits[np.arange(len(due)), self.life - 1] += given
        self.approved = self.approved + given
        return due

    @staticmethod
    def pace(licence: Licence, overrun: FloatArray, step_years: float) -> FloatArray:
        """(M,) share of what is due that is decided in a step.

        Args:
            overrun: (M,) mean time beyond the stated delay, in delays; 0 decides everything at once.

        Equation (M51), docs/model.md, for ``pace``.
        """
        beyond = overrun * _spread(licence.delay_years, len(overrun)) / step_years
        share: FloatArray = 1 - np.exp(-1 / np.maximum(beyond, 1e-9))
        return share

    def drop(self, members: BoolArray) -> None:
        """Members (M,) in which the licence is not in force: nothing waits, no permit counts."""
        self.waiting[np.broadcast_to(members, (len(self.permits),))] = 0.0
        self.late[np.broadcast_to(members, (len(self.permits),))] = 0.0
        self.permits[np.broadcast_to(members, (len(self.permits),))] = 0.0

    @property
    def undecided(self) -> FloatArray:
        """(M,) tonnes whose application waits for a decision, due or not."""
        tonnes: FloatArray = self.held.sum(1) + self.late.sum(1)
        return tonnes

    @property
    def held(self) -> FloatArray:
        """(M, S) tonnes by seller whose application is not due yet."""
        return _over_slots(self.waiting)

    @property
    def allowed(self) -> FloatArray:
        """(M,) tonnes that may be exported now."""
        return _over_slots(self.permits)

    def use(self, tonnes: FloatArray) -> None:
        """Spend permits, oldest first, then let the oldest expire."""
        left = tonnes.copy()
        for slot in range(self.permits.shape[1]):
            spent = np.minimum(left, self.permits[:, slot])
            self.permits[:, slot] -= spent
            left = left - spent
        self.permits[:, :-1] = self.permits[:, 1:]
        self.permits[:, -1] = 0.0


def _over_slots(values: FloatArray) -> FloatArray:
    """Sum over the slots, one after the other: their number depends on who shares the batch, and in pairs
    the last bit would depend on it."""
    total: FloatArray = np.ascontiguousarray(np.cumsum(values, axis=1)[:, -1])
    return total


def _spread(amount: Amount, members: int) -> FloatArray:
    return np.broadcast_to(np.asarray(amount, dtype=np.float64), (members,))


def _latest(licence: Licence, step_years: float, members: int) -> IntArray:
    """(M,) steps after which the last part of an application is decided."""
    steps: IntArray = np.ceil(_delays(licence, members)[1] / step_years).astype(np.int64)
    return steps


def _delays(licence: Licence, members: int) -> tuple[FloatArray, FloatArray]:
    """(M,) years until the first and until the last part of an application is decided."""
    first = _spread(licence.delay_years, members)
    longest = licence.longest_delay_years
    return first, first if longest is None else np.maximum(first, _spread(longest, members))


def _decided(first: FloatArray, last: FloatArray, slots: int) -> FloatArray:
    """(M, slots) share of an application that is decided after 0, 1, ... steps.

    Decisions come evenly between ``first`` and ``last``, (M,) steps; each is split between the two
    nearest whole steps, which keeps the mean delay. ``area`` is the second integral of their density.
    """
    step = np.arange(-1, slots + 1)
    width = np.maximum(last - first, 1e-9)[:, None]
    inside = np.clip(step - first[:, None], 0.0, width)
    area = inside**2 / (2 * width) + np.maximum(step - first[:, None] - width, 0.0)
    evenly = np.clip(area[:, 2:] - 2 * area[:, 1:-1] + area[:, :-2], 0.0, None)
    at_once = np.maximum(1 - np.abs(step[1:-1] - first[:, None]), 0.0)
    share: FloatArray = np.where((last - first)[:, None] > 1e-6, evenly, at_once)
    # Slots that others need, who wait longer, hold nothing, not even rounding.
    share[step[1:-1] > np.ceil(last)[:, None]] = 0.0
    share /= _over_slots(share)[:, None]
    return share
