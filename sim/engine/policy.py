"""From the events of a scenario to a market: what the policy of one step does to links and caps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from sim.agents.origins import may_resell
from sim.controls import Cap, Controls, Licence, PairIndex, Resale
from sim.instruments import Instrument
from sim.market.clearing import Clearing, Market
from sim.units import Amount
from sim.world.benchmark import Benchmark, of_good, shipping_lags
from sim.world.powers import raised
from sim.world.world import BoolArray, FloatArray, IntArray, World

__all__ = [
    "Gate", "LicenceKey", "PolicyMarket", "active_controls", "build_market", "licence_keys", "policy_key",
]

NO_CAP = 1e15
"""Tonnes that no flow reaches."""
LicenceKey = tuple[int, int, bytes, int | str]


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


def policy_key(events: Sequence[Instrument], start: dt.date, end: dt.date) -> tuple[object, ...]:
    """What the policy of the step [start, end) depends on; equal keys mean equal controls."""
    return tuple(
        (
            event.id,
            np.asarray(event.activity(start, end)).tobytes(),
            bool(event.announced and event.announced < end),
            event.phase(start, end),
        )
        for event in events
    )


def active_controls(
    world: World,
    events: Sequence[Instrument],
    start: dt.date,
    end: dt.date,
    happens: Mapping[str, BoolArray] = MappingProxyType({}),
    strengths: Mapping[str, Amount] = MappingProxyType({}),
) -> tuple[Controls, dict[str, Amount]]:
    """Controls of the step [start, end), and the share of it in which each event is in force.

    Events act in the order of the scenario file. An event counts as announced from its
    announcement until it ends. An event that only some members see (``happens``, (M,)) has a share
    for each member; until it starts, its announcement alarms all by its probability. Rules scale what an
    event does by its strength (``strengths``, one number or (M,)); one that is dormant acts with strength 0,
    so that what a member meets does not depend on the others.
    """
    shares: dict[str, Any] = {event.id: event.activity(start, end) for event in events}
    controls = Controls(world)
    controls.date, controls.end = start, end
    for event in events:
        share = shares[event.id]
        # Whether it may act in any member: the shape of a market must not depend on who shares it.
        acts = bool(np.any(np.asarray(share) > 0))
        controls.alarm_weight = 1.0
        if event.id in happens:
            seen = happens[event.id].astype(float)
            started = event.from_ is None or event.from_ < end
            controls.alarm_weight = seen if started else event.chance
            share = shares[event.id] = share * seen
        if event.id in strengths:
            strength = strengths[event.id]
            controls.alarm_weight = controls.alarm_weight * np.minimum(strength, 1.0)
            share = shares[event.id] = share * strength
        over = event.until is not None and event.until < start
        if acts or (event.announced is not None and event.announced < end and not over):
            event.announce(controls)
        if acts:
            event.apply(controls, share)
    return controls, shares


@dataclass(frozen=True)
class Gate:
    """A licence, or a quota that is counted, with the trade that passes it."""

    key: Any
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


@dataclass(frozen=True)
class PolicyMarket:
    """The market under one policy, and the wedges that its prices go through."""

    market: Market
    exposure: FloatArray
    """(N,), or (M, N) where members differ: share of each need's base supply that comes over links
    under a restriction."""
    cif: tuple[FloatArray, ...]
    """Per good (S, B), or (M, S, B) where members differ: (1 + export tax) (1 + freight)."""
    delivered: tuple[FloatArray, ...]
    """Per good, as cif: cif x (1 + tariff)."""
    duty: tuple[FloatArray, ...]
    """Per good, as cif: cif x tariff."""
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
    gates: tuple[Gate, ...]
    """Caps whose tonnes depend on what happened before."""
    resale_caps: tuple[tuple[Resale, int], ...] = ()
    """Rule and offer of each cap on resale; these are the last on the axis of caps."""

    def cap_tonnes(
        self,
        members: int,
        in_hand: Mapping[int, FloatArray],
        shares: Mapping[str, Amount],
        step_years: float,
        resale: FloatArray | None = None,
    ) -> FloatArray:
        """(M, C) tonnes allowed this step; a cap in force for part of a step binds pro rata.

        Args:
            in_hand: (M,) tonnes of each gate's cap that may be exported.
            resale: (M, caps on resale) tonnes that may be resold.
        """
        tonnes = np.empty((members, len(self.cap_events)))
        if self.resale_caps and resale is not None:
            tonnes[:, -len(self.resale_caps) :] = resale
        for cap, event in enumerate(self.cap_events[: len(self.cap_events) - len(self.resale_caps)]):
            share = shares.get(event, 1.0)
            allowed = in_hand.get(cap, share * self.fixed_caps[cap] * step_years)
            # A member in which the event does not happen has no cap at all.
            bound = allowed + self.free_tonnes(cap, shares, step_years)
            tonnes[:, cap] = np.where(np.asarray(share) > 0, bound, NO_CAP)
        return tonnes

    def free_tonnes(self, cap: int, shares: Mapping[str, Amount], step_years: float) -> Amount:
        """Tonnes, one number or (M,), that pass beside a cap: what needs no licence, and the part of a step
        before it came into force."""
        share = shares.get(self.cap_events[cap], 1.0)
        free: Amount = (1 - share + share * self.free_shares[cap]) * self.base_cap_flow[cap] * step_years
        return free

    def delivered_cost(self, clearing: Clearing) -> FloatArray:
        """(M, N) what each buyer pays in all, duties included, in tonnes x base price."""
        paid: FloatArray = clearing.to_buyers(self.delivered, clearing.price, include_rent=True)
        return paid


def build_market(
    world: World,
    benchmark: Benchmark,
    controls: Controls,
    sigma: FloatArray,
    eps: Amount,
    step_years: float,
    differing: Collection[str] = (),
) -> PolicyMarket:
    """Apply wedges, bans and caps to the sourcing weights.

    Args:
        sigma: (G,) or (M, G) sourcing elasticity. eps: one number or (M, 1) elasticity of offers.
        differing: as in :func:`licence_keys`.
    """
    kernels, opened, cif, delivered, exposure = [], [], [], [], []
    same_policy: list[int] = []
    for g in range(len(world.goods)):
        pair = _pair(world, g)
        tax = 1 + controls.export_tax_rate.on(g, pair)
        freight = 1 + world.freight_share[g] * controls.freight_factor.on(g, pair)
        tariff = 1 + controls.tariff_rate.on(g, pair)
        change = tax * tariff / (1 + world.base_tariff[g][pair]) * (freight / (1 + world.freight_share[g]))
        between, risk = _barriers(world, controls, g)
        preference = controls.preference.on(g, pair)
        weight = _tilted(benchmark.kernel[g], preference)
        opened.append(controls.open_share.on(g, pair) * between)
        kernels.append(weight * opened[g] * raised(change, -of_good(sigma, g)))
        if max(np.ndim(part) for part in (preference, opened[g], change)) == 2:
            same_policy.append(g)
        cif.append(tax * freight)
        delivered.append(tax * freight * tariff)
        flow = benchmark.flow[g]
        exposure.append((flow * np.maximum(controls.risk.on(g, pair), risk)).sum(-2) / flow.sum(0))

    caps: list[tuple[int, BoolArray, BoolArray]] = []
    amounts: list[Amount] = []
    base: list[float] = []
    events: list[str] = []
    free: list[Amount] = []
    gates: list[Gate] = []
    rules: list[Cap | Licence] = [*controls.caps, *controls.licences]
    names = licence_keys(controls.licences, differing)
    identity = dict(zip(map(id, controls.licences), names, strict=True))
    for rule in rules:
        sellers, buyers = _covered(world, rule)
        if not sellers.any() or not buyers.any():
            continue
        block = benchmark.flow[rule.good][np.ix_(sellers, buyers)]
        if isinstance(rule, Licence) or rule.counts:
            key = identity[id(rule)] if isinstance(rule, Licence) else _quota_key(rule)
            at = np.flatnonzero(sellers) + world.offer_slice(rule.good).start
            to = np.flatnonzero(buyers) + world.need_slice(rule.good).start
            # Nobody applies for what a ban forbids.
            admitted = block * opened[rule.good][..., sellers, :][..., buyers]
            gates.append(Gate(key, rule, len(caps), at, to, admitted))
        amounts.append(0.0 if isinstance(rule, Licence) else rule.tonnes_per_year)
        free.append(rule.free_share if isinstance(rule, Licence) else 0.0)
        caps.append((rule.good, sellers, buyers))
        base.append(float(block.sum()))
        events.append(rule.event)
    resales: list[tuple[Resale, int]] = []
    for resale in controls.resales:
        holds = may_resell(world, resale.goods, resale.content)
        for good in resale.goods:
            links = resale.links(*world.link_countries(good))
            for seller in np.flatnonzero(holds[world.offer_slice(good)] & links.any(1)):
                chosen = np.arange(len(links)) == seller
                caps.append((good, chosen, links[seller]))
                base.append(float(benchmark.flow[good][seller, links[seller]].sum()))
                events.append(resale.event)
                resales.append((resale, world.offer_slice(good).start + int(seller)))
    market = Market.build(
        world.offer_good, world.need_good, kernels, sigma,
        np.broadcast_to(eps, (*np.shape(eps)[:1], len(world.offer_good))), caps, same_policy,
    )  # fmt: skip
    lag_weight, need_lag = _lags(world, benchmark, controls, step_years)
    return PolicyMarket(
        market=market,
        exposure=_joined(exposure),
        cif=tuple(cif),
        delivered=tuple(delivered),
        duty=tuple(all_in - landed for all_in, landed in zip(delivered, cif, strict=True)),
        lag_weight=lag_weight,
        need_lag=need_lag,
        cap_goods=tuple(good for good, _, _ in caps),
        fixed_caps=tuple(amounts),
        free_shares=tuple(free),
        base_cap_flow=np.array(base, dtype=float),
        cap_events=tuple(events),
        gates=tuple(gates),
        resale_caps=tuple(resales),
    )


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


def _quota_key(quota: Cap) -> tuple[str, int, int, bytes, bytes]:
    offers = b"" if quota.offers is None else quota.offers.tobytes()
    return quota.event, quota.good, quota.origin, quota.destinations.tobytes(), offers


def _barriers(world: World, controls: Controls, good: int) -> tuple[FloatArray, FloatArray]:
    """What barriers leave open of a good's links, and the largest risk they raise: (S, B) or (M, S, B)."""
    sellers, buyers = world.offer_slice(good), world.need_slice(good)
    blank = np.ones((sellers.stop - sellers.start, buyers.stop - buyers.start))
    still_open, risk = blank, 0 * blank
    for barrier in controls.barriers:
        here = barrier.offers[sellers][:, None] & barrier.needs[buyers]
        if here.any():
            still_open = np.where(here, still_open * _by_link(barrier.open_share), still_open)
            risk = np.where(here, np.maximum(risk, _by_link(barrier.risk)), risk)
    return still_open, risk


def _by_link(amount: Amount) -> Amount:
    """One number, or (M, 1, 1)."""
    return amount if np.ndim(amount) == 0 else np.reshape(amount, (-1, 1, 1))


def _tilted(kernel: FloatArray, preference: FloatArray) -> FloatArray:
    """Sourcing weights under a preference, scaled so that choice indices at base prices stay."""
    if (preference == 1).all():
        return kernel
    tilted = kernel * preference
    weights: FloatArray = tilted * (kernel.sum(-2) / tilted.sum(-2))[..., None, :]
    return weights


def _lags(
    world: World, benchmark: Benchmark, controls: Controls, step_years: float
) -> tuple[tuple[tuple[FloatArray, ...], ...], FloatArray]:
    """Shipping lags, longer or shorter where policy or events delay shipments."""
    if not controls.transit_delay.shared.any() and not controls.transit_delay.varied:
        return benchmark.lag_weight, benchmark.need_lag
    times = tuple(
        np.maximum(transit + controls.transit_delay.on(g, _pair(world, g)), 0.0)
        for g, transit in enumerate(world.transit_years)
    )
    return shipping_lags(times, benchmark.flow, step_years, lags=len(benchmark.lag_weight))


def _joined(parts: list[FloatArray]) -> FloatArray:
    """Per good (B,) or (M, B) as (N,), or (M, N) where any good has members."""
    members = {len(part) for part in parts if part.ndim == 2}
    if not members:
        return np.concatenate(parts)
    wide = [np.broadcast_to(part, (*members, part.shape[-1])) for part in parts]
    return np.concatenate(wide, axis=1)
