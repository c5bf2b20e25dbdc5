"""How the numbers of docs/behaviour.md are written: medians over members with the band from 5 to 95 %."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from scripts.behaviour_measures import Series
from scripts.picture_tools import Dates, Values

Facts = dict[str, str]
"""What is quoted -> the number with its unit, as it stands in a table of the page."""


def change(values: Values) -> str:
    """Median over members of a ratio, as a change in per cent, with the band."""
    low, middle, high = (round(100 * (q - 1)) for q in np.quantile(values, [0.05, 0.5, 0.95]))
    return f"{middle:+d} % ({low:+d} to {high:+d})"


def times(values: Values) -> str:
    """Median of a ratio, with the band."""
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{middle:.2f} times ({low:.2f} to {high:.2f})"


def share(values: Values) -> str:
    """Median of a share in per cent, with the band."""
    low, middle, high = 100 * np.quantile(values, [0.05, 0.5, 0.95])
    return f"{middle:.0f} % ({low:.0f} to {high:.0f})"


def weeks(values: Values) -> str:
    """Median of weeks of use, with the band."""
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{middle:.1f} weeks ({low:.1f} to {high:.1f})"


def ranks(values: Values) -> list[float]:
    """5, 50 and 95 % of the members, none of them between two, since some may be infinite."""
    found: list[float] = np.quantile(values, [0.05, 0.5, 0.95], method="nearest").tolist()
    return found


def count(values: Values, unit: str) -> str:
    """Median of whole numbers, infinities last."""
    low, middle, high = ranks(values)
    if np.isinf(middle):
        return "never in most members"
    return f"{middle:.0f} {unit} ({low:.0f} to {'never' if np.isinf(high) else f'{high:.0f}'})"


def when(time: Dates, first: str, last: str) -> npt.NDArray[np.bool_]:
    """(T,) True for months from the first to the last, written YYYY-MM."""
    return (time >= np.datetime64(first)) & (time <= np.datetime64(last))


def part(found: Mapping[str, Series], name: str, shown: npt.NDArray[np.bool_]) -> Series:
    """One series of every run in the months shown."""
    return {run: series[name][:, shown] for run, series in found.items()}
