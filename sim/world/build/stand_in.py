"""Source tables that stand in for those of ``data/raw``: what worlds of the panel and of one's own share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sim.world.build.raw import OTHER, Raw, Row

__all__ = ["StandIn"]

LEVELS = (2009, 2022)
"""The years between which value added is known; other years lie on the line of its logarithm."""
EMPTY = (
    "trade_pins", "us_sources", "traders", "tariffs", "controls", "cash_costs_by_facility", "mines",
    "mine_firms", "mine_splits", "supply_extra", "processors", "use_countries", "end_uses",
)  # fmt: skip


class StandIn(Raw):
    """Hand-made tables of ``data/raw`` where they hold for any world; a method ``_NAME`` stands for a table.

    Args:
        root: the folder that holds ``data/raw``.
        year: of the world.
    """

    def __init__(self, root: Path, year: int) -> None:
        super().__init__(root)
        self.root, self.year = root, year

    def rows(self, name: str) -> list[Row]:
        """A table of assumptions, or what stands in its place."""
        if name not in self._tables:
            if hasattr(self, f"_{name}"):
                self._tables[name] = getattr(self, f"_{name}")()
            elif name in EMPTY:
                self._tables[name] = []
        return super().rows(name)

    def usual(self, name: str) -> list[Row]:
        """The table of the curated worlds."""
        return Raw(self.root).rows(name)

    def _sector_years(self) -> list[Row]:
        """Value added of the year over that of 2022, from the one year between which it is known."""
        low, high = LEVELS
        power = max(high - self.year, 0) / (high - low)
        return [
            {**r, "base_year": "", "factor": str(float(r["factor"]) ** power)}
            for r in self.usual("sector_years")
            if r["base_year"] == str(low)
        ]

    def with_countries(self, more: Iterable[str]) -> list[Row]:
        """The countries of the curated worlds, and those of ``more`` that have a place on the map."""
        rows = self.usual("countries")
        listed = {r["iso3"] for r in rows} | {OTHER}
        frame = self.frame("countries.csv").set_index("iso3")
        placed = set(frame.index[frame["lon"].notna()])
        added = sorted((set(more) - listed) & placed)
        extra = {"lon": "", "lat": "", "brics": "0", "duty_on_fob": "0", "duty_source": ""}
        return [*rows, *({"iso3": code, "name": str(frame.at[code, "name"]), **extra} for code in added)]
