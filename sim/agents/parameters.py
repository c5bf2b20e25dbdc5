"""Behavioural parameters: one table, one draw per member.

``data/world/behaviour.csv`` gives for each parameter a value and a range. Member 0 uses the
values; every other member draws each parameter from a triangular distribution over its range
with the value as mode. A draw depends on (seed, member) alone, so a member is the same alone or
among a thousand, and the same in every scenario.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim.errors import MonaziteError
from sim.paths import world_directory
from sim.world.world import FloatArray, World

__all__ = ["Behaviour", "Range", "draw_behaviour", "member_generator", "read_behaviour"]

PARAMETER_STREAM, NOISE_STREAM = 0, 1
SHARED = (
    "sourcing_elasticity", "prior_weight", "offer_elasticity", "restock_elasticity", "restock_ceiling",
    "urgent_elasticity", "markup_demand_elasticity", "markup_ceiling",
)
"""Parameters that shape what all members share (sourcing weights, mark-ups, tiers): no range."""
PER_GOOD = ("sourcing_elasticity", "supply_elasticity", "thrift_elasticity")


@dataclass(frozen=True)
class Range:
    """Central value and range of one parameter for one scope (``all`` or a mineral)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Behaviour:
    """Drawn parameters. Scalars are (M, 1); ``supply_elasticity`` and the like are (M, G)."""

    values: Mapping[str, FloatArray]

    def __getitem__(self, name: str) -> FloatArray:
        return self.values[name]

    def shared(self, name: str) -> float:
        """A parameter that is one number for all members."""
        return float(self.values[name][0, 0])


def member_generator(seed: int, member: int, stream: int) -> np.random.Generator:
    """The random stream of one member, independent of how members are batched."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(member, stream)))


def read_behaviour(path: Path | None = None) -> dict[tuple[str, str], Range]:
    """The table, keyed by (parameter, scope)."""
    source = path if path is not None else world_directory() / "behaviour.csv"
    with source.open(newline="", encoding="utf-8") as handle:
        return {
            (r["parameter"], r["scope"]): Range(float(r["value"]), float(r["low"]), float(r["high"]))
            for r in csv.DictReader(handle)
        }


def with_assumptions(
    table: Mapping[tuple[str, str], Range], assumptions: Mapping[str, float]
) -> dict[tuple[str, str], Range]:
    """Replace values by a scenario's assumptions, ``parameter`` or ``parameter.mineral``.

    An assumption fixes the parameter: its range shrinks to the value.

    Raises:
        MonaziteError: the parameter does not exist, or is not given by mineral.
    """
    result = dict(table)
    known = {name for name, _ in table}
    for key, value in assumptions.items():
        name, _, scope = key.partition(".")
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(sorted(known))}"
            raise MonaziteError(f"assumptions.{key}: unknown parameter '{name}'{hint}")
        if scope and name not in PER_GOOD:
            per_good = ", ".join(PER_GOOD)
            raise MonaziteError(
                f"assumptions.{key}: '{name}' is one number for all minerals; write 'assumptions.{name}'. "
                f"By mineral there are: {per_good}"
            )
        result[name, scope or "all"] = Range(float(value), float(value), float(value))
    return result


def draw_behaviour(
    world: World, table: Mapping[tuple[str, str], Range], members: range, seed: int
) -> Behaviour:
    """Draw every parameter for the given members.

    Raises:
        MonaziteError: a parameter that all members share has a range.
    """
    for (name, scope), span in table.items():
        if name in SHARED and span.low < span.high:
            raise MonaziteError(
                f"behaviour.csv: {name} ({scope}) has the range {span.low} to {span.high}, but all members "
                f"share it; give one value, or vary it by scenario under 'assumptions'"
            )
    names = sorted({name for name, _ in table})
    ranked: list[tuple[str, str]] = sorted(table)
    drawn = {key: np.empty(len(members)) for key in ranked}
    for row, member in enumerate(members):
        uniform = member_generator(seed, member, PARAMETER_STREAM).random(len(names))
        for key in ranked:
            drawn[key][row] = _triangular(table[key], uniform[names.index(key[0])], member)
    values: dict[str, FloatArray] = {}
    for name in names:
        central = drawn[name, "all"][:, None]
        if name in PER_GOOD:
            columns = [drawn.get((name, good.mineral), central[:, 0]) for good in world.goods]
            values[name] = np.stack(columns, axis=1)
        else:
            values[name] = central
    return Behaviour(values)


def _triangular(span: Range, uniform: float, member: int) -> float:
    if member == 0 or span.high <= span.low:
        return span.value
    split = (span.value - span.low) / (span.high - span.low)
    if uniform < split:
        return span.low + float(np.sqrt(uniform * (span.high - span.low) * (span.value - span.low)))
    return span.high - float(np.sqrt((1 - uniform) * (span.high - span.low) * (span.high - span.value)))
