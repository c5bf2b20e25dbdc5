"""How long a price takes: months until it is highest, until half of the rise is gone, until it is back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["TIMES", "months"]

Values = npt.NDArray[np.float64]
HALF = 0.5
NEAR = 1.1
"""Times the level before: within a tenth of it a price counts as back."""
TIMES = {
    "months_to_peak": "from the last month of the reference to the highest of the window",
    "months_to_half": "from the highest month until half of the rise is gone",
    "months_to_base": f"from the highest month until at most {NEAR:g} times the reference",
}


def months(
    how: str, path: Values, base: Values, window: npt.NDArray[np.int64], month: npt.NDArray[np.int64]
) -> Values:
    """(M,) months; infinity for what does not happen before the run ends, NaN without a rise.

    Args:
        how: one of :data:`TIMES`. path: (M, T) the series, NaN in steps without trade.
        base: (M,) its level before. window: steps in which the peak is looked for.
        month: (T,) calendar months of the steps, counted from the last one of the reference.
    """
    seen = np.where(np.isnan(path), -np.inf, path)
    within = seen.take(window, axis=1)
    place = window[np.argmax(within, axis=1)]
    peak = within.max(axis=1)
    if how == "months_to_peak":
        found = month[place].astype(np.float64)
    else:
        level = base + HALF * (peak - base) if how == "months_to_half" else NEAR * base
        later = np.arange(path.shape[1]) >= place[:, None]
        low = later & (seen <= level[:, None]) & np.isfinite(seen)
        first = np.argmax(low, axis=1)
        found = np.where(low.any(axis=1), month[first] - month[place], np.inf).astype(np.float64)
    rises: Values = np.where(peak > base, found, np.nan)
    return rises
