"""Statistics of a run that can be set beside what was observed, and how far off they are.

A *series* is one number a step: ``price_outside.GOODS``, ``exports.GOODS.COUNTRY`` and so on
(:data:`SERIES`). ``GOODS`` are the words of an event (good id, mineral, HS code, ``all``), several
joined by ``+``; tonnes and dollars of several goods are added, prices are their geometric mean. A
*statistic* is a series over a window of dates, as mean, total, peak or trough, alone or relative to
another one. Nothing here knows of an episode or a mineral.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sim.errors import MonaziteError, did_you_mean
from sim.instruments.words import WordError, parse_day, select_goods
from sim.past.timing import TIMES, months
from sim.results.grouping import average, highest, lowest, ratio, total
from sim.world.labels import GoodLabel

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "FARTHEST", "HOW", "SERIES", "Statistic", "Window", "evaluate", "miss", "paths", "score", "series_path",
]

Values = npt.NDArray[np.float64]
FARTHEST = 3.0
"""Band widths beyond which a miss counts no more: a single wild row must not decide a score."""
WORLD = "world"
"""In the place of a country: all of them together."""
HOW = {"mean": average, "total": total, "peak": highest, "trough": lowest}
"""What may be made of a series over a window. Peak, trough and mean leave out steps without trade. Times
(:data:`sim.past.timing.TIMES`) are months on the way to a peak in the window and back to a reference."""
SERIES = {
    "price_gate": "gate price, world, USD/t",
    "price_inside": "gate price inside the controlling country, USD/t",
    "price_outside": "price on arrival outside the controlling country, USD/t",
    "exports": "tonnes sold abroad by a country",
    "imports": "tonnes bought abroad by a country",
    "import_value": "CIF value of a country's imports, USD",
    "import_unit_value": "import value over imports, USD/t",
    "production": "tonnes made in a country, traders left out",
    "shortfall": "tonnes that a country's users need but lack",
    "origin_share": "of what a country buys abroad in whole years, the share of one origin (USA<CHN)",
    "approved_share": "of the tonnes applied for under a licence so far, the share approved (by event)",
    "value_added_at_risk": "value added of a country that hangs on missing goods, USD (no goods named)",
}
PRICES = ("price_gate", "price_inside", "price_outside")
AXIS = {
    "exports": "outbound", "imports": "inbound", "import_value": "inbound", "production": "offer",
    "shortfall": "need",
}  # fmt: skip


@dataclass(frozen=True)
class Window:
    """Days from ``first`` to ``last``, both included. A step counts where it overlaps them."""

    first: dt.date
    last: dt.date

    @classmethod
    def parse(cls, text: str) -> Window:
        """A year, a month, a day, or two of them joined by ``..``.

        Raises:
            MonaziteError: the text is none of these.

        >>> Window.parse("2023-08..2023-09").last
        datetime.date(2023, 9, 30)
        """
        start, _, end = text.partition("..")
        try:
            first, last = _day(start, last=False), _day(end or start, last=True)
        except WordError as error:
            raise MonaziteError(f"window '{text}': {error.message}; {error.remedy}") from None
        if last < first:
            raise MonaziteError(f"window '{text}' ends before it starts")
        return cls(first, last)

    def steps(self, time: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
        """Positions of the steps that overlap the window."""
        days = time.astype("datetime64[D]")
        length = days[-1] - days[-2] if len(days) > 1 else np.timedelta64(31, "D")
        # The month before the last may be shorter than it.
        length = max(length, np.timedelta64(31, "D")) if length > np.timedelta64(7, "D") else length
        end = np.append(days[1:], days[-1] + length)
        first, last = np.datetime64(self.first, "D"), np.datetime64(self.last, "D")
        return np.flatnonzero((days <= last) & (end > first))


def _day(text: str, *, last: bool) -> dt.date:
    if re.fullmatch(r"\d{4}", text):
        text += "-12" if last else "-01"
    return parse_day(text, last=last)


@dataclass(frozen=True)
class Statistic:
    """A series over a window, or its ratio to a reference."""

    series: str
    how: str
    at: Window
    reference: Statistic | None = None
    minus: str = ""
    """Another series, of which the same is taken off: the statistic is a gap."""


def _split(name: str) -> tuple[str, list[str], str]:
    """Kind, goods and country of a series.

    Raises:
        MonaziteError: the kind is unknown, or parts are missing or too many.
    """
    kind, *rest = name.split(".")
    if kind not in SERIES:
        raise MonaziteError(f"series '{name}': unknown kind '{kind}'; {did_you_mean(kind, SERIES)}")
    form = {
        **dict.fromkeys(PRICES, ("GOODS",)), "value_added_at_risk": ("COUNTRY",),
        "approved_share": ("EVENT",), "origin_share": ("GOODS", "PAIR"),
    }  # fmt: skip
    parts = form.get(kind, ("GOODS", "COUNTRY"))
    if len(rest) != len(parts):
        raise MonaziteError(f"series '{name}' should read {kind}.{'.'.join(parts)}")
    named = dict(zip(parts, rest, strict=True))
    if "EVENT" in named:
        return kind, [], named["EVENT"]
    return kind, named.get("GOODS", "").split("+"), named.get("COUNTRY", named.get("PAIR", ""))


def _goods(dataset: xr.Dataset, words: Sequence[str], name: str) -> list[str]:
    columns = [dataset[f"good{part}"].values.astype(str) for part in ("", "_mineral", "_stage", "_hs6")]
    goods = [
        GoodLabel(good, "", mineral, stage, "", tuple(codes.split(";")))
        for good, mineral, stage, codes in zip(*columns, strict=True)
    ]
    chosen: set[int] = set()
    for word in words:
        found = select_goods(goods, [word])
        if not found:
            known = sorted({good.id for good in goods} | {good.mineral for good in goods})
            raise MonaziteError(
                f"series '{name}': no good or mineral '{word}' in this run; {did_you_mean(word, known)}"
            )
        chosen.update(found)
    return [goods[k].id for k in sorted(chosen)]


def paths(dataset: xr.Dataset, name: str) -> tuple[Values, Values | None]:
    """A series step by step, (M, T); a unit value comes as value and tonnes, which are to be divided.

    Raises:
        MonaziteError: the run has no such series, good or country.
    """
    kind, words, country = _split(name)
    if kind == "approved_share":
        return _applications(dataset, name, country)
    if kind == "origin_share":
        from sim.past.origins import share_paths

        return share_paths(dataset, _goods(dataset, words, name), country, name)
    if kind == "import_unit_value":
        value, tonnes = (paths(dataset, f"{part}.{'+'.join(words)}.{country}")[0] for part in UNIT_VALUE)
        return value, tonnes
    if country not in ("", WORLD) and country not in dataset["importer"].values.astype(str):
        raise MonaziteError(
            f"series '{name}': no country '{country}'; write its ISO-3 code, for example CHN, or {WORLD}"
        )
    if kind == "value_added_at_risk":
        at = _within(dataset["facility_country"].values.astype(str), country)
        return dataset[kind].values[:, :, at].sum(axis=2, dtype=np.float64), None
    goods = _goods(dataset, words, name)
    if kind in PRICES:
        prices = dataset[kind].sel(good=goods).values.astype(np.float64)
        together: Values = np.exp(np.log(prices).mean(axis=2))
        return together, None
    axis = AXIS[kind]
    at = np.isin(dataset[f"{axis}_good"].values.astype(str), goods)
    at &= _within(dataset[f"{axis}_country"].values.astype(str), country)
    if kind == "production":
        at &= dataset["offer_kind"].values.astype(str) != "trader"
    return dataset[kind].values[:, :, at].sum(axis=2, dtype=np.float64), None


def _within(countries: npt.NDArray[np.str_], country: str) -> npt.NDArray[np.bool_]:
    whole: npt.NDArray[np.bool_] = np.ones(len(countries), bool) if country == WORLD else countries == country
    return whole


def _applications(dataset: xr.Dataset, name: str, event: str) -> tuple[Values, Values]:
    """(M, T) tonnes approved and tonnes applied for so far under a licence.

    Raises:
        MonaziteError: the run has no such event.
    """
    known = dataset["event"].values.astype(str).tolist()
    if event not in known:
        raise MonaziteError(f"series '{name}': no event '{event}' in this run; {did_you_mean(event, known)}")
    at = known.index(event)
    approved, filed = (
        dataset[f"event_{part}"].values[:, :, at].astype(np.float64) for part in ("approved", "filed")
    )
    return approved, filed


UNIT_VALUE = ("import_value", "imports")


def _plain(dataset: xr.Dataset, statistic: Statistic) -> Values:
    """(M,) the statistic without its reference."""
    if statistic.minus:
        other = replace(statistic, series=statistic.minus, minus="")
        return _plain(dataset, replace(statistic, minus="")) - _plain(dataset, other)
    above, below = paths(dataset, statistic.series)
    steps = statistic.at.steps(dataset["time"].values)
    if not len(steps):
        raise MonaziteError(
            f"series '{statistic.series}': the run has no step from {statistic.at.first} to "
            f"{statistic.at.last}; it covers {str(dataset['time'].values[0])[:10]} to "
            f"{str(dataset['time'].values[-1])[:10]}"
        )
    if statistic.how in ("peak", "trough"):
        above, below = (above if below is None else ratio(above, below)), None
    # Taken, a member's steps lie beside each other: sums are rounded alike, however many members there are.
    above = above.take(steps, axis=1)
    if below is not None:
        # A mean unit value is that of all tonnes, not the mean of steps.
        return ratio(total(above), total(below.take(steps, axis=1)))
    return HOW[statistic.how](above)


def evaluate(dataset: xr.Dataset, statistic: Statistic) -> Values:
    """(M,) the statistic of every member; NaN where it divides by nothing.

    Raises:
        MonaziteError: the run lacks the series or the dates.
    """
    if statistic.how in TIMES:
        return _months(dataset, statistic)
    value = _plain(dataset, statistic)
    return value if statistic.reference is None else ratio(value, _plain(dataset, statistic.reference))


def _months(dataset: xr.Dataset, statistic: Statistic) -> Values:
    """(M,) months on the way to a peak in the window, or from it; NaN without a rise above the reference."""
    if statistic.reference is None:
        raise MonaziteError(f"series '{statistic.series}': '{statistic.how}' needs a reference; state one")
    above, below = paths(dataset, statistic.series)
    path = above if below is None else ratio(above, below)
    time = dataset["time"].values
    base_steps = statistic.reference.at.steps(time)
    steps = statistic.at.steps(time)
    if not len(steps) or not len(base_steps):
        raise MonaziteError(
            f"series '{statistic.series}': the run has no step at dates of '{statistic.how}'; make it longer"
        )
    month = time.astype("datetime64[M]").astype(np.int64)
    base = _plain(dataset, statistic.reference)
    return months(statistic.how, path, base, steps, month - month[base_steps[-1]])


def series_path(dataset: xr.Dataset, statistic: Statistic) -> Values:
    """(M, T) what a picture of the statistic shows: the series, relative to its reference.

    A reference at the same dates is divided step by step; one at other dates is one number for each member.
    """
    above, below = paths(dataset, statistic.series)
    path = above if below is None else ratio(above, below)
    if statistic.minus:
        path = path - series_path(dataset, Statistic(statistic.minus, statistic.how, statistic.at))
    reference = statistic.reference
    if reference is None:
        return path
    if reference.at == statistic.at:
        return ratio(path, series_path(dataset, reference))
    level = _plain(dataset, reference)
    if reference.how == "total" and below is None:
        level = level / len(reference.at.steps(dataset["time"].values))
    return ratio(path, np.broadcast_to(level[:, None], path.shape))


def miss(value: float, low: float, high: float) -> float:
    """How far a value lies outside its band, in widths of the band, at most :data:`FARTHEST`.

    Measured on the logarithm where the band is positive, since prices and flows move by factors: twice
    too high is as wrong as half. A band that starts at zero is measured as it is. No value is as wrong as
    can be.

    >>> miss(3.0, 2.0, 4.0), miss(8.0, 2.0, 4.0), miss(1.0, 2.0, 4.0), miss(0.2, 0.0, 0.1)
    (0.0, 1.0, 1.0, 1.0)
    """
    if not np.isfinite(value):
        return FARTHEST
    if low <= value <= high:
        return 0.0
    if low > 0:
        if value <= 0:
            return FARTHEST
        above, below, width = np.log(value / high), np.log(low / value), np.log(high / low)
    else:
        above, below, width = value - high, low - value, high - low
    return float(min(max(above, below) / width, FARTHEST)) if width > 0 else FARTHEST


def score(misses: Sequence[float]) -> float:
    """Mean miss over the targets: 0 where all are in band."""
    return float(np.mean(misses)) if len(misses) else float("nan")
