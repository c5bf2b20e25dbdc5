"""Queues of licences and accounts of quotas, apart from any market."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.agents.licences import LicenceQueue
from sim.agents.quotas import QuotaAccount
from sim.controls import Cap, Licence

EVERYBODY = np.array([True])
MONTH = 1 / 12


def licence(first: float, last: float, share: float = 1.0) -> Licence:
    """A licence whose decisions come between two numbers of months."""
    return Licence("e", 0, 0, EVERYBODY, share, first * MONTH, 0.5, longest_delay_years=last * MONTH)


def decided(rule: Licence, months: int = 30) -> np.ndarray:
    """Tonnes decided in each month after filing 1 t."""
    queue = LicenceQueue.empty(1, 1, rule, MONTH)
    queue.apply_for(np.ones((1, 1)), rule, MONTH)
    return np.array([queue.decide(rule.approval_share)[0, 0] for _ in range(months)])


@given(st.floats(0, 12), st.floats(0, 12))
def test_every_tonne_is_decided_and_the_mean_delay_is_kept(first: float, width: float) -> None:
    tonnes = decided(licence(first, first + width))
    assert tonnes.min() >= 0
    assert tonnes.sum() == pytest.approx(1)
    assert (tonnes * np.arange(len(tonnes))).sum() == pytest.approx(first + width / 2, abs=1e-6)
    # But for rounding: seven months in years may be a little less than seven months.
    assert (tonnes[: max(0, int(np.floor(first)))] < 1e-12).all()
    assert not tonnes[int(np.ceil(first + width)) + 1 :].any()


def test_decisions_fan_out_evenly() -> None:
    assert decided(licence(1, 5))[:7] == pytest.approx([0, 0.125, 0.25, 0.25, 0.25, 0.125, 0])
    assert decided(licence(2, 2))[:4] == pytest.approx([0, 0, 1, 0])
    assert decided(licence(1.25, 1.25))[:4] == pytest.approx([0, 0.75, 0.25, 0])


def test_members_may_differ_in_both_delays() -> None:
    rule = Licence("e", 0, 0, EVERYBODY, 1.0, np.array([0.0, 1.0]) * MONTH, 0.5,
                   longest_delay_years=np.array([2.0, 1.0]) * MONTH)  # fmt: skip
    queue = LicenceQueue.empty(2, 1, rule, MONTH)
    queue.apply_for(np.ones((2, 1)), rule, MONTH)
    due = np.stack([queue.decide(1.0)[:, 0] for _ in range(3)], axis=1)
    np.testing.assert_allclose(due, [[0.25, 0.5, 0.25], [0, 1, 0]], atol=1e-12)


def quota(**fields: float | str) -> Cap:
    return Cap("e", 0, 0, EVERYBODY, 12.0, **fields)  # type: ignore[arg-type]


def test_an_even_quota_brings_its_part_each_step() -> None:
    account = QuotaAccount(np.zeros(2))
    for used, left in ((0.25, 0.75), (1.0, 0.375), (2.0, 0.0)):
        account.allot(quota(carry_over=0.5), 1.0, MONTH)
        account.use(np.full(2, used))
        assert account.left == pytest.approx([left, left])
    account.allot(quota(carry_over=0.5), 0.5, MONTH)
    assert account.left == pytest.approx([0.5, 0.5])


def test_a_period_is_allotted_once() -> None:
    account = QuotaAccount(np.zeros(1))
    first, second = (
        quota(period=name, period_years=0.5, carry_over=share) for name, share in (("H1", 0.0), ("H2", 0.25))
    )
    for used, left in ((4.0, 2.0), (1.0, 1.0)):
        account.allot(first, 1.0, MONTH)
        account.use(np.array([used]))
        assert account.left == pytest.approx([left])
    account.allot(second, 1.0, MONTH)
    assert account.left == pytest.approx([6.25])
    assert first.counts
    assert not quota().counts
