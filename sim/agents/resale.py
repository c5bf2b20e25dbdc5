"""What third countries sell on: stocks that turn over for neighbours whom a ban keeps from buying.

A ban that spares some countries leaves them a trade: who holds such goods, and can buy more of them, sells to
those who may not, and buys as much again where it always buys. So what is sold on leaves the sellers at home
and reaches the banned buyers, a margin dearer, by way of stocks whose size is the width of the way.
See ``docs/model.md``, section "Third countries".
"""

from __future__ import annotations

import numpy as np

from sim.agents.holding import share_of_step
from sim.agents.prepared import Prepared
from sim.arrays import FloatArray, IntArray

__all__ = ["sold_on", "usually_sold_on"]


def sold_on(prepared: Prepared, stock: FloatArray, holders: IntArray, open_to: FloatArray) -> FloatArray:
    """(M,) tonnes that third countries can sell on in a step.

    Args:
        stock: (M, N) tonnes on hand. holders: (n,) needs that may sell on.
        open_to: (1 or M, n) part of their stocks that may go where they are wanted.

    Equation (M186), docs/model.md, for ``rs_g``.
    """
    turned = share_of_step(prepared.behaviour["resale_speed"], prepared.step_years)
    # Side by side in memory: how a sum is rounded hangs on that.
    tonnes: FloatArray = np.ascontiguousarray(turned * stock[:, holders] * open_to).sum(axis=1)
    return tonnes


def usually_sold_on(prepared: Prepared, holders: IntArray, open_to: FloatArray) -> FloatArray:
    """(M,) t/year of the same with the base year's stocks: expected of a ban that nobody has seen yet."""
    world = prepared.world
    stock = world.need_use * world.need_cover * prepared.behaviour["cover_scale"]
    return sold_on(prepared, stock, holders, open_to) / prepared.step_years
