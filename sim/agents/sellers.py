"""Step 3: what sellers put on offer, and at what ask."""

from __future__ import annotations

import numpy as np

from sim.agents.expectations import expected_growth
from sim.agents.parameters import Behaviour
from sim.agents.state import State
from sim.world.calibrate import Calibration
from sim.world.world import FloatArray, World

__all__ = ["asks", "cost_index", "normal_stock", "offers", "planned_output"]


def normal_stock(world: World, step_years: float) -> FloatArray:
    """(O,) stock on hand before sales in the base year."""
    return world.offer_stock + world.offer_output * step_years


def cost_index(world: World, state: State, calibration: Calibration) -> FloatArray:
    """(M, O) unit cost relative to the base year: input costs pass through by their share."""
    activities = calibration.activities
    relative = state.input_cost / calibration.base_index * activities.cost_weight
    inputs = np.add.reduceat(relative[:, activities.need_order], activities.need_start, axis=1)
    plant = 1 + activities.input_cost_share * (inputs - 1)
    index = np.ones((len(plant), len(world.offer_good)))
    made = activities.offer_plant >= 0
    index[:, made] = plant[:, activities.offer_plant[made]]
    return index


def planned_output(
    world: World, state: State, calibration: Calibration, production_factor: FloatArray, step_years: float
) -> FloatArray:
    """(M, O) tonnes that each offer's facility would make this step at its current rate."""
    activities = calibration.activities
    rate = state.mine_rate.copy()
    made = activities.offer_plant >= 0
    rate[:, made] = state.plant_rate[:, activities.offer_plant[made]]
    return world.offer_output * step_years * rate * production_factor


def asks(state: State, behaviour: Behaviour, cost: FloatArray, markup_ratio: FloatArray) -> FloatArray:
    """(M, O) price at which a seller places its normal volume, in multiples of the base price.

    Cost times mark-up, higher when the price is expected to stay above cost: the seller waits.
    """
    rise = np.exp(expected_growth(state.offer_trend, behaviour))
    expected = (state.offer_expected_price * rise / cost) ** behaviour["offer_expectation_response"]
    return cost * markup_ratio * expected


def offers(
    world: World,
    state: State,
    behaviour: Behaviour,
    plan: FloatArray,
    ask: FloatArray,
    held_back: FloatArray,
    step_years: float,
) -> tuple[FloatArray, FloatArray]:
    """Quantity on offer (M, O) and the ask at which all of it is sold (M, O).

    A seller places ``volume (p / ask)**eps`` tonnes, where the volume is its planned output times
    (stock / normal stock)**response, and never more than its stock above the reserve. Written
    for the market as ``quantity * min(1, (p / full_ask)**eps)``.

    Args:
        held_back: (M, O) tonnes that wait for an export licence and are not for sale.
    """
    reserve = behaviour["seller_reserve_share"] * world.offer_stock
    for_sale = state.seller_stock - held_back
    quantity = np.maximum(for_sale - reserve, 0.0)
    relative_stock = np.maximum(for_sale, 0.0) / normal_stock(world, step_years)
    volume = plan * relative_stock ** behaviour["offer_stock_response"]
    volume = np.maximum(volume, 1e-3 * world.offer_output * step_years)
    ratio = np.maximum(quantity, 1e-12) / volume
    return quantity, ask * ratio ** (1 / behaviour["offer_elasticity"])
