"""The words of an event: countries, goods, stages, firms, dates and quantities, each checked as read.

Validators look names up in the :class:`~sim.world.labels.Labels` given as validation context
(``context={"labels": labels}``); without them only the form is checked.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from sim.distributions import UncertainQuantity, parse_uncertain
from sim.errors import did_you_mean
from sim.instruments.naming import WordError, country_word, good_words, same
from sim.names import meaning_of
from sim.units import Quantity, parse_quantity
from sim.world.labels import Labels

__all__ = [
    "Countries", "CountryWord", "DistinctCountries", "DistinctGoods", "EventIds", "Facilities", "FirmWord",
    "Firms", "FirstDay", "GoodLike", "GoodWord", "Goods", "LastDay", "Sectors", "Stages",
    "StraitNames", "Truth", "WholeNumber", "WordError", "joined", "links_between", "parse_day", "quantity",
    "select_goods", "spoken", "whole_number",
]  # fmt: skip

SPOKEN = {
    "world": "every country",
    "all": "all goods",
    "ROW": "the rest of the world",
    "EU27": "the EU",
    "G7": "the G7",
    "OECD": "the OECD",
    "USA": "the United States",
    "GBR": "the United Kingdom",
    "NLD": "the Netherlands",
    "COD": "the Democratic Republic of the Congo",
    "PHL": "the Philippines",
    "ARE": "the United Arab Emirates",
}
"""Words that a sentence does not take from the tables as they are."""
FIRST_YEAR, LAST_YEAR = 1900, 2200
DAY = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?")


class GoodLike(Protocol):
    """What goods of the World and of the Labels have in common."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def mineral(self) -> str: ...  # noqa: D102
    @property
    def stage(self) -> str: ...  # noqa: D102
    @property
    def hs6(self) -> tuple[str, ...]: ...  # noqa: D102


def _labels(info: ValidationInfo) -> Labels | None:
    found = (info.context or {}).get("labels")
    return found if isinstance(found, Labels) else None


def _text(value: object, what: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise WordError(f"{_shown(value)} is not {what}")
    return str(value)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"'{text[:60]}'"


def _unknown(kind: str, word: str, allowed: Iterable[str], else_say: str = "") -> WordError:
    return WordError(f"unknown {kind} '{word[:60]}'", did_you_mean(word, sorted(allowed)) or else_say)


def _country(value: object, info: ValidationInfo) -> str:
    word, labels = _text(value, "a country code"), _labels(info)
    return word if labels is None else country_word(word, labels)


def _good(value: object, info: ValidationInfo) -> str:
    # 2504.10 without quotes is a number.
    word, labels = _text(str(value) if isinstance(value, float) else value, "a good"), _labels(info)
    if labels is None:
        return word
    words = good_words(word, labels).words
    if len(words) > 1:
        say = f"write one line for each: {', '.join(words)}"
        raise WordError(f"'{word[:60]}' is more than one good", say)
    return words[0]


def _spread(value: object, info: ValidationInfo) -> object:
    """A list of goods in which words for several goods are taken apart; the others keep their places."""
    labels = _labels(info)
    if labels is None or not isinstance(value, list | tuple):
        return value
    first: list[object] = []
    further: list[str] = []
    for item in value:
        found = meaning_of(item, labels.goods) if isinstance(item, str) else None
        words = found.words if found is not None else ()
        first.append(words[0] if len(words) > 1 else item)
        further += words[1:]
    return [*first, *dict.fromkeys(further)]


def _distinct(read: Callable[[str, Labels], object], what: str) -> BeforeValidator:
    """Refuses a mapping in which two keys are spellings of the same."""

    def check(value: object, info: ValidationInfo) -> object:
        labels = _labels(info)
        first: dict[object, object] = {}
        for key in value if labels is not None and isinstance(value, Mapping) else ():
            assert labels is not None
            try:
                meant = read(str(key), labels)
            except WordError:
                continue  # the key itself is refused when it is read
            if meant in first:
                raise WordError(f"'{first[meant]}' and '{key}' are the same {what}", "leave one of them out")
            first[meant] = key
        return value

    return BeforeValidator(check)


DistinctCountries = _distinct(country_word, "country")
"""Beside a mapping from countries: none stands twice under different names."""
DistinctGoods = _distinct(lambda word, labels: good_words(word, labels).words, "good")
"""Beside a mapping from goods: none stands twice under different names."""


def _stage(value: object, info: ValidationInfo) -> str:
    word, labels = _text(value, "a stage"), _labels(info)
    stages = {good.stage for good in labels.goods} if labels else {word}
    known = same(word, stages)
    if known is None:
        raise _unknown("stage", word, stages, f"allowed: {', '.join(sorted(stages))}")
    return known


def _sector(value: object, info: ValidationInfo) -> str:
    word, labels = _text(value, "a sector"), _labels(info)
    known = word if labels is None else same(word, labels.sectors)
    if labels is not None and known is None:
        raise _unknown("sector", word, labels.sectors, f"allowed: {', '.join(sorted(labels.sectors))}")
    return known or word


def _firm(value: object, info: ValidationInfo) -> str:
    word, labels = _text(value, "a firm"), _labels(info)
    known = word if labels is None or word in labels.firms else same(word, labels.firms)
    if known is None:
        assert labels is not None
        raise _unknown("firm", word, labels.firms, "'monazite list firms' shows all firms")
    return known


def _facility(value: object, info: ValidationInfo) -> str:
    word, labels = _text(value, "a facility"), _labels(info)
    if labels is not None and word not in labels.facilities:
        raise _unknown("facility", word, labels.facilities, "'monazite list facilities' shows all")
    return word


def _strait(value: object, info: ValidationInfo) -> str:
    word, labels = _text(value, "a strait"), _labels(info)
    if labels is not None and word not in labels.straits.names:
        raise _unknown("strait", word, labels.straits.names, "'monazite list straits' shows all")
    return word


def _as_list(value: object) -> object:
    """One word may stand without brackets."""
    if isinstance(value, str | int | float | bool) or value is None:
        value = [] if value is None else [value]
    if not isinstance(value, list | tuple):
        raise WordError(f"{_shown(value)} stands where words are needed", "write for example [USA, JPN]")
    if not value:
        raise WordError("the list is empty", "name at least one")
    return value


def whole_number(value: object) -> int:
    """A whole number as YAML reads it; digits in quotes are text, and are told so.

    Raises:
        WordError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        if isinstance(value, str) and value.strip().isdecimal():
            say = f"write {value.strip()[:60]} without quotes"
            raise WordError(f"{_shown(value)} is text, not a number", say)
        raise WordError(f"{_shown(value)} is not a whole number")
    return value


def _count(value: object) -> int:
    quoted = isinstance(value, str) and value.strip().isdecimal()
    if quoted or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1000):
        return whole_number(value)
    raise WordError(f"{_shown(value)} is not a whole number from 1 to 1000", "write for example 3")


def _of_schema(name: str) -> WithJsonSchema:
    """Stands in a JSON Schema for a definition that needs the names of a world (:mod:`sim.scenario`)."""
    return WithJsonSchema({"$monazite": name, "type": "string"})


CountryWord = Annotated[str, BeforeValidator(_country), _of_schema("country")]
GoodWord = Annotated[str, BeforeValidator(_good), _of_schema("good")]
StageWord = Annotated[str, BeforeValidator(_stage), _of_schema("stage")]
SectorWord = Annotated[str, BeforeValidator(_sector), _of_schema("sector")]
FirmWord = Annotated[str, BeforeValidator(_firm), _of_schema("firm")]
Countries = Annotated[tuple[CountryWord, ...], BeforeValidator(_as_list), _of_schema("countries")]
Goods = Annotated[
    tuple[GoodWord, ...], BeforeValidator(_spread), BeforeValidator(_as_list), _of_schema("goods")
]
Stages = Annotated[tuple[StageWord, ...], BeforeValidator(_as_list), _of_schema("stages")]
Sectors = Annotated[tuple[SectorWord, ...], BeforeValidator(_as_list), _of_schema("sectors")]
Firms = Annotated[tuple[FirmWord, ...], BeforeValidator(_as_list), _of_schema("firms")]
Facilities = Annotated[
    tuple[Annotated[str, BeforeValidator(_facility), _of_schema("facility")], ...],
    BeforeValidator(_as_list),
    _of_schema("facilities"),
]
StraitNames = Annotated[
    tuple[Annotated[str, BeforeValidator(_strait), _of_schema("strait")], ...],
    BeforeValidator(_as_list),
    _of_schema("straits"),
]
Truth = Annotated[bool, Field(strict=True)]
"""True or false, and neither 1 nor 'yes'."""
EventIds = Annotated[tuple[str, ...], BeforeValidator(_as_list), _of_schema("events")]
WholeNumber = Annotated[
    int,
    BeforeValidator(_count),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 1000}),
]


def parse_day(written: object, *, last: bool = False) -> dt.date:
    """A date from ``2025-04-04``, or the first (or last) day of ``2025-04``.

    >>> parse_day("2024-02", last=True)
    datetime.date(2024, 2, 29)
    """
    if isinstance(written, dt.date):
        return written
    match = DAY.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        raise WordError(f"{_shown(written)} is not a date", "write for example 2025-04-04 or 2025-04")
    year, month = int(match[1]), int(match[2])
    if not 1 <= month <= 12:
        raise WordError(f"'{written}' has no month {month}", "write the year first: 2025-04-04")
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise WordError(f"the year {year} is out of reach", f"write a year from {FIRST_YEAR} to {LAST_YEAR}")
    days = calendar.monthrange(year, month)[1]
    day = int(match[3]) if match[3] else (days if last else 1)
    if not 1 <= day <= days:
        raise WordError(f"'{written}' does not exist", f"that month has {days} days")
    return dt.date(year, month, day)


FirstDay = Annotated[dt.date, BeforeValidator(parse_day), _of_schema("day")]
LastDay = Annotated[
    dt.date, BeforeValidator(lambda written: parse_day(written, last=True)), _of_schema("day")
]


@dataclass(frozen=True)
class QuantityWord:
    """How a field reads "number unit", or a distribution of such; see :func:`quantity`."""

    dimension: str
    low: float | None = None
    high: float | None = None
    bounds: str = ""
    certain: bool = False
    """True where a distribution makes no sense."""

    def read(self, written: object) -> Quantity:
        """The quantity.

        Raises:
            QuantityError: it cannot be read. WordError: it is out of range.
        """
        if isinstance(written, UncertainQuantity):
            return written
        if isinstance(written, Mapping) and written:
            return self._distribution(written)
        amount = parse_quantity(written, self.dimension)
        if (self.low is not None and amount.value < self.low) or (
            self.high is not None and amount.value > self.high
        ):
            raise WordError(f"'{amount.text}' is out of range", f"write {self.bounds}")
        return amount

    def _distribution(self, written: Mapping[str, object]) -> Quantity:
        if self.certain:
            raise WordError("this figure cannot be a distribution", "write one number with its unit")
        lowest = -math.inf if self.low is None else self.low
        highest = math.inf if self.high is None else self.high
        return parse_uncertain(written, self.dimension, lowest, highest, self.bounds)

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> CoreSchema:
        """Read by :meth:`read`, dumped as it was written; pydantic need not know what is inside."""
        written = core_schema.plain_serializer_function_ser_schema(lambda q: getattr(q, "written", q))
        return core_schema.no_info_plain_validator_function(self.read, serialization=written)

    def __get_pydantic_json_schema__(self, _core: CoreSchema, _handler: object) -> dict[str, object]:
        """A reference that :mod:`sim.scenario.json_schema` replaces by the units of the dimension."""
        name = self.dimension or "quantity"
        schema: dict[str, object] = {"$monazite": name if self.certain else f"uncertain {name}"}
        if self.bounds:
            schema["description"] = self.bounds
        return schema


def quantity(
    dimension: str,
    low: float | None = None,
    high: float | None = None,
    bounds: str = "",
    *,
    certain: bool = False,
) -> QuantityWord:
    """Annotation of a field that reads "number unit", or a distribution of such unless ``certain``.

    Args:
        dimension: see :data:`sim.units.UNITS`; any when empty.
        low, high: bounds in the unit used inside the model. bounds: the same in words.
    """
    return QuantityWord(dimension, low, high, bounds, certain)


def select_goods(goods: Sequence[GoodLike], words: Sequence[str], stages: Sequence[str] = ()) -> list[int]:
    """Positions of the goods that a word names (id, mineral, HS code or its beginning, ``all``)."""

    def named(good: GoodLike, word: str) -> bool:
        if word in ("all", good.id, good.mineral):
            return True
        return word.isdigit() and len(word) >= 4 and any(code.startswith(word) for code in good.hs6)

    return [
        i
        for i, good in enumerate(goods)
        if (not stages or good.stage in stages) and any(named(good, word) for word in words)
    ]


def links_between(
    words: Sequence[str], others: Sequence[str], expand: Callable[[str], tuple[str, ...]]
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Pairs (own countries, other countries); a group that acts together spares its own members."""
    targets = list(dict.fromkeys(code for word in others for code in expand(word)))
    for word in words:
        own = expand(word)
        is_group = word != "world" and len(own) > 1
        yield own, tuple(code for code in targets if not (is_group and code in own))


def joined(words: Sequence[str]) -> str:
    """``a, b and c``.

    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def spoken(words: Sequence[str], names: Any = None) -> str:
    """Words as a sentence has them: names for codes, blanks for underscores."""
    known = names or {}
    return joined([SPOKEN.get(w) or str(known.get(w, "")) or w.replace("_", " ") for w in words])
