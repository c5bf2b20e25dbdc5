"""The boxes of scenario discovery in words and units of the scenario file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.prim import Found, discover
from sim.analysis.text import number
from sim.units import UNITS

if TYPE_CHECKING:
    from sim.sweep.judged import Judged
    from sim.sweep.read import StoredAxis

__all__ = ["Restriction", "as_json", "find_boxes", "restrictions", "written"]

SHORT = 1.0
"""Years below which a duration is written in days."""
IN_HUNDREDTHS = {"share": " %", "growth rate": " %/year"}


@dataclass(frozen=True)
class Restriction:
    """One factor of a box.

    Attributes:
        path: of the factor.
        low: least value in the box, in the unit inside the model; None where nothing is cut off. high: so.
        kept: of values without order, those in the box; empty otherwise.
        chance: quasi-p-value.
        words: the range in the unit of a scenario file. whole: that of all points.
        sentence: the same inside a sentence, behind "where".
    """

    path: str
    low: float | None
    high: float | None
    kept: tuple[str, ...]
    chance: float
    words: str
    whole: str
    sentence: str


def written(axis: StoredAxis, value: float) -> str:
    """A value of a factor as a scenario file has it.

    Args:
        axis: the factor; its largest value decides between days and years.
        value: in the unit inside the model.
    """
    if axis.dimension in IN_HUNDREDTHS:
        return f"{number(100 * value)}{IN_HUNDREDTHS[axis.dimension]}"
    if axis.dimension == "duration" and max(map(abs, axis.bounds)) < SHORT:
        return f"{number(value * 365.25)} days"
    own = (unit.name for unit in UNITS if unit.dimension == axis.dimension and unit.factor == 1.0)
    return f"{number(value)} {next(own, '')}".strip()


def restrictions(judged: Judged, found: Found) -> list[Restriction]:
    """What a box restricts, the least likely by chance first."""
    inside = found.box.holds(judged.points.place)
    made = []
    for j in sorted(found.box.restricted, key=lambda j: (found.chance[j], j)):
        axis = judged.axes[j]
        if axis.structural:
            kept = tuple(t for i, t in enumerate(axis.levels) if i not in found.box.without[j])
            words, whole = ", ".join(kept), ", ".join(axis.levels)
            text = f"{axis.path} is {' or '.join(kept)}"
            made.append(Restriction(axis.path, None, None, kept, found.chance[j], words, whole, text))
            continue
        values = judged.frame[axis.path].to_numpy(dtype=np.float64)
        ends = [float(values[inside].min()), float(values[inside].max())]
        low = ends[0] if np.isfinite(found.box.low[j]) else None
        high = ends[1] if np.isfinite(found.box.high[j]) else None
        least, most = written(axis, ends[0]), written(axis, ends[1])
        whole = f"{written(axis, float(values.min()))} to {written(axis, float(values.max()))}"
        if low is not None and high is not None:
            words, text = f"{least} to {most}", f"{axis.path} is {least} to {most}"
        elif low is not None:
            words, text = f"from {least}", f"{axis.path} is at least {least}"
        else:
            words, text = f"up to {most}", f"{axis.path} is at most {most}"
        made.append(Restriction(axis.path, low, high, (), found.chance[j], words, whole, text))
    return made


def find_boxes(judged: Judged, boxes: int, density: float | None) -> list[Found]:
    """The boxes of judged points; see :func:`sim.analysis.prim.discover`."""
    return discover(judged.points, boxes, density)


def as_json(judged: Judged, found: Sequence[Found]) -> list[dict[str, Any]]:
    """One entry for each box: its ranges, and how good it is."""
    return [
        {
            "coverage": one.coverage, "density": one.density, "mass": one.mass, "points": one.inside,
            "bad": one.hits, "coverage_held_back": one.held_back[0],
            "density_held_back": None if np.isnan(one.held_back[1]) else one.held_back[1],
            "restrictions": [
                {
                    "factor": r.path, "low": r.low, "high": r.high, "kept": list(r.kept), "p": r.chance,
                    "words": r.words,
                }
                for r in restrictions(judged, one)
            ],
        }
        for one in found
    ]  # fmt: skip
