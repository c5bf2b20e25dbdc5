"""The bundled panel: output, trade and prices of many minerals by year, as the builder's source tables."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from sim.tables import read_table
from sim.world.build.raw import RESTORE, Row
from sim.world.build.stand_in import StandIn

__all__ = ["Panel"]

KNOWN_OUTPUT = 0.01
"""A country with this share of a stage's output is an agent of its own."""
KNOWN_TRADE = 0.02
"""A country with this share of a code's imports or exports is one, too."""
YOUNG = {"ev": ("other_automotive", 2010, 2024), "data_centres": ("electronics", 2000, 2024)}
"""Sectors that hardly were: before the first year their use is that of another; it grows to the second."""
USUAL_HOME = 0.85
PAST_YEARS, LEAST_PAST = 5, 3
"""Years before its own that a world remembers, and how many of them have to be known."""


class Panel(StandIn):
    """Source tables of some minerals in one year: hand-made ones of ``data/raw``, figures of ``data/panel``.

    Args:
        root: the folder that holds ``data/raw`` and ``data/panel``.
        minerals: names as in ``data/panel/chains.csv``.
        year: one for which the panel has them.
    """

    def __init__(self, root: Path, minerals: tuple[str, ...], year: int) -> None:
        super().__init__(root, year)
        self.panel_folder, self.minerals = root / "data" / "panel", minerals
        rows = self._own("chains")
        self.chain = [row for row in rows if row["mineral"] in minerals]
        self.inputs = {row["input"] for row in self.chain if row["input"]}

    def _own(self, name: str) -> list[Row]:
        table = read_table(self.panel_folder / f"{name}.csv", remedy=RESTORE)
        return [dict(row) for row in table.dictionaries()]

    @cached_property
    def baci(self) -> pd.DataFrame:
        """Bilateral trade of the chain's codes in the year."""
        codes = sorted({code for row in self.chain for code in row["codes"].split(";") if code})
        if not codes:
            columns = ("year", "hs6", "exporter", "importer", "value_kusd", "quantity_t")
            return pd.DataFrame({column: [] for column in columns})
        filters = [("hs6", "in", codes), ("year", "==", self.year)]
        frame = pd.read_parquet(self.panel_folder / "trade.parquet", filters=filters)
        for column in ("hs6", "exporter", "importer"):
            frame[column] = frame[column].astype(str)
        return frame.astype({"value_kusd": float, "quantity_t": float})

    @cached_property
    def _figures(self) -> pd.DataFrame:
        filters = [("mineral", "in", list(self.minerals)), ("year", "==", self.year)]
        frame = pd.read_parquet(self.panel_folder / "output.parquet", filters=filters)
        return frame.astype(dict.fromkeys(("mineral", "stage", "iso3", "source", "confidence"), str))

    def stage_output(self, row: Row) -> tuple[dict[str, float], str, str]:
        """Tonnes by country of a good, largest first, with source and confidence; nothing where unknown."""
        frame = self._figures
        part = frame[(frame.mineral == row["mineral"]) & (frame.stage == row["output"])]
        if part.empty:
            return {}, "", ""
        found = {str(i): float(t) for i, t in zip(part.iso3, part.tonnes, strict=True)}
        ordered = dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
        return ordered, str(part.source.iloc[0]), str(part.confidence.iloc[0])

    def codes_of(self, row: Row) -> list[str]:
        """Codes of a good that have records in the year."""
        traded = set(self.baci.hs6.unique())
        return [code for code in row["codes"].split(";") if code in traded]

    def prices(self) -> dict[str, Row]:
        """Price of each good, USD per tonne of its unit, with series, source and confidence.

        Raises:
            KeyError: the panel has no price of the year.
        """
        frame = pd.read_parquet(self.panel_folder / "prices.parquet", filters=[("year", "==", self.year)])
        known = {str(r["series"]): r for r in frame.to_dict("records")}
        found = {}
        for row in self.chain:
            price, factor = known[row["price"]], float(row["price_factor"])
            series = row["price"] if factor == 1 else f"{factor:g} x {row['price']}"
            confidence = str(price["confidence"]) if factor == 1 else "assumption"
            value = float(price["usd_t"]) * factor
            found[row["good"]] = {
                "price_usd_t": value,
                "series": series,
                "source": str(price["source"]),
                "confidence": confidence,
            }
        return found

    def past_prices(self) -> list[Row]:
        """Prices of each good in the years before, at the money of the year, as multiples of its price.

        Of goods of which the panel has fewer than :data:`LEAST_PAST` of the last :data:`PAST_YEARS` years
        there is none: one year is no memory.
        """
        years = ("year", ">=", self.year - PAST_YEARS), ("year", "<=", self.year)
        frame = pd.read_parquet(self.panel_folder / "prices.parquet", filters=list(years))
        money = {int(row["year"]): float(row["index"]) for row in self._own("deflator")}
        of: dict[str, dict[int, float]] = {}
        for row in frame.to_dict("records"):
            year = int(row["year"])
            real = float(row["usd_t"]) * money[self.year] / money[year]
            of.setdefault(str(row["series"]), {})[year] = real
        found: list[Row] = []
        for good in self.chain:
            prices = of[good["price"]]
            past = {year: price / prices[self.year] for year, price in prices.items() if year < self.year}
            if len(past) >= LEAST_PAST:
                found += [{"good": good["good"], "year": str(y), "ratio": past[y]} for y in sorted(past)]
        return found

    # -- tables that the panel stands for -------------------------------------------------------

    def _goods(self) -> list[Row]:
        columns = ("good", "name", "mineral", "stage", "unit", "hs6")
        extra = {"market": "", "basket": "0", "element": ""}
        return [{**{c: row[c] for c in columns}, **extra, "note": row["source"]} for row in self.chain]

    def _trade_rules(self) -> list[Row]:
        found = []
        for row in self.chain:
            codes = self.codes_of(row)
            final = row["good"] not in self.inputs
            traded = bool(codes) and row["confidence"] == "derived" and final
            rule = {"base_year": "", "good": row["good"], "codes": ";".join(codes), "content": row["content"]}
            rule |= {"home_share": row["home_share"] or str(USUAL_HOME), "skip": row["skip"]}
            rule |= {"traders": "1" if traded else "0"}
            lost = row["codes"] and not codes
            source = f"no records of {row['codes']} in {self.year}: gravity" if lost else row["source"]
            rule |= {"source": source, "confidence": "assumption" if lost else row["confidence"]}
            found.append(rule)
        return found

    def _use_countries(self) -> list[Row]:
        return [
            {"base_year": "", "good": row["good"], "iso3": "*", "share": ""}
            for row in self.chain
            if row["good"] not in self.inputs and self.codes_of(row)
        ]

    def _end_uses(self) -> list[Row]:
        """Sector shares of the year: on the line between the years that are known, like the next beyond."""
        usual = self.usual("end_uses")
        own = self._own("end_uses")
        found: list[Row] = []
        for good in (row["good"] for row in self.chain if row["good"] not in self.inputs):
            points = [r for r in own if r["good"] == good]
            if not points:
                points = [{**r, "year": "2024"} for r in usual if r["good"] == good and not r["base_year"]]
            years = sorted({int(r["year"]) for r in points})
            shares: dict[str, float] = {}
            label: dict[str, tuple[str, str]] = {}
            for sector in dict.fromkeys(r["sector"] for r in points):
                of = {int(r["year"]): float(r["share"]) for r in points if r["sector"] == sector}
                shares[sector] = float(np.interp(self.year, years, [of.get(y, 0.0) for y in years]))
                first = next(r for r in points if r["sector"] == sector)
                label[sector] = first["source"], first["confidence"]
            for young, (before, start, grown) in YOUNG.items():
                if young in shares and len(years) == 1:
                    kept = float(np.clip((self.year - start) / (grown - start), 0, 1)) ** 2
                    moved = shares[young] * (1 - kept)
                    shares[young] -= moved
                    shares[before] = shares.get(before, 0.0) + moved
                    label.setdefault(before, label[young])
            found += [
                {"base_year": "", "good": good, "sector": s, "share": v, "source": label[s][0]}
                | {"confidence": label[s][1]}
                for s, v in shares.items()
                if v > 0
            ]
        return found

    def _countries(self) -> list[Row]:
        """The countries of the curated worlds, and those that matter for these minerals in this year."""
        large: set[str] = set()
        for _, part in self._figures.groupby("stage"):
            share = part.groupby("iso3").tonnes.sum() / part.groupby("mineral").tonnes.sum().sum()
            large |= set(share[share >= KNOWN_OUTPUT].index)
        for _, part in self.baci.groupby("hs6"):
            for side in ("exporter", "importer"):
                share = part.groupby(side).quantity_t.sum() / max(float(part.quantity_t.sum()), 1e-9)
                large |= set(share[share >= KNOWN_TRADE].index)
        return self.with_countries(large)
