"""The markets of a frame solved: sweeps first, Newton where they do not arrive, then a stronger guard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.market.layout import FloatArray, IntArray
from sim.market.solver.asked import Load
from sim.market.solver.frame import Frame, Piece
from sim.market.solver.newton import NORMAL, STRONG, newton
from sim.market.solver.problem import problem_of
from sim.market.solver.sweeps import Sweeper, mix

__all__ = ["Solution", "guarded", "references", "solve"]


def references(frame: Frame, asked: Load, at: FloatArray) -> FloatArray:
    """(n,) log price in the middle of the live sellers' range, weights included."""
    level = at - frame.level
    if frame.capped or not asked.all_live:
        seller = asked.live & ~frame.is_cap
        lowest = np.minimum.reduceat(np.where(seller, level, np.inf), frame.first_variable)
        highest = np.maximum.reduceat(np.where(seller, level, -np.inf), frame.first_variable)
        return np.where(np.isfinite(highest), 0.5 * (lowest + highest), 0.0)
    lowest, highest = (np.asarray(f.reduceat(level, frame.first_variable)) for f in (np.minimum, np.maximum))
    lowest += highest
    lowest *= 0.5
    return lowest


@dataclass
class Solution:
    """The markets of a frame at their solution, or as near as they have come."""

    frame: Frame
    asked: Load
    at: FloatArray
    """Per variable: log prices and log rents to start from."""
    tolerance: float
    sweeper: Sweeper
    """Holds the point at w."""
    w: FloatArray
    steps: IntArray
    """(n,) sweeps and Newton steps."""

    def solve_again(self, missed: IntArray) -> None:
        """Markets ``missed`` by the safeguard, from where they began; the others keep their bits."""
        frame, asked = self.frame, self.asked
        with np.errstate(all="ignore"):  # a market that overflows is left as uncertified
            x = self.sweeper.to_prices(self.w)
            for piece in frame.pieces:
                here = (missed >= piece.markets.start) & (missed < piece.markets.stop)
                mine = missed[here] - piece.markets.start
                if len(mine):
                    self.steps[missed[here]] += guarded(piece, asked, mine, x, self.tolerance)
            # The others keep their reference, and so their bits.
            reference = self.sweeper.reference.copy()
            reference[missed] = references(frame, asked, x)[missed]
            self.sweeper = Sweeper(frame, asked, reference)
            again = np.zeros(len(frame), dtype=bool)
            again[missed] = True
            self.w = np.where(again[frame.variable_market], self.sweeper.from_prices(x), self.w)
            self.sweeper.sweep(self.w, np.empty_like(self.w))


def guarded(piece: Piece, asked: Load, mine: IntArray, x: FloatArray, tolerance: float) -> IntArray:
    """Newton for markets ``mine`` of a piece; writes log prices and log rents into ``x``. The steps taken."""
    problem = problem_of(piece, asked, mine)
    width, sellers = piece.widths[0], problem.sellers
    begin = x[piece.variables].reshape(-1, width)[mine]
    begin[:, sellers:] = np.maximum(begin[:, sellers:], 0.0)
    cold = np.zeros_like(begin)
    cold[:, :sellers] = problem.log_ask
    first = np.where(problem.live, begin, cold)
    solution, off, more = newton(problem, first, tolerance, NORMAL)
    again = np.flatnonzero(~(off <= tolerance))
    if len(again):
        solution[again], _, extra = newton(problem.take(again), cold[again], tolerance, STRONG)
        more[again] += extra
    x[piece.variables].reshape(-1, width)[mine] = solution
    return more


def solve(frame: Frame, asked: Load, at: FloatArray, tolerance: float, precision: str) -> Solution:
    """Sweeps first; Newton for what has not arrived; a stronger safeguard for what then is missing.

    Args:
        at: per variable, log prices and log rents to start from.
        tolerance: residual to arrive at. precision: ``double``, or ``single`` for the sweeps.
    """
    with np.errstate(all="ignore"):  # a market that overflows is left to the safeguard
        sweeper = Sweeper(frame, asked, references(frame, asked, at))
        if precision == "single":
            w, steps, missed = _mix_single(sweeper, at, tolerance)
        else:
            w, steps, missed = mix(sweeper, sweeper.from_prices(at), tolerance)
        solution = Solution(frame, asked, at, tolerance, sweeper, w, steps)
        if len(missed):
            solution.solve_again(missed)
    return solution


def _mix_single(sweeper: Sweeper, at: FloatArray, tolerance: float) -> tuple[FloatArray, IntArray, IntArray]:
    """As :func:`sim.market.solver.sweeps.mix`, in single precision; judged in double precision at the end.

    The sweeper has then been swept from the w that is returned.
    """
    frame = sweeper.frame.single()
    quick = Sweeper(frame, sweeper.load.single(), sweeper.reference.astype(np.float32))
    rough, steps, _ = mix(quick, sweeper.from_prices(at).astype(np.float32), tolerance)
    w = np.where(np.isfinite(rough), rough, sweeper.from_prices(at))
    image = np.empty_like(w)
    sweeper.sweep(w, image)
    image -= w
    missed = np.flatnonzero(~(sweeper.distance(image) <= 2 * tolerance))
    return w, steps + 1, missed
