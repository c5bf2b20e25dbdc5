"""Base flows, purchase shares and sourcing weights, against the equations in plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import exp

import numpy as np
import pytest

from sim.world.entrants import normal_amounts
from sim.world.sourcing import (
    BaseYearRules,
    _balance,
    _nearness,
    of_good,
    purchase_shares,
    sourcing_flows,
    sourcing_kernel,
)
from sim.world.world import FloatArray, World
from tests.prepared_world import need_of, offer_of

RULES = BaseYearRules(prior_weight=0.05, prior_distance_km=5000.0, input_cost_ceiling=0.95)
NO_PRIOR = replace(RULES, prior_weight=0.0)
MAGNET, OXIDE = 3, 1


def links(world: World, good: int) -> Iterator[tuple[int, int, int, int]]:
    """Row, column, and the facilities of seller and buyer of each link."""
    for s, seller in enumerate(world.offer_facility[world.offer_slice(good)].tolist()):
        for b, buyer in enumerate(world.need_facility[world.need_slice(good)].tolist()):
            yield s, b, seller, buyer


def wedge(world: World, good: int, seller: int, buyer: int, s: int, b: int) -> float:
    origin, destination = world.facility_country[seller], world.facility_country[buyer]
    freight = float(world.freight_share[good][s, b])
    duty = float(world.base_tariff[good, origin, destination])
    taxed = 1 if world.country_duty_on_fob[destination] else 1 + freight
    return 1 + freight + duty * taxed


# -- flows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("good", range(4))
def test_nearness(small_world: World, good: int) -> None:
    """(M1)."""
    found = _nearness(small_world, good, RULES)
    for s, b, seller, buyer in links(small_world, good):
        origin, destination = small_world.facility_country[[seller, buyer]]
        km = small_world.distance_km[origin, destination]
        both_trade = {small_world.facility_kind[seller], small_world.facility_kind[buyer]} == {"trader"}
        assert found[s, b] == (0.0 if both_trade else pytest.approx(exp(-km / 5000)))
    assert (found == 0).any() == (good in (1, 2))


def test_flows_keep_outputs_and_uses_and_lie_between_base_and_prior(small_world: World) -> None:
    """(M2): before balancing, a share of what each buyer buys comes by distance."""
    flows = sourcing_flows(small_world, RULES)
    for good, flow in enumerate(flows):
        base = small_world.base_flow[good]
        np.testing.assert_allclose(flow.sum(0), base.sum(0), rtol=1e-12)
        np.testing.assert_allclose(flow.sum(1), base.sum(1), rtol=1e-9)
        near = _nearness(small_world, good, RULES) * base.sum(1)[:, None]
        mixed = 0.95 * base + 0.05 * near / near.sum(0) * base.sum(0)
        ratio = flow / np.where(mixed > 0, mixed, 1.0)
        # Balancing multiplies rows and columns, so cross ratios are those of the mixture.
        open_link = mixed > 0
        for s, b in zip(*np.nonzero(open_link), strict=True):
            if open_link[0, b] and open_link[s, 0] and open_link[0, 0]:
                cross = ratio[s, b] * ratio[0, 0] / ratio[0, b] / ratio[s, 0]
                assert cross == pytest.approx(1.0, rel=1e-9)


def test_without_prior_flows_are_those_of_the_world(small_world: World) -> None:
    for found, base in zip(sourcing_flows(small_world, NO_PRIOR), small_world.base_flow, strict=True):
        np.testing.assert_allclose(found, base, rtol=1e-12)


def test_a_world_that_comes_again_has_the_same_flows(small_world: World) -> None:
    """Nobody can change them; whatever they follow from tells worlds apart."""
    flows = sourcing_flows(small_world, RULES)
    assert sourcing_flows(replace(small_world, need_cover=small_world.need_cover * 2), RULES) is flows
    with pytest.raises(ValueError, match="read-only"):
        flows[0][:] = 0
    far = replace(small_world, distance_km=small_world.distance_km * 2)
    doubled = replace(small_world, base_flow=tuple(2 * flow for flow in small_world.base_flow))
    miners = replace(small_world, facility_kind=("miner",) * len(small_world.facilities))
    for world, rules in ((far, RULES), (doubled, RULES), (miners, RULES), (small_world, NO_PRIOR)):
        others = sourcing_flows(world, rules)
        assert any((one != other).any() for one, other in zip(flows, others, strict=True))


def test_a_trader_never_buys_from_a_trader(small_world: World) -> None:
    row = offer_of(small_world, "trader_singapore_ndpr") - small_world.offer_slice(OXIDE).start
    column = need_of(small_world, "trader_singapore_ndpr") - small_world.need_slice(OXIDE).start
    flow = sourcing_flows(small_world, RULES)[OXIDE]
    assert flow[row, column] == 0
    assert (np.delete(flow[:, column], row) > 0).all()


def test_balance_fits_margins_and_leaves_what_is_empty() -> None:
    rows, columns = np.array([3.0, 0.0, 7.0]), np.array([6.0, 4.0, 0.0])
    seed = np.array([[1.0, 2.0, 5.0], [4.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    found = _balance(seed, rows, columns)
    np.testing.assert_allclose(found.sum(1), rows, rtol=1e-10)
    np.testing.assert_allclose(found.sum(0), columns, rtol=1e-10)
    cross = found[0, 0] * found[2, 1] / (found[0, 1] * found[2, 0])
    assert cross == pytest.approx(1.0 * 1.0 / (2.0 * 1.0))
    assert _balance(np.zeros((0, 2)), np.zeros(0), np.zeros(2)).shape == (0, 2)


# -- shares --------------------------------------------------------------------------------------


def shares_and_amounts(world: World) -> tuple[tuple[FloatArray, ...], FloatArray, FloatArray]:
    output, use = normal_amounts(world)
    flow = sourcing_flows(world, RULES)
    return purchase_shares(world, RULES, flow, output), output, use


def test_shares_are_those_of_purchases(small_world: World) -> None:
    shares, _, _ = shares_and_amounts(small_world)
    for share, flow in zip(shares, sourcing_flows(small_world, RULES), strict=True):
        np.testing.assert_allclose(share, flow / flow.sum(0), rtol=1e-14)


def test_who_bought_nothing_would_buy_from_near_sellers(entering_world: World) -> None:
    world, (shares, _, _) = entering_world, shares_and_amounts(entering_world)
    sold = world.base_flow[OXIDE].sum(1)
    column = need_of(world, "magnet_later", "ndpr_oxide") - world.need_slice(OXIDE).start
    weight = _nearness(world, OXIDE, RULES)[:, column] * sold
    np.testing.assert_allclose(shares[OXIDE][:, column], weight / weight.sum())
    for share in shares:
        np.testing.assert_allclose(share.sum(0), 1.0, rtol=1e-12)


def test_where_nobody_sold_those_count_who_could(small_world: World) -> None:
    """By what they could make, and by distance."""
    flow = [block.copy() for block in sourcing_flows(small_world, RULES)]
    flow[MAGNET][:] = 0.0
    output = small_world.offer_output.copy()
    shares = purchase_shares(small_world, RULES, tuple(flow), output)[MAGNET]
    weight = _nearness(small_world, MAGNET, RULES) * output[small_world.offer_slice(MAGNET), None]
    np.testing.assert_allclose(shares, weight / weight.sum(0))


# -- sourcing weights ----------------------------------------------------------------------------


SIGMA = np.array([6.0, 4.0, 2.5, 6.0])


def test_kernel(small_world: World) -> None:
    """(M3) and (M4): at base prices a buyer's index is its mean delivered price, its mix that of the base."""
    shares, output, use = shares_and_amounts(small_world)
    kernel, index = sourcing_kernel(small_world, RULES, shares, (output, use), SIGMA)
    for good in range(4):
        for b in range(shares[good].shape[1]):
            need = small_world.need_slice(good).start + b
            column = [link for link in links(small_world, good) if link[1] == b]
            mean = sum(
                shares[good][s, b] * wedge(small_world, good, seller, buyer, s, b)
                for s, _, seller, buyer in column
            )
            assert index[need] == pytest.approx(mean, rel=1e-12)
            weights = kernel[good][:, b]
            np.testing.assert_allclose(weights, shares[good][:, b] * mean ** -SIGMA[good], rtol=1e-12)
            assert weights.sum() ** (-1 / SIGMA[good]) == pytest.approx(mean, rel=1e-12)


def test_members_with_a_sigma_of_their_own_have_kernels_of_their_own(entering_world: World) -> None:
    shares, *amounts = shares_and_amounts(entering_world)
    normal = amounts[0], amounts[1]
    each = np.array([SIGMA, 0.5 * SIGMA])
    together, index = sourcing_kernel(entering_world, RULES, shares, normal, each)
    for row, sigma in enumerate(each):
        alone, same = sourcing_kernel(entering_world, RULES, shares, normal, sigma)
        np.testing.assert_array_equal(index, same)
        for block, own in zip(together, alone, strict=True):
            np.testing.assert_array_equal(block[row], own)


def pulled(world: World, good: int, s: int, index: FloatArray) -> float:
    """What buyers would take of a seller at a weight of 1 and base prices, t/year."""
    first = world.need_slice(good).start
    near = _nearness(world, good, RULES)
    total = 0.0
    for row, b, seller, buyer in links(world, good):
        if row == s and near[s, b] > 0:
            cheaper = index[first + b] / wedge(world, good, seller, buyer, s, b)
            total += world.need_use[first + b] * cheaper ** SIGMA[good]
    return float(total)


def test_what_an_entrant_is_worth(entering_world: World) -> None:
    """(M5)."""
    world, (shares, output, use) = entering_world, shares_and_amounts(entering_world)
    kernel, index = sourcing_kernel(world, RULES, shares, (output, use), SIGMA)
    seen = 0
    for good in range(4):
        size = output[world.offer_slice(good)]
        sold = world.base_flow[good].sum(1) > 0
        for s, b, seller, buyer in links(world, good):
            if not sold[s]:
                worth = size[s] * wedge(world, good, seller, buyer, s, b) ** -SIGMA[good]
                expected = worth / pulled(world, good, s, index)
                assert kernel[good][s, b] == pytest.approx(expected, rel=1e-12)
                seen += 1
    assert seen > 4


def test_at_full_capacity_an_entrant_would_fetch_the_base_price(entering_world: World) -> None:
    """What buyers would take of it beside the others, all at base prices, is what it could make."""
    world, (shares, output, use) = entering_world, shares_and_amounts(entering_world)
    kernel, index = sourcing_kernel(world, RULES, shares, (output, use), SIGMA)
    fetched = []
    for good in range(4):
        needs, first = world.need_slice(good), world.offer_slice(good).start
        pull = kernel[good] @ (world.need_use[needs] * index[needs] ** SIGMA[good])
        for s in np.flatnonzero(world.base_flow[good].sum(1) == 0):
            fetched.append((pull[s] / output[first + s]) ** (1 / SIGMA[good]))
    assert fetched == pytest.approx([1.0] * 4, rel=1e-12)


def test_sigma_of_a_good() -> None:
    assert of_good(np.array([6.0, 4.0]), 1) == 4.0
    assert of_good(np.array([[6.0, 4.0], [6.0, 4.0]]), 0) == 6.0
    found = of_good(np.array([[6.0, 4.0], [3.0, 4.0]]), 0)
    np.testing.assert_array_equal(found, np.array([6.0, 3.0])[:, None, None])
