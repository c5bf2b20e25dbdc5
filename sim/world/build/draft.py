"""The world while it is being built: facilities, what they sell, what they need, who ships to whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import fsum

__all__ = ["RANK", "Adjustment", "Draft", "Facility", "Offer", "Use", "plant", "weakest"]

RANK = {"seen": 0, "derived": 1, "memory": 2, "assumption": 3}


def weakest(labels: Iterable[str]) -> str:
    """The least trustworthy of several confidence labels (``derived`` for an empty list)."""
    return max(labels, key=lambda label: RANK[label], default="derived")


@dataclass(frozen=True)
class Facility:
    """A row of facilities.csv."""

    id: str
    name: str
    kind: str
    country: str
    firm: str
    sector: str = ""
    value_added_usd: float = 0.0
    source: str = ""
    confidence: str = "derived"


def plant(row: Mapping[str, str], kind: str, facility: str = "", name: str = "") -> Facility:
    """A facility from an assumption table with columns facility, name, country, firm, source, confidence."""
    return Facility(
        facility or row["facility"],
        name or row["name"],
        kind,
        row["country"],
        row["firm"],
        source=row["source"],
        confidence=row["confidence"],
    )


@dataclass
class Offer:
    """One facility selling one good. Tonnes are exact: the flows are fitted to them."""

    tonnes: float
    source: str
    confidence: str
    capacity: float = 0.0
    by_product: bool = False
    stock_weeks: float = 0.0
    cash_cost: float = 0.0
    composition: dict[str, float] = field(default_factory=dict)
    composition_source: str = ""
    composition_confidence: str = ""


@dataclass
class Use:
    """One facility buying one good; ``tonnes`` is a target until the flows are known."""

    tonnes: float
    source: str
    confidence: str
    cover_weeks: float = 0.0
    dependence: float = 0.0
    value_added: float = 0.0
    """Of an end user: USD per year in all countries whose use is pooled here."""
    worth: float = 0.0
    switch_multiple: float = 0.0
    switch_years: float = 0.0
    switch_share: float = 0.0


@dataclass(frozen=True)
class Adjustment:
    """A number that the reconciliation moved, or a record of the trade data that it dropped."""

    good: str
    country: str
    item: str
    raw: float
    reconciled: float
    unit: str
    rule: str


@dataclass
class Draft:
    """One base year under construction."""

    year: int
    facilities: dict[str, Facility] = field(default_factory=dict)
    offers: dict[str, dict[str, Offer]] = field(default_factory=dict)
    uses: dict[str, dict[str, Use]] = field(default_factory=dict)
    flows: dict[str, dict[tuple[str, str], float]] = field(default_factory=dict)
    flow_label: dict[str, dict[tuple[str, str], tuple[str, str]]] = field(default_factory=dict)
    """Source and confidence of every flow."""
    adjustments: list[Adjustment] = field(default_factory=list)

    def add(self, facility: Facility) -> None:
        """Register a facility; a second row with the same id must be the same facility.

        Raises:
            ValueError: two different facilities share one id.
        """
        known = self.facilities.setdefault(facility.id, facility)
        if (known.country, known.kind) != (facility.country, facility.kind):
            raise ValueError(f"two facilities are called {facility.id}")

    def offer(self, good: str, facility: str, offer: Offer) -> None:
        """Add what a facility sells; tonnes of the same good add up."""
        offers = self.offers.setdefault(good, {})
        if facility in offers:
            offers[facility].tonnes += offer.tonnes
            offers[facility].capacity += offer.capacity
        else:
            offers[facility] = offer

    def use(self, good: str, facility: str, use: Use) -> None:
        """Add what a facility buys; tonnes of the same good add up."""
        uses = self.uses.setdefault(good, {})
        if facility in uses:
            uses[facility].tonnes += use.tonnes
            uses[facility].value_added += use.value_added
        else:
            uses[facility] = use

    def supply(self, good: str) -> float:
        """World supply of a good, t/year."""
        return fsum(offer.tonnes for offer in self.offers.get(good, {}).values())

    def supply_by_country(self, good: str, traders: bool = False) -> dict[str, float]:
        """Tonnes per country, in the order of first appearance."""
        total: dict[str, float] = {}
        for facility_id, offer in self.offers.get(good, {}).items():
            facility = self.facilities[facility_id]
            if facility.kind != "trader" or traders:
                total[facility.country] = total.get(facility.country, 0.0) + offer.tonnes
        return total

    def inflow(self, good: str, buyer: str) -> float:
        """Tonnes of a good that a buyer receives."""
        return fsum(t for (_, b), t in self.flows[good].items() if b == buyer)

    def adjust(self, adjustment: Adjustment) -> None:
        """Book an adjustment."""
        self.adjustments.append(adjustment)
