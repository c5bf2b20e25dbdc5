"""Goods in use in a run: what is retired, what recyclers collect of it, and what they can make of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sim.agents.prepared import Prepared
from sim.agents.scrap import Collection, Recycling
from sim.agents.state import State
from sim.arrays import FloatArray, Saved
from sim.controls import Controls
from sim.instruments.process import Ended, Process, Stocks, Traced
from sim.units import Amount

__all__ = ["GoodsInUse"]


class GoodsInUse(Process):
    """All goods in use that a run follows, and the recyclers that draw on them.

    What was retired in a step is recovered in the next; its price is the last one. Tonnes balance: of what
    came into use, each is in use or was retired; what recyclers make is at most what arose.

    Attributes:
        in_use: (M, stages, U) tonnes. retired: (M, U) in the last step. arose: (M, R) t in it.
    """

    name = "scrap"

    def __init__(self, prepared: Prepared, recycling: Recycling, others: Sequence[Process]) -> None:
        self._prepared, self._recycling, self._others = prepared, recycling, others
        self._state: State | None = None
        self.in_use = recycling.first()
        self.retired = self.in_use[:, -1] * recycling.leaving
        self.arose = np.zeros_like(recycling.now)

    def start(self, stocks: Stocks, tracers: Sequence[Traced]) -> None:
        """The agents' state, in which recyclers' capacity comes and goes."""
        assert isinstance(stocks, State)
        self._state = stocks

    def bound(self, plan: FloatArray) -> FloatArray:
        """No recycler makes more than can be collected."""
        assert self._state is not None
        offers, most = self._recycling.scrap.offers, self._recycling.most_made(self._state.collection)
        bounded = plan.copy()
        bounded[:, offers] = np.minimum(plan[:, offers], most * self._prepared.step_years)
        return bounded

    def paid(self, price: FloatArray, controls: Controls, shares: Mapping[str, Amount]) -> FloatArray:
        """(M, O) prices with what those add who have a duty to have scrap recovered, at any price.

        Recyclers' costs are covered, and the margin with which they run in full.
        """
        assert self._state is not None
        offers = self._recycling.scrap.offers
        duty = (controls.collection_target + controls.recycled_content)[:, offers] > 0
        if not duty.any():
            return price
        margin = 1 + self._prepared.behaviour["entry_margin"]
        least = (self._state.cash_cost * controls.own_cost_factor)[:, offers] * margin
        covered = price.copy()
        covered[:, offers] = np.where(duty, np.maximum(price[:, offers], least), price[:, offers])
        return covered

    def after(self, ended: Ended) -> None:
        """The step is over: goods age, scrap arises, and recyclers follow what pays or is asked for."""
        state, recycling, step = self._state, self._recycling, self._prepared.step_years
        assert state is not None
        used = ended.consumed[:, recycling.scrap.needs]
        self.arose = state.scrap_arising * step
        self.in_use, self.retired = recycling.age(self.in_use, used)
        paid = state.gate_price
        for other in self._others:
            paid = other.paid(paid, ended.controls, ended.shares)
        arising, embodied = recycling.arising(self.retired), recycling.embodied(used)
        now = Collection(arising, embodied, state.scrap_collected)
        wanted = recycling.wanted(now, paid, ended.controls)
        state.scrap_arising, state.scrap_embodied = arising, embodied
        state.scrap_collected = recycling.followed(now, wanted, step)
        self._move_capacity(state)

    def _move_capacity(self, state: State) -> None:
        """Recyclers can make what is collected; nothing else makes them grow."""
        offers = self._recycling.scrap.offers
        state.capacity, state.building = state.capacity.copy(), state.building.copy()
        state.capacity[:, offers] = self._recycling.capacity(state.collection)
        state.building[:, offers] = 0.0

    def book(self) -> Mapping[str, FloatArray]:
        """Tonnes in use and retired, what arose, and the share that is collected."""
        assert self._state is not None
        return {
            "goods_in_use": self.in_use.sum(1), "goods_retired": self.retired,
            "scrap_arising": self.arose, "scrap_collected": self._state.scrap_collected,
        }  # fmt: skip

    def labels(self) -> Mapping[str, tuple[str, Sequence[str]]]:
        """Good, sector and country of what is in use; recyclers with what they recover, and where."""
        world, scrap = self._prepared.world, self._recycling.scrap
        users = world.need_facility[scrap.needs].tolist()
        makers, goods = world.offer_facility[scrap.offers].tolist(), world.offer_good[scrap.offers].tolist()
        return {
            "in_use_good": ("in_use", [world.goods[g].id for g in world.need_good[scrap.needs].tolist()]),
            "in_use_sector": ("in_use", [world.facility_sector[at] for at in users]),
            "in_use_country": ("in_use", [world.countries[world.facility_country[at]] for at in users]),
            "recycler": ("recycler", [world.facilities[at] for at in makers]),
            "recycler_good": ("recycler", [world.goods[good].id for good in goods]),
            "recycler_country": ("recycler", [world.countries[world.facility_country[at]] for at in makers]),
        }  # fmt: skip

    def arrays(self) -> dict[str, FloatArray]:
        """All that is remembered beside the state."""
        return {"in_use": self.in_use, "retired": self.retired}

    def restore(self, saved: Saved) -> None:
        """Take over what :meth:`arrays` gave; all begins anew where nothing was followed."""
        if "in_use" in saved:
            self.in_use = saved.take("in_use", self.in_use)
            self.retired = saved.take("retired", self.retired)
