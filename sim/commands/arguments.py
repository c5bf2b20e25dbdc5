"""Scenario names, overrides and settings among the words of a command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sim.errors import MonaziteError

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["for_scenario", "setting", "split", "text_setting"]


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Scenario names, and overrides: what holds an equals sign or starts with a tilde."""
    overrides = [word for word in words if "=" in word or word.startswith("~")]
    return [word for word in words if word not in overrides], overrides


def setting(overrides: list[str], name: str, given: int | None) -> int | None:
    """A run setting from its option, or from an override such as ``seed=7``; the option wins."""
    value = None
    for override in [o for o in overrides if o.partition("=")[0] == name]:
        overrides.remove(override)
        text = override.partition("=")[2]
        try:
            value = int(text)
        except ValueError:
            raise MonaziteError(
                f"{name}: '{text}' is not a whole number; write for example {name}=7"
            ) from None
    return value if given is None else given


def for_scenario(overrides: Sequence[str], scenario: Scenario, others: Sequence[Scenario]) -> tuple[str, ...]:
    """The overrides that concern one of several scenarios.

    One that names an event goes to the scenarios that have the event; a new event goes to all that
    are nobody's baseline; everything else (assumptions, time) goes to all, so they stay paired.
    """
    chosen = []
    baselines = {other.compare_to for other in others}
    for override in overrides:
        path = override.lstrip("+~").partition("=")[0].split(".")
        if path[0] != "events" or len(path) < 2 or len(others) == 1:
            chosen.append(override)
            continue
        holders = [o.name for o in others if path[1] in {event.id for event in o.events}]
        if scenario.name in holders or (not holders and scenario.name not in baselines):
            chosen.append(override)
    return tuple(chosen)


def text_setting(overrides: list[str], name: str, given: str | None) -> str | None:
    """The same for a setting that is text."""
    value = None
    for override in [o for o in overrides if o.partition("=")[0] == name]:
        overrides.remove(override)
        value = override.partition("=")[2].strip("'\"")
    return value if given is None else given
