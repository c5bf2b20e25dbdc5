"""The first market that a process clears by machine code, for what compiling it or reading it takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.market import Market, clear

__all__ = ["first"]


def first() -> None:
    """Clear one market of a seller and a buyer."""
    market = replace(Market.build([0], [0], [np.ones((1, 1))], 4.0, [1.0]), engine="compiled")
    one = np.ones((1, 1))
    clear(market, one, one, one[:, :, None], one[:, :, None], np.ones(1))
