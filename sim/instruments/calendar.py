"""Years, half-years and quarters, in which quotas are allotted."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, WithJsonSchema

from sim.instruments.dated import ALWAYS
from sim.instruments.words import WordError
from sim.units import DAYS_PER_YEAR, Quantity

__all__ = ["Allotment", "Batch", "Period", "check_periods", "period_of", "yearly_rates"]

Allotment = Literal["evenly", "at once"]
PERIOD = re.compile(r"(\d{4})(?:-(H[12]|Q[1-4]))?")
MONTHS = {"": 12, "H": 6, "Q": 3}
"""Letter of a period -> its length."""


def _period(written: object) -> str:
    match = PERIOD.fullmatch(str(written))
    if match is None or not 1900 <= int(match[1]) <= 2200:
        said = f"'{str(written)[:60]}' is not a year, a half-year or a quarter"
        raise WordError(said, "write 2010, 2010-H1 or 2010-Q1")
    return str(written)


Period = Annotated[
    str, BeforeValidator(_period), WithJsonSchema({"$monazite": "period", "type": "string"})
]


@dataclass(frozen=True)
class Batch:
    """One period with its first day, and the day after its last."""

    key: str
    start: dt.date
    end: dt.date

    def years_from(self, first: dt.date | None) -> float:
        """Length in years of the part of it from ``first`` on."""
        begin = self.start if first is None else max(self.start, first)
        return (self.end - begin).days / DAYS_PER_YEAR


def _batch(key: str) -> Batch:
    year, months, number = int(key[:4]), MONTHS[key[5:6]], int(key[6:] or 1)
    last = number * months
    start = dt.date(year, last - months + 1, 1)
    return Batch(key, start, dt.date(year + last // 12, last % 12 + 1, 1))


def check_periods(keys: Sequence[str], first: dt.date | None) -> None:
    """Raise WordError where periods overlap or leave gaps, or do not reach back to ``first``."""
    batches = sorted(map(_batch, keys), key=lambda batch: batch.start)
    for one, other in itertools.pairwise(batches):
        if one.end > other.start:
            raise WordError(f"the periods {one.key} and {other.key} overlap", "remove one of them")
        if one.end < other.start:
            raise WordError(f"no amount between {one.key} and {other.key}", "add the periods between them")
    if not batches:
        raise WordError("'amounts' is empty", "write for example {2010-H1: 22282 t, 2010-H2: 7976 t}")
    if first is not None and first < batches[0].start:
        say = "add the periods before it"
        raise WordError(f"no amount for {first}; the first period is {batches[0].key}", say)


def yearly_rates(
    amount: Quantity | None, amounts: Mapping[str, Quantity] | None
) -> dict[dt.date, Quantity]:
    """Tonnes per year by first day."""
    if amount is not None:
        return {ALWAYS: amount}
    rates = {}
    for batch in sorted(map(_batch, amounts or ()), key=lambda batch: batch.start):
        tonnes = (amounts or {})[batch.key]
        years = batch.years_from(None)
        rates[batch.start] = Quantity(
            tonnes.value / years, "mass per year", tonnes.text, drawn=_over(tonnes, years)
        )
    return rates


def _over(tonnes: Quantity, years: float) -> object:
    return None if tonnes.drawn is None else tonnes.drawn / years


def period_of(keys: Sequence[str], day: dt.date) -> Batch:
    """The period that a day lies in; beyond the last, calendar periods of its length; without any, years."""
    for key in keys:
        batch = _batch(key)
        if batch.start <= day < batch.end:
            return batch
    letter = max(keys, key=lambda key: _batch(key).start)[5:6] if keys else ""
    number = (day.month - 1) // MONTHS[letter] + 1
    return _batch(f"{day.year}-{letter}{number}" if letter else f"{day.year}")
