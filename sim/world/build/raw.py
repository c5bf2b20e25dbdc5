"""Readers of ``data/raw``. Every table is read once and never written."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sim.tables import read_table

__all__ = ["OTHER", "Raw", "Row"]

OTHER = "ROW"
RESTORE = "restore it from the repository"
STATED = ("rule", "value", "low", "high", "unit", "source", "confidence")
ALIASES = {
    "Korea, Republic of": "KOR",
    "Congo (Kinshasa)": "COD",
    "Burma": "MMR",
    "Vietnam": "VNM",
    "Turkey": "TUR",
}
Row = dict[str, Any]


class Raw:
    """The source tables under ``root``/data/raw, as data frames or lists of rows."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "data" / "raw"
        self._tables: dict[str, list[Row]] = {}

    def frame(self, name: str, **options: Any) -> pd.DataFrame:
        """One source table; text "NA" stays text (it is Namibia's ISO-2 code).

        Raises:
            FileNotFoundError: the table is not in data/raw.
        """
        frame: pd.DataFrame = pd.read_csv(
            self.folder / name, keep_default_na=False, na_values=[""], **options
        )
        return frame

    def rows(self, name: str) -> list[Row]:
        """An assumption table as a list of rows; empty cells are empty strings."""
        if name not in self._tables:
            path = self.folder / "assumptions" / f"{name}.csv"
            self._tables[name] = [dict(row) for row in read_table(path, remedy=RESTORE).dictionaries()]
        return self._tables[name]

    def base_years(self) -> list[int]:
        """The years of which worlds are built.

        Raises:
            MonaziteError: the table of base years names something else.
        """
        table = read_table(self.folder / "assumptions" / "base_years.csv", ("base_year",), remedy=RESTORE)
        years = [row.number("base_year") for row in table]
        table.problems.check()
        return [int(year) for year in years]

    def rules(self, name: str) -> dict[str, float]:
        """An assumption table with columns rule, value, low, high: rule -> value.

        Raises:
            MonaziteError: a value is no number, or not between low and high.
        """
        table = read_table(self.folder / "assumptions" / f"{name}.csv", STATED, remedy=RESTORE)
        found = {}
        for row in table:
            low, high = row.number("low"), row.number("high")
            found[row.text("rule")] = row.number("value", low, high)
        table.problems.check()
        return found

    def behaviour(self, *names: str) -> dict[str, float]:
        """Values of behavioural parameters, which the build shares with the model."""
        return {r["parameter"]: float(r["value"]) for r in self.rows("behaviour") if r["parameter"] in names}

    def rows_for(self, name: str, year: int) -> list[Row]:
        """Rows of an assumption table that hold in a base year (``base_year`` empty = every year)."""
        return [r for r in self.rows(name) if str(year) in r["base_year"].split(";") or not r["base_year"]]

    @cached_property
    def baci(self) -> pd.DataFrame:
        """Bilateral trade: year, hs6, exporter, importer, value_kusd, quantity_t (gross weight).

        Of all files ``baci_*.csv.gz``, each with some years.
        """
        files = sorted(path.name for path in self.folder.glob("baci_*.csv.gz"))
        frame = pd.concat([self.frame(name, dtype={"hs6": str}) for name in files], ignore_index=True)
        return frame[frame.exporter != frame.importer]

    @cached_property
    def panel(self) -> pd.DataFrame:
        """USGS world production and capacity by country, tonnes."""
        return self.frame("usgs_world_panel_2021_2025.csv")

    @cached_property
    def _world_2024(self) -> pd.DataFrame:
        """USGS world output 2024 of the minerals that the panel lacks, tonnes."""
        return self.frame("usgs_world_2024.csv").assign(measure="production")

    def us_import_sources(self, commodity: str, detail: str) -> dict[str, float]:
        """Shares of US imports 2021-24 by origin, named origins only.

        Raises:
            KeyError: USGS has no such row.
        """
        frame = self.frame("base_us_import_sources_2021_24.csv")
        part = frame[(frame.commodity == commodity) & (frame.detail == detail)]
        if part.empty:
            raise KeyError(f"no US import sources of {commodity}, {detail}")
        codes = {r["name"]: r["iso3"] for r in self.rows("countries")} | ALIASES
        return {
            codes[str(c)]: float(v) / 100.0
            for c, v in zip(part.country, part.value, strict=True)
            if str(c) in codes
        }

    def mine_output(
        self, mineral: str, stage: str, year: int, measure: str = "production"
    ) -> dict[str, float]:
        """USGS tonnes by country, largest first, rest of world under ``ROW``.

        Raises:
            KeyError: the panel has no such series.
        """
        p = pd.concat([self.panel, self._world_2024]) if measure == "production" else self.panel
        mask = (p.mineral == mineral) & (p.stage == stage) & (p.year == year) & (p.measure == measure)
        part = p[mask]
        if part.empty:
            raise KeyError(f"no {measure} of {mineral}, {stage}, {year} in the USGS panel")
        found = {str(i): float(v) for i, v in zip(part.iso3, part.value_t, strict=True)}
        tonnes = {i: v for i, v in found.items() if i != "WLD" and v > 0}
        return dict(sorted(tonnes.items(), key=lambda item: (-item[1], item[0])))

    @cached_property
    def value_added(self) -> dict[str, dict[str, float]]:
        """Value added 2022 by source sector and country, USD (aggregates left out)."""
        frame = self.frame("sector_value_added_est2022.csv")
        result: dict[str, dict[str, float]] = {}
        for iso3, sector, value in zip(frame.iso3, frame.sector, frame.value, strict=True):
            if iso3 not in ("WLD", "EU27"):
                result.setdefault(str(sector), {})[str(iso3)] = float(value) * 1e6
        return result
