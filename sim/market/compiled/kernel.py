"""The machine code of a clearing: one market after the other, each from what is asked to what comes out."""

from __future__ import annotations

from sim.market.compiled import places as at
from sim.market.compiled.formulas import exp_of, exp_single, log_single
from sim.market.compiled.lanes import LANES, inlined, machine_code
from sim.market.compiled.loading import (
    case_of,
    gather_buyers,
    gather_sellers,
    place_buyers,
    place_keepers,
    place_sellers,
    reference_of,
    who_may_trade,
)
from sim.market.compiled.settling import (
    bring,
    buyers_gap,
    residual_of,
    scale,
    scale_again,
    scale_under_caps,
    sellers_gap,
    supply,
)
from sim.market.compiled.sweeping import collect, mix
from sim.market.compiled.tables import Asked, Case, Found, Layout, Limits, Space
from sim.market.layout import IntArray
from sim.market.solver.holdings import FURTHEST, HALVINGS
from sim.market.solver.settle import SIGNAL_SHARE

__all__ = ["clear_markets"]


@inlined
def _put_sellers(case: Case, layout: Layout, asked: Asked, found: Found, space: Space, size: float) -> None:
    """Tonnes sold and taken off, and those under caps; where the sweeps ended."""
    lost = 0.0
    for s in range(case.sellers):
        found.offers[at.OF_SALES, case.into, case.offer + s] = space.variables[at.SUMS, s] * size
        found.at[case.first + s] = space.variables[at.PRICE, s]
        lost += space.variables[at.BELOW, s] - space.variables[at.SUMS, s]
    found.markets[at.OF_SCALED_DOWN, case.into, case.good] = lost * size
    for v in range(case.sellers, case.sellers + case.caps):
        cap = layout.cap[case.first + v]
        found.at[case.first + v] = space.variables[at.PRICE, v]
        found.caps[at.OF_LOG_RENT, case.into, cap] = space.variables[at.PRICE, v]
        found.caps[at.OF_CAP_FLOW, case.into, cap] = space.variables[at.SUMS, v] * size


@inlined
def _put_buyers(case: Case, limits: Limits, found: Found, space: Space, size: float) -> None:
    """Indices, what is bought and wanted, and the buyers' side of flows."""
    for b in range(case.buyers):
        if space.buyers[at.OFF, b] > 0:
            wanted = _quote_unserved(case, limits, space, b)
        else:
            wanted = space.buyers[at.DEMANDED, b]
        found.needs[at.OF_PURCHASES, case.into, case.need + b] = space.buyers[at.BOUGHT, b] * size
        found.needs[at.OF_DEMANDED, case.into, case.need + b] = wanted * size
        found.pull[case.buyer + b] = space.buyers[at.PULL, b] * size
    for i in range(case.buyer_blocks):
        exp_of(space.buyers, at.NEAR, i, (space.buyers, at.LOG_INDEX, i))
    for b in range(case.buyers):
        found.needs[at.OF_INDEX, case.into, case.need + b] = space.buyers[at.NEAR, b]


@inlined
def _tiers_at(case: Case, space: Space, buyer: int, log_index: float) -> float:
    """What a buyer's tiers want at a log index."""
    total, width = 0.0, case.buyer_blocks * LANES
    for k in range(case.tiers):
        own = k * width + buyer
        over = log_index - space.tiers[at.LOG_WORTH, own]
        over = over if over > 0 else 0.0
        total += space.tiers[at.DEMAND, own] * exp_single(-space.tiers[at.ELASTICITY, own] * over)
    return total


@machine_code
def _quote_unserved(case: Case, limits: Limits, space: Space, buyer: int) -> float:
    """Its log index, in place, as :func:`sim.market.solver.settle.quote_unserved`; returns what it wants."""
    width = case.buyer_blocks * LANES
    lowest = highest = space.tiers[at.LOG_WORTH, buyer]
    urgent, asks = 0.0, False
    for k in range(case.tiers):
        worth = space.tiers[at.LOG_WORTH, k * width + buyer]
        lowest = worth if worth < lowest else lowest
        highest = worth if worth > highest else highest
        if space.tiers[at.DEMAND, k * width + buyer] > 0 and (not asks or worth > urgent):
            urgent, asks = worth, True
    quote = urgent if asks else highest
    held = space.buyers[at.HELD, buyer]
    if case.holds and _tiers_at(case, space, buyer, quote) < held:
        low, high = lowest - FURTHEST, highest + FURTHEST
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            if _tiers_at(case, space, buyer, middle) > held:
                low = middle
            else:
                high = middle
        own = 0.5 * (low + high)
        own = own if own > lowest else lowest
        quote = own if own < quote else quote
    space.buyers[at.LOG_INDEX, buyer] = quote
    wanted = _tiers_at(case, space, buyer, quote)
    if not case.holds:
        return wanted
    beyond, least = wanted - held, limits.least * wanted
    return beyond if beyond > least else least


@inlined
def _on_row(case: Case, layout: Layout, space: Space, row: int) -> float:
    """Log rent of the caps on a row."""
    rent = 0.0
    for d in range(1, layout.acting.shape[0]):
        v = layout.acting[d, case.acts + row]
        if v >= 0:
            rent += space.variables[at.PRICE, v]
    return rent


@machine_code
def _put_rows(case: Case, layout: Layout, found: Found, space: Space) -> None:
    """The sellers' side of flows, and the rents on them."""
    for r in range(case.rows):
        found.row[case.row + r], found.row_rent[case.row + r] = space.rows[at.ROW_NEW, r], 1.0
    if case.caps == 0:
        return
    for r in range(case.row_blocks * LANES):
        space.rows[at.ON, r] = 0.0
    for r in range(case.rows):
        space.rows[at.ON, r] = _on_row(case, layout, space, r)
    for i in range(case.row_blocks):
        exp_of(space.rows, at.ON, i, (space.rows, at.ON, i))
    for r in range(case.rows):
        found.row_rent[case.row + r] = space.rows[at.ON, r]


@machine_code
def _put_quotes(case: Case, layout: Layout, asked: Asked, found: Found, space: Space, size: float) -> None:
    """Prices; an offer with nothing to sell is quoted what a small lot would fetch."""
    total, idle = 0.0, False
    for s in range(case.sellers):
        if space.variables[at.DEAD, s] > 0:
            space.variables[at.PRICE, s] = space.variables[at.LOG_ASK, s]
            idle = idle or space.variables[at.LIMIT, s] <= 0
    if idle:
        for b in range(case.buyers):
            total += space.buyers[at.DEMANDED, b] if space.buyers[at.OFF, b] == 0 else 0.0
        _pull_of_idle(case, layout, space)
        for s in range(case.sellers):
            if space.variables[at.LIMIT, s] > 0:
                continue
            lot = SIGNAL_SHARE * total
            if asked.signal.shape[0] > 0 and asked.signal[case.member, case.offer + s] > 0:
                lot = asked.signal[case.member, case.offer + s] / size
            if not (space.variables[at.SUMS, s] > 0 and lot > 0):
                continue
            full = (
                space.variables[at.OFFSET, s] - (log_single(lot) - log_single(space.variables[at.SUMS, s]))
            ) / case.sigma
            if not case.keeps and full < space.variables[at.LOG_ASK, s]:
                share = case.sigma / (case.sigma + layout.eps[case.first + s])
                full = share * full + (1 - share) * space.variables[at.LOG_ASK, s]
            space.variables[at.PRICE, s] = full
    for i in range(case.variable_blocks):
        exp_of(space.variables, at.AHEAD, i, (space.variables, at.PRICE, i))
    for s in range(case.sellers):
        found.offers[at.OF_LOG_PRICE, case.into, case.offer + s] = space.variables[at.PRICE, s]
        found.offers[at.OF_PRICE, case.into, case.offer + s] = space.variables[at.AHEAD, s]


@inlined
def _pull_of_idle(case: Case, layout: Layout, space: Space) -> None:
    """Per variable, the pull of buyers on a seller at w = 0, into ``SUMS``."""
    if case.caps == 0:
        for s in range(case.row_blocks * LANES):
            space.variables[at.SUMS, s] = space.rows[at.ROW_PULL, s]
        return
    for r in range(case.row_blocks * LANES):
        space.rows[at.ON, r] = 0.0
    for r in range(case.rows):
        for d in range(1, layout.acting.shape[0]):
            v = layout.acting[d, case.acts + r]
            if v >= 0:
                space.rows[at.ON, r] += space.variables[at.W, v]
    for i in range(case.row_blocks):
        exp_of(space.rows, at.ON, i, (space.rows, at.ON, i))
    for r in range(case.row_blocks * LANES):
        space.rows[at.ON, r] *= space.rows[at.ROW_PULL, r]
    collect(case, layout, space, at.ON, at.SUMS)


def clear_markets(
    layout: Layout, asked: Asked, limits: Limits, found: Found, space: Space, which: IntArray
) -> None:
    """Clear the markets ``which`` of a frame, into ``found``. Nothing of one is seen by another."""
    for place in range(len(which)):
        market = which[place]
        case = case_of(layout, asked, limits, market)
        size = gather_sellers(case, layout, asked, space)
        gather_buyers(case, asked, space, size)
        who_may_trade(case, layout, space)
        reference = reference_of(case, layout, asked, space)
        place_sellers(case, layout, asked, space, reference)
        if case.keeps:
            place_keepers(case, asked, limits, space)
        place_buyers(case, asked, space, reference)
        sweeps, arrived = mix(case, layout, limits, space)
        supply(case, layout, limits, space, reference)
        if case.caps > 0:
            scale_under_caps(case, layout, space)
        else:
            scale(case, space)
        bring(case, layout, space)
        gap = sellers_gap(case, layout, limits, space) + buyers_gap(case, limits, space)
        if case.caps > 0:
            scale_again(case, layout, space)
            bring(case, layout, space)
        found.markets[at.OF_RESIDUAL, case.into, case.good] = residual_of(case, space)
        found.markets[at.OF_GAP, case.into, case.good] = gap
        found.iterations[case.into, case.good] += sweeps
        found.missed[market] = not arrived
        _put_sellers(case, layout, asked, found, space, size)
        _put_buyers(case, limits, found, space, size)
        _put_rows(case, layout, found, space)
        _put_quotes(case, layout, asked, found, space, size)
