"""Every decision: a member decides the same alone and among others, and whatever the units.

Both to the last bit: factors of two change no mantissa.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from sim.agents import buyers, holding, production, sellers
from sim.agents.state import need_rate
from sim.agents.worth import Worth
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


def worth(now: Situation) -> FloatArray:
    state, controls = now.state, now.controls
    return Worth(now.prepared).now(
        state.gate_price, state.choice_index, controls.budget_factor, controls.own_cost_factor
    )


def tiers(now: Situation) -> tuple[FloatArray, FloatArray]:
    return buyers.use_tiers(now.prepared, wants(now), worth(now), now.controls.budget_factor)


def elements(now: Situation) -> FloatArray:
    stock = now.state.buyer_stock[:, now.prepared.benchmark.basket_need]
    return stock[..., None] * np.array([0.25, 0.125, 0.625])


def required(now: Situation) -> Answer:
    return {"t_need": wants(now)}


def valuing(now: Situation) -> Answer:
    found = Worth(now.prepared)
    state, over = now.state, now.prepared.behaviour["entry_margin"] + 1
    more = found.more(state.gate_price, state.choice_index, now.controls.own_cost_factor, over)
    return {"worth": worth(now), "users": found.users, "more": more}


def orders(now: Situation) -> Answer:
    lag = now.prepared.benchmark.need_lag
    found = buyers.orders(now.prepared, now.state, lag, wants(now), tiers(now))
    elasticity = np.broadcast_to(found.elasticity, found.tonnes.shape)
    return {"t_orders": found.tonnes, "reservation": found.reservation, "elasticity": elasticity,
            "t_held": found.held, "t_way": buyers.under_way(now.prepared, lag, wants(now)),
            "served": buyers.served_share(now.prepared, tiers(now), now.state.choice_index)}  # fmt: skip


def selling(now: Situation) -> Answer:
    held_back = 0.1 * now.state.seller_stock
    quantity, kept = sellers.offers(now.prepared, now.state, now.controls, held_back)
    return {"t_quantity": quantity, "t_kept": kept, "t_plan": planned(now),
            "t_normal": sellers.normal_stock(now.prepared, now.controls)}  # fmt: skip


def running(now: Situation) -> Answer:
    rate, held, plan = need_rate(now.state, now.controls), now.state.buyer_stock, planned(now)
    aim = production.planned_throughput(now.prepared, plan)
    served = buyers.served_share(now.prepared, tiers(now), now.state.choice_index)
    paying = production.paying_share(now.prepared, served)
    output, used = production.run_plants(now.prepared, rate, aim, held, elements(now), served)
    return {"t_aim": aim, "t_output": output, "t_used": used, "paying": paying,
            "within": production.within_plan(now.prepared, plan),
            "usable": production.usable_inputs(now.prepared, rate, aim, held)}  # fmt: skip


def ending(now: Situation) -> Answer:
    served = buyers.served_share(now.prepared, tiers(now), now.state.choice_index)
    used, short = production.consume(now.prepared, wants(now), served, now.state.buyer_stock)
    junk = production.discard_surplus(now.prepared, now.state, now.controls)
    return {"t_used": used, "t_short": short, "t_junk": junk}


def adapting(now: Situation) -> Answer:
    later = now.copied()
    prices = now.state.gate_price, now.state.choice_index
    production.adapt_rates(later.prepared, later.state, later.controls, prices)
    production.adapt_intensity(later.prepared, later.state, later.controls)
    return {"t_rate": later.state.rate, "t_throughput": later.state.throughput,
            "t_capacity": later.state.capacity, "t_building": later.state.building,
            "intensity": later.state.intensity, "mix": later.state.mix,
            "switched": later.state.switched}  # fmt: skip


def looking_ahead(now: Situation) -> Answer:
    year = np.broadcast_to(holding.year_elasticity(now.prepared), now.state.rate.shape)
    return {"rate": holding.closing_rate(now.prepared), "year": year,
            "elasticity": holding.elasticity_of_goods(now.prepared)}  # fmt: skip


DECISIONS = (required, valuing, orders, selling, running, ending, adapting, looking_ahead)
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
