"""Figures of a merger review: bands, markets, price pressure, and the lines that authorities draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sim.arrays import FloatArray
from sim.tables import read_table

__all__ = [
    "HIGH", "LOW", "CentralBand", "GoodReview", "MarketRow", "Pressure", "Review", "Threshold", "as_json",
    "thresholds",
]  # fmt: skip

LOW, HIGH = 10, 90
"""Percentiles of a band."""
NOT_MODELLED = (
    "futures and trading desks, and what a larger book of metal is worth there",
    "coordination between those who remain (only unilateral effects)",
    "contracts by product and customer: quality, long-term offtake, discrimination between buyers",
    "entry and new mines after the deal; innovation; jobs, and security of supply",
)


@dataclass(frozen=True)
class Threshold:
    """A line that an authority draws; a bound that is not there is None."""

    authority: str
    rule: str
    hhi_above: float | None
    change_above: float | None
    share_above: float | None
    meaning: str
    source: str

    def crossed(self, hhi: float, change: float, share: float) -> bool:
        """Whether a market with this index and share after the deal lies beyond the line."""
        pairs = ((self.hhi_above, hhi), (self.change_above, change), (self.share_above, share))
        return all(value > bound for bound, value in pairs if bound is not None)


@cache
def thresholds() -> tuple[Threshold, ...]:
    """Rows of ``merger_thresholds.csv``."""
    bounds, texts = ("hhi_above", "change_above", "share_above"), ("authority", "rule", "meaning", "source")
    table = read_table(Path(__file__).with_name("merger_thresholds.csv"), (*texts, *bounds, "confidence"))
    found = []
    for row in table:
        hhi, change, share = (row.number(name) if row.text(name) else None for name in bounds)
        authority, rule, meaning, source = (row.text(name) for name in texts)
        found.append(Threshold(authority, rule, hhi, change, share, meaning, source))
    table.problems.check()
    return tuple(found)


@dataclass(frozen=True)
class CentralBand:
    """A figure of the central case, and the 10th and 90th percentile of the members."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, members: FloatArray) -> CentralBand:
        """Of (M,) values, the first of which is the central case."""
        low, high = np.percentile(members, [LOW, HIGH])
        return cls(float(members[0]), float(low), float(high))


@dataclass(frozen=True)
class MarketRow:
    """A market: a good in an importing region, or in the world."""

    good: str
    region: str
    value: float
    """USD a year at base prices."""
    shares: Mapping[str, float]
    """Party -> share before; of what is sold as a remedy with its new owner."""
    joint: float
    """Share of the parties together after the deal."""
    hhi: float
    hhi_after: float
    price: CentralBand
    """Change of what users there pay, share."""
    crossed: tuple[str, ...]
    """Authorities whose lines it crosses."""

    @property
    def change(self) -> float:
        """Of the index."""
        return self.hhi_after - self.hhi


@dataclass(frozen=True)
class Pressure:
    """Upward price pressure on a party: of one dollar of price."""

    firm: str
    gross: CentralBand
    """GUPPI: value of the sales that go over to the other party."""
    net: CentralBand
    """UPP: less what costs fall by."""


@dataclass(frozen=True)
class GoodReview:
    """One good in which owners change."""

    good: str
    parties: Mapping[str, CentralBand]
    """Firm -> change of its price, share."""
    rivals: CentralBand
    users: CentralBand
    """Change of what users pay on average."""
    pressure: tuple[Pressure, ...]
    remedies: Mapping[str, CentralBand]
    """Change of what users pay on average without any remedy, and with each one alone."""
    passed_on: Mapping[str, CentralBand]
    """Product -> change of its cost through this good."""
    gains: Mapping[str, CentralBand]
    """Parties, rivals, and each country's users -> million USD a year gained."""
    inside: float
    """Share of what the parties sell that they sell to themselves after the deal."""


@dataclass(frozen=True)
class Review:
    """All of it."""

    scenario: str
    title: str
    deals: tuple[str, ...]
    members: int
    markets: tuple[MarketRow, ...]
    goods: tuple[GoodReview, ...]
    notes: tuple[str, ...]
    not_modelled: tuple[str, ...] = NOT_MODELLED


def as_json(found: Review) -> dict[str, Any]:
    """All figures, as JSON has them."""
    plain = asdict(found)
    for row, market in zip(plain["markets"], found.markets, strict=True):
        row["change"] = market.change
    plain["thresholds"] = [asdict(line) for line in thresholds()]
    return plain
