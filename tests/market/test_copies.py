"""Copies and pickles of markets and clearings go on with the bits of the original."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sim.market import Clearing, Market, clear, prepare
from sim.market import clearing as module
from sim.market.flows import FlowTotals
from tests.market.cases import Array, Case, random_case
from tests.market.test_invariance import FIELDS
from tests.market.test_members import by_member, market_of

STEPS = 5
COPIES: dict[str, Callable[[Any], Any]] = {
    "copied": copy.deepcopy, "pickled": lambda value: pickle.loads(pickle.dumps(value)),
}  # fmt: skip


def shared(caps: int) -> tuple[Case, Market]:
    rng = np.random.default_rng(3)
    case = random_case(rng, goods=6, members=11, sellers=(2, 14), buyers=(2, 25), caps=caps, idle=0.1)
    return case, case.market()


def prepared(caps: int) -> tuple[Case, Market]:
    case, market = shared(caps)
    base = (a.mean(axis=0) for a in (case.quantity, case.ask, case.demand, case.reservation))
    return case, prepare(market, *base, case.elasticity)


def own(caps: int) -> tuple[Case, Market]:
    case, kernels = by_member(5, caps)
    return case, market_of(case, kernels)


def own_elasticities(caps: int) -> tuple[Case, Market]:
    case, _ = shared(caps)
    sigma = case.sigma * np.linspace(0.9, 1.1, len(case.quantity))[:, None]
    return case, Market.build(case.offer_good, case.need_good, case.kernel, sigma, case.eps, case.caps)


KINDS = {"shared": shared, "prepared": prepared, "own": own, "own elasticities": own_elasticities}


def stepped(case: Case, step: int) -> Case:
    """The terms of a step: what is on sale and wanted wanders."""
    rng = np.random.default_rng(step)
    return case.with_(
        quantity=case.quantity * rng.lognormal(0, 0.05, case.quantity.shape),
        demand=case.demand * rng.lognormal(0, 0.05, case.demand.shape),
    )


def facts(clearing: Clearing, weights: list[Array], totals: FlowTotals) -> dict[str, Array]:
    market = clearing.market
    found = {name: getattr(clearing, name) for name in FIELDS}
    found["to_buyers"] = clearing.to_buyers(weights, clearing.price, include_rent=True)
    found["to_sellers"] = clearing.to_sellers(weights)
    found |= {f"flow {g}": clearing.flow(g) for g in range(market.goods)}
    found |= {f"total {g}": total for g, total in enumerate(copy.deepcopy(totals).totals())}
    return found


def assert_same(one: dict[str, Array], other: dict[str, Array]) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


@pytest.mark.parametrize("batch", [1, 10**6])
@pytest.mark.parametrize("caps", [0, 3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", COPIES)
def test_a_copy_goes_on_with_the_same_bits(
    how: str, kind: str, caps: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Market, clearing, weights and totals are copied together in the middle, as one run is."""
    monkeypatch.setattr(module, "BATCH_ELEMENTS", batch)
    case, market = KINDS[kind](caps)
    rng = np.random.default_rng(1)
    weights = [rng.uniform(0, 2, kernel.shape[-2:]) for kernel in market.kernel]
    totals, clearing = FlowTotals(), None
    parting = int(np.random.default_rng(len(kind) + caps).integers(1, STEPS))
    parted: Any = None
    for step in range(STEPS):
        terms = stepped(case, step)
        clearing = clear(market, *terms.arguments(), start=None if clearing is None else clearing.state)
        assert (len({part.first for part in clearing.batches}) > 1) == (batch == 1)
        totals.add(clearing)
        facts(clearing, weights, totals)
        if parted is not None:
            theirs, before, own_weights, own_totals = parted
            after = clear(theirs, *terms.arguments(), start=before.state)
            own_totals.add(after)
            assert_same(facts(clearing, weights, totals), facts(after, own_weights, own_totals))
            parted = theirs, after, own_weights, own_totals
        if step == parting - 1:
            # The copy alone is used, then the original, then the copy again.
            parted = COPIES[how]((market, clearing, weights, totals))
            assert parted[0] is parted[1].market is not market
            assert_same(facts(clearing, weights, totals), facts(*parted[1:]))
            clear(parted[0], *stepped(case, 99).arguments())


@pytest.mark.parametrize("how", COPIES)
def test_a_clearing_alone_keeps_its_flows(how: str) -> None:
    case, market = shared(3)
    clearing = case.clear(market)
    alone = COPIES[how](clearing)
    clear(market, *stepped(case, 1).arguments())
    for good in range(market.goods):
        np.testing.assert_array_equal(alone.flow(good), clearing.flow(good))
    np.testing.assert_array_equal(alone.to_buyers(None, alone.price, True), clearing.to_buyers(
        None, clearing.price, True))  # fmt: skip
    frames = {id(batch.frame) for batch in alone.batches}
    assert not frames & {id(batch.frame) for batch in clearing.batches}
    assert all(batch.frame.market is alone.market for batch in alone.batches)


def test_a_copy_takes_no_memory_along() -> None:
    case, market = shared(3)
    case.clear(market)
    assert market.memory
    assert not copy.deepcopy(market).memory
    assert not pickle.loads(pickle.dumps(market)).memory
    assert market.memory


def test_workspaces_refuse_to_be_copied_alone() -> None:
    case, market = shared(0)
    frame = case.clear(market).batches[0].frame
    for part in (frame.single(), frame.take(np.arange(len(frame)) < 4)[0], frame.kernel):
        with pytest.raises(TypeError, match="copy the market"):
            copy.deepcopy(part)


def test_weights_of_a_used_address_are_not_mistaken() -> None:
    """A set of weights at the address of one that is gone has its own products."""
    case, market = shared(0)
    clearing = case.clear(market)
    expected = [clearing.to_buyers([np.full(k.shape, float(i)) for k in case.kernel]) for i in range(3)]
    seen = set()
    for round_ in range(300):
        weights = [np.full(kernel.shape, float(round_ % 3)) for kernel in case.kernel]
        seen.add(id(weights))
        np.testing.assert_array_equal(clearing.to_buyers(weights), expected[round_ % 3])
        del weights
    assert len(seen) < 300


def test_one_member_whose_first_goods_fill_a_frame() -> None:
    """Goods under caps may follow others that need no padding: the frame is not the whole array."""
    ones = [np.ones((8, 8)), np.ones((3, 4))]
    caps = [(1, np.ones(3, dtype=bool), np.ones(4, dtype=bool))]
    axes = np.repeat([0, 1], [8, 3]), np.repeat([0, 1], [8, 4])
    market = Market.build(*axes, ones, [6.0] * 2, [4.0] * 2, caps)
    asked = np.ones((2, 11)), np.ones((2, 11)), np.ones((2, 12, 1)), np.full((2, 12, 1), 3.0), [0.5]
    two = clear(market, *asked, np.full((2, 1), 2.0))
    one = clear(market, *(part[:1] for part in asked[:4]), [0.5], np.full((1, 1), 2.0))
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name)[0], getattr(two, name)[0], err_msg=name)
