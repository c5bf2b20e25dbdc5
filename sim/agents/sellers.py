"""Step 3: what sellers put on offer, and at what ask."""

from __future__ import annotations

import numpy as np

from sim.agents.holding import kept, response_of_offers
from sim.agents.prepared import Prepared
from sim.agents.state import State
from sim.arrays import FloatArray, raised
from sim.controls import Controls

__all__ = ["normal_stock", "offers", "planned_output"]


def normal_stock(prepared: Prepared, controls: Controls) -> FloatArray:
    """(M, O) stock on hand before sales in normal times, for the capacity that policy leaves.

    Equation (M23), docs/model.md, for ``N_s``.
    """
    stock = prepared.kept_stock + prepared.benchmark.normal_output * prepared.step_years
    least = prepared.behaviour["least_working_stock"]
    normal: FloatArray = stock * np.maximum(controls.capacity_factor, least)
    return normal


def planned_output(
    prepared: Prepared, state: State, controls: Controls, noise: FloatArray
) -> FloatArray:
    """(M, O) tonnes that each offer's facility would make this step at its current rate.

    A factor of policy above 1 works as far as capacity allows; a ceiling on output holds whatever the price.

    Args:
        noise: (1 or M, O) factor that chance makes of it.

    Equation (M26), docs/model.md, for ``F_s``.
    """
    step_years = prepared.step_years
    normal = state.rate * step_years * controls.capacity_factor
    most = np.maximum(normal, state.capacity * step_years * controls.capacity_factor)
    plan = np.minimum(normal * controls.production_factor, most)
    ceiling = prepared.benchmark.normal_output * step_years * controls.output_ceiling
    return np.minimum(plan * noise, ceiling)


def offers(
    prepared: Prepared,
    state: State,
    controls: Controls,
    near: FloatArray,
    held_back: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Quantity on offer (M, O) and the price from which all of it is sold (M, O).

    A seller sells what it does not want to keep at a price. The market takes a power of the price: it is the
    one that agrees with that curve, in volume, at the price that is near, and in slope in the base year.

    Args:
        near: (M, O) price at which sales are likely: the last one, and what has been learnt since.
        held_back: (M, O) tonnes that wait for an export licence and are not for sale.

    Equations (M28), (M29) and (M30), docs/model.md, for ``V_s``, ``q_s`` and ``a_s``.
    """
    behaviour = prepared.behaviour
    quantity = np.maximum(state.seller_stock - held_back, 0.0)
    usual = prepared.kept_stock * np.maximum(controls.capacity_factor, behaviour["least_working_stock"])
    volume = quantity - kept(prepared, usual, near, state.offer_expected_price)
    least = behaviour["least_offer"] * prepared.benchmark.normal_output * prepared.step_years
    volume = np.maximum(volume, np.minimum(least, quantity))
    if prepared.benchmark.entrant.any():
        quantity, volume = _of_entrants(prepared, state, controls, (quantity, quantity, volume))
    ratio = np.maximum(quantity, 1e-12) / np.maximum(volume, 1e-12)
    return quantity, near * raised(ratio, 1 / response_of_offers(prepared))


def _of_entrants(
    prepared: Prepared, state: State, controls: Controls, stock: tuple[FloatArray, FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """What sellers have on sale, and the volume that they place, once more for entrants.

    An entrant keeps a reserve as far as it runs, and places of its stock at least the share that others place
    in normal times, so that its store empties once it is shut. Next to nothing is no lot at all.

    Args:
        stock: (M, O) each: tonnes that are not held back, tonnes on sale, and volume placed, of all sellers.

    Returns:
        Tonnes on sale and volume, (M, O) each.

    Equations (M94), (M95) and (M96), docs/model.md, for ``q_s`` and ``V_s``.
    """
    for_sale, quantity, volume = stock
    behaviour, benchmark = prepared.behaviour, prepared.benchmark
    entrant, full = benchmark.entrant, benchmark.normal_output
    running = np.minimum(state.rate / full, 1.0)
    reserve = behaviour["seller_reserve_share"] * prepared.kept_stock * running
    free = np.maximum(for_sale - reserve, 0.0)
    least = behaviour["least_entrant_rate"] * full * prepared.step_years
    free = np.where(free < least, 0.0, free)
    usual = free * full * prepared.step_years / normal_stock(prepared, controls)
    return np.where(entrant, free, quantity), np.where(entrant, np.maximum(volume, usual), volume)
