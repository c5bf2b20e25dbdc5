"""What a lesson measures of its runs: one number per member, against the status quo of the same member."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sim.analysis import metrics
from sim.arrays import FloatArray, IntArray
from sim.lesson.watch import Tracks

__all__ = ["BAND", "Pair", "middle", "of_members"]

BAND = (0.1, 0.5, 0.9)
"""Low end, middle and high end of what members do; each is a member's own value, so infinity may be one."""
LEAST_NEED = 0.01
"""Share of the world's need from which a country counts as one that can be worst hit: below, a rounding of
the trade tables may be all of it."""
MONTHS = 12


def of_members(values: FloatArray) -> FloatArray:
    """(M, ...) -> (3, ...): the band, each value one that some member has."""
    found: FloatArray = np.quantile(values, BAND, axis=0, method="inverted_cdf")
    return found


def middle(values: FloatArray) -> int:
    """Of an odd number of members that whose value is the median; of equals the first."""
    return int(np.argsort(values, kind="stable")[len(values) // 2])


@dataclass(frozen=True)
class Pair:
    """Runs of one setting beside the same members' status quo.

    Attributes:
        run, base: tracks of M members and S months.
        goods: ids of the G goods. pairs: good and country of the K columns of shortages.
        begin: the month in which the button's events take effect.
    """

    run: Tracks
    base: Tracks
    goods: Sequence[str]
    pairs: Sequence[tuple[str, str]]
    begin: int

    @property
    def months(self) -> FloatArray:
        """(S,) months since the begin."""
        return np.arange(self.run.price.shape[1], dtype=np.float64) - self.begin

    def columns(self, good: str, country: str | None = None) -> IntArray:
        """Columns of a good's shortages, of one country or of all."""
        of_good = enumerate(self.pairs)
        return np.array([k for k, (g, c) in of_good if g == good and country in (None, c)], dtype=np.int64)

    def multiple(self, good: str) -> FloatArray:
        """(M, S) price over that of the status quo."""
        g = list(self.goods).index(good)
        return metrics.paired_ratio(self.run.price[:, :, g], self.base.price[:, :, g])

    def share(self, good: str, country: str | None = None, *, base: bool = False) -> FloatArray:
        """(M, S) unmet share of need, month by month."""
        tracks, columns = self.base if base else self.run, self.columns(good, country)
        short, need = tracks.short[..., columns].sum(axis=2), tracks.need[..., columns].sum(axis=2)
        return metrics.unmet_share(short, need)

    def excess(self, good: str, country: str | None) -> FloatArray:
        """(M, S) unmet share beyond that of the status quo."""
        return metrics.excess_share(self.share(good, country), self.share(good, country, base=True))

    def worst_year(self, good: str, country: str | None) -> FloatArray:
        """(M,) largest unmet share of any twelve months, beyond that of the status quo."""
        columns = self.columns(good, country)
        run, base = (
            metrics.worst_year_share(short[..., columns].sum(axis=2), need[..., columns].sum(axis=2), MONTHS)
            for short, need in ((t.short, t.need) for t in (self.run, self.base))
        )
        return run - base

    def missing(self, good: str, country: str | None) -> FloatArray:
        """(M,) tonnes missing over the run, beyond those of the status quo."""
        columns = self.columns(good, country)
        run, base = (metrics.unmet_tonnes(t.short[..., columns].sum(axis=2)) for t in (self.run, self.base))
        return run - base

    def countries(self, good: str) -> list[str]:
        """Countries with a share of the world's need for a good that counts, in the order of the tables."""
        columns = self.columns(good)
        need = self.base.need[..., columns].sum(axis=(0, 1))
        counts = need >= LEAST_NEED * need.sum()
        return [self.pairs[k][1] for k, large in zip(columns, counts, strict=True) if large]

    def worst_country(self, good: str) -> tuple[str, float] | None:
        """Whose worst year is worst, by the median member, and how bad; None where nobody is short."""
        found = [(float(of_members(self.worst_year(good, c))[1]), c) for c in self.countries(good)]
        share, country = max(found, key=lambda one: one[0], default=(0.0, ""))
        return (country, share) if share > metrics.SHORTAGE_SHARE else None

    def value(self, measure: str, good: str, country: str | None) -> FloatArray:
        """(M,) a measure of :data:`sim.scenario.lesson_part.MEASURES` other than ``worst_country``."""
        found: FloatArray = VALUES[measure](self, good, country)
        return found


VALUES: Mapping[str, Callable[[Pair, str, str | None], FloatArray]] = {
    "peak_price": lambda pair, good, _: metrics.highest_multiple(*pair_of_prices(pair, good)),
    "lowest_price": lambda pair, good, _: metrics.lowest_multiple(*pair_of_prices(pair, good)),
    "worst_month": lambda pair, good, country: pair.excess(good, country).max(axis=1),
    "worst_year": lambda pair, good, country: pair.worst_year(good, country),
    "missing": lambda pair, good, country: pair.missing(good, country),
    "first_short": lambda pair, good, country: metrics.months_to_first_shortfall(
        pair.excess(good, country), pair.months
    ),
    "recovery": lambda pair, good, country: metrics.supply_recovery(pair.excess(good, country), pair.months),
}
"""Measure -> what it is of a pair of runs, a good and a country (None: all)."""


def pair_of_prices(pair: Pair, good: str) -> tuple[FloatArray, FloatArray]:
    """(M, S) prices of the run and of the status quo."""
    g = list(pair.goods).index(good)
    return pair.run.price[:, :, g], pair.base.price[:, :, g]
