"""Facilities that made nothing in the base year but could: what they would make and take at full capacity."""

from __future__ import annotations

import numpy as np

from sim.errors import MonaziteError
from sim.world.world import FloatArray, World

__all__ = ["normal_amounts"]


def normal_amounts(world: World) -> tuple[FloatArray, FloatArray]:
    """(O,) output and (N,) use in t/year: those of the base year; of an entrant those at full capacity.

    An entrant plant takes per tonne of its most valuable product what all plants that make this product take
    of the same inputs together.

    Raises:
        MonaziteError: no other plant shows what an entrant takes.
    """
    output = np.where(world.offer_output > 0, world.offer_output, world.offer_capacity)
    use = world.need_use.copy()
    _check_plants(world)
    for need in np.flatnonzero(use <= 0).tolist():
        facility = world.need_facility[need]
        offers = np.flatnonzero(world.offer_facility == facility)
        if not len(offers):
            good = world.goods[world.need_good[need]].id
            raise MonaziteError(
                f"{world.facilities[facility]} uses no {good} in the base year; remove the row, or state a "
                "use above 0"
            )
        worth = output[offers] * world.base_price[world.offer_good[offers]]
        main = int(offers[worth.argmax()])
        makers = world.offer_facility[(world.offer_good == world.offer_good[main]) & (world.offer_output > 0)]
        taken = (world.need_good == world.need_good[need]) & np.isin(world.need_facility, makers)
        makers_with = np.isin(world.offer_facility, world.need_facility[taken])
        made = world.offer_output[(world.offer_good == world.offer_good[main]) & makers_with].sum()
        if not world.need_use[taken].sum() > 0 or not made > 0:
            product, good = world.goods[world.offer_good[main]].id, world.goods[world.need_good[need]].id
            raise MonaziteError(
                f"{world.facilities[facility]} has no base-year output, and no other plant makes {product} "
                f"of {good}: nothing says how much it would take; state its base-year output and use"
            )
        use[need] = world.need_use[taken].sum() / made * output[main]
    return output, use


def _check_plants(world: World) -> None:
    """A plant has begun or not: all of its base-year outputs and uses are above 0, or none.

    Raises:
        MonaziteError: a plant of which some are.
    """
    for index, kind in enumerate(world.facility_kind):
        if kind not in ("processor", "trader"):
            continue
        output = world.offer_output[world.offer_facility == index] > 0
        use = world.need_use[world.need_facility == index] > 0
        if len({*output.tolist(), *use.tolist()}) > 1:
            raise MonaziteError(
                f"{world.facilities[index]}: some of its base-year outputs and uses are 0 and others are "
                "not; a plant that enters has none, one that works has all: leave out the rows that it does "
                "not need"
            )
