"""A resolved scenario: what a run needs, and where each value came from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sim.distributions import Distribution
from sim.errors import Problem
from sim.instruments import Instrument
from sim.instruments.words import FirstDay, LastDay, WordError, quantity
from sim.scenario.node import Place
from sim.units import Quantity

__all__ = ["FORMAT", "Header", "Observation", "Scenario", "Source", "Time"]

FORMAT = 1
DAYS_PER_WEEK = 7


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)


class Source(_Part):
    """Where a figure comes from."""

    title: Annotated[str, Field(examples=["Chinese customs, May 2025"])]
    url: str | None = None
    confidence: Literal["seen", "derived", "memory"] | None = None


class Time(_Part):
    """First and last day of the run, and the length of a step."""

    start: Annotated[FirstDay, Field(examples=["2024-01"])]
    end: Annotated[LastDay, Field(examples=["2030-12"])]
    step: Literal["month", "week"] = "month"


class Observation(_Part):
    """A figure that was observed, to set beside the model's."""

    series: Annotated[str, Field(examples=["exports.ndfeb_magnet.CHN"])]
    at: Annotated[FirstDay, Field(examples=["2025-05"])]
    value: Annotated[Quantity, quantity(""), Field(examples=["1238 t"])]
    source: str | None = None
    assumption: bool | str = False


def _whole(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int):
        raise WordError(f"'{str(value)[:60]}' is not a whole number")
    if value < 0:
        raise WordError(f"'{value}' is negative")
    return value


def _format(value: object) -> object:
    if value != FORMAT or isinstance(value, bool):
        raise WordError(f"format '{str(value)[:60]}' is not known", f"this version reads format {FORMAT}")
    return value


def _names(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Header(_Part):
    """The fields of a scenario file other than its events and assumptions."""

    format: Annotated[int, BeforeValidator(_format), Field(examples=["1"])]
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=80, examples=["my-scenario"])]
    title: Annotated[str, Field(examples=["China licenses heavy rare earths"])]
    question: str = ""
    base_year: Annotated[int, BeforeValidator(_whole), Field(examples=["2024"])]
    extends: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    compare_to: str | None = None
    tags: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    minerals: Annotated[tuple[str, ...], BeforeValidator(_names), Field(examples=["[gallium]"])] = ()
    time: Annotated[Time, Field(examples=["{start: 2024-01, end: 2030-12}"])]
    sources: dict[str, Source] = Field(default_factory=dict)
    observed: dict[str, Observation] = Field(default_factory=dict)
    seed: Annotated[
        int | None, BeforeValidator(lambda v: v if v is None else _whole(v)), Field(examples=["7"])
    ] = None


@dataclass(frozen=True)
class Scenario:
    """One scenario with everything it extends and overrides worked in."""

    name: str
    title: str
    question: str
    base_year: int
    start: dt.date
    end: dt.date
    """Last day of the run."""
    step: Literal["month", "week"]
    compare_to: str | None
    tags: tuple[str, ...]
    seed: int | None
    events: tuple[Instrument, ...]
    assumptions: Mapping[str, float | Distribution]
    sources: Mapping[str, Source]
    observed: Mapping[str, Observation]
    extends: tuple[str, ...] = ()
    minerals: tuple[str, ...] = ()
    """Minerals whose chains are run; empty for the whole world."""
    origin: Mapping[str, Place] = field(default_factory=dict)
    """Dotted path of a value -> file, line and column; defaults have none."""
    warnings: tuple[Problem, ...] = ()

    def steps(self) -> tuple[tuple[dt.date, dt.date], ...]:
        """First day of each step and of the one after it."""
        days, day = [], self.start
        while day <= self.end:
            days.append(day)
            if self.step == "week":
                day = day + dt.timedelta(days=DAYS_PER_WEEK)
            else:
                day = dt.date(day.year + day.month // 12, day.month % 12 + 1, 1)
        return tuple(zip(days, [*days[1:], day], strict=True))

    def event(self, name: str) -> Instrument:
        """The event with this id.

        Raises:
            KeyError: there is none.
        """
        return next((e for e in self.events if e.id == name), None) or _missing(name)

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """The scenario as its file would say it: readable again, ``extends`` worked in."""
        return {
            "format": FORMAT,
            "name": self.name,
            "title": self.title,
            "question": self.question,
            "base_year": self.base_year,
            **({"compare_to": self.compare_to} if self.compare_to else {}),
            "tags": list(self.tags),
            **({"minerals": list(self.minerals)} if self.minerals else {}),
            "time": {"start": self.start, "end": self.end, "step": self.step},
            **({} if self.seed is None else {"seed": self.seed}),
            "sources": {k: _dump(v) for k, v in self.sources.items()},
            "events": {e.id: _dump(e) for e in self.events},
            "assumptions": dict(self.assumptions),
            "observed": {k: _dump(v) for k, v in self.observed.items()},
        }


def _dump(part: BaseModel) -> dict[str, Any]:
    return part.model_dump(by_alias=True, exclude_none=True, exclude={"id"})


def _missing(name: str) -> Instrument:
    raise KeyError(name)
