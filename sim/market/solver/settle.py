"""From a solution to tonnes: flows scaled so that nothing is lost, prices quoted, certificates.

A flow is ``factor x u x kernel x pull``: a row value, a static weight and a buyer value. Scaling down
multiplies row values alone, so that every sum over links stays two matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sim.market.layout import FloatArray, IntArray
from sim.market.solver.asked import NEVER, Load
from sim.market.solver.holdings import TAIL, index_at, supply_at, tiers_at
from sim.market.solver.sweeps import Sweeper

__all__ = ["SIGNAL_SHARE", "Settled", "settle"]

SIGNAL_SHARE = 0.01
"""An offer with nothing to sell is quoted at the price of placing this share of the market's demand."""


@dataclass(frozen=True)
class Settled:
    """One frame's outcome, on its flat axes; tonnes as given by the caller."""

    log_price: FloatArray
    """Per variable: log gate price, log rent for caps."""
    sold: FloatArray
    """Per variable: tonnes sold, tonnes under the cap."""
    log_index: FloatArray
    """Per buyer."""
    bought: FloatArray
    """Per buyer, tonnes."""
    demanded: FloatArray
    """Per buyer, tonnes."""
    row: FloatArray
    """Per row: factor x u."""
    pull: FloatArray
    """Per buyer, in tonnes."""
    row_rent: FloatArray
    """Per row: 1 + rent."""
    residual: FloatArray
    """(n,)"""
    gap: FloatArray
    """(n,)"""
    scaled_down: FloatArray
    """(n,) tonnes."""


def settle(sweeper: Sweeper, w: FloatArray, signal: FloatArray | None) -> Settled:
    """Settle the markets of a sweeper that has just been swept from ``w``.

    Args:
        sweeper: holds the point at w.
        w: per variable.
        signal: per variable, tonnes at which an offer with nothing to sell is quoted; None for the
            default.
    """
    frame, load, is_cap = sweeper.frame, sweeper.load, sweeper.frame.is_cap
    y = sweeper.to_prices(w)
    log_index = sweeper.log_z * frame.index_rate
    log_index += sweeper.buyer_reference
    scaled = _scaled_under_caps(sweeper, y, log_index) if frame.capped else _scaled(sweeper, w, y, log_index)
    off = np.abs(scaled.off, out=scaled.off)
    if not load.all_live:
        off[load.dead] = 0.0
    demanded = sweeper.demanded
    if not load.all_served:
        unserved = np.flatnonzero((load.buyer_off > 0) & frame.is_need)
        if len(unserved):
            demanded = demanded.copy()
            log_index[unserved], demanded[unserved] = quote_unserved(
                load.demand[:, unserved], load.log_reservation[:, unserved], load.elasticity[:, unserved],
                None if load.held is None else load.held[unserved], load.least,
            )  # fmt: skip
    quoted = y if load.all_live else np.where(load.live | is_cap, y, load.log_ask)
    return Settled(
        log_price=_quotes(sweeper, quoted, w, signal),
        sold=np.multiply(scaled.sold, load.size_variable, out=scaled.sold),
        log_index=log_index,
        bought=np.multiply(scaled.bought, load.size_buyer, out=scaled.bought),
        demanded=demanded * load.size_buyer,
        row=scaled.row,
        pull=sweeper.pull * load.size_buyer,
        row_rent=scaled.row_rent,
        residual=np.maximum.reduceat(off, frame.first_variable),
        gap=scaled.gap,
        scaled_down=_sum(scaled.lost, frame.first_variable) * load.size,
    )


class _Scaled(NamedTuple):
    """Flows that respect what is on sale and allowed, in units of the markets' sizes."""

    row: FloatArray
    sold: FloatArray
    bought: FloatArray
    off: FloatArray
    """Per variable: supply less sales before scaling, room left under a cap."""
    lost: FloatArray
    """Per variable: tonnes taken off."""
    gap: FloatArray
    row_rent: FloatArray


def _supply(sweeper: Sweeper, ahead: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Per variable: log(supply / limit), and supply; ``ahead`` is log price less log ask.

    Equation (C5), docs/clearing.md, for ``S_s``.
    """
    frame, load = sweeper.frame, sweeper.load
    if load.log_kept is not None:
        share, _, _ = supply_at(load.log_kept, load.keep_elasticity, ahead + load.log_ask)
        if frame.capped:
            share = np.where(frame.is_cap, 1.0, share)
        return np.log(np.maximum(share, 1e-300)), share * load.solved_limit
    below = np.minimum(ahead, 0.0)
    below *= frame.eps
    if frame.capped:
        below *= frame.seller
    supply = np.exp(below)
    supply *= sweeper.load.solved_limit
    return below, supply


def _scaled_under_caps(sweeper: Sweeper, y: FloatArray, log_index: FloatArray) -> _Scaled:
    """Flows of sellers whose links may be under caps; ``y`` as :meth:`Sweeper.to_prices` gives it."""
    frame, load = sweeper.frame, sweeper.load
    ahead = y - load.log_ask
    _, supply = _supply(sweeper, ahead)
    row_flow = sweeper.row * sweeper.row_pull
    flow = _collected(sweeper, row_flow)
    solved = _factors(sweeper, flow, load.solved_limit)
    held = np.minimum(_collected(sweeper, solved * row_flow), load.solved_limit)
    shrunk = _collected(sweeper, row_flow * solved * np.log(np.maximum(solved, 1e-300)))
    shrunk *= frame.seller
    over = np.log(np.maximum(held / np.maximum(supply, 1e-300), 1e-300))
    gap = _sellers_gap(sweeper, ahead, over, supply, held, shrunk)
    gap += _buyers_gap(sweeper, log_index, _bought(sweeper, solved * sweeper.row))
    factor = _factors(sweeper, flow, load.limit) if load.floored else solved
    row = factor * sweeper.row
    sold = np.minimum(_collected(sweeper, factor * row_flow), load.limit)
    off = supply - flow
    spare = frame.sigma * np.maximum(y, 0.0) * load.solved_limit
    off = np.where(frame.is_cap & (off > 0), np.minimum(off, spare), off)
    lost = (flow - sold) * frame.seller
    return _Scaled(row, sold, _bought(sweeper, row), off, lost, gap, _rents(sweeper, y))


def _scaled(sweeper: Sweeper, w: FloatArray, y: FloatArray, log_index: FloatArray) -> _Scaled:
    """Flows where rows are sellers: not more than what is on sale, row <= limit / pull."""
    load = sweeper.load
    ahead = y - load.log_ask
    below, supply = _supply(sweeper, ahead)
    row_flow = sweeper.row * sweeper.row_pull
    row = np.maximum(sweeper.row_pull, 1e-300)
    np.divide(load.limit, row, out=row)
    np.minimum(row, sweeper.row, out=row)
    sold = np.minimum(row_flow, load.limit)
    bought = _bought(sweeper, row)
    # log(flow / limit) is known: w less the w at which all is sold.
    over = w - sweeper.full
    shrunk = np.maximum(over, 0.0)
    np.clip(over, -NEVER, 0.0, out=over)
    shrunk *= sold
    np.negative(shrunk, out=shrunk)
    over -= below
    gap = _sellers_gap(sweeper, ahead, over, supply, sold, shrunk)
    gap += _buyers_gap(sweeper, log_index, bought)
    off = np.subtract(supply, row_flow, out=supply)
    lost = np.subtract(row_flow, sold, out=row_flow)
    return _Scaled(row, sold, bought, off, lost, gap, np.broadcast_to(1.0, row_flow.shape))


def _rents(sweeper: Sweeper, y: FloatArray) -> FloatArray:
    """Per row 1 + rent."""
    log_rent = np.empty(len(sweeper.row))
    sweeper.frame.spread(np.where(sweeper.frame.is_cap, y, 0.0), log_rent)
    return np.exp(log_rent)


def _factors(sweeper: Sweeper, flow: FloatArray, limit: FloatArray) -> FloatArray:
    """Per row, at most 1: what remains when no seller exceeds its stock and no cap is exceeded.

    Equation (C16), docs/clearing.md, for ``x_sb``.
    """
    frame = sweeper.frame
    factor = np.maximum(flow, 1e-200)
    np.divide(limit, factor, out=factor)
    np.minimum(factor, 1.0, out=factor)
    acting = frame.acting()
    rows: FloatArray = factor.take(acting[0])
    for others in acting[1:]:
        np.minimum(rows, factor.take(others), out=rows)
    return rows


def _bought(sweeper: Sweeper, row: FloatArray) -> FloatArray:
    """Per buyer, the tonnes that row values bring."""
    bought = np.empty(len(sweeper.pull))
    sweeper.frame.kernel.forward(row, bought)
    return bought * sweeper.pull


def _collected(sweeper: Sweeper, rows: FloatArray) -> FloatArray:
    """Per variable, the sum over its rows; the rows themselves where nothing is capped."""
    if not sweeper.frame.capped:
        return rows
    out = np.empty(sweeper.frame.lengths[0])
    sweeper.frame.collect(rows, out)
    return out


def _sum(values: FloatArray, first: IntArray) -> FloatArray:
    return np.asarray(np.add.reduceat(values, first))


def quote_unserved(
    demand: FloatArray,
    log_reservation: FloatArray,
    elasticity: FloatArray,
    held: FloatArray | None = None,
    least: float = 0.0,
) -> tuple[FloatArray, FloatArray]:
    """What buyers whom nobody may serve are quoted: what their most urgent tier would pay.

    Who holds enough for that tier values a tonne at what the last of its tiers that it can serve would pay.

    Args:
        demand, log_reservation, elasticity: (K, ...). held: (...). least: as in :class:`Load`.

    Returns:
        Log index and the demand at it.
    """
    quote = np.where(demand > 0, log_reservation, -np.inf).max(axis=0)
    quote = np.where(np.isfinite(quote), quote, log_reservation.max(axis=0))
    if held is not None:
        enough = tiers_at(demand, log_reservation, elasticity, quote) < held
        own = index_at(demand, log_reservation, elasticity, held)
        # Never below where the first tier starts to give way.
        quote = np.where(enough, np.minimum(np.maximum(own, log_reservation.min(axis=0)), quote), quote)
    wanted = tiers_at(demand, log_reservation, elasticity, quote)
    return quote, wanted if held is None else np.maximum(wanted - held, least * wanted)


def _sellers_gap(
    sweeper: Sweeper,
    ahead: FloatArray,
    over: FloatArray,
    supply: FloatArray,
    sold: FloatArray,
    shrunk: FloatArray,
) -> FloatArray:
    """(n,) sellers' and caps' part of the dual value less the primal value of feasible flows.

    The flows are those scaled to ``solved_limit``, in units of the market's size. Since they are products,
    the difference of the two values falls into terms that vanish at the solution; see docs/clearing.md.

    Args:
        ahead: per variable, log price less log ask; log rent for caps.
        supply: tonnes offered. sold: after scaling. over: log(sold / supply); overwritten.
        shrunk: sold x log of the factor that it was scaled by; overwritten.
    """
    frame, load = sweeper.frame, sweeper.load
    # Sellers: profit less what these sales earn, in x log(x / y) - x + y. Caps: rent of tonnes not used.
    if load.log_kept is None:
        seller = over
        seller *= sold
        seller -= sold
        seller += supply
        seller *= frame.seller_rate
        idle = load.solved_limit - sold
        idle *= np.maximum(ahead, 0.0)
        seller += idle
    else:
        seller = _keepers_gap(load, supply, sold)
        if frame.capped:
            seller = np.where(frame.is_cap, (load.solved_limit - sold) * np.maximum(ahead, 0.0), seller)
    # Rows: factor x log(factor), as what scaling takes from the cost of concentration.
    shrunk *= frame.sigma_rate
    seller += shrunk
    if not load.all_live:
        seller[load.dead] = 0.0
    return _sum(seller, frame.first_variable)


def _keepers_gap(load: Load, supply: FloatArray, sold: FloatArray) -> FloatArray:
    """Per variable: profit less what these sales earn, of sellers who keep what they do not sell.

    In what is kept, with y wanted and x left: x log(x / y) - x + y, over the elasticity; in the tail as for a
    power.
    """
    limit, elasticity = load.solved_limit, load.keep_elasticity
    wanted, left = limit - supply, np.maximum(limit - sold, 0.0)
    inside = left * (_log(left) - _log(wanted)) - left + wanted
    tail = sold * (_log(sold) - _log(supply)) - sold + supply
    inside = np.where(wanted > 0, inside, 0.0)
    gap: FloatArray = np.where(supply < TAIL * limit, tail * (TAIL / (1 - TAIL)), inside) / elasticity
    return gap


def _log(values: FloatArray) -> FloatArray:
    """Logs, of nothing a large negative number."""
    return np.log(np.maximum(values, 1e-300))


def _buyers_gap(sweeper: Sweeper, log_index: FloatArray, bought: FloatArray) -> FloatArray:
    """(n,) buyers' part: what they want at the index less what they get.

    Args:
        log_index: per buyer. bought: per buyer, after scaling.
    """
    frame, load, demanded = sweeper.frame, sweeper.load, sweeper.demanded
    share = bought / np.maximum(demanded, 1e-300)
    spread = np.log(np.maximum(share, 1e-300))
    spread *= share
    part, served, scale = share - 1.0, spread, None
    if load.held is not None:
        # Tiers share what is bought and held; who orders the least has a part of them alone.
        counts = sweeper.wanted - load.held >= load.least * sweeper.wanted
        part = np.where(counts, (bought + load.held) / np.maximum(sweeper.wanted, 1e-300), share)
        served = np.log(np.maximum(part, 1e-300))
        served *= part
        part -= 1.0
        scale = np.where(counts, 1.0, load.least)
    below = sweeper.steep  # no longer needed: room for one array of tiers
    np.subtract(log_index, load.log_reservation, out=below)
    np.minimum(below, 0.0, out=below)
    np.multiply(below, sweeper.tier, out=below)
    near = below[0] if len(below) == 1 else np.add.reduce(below, axis=0)
    slope = np.divide(sweeper.tier, load.elasticity)
    far = slope[0] if len(slope) == 1 else np.add.reduce(slope, axis=0)
    near -= far
    near *= part
    if scale is None:
        far += demanded * frame.index_rate
        far *= spread
        near += far
    else:
        far *= served
        near += far
        near *= scale
        near += demanded * frame.index_rate * spread
    if not load.all_served:
        near *= 1 - load.buyer_off
    return _sum(near, frame.first_buyer)


def _quotes(sweeper: Sweeper, quoted: FloatArray, w: FloatArray, signal: FloatArray | None) -> FloatArray:
    """Log prices; an offer with nothing to sell is quoted what a small lot would fetch.

    Equation (C18), docs/clearing.md, for ``p_s``.
    """
    frame, load = sweeper.frame, sweeper.load
    if load.all_on:
        return quoted
    idle = frame.is_offer & (load.limit <= 0)
    if not idle.any():
        return quoted
    rows = np.empty(frame.lengths[1])
    frame.spread(np.where(frame.is_cap, w, 0.0), rows)
    pull = np.empty(len(w))
    frame.collect(np.exp(rows) * sweeper.row_pull, pull)
    demand = _sum(sweeper.demanded * (load.buyer_off <= 0), frame.first_buyer)
    lot = SIGNAL_SHARE * demand[frame.variable_market]
    if signal is not None:
        lot = np.where(signal > 0, signal / load.size_variable, lot)
    sells = idle & (pull > 0) & (lot > 0)
    log_ratio = np.log(np.where(sells, lot, 1.0)) - np.log(np.where(sells, pull, 1.0))
    full = (sweeper.offset - log_ratio) / frame.sigma
    if load.log_kept is not None:
        return np.where(idle, np.where(sells, full, load.log_ask), quoted)
    share = frame.sigma / (frame.sigma + frame.eps)
    part = share * full + (1 - share) * load.log_ask
    price = np.where(full >= load.log_ask, full, part)
    return np.where(idle, np.where(sells, price, load.log_ask), quoted)
