"""Step 2: expected prices and perceived supply risk."""

from __future__ import annotations

import numpy as np

from sim.agents.prepared import Prepared
from sim.agents.state import State
from sim.arrays import FloatArray

__all__ = ["share_of_step", "update_expectations", "update_risk"]


def share_of_step(rate_per_year: FloatArray, step_years: float) -> FloatArray:
    """Share of a gap that is closed in one step at a yearly rate.

    Equation (M17), docs/model.md, for ``G``.
    """
    closed: FloatArray = 1 - np.exp(-rate_per_year * step_years)
    return closed


def update_expectations(prepared: Prepared, state: State, cost_index: FloatArray) -> None:
    """Adaptive expectations in logs, reverting to long-run cost (``cost_index``, (M, O)).

    Equations (M18), (M19), (M20) and (M21), docs/model.md, for ``pe_s`` and ``Pe_b``.
    """
    learn = share_of_step(prepared.behaviour["expectation_speed"], prepared.step_years)
    revert = share_of_step(prepared.behaviour["expectation_reversion"], prepared.step_years)
    log_expected = np.log(state.offer_expected_price)
    log_expected += learn * (np.log(state.gate_price) - log_expected)
    log_expected += revert * (np.log(cost_index) - log_expected)
    state.offer_expected_price = np.exp(log_expected)
    log_expected = np.log(state.need_expected_price)
    log_expected += learn * (np.log(state.choice_index) - log_expected)
    log_expected += revert * (np.log(prepared.benchmark.base_index) - log_expected)
    state.need_expected_price = np.exp(log_expected)


def update_risk(prepared: Prepared, state: State, exposure: FloatArray) -> None:
    """Perceived risk follows the share of base supply under an announced or active restriction.

    Args:
        exposure: (N,) or (M, N) that share now.

    Equation (M22), docs/model.md, for ``R_b``.
    """
    follow = share_of_step(prepared.behaviour["risk_speed"], prepared.step_years)
    state.risk = state.risk + follow * (exposure - state.risk)
