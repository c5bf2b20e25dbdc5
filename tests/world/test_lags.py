"""Shipping times as lags: every tonne arrives, however long it takes."""

from __future__ import annotations

import numpy as np
import pytest

from sim.world.lags import shipping_lags

FLOW = (np.ones((3, 2)),)
TIMES = (np.array([[0.0, 0.02], [0.1, 0.25], [0.3, 0.4]]),)


def test_shares_of_a_shipment_add_up() -> None:
    weights, mix = shipping_lags(TIMES, FLOW, 1 / 12)
    assert len(weights) == 6
    np.testing.assert_allclose(sum(by_good[0] for by_good in weights), 1, rtol=1e-15)
    np.testing.assert_allclose(mix.sum(0), 1, rtol=1e-15)


def test_mean_time_under_way_is_the_shipping_time() -> None:
    weights, _ = shipping_lags(TIMES, FLOW, 1 / 52, delay_years=0.5)
    mean = sum(lag * by_good[0] for lag, by_good in enumerate(weights))
    np.testing.assert_allclose(mean / 52, TIMES[0], rtol=1e-12, atol=1e-15)


def test_times_by_member_have_a_mix_for_each() -> None:
    times = (TIMES[0] + np.array([0.0, 0.1, 0.35])[:, None, None],)
    weights, mix = shipping_lags(times, FLOW, 1 / 12, lags=12)
    assert mix.shape == (12, 3, 2)
    np.testing.assert_allclose(sum(by_good[0] for by_good in weights), 1, rtol=1e-15)
    for member in range(3):
        alone, own = shipping_lags((times[0][member],), FLOW, 1 / 12, lags=12)
        np.testing.assert_array_equal(own, mix[:, member])
        for lag in range(12):
            np.testing.assert_array_equal(alone[lag][0], weights[lag][0][member])


def test_no_tonne_is_lost_where_there_is_no_room() -> None:
    """More than there are lags for is an error, never a shipment that does not arrive."""
    with pytest.raises(ValueError, match=r"takes 4\.8 steps, but there is room for 3"):
        shipping_lags(TIMES, FLOW, 1 / 12, lags=4)


def test_rounding_loses_nothing() -> None:
    late = (np.array([[3 / 12 * (1 + 4e-15)]]),)
    weights, _ = shipping_lags(late, (np.ones((1, 1)),), 1 / 12, lags=4)
    assert sum(float(by_good[0][0, 0]) for by_good in weights) == 1.0
