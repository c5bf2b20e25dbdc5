"""Storage on its stable path: what a holder wants of a stock at a price, and how far ahead it looks.

With ``x`` the log of stock over wanted stock, ``y`` the log of price over what is expected in a market
without stocks, ``s`` the wanted stock in years of use, ``E`` the elasticities of supply and use together and
``r`` the cost of holding, balance and absence of arbitrage (Kaldor 1939, Working 1949, Williams and Wright
1991) are

    dx/dt = E y / s        dy/dt = r y + psi x

The stable path is ``y = -kappa x``: ``kappa = psi / lambda`` and ``lambda = r + E kappa / s``, the rate at
which a gap closes and at which news of later times counts for less.
"""

from __future__ import annotations

import numpy as np

from sim.agents.prepared import Prepared
from sim.arrays import FloatArray, Groups

__all__ = ["closing_rate", "elasticity_of_goods", "share_of_step", "weight_ahead", "year_elasticity"]

LEAST_YEARS = 0.02
"""Stock, in years of use, of a good of which nobody states any: a week."""


def share_of_step(rate_per_year: FloatArray, step_years: float) -> FloatArray:
    """Share of a gap that is closed in one step at a yearly rate.

    Equation (M16), docs/model.md, for ``G``.
    """
    closed: FloatArray = 1 - np.exp(-rate_per_year * step_years)
    return closed


def year_elasticity(prepared: Prepared) -> FloatArray:
    """(M, O) fall or rise of what a seller makes within a year, in logs, per rise of price over cost."""
    behaviour, made = prepared.behaviour, prepared.made
    mines = (behaviour["supply_elasticity"] * prepared.past.answer)[:, prepared.world.offer_good]
    found: FloatArray = np.where(made, behaviour["processing_elasticity"], mines)
    return found


def elasticity_of_goods(prepared: Prepared) -> FloatArray:
    """(M, G) elasticity of supply and use of each good together."""
    world, output = prepared.world, prepared.benchmark.normal_output
    goods = len(world.goods)
    weight = np.bincount(world.offer_good, output, goods)
    # Sums by group: plain sums of an axis round otherwise for one member alone than for several.
    supply = Groups(world.offer_good).spread_sums(year_elasticity(prepared) * output, goods)
    by_good: FloatArray = supply / np.maximum(weight, 1e-12)
    return by_good + prepared.behaviour["use_elasticity"]


def weight_ahead(rate: FloatArray, first: float, over: float) -> FloatArray:
    """Share of today's log price that a time ahead has, of what it would bring without stocks.

    Args:
        rate: a year, at which later prices count for less. first: years from now. over: its end, or infinity.

    Equation (M19), docs/model.md, for ``om_k``.
    """
    weight: FloatArray = np.exp(-rate * first) - np.exp(-rate * over)
    return weight


def closing_rate(prepared: Prepared) -> FloatArray:
    """(M, G) rate a year at which holders close a gap, and at which later prices count for less today.

    Equation (M17), docs/model.md, for ``lam_g``.
    """
    world, behaviour, goods = prepared.world, prepared.behaviour, len(prepared.world.goods)
    normal = prepared.benchmark.normal_use
    use = np.bincount(world.need_good, normal, goods)
    held = np.bincount(world.need_good, normal * world.need_cover, goods) * behaviour["cover_scale"]
    held = held + Groups(world.offer_good).spread_sums(prepared.kept_stock, goods)
    years = np.maximum(held / np.maximum(use, 1e-12), LEAST_YEARS)
    kappa = 1 / behaviour["storage_elasticity"]
    rate: FloatArray = behaviour["storage_cost"] + elasticity_of_goods(prepared) * kappa / years
    return rate
