"""What stocks consist of: base mixes, and every tonne of content through sale, transit, use and surplus."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.agents.prepared import Prepared
from sim.agents.tracers import Tracer, elements
from sim.arrays import FloatArray, Saved
from sim.world.world import World
from tests.prepared_world import GivenFlows, Situation, need_of, offer_of, prepared_world, settled
from tests.small_world import CLAY

CLAY_GOOD = 0
TRADER = "trader_singapore_clay"


@pytest.fixture(scope="module")
def reselling(small_world: World) -> Prepared:
    """The oxide traders as traders of clay, so that the elements pass through a trader.

    Foreign clay goes to the first separator through the trader, 240 t a year; the rest as before.
    """
    return prepared_world(resold_clay(small_world))


def resold_clay(world: World) -> World:
    """A world in which the trader of NdPr oxide buys clay abroad and sells it to the first separator."""
    facility = world.facilities.index("trader_singapore_ndpr")
    amount = world.base_flow[CLAY_GOOD][1, 0]
    flow = np.zeros((3, 3))
    flow[:2, :2] = world.base_flow[CLAY_GOOD]
    flow[1, 0], flow[1, 2], flow[2, 0] = 0.0, amount, amount
    sells, buys = offer_of(world, "trader_singapore_ndpr"), need_of(world, "trader_singapore_ndpr")
    offers = [0, 1, sells, *[s for s in range(2, len(world.offer_good)) if s != sells]]
    needs = [0, 1, buys, *[b for b in range(2, len(world.need_good)) if b != buys]]

    def grown(blocks: tuple[FloatArray, ...], clay: FloatArray) -> tuple[FloatArray, ...]:
        """Blocks of links without the trader's in the oxide, and with them in clay."""
        row, column = sells - world.offer_slice(1).start, buys - world.need_slice(1).start
        oxide = np.delete(np.delete(blocks[1], row, 0), column, 1)
        return (clay, oxide, *blocks[2:])

    transit, freight = np.full((3, 3), 0.1), np.full((3, 3), 0.02)
    output, use = world.offer_output.copy(), world.need_use.copy()
    output[sells], use[buys] = amount, amount
    base = grown(world.base_flow, flow)
    output[offer_of(world, "separator_china_a", "ndpr_oxide")] = base[1][0].sum()
    output[offer_of(world, "separator_china_b", "ndpr_oxide")] = base[1][1].sum()
    use[need_of(world, "magnet_japan", "ndpr_oxide")] = base[1][:, 1].sum()
    good_of_offer, good_of_need = world.offer_good.copy(), world.need_good.copy()
    good_of_offer[sells] = good_of_need[buys] = CLAY_GOOD
    names = {"offer": ("offer_stock", "offer_cash_cost", "offer_composition", "offer_facility"),
             "need": ("need_cover", "need_dependence", "need_worth",
                      "need_switch_multiple", "need_switch_years", "need_switch_share", "need_facility")}
    moved = {name: getattr(world, name)[offers] for name in names["offer"]}
    moved |= {name: getattr(world, name)[needs] for name in names["need"]}
    return replace(
        world, base_flow=base, transit_years=grown(world.transit_years, transit),
        freight_share=grown(world.freight_share, freight), offer_good=good_of_offer[offers],
        need_good=good_of_need[needs], offer_output=output[offers], offer_capacity=1.2 * output[offers],
        need_use=use[needs],
        facility_names=tuple(TRADER if f == facility else n for f, n in enumerate(world.facility_names)),
        **moved,
    )  # fmt: skip


def started(now: Situation) -> Tracer:
    tracer = elements(now.prepared)
    tracer.start(now.prepared, now.state)
    return tracer


def shares_of(tracer: Tracer, now: Situation) -> tuple[FloatArray, FloatArray]:
    """Mixes of sellers' and buyers' stocks."""
    return (
        tracer.seller / now.state.seller_stock[:, tracer.offers, None],
        tracer.buyer.stock / now.state.buyer_stock[:, tracer.needs, None],
    )


# -- base mixes ----------------------------------------------------------------------------------


def test_stocks_start_with_what_mines_dig_and_buyers_are_sent(plain: Prepared) -> None:
    now = settled(plain)
    made, taken = shares_of(started(now), now)
    np.testing.assert_allclose(made[0], [CLAY["mine_china"], CLAY["mine_abroad"]])
    for b in range(2):
        bought = plain.benchmark.flow[CLAY_GOOD][:, b]
        np.testing.assert_allclose(taken[0, b], bought @ made[0] / bought.sum())


def test_what_is_under_way_is_foreign(plain: Prepared) -> None:
    """Chinese clay arrives within the step."""
    now = settled(plain)
    tracer = started(now)
    total = now.state.transit[:, :, tracer.needs, None]
    assert total.max() > 0
    np.testing.assert_allclose(tracer.buyer.transit, total * np.array(CLAY["mine_abroad"]), atol=1e-12)


def test_base_mixes_are_a_fixed_point_through_a_trader(reselling: Prepared) -> None:
    now = settled(reselling)
    tracer = started(now)
    made, taken = (part[0] for part in shares_of(tracer, now))
    flow = reselling.benchmark.flow[CLAY_GOOD]
    np.testing.assert_allclose(taken, (flow / flow.sum(0)).T @ made, rtol=1e-12)
    np.testing.assert_allclose(made[2], taken[2], rtol=1e-12)
    np.testing.assert_allclose(made[:2], [CLAY["mine_china"], CLAY["mine_abroad"]])
    np.testing.assert_allclose(made.sum(1), 1.0)
    assert 0.30 < made[2, 0] < 0.40


def test_passed_on(reselling: Prepared) -> None:
    world = reselling.world
    every = np.arange(len(world.offer_good)), np.arange(len(world.need_good))
    found = Tracer.passed_on(reselling, *every)
    trader = "trader_singapore_ndpr", "trader_singapore_dy"
    expected = np.zeros_like(found)
    for name in trader:
        expected[offer_of(world, name), need_of(world, name)] = 1.0
    np.testing.assert_array_equal(found, expected)
    part = Tracer.passed_on(reselling, every[0][:3], every[1][2:4])
    np.testing.assert_array_equal(part, expected[:3, 2:4])


def test_slices_are_those_of_the_goods(plain: Prepared) -> None:
    world = plain.world
    goods = (1, 3)
    offers, needs = (int(np.isin(axis, goods).sum()) for axis in (world.offer_good, world.need_good))
    tracer = Tracer(plain, "some", goods, np.zeros((offers, 2)), np.zeros((offers, needs)))
    for good in goods:
        sellers, buyers = tracer.slices(good)
        assert (world.offer_good[tracer.offers[sellers]] == good).all()
        assert (world.need_good[tracer.needs[buyers]] == good).all()
        assert sellers.stop - sellers.start == (world.offer_good == good).sum()
    assert tracer.seller.shape == (1, offers, 2)


# -- steps ---------------------------------------------------------------------------------------


def sold(prepared: Prepared, share: float, stock: FloatArray) -> GivenFlows:
    """Every seller sells a share of its stock, to its base-year buyers."""
    world, blocks = prepared.world, []
    for g, block in enumerate(prepared.benchmark.flow):
        part = block / block.sum(1, keepdims=True)
        blocks.append(share * stock[:, world.offer_slice(g), None] * part)
    return GivenFlows(blocks)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_shipments_carry_the_mix_of_the_stock(reselling: Prepared, share: float) -> None:
    """(M59), and what arrives when: link by link."""
    now = settled(reselling)
    tracer = started(now)
    tracer.seller[0, 0] = [0.0, now.state.seller_stock[0, 0], 0.0]
    before, stock = tracer.seller.copy(), now.state.seller_stock
    flows = sold(reselling, share, stock)
    lags = reselling.benchmark.lag_weight
    by_lag = tracer.ship(flows.clearing, stock, (), lags)
    np.testing.assert_allclose(tracer.seller, before * (1 - share), atol=1e-12)
    expected = np.zeros_like(by_lag)
    for lag, weights in enumerate(lags):
        for (m, s, b), tonnes in np.ndenumerate(flows.flow(CLAY_GOOD)):
            expected[lag, m, b] += tonnes * weights[CLAY_GOOD][s, b] * before[m, s] / stock[m, s]
    np.testing.assert_allclose(by_lag, expected, atol=1e-12)
    np.testing.assert_allclose(by_lag.sum((0, 2)) + tracer.seller.sum(1), before.sum(1))
    held = tracer.buyer.position
    tracer.load(by_lag)
    np.testing.assert_allclose(tracer.buyer.position, held + by_lag.sum(0))


def test_members_may_ship_with_lags_of_their_own(reselling: Prepared) -> None:
    now = settled(prepared_world(reselling.world, 2))
    tracer = started(now)
    flows = sold(now.prepared, 0.5, now.state.seller_stock)
    lags = [
        [np.stack([w, w if lag != 1 else 0.5 * w]) for w in per_good]
        for lag, per_good in enumerate(reselling.benchmark.lag_weight)
    ]
    by_lag = tracer.ship(flows.clearing, now.state.seller_stock, (), lags)
    np.testing.assert_allclose(by_lag[1, 1], 0.5 * by_lag[1, 0])
    np.testing.assert_allclose(by_lag[0, 1], by_lag[0, 0])
    assert by_lag[1].max() > 0


def test_output_is_new_or_what_the_trader_received(reselling: Prepared) -> None:
    """(M60): a mine adds its own mix, a trader that of its stock, whatever that has become."""
    now = settled(reselling)
    tracer, world = started(now), reselling.world
    buys = tracer.needs.tolist().index(need_of(world, "trader_singapore_ndpr"))
    held = now.state.buyer_stock
    tracer.buyer.stock[0, buys] = held[0, tracer.needs[buys]] * np.array([0.0, 1.0, 0.0])
    before, stock = tracer.seller.copy(), tracer.buyer.stock.copy()
    output = np.zeros_like(now.state.seller_stock)
    output[0, [0, offer_of(world, "trader_singapore_ndpr")]] = 10.0, 4.0
    used = 0.25 * held
    tracer.produce(used, held, output)
    np.testing.assert_allclose(tracer.buyer.stock, 0.75 * stock)
    added = (tracer.seller - before)[0]
    np.testing.assert_allclose(added, [10.0 * np.array(CLAY["mine_china"]), np.zeros(3), [0.0, 4.0, 0.0]])


def test_more_used_than_held_by_rounding_leaves_nothing(reselling: Prepared) -> None:
    now = settled(reselling)
    tracer = started(now)
    held = now.state.buyer_stock
    tracer.produce(held * (1 + 1e-12), held, np.zeros_like(now.state.seller_stock))
    assert (tracer.buyer.stock >= 0).all()
    assert tracer.buyer.stock.max() < 1e-9


def test_empty_stocks_have_no_mix_and_divide_nothing(reselling: Prepared) -> None:
    now = settled(reselling)
    now.state.seller_stock[:], now.state.buyer_stock[:], now.state.transit[:] = 0.0, 0.0, 0.0
    tracer = started(now)
    none, empty = now.state.seller_stock, now.state.buyer_stock
    flows = sold(reselling, 1.0, none)
    tracer.load(tracer.ship(flows.clearing, none, (), reselling.benchmark.lag_weight))
    tracer.produce(empty, empty, none)
    tracer.discard(none, none)
    assert not any(value.any() for value in tracer.arrays().values())


def test_discard_takes_the_mix_along(reselling: Prepared) -> None:
    now = settled(reselling)
    tracer = started(now)
    before, stock = tracer.seller.copy(), now.state.seller_stock
    tracer.discard(stock * np.linspace(0, 1, stock.shape[1]), stock)
    left = 1 - np.linspace(0, 1, stock.shape[1])[tracer.offers]
    np.testing.assert_allclose(tracer.seller, before * left[None, :, None])


def test_nothing_is_lost_in_a_year_of_uneven_steps(reselling: Prepared) -> None:
    """Per element: what is there at the end is what was, and was dug, less what was used and thrown away."""
    tracer, rng = started(settled(reselling)), np.random.default_rng(9)
    fresh = np.array([CLAY["mine_china"], CLAY["mine_abroad"]])
    balance = tracer.seller.sum(1) + tracer.buyer.position.sum(1)
    for _ in range(12):
        tracer.buyer.arrive()
        stock, _ = tonnes(reselling, tracer)
        flows = sold(reselling, float(rng.uniform(0.1, 0.9)), stock)
        tracer.load(tracer.ship(flows.clearing, stock, (), reselling.benchmark.lag_weight))
        (_, held), content = tonnes(reselling, tracer), tracer.buyer.stock.copy()
        used = rng.uniform(0, 1, held.shape) * held
        output = np.zeros_like(stock)
        # Two mines and the trader, whose need is the third.
        output[0, :3] = *rng.uniform(0, 100, 2), used[0, 2]
        tracer.produce(used, held, output)
        balance += output[:, :2] @ fresh - (content - tracer.buyer.stock)[:, :2].sum(1)
        (stock, _), before = tonnes(reselling, tracer), tracer.seller.sum(1)
        tracer.discard(0.1 * stock, stock)
        np.testing.assert_allclose(tracer.seller.sum(1), 0.9 * before)
        balance -= 0.1 * before
    np.testing.assert_allclose(tracer.seller.sum(1) + tracer.buyer.position.sum(1), balance, rtol=1e-10)


def tonnes(prepared: Prepared, tracer: Tracer) -> tuple[FloatArray, FloatArray]:
    """(M, O) and (M, N) stocks that consist of nothing but what the tracer follows."""
    stock = np.zeros((prepared.members, len(prepared.world.offer_good)))
    held = np.zeros((prepared.members, len(prepared.world.need_good)))
    stock[:, tracer.offers], held[:, tracer.needs] = tracer.seller.sum(2), tracer.buyer.stock.sum(2)
    return stock, held


# -- checkpoints ---------------------------------------------------------------------------------


def test_a_tracer_is_taken_up_where_it_was_left(reselling: Prepared) -> None:
    now = settled(reselling)
    tracer, other = started(now), elements(reselling)
    tracer.seller *= 0.7
    tracer.shipped = tracer.shipped + 1.0
    saved = tracer.arrays()
    other.restore(Saved("elements", saved))
    for name, value in saved.items():
        np.testing.assert_array_equal(other.arrays()[name], value)
    kept = tracer.seller.copy()
    other.discard(0.5 * now.state.seller_stock, now.state.seller_stock)
    other.buyer.transit[:] = 0.0
    np.testing.assert_array_equal(tracer.seller, kept)
    assert tracer.buyer.transit.any()
