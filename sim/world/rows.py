"""Rows of a world's tables on the axes of the world, and the checks that each table must pass by itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim.tables import Problems, Row, Table, read_table
from sim.world.world import FloatArray, IntArray

__all__ = [
    "FULL_USE", "HOSTS", "INFINITE", "LADDER", "LEAST_YEARS", "PAST_PRICES", "Ends", "Named", "check_use",
    "read_hosts", "read_past",
]  # fmt: skip

MARGIN_TOLERANCE = 1e-4
"""Largest relative gap between an output or use and the sum of its flows."""
ROUNDING = 1e-6
"""Relative gap by which a capacity may lie below its output, both written with few digits."""
PAST_PRICES = "past_prices.csv"
"""Table of a year with prices of the years before, at its money."""
HOSTS = ("good", "country", "host", "share")
FULL_USE = "use_at_capacity_t"
"""Column that a table of inputs may have or not."""
LEAST_YEARS = 0.01
"""Shortest time in which a user can change a process."""
INFINITE = float("inf")
LADDER = {
    "worth_multiple": ("need_worth", 1.0, INFINITE),
    "switch_multiple": ("need_switch_multiple", 1.0, INFINITE),
    "switch_years": ("need_switch_years", LEAST_YEARS, INFINITE),
    "switch_share": ("need_switch_share", 0.0, 1.0),
}
"""What a tonne is worth to its user, and what the user does instead: column -> array of the world, bounds."""


@dataclass(frozen=True)
class Named:
    """A table whose rows have a name each."""

    rows: list[Row]
    index: dict[str, int]
    """Name -> place."""

    def texts(self, column: str) -> tuple[str, ...]:
        """One text a row."""
        return tuple(row.text(column) for row in self.rows)

    def numbers(self, column: str, low: float, high: float = INFINITE) -> FloatArray:
        """One number a row; an empty cell is 0."""
        return np.array([row.number(column, low, high, empty=0.0) for row in self.rows])


@dataclass(frozen=True)
class Ends:
    """Offers, or needs: rows of one table, sorted by good, then facility."""

    rows: list[Row]
    good: IntArray
    facility: IntArray
    position: dict[tuple[int, int], int]
    """(good, facility) -> place."""
    columns: Collection[str]

    def numbers(self, column: str, low: float, high: float = INFINITE) -> FloatArray:
        """One number a row; an empty cell is 0."""
        return np.array([row.number(column, low, high, empty=0.0) for row in self.rows])

    def ladder(self) -> dict[str, Any]:
        """What a need is worth and what replaces it: array of the world -> (N,); no cell may be empty."""
        return {
            name: np.array([row.number(column, low, high) for row in self.rows])
            for column, (name, low, high) in LADDER.items()
        }

    def first(self, goods: int) -> IntArray:
        """(G + 1,) place of each good's first row."""
        return np.searchsorted(self.good, np.arange(goods + 1))

    def by_name(self) -> dict[tuple[str, str], Row]:
        """(good, facility) -> row."""
        return {(row.text("good"), row.text("facility")): row for row in self.rows}

    def capacity(self, output: FloatArray) -> FloatArray:
        """(O,) t/year; an empty cell stands for the output."""
        stated = np.empty(len(output))
        for place, (row, made) in enumerate(zip(self.rows, output.tolist(), strict=True)):
            stated[place] = capacity = row.number("capacity_t", 0.0, empty=made)
            if capacity < made * (1 - ROUNDING):
                message = f"{row.text('capacity_t')} is less than the output, {row.text('output_t')}"
                row.refuse("capacity_t", message, "raise it, or lower output and flows")
            if capacity == 0 and made == 0:
                remedy = "give a facility that enters later its capacity, or remove the row"
                row.refuse("capacity_t", "makes nothing and has no capacity", remedy)
        return stated

    def full_use(self, use: FloatArray) -> FloatArray:
        """(N,) t/year that a plant that makes nothing yet takes at full capacity; 0 where nothing is said."""
        stated = np.zeros(len(use))
        if FULL_USE not in self.columns:
            return stated
        for place, (row, used) in enumerate(zip(self.rows, use.tolist(), strict=True)):
            stated[place] = row.number(FULL_USE, 0.0, empty=0.0)
            if stated[place] > 0 and used > 0:
                message = f"{row.text(FULL_USE)}, but the facility uses {row.text('use_t')} t already"
                row.refuse(FULL_USE, message, "leave it empty: it is for plants that make nothing yet")
        return stated

    def check_margin(self, column: str, stated: FloatArray, flows: FloatArray) -> None:
        """Note where what is stated is not the sum of the flows, (rows,) t/year each."""
        gap = np.abs(stated - flows) > MARGIN_TOLERANCE * stated
        for place in np.flatnonzero(gap).tolist():
            message = f"{self.rows[place].text(column)} t, but the flows sum to {flows[place]:.6g} t"
            self.rows[place].refuse(column, message, "make them agree, or rebuild with 'make data'")


def read_past(path: Path, goods: Mapping[str, int], problems: Problems) -> dict[str, list[float]]:
    """Good -> prices of the years before, at the base year's money, oldest first, where a world has any."""
    found: dict[str, list[tuple[float, float]]] = {}
    if path.is_file():
        for row in read_table(path, ("good", "year", "price_usd_t"), problems):
            dated = row.number("year"), row.number("price_usd_t", positive=True)
            found.setdefault(row.word("good", goods, "good"), []).append(dated)
    return {good: [price for _, price in sorted(rows)] for good, rows in found.items()}


def read_hosts(
    table: Table, offers: Ends, goods: Named, countries: Named, facilities: Named
) -> dict[str, Any]:
    """Of each offer the good with whose mines its output comes, or -1, and the share of it that does.

    Rows of goods that nobody sells here are of other base years.
    """
    good_of = {row.text("good"): good for row, good in zip(offers.rows, offers.good.tolist(), strict=True)}
    host, share = np.full(len(offers.rows), -1, dtype=np.int64), np.zeros(len(offers.rows))
    for row in table:
        good, other = (good_of.get(row.word(column, goods.index, "good"), -1) for column in ("good", "host"))
        country = row.word("country", ("*", *countries.index), "country")
        part = row.number("share", 0.0, 1.0)
        if row.text("good") == row.text("host"):
            row.refuse("host", f"'{row.text('host')}' comes with itself", "name another good")
        for offer in np.flatnonzero(offers.good == good).tolist() if other >= 0 else ():
            place = facilities.rows[offers.facility[offer]]
            if place.text("kind") != "miner" or country not in ("*", place.text("country")):
                continue
            if host[offer] >= 0:
                of = f"'{row.text('good')}' of {place.text('country')}"
                row.refuse("good", f"{of} comes with a good in another row, too", "remove one row")
            host[offer], share[offer] = other, part
    return {"offer_host": host, "offer_host_share": share}


def check_use(offers: Ends, needs: Ends, use: FloatArray, output: FloatArray) -> None:
    """Only a plant that makes nothing yet may use nothing, and it may use no more."""
    sells = set(offers.facility.tolist())
    at_work = set(offers.facility[output > 0].tolist())
    for row, facility, used in zip(needs.rows, needs.facility.tolist(), use.tolist(), strict=True):
        waits = facility in sells and facility not in at_work
        if used == 0 and not waits:
            row.refuse("use_t", "uses nothing", "write its use, or remove the row")
        if used > 0 and waits:
            message = f"uses {row.text('use_t')} t, but the facility makes nothing"
            row.refuse("use_t", message, "write 0, or give the facility an output")
