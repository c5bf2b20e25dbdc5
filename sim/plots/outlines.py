"""Outlines of countries on a flat map, and where their middles are.

Outlines: Natural Earth, 1:110m, public domain (``data/maps``). Projection: Equal Earth (Savric, Patterson and
Jenny 2018), which keeps areas.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim.paths import share_root, world_directory
from sim.tables import read_table

__all__ = ["FRAME", "middles", "outlines", "projected"]

Values = npt.NDArray[np.float64]
COEFFICIENTS = (1.340264, -0.081106, 0.000893, 0.003796)
FRAME = (-2.75, 2.75, -1.02, 1.28)
"""Left, right, bottom and top of the part of the map that is shown; Antarctica is not."""


def projected(degrees: Values) -> Values:
    """(n, 2) longitude and latitude in degrees -> (n, 2) places on the map."""
    longitude, latitude = np.radians(np.asarray(degrees, dtype=np.float64)).T
    a, b, c, d = COEFFICIENTS
    theta = np.arcsin(np.sqrt(3) / 2 * np.sin(latitude))
    square = theta**2
    slope = 9 * d * square**4 + 7 * c * square**3 + 3 * b * square + a
    x = 2 * np.sqrt(3) * longitude * np.cos(theta) / (3 * slope)
    y = theta * (d * square**4 + c * square**3 + b * square + a)
    return np.column_stack([x, y])


@lru_cache(maxsize=1)
def outlines() -> dict[str, tuple[Values, ...]]:
    """ISO-3 code -> the rings of the country on the map."""
    path = share_root() / "data" / "maps" / "world_110m.geojson"
    found = {}
    for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
        code = str(feature["properties"]["iso3"])
        shape = feature["geometry"]
        parts = shape["coordinates"] if shape["type"] == "MultiPolygon" else [shape["coordinates"]]
        if code != "ATA":
            found[code] = tuple(projected(np.array(part[0])) for part in parts)
    return found


def middles() -> dict[str, Values]:
    """ISO-3 code -> (2,) the middle of the country's largest part on the map."""
    return _middles(world_directory() / "countries.csv")


@lru_cache(maxsize=4)
def _middles(path: Path) -> dict[str, Values]:
    table = read_table(path, ("iso3", "lon", "lat")).dictionaries()
    return {
        row["iso3"]: projected(np.array([[float(row["lon"]), float(row["lat"])]]))[0]
        for row in table
        if row["lon"] and row["lat"]
    }
