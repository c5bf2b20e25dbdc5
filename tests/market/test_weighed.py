"""Sellers with weights of their own: the market whose kernel has them, in other units of price."""

from __future__ import annotations

import numpy as np
import pytest

from sim.market import clear
from sim.market.layout import Terms
from sim.market.weighed import clear_weighed, price_of_weight
from tests.market.cases import Case, random_case

TOLERANCE = 1e-11


@pytest.fixture(scope="module")
def case() -> Case:
    rng = np.random.default_rng(3)
    case = random_case(rng, goods=4, members=5, sellers=(2, 9), buyers=(2, 14), caps=4, idle=0.1, closed=0.1)
    return case.with_(cap_tonnes=0.3 * case.cap_tonnes)


def weights(case: Case) -> np.ndarray:
    return np.exp(np.random.default_rng(4).uniform(-1, 1, case.quantity.shape))


def factors(case: Case, weight: np.ndarray) -> np.ndarray:
    return price_of_weight(weight, case.sigma[case.offer_good])


def with_kernels(case: Case, weight: np.ndarray) -> Case:
    blocks = []
    for good, kernel in enumerate(case.kernel):
        blocks.append(kernel * weight[:, case.offer_good == good, None])
    return case.with_(kernel=blocks)


def test_a_weight_is_a_factor_on_the_kernel(case: Case) -> None:
    weight = weights(case)
    found = clear_weighed(case.market(), Terms(*case.arguments()), factors(case, weight), tolerance=TOLERANCE)
    expected = with_kernels(case, weight).clear(tolerance=TOLERANCE)
    assert found.certified.all()
    assert expected.certified.all()
    assert (found.rent > 0).any()
    traded = expected.sales > 1e-6 * expected.sales.max()
    np.testing.assert_allclose(found.price[traded], expected.price[traded], rtol=1e-7)
    np.testing.assert_allclose(found.index, expected.index, rtol=1e-7)
    for good in range(4):
        np.testing.assert_allclose(found.flow(good), expected.flow(good), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(found.rent_value, expected.rent_value, rtol=1e-6, atol=1e-7)


def test_a_clearing_goes_on_from_one_of_the_same_weights(case: Case) -> None:
    factor = factors(case, weights(case))
    first = clear_weighed(case.market(), Terms(*case.arguments()), factor, tolerance=TOLERANCE)
    again = clear_weighed(case.market(), Terms(*case.arguments()), factor, first.state, TOLERANCE)
    assert again.iterations.sum() < first.iterations.sum() / 4
    np.testing.assert_allclose(again.index, first.index, rtol=1e-9)


def test_weights_of_one_change_no_bit(case: Case) -> None:
    plain = clear(case.market(), *case.arguments())
    ones = factors(case, np.ones(case.quantity.shape))
    found = clear_weighed(case.market(), Terms(*case.arguments()), ones)
    for name in ("price", "index", "sales", "log_rent"):
        assert np.array_equal(getattr(found, name), getattr(plain, name)), name


def test_a_member_has_the_same_bits_beside_members_whose_weights_differ(case: Case) -> None:
    weight = weights(case)
    weight[1] = 1.0
    factor = factors(case, weight)
    both = clear_weighed(case.market(), Terms(*case.arguments()), factor)
    for member in (0, 1):
        alone = clear_weighed(case.market(), Terms(*case.members([member]).arguments()), factor[[member]])
        for name in ("price", "index", "sales", "purchases", "log_rent", "rent_value"):
            assert np.array_equal(getattr(both, name)[[member]], getattr(alone, name)), (member, name)
