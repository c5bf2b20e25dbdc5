"""A comparison: sections of rows, one band over members for each scenario; how bands are taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

__all__ = ["Band", "Comparison", "Key", "Row", "Section", "Values", "band"]


@dataclass(frozen=True)
class Band:
    """Median and 10th to 90th percentile over members. Infinity: not within the run."""

    median: float
    low: float
    high: float
    members: int

    def as_dict(self) -> dict[str, float | int | str | None]:
        """JSON form; infinity becomes the text ``beyond the run``, NaN becomes null."""

        def plain(value: float) -> float | str | None:
            if np.isnan(value):
                return None
            return "beyond the run" if np.isinf(value) else float(f"{value:.6g}")

        return {
            "median": plain(self.median),
            "p10": plain(self.low),
            "p90": plain(self.high),
            "members": self.members,
        }


def band(values: Values) -> Band:
    """Median and p10-p90 of one value per member, NaN left out.

    Where a value is infinite the quantiles are values of members: between a number and "never"
    there is nothing to interpolate.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return Band(np.nan, np.nan, np.nan, 0)
    method: Any = "linear" if np.isfinite(known).all() else "nearest"
    low, middle, high = np.quantile(known, [0.1, 0.5, 0.9], method=method)
    return Band(float(middle), float(low), float(high), len(known))


@dataclass(frozen=True, order=True)
class Key:
    """What a number is about.

    Attributes:
        measure: a name of :data:`sim.analysis.measures.MEASURES`.
        good: good id; empty for what is added up over goods.
        place: ISO-3 code of a country; empty for the world, or where it has no place.
        sector: of users; empty for all of them.
        owner: of facilities; empty for all of them.
        event: id of an event; empty for what is not of one.
    """

    measure: str
    good: str = ""
    place: str = ""
    sector: str = ""
    owner: str = ""
    event: str = ""


@dataclass(frozen=True)
class Row:
    """One measure over all runs.

    Attributes:
        name: in words, as tables show it; two blanks before what belongs to the row above.
        unit: of the values, empty where they have none.
        kind: how to print: number, multiple, month, duration, share or change.
        bands: scenario -> band; a scenario that it does not concern is left out.
        key: what it is about.
        values: scenario -> (member,) what the band is taken over.
    """

    name: str
    unit: str
    kind: str
    bands: dict[str, Band]
    key: Key = Key("")
    values: dict[str, Values] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Section:
    """The rows of one good, or of the whole economy."""

    key: str
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Comparison:
    """All sections, the columns in order, and how far a run reaches, in months."""

    baseline: str
    scenarios: tuple[str, ...]
    sections: tuple[Section, ...]
    horizon_months: dict[str, float]
    members: int
    """Pairs of members, of the scenario that has fewest."""
    period: tuple[str, str] = ("", "")
    """First and last month, the same for all columns: totals are over these."""
    names: dict[str, str] = field(default_factory=dict)
    """Heads of the columns, in words."""
    notes: tuple[str, ...] = ()
    """What a reader must know of what was compared."""
    titles: dict[str, str] = field(default_factory=dict)
    """What each column is, from its scenario's title."""
    reach: dict[tuple[str, str], float] = field(default_factory=dict)
    """(Scenario, good) -> months that the run covers after the first event that touches the good."""

    def horizon(self, scenario: str, good: str) -> float:
        """Months that a run covers after the event from which those of a row count."""
        return self.reach.get((scenario, good), self.horizon_months.get(scenario, 0.0))

    def rows(self) -> list[Row]:
        """The rows of all sections."""
        return [row for section in self.sections for row in section.rows]

    def as_dict(self) -> dict[str, Any]:
        """JSON form: one entry per good, measure and scenario."""
        return {
            "baseline": self.baseline,
            "scenarios": list(self.scenarios),
            "members": self.members,
            "period": list(self.period),
            "names": dict(self.names),
            "titles": dict(self.titles),
            "notes": list(self.notes),
            "sections": [
                {
                    "key": section.key,
                    "title": section.title,
                    "rows": [
                        {
                            "measure": row.name,
                            "key": {name: value for name, value in vars(row.key).items() if value},
                            "unit": row.unit,
                            "kind": row.kind,
                            "values": {name: b.as_dict() for name, b in row.bands.items()},
                        }
                        for row in section.rows
                    ],
                }
                for section in self.sections
            ],
        }
