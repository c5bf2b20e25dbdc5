"""Step 2: expected prices, their trend, and perceived supply risk."""

from __future__ import annotations

import numpy as np

from sim.agents.parameters import Behaviour
from sim.agents.state import State
from sim.world.calibrate import Calibration
from sim.world.world import FloatArray

__all__ = ["expected_growth", "share_of_step", "update_expectations", "update_risk"]

LARGEST_GROWTH = 0.5
"""Log growth that agents expect at most; beyond two thirds more nobody believes a trend."""


def expected_growth(trend: FloatArray, behaviour: Behaviour) -> FloatArray:
    """Log growth of the price that agents expect to come on top: they carry the trend forward.

    Extrapolation by part of the market is what surveys of expectations find (Greenwood and Shleifer
    2014, Review of Financial Studies). ``price_extrapolation`` is the time in years for which the trend is
    carried on.
    """
    growth: FloatArray = np.clip(behaviour["price_extrapolation"] * trend, -LARGEST_GROWTH, LARGEST_GROWTH)
    return growth


def share_of_step(rate_per_year: FloatArray, step_years: float) -> FloatArray:
    """Share of a gap that is closed in one step at a yearly rate."""
    closed: FloatArray = 1 - np.exp(-rate_per_year * step_years)
    return closed


def update_expectations(
    state: State, calibration: Calibration, behaviour: Behaviour, cost_index: FloatArray, step_years: float
) -> None:
    """Adaptive expectations in logs, reverting to long-run cost (``cost_index``, (M, O)), and the trend.

    The trend is the recent growth of the price, smoothed at ``trend_speed``.
    """
    learn = share_of_step(behaviour["expectation_speed"], step_years)
    revert = share_of_step(behaviour["expectation_reversion"], step_years)
    notice = share_of_step(behaviour["trend_speed"], step_years)
    for trend, price, before in (
        (state.offer_trend, state.gate_price, state.last_gate_price),
        (state.need_trend, state.choice_index, state.last_choice_index),
    ):
        trend += notice * (np.log(price / before) / step_years - trend)
    state.last_gate_price, state.last_choice_index = state.gate_price, state.choice_index
    log_expected = np.log(state.offer_expected_price)
    log_expected += learn * (np.log(state.gate_price) - log_expected)
    log_expected += revert * (np.log(cost_index) - log_expected)
    state.offer_expected_price = np.exp(log_expected)
    log_expected = np.log(state.need_expected_price)
    log_expected += learn * (np.log(state.choice_index) - log_expected)
    log_expected += revert * (np.log(calibration.base_index) - log_expected)
    state.need_expected_price = np.exp(log_expected)


def update_risk(state: State, exposure: FloatArray, behaviour: Behaviour, step_years: float) -> None:
    """Perceived risk follows the share of base supply under an announced or active restriction.

    Args:
        exposure: (N,) that share now.
    """
    follow = share_of_step(behaviour["risk_speed"], step_years)
    state.risk += follow * (exposure - state.risk)
