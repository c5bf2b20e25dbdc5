"""At what price facilities that stand still could sell all that they can make, against the equations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.agents import buyers, entry, sellers
from sim.agents.prepared import Prepared
from sim.agents.worth import Worth
from sim.arrays import FloatArray
from sim.engine.markets import build_market
from sim.market.clearing import Clearing
from sim.market.layout import Terms
from sim.market.weighed import clear_weighed, price_of_weight
from tests.prepared_world import (
    LATER,
    MONTH,
    Situation,
    behaving,
    need_of,
    offer_of,
    prepared_world,
    situation,
)

CLAY = 0


def later(now: Situation) -> list[int]:
    facilities = [now.world.facilities.index(name) for name in LATER]
    return np.flatnonzero(np.isin(now.world.offer_facility, facilities)).tolist()


def cleared(now: Situation, quantity: FloatArray) -> tuple[Clearing, FloatArray]:
    """The market with what is on sale and buyers who hold nothing yet; and what sellers expect."""
    prepared, state, controls, behaviour = now.prepared, now.state, now.controls, now.prepared.behaviour
    # Who sells nothing has an empty store.
    held_back = np.where(quantity > 0, 0.0, state.seller_stock)
    _, kept = sellers.offers(prepared, state, controls, held_back)
    need = buyers.required_input(prepared, state, controls, np.ones((1, 1)))
    worth = Worth(prepared).now(
        state.gate_price, state.choice_index, controls.budget_factor, controls.own_cost_factor
    )
    tiers = buyers.use_tiers(prepared, need, worth, controls.budget_factor)
    orders = buyers.orders(prepared, state, prepared.benchmark.need_lag, need, tiers)
    terms = Terms(
        quantity, state.offer_expected_price, orders.tonnes, orders.reservation, orders.elasticity,
        held=0 * orders.held, least=behaviour.shared("least_order_share"), kept=kept,
        keep_elasticity=behaviour.shared("storage_elasticity"),
    )  # fmt: skip
    # New sellers have a part of their weight; what they go by is the price with all of it.
    found = clear_weighed(
        build_market(prepared, controls).market, terms,
        price_of_weight(state.qualified, prepared.sigma_of_offers), tolerance=1e-10,
        signal_quantity=entry.full_lots(prepared),
    )  # fmt: skip
    assert found.certified.all()
    return found, state.offer_expected_price


def on_sale(now: Situation, share: float) -> FloatArray:
    """(M, O) what others have in stock, and of entrants a share of a step's full output."""
    entrant, full = now.prepared.benchmark.entrant, now.prepared.benchmark.normal_output * MONTH
    return np.where(entrant, share * full, now.state.seller_stock)


def kernel_of(clearing: Clearing, good: int, m: int) -> FloatArray:
    """(S, B) of a member."""
    kernel = clearing.market.kernel[good]
    return np.asarray(kernel[m if kernel.ndim == 3 else ...])


def at_capacity(now: Situation, clearing: Clearing, m: int, s: int) -> float:
    """(M96), from what buyers want at their indices."""
    good = int(now.world.offer_good[s])
    needs, first = now.world.need_slice(good), now.world.offer_slice(good).start
    sigma = float(np.broadcast_to(now.prepared.sigma, (3, 4))[m, good])
    weights = kernel_of(clearing, good, m)[s - first]
    pull = (weights * clearing.demanded[m, needs] * clearing.index[m, needs] ** sigma).sum()
    lot = now.world.offer_capacity[s] * MONTH
    return float(max((pull / lot) ** (1 / sigma), now.value("lowest_price_felt", m)))


def test_lots_are_a_step_at_full_capacity(plain: Prepared, entering: Situation) -> None:
    """(M95)."""
    assert entry.full_lots(plain) is None
    lots = entry.full_lots(entering.prepared)
    expected = np.zeros(len(entering.world.offer_good))
    expected[later(entering)] = entering.world.offer_capacity[later(entering)] * MONTH
    assert lots is not None
    np.testing.assert_allclose(lots, np.tile(expected, (3, 1)))


@pytest.mark.parametrize("share", [0.0, 0.05, 1.0])
def test_the_price_of_full_capacity(entering: Situation, share: float) -> None:
    """Whether the entrant sells already or is quoted."""
    now = entering
    quantity = on_sale(now, share)
    clearing, ask = cleared(now, quantity)
    found, gate = entry.prices_at_capacity(now.prepared, now.state, clearing, quantity, ask)
    for m, s in np.ndindex(*gate.shape):
        if s in later(now):
            assert gate[m, s] == pytest.approx(at_capacity(now, clearing, m, s), rel=1e-6)
        else:
            assert gate[m, s] == clearing.price[m, s]
    expected = clearing.price.copy()
    if share == 0:
        expected[:, later(now)] = gate[:, later(now)]
    np.testing.assert_array_equal(found.price, expected)
    np.testing.assert_array_equal(found.index, clearing.index)


def test_without_entrants_nothing_changes(varied: Situation) -> None:
    clearing, ask = cleared(varied, varied.state.seller_stock)
    found, gate = entry.prices_at_capacity(
        varied.prepared, varied.state, clearing, varied.state.seller_stock, ask
    )
    assert found is clearing
    assert gate is clearing.price


def test_inputs_that_entrants_alone_could_sell_are_expected_at_their_costs(entering: Situation) -> None:
    """(M97), for the needs of entrants only; at what the others give up at the entrant sees them (M96)."""
    now, world = entering, entering.world
    quantity = on_sale(now, 0.0)
    quantity[:, world.offer_slice(CLAY)] = 0.0
    clearing, ask = cleared(now, quantity)
    found, gate = entry.prices_at_capacity(now.prepared, now.state, clearing, quantity, ask)
    need, mine = need_of(world, "separator_later"), offer_of(world, "mine_later")
    sigma = np.broadcast_to(now.prepared.sigma, (3, 4))[:, CLAY]
    for m in range(3):
        weight = kernel_of(clearing, CLAY, m)[mine, need]
        expected = (weight * now.state.cash_cost[m, mine] ** -sigma[m]) ** (-1 / sigma[m])
        assert found.index[m, need] == pytest.approx(expected, rel=1e-12)
        # What the market quotes already, with unserved buyers at an index of 1, comes on top.
        power, quote = sigma[m], clearing.price[m, mine]
        seen = quote**power / now.state.qualified[m, mine]
        both = (at_capacity(now, clearing, m, mine) ** power + seen) ** (1 / power)
        assert gate[m, mine] == pytest.approx(both, rel=1e-6)
    others = np.arange(found.index.shape[1]) != need
    np.testing.assert_array_equal(found.index[:, others], clearing.index[:, others])


def test_where_nobody_wants_anything_an_entrant_is_quoted_its_cash_cost_at_most(entering: Situation) -> None:
    now, none = entering, np.zeros_like(entering.state.buyer_stock)
    clearing, ask = cleared(now, on_sale(now, 0.0))
    idle = replace(clearing, demanded=none)
    _, gate = entry.prices_at_capacity(now.prepared, now.state, idle, on_sale(now, 0.0), ask)
    lower = np.minimum(ask, now.state.cash_cost)[:, later(now)]
    np.testing.assert_array_equal(gate[:, later(now)], lower)


def test_a_price_of_next_to_nothing_is_bounded_below(entering: Situation) -> None:
    now = replace(entering, prepared=behaving(entering.prepared, lowest_price_felt=1e3))
    clearing, ask = cleared(now, on_sale(now, 0.0))
    _, gate = entry.prices_at_capacity(now.prepared, now.state, clearing, on_sale(now, 0.0), ask)
    assert (gate[:, later(now)] == 1e3).all()


def test_a_member_is_quoted_the_same_alone_and_among_others(entering: Situation) -> None:
    """Given what the market says, which has tests of its own."""
    now = situation(prepared_world(entering.world, 3), 4)
    quantity = on_sale(now, 0.3)
    clearing, ask = cleared(now, quantity)
    found, gate = entry.prices_at_capacity(now.prepared, now.state, clearing, quantity, ask)
    for m in range(3):
        alone = now.alone(m)
        part = replace(
            clearing, price=clearing.price[[m]], index=clearing.index[[m]], sales=clearing.sales[[m]],
            demanded=clearing.demanded[[m]],
        )  # fmt: skip
        own, own_gate = entry.prices_at_capacity(alone.prepared, alone.state, part, quantity[[m]], ask[[m]])
        np.testing.assert_array_equal(own_gate[0], gate[m])
        np.testing.assert_array_equal(own.index[0], found.index[m])
