"""Every decision: a member decides the same alone and among others, and whatever the units.

Both to the last bit: factors of two change no mantissa.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from sim.agents import buyers, expectations, production, sellers
from sim.agents.state import need_rate
from sim.arrays import FloatArray
from sim.world.world import World
from tests.agents.conftest import VARIED
from tests.prepared_world import Situation, prepared_world, situation, with_substitutes

Answer = dict[str, FloatArray]
"""Array by name; names that begin with ``t_`` are tonnes."""


def noise(of: FloatArray) -> FloatArray:
    """(M, n) a factor that differs between members and positions, whatever the batch."""
    return 0.8 + 0.4 * (of - np.floor(of))


def wants(now: Situation) -> FloatArray:
    return buyers.required_input(
        now.prepared, now.state, now.controls, noise(now.state.need_expected_price)
    )


def planned(now: Situation) -> FloatArray:
    factor = noise(now.state.offer_expected_price)
    return sellers.planned_output(now.prepared, now.state, now.controls, factor)


def cost(now: Situation) -> FloatArray:
    return sellers.cost_index(now.prepared, now.state, now.controls.own_cost_factor)


def asked(now: Situation) -> FloatArray:
    ratio = noise(now.state.gate_price)
    return sellers.asks(now.prepared, now.state, cost(now), ratio, now.controls.ask_factor)


def elements(now: Situation) -> FloatArray:
    stock = now.state.buyer_stock[:, now.prepared.benchmark.basket_need]
    return stock[..., None] * np.array([0.25, 0.125, 0.625])


def required(now: Situation) -> Answer:
    return {"t_need": wants(now)}


def positions(now: Situation) -> Answer:
    lag = now.prepared.benchmark.need_lag
    return {"t_target": buyers.target_position(now.prepared, now.state, lag, wants(now))}


def orders(now: Situation) -> Answer:
    base, slope = buyers.give_up_prices(now.prepared), buyers.worth_slopes(now.prepared)
    give_up = buyers.worth_of_inputs(now.prepared, now.state, base, slope)
    found = buyers.order_tiers(
        now.prepared, now.state, now.prepared.benchmark.need_lag, wants(now), give_up
    )
    elasticity = np.broadcast_to(found.elasticity, found.tonnes.shape)
    return {"t_orders": found.tonnes, "reservation": found.reservation, "elasticity": elasticity,
            "base": base, "slope": slope, "give_up": give_up}  # fmt: skip


def selling(now: Situation) -> Answer:
    held_back = 0.1 * now.state.seller_stock
    quantity, full_ask = sellers.offers(
        now.prepared, now.state, now.controls, planned(now), asked(now), held_back
    )
    sold_out = np.where(quantity > 0, full_ask, 0.0)
    return {"t_quantity": quantity, "full_ask": sold_out, "cost": cost(now), "ask": asked(now),
            "t_plan": planned(now), "t_normal": sellers.normal_stock(now.prepared, now.controls)}  # fmt: skip


def running(now: Situation) -> Answer:
    rate, held, plan = need_rate(now.state, now.controls), now.state.buyer_stock, planned(now)
    aim = production.planned_throughput(now.prepared, plan)
    output, used = production.run_plants(now.prepared, rate, aim, held, elements(now))
    return {"t_aim": aim, "t_output": output, "t_used": used,
            "within": production.within_plan(now.prepared, plan),
            "usable": production.usable_inputs(now.prepared, rate, aim, held)}  # fmt: skip


def ending(now: Situation) -> Answer:
    used, short = production.consume(wants(now), now.state.buyer_stock)
    junk = production.discard_surplus(now.prepared, now.state, now.controls)
    return {"t_used": used, "t_short": short, "t_junk": junk}


def adapting(now: Situation) -> Answer:
    later = now.copied()
    production.adapt_rates(later.prepared, later.state, later.controls)
    production.adapt_intensity(later.prepared, later.state, later.controls)
    return {"t_rate": later.state.rate, "t_throughput": later.state.throughput,
            "intensity": later.state.intensity}  # fmt: skip


def expecting(now: Situation) -> Answer:
    later = now.copied()
    expectations.update_expectations(later.prepared, later.state, cost(now) * now.controls.ask_factor)
    exposure = noise(now.state.choice_index)
    expectations.update_risk(later.prepared, later.state, exposure)
    state = later.state
    return {"offers": state.offer_expected_price, "needs": state.need_expected_price, "risk": state.risk}


DECISIONS = (required, positions, orders, selling, running, ending, adapting, expecting)
Decide = Callable[[Situation], Answer]


@pytest.mark.parametrize("decide", DECISIONS)
@pytest.mark.parametrize("which", ["varied", "replaceable", "entering"])
def test_a_member_decides_the_same_alone_and_among_others(
    request: pytest.FixtureRequest, which: str, decide: Decide
) -> None:
    together: Situation = request.getfixturevalue(which)
    answer = decide(together)
    for row in range(together.prepared.members):
        alone = decide(together.alone(row))
        for name, value in answer.items():
            assert np.isfinite(value).all(), name
            own = np.broadcast_to(alone[name], (1, *value.shape[1:]))
            np.testing.assert_array_equal(own[0], value[row], name)
    assert any(np.ptp(value, axis=0).max() > 0 for value in answer.values())


def rescaled(world: World, tonnes: float, dollars: float) -> World:
    """The same world in other units."""
    goods = tuple(replace(good, base_price=good.base_price * dollars / tonnes) for good in world.goods)
    return replace(
        world, goods=goods, base_flow=tuple(block * tonnes for block in world.base_flow),
        offer_cash_cost=world.offer_cash_cost * dollars / tonnes,
        **{name: getattr(world, name) * tonnes for name in ("offer_output", "offer_capacity", "offer_stock",
                                                            "need_use")},
    )  # fmt: skip


@pytest.mark.parametrize("decide", DECISIONS)
@pytest.mark.parametrize(("tonnes", "dollars"), [(2.0**10, 1.0), (1.0, 2.0**-7), (2.0**-5, 2.0**3)])
def test_units_of_tonnes_and_dollars_change_no_decision(
    entering_world: World, decide: Decide, tonnes: float, dollars: float
) -> None:
    world = with_substitutes(entering_world)
    here, there = (
        decide(situation(prepared_world(one, 3, **VARIED)))
        for one in (world, rescaled(world, tonnes, dollars))
    )
    for name, value in here.items():
        np.testing.assert_array_equal(there[name], value * (tonnes if name.startswith("t_") else 1.0), name)
