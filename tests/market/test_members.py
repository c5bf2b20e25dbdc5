"""Kernels and elasticities by member: the same as clearing each member in a market of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.market import Clearing, Market, clear, prepare
from sim.market.certificate import certify
from sim.market.flows import FlowTotals
from sim.market.layout import Terms
from tests.market.cases import Array, Case, random_case

MEMBERS = 7


def by_member(seed: int, caps: int) -> tuple[Case, list[Array]]:
    """Three goods; the first and the last with a kernel for each member, tariffs and bans differ."""
    rng = np.random.default_rng(seed)
    case = random_case(rng, goods=3, members=MEMBERS, caps=caps, sellers=(2, 14))
    kernels: list[Array] = list(case.kernel)
    for good in (0, 2):
        shape = (MEMBERS, *kernels[good].shape)
        wedge = 1 + rng.uniform(0, 0.5, shape)
        kernels[good] = kernels[good] * wedge ** -case.sigma[good] * (rng.random(shape) >= 0.15)
    return case, kernels


def market_of(case: Case, kernels: list[Array]) -> Market:
    return Market.build(case.offer_good, case.need_good, kernels, case.sigma, case.eps, case.caps)


def alone(case: Case, kernels: list[Array], member: int) -> Clearing:
    own = [k[member] if k.ndim == 3 else k for k in kernels]
    return case.members([member]).clear(market_of(case, own), tolerance=1e-9)


@pytest.mark.parametrize("caps", [0, 3])
@pytest.mark.parametrize("seed", range(12))
def test_the_same_as_each_member_in_a_market_of_its_own(seed: int, caps: int) -> None:
    case, kernels = by_member(seed, caps)
    together = case.clear(market_of(case, kernels), tolerance=1e-9)
    assert together.certified.all()
    weights = [np.ones_like(k) for k in kernels]
    bought = together.to_buyers(weights)
    np.testing.assert_allclose(bought, together.purchases, rtol=1e-12, atol=1e-12 * bought.max())
    worth = together.to_sellers(weights, together.index)
    for member in range(MEMBERS):
        one = alone(case, kernels, member)
        scale = one.sales.max()
        np.testing.assert_allclose(together.sales[member], one.sales[0], atol=1e-7 * scale)
        for good in range(3):
            np.testing.assert_allclose(together.flow(good)[member], one.flow(good)[0], atol=1e-6 * scale)
        own = [w[member] if w.ndim == 3 else w for w in weights]
        np.testing.assert_allclose(
            worth[member], one.to_sellers(own, together.index[[member]])[0], atol=1e-6 * worth.max()
        )


@pytest.mark.parametrize("caps", [0, 3])
def test_bits_do_not_depend_on_the_batch(caps: int) -> None:
    case, kernels = by_member(3, caps)
    together = case.clear(market_of(case, kernels), tolerance=1e-9)
    for which in ([4], [6, 1], [0, 1, 2, 3, 5], list(range(MEMBERS))[::-1]):
        part = [k[which] if k.ndim == 3 else k for k in kernels]
        some = case.members(which).clear(market_of(case, part), tolerance=1e-9)
        for name in ("price", "sales", "purchases", "log_rent", "index", "residual"):
            np.testing.assert_array_equal(getattr(some, name), getattr(together, name)[which], err_msg=name)


def test_a_prepared_market_stays_so_beside_goods_with_own_kernels() -> None:
    """The bits of a good with a shared kernel do not depend on what the other goods' kernels are."""
    case, kernels = by_member(4, 0)
    reference = tuple(a[0] for a in case.arguments()[:4])
    mixed = prepare(market_of(case, kernels), *reference, case.elasticity)
    shared = prepare(market_of(case, case.kernel), *reference, case.elasticity)
    together, plain = case.clear(mixed, tolerance=1e-9), case.clear(shared, tolerance=1e-9)
    assert together.certified.all()
    offers, needs = mixed.offers_of(1), mixed.needs_of(1)
    np.testing.assert_array_equal(together.price[:, offers], plain.price[:, offers])
    np.testing.assert_array_equal(together.purchases[:, needs], plain.purchases[:, needs])
    np.testing.assert_array_equal(together.iterations[:, 1], plain.iterations[:, 1])
    some = [6, 1]
    part = prepare(
        market_of(case, [k[some] if k.ndim == 3 else k for k in kernels]), *reference, case.elasticity
    )
    few = case.members(some).clear(part, tolerance=1e-9)
    np.testing.assert_array_equal(few.price, together.price[some])


@pytest.mark.parametrize("caps", [0, 2])
def test_elasticities_by_member(caps: int) -> None:
    case, kernels = by_member(5, caps)
    rng = np.random.default_rng(1)
    sigma = case.sigma * rng.uniform(0.7, 1.3, (MEMBERS, 3))
    eps = case.eps * rng.uniform(0.7, 1.3, (MEMBERS, len(case.eps)))
    market = Market.build(case.offer_good, case.need_good, kernels, sigma, eps, case.caps)
    together = case.clear(market, tolerance=1e-9)
    for member in range(MEMBERS):
        own = [k[member] if k.ndim == 3 else k for k in kernels]
        single = Market.build(
            case.offer_good, case.need_good, own, sigma[member], eps[member], case.caps
        )
        one = case.members([member]).clear(single, tolerance=1e-9)
        np.testing.assert_allclose(together.sales[member], one.sales[0], atol=1e-7 * one.sales.max())


def test_an_independent_certificate_holds_by_member() -> None:
    case, kernels = by_member(8, 2)
    result = case.clear(market_of(case, kernels), tolerance=1e-9)
    for good in range(3):
        found = certify(result, good, Terms(*case.arguments()))
        size = case.quantity[:, result.market.offers_of(good)].max() + 1e-300
        assert np.all(found.excess <= 1e-6 * size)
        assert np.all(found.gap >= -1e-9 * size)
        assert np.all(found.tonnes_lost <= 1e-12 * size)


def test_flows_add_up_over_clearings() -> None:
    case, kernels = by_member(2, 2)
    market = market_of(case, kernels)
    first = case.clear(market, tolerance=1e-9)
    second = case.with_(demand=1.1 * case.demand).clear(market, tolerance=1e-9)
    totals = FlowTotals()
    totals.add(first)
    totals.add(second)
    for good, total in enumerate(totals.totals()):
        np.testing.assert_allclose(total, first.flow(good) + second.flow(good), rtol=1e-9, atol=1e-9)


def test_what_does_not_fit_is_refused() -> None:
    case, kernels = by_member(1, 0)
    with pytest.raises(ValueError, match=r"for 7 members; there are 3"):
        clear(market_of(case, kernels), *case.members([0, 1, 2]).arguments())
    with pytest.raises(ValueError, match=r"for \[3, 7\] members"):
        market_of(case, [kernels[0], kernels[1], kernels[2][:3]])
    result = case.clear(market_of(case, kernels))
    few = [np.ones((MEMBERS - 1, *k.shape[-2:])) for k in kernels]
    with pytest.raises(ValueError, match=r"weights of good 0 are for 6 members; there are 7"):
        result.to_buyers(few)
    assert replace(case, caps=[]).market().members is None


@pytest.mark.parametrize("caps", [0, 3])
def test_weights_by_member_whatever_the_kernels(caps: int) -> None:
    """Beside goods with kernels by member stand goods with one that all share."""
    case, kernels = by_member(1, caps)
    result = case.clear(market_of(case, kernels))
    factor = np.arange(1.0, MEMBERS + 1)[:, None]
    wide = [factor[..., None] * np.ones((MEMBERS, *k.shape[-2:])) for k in kernels]
    np.testing.assert_allclose(result.to_buyers(wide), factor * result.purchases, rtol=1e-12)
    np.testing.assert_allclose(result.to_sellers(wide), factor * result.sales, rtol=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_a_member_has_the_bits_of_a_market_of_its_own_whatever_is_closed_to_others(seed: int) -> None:
    """Links under caps that are closed to it, and open to others, must not change how its sums are added."""
    case, kernels = by_member(seed, 3)
    together = case.clear(market_of(case, kernels), tolerance=1e-9)
    for member in range(MEMBERS):
        own = [k[[member]] if k.ndim == 3 else k for k in kernels]
        one = case.members([member]).clear(market_of(case, own), tolerance=1e-9)
        for name in ("price", "sales", "purchases", "log_rent", "index", "residual", "gap"):
            np.testing.assert_array_equal(
                getattr(together, name)[member], getattr(one, name)[0], err_msg=name
            )


@pytest.mark.parametrize("caps", [0, 3])
@pytest.mark.parametrize("what", ["sigma", "eps", "tiers", "kernels"])
def test_a_member_has_the_bits_of_a_market_that_all_share(what: str, caps: int) -> None:
    """Where elasticities, or kernels of blocked goods, are its own, it is cleared as if all had them."""
    rng = np.random.default_rng(caps)
    case = random_case(rng, goods=3, members=MEMBERS, caps=caps, sellers=(2, 14))
    sigma: Array = np.tile(case.sigma, (MEMBERS, 1))
    eps: Array = np.tile(case.eps, (MEMBERS, 1))
    shared = rng.uniform(1.5, 6.0, np.shape(case.demand)[-1])
    tiers: Array = np.tile(shared, (MEMBERS, 1))
    kernels: list[Array] = list(case.kernel)
    if what == "sigma":
        sigma = sigma * rng.uniform(0.7, 1.3, sigma.shape) ** (np.arange(3) != 1)
    elif what == "eps":
        eps = eps * rng.uniform(0.7, 1.3, (MEMBERS, 1))
    elif what == "tiers":
        tiers = tiers * rng.uniform(0.5, 1.5, tiers.shape)
    else:
        # As where sigma scales the weights: the same links are open to all.
        kernels = [k * rng.uniform(0.8, 1.2, (MEMBERS, 1, k.shape[1])) for k in kernels]
    market = Market.build(case.offer_good, case.need_good, kernels, sigma, eps, case.caps, blocked=range(3))
    elasticity = tiers[:, None] if what == "tiers" else shared
    together = replace(case, elasticity=elasticity).clear(market, tolerance=1e-9)
    weights = [rng.random(k.shape[-2:]) for k in kernels]
    for member in range(MEMBERS):
        own = [k[member] if k.ndim == 3 else k for k in kernels]
        single = Market.build(case.offer_good, case.need_good, own, sigma[member], eps[member], case.caps)
        one = replace(case.members([member, member]), elasticity=tiers[member]).clear(single, tolerance=1e-9)
        for name in ("price", "sales", "purchases", "log_rent", "index", "residual", "gap", "demanded"):
            np.testing.assert_array_equal(
                getattr(together, name)[member], getattr(one, name)[1], err_msg=name
            )
        np.testing.assert_array_equal(together.to_buyers(weights)[member], one.to_buyers(weights)[1])
        np.testing.assert_array_equal(together.to_sellers(weights)[member], one.to_sellers(weights)[1])
        for good in range(3):
            np.testing.assert_array_equal(together.flow(good)[member], one.flow(good)[1])
