"""Facilities that made nothing in the base year but could: what they would make and take at full capacity."""

from __future__ import annotations

import numpy as np

from sim.errors import MonaziteError
from sim.world.roles import PLANTS
from sim.world.world import BoolArray, FloatArray, IntArray, World

__all__ = ["normal_amounts"]


def normal_amounts(world: World) -> tuple[FloatArray, FloatArray]:
    """(O,) output and (N,) use in t/year: those of the base year; of an entrant those at full capacity.

    An entrant takes what the tables state. Where they state nothing, a trader takes what it sells; a plant,
    per tonne of its most valuable product, what all plants that make this product take together of the same
    input and of what replaces it.

    Raises:
        MonaziteError: no other plant shows what an entrant takes; a plant works in part; a user uses nothing.
    """
    _check_begun(world)
    output = np.where(world.offer_output > 0, world.offer_output, world.offer_capacity)
    use = np.where(world.need_use > 0, world.need_use, world.need_full_use)
    for need in np.flatnonzero(use <= 0).tolist():
        offers = np.flatnonzero(world.offer_facility == world.need_facility[need])
        if not len(offers):
            name, good = world.facilities[world.need_facility[need]], world.goods[world.need_good[need]].id
            raise MonaziteError(f"{name} uses no {good} in the base year; remove the row, or state its use")
        if world.facility_kind[world.need_facility[need]] == "trader":
            use[need] = output[offers[world.offer_good[offers] == world.need_good[need]]].sum()
        else:
            use[need] = _as_others(world, need, offers, output)
    return output, use


def _check_begun(world: World) -> None:
    """A plant works or waits: all of its base-year outputs and uses are above 0, or none.

    The loader says so with the row; this is for worlds that are made in Python.

    Raises:
        MonaziteError: a plant of which some are.
    """
    for index, kind in enumerate(world.facility_kind):
        if kind in PLANTS:
            output = world.offer_output[world.offer_facility == index] > 0
            use = world.need_use[world.need_facility == index] > 0
            if len({*output.tolist(), *use.tolist()}) > 1:
                raise MonaziteError(
                    f"{world.facilities[index]}: some of its base-year outputs and uses are 0 and others are "
                    "not; a plant that enters has none, one that works has all"
                )


def _as_others(world: World, need: int, offers: IntArray, output: FloatArray) -> float:
    """t/year of one input that the plant of some offers takes at full capacity, as other plants do."""
    main = int(offers[(output[offers] * world.base_price[world.offer_good[offers]]).argmax()])
    product = world.offer_good[main]
    makers = world.offer_facility[(world.offer_good == product) & (world.offer_output > 0)]
    alike = _replacing(world, int(world.need_good[need]))
    taken = np.isin(world.need_good, alike) & np.isin(world.need_facility, makers)
    with_input = np.isin(world.offer_facility, world.need_facility[taken]) & (world.offer_good == product)
    made = world.offer_output[with_input].sum()
    if not world.need_use[taken].sum() > 0 or not made > 0:
        name, good = world.facilities[world.need_facility[need]], world.goods[world.need_good[need]].id
        raise MonaziteError(
            f"{name} has no base-year output, and no other plant makes {world.goods[product].id} of {good}: "
            "nothing says how much it would take; state it in column 'use_at_capacity_t' of inputs.csv"
        )
    together = world.need_use[taken].sum() / made * output[main]
    return float(together * _part(world, need, alike, taken))


def _replacing(world: World, good: int) -> IntArray:
    """A good and those that replace it in a plant."""
    group = world.substitutes.get(world.goods[good].id)
    alike = [g for g, other in enumerate(world.goods) if group and world.substitutes.get(other.id) == group]
    return np.array(alike or [good])


def _part(world: World, need: int, alike: IntArray, taken: BoolArray) -> float:
    """Share of one input in what replaces it in the same plant: that of others, or even if they lack one."""
    own = np.flatnonzero(
        (world.need_facility == world.need_facility[need]) & np.isin(world.need_good, alike)
    )
    usual = np.array([world.need_use[taken & (world.need_good == world.need_good[n])].sum() for n in own])
    weight = usual / usual.sum() if (usual > 0).all() else np.full(len(own), 1 / len(own))
    return float(weight[own == need][0])
