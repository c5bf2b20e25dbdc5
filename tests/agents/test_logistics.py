"""Tonnes on the move: what arrives, is sold and sent, is used and made, counted tonne by tonne."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.accounts import Account, Orders
from sim.agents import logistics
from sim.agents.prepared import Prepared
from sim.agents.state import initial_state
from sim.agents.tracers import Tracer, elements
from sim.arrays import FloatArray
from sim.instruments.process import Process
from sim.market.clearing import Clearing
from sim.world.world import World
from tests.prepared_world import (
    GivenFlows,
    Situation,
    base_trade,
    behaving,
    need_of,
    offer_of,
    prepared_world,
    settled,
)


class Taker(Process):
    """Takes a fraction of what some needs are sent into one stock of its own."""

    name = "taker"

    def __init__(self, fractions: FloatArray, contents: list[int], lags: int) -> None:
        self._fractions = fractions
        stocks, members, _ = fractions.shape
        self.accounts = [Account(np.zeros((members, stocks, kinds)), lags) for kinds in contents]

    def fractions(self, clearing: Clearing, orders: Orders) -> FloatArray:
        return self._fractions

    def take(self, content: int, by_lag: FloatArray, fractions: FloatArray) -> None:
        self.accounts[content].take(by_lag, fractions)


def trade(prepared: Prepared, seed: int = 3) -> GivenFlows:
    """Trade unlike that of the base year; some links carry nothing."""
    rng = np.random.default_rng(seed)
    blocks = []
    for block in prepared.benchmark.flow:
        shape = (prepared.members, *block.shape)
        blocks.append(block * prepared.step_years * rng.uniform(0.2, 1.5, shape) * rng.choice([0, 1], shape))
    return GivenFlows(blocks)


def sent(prepared: Prepared, flows: GivenFlows) -> logistics.Traffic:
    none = np.zeros((prepared.members, len(prepared.world.need_good), 1))
    orders = Orders(none, none + 1, np.ones(1), none[..., 0])
    return logistics.Traffic(flows.clearing, orders, prepared.benchmark.lag_weight, ())


def tracer_of(now: Situation) -> Tracer:
    tracer = elements(now.prepared)
    tracer.start(now.prepared, now.state)
    return tracer


def by_lag_by_hand(prepared: Prepared, flows: GivenFlows) -> FloatArray:
    """(L, M, N) tonnes that arrive after so many steps, link by link."""
    world, lags = prepared.world, prepared.benchmark.lag_weight
    total = np.zeros((len(lags), *flows.purchases.shape))
    for g in range(len(world.goods)):
        first = world.need_slice(g).start
        for (m, s, b), tonnes in np.ndenumerate(flows.flow(g)):
            for lag, weights in enumerate(lags):
                total[lag, m, first + b] += tonnes * weights[g][s, b]
    return total


# -- arrival -------------------------------------------------------------------------------------


def test_what_is_due_arrives_and_the_rest_comes_a_step_nearer(varied: Situation) -> None:
    now = varied.copied()
    tracer = tracer_of(now)
    before, held = now.copied().state, tracer.buyer.stock.copy()
    due = tracer.buyer.transit[0].copy()
    logistics.arrive(now.state, [tracer])
    np.testing.assert_array_equal(now.state.buyer_stock, before.buyer_stock + before.transit[0])
    np.testing.assert_array_equal(now.state.transit[:-1], before.transit[1:])
    assert (now.state.transit[-1] == 0).all()
    np.testing.assert_array_equal(tracer.buyer.stock, held + due)


def test_where_nothing_travels_nothing_arrives(small_world: World) -> None:
    world = replace(small_world, transit_years=tuple(np.zeros_like(t) for t in small_world.transit_years))
    now = settled(prepared_world(world))
    assert now.state.transit.shape[0] == 0
    stock = now.state.buyer_stock.copy()
    logistics.arrive(now.state, [tracer_of(now)])
    np.testing.assert_array_equal(now.state.buyer_stock, stock)


# -- shipping ------------------------------------------------------------------------------------


def test_shipments_leave_and_are_spread_over_the_steps(varied: Situation) -> None:
    """(M55) and (M56), link by link."""
    now, flows = varied.copied(), trade(varied.prepared)
    traffic = sent(now.prepared, flows)
    bought = logistics.ship(now.state, [], [], traffic)
    np.testing.assert_array_equal(bought, flows.purchases)
    arriving = by_lag_by_hand(now.prepared, flows)
    old = varied.state
    np.testing.assert_allclose(now.state.seller_stock, old.seller_stock - flows.sales)
    np.testing.assert_allclose(now.state.buyer_stock, old.buyer_stock + arriving[0])
    np.testing.assert_allclose(now.state.transit, old.transit + arriving[1:])


@pytest.mark.parametrize("shares", [[0.25], [0.25, 0.5], [1.0], [0.0]])
def test_what_a_process_takes_is_missing_from_the_buyers_and_nowhere_else(
    varied: Situation, shares: list[float]
) -> None:
    """Tonnes and elements, sent now and under way; each process takes its part of the whole."""
    now, flows = varied.copied(), trade(varied.prepared)
    tracer, plain_tracer = tracer_of(now), tracer_of(varied)
    lags = len(now.prepared.benchmark.lag_weight)
    needs = [need_of(now.world, "ev_japan"), need_of(now.world, "separator_china_a")]
    takers = []
    for share in shares:
        fractions = np.zeros((1, *flows.purchases.shape))
        fractions[0][:, needs] = share
        takers.append(Taker(fractions, [1, 3], lags))
    without = varied.copied()
    logistics.ship(without.state, [plain_tracer], [], sent(now.prepared, flows))
    traffic = sent(now.prepared, flows)
    own = logistics.ship(now.state, [tracer], takers, traffic)
    left = np.ones(flows.purchases.shape[1])
    left[needs] -= sum(shares)
    np.testing.assert_allclose(own, flows.purchases * left)
    np.testing.assert_array_equal(now.state.seller_stock, without.state.seller_stock)

    for name in ("buyer_stock", "transit"):
        old, all_sent = getattr(varied.state, name), getattr(without.state, name)
        np.testing.assert_allclose(getattr(now.state, name), old + (all_sent - old) * left, atol=1e-12)
    taken = sum(taker.accounts[0].position[..., 0].sum(1) for taker in takers)
    np.testing.assert_allclose(taken, sum(shares) * flows.purchases[:, needs].sum(1))
    metal = sum(taker.accounts[1].position.sum(1) for taker in takers)
    separator = tracer.needs.tolist().index(needs[1])
    old_metal = tracer_of(varied).buyer.position
    all_metal = plain_tracer.buyer.position - old_metal
    np.testing.assert_allclose(metal, sum(shares) * all_metal[:, separator])
    own_metal = old_metal + all_metal * left[tracer.needs][:, None]
    np.testing.assert_allclose(tracer.buyer.position, own_metal)


# -- use, output, surplus ------------------------------------------------------------------------


def test_what_mines_make_is_for_sale_at_once_and_plants_make_nothing_yet(varied: Situation) -> None:
    now, world = varied.copied(), varied.world
    tracer = tracer_of(now)
    before, content, bought = now.state.seller_stock, tracer.seller.copy(), tracer.buyer.stock.copy()
    plan = np.random.default_rng(9).uniform(1, 5, before.shape)
    logistics.mine(now.prepared, now.state, [tracer], plan)
    kinds = np.array(world.facility_kind)[world.offer_facility]
    mined = np.where(kinds == "miner", plan, 0.0)
    np.testing.assert_array_equal(now.state.seller_stock, before + mined)
    made = mined[:, tracer.offers, None] * world.offer_composition[tracer.offers]
    np.testing.assert_allclose(tracer.seller, content + made)
    np.testing.assert_array_equal(tracer.buyer.stock, bought)
    np.testing.assert_array_equal(now.state.buyer_stock, varied.state.buyer_stock)


def test_store(varied: Situation) -> None:
    now = varied.copied()
    held = now.state.buyer_stock
    used = held * np.linspace(0, 1, held.shape[1])
    made = np.full_like(now.state.rate, 2.5)
    logistics.store(now.state, [], used, held, made)
    np.testing.assert_allclose(now.state.buyer_stock, held - used)
    np.testing.assert_array_equal(now.state.seller_stock, varied.state.seller_stock + 2.5)
    # Rounding takes no stock below nothing.
    logistics.store(now.state, [], now.state.buyer_stock * (1 + 1e-15), now.state.buyer_stock, made)
    assert now.state.buyer_stock.min() == 0


def test_what_is_thrown_away_takes_its_elements_along(varied: Situation) -> None:
    now = varied.copied()
    tracer = tracer_of(now)
    before, content = now.state.seller_stock, tracer.seller.copy()
    mine = offer_of(now.world, "mine_abroad")
    tonnes = np.zeros_like(before)
    tonnes[:, mine] = 0.25 * before[:, mine]
    logistics.throw_away(now.state, [tracer], tonnes)
    np.testing.assert_array_equal(now.state.seller_stock, before - tonnes)
    share = np.where(tracer.offers == mine, 0.75, 1.0)
    np.testing.assert_allclose(tracer.seller, content * share[None, :, None])


# -- all together --------------------------------------------------------------------------------


@pytest.mark.parametrize("step_years", [1 / 12, 1 / 52])
def test_the_base_year_is_its_own_image(plain: Prepared, step_years: float) -> None:
    """Base-year trade, use and output bring stocks, pipelines and elements back to where they were."""
    prepared = behaving(prepared_world(plain.world, step_years=step_years), cover_scale=1.2)
    state, start = initial_state(prepared), initial_state(prepared)
    tracer = elements(prepared)
    tracer.start(prepared, state)
    first = {name: value.copy() for name, value in tracer.arrays().items() if name != "shipped"}
    flows = base_trade(prepared)
    traffic = sent(prepared, flows)
    use, output = (prepared.each(a * step_years) for a in (plain.world.need_use, plain.world.offer_output))
    made = np.where(prepared.made, output, 0.0)
    for _ in range(3):
        logistics.mine(prepared, state, [tracer], output)
        logistics.arrive(state, [tracer])
        logistics.ship(state, [tracer], [], traffic)
        logistics.store(state, [tracer], use, state.buyer_stock, made)
    for name, value in start.arrays().items():
        np.testing.assert_allclose(state.arrays()[name], value, rtol=1e-10, atol=1e-12, err_msg=name)
    for name, value in first.items():
        np.testing.assert_allclose(tracer.arrays()[name], value, rtol=1e-10, atol=1e-12, err_msg=name)
