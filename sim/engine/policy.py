"""From the events of a scenario to a market: what the policy of one step does to links and caps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from sim.agents.origins import may_resell
from sim.controls import Cap, Controls, Licence, Resale
from sim.instruments import Instrument
from sim.market.clearing import Clearing, Market
from sim.units import Amount
from sim.world.calibrate import Calibration
from sim.world.world import BoolArray, FloatArray, World

__all__ = [
    "LicenceKey", "PolicyMarket", "active_controls", "build_market", "licence_keys", "policy_key", "touched",
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
            event.activity(start, end),
            bool(event.announced and event.announced < end),
            start if event.varies else None,
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
    controls.date = start
    for event in events:
        share = shares[event.id]
        # Whether it may act in any member: the shape of a market must not depend on who shares it.
        acts = share > 0
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


def touched(
    world: World, controls: Controls, shares: Mapping[str, Amount], step_years: float
) -> dict[str, tuple[Amount, Amount]]:
    """Per event the base-year tonnes and USD of one step that it acts on."""
    result: dict[str, tuple[Amount, Amount]] = {}
    for event, share in shares.items():
        tonnes = usd = 0.0
        links = controls.touched_links.get(event)
        if links is not None:
            for g, flow in enumerate(world.base_flow):
                amount = float((flow * links[g][np.ix_(*world.link_countries(g))]).sum())
                tonnes, usd = tonnes + amount, usd + amount * world.goods[g].base_price
        for mask, amounts, goods in (
            (controls.touched_offers.get(event), world.offer_output, world.offer_good),
            (controls.touched_needs.get(event), world.need_use, world.need_good),
        ):
            if mask is not None:
                tonnes += float(amounts[mask].sum())
                usd += float((amounts * world.base_price[goods])[mask].sum())
        result[event] = (tonnes * share * step_years, usd * share * step_years)
    return result


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
    cap_goods: tuple[int, ...]
    fixed_caps: tuple[Amount, ...]
    """Tonnes per year of each cap; 0 for a licence, whose permits are counted apart."""
    base_cap_flow: FloatArray
    """(C,) base-year tonnes per year on the links of each cap."""
    cap_events: tuple[str, ...]
    licence_keys: tuple[LicenceKey, ...]
    licence_caps: tuple[int, ...]
    """Position of each licence on the axis of caps."""
    resale_caps: tuple[tuple[Resale, int], ...] = ()
    """Rule and offer of each cap on resale; these are the last on the axis of caps."""

    def cap_tonnes(
        self,
        members: int,
        permits: Sequence[FloatArray | None],
        shares: Mapping[str, Amount],
        step_years: float,
        resale: FloatArray | None = None,
    ) -> FloatArray:
        """(M, C) tonnes allowed this step; a cap in force for part of a step binds pro rata.

        Args:
            permits: of each licence. resale: (M, caps on resale) tonnes that may be resold.
        """
        tonnes = np.empty((members, len(self.cap_events)))
        if self.resale_caps and resale is not None:
            tonnes[:, -len(self.resale_caps) :] = resale
        for cap, event in enumerate(self.cap_events[: len(self.cap_events) - len(self.resale_caps)]):
            share = shares.get(event, 1.0)
            yearly = share * self.fixed_caps[cap] + (1 - share) * self.base_cap_flow[cap]
            # A member in which the event does not happen has no cap at all.
            tonnes[:, cap] = np.where(np.asarray(share) > 0, yearly * step_years, NO_CAP)
        for cap, allowed in zip(self.licence_caps, permits, strict=True):
            if allowed is not None:
                tonnes[:, cap] += allowed
        return tonnes

    def delivered_cost(self, clearing: Clearing) -> FloatArray:
        """(M, N) what each buyer pays in all, duties included, in tonnes x base price."""
        paid: FloatArray = clearing.to_buyers(self.delivered, clearing.price, include_rent=True)
        return paid


def build_market(
    world: World,
    calibration: Calibration,
    controls: Controls,
    sigma: FloatArray,
    eps: float,
    differing: Collection[str] = (),
) -> PolicyMarket:
    """Apply wedges, bans and caps to the sourcing weights; ``differing`` as in :func:`licence_keys`."""
    kernels, cif, delivered, exposure = [], [], [], []
    for g in range(len(world.goods)):
        origin, destination = world.link_countries(g)
        pair = origin[:, None], destination[None]
        tax = 1 + controls.export_tax_rate.on(g, pair)
        freight = 1 + world.freight_share[g]
        tariff = 1 + controls.tariff_rate.on(g, pair)
        change = tax * tariff / (1 + world.base_tariff[g][pair])
        kernels.append(calibration.kernel[g] * controls.open_share.on(g, pair) * change ** -sigma[g])
        cif.append(tax * freight)
        delivered.append(tax * freight * tariff)
        flow = calibration.flow[g]
        exposure.append((flow * controls.risk.on(g, pair)).sum(-2) / flow.sum(0))

    caps: list[tuple[int, BoolArray, BoolArray]] = []
    amounts: list[Amount] = []
    base: list[float] = []
    events: list[str] = []
    rules: list[Cap | Licence] = [*controls.caps, *controls.licences]
    names = licence_keys(controls.licences, differing)
    identity = dict(zip(map(id, controls.licences), names, strict=True))
    keys: list[LicenceKey] = []
    positions: list[int] = []
    for rule in rules:
        origin, destination = world.link_countries(rule.good)
        sellers = origin == rule.origin
        buyers = rule.destinations[destination] & (destination != rule.origin)
        if not sellers.any() or not buyers.any():
            continue
        if isinstance(rule, Licence):
            keys.append(identity[id(rule)])
            positions.append(len(caps))
            amounts.append(0.0)
        else:
            amounts.append(rule.tonnes_per_year)
        caps.append((rule.good, sellers, buyers))
        base.append(float(calibration.flow[rule.good][np.ix_(sellers, buyers)].sum()))
        events.append(rule.event)
    resales: list[tuple[Resale, int]] = []
    for resale in controls.resales:
        holds = may_resell(world, resale.goods, resale.content)
        for good in resale.goods:
            links = resale.links(*world.link_countries(good))
            for seller in np.flatnonzero(holds[world.offer_slice(good)] & links.any(1)):
                chosen = np.arange(len(links)) == seller
                caps.append((good, chosen, links[seller]))
                base.append(float(calibration.flow[good][seller, links[seller]].sum()))
                events.append(resale.event)
                resales.append((resale, world.offer_slice(good).start + int(seller)))
    market = Market.build(
        world.offer_good, world.need_good, kernels, sigma, np.full(len(world.offer_good), eps), caps
    )
    return PolicyMarket(
        market=market,
        exposure=_joined(exposure),
        cif=tuple(cif),
        delivered=tuple(delivered),
        duty=tuple(all_in - landed for all_in, landed in zip(delivered, cif, strict=True)),
        cap_goods=tuple(good for good, _, _ in caps),
        fixed_caps=tuple(amounts),
        base_cap_flow=np.array(base, dtype=float),
        cap_events=tuple(events),
        licence_keys=tuple(keys),
        licence_caps=tuple(positions),
        resale_caps=tuple(resales),
    )


def _joined(parts: list[FloatArray]) -> FloatArray:
    """Per good (B,) or (M, B) as (N,), or (M, N) where any good has members."""
    members = {len(part) for part in parts if part.ndim == 2}
    if not members:
        return np.concatenate(parts)
    wide = [np.broadcast_to(part, (*members, part.shape[-1])) for part in parts]
    return np.concatenate(wide, axis=1)
