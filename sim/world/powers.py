"""Powers whose bits do not depend on how many members share the call."""

from __future__ import annotations

import numpy as np

from sim.units import Amount
from sim.world.world import FloatArray

__all__ = ["raised"]


def raised(base: FloatArray, exponent: Amount) -> FloatArray:
    """``base ** exponent``, of the shape that both broadcast to.

    numpy takes a root or a square where the exponent is a single 0.5 or 2, as for one member alone, and a
    power where it is an array of such, as for several; these differ in the last bit. A whole array of
    exponents always takes powers.
    """
    result: FloatArray = np.power(base, np.zeros(np.shape(base)) + exponent)
    return result
