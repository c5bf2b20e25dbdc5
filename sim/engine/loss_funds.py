"""Funds that grow with what a country's users have lost, as long as the loss is remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log

import numpy as np

from sim.agents.holding import share_of_step
from sim.agents.prepared import Prepared
from sim.arrays import FloatArray, Saved
from sim.engine.public_money import PublicMoney
from sim.instruments.investment_finance import InvestmentFinance
from sim.instruments.process import Ended

__all__ = ["LossFunds"]


class LossFunds:
    """What users of some countries lose, what is remembered of it, and what states put into their funds.

    Attributes:
        memory: (M, K) USD a year, of each of the K funds that grow with losses.
        fed: (M, all funds) USD put into each fund in the step.
    """

    def __init__(
        self, prepared: Prepared, events: Sequence[InvestmentFinance], public: PublicMoney
    ) -> None:
        self._prepared, self._public = prepared, public
        self._events = [event for event in events if event.from_losses is not None]
        self._users = [event.users(prepared.world) for event in self._events]
        self.memory = np.zeros((prepared.members, len(self._events)))
        self.fed = np.zeros((prepared.members, len(public.names)))

    def see(self, ended: Ended, index: FloatArray) -> None:
        """A step is over, in which users bought at choice indices (M, N).

        Equations (M183), (M184) and (M185), docs/model.md, for ``los_v``, ``mem_v`` and ``fnd_v``.
        """
        self.fed = np.zeros_like(self.fed)
        if not self._events:
            return
        world, step = self._prepared.world, self._prepared.step_years
        paid = index / self._prepared.benchmark.base_index
        worth = world.base_price[world.need_good]
        lost = (ended.shortfall * paid + ended.purchases * np.maximum(paid - 1, 0.0)) * worth
        for k, (event, users) in enumerate(zip(self._events, self._users, strict=True)):
            # Sums in one order, however many members share the run.
            loss = np.add.reduceat(lost[:, users], [0], axis=1)[:, 0] if len(users) else 0.0
            assert event.from_losses is not None
            share = event.from_losses.amount
            fades = share_of_step(np.asarray(log(2) / event.half_life), step)
            self.memory[:, k] += fades * (loss / step - self.memory[:, k])
            put = ended.shares.get(event.id, 0.0) * share * self.memory[:, k] * step
            self.fed[:, self._public.feed(event.id, put)] = put

    def book(self) -> Mapping[str, FloatArray]:
        """USD put into each fund in the step; nothing without funds."""
        return {"fund_fed": self.fed} if self.fed.size else {}

    def arrays(self) -> dict[str, FloatArray]:
        """What is remembered, fund by fund."""
        return {f"losses/{event.id}": self.memory[:, k] for k, event in enumerate(self._events)}

    def restore(self, saved: Saved) -> None:
        """Take over what :meth:`arrays` gave, of the funds that were there before."""
        for k, event in enumerate(self._events):
            if f"losses/{event.id}" in saved:
                self.memory[:, k] = saved.take(f"losses/{event.id}", self.memory[:, k])
