"""One market's numbers, gathered and scaled: as :mod:`sim.market.solver.asked` and `Sweeper` lay them out."""

from __future__ import annotations

import math

from sim.market.compiled import places as at
from sim.market.compiled.formulas import log_of, steep_of
from sim.market.compiled.lanes import LANES, inlined, product
from sim.market.compiled.tables import Asked, Case, Layout, Limits, Space
from sim.market.solver.asked import CAP_FLOOR, NEVER

__all__ = [
    "begin", "case_of", "gather_buyers", "gather_sellers", "place_buyers", "place_keepers", "place_sellers",
    "reference_of", "who_may_trade",
]  # fmt: skip


@inlined
def blocks(count: int) -> int:
    """Of eight, that hold so many."""
    return (count + LANES - 1) // LANES


@inlined
def case_of(layout: Layout, asked: Asked, limits: Limits, market: int) -> Case:
    """One of the markets."""
    m = layout.markets
    sellers, rows, buyers, caps = m[market, 3], m[market, 4], m[market, 5], m[market, 6]
    member, tiers = m[market, 12], asked.demand.shape[2]
    return Case(
        m[market, 0], m[market, 1], m[market, 2], sellers, rows, buyers, caps, m[market, 7], m[market, 8],
        m[market, 9], m[market, 10], m[market, 11], member, member + limits.first, m[market, 13],
        m[market, 14], m[market, 15], blocks(sellers + caps), blocks(rows), blocks(buyers), tiers,
        layout.sigma[market], asked.held.shape[0] > 0, asked.kept.shape[0] > 0,
    )  # fmt: skip


@inlined
def gather_sellers(case: Case, layout: Layout, asked: Asked, space: Space) -> float:
    """Tonnes over the market's size, a power of two, which is returned; logs of asks."""
    top = 0.0
    for s in range(case.sellers):
        amount = asked.quantity[case.member, case.offer + s]
        top = amount if amount > top else top
    size = math.ldexp(1.0, math.frexp(top)[1] - 1) if top > 0 else 1.0
    for v in range(case.variable_blocks * LANES):
        space.variables[at.LIMIT, v], space.variables[at.AHEAD, v] = 0.0, 1.0
    for s in range(case.sellers):
        space.variables[at.LIMIT, s] = asked.quantity[case.member, case.offer + s] / size
        space.variables[at.AHEAD, s] = asked.ask[case.member, case.offer + s]
    log_of(space.variables, at.LOG_ASK, 0, case.variable_blocks, (space.variables, at.AHEAD, 0))
    for c in range(case.caps):
        v = case.sellers + c
        space.variables[at.LIMIT, v] = asked.allowed[case.member, layout.cap[case.first + v]] / size
        space.variables[at.LOG_ASK, v] = 0.0
    for v in range(case.variable_blocks * LANES):
        space.variables[at.SOLVED, v] = space.variables[at.LIMIT, v]
    return size


@inlined
def gather_buyers(case: Case, asked: Asked, space: Space, size: float) -> None:
    """Tiers over the market's size, logs of reservation prices; who wants anything, into ``PULL``."""
    width = case.buyer_blocks * LANES
    for b in range(width):
        space.buyers[at.PULL, b], space.buyers[at.HELD, b] = 0.0, 0.0
    # Dimensions along which all are alike have one place.
    me = case.member if asked.elasticity.shape[0] > 1 else 0
    for k in range(case.tiers):
        own, tier = k * width, asked.order[k]
        for b in range(case.buyers):
            need = case.need + b
            wanted = asked.demand[case.member, need, tier] / size
            space.tiers[at.DEMAND, own + b] = wanted
            space.tiers[at.POWER, own + b] = asked.reservation[case.member, need, tier]
            theirs = need if asked.elasticity.shape[1] > 1 else 0
            space.tiers[at.ELASTICITY, own + b] = asked.elasticity[me, theirs, tier]
            if wanted > 0:
                space.buyers[at.PULL, b] = 1.0
        for b in range(case.buyers, width):
            (
                space.tiers[at.DEMAND, own + b],
                space.tiers[at.POWER, own + b],
                space.tiers[at.ELASTICITY, own + b],
            ) = 0.0, 1.0, 1.0
    log_of(space.tiers, at.LOG_WORTH, 0, case.tiers * case.buyer_blocks, (space.tiers, at.POWER, 0))
    if case.holds:
        for b in range(case.buyers):
            space.buyers[at.HELD, b] = asked.held[case.member, case.need + b] / size


@inlined
def who_may_trade(case: Case, layout: Layout, space: Space) -> None:
    """Rows with something to sell, buyers whom nobody may serve, variables that cannot trade."""
    sellers = case.sellers
    for r in range(case.row_blocks * LANES):
        space.rows[at.ON, r] = 0.0
    for r in range(case.rows):
        s = layout.acting[0, case.acts + r]
        space.rows[at.ON, r] = 1.0 if space.variables[at.LIMIT, s] > 0 else 0.0
    kernel = layout.kernel, case.kernel, case.across, (case.rows + 3) // 4
    product(space.buyers, at.Z, case.buyer_blocks, (*kernel, space.rows, at.ON))
    for b in range(case.buyer_blocks * LANES):
        space.buyers[at.OFF, b] = 0.0 if space.buyers[at.Z, b] > 0 else 1.0
    kernel = layout.kernel, case.transposed, case.back, (case.buyers + 3) // 4
    product(space.rows, at.ROW_PULL, case.row_blocks, (*kernel, space.buyers, at.PULL))
    for v in range(case.variable_blocks * LANES):
        space.variables[at.DEAD, v] = 1.0
    for r in range(case.rows):
        if space.rows[at.ROW_PULL, r] > 0 and space.rows[at.ON, r] > 0:
            for d in range(layout.acting.shape[0]):
                v = layout.acting[d, case.acts + r]
                if v >= 0:
                    space.variables[at.DEAD, v] = 0.0
    for v in range(sellers, sellers + case.caps):
        floor, last = 0.0, -1
        for r in range(case.rows):
            s = layout.acting[0, case.acts + r]
            for d in range(1, layout.acting.shape[0]):
                # Each seller counts once.
                if layout.acting[d, case.acts + r] == v and s != last:
                    floor += space.variables[at.LIMIT, s]
                    last = s
        floor *= CAP_FLOOR
        space.variables[at.SOLVED, v] = (
            floor if floor > space.variables[at.LIMIT, v] else space.variables[at.LIMIT, v]
        )
        if not space.variables[at.SOLVED, v] > 0:
            space.variables[at.DEAD, v] = 1.0


@inlined
def begin(case: Case, layout: Layout, asked: Asked, space: Space) -> None:
    """The log prices and log rents from which a market starts."""
    for s in range(case.sellers):
        space.variables[at.START, s] = space.variables[at.LOG_ASK, s]
        if asked.price.shape[0] > 0:
            space.variables[at.START, s] = asked.price[case.member, case.offer + s]
    for v in range(case.sellers, case.sellers + case.caps):
        space.variables[at.START, v] = asked.rent[case.member, layout.cap[case.first + v]]


@inlined
def reference_of(case: Case, layout: Layout, space: Space) -> float:
    """Log price in the middle of the live sellers' range, weights included."""
    low, high = math.inf, -math.inf
    for s in range(case.sellers):
        if space.variables[at.DEAD, s] == 0:
            level = space.variables[at.START, s] - layout.scale[case.first + s] / case.sigma
            low = level if level < low else low
            high = level if level > high else high
    return 0.5 * (low + high) if high > -math.inf else 0.0


@inlined
def place_sellers(case: Case, layout: Layout, space: Space, reference: float) -> None:
    """Where w begins, and what a sweep needs of each seller and cap."""
    log_of(space.variables, at.LOG_LIMIT, 0, case.variable_blocks, (space.variables, at.SOLVED, 0))
    for v in range(case.variable_blocks * LANES):
        seller = v < case.sellers
        if v >= case.sellers + case.caps:
            space.variables[at.OFFSET, v] = space.variables[at.W, v] = space.variables[at.INTERCEPT, v] = 0.0
        elif seller:
            space.variables[at.OFFSET, v] = reference * case.sigma + layout.scale[case.first + v]
            ask = space.variables[at.OFFSET, v] - case.sigma * space.variables[at.LOG_ASK, v]
            response = layout.eps[case.first + v] / case.sigma
            bent = 1.0 + response
            space.variables[at.SLOPE, v], space.variables[at.WEIGHT, v] = (
                1.0 / bent,
                space.variables[at.SOLVED, v] * bent,
            )
            space.variables[at.INTERCEPT, v] = ask * (response / bent)
            space.variables[at.W, v] = (
                space.variables[at.OFFSET, v] - case.sigma * space.variables[at.START, v]
            )
            if space.variables[at.DEAD, v] > 0:
                space.variables[at.INTERCEPT, v] = space.variables[at.W, v] = ask
        else:
            space.variables[at.OFFSET, v] = space.variables[at.SLOPE, v] = space.variables[
                at.INTERCEPT, v
            ] = 0.0
            space.variables[at.WEIGHT, v] = space.variables[at.SOLVED, v]
            space.variables[at.W, v] = 0.0
            if space.variables[at.DEAD, v] == 0:
                space.variables[at.W, v] = -case.sigma * space.variables[at.START, v]
        if space.variables[at.DEAD, v] > 0:
            space.variables[at.LOG_LIMIT, v], space.variables[at.WEIGHT, v], space.variables[at.SLOPE, v] = (
                NEVER,
                0.0,
                0.0,
            )


@inlined
def place_keepers(case: Case, asked: Asked, limits: Limits, space: Space) -> None:
    """What sellers keep: logs of shares of their goods."""
    for v in range(case.variable_blocks * LANES):
        space.variables[at.AHEAD, v] = 0.0
    for s in range(case.sellers):
        amount = asked.quantity[case.member, case.offer + s]
        if amount > 0:
            space.variables[at.AHEAD, s] = asked.kept[case.member, case.offer + s] / amount
    rate = limits.keep_elasticity / case.sigma
    log_of(space.variables, at.LOG_KEPT, 0, case.variable_blocks, (space.variables, at.AHEAD, 0))
    for v in range(case.variable_blocks * LANES):
        space.variables[at.LOG_KEPT, v] += limits.keep_elasticity * space.variables[at.LOG_ASK, v]
        space.variables[at.LEVEL, v] = space.variables[at.LOG_KEPT, v] - rate * space.variables[at.OFFSET, v]
        space.variables[at.WEIGHT, v] = (
            0.0 if space.variables[at.DEAD, v] > 0 else space.variables[at.SOLVED, v]
        )


@inlined
def place_buyers(case: Case, asked: Asked, space: Space, reference: float) -> None:
    """What makes a tier, and the runs of tiers of one elasticity."""
    width, groups = case.buyer_blocks * LANES, 0
    for k in range(case.tiers):
        own, alike = k * width, k > 0
        if k > 0:
            for b in range(case.buyers if asked.elasticity.shape[1] > 1 else 1):
                alike = (
                    alike
                    and space.tiers[at.ELASTICITY, own + b] == space.tiers[at.ELASTICITY, own - width + b]
                )
        if not alike:
            for b in range(width):
                space.tiers[at.RATE, groups * width + b] = space.tiers[at.ELASTICITY, own + b] / case.sigma
            groups += 1
        space.group[k] = groups - 1
    given = (
        space.tiers, at.DEMAND, 0, space.tiers, at.LOG_WORTH, 0, space.tiers, at.ELASTICITY, 0, reference,
    )  # fmt: skip
    steep_of(space.tiers, at.STEEP, 0, case.tiers * case.buyer_blocks, given)
