"""Step 3: what sellers put on offer, and at what ask."""

from __future__ import annotations

import numpy as np

from sim.agents.prepared import Prepared
from sim.agents.state import State
from sim.arrays import FloatArray, raised
from sim.controls import Controls

__all__ = ["asks", "cost_index", "normal_stock", "offers", "own_share", "planned_output"]


def normal_stock(prepared: Prepared, controls: Controls) -> FloatArray:
    """(M, O) stock on hand before sales in normal times, for the capacity that policy leaves.

    Equation (M23), docs/model.md, for ``N_s``.
    """
    stock = prepared.kept_stock + prepared.benchmark.normal_output * prepared.step_years
    least = prepared.behaviour["least_working_stock"]
    normal: FloatArray = stock * np.maximum(controls.capacity_factor, least)
    return normal


def cost_index(prepared: Prepared, state: State, own_cost: FloatArray) -> FloatArray:
    """(M, O) unit cost relative to the base year: input costs pass through by their share.

    Args:
        own_cost: (1 or M, O) costs other than those of inputs, relative to the base year.

    Equations (M24) and (M25), docs/model.md, for ``i_f`` and ``c_s``.
    """
    activities = prepared.benchmark.activities
    inputs = activities.cost_mean(state.input_cost / prepared.benchmark.base_index)
    plant = 1 + activities.input_cost_share * (inputs - 1)
    index = np.ones((len(plant), len(prepared.world.offer_good)))
    made = prepared.made
    index[:, made] = plant[:, activities.offer_plant[made]]
    return index + own_share(prepared) * (own_cost - 1)


def own_share(prepared: Prepared) -> FloatArray:
    """(O,) base-year share of costs other than those of inputs: 1 for a mine."""
    activities, made = prepared.benchmark.activities, prepared.made
    share = np.ones(len(made))
    share[made] = 1 - activities.input_cost_share[activities.offer_plant[made]]
    return share


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


def asks(
    prepared: Prepared, state: State, cost: FloatArray, markup_ratio: FloatArray, ask_factor: FloatArray
) -> FloatArray:
    """(M, O) price at which a seller places its normal volume, in multiples of the base price.

    Cost times mark-up, higher when the price is expected to stay above cost: the seller waits.

    Args:
        ask_factor: (1 or M, O) share of that price which the seller asks; a state pays the rest.

    Equation (M27), docs/model.md, for ``A_s``.
    """
    received = state.offer_expected_price / ask_factor
    expected = raised(received / cost, prepared.behaviour["offer_expectation_response"])
    asked: FloatArray = cost * markup_ratio * expected * ask_factor
    return asked


def offers(
    prepared: Prepared,
    state: State,
    controls: Controls,
    plan: FloatArray,
    ask: FloatArray,
    held_back: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Quantity on offer (M, O) and the ask at which all of it is sold (M, O).

    A seller places ``volume (p / ask)**eps`` tonnes, where the volume is its planned output times
    (stock / normal stock)**response, and never more than its stock above the reserve. Written
    for the market as ``quantity * min(1, (p / full_ask)**eps)``.

    Args:
        plan: (M, O) tonnes planned. ask: (M, O) from :func:`asks`.
        held_back: (M, O) tonnes that wait for an export licence and are not for sale.

    Equations (M28), (M29) and (M30), docs/model.md, for ``V_s``, ``q_s`` and ``a_s``.
    """
    behaviour = prepared.behaviour
    reserve = behaviour["seller_reserve_share"] * prepared.kept_stock
    for_sale = state.seller_stock - held_back
    quantity = np.maximum(for_sale - reserve, 0.0)
    relative_stock = np.maximum(for_sale, 0.0) / normal_stock(prepared, controls)
    volume = plan * raised(relative_stock, behaviour["offer_stock_response"])
    least = behaviour["least_offer"] * prepared.benchmark.normal_output * prepared.step_years
    volume = np.maximum(volume, least)
    if prepared.benchmark.entrant.any():
        quantity, volume = _of_entrants(prepared, state, controls, (for_sale, quantity, volume))
    ratio = np.maximum(quantity, 1e-12) / volume
    return quantity, ask * raised(ratio, 1 / behaviour["offer_elasticity"])


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
