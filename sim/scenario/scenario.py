"""A resolved scenario: what a run needs, and where each value came from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from sim.distributions import Distribution
from sim.errors import Problem
from sim.instruments import Instrument
from sim.instruments.words import FirstDay, LastDay, WordError, joined, whole_number
from sim.scenario.formats import FORMAT, FORMATS
from sim.scenario.lesson_part import Lesson
from sim.scenario.node import Place
from sim.scenario.observed import Figure, Observation
from sim.scenario.sweep_spec import SweepSpec
from sim.scenario.world_part import WorldPart, world_as_written, world_field
from sim.world.source import WorldChoice, world_tables

__all__ = ["Figure", "Header", "Observation", "Scenario", "Source", "Time"]

DAYS_PER_WEEK = 7


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)


class Source(_Part):
    """Where a figure comes from."""

    title: Annotated[str, Field(description="who says it, when", examples=["Chinese customs, May 2025"])]
    url: Annotated[str | None, Field(description="where it can be read")] = None
    confidence: Annotated[
        Literal["seen", "derived", "memory"] | None,
        Field(description="read there, worked out from it, or recalled"),
    ] = None


class Time(_Part):
    """First and last day of the run, and the length of a step."""

    start: Annotated[FirstDay, Field(description="first day of the run", examples=["2024-01"])]
    end: Annotated[LastDay, Field(description="last day of the run", examples=["2030-12"])]
    step: Annotated[Literal["month", "week"], Field(description="length of a step")] = "month"


def _whole(value: object) -> object:
    number = whole_number(value)
    if number < 0:
        raise WordError(f"'{number}' is negative")
    return number


def _format(value: object) -> object:
    if isinstance(value, str) and value in map(str, FORMATS):
        raise WordError("the format is a number, not text", f"write {value} without quotes")
    if value not in FORMATS or isinstance(value, bool | float):
        known = f"formats {joined([str(n) for n in FORMATS])}"
        raise WordError(f"format '{str(value)[:60]}' is not known", f"this version reads {known}")
    return value


def _names(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Header(_Part):
    """The fields of a scenario file other than its events and assumptions."""

    format: Annotated[
        int, BeforeValidator(_format), Field(description="version of the language", examples=["2"])
    ]
    name: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9][a-z0-9_-]*$",
            max_length=80,
            description="the name of the file, without '.yaml'",
            examples=["my-scenario"],
        ),
    ]
    title: Annotated[str, Field(description="one line", examples=["China licenses heavy rare earths"])]
    question: Annotated[str, Field(description="what the scenario is to answer, one paragraph")] = ""
    base_year: Annotated[
        int, BeforeValidator(_whole), Field(description="year of the world it starts from", examples=["2024"])
    ]
    extends: Annotated[
        tuple[str, ...],
        BeforeValidator(_names),
        WithJsonSchema({"anyOf": [{"$monazite": "scenario names"}, {"const": []}]}),
        Field(description="scenarios that this one builds on, by name; later ones win"),
    ] = ()
    compare_to: Annotated[str | None, Field(description="scenario to compare with, by name")] = None
    tags: Annotated[
        tuple[str, ...],
        BeforeValidator(_names, json_schema_input_type=str | tuple[str, ...]),
        Field(description="words to find it by"),
    ] = ()
    status: Annotated[
        Literal["v1", "draft"],
        Field(description="v1 once all that its source says is in it; until then draft", examples=["v1"]),
    ] = "draft"
    minerals: Annotated[
        tuple[str, ...],
        BeforeValidator(_names),
        WithJsonSchema({"anyOf": [{"$monazite": "minerals"}, {"const": []}]}),
        Field(description="minerals whose chains are run; all if left out", examples=["[gallium]"]),
    ] = ()
    world: Annotated[
        WorldPart | None,
        world_field,
        Field(description="'panel', a folder of tables of one's own, or these and facilities that are added"),
    ] = None
    governments: Annotated[
        Literal["scripted", "reactive"],
        Field(description="reactive: beside the events of the file, governments act by rules of their own"),
    ] = "scripted"
    engine: Annotated[
        Literal["numpy", "compiled"],
        Field(description="what clears markets; compiled needs the extra 'fast'"),
    ] = "numpy"
    time: Annotated[Time, Field(examples=["{start: 2024-01, end: 2030-12}"])]
    sources: dict[str, Source] = Field(default_factory=dict, description="key -> where figures come from")
    observed: dict[str, Observation] = Field(
        default_factory=dict, description="what was observed, to set beside the results"
    )
    seed: Annotated[
        int | None,
        BeforeValidator(lambda v: v if v is None else _whole(v)),
        Field(description="root of all random numbers", examples=["7"], json_schema_extra={"minimum": 0}),
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
    blocs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Bloc -> ISO-3 codes of its members."""
    status: Literal["v1", "draft"] = "draft"
    """How far it is settled, see ``docs/scenarios.md``."""
    minerals: tuple[str, ...] = ()
    """Minerals whose chains are run; empty for the whole world."""
    world: WorldChoice | None = None
    """Where the world comes from, where the file says it; see :func:`sim.world.source.world_tables`."""
    engine: Literal["numpy", "compiled"] = "numpy"
    """What clears markets: arrays, or machine code that the extra ``fast`` compiles."""
    origin: Mapping[str, Place] = field(default_factory=dict)
    """Dotted path of a value -> file, line and column; defaults have none."""
    warnings: tuple[Problem, ...] = ()
    sweep: SweepSpec | None = None
    """What a sweep of it varies; no part of a single run."""
    lesson: Lesson | None = None
    """What a class does with it; no part of a single run."""

    @property
    def tables(self) -> Path:
        """The folder of world tables that it reads; built and kept where it is not there yet.

        Raises:
            MonaziteError: there is no such world.
        """
        return world_tables(self.base_year, self.minerals, self.world)

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
            "status": self.status,
            **({"minerals": list(self.minerals)} if self.minerals else {}),
            **({"world": world_as_written(self.world)} if self.world is not None else {}),
            "time": {"start": self.start, "end": self.end, "step": self.step},
            **({} if self.seed is None else {"seed": self.seed}),
            **({} if self.engine == "numpy" else {"engine": self.engine}),
            "sources": {k: _dump(v) for k, v in self.sources.items()},
            **({"blocs": {k: list(v) for k, v in self.blocs.items()}} if self.blocs else {}),
            "events": {e.id: _dump(e) for e in self.events},
            "assumptions": {
                k: v.written if isinstance(v, Distribution) else v for k, v in self.assumptions.items()
            },
            "observed": {k: _dump(v) for k, v in self.observed.items()},
        }


def _dump(part: BaseModel) -> dict[str, Any]:
    return part.model_dump(by_alias=True, exclude_none=True, exclude={"id"})


def _missing(name: str) -> Instrument:
    raise KeyError(name)
