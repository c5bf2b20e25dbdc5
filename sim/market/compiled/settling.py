"""From a market's solution to tonnes, quotes and certificate: as :mod:`sim.market.solver.settle`."""

from __future__ import annotations

from sim.market.compiled import places as at
from sim.market.compiled.formulas import (
    below_ask,
    bought_of,
    discount_of,
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
from sim.market.compiled.lanes import LANES, inlined, product
from sim.market.compiled.sweeping import collect
from sim.market.compiled.tables import Case, Layout, Limits, Space
from sim.market.solver.asked import NEVER

__all__ = [
    "bring", "buyers_gap", "residual_of", "scale", "scale_again", "scale_under_caps", "sellers_gap", "supply",
]  # fmt: skip

TINY = 1e-300


@inlined
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
    for i in range(case.buyer_blocks):
        index_of(space.buyers, at.LOG_INDEX, i, (space.buyers, at.LOG_Z, i, -1 / case.sigma, reference))
    for r in range(case.row_blocks * LANES):
        space.rows[at.ROW_FLOW, r] = space.rows[at.ROW, r] * space.rows[at.ROW_PULL, r]
    for i in range(case.variable_blocks):
        from_price(
            space.variables,
            at.PRICE,
            i,
            (space.variables, at.OFFSET, i, space.variables, at.W, i, case.sigma),
        )
    if case.keeps:
        for i in range(case.variable_blocks):
            share_offered(
                space.variables,
                at.AHEAD,
                i,
                (space.variables, at.PRICE, i, space.variables, at.LOG_KEPT, i, limits.keep_elasticity),
            )
            least_log(space.variables, at.BELOW, i, (space.variables, at.AHEAD, i))
            times(
                space.variables, at.SUPPLY, i, (space.variables, at.AHEAD, i, space.variables, at.SOLVED, i)
            )
    else:
        for v in range(case.variable_blocks * LANES):
            space.variables[at.AHEAD, v] = layout.eps[case.first + v] if v < case.sellers else 0.0
        for i in range(case.variable_blocks):
            below_ask(
                space.variables,
                at.BELOW,
                i,
                (space.variables, at.PRICE, i, space.variables, at.LOG_ASK, i, space.variables, at.AHEAD, i),
            )
            supply_of(
                space.variables, at.SUPPLY, i, (space.variables, at.BELOW, i, space.variables, at.SOLVED, i)
            )
    for v in range(case.sellers, case.sellers + case.caps):
        space.variables[at.SUPPLY, v], space.variables[at.BELOW, v] = space.variables[at.SOLVED, v], 0.0


@inlined
def bring(case: Case, layout: Layout, space: Space) -> None:
    """What the rows in ``ROW_NEW`` bring to buyers, into ``BOUGHT``."""
    kernel = layout.kernel, case.kernel, case.across, (case.rows + 3) // 4
    for i in range(case.buyer_blocks):
        product(space.buyers, at.BOUGHT, i, (*kernel, space.rows, at.ROW_NEW))
        bought_of(space.buyers, at.BOUGHT, i, (space.buyers, at.PULL, i, space.buyers, at.BOUGHT, i))


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
    for i in range(case.row_blocks):
        least_log(space.rows, at.ON, i, (space.rows, at.ROW_NEW, i))
    for r in range(case.row_blocks * LANES):
        space.rows[at.ROW_HELD, r] = space.rows[at.ROW_FLOW, r] * space.rows[at.ROW_NEW, r]
        space.rows[at.ON, r] *= space.rows[at.ROW_HELD, r]
        space.rows[at.ROW_NEW, r] *= space.rows[at.ROW, r]
    collect(case, layout, space, at.ON, at.SHRUNK)
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
    for i in range(case.variable_blocks):
        least_log(space.variables, at.OVER, i, (space.variables, at.OVER, i))


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
    for i in range(case.variable_blocks):
        given = (
            space.variables, at.OVER, i, space.variables, at.SUMS, i, space.variables, at.SUPPLY, i,
            space.variables, at.AHEAD, i, space.variables, at.SOLVED, i,
        )  # fmt: skip
        seller_gap(
            space.variables,
            at.FULL,
            i,
            (*given, space.variables, at.PRICE, i, space.variables, at.LOG_ASK, i),
        )
        if case.keeps:
            keeper = (
                space.variables, at.SOLVED, i, space.variables, at.SUPPLY, i, space.variables, at.SUMS, i,
                limits.keep_elasticity,
            )  # fmt: skip
            keeper_gap(space.variables, at.KEPT, i, keeper)
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
    blocks = case.buyer_blocks
    for b in range(blocks * LANES):
        space.buyers[at.NEAR, b] = space.buyers[at.FAR, b] = 0.0
    for k in range(case.tiers):
        first, own = space.group[k] * blocks, k * blocks
        for i in range(blocks):
            power, tier = (
                (space.tiers, at.POWER, first + i),
                (space.tiers, at.STEEP, own + i, space.tiers, at.DEMAND, own + i),
            )
            given = (
                space.buyers, at.NEAR, i, space.buyers, at.LOG_INDEX, i, space.tiers, at.LOG_WORTH, own + i,
            )  # fmt: skip
            discount_of(space.buyers, at.NEAR, i, (*given, *power, *tier))
            slope_of(
                space.buyers,
                at.FAR,
                i,
                (space.buyers, at.FAR, i, *power, *tier, space.tiers, at.ELASTICITY, own + i),
            )
    for i in range(blocks):
        share_of(space.buyers, at.Z, i, (space.buyers, at.BOUGHT, i, space.buyers, at.DEMANDED, i))
        x_log_x(space.buyers, at.LOG_Z, i, (space.buyers, at.Z, i))
        # Tiers share what is bought and held; who orders the least has a part of them alone.
        parts = (
            space.buyers, at.BOUGHT, i, space.buyers, at.HELD, i, space.buyers, at.WANTED, i, space.buyers,
            at.Z, i, limits.least,
        )  # fmt: skip
        part_of(space.buyers, at.PART, i, parts)
        x_log_x(space.buyers, at.SERVED, i, (space.buyers, at.PART, i))
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
