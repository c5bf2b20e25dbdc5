"""Who owns mines where: the register of mines, with shares, reserves and remaining life."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sim.paths import world_directory
from sim.tables import Row, read_table
from sim.units import parse_quantity
from sim.world.projects import REGISTER

__all__ = ["Deposit", "Reserve", "read_national_reserves", "read_register"]

NATIONAL = "reserves.csv"
UNITS = {"metric tons": "1 t", "thousand metric tons": "1 kt", "thousand metric dry tons": "1 kt"}


@dataclass(frozen=True)
class Reserve:
    """Reserves of a country, tonnes, and for how many years they last at today's output."""

    tonnes: float
    years: float


@dataclass(frozen=True)
class Deposit:
    """A row of the register. What nobody states is NaN, or empty.

    Attributes:
        share: of the owner, 0 to 1. reserves: tonnes. life: years. other_owners: ISO-3 codes.
    """

    mine: str
    minerals: tuple[str, ...]
    host: str
    owner: str
    owner_country: str
    other_owners: tuple[str, ...]
    share: float
    control: str
    reserves: float
    life: float
    output: str
    facility: str
    year: str
    source: str
    confidence: str


def read_register(root: Path | None = None) -> list[Deposit]:
    """The rows of the register, in the order of its table.

    Raises:
        MonaziteError: the table is missing or damaged.
    """
    columns = (
        "mine", "minerals", "host", "owner", "owner_country", "owner_share_pct", "reserves_t",
        "remaining_life_years", "output", "output_unit", "facility", "source", "confidence",
    )  # fmt: skip
    table = read_table((root or world_directory()) / REGISTER, columns)
    found = [_deposit(row) for row in table]
    table.problems.check()
    return found


def _deposit(row: Row) -> Deposit:
    nothing = float("nan")
    output = f"{row.text('output')} {row.text('output_unit')}".strip()
    return Deposit(
        mine=row.text("mine"),
        minerals=tuple(word.strip() for word in row.text("minerals").split(",")),
        host=row.text("host"),
        owner=row.text("owner"),
        owner_country=row.text("owner_country"),
        other_owners=tuple(filter(None, row.text("other_owner_countries").split(";"))),
        share=row.number("owner_share_pct", 0.0, empty=nothing) / PERCENT,
        control=row.text("control"),
        reserves=row.number("reserves_t", 0.0, empty=nothing),
        life=row.number("remaining_life_years", 0.0, empty=nothing),
        output=output,
        facility=row.text("facility"),
        year=row.text("year"),
        source=row.text("source"),
        confidence=row.text("confidence"),
    )


PERCENT = 100


def read_national_reserves(root: Path | None = None) -> dict[tuple[str, str], Reserve]:
    """(mineral, ISO-3 code) -> reserves.

    Raises:
        MonaziteError: the table is missing or damaged.
    """
    table = read_table((root or world_directory()) / NATIONAL, ("mineral", "iso3", "reserves", "unit"))
    found = {
        (row.text("mineral"), row.text("iso3")): Reserve(
            row.number("reserves", 0.0) * parse_quantity(UNITS[row.text("unit")], "mass").value,
            row.number("service_life_years", 0.0, empty=float("nan")),
        )
        for row in table
    }
    table.problems.check()
    return found
