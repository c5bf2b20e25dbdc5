"""Clearing against the plain loops, the optimality conditions and the exact oracle."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sim.market.certificate import certify
from sim.market.clearing import Market, clear
from sim.market.layout import Terms
from sim.market.oracle import least_cost
from sim.market.reference import ReferenceCap, ReferenceMarket, clear_by_hand
from tests.market.cases import Case, dominant_case, merged, random_case, small_case

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


def by_hand(case: Case) -> ReferenceMarket:
    return ReferenceMarket(
        kernel=case.kernel[0].tolist(),
        sigma=float(case.sigma[0]),
        quantity=case.quantity[0].tolist(),
        ask=case.ask[0].tolist(),
        eps=case.eps.tolist(),
        demand=case.demand[0].tolist(),
        reservation=case.reservation[0].tolist(),
        elasticity=[case.elasticity.tolist()] * case.demand.shape[1],
        caps=[
            ReferenceCap(sellers.tolist(), buyers.tolist(), float(case.cap_tonnes[0, c]))
            for c, (_, sellers, buyers) in enumerate(case.caps)
        ],
    )


@pytest.mark.parametrize("seed", range(20 if THOROUGH else 8))
def test_thousands_of_twins(seed: int) -> None:
    """250 small markets, many of them degenerate: those of the fast side are cleared as one batch.

    2,000 in all, and 5,000 in `make fuzz`.
    """
    rng = np.random.default_rng(1000 + seed)
    cases = [small_case(rng) for _ in range(250)]
    fast = merged(cases).clear(tolerance=1e-10)
    assert fast.certified.all()
    crept = 0
    for g, case in enumerate(cases):
        slow = clear_by_hand(by_hand(case), tolerance=1e-8, rounds=300)
        if slow.residual > 1e-8:
            # Where two unknowns act alike, moving one at a time creeps; that proves nothing either way.
            crept += 1
            continue
        size = max(case.quantity.max(), 1e-300)
        np.testing.assert_allclose(fast.flow(g)[0], slow.flow, atol=1e-6 * size, err_msg=f"market {g}")
        # Prices are compared where they are determined: by sales of some weight.
        offers = fast.market.offers_of(g)
        sells = fast.sales[0, offers] > 1e-3 * size
        price, by_loops = fast.price[0, offers][sells], np.array(slow.price)[sells]
        np.testing.assert_allclose(price, by_loops, rtol=1e-4, err_msg=f"market {g}")
    assert crept <= 2


@given(
    seed=st.integers(0, 2**32 - 1),
    caps=st.integers(0, 2),
    closed=st.sampled_from([0.0, 0.3, 0.6]),
    idle=st.sampled_from([0.0, 0.3]),
    content=st.sampled_from([0.0, 0.3]),
)
def test_twin_of_the_plain_loops(seed: int, caps: int, closed: float, idle: float, content: float) -> None:
    rng = np.random.default_rng(seed)
    case = random_case(
        rng, sellers=(1, 3), buyers=(1, 3), caps=caps, closed=closed, idle=idle, content=content, spread=0.5
    )
    case = case.with_(cap_tonnes=np.maximum(case.cap_tonnes, 1e-3 * case.quantity.max()))
    slow = clear_by_hand(by_hand(case), tolerance=1e-9)
    fast = case.clear(tolerance=1e-11)
    assert fast.certified.all()
    assume(slow.residual <= 1e-9)  # where two unknowns act alike, moving one at a time creeps
    size = case.quantity.max()
    np.testing.assert_allclose(fast.flow(0)[0], slow.flow, atol=1e-7 * max(size, 1e-300), rtol=1e-6)
    # Prices are compared where they are determined: by sales of some weight.
    sells = fast.sales[0] > 1e-4 * size
    np.testing.assert_allclose(fast.price[0][sells], np.array(slow.price)[sells], rtol=1e-4)


@pytest.mark.parametrize("seed", range(10))
def test_optimality_of_many_random_markets(seed: int) -> None:
    """5,000 markets in all, degenerate ones among them, judged without their solver."""
    rng = np.random.default_rng(seed)
    case = random_case(
        rng,
        goods=25,
        members=20,
        caps=12,
        idle=0.15,
        content=0.15,
        closed=0.35,
        spread=float(rng.choice([0.5, 3])),
    )
    clearing = case.clear()
    assert clearing.certified.all()
    for g in range(25):
        found = certify(clearing, g, Terms(*case.arguments()))
        size = np.maximum(case.quantity[:, case.offer_good == g].max(axis=1), 1e-300)
        assert (found.gap >= -1e-10 * size).all()
        assert (found.excess <= 1e-8 * size + 2e-6 * size * (case.cap_tonnes.size > 0)).all()
        assert (found.cap_violation <= 1e-12 * size).all()
        assert (found.oversold <= 1e-12 * size).all()
        assert (found.tonnes_lost <= 1e-12 * size).all()


def test_certificate_agrees_with_the_clearing() -> None:
    case = random_case(np.random.default_rng(5), goods=6, members=3, caps=4, scarcity=(0.9, 1.3))
    case = case.with_(cap_tonnes=np.maximum(case.cap_tonnes, 1e-3))
    rough = case.clear(tolerance=1e-3)
    for g in range(6):
        found = certify(rough, g, Terms(*case.arguments()))
        q = case.quantity[:, case.offer_good == g].max(axis=1)
        size = 2.0 ** np.floor(np.log2(q))
        np.testing.assert_allclose(found.gap / size, rough.gap[:, g], atol=2e-11, rtol=1e-5)


@pytest.mark.parametrize("seed", [12, 20, 22])
def test_the_next_search_begins_with_no_rent_below_nothing(seed: int) -> None:
    """Where a ceiling is slack a coarse search ends a little below: a checkpoint of it would be refused."""
    rng = np.random.default_rng(seed)
    rough = random_case(rng, goods=6, members=3, caps=6, scarcity=(0.7, 1.3)).clear(tolerance=1e-4)
    assert (rough.log_rent < 0).any()
    assert (rough.state.log_rent >= 0).all()


def test_gap_is_large_for_wrong_prices() -> None:
    """The certificate must be able to say no."""
    case = random_case(np.random.default_rng(3), sellers=(5, 5), buyers=(5, 5))
    sloppy, exact = case.clear(tolerance=0.3), case.clear()
    assert sloppy.gap[0, 0] > 1e3 * max(exact.gap[0, 0], 1e-12)


def test_markets_that_do_not_arrive_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.market.solver import solve as module
    from sim.market.solver.newton import Safeguard

    monkeypatch.setattr(module, "NORMAL", Safeguard(0, 1.0, 1e-10))
    monkeypatch.setattr(module, "STRONG", Safeguard(0, 1.0, 1e-10))
    monkeypatch.setattr("sim.market.solver.sweeps.MOST_SWEEPS", 2)
    case = random_case(np.random.default_rng(8), goods=3, members=2, sellers=(4, 6), buyers=(4, 6))
    clearing = case.clear()
    assert not clearing.certified.any()
    assert (clearing.residual > 1e-9).all()
    missed = clearing.missed()
    every = [(member, good) for member in range(2) for good in range(3)]
    assert sorted((member, good) for member, good, _ in missed) == every
    assert missed[0][2] == clearing.residual.max()
    assert [off for _, _, off in missed] == sorted((off for _, _, off in missed), reverse=True)
    np.testing.assert_allclose(clearing.to_sellers(), clearing.sales, rtol=1e-12)
    assert (clearing.sales <= case.quantity).all()


def test_what_newton_misses_is_tried_again_with_a_stronger_safeguard(monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.market.solver import solve as module
    from sim.market.solver.newton import Safeguard

    monkeypatch.setattr(module, "NORMAL", Safeguard(0, 1.0, 1e-10))
    monkeypatch.setattr("sim.market.solver.sweeps.MOST_SWEEPS", 2)
    case = random_case(np.random.default_rng(8), goods=3, members=2, sellers=(4, 6), buyers=(4, 6), caps=2)
    clearing = case.clear()
    assert clearing.certified.all()
    assert clearing.missed() == []


@pytest.mark.parametrize("dominance", [0.5, 5.0, 50.0])
@pytest.mark.parametrize("sigma", [4.0, 8.0, 32.0])
def test_a_dominant_seller_under_an_extreme_cap(dominance: float, sigma: float) -> None:
    rng = np.random.default_rng(int(dominance * 10 + sigma))
    case = dominant_case(rng, dominance, sigma, members=8)
    free = case.cap_tonnes
    market, rent = case.market(), np.full((8, 1), -1.0)
    state = case.clear(market).state
    for share in (1.2, 0.5, 0.05, 0.001, 0.0):
        tight = case.with_(cap_tonnes=share * free)
        for start in (None, state):
            clearing = tight.clear(market, start)
            assert clearing.certified.all()
            assert (clearing.cap_flow <= tight.cap_tonnes).all()
            assert np.isfinite(clearing.rent).all()
            assert np.isfinite(clearing.price).all()
        assert (clearing.rent >= rent - 1e-6 * (1 + np.abs(rent))).all()
        rent = clearing.rent
        if share > 1:
            assert (rent == 0).all()
    assert (clearing.flow(0)[:, 0, 1:] == 0).all()


def test_oracle_ladder() -> None:
    """As sigma and eps grow, flows and value approach the exact optimum, the gap falling each time."""
    rng = np.random.default_rng(11)
    for _ in range(3):
        base = random_case(rng, sellers=(5, 5), buyers=(6, 6), closed=0.2)
        wedge = rng.uniform(0, 0.6, (5, 6))
        wedge[base.kernel[0] == 0] = np.inf
        exact = least_cost(
            base.quantity[0], np.log(base.ask[0]), wedge, base.demand[0], np.log(base.reservation[0])
        )
        shortfalls, distances = [], []
        for sigma in (8.0, 32.0, 128.0):
            case = base.with_(
                kernel=[np.exp(-sigma * wedge)],
                sigma=np.array([sigma]),
                eps=np.full(5, sigma),
                elasticity=np.full(3, sigma),
            )
            clearing = case.clear()
            assert clearing.certified.all()
            flow = clearing.flow(0)[0]
            # Best use of what each buyer gets, over its tiers from the most urgent.
            value = -(flow * (np.where(np.isfinite(wedge), wedge, 0) + np.log(case.ask[0])[:, None])).sum()
            for b, left in enumerate(flow.sum(axis=0)):
                for k in np.argsort(-case.reservation[0, b]):
                    got = min(left, case.demand[0, b, k])
                    value += got * np.log(case.reservation[0, b, k])
                    left -= got
            shortfalls.append(exact.value - value)
            distances.append(np.abs(flow - exact.flow).sum() / exact.flow.sum())
        assert shortfalls[0] > shortfalls[1] > shortfalls[2] >= -1e-9
        assert shortfalls[2] < 0.03 * exact.value
        assert distances[2] < 0.15
        assert distances[2] < distances[0]


def test_oracle_rents_are_approached() -> None:
    rng = np.random.default_rng(2)
    base = random_case(rng, sellers=(4, 4), buyers=(5, 5), closed=0.0)
    wedge = rng.uniform(0, 0.3, (4, 5))
    groups = [(np.arange(4) < 2, np.arange(5) < 3)]
    tonnes = 0.1 * base.quantity[0, :2].sum()
    exact = least_cost(
        base.quantity[0],
        np.log(base.ask[0]),
        wedge,
        base.demand[0],
        np.log(base.reservation[0]),
        [(*groups[0], float(tonnes))],
    )
    far = []
    for sigma in (8.0, 32.0, 128.0):
        case = base.with_(
            kernel=[np.exp(-sigma * wedge)],
            sigma=np.array([sigma]),
            eps=np.full(4, sigma),
            elasticity=np.full(3, sigma),
            caps=[(0, *groups[0])],
            cap_tonnes=np.array([[tonnes]]),
        )
        far.append(abs(case.clear().log_rent[0, 0] - exact.log_rent[0]))
    assert far[2] < 0.06
    assert far[2] < far[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_seller_with_next_to_nothing_left_for_buyers_who_have_nobody_else(seed: int) -> None:
    """Warm starts from a month of plenty: what is wanted is then millions of times what is on sale."""
    rng = np.random.default_rng(seed)
    market = Market.build([0, 0], [0, 0], [np.eye(2)], np.array([6.0]), np.array([4.0, 4.0]), [])
    for _ in range(50):
        demand = np.array([[[6.0], [rng.uniform(0.1, 4)]]])
        reservation, response = np.array([[[1.0], [rng.uniform(1, 30)]]]), np.array([rng.uniform(2, 10)])
        plenty, little = ([[16.0, 10 ** rng.uniform(low, high)]] for low, high in ((-3, 0), (-12, -4)))
        before = clear(market, plenty, np.ones((1, 2)), demand, reservation, response, tolerance=1e-6)
        after = clear(
            market, little, np.ones((1, 2)), demand, reservation, response, start=before.state, tolerance=1e-6
        )
        assert after.certified.all()
        # By hand: the price at which the only buyer wants no more than there is.
        by_hand = reservation[0, 1, 0] * (demand[0, 1, 0] / little[0][1]) ** (1 / response[0])
        wanted = demand[0, 1, 0] * min(1.0, (after.index[0, 1] / reservation[0, 1, 0]) ** -response[0])
        assert wanted - little[0][1] < 16e-6
        assert after.price[0, 1] <= by_hand * 1.001
