"""Single precision: within its tolerance of double precision, and never less exact in tonnes."""

from __future__ import annotations

import numpy as np
import pytest

from sim.market.clearing import SINGLE_TOLERANCE
from tests.market.cases import dominant_case, random_case


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("caps", [0, 3])
def test_single_precision_agrees_with_double(seed: int, caps: int) -> None:
    rng = np.random.default_rng(seed)
    case = random_case(rng, goods=3, members=5, caps=caps, idle=0.1, content=0.1)
    market = case.market()
    double, single = case.clear(market), case.clear(market, precision="single")
    assert single.certified.all()
    assert single.residual.max() <= SINGLE_TOLERANCE
    for good in range(3):
        offers = market.offers_of(good)
        size = case.quantity[:, offers].max() + 1e-300
        off = np.abs(single.sales[:, offers] - double.sales[:, offers])
        assert off.max() <= 50 * SINGLE_TOLERANCE * size
        flow = single.flow(good)
        np.testing.assert_allclose(flow.sum(2), single.sales[:, offers], rtol=1e-12, atol=1e-12 * size)
    assert np.all(single.sales <= case.quantity * (1 + 1e-12))


@pytest.mark.parametrize("dominance", [0.5, 5.0, 50.0])
def test_single_precision_under_a_hard_cap(dominance: float) -> None:
    case = dominant_case(np.random.default_rng(4), dominance, 8.0, members=3)
    case = case.with_(cap_tonnes=0.01 * case.cap_tonnes)
    double, single = case.clear(), case.clear(precision="single")
    assert single.certified.all()
    np.testing.assert_allclose(single.log_rent, double.log_rent, rtol=0.01, atol=0.01)
    assert np.all(single.cap_flow <= case.cap_tonnes * (1 + 1e-12))


def test_bits_in_single_precision_do_not_depend_on_the_batch() -> None:
    case = random_case(np.random.default_rng(2), goods=2, members=9, caps=2)
    market = case.market()
    together = case.clear(market, precision="single")
    for which in ([4], [8, 0], [1, 2, 3, 5, 7]):
        some = case.members(which).clear(market, precision="single")
        np.testing.assert_array_equal(some.sales, together.sales[which])
        np.testing.assert_array_equal(some.price, together.price[which])


def test_an_unknown_precision_is_refused() -> None:
    case = random_case(np.random.default_rng(2))
    with pytest.raises(ValueError, match="'double' or 'single', not 'half'"):
        case.clear(precision="half")
