"""Instruments of trade policy: one file each, found by name."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from sim.instruments.base import Instrument

__all__ = ["Instrument", "instrument_class", "instrument_types"]

SHARED = {
    "__init__", "base", "calendar", "condition", "dated", "deal", "measures", "naming", "piles", "process",
    "project_measures", "selecting", "targets", "words",
}  # fmt: skip


@cache
def instrument_types() -> tuple[str, ...]:
    """Names of all instruments: the files of this folder that are not shared by the others."""
    return tuple(sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in SHARED))


def instrument_class(name: str) -> type[Instrument]:
    """The class of an instrument; imports its file on first use.

    Raises:
        KeyError: there is no such instrument.
    """
    if name not in instrument_types():
        raise KeyError(name)
    found: type[Instrument] = importlib.import_module(f"sim.instruments.{name}").INSTRUMENT
    return found
