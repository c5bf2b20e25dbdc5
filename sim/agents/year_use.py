"""What would be used in a year without stocks, in tiers by price: for the market of tomorrow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.agents.buyers import use_tiers
from sim.agents.holding import share_of_step
from sim.agents.prepared import Prepared
from sim.agents.production import thrifty_needs
from sim.agents.state import State
from sim.agents.worth import CLASSES, Worth
from sim.arrays import FloatArray, raised
from sim.controls import Controls

__all__ = ["Used", "YearUse", "YearUses"]

ROOM_RESPONSE = 20.0
"""Of what plants take beyond the base year, against the price at which that pays: nearly a step."""

OF_USE = (
    "production_factor", "capacity_factor", "output_ceiling", "intensity_factor", "demand_factor",
    "budget_factor",
)  # fmt: skip
"""Controls from which use follows: links and ceilings say nothing of it."""


class Used(NamedTuple):
    """What would be used in a year."""

    need: FloatArray
    """(M, N) t/year as in the base year."""
    worth: FloatArray
    """(M, N, CLASSES) what users pay by class."""
    demand: FloatArray
    """(M, N, CLASSES + 3) t/year by tier."""
    give_up: FloatArray
    """(M, N, CLASSES + 3) prices at which tiers give way."""
    dearest: FloatArray
    """(M, N) log of what the last class pays."""


class YearUses:
    """Use under several regimes at one state: what they say alike of it is worked out once."""

    def __init__(self, use: YearUse, state: State) -> None:
        self._use, self._state = use, state
        self._known: list[tuple[Controls, Used]] = []

    def of(self, controls: Controls) -> Used:
        """Use under a regime."""
        for other, used in self._known:
            if all(_same(getattr(controls, name), getattr(other, name)) for name in OF_USE):
                return used
        needs = self._use.need(self._state, controls)
        worth, demand, give_up = self._use.tiers(self._state, controls, needs)
        used = Used(needs[0], worth, demand, give_up, np.log(worth[:, :, -1]))
        self._known.append((controls, used))
        return used


class YearUse:
    """Use of a year: the tiers of a step, what thrift and switching do in a year, and room for more.

    Attributes:
        bids: what plants pay.
        elasticity: (1 or M, 1, CLASSES + 3) of the tiers, or (CLASSES + 3,).
    """

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._worth = Worth(prepared)
        self.bids = self._worth.bids
        # Of what thrift does in the long run, the part that it does in a year.
        year = share_of_step(prepared.behaviour["thrift_speed"], 1.0)
        needs = prepared.world.need_good
        thrifty = thrifty_needs(prepared)
        self._thrift = np.where(thrifty, year * prepared.behaviour["thrift_elasticity"][:, needs], 0.0)
        self._left = np.where(thrifty, 1 - year, 1.0)
        world = prepared.world
        years = np.maximum(world.need_switch_years, 1e-3)
        self._switching = world.need_switch_share * share_of_step(1 / years, 1.0)
        base = prepared.benchmark.base_index
        flat = np.ones((1, len(world.offer_good)))
        over = 1 + prepared.behaviour["entry_margin"]
        needs, at_base = self._worth.plant_needs, prepared.each(base)
        pays = self._worth.more(prepared.each(flat[0]), at_base, flat, over)
        self._wanted_at_base = np.zeros_like(at_base)
        """(M, N) share of what plants have room for that they would take at base prices."""
        self._wanted_at_base[:, needs] = np.maximum(base[needs] / pays, 1.0) ** -ROOM_RESPONSE
        behaviour = prepared.behaviour
        firm = [behaviour.shared_or_each("instant_elasticity")]
        firm += [behaviour.shared_or_each("urgent_elasticity")] * (CLASSES + 1) + [ROOM_RESPONSE]
        self.elasticity: FloatArray = np.stack(np.broadcast_arrays(*firm), axis=-1)

    def tiers(
        self, state: State, controls: Controls, needs: tuple[FloatArray, FloatArray]
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """What users pay by class, (M, N, CLASSES), and the tiers: t/year and prices, (M, N, CLASSES + 3).

        Prices of plants are those that do not follow from what their products fetch.

        Args:
            needs: of :meth:`need`.
        """
        need, room = needs
        worth = self._worth.users * controls.budget_factor[:, :, None]
        tiers = use_tiers(self._prepared, need, worth, controls.budget_factor, self._thrift)
        tiers = self._with_room(self._with_switching(tiers, need, state, controls), need, room)
        tonnes, price = (np.ascontiguousarray(np.moveaxis(array, 0, -1)) for array in tiers)
        return worth, tonnes, price

    def need(self, state: State, controls: Controls) -> tuple[FloatArray, FloatArray]:
        """(M, N) t/year that would be used as in the base year; what plants have room for beyond, as a share.

        A plant that one input holds back pays less for the others, as that one is dear.

        Equation (M103), docs/model.md, for ``more_b``.
        """
        prepared = self._prepared
        activities = prepared.benchmark.activities
        thrift = raised(state.intensity, self._left) * state.mix
        left = 1 - prepared.world.need_switch_share * state.switched
        normal = prepared.benchmark.normal_use * thrift * left * controls.intensity_factor
        need: FloatArray = normal * controls.demand_factor
        plant = activities.need_plant >= 0
        at = activities.need_plant[plant]
        level = activities.largest(controls.production_factor * controls.capacity_factor)
        level = np.minimum(level, activities.largest(controls.output_ceiling))
        grown = activities.largest(state.capacity / prepared.world.offer_capacity)
        need[:, plant] = normal[:, plant] * (grown * level)[:, at]
        room = np.zeros_like(need)
        most = activities.largest(state.capacity / prepared.benchmark.normal_output)
        most = most / np.maximum(grown, 1e-12)
        room[:, plant] = np.maximum(most - 1, 0.0)[:, at]
        return need, room

    def _with_switching(
        self, tiers: tuple[FloatArray, FloatArray], need: FloatArray, state: State, controls: Controls
    ) -> tuple[FloatArray, FloatArray]:
        """Tiers, of which a part gives way within a year where the next best way pays."""
        world = self._prepared.world
        left = 1 - world.need_switch_share * state.switched
        part = self._switching * (1 - state.switched) / np.maximum(left, 1e-9)
        price = self._prepared.benchmark.base_index * world.need_switch_multiple * controls.budget_factor
        price = np.broadcast_to(np.maximum(price, 1e-9), need.shape)
        return (
            np.concatenate([tiers[0] * (1 - part), (part * need)[None]]),
            np.concatenate([tiers[1], price[None]]),
        )

    def _with_room(
        self, tiers: tuple[FloatArray, FloatArray], need: FloatArray, room: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Tiers, with one for what plants would take beyond the base year where that pays well.

        Equation (M104), docs/model.md, for ``d_bk``.
        """
        tonnes, price = need * room, np.ones_like(need)
        # The step is not quite one: what of it is wanted at base prices the other tiers leave out.
        left = 1 - np.divide(tonnes, need, out=np.zeros_like(need), where=need > 0) * self._wanted_at_base
        return np.concatenate([tiers[0] * left, tonnes[None]]), np.concatenate([tiers[1], price[None]])


def _same(one: FloatArray, other: FloatArray) -> bool:
    return one is other or np.array_equal(one, other)
