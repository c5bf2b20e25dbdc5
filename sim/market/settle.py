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
    frame, load = sweeper.frame, sweeper.load
    of_variable, of_buyer = frame.variable_market, frame.buyer_market
    plain, is_cap = frame.plain, frame.is_cap
    y = sweeper.to_prices(w)
    row_flow = sweeper.row * sweeper.row_pull
    flow = np.empty(len(w))
    frame.collect(row_flow, flow)

    solved = _factors(sweeper, flow, load.solved_limit)
    factor = solved if load.limit is load.solved_limit else _factors(sweeper, flow, load.limit)
    row = factor * sweeper.row
    bought = _bought(sweeper, row)
    feasible = bought if factor is solved else _bought(sweeper, solved * sweeper.row)
    sold = np.empty(len(w))
    frame.collect(row * sweeper.row_pull, sold)
    sold = np.minimum(sold, load.limit)
    lost = flow - sold
    lost[is_cap] = 0.0

    response = frame.eps * np.minimum(y - load.log_ask, 0.0)
    response *= frame.seller
    supply = load.solved_limit * np.exp(response)
    off = np.abs(supply - flow)
    if frame.capped:
        slack = supply - flow
        spare = frame.sigma * np.maximum(y, 0.0) * load.solved_limit
        off = np.where(is_cap, np.where(slack > 0, np.minimum(slack, spare), -slack), off)
    off[load.dead] = 0.0
    size = load.size
    relative = -sweeper.log_z / frame.buyer_sigma
    log_index, demanded = sweeper.reference[of_buyer] + relative, sweeper.demanded
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
        log_rent[:plain] = 0.0
        theta_row = np.exp(log_rent)
        row_price = np.empty(len(row))
        frame.spread(np.where(is_cap, 0.0, y), row_price)
        with np.errstate(divide="ignore", invalid="ignore"):
            per_log = np.where(log_rent > 0, np.expm1(log_rent) / log_rent, 0.0)
        worth = row * sweeper.row_pull * np.where(log_rent > 0, np.exp(row_price), 0.0) * per_log
        frame.collect(worth, rent_value)
        rent_value = np.where(is_cap, rent_value * y, 0.0) * size[of_variable]

    quoted = np.where(load.live | is_cap, y, load.log_ask)
    return Settled(
        log_price=_quotes(sweeper, quoted, w, signal),
        sold=sold * size[of_variable],
        rent_value=rent_value,
        log_index=log_index,
        bought=bought * size[of_buyer],
        demanded=demanded * size[of_buyer],
        row=row,
        pull=sweeper.pull * size[of_buyer],
        row_rent=theta_row,
        residual=np.maximum.reduceat(off, frame.first_variable),
        gap=_gap(sweeper, y, relative, solved, supply, feasible),
        scaled_down=np.add.reduceat(lost, frame.first_variable) * size,
    )


def _factors(sweeper: Sweeper, flow: FloatArray, limit: FloatArray) -> FloatArray:
    """Per row, at most 1: what remains when no seller exceeds its stock and no cap is exceeded."""
    frame = sweeper.frame
    factor = np.where(flow > limit, limit / np.where(flow > limit, flow, 1.0), 1.0)
    if not frame.capped:
        return factor
    rows = np.empty(frame.lengths[1])
    rows[: frame.plain] = factor[: frame.plain]
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


def _gap(
    sweeper: Sweeper,
    y: FloatArray,
    relative: FloatArray,
    solved: FloatArray,
    supply: FloatArray,
    bought: FloatArray,
) -> FloatArray:
    """(n,) dual value less the primal value of feasible flows, in units of the market's size.

    The flows are those scaled to ``solved_limit``. Since they are products, the difference of the two
    values falls into terms that vanish at the solution, so nothing cancels; see docs/clearing.md.
    """
    frame, load = sweeper.frame, sweeper.load
    sold = np.empty(len(y))
    row_flow = solved * sweeper.row * sweeper.row_pull
    frame.collect(row_flow, sold)
    np.minimum(sold, load.solved_limit, out=sold)

    trades = (sold > 0) & (supply > 0)
    log_filled = np.log(np.where(trades, sold, 1.0) / np.where(trades, supply, 1.0))
    ahead = np.where(frame.is_cap, y, np.maximum(y - load.log_ask, 0.0))
    seller = (load.solved_limit - sold) * ahead
    seller += np.where(frame.is_cap, 0.0, supply - sold + sold * log_filled) / frame.eps
    total = _sum(np.where(load.live, seller, 0.0), frame.first_variable)
    scaled = solved < 1
    if scaled.any():
        by_variable = np.empty(len(y))
        shrunk = np.where(scaled & (row_flow > 0), row_flow * np.log(np.where(scaled, solved, 1.0)), 0.0)
        frame.collect(shrunk, by_variable)
        by_variable[frame.is_cap] = 0.0
        total += _sum(by_variable, frame.first_variable) / frame.market_sigma

    # ratio: what a buyer gets over what it wants.
    wants = sweeper.demanded > 0
    ratio = np.where(wants, bought / np.where(wants, sweeper.demanded, 1.0), 1.0)
    log_ratio = np.log(np.maximum(ratio, 1e-300))
    below = sweeper.steep  # no longer needed: room for one array of tiers
    np.subtract(
        relative + sweeper.reference[frame.buyer_market],
        load.log_reservation,
        out=below,
    )
    np.minimum(below, 0.0, out=below)
    np.multiply(below, sweeper.tier, out=below)
    tiers = (1 - ratio) * np.add.reduce(below, axis=0)
    # Second order in 1 - ratio: rounding, unless flows had to be scaled by a good deal.
    far = np.flatnonzero(np.abs(log_ratio) > 1e-7)
    if len(far):
        curved = ratio[far] * (1 - log_ratio[far]) - 1
        tiers[far] += curved * (sweeper.tier[:, far] / load.elasticity[:, far]).sum(axis=0)
    buyer = -sweeper.demanded * ratio * log_ratio / frame.buyer_sigma - tiers
    return np.asarray(total + _sum(np.where(load.buyer_off > 0, 0.0, buyer), frame.first_buyer))


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
        lot = np.where(signal > 0, signal / load.size[frame.variable_market], lot)
    sells = idle & (pull > 0) & (lot > 0)
    log_ratio = np.log(np.where(sells, lot, 1.0)) - np.log(np.where(sells, pull, 1.0))
    full = (sweeper.offset - log_ratio) / frame.sigma
    share = frame.sigma / (frame.sigma + frame.eps)
    part = share * full + (1 - share) * load.log_ask
    price = np.where(full >= load.log_ask, full, part)
    return np.where(idle, np.where(sells, price, load.log_ask), quoted)
