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

__all__ = ["collect", "mix", "sweep"]

DEPTH, DEPTH_CAPPED, LONGEST = rules.DEPTH, rules.DEPTH_CAPPED, rules.LONGEST
FIRST_CHECK = rules.FIRST_CHECK
FAR = tuple(rules.FAR.items())


@inlined
def _rows(case: Case, layout: Layout, space: Space) -> None:
    """u on each row."""
    if case.caps == 0:
        for i in range(case.row_blocks):
            row_of(space.rows, at.ROW, i, (space.variables, at.W, i, space.rows, at.ON, i))
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
    for i in range(case.row_blocks):
        row_of(space.rows, at.ROW, i, (space.rows, at.ROW_NEW, i, space.rows, at.ON, i))


@inlined
def _buyers(case: Case, layout: Layout, limits: Limits, space: Space) -> None:
    """What buyers want where the rows are, and their pull."""
    blocks = case.buyer_blocks
    kernel = layout.kernel, case.kernel, case.across, (case.rows + 3) // 4
    for i in range(blocks):
        product(space.buyers, at.Z, i, (*kernel, space.rows, at.ROW))
        log_plus(space.buyers, at.LOG_Z, i, (space.buyers, at.Z, i, space.buyers, at.OFF, i))
    groups = space.group[case.tiers - 1] + 1
    for g in range(groups):
        for i in range(blocks):
            j = g * blocks + i
            power_of(space.tiers, at.POWER, j, (space.tiers, at.RATE, j, space.buyers, at.LOG_Z, i))
    for i in range(blocks):
        tiers(
            space.buyers,
            at.WANTED,
            i,
            (space.tiers, at.POWER, i, space.tiers, at.STEEP, i, space.tiers, at.DEMAND, i),
        )
    for k in range(1, case.tiers):
        first, own = space.group[k] * blocks, k * blocks
        for i in range(blocks):
            given = (
                space.tiers, at.POWER, first + i, space.tiers, at.STEEP, own + i, space.tiers, at.DEMAND, own
                + i,
            )  # fmt: skip
            add_tiers(space.buyers, at.WANTED, i, (space.buyers, at.WANTED, i, *given))
    for i in range(blocks):
        if case.holds:
            ordered(
                space.buyers,
                at.DEMANDED,
                i,
                (space.buyers, at.WANTED, i, space.buyers, at.HELD, i, limits.least),
            )
        else:
            copy(space.buyers, at.DEMANDED, i, (space.buyers, at.WANTED, i))
        pull_of(
            space.buyers,
            at.PULL,
            i,
            (space.buyers, at.DEMANDED, i, space.buyers, at.Z, i, space.buyers, at.OFF, i),
        )


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
    for i in range(case.row_blocks):
        product(space.rows, at.ROW_PULL, i, (*kernel, space.buyers, at.PULL))
    if case.caps > 0:
        _flows(case, layout, space)
    rate = limits.keep_elasticity / case.sigma
    for i in range(case.variable_blocks):
        if case.caps > 0:
            given = (
                space.variables, at.LOG_LIMIT, i, space.variables, at.SUMS, i, space.variables, at.DEAD, i,
                space.variables, at.W, i,
            )  # fmt: skip
            full_under_caps(space.variables, at.FULL, i, given)
        else:
            full_of(
                space.variables,
                at.FULL,
                i,
                (space.variables, at.LOG_LIMIT, i, space.rows, at.ROW_PULL, i, space.variables, at.DEAD, i),
            )
        if case.keeps:
            share_kept(
                space.variables, at.KEPT, i, (space.variables, at.W, i, space.variables, at.LEVEL, i, rate)
            )
            keeper = (
                space.variables, at.W, i, space.variables, at.FULL, i, space.variables, at.KEPT, i,
                space.variables, at.LEVEL, i, rate,
            )  # fmt: skip
            image_of_keeper(space.variables, at.IMAGE, i, keeper)
        else:
            image_of(
                space.variables,
                at.IMAGE,
                i,
                (space.variables, at.FULL, i, space.variables, at.SLOPE, i, space.variables, at.INTERCEPT, i),
            )
    if case.keeps:
        _keep_still(case, space)


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
    for i in range(case.variable_blocks):
        if case.keeps:
            steepened(
                space.variables,
                at.SUMS,
                i,
                (space.variables, at.WEIGHT, i, space.variables, at.KEPT, i, rate),
            )
        else:
            copy(space.variables, at.SUMS, i, (space.variables, at.WEIGHT, i))
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


@inlined
def _move_on(case: Case, space: Space, now: int, length: int) -> None:
    """Mix the last sweeps into the next ``W``."""
    blocks, most = case.variable_blocks, DEPTH_CAPPED + 1
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
        for i in range(blocks):
            mixed(space.variables, at.AHEAD, i, (space.history, at.IMAGES, now * blocks + i, newest))
        a = 0
        for n in range(length):
            if n != now:
                for i in range(blocks):
                    given = (
                        space.variables, at.AHEAD, i, space.history, at.IMAGES, n * blocks + i,
                        space.small[at.RIGHT, a],
                    )  # fmt: skip
                    more_mixed(space.variables, at.AHEAD, i, given)
                a += 1
    else:
        for i in range(blocks):
            copy(space.variables, at.AHEAD, i, (space.variables, at.IMAGE, i))
    for v in range(case.sellers + case.caps):
        step = space.variables[at.AHEAD, v] - space.variables[at.W, v]
        step = -LONGEST if step < -LONGEST else step
        step = LONGEST if step > LONGEST else step
        space.variables[at.W, v] += step


@machine_code
def mix(case: Case, layout: Layout, limits: Limits, space: Space) -> tuple[int, bool]:
    """Sweep and mix until the market has arrived, and stay there. The sweeps made, and whether it has.

    One that is given up is swept once more, so that ``space`` holds the point where it stands.
    """
    depth = DEPTH_CAPPED if case.caps > 0 else DEPTH
    blocks, made, last = case.variable_blocks, limits.sweeps, limits.sweeps == 0
    for number in range(1, limits.sweeps + 2):
        sweep(case, layout, limits, space)
        if last:
            break
        now = (number - 1) % (depth + 1)
        for i in range(blocks):
            copy(space.history, at.IMAGES, now * blocks + i, (space.variables, at.IMAGE, i))
            given = space.variables, at.IMAGE, i, space.variables, at.W, i
            less(space.history, at.CHANGES, now * blocks + i, given)
        if number >= FIRST_CHECK:
            distance = _distance(case, limits, space, now)
            if distance <= limits.tolerance:
                return number, True
            for most, far in FAR:
                if number == most and not distance <= far:
                    made, last = number, True
        last = last or number == limits.sweeps
        if made == limits.sweeps:
            _move_on(case, space, now, min(number, depth + 1))
    return made, False
