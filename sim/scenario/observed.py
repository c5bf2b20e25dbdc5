"""What was observed: figures of a series over time, in any currency and period, set beside results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_serializer,
    model_validator,
)

from sim.distributions import is_distribution
from sim.instruments.words import QuantityWord, Truth, WordError, quantity
from sim.scenario.period import Period, Span, parse_period, parse_span
from sim.units import Quantity, QuantityError, parse_quantity

__all__ = ["FOREIGN", "Figure", "Observation", "parse_observed", "per_month"]

PER = {"t": 1.0, "kg": 1000.0, "lb": 1 / 0.00045359237}
FOREIGN = re.compile(r"\s*([-+]?[\d,]*\.?\d+(?:[eE][-+]?\d{1,3})?)\s*([A-Z]{3})/(t|kg|lb)\s*")
"""A price in another currency, as ``280 CNY/kg``."""
RATE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Z]{3})/([A-Z]{3})\s*")
HOME = "USD"
PRICE, SHARE = "price", "share"
IN_CURRENCY = "price in "
"""Begins the dimension of a price that is still in its own currency."""


def parse_observed(written: object, dimension: str = "") -> Quantity:
    """A figure with its unit. A price may be in any currency: then ``value`` is in that currency a tonne.

    Raises:
        QuantityError: it cannot be read, or its unit is of another dimension.
    """
    match = FOREIGN.fullmatch(written) if isinstance(written, str) else None
    if match is None or match[2] == HOME:
        return parse_quantity(written, dimension)
    if dimension not in ("", PRICE):
        say = f"write a figure such as {'40 %' if dimension == SHARE else '12 t'}"
        raise QuantityError(f"'{str(written).strip()}' is a price, but a {dimension} is needed", say)
    text = " ".join(str(written).split())
    return Quantity(float(match[1].replace(",", "")) * PER[match[3]], IN_CURRENCY + match[2], text)


class _ObservedWord(QuantityWord):
    """Reads a figure in any unit or currency."""

    def read(self, written: object) -> Quantity:
        if isinstance(written, Quantity):
            return written
        if isinstance(written, str) and FOREIGN.fullmatch(written):
            return parse_observed(written)
        return super().read(written)

    def __get_pydantic_json_schema__(self, _core: Any, _handler: object) -> dict[str, object]:
        return {"$monazite": "observed quantity"}


ObservedQuantity = Annotated[Quantity, _ObservedWord("", certain=True)]
TOLERATED = quantity(SHARE, 0.0, 10.0, "a share of 0 % or more", certain=True)


def _band(written: object) -> object:
    """A share of the figure either way, or its ends."""
    if isinstance(written, list | tuple):
        if len(written) != 2:
            raise WordError("a band has two ends", "write for example [35 USD/kg, 41 USD/kg], or 10 %")
        return tuple(written)
    return (TOLERATED.read(written),)


Band = Annotated[
    tuple[ObservedQuantity, ...],
    BeforeValidator(_band),
    WithJsonSchema({
        "anyOf": [
            {"$monazite": "share"},
            {"type": "array", "items": {"$monazite": "observed quantity"}, "minItems": 2, "maxItems": 2},
        ]
    }),
]  # fmt: skip


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)


def _banded(band: tuple[Quantity, ...] | None) -> object:
    texts = [end.text for end in band or ()]
    return texts[0] if len(texts) == 1 else texts or None


class Figure(_Part):
    """One observed figure; its source and band, where they are not those of the series."""

    value: Annotated[ObservedQuantity, Field(examples=["1238 t"])]
    band: Annotated[
        Band | None, Field(description="accepted: a share either way, or low and high", examples=["10 %"])
    ] = None
    source: Annotated[str | None, Field(description="key of `sources`")] = None
    assumption: Annotated[Truth | str, Field(description="true, or what is assumed")] = False

    @field_serializer("band")
    def _band_as_written(self, band: tuple[Quantity, ...] | None) -> object:
        return _banded(band)


def _figure(written: object) -> object:
    """A figure alone stands for one without a source of its own."""
    if isinstance(written, Figure) or (isinstance(written, dict) and "value" in written):
        return written
    # A mapping that lacks the value is said to lack it, unless it is meant as a distribution.
    return written if isinstance(written, dict) and not is_distribution(written) else {"value": written}


def _figures(written: object) -> object:
    if not isinstance(written, Mapping) or not written:
        raise WordError("observed values are a mapping from dates to figures")
    first: dict[Period, object] = {}
    for key in written:
        try:
            period = parse_period(key)
        except WordError:
            continue  # the key itself is refused when it is read
        if period in first:
            raise WordError(f"'{first[period]}' and '{key}' are the same time", "leave one of them out")
        first[period] = key
    return written


@dataclass(frozen=True)
class Rate:
    """Units of a currency for one dollar, from the first day of each period on."""

    currency: str
    by_period: tuple[tuple[Period | None, float], ...]
    written: object

    def at(self, period: Period) -> float:
        """The rate for a figure of a period.

        Raises:
            QuantityError: nothing is said for that time.
        """
        found = [rate for since, rate in self.by_period if since is None or since.first <= period.first]
        if not found:
            first = self.by_period[0][0]
            say = f"add a rate for {period}"
            raise QuantityError(f"the first rate is of {first}, after {period}", say, ("rate",))
        return found[-1]


def _rate(written: object) -> Rate:
    if isinstance(written, Rate):
        return written
    items = written.items() if isinstance(written, Mapping) else [(None, written)]
    found = []
    currency = ""
    for since, text in items:
        match = RATE.fullmatch(text) if isinstance(text, str) else None
        if match is None or HOME not in (match[2], match[3]) or match[2] == match[3] or not float(match[1]):
            raise WordError(f"'{str(text)[:60]}' is no rate of exchange", "write for example '7.2 CNY/USD'")
        own = match[2] if match[3] == HOME else match[3]
        if currency not in ("", own):
            say = "give each currency its own series"
            raise WordError(f"rates of {currency} and {own} in one series", say)
        currency = own
        number = float(match[1]) if match[3] == HOME else 1 / float(match[1])
        found.append((parse_period(since) if since is not None else None, number))
    if not found:
        raise WordError("there is no rate", "write for example '7.2 CNY/USD'")
    return Rate(currency, tuple(sorted(found, key=lambda item: item[0] or parse_period(1900))), written)


def _series(written: object) -> object:
    if not isinstance(written, str) or not written.strip():
        raise WordError("a series is one word", "write for example price_outside.antimony_metal")
    return written


RATE_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*[A-Z]{3}/[A-Z]{3}\s*$"},
        {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1},
    ]
}


class Observation(_Part):
    """What was observed, to set beside the model's: one figure, or several over time.

    Once read, ``value`` and ``band`` of each figure are in the units of the model: prices in USD/t, without
    tax.
    """

    series: Annotated[str, Field(description="what was observed", examples=["exports.ndfeb_magnet.CHN"])]
    values: Annotated[
        dict[
            Annotated[
                Period,
                BeforeValidator(parse_period),
                WithJsonSchema({"$monazite": "observed period", "type": "string"}),
            ],
            Annotated[
                Figure,
                BeforeValidator(_figure, json_schema_input_type=Figure | ObservedQuantity),
            ],
        ],
        BeforeValidator(_figures),
        Field(
            description="day, month, quarter, half-year or year -> figure with its unit",
            examples=["{2025-05: 1238 t}"],
            json_schema_extra={"minProperties": 1},
        ),
    ]
    minus: Annotated[
        str | None,
        BeforeValidator(_series, json_schema_input_type=str),
        Field(description="another series: the figures are the gap to it (a premium)"),
    ] = None
    over: Annotated[
        str | None,
        BeforeValidator(_series, json_schema_input_type=str),
        Field(description="another series: the figures are ratios to it, in %"),
    ] = None
    reference: Annotated[
        Span | None,
        BeforeValidator(lambda v: v if v is None else parse_span(v)),
        WithJsonSchema({"type": ["string", "integer"]}),
        Field(description="window to whose mean the figures are compared", examples=["2022-01..2022-12"]),
    ] = None
    band: Annotated[
        Quantity | None, TOLERATED, Field(description="accepted share of each figure, either way")
    ] = None
    rate: Annotated[
        Rate | None,
        BeforeValidator(lambda v: v if v is None else _rate(v)),
        WithJsonSchema(RATE_SCHEMA),
        Field(description="rate of exchange, or date -> rate", examples=["7.2 CNY/USD"]),
    ] = None
    vat: Annotated[
        Quantity | None,
        quantity(SHARE, 0.0, 1.0, "a share from 0 % to 100 %", certain=True),
        Field(description="value-added tax that the prices hold; it is taken off", examples=["13 %"]),
    ] = None
    source: Annotated[str | None, Field(description="key of `sources`, for all figures")] = None
    assumption: Annotated[Truth | str, Field(description="true, or what is assumed")] = False

    @model_validator(mode="after")
    def _settle(self) -> Observation:
        """Turn prices to dollars without tax, and see that figures, reference and bands go together."""
        if sum(part is not None for part in (self.minus, self.over)) > 1:
            raise WordError("'minus' and 'over' at once", "leave one of them out")
        if self.reference is not None and (self.minus or self.over):
            raise WordError("'reference' beside 'minus' or 'over'", "leave one of them out")
        settled = {period: self._settled(period, figure) for period, figure in self.values.items()}
        object.__setattr__(self, "values", settled)
        if self.reference is not None:
            self.level()
        return self

    def _settled(self, period: Period, figure: Figure) -> Figure:
        path = ("values", str(period))
        value = self._in_dollars(figure.value, period, path)
        ends = tuple(self._in_dollars(end, period, path) for end in figure.band or ())
        if self.over is not None and value.dimension != SHARE:
            raise QuantityError(f"'{value.text}' is no ratio", "write a share such as 180 %", path)
        if len(ends) == 2:
            low, high = ends
            if low.dimension != value.dimension or high.dimension != value.dimension:
                raise QuantityError("the band is in another unit than the figure", "use one unit", path)
            if low.value > high.value:
                raise QuantityError("the band ends below its beginning", "write the lower end first", path)
        elif self.minus is not None and value.value == 0:
            say = "write for example {value: 0 USD/kg, band: [-2 USD/kg, 2 USD/kg]}"
            raise QuantityError("a gap of nothing has no share for a band", say, path)
        if value.value < 0 and self.minus is None:
            raise QuantityError(f"'{value.text}' is negative", "write 0 or more", path)
        return figure.model_copy(update={"value": value, "band": ends or None})

    def _in_dollars(self, figure: Quantity, period: Period, path: tuple[str, ...]) -> Quantity:
        # From the text, so that reading what has been read already changes nothing.
        figure = parse_observed(figure.text)
        tax = 1 + (self.vat.value if self.vat is not None else 0.0)
        if figure.dimension == PRICE:
            return replace(figure, value=figure.value / tax)
        if not figure.dimension.startswith(IN_CURRENCY):
            return figure
        currency = figure.dimension.removeprefix(IN_CURRENCY)
        if self.rate is None:
            say = f"add for example 'rate: 7.2 {currency}/USD', and 'vat' if the prices hold tax"
            raise QuantityError(f"'{figure.text}' needs a rate of exchange", say, path)
        if self.rate.currency != currency:
            say = f"give the rate of {currency}"
            raise QuantityError(f"'{figure.text}' with a rate of {self.rate.currency}", say, path)
        return replace(figure, value=figure.value / self.rate.at(period) / tax, dimension=PRICE)

    def level(self) -> float:
        """Mean of the figures a month inside the reference window; 1 where the figures are ratios already.

        Raises:
            QuantityError: there is none inside, or it is zero.
        """
        assert self.reference is not None
        if all(figure.value.dimension == SHARE for figure in self.values.values()):
            return 1.0
        inside = [
            per_month(figure.value, period)
            for period, figure in self.values.items()
            if self.reference.holds(period)
        ]
        if not inside or sum(inside) <= 0:
            what = "no figure lies" if not inside else "all figures are zero"
            say = "add one, or write the figures as shares of it, such as 240 %"
            raise QuantityError(f"{what} in the reference {self.reference.text}", say, ("reference",))
        return sum(inside) / len(inside)

    @field_serializer("values")
    def _as_written(self, values: dict[Period, Figure]) -> Any:
        dumped = {str(k): figure.model_dump(by_alias=True, exclude_none=True) for k, figure in values.items()}
        for figure in dumped.values():
            if not figure.get("assumption"):
                figure.pop("assumption", None)
        more = ("source", "band", "assumption")
        bare = [k for k, figure in dumped.items() if not any(figure.get(name) for name in more)]
        return dumped | {k: dumped[k]["value"] for k in bare}

    @field_serializer("rate")
    def _rate_as_written(self, rate: Rate | None) -> object:
        return None if rate is None else rate.written

    @field_serializer("reference")
    def _reference_as_written(self, reference: Span | None) -> object:
        return None if reference is None else reference.text


def per_month(figure: Quantity, period: Period) -> float:
    """A price as it is; what adds up over time, a month of it."""
    return figure.value if figure.dimension in (PRICE, SHARE) else figure.value / period.months
