"""Steps 7 and 8: production, consumption, and the slow adaptation of plants and needs."""

from __future__ import annotations

import numpy as np

from sim.agents import inputs
from sim.agents.holding import share_of_step
from sim.agents.prepared import Prepared
from sim.agents.sellers import normal_stock
from sim.agents.state import State
from sim.arrays import BoolArray, FloatArray, raised
from sim.controls import Controls

__all__ = [
    "adapt_intensity", "adapt_rates", "consume", "discard_surplus", "felt", "paying_share",
    "planned_throughput", "run_plants", "thrifty_needs", "usable_inputs", "within_plan",
]  # fmt: skip

ROUNDING = 1e-12
"""Of what is needed: a smaller part that is missing is none."""


def planned_throughput(prepared: Prepared, plan: FloatArray) -> FloatArray:
    """(M, P) tonnes of input that plants would take this step to make what is planned, (M, O) tonnes.

    The product that is to be made most of, relative to normal times, decides for all.

    Equation (M62), docs/model.md, for ``Tp_f``.
    """
    activities = prepared.benchmark.activities
    relative = plan / (prepared.benchmark.normal_output * prepared.step_years)
    throughput: FloatArray = activities.throughput * prepared.step_years * activities.largest(relative)
    return throughput


def within_plan(prepared: Prepared, plan: FloatArray) -> FloatArray:
    """(M, O) share of what its plant could make of a product that is to be made; 1 for mines.

    Equation (M65), docs/model.md, for ``make_s``.
    """
    activities, made = prepared.benchmark.activities, prepared.made
    relative = plan / (prepared.benchmark.normal_output * prepared.step_years)
    most = activities.largest(relative)[:, activities.offer_plant[made]]
    within = np.ones_like(relative)
    within[:, made] = relative[:, made] / np.maximum(most, 1e-12)
    return within


def run_plants(
    prepared: Prepared,
    rate: FloatArray,
    planned: FloatArray,
    available: FloatArray,
    elements: FloatArray,
    served: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Run processors and traders; return their output (M, O) and input use (M, N), tonnes.

    Throughput is the plan as far as inputs are there and worth their price (Leontief between groups of
    inputs, substitution within a group). A separator's oxides follow the elements in its own stock of
    concentrate.

    Args:
        rate: (M, N) need per unit of activity relative to the base year.
        planned: (M, P) tonnes of throughput wanted this step.
        available: (M, N) tonnes of input on hand.
        elements: (M, basket needs, E) tonnes of each element in buyers' stocks of concentrate.
        served: (M, N) share of what is planned for which an input is worth its price.

    Equations (M64) and (M66), docs/model.md, for ``Tu_f`` and ``make_s``.
    """
    benchmark = prepared.benchmark
    activities = benchmark.activities
    order = activities.need_order
    per_tonne = activities.need_coefficient[order] * rate[:, order]
    worth = served[:, order] * planned[:, activities.need_plant[order]]
    held = np.minimum(available[:, order], inputs.paying(activities, worth, per_tonne))
    most = inputs.reach(activities, held, per_tonne)
    throughput = planned * paying_share(prepared, served)
    throughput = np.minimum(throughput, np.minimum.reduceat(most, activities.group_plant_start, axis=1))
    throughput = np.maximum(throughput, 0.0)
    used = np.zeros_like(available)
    used[:, order] = inputs.used(activities, throughput, worth, held, per_tonne)
    output = np.zeros((len(throughput), len(prepared.world.offer_good)))
    made = prepared.made
    output[:, made] = throughput[:, activities.offer_plant[made]] * activities.offer_yield[made]
    separated = np.flatnonzero(activities.offer_element >= 0)
    if len(separated):
        position = activities.basket_need[activities.offer_plant[separated]]
        stock = available[:, benchmark.basket_need[position]]
        held = elements[:, position, activities.offer_element[separated]]
        content = np.divide(held, stock, out=np.zeros_like(held), where=stock > 0)
        processed = used[:, benchmark.basket_need[position]]
        output[:, separated] = processed * content * activities.offer_yield[separated]
    return output, used


def usable_inputs(
    prepared: Prepared, rate: FloatArray, planned: FloatArray, available: FloatArray
) -> FloatArray:
    """(M, N) what each input of a plant is good for, as a share of the plan, next step.

    1 for the scarcest input and for users; for the others what the scarcest allowed this step,
    with some room to recover. A plant that plans nothing has no scarcest input.

    Args:
        rate, planned, available: as for :func:`run_plants`.

    Equations (M63) and (M67), docs/model.md, for ``Tm_f`` and ``ub_b``.
    """
    activities = prepared.benchmark.activities
    order, plant = activities.need_order, activities.need_plant[activities.need_order]
    held = available[:, order]
    per_tonne = activities.need_coefficient[order] * rate[:, order]
    reach = inputs.reach(activities, held, per_tonne)
    scarcest = np.minimum.reduceat(reach, activities.group_plant_start, axis=1)
    idle = planned <= 0
    share = np.divide(scarcest, planned, out=np.ones_like(scarcest), where=~idle)
    free = (reach <= scarcest[:, inputs.group_of_plant(activities)] * (1 + 1e-9))[:, activities.need_group]
    free |= idle[:, plant]
    behaviour = prepared.behaviour
    room = np.minimum(share[:, plant] * behaviour["recovery_room"] + behaviour["recovery_step"], 1.0)
    usable = np.ones_like(available)
    usable[:, order] = np.where(free, 1.0, room)
    return usable


def consume(
    prepared: Prepared, required: FloatArray, served: FloatArray, available: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What is used of a requirement: what is worth its price, as far as it is there; the rest is missing.

    What a plant lacks of one input is not missing as far as it has another that replaces it.

    Args:
        required: (M, N) tonnes. served: (M, N) share whose value in use is above the price.
        available: (M, N) tonnes on hand.

    Equation (M68), docs/model.md, for ``use_b``.
    """
    used = np.minimum(required * served, available)
    short = inputs.short_of(prepared.benchmark.activities, required, available, served)
    # What rounding leaves of a price above the base year's makes nobody short.
    return used, np.where(short > ROUNDING * required, short, 0.0)


def paying_share(prepared: Prepared, served: FloatArray) -> FloatArray:
    """(M, P) share of its plan at which a plant's products pay for its inputs.

    Args:
        served: (M, N) share of each input that is worth its price; of those that replace each other the best.
    """
    activities = prepared.benchmark.activities
    best = np.maximum.reduceat(served[:, activities.need_order], activities.group_start, axis=1)
    share: FloatArray = np.minimum.reduceat(best, activities.group_plant_start, axis=1)
    return share


def discard_surplus(prepared: Prepared, state: State, controls: Controls) -> FloatArray:
    """(M, O) tonnes of joint products thrown away because nobody took them for too long.

    Equation (M70), docs/model.md, for ``junk_s``.
    """
    plant = prepared.benchmark.activities.offer_plant
    outputs = np.bincount(plant[plant >= 0], minlength=max(1, len(prepared.benchmark.activities.facility)))
    joint = (plant >= 0) & (outputs[np.maximum(plant, 0)] > 1)
    patience = prepared.behaviour["discard_years"] * prepared.benchmark.normal_output
    limit = patience + normal_stock(prepared, controls)
    surplus = np.where(joint, np.maximum(state.seller_stock - limit, 0.0), 0.0)
    return surplus


def felt(prepared: Prepared, ratio: FloatArray) -> FloatArray:
    """Price ratios (M, any) as plants and needs respond to them: beyond a range, no further.

    Equation (M73), docs/model.md, for ``ph_s``.
    """
    behaviour = prepared.behaviour
    return np.clip(ratio, behaviour["lowest_price_felt"], behaviour["highest_price_felt"])


def adapt_rates(
    prepared: Prepared, state: State, controls: Controls, prices: tuple[FloatArray, FloatArray]
) -> None:
    """Mines follow price and their own stock; plants follow margin, output stock and demand.

    A facility that did not run in the base year opens as far as its expected price lies above its cash cost,
    at full capacity from ``entry_margin`` above it, and shuts when the price falls back.

    Args:
        prices: at the gate (M, O), less what mark-ups rose by, and of choice indices (M, N).
    """
    _expand(prepared, state, controls)
    received = prices[0] / controls.ask_factor
    _adapt_mines(prepared, state, controls, received / controls.own_cost_factor)
    _adapt_plants(prepared, state, controls, received, prices[1])
    activities, made = prepared.benchmark.activities, prepared.made
    plant = activities.offer_plant[made]
    normal = prepared.benchmark.normal_output[made] / activities.throughput[plant]
    state.rate[:, made] = state.throughput[:, plant] * normal
    _forget(prepared, state)


def _forget(prepared: Prepared, state: State) -> None:
    """What a facility has run at it can run at again, for as long as people and machines are kept for it.

    Equation (M117), docs/model.md, for ``pr_s``.
    """
    lost = share_of_step(1 / prepared.behaviour["practice_years"], prepared.step_years)
    state.practised = np.maximum(state.rate, state.practised + lost * (state.rate - state.practised))


def _expand(prepared: Prepared, state: State, controls: Controls) -> None:
    """Who expects a price well above its cost builds, and what is being built comes into use.

    Each goes by the price alone, not by what others build: so many build at once, and some regret it. What
    it costs to make moves with own costs and, for plants, with what inputs are expected to cost; prices are
    high or low beside those of the years before.

    Equations (M71) and (M72), docs/model.md, for ``bld_s`` and ``C_s``.
    """
    behaviour, step = prepared.behaviour, prepared.step_years
    cost = _cost_to_make(prepared, state, controls)
    over = np.log(state.offer_expected_price / cost / (1 + behaviour["entry_margin"]))
    over = over - prepared.past.long_run[prepared.world.offer_good]
    wish = behaviour["expansion_speed"] * np.maximum(over, 0.0) * step
    begun = np.where(prepared.benchmark.entrant, 0.0, wish * state.capacity)
    done = share_of_step(1 / prepared.building_years, step) * state.building
    state.building = state.building + begun - done
    state.capacity = state.capacity + done


def _cost_to_make(prepared: Prepared, state: State, controls: Controls) -> FloatArray:
    """(M, O) unit cost over the base year's, at prices of inputs that are expected.

    Equation (M180), docs/model.md, for ``cx_s``.
    """
    activities, made = prepared.benchmark.activities, prepared.made
    cost = np.broadcast_to(controls.own_cost_factor, state.capacity.shape).copy()
    if made.any():
        paid = felt(prepared, state.need_expected_price / prepared.benchmark.base_index)
        inputs = activities.cost_mean(paid)
        plant = activities.offer_plant[made]
        share = activities.input_cost_share[plant]
        cost[:, made] = 1 + share * (inputs[:, plant] - 1) + (1 - share) * (cost[:, made] - 1)
    return cost


def _adapt_mines(
    prepared: Prepared,
    state: State,
    controls: Controls,
    received: FloatArray,
) -> None:
    """Equations (M74), (M75), (M76) and (M122), docs/model.md, for ``wish_s`` and ``Y_s``.
    """
    behaviour, benchmark = prepared.behaviour, prepared.benchmark
    lowest = behaviour["minimum_utilisation"]
    mine = np.flatnonzero(~prepared.made)
    price = felt(prepared, received[:, mine])
    normal, capacity, cash = benchmark.normal_output[mine], state.capacity[:, mine], state.cash_cost[:, mine]
    elasticity = (behaviour["supply_elasticity"] * prepared.past.answer)[:, prepared.world.offer_good[mine]]
    grown = capacity / prepared.world.offer_capacity[mine]
    wanted = np.clip(grown * raised(price, elasticity), lowest, capacity / normal)
    covered = np.minimum(price / np.maximum(cash, 1e-9), 1.0)
    wanted = wanted * raised(covered, behaviour["shutdown_response"])
    entrant = benchmark.entrant[mine]
    if entrant.any():
        over_cost = price / np.where(entrant, cash, 1.0)
        wanted = np.where(entrant, _opened(prepared, over_cost) * capacity / normal, wanted)
    # Behind a ceiling nothing winds up: rates follow what may be made, and what comes up with a host.
    wanted = np.minimum(wanted, np.broadcast_to(controls.output_ceiling, received.shape)[:, mine])
    room = prepared.hosts.room(state.capacity / benchmark.normal_output, state.rate)
    wanted = np.minimum(wanted, room[:, mine])
    rise = behaviour["ramp_limit"] * prepared.step_years * capacity
    rate = _followed(prepared, state.rate[:, mine], wanted * normal, (state.practised[:, mine], rise))
    state.rate[:, mine] = _shut(prepared, rate, wanted, normal * entrant)


def _adapt_plants(
    prepared: Prepared,
    state: State,
    controls: Controls,
    received: FloatArray,
    index: FloatArray,
) -> None:
    """Equations (M78), (M79), (M80) and (M98), docs/model.md, for ``mg_f``, ``wish_f``, ``T_f`` and
    ``opn_f``."""
    behaviour, benchmark = prepared.behaviour, prepared.benchmark
    activities = benchmark.activities
    value = activities.revenue_mean(felt(prepared, received))
    own = activities.revenue_mean(controls.own_cost_factor)
    paid = felt(prepared, index / benchmark.base_index)
    inputs = activities.cost_mean(paid)
    share = activities.input_cost_share
    margin = value / (1 + share * (inputs - 1) + (1 - share) * (own - 1))
    most = activities.largest(state.capacity / benchmark.normal_output)
    grown = activities.largest(state.capacity / prepared.world.offer_capacity)
    wanted = grown * raised(margin, behaviour["processing_elasticity"])
    wanted = np.clip(wanted, behaviour["minimum_utilisation"], most)
    entrant = np.zeros(len(activities.facility), dtype=bool)
    entrant[activities.offer_plant[prepared.made & prepared.entering]] = True
    if entrant.any():
        over_cost = margin / np.where(entrant, activities.revenue_mean(state.cash_cost), 1.0)
        wanted = np.where(entrant, _opened(prepared, over_cost) * most, wanted)
    wanted = np.minimum(wanted, activities.largest(np.broadcast_to(controls.output_ceiling, received.shape)))
    rise = behaviour["ramp_limit"] * prepared.step_years * most * activities.throughput
    practised = activities.largest(state.practised / benchmark.normal_output) * activities.throughput
    throughput = _followed(
        prepared, state.throughput, wanted * activities.throughput, (practised, rise)
    )
    state.throughput = _shut(prepared, throughput, wanted, activities.throughput * entrant)


def _followed(
    prepared: Prepared, rate: FloatArray, wanted: FloatArray, most: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Rates a step later: up to what was practised at the speed of all rates, beyond it slowly.

    Args:
        rate: what is run at. wanted: what is wanted; both (M, n), in the same unit.
        most: what was practised, and by how much more than that a rate can rise in the step.
    """
    practised, rise = most
    follow = share_of_step(prepared.behaviour["utilisation_speed"], prepared.step_years)
    rise = rise + np.maximum(practised - rate, 0.0)
    followed: FloatArray = rate + np.minimum(follow * (wanted - rate), rise)
    return followed


def _opened(prepared: Prepared, over_cost: FloatArray) -> FloatArray:
    """Share of its capacity at which an entrant wants to run, given price over cost.

    Next to nothing, such as what rounding leaves above cost, does not open it.

    Equation (M77), docs/model.md, for ``opn_s``.
    """
    behaviour = prepared.behaviour
    opened = np.clip((over_cost - 1) / behaviour["entry_margin"], 0.0, 1.0)
    opened = np.where(opened < behaviour["least_entrant_rate"], 0.0, opened)
    return opened


def _shut(prepared: Prepared, rate: FloatArray, wanted: FloatArray, full: FloatArray) -> FloatArray:
    """Rates (M, n), with those of closing entrants at 0 once they are next to nothing.

    Args:
        full: (n,) rates at full capacity of entrants, 0 of others.
    """
    least = prepared.behaviour["least_entrant_rate"]
    return np.where((wanted <= 0) & (rate < least * full), 0.0, rate)


def thrifty_needs(prepared: Prepared) -> BoolArray:
    """(N,) True for needs that fall slowly while prices are high: of users, of plants with several inputs."""
    plant = prepared.benchmark.activities.need_plant
    inputs = np.bincount(plant[plant >= 0], minlength=max(1, len(prepared.benchmark.activities.facility)))
    free: BoolArray = (plant < 0) | (inputs[np.maximum(plant, 0)] > 1)
    return free


def adapt_intensity(prepared: Prepared, state: State, controls: Controls) -> None:
    """Substitution and thrift: need falls slowly while prices are expected high.

    End users economise, and so do plants that combine several inputs (less dysprosium in a
    magnet). A plant with one input only changes its form and cannot. What users can pay in dollars
    moves with their currency.

    Equation (M81), docs/model.md, for ``j_b``.
    """
    behaviour, benchmark = prepared.behaviour, prepared.benchmark
    follow = share_of_step(behaviour["thrift_speed"], prepared.step_years)
    free = np.flatnonzero(thrifty_needs(prepared))
    elasticity = behaviour["thrift_elasticity"][:, prepared.world.need_good[free]]
    ratio = state.need_expected_price[:, free] / benchmark.base_index[free] / controls.budget_factor[:, free]
    # Users have adapted to the prices that they had, which were not always those of the base year.
    used_to = prepared.used_to[:, prepared.world.need_good[free]]
    ratio = felt(prepared, ratio * np.exp(-used_to))
    intensity = state.intensity[:, free]
    wanted = np.minimum(raised(ratio, -elasticity), behaviour["most_intensity"])
    state.intensity[:, free] = intensity + follow * (wanted - intensity)
    inputs.adapt_mix(prepared, state)
    _switch(prepared, state, controls)


def _switch(prepared: Prepared, state: State, controls: Controls) -> None:
    """Who expects a price at which its next best way pays goes over to it, and is slow to come back.

    Equations (M82) and (M83), docs/model.md, for ``pay_b`` and ``sw_b``.
    """
    behaviour, world = prepared.behaviour, prepared.world
    ratio = state.need_expected_price / prepared.benchmark.base_index / controls.budget_factor
    over = np.log(ratio / world.need_switch_multiple) / behaviour["switch_spread"]
    pays = np.clip(0.5 + over, 0.0, 1.0)
    speed = np.where(world.need_switch_years > 0, 1 / np.maximum(world.need_switch_years, 1e-3), 0.0)
    go = share_of_step(speed * pays, prepared.step_years)
    back = share_of_step(behaviour["return_speed"] * (1 - pays), prepared.step_years)
    state.switched = state.switched + go * (1 - state.switched) - back * state.switched
