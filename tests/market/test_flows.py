"""Sums over links, conservation, degenerate markets, warm starts, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from sim.market import Market, clear
from tests.market.cases import Case, random_case


@pytest.fixture(scope="module")
def case() -> Case:
    rng = np.random.default_rng(7)
    case = random_case(rng, goods=7, members=9, sellers=(2, 14), buyers=(2, 25), caps=6, idle=0.1)
    return case.with_(cap_tonnes=0.3 * case.cap_tonnes)


def test_tonnes_balance(case: Case) -> None:
    clearing = case.clear()
    np.testing.assert_allclose(clearing.to_sellers(), clearing.sales, rtol=1e-12, atol=0)
    np.testing.assert_allclose(clearing.to_buyers(), clearing.purchases, rtol=1e-12, atol=0)
    for g in range(7):
        flow = clearing.flow(g)
        offers, needs = case.offer_good == g, case.need_good == g
        np.testing.assert_allclose(flow.sum(axis=2), clearing.sales[:, offers], rtol=1e-12)
        np.testing.assert_allclose(flow.sum(axis=1), clearing.purchases[:, needs], rtol=1e-12)
        sold, bought = clearing.sales[:, offers].sum(axis=1), clearing.purchases[:, needs].sum(axis=1)
        np.testing.assert_allclose(sold, bought, rtol=1e-12)
    assert (clearing.sales <= case.quantity).all()
    assert (clearing.cap_flow <= case.cap_tonnes).all()
    assert (clearing.purchases <= clearing.demanded * (1 + 1e-12)).all()


def test_sums_over_links_equal_sums_of_flows(case: Case) -> None:
    rng = np.random.default_rng(0)
    clearing = case.clear()
    assert (clearing.rent > 0).any()
    weights = [rng.uniform(0, 2, kernel.shape) for kernel in case.kernel]
    by_seller, by_buyer = rng.uniform(1, 2, clearing.price.shape), rng.uniform(1, 2, clearing.index.shape)
    for include_rent in (False, True):
        got_buyers = clearing.to_buyers(weights, by_seller, include_rent)
        got_sellers = clearing.to_sellers(weights, by_buyer, include_rent)
        for g in range(7):
            offers, needs = case.offer_good == g, case.need_good == g
            link = clearing.flow(g) * weights[g]
            if include_rent:
                for c, (good, sellers, buyers) in enumerate(case.caps):
                    if good == g:
                        inside = sellers[:, None] & buyers
                        link = link * np.where(inside, 1 + clearing.rent[:, c, None, None], 1.0)
            expected = (link * by_seller[:, offers, None]).sum(axis=1)
            np.testing.assert_allclose(got_buyers[:, needs], expected, rtol=1e-12, atol=1e-300)
            expected = (link * by_buyer[:, None, needs]).sum(axis=2)
            np.testing.assert_allclose(got_sellers[:, offers], expected, rtol=1e-12, atol=1e-300)


def test_rent_value_is_what_the_links_pay(case: Case) -> None:
    clearing = case.clear()
    with_rent = clearing.to_buyers(None, clearing.price, include_rent=True).sum(axis=1)
    without = clearing.to_buyers(None, clearing.price).sum(axis=1)
    np.testing.assert_allclose(clearing.rent_value.sum(axis=1), with_rent - without, rtol=1e-9)
    assert (clearing.rent_value >= 0).all()
    assert (clearing.rent_value[clearing.rent == 0] == 0).all()


def one(**changes: object) -> Case:
    """One seller, one buyer, supply and demand alike."""
    case = Case(
        offer_good=np.array([0]),
        need_good=np.array([0]),
        kernel=[np.ones((1, 1))],
        sigma=np.array([8.0]),
        eps=np.array([4.0]),
        quantity=np.array([[10.0]]),
        ask=np.array([[1.0]]),
        demand=np.array([[[20.0]]]),
        reservation=np.array([[[2.0]]]),
        elasticity=np.array([0.5]),
    )
    return case.with_(**changes)


def test_one_seller_one_buyer_by_formula() -> None:
    clearing = one().clear(tolerance=1e-12)
    # 20 (p / 2) ** -0.5 = 10
    assert clearing.price[0, 0] == pytest.approx(8.0, rel=1e-9)
    assert clearing.sales[0, 0] == pytest.approx(10.0, rel=1e-10)
    assert clearing.demanded[0, 0] == pytest.approx(10.0, rel=1e-10)


def test_slack_market_sells_below_the_ask() -> None:
    clearing = one(demand=np.array([[[5.0]]])).clear(tolerance=1e-12)
    # 10 p ** 4 = 5
    assert clearing.price[0, 0] == pytest.approx(0.5**0.25, rel=1e-9)


def test_no_supply() -> None:
    clearing = one(quantity=np.zeros((1, 1))).clear()
    assert clearing.certified.all()
    assert clearing.sales[0, 0] == clearing.purchases[0, 0] == 0
    assert clearing.index[0, 0] == pytest.approx(2.0)
    assert clearing.demanded[0, 0] == 20.0
    assert clearing.price[0, 0] == 1.0


def test_no_demand() -> None:
    clearing = one(demand=np.zeros((1, 1, 1))).clear()
    assert clearing.certified.all()
    assert clearing.sales[0, 0] == clearing.purchases[0, 0] == 0
    assert clearing.price[0, 0] == 1.0


def test_a_good_without_buyers_or_sellers() -> None:
    market = Market.build(
        [0, 2], [1, 2], [np.ones((1, 0)), np.ones((0, 1)), np.ones((1, 1))], [8.0] * 3, [4.0] * 3
    )
    demand, reservation = np.full((2, 2, 1), 5.0), np.full((2, 2, 1), 3.0)
    clearing = clear(market, np.full((2, 2), 9.0), np.ones((2, 2)), demand, reservation, [0.5])
    assert clearing.certified.all()
    np.testing.assert_array_equal(clearing.sales[:, 0], 0)
    np.testing.assert_allclose(clearing.index[:, 0], 3.0, rtol=1e-15)
    np.testing.assert_array_equal(clearing.demanded[:, 0], 5.0)
    assert (clearing.sales[:, 1] > 0).all()
    np.testing.assert_array_equal(clearing.flow(0), np.zeros((2, 1, 0)))


def test_a_buyer_whom_nobody_may_serve() -> None:
    case = random_case(np.random.default_rng(1), sellers=(3, 3), buyers=(4, 4), closed=0.0)
    case.kernel[0][:, 2] = 0
    clearing = case.clear()
    assert clearing.certified.all()
    assert clearing.purchases[0, 2] == 0
    assert clearing.index[0, 2] == pytest.approx(case.reservation[0, 2].max())
    assert clearing.demanded[0, 2] > 0


def test_an_offer_without_goods_is_quoted_what_a_small_lot_would_fetch() -> None:
    case = random_case(np.random.default_rng(4), sellers=(6, 6), buyers=(9, 9), closed=0.0)
    quantity = case.quantity.copy()
    quantity[0, 2] = 0
    idle = case.with_(quantity=quantity).clear()
    lot = 1e-6 * quantity.max()
    signal = np.full((1, 6), lot)
    quoted = case.with_(quantity=quantity).clear(signal_quantity=signal).price[0, 2]
    quantity[0, 2] = lot
    sold = case.with_(quantity=quantity).clear(tolerance=1e-12).price[0, 2]
    assert quoted == pytest.approx(sold, rel=1e-4)
    assert np.isfinite(idle.price).all()
    assert idle.sales[0, 2] == 0
    short = case.with_(quantity=0.3 * quantity, demand=case.demand).clear().price[0, 2]
    assert short > 0


def test_prices_over_six_orders_of_magnitude_in_one_market() -> None:
    rng = np.random.default_rng(6)
    case = random_case(rng, sellers=(12, 12), buyers=(12, 12), members=5, sigma=8.0)
    factor = 10.0 ** np.linspace(-3, 3, 12)
    # Weights that make up for the prices, so that all of them sell.
    case = case.with_(ask=case.ask * factor, kernel=[case.kernel[0] * factor[:, None] ** 8.0])
    clearing = case.clear()
    assert clearing.certified.all()
    assert (clearing.sales > 0.01 * case.quantity).sum() > 30


@pytest.mark.parametrize("share", [0.0, 1e-9, 0.2])
def test_a_ban_by_cap_is_close_to_a_ban_by_kernel(share: float) -> None:
    case = random_case(np.random.default_rng(9), sellers=(6, 6), buyers=(8, 8), closed=0.1)
    sellers, buyers = np.arange(6) == 1, np.arange(8) < 4
    kernel = case.kernel[0].copy()
    kernel[np.ix_(sellers, buyers)] = 0
    banned = case.with_(kernel=[kernel]).clear()
    flow = case.clear().flow(0)[0][np.ix_(sellers, buyers)].sum()
    capped = case.with_(caps=[(0, sellers, buyers)], cap_tonnes=np.array([[share * flow]])).clear()
    assert capped.certified.all()
    assert capped.cap_flow[0, 0] <= share * flow
    if share < 1e-3:
        np.testing.assert_allclose(capped.flow(0), banned.flow(0), atol=1e-4 * case.quantity.max())


def test_the_state_survives_a_change_of_caps(case: Case) -> None:
    before = case.clear()
    fewer = case.with_(caps=case.caps[3:], cap_tonnes=case.cap_tonnes[:, 3:])
    market = fewer.market()
    np.testing.assert_array_equal(before.state.log_rent_for(market), before.log_rent[:, 3:])
    warm, cold = fewer.clear(market, before.state), fewer.clear(market)
    np.testing.assert_allclose(warm.sales, cold.sales, atol=1e-7 * case.quantity.max())
    assert before.state.members(slice(2, 4)).log_price.shape[0] == 2


def test_weights_are_kept_by_identity_and_bounded(case: Case) -> None:
    from sim.market.weighted import KEPT_WEIGHTS

    clearing = case.clear()
    rng = np.random.default_rng(2)
    for _ in range(KEPT_WEIGHTS + 5):
        weights = [rng.uniform(0, 1, k.shape) for k in case.kernel]
        first = clearing.to_buyers(weights)
        np.testing.assert_array_equal(clearing.to_buyers(weights), first)
    assert len(clearing.batches[0].frame.memory["weights"]) <= KEPT_WEIGHTS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quantity", [[-1.0]]),
        ("quantity", [[np.nan]]),
        ("quantity", [[1.0, 2.0]]),
        ("ask", [[0.0]]),
        ("demand", [[[np.inf]]]),
        ("reservation", [[[0.0]]]),
        ("elasticity", [0.0]),
        ("cap_tonnes", [[1.0]]),
    ],
)
def test_bad_numbers_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        one(**{name: np.array(value)}).clear()


def test_bad_markets_are_refused() -> None:
    ok = ([0], [0], [np.ones((1, 1))], [8.0], [4.0])
    for position, value, message in (
        (0, [1], "offer_good"),
        (2, [np.ones((2, 1))], "kernel of good 0"),
        (2, [-np.ones((1, 1))], "kernel of good 0"),
        (3, [0.0], "sigma"),
        (4, [1.0, 2.0], "eps"),
    ):
        broken = [value if i == position else part for i, part in enumerate(ok)]
        with pytest.raises(ValueError, match=message):
            Market.build(*broken)
    with pytest.raises(ValueError, match="cap on good 0"):
        Market.build(*ok, caps=[(0, [True, True], [True])])


def test_a_start_of_other_members_is_refused() -> None:
    state = one().clear().state
    case = one(quantity=np.ones((2, 1)), ask=np.ones((2, 1)), demand=np.ones((2, 1, 1)))
    case = case.with_(reservation=np.ones((2, 1, 1)), cap_tonnes=np.zeros((2, 0)))
    with pytest.raises(ValueError, match="the start"):
        case.clear(None, state)


def test_weights_by_member_on_kernels_that_all_share(case: Case) -> None:
    """Sums are those of the flows; a member has the bits that it has alone and under shared weights."""
    rng = np.random.default_rng(3)
    clearing, members = case.clear(), len(case.quantity)
    shapes = [(members, *k.shape) if g % 2 else k.shape for g, k in enumerate(case.kernel)]
    weights = [rng.uniform(0, 2, shape) for shape in shapes]
    by_seller, by_buyer = rng.uniform(1, 2, clearing.price.shape), rng.uniform(1, 2, clearing.index.shape)
    bought = clearing.to_buyers(weights, by_seller, include_rent=True)
    sold = clearing.to_sellers(weights, by_buyer, include_rent=True)
    plain = clearing.to_buyers(weights, by_seller), clearing.to_sellers(weights, by_buyer)
    for g in range(7):
        offers, needs = case.offer_good == g, case.need_good == g
        link = clearing.flow(g) * weights[g]
        expected = (link * by_seller[:, offers, None]).sum(axis=1)
        np.testing.assert_allclose(plain[0][:, needs], expected, rtol=1e-12, atol=1e-300)
        expected = (link * by_buyer[:, None, needs]).sum(axis=2)
        np.testing.assert_allclose(plain[1][:, offers], expected, rtol=1e-12, atol=1e-300)
    for member in range(members):
        one = case.members([member]).clear()
        own = [w[[member]] if w.ndim == 3 else w for w in weights]
        same = [w[member] if w.ndim == 3 else w for w in weights]
        for mine in (own, same):
            found = one.to_buyers(mine, by_seller[[member]], include_rent=True)
            np.testing.assert_array_equal(found[0], bought[member])
            found = one.to_sellers(mine, by_buyer[[member]], include_rent=True)
            np.testing.assert_array_equal(found[0], sold[member])


def test_weights_by_member_find_their_member_in_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.market import clearing as clearing_module

    case = random_case(np.random.default_rng(5), goods=3, members=11, sellers=(2, 9), buyers=(2, 9))
    together = case.clear()
    monkeypatch.setattr(clearing_module, "BATCH_ELEMENTS", 1)
    batches = case.clear()
    assert len(batches.batches) > len(together.batches)
    weights = [np.arange(11.0)[:, None, None] * np.ones_like(k) for k in case.kernel]
    for result in (together, batches):
        expected = result.purchases * np.arange(11.0)[:, None]
        np.testing.assert_allclose(result.to_buyers(weights), expected, rtol=1e-12)
