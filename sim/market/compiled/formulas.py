"""What is done to eight numbers at a time, and to single ones."""

from __future__ import annotations

from typing import Any

from sim.market.compiled.arithmetic import Number, exp, log
from sim.market.compiled.lanes import lanewise, single
from sim.market.solver.holdings import LOG_MOST_KEPT, TAIL

TINY = 1e-300


def _least(x: Number) -> Any:
    return log(x.at_least(TINY))


# Of Newton's method.
curved = lanewise(lambda demanded, bend, sigma: demanded * sigma - bend)
share_on = lanewise(lambda weight, z, off, row: weight * row / (z + off))

copy = lanewise(lambda x: x)
times = lanewise(lambda x, y: x * y)
less = lanewise(lambda x, y: x - y)
exp_of = lanewise(exp)
log_of = lanewise(log)
least_log = lanewise(_least)
exp_single = single(exp)
log_single = single(log)

# Before the sweeps.
steep_of = lanewise(lambda demand, worth, eta, reference: exp((worth - reference) * eta) * demand)

# A sweep; equations of docs/clearing.md beside `Sweeper.sweep`.
row_of = lanewise(lambda w, on: exp(w) * on)
log_plus = lanewise(lambda x, more: log(x + more))
power_of = lanewise(lambda rate, log_z: exp(rate * log_z))
tiers = lanewise(lambda power, steep, most: (power * steep).at_most(most))
add_tiers = lanewise(lambda total, power, steep, most: total + (power * steep).at_most(most))
ordered = lanewise(lambda wanted, held, least: (wanted - held).at_least(wanted * least))
pull_of = lanewise(lambda demanded, z, off: demanded / (z + off))
full_of = lanewise(lambda log_limit, pull, off: log_limit - log(pull + off))
full_under_caps = lanewise(lambda log_limit, sums, off, w: (log_limit - log(sums + off)) + w)
image_of = lanewise(lambda full, slope, intercept: full.at_most(full * slope + intercept))


def _shared(rate: Number, w: Number, level: Number) -> Any:
    return rate * w + level


def _keeper(w: Number, full: Number, kept: Number, level: Number, rate: Number) -> Any:
    """One step of Newton's method, as :meth:`sim.market.solver.holdings.Keeping.move`."""
    over = (_shared(rate, w, level) - LOG_MOST_KEPT).at_least(0.0)
    offered = 1.0 - kept
    steep = rate * kept / offered
    return ((w - over / rate) * steep + full + log(offered)) / (steep + 1.0)


share_kept = lanewise(lambda w, level, rate: exp(_shared(rate, w, level).at_most(LOG_MOST_KEPT)))
image_of_keeper = lanewise(_keeper)
steepened = lanewise(lambda limit, kept, rate: limit * ((1.0 - kept) + rate * kept))
mixed = lanewise(lambda image, weight: image * weight)
more_mixed = lanewise(lambda total, image, weight: total + image * weight)

# After the sweeps; beside `sim.market.solver.settle`.
from_price = lanewise(lambda offset, w, sigma: (offset - w) / sigma)
index_of = lanewise(lambda log_z, rate, reference: log_z * rate + reference)
below_ask = lanewise(lambda price, ask, eps: (price - ask).at_most(0.0) * eps)
supply_of = lanewise(lambda below, limit: exp(below) * limit)


def _offered(price: Number, log_kept: Number, elasticity: Number) -> Any:
    """Share of its goods that a keeper offers, as :func:`sim.market.solver.holdings.supply_at`."""
    log_share = log_kept - elasticity * price
    over = (log_share - LOG_MOST_KEPT).at_least(0.0)
    part = exp(over * (-(1 - TAIL) / TAIL)) * TAIL
    return over.where(">", 0.0, part, 1.0 - exp(log_share - over))


share_offered = lanewise(_offered)
bought_of = lanewise(lambda pull, sums: pull * sums)


def _discount(index: Number, worth: Number, power: Number, steep: Number, most: Number) -> Any:
    return (index - worth).at_most(0.0) * (power * steep).at_most(most)


discount_of = lanewise(lambda total, *given: total + _discount(*given))
slope_of = lanewise(lambda total, power, steep, most, eta: total + (power * steep).at_most(most) / eta)
x_log_x = lanewise(lambda x: _least(x) * x)
share_of = lanewise(lambda bought, demanded: bought / demanded.at_least(TINY))


def _seller(*given: Number) -> Any:
    """Profit less what sales earn, in x log(x / y) - x + y; rent of tonnes not used."""
    over, sold, supply, rate, limit, price, ask = given
    return (over * sold - sold + supply) * rate + (limit - sold) * (price - ask).at_least(0.0)


def _keeper_gap(limit: Number, supply: Number, sold: Number, elasticity: Number) -> Any:
    """The same of sellers who keep what they do not sell: `_keepers_gap` of `settle.py`."""
    wanted, left = limit - supply, (limit - sold).at_least(0.0)
    inside = left * (_least(left) - _least(wanted)) - left + wanted
    inside = wanted.where(">", 0.0, inside, 0.0)
    tail = (sold * (_least(sold) - _least(supply)) - sold + supply) * (TAIL / (1 - TAIL))
    return supply.where("<", limit * TAIL, tail, inside) / elasticity


def _part(bought: Number, held: Number, wanted: Number, share: Number, least: Number) -> Any:
    whole = (bought + held) / wanted.at_least(TINY)
    return (wanted - held).where(">=", wanted * least, whole, share)


seller_gap = lanewise(_seller)
keeper_gap = lanewise(_keeper_gap)
part_of = lanewise(_part)
