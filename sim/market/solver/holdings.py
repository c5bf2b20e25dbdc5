"""Who holds something: buyers who order what they want beyond it, sellers who offer what they do not keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.market.layout import BoolArray, FloatArray, IntArray
from sim.market.solver.asked import Load
from sim.market.solver.frame import Frame

__all__ = ["TAIL", "Keeping", "index_at", "keeping", "supply_at", "tiers_at"]

HALVINGS = 60
"""Of the interval in which an index is sought: to rounding."""
FURTHEST = 60.0
"""Log price beyond the tiers at which the search begins."""


def tiers_at(
    demand: FloatArray, log_reservation: FloatArray, elasticity: FloatArray, log_index: FloatArray
) -> FloatArray:
    """(...) tonnes that tiers (K, ...) want at a log index (...).

    Equation (C3), docs/clearing.md, for ``T_b``.
    """
    over = np.maximum(log_index - log_reservation, 0.0)
    wanted: FloatArray = (demand * np.exp(-elasticity * over)).sum(axis=0)
    return wanted


def index_at(
    demand: FloatArray, log_reservation: FloatArray, elasticity: FloatArray, tonnes: FloatArray
) -> FloatArray:
    """(...) log index at which tiers (K, ...) want some tonnes (...).

    Where they never want as many: below all tiers; where there are none to serve: above all.
    """
    low = log_reservation.min(axis=0) - FURTHEST
    high = log_reservation.max(axis=0) + FURTHEST
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        more = tiers_at(demand, log_reservation, elasticity, middle) > tonnes
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    found: FloatArray = 0.5 * (low + high)
    return found


TAIL = 0.02
"""Share of its goods below which what a seller offers goes on as a power of the price: it never ends."""


@dataclass(frozen=True)
class Keeping:
    """Sellers who offer what they do not keep, per variable, with the log of a price as w.

    Of its goods a seller keeps the share exp(level + rate w); where less than :data:`TAIL` would be left,
    what it offers is a power of the price that goes on from there with the same slope.
    """

    level: FloatArray
    rate: FloatArray
    """Elasticity of what is kept, over sigma."""
    dead: BoolArray
    """Cannot trade, or a cap."""
    still: FloatArray
    """w of what cannot trade; 0 for a cap."""
    cap: BoolArray | None
    steepness: FloatArray
    """Change of (supply less sales) over the limit per change of w that a sweep makes, to first order."""

    def take(self, places: IntArray) -> Keeping:
        """Some of the variables."""
        return Keeping(
            level=self.level.take(places),
            rate=self.rate.take(places),
            dead=self.dead.take(places),
            still=self.still.take(places),
            cap=None if self.cap is None else self.cap.take(places),
            steepness=np.empty(len(places)),
        )

    def move(self, w: FloatArray, full: FloatArray, out: FloatArray) -> None:
        """From ``w`` to where a seller would clear if the buyers stood still: one step of Newton's method.

        Args:
            full: w at which all of an offer would be sold.

        Equation (C23), docs/clearing.md, for ``u_s``.
        """
        log_share = self.rate * w
        log_share += self.level
        over = np.maximum(log_share - LOG_MOST_KEPT, 0.0)
        log_share -= over
        kept = np.exp(log_share, out=log_share)
        offered = 1 - kept
        steep = self.rate * kept
        np.add(offered, steep, out=self.steepness)
        steep /= offered
        over /= self.rate
        np.subtract(w, over, out=out)
        out *= steep
        out += full
        out += np.log(offered)
        steep += 1
        out /= steep
        if self.cap is not None:
            np.copyto(out, np.minimum(full, 0.0), where=self.cap)
        np.copyto(out, self.still, where=self.dead)


LOG_MOST_KEPT = float(np.log(1 - TAIL))


def keeping(frame: Frame, load: Load, offset: FloatArray) -> Keeping:
    """Sellers of a frame who keep part of their goods.

    Args:
        offset: per variable, w at log price 0.
    """
    assert load.log_kept is not None
    rate = load.keep_elasticity / frame.sigma
    dead = load.dead
    still = np.where(frame.is_cap, 0.0, offset - frame.sigma * load.log_ask)
    cap = frame.is_cap if frame.capped else None
    level = load.log_kept - rate * offset
    return Keeping(level, rate, dead, still, cap, np.ones(len(rate)))


def supply_at(
    log_kept: FloatArray, elasticity: float, log_price: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Offered share of a seller's goods at a log price, its slope, and its integral over the log price.

    Args:
        log_kept: log of the share that is kept at log price 0. elasticity: fall of it per rise of price.

    Equations (C20) and (C22), docs/clearing.md, for ``S_s`` and ``kq_s``.
    """
    log_share = log_kept - elasticity * log_price
    over = np.maximum(log_share - LOG_MOST_KEPT, 0.0)
    kept = np.exp(log_share - over)
    offered = 1 - kept
    tail = elasticity * (1 - TAIL) / TAIL
    # Beyond the turn: a power of the price, of the slope that there is at the turn.
    part = np.exp(-tail / elasticity * over)
    supply = np.where(over > 0, TAIL * part, offered)
    slope = np.where(over > 0, tail * supply, elasticity * kept)
    turn = np.where(np.isfinite(log_kept), (log_kept - LOG_MOST_KEPT) / elasticity, log_price)
    inside = TAIL / tail + (log_price - turn) - ((1 - TAIL) - kept) / elasticity
    inside = np.where(np.isfinite(log_kept), inside, log_price)
    return supply, slope, np.where(over > 0, supply / tail, inside)
