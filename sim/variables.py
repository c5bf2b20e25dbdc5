"""The variables of a data set: axes, unit, meaning and how each is summed up, from one table.

``sim/results/variables.csv`` describes all that a run or a sweep keeps, one row per variable. Whoever writes
results takes their attributes from it, and whoever sums them up the way to do so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType

from sim.tables import read_table

__all__ = ["DETAILS", "OVER_AGENTS", "OVER_MEMBERS", "OVER_TIME", "VARIABLES", "Variable", "written_by"]

TABLE = Path(__file__).resolve().parent / "results" / "variables.csv"

OVER_TIME = ("sum", "mean", "last", "largest", "every", "")
"""How steps become one number for the run; empty where they do not, or where there are no steps."""
OVER_AGENTS = ("sum", "largest", "every", "")
"""How the labels of the last axis become one number; empty where that would mean nothing."""
OVER_MEMBERS = ("quantiles", "largest", "every")
DETAILS = {
    "run": "single runs alone keep it",
    "alike": "single runs and sweeps keep it alike",
    "summed": "single runs keep it by facility, sweeps summed to countries and kinds of facility",
    "sweep": "sweeps alone keep it",
    "every_flow": "sweeps alone keep it, where asked to keep every flow",
    "outcome": "sweeps alone keep it, one number per member and good for the whole run",
    "total": "sweeps alone keep it: the sum over the run of what single runs keep by step",
}
SUMMED = ", summed by country and kind"


@dataclass(frozen=True)
class Variable:
    """One variable: a row of the table.

    Attributes:
        name: under which it stands in the data set.
        axes: in their order, the member's first where there is one.
        dtype: numpy's name of the stored type.
        unit: as results state it.
        sentence: what it is; ``long_name`` in results.
        writer: the part of the engine that knows it.
        over_time: one of :data:`OVER_TIME`.
        over_agents: one of :data:`OVER_AGENTS`.
        over_members: one of :data:`OVER_MEMBERS`.
        detail: one of :data:`DETAILS`.
    """

    name: str
    axes: tuple[str, ...]
    dtype: str
    unit: str
    sentence: str
    writer: str
    over_time: str
    over_agents: str
    over_members: str
    detail: str

    @property
    def attributes(self) -> dict[str, str]:
        """Unit and meaning, as a run's results carry them."""
        return {"units": self.unit, "long_name": self.sentence}

    @property
    def in_run(self) -> bool:
        """Whether a single run may keep it."""
        return self.detail in ("run", "alike", "summed")

    @property
    def in_sweep(self) -> bool:
        """Whether a sweep may keep it."""
        return self.detail != "run"

    @property
    def in_sweep_attributes(self) -> dict[str, str]:
        """Unit and meaning, as a sweep's results carry them."""
        text = self.sentence + (SUMMED if self.detail == "summed" else "")
        return {"units": self.unit, "long_name": text}


def _read() -> dict[str, Variable]:
    plain = [field.name for field in fields(Variable) if field.name != "axes"]
    table = read_table(TABLE, ("axes", *plain), remedy="install Monazite anew")
    return {
        row.text("name"): Variable(
            axes=tuple(row.text("axes").split()), **{name: row.text(name) for name in plain}
        )
        for row in table
    }


VARIABLES: Mapping[str, Variable] = MappingProxyType(_read())
"""Name -> variable, in the order of the table."""


@cache
def written_by(writer: str) -> Mapping[str, Variable]:
    """The variables of one part of the engine, in the order of the table.

    Raises:
        KeyError: no variable has that writer.
    """
    found = {name: variable for name, variable in VARIABLES.items() if variable.writer == writer}
    if not found:
        raise KeyError(writer)
    return MappingProxyType(found)
