"""From a market's solution to tonnes, quotes and certificate: as :mod:`sim.market.solver.settle`."""

from __future__ import annotations

import math

from sim.market.compiled import places as at
from sim.market.compiled.formulas import (
    below_ask,
    bought_of,
    discount_of,
    exp_single,
    from_price,
    index_of,
    keeper_gap,
    least_log,
    part_of,
    seller_gap,
    share_of,
    share_offered,
    slope_of,
    supply_of,
    times,
    x_log_x,
)
from sim.market.compiled.lanes import LANES, inlined, machine_code, product
from sim.market.compiled.sweeping import collect
from sim.market.compiled.tables import Case, Layout, Limits, Space
from sim.market.solver.asked import NEVER
from sim.market.solver.holdings import FURTHEST, HALVINGS

__all__ = [
    "bring", "buyers_gap", "index_at", "residual_of", "scale", "scale_again", "scale_under_caps",
    "sellers_gap", "supply", "tiers_at",
]  # fmt: skip

TINY = 1e-300


@machine_code
def tiers_at(case: Case, space: Space, buyer: int, log_index: float) -> float:
    """What a buyer's tiers want at a log index."""
    total, width = 0.0, case.buyer_blocks * LANES
    for k in range(case.tiers):
        own = k * width + buyer
        over = log_index - space.tiers[at.LOG_WORTH, own]
        over = over if over > 0 else 0.0
        total += space.tiers[at.DEMAND, own] * exp_single(-space.tiers[at.ELASTICITY, own] * over)
    return total


@machine_code
def index_at(case: Case, space: Space, buyer: int, tonnes: float) -> float:
    """The log index at which a buyer's tiers want some tonnes, as in :mod:`sim.market.solver.holdings`."""
    width = case.buyer_blocks * LANES
    low, high = math.inf, -math.inf
    for k in range(case.tiers):
        worth = space.tiers[at.LOG_WORTH, k * width + buyer]
        low, high = worth if worth < low else low, worth if worth > high else high
    low, high = low - FURTHEST, high + FURTHEST
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if tiers_at(case, space, buyer, middle) > tonnes:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@machine_code
def residual_of(case: Case, space: Space) -> float:
    """The largest difference of offer and sales, before scaling, over the market's size."""
    residual = 0.0
    for v in range(case.sellers + case.caps):
        if space.variables[at.DEAD, v] > 0:
            continue
        off = space.variables[at.SUPPLY, v] - space.variables[at.BELOW, v]
        if v >= case.sellers and off > 0:
            # A cap with room left is off by the flow that giving up its rent would bring, if that is less.
            rent = space.variables[at.PRICE, v] if space.variables[at.PRICE, v] > 0 else 0.0
            spare = case.sigma * rent * space.variables[at.SOLVED, v]
            off = spare if spare < off else off
        off = abs(off)
        if not off <= residual:
            residual = off
            if off != off:
                break
    return residual


@inlined
def supply(case: Case, layout: Layout, limits: Limits, space: Space, reference: float) -> None:
    """Prices and indices, what is offered, and the log of its share of all that there is, into ``BELOW``."""
    index = space.buyers, at.LOG_Z, 0, -1 / case.sigma, reference
    index_of(space.buyers, at.LOG_INDEX, 0, case.buyer_blocks, index)
    for r in range(case.row_blocks * LANES):
        space.rows[at.ROW_FLOW, r] = space.rows[at.ROW, r] * space.rows[at.ROW_PULL, r]
    blocks, own = case.variable_blocks, space.variables
    from_price(own, at.PRICE, 0, blocks, (own, at.OFFSET, 0, own, at.W, 0, case.sigma))
    if case.keeps:
        keeper = own, at.PRICE, 0, own, at.LOG_KEPT, 0, limits.keep_elasticity
        share_offered(own, at.AHEAD, 0, blocks, keeper)
        least_log(own, at.BELOW, 0, blocks, (own, at.AHEAD, 0))
        times(own, at.SUPPLY, 0, blocks, (own, at.AHEAD, 0, own, at.SOLVED, 0))
    else:
        for v in range(blocks * LANES):
            own[at.AHEAD, v] = layout.eps[case.first + v] if v < case.sellers else 0.0
        given = own, at.PRICE, 0, own, at.LOG_ASK, 0, own, at.AHEAD, 0
        below_ask(own, at.BELOW, 0, blocks, given)
        supply_of(own, at.SUPPLY, 0, blocks, (own, at.BELOW, 0, own, at.SOLVED, 0))
    for v in range(case.sellers, case.sellers + case.caps):
        space.variables[at.SUPPLY, v], space.variables[at.BELOW, v] = space.variables[at.SOLVED, v], 0.0


@inlined
def bring(case: Case, layout: Layout, space: Space) -> None:
    """What the rows in ``ROW_NEW`` bring to buyers, into ``BOUGHT``."""
    kernel = layout.kernel, case.kernel, case.across, (case.rows + 3) // 4
    blocks, buyers = case.buyer_blocks, space.buyers
    product(buyers, at.BOUGHT, blocks, (*kernel, space.rows, at.ROW_NEW))
    bought_of(buyers, at.BOUGHT, 0, blocks, (buyers, at.PULL, 0, buyers, at.BOUGHT, 0))


@inlined
def scale(case: Case, space: Space) -> None:
    """Where rows are sellers: not more than what is on sale.

    Leaves u times a factor in ``ROW_NEW``, tonnes sold in ``SUMS``, those before scaling in ``BELOW``.
    """
    for s in range(case.row_blocks * LANES):
        pull = space.rows[at.ROW_PULL, s] if space.rows[at.ROW_PULL, s] > TINY else TINY
        most = space.variables[at.LIMIT, s] / pull
        space.rows[at.ROW_NEW, s] = most if most < space.rows[at.ROW, s] else space.rows[at.ROW, s]
        space.variables[at.SUMS, s] = (
            space.variables[at.LIMIT, s]
            if space.variables[at.LIMIT, s] < space.rows[at.ROW_FLOW, s]
            else space.rows[at.ROW_FLOW, s]
        )
        # log(flow / limit) is known: w less the w at which all is sold.
        over = space.variables[at.W, s] - space.variables[at.FULL, s]
        space.variables[at.SHRUNK, s] = -space.variables[at.SUMS, s] * over if over > 0 else 0.0
        over = 0.0 if over > 0 else over
        space.variables[at.OVER, s] = (-NEVER if over < -NEVER else over) - space.variables[at.BELOW, s]
        space.variables[at.BELOW, s] = space.rows[at.ROW_FLOW, s]


@inlined
def _factor(case: Case, layout: Layout, space: Space, row: int) -> float:
    """What remains of a row when nothing exceeds its stock or cap, from the factors in ``AHEAD``."""
    factor = 1.0
    for d in range(layout.acting.shape[0]):
        v = layout.acting[d, case.acts + row]
        if v >= 0:
            factor = space.variables[at.AHEAD, v] if space.variables[at.AHEAD, v] < factor else factor
    return factor


@inlined
def _factors(case: Case, space: Space, limit: int) -> None:
    """Per variable, at most 1, into ``AHEAD``; of flows in ``BELOW``."""
    for v in range(case.sellers + case.caps):
        flow = space.variables[at.BELOW, v] if space.variables[at.BELOW, v] > 1e-200 else 1e-200
        share = space.variables[limit, v] / flow
        space.variables[at.AHEAD, v] = share if share < 1.0 else 1.0


@inlined
def scale_under_caps(case: Case, layout: Layout, space: Space) -> None:
    """Flows of sellers whose links may be under caps, scaled to what was solved; leaves what `scale` does."""
    collect(case, layout, space, at.ROW_FLOW, at.BELOW)
    _factors(case, space, at.SOLVED)
    for r in range(case.row_blocks * LANES):
        space.rows[at.ROW_NEW, r] = _factor(case, layout, space, r) if r < case.rows else 1.0
    least_log(space.rows, at.ROW_WORK, 0, case.row_blocks, (space.rows, at.ROW_NEW, 0))
    for r in range(case.row_blocks * LANES):
        space.rows[at.ROW_HELD, r] = space.rows[at.ROW_FLOW, r] * space.rows[at.ROW_NEW, r]
        space.rows[at.ROW_WORK, r] *= space.rows[at.ROW_HELD, r]
        space.rows[at.ROW_NEW, r] *= space.rows[at.ROW, r]
    collect(case, layout, space, at.ROW_WORK, at.SHRUNK)
    collect(case, layout, space, at.ROW_HELD, at.SUMS)
    for v in range(case.variable_blocks * LANES):
        sold = space.variables[at.SUMS, v]
        space.variables[at.SUMS, v] = (
            sold if sold < space.variables[at.SOLVED, v] else space.variables[at.SOLVED, v]
        )
        offered = space.variables[at.SUPPLY, v] if space.variables[at.SUPPLY, v] > TINY else TINY
        space.variables[at.OVER, v] = space.variables[at.SUMS, v] / offered
        if v >= case.sellers:
            space.variables[at.SHRUNK, v] = 0.0
    least_log(space.variables, at.OVER, 0, case.variable_blocks, (space.variables, at.OVER, 0))


@inlined
def scale_again(case: Case, layout: Layout, space: Space) -> None:
    """Under caps: flows scaled to what is on sale and allowed, where caps were solved at more than that."""
    _factors(case, space, at.LIMIT)
    for r in range(case.rows):
        factor = _factor(case, layout, space, r)
        space.rows[at.ROW_NEW, r], space.rows[at.ROW_HELD, r] = (
            factor * space.rows[at.ROW, r],
            factor * space.rows[at.ROW_FLOW, r],
        )
    collect(case, layout, space, at.ROW_HELD, at.SUMS)
    for v in range(case.sellers + case.caps):
        space.variables[at.SUMS, v] = (
            space.variables[at.SUMS, v]
            if space.variables[at.SUMS, v] < space.variables[at.LIMIT, v]
            else space.variables[at.LIMIT, v]
        )


@inlined
def sellers_gap(case: Case, layout: Layout, limits: Limits, space: Space) -> float:
    """Sellers' and caps' part of the dual value less the primal value, of sales in ``SUMS``."""
    for v in range(case.variable_blocks * LANES):
        space.variables[at.AHEAD, v] = 1 / layout.eps[case.first + v] if v < case.sellers else 0.0
    blocks, rows = case.variable_blocks, space.variables
    given = rows, at.OVER, 0, rows, at.SUMS, 0, rows, at.SUPPLY, 0, rows, at.AHEAD, 0, rows, at.SOLVED, 0
    seller_gap(rows, at.FULL, 0, blocks, (*given, rows, at.PRICE, 0, rows, at.LOG_ASK, 0))
    if case.keeps:
        keeper = rows, at.SOLVED, 0, rows, at.SUPPLY, 0, rows, at.SUMS, 0, limits.keep_elasticity
        keeper_gap(rows, at.KEPT, 0, blocks, keeper)
    total = 0.0
    for v in range(case.sellers + case.caps):
        if space.variables[at.DEAD, v] == 0:
            own = (
                space.variables[at.KEPT, v]
                if case.keeps and v < case.sellers
                else space.variables[at.FULL, v]
            )
            total += own + space.variables[at.SHRUNK, v] / case.sigma
    return total


@inlined
def buyers_gap(case: Case, limits: Limits, space: Space) -> float:
    """Buyers' part: what they want at the index less what they get."""
    blocks, buyers, own = case.buyer_blocks, space.buyers, space.tiers
    for b in range(blocks * LANES):
        space.buyers[at.NEAR, b] = space.buyers[at.FAR, b] = 0.0
    for k in range(case.tiers):
        first, j = space.group[k] * blocks, k * blocks
        tier = own, at.POWER, first, own, at.STEEP, j, own, at.DEMAND, j
        given = buyers, at.NEAR, 0, buyers, at.LOG_INDEX, 0, own, at.LOG_WORTH, j
        discount_of(buyers, at.NEAR, 0, blocks, (*given, *tier))
        slope_of(buyers, at.FAR, 0, blocks, (buyers, at.FAR, 0, *tier, own, at.ELASTICITY, j))
    share_of(buyers, at.Z, 0, blocks, (buyers, at.BOUGHT, 0, buyers, at.DEMANDED, 0))
    x_log_x(buyers, at.LOG_Z, 0, blocks, (buyers, at.Z, 0))
    # Tiers share what is bought and held; who orders the least has a part of them alone.
    parts = buyers, at.BOUGHT, 0, buyers, at.HELD, 0, buyers, at.WANTED, 0, buyers, at.Z, 0, limits.least
    part_of(buyers, at.PART, 0, blocks, parts)
    x_log_x(buyers, at.SERVED, 0, blocks, (buyers, at.PART, 0))
    return _added_up(case, limits, space)


@inlined
def _added_up(case: Case, limits: Limits, space: Space) -> float:
    """The gap of all buyers, from its parts."""
    rate, total = -1 / case.sigma, 0.0
    for b in range(case.buyers):
        if space.buyers[at.OFF, b] > 0:
            continue
        spread = space.buyers[at.DEMANDED, b] * rate * space.buyers[at.LOG_Z, b]
        if not case.holds:
            total += (space.buyers[at.NEAR, b] - space.buyers[at.FAR, b]) * (space.buyers[at.Z, b] - 1.0)
            total += space.buyers[at.FAR, b] * space.buyers[at.LOG_Z, b] + spread
            continue
        own = (space.buyers[at.NEAR, b] - space.buyers[at.FAR, b]) * (
            space.buyers[at.PART, b] - 1.0
        ) + space.buyers[at.FAR, b] * space.buyers[at.SERVED, b]
        counts = (
            space.buyers[at.WANTED, b] - space.buyers[at.HELD, b] >= limits.least * space.buyers[at.WANTED, b]
        )
        total += (own if counts else own * limits.least) + spread
    return total
