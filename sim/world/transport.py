"""How long shipments travel and what they cost: distances, and the rules of ``transport.csv``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim.tables import Problems, read_table
from sim.units import DAYS_PER_YEAR
from sim.world.world import BoolArray, FloatArray

__all__ = ["Transport", "great_circle_km", "read_transport"]

EARTH_RADIUS_KM = 6371.0
KM_PER_UNIT = 1000.0
"""The unit of distance in which freight is stated."""


@dataclass(frozen=True)
class Transport:
    """Rules for shipments between countries; within a country nothing travels."""

    sailing_speed: float
    """Great-circle km a day."""
    handling_time: float
    """Days, whatever the distance."""
    freight_base: float
    """Share of FOB value."""
    freight_by_distance: float
    """Share of FOB value per 1,000 km."""

    def years(self, km: FloatArray, abroad: BoolArray) -> FloatArray:
        """Time under way, of the shape of ``km``; 0 where not ``abroad``."""
        return np.where(abroad, (self.handling_time + km / self.sailing_speed) / DAYS_PER_YEAR, 0.0)

    def freight(self, km: FloatArray, abroad: BoolArray) -> FloatArray:
        """Freight and insurance as a share of FOB value, of the shape of ``km``; 0 where not ``abroad``."""
        return np.where(abroad, self.freight_base + self.freight_by_distance * km / KM_PER_UNIT, 0.0)


def read_transport(path: Path, problems: Problems) -> Transport:
    """The rules in ``transport.csv``; what is wrong with single cells is noted.

    Raises:
        MonaziteError: no such file, or columns are missing.
    """
    table = read_table(path, ("rule", "value"), problems)
    rules = dict.fromkeys(Transport.__dataclass_fields__, 0.0)
    seen = set()
    for row in table:
        name = row.word("rule", rules, "rule")
        seen.add(name)
        rules[name] = row.number("value", low=0.0, positive=name == "sailing_speed")
    for name in rules:
        if name not in seen:
            problems.note(str(path), f"has no rule '{name}'", "add its row")
    return Transport(**{name: rules[name] for name in Transport.__dataclass_fields__})


def great_circle_km(longitude: FloatArray, latitude: FloatArray) -> FloatArray:
    """Great-circle distances, (C, C) km, from degrees."""
    lon, lat = np.radians(longitude), np.radians(latitude)
    half = np.sin((lat[:, None] - lat) / 2) ** 2
    half = half + np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    distance: FloatArray = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return distance
