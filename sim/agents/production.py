"""Steps 7 and 8: production, consumption, and the slow adaptation of plants and needs."""

from __future__ import annotations

import numpy as np

from sim.agents.expectations import share_of_step
from sim.agents.parameters import Behaviour
from sim.agents.sellers import normal_stock
from sim.agents.state import State
from sim.world.benchmark import Benchmark
from sim.world.powers import raised
from sim.world.world import FloatArray, IntArray, World

__all__ = ["adapt_intensity", "adapt_rates", "consume", "discard_surplus", "run_plants", "usable_inputs"]

RECOVERY_ROOM, RECOVERY_STEP = 1.1, 0.05
"""A plant short of one input orders the others for a tenth and five points more than it could use."""
RANGE_OF_PRICES = (0.05, 50.0)
"""Price ratios beyond which plants and needs respond no further."""


def run_plants(
    world: World,
    state: State,
    benchmark: Benchmark,
    planned: FloatArray,
    available: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Run processors and traders; return their output (M, O) and input use (M, N), tonnes.

    Throughput is the plan or what the scarcest input allows (Leontief between groups of inputs,
    substitution within a group). A separator's oxides follow the elements in its own stock of
    concentrate.

    Args:
        planned: (M, P) tonnes of throughput wanted this step.
        available: (M, N) tonnes of input on hand.
    """
    activities = benchmark.activities
    order = activities.need_order
    per_tonne = activities.need_coefficient[order] * state.need_rate[:, order]
    held = available[:, order]
    throughput = np.minimum(planned, _scarcest(benchmark, held, per_tonne))
    throughput = np.maximum(throughput, 0.0)

    # Each input in its own proportion first; what one lacks, its substitutes make up.
    wanted = throughput[:, activities.need_plant[order]] * per_tonne
    own = np.minimum(wanted, held)
    lacking = np.add.reduceat(wanted - own, activities.group_start, axis=1)[:, activities.need_group]
    spare = np.add.reduceat(held - own, activities.group_start, axis=1)[:, activities.need_group]
    own += np.divide(lacking, spare, out=np.zeros_like(spare), where=spare > 0) * (held - own)
    used = np.zeros_like(available)
    used[:, order] = np.minimum(own, held)
    output = np.zeros((len(throughput), len(world.offer_good)))
    made = activities.offer_plant >= 0
    output[:, made] = throughput[:, activities.offer_plant[made]] * activities.offer_yield[made]
    separated = np.flatnonzero(activities.offer_element >= 0)
    if len(separated):
        position = activities.basket_need[activities.offer_plant[separated]]
        element = activities.offer_element[separated]
        stock = available[:, benchmark.basket_need[position]]
        held = state.buyer_elements[:, position, element]
        content = np.divide(held, stock, out=np.zeros_like(held), where=stock > 0)
        processed = used[:, benchmark.basket_need[position]]
        output[:, separated] = processed * content * activities.offer_yield[separated]
    return output, used


def _reach(benchmark: Benchmark, held: FloatArray, per_tonne: FloatArray) -> FloatArray:
    """(M, groups) throughput that each group of substitutes would allow, tonnes."""
    start = benchmark.activities.group_start
    reach: FloatArray = np.add.reduceat(held, start, axis=1) / np.add.reduceat(per_tonne, start, axis=1)
    return reach


def _group_plant(benchmark: Benchmark) -> IntArray:
    activities = benchmark.activities
    return activities.need_plant[activities.need_order][activities.group_start]


def _scarcest(benchmark: Benchmark, held: FloatArray, per_tonne: FloatArray) -> FloatArray:
    """(M, P) throughput that the scarcest group of inputs allows, tonnes."""
    reach = _reach(benchmark, held, per_tonne)
    bound: FloatArray = np.minimum.reduceat(reach, benchmark.activities.group_plant_start, axis=1)
    return bound


def usable_inputs(
    state: State, benchmark: Benchmark, planned: FloatArray, available: FloatArray
) -> FloatArray:
    """(M, N) what each input of a plant is good for, as a share of the plan, next step.

    1 for the scarcest input and for users; for the others what the scarcest allowed this step,
    with some room to recover.
    """
    activities = benchmark.activities
    order, plant = activities.need_order, activities.need_plant[activities.need_order]
    held = available[:, order]
    per_tonne = activities.need_coefficient[order] * state.need_rate[:, order]
    reach = _reach(benchmark, held, per_tonne)
    scarcest = np.minimum.reduceat(reach, activities.group_plant_start, axis=1)
    share = scarcest / np.maximum(planned, 1e-300)
    is_scarcest = (reach <= scarcest[:, _group_plant(benchmark)] * (1 + 1e-9))[:, activities.need_group]
    scarcest = share[:, plant]
    room = np.minimum(scarcest * RECOVERY_ROOM + RECOVERY_STEP, 1.0)
    usable = np.ones_like(available)
    usable[:, order] = np.where(is_scarcest, 1.0, room)
    return usable


def consume(required: FloatArray, available: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What is used of a requirement, and what of it stock cannot cover: the shortfall. Both (M, N)."""
    used = np.minimum(required, available)
    return used, required - used


def discard_surplus(
    world: World, state: State, benchmark: Benchmark, behaviour: Behaviour, step_years: float
) -> FloatArray:
    """(M, O) tonnes of joint products thrown away because nobody took them for too long."""
    plant = benchmark.activities.offer_plant
    outputs = np.bincount(plant[plant >= 0], minlength=len(benchmark.activities.facility))
    joint = (plant >= 0) & (outputs[np.maximum(plant, 0)] > 1)
    limit = behaviour["discard_years"] * world.offer_output + normal_stock(world, state, step_years)
    surplus = np.where(joint, np.maximum(state.seller_stock - limit, 0.0), 0.0)
    return surplus


def adapt_rates(
    world: World,
    state: State,
    benchmark: Benchmark,
    behaviour: Behaviour,
    cash_cost: FloatArray,
    own_cost: FloatArray,
    ask_factor: FloatArray,
    step_years: float,
) -> None:
    """Mines follow price and their own stock; plants follow margin, output stock and demand.

    Args:
        cash_cost: (O,) in multiples of the good's base price; below it a mine idles.
        own_cost: (1 or M, O) costs other than those of inputs, relative to the base year.
        ask_factor: (1 or M, O) share of its price that a seller asks; a state pays it the rest.
    """
    activities = benchmark.activities
    follow = share_of_step(behaviour["utilisation_speed"], step_years)
    lowest = behaviour["minimum_utilisation"]
    relative_stock = np.maximum(state.seller_stock / normal_stock(world, state, step_years), 1e-3)
    received = state.offer_expected_price / ask_factor
    expected = np.clip(received / own_cost, *RANGE_OF_PRICES)

    mine = np.flatnonzero(activities.offer_plant < 0)
    price, stock = expected[:, mine], relative_stock[:, mine]
    elasticity = behaviour["supply_elasticity"][:, world.offer_good[mine]]
    wanted = raised(price, elasticity) * raised(stock, -behaviour["output_stock_response"])
    covered = np.minimum(price / np.maximum(cash_cost[mine], 1e-9), 1.0)
    loss = raised(covered, behaviour["shutdown_response"])
    wanted = np.clip(wanted, lowest, (world.offer_capacity / world.offer_output)[mine])
    rate = state.mine_rate[:, mine]
    state.mine_rate[:, mine] = rate + follow * (np.maximum(wanted * loss, lowest) - rate)

    value = activities.revenue_mean(np.clip(received, *RANGE_OF_PRICES))
    own = activities.revenue_mean(own_cost)
    paid = np.clip(state.need_expected_price / benchmark.base_index, *RANGE_OF_PRICES)
    inputs = activities.cost_mean(paid)
    share = activities.input_cost_share
    margin = value / (1 + share * (inputs - 1) + (1 - share) * (own - 1))
    glut = activities.revenue_mean(relative_stock)
    wanted = raised(margin, behaviour["processing_elasticity"])
    wanted *= raised(glut, -behaviour["output_stock_response"])
    wanted = np.clip(wanted, lowest, activities.capacity_ratio)
    state.plant_rate += follow * (wanted - state.plant_rate)


def adapt_intensity(
    world: World,
    state: State,
    benchmark: Benchmark,
    behaviour: Behaviour,
    budget: FloatArray,
    step_years: float,
) -> None:
    """Substitution and thrift: need falls slowly while prices are expected high.

    End users economise, and so do plants that combine several inputs (less dysprosium in a
    magnet). A plant with one input only changes its form and cannot.

    Args:
        budget: (1 or M, N) what users can pay in dollars, relative to the base year.
    """
    follow = share_of_step(behaviour["thrift_speed"], step_years)
    plant = benchmark.activities.need_plant
    inputs = np.bincount(plant[plant >= 0], minlength=len(benchmark.activities.facility))
    free = np.flatnonzero((plant < 0) | (inputs[np.maximum(plant, 0)] > 1))
    elasticity = behaviour["thrift_elasticity"][:, world.need_good[free]]
    felt = state.need_expected_price[:, free] / benchmark.base_index[free] / budget[:, free]
    ratio = np.clip(felt, *RANGE_OF_PRICES)
    intensity = state.intensity[:, free]
    state.intensity[:, free] = intensity + follow * (raised(ratio, -elasticity) - intensity)
