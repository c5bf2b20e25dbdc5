"""Values that change while an event is in force: one value, or a mapping from date to value.

Inside an event both are a mapping, where one value stands under :data:`ALWAYS`.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from sim.distributions import is_distribution
from sim.instruments.words import WordError, joined, parse_day
from sim.units import DAYS_PER_YEAR, Amount, Quantity

__all__ = [
    "ALWAYS", "Since", "as_written", "by_date", "climbed", "climbing", "dated_fields", "is_dated",
    "looks_dated", "mean_over", "say_dated", "spans", "weights",
]  # fmt: skip

ALWAYS = dt.date.min
"""The date of a value that does not change."""
DATE = re.compile(r"\d{4}(-\d{2}){0,2}")


def _since(written: object) -> dt.date:
    """The day from which a value holds: ``2025-04-04``, ``2025-04`` or ``2025``."""
    if isinstance(written, int) and not isinstance(written, bool):
        written = str(written)
    if isinstance(written, str) and re.fullmatch(r"\d{4}", written):
        written = f"{written}-01"
    return parse_day(written)


Since = Annotated[
    dt.date, BeforeValidator(_since), WithJsonSchema({"$monazite": "since", "type": "string"})
]


def looks_dated(given: object) -> bool:
    """Whether a value is written as a mapping from dates."""
    return (
        isinstance(given, dict)
        and not is_distribution(given)
        and any(isinstance(key, dt.date) or DATE.fullmatch(str(key)) for key in given)
    )


def by_date(given: object) -> object:
    """One value holds at all times."""
    if isinstance(given, dict) and not is_distribution(given):
        if not given:
            raise WordError("the mapping is empty", "write for example {2025-04-04: 10 %, 2025-06: 25 %}")
        return dict(sorted(given.items(), key=lambda item: str(item[0])))
    return {ALWAYS: given}


def is_dated(value: object) -> bool:
    """Whether a value of an event is a mapping from dates."""
    return isinstance(value, dict) and bool(value) and all(isinstance(key, dt.date) for key in value)


def as_written(value: Any) -> Any:
    """Quantities as their text; a mapping that was written as one value, as that value again."""
    if isinstance(value, Quantity):
        return value.written
    if isinstance(value, dict) and list(value) in ([ALWAYS], ["world"]):
        return as_written(next(iter(value.values())))
    return {key: as_written(v) for key, v in value.items()} if isinstance(value, dict) else value


def weights(value: Mapping[dt.date, Any], start: dt.date, end: dt.date) -> tuple[float, ...]:
    """Share of the days [start, end) in which each entry holds; the first before its date, too."""
    dates = list(value)
    edges = [start, *(min(max(date, start), end) for date in dates[1:]), end]
    days = max((end - start).days, 1)
    shares = [(b - a).days / days for a, b in itertools.pairwise(edges)]
    return tuple(shares) if end > start else tuple(float(_holds(dates, i, start)) for i in range(len(dates)))


def _holds(dates: list[dt.date], i: int, day: dt.date) -> bool:
    begun = i == 0 or dates[i] <= day
    return begun and (i + 1 == len(dates) or day < dates[i + 1])


def mean_over(value: Mapping[dt.date, Quantity], start: dt.date, end: dt.date) -> Amount:
    """Mean over the days [start, end), or the value on day ``start`` where there is none."""
    parts = [
        share * quantity.amount
        for share, quantity in zip(weights(value, start, end), value.values(), strict=True)
        if share
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def say_dated(value: Mapping[dt.date, Quantity]) -> str:
    """``25 %``, or ``10 %, from 2025-04-04 25 % and from 2025-06-01 50 %``."""
    first, *rest = [quantity.text for quantity in value.values()]
    later = [f"from {date} {text}" for date, text in zip(list(value)[1:], rest, strict=True)]
    return f"{first}, then {joined(later)}" if later else first


def dated_fields(value: object) -> Iterator[Mapping[dt.date, Quantity]]:
    """All mappings from dates in a field, however deep."""
    if is_dated(value):
        assert isinstance(value, dict)
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from dated_fields(item)


def spans(time: Quantity | None) -> tuple[float, ...]:
    """A time in years; where each member has its own, times around that of the central run.

    They do not depend on what was drawn: a member must see the same ahead, whoever shares its run.
    """
    if time is None:
        return ()
    return (time.value,) if time.drawn is None else tuple(part * time.value for part in (0.5, 1, 2, 4))


def climbed(ramp: Quantity | None, since: dt.date | None, start: dt.date, end: dt.date) -> Amount:
    """Share 0..1 of a change that climbs in a straight line over ``ramp``, at the middle of [start, end)."""
    import numpy as np

    if ramp is None or since is None:
        return 1.0
    middle = ((start - since).days + (end - since).days) / 2
    years = np.maximum(np.asarray(ramp.amount), 1 / DAYS_PER_YEAR)
    share: Amount = np.clip(middle / DAYS_PER_YEAR / years, 0.0, 1.0)
    return share


def climbing(
    ramp: Quantity | None, since: dt.date | None, until: dt.date | None, start: dt.date
) -> dt.date | None:
    """The step that begins at ``start`` while the change is still on its way up, for a phase; else None.

    Where each member has its own time, every step to the end is one: what members meet must not depend on
    which of them share a run.
    """
    over = until is not None and until < start
    if ramp is None or since is None or start < since or over:
        return None
    years = (start - since).days / DAYS_PER_YEAR
    return start if ramp.drawn is not None or years <= ramp.value else None
