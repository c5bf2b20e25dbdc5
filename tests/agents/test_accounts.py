"""Stocks and what is on its way to them."""

from __future__ import annotations

import numpy as np
import pytest

from sim.accounts import Account


def account(lags: int = 3) -> Account:
    """Two members, three stocks, two kinds of content, all numbers different."""
    made = Account(np.arange(12.0).reshape(2, 3, 2), lags)
    made.transit[:] = 100 + np.arange(made.transit.size).reshape(made.transit.shape)
    return made


def test_shipments_come_nearer_and_arrive() -> None:
    made, before = account(), account()
    total = made.position
    made.arrive()
    np.testing.assert_array_equal(made.stock, before.stock + before.transit[0])
    np.testing.assert_array_equal(made.transit[0], before.transit[1])
    assert not made.transit[1].any()
    np.testing.assert_array_equal(made.position, total)
    made.arrive()
    np.testing.assert_array_equal(made.stock, total)
    assert not made.transit.any()


def test_without_lags_nothing_is_under_way() -> None:
    made = account(lags=1)
    assert made.transit.shape == (0, 2, 3, 2)
    made.arrive()
    made.load(np.ones((1, 2, 3, 2)))
    np.testing.assert_array_equal(made.stock, account(1).stock + 1)
    np.testing.assert_array_equal(made.position, made.stock)


def test_load_splits_by_lag() -> None:
    made, before = account(), account()
    sent = np.random.default_rng(0).uniform(0, 1, (3, 2, 3, 2))
    made.load(sent)
    np.testing.assert_array_equal(made.stock, before.stock + sent[0])
    np.testing.assert_array_equal(made.transit, before.transit + sent[1:])


def test_take_adds_a_fraction_of_each_shipment() -> None:
    """Three stocks from five needs, need by need."""
    made, before, rng = account(), account(), np.random.default_rng(1)
    sent, fractions = rng.uniform(0, 1, (3, 2, 5, 2)), rng.uniform(0, 0.3, (3, 2, 5))
    held = made.stock
    made.take(sent, fractions)
    np.testing.assert_array_equal(held, before.stock)
    for (lag, m, need, kind), tonnes in np.ndenumerate(sent):
        for stock in range(3):
            part = fractions[stock, m, need] * tonnes
            if lag == 0:
                before.stock[m, stock, kind] += part
            else:
                before.transit[lag - 1, m, stock, kind] += part
    np.testing.assert_allclose(made.stock, before.stock)
    np.testing.assert_allclose(made.transit, before.transit)


def test_release_takes_all_kinds_alike() -> None:
    made, before = account(), account()
    share = np.array([[0.0, 0.5, 1.0], [0.25, 0.0, 0.1]])
    out = made.release(share)
    np.testing.assert_allclose(out, before.stock * share[..., None])
    np.testing.assert_allclose(made.stock + out, before.stock)
    np.testing.assert_array_equal(made.transit, before.transit)


@pytest.mark.parametrize("saved", [1, 2, 3, 5])
def test_restore_fits_more_lags_or_fewer(saved: int) -> None:
    made, left = account(lags=3), account(lags=saved)
    made.restore(left.stock, left.transit)
    both = min(2, saved - 1)
    np.testing.assert_array_equal(made.stock, left.stock)
    np.testing.assert_array_equal(made.transit[:both], left.transit[:both])
    assert not made.transit[both:].any()
    made.stock += 1
    np.testing.assert_array_equal(left.stock, account(saved).stock)


@pytest.mark.parametrize("saved", [1, 2, 3, 5])
def test_restore_row_leaves_the_other_stocks_alone(saved: int) -> None:
    made, before, left = account(lags=3), account(lags=3), account(lags=saved)
    stock, transit = -left.stock[:, 0], -left.transit[:, :, 0]
    held = made.stock
    made.restore_row(1, stock, transit)
    both = min(2, saved - 1)
    np.testing.assert_array_equal(made.stock[:, 1], stock)
    np.testing.assert_array_equal(made.transit[:both, :, 1], transit[:both])
    assert not made.transit[both:, :, 1].any()
    for other in (0, 2):
        np.testing.assert_array_equal(made.stock[:, other], before.stock[:, other])
        np.testing.assert_array_equal(made.transit[:, :, other], before.transit[:, :, other])
    np.testing.assert_array_equal(held, before.stock)
