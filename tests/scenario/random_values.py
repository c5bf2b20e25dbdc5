"""Random values of the fields of events: words, quantities, distributions, values that change over time."""

from __future__ import annotations

import datetime as dt
import random
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, BeforeValidator, WithJsonSchema

from sim.instruments.words import DistinctCountries, DistinctGoods, QuantityWord, select_goods
from sim.units import UNITS
from sim.world.labels import Labels

__all__ = ["Values"]

SPAN: Mapping[str, tuple[float, float]] = {
    "share": (-0.6, 1.2), "growth rate": (-0.4, 0.6), "duration": (-0.1, 0.7), "mass": (0.0, 1e5),
    "mass per year": (0.0, 1e5), "carbon price": (0.0, 200.0), "carbon intensity": (0.0, 40.0),
    "price": (0.0, 1e4), "money": (0.0, 1e9),
}  # fmt: skip
"""Usual sizes, in the units used inside the model; one in :data:`AT_A_BOUND` is a bound of its field."""
AT_A_BOUND = 15
DISTINCT = (DistinctCountries, DistinctGoods)


class Values:
    """Draws values for one scenario, all from one seed."""

    chance: random.Random
    start: dt.date
    end: dt.date
    whole: Labels
    small: Labels
    """The names of all that the scenario's minerals keep."""
    trading: list[str]
    """Those that sell or use any of the goods."""
    large: list[str]
    """Those of them that sell or use the most."""
    sellers: list[str]
    users: list[str]
    blocs: dict[str, list[str]]
    events: dict[str, dict[str, Any]]

    def day(self) -> dt.date:
        """A day of the run; its first and its last are likelier than others."""
        days = (self.end - self.start).days
        anywhere = self.chance.randint(0, days)
        return self.start + dt.timedelta(days=self.chance.choice((0, days, *[anywhere] * 4)))

    def written(self, day: dt.date, which: str) -> str:
        """As a day, or as a month where that is the same."""
        edge = day.day == 1 if which == "first" else (day + dt.timedelta(days=1)).day == 1
        return f"{day:%Y-%m}" if edge and self.chance.random() < 0.5 else day.isoformat()

    def value(self, annotation: Any, metadata: Sequence[Any], event: Mapping[str, Any]) -> Any:
        """A value of a field of an event."""
        origin, args = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Annotated:
            return self.value(args[0], (*args[1:], *metadata), event)
        if origin in (typing.Union, types.UnionType):
            inner = next(arg for arg in args if arg is not type(None))
            return self.value(inner, metadata, event)
        word = next((item for item in metadata if isinstance(item, QuantityWord)), None)
        if word is not None:
            return self.quantity(word)
        schema = next((m.json_schema for m in metadata if isinstance(m, WithJsonSchema)), None) or {}
        named = schema.get("$monazite")
        if named is not None:
            return self._word(str(named), event)
        if schema.get("type") == "integer":
            return self.chance.randint(1, 5)
        if origin is dict:
            # Checks that no name stands twice take mappings alone; others take one value for all.
            bare = any(isinstance(item, BeforeValidator) and item not in DISTINCT for item in metadata)
            return self._mapping(args[0], args[1], event, bare)
        if origin is typing.Literal:
            return self.chance.choice(args)
        if origin is tuple:
            return [self._part(args[0], event)]
        if annotation is bool:
            return self.chance.random() < 0.5
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self._condition()
        raise TypeError(f"no value for {annotation} with {metadata}")

    def _part(self, cls: type[BaseModel], event: Mapping[str, Any]) -> dict[str, Any]:
        """One of the parts that a field lists: what it must say, and some of what it may."""
        return {
            field.alias or name: self.value(field.annotation, field.metadata, event)
            for name, field in cls.model_fields.items()
            if field.is_required() or self.chance.random() < 0.5
        }

    def _word(self, named: str, event: Mapping[str, Any]) -> Any:
        chance = self.chance
        makers: dict[str, Callable[[], Any]] = {
            "country": lambda: self.countries()[0],
            "countries": self.countries,
            "good": lambda: self.goods()[0],
            "goods": self.goods,
            "stages": lambda: self._stages(event),
            "sectors": lambda: self.some(sorted(self.small.sectors)),
            "firm": lambda: chance.choice(self.firms()),
            "firms": lambda: self.some(self.firms()),
            "facilities": lambda: self.some(self.sellers),
            "straits": lambda: self.some(sorted(self.whole.straits.names)),
            "day": lambda: self.day().isoformat(),
        }  # fmt: skip
        return makers[named]()

    def some(self, words: Sequence[str], most: int = 3) -> list[str]:
        return self.chance.sample(words, min(len(words), self.chance.randint(1, most)))

    def firms(self) -> list[str]:
        return sorted({self.small.facilities[name].firm for name in (*self.sellers, *self.users)})

    def countries(self, groups: bool = True) -> list[str]:
        chance = self.chance
        if groups and chance.random() < 0.25:
            return [chance.choice(("world", *sorted(self.small.groups), *self.blocs))]
        if chance.random() < 0.2:
            return self.some(sorted(self.small.countries))
        return self.some(self.large if chance.random() < 0.6 else self.trading)

    def goods(self) -> list[str]:
        good = self.chance.choice(self.small.goods)
        words = [good.id, good.mineral, good.mineral]
        words += [code[: self.chance.randint(4, 6)] for code in good.hs6[:1]]
        if self.chance.random() < 0.1:
            return ["all"]
        more = [self.chance.choice(self.small.goods).id] if self.chance.random() < 0.3 else []
        return list(dict.fromkeys([self.chance.choice(words), *more]))

    def _stages(self, event: Mapping[str, Any]) -> list[str]:
        goods = event.get("goods", ["all"])
        known = {self.small.goods[i].stage for i in select_goods(self.small.goods, goods)}
        return self.some(sorted(known), 2)

    def quantity(self, word: QuantityWord, how: str = "") -> Any:
        """A number with a unit, or a distribution of such."""
        dimension = word.dimension or self.chance.choice(("mass", "duration"))
        usual = SPAN[dimension]
        low = usual[0] if word.low is None else max(word.low, usual[0])
        high = usual[1] if word.high is None else min(word.high, usual[1])
        if low > high:
            low = high = word.low if word.low is not None else 0.0
        unit = self.chance.choice([unit for unit in UNITS if unit.dimension == dimension])

        def number() -> float:
            bounds = [bound for bound in (word.low, word.high) if bound is not None]
            if bounds and self.chance.randrange(AT_A_BOUND) == 0:
                return self.chance.choice(bounds)
            if dimension.startswith("mass"):
                return 0.0 if self.chance.random() < 0.05 else 10 ** self.chance.uniform(-1, 5)
            return self.chance.uniform(low, high)

        def said(value: float) -> str:
            # Rounded towards the inside, so that no bound is passed.
            shown = f"{value / unit.factor:.6g}"
            inside = (word.low is None or float(shown) * unit.factor >= word.low) and (
                word.high is None or float(shown) * unit.factor <= word.high
            )
            return f"{shown if inside else repr(_inwards(value, word, unit.factor))} {unit.name}"

        if word.certain or how == "certain" or self.chance.random() > 0.25:
            return said(number())
        return self._distribution(number, said)

    def _distribution(self, number: Callable[[], float], said: Callable[[float], Any]) -> dict[str, Any]:
        kind = self.chance.choice(("uniform", "triangular", "normal", "lognormal", "exponential", "choice"))
        values = sorted(number() for _ in range(3))
        if kind == "uniform":
            return {kind: [said(values[0]), said(values[2])]}
        if kind == "triangular":
            return {kind: [said(value) for value in values]}
        if kind == "normal":
            return {kind: [said(values[1]), said(abs(values[2] - values[0]) / 4)]}
        if kind == "lognormal" and values[2] > 0:
            return {kind: [said(values[2]), round(self.chance.uniform(0, 0.8), 3)]}
        if kind == "exponential" and values[1] > 0:
            return {kind: [said(values[1])]}
        given: dict[str, Any] = {"choice": [said(value) for value in values]}
        if self.chance.random() < 0.5:
            given["weights"] = [self.chance.randint(0, 3), 1, self.chance.randint(0, 3)]
        return given

    def _mapping(self, key: Any, value: Any, event: Mapping[str, Any], bare: bool) -> Any:
        """A dated value, a value by destination, or shares by firm or period."""
        chance, schema = self.chance, _schema_of(key)

        def one() -> Any:
            return self.value(value, (), event)

        if bare and chance.random() < 0.6:
            return one()
        if schema == "since":
            return self._dated(event, one)
        if schema == "period":
            return {period: self.quantity(QuantityWord("mass", 0.0)) for period in self._periods(event)}
        if schema == "firm":
            names = self.some(self.firms())
            return {name: f"{chance.randint(0, 100) / len(names):.3g} %" for name in names}
        if schema == "good":
            return {name: one() for name in self.goods()}
        words = dict.fromkeys((*self.countries(), *self.countries(), "world"))
        return {word: one() for word in words}

    def _dated(self, event: Mapping[str, Any], one: Callable[[], Any]) -> dict[str, Any]:
        first = dt.date.fromisoformat(f"{event['from']}-01"[:10]) if "from" in event else self.start
        days = {first - dt.timedelta(days=self.chance.choice((0, 0, 5, 400)))}
        days |= {first + dt.timedelta(days=self.chance.choice((1, 20, 31, 90, 700)))
                 for _ in range(self.chance.randint(0, 3))}  # fmt: skip
        return {self.written(day, "first"): one() for day in sorted(days)}

    def _periods(self, event: Mapping[str, Any]) -> list[str]:
        first = int(str(event.get("from", self.start))[:4]) - self.chance.randint(0, 1)
        years = range(first, first + self.chance.randint(2, 4))
        if self.chance.random() < 0.5:
            return [str(year) for year in years]
        return [f"{year}-H{half}" for year in years for half in (1, 2)]

    def _condition(self) -> dict[str, Any]:
        chance = self.chance
        series = chance.choice(("event", "price", "shortfall", "exports"))
        if series == "event" and self.events:
            state = chance.choice(("in force", "raised", "eased", "lifted"))
            found: dict[str, Any] = {"event": chance.choice(list(self.events)), "is": state}
        else:
            series = "price" if series == "event" else series
            share = QuantityWord("share", 0.0, 1000.0)
            side = chance.choice(("above", "below"))
            found = {series: self.goods(), side: self.quantity(share, "certain")}
            if series != "price" and chance.random() < 0.5:
                found["in"] = self.countries()
        if chance.random() < 0.3:
            found["for"] = f"{chance.randint(1, 3)} {chance.choice(('weeks', 'months'))}"
        return found


def _inwards(value: float, word: QuantityWord, factor: float) -> float:
    """The bound itself, nudged until it is not passed in the unit that it is written in."""
    written = value / factor
    for _ in range(4):
        if word.low is not None and written * factor < word.low:
            written += abs(written) * 1e-12 + 1e-15
        elif word.high is not None and written * factor > word.high:
            written -= abs(written) * 1e-12 + 1e-15
    return written


def _schema_of(annotation: Any) -> str:
    found = (m.json_schema for m in typing.get_args(annotation)[1:] if isinstance(m, WithJsonSchema))
    return str((next(found, None) or {}).get("$monazite", ""))
