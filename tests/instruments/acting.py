"""Makes events and lets them act on fresh controls."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from sim.agents.parameters import Draws
from sim.controls import Controls
from sim.engine.draws import draw_events
from sim.instruments import Instrument, instrument_class
from sim.world.labels import Labels
from sim.world.world import World

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
    """Controls of one month after the events were announced and applied."""
    controls = Controls(world)
    controls.date, controls.end = month, (month + dt.timedelta(days=31)).replace(day=1)
    for one in events:
        one.announce(controls)
        one.apply(controls, share)
    return controls


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
