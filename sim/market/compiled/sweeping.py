"""Sweeps and mixing of one market: the method of :mod:`sim.market.solver.sweeps`."""

from __future__ import annotations

import math

from sim.market.compiled import places as at
from sim.market.compiled.formulas import (
    add_tiers,
    copy,
    full_of,
    full_under_caps,
    image_of,
    image_of_keeper,
    less,
    log_plus,
    mixed,
    more_mixed,
    ordered,
    power_of,
    pull_of,
    row_of,
    share_kept,
    steepened,
    tiers,
)
from sim.market.compiled.lanes import LANES, dot, inlined, machine_code, product
from sim.market.compiled.tables import Case, Layout, Limits, Space
from sim.market.solver import sweeps as rules
from sim.market.solver.history import RIDGE, TINY

__all__ = ["collect", "judge", "move_on", "sweep"]

DEPTH, DEPTH_CAPPED, LONGEST = rules.DEPTH, rules.DEPTH_CAPPED, rules.LONGEST
FIRST_CHECK = rules.FIRST_CHECK
FAR = tuple(rules.FAR.items())


@inlined
def _rows(case: Case, layout: Layout, space: Space) -> None:
    """u on each row."""
    if case.caps == 0:
        given = space.variables, at.W, 0, space.rows, at.ON, 0
        row_of(space.rows, at.ROW, 0, case.row_blocks, given)
        return
    for r in range(case.rows):
        total = 0.0
        for d in range(layout.acting.shape[0]):
            v = layout.acting[d, case.acts + r]
            if v >= 0:
                total += space.variables[at.W, v]
        space.rows[at.ROW_NEW, r] = total
    for r in range(case.rows, case.row_blocks * LANES):
        space.rows[at.ROW_NEW, r] = 0.0
    row_of(space.rows, at.ROW, 0, case.row_blocks, (space.rows, at.ROW_NEW, 0, space.rows, at.ON, 0))


@inlined
def _buyers(case: Case, layout: Layout, limits: Limits, space: Space) -> None:
    """What buyers want where the rows are, and their pull."""
    blocks, buyers, own = case.buyer_blocks, space.buyers, space.tiers
    kernel = layout.kernel, case.kernel, case.across, (case.rows + 3) // 4
    product(buyers, at.Z, blocks, (*kernel, space.rows, at.ROW))
    log_plus(buyers, at.LOG_Z, 0, blocks, (buyers, at.Z, 0, buyers, at.OFF, 0))
    groups = space.group[case.tiers - 1] + 1
    for g in range(groups):
        j = g * blocks
        power_of(own, at.POWER, j, blocks, (own, at.RATE, j, buyers, at.LOG_Z, 0))
    tiers(buyers, at.WANTED, 0, blocks, (own, at.POWER, 0, own, at.STEEP, 0, own, at.DEMAND, 0))
    for k in range(1, case.tiers):
        first, j = space.group[k] * blocks, k * blocks
        tier = own, at.POWER, first, own, at.STEEP, j, own, at.DEMAND, j
        add_tiers(buyers, at.WANTED, 0, blocks, (buyers, at.WANTED, 0, *tier))
    if case.holds:
        given = buyers, at.WANTED, 0, buyers, at.HELD, 0, limits.least
        ordered(buyers, at.DEMANDED, 0, blocks, given)
    else:
        copy(buyers, at.DEMANDED, 0, blocks, (buyers, at.WANTED, 0))
    pull_of(buyers, at.PULL, 0, blocks, (buyers, at.DEMANDED, 0, buyers, at.Z, 0, buyers, at.OFF, 0))


@inlined
def collect(case: Case, layout: Layout, space: Space, rows: int, sums: int) -> None:
    """Per variable, the sum over the rows that it acts on."""
    for v in range(case.variable_blocks * LANES):
        space.variables[sums, v] = 0.0
    for r in range(case.rows):
        for d in range(layout.acting.shape[0]):
            v = layout.acting[d, case.acts + r]
            if v >= 0:
                space.variables[sums, v] += space.rows[rows, r]


@inlined
def _flows(case: Case, layout: Layout, space: Space) -> None:
    """Under caps: tonnes on each row, and their sums."""
    for r in range(case.rows):
        space.rows[at.ROW_FLOW, r] = space.rows[at.ROW, r] * space.rows[at.ROW_PULL, r]
    collect(case, layout, space, at.ROW_FLOW, at.SUMS)


@machine_code
def sweep(case: Case, layout: Layout, limits: Limits, space: Space) -> None:
    """One sweep from ``W`` into ``IMAGE``."""
    _rows(case, layout, space)
    _buyers(case, layout, limits, space)
    kernel = layout.kernel, case.transposed, case.back, (case.buyers + 3) // 4
    product(space.rows, at.ROW_PULL, case.row_blocks, (*kernel, space.buyers, at.PULL))
    blocks, own, rate = case.variable_blocks, space.variables, limits.keep_elasticity / case.sigma
    if case.caps > 0:
        _flows(case, layout, space)
        given = own, at.LOG_LIMIT, 0, own, at.SUMS, 0, own, at.DEAD, 0, own, at.W, 0
        full_under_caps(own, at.FULL, 0, blocks, given)
    else:
        free = own, at.LOG_LIMIT, 0, space.rows, at.ROW_PULL, 0, own, at.DEAD, 0
        full_of(own, at.FULL, 0, blocks, free)
    if case.keeps:
        share_kept(own, at.KEPT, 0, blocks, (own, at.W, 0, own, at.LEVEL, 0, rate))
        keeper = own, at.W, 0, own, at.FULL, 0, own, at.KEPT, 0, own, at.LEVEL, 0, rate
        image_of_keeper(own, at.IMAGE, 0, blocks, keeper)
        _keep_still(case, space)
    else:
        image_of(own, at.IMAGE, 0, blocks, (own, at.FULL, 0, own, at.SLOPE, 0, own, at.INTERCEPT, 0))


@inlined
def _keep_still(case: Case, space: Space) -> None:
    """Among keepers: what cannot trade stays, and caps move as they do elsewhere."""
    for v in range(case.variable_blocks * LANES):
        if space.variables[at.DEAD, v] > 0:
            space.variables[at.IMAGE, v] = space.variables[at.INTERCEPT, v]
        elif v >= case.sellers:
            space.variables[at.IMAGE, v] = (
                space.variables[at.FULL, v] if space.variables[at.FULL, v] < 0 else 0.0
            )


@inlined
def _distance(case: Case, limits: Limits, space: Space, now: int) -> float:
    """Bound on the residual, to first order, from the change that the sweep made; NaN counts as far."""
    rate, own = limits.keep_elasticity / case.sigma, now * case.variable_blocks * LANES
    far = 0.0
    blocks, own_row = case.variable_blocks, space.variables
    if case.keeps:
        steepened(own_row, at.SUMS, 0, blocks, (own_row, at.WEIGHT, 0, own_row, at.KEPT, 0, rate))
    else:
        copy(own_row, at.SUMS, 0, blocks, (own_row, at.WEIGHT, 0))
    for v in range(case.sellers + case.caps):
        weight = (
            space.variables[at.SUMS, v]
            if v < case.sellers or not case.keeps
            else space.variables[at.WEIGHT, v]
        )
        off = abs(space.history[at.CHANGES, own + v]) * weight
        if not off <= far:
            far = off
            if math.isnan(off):
                return math.inf
    return far


@inlined
def _weights(space: Space, now: int, length: int) -> None:
    """Weights of the last changes, into ``RIGHT``: see :func:`sim.market.solver.history._solved`."""
    most = DEPTH_CAPPED + 1
    small = space.small
    own, trace, a = small[at.GRAM, now * most + now], 0.0, 0
    for i in range(length):
        if i == now:
            continue
        small[at.RIGHT, a], b = own - small[at.GRAM, now * most + i], 0
        for j in range(i + 1):
            if j != now:
                small[at.SYSTEM, a * most + b] = (
                    small[at.GRAM, i * most + j] - small[at.GRAM, now * most + j] + small[at.RIGHT, a]
                )
                b += 1
        trace += small[at.SYSTEM, a * most + a]
        a += 1
    count, ridge = length - 1, trace * RIDGE + TINY
    for a in range(count):
        small[at.SYSTEM, a * most + a] += ridge
    for k in range(count):
        pivot = 1.0 / small[at.SYSTEM, k * most + k]
        small[at.RIGHT, k] *= pivot
        for a in range(k + 1, count):
            entry = small[at.SYSTEM, a * most + k]
            # What is divided goes above the diagonal, where there is room.
            small[at.SYSTEM, k * most + a] = entry * pivot
            for b in range(k + 1, a + 1):
                small[at.SYSTEM, a * most + b] -= small[at.SYSTEM, k * most + b] * entry
            small[at.RIGHT, a] -= small[at.RIGHT, k] * entry
    for k in range(count - 1, 0, -1):
        for j in range(k):
            small[at.RIGHT, j] -= small[at.SYSTEM, j * most + k] * small[at.RIGHT, k]


@machine_code
def move_on(case: Case, space: Space, number: int) -> None:
    """Mix the last of so many sweeps into the next ``W``."""
    blocks, most, now = case.variable_blocks, DEPTH_CAPPED + 1, _newest(case, number)
    length = min(number, (DEPTH_CAPPED if case.caps > 0 else DEPTH) + 1)
    for i in range(length):
        value = dot((space.history, at.CHANGES, i * blocks, space.history, at.CHANGES, now * blocks), blocks)
        space.small[at.GRAM, i * most + now] = space.small[at.GRAM, now * most + i] = value
    if length > 1:
        _weights(space, now, length)
        a, newest = 0, 1.0
        for n in range(length):
            if n != now:
                newest -= space.small[at.RIGHT, a]
                a += 1
        mixed(space.variables, at.AHEAD, 0, blocks, (space.history, at.IMAGES, now * blocks, newest))
        a = 0
        for n in range(length):
            if n != now:
                image = space.history, at.IMAGES, n * blocks, space.small[at.RIGHT, a]
                more_mixed(space.variables, at.AHEAD, 0, blocks, (space.variables, at.AHEAD, 0, *image))
                a += 1
    else:
        copy(space.variables, at.AHEAD, 0, blocks, (space.variables, at.IMAGE, 0))
    for v in range(case.sellers + case.caps):
        step = space.variables[at.AHEAD, v] - space.variables[at.W, v]
        step = -LONGEST if step < -LONGEST else step
        step = LONGEST if step > LONGEST else step
        space.variables[at.W, v] += step


@machine_code
def judge(case: Case, limits: Limits, space: Space, number: int) -> int:
    """What is to become of a market after so many sweeps: goes on (0), has arrived (1), is given up (2)."""
    blocks, now = case.variable_blocks, _newest(case, number)
    copy(space.history, at.IMAGES, now * blocks, blocks, (space.variables, at.IMAGE, 0))
    change = space.variables, at.IMAGE, 0, space.variables, at.W, 0
    less(space.history, at.CHANGES, now * blocks, blocks, change)
    if number >= FIRST_CHECK:
        distance = _distance(case, limits, space, now)
        if distance <= limits.tolerance:
            return 1
        for late, far in FAR:
            if number == late and not distance <= far:
                return 2
    return 2 if number == limits.sweeps else 0


@inlined
def _newest(case: Case, number: int) -> int:
    """Where the history holds a sweep."""
    return (number - 1) % ((DEPTH_CAPPED if case.caps > 0 else DEPTH) + 1)
