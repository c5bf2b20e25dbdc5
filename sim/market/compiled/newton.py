"""Newton's method for one market that sweeps have not brought home: as :mod:`sim.market.solver.newton`.

A point of the dual is what a sweep from there leaves: weights on rows, sums of buyers, tiers. What is added
is the value of the dual, its slopes and its Hessian. Sums add in the order that is written down, and roots
are rounded alike everywhere, so that the bits do not depend on the processor.
"""

from __future__ import annotations

import math

from sim.market.compiled import places as at
from sim.market.compiled.formulas import curved, exp_single, more_mixed, share_on, times
from sim.market.compiled.lanes import LANES, dot, inlined, machine_code
from sim.market.compiled.settling import index_at, residual_of
from sim.market.compiled.sweeping import collect
from sim.market.compiled.tables import Case, Layout, Limits, Space
from sim.market.solver.holdings import LOG_MOST_KEPT, TAIL
from sim.market.solver.newton import (
    BLURRED,
    FALL,
    FLOOR,
    HALVINGS,
    NORMAL,
    PROGRESS,
    SAME,
    STRONG,
)

__all__ = ["begin_at", "direction", "hessian", "look", "try_on"]

STEPS, LONGEST = (NORMAL.steps, STRONG.steps), (NORMAL.longest, STRONG.longest)
RIDGES = NORMAL.ridge, STRONG.ridge


@inlined
def _profits(case: Case, limits: Limits, space: Space) -> float:
    """Sellers' and caps' part of the dual, but for a constant; slopes of offers into ``BENT``."""
    own, total, keep = space.variables, 0.0, limits.keep_elasticity
    tail = keep * (1 - TAIL) / TAIL
    for v in range(case.sellers + case.caps):
        own[at.BENT, v] = 0.0
        if own[at.DEAD, v] > 0:
            continue
        ahead, offered, limit = own[at.PRICE, v] - own[at.LOG_ASK, v], own[at.SUPPLY, v], own[at.SOLVED, v]
        if v >= case.sellers:
            total += ahead * limit
        elif case.keeps:
            over = own[at.LOG_KEPT, v] - keep * own[at.PRICE, v] - LOG_MOST_KEPT
            if over > 0:
                own[at.BENT, v] = tail * offered
                total += limit * (ahead + over / keep + own[at.KEPT, v] / keep)
                total += (offered - TAIL * limit) / tail
            else:
                own[at.BENT, v] = keep * own[at.KEPT, v] * limit
                total += limit * (ahead + own[at.KEPT, v] / keep)
        else:
            response = own[at.AHEAD, v]
            total += offered / response
            if ahead < 0:
                own[at.BENT, v] = response * offered
            else:
                total += limit * ahead
    return total


@machine_code
def _joint(case: Case, limits: Limits, space: Space, buyer: int) -> float:
    """What is added to the value of a buyer that orders the least, so that both parts meet at one index."""
    held = space.buyers[at.HELD, buyer]
    turn = index_at(case, space, buyer, held / (1 - limits.least))
    value, width = 0.0, case.buyer_blocks * LANES
    for k in range(case.tiers):
        j = k * width + buyer
        below = turn - space.tiers[at.LOG_WORTH, j]
        wanted, response = space.tiers[at.DEMAND, j], space.tiers[at.ELASTICITY, j]
        if below > 0:
            value += wanted * (1.0 - exp_single(-response * below)) / response
        else:
            value += wanted * below
    joint: float = (1 - limits.least) * value - held * turn
    return joint


@inlined
def _values(case: Case, limits: Limits, space: Space) -> float:
    """Buyers' part of the dual; slopes of their demand into ``BEND``."""
    buyers, own, width, total = space.buyers, space.tiers, case.buyer_blocks * LANES, 0.0
    for b in range(case.buyers):
        value = slope = 0.0
        if buyers[at.OFF, b] == 0:
            for k in range(case.tiers):
                j = k * width + b
                wanted, response = own[at.DEMAND, j], own[at.ELASTICITY, j]
                tier = own[at.POWER, space.group[k] * width + b] * own[at.STEEP, j]
                tier = tier if tier < wanted else wanted
                distance = buyers[at.LOG_INDEX, b] - own[at.LOG_WORTH, j]
                value += (wanted - tier) / response
                if distance > 0:
                    slope += response * tier
                else:
                    value += wanted * distance
            if case.holds:
                held, wanted = buyers[at.HELD, b], buyers[at.WANTED, b]
                if held > 0 and wanted - held < limits.least * wanted:
                    if math.isnan(buyers[at.JOINT, b]):
                        buyers[at.JOINT, b] = _joint(case, limits, space, b)
                    value, slope = limits.least * value + buyers[at.JOINT, b], limits.least * slope
                else:
                    value -= held * buyers[at.LOG_INDEX, b]
        total += value
        buyers[at.BEND, b] = slope
    return total


@machine_code
def hessian(case: Case, layout: Layout, space: Space) -> None:
    """Second derivatives of the dual, whole, into ``hessian``."""
    wide, matrix = case.buyer_blocks, space.hessian
    across = case.variable_blocks * LANES
    for place in range((case.sellers + case.caps) * across):
        matrix[0, place] = 0.0
    buyers = space.buyers
    curved(buyers, at.PART, 0, wide, (buyers, at.DEMANDED, 0, buyers, at.BEND, 0, case.sigma))
    for r in range(case.rows):
        kernel = layout.kernel, case.kernel + r * case.across
        given = buyers, at.Z, 0, buyers, at.OFF, 0, space.rows[at.ROW, r]
        share_on(space.share, 0, r * wide, wide, (*kernel, *given))
        times(space.share, 1, r * wide, wide, (space.share, 0, r * wide, buyers, at.PART, 0))
        for j in range(r + 1):
            value = -dot((space.share, 1, r * wide, space.share, 0, j * wide), wide)
            if j == r:
                value += case.sigma * space.rows[at.ROW_FLOW, r]
            for d in range(layout.acting.shape[0]):
                one = layout.acting[d, case.acts + r]
                for e in range(layout.acting.shape[0]):
                    other = layout.acting[e, case.acts + j]
                    if one >= 0 and other >= 0:
                        matrix[0, one * across + other] += value
                        if j < r:
                            matrix[0, other * across + one] += value


@inlined
def _prepare(case: Case, space: Space, ridge: float) -> None:
    """Who may move, into ``FREE``; the diagonal with its ridge into ``DIAGONAL``."""
    own, matrix, across = space.variables, space.hessian, case.variable_blocks * LANES
    for v in range(case.sellers + case.caps, across):
        own[at.STEP, v] = 0.0
    for v in range(case.sellers + case.caps):
        stuck = v >= case.sellers and own[at.START, v] <= 0 and own[at.GRADIENT, v] > 0
        free = own[at.FREE, v] = 0.0 if own[at.DEAD, v] > 0 or stuck else 1.0
        diagonal = matrix[0, v * across + v] + own[at.BENT, v]
        own[at.DIAGONAL, v] = diagonal * (1 + ridge) + FLOOR if free > 0 else 1.0
        own[at.STEP, v] = -free * own[at.GRADIENT, v]
        for j in range(across):
            # Zeros from the diagonal on: sums over whole blocks then add nothing that is still to come.
            matrix[0, v * across + j] = matrix[0, v * across + j] * free * own[at.FREE, j] if j < v else 0.0


@machine_code
def direction(case: Case, space: Space) -> None:
    """Newton's step into ``STEP``, shortened to the longest allowed: by roots of the Hessian (Cholesky)."""
    careful = space.stand[at.CAREFUL] > 0
    ridge, longest = (RIDGES[1], LONGEST[1]) if careful else (RIDGES[0], LONGEST[0])
    _prepare(case, space, ridge)
    own, matrix, wide = space.variables, space.hessian, case.variable_blocks
    across, count = wide * LANES, case.sellers + case.caps
    for i in range(count):
        for j in range(i):
            known = dot((matrix, 0, i * wide, matrix, 0, j * wide), j // LANES + 1)
            entry = (matrix[0, i * across + j] - known) / own[at.DIAGONAL, j]
            matrix[0, i * across + j] = entry
        left = own[at.DIAGONAL, i] - dot((matrix, 0, i * wide, matrix, 0, i * wide), wide)
        least = own[at.DIAGONAL, i] * ridge
        own[at.DIAGONAL, i] = math.sqrt(left if left > least else least)
    for i in range(count):
        value = own[at.STEP, i]
        own[at.STEP, i] = 0.0
        known = dot((matrix, 0, i * wide, space.variables, at.STEP, 0), wide)
        own[at.STEP, i] = (value - known) / own[at.DIAGONAL, i]
    for i in range(count - 1, -1, -1):
        value = own[at.STEP, i] = own[at.STEP, i] / own[at.DIAGONAL, i]
        more_mixed(own, at.STEP, 0, wide, (own, at.STEP, 0, matrix, 0, i * wide, -value))
    most = 0.0
    for v in range(count):
        most = abs(own[at.STEP, v]) if abs(own[at.STEP, v]) > most else most
    if most > longest:
        for v in range(count):
            own[at.STEP, v] *= longest / most


@machine_code
def begin_at(case: Case, space: Space, careful: int) -> None:
    """Look first where sweeps ended; or, with shorter steps and a larger ridge, at the asks."""
    own = space.variables
    if careful == 0:
        for b in range(case.buyers):
            space.buyers[at.JOINT, b] = math.nan
    for v in range(case.sellers + case.caps):
        begin = own[at.PRICE, v]
        begin = 0.0 if v >= case.sellers and begin < 0 else begin
        sound = math.isfinite(begin) and own[at.DEAD, v] == 0 and careful == 0
        own[at.TRIAL, v] = begin if sound else own[at.LOG_ASK, v]
        own[at.GRADIENT, v] = own[at.STEP, v] = 0.0
    space.stand[at.PSI], space.stand[at.OFF_BY], space.stand[at.LENGTH] = math.inf, math.inf, 1.0
    space.stand[at.CAREFUL], space.stand[at.MADE] = careful, -1.0


@machine_code
def look(case: Case, layout: Layout, limits: Limits, space: Space) -> int:
    """Judge ``TRIAL``, from where a sweep has just been made: a step wants its half (0), is taken (1), has
    arrived (2), or nothing helps (3).
    """
    own, stand, expected = space.variables, space.stand, 0.0
    collect(case, layout, space, at.ROW_FLOW, at.BELOW)
    psi = _profits(case, limits, space) - _values(case, limits, space)
    off = residual_of(case, space)
    for v in range(case.sellers + case.caps):
        expected += own[at.GRADIENT, v] * (own[at.TRIAL, v] - own[at.START, v])
    first = stand[at.MADE] < 0
    fall, scale = psi - stand[at.PSI], abs(stand[at.PSI]) + 1.0
    good = fall <= FALL * (expected if expected < 0 else 0.0) + SAME * scale
    if not (first or good or (off < PROGRESS * stand[at.OFF_BY] and fall <= BLURRED * scale)):
        stand[at.LENGTH] *= 0.5
        return 0 if stand[at.LENGTH] > 0.5**HALVINGS else 3
    for v in range(case.sellers + case.caps):
        own[at.START, v] = own[at.TRIAL, v]
        own[at.GRADIENT, v] = own[at.SUPPLY, v] - own[at.BELOW, v]
    stand[at.PSI], stand[at.OFF_BY], stand[at.LENGTH] = psi, off, 1.0
    stand[at.MADE] += 1.0
    if off <= limits.tolerance:
        return 2
    return 1 if stand[at.MADE] < (STEPS[1] if stand[at.CAREFUL] > 0 else STEPS[0]) else 3


@machine_code
def try_on(case: Case, space: Space) -> None:
    """The next ``TRIAL``: a step or part of it; ``W`` there."""
    own, length = space.variables, space.stand[at.LENGTH]
    for v in range(case.sellers + case.caps):
        if space.stand[at.MADE] >= 0:
            to = own[at.START, v] + length * own[at.STEP, v]
            own[at.TRIAL, v] = 0.0 if v >= case.sellers and to < 0 else to
        if own[at.DEAD, v] == 0:
            own[at.W, v] = own[at.OFFSET, v] - case.sigma * own[at.TRIAL, v]
