"""Powers of members: the bits of one alone are those of one among others."""

from __future__ import annotations

import numpy as np
import pytest

from sim.arrays import raised


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
