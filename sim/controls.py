"""What policy can change, as arrays. Instruments write here; the engine reads.

A :class:`Controls` is built anew whenever the set of active events changes. It is shared by
all members of a run; only amounts drawn per member (none yet) would need a member axis.
Index order is always good, exporter, importer.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np

from sim.world.world import BoolArray, FloatArray, IntArray, World

__all__ = ["Cap", "Controls", "Licence"]


@dataclass(frozen=True)
class Cap:
    """A ceiling on tonnes from one origin to a group of destinations, one good."""

    event: str
    good: int
    origin: int
    destinations: BoolArray
    """(C,) True for the importers that the ceiling covers together."""
    tonnes_per_year: float


@dataclass(frozen=True)
class Licence:
    """A queue at the border: applications wait, a share is approved, permits expire."""

    event: str
    good: int
    origin: int
    destinations: BoolArray
    approval_share: float
    delay_years: float
    validity_years: float


@dataclass
class Controls:
    """The policy state of one step."""

    world: World
    date: dt.date = field(init=False)
    """First day of the step."""
    open_share: FloatArray = field(init=False)
    """(G, C, C) 1 = trade allowed, 0 = banned, between = banned for part of the step."""
    tariff_rate: FloatArray = field(init=False)
    """(G, C, C) ad valorem, on CIF; starts at the base-year tariff."""
    export_tax_rate: FloatArray = field(init=False)
    """(G, C, C) ad valorem, on the gate price."""
    risk: FloatArray = field(init=False)
    """(G, C, C) severity 0..1 of announced or active restrictions on a link."""
    production_factor: FloatArray = field(init=False)
    """(O,) multiplies what an offer's facility may produce."""
    demand_factor: FloatArray = field(init=False)
    """(N,) multiplies what a need requires."""
    markup_owner: IntArray = field(init=False)
    """(F,) index of the firm that sets the price of a facility; a merger joins two."""
    caps: list[Cap] = field(default_factory=list)
    licences: list[Licence] = field(default_factory=list)
    touched_links: dict[str, BoolArray] = field(default_factory=dict)
    """event id -> (G, C, C) links that the event acts on, for the ledger."""
    touched_offers: dict[str, BoolArray] = field(default_factory=dict)
    """event id -> (O,) offers that the event acts on directly."""
    touched_needs: dict[str, BoolArray] = field(default_factory=dict)
    """event id -> (N,) needs that the event acts on directly."""

    def __post_init__(self) -> None:
        self.date = dt.date(self.world.base_year, 1, 1)
        goods, countries = len(self.world.goods), len(self.world.countries)
        shape = (goods, countries, countries)
        self.open_share = np.ones(shape)
        self.tariff_rate = self.world.base_tariff.copy()
        self.export_tax_rate = np.zeros(shape)
        self.risk = np.zeros(shape)
        self.production_factor = np.ones(len(self.world.offer_good))
        self.demand_factor = np.ones(len(self.world.need_good))
        firms = {name: i for i, name in enumerate(dict.fromkeys(self.world.facility_firm))}
        self.markup_owner = np.array([firms[name] for name in self.world.facility_firm])

    def links(self, goods: IntArray, exporters: IntArray, importers: IntArray) -> BoolArray:
        """(G, C, C) mask of the cross-border links of some goods, exporters and importers."""
        mask = np.zeros_like(self.risk, dtype=bool)
        mask[np.ix_(goods, exporters, importers)] = True
        diagonal = np.arange(len(self.world.countries))
        mask[:, diagonal, diagonal] = False
        return mask

    def touch_links(self, event: str, mask: BoolArray) -> None:
        """Book that ``event`` acts on the links in ``mask``."""
        self.touched_links[event] = self.touched_links.get(event, np.zeros_like(mask)) | mask

    def raise_risk(self, mask: BoolArray, severity: float) -> None:
        """Perceived risk on links: the largest severity of what is announced or active."""
        self.risk[mask] = np.maximum(self.risk[mask], severity)
