"""From controls to a market: wedges, bans, ceilings and gates on the links of every good."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sim.agents.origins import may_resell
from sim.agents.prepared import Prepared
from sim.arrays import BoolArray, FloatArray, IntArray, raised
from sim.controls import LEAST_LEFT, Cap, Controls, Licence, PairIndex, Resale
from sim.market.clearing import Market
from sim.units import Amount
from sim.world.lags import shipping_lags
from sim.world.sourcing import of_good
from sim.world.world import World

__all__ = ["Gate", "GateKey", "PolicyMarket", "build_market", "licence_keys"]

UNUSED_RESPONSE = 1.0
"""Of sellers who keep stocks: these answer by what they keep."""
NO_CAP = 1e15
"""Tonnes that no flow reaches."""
LicenceKey = tuple[int, int, bytes, int | str]
QuotaKey = tuple[str, int, int, bytes, bytes]
GateKey = LicenceKey | QuotaKey


def licence_keys(licences: Sequence[Licence], differing: Collection[str] = ()) -> list[LicenceKey]:
    """Identity of each licence over changes of policy: what, from where, to whom, and which of such.

    The event does not count: a licence that another one replaces hands on its applications and
    permits, as an office does when its rules change. Only events that come and go member by member
    (``differing``) keep a queue of their own.
    """
    seen: dict[tuple[int, int, bytes], int] = {}
    keys: list[LicenceKey] = []
    for licence in licences:
        same = (licence.good, licence.origin, licence.destinations.tobytes())
        if licence.event in differing:
            keys.append((*same, licence.event))
            continue
        seen[same] = seen.get(same, -1) + 1
        keys.append((*same, seen[same]))
    return keys


@dataclass(frozen=True)
class Gate:
    """A licence, or a quota that is counted, with the trade that passes it."""

    key: GateKey
    """Identity over changes of policy: see :func:`licence_keys`; of a quota event, good, links and offers."""
    rule: Licence | Cap
    cap: int
    """Position on the axis of caps."""
    offers: IntArray
    """(S,) positions on the axis of offers."""
    needs: IntArray
    """(B,) positions on the axis of needs."""
    base: FloatArray
    """(S, B), or (M, S, B) where members differ: base-year tonnes per year on links that are open."""
    holders: tuple[IntArray, FloatArray] | None = None
    """Needs (n,) of third countries whose stocks may be sold on, and the part (1 or M, n) that may."""


@dataclass(frozen=True)
class PolicyMarket:
    """The market under one policy, and the wedges that its prices go through."""

    market: Market
    cif: tuple[FloatArray, ...]
    """Per good (S, B), or (M, S, B) where members differ: (1 + export tax) (1 + freight)."""
    delivered: tuple[FloatArray, ...]
    """Per good, as cif: with the tariff on CIF, or on FOB where the importer levies it so."""
    duty: tuple[FloatArray, ...]
    """Per good, as cif: what of delivered is the tariff."""
    lag_weight: tuple[tuple[FloatArray, ...], ...]
    """Per lag (in steps), per good, as cif: share of a shipment that arrives after that many steps."""
    need_lag: FloatArray
    """(L, N), or (L, M, N) where members differ: lag mix of each need's base-year purchases."""
    cap_goods: tuple[int, ...]
    fixed_caps: tuple[Amount, ...]
    """Tonnes per year of each cap; 0 for a licence, whose permits are counted apart."""
    free_shares: tuple[Amount, ...]
    """Share of the base-year tonnes of each cap that needs no licence."""
    base_cap_flow: FloatArray
    """(C,) base-year tonnes per year on the links of each cap."""
    cap_events: tuple[str, ...]
    dearer: tuple[FloatArray, ...] | None
    """Per good, as cif: delivered over gate price, over the base year's; None where all are as in it."""
    gates: tuple[Gate, ...]
    """Caps whose tonnes depend on what happened before."""
    resale_caps: tuple[tuple[Resale, int], ...] = ()
    """Rule and offer of each cap on resale; these are the last on the axis of caps."""

    def cap_tonnes(
        self,
        prepared: Prepared,
        in_hand: Mapping[int, FloatArray],
        shares: Mapping[str, Amount],
        resale: FloatArray | None = None,
    ) -> FloatArray:
        """(M, C) tonnes allowed this step; a cap in force for part of a step binds pro rata.

        Args:
            in_hand: (M,) tonnes of each gate's cap that may be exported.
            resale: (M, caps on resale) tonnes that may be resold.

        Equations (M14) and (M15), docs/model.md, for ``Q_g`` and ``hand_g``.
        """
        step_years = prepared.step_years
        tonnes = np.empty((prepared.members, len(self.cap_events)))
        if self.resale_caps and resale is not None:
            tonnes[:, -len(self.resale_caps) :] = resale
        for cap, event in enumerate(self.cap_events[: len(self.cap_events) - len(self.resale_caps)]):
            share = shares.get(event, 1.0)
            allowed = in_hand.get(cap, share * self.fixed_caps[cap] * step_years)
            # A member in which the event does not happen has no cap at all.
            bound = allowed + self.free_tonnes(cap, shares, step_years)
            tonnes[:, cap] = np.where(np.asarray(share) > 0, bound, NO_CAP)
        return tonnes

    def barred_together(self, gate: Gate) -> float:
        """Base-year t/year that all bans of its kind keep from buyers of a gate: each counts by its part."""
        together = 0.0
        for other in self.gates:
            same = isinstance(other.rule, Cap) and other.rule.sold_on and other.rule.good == gate.rule.good
            if same and np.intersect1d(other.needs, gate.needs).size:
                together += float(self.base_cap_flow[other.cap])
        return together

    def free_tonnes(self, cap: int, shares: Mapping[str, Amount], step_years: float) -> Amount:
        """Tonnes, one number or (M,), that pass beside a cap: what needs no licence, and the part of a step
        before it came into force.

        Equation (M14), docs/model.md, for ``Q_g``.
        """
        share = shares.get(self.cap_events[cap], 1.0)
        free: Amount = (1 - share + share * self.free_shares[cap]) * self.base_cap_flow[cap] * step_years
        return free


def build_market(
    prepared: Prepared,
    controls: Controls,
    differing: Collection[str] = (),
    response: FloatArray | None = None,
) -> PolicyMarket:
    """Apply wedges, bans and caps to the sourcing weights.

    Args:
        differing: as in :func:`licence_keys`.
        response: (O,) or (M, O) of what sellers place to the price; None where they keep stocks instead.
    """
    world = prepared.world
    links = _links(prepared, controls)
    caps = _Ceilings(prepared, links.opened)
    caps.add_rules(controls, differing)
    caps.add_resales(controls.resales)
    market = Market.build(
        world.offer_good, world.need_good, links.kernels, prepared.sigma,
        UNUSED_RESPONSE * np.ones(len(world.offer_good)) if response is None else response,
        caps.groups, links.same_policy,
    )  # fmt: skip
    lag_weight, need_lag = _lags(prepared, controls)
    duty = tuple(all_in - landed for all_in, landed in zip(links.delivered, links.cif, strict=True))
    return PolicyMarket(
        market=replace(market, engine=prepared.engine),
        cif=tuple(links.cif),
        delivered=tuple(links.delivered),
        duty=duty,
        dearer=tuple(links.dearer) if any((change != 1).any() for change in links.dearer) else None,
        lag_weight=lag_weight,
        need_lag=need_lag,
        cap_goods=tuple(good for good, _, _ in caps.groups),
        fixed_caps=tuple(caps.amounts),
        free_shares=tuple(caps.free),
        base_cap_flow=np.array(caps.base, dtype=float),
        cap_events=tuple(caps.events),
        gates=tuple(caps.gates),
        resale_caps=tuple(caps.resales),
    )


@dataclass
class _Links:
    """Per good, what policy makes of its links: (S, B), or (M, S, B) where members differ."""

    kernels: list[FloatArray] = field(default_factory=list)
    opened: list[FloatArray] = field(default_factory=list)
    cif: list[FloatArray] = field(default_factory=list)
    delivered: list[FloatArray] = field(default_factory=list)
    dearer: list[FloatArray] = field(default_factory=list)
    same_policy: list[int] = field(default_factory=list)
    """Goods whose policy is the same for all members, whatever their elasticities."""


def _links(prepared: Prepared, controls: Controls) -> _Links:
    """Equations (M10) and (M12), docs/model.md, for ``cif_sb`` and ``K_sb``."""
    world, benchmark, found = prepared.world, prepared.benchmark, _Links()
    for g in range(len(world.goods)):
        pair = _pair(world, g)
        tax = np.maximum(1 + controls.export_tax_rate.on(g, pair), LEAST_LEFT)
        freight = 1 + world.freight_share[g] * controls.freight_factor.on(g, pair)
        tariff = np.maximum(1 + controls.tariff_rate.on(g, pair), LEAST_LEFT)
        landed = world.delivered_over_fob(g, freight, tariff)
        change = tax * (landed / world.base_wedge(g))
        third = _margin(prepared, controls, g, pair)
        if third is not None:
            change, tax = change * third, tax * third
        preference = controls.preference.on(g, pair)
        weight = _tilted(benchmark.kernel[g], preference)
        opened = controls.open_share.on(g, pair) * _between(world, controls, g)
        found.opened.append(opened)
        found.kernels.append(weight * opened * raised(change, -of_good(prepared.sigma, g)))
        if max(np.ndim(part) for part in (preference, opened, change)) == 2:
            found.same_policy.append(g)
        found.dearer.append(change)
        found.cif.append(tax * freight)
        found.delivered.append(tax * landed)
    return found


def _margin(prepared: Prepared, controls: Controls, good: int, pair: PairIndex) -> FloatArray | None:
    """What third countries ask for selling on, over the price: (S, B) or (M, S, B); None where none does.

    A link that several bans close to all but third countries has the margin once.

    Equation (M188), docs/model.md, for ``cif_sb``.
    """
    asked: FloatArray | None = None
    margin = prepared.behaviour.shared_or_each("resale_margin")
    for cap in controls.caps:
        if cap.sold_on and cap.good == good:
            here = (pair[0] == cap.origin) & cap.destinations[pair[1]]
            by_member = np.ndim(margin) > 0 or np.ndim(cap.share) > 0
            factor = 1 + np.ravel(margin) * np.ravel(cap.share)
            factor = factor.reshape(-1, 1, 1) if by_member else factor[0]
            over = np.where(here, factor, 1.0)
            asked = over if asked is None else np.maximum(asked, over)
    return asked


class _Ceilings:
    """Ceilings on flows, in the order in which the market has them."""

    def __init__(self, prepared: Prepared, opened: Sequence[FloatArray]) -> None:
        self._prepared, self._opened = prepared, opened
        self.groups: list[tuple[int, BoolArray, BoolArray]] = []
        self.amounts: list[Amount] = []
        self.free: list[Amount] = []
        self.base: list[float] = []
        self.events: list[str] = []
        self.gates: list[Gate] = []
        self.resales: list[tuple[Resale, int]] = []

    def add_rules(self, controls: Controls, differing: Collection[str]) -> None:
        """Quotas and licences."""
        for quota in controls.caps:
            self._add_rule(controls, quota, _quota_key(quota))
        names = licence_keys(controls.licences, differing)
        for licence, key in zip(controls.licences, names, strict=True):
            self._add_rule(controls, licence, key)

    def _add_rule(self, controls: Controls, rule: Cap | Licence, key: GateKey) -> None:
        world = self._prepared.world
        sellers, buyers = _covered(world, rule)
        if not sellers.any() or not buyers.any():
            return
        block = self._prepared.benchmark.flow[rule.good][np.ix_(sellers, buyers)]
        if isinstance(rule, Licence) or rule.counts:
            at = np.flatnonzero(sellers) + world.offer_slice(rule.good).start
            to = np.flatnonzero(buyers) + world.need_slice(rule.good).start
            # Nobody applies for what a ban forbids, nor for what others sell on.
            opened = self._opened[rule.good]
            if isinstance(rule, Licence):
                opened = opened * _not_sold_on(world, controls, rule)
            admitted = block * opened[..., sellers, :][..., buyers]
            holders = _holders(world, controls, rule) if isinstance(rule, Cap) and rule.sold_on else None
            self.gates.append(Gate(key, rule, len(self.groups), at, to, admitted, holders))
        self.amounts.append(0.0 if isinstance(rule, Licence) else rule.tonnes_per_year)
        self.free.append(rule.free_share if isinstance(rule, Licence) else 0.0)
        self._add((rule.good, sellers, buyers), float(block.sum()), rule.event)

    def add_resales(self, rules: Sequence[Resale]) -> None:
        """What third countries may pass on; these ceilings come last."""
        world = self._prepared.world
        for rule in rules:
            holds = may_resell(world, rule.goods, rule.content)
            for good in rule.goods:
                links = rule.links(*world.link_countries(good))
                for seller in np.flatnonzero(holds[world.offer_slice(good)] & links.any(1)):
                    chosen = np.arange(len(links)) == seller
                    base = float(self._prepared.benchmark.flow[good][seller, links[seller]].sum())
                    self._add((good, chosen, links[seller]), base, rule.event)
                    self.resales.append((rule, world.offer_slice(good).start + int(seller)))

    def _add(self, group: tuple[int, BoolArray, BoolArray], base: float, event: str) -> None:
        self.groups.append(group)
        self.base.append(base)
        self.events.append(event)


def _pair(world: World, good: int) -> PairIndex:
    origin, destination = world.link_countries(good)
    return origin[:, None], destination[None]


def _covered(world: World, rule: Cap | Licence) -> tuple[BoolArray, BoolArray]:
    """(S,) sellers and (B,) buyers of a good between whom a cap or a licence holds."""
    origin, destination = world.link_countries(rule.good)
    sellers = origin == rule.origin
    buyers = rule.destinations[destination] & (destination != rule.origin)
    if isinstance(rule, Cap) and rule.offers is not None:
        sellers &= rule.offers[world.offer_slice(rule.good)]
    if isinstance(rule, Licence) and rule.exempt_needs is not None:
        buyers &= ~rule.exempt_needs[world.need_slice(rule.good)]
    return sellers, buyers


def _holders(world: World, controls: Controls, ban: Cap) -> tuple[IntArray, FloatArray]:
    """Needs (n,) of third countries who may sell on, and the part (1 or M, n) of their stocks that may go.

    It must be free to go to all whom the ban names; who counts or licenses what leaves it sells on nothing.
    """
    reached = np.flatnonzero(ban.destinations)
    rules: list[Cap | Licence] = [*controls.caps, *controls.licences]
    strict = {
        rule.origin for rule in rules
        if rule.good == ban.good and (rule.destinations & ban.destinations).any()
    }  # fmt: skip
    needs = np.arange(len(world.need_good))[world.need_slice(ban.good)]
    country = world.need_country[needs]
    away = ~ban.destinations[country] & ~np.isin(country, [ban.origin, *strict])
    holders, country = needs[away], country[away]
    open_to = controls.open_share.on(ban.good, (country[:, None], reached[None])).min(axis=-1, initial=1.0)
    return holders, np.atleast_2d(open_to) * np.reshape(ban.resold, (-1, 1))


def _not_sold_on(world: World, controls: Controls, licence: Licence) -> Amount:
    """(S, B) or (M, S, B) part of a step in which no ban is on a link around which others sell on."""
    origin, destination = world.link_countries(licence.good)
    left: Amount = 1.0
    for cap in controls.caps:
        if cap.sold_on and cap.good == licence.good and cap.origin == licence.origin:
            here = (origin == cap.origin)[:, None] & cap.destinations[destination]
            left = left * np.where(here, 1 - _by_link(cap.share), 1.0)
    return left


def _quota_key(quota: Cap) -> QuotaKey:
    offers = b"" if quota.offers is None else quota.offers.tobytes()
    return quota.event, quota.good, quota.origin, quota.destinations.tobytes(), offers


def _between(world: World, controls: Controls, good: int) -> FloatArray:
    """(S, B) or (M, S, B) what barriers leave open of a good's links."""
    sellers, buyers = world.offer_slice(good), world.need_slice(good)
    still_open = np.ones((sellers.stop - sellers.start, buyers.stop - buyers.start))
    for barrier in controls.barriers:
        here = barrier.offers[sellers][:, None] & barrier.needs[buyers]
        if here.any():
            still_open = np.where(here, still_open * _by_link(barrier.open_share), still_open)
    return still_open


def _by_link(amount: Amount) -> Amount:
    """One number, or (M, 1, 1)."""
    return amount if np.ndim(amount) == 0 else np.reshape(amount, (-1, 1, 1))


def _tilted(kernel: FloatArray, preference: FloatArray) -> FloatArray:
    """Sourcing weights under a preference, scaled so that choice indices at base prices stay.

    Equation (M13), docs/model.md, for ``K_sb``.
    """
    # One that differs by member is applied even where it is 1: the market's shape must not depend on draws.
    if preference.ndim == 2 and (preference == 1).all():
        return kernel
    tilted = kernel * preference
    weights: FloatArray = tilted * (kernel.sum(-2) / tilted.sum(-2))[..., None, :]
    return weights


def _lags(
    prepared: Prepared, controls: Controls
) -> tuple[tuple[tuple[FloatArray, ...], ...], FloatArray]:
    """Shipping lags, longer or shorter where policy or events delay shipments."""
    world, benchmark = prepared.world, prepared.benchmark
    if not controls.transit_delay.shared.any() and not controls.transit_delay.varied:
        return benchmark.lag_weight, benchmark.need_lag
    times = tuple(
        np.maximum(transit + controls.transit_delay.on(g, _pair(world, g)), 0.0)
        for g, transit in enumerate(world.transit_years)
    )
    return shipping_lags(times, benchmark.mix, prepared.step_years, lags=len(benchmark.lag_weight))
