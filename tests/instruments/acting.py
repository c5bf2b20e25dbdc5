"""Makes events and lets them act on fresh controls."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from sim.agents.parameters import Draws
from sim.controls import Controls
from sim.engine.draws import draw_events
from sim.engine.run import lay_out
from sim.instruments import Instrument, instrument_class
from sim.instruments.process import Setting
from sim.world.labels import Labels
from sim.world.world import BoolArray, World
from tests.engine_events import PlainScenario

START = dt.date(2025, 1, 1)


def event(kind: str, labels: Labels | None = None, **fields: Any) -> Instrument:
    given = {"id": "e", "type": kind, "from": START, "assumption": True} | fields
    return instrument_class(kind).model_validate(given, context={"labels": labels})


def drawn(one: Instrument, **values: Any) -> Any:
    """The event as members see it who drew ``values``, field -> (M,) numbers in the unit of the model."""
    given = {f"events.e.{field}": np.asarray(v, dtype=float) for field, v in values.items()}
    members = len(next(iter(given.values())))
    return draw_events([one], Draws(range(members), 1, given))[0]


def acted(world: World, *events: Instrument, share: Any = 1.0, month: dt.date = START) -> Controls:
    """Controls of one month after the events were applied, and what they remember has acted."""
    controls = Controls(world)
    controls.date, controls.end = month, (month + dt.timedelta(days=31)).replace(day=1)
    for one in events:
        one.apply(controls, share)
    for kind in dict.fromkeys(type(one) for one in events):
        if kind.process.__func__ is not Instrument.process.__func__:  # type: ignore[attr-defined]
            process = kind.process([one for one in events if type(one) is kind], setting(world))
            if process is not None:
                process.act(controls, {one.id: share for one in events})
    return controls


def restricted(world: World, one: Instrument, month: dt.date = START) -> BoolArray:
    """(G, C, C) links whose trade an event restricts."""
    controls = Controls(world)
    controls.date, controls.end = month, (month + dt.timedelta(days=31)).replace(day=1)
    return one.restricts(controls)


SETTINGS: dict[int, Setting] = {}


def setting(world: World) -> Setting:
    """What processes are made with, for one member."""
    if id(world) not in SETTINGS:
        scenario: Any = PlainScenario()
        prepared = lay_out(world, scenario, [0], 1).prepared
        SETTINGS[id(world)] = Setting(
            world, prepared.benchmark, prepared.behaviour, prepared.step_years, prepared.members
        )
    return SETTINGS[id(world)]


def at(world: World, good: str, exporter: str, importer: str) -> tuple[int, int, int]:
    goods = [g.id for g in world.goods]
    return goods.index(good), world.countries.index(exporter), world.countries.index(importer)


def needs(world: World, values: np.ndarray[Any, Any]) -> dict[tuple[str, str], float]:
    return {
        (world.goods[g].id, world.facilities[f]): float(v)
        for g, f, v in zip(world.need_good, world.need_facility, values, strict=True)
    }


def offers(world: World, values: np.ndarray[Any, Any]) -> dict[tuple[str, str], float]:
    return {
        (world.goods[g].id, world.facilities[f]): float(v)
        for g, f, v in zip(world.offer_good, world.offer_facility, values, strict=True)
    }
