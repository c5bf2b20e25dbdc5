"""Shipping times as lags in whole steps."""

from __future__ import annotations

import numpy as np

from sim.world.world import FloatArray

__all__ = ["shipping_lags"]

ROUNDING = 1e-9
"""Steps by which sums of delays may differ by their order alone."""


def shipping_lags(
    transit_years: tuple[FloatArray, ...],
    flow: tuple[FloatArray, ...],
    step_years: float,
    delay_years: float = 0.0,
    lags: int = 0,
) -> tuple[tuple[tuple[FloatArray, ...], ...], FloatArray]:
    """Split shipments between the two nearest steps.

    Args:
        transit_years: per good (S, B), or (M, S, B) where members differ.
        flow: per good (S, B) tonnes per year, the weights of the mix.
        delay_years: room for longer times, as lags without weight.
        lags: number of lags, where it is known.

    Raises:
        ValueError: a shipment takes longer than there are lags for.

    Returns:
        Per lag, per good the share that arrives after that many steps; (L, N) or (L, M, N) lag mix by need.

    Equation (M9), docs/model.md, for ``Lam_sbl``.
    """
    steps = [transit / step_years for transit in transit_years]
    longest = int(np.ceil(max(float(block.max(initial=0)) for block in steps) + delay_years / step_years))
    if lags and longest > lags - 1:
        # Delays of several events are added in another order here than where room was made for them.
        reach = max(float(block.max(initial=0)) for block in steps)
        if reach > lags - 1 + ROUNDING:
            raise ValueError(f"a shipment takes {reach:.6g} steps, but there is room for {lags - 1}")
        steps = [np.minimum(block, lags - 1) for block in steps]
    longest = lags - 1 if lags else longest
    weights = tuple(
        tuple(np.clip(1 - np.abs(block - lag), 0, 1) for block in steps) for lag in range(longest + 1)
    )
    members = max((len(block) for block in steps if block.ndim == 3), default=0)
    mix = np.array([
        np.concatenate([
            _widened((f * w).sum(-2), members) for f, w in zip(flow, per_good, strict=True)
        ], axis=-1)
        for per_good in weights
    ])
    return weights, mix / mix.sum(0)


def _widened(by_need: FloatArray, members: int) -> FloatArray:
    return np.broadcast_to(by_need, (members, by_need.shape[-1])) if members else by_need
