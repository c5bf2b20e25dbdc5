"""What a run did, as numbers per member: the one place where each outcome is computed.

Every metric takes arrays with the member axis first and the steps second and keeps the members, so that
medians and bands come last. NaN means that nothing was traded or that the run failed: it is left out where
other steps have a value, and a member without any value gets NaN. :data:`METRICS` has the unit and the
meaning of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from sim.results.grouping import average, highest, lowest, ratio, running_sums, share, total

__all__ = [
    "METRICS", "RECOVERY_BAND", "SHORTAGE_SHARE", "Metric", "date_of_peak", "excess_share", "hhi",
    "highest_multiple", "largest_move", "lowest_multiple", "mean_price", "months_to_first_shortfall",
    "months_to_recover", "net_import_reliance", "paired_ratio", "peak_multiple", "peak_price",
    "price_recovery", "share_of_top_three", "share_without_largest", "supply_recovery",
    "supply_shares", "unmet_share", "unmet_tonnes", "value_added_at_risk", "worst_year_share",
]  # fmt: skip

Values = npt.NDArray[np.float64]
Function = TypeVar("Function", bound=Callable[..., Any])

RECOVERY_BAND = 0.20
"""A price has recovered when it stays within this share of the paired baseline."""
SHORTAGE_SHARE = 0.01
"""Unmet share of requirement, above the baseline's, from which a step counts as short."""
HHI_SCALE = 10_000.0
LARGEST = 3


@dataclass(frozen=True)
class Metric:
    """One outcome: its name, the unit of its values, what it means in a sentence, and how it is computed."""

    name: str
    unit: str
    sentence: str
    function: Callable[..., Any]


METRICS: dict[str, Metric] = {}
"""Name -> metric, in the order of this file."""


def _metric(unit: str, sentence: str) -> Callable[[Function], Function]:
    """Enter a function into :data:`METRICS` under its name."""

    def enter(function: Function) -> Function:
        name = function.__name__
        METRICS[name] = Metric(name, unit, sentence, function)
        return function

    return enter


@_metric("USD/t", "Highest price of the run.")
def peak_price(prices: Values) -> Values:
    """(member, time, ...) USD/t -> (member, ...)."""
    return highest(prices)


@_metric("date", "First day of the step with the highest price.")
def date_of_peak(prices: Values, time: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """(member, time) prices and the (time,) first days of the steps -> (member,); NaT without trade."""
    known = ~np.isnan(prices)
    where = np.where(known, prices, -np.inf).argmax(axis=1)
    return np.where(known.any(axis=1), time[where], np.datetime64("NaT"))


@_metric("USD/t", "Mean price over the run.")
def mean_price(prices: Values) -> Values:
    """(member, time, ...) USD/t -> (member, ...)."""
    return average(prices)


@_metric("1", "Highest price of the run over the price of the base year.")
def peak_multiple(peak: Values, base_price: npt.ArrayLike) -> Values:
    """(member, ...) USD/t, and the base year's prices, broadcast -> (member, ...)."""
    return ratio(peak, base_price)


@_metric("1", "Price over the price of the same member, in the same step, of the baseline.")
def paired_ratio(run: Values, baseline: Values) -> Values:
    """Two (member, time, ...) of one unit -> the same shape."""
    return ratio(run, baseline)


@_metric("1", "Highest multiple of the paired baseline's price.")
def highest_multiple(run: Values, baseline: Values) -> Values:
    """Two (member, time, ...) USD/t -> (member, ...)."""
    return highest(paired_ratio(run, baseline))


@_metric("1", "Lowest multiple of the paired baseline's price.")
def lowest_multiple(run: Values, baseline: Values) -> Values:
    """Two (member, time, ...) USD/t -> (member, ...)."""
    return lowest(paired_ratio(run, baseline))


@_metric("1", "Largest distance from the paired baseline's price, up or down, in logarithms.")
def largest_move(run: Values, baseline: Values) -> Values:
    """Two (member, time, ...) USD/t -> (member, ...)."""
    multiple = paired_ratio(run, baseline)
    multiple[~(multiple > 0)] = np.nan
    # Logarithms rise: those of the ends are the ends of all, and far fewer to take.
    return np.maximum(np.log(highest(multiple)), -np.log(lowest(multiple)))


@_metric("months", "From the first event until a member is back for good; infinite where it never is.")
def months_to_recover(disturbed: npt.NDArray[np.bool_], months: Values) -> Values:
    """When disturbances end.

    Args:
        disturbed: (member, time) True where the member is outside its band.
        months: (time,) months since the first event; negative before it.

    Returns:
        (member,) months; 0 where never disturbed after the event, infinity where still disturbed
        in the last step.
    """
    after = disturbed & (months >= 0)
    last = disturbed.shape[1] - 1 - after[:, ::-1].argmax(axis=1)
    end = np.append(months, np.inf)[last + 1]
    return np.where(after.any(axis=1), end, 0.0)


def _where_known(values: Values, found: Values) -> Values:
    """NaN for the members of which no step is known."""
    return np.where(np.isnan(values).all(axis=1), np.nan, found)


@_metric("months", "From the first event until the price stays within 20 % of the baseline's.")
def price_recovery(multiple: Values, months: Values) -> Values:
    """(member, time) price over that of the baseline, (time,) months since the first event -> (member,).

    A step without trade has no price: it is not a recovery.
    """
    disturbed = ~(np.abs(multiple - 1) <= RECOVERY_BAND)
    return _where_known(multiple, months_to_recover(disturbed, months))


@_metric("months", "From the first event until less than 1 % of need is unmet beyond the baseline's.")
def supply_recovery(excess: Values, months: Values) -> Values:
    """(member, time) unmet share beyond the baseline's, (time,) months since the first event -> (member,)."""
    return _where_known(excess, months_to_recover(excess > SHORTAGE_SHARE, months))


@_metric("months", "From the first event to the first short step; infinite where none is short.")
def months_to_first_shortfall(excess: Values, months: Values) -> Values:
    """(member, time) unmet share beyond the baseline's, (time,) months since the first event -> (member,)."""
    short = (excess > SHORTAGE_SHARE) & (months >= 0)
    return _where_known(excess, np.where(short.any(axis=1), months[short.argmax(axis=1)], np.inf))


@_metric("t", "Tonnes needed but missing, over the run.")
def unmet_tonnes(shortfall: Values) -> Values:
    """(member, time, ...) t per step -> (member, ...)."""
    return total(shortfall)


@_metric("share of one", "Tonnes missing over tonnes needed; 0 where nothing is needed.")
def unmet_share(short: Values, required: Values) -> Values:
    """Two arrays of tonnes -> the same shape."""
    return share(short, required)


@_metric("share of one", "Unmet share beyond that of the same member, in the same step, of the baseline.")
def excess_share(run: Values, baseline: Values) -> Values:
    """Two (member, time) of unmet shares -> the same shape."""
    return run - baseline


@_metric("share of one", "Largest unmet share of any twelve months in a row.")
def worst_year_share(short: Values, required: Values, window: int) -> Values:
    """Largest unmet share of requirement over any ``window`` steps in a row.

    Args:
        short: (member, time, ...) t per step.
        required: (member, time, ...) t per step.
        window: steps; the whole run where it is shorter.

    Returns:
        (member, ...) share of one.
    """
    # Differences of running sums leave rounding behind where nothing is short.
    unmet = unmet_share(running_sums(short, window), running_sums(required, window))
    return np.clip(highest(unmet), 0.0, 1.0)


@_metric("USD", "Value added that hangs on missing goods, over the run.")
def value_added_at_risk(lost: Values) -> Values:
    """(member, time, ...) USD per step -> (member, ...)."""
    return total(lost)


@_metric("share of one", "Share of each supplier in what all supply.")
def supply_shares(output: Values) -> Values:
    """(..., suppliers) tonnes -> the same shape; NaN where nobody supplies anything."""
    return ratio(output, np.broadcast_to(output.sum(axis=-1, keepdims=True), output.shape))


@_metric("0 to 10,000", "Herfindahl-Hirschman index: sum of the squared shares of suppliers.")
def hhi(output: Values) -> Values:
    """(..., suppliers) tonnes -> (...); NaN where nobody supplies anything."""
    index: Values = HHI_SCALE * (supply_shares(output) ** 2).sum(axis=-1)
    return index


@_metric("share of one", "Share of the three largest suppliers.")
def share_of_top_three(output: Values) -> Values:
    """(..., suppliers) tonnes -> (...); NaN where nobody supplies anything."""
    largest: Values = -np.sort(-supply_shares(output), axis=-1)[..., :LARGEST].sum(axis=-1)
    return largest


@_metric("share of one", "Share of supply that is left without the largest supplier.")
def share_without_largest(output: Values) -> Values:
    """(..., suppliers) tonnes -> (...); NaN where nobody supplies anything."""
    rest: Values = 1 - supply_shares(output).max(axis=-1)
    return rest


@_metric("share of one", "Purchases of a country's buyers less its sellers' sales, over what its users buy.")
def net_import_reliance(purchases: Values, sales: Values, used: Values) -> Values:
    """Three arrays of tonnes over the run -> the same shape; 0 for net exporters, NaN without use."""
    return np.clip(ratio(np.clip(purchases - sales, 0, None), used), 0, 1)
