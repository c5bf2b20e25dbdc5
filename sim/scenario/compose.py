"""Overrides of the command line, in Hydra's grammar. Imported only where there are overrides."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, QuotedString
from hydra.core.override_parser.types import Override as HydraOverride
from hydra.errors import HydraException

from sim.errors import MonaziteError, Problem
from sim.scenario.node import COMMAND_LINE, Override

__all__ = ["parse_overrides", "split_sweeps"]

INTERVAL = re.compile(r"([\w.-]+)=interval\(([^,()]+),([^,()]+)\)")
LONGEST_OVERRIDE = 10_000
MOST_VALUES = 100_000
"""Of one swept path; ``range`` writes them in few words."""


def parse_overrides(overrides: Sequence[str | Override]) -> tuple[list[Override], list[Problem]]:
    """Read ``key=value``, ``+key=value`` and ``~key``.

    Interpolations such as ``${oc.env:HOME}`` and sweeps such as ``seed=1,2`` are problems: a
    scenario has one value for each key, and none of them comes from the machine it runs on.
    """
    parser = OverridesParser.create()
    parsed: list[Override] = []
    problems: list[Problem] = []
    for number, text in enumerate(overrides, start=1):
        if isinstance(text, Override):
            parsed.append(text)
            continue

        def refuse(
            message: str, remedy: str, column: int = 1, number: int = number, text: str = text
        ) -> None:
            problems.append(Problem(COMMAND_LINE, number, column, "", message, remedy, text))

        if len(text) > LONGEST_OVERRIDE:
            refuse("the override is too long", "put it into a scenario file")
            continue
        try:
            found = parser.parse_override(text)
        except (HydraException, RecursionError) as error:
            reason = " ".join(str(error).splitlines()[:1]) or type(error).__name__
            refuse(f"cannot be read as an override ({reason})", "write for example 'time.end=2027-12'")
            continue
        value = text.find("=") + 2
        path = tuple(found.key_or_group.split("."))
        if found.is_sweep_override():
            refuse("a sweep stands where one value is needed", "put text with a comma in quotes", value)
        elif found.package is not None or "/" in found.key_or_group or not all(path):
            refuse("names no field of a scenario", "write for example 'time.end=2027-12'")
        elif "${" in text:
            refuse("interpolations are refused", "write the value", value)
        else:
            parsed.append(_override(found, path, text, number))
    return parsed, problems


def _override(found: HydraOverride, path: tuple[str, ...], text: str, number: int) -> Override:
    add = found.is_add() or found.is_force_add()
    value = None if found.is_delete() else found.value()
    return Override(path, value, text, number, add=add, delete=found.is_delete())


def split_sweeps(overrides: Sequence[str]) -> tuple[list[str], dict[str, object]]:
    """Overrides with one value, and what is swept: path -> list of values, or a distribution.

    Hydra's ``a,b``, ``choice(a,b)`` and ``range(0,10)`` are lists, its ``interval(0,1)`` is uniform. What
    cannot be read is left for :func:`parse_overrides` to explain.
    """
    parser = OverridesParser.create()
    plain: list[str] = []
    swept: dict[str, object] = {}
    for text in overrides:
        try:
            found = parser.parse_override(text)
        except (HydraException, RecursionError):
            # Hydra's interval takes bare numbers; a share or a time has its unit here as everywhere.
            if (ends := INTERVAL.fullmatch(text)) and len(text) <= LONGEST_OVERRIDE and "${" not in text:
                swept[ends[1]] = {"uniform": [ends[2].strip(), ends[3].strip()]}
            else:
                plain.append(text)
            continue
        # A shuffled sweep would differ from day to day, and a glob names no value of a scenario.
        shuffled = getattr(found.value(), "shuffle", False) or isinstance(found.value(), Glob)
        if len(text) > LONGEST_OVERRIDE or not found.is_sweep_override() or "${" in text or shuffled:
            plain.append(text)
        elif found.is_interval_sweep():
            sweep: Any = found.value()
            swept[found.key_or_group] = {"uniform": [sweep.start, sweep.end]}
        else:
            values = list(itertools.islice(found.sweep_iterator(), MOST_VALUES + 1))
            if len(values) > MOST_VALUES:
                raise MonaziteError(
                    f"{found.key_or_group}: more than {MOST_VALUES:,} values to vary; write fewer"
                )
            swept[found.key_or_group] = [_plain(item) for item in values]
    return plain, swept


def _plain(value: object) -> object:
    return value.text if isinstance(value, QuotedString) else value
