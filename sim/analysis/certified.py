"""Which markets of a run did not clear to their tolerance, by good, step and member."""

from __future__ import annotations

import numpy as np

from sim.analysis.baselines import shown_name
from sim.results import Run

__all__ = ["missed_markets"]


def missed_markets(run: Run) -> list[str]:
    """One line for each market without certificate, the worst first."""
    data = run.dataset
    member, time, good = np.nonzero(~data["certified"].values)
    residual = data["certificate_residual"].values[member, time, good]
    dates = data["time"].values.astype("datetime64[D]")
    numbers, goods = data["member"].values, data["good"].values
    return [
        f"{shown_name(run)}: {goods[good[i]]} on {dates[time[i]]} in member {numbers[member[i]]}, "
        f"{100 * residual[i]:.2g} % of the market left uncleared"
        for i in np.argsort(-residual, kind="stable")
    ]
