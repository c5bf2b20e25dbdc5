"""The machine code of a clearing: one market after the other, each from what is asked to what comes out."""

from __future__ import annotations

from sim.market.compiled import places as at
from sim.market.compiled.formulas import exp_of, log_single
from sim.market.compiled.lanes import LANES, inlined, machine_code
from sim.market.compiled.loading import (
    begin,
    case_of,
    gather_buyers,
    gather_sellers,
    place_buyers,
    place_keepers,
    place_sellers,
    reference_of,
    who_may_trade,
)
from sim.market.compiled.newton import begin_at, direction, hessian, look, try_on
from sim.market.compiled.settling import (
    bring,
    buyers_gap,
    index_at,
    residual_of,
    scale,
    scale_again,
    scale_under_caps,
    sellers_gap,
    supply,
    tiers_at,
)
from sim.market.compiled.sweeping import collect, judge, move_on, sweep
from sim.market.compiled.tables import Asked, Case, Found, Layout, Limits, Space
from sim.market.layout import IntArray
from sim.market.solver.settle import SIGNAL_SHARE

__all__ = ["clear_markets"]

AGAIN = 2
"""How often at most a market goes to Newton's method."""
MIXING, LOOKING, SETTLING = range(3)
"""Stages of a market: sweeps and mixing, Newton's method, what follows on that."""


@inlined
def _put_sellers(case: Case, layout: Layout, asked: Asked, found: Found, space: Space, size: float) -> None:
    """Tonnes sold and taken off, and those under caps."""
    lost = 0.0
    for s in range(case.sellers):
        found.offers[at.OF_SALES, case.into, case.offer + s] = space.variables[at.SUMS, s] * size
        lost += space.variables[at.BELOW, s] - space.variables[at.SUMS, s]
    found.markets[at.OF_SCALED_DOWN, case.into, case.good] = lost * size
    for v in range(case.sellers, case.sellers + case.caps):
        cap = layout.cap[case.first + v]
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
    exp_of(space.buyers, at.NEAR, 0, case.buyer_blocks, (space.buyers, at.LOG_INDEX, 0))
    for b in range(case.buyers):
        found.needs[at.OF_INDEX, case.into, case.need + b] = space.buyers[at.NEAR, b]


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
    if case.holds and tiers_at(case, space, buyer, quote) < held:
        own = index_at(case, space, buyer, held)
        own = own if own > lowest else lowest
        quote = own if own < quote else quote
    space.buyers[at.LOG_INDEX, buyer] = quote
    wanted = tiers_at(case, space, buyer, quote)
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
    exp_of(space.rows, at.ON, 0, case.row_blocks, (space.rows, at.ON, 0))
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
    exp_of(space.variables, at.AHEAD, 0, case.variable_blocks, (space.variables, at.PRICE, 0))
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
    exp_of(space.rows, at.ON, 0, case.row_blocks, (space.rows, at.ON, 0))
    for r in range(case.row_blocks * LANES):
        space.rows[at.ON, r] *= space.rows[at.ROW_PULL, r]
    collect(case, layout, space, at.ON, at.SUMS)


@inlined
def _settle(case: Case, layout: Layout, limits: Limits, space: Space) -> float:
    """Flows that balance; the gap."""
    if case.caps > 0:
        scale_under_caps(case, layout, space)
    else:
        scale(case, space)
    bring(case, layout, space)
    gap = sellers_gap(case, layout, limits, space) + buyers_gap(case, limits, space)
    if case.caps > 0:
        scale_again(case, layout, space)
        bring(case, layout, space)
    return gap


def clear_markets(
    layout: Layout, asked: Asked, limits: Limits, found: Found, space: Space, which: IntArray
) -> None:
    """Clear the markets ``which`` of a frame, into ``found``. Nothing of one is seen by another.

    Sweeps are made in one place, whatever stage the market is at: what is called from two is compiled twice.
    """
    for place in range(len(which)):
        case = case_of(layout, asked, limits, which[place])
        size = gather_sellers(case, layout, asked, space)
        gather_buyers(case, asked, space, size)
        who_may_trade(case, layout, space)
        begin(case, layout, asked, space)
        stage, fresh, number, turns, reference, gap = MIXING, True, 0, 0, 0.0, 0.0
        while True:
            if fresh:
                reference, fresh = reference_of(case, layout, space), False
                place_sellers(case, layout, space, reference)
                if case.keeps:
                    place_keepers(case, asked, limits, space)
                place_buyers(case, asked, space, reference)
            sweep(case, layout, limits, space)
            verdict, careful = 1, 0
            if stage == MIXING:
                number += 1
                verdict = judge(case, limits, space, number)
                if verdict == 0:
                    move_on(case, space, number)
                    continue
            supply(case, layout, limits, space, reference)
            if stage == LOOKING:
                verdict = look(case, layout, limits, space)
                if verdict == 1:
                    hessian(case, layout, space)
                    direction(case, space)
                if verdict < 2:
                    try_on(case, space)
                    continue
                number += int(space.stand[at.MADE])
                careful = int(space.stand[at.CAREFUL]) + 1
                if verdict == 2 or careful == 2:
                    # The market is settled where Newton's method ends.
                    stage, fresh = SETTLING, True
                    continue
            else:
                if verdict == 1:
                    gap = _settle(case, layout, limits, space)
                    if turns == AGAIN or residual_of(case, space) <= limits.settled:
                        break
                turns += 1
            stage = LOOKING
            begin_at(case, space, careful)
            try_on(case, space)
        found.iterations[case.into, case.good] = number
        found.markets[at.OF_RESIDUAL, case.into, case.good] = residual_of(case, space)
        found.markets[at.OF_GAP, case.into, case.good] = gap
        _put_sellers(case, layout, asked, found, space, size)
        _put_buyers(case, limits, found, space, size)
        _put_rows(case, layout, found, space)
        _put_quotes(case, layout, asked, found, space, size)
