"""Flows summed over clearings are the sums of the flows of each good."""

from __future__ import annotations

import numpy as np
import pytest

from sim.market import clearing as module
from sim.market.clearing import Market, clear
from sim.market.flows import FlowTotals
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
