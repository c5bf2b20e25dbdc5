"""Step 3: what sellers put on offer, and at what ask."""

from __future__ import annotations

import numpy as np

from sim.agents.parameters import Behaviour
from sim.agents.state import State
from sim.world.benchmark import Benchmark
from sim.world.powers import raised
from sim.world.world import FloatArray, World

__all__ = ["asks", "cost_index", "normal_stock", "offers", "own_share", "planned_output"]


LEAST_CAPACITY = 1e-3
"""Share of base capacity to which the working stock of a closing facility shrinks."""


def normal_stock(world: World, state: State, step_years: float) -> FloatArray:
    """(1 or M, O) stock on hand before sales in the base year, for the capacity of today."""
    stock = world.offer_stock + world.offer_output * step_years
    normal: FloatArray = stock * np.maximum(state.capacity, LEAST_CAPACITY)
    return normal


def cost_index(
    world: World, state: State, benchmark: Benchmark, own_cost: FloatArray
) -> FloatArray:
    """(M, O) unit cost relative to the base year: input costs pass through by their share.

    Args:
        own_cost: (1 or M, O) costs other than those of inputs, relative to the base year.
    """
    activities = benchmark.activities
    inputs = activities.cost_mean(state.input_cost / benchmark.base_index)
    plant = 1 + activities.input_cost_share * (inputs - 1)
    index = np.ones((len(plant), len(world.offer_good)))
    made = activities.offer_plant >= 0
    index[:, made] = plant[:, activities.offer_plant[made]]
    return index + own_share(benchmark) * (own_cost - 1)


def own_share(benchmark: Benchmark) -> FloatArray:
    """(O,) base-year share of costs other than those of inputs: 1 for a mine."""
    activities = benchmark.activities
    share = np.ones(len(activities.offer_plant))
    made = activities.offer_plant >= 0
    share[made] = 1 - activities.input_cost_share[activities.offer_plant[made]]
    return share


def planned_output(
    world: World,
    state: State,
    benchmark: Benchmark,
    production_factor: FloatArray,
    noise: FloatArray,
    ceiling: FloatArray,
    step_years: float,
) -> FloatArray:
    """(M, O) tonnes that each offer's facility would make this step at its current rate.

    A factor above 1 works as far as capacity allows.

    Args:
        noise: (1 or M, O) factor that chance makes of it.
        ceiling: (1 or M, O) most that may be produced, in multiples of base-year output.
    """
    activities = benchmark.activities
    rate = state.mine_rate.copy()
    made = activities.offer_plant >= 0
    rate[:, made] = state.plant_rate[:, activities.offer_plant[made]]
    normal = world.offer_output * step_years * rate * state.capacity
    most = np.maximum(normal, world.offer_capacity * step_years * state.capacity)
    plan = np.minimum(normal * production_factor, most)
    return np.minimum(plan * noise, world.offer_output * step_years * ceiling)


def asks(
    state: State, behaviour: Behaviour, cost: FloatArray, markup_ratio: FloatArray, ask_factor: FloatArray
) -> FloatArray:
    """(M, O) price at which a seller places its normal volume, in multiples of the base price.

    Cost times mark-up, higher when the price is expected to stay above cost: the seller waits.

    Args:
        ask_factor: (1 or M, O) share of that price which the seller asks; a state pays the rest.
    """
    received = state.offer_expected_price / ask_factor
    expected = raised(received / cost, behaviour["offer_expectation_response"])
    asked: FloatArray = cost * markup_ratio * expected * ask_factor
    return asked


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
    relative_stock = np.maximum(for_sale, 0.0) / normal_stock(world, state, step_years)
    volume = plan * raised(relative_stock, behaviour["offer_stock_response"])
    volume = np.maximum(volume, 1e-3 * world.offer_output * step_years)
    ratio = np.maximum(quantity, 1e-12) / volume
    return quantity, ask * raised(ratio, 1 / behaviour["offer_elasticity"])
