"""What is left in the ground: mines that empty, ore that gets dearer, output that ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sim.agents.prepared import Prepared
from sim.agents.projects import Layout
from sim.agents.state import State
from sim.arrays import BoolArray, FloatArray, Saved, raised

__all__ = ["Reserves"]


class Reserves:
    """Tonnes left in mines whose reserves are known, D in number.

    Attributes:
        offers: (D,) their offers. left: (M, D) tonnes.
    """

    def __init__(self, prepared: Prepared, layout: Layout, life: FloatArray) -> None:
        self._prepared, self._layout = prepared, layout
        world = prepared.world
        first = np.full(len(world.offer_good), np.inf)
        if world.offer_reserve is not None:
            first = world.offer_reserve.copy()
        mines = layout.plant[layout.project] < 0
        at = layout.offers[mines]
        first[at] = life[layout.project[mines]] * world.offer_capacity[at]
        self.offers = np.flatnonzero(np.isfinite(first))
        self._first = np.maximum(first[self.offers], 1e-12)
        self.left = prepared.each(first[self.offers])
        self._cost = prepared.cash_cost[self.offers]
        of_project = world.project_of_offer[self.offers]
        self._of_project = of_project
        self._standing = of_project < 0
        # Those whom no table names are many, of lives as different as chance makes them: they go one by one.
        self._many = self._standing & world.unnamed[world.offer_facility[self.offers]]

    def bound(self, plan: FloatArray) -> FloatArray:
        """(M, O) tonnes that can be made of what is planned.

        Equation (M182), docs/model.md, for ``F_s``.
        """
        if not len(self.offers):
            return plan
        bounded, wanted = plan.copy(), plan[:, self.offers]
        open_ = np.where(self._many, self.left / self._first, 1.0)
        most = open_ * self._prepared.world.offer_capacity[self.offers] * self._prepared.step_years
        wanted = np.where(self._many, np.minimum(wanted, most), wanted)
        bounded[:, self.offers] = np.minimum(wanted, self.left)
        return bounded

    def mine(self, output: FloatArray) -> BoolArray:
        """(M, J) projects that are empty once a step's output (M, O) is out."""
        self.left = np.maximum(self.left - output[:, self.offers], 0.0)
        empty = np.zeros((len(output), len(self._prepared.world.projects)), dtype=bool)
        gone = self.left <= 1e-9 * self._first
        mine = ~self._standing
        empty[:, self._of_project[mine]] = gone[:, mine]
        return empty

    def shut(self, state: State) -> None:
        """Costs rise as the best ore goes; what is empty stays shut.

        Equations (M151) and (M152), docs/model.md, for ``rsv_s`` and ``cc_s``.
        """
        part = np.maximum(self.left / self._first, LEAST_PART)
        poorer = raised(part, -self._prepared.behaviour["grade_decline"])
        state.cash_cost = state.cash_cost.copy()
        state.cash_cost[:, self.offers] = self._cost * poorer
        gone = self.left <= 1e-9 * self._first
        for name in ("capacity", "rate", "practised", "building"):
            held = getattr(state, name).copy()
            held[:, self.offers] = np.where(gone, 0.0, held[:, self.offers])
            setattr(state, name, held)

    def book(self) -> Mapping[str, FloatArray]:
        """Tonnes left at the end of the step."""
        return {"reserve_left": self.left} if len(self.offers) else {}

    def labels(self) -> Mapping[str, tuple[str, Sequence[str]]]:
        """The mines."""
        world = self._prepared.world
        if not len(self.offers):
            return {}
        return {"deposit": ("deposit", [world.facilities[world.offer_facility[at]] for at in self.offers])}

    def arrays(self) -> dict[str, FloatArray]:
        """What is left."""
        return {"reserves/left": self.left}

    def restore(self, saved: Saved) -> None:
        """Take over what :meth:`arrays` gave."""
        self.left = saved.take("reserves/left", self.left)


LEAST_PART = 0.01
