"""Flows summed over clearings are the sums of the flows of each good."""

from __future__ import annotations

import numpy as np
import pytest

from sim.market import clearing as module
from sim.market.clearing import Market, clear
from sim.market.flows import FlowTotals
from sim.market.links import links_of
from tests.market.cases import random_case


@pytest.mark.parametrize("caps", [0, 2])
def test_totals_keep_members_apart_when_a_run_is_cleared_in_many_batches(
    caps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of as many members share one frame."""
    case = random_case(np.random.default_rng(3), goods=2, members=12, caps=caps)
    monkeypatch.setattr(module, "BATCH_ELEMENTS", 1)
    cleared = case.clear()
    assert len({id(batch.frame) for batch in cleared.batches}) < len(cleared.batches)
    totals = FlowTotals()
    totals.add(cleared)
    totals.add(cleared)
    for good, total in enumerate(totals.totals()):
        np.testing.assert_allclose(total, 2 * cleared.flow(good), rtol=1e-13)


def test_totals_are_sums_of_flows_even_when_policy_changes() -> None:
    rng = np.random.default_rng(2)
    offer_good, need_good = np.repeat([0, 1, 2], [3, 1, 5]), np.repeat([0, 1, 2], [2, 4, 3])
    kernel = [rng.random((3, 2)), rng.random((1, 4)), rng.random((5, 3))]
    cap = (2, np.array([True, True, False, False, False]), np.array([True, False, True]))
    market = Market.build(offer_good, need_good, kernel, np.full(3, 6.0), np.full(9, 4.0), [cap])
    demand = rng.random((4, 9, 1)) + 0.5
    cleared = clear(
        market,
        rng.random((4, 9)) + 0.5,
        np.ones((4, 9)),
        demand,
        np.full_like(demand, 3.0),
        np.array([1.5]),
        np.full((4, 1), 0.05),
    )
    totals = FlowTotals()
    totals.add(cleared)
    totals.add(cleared)
    for good, total in enumerate(totals.totals()):
        np.testing.assert_allclose(total, 2 * cleared.flow(good), rtol=1e-13)
    other = Market.build(offer_good, need_good, [2 * k for k in kernel], np.full(3, 6.0), np.full(9, 4.0))
    changed = clear(
        other, rng.random((4, 9)) + 0.5, np.ones((4, 9)), demand, np.full_like(demand, 3.0),
        np.array([1.5]), np.zeros((4, 0)),
    )
    totals.add(changed)
    for good, total in enumerate(totals.totals()):
        np.testing.assert_allclose(total, 2 * cleared.flow(good) + changed.flow(good), rtol=1e-13)


@pytest.mark.parametrize("own", [False, True])
def test_tonnes_on_links_are_those_of_the_flows(own: bool) -> None:
    rng = np.random.default_rng(11)
    case = random_case(rng, goods=5, members=6, sellers=(2, 9), buyers=(2, 14), caps=4, idle=0.1)
    case = case.with_(cap_tonnes=0.3 * case.cap_tonnes)
    if own:
        kernels = [kernel * rng.uniform(0.5, 2.0, (6, *kernel.shape)) for kernel in case.kernel]
        kernels[1][2, 0] = 0.0
        case = case.with_(kernel=kernels)
    market = case.market()
    clearing = case.clear(market)
    rent = [np.zeros(clearing.flow(good).shape) for good in range(5)]
    for cap, (good, sellers, buyers) in enumerate(market.caps):
        rent[good] += clearing.log_rent[:, cap, None, None] * np.outer(sellers, buyers)
    seen = 0
    for capped in (False, True):
        links = links_of(market, capped, lambda offer, need: need * 1000 + offer)
        assert (np.diff(links.need * 1000 + links.offer) > 0).all()
        for batch in clearing.batches:
            if bool(batch.frame.capped) != capped:
                continue
            tonnes = links.tonnes(batch)
            pairs = zip(links.offer.tolist(), links.need.tolist(), strict=True)
            for place, (offer, need) in enumerate(pairs):
                good = int(case.offer_good[offer])
                at = offer - market.offers_of(good).start, need - market.needs_of(good).start
                flow = clearing.flow(good)[:, *at]
                np.testing.assert_allclose(tonnes[:, place], flow, rtol=1e-12, atol=1e-300)
                if capped:
                    there = tonnes[:, place] > 0
                    found = links.with_rent(batch)[there, place]
                    np.testing.assert_allclose(found, np.exp(rent[good][:, *at][there]), rtol=1e-12)
                seen += 1
    assert seen == sum(kernel.shape[-1] * kernel.shape[-2] for kernel in case.kernel)
