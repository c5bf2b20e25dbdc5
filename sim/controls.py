"""What policy can change, as arrays. Instruments write here; the engine reads.

A :class:`Controls` is built anew whenever the set of active events changes. Most of policy is the
same for all members; what an event draws for each member (an amount, or whether it happens at all)
is kept apart from that, on the links concerned only. Index order is always good, exporter, importer.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np

from sim.units import Amount
from sim.world.world import BoolArray, FloatArray, IntArray, World

__all__ = ["Cap", "Controls", "Licence", "LinkValues", "PairIndex", "Resale"]

PairIndex = tuple[IntArray, IntArray]
"""Exporters and importers of a block of links, as ``numpy.ix_`` makes it from country positions."""


@dataclass
class LinkValues:
    """A number on every link (G, C, C), and by how much members differ from it on some links.

    Changes combine by ``combine`` (add, multiply or maximum), so their order does not matter.
    """

    shared: FloatArray
    """(G, C, C) the part that all members have in common."""
    combine: np.ufunc
    varied: list[tuple[BoolArray, FloatArray]] = field(default_factory=list)
    """(G, C, C) links, and (M,) what each member combines there."""

    def change(self, mask: BoolArray, amount: Amount) -> None:
        """Combine an amount, one number or (M,), on the links in ``mask``."""
        if np.ndim(amount) == 0:
            self.shared[mask] = self.combine(self.shared[mask], amount)
        else:
            self.varied.append((mask, np.asarray(amount, dtype=np.float64)))

    def on(self, good: int, pair: PairIndex) -> FloatArray:
        """The values on a block of links of one good: (S, B), or (M, S, B) where members differ."""
        block: FloatArray = self.shared[good][pair]
        for mask, amount in self.varied:
            here = mask[good][pair]
            if here.any():
                block = np.where(here, self.combine(block, amount[:, None, None]), block)
        return block

    def largest(self) -> FloatArray:
        """(G, C, C) largest value of any member."""
        values = self.shared.copy()
        for mask, amount in self.varied:
            values[mask] = np.maximum(values[mask], self.combine(self.shared[mask], amount.max()))
        return values


@dataclass(frozen=True)
class Cap:
    """A ceiling on tonnes from one origin to a group of destinations, one good."""

    event: str
    good: int
    origin: int
    destinations: BoolArray
    """(C,) True for the importers that the ceiling covers together."""
    tonnes_per_year: Amount
    """One number, or (M,)."""


@dataclass(frozen=True)
class Licence:
    """A queue at the border: applications wait, a share is approved, permits expire."""

    event: str
    good: int
    origin: int
    destinations: BoolArray
    approval_share: Amount
    delay_years: Amount
    validity_years: Amount


@dataclass(frozen=True)
class Resale:
    """Third countries may not resell to some destinations what comes from some origins."""

    event: str
    goods: tuple[int, ...]
    origins: BoolArray
    """(C,) True for the countries whose material is barred."""
    destinations: BoolArray
    """(C,) True for the importers that must not get it."""
    compliance: Amount
    """Share of the barred material that is held back, for the share of the step in force."""
    content: bool
    """Whether what was made of barred material is barred."""

    def links(self, origin: IntArray, destination: IntArray) -> BoolArray:
        """(S, B) links from third countries to the destinations, given the countries of both ends."""
        third = ~self.origins & ~self.destinations
        mask: BoolArray = third[origin][:, None] & self.destinations[destination]
        return mask


@dataclass
class Controls:
    """The policy state of one step."""

    world: World
    date: dt.date = field(init=False)
    """First day of the step."""
    open_share: LinkValues = field(init=False)
    """(G, C, C) 1 = trade allowed, 0 = banned, between = banned for part of the step."""
    tariff_rate: LinkValues = field(init=False)
    """(G, C, C) ad valorem, on CIF; starts at the base-year tariff."""
    export_tax_rate: LinkValues = field(init=False)
    """(G, C, C) ad valorem, on the gate price."""
    risk: LinkValues = field(init=False)
    """(G, C, C) severity 0..1 of announced or active restrictions on a link; the largest counts."""
    production_factor: FloatArray = field(init=False)
    """(1, O), or (M, O) once members differ: multiplies what an offer's facility may produce."""
    demand_factor: FloatArray = field(init=False)
    """(1, N), or (M, N) once members differ: multiplies what a need requires."""
    markup_owner: IntArray = field(init=False)
    """(1, F), or (M, F) once members differ: index of the firm that sets the price of a facility."""
    caps: list[Cap] = field(default_factory=list)
    licences: list[Licence] = field(default_factory=list)
    resales: list[Resale] = field(default_factory=list)
    stockpiles: dict[str, Amount] = field(default_factory=dict)
    """Stockpile event id -> share of the step in which it may buy and release."""
    touched_links: dict[str, BoolArray] = field(default_factory=dict)
    """event id -> (G, C, C) links that the event acts on, for the ledger."""
    touched_offers: dict[str, BoolArray] = field(default_factory=dict)
    """event id -> (O,) offers that the event acts on directly."""
    touched_needs: dict[str, BoolArray] = field(default_factory=dict)
    """event id -> (N,) needs that the event acts on directly."""
    alarm_weight: Amount = 1.0
    """How likely the event that raises risk now is held to be."""

    def __post_init__(self) -> None:
        self.date = dt.date(self.world.base_year, 1, 1)
        goods, countries = len(self.world.goods), len(self.world.countries)
        shape = (goods, countries, countries)
        self.open_share = LinkValues(np.ones(shape), np.multiply)
        self.tariff_rate = LinkValues(self.world.base_tariff.copy(), np.add)
        self.export_tax_rate = LinkValues(np.zeros(shape), np.add)
        self.risk = LinkValues(np.zeros(shape), np.maximum)
        self.production_factor = np.ones((1, len(self.world.offer_good)))
        self.demand_factor = np.ones((1, len(self.world.need_good)))
        firms = {name: i for i, name in enumerate(dict.fromkeys(self.world.facility_firm))}
        self.markup_owner = np.array([[firms[name] for name in self.world.facility_firm]])

    def links(self, goods: IntArray, exporters: IntArray, importers: IntArray) -> BoolArray:
        """(G, C, C) mask of the cross-border links of some goods, exporters and importers."""
        mask = self.no_links()
        mask[np.ix_(goods, exporters, importers)] = True
        diagonal = np.arange(len(self.world.countries))
        mask[:, diagonal, diagonal] = False
        return mask

    def no_links(self) -> BoolArray:
        """(G, C, C) all False."""
        return np.zeros(self.risk.shared.shape, dtype=bool)

    def scale_output(self, offers: BoolArray, factor: Amount) -> None:
        """Multiply what the offers in a mask (O,) may produce, by one number or (M,)."""
        self.production_factor = _scaled(self.production_factor, offers, factor)

    def scale_demand(self, needs: BoolArray, factor: Amount) -> None:
        """Multiply what the needs in a mask (N,) require, by one number or (M,)."""
        self.demand_factor = _scaled(self.demand_factor, needs, factor)

    def touch_links(self, event: str, mask: BoolArray) -> None:
        """Book that ``event`` acts on the links in ``mask``."""
        self.touched_links[event] = self.touched_links.get(event, np.zeros_like(mask)) | mask

    def raise_risk(self, mask: BoolArray, severity: Amount) -> None:
        """Perceived risk on links: the largest severity of what is announced or active."""
        self.risk.change(mask, severity * self.alarm_weight)


def _scaled(factors: FloatArray, mask: BoolArray, factor: Amount) -> FloatArray:
    """(1 or M, n) factors, with those in a mask (n,) multiplied."""
    column = np.atleast_1d(np.asarray(factor, dtype=np.float64))[:, None]
    scaled: FloatArray = np.where(mask, factors * column, factors)
    return scaled
