"""Sums over groups, and powers: the bits of a member alone are those of one among others."""

from __future__ import annotations

import numpy as np
import pytest

from sim.arrays import Groups, raised


@pytest.mark.parametrize("value", [-1.0, 0.5, 1.0, 2.0, 0.3])
def test_bits_do_not_depend_on_the_members(value: float) -> None:
    base = np.random.default_rng(0).uniform(0.2, 3.0, (6, 300))
    exponent = np.array([[value], [1.7], [value], [value], [-0.4], [value]])
    together = raised(base, exponent)
    np.testing.assert_allclose(together, np.exp(exponent * np.log(base)), rtol=1e-13)
    for member in range(6):
        np.testing.assert_array_equal(raised(base[[member]], exponent[[member]])[0], together[member])
        np.testing.assert_array_equal(raised(base[member], float(exponent[member, 0])), together[member])
        alike = raised(base, np.tile(exponent[[member]], (6, 1)))
        np.testing.assert_array_equal(alike[member], together[member])
    np.testing.assert_array_equal(raised(base[0], exponent[:, :, None])[:, 0], raised(base[:1], exponent))


KEYS = [[0, 0, 1, 3, 3, 3], [3, 0, 1, 3, 0, 3], [2], [5, 5], [0, 1, 2, 3], [3, 2, 1, 0], []]


@pytest.mark.parametrize("keys", KEYS)
def test_groups_sum_and_find_the_largest_of_each_key(keys: list[int]) -> None:
    values = np.random.default_rng(3).uniform(-1, 1, (2, len(keys)))
    groups = Groups(np.array(keys, dtype=np.int64))
    assert groups.keys.tolist() == sorted(set(keys))
    for m, row in enumerate(values):
        of = {key: [v for k, v in zip(keys, row.tolist(), strict=True) if k == key] for key in set(keys)}
        assert groups.sums(values)[m].tolist() == pytest.approx([sum(of[key]) for key in sorted(of)])
        assert groups.largest(values)[m].tolist() == [max(of[key]) for key in sorted(of)]
        spread = groups.spread_sums(values, 6)[m]
        assert spread.tolist() == pytest.approx([sum(of.get(key, [])) for key in range(6)])


def test_a_full_set_of_keys_is_spread_as_it_is() -> None:
    groups = Groups(np.array([1, 0, 1], dtype=np.int64))
    assert groups.spread_sums(np.array([[1.0, 2.0, 4.0]]), 2).tolist() == [[2.0, 5.0]]


def test_groups_keep_the_bits_of_a_member_alone() -> None:
    rng = np.random.default_rng(4)
    groups, values = Groups(rng.integers(0, 5, 400)), rng.normal(size=(7, 400))
    for m in range(7):
        np.testing.assert_array_equal(groups.sums(values[[m]])[0], groups.sums(values)[m])
