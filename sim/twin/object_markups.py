"""Mark-ups of sellers who answer each other, in plain loops: what :mod:`sim.agents.firms` does on arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sim.controls import Controls
from sim.twin.object_market import ObjectMarket
from sim.twin.objects import Need, Offer
from sim.world.world import FloatArray, World

__all__ = ["Firms", "Sellers", "new_markups", "ratios"]

Table = Sequence[Sequence[float]]
"""[seller][buyer]"""
DAMPING, ARRIVED, ROUNDS = 0.25, 1e-13, 20_000
"""Part of the way to its best ask that each goes at once; change at which all have arrived; most rounds."""

LEAST_LEFT = 1e-9
"""Share of a price that cost is at least: beyond, nothing but what users pay bounds what is asked."""


@dataclass(frozen=True)
class Sellers:
    """Who sells one good, and what they know of its buyers."""

    flow: Table
    """Tonnes before anybody changes what it asks."""
    sigma: float
    eta: float
    world_weight: float
    most: float
    """Largest rise of an ask: what a tonne is worth to those who need it most."""


@dataclass(frozen=True)
class Firms:
    """Who belongs to whom."""

    of_seller: Sequence[object]
    of_buyer: Sequence[object]
    small: Sequence[float]
    """Per seller, equal firms behind it."""

    def inside(self, seller: int, buyer: int) -> bool:
        """Whether one firm sells to itself."""
        return self.of_seller[seller] == self.of_buyer[buyer]


def met(sellers: Sellers, flow: Table, firms: Firms) -> list[list[float]]:
    """Share of each seller's partners, itself among them, where it sells: [seller][partner]."""
    rows, columns = range(len(flow)), range(len(flow[0]) if flow else 0)
    bought = [sum(flow[s][b] for s in rows) for b in columns]
    merchant = [sum(flow[s][b] for b in columns if not firms.inside(s, b)) for s in rows]
    everywhere = sum(merchant)
    found = [[0.0] * len(flow) for _ in rows]
    for s in rows:
        for r in rows:
            if firms.of_seller[r] != firms.of_seller[s] or merchant[s] <= 0:
                continue
            here = sum(
                flow[s][b] / merchant[s] * flow[r][b] / bought[b]
                for b in columns if not firms.inside(s, b) and bought[b] > 0
            )  # fmt: skip
            mixed = (1 - sellers.world_weight) * here + sellers.world_weight * merchant[r] / everywhere
            found[s][r] = mixed / firms.small[s]
    return found


def best_margin(
    sellers: Sellers, shares: Table, s: int, margins: Sequence[float], prices: Sequence[float]
) -> float:
    """Share of its price that a seller would keep, given what its firm earns elsewhere."""
    gained = sum(shares[s][r] * margins[r] * prices[r] / prices[s] for r in range(len(margins)))
    return min((1 + (sellers.sigma - sellers.eta) * gained) / sellers.sigma, 1 - LEAST_LEFT)


def new_markups(sellers: Sellers, before: Firms, after: Firms) -> list[float]:
    """Mark-ups once firms have joined or parted, over those before."""
    flow = sellers.flow
    rows, columns = range(len(flow)), range(len(flow[0]) if flow else 0)
    shares, same = met(sellers, flow, before), [1.0] * len(flow)
    margins = [1 / sellers.sigma] * len(flow)
    for _ in range(ROUNDS):
        old = margins
        margins = [best_margin(sellers, shares, s, old, same) for s in rows]
        if max((abs(m - o) for m, o in zip(margins, old, strict=True)), default=0.0) < ARRIVED:
            break
    usual = [1 / (1 - margin) for margin in margins]
    now = list(usual)
    for _ in range(ROUNDS):
        moved = []
        for s in rows:
            row = []
            for b in columns:
                old_link = 1.0 if before.inside(s, b) else usual[s]
                new_link = 1.0 if after.inside(s, b) else now[s]
                row.append(flow[s][b] * (new_link / old_link) ** -sellers.sigma)
            moved.append(row)
        for b in columns:
            pull, whole = sum(moved[s][b] for s in rows), sum(flow[s][b] for s in rows)
            for s in rows:
                moved[s][b] *= (pull / whole) ** (sellers.eta / sellers.sigma - 1) if pull > 0 else 0.0
        shares = met(sellers, moved, after)
        prices = [n / u for n, u in zip(now, usual, strict=True)]
        margins = [best_margin(sellers, shares, s, margins, prices) for s in rows]
        wanted = [min(1 / (1 - margins[s]), sellers.most * usual[s]) for s in rows]
        change = [math.log(w / m) for w, m in zip(wanted, now, strict=True)]
        now = [m * math.exp(DAMPING * c) for m, c in zip(now, change, strict=True)]
        if max(map(abs, change), default=0.0) < ARRIVED:
            break
    return [n / u for n, u in zip(now, usual, strict=True)]


class MarketModel(Protocol):
    """What of the model mark-ups hang on."""

    world: World
    offers: list[Offer]
    needs: list[Need]
    markets: list[ObjectMarket[Offer, Need]]
    sigma: FloatArray
    b: Mapping[str, float]
    per_good: Mapping[str, Any]


def ratios(model: MarketModel, controls: Controls, kernels: Sequence[Table]) -> list[float]:
    """Mark-up of every offer over that of the base year's owners, under a policy and its sourcing weights.

    What is likely, or in force, to a part counts by that part.
    """
    total = [1.0] * len(model.offers)
    before = list(total)
    for share, owner in controls.ownerships():
        part = float(np.ravel(share)[0])
        after = _under(model, owner[0].tolist(), kernels)
        total = [t + part * (a - b) for t, a, b in zip(total, after, before, strict=True)]
        before = after
    return total


def _under(model: MarketModel, owner: list[int], kernels: Sequence[Table]) -> list[float]:
    world = model.world
    base = world.firm_numbers.tolist()
    found = [1.0] * len(model.offers)
    for good, kernel in enumerate(kernels):
        offers, needs = model.markets[good].offers, model.markets[good].needs
        if not offers or owner == base:
            continue
        places = [int(world.offer_facility[offer.position]) for offer in offers]
        buyers = [int(world.need_facility[need.position]) for need in needs]
        known = any(need.required > 0 for need in model.needs)
        demand = [need.required if known else need.use for need in needs]
        sigma = float(model.sigma[good])
        worth = max((float(world.need_worth[need.position]) for need in needs), default=1.0)
        settings = model.b["markup_demand_elasticity"], model.b["world_share_weight"], max(worth, 1.0)
        flow, markets = _by_market(world, _flow(offers, kernel, demand, sigma), buyers)
        sellers = Sellers(flow, sigma, *settings)
        before, after = (
            _firms(world, who, base, (places, markets), model.per_good["fringe_firms"][good])
            for who in (base, owner)
        )
        for offer, ratio in zip(offers, new_markups(sellers, before, after), strict=True):
            found[offer.position] = ratio
    return found


def _flow(offers: Sequence[Offer], kernel: Table, demand: list[float], sigma: float) -> list[list[float]]:
    """What each buyer buys from each seller at the last prices."""
    pull = [
        [weight * offer.weight * offer.price**-sigma if offer.rate > 0 else 0.0 for weight in row]
        for offer, row in zip(offers, kernel, strict=True)
    ]
    totals = [sum(column) for column in zip(*pull, strict=True)]
    return [
        [p * need / total if total > 0 else 0.0 for p, need, total in zip(row, demand, totals, strict=True)]
        for row in pull
    ]


def _by_market(world: World, flow: Table, buyers: list[int]) -> tuple[list[list[float]], list[int]]:
    """Flows with the users of each country as one buyer, and a facility of each market."""
    markets: dict[object, list[int]] = {}
    for b, place in enumerate(buyers):
        user = world.facility_kind[place] == "manufacturer"
        markets.setdefault(("users", int(world.facility_country[place])) if user else place, []).append(b)
    together = [[sum(row[b] for b in here) for here in markets.values()] for row in flow]
    return together, [buyers[here[0]] for here in markets.values()]


def _firms(
    world: World, owner: list[int], base: list[int], ends: tuple[list[int], list[int]], fringe: float
) -> Firms:
    sellers, buyers = ends
    mine = [owner[place] for place in sellers]
    small = [
        max(fringe, 1.0)
        if world.unnamed[place] and mine.count(owner[place]) == 1 and owner[place] == base[place]
        else 1.0
        for place in sellers
    ]
    return Firms(mine, [owner[place] for place in buyers], small)
