"""Step 3: what sellers put on offer, and at what ask."""

from __future__ import annotations

import numpy as np

from sim.agents.prepared import Prepared
from sim.agents.state import State
from sim.arrays import FloatArray
from sim.controls import Controls

__all__ = ["normal_stock", "offers", "planned_output"]

LEAST_KEPT = 1e-5
"""Years of its output that a seller without stock keeps where the price is what it expects: minutes."""


def normal_stock(prepared: Prepared, controls: Controls) -> FloatArray:
    """(M, O) stock on hand before sales in normal times, for the capacity that policy leaves.

    Equation (M22), docs/model.md, for ``N_s``.
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
    What is mined with another good is no more than comes up with it.

    Args:
        noise: (1 or M, O) factor that chance makes of it.

    Equations (M25) and (M121), docs/model.md, for ``F_s``.
    """
    step_years = prepared.step_years
    normal = state.rate * step_years * controls.capacity_factor
    most = np.maximum(normal, state.capacity * step_years * controls.capacity_factor)
    plan = np.minimum(normal * controls.production_factor, most)
    ceiling = prepared.benchmark.normal_output * step_years * controls.output_ceiling
    plan = np.minimum(plan * noise, ceiling)
    able = state.capacity * controls.capacity_factor * step_years
    return np.minimum(plan, prepared.hosts.room(able, plan / step_years))


def offers(
    prepared: Prepared, state: State, controls: Controls, held_back: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Tonnes that sellers have, and tonnes that they keep where the price is what they expect. Both (M, O).

    A seller sells what it does not want to keep at a price: holding is demand, on its side as on the buyers'.
    An entrant keeps stock as far as it runs, so that its store empties once it is shut; next to nothing is no
    lot at all.

    Args:
        held_back: (M, O) tonnes that wait for an export licence and are not for sale.

    Equations (M26), (M27), (M93) and (M94), docs/model.md, for ``kp_s`` and ``q_s``.
    """
    behaviour, benchmark = prepared.behaviour, prepared.benchmark
    quantity = np.maximum(state.seller_stock - held_back, 0.0)
    # Who keeps nothing at all would sell at any price, and then no price might clear.
    usual = np.maximum(prepared.kept_stock, LEAST_KEPT * benchmark.normal_output)
    kept = usual * np.maximum(controls.capacity_factor, behaviour["least_working_stock"])
    if not benchmark.entrant.any():
        return quantity, kept
    full = benchmark.normal_output
    running = np.minimum(state.rate / full, 1.0)
    least = behaviour["least_entrant_rate"] * full * prepared.step_years
    none = benchmark.entrant & (quantity < least)
    running_down = np.maximum(kept * running, LEAST_KEPT * full)
    return np.where(none, 0.0, quantity), np.where(benchmark.entrant, running_down, kept)
