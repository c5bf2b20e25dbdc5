"""What a scenario does to a good, in a few numbers with bands; and the finding, a sentence made of them."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis import metrics
from sim.analysis.baselines import titles
from sim.analysis.comparison import band
from sim.analysis.digits import two
from sim.analysis.names import country_name, in_text, verb
from sim.analysis.pairing import paired
from sim.analysis.run_metrics import first_event, months_since, shortage, steps_per_year
from sim.analysis.select import controller, events_for, good_name, price, price_unit
from sim.explain.attribute import peak_step
from sim.explain.words import place
from sim.results import Run

__all__ = ["NOTABLE", "Headline", "finding"]

Values = npt.NDArray[np.float64]
NOTABLE = 0.05
"""Share by which a price has to move, or of need that has to be missing, to be worth a finding."""
TOGETHER = 0.75
"""Part of the middle of the members' own farthest moves, in logs, that their middle reaches in one month
where they move together. Where less is reached each has its own time, and no month belongs to the move."""


def _band(values: Values) -> tuple[float, float, float]:
    """Median, 10th and 90th percentile over members, as the tables of a comparison have them."""
    found = band(values)
    return found.median, found.low, found.high


@dataclass(frozen=True)
class Headline:
    """One good in one scenario, beside its baseline."""

    run: Run
    baseline: Run
    good: str
    called: str = ""
    """The scenario in words, where several have the same title."""

    @cached_property
    def _both(self) -> tuple[xr.Dataset, xr.Dataset]:
        """The run and its baseline, of the members and months that both have."""
        return paired(self.run.dataset, self.baseline.dataset)

    @cached_property
    def _pair(self) -> tuple[Values, Values]:
        """(member, time) prices outside, and the baseline's."""
        data, base = self._both
        return price(data, self.good, "outside"), price(base, self.good, "outside", self.country)

    @property
    def country(self) -> str:
        """The controlling country."""
        return controller(self.run.dataset, self.good)

    @property
    def name(self) -> str:
        """The good in words."""
        return good_name(self.run.dataset, self.good)

    @property
    def title(self) -> str:
        """The scenario in words."""
        return self.called or titles([self.run])[0]

    @property
    def where(self) -> str:
        """``outside China``."""
        return f"outside {place(self.country)}"

    @cached_property
    def multiple(self) -> tuple[float, float, float]:
        """Price over the paired baseline's where it is furthest from it, up or down."""
        up, down = metrics.highest_multiple(*self._pair), metrics.lowest_multiple(*self._pair)
        return max(_band(up), _band(down), key=lambda band: abs(np.log(band[0])) if band[0] > 0 else 0.0)

    @cached_property
    def peak(self) -> tuple[float, float, float]:
        """Highest price, in the shown unit."""
        return _band(metrics.peak_price(self._pair[0]) * price_unit(self.run.dataset, self.good).factor)

    @property
    def unit(self) -> str:
        """Of the price."""
        return price_unit(self.run.dataset, self.good).name

    @cached_property
    def month(self) -> str:
        """Month in which the median member's price is furthest from the baseline's; '' where it is not."""
        if abs(np.log(self.multiple[0])) < NOTABLE:
            return ""
        return self._month_of(self._farthest)

    @cached_property
    def _farthest(self) -> int:
        """Step of that month."""
        return peak_step(self.run, self.baseline, self.good)

    def _month_of(self, step: int) -> str:
        return str(self._both[0]["time"].values[step].astype("datetime64[M]"))

    @property
    def when(self) -> str:
        """The same month in words."""
        return in_words(self.month)

    @cached_property
    def _ratios(self) -> Values:
        """(member, time) price over the paired baseline's, 1 where nothing is traded."""
        return np.nan_to_num(metrics.paired_ratio(*self._pair), nan=1.0, posinf=1.0, neginf=1.0)

    @cached_property
    def at_once(self) -> float:
        """Price over the baseline's of the median member in :attr:`month`."""
        return float(np.median(self._ratios[:, self._farthest]))

    @property
    def together(self) -> bool:
        """Whether members are farthest from the baseline in about the same month."""
        return bool(np.log(self.at_once) / np.log(self.multiple[0]) >= TOGETHER) if self.month else True

    @cached_property
    def span(self) -> tuple[str, str]:
        """First and last month in which a member is farthest from the baseline, of eight members in ten."""
        way = 1 if self.multiple[0] > 1 else -1
        own = (way * np.log(self._ratios)).argmax(axis=1)
        first, last = np.quantile(own, [0.1, 0.9], method="inverted_cdf")
        return self._month_of(int(first)), self._month_of(int(last))

    @property
    def dated(self) -> str:
        """The month; where members are farthest at unlike times the first and the last of these months."""
        return self.month if self.together else " to ".join(self.span)

    @property
    def scattered(self) -> str:
        """What no month says: when members are farthest, and what they have in common; '' elsewhere."""
        if self.together:
            return ""
        first, last = (in_words(month) for month in self.span)
        most = f"in no one month does the median move by more than {two(100 * abs(self.at_once - 1))} %"
        return f"each member is there at a time of its own ({first} to {last}); {most}"

    @cached_property
    def short_anyway(self) -> float:
        """The same of the baseline, median, in %."""
        base = self._both[1]
        missing = shortage(base, self.good, outside_of=self.country)
        return float(100 * np.median(metrics.worst_year_share(*missing, steps_per_year(base))))

    @property
    def without(self) -> str:
        """What the baseline's users miss, behind a comma; a shortage that is there anyway is no finding."""
        return f", {two(self.short_anyway)} % in the baseline"

    @cached_property
    def short(self) -> tuple[float, float, float]:
        """Share of need outside the controlling country that is missing in the worst twelve months, in %."""
        data = self._both[0]
        missing = shortage(data, self.good, outside_of=self.country)
        return _band(100 * metrics.worst_year_share(*missing, steps_per_year(data)))

    @cached_property
    def recovery(self) -> tuple[float, float, float]:
        """Months from the first event until the price is back for good; infinite where it is not."""
        start = first_event(events_for(self.run.dataset, self.baseline.dataset, self.good))
        if start is None:
            return (float("nan"),) * 3
        times = self.run.dataset["time"].values[: self._pair[0].shape[1]]
        return _band(metrics.price_recovery(metrics.paired_ratio(*self._pair), months_since(start, times)))

    @property
    def members(self) -> int:
        """Paired members."""
        return int(self._pair[0].shape[0])

    @property
    def moves(self) -> bool:
        """Whether the price of the median member moves by more than :data:`NOTABLE`."""
        return bool(abs(self.multiple[0] - 1) > NOTABLE)

    def sentence(self) -> str:
        """What happens to the good, with bands."""
        if not self.moves:
            within = f"{100 * NOTABLE:.0f} % of the baseline's"
            return f"{self.name} {self.where}: its price stays within {within}."
        middle, low, high = self.multiple
        band = _band_said(low, high, f" in 80 % of {self.members} members", self.members)
        way, far = ("up to", "highest") if middle > 1 else ("down to", "lowest")
        costs = verb(self.name, "costs", "cost")
        much = f"{way} {two(middle)} times as much{band}"
        said = f"{self.name} {self.where} {costs} {much}"
        said += f"; {self.scattered}" if self.scattered else f", {far} in {self.when}"
        missing, least, most = self.short
        if missing > 100 * NOTABLE:
            band = _band_said(least, most, " %", self.members)
            lost = f"{two(missing)} % of their need{band}"
            return f"{said}; users there miss {lost} in the worst twelve months{self.without}."
        little = f"less than {100 * NOTABLE:.0f} % of their need"
        return f"{said}; users there miss {little} in any twelve months."


def finding(headlines: Sequence[Headline]) -> tuple[str, str]:
    """The finding of a campaign, and what stands under it.

    Args:
        headlines: of every scenario and good.

    Returns:
        One sentence of the good and scenario whose price moves most; one on the others.
    """
    first = max(headlines, key=lambda one: abs(np.log(max(one.multiple[0], 1e-9))))
    goods = list(dict.fromkeys(in_text(one.name) for one in headlines))
    if not first.moves:
        names = ", ".join(goods)
        return (
            f"No scenario moves the price of {names} by more than {100 * NOTABLE:.0f} %.",
            f"Medians of {first.members} paired members, outside {country_name(first.country)}.",
        )
    middle, low, high = first.multiple
    far = f"up to {two(middle)} times" if middle >= 1 else f"as little as {two(100 * middle)} % of that"
    head = f"{first.name} {first.where} {verb(first.name, 'costs', 'cost')} {far}"
    head += " as much" if middle >= 1 else " without it"
    if first.together:
        head += f", {'highest' if middle >= 1 else 'lowest'} in {first.when}"
    head += f", under “{first.title}”"
    band = ""
    if first.members > 1 and two(low) != two(high):
        low, high = (low, high) if middle >= 1 else (100 * low, 100 * high)
        unit = "times" if middle >= 1 else "%"
        band = f"In 80 % of {first.members} paired members it is {two(low)} to {two(high)} {unit}. "
    if first.scattered:
        band += f"{first.scattered[0].upper()}{first.scattered[1:]}. "
    same = [one for one in headlines if one.good == first.good and one.run.id != first.run.id]
    others = [f"{two(one.multiple[0])} times under “{one.title}”" for one in same if one.moves]
    calm = [f"“{one.title}”" for one in same if not one.moves]
    said = f"The same good costs {_and(others)}. " if others else ""
    said += f"Its price hardly moves under {_and(calm)}. " if calm else ""
    return head, (band + said + _shortage(first)).strip()


def in_words(month: str) -> str:
    """A month in words; '' where there is none.

    >>> in_words("2025-10")
    'October 2025'
    """
    return f"{calendar.month_name[int(month[5:7])]} {month[:4]}" if month else ""


def _band_said(low: float, high: float, unit: str, members: int) -> str:
    """A band in brackets; '' where it is a point in two digits."""
    return f" ({two(low)} to {two(high)}{unit})" if members > 1 and two(low) != two(high) else ""


def _shortage(first: Headline) -> str:
    missing, low, high = first.short
    if missing <= 100 * NOTABLE:
        return f"Users {first.where} miss less than {100 * NOTABLE:.0f} % of their need in any twelve months."
    band = _band_said(low, high, " %", first.members)
    lost = f"{two(missing)} % of their need{band}"
    return f"Users {first.where} miss {lost} in the worst twelve months{first.without}."


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
