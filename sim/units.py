"""Axis names, and quantities written as "number unit".

Everything inside the model is in tonnes, years, US dollars and shares of one. A user writes
``45 business days`` or ``30,258 t/year``; a bare number is refused, because nobody can tell
whether 30 means tonnes or thousand tonnes.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "AXES", "Amount", "EXAMPLES", "UNITS", "Quantity", "QuantityError", "Unit", "doubtful_dot",
    "parse_quantity", "units_of",
]  # fmt: skip

Amount: TypeAlias = "float | npt.NDArray[np.float64]"
"""A number that all members share, or (M,) one for each member."""
AXES = ("member", "time", "good", "seller", "buyer")
"""Order of axes everywhere in the product."""

DAYS_PER_YEAR = 365.25
CALENDAR_DAYS_PER_BUSINESS_DAY = 7 / 5
TONNES_PER_POUND = 0.00045359237


@dataclass(frozen=True)
class Unit:
    """A unit of measure: ``factor`` turns one of it into the unit used inside the model."""

    name: str
    dimension: str
    factor: float


UNITS: tuple[Unit, ...] = (
    Unit("t", "mass", 1.0),
    Unit("kt", "mass", 1000.0),
    Unit("Mt", "mass", 1e6),
    Unit("kg", "mass", 0.001),
    Unit("lb", "mass", TONNES_PER_POUND),
    Unit("t/year", "mass per year", 1.0),
    Unit("kt/year", "mass per year", 1000.0),
    Unit("kg/year", "mass per year", 0.001),
    Unit("Mt/year", "mass per year", 1e6),
    Unit("t/month", "mass per year", 12.0),
    Unit("kt/month", "mass per year", 12_000.0),
    Unit("t/day", "mass per year", DAYS_PER_YEAR),
    Unit("USD/t", "price", 1.0),
    Unit("USD/kg", "price", 1000.0),
    Unit("USD/lb", "price", 1 / TONNES_PER_POUND),
    Unit("USD", "money", 1.0),
    Unit("million USD", "money", 1e6),
    Unit("billion USD", "money", 1e9),
    Unit("USD/year", "money per year", 1.0),
    Unit("million USD/year", "money per year", 1e6),
    Unit("billion USD/year", "money per year", 1e9),
    Unit("USD/t CO2", "carbon price", 1.0),
    Unit("t CO2/t", "carbon intensity", 1.0),
    Unit("kg CO2/kg", "carbon intensity", 1.0),
    Unit("kg CO2/t", "carbon intensity", 0.001),
    Unit("%", "share", 0.01),
    Unit("%/year", "growth rate", 0.01),
    Unit("days", "duration", 1 / DAYS_PER_YEAR),
    Unit("business days", "duration", CALENDAR_DAYS_PER_BUSINESS_DAY / DAYS_PER_YEAR),
    Unit("weeks", "duration", 7 / DAYS_PER_YEAR),
    Unit("months", "duration", 1 / 12),
    Unit("quarters", "duration", 1 / 4),
    Unit("years", "duration", 1.0),
)
SINGULARS = {
    "day": "days",
    "business day": "business days",
    "week": "weeks",
    "month": "months",
    "quarter": "quarters",
    "year": "years",
}
EXAMPLES = {
    "mass": "1238 t",
    "mass per year": "30258 t/year",
    "price": "255 USD/kg",
    "money": "500 million USD",
    "money per year": "50 million USD/year",
    "carbon price": "80 USD/t CO2",
    "carbon intensity": "2 t CO2/t",
    "share": "40 %",
    "growth rate": "5 %/year",
    "duration": "45 business days",
}
THOUSANDS_DOT = re.compile(r"\s*([-+]?[1-9]\d{0,2})\.(\d{3})(\s*[^\d\s.,%eE].*)$")
NUMBER = re.compile(r"[-+]?(\d+(?:,\d{3})+|\d+)?(\.\d*)?([eE][-+]?\d{1,3})?")


class QuantityError(ValueError):
    """A quantity that cannot be read: ``message`` says what is wrong, ``remedy`` what to write.

    ``path`` leads from the quantity to the item of it that is wrong, the key of the item if ``key``.
    """

    def __init__(
        self, message: str, remedy: str = "", path: tuple[str, ...] = (), *, key: bool = False
    ) -> None:
        self.message, self.remedy, self.path, self.key = message, remedy, path, key
        super().__init__(f"{message}; {remedy}" if remedy else message)


@dataclass(frozen=True)
class Quantity:
    """A number with its unit, as written, and its value in the unit used inside the model."""

    value: float
    """Of all members, or of the central run where members draw."""
    dimension: str
    text: str
    drawn: Any = field(default=None, kw_only=True, compare=False, repr=False)
    """(M,) value of each member of a run, where they differ."""

    @property
    def amount(self) -> Amount:
        """What effects use: the value, or (M,) what each member drew."""
        return self.value if self.drawn is None else self.drawn

    @property
    def written(self) -> object:
        """As it stands in a file."""
        return self.text

    def __str__(self) -> str:
        return self.text


def units_of(dimension: str) -> tuple[str, ...]:
    """Names of the units of a dimension, or of all units when it is empty."""
    return tuple(unit.name for unit in UNITS if dimension in ("", unit.dimension))


def _example(dimension: str, number: str) -> str:
    if not dimension:
        some = ("t", "t/year", "USD/kg", "USD", "%", "days")
        return "write a unit, for example " + ", ".join(f"'{number or 12} {unit}'" for unit in some)
    sample = EXAMPLES[dimension].partition(" ")
    return f"write for example '{number or sample[0]} {sample[2]}'"


def parse_quantity(written: object, dimension: str = "") -> Quantity:
    """Read "number unit".

    Args:
        written: the text; a thousands comma is allowed, a thousands blank is not.
        dimension: one of the dimensions in :data:`UNITS`, such as ``mass`` or ``share``; any when empty.

    Returns:
        The quantity with ``value`` in the unit used inside the model: t, t/year, USD/t, USD, USD/year,
        USD/t CO2, t CO2/t, share of one, share of one per year, or years.

    Raises:
        QuantityError: no number, no unit, an unknown unit, or a unit of another dimension.

    >>> parse_quantity("45 business days", "duration").value * 365.25
    63.0
    >>> parse_quantity("31 000", "mass per year")
    Traceback (most recent call last):
    ...
    sim.units.QuantityError: '31 000' has no unit; write for example '31000 t/year'
    """
    if isinstance(written, Quantity):
        written = written.text
    if isinstance(written, bool) or not isinstance(written, str | int | float):
        kind = {list: "a list", dict: "a mapping", type(None): "nothing", bool: "a truth value"}
        found = kind.get(type(written), "something else")
        raise QuantityError(f"{found} stands where a quantity is needed", _example(dimension, ""))
    text = " ".join(str(written).split())
    if not text.strip():
        raise QuantityError("the quantity is empty", _example(dimension, ""))
    match = NUMBER.match(text)
    number = match.group(0) if match else ""
    try:
        value = float(number.replace(",", ""))
    except ValueError:
        raise QuantityError(f"{_shown(text)} does not start with a number", _example(dimension, "")) from None
    rest = text[len(number) :].strip()
    if not rest or re.fullmatch(r"[\d ,.]+", rest):
        joined = text.replace(" ", "") if rest else number
        if dimension == "share" and 0 < value <= 1 and not rest:
            joined = f"{100 * value:g}"
        raise QuantityError(f"{_shown(text)} has no unit", _example(dimension, joined))
    name = SINGULARS.get(rest, rest)
    unit = next((unit for unit in UNITS if unit.name == name), None)
    if unit is None:
        unit = next((unit for unit in UNITS if unit.name.lower() == name.lower()), None)
    allowed = ", ".join(units_of(dimension))
    if unit is None:
        remedy = f"write one of: {allowed}" if dimension else _near(rest)
        raise QuantityError(f"unknown unit {_shown(rest)}", remedy)
    if dimension and unit.dimension != dimension:
        raise QuantityError(
            f"{_shown(text)} is {_named(unit.dimension)}, but {_named(dimension)} is needed",
            f"write one of: {allowed}",
        )
    if not math.isfinite(value):
        raise QuantityError(f"{_shown(text)} is not a finite number", _example(dimension, ""))
    return Quantity(value * unit.factor, unit.dimension, text)


def _near(unit: str) -> str:
    """What to write instead of an unknown unit where nothing says what is measured."""
    close = difflib.get_close_matches(unit.lower(), [u.name.lower() for u in UNITS], n=1, cutoff=0.6)
    same = [u for u in UNITS if close and u.name.lower() == close[0]]
    same = same or [u for u in UNITS if u.name[0].lower() == unit[:1].lower()]
    if not same:
        return _example("", "")
    return f"write one of: {', '.join(units_of(same[0].dimension))}"


def doubtful_dot(text: str) -> str:
    """What a number would be whose dot is meant to part thousands; empty where it cannot be.

    >>> doubtful_dot("30.258 t/year"), doubtful_dot("30.2580 t/year"), doubtful_dot("0.258 t")
    ('30258 t/year', '', '')
    """
    match = THOUSANDS_DOT.match(text)
    return f"{match[1]}{match[2]}{match[3]}" if match else ""


def _named(dimension: str) -> str:
    return f"an {dimension}" if dimension[0] in "aeiou" else f"a {dimension}"


def _shown(value: object) -> str:
    text = str(value)
    return f"'{text[:60]}...'" if len(text) > 60 else f"'{text}'"
