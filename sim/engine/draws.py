"""The events of a run as its members see them: every uncertain quantity drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from sim.agents.parameters import Draws
from sim.distributions import UncertainQuantity
from sim.instruments import Instrument
from sim.instruments.dated import ALWAYS
from sim.units import Quantity

__all__ = ["draw_events"]


def draw_events(events: Sequence[Instrument], draws: Draws) -> tuple[Instrument, ...]:
    """The events with every uncertain or set quantity drawn; ``draws`` records them."""
    return tuple(_drawn(event, f"events.{event.id}", draws) for event in events)


def _drawn(value: Any, path: str, draws: Draws) -> Any:
    if isinstance(value, Quantity):
        distribution = value.distribution if isinstance(value, UncertainQuantity) else None
        drawn = draws.of(path, distribution)
        return value if drawn is None else Quantity(value.value, value.dimension, value.text, drawn=drawn)
    if isinstance(value, BaseModel):
        changed = {}
        for name, field in type(value).model_fields.items():
            old = getattr(value, name)
            new = _drawn(old, f"{path}.{field.alias or name}", draws)
            if new is not old:
                changed[name] = new
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, Mapping):
        # One value for every destination, or for all time, is written without the word or the date, so its
        # path goes without, too.
        alone = list(value) in (["world"], [ALWAYS])
        items = {
            key: _drawn(item, path if alone else f"{path}.{key}", draws)
            for key, item in value.items()
        }
        return items if any(items[key] is not item for key, item in value.items()) else value
    if isinstance(value, tuple):
        parts = tuple(_drawn(item, f"{path}.{i}", draws) for i, item in enumerate(value))
        return parts if any(new is not old for new, old in zip(parts, value, strict=True)) else value
    return value
