"""Shipping times in whole steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.world.lags import shipping_lags

YEARS = st.floats(0, 0.5)


@given(times=st.lists(YEARS, min_size=1, max_size=5), step=st.sampled_from([1 / 12, 1 / 52, 0.3]))
def test_shipments_keep_their_time_in_the_mean(times: list[float], step: float) -> None:
    """(M9): all of a shipment arrives, at most at the two nearest steps, on average when it is due."""
    years = np.array([times])
    weights, _ = shipping_lags((years,), (np.ones_like(years),), step)
    shares = np.array([per_good[0][0] for per_good in weights])
    np.testing.assert_allclose(shares.sum(0), 1.0, rtol=1e-12)
    steps = np.arange(len(shares))[:, None]
    np.testing.assert_allclose((steps * shares).sum(0) * step, times, rtol=1e-9, atol=1e-12)
    assert ((shares > 0).sum(0) <= 2).all()
    assert len(shares) == int(np.ceil(max(times) / step)) + 1


@pytest.mark.parametrize(
    ("years", "shares"),
    [(0.0, [1.0, 0.0, 0.0]), (0.25, [0.0, 1.0, 0.0]), (0.3125, [0.0, 0.75, 0.25]), (0.125, [0.5, 0.5, 0.0])],
)
def test_shares_by_hand(years: float, shares: list[float]) -> None:
    times = np.array([[years, 0.5]])
    weights, _ = shipping_lags((times,), (np.ones((1, 2)),), 0.25)
    assert [per_good[0][0, 0] for per_good in weights] == pytest.approx(shares)


def test_the_mix_of_a_need_weighs_its_suppliers_by_tonnes() -> None:
    """Two goods, on one axis of needs: the first need buys 3 t at once and 1 t a step later."""
    times = np.array([[0.0], [0.25]]), np.array([[0.5]])
    flows = np.array([[3.0], [1.0]]), np.array([[7.0]])
    weights, mix = shipping_lags(times, flows, 0.25)
    np.testing.assert_allclose(mix, [[0.75, 0.0], [0.25, 0.0], [0.0, 1.0]])
    assert len(weights) == 3
    assert [block.shape for block in weights[0]] == [(2, 1), (1, 1)]


def test_room_for_delays_and_stated_numbers_of_lags_hold_nothing() -> None:
    times, flows = (np.array([[0.25]]),), (np.ones((1, 1)),)
    for given_room in ({"delay_years": 0.6}, {"lags": 5}):
        weights, mix = shipping_lags(times, flows, 0.25, **given_room)  # type: ignore[arg-type]
        assert len(weights) == len(mix) == 5
        assert mix[:, 0].tolist() == [0.0, 1.0, 0.0, 0.0, 0.0]


def test_members_may_differ_in_some_goods() -> None:
    shared, own = np.array([[0.25]]), np.array([[[0.0]], [[0.5]]])
    tonnes = np.ones((1, 1)), np.ones((1, 1))
    weights, mix = shipping_lags((shared, own), tonnes, 0.25)
    assert [block.shape for block in weights[0]] == [(1, 1), (2, 1, 1)]
    assert mix.shape == (3, 2, 2)
    np.testing.assert_allclose(mix[:, 0], [[0, 1], [1, 0], [0, 0]])
    np.testing.assert_allclose(mix[:, 1], [[0, 0], [1, 0], [0, 1]])
    for member, time in enumerate((0.0, 0.5)):
        _, alone = shipping_lags((shared, np.array([[time]])), tonnes, 0.25, lags=3)
        np.testing.assert_array_equal(mix[:, member], alone)
