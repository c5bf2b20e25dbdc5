"""Expected prices and perceived risk, against the equations in plain Python."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.agents.expectations import share_of_step, update_expectations, update_risk
from sim.agents.prepared import Prepared
from tests.prepared_world import MONTH, Situation, behaving, prepared_world, settled


@given(speed=st.floats(0, 50), parts=st.integers(1, 60))
def test_a_gap_closes_by_as_much_in_many_short_steps(speed: float, parts: int) -> None:
    """(M17): what is left after a year does not depend on the step."""
    left = (1 - share_of_step(np.array([[speed]]), 1 / parts)) ** parts
    assert left.item() == pytest.approx(exp(-speed), rel=1e-9, abs=1e-15)


def test_share_of_step_of_each_member() -> None:
    found = share_of_step(np.array([[0.0], [1.0], [1e9]]), 0.5)
    assert found.ravel().tolist() == pytest.approx([0.0, 1 - exp(-0.5), 1.0])


def expected(now: Situation, prices: tuple[float, float, float], member: int) -> float:
    """(M18) and (M19), or (M20) and (M21): expectation, last price, long-run cost."""
    old, last, cost = prices
    learn, revert = (
        1 - exp(-now.value(name, member) * now.prepared.step_years)
        for name in ("expectation_speed", "expectation_reversion")
    )
    value = log(old) + learn * (log(last) - log(old))
    return exp(value + revert * (log(cost) - value))


def test_expectations_learn_first_and_revert_then(varied: Situation) -> None:
    now, before = varied.copied(), varied.state
    cost = np.random.default_rng(8).uniform(0.5, 3, before.rate.shape)
    update_expectations(now.prepared, now.state, cost)
    for (m, s), price in np.ndenumerate(now.state.offer_expected_price):
        given_prices = before.offer_expected_price[m, s], before.gate_price[m, s], cost[m, s]
        assert price == pytest.approx(expected(varied, given_prices, m), rel=1e-12)
    base = now.prepared.benchmark.base_index
    for (m, b), price in np.ndenumerate(now.state.need_expected_price):
        given_prices = before.need_expected_price[m, b], before.choice_index[m, b], base[b]
        assert price == pytest.approx(expected(varied, given_prices, m), rel=1e-12)


def test_what_is_at_cost_stays_there(plain: Prepared) -> None:
    now = settled(plain)
    update_expectations(plain, now.state, np.ones_like(now.state.rate))
    np.testing.assert_allclose(now.state.offer_expected_price, 1.0, rtol=1e-15)
    np.testing.assert_allclose(now.state.need_expected_price, plain.benchmark.base_index[None], rtol=1e-15)


@pytest.mark.parametrize(("learn", "revert", "result"), [(0.0, 0.0, 2.0), (1e9, 0.0, 8.0), (0.0, 1e9, 0.5)])
def test_limits_of_learning(plain: Prepared, learn: float, revert: float, result: float) -> None:
    now = settled(behaving(plain, expectation_speed=learn, expectation_reversion=revert))
    now.state.offer_expected_price[:], now.state.gate_price[:] = 2.0, 8.0
    update_expectations(now.prepared, now.state, np.full_like(now.state.rate, 0.5))
    assert now.state.offer_expected_price == pytest.approx(result)


PRICE = st.floats(1e-3, 1e3)


@given(old=PRICE, last=PRICE, cost=PRICE, factor=st.floats(0.1, 10))
def test_expectations_lie_between_what_they_follow_and_scale_with_it(
    plain: Prepared, old: float, last: float, cost: float, factor: float
) -> None:
    found = []
    for scale in (1.0, factor):
        now = settled(plain)
        now.state.offer_expected_price[:], now.state.gate_price[:] = old * scale, last * scale
        update_expectations(plain, now.state, np.full_like(now.state.rate, cost * scale))
        found.append(float(now.state.offer_expected_price[0, 0]))
    assert min(old, last, cost) * (1 - 1e-12) <= found[0] <= max(old, last, cost) * (1 + 1e-12)
    assert found[1] == pytest.approx(found[0] * factor, rel=1e-9)


def test_risk(varied: Situation) -> None:
    """(M22), for an exposure that all members share and one that differs."""
    for exposure in (np.linspace(0, 1, 12), np.linspace(0, 1, 36).reshape(3, 12)):
        now = varied.copied()
        update_risk(now.prepared, now.state, exposure)
        for (m, b), risk in np.ndenumerate(now.state.risk):
            old, now_exposed = varied.state.risk[m, b], np.broadcast_to(exposure, (3, 12))[m, b]
            follow = 1 - exp(-varied.value("risk_speed", m) * MONTH)
            assert risk == pytest.approx(old + follow * (now_exposed - old), rel=1e-12)


def test_fear_fades_as_fast_in_weeks_as_in_months(plain: Prepared) -> None:
    weekly = prepared_world(plain.world, step_years=MONTH / 4)
    months, weeks = settled(plain), settled(weekly)
    for now, steps in ((months, 3), (weeks, 12)):
        now.state.risk[:] = 1.0
        for _ in range(steps):
            update_risk(now.prepared, now.state, np.zeros(12))
    np.testing.assert_allclose(months.state.risk, weeks.state.risk, rtol=1e-12)
    assert months.state.risk[0, 0] == pytest.approx(exp(-months.value("risk_speed") / 4))
