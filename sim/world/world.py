"""The frozen World: labelled arrays read from ``data/world`` and nothing else.

Axes used throughout (named in :mod:`sim.units`): good ``G``, country ``C``, facility ``F``,
offer ``O`` (one facility selling one good), need ``N`` (one facility buying one good),
element ``E`` (rare-earth element groups carried by a basket good).

Offers and needs are sorted by good, so the offers of good ``g`` are
``offer_slice(g)`` and the links of ``g`` are a dense ``(sellers, buyers)`` block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from sim.arrays import BoolArray, FloatArray, IntArray
from sim.world.labels import UNNAMED
from sim.world.projects import Project
from sim.world.scrap import Scrap

__all__ = ["BoolArray", "FloatArray", "Good", "IntArray", "Kept", "World"]

@dataclass(frozen=True)
class Good:
    """A mineral at a stage: the unit of account of one market."""

    id: str
    name: str
    mineral: str
    market: str
    """Name that goods have in common whose markets chance moves together; else that of the mineral."""
    stage: str
    unit: str
    hs6: tuple[str, ...]
    basket: bool
    """True for a rare-earth concentrate, whose stocks carry tonnes per element."""
    element: str
    """Element group this oxide consists of; empty for every other good."""
    base_price: float
    """Base-year gate price, USD per tonne in ``unit``."""
    past: tuple[float, ...] = ()
    """Prices of the years before, at the base year's money, multiples of its price, oldest first."""


@dataclass(frozen=True)
class Kept:
    """Where the goods and facilities of a small world stand in the whole one, whose draws it shares."""

    goods: IntArray
    facilities: IntArray
    good_count: int
    """Goods of the whole world."""
    facility_count: int
    """Facilities of the whole world."""

    @classmethod
    def everything(cls, world: World) -> Kept:
        """A world from which nothing has been left out."""
        goods, facilities = len(world.goods), len(world.facilities)
        return cls(np.arange(goods), np.arange(facilities), goods, facilities)


@dataclass(frozen=True)
class World:
    """One base year of the world economy of critical minerals. Tonnes and USD per year."""

    base_year: int
    goods: tuple[Good, ...]
    countries: tuple[str, ...]
    """ISO-3 codes, ``ROW`` last."""
    country_names: tuple[str, ...]
    country_duty_on_fob: BoolArray
    """(C,) True for importers that levy ad-valorem duties on the FOB price; others levy them on CIF."""
    groups: Mapping[str, tuple[str, ...]]
    """Country groups by name (EU27, G7, OECD, ...), members as ISO-3 codes."""
    elements: tuple[str, ...]
    facilities: tuple[str, ...]
    facility_names: tuple[str, ...]
    facility_kind: tuple[str, ...]
    """miner, processor, manufacturer or trader."""
    facility_country: IntArray
    facility_firm: tuple[str, ...]
    facility_sector: tuple[str, ...]
    """End-use sector of a manufacturer, empty otherwise."""
    facility_value_added: FloatArray
    """(F,) USD per year that hangs on the goods bought; 0 for non-manufacturers."""
    offer_facility: IntArray
    offer_good: IntArray
    offer_output: FloatArray
    """(O,) base-year sales = output, t/year; 0 for what may enter later."""
    offer_capacity: FloatArray
    """(O,) t/year, at least the output, above 0."""
    offer_stock: FloatArray
    """(O,) base-year seller stock, t."""
    offer_cash_cost: FloatArray
    """(O,) USD/t below which a plant loses cash."""
    offer_composition: FloatArray
    """(O, E) element shares of a basket offer; rows of zeros elsewhere."""
    offer_host: IntArray
    """(O,) good whose mines in the same country a mine's output comes with; -1 where it comes alone."""
    offer_host_share: FloatArray
    """(O,) share of its output that does; 0 where it comes alone."""
    substitutes: Mapping[str, str]
    """Good id -> name of a group whose members replace each other tonne for tonne in a plant."""
    need_facility: IntArray
    need_good: IntArray
    need_use: FloatArray
    """(N,) base-year use = purchases, t/year; 0 for plants that may enter later."""
    need_full_use: FloatArray
    """(N,) t/year that a plant that may enter later takes at full capacity; 0 where nothing is stated."""
    need_cover: FloatArray
    """(N,) target inventory cover, years of use."""
    need_dependence: FloatArray
    """(N,) share of the facility's value added lost when this good is missing altogether."""
    need_worth: FloatArray
    """(N,) mean value that hangs on a tonne, as a multiple of the base price, at least 1."""
    need_switch_multiple: FloatArray
    """(N,) multiple of the base price from which the next-best way pays, at least 1."""
    need_switch_years: FloatArray
    """(N,) time constant of going over to the next-best way, years, above 0."""
    need_switch_share: FloatArray
    """(N,) share of the use that can go over at all; where it is 0, multiple and years mean nothing."""
    base_flow: tuple[FloatArray, ...]
    """Per good (sellers, buyers) base-year tonnes per year."""
    transit_years: tuple[FloatArray, ...]
    """Per good (sellers, buyers) shipping time in years."""
    freight_share: tuple[FloatArray, ...]
    """Per good (sellers, buyers) freight and insurance as a share of the FOB price."""
    base_tariff: FloatArray
    """(G, C, C) ad-valorem tariff already levied in the base year, exporter by importer."""
    distance_km: FloatArray
    """(C, C) great-circle distance between country centres."""
    firm_home: Mapping[str, str] = field(default_factory=dict)
    """Firm -> ISO-3 code of the country from which it is controlled, where that is known to be another."""
    projects: tuple[Project, ...] = ()
    """Mines and plants among the facilities that may be built in a run; none unless a scenario asks."""
    offer_reserve: FloatArray | None = None
    """(O,) tonnes in the ground of mines where they are known, infinite elsewhere; None without projects."""
    country_risk: FloatArray | None = None
    """(C,) political risk, 0 to 1; None without projects."""
    scrap: Scrap | None = None
    """Goods in use and who recovers what of them; None unless a scenario asks."""
    kept: Kept | None = None
    """Set where :func:`sim.world.restrict.restrict` has left other minerals out."""

    def with_groups(self, groups: Mapping[str, tuple[str, ...]]) -> World:
        """The same world, and more country groups."""
        return replace(self, groups={**self.groups, **groups}) if groups else self

    def offer_slice(self, good: int) -> slice:
        """Positions of the offers of ``good`` on the offer axis."""
        return self._slices[0][good]

    def need_slice(self, good: int) -> slice:
        """Positions of the needs for ``good`` on the need axis."""
        return self._slices[1][good]

    @cached_property
    def _slices(self) -> tuple[list[slice], list[slice]]:
        """Positions of the offers and needs of every good: looked up in every step, good by good."""
        edges = np.arange(len(self.goods) + 1)
        ends = (np.searchsorted(of, edges).tolist() for of in (self.offer_good, self.need_good))
        offers, needs = ([slice(*pair) for pair in pairwise(end)] for end in ends)
        return offers, needs

    def link_countries(self, good: int) -> tuple[IntArray, IntArray]:
        """Country of each seller and of each buyer of ``good``, the axes of its block of links."""
        return (
            self.facility_country[self.offer_facility[self.offer_slice(good)]],
            self.facility_country[self.need_facility[self.need_slice(good)]],
        )

    def delivered_over_fob(self, good: int, freight: FloatArray, tariff: FloatArray) -> FloatArray:
        """Delivered over FOB price of each link: freight, and duty on FOB or CIF as the importer levies it.

        Args:
            freight: (S, B), or (M, S, B) where members differ, CIF over FOB price.
            tariff: as freight, 1 + ad-valorem rate.

        Equation (M11), docs/model.md, for ``tau_sb``.
        """
        on_fob = self.country_duty_on_fob[self.link_countries(good)[1]]
        return np.where(on_fob, freight + (tariff - 1), freight * tariff)

    def base_wedge(self, good: int) -> FloatArray:
        """(S, B) delivered over gate price of each link in the base year; not to be changed."""
        return self._base_wedges[good]

    @cached_property
    def _base_wedges(self) -> list[FloatArray]:
        """Of every good: each change of policy asks for them."""
        found = []
        for good, freight in enumerate(self.freight_share):
            origin, destination = self.link_countries(good)
            tariff = self.base_tariff[good][origin[:, None], destination]
            found.append(self.delivered_over_fob(good, 1 + freight, 1 + tariff))
        return found

    @property
    def offer_country(self) -> IntArray:
        """(O,) country index of each offer."""
        return self.facility_country[self.offer_facility]

    @property
    def need_country(self) -> IntArray:
        """(N,) country index of each need."""
        return self.facility_country[self.need_facility]

    def risk_of(self, country: str) -> float | None:
        """Political risk of a country; None where the world does not know it."""
        if self.country_risk is None or country not in self.countries:
            return None
        return float(self.country_risk[self.countries.index(country)])

    @cached_property
    def project_of_offer(self) -> IntArray:
        """(O,) number of the project that each offer is of; -1 for what stands already."""
        number = {project.facility: k for k, project in enumerate(self.projects)}
        of_facility = np.array([number.get(name, -1) for name in self.facilities], dtype=np.int64)
        of_offer: IntArray = of_facility[self.offer_facility]
        return of_offer

    @cached_property
    def comes_later(self) -> BoolArray:
        """(O,) True for what was not there in the base year: projects, and recyclers that are new."""
        later = self.project_of_offer >= 0
        if self.scrap is not None:
            later[self.scrap.offers[self.scrap.new]] = True
        return later

    @property
    def base_price(self) -> FloatArray:
        """(G,) base-year gate price, USD/t."""
        return np.array([good.base_price for good in self.goods])

    @cached_property
    def firm_numbers(self) -> IntArray:
        """(F,) number of the firm that owns each facility in the base year, in the order of the table."""
        firms = {name: i for i, name in enumerate(dict.fromkeys(self.facility_firm))}
        numbers = np.array([firms[name] for name in self.facility_firm], dtype=np.int64)
        # All who ask share it.
        numbers.setflags(write=False)
        return numbers

    @cached_property
    def unnamed(self) -> BoolArray:
        """(F,) True for producers and traders whom no table names: each stands for several small firms."""
        firms = zip(self.facility_firm, self.facility_kind, strict=True)
        return np.array([name.startswith(UNNAMED) or kind == "trader" for name, kind in firms], dtype=bool)

    @cached_property
    def facility_home(self) -> IntArray:
        """(F,) country from which a facility is controlled: its own where nothing else is known."""
        position = {code: i for i, code in enumerate(self.countries)}
        homes = [position.get(self.firm_home.get(firm, ""), -1) for firm in self.facility_firm]
        return np.where(np.array(homes) < 0, self.facility_country, np.array(homes))
