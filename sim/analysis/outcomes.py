"""One number per member: the outcomes that a sensitivity analysis explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis import metrics, run_metrics
from sim.analysis.select import controller, events_for, price, price_unit

__all__ = ["Outcome", "good_outcomes", "moved_most", "risk_outcome"]

Values = npt.NDArray[np.float64]

SLICE = 500
"""Members read at once where a variable has every facility."""


@dataclass(frozen=True)
class Outcome:
    """One measure of one good, or of all."""

    name: str
    good: str
    """Good id; empty for a measure over all goods."""
    unit: str
    values: Values
    """(member,)"""
    note: str = ""


def moved_most(peak_ratio: Values, goods: Sequence[str], count: int) -> list[str]:
    """The goods whose peak price differs most from member to member, in logs.

    Args:
        peak_ratio: (member, good) peak price over base price.
    """
    known = np.where(peak_ratio > 0, peak_ratio, np.nan)
    spread = np.zeros(len(goods))
    for k, column in enumerate(np.log(known).T):
        here = column[np.isfinite(column)]
        spread[k] = np.ptp(here) if len(here) else 0.0
    return [goods[k] for k in np.argsort(-spread, kind="stable")[:count]]


def _start(run: xr.Dataset, events: list[dict[str, Any]]) -> np.datetime64:
    """The first event that takes effect during the run; its first day where there is none."""
    first: np.datetime64 = run["time"].values[0]
    later = [e for e in events if np.datetime64(str(e.get("from") or e.get("announced"))) >= first]
    return run_metrics.first_event(later) or first


def good_outcomes(run: xr.Dataset, good: str, baseline: xr.Dataset | None) -> list[Outcome]:
    """Peak price, months to recover and unmet demand of one good.

    Args:
        run: results with ``price_outside``, ``price_gate``, ``unmet_tonnes`` and ``required_tonnes``.
        good: good id.
        baseline: the paired baseline, member by member; without it prices are compared with the
            base year's.
    """
    outside = price(run, good, "outside")
    shown = price_unit(run, good)
    peak = metrics.peak_price(outside) * shown.factor
    outcomes = [Outcome("peak price outside", good, shown.name, peak)]
    if baseline is None:
        usual = np.full_like(outside, float(run["good_base_price"].sel(good=good)))
        beside = "the base year's price"
    else:
        usual, beside = price(baseline, good, "outside", controller(run, good)), "the paired baseline"
    months = run_metrics.months_since(_start(run, events_for(run, baseline, good)), run["time"].values)
    recovery = metrics.price_recovery(metrics.paired_ratio(outside, usual), months)
    late = np.isinf(recovery)
    step = float(run_metrics.steps_per_year(run)) / 12
    end = float(months[-1]) + 1 / step
    notes = [f"until the price stays within {100 * metrics.RECOVERY_BAND:.0f} % of {beside}"]
    if late.any():
        notes.append(f"{late.sum()} of {len(late)} runs do not recover and count {end:.0f} months")
    recovery = np.where(late, end, recovery)
    outcomes.append(Outcome("months to recover", good, "months", recovery, "; ".join(notes)))
    unmet, required = (
        np.asarray(run[name].sel(good=good).values, dtype=np.float64)
        for name in ("unmet_tonnes", "required_tonnes")
    )
    share = metrics.unmet_share(unmet, required)
    outcomes.append(Outcome("unmet demand", good, "% of requirement", 100 * share))
    return outcomes


def risk_outcome(run: xr.Dataset) -> Outcome:
    """Value added at risk over the run, all countries and sectors, million USD."""
    lost = run["value_added_at_risk"]
    parts = [
        metrics.value_added_at_risk(lost.isel(member=slice(first, first + SLICE)).values).sum(axis=1)
        for first in range(0, lost.sizes["member"], SLICE)
    ]
    return Outcome("value added at risk", "", "million USD", np.concatenate(parts) / 1e6)
