"""From a solution to tonnes: flows scaled so that nothing is lost, prices quoted, certificates.

A flow is ``factor x u x kernel x pull``: a row value, a static weight and a buyer value. Scaling down
multiplies row values alone, so that every sum over links stays two matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.market.layout import FloatArray, IntArray
from sim.market.sweeps import Sweeper

__all__ = ["SIGNAL_SHARE", "Settled", "settle"]

NEAR = 1e-5
"""Up to here the first two terms of a series are exact to rounding."""
SIGNAL_SHARE = 0.01
"""An offer with nothing to sell is quoted at the price of placing this share of the market's demand."""


@dataclass(frozen=True)
class Settled:
    """One frame's outcome, on its flat axes; tonnes as given by the caller."""

    log_price: FloatArray
    """Per variable: log gate price, log rent for caps."""
    sold: FloatArray
    """Per variable: tonnes sold, tonnes under the cap."""
    rent_value: FloatArray
    """Per variable: 0 for sellers; tonnes x gate price x rent for caps."""
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
    frame, load, size = sweeper.frame, sweeper.load, sweeper.load.size
    is_cap = frame.is_cap
    y = sweeper.to_prices(w)
    row_flow = sweeper.row * sweeper.row_pull
    flow = _collected(sweeper, row_flow)

    solved = _factors(sweeper, flow, load.solved_limit)
    factor = solved if load.limit is load.solved_limit else _factors(sweeper, flow, load.limit)
    row = factor * sweeper.row
    bought = _bought(sweeper, row)
    sold = _collected(sweeper, factor * row_flow)
    sold = np.minimum(sold, load.limit)
    lost = flow - sold

    ahead = y - load.log_ask
    supply = np.minimum(ahead, 0.0)
    supply *= frame.eps
    if frame.capped:
        lost *= frame.seller
        supply *= frame.seller
    np.exp(supply, out=supply)
    supply *= load.solved_limit
    off = supply - flow
    if frame.capped:
        spare = frame.sigma * np.maximum(y, 0.0) * load.solved_limit
        off = np.where(is_cap & (off > 0), np.minimum(off, spare), off)
    np.abs(off, out=off)
    if not sweeper.all_live:
        off[load.dead] = 0.0
    if factor is solved:
        gap = _gap(sweeper, ahead, solved, supply, row_flow, sold, bought)
    else:
        held = np.minimum(_collected(sweeper, solved * row_flow), load.solved_limit)
        gap = _gap(sweeper, ahead, solved, supply, row_flow, held, _bought(sweeper, solved * sweeper.row))
    log_index = sweeper.log_z / -frame.buyer_sigma
    log_index += sweeper.buyer_reference
    demanded = sweeper.demanded
    unserved = np.flatnonzero((load.buyer_off > 0) & frame.is_need)
    if len(unserved):
        demanded = demanded.copy()
        log_index[unserved], demanded[unserved] = quote_unserved(
            load.demand[:, unserved], load.log_reservation[:, unserved], load.elasticity[:, unserved]
        )

    theta_row, rent_value = np.ones(len(row)), np.zeros(len(w))
    if frame.capped:
        log_rent = np.empty(len(row))
        frame.spread(np.where(is_cap, y, 0.0), log_rent)
        theta_row = np.exp(log_rent)
        row_price = np.empty(len(row))
        frame.spread(np.where(is_cap, 0.0, y), row_price)
        with np.errstate(divide="ignore", invalid="ignore"):
            per_log = np.where(log_rent > 0, np.expm1(log_rent) / log_rent, 0.0)
        worth = row * sweeper.row_pull * np.where(log_rent > 0, np.exp(row_price), 0.0) * per_log
        frame.collect(worth, rent_value)
        rent_value = np.where(is_cap, rent_value * y, 0.0) * load.size_variable

    quoted = np.where(load.live | is_cap, y, load.log_ask)
    return Settled(
        log_price=_quotes(sweeper, quoted, w, signal),
        sold=sold * load.size_variable,
        rent_value=rent_value,
        log_index=log_index,
        bought=bought * load.size_buyer,
        demanded=demanded * load.size_buyer,
        row=row,
        pull=sweeper.pull * load.size_buyer,
        row_rent=theta_row,
        residual=np.maximum.reduceat(off, frame.first_variable),
        gap=gap,
        scaled_down=np.add.reduceat(lost, frame.first_variable) * size,
    )


def _factors(sweeper: Sweeper, flow: FloatArray, limit: FloatArray) -> FloatArray:
    """Per row, at most 1: what remains when no seller exceeds its stock and no cap is exceeded."""
    frame = sweeper.frame
    factor = np.maximum(flow, 1e-200)
    np.divide(limit, factor, out=factor)
    np.minimum(factor, 1.0, out=factor)
    if not frame.capped:
        return factor
    rows = np.empty(frame.lengths[1])
    for piece in frame.capped:
        width, _, _ = piece.widths
        mine = factor[piece.variables].reshape(-1, width)
        incidence = piece.bucket.incidence[piece.good]
        rows[piece.rows] = np.where(incidence > 0, mine[:, None, :], 1.0).min(axis=2).ravel()
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
    demand: FloatArray, log_reservation: FloatArray, elasticity: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What buyers whom nobody may serve are quoted: what their most urgent tier would pay.

    Args:
        demand, log_reservation, elasticity: (K, ...).

    Returns:
        Log index and the demand at it.
    """
    quote = np.where(demand > 0, log_reservation, -np.inf).max(axis=0)
    quote = np.where(np.isfinite(quote), quote, log_reservation.max(axis=0))
    over = np.maximum(quote - log_reservation, 0.0)
    return quote, (demand * np.exp(-elasticity * over)).sum(axis=0)


def _bend(x: FloatArray) -> FloatArray:
    """(1 + x) log(1 + x) - x, for x >= -1: a series near 0, where the difference would cancel."""
    bend = x * (-1 / 6)
    bend += 0.5
    bend *= x
    bend *= x
    if len(x) and (x.max() > NEAR or x.min() < -NEAR):
        far = np.flatnonzero(np.abs(x) > NEAR)
        whole = np.maximum(1 + x[far], 1e-300)
        bend[far] = whole * np.log(whole) - x[far]
    return bend


def _gap(
    sweeper: Sweeper,
    ahead: FloatArray,
    factor: FloatArray,
    supply: FloatArray,
    row_flow: FloatArray,
    sold: FloatArray,
    bought: FloatArray,
) -> FloatArray:
    """(n,) dual value less the primal value of feasible flows, in units of the market's size.

    The flows are those scaled to ``solved_limit``. Since they are products, the difference of the two
    values falls into terms that vanish at the solution, so nothing cancels; see docs/clearing.md.

    Args:
        ahead: per variable, log price less log ask; log rent for caps.
        factor: per row. supply: per variable. row_flow: per row, before scaling.
        sold: per variable, after scaling. bought: per buyer, after scaling.
    """
    frame, load = sweeper.frame, sweeper.load
    # Sellers: profit less what these sales earn; caps: rent of tonnes not used.
    seller = _bend((sold - supply) / np.maximum(supply, 1e-300))
    seller *= supply
    seller /= frame.eps
    seller *= frame.seller
    idle = load.solved_limit - sold
    idle *= np.maximum(ahead, 0.0)
    seller += idle
    if not sweeper.all_live:
        seller[load.dead] = 0.0
    total = _sum(seller, frame.first_variable)
    # Rows: factor x log(factor), as what scaling takes from the cost of concentration.
    less = factor - 1
    shrunk = _collected(sweeper, row_flow * (_bend(less) + less))
    total += _sum(shrunk * frame.seller, frame.first_variable) / frame.market_sigma

    # Buyers: what they want at the index less what they get.
    off = (bought - sweeper.demanded) / np.maximum(sweeper.demanded, 1e-300)
    bend = _bend(off)
    log_index = sweeper.log_z / -frame.buyer_sigma
    below = sweeper.steep  # no longer needed: room for one array of tiers
    np.subtract(log_index + sweeper.buyer_reference, load.log_reservation, out=below)
    np.minimum(below, 0.0, out=below)
    np.multiply(below, sweeper.tier, out=below)
    buyer = off * np.add.reduce(below, axis=0)
    np.divide(sweeper.tier, load.elasticity, out=below)
    buyer += bend * np.add.reduce(below, axis=0)
    buyer -= sweeper.demanded * (off + bend) / frame.buyer_sigma
    buyer *= 1 - load.buyer_off
    return np.asarray(total + _sum(buyer, frame.first_buyer))


def _quotes(sweeper: Sweeper, quoted: FloatArray, w: FloatArray, signal: FloatArray | None) -> FloatArray:
    """Log prices; an offer with nothing to sell is quoted what a small lot would fetch."""
    frame, load = sweeper.frame, sweeper.load
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
    share = frame.sigma / (frame.sigma + frame.eps)
    part = share * full + (1 - share) * load.log_ask
    price = np.where(full >= load.log_ask, full, part)
    return np.where(idle, np.where(sells, price, load.log_ask), quoted)
