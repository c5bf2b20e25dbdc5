"""The machine code of a clearing, compiled for this processor at first use and kept for the next time."""

from __future__ import annotations

from sim.market.compiled.kernel import clear_markets
from sim.market.compiled.lanes import OPTIONS
from numba import njit
run = njit(**OPTIONS)(clear_markets)
