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

__all__ = [
    "Barrier", "Cap", "Controls", "Floor", "Fund", "Licence", "LinkValues", "OwnerChange", "PairIndex",
    "ProjectTerms", "Resale",
]  # fmt: skip

LEAST_LEFT = 0.1
"""Share of a price that stays to be paid where rebates and relief add up: each takes off 90 % at most."""
HALF = 0.5
"""Of a step: from then on owners are said to have changed in it."""
PairIndex = tuple[IntArray, IntArray]
"""Exporters and importers of a block of links, as ``numpy.ix_`` makes it from country positions."""


@dataclass
class LinkValues:
    """A number on every link (G, C, C), and by how much members differ from it on some links.

    Changes combine by ``combine`` (add or multiply), so their order does not matter.
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
    offers: BoolArray | None = None
    """(O,) the offers of the origin that it covers; None for all."""
    carry_over: Amount = 0.0
    """Share of unused tonnes that is added to the next allotment."""
    period: str = ""
    """Allotted at once for this period; empty where each step gets its part."""
    period_years: float = 0.0
    """Length of the period as far as the event is in force."""
    makers: BoolArray | None = None
    """(O,) offers of whose usual output the share ``part`` may leave; None for a stated amount."""
    part: Amount = 0.0
    leaks: bool = False
    """Whether trade finds its way around it in time, the more the wider prices are apart."""
    resold: Amount = 0.0
    """Part of the stocks of third countries that may be sold on around it, one number or (M,)."""
    share: Amount = 0.0
    """Of the step in which what is resold costs more, one number or (M,)."""

    @property
    def passes_by_others(self) -> bool:
        """Whether goods go round it, by third countries or under other names."""
        return self.leaks or self.sold_on

    @property
    def sold_on(self) -> bool:
        """Whether third countries may sell on around it; a part that members draw counts even if it is 0."""
        return np.ndim(self.resold) > 0 or bool(np.any(np.asarray(self.resold) > 0))

    @property
    def counts(self) -> bool:
        """Whether what may be exported depends on what has been."""
        # A share that members draw counts even where it is 0: what is kept must not depend on draws.
        drawn = np.ndim(self.carry_over) > 0
        carried = drawn or bool(np.any(np.asarray(self.carry_over) > 0))
        return bool(self.period) or carried or self.makers is not None or self.passes_by_others


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
    longest_delay_years: Amount | None = None
    """Decisions are spread evenly from ``delay_years`` to this; None: all after ``delay_years``."""
    exempt_needs: BoolArray | None = None
    """(N,) needs that need no licence; None for none."""
    free_share: Amount = 0.0
    """Share of base-year trade that needs no licence."""


@dataclass(frozen=True)
class Barrier:
    """Between some sellers and some buyers, wherever they are: what stays open."""

    offers: BoolArray
    """(O,) the sellers."""
    needs: BoolArray
    """(N,) the buyers."""
    open_share: Amount


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


@dataclass(frozen=True)
class OwnerChange:
    """Facilities that come to be priced by other firms."""

    event: str
    share: Amount
    """Share of the step in which it holds, or how likely it is; one number or (M,)."""
    facilities: BoolArray
    """(F,)"""
    to: int | None = None
    """Number of the firm that takes them over; None: they are joined with each other."""
    whole: bool = True
    """Whether owners are joined with all that they have, or of what they have these facilities alone."""

    def where(self, owner: IntArray, holds: BoolArray) -> IntArray:
        """(1 or M, F) owners, changed for the members (M,) in which it holds."""
        holds = np.atleast_1d(holds)
        if not holds.any() or not self.facilities.any():
            return owner
        different, which = np.unique(owner, axis=0, return_inverse=True)
        changed = np.stack([self._changed(row) for row in different])[which.reshape(-1)]
        return changed if holds.all() else np.where(holds[:, None], changed, owner)

    def _changed(self, owner: IntArray) -> IntArray:
        """(F,) owners, from those before."""
        owners = owner[self.facilities]
        if self.to is not None:
            return np.where(self.facilities, self.to, owner)
        if self.whole:
            # Owners joined by an earlier change come along with their other facilities.
            return np.where(np.isin(owner, owners), owners.min(), owner)
        return np.where(self.facilities, len(owner) + owners.min(), owner)


@dataclass(frozen=True)
class Fund:
    """Public money for projects that start, from one event."""

    event: str
    kind: str
    """grant, loan, guarantee or equity."""
    projects: BoolArray
    """(J,) the projects that may have it."""
    share: Amount
    """Of the planned capital cost."""
    rate: Amount
    """Interest of a loan, 1/year."""
    total: Amount
    """USD in all; infinite where nothing is said."""


@dataclass(frozen=True)
class Floor:
    """A price below which some sellers are not paid: a state makes up the difference."""

    event: str
    offers: BoolArray
    """(O,) the sellers."""
    level: FloatArray
    """(1 or M, O) multiples of the base price."""
    upside: Amount
    """Share of what is above the floor that the state takes."""
    share: Amount
    """Of the step in which it is in force."""
    total: Amount
    """USD in all; infinite where nothing is said."""
    years: float
    """For which it goes on; infinite where no end is known."""


@dataclass
class ProjectTerms:
    """What policy does to projects; each array (1, J), or (M, J) once members differ."""

    held_back: FloatArray
    """Share of the starts that would be made and are prevented."""
    permit_pace: FloatArray
    """Multiplies the pace of permits."""
    know_how: FloatArray
    """Multiplies the pace of building."""
    offtake: FloatArray
    """Share of the output that is sold before it is made."""
    opened: FloatArray
    """1 where a dormant project may be touched."""
    risk: FloatArray
    """Political risk, 0 to 1."""
    royalty: FloatArray
    """Share of revenue that hosts take beside what they took in the base year."""
    carried: FloatArray
    """Share of margins that hosts have for nothing."""
    funds: list[Fund] = field(default_factory=list)
    floors: list[Floor] = field(default_factory=list)

    @classmethod
    def of(cls, world: World) -> ProjectTerms:
        """Nothing is done to any."""
        none, one = np.zeros((1, len(world.projects))), np.ones((1, len(world.projects)))
        dormant = np.array([[project.dormant for project in world.projects]], dtype=bool)
        risk = np.array([[project.risk for project in world.projects]])
        return cls(none, one, one, none, np.where(dormant, 0.0, 1.0), risk, none, none)

    def multiply(self, name: str, projects: BoolArray, factor: Amount) -> None:
        """Multiply one of the arrays for the projects in a mask (J,), by one number or (M,)."""
        setattr(self, name, _scaled(getattr(self, name), projects, factor))

    def add_share(self, name: str, projects: BoolArray, share: Amount) -> None:
        """Of what one of the arrays leaves, take a share, one number or (M,): shares join as chances do."""
        left = _scaled(1 - getattr(self, name), projects, 1 - np.asarray(share))
        setattr(self, name, 1 - left)

    def put(self, name: str, projects: BoolArray, value: Amount, share: Amount) -> None:
        """Move one of the arrays towards a value, by the share of the step in force, one number or (M,)."""
        part = np.atleast_1d(np.asarray(share, dtype=np.float64))[:, None]
        old = getattr(self, name)
        target = np.atleast_1d(np.asarray(value, dtype=np.float64))[:, None]
        setattr(self, name, np.where(projects, old + part * (target - old), old))


@dataclass
class Controls:
    """The policy state of one step."""

    world: World
    owner: IntArray | None = None
    """(1 or M, F) number of the firm that owns each facility; None for the base year's."""
    weighed: frozenset[str] = frozenset()
    """Events that rules may leave at a part of their strength, in whichever member."""
    date: dt.date = field(init=False)
    """First day of the step."""
    end: dt.date = field(init=False)
    """The day after its last."""
    open_share: LinkValues = field(init=False)
    """(G, C, C) 1 = trade allowed, 0 = banned, between = banned for part of the step."""
    tariff_rate: LinkValues = field(init=False)
    """(G, C, C) ad valorem, on CIF or FOB as the importer levies it; starts at the base-year tariff."""
    export_tax_rate: LinkValues = field(init=False)
    """(G, C, C) ad valorem, on the gate price."""
    freight_factor: LinkValues = field(init=False)
    """(G, C, C) multiplies freight as a share of FOB."""
    transit_delay: LinkValues = field(init=False)
    """(G, C, C) years added to the time under way."""
    preference: LinkValues = field(init=False)
    """(G, C, C) multiplies sourcing weights, without making a buyer richer or poorer."""
    production_factor: FloatArray = field(init=False)
    """(1, O), or (M, O) once members differ: multiplies what an offer's facility may produce."""
    output_ceiling: FloatArray = field(init=False)
    """(1 or M, O): most that an offer's facility may produce, in multiples of its base-year output."""
    capacity_factor: FloatArray = field(init=False)
    """(1 or M, O): multiplies capacity, and with it output at a given utilisation."""
    ask_factor: FloatArray = field(init=False)
    """(1 or M, O): multiplies the ask; the state pays the seller what is missing."""
    own_cost_factor: FloatArray = field(init=False)
    """(1 or M, O): multiplies all costs but those of bought inputs."""
    demand_factor: FloatArray = field(init=False)
    """(1, N), or (M, N) once members differ: multiplies what a need requires."""
    intensity_factor: FloatArray = field(init=False)
    """(1 or M, N): multiplies the need per unit of activity, of users and of plants."""
    budget_factor: FloatArray = field(init=False)
    """(1 or M, N): multiplies what a user can pay, in dollars."""
    collection_target: FloatArray = field(init=False)
    """(1 or M, O): least share of retired goods that a recycler's country has collected."""
    recycled_content: FloatArray = field(init=False)
    """(1 or M, O): least share of what a recycler recovers in new goods of those that it draws on."""
    recovery_subsidy: FloatArray = field(init=False)
    """(1 or M, O): what a state adds to the price of what is recovered, multiples of the base price."""
    owner_changes: list[OwnerChange] = field(default_factory=list)
    """Who comes to set prices together, or ceases to."""
    projects: ProjectTerms = field(init=False)
    caps: list[Cap] = field(default_factory=list)
    licences: list[Licence] = field(default_factory=list)
    barriers: list[Barrier] = field(default_factory=list)
    resales: list[Resale] = field(default_factory=list)
    stockpiles: dict[str, Amount] = field(default_factory=dict)
    """Stockpile event id -> share of the step in which it may buy and release."""
    touched_links: dict[str, BoolArray] = field(default_factory=dict)
    """event id -> (G, C, C) links that the event acts on, for the ledger."""
    touched_offers: dict[str, BoolArray] = field(default_factory=dict)
    """event id -> (O,) offers that the event acts on directly."""
    touched_needs: dict[str, BoolArray] = field(default_factory=dict)
    """event id -> (N,) needs that the event acts on directly."""

    def __post_init__(self) -> None:
        self.date = dt.date(self.world.base_year, 1, 1)
        self.end = dt.date(self.world.base_year, 2, 1)
        goods, countries = len(self.world.goods), len(self.world.countries)
        shape = (goods, countries, countries)
        self.open_share = LinkValues(np.ones(shape), np.multiply)
        self.tariff_rate = LinkValues(self.world.base_tariff.copy(), np.add)
        self.export_tax_rate = LinkValues(np.zeros(shape), np.add)
        self.freight_factor = LinkValues(np.ones(shape), np.multiply)
        self.transit_delay = LinkValues(np.zeros(shape), np.add)
        self.preference = LinkValues(np.ones(shape), np.multiply)
        offers, needs = (1, len(self.world.offer_good)), (1, len(self.world.need_good))
        self.production_factor, self.capacity_factor = np.ones(offers), np.ones(offers)
        self.output_ceiling = np.full(offers, np.inf)
        self.ask_factor, self.own_cost_factor = np.ones(offers), np.ones(offers)
        self.demand_factor, self.intensity_factor = np.ones(needs), np.ones(needs)
        self.budget_factor = np.ones(needs)
        self.collection_target = self.recycled_content = self.recovery_subsidy = np.zeros(offers)
        self.projects = ProjectTerms.of(self.world)

    @property
    def base_owner(self) -> IntArray:
        """(1 or M, F) number of the firm that prices each facility before any change."""
        return self.world.firm_numbers[None] if self.owner is None else self.owner

    @property
    def markup_owner(self) -> IntArray:
        """(1 or M, F) number of the firm that prices each facility, by changes that cover half the step."""
        owner = self.base_owner
        for change in self._ordered_changes():
            owner = change.where(owner, np.asarray(change.share) >= HALF)
        return owner

    def ownerships(self) -> list[tuple[Amount, IntArray]]:
        """Share of the step in which an event's changes hold, and (1 or M, F) owners with them.

        Each on top of those before it, in the order of the events' names.
        """
        found: list[tuple[Amount, IntArray]] = []
        owner, last = self.base_owner, None
        for change in self._ordered_changes():
            owner = change.where(owner, np.asarray(change.share) > 0)
            if change.event == last:
                found.pop()
            found.append((change.share, owner))
            last = change.event
        return found

    def _ordered_changes(self) -> list[OwnerChange]:
        return sorted(self.owner_changes, key=lambda change: change.event)

    def links(self, goods: IntArray, exporters: IntArray, importers: IntArray) -> BoolArray:
        """(G, C, C) mask of the cross-border links of some goods, exporters and importers."""
        mask = self.no_links()
        mask[np.ix_(goods, exporters, importers)] = True
        diagonal = np.arange(len(self.world.countries))
        mask[:, diagonal, diagonal] = False
        return mask

    def no_links(self) -> BoolArray:
        """(G, C, C) all False."""
        return np.zeros(self.open_share.shared.shape, dtype=bool)

    def leave_ways(self, event: str, mask: BoolArray, leaks: bool, resold: Amount, share: Amount) -> None:
        """Close the links in a mask (G, C, C) but for what passes by others, see :class:`Cap`."""
        for good, origin in np.argwhere(mask.any(2)).tolist():
            cap = Cap(event, good, origin, mask[good, origin], 0.0, leaks=leaks, resold=resold, share=share)
            self.caps.append(cap)

    def close_links(self, event: str, mask: BoolArray, share: Amount, partly: bool) -> None:
        """Close the links in a mask (G, C, C) for a share of the step, one number or (M,).

        In a step of which only a part is closed, the rest lets pass its part of the base year's trade: who
        fears the end of the month cannot have a month's trade, or a year's, in its first days.

        Args:
            partly: whether the event may be in force in part only, in whichever member: what one meets must
                not depend on who shares its run. Where it may not and all or nothing is closed in each
                member, links need no ceiling beside.
        """
        whole = np.asarray(share) >= 1
        left = np.where(whole, 0.0, 1.0)
        self.open_share.change(mask, left if left.ndim else float(left))
        if not partly and (whole | (np.asarray(share) <= 0)).all():
            return
        for good, origin in np.argwhere(mask.any(2)).tolist():
            self.caps.append(Cap(event, good, origin, mask[good, origin], 0.0))

    def scale_output(self, offers: BoolArray, factor: Amount) -> None:
        """Multiply what the offers in a mask (O,) may produce, by one number or (M,)."""
        self.production_factor = _scaled(self.production_factor, offers, factor)

    def cap_output(self, offers: BoolArray, ceiling: Amount, share: Amount) -> None:
        """Put a ceiling on what the offers in a mask (O,) produce; of several the lowest holds.

        Args:
            ceiling: multiples of base-year output, one number or (M,); who made nothing then may not begin.
            share: of the step in which it is in force, one number or (M,); the rest is left base-year output.
        """
        acts = (np.asarray(share) > 0) & np.isfinite(ceiling)
        level = np.where(acts, 1 - share * (1 - np.where(acts, ceiling, 1.0)), np.inf)
        rows = np.broadcast_to(self.output_ceiling, (max(level.size, len(self.output_ceiling)), len(offers)))
        level = level.reshape(-1, 1)
        idle = (self.world.offer_output <= 0) & np.isfinite(level)
        lower = np.minimum(rows, np.where(idle, 0.0, level))
        self.output_ceiling = np.where(offers, lower, rows)

    def scale_demand(self, needs: BoolArray, factor: Amount) -> None:
        """Multiply what the needs in a mask (N,) require, by one number or (M,)."""
        self.demand_factor = _scaled(self.demand_factor, needs, factor)

    def scale_capacity(self, offers: BoolArray, factor: Amount) -> None:
        """Multiply the capacity of the offers in a mask (O,), by one number or (M,)."""
        self.capacity_factor = _scaled(self.capacity_factor, offers, factor)

    def scale_asks(self, offers: BoolArray, factor: Amount) -> None:
        """Multiply the asks of the offers in a mask (O,), by one number or (M,); the state pays the rest."""
        self.ask_factor = _scaled(self.ask_factor, offers, factor)

    def scale_own_cost(self, offers: BoolArray, factor: Amount) -> None:
        """Multiply costs other than those of inputs for the offers in a mask (O,), by one number or (M,)."""
        self.own_cost_factor = _scaled(self.own_cost_factor, offers, factor)

    def scale_intensity(self, needs: BoolArray, factor: Amount) -> None:
        """Multiply the need per unit of activity for the needs in a mask (N,), by one number or (M,)."""
        self.intensity_factor = _scaled(self.intensity_factor, needs, factor)

    def scale_budget(self, needs: BoolArray, factor: Amount) -> None:
        """Multiply what the users in a mask (N,) can pay, by one number or (M,)."""
        self.budget_factor = _scaled(self.budget_factor, needs, factor)

    def ask_of_recyclers(self, name: str, offers: BoolArray, level: Amount) -> None:
        """Ask at least a level of the recyclers in a mask (O,): ``collection_target`` or another array.

        Args:
            level: one number or (M,); of what several events ask, the most holds.
        """
        column = np.atleast_1d(np.asarray(level, dtype=np.float64))[:, None]
        held = getattr(self, name)
        setattr(self, name, np.where(offers, np.maximum(held, column), held))

    def pay_recyclers(self, offers: BoolArray, amounts: FloatArray) -> None:
        """Add (1 or M, O) multiples of the base price to what the recyclers in a mask (O,) are paid."""
        self.recovery_subsidy = np.where(offers, self.recovery_subsidy + amounts, self.recovery_subsidy)

    def close_between(self, offers: BoolArray, needs: BoolArray, open_share: Amount) -> None:
        """Close trade between the offers (O,) and the needs (N,); what is closed twice stays closed."""
        self.barriers.append(Barrier(offers, needs, open_share))

    def touch_links(self, event: str, mask: BoolArray) -> None:
        """Book that ``event`` acts on the links in ``mask``."""
        self.touched_links[event] = self.touched_links.get(event, np.zeros_like(mask)) | mask


def _scaled(factors: FloatArray, mask: BoolArray, factor: Amount) -> FloatArray:
    """(1 or M, n) factors, with those in a mask (n,) multiplied."""
    column = np.atleast_1d(np.asarray(factor, dtype=np.float64))[:, None]
    scaled: FloatArray = np.where(mask, factors * column, factors)
    return scaled
