"""Periods that an observed figure belongs to: a day, a month, a quarter, a half-year or a year."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass

from sim.instruments.words import WordError, parse_day

__all__ = ["Period", "Span", "parse_period", "parse_span"]

MONTHS = {"Q": 3, "H": 6}
PART = re.compile(r"(\d{4})-?([QHM])([1-9]|1[0-2]|0[1-9])")
"""``2024-Q2`` and ``2024-H1``, and as statistical offices write them, ``2024Q2`` and ``2024M05``."""
WRITE = "write a day 2025-04-04, a month 2025-04, a quarter 2025-Q2, a half-year 2025-H1 or a year 2025"


@dataclass(frozen=True, order=True)
class Period:
    """Days from ``first`` to ``last``, both included."""

    first: dt.date
    last: dt.date
    text: str
    """As a scenario writes it."""

    def __str__(self) -> str:
        return self.text

    @property
    def months(self) -> int:
        """Length in months; a day counts as its month, since that is what a monthly run has of it."""
        if self.first == self.last:
            return 1
        return (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1

    @property
    def middle(self) -> dt.date:
        """The day on which a picture shows it: of a month or a day the first."""
        return self.first if self.months == 1 else self.first + (self.last - self.first) / 2


@dataclass(frozen=True)
class Span:
    """Days from ``first`` to ``last``, both included, as ``text`` says."""

    first: dt.date
    last: dt.date
    text: str

    def holds(self, period: Period) -> bool:
        """Whether all of a period lies inside."""
        return self.first <= period.first and period.last <= self.last


def parse_period(written: object) -> Period:
    """A period from its text.

    Raises:
        WordError: it is none.

    >>> parse_period("2024-Q2").last, str(parse_period("2024M05")), parse_period("2024").months
    (datetime.date(2024, 6, 30), '2024-05', 12)
    """
    if isinstance(written, Period):
        return written
    if isinstance(written, dt.date):
        return Period(written, written, written.isoformat())
    text = str(written).strip() if isinstance(written, str | int) and not isinstance(written, bool) else ""
    if re.fullmatch(r"\d{4}", text):
        first = parse_day(f"{text}-01")
        return Period(first, first.replace(month=12, day=31), text)
    part = PART.fullmatch(text)
    if part is not None and part[2] in MONTHS:
        length, number = MONTHS[part[2]], int(part[3])
        if number > 12 // length:
            raise WordError(f"'{text}' does not exist", WRITE)
        first = parse_day(f"{part[1]}-{(number - 1) * length + 1:02d}")
        month = first.month + length - 1
        last = first.replace(month=month, day=calendar.monthrange(first.year, month)[1])
        return Period(first, last, f"{part[1]}-{part[2]}{number}")
    if part is not None:
        text = f"{part[1]}-{int(part[3]):02d}"
    if not re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", text):
        raise WordError(f"'{str(written)[:60]}' is not a date", WRITE)
    return Period(parse_day(text), parse_day(text, last=True), text)


def parse_span(written: object) -> Span:
    """One period, or two joined by ``..``.

    Raises:
        WordError: it is none, or ends before it starts.
    """
    if isinstance(written, Span):
        return written
    start, _, end = str(written).partition("..")
    first, last = parse_period(start), parse_period(end or start)
    if last.last < first.first:
        raise WordError(f"'{written}' ends before it starts", "write the earlier one first: 2022-01..2022-12")
    return Span(first.first, last.last, str(first) if not end else f"{first}..{last}")
