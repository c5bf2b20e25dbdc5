"""What must not change a result, and which way results must move."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.arrays import BoolArray
from sim.market import Clearing, ClearingState, Market, clear, prepare
from sim.market import clearing as module
from sim.market.certificate import certify
from sim.market.layout import Terms
from tests.market.cases import Case, random_case

FIELDS = (
    "price", "index", "sales", "purchases", "demanded", "log_rent", "cap_flow", "rent_value",
    "residual", "gap", "scaled_down", "iterations", "certified",
)  # fmt: skip


@pytest.fixture(scope="module")
def case() -> Case:
    rng = np.random.default_rng(17)
    return random_case(
        rng, goods=9, members=37, sellers=(2, 30), buyers=(2, 50), caps=6, idle=0.1, content=0.1
    )


def assert_same_bits(part: Clearing, whole: Clearing, members: object) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[members], err_msg=name)


@pytest.mark.parametrize("warm", [False, True])
def test_bits_do_not_depend_on_which_members_share_a_batch(case: Case, warm: bool) -> None:
    market = case.market()
    shock = case.with_(
        quantity=case.quantity * np.random.default_rng(1).lognormal(0, 0.1, case.quantity.shape)
    )
    state = case.clear(market).state if warm else None
    whole = shock.clear(market, state)
    for which in (slice(0, 1), slice(5, 12), slice(12, 37), np.array([30, 2, 7]), np.arange(37)[::-1]):
        part = shock.members(which).clear(market, state.members(which) if state else None)
        assert_same_bits(part, whole, which)
        np.testing.assert_array_equal(
            part.to_buyers(None, part.price), whole.to_buyers(None, whole.price)[which]
        )
        np.testing.assert_array_equal(part.to_sellers(), whole.to_sellers()[which])


@pytest.mark.parametrize("elements", [1, 10_000, 10**9])
def test_bits_do_not_depend_on_the_batch_size(
    case: Case, elements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = case.clear()
    monkeypatch.setattr(module, "BATCH_ELEMENTS", elements)
    assert_same_bits(case.clear(), whole, slice(None))


def test_bits_do_not_depend_on_the_other_goods(case: Case) -> None:
    whole = case.clear()
    for g in range(len(case.kernel)):
        offers, needs = case.offer_good == g, case.need_good == g
        caps = [c for c, (good, _, _) in enumerate(case.caps) if good == g]
        alone = clear(
            Market.build(
                np.zeros(offers.sum(), int),
                np.zeros(needs.sum(), int),
                [case.kernel[g]],
                case.sigma[g : g + 1],
                case.eps[offers],
                [(0, *case.caps[c][1:]) for c in caps],
            ),
            case.quantity[:, offers],
            case.ask[:, offers],
            case.demand[:, needs],
            case.reservation[:, needs],
            case.elasticity,
            case.cap_tonnes[:, caps],
        )
        np.testing.assert_array_equal(alone.price, whole.price[:, offers])
        np.testing.assert_array_equal(alone.purchases, whole.purchases[:, needs])
        np.testing.assert_array_equal(alone.log_rent, whole.log_rent[:, caps])
        np.testing.assert_array_equal(alone.gap[:, 0], whole.gap[:, g])


def test_a_prepared_market_clears_alike_in_fewer_sweeps() -> None:
    rng = np.random.default_rng(23)
    base = random_case(rng, goods=6, members=1, sellers=(8, 20), buyers=(8, 20), sigma=8.0, closed=0.2)
    case = base.with_(
        quantity=base.quantity * rng.lognormal(0, 0.02, (8, base.quantity.shape[1])),
        demand=base.demand * rng.lognormal(0, 0.02, (8, *base.demand.shape[1:])),
        ask=np.repeat(base.ask, 8, axis=0),
        reservation=np.repeat(base.reservation, 8, axis=0),
        cap_tonnes=np.zeros((8, 0)),
    )
    plain = base.market()
    ready = prepare(plain, *(a[0] for a in base.arguments()[:4]), base.elasticity)
    start = base.clear(plain, tolerance=1e-12).state.members(np.zeros(8, dtype=int))
    slow, fast = case.clear(plain, start), case.clear(ready, start)
    assert fast.certified.all()
    assert fast.iterations.mean() < 0.6 * slow.iterations.mean()
    np.testing.assert_allclose(fast.sales, slow.sales, atol=1e-8 * case.quantity.max())
    part = case.members(slice(3, 5)).clear(ready, start.members(slice(3, 5)))
    assert_same_bits(part, fast, slice(3, 5))


def test_tonnes_and_money_scale(case: Case) -> None:
    tonnes, money = 2.0**7, 2.0**-3
    scaled = case.with_(
        quantity=case.quantity * tonnes,
        demand=case.demand * tonnes,
        cap_tonnes=case.cap_tonnes * tonnes,
        ask=case.ask * money,
        reservation=case.reservation * money,
    ).clear()
    plain = case.clear()
    size = case.quantity.max()
    np.testing.assert_allclose(scaled.sales / tonnes, plain.sales, atol=1e-8 * size)
    np.testing.assert_allclose(scaled.purchases / tonnes, plain.purchases, atol=1e-8 * size)
    sells = plain.sales > 1e-3 * size
    np.testing.assert_allclose((scaled.price / money)[sells], plain.price[sells], rtol=1e-5)


def test_tonnes_alone_scale_to_the_bit(case: Case) -> None:
    """A power of two changes no mantissa: prices are the same bits."""
    scaled = case.with_(
        quantity=case.quantity * 2.0**9, demand=case.demand * 2.0**9, cap_tonnes=case.cap_tonnes * 2.0**9
    ).clear()
    plain = case.clear()
    np.testing.assert_array_equal(scaled.price, plain.price)
    np.testing.assert_array_equal(scaled.sales, plain.sales * 2.0**9)


def test_order_of_sellers_and_buyers_does_not_matter() -> None:
    rng = np.random.default_rng(29)
    case = random_case(rng, sellers=(9, 9), buyers=(11, 11), caps=2, members=3)
    s, b = rng.permutation(9), rng.permutation(11)
    turned = case.with_(
        kernel=[case.kernel[0][np.ix_(s, b)]],
        eps=case.eps[s],
        quantity=case.quantity[:, s],
        ask=case.ask[:, s],
        demand=case.demand[:, b],
        reservation=case.reservation[:, b],
        caps=[(0, sellers[s], buyers[b]) for _, sellers, buyers in case.caps],
    ).clear()
    plain = case.clear()
    size = case.quantity.max()
    np.testing.assert_allclose(turned.sales, plain.sales[:, s], atol=1e-8 * size)
    np.testing.assert_allclose(turned.purchases, plain.purchases[:, b], atol=1e-8 * size)
    np.testing.assert_allclose(turned.log_rent, plain.log_rent, atol=1e-5)


def test_the_start_does_not_matter(case: Case) -> None:
    market = case.market()
    cold = case.clear(market)
    other = case.with_(quantity=case.quantity[::-1] * 1.7).clear(market)
    warm = case.clear(market, other.state)
    np.testing.assert_allclose(warm.sales, cold.sales, atol=1e-8 * case.quantity.max())


seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds)
def test_a_higher_ask_never_raises_that_sellers_sales(seed: int) -> None:
    rng = np.random.default_rng(seed)
    case = random_case(rng, sellers=(2, 8), buyers=(2, 8), caps=int(rng.integers(0, 3)))
    seller = int(rng.integers(case.quantity.shape[1]))
    ask = case.ask.copy()
    ask[:, seller] *= 1.3
    before, after = case.clear(), case.with_(ask=ask).clear()
    assert after.sales[0, seller] <= before.sales[0, seller] + 3e-6 * case.quantity.max()


@given(seed=seeds)
def test_tightening_a_cap_never_lowers_its_rent(seed: int) -> None:
    rng = np.random.default_rng(seed)
    case = random_case(rng, sellers=(2, 8), buyers=(2, 8), caps=int(rng.integers(1, 4)))
    cap = int(rng.integers(case.cap_tonnes.shape[1]))
    tighter = case.cap_tonnes.copy()
    tighter[:, cap] *= 0.5
    before, after = case.clear(), case.with_(cap_tonnes=tighter).clear()
    assert after.log_rent[0, cap] >= before.log_rent[0, cap] - 1e-5


@given(seed=seeds)
def test_closing_a_link_never_raises_total_surplus(seed: int) -> None:
    """Surplus is what the dual minimises; it falls when a link is closed."""
    rng = np.random.default_rng(seed)
    case = random_case(rng, sellers=(2, 8), buyers=(2, 8), closed=0.1)
    links = np.argwhere(case.kernel[0] > 0)
    seller, buyer = links[rng.integers(len(links))]
    kernel = case.kernel[0].copy()
    kernel[seller, buyer] = 0
    # Where the link was a buyer's last, its worth drops out of both values: keep one open.
    if not kernel[:, buyer].any() or not kernel[seller].any():
        return
    shut = case.with_(kernel=[kernel])
    before = certify(case.clear(), 0, Terms(*case.arguments()))
    after = certify(shut.clear(), 0, Terms(*shut.arguments()))
    assert after.primal[0] <= before.dual[0] + 1e-7 * case.quantity.max()


def test_a_quota_equals_a_tariff_at_its_rent() -> None:
    """With one price on the capped links, the wedge 1 + rent reproduces the quota's flows."""
    rng = np.random.default_rng(41)
    case = random_case(rng, sellers=(5, 5), buyers=(7, 7), caps=1, sigma=6.0)
    case = case.with_(cap_tonnes=case.cap_tonnes * 0 + 0.02 * case.quantity.max())
    quota = case.clear()
    assert quota.log_rent[0, 0] > 0
    _, sellers, buyers = case.caps[0]
    wedge = np.where(sellers[:, None] & buyers, 1 + quota.rent[0, 0], 1.0)
    tariff = case.with_(kernel=[case.kernel[0] * wedge**-6.0], caps=[], cap_tonnes=np.zeros((1, 0))).clear()
    np.testing.assert_allclose(tariff.flow(0), quota.flow(0), atol=1e-7 * case.quantity.max())
    np.testing.assert_allclose(tariff.price, quota.price, rtol=1e-5)


@pytest.mark.parametrize("caps", [0, 3])
def test_bits_do_not_depend_on_the_batch_when_markets_leave_it(caps: int) -> None:
    """Large enough that markets which arrived are dropped, and that blocks are multiplied together."""
    rng = np.random.default_rng(3)
    base = random_case(rng, goods=2, members=1, sellers=(9, 20), buyers=(9, 20), caps=caps)
    members = 330
    case = base.with_(
        quantity=base.quantity * rng.lognormal(0, 0.3, (members, base.quantity.shape[1])),
        ask=np.repeat(base.ask, members, axis=0),
        demand=base.demand * rng.lognormal(0, 0.3, (members, *base.demand.shape[1:])),
        reservation=np.repeat(base.reservation, members, axis=0),
        cap_tonnes=np.repeat(base.cap_tonnes, members, axis=0),
    )
    market = case.market()
    whole = case.clear(market, tolerance=1e-6)
    assert whole.certified.all()
    assert np.ptp(whole.iterations, axis=0).max() > 2  # or none would leave before the others
    for which in (slice(7, 8), slice(100, 117), rng.permutation(members)):
        assert_same_bits(case.members(which).clear(market, tolerance=1e-6), whole, which)


@pytest.mark.parametrize("members", [16, 37, 64])
def test_blocks_multiplied_together_have_the_bits_of_single_ones(
    members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library for which they had not is served block by block."""
    case = random_case(np.random.default_rng(members), goods=4, members=members, sellers=(2, 30), caps=2)
    together = case.clear()
    monkeypatch.setattr("sim.market.solver.products.same_bits", lambda *shape: False)
    assert_same_bits(case.clear(), together, slice(None))


def parts(case: Case) -> Iterator[tuple[BoolArray, Case]]:
    """Some goods of a case, and what is asked of them on axes of their own."""
    goods = len(case.kernel)
    for some in ([0], [goods - 1], [1, 3, 4], list(range(1, goods)), list(range(goods))):
        wanted = np.isin(np.arange(goods), some)
        offers, needs = wanted[case.offer_good], wanted[case.need_good]
        yield wanted, case.with_(
            quantity=case.quantity[:, offers], ask=case.ask[:, offers], demand=case.demand[:, needs],
            reservation=case.reservation[:, needs],
            cap_tonnes=case.cap_tonnes[:, wanted[[g for g, _, _ in case.caps]]],
        )  # fmt: skip


def assert_same_goods(case: Case, wanted: BoolArray, part: Clearing, whole: Clearing, rows: object) -> None:
    """A part's clearing has the bits of the whole's on its axes, and sums over links, too."""
    offers, needs = wanted[case.offer_good], wanted[case.need_good]
    caps = wanted[[g for g, _, _ in case.caps]]
    here = {len(axis): axis for axis in (offers, needs, caps, wanted)}
    assert len(here) == 4
    for name in FIELDS:
        other = getattr(whole, name)
        mine = other[rows][:, here[other.shape[1]]]
        np.testing.assert_array_equal(getattr(part, name), mine, err_msg=name)
    bought = whole.to_buyers(None, whole.price)[rows][:, needs]
    np.testing.assert_array_equal(part.to_buyers(None, part.price), bought)
    np.testing.assert_array_equal(part.to_sellers(), whole.to_sellers()[rows][:, offers])
    for place, good in enumerate(np.flatnonzero(wanted)):
        np.testing.assert_array_equal(part.flow(place), whole.flow(int(good))[rows])


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("shared", [True, False])
def test_goods_that_clear_alone_have_the_bits_of_the_whole_market(
    case: Case, warm: bool, shared: bool
) -> None:
    if not shared:
        # One good has sourcing weights by member, and so a bucket of its own.
        factor = np.random.default_rng(5).uniform(0.5, 2, (37, 1, 1))
        case = case.with_(kernel=[k * factor if g == 3 else k for g, k in enumerate(case.kernel)])
    market = case.market()
    shock = case.with_(quantity=case.quantity * np.random.default_rng(1).lognormal(0, 0.1, (37, 1)))
    state = case.clear(market).state if warm else None
    whole = shock.clear(market, state)
    for rows in (np.arange(37), np.array([2, 9, 11, 30, 31]), np.array([17])):
        for wanted, asked in parts(shock):
            part, start = market.alone(wanted, rows), None
            if state is not None:
                caps = np.flatnonzero(wanted[market.cap_good])
                price = state.log_price[rows][:, wanted[case.offer_good]]
                start = ClearingState(price, state.log_rent[rows][:, caps], part.cap_keys)
            found = asked.members(rows).clear(part, start)
            assert_same_goods(case, wanted, found, whole, rows)


def test_a_prepared_market_is_prepared_in_part(case: Case) -> None:
    one = case.members([0])
    market = prepare(
        case.market(), one.quantity[0], one.ask[0], one.demand[0], one.reservation[0], one.elasticity
    )
    whole = case.clear(market)
    for wanted, asked in parts(case):
        assert_same_goods(case, wanted, asked.clear(market.alone(wanted)), whole, slice(None))
