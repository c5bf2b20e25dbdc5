"""Turn base-year flows into what the engine needs: sourcing weights, activities, shipping lags.

The benchmark makes the base year a fixed point: at base prices every buyer orders its base
use from its base suppliers, every plant runs at its base rate, and every stock stays level
(``docs/model.md``, section "Benchmark").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.world.activities import Activities, make_activities
from sim.world.entrants import normal_amounts
from sim.world.lags import shipping_lags
from sim.world.sourcing import BaseYearRules, purchase_shares, sourcing_flows, sourcing_kernel
from sim.world.world import BoolArray, FloatArray, IntArray, World

__all__ = ["BaseYearRules", "Benchmark", "make_benchmark"]


@dataclass(frozen=True)
class Benchmark:
    """Everything derived from a world and held fixed during a run.

    A facility that made nothing in the base year but has a capacity is an *entrant*. What is a base-year
    number for the others is for it the number at full capacity: the scale on which it is measured, not what
    it does.
    """

    flow: tuple[FloatArray, ...]
    """Per good (S, B) base flows with the prior on unused links, t/year; margins as in the world."""
    mix: tuple[FloatArray, ...]
    """Per good (S, B) flow, t/year; where a buyer bought nothing, what it would buy at full capacity."""
    normal_output: FloatArray
    """(O,) t/year: base-year output; of an entrant its capacity."""
    normal_use: FloatArray
    """(N,) t/year: base-year use; of an entrant its use at full capacity."""
    entrant: BoolArray
    """(O,) True for offers of facilities without base-year output."""
    kernel: tuple[FloatArray, ...]
    """Per good (S, B), or (M, S, B) where sigma differs by member: sourcing weights at base wedges, prices in
    multiples of the base price."""
    base_index: FloatArray
    """(N,) base-year mean delivered price as a multiple of the base gate price."""
    lag_weight: tuple[tuple[FloatArray, ...], ...]
    """Per lag (in steps), per good (S, B): share of a shipment that arrives after that many steps."""
    need_lag: FloatArray
    """(L, N) base-year lag mix of each need."""
    basket_offer: IntArray
    """Offers of basket goods."""
    basket_need: IntArray
    """Needs for basket goods."""
    activities: Activities


def make_benchmark(
    world: World,
    sigma: FloatArray,
    rules: BaseYearRules,
    step_years: float,
    delay_years: float = 0.0,
    least_lags: int = 0,
) -> Benchmark:
    """Invert one base year.

    Args:
        sigma: (G,) sourcing elasticity of each good, or (M, G) where members differ.
        rules: assumptions that all members share.
        step_years: length of a step in years.
        delay_years: time by which shipments may come to be delayed in the run: room for their lags.
        least_lags: number of lags for which there is room at least.

    Raises:
        MonaziteError: nothing says what an entrant takes.
    """
    normal_output, normal_use = normal_amounts(world)
    flow = sourcing_flows(world, rules)
    shares = purchase_shares(world, rules, flow, normal_output)
    mix = tuple(
        np.where(block.sum(0) > 0, block, share * normal_use[world.need_slice(g)])
        for g, (block, share) in enumerate(zip(flow, shares, strict=True))
    )
    kernel, base_index = sourcing_kernel(
        world, rules, shares, (normal_output, normal_use), sigma
    )
    is_basket: BoolArray = np.array([good.basket for good in world.goods])
    basket_need = np.flatnonzero(is_basket[world.need_good])
    lag_weight, need_lag = shipping_lags(world.transit_years, mix, step_years, delay_years)
    if len(lag_weight) < least_lags:
        lag_weight, need_lag = shipping_lags(world.transit_years, mix, step_years, lags=least_lags)
    return Benchmark(
        flow=flow,
        mix=mix,
        normal_output=normal_output,
        normal_use=normal_use,
        entrant=world.offer_output <= 0,
        kernel=kernel,
        base_index=base_index,
        lag_weight=lag_weight,
        need_lag=need_lag,
        basket_offer=np.flatnonzero(is_basket[world.offer_good]),
        basket_need=basket_need,
        activities=make_activities(
            world, mix, (normal_output, normal_use), base_index, basket_need, rules.input_cost_ceiling
        ),
    )
