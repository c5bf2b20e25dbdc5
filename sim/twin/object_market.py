"""One good's market between Python objects: prices move until offers and orders meet.

The equations are those of ``docs/clearing.md``; the way to their solution is a tatonnement. In each
round every seller moves to the price at which it would sell out to buyers who stand still, every capped
border sets the rent at which what passes would fit, and the common level of prices moves by what total
orders exceed total offers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from operator import mul
from typing import Generic, Protocol, TypeVar

ROUNDS = 500
LEAST_CAP = 1e-6
"""A cap below this share of what its sellers offer is solved at it, and the rest cut off after."""
SMALL_LOT = 0.01
"""Share of all orders at which a seller with an empty store is quoted."""
LARGEST_LEVEL = 0.5
"""Largest move of the common level in a round, log price."""
NO_CAP = 1e15


class Seller(Protocol):
    """What the market needs of an offer."""

    price: float
    quantity: float
    full_ask: float
    sales: float


class Buyer(Protocol):
    """What the market needs of a need."""

    tiers: list[tuple[float, float, float]]
    """Tonnes, price at which they give way, elasticity."""
    choice_index: float
    purchases: float


SellerT = TypeVar("SellerT", bound=Seller)
BuyerT = TypeVar("BuyerT", bound=Buyer)


@dataclass
class Border:
    """A ceiling on the tonnes from some sellers to some buyers."""

    sellers: list[int]
    covered: list[float]
    """1 for a buyer that the ceiling covers, else 0."""
    tonnes: float = NO_CAP
    log_rent: float = 0.0
    flow: float = 0.0


@dataclass
class ObjectMarket(Generic[SellerT, BuyerT]):
    """The market of one good."""

    offers: list[SellerT]
    needs: list[BuyerT]
    kernel: list[list[float]]
    """[seller][buyer] sourcing weight."""
    sigma: float
    eps: float
    borders: list[Border] = field(default_factory=list)
    flow: list[list[float]] = field(default_factory=list)
    """[seller][buyer] tonnes."""
    rent: list[list[float]] = field(default_factory=list)
    """[seller][buyer] 1 + rent; empty without borders."""
    rounds: int = 0
    reach: float = 0.0
    """Largest move of the common level now: halved where excess demand changes sign, which tiers that give
    way together can make it do for ever."""
    excess: float = 0.0
    residual: float = 0.0
    """What was left when the market stopped, as a share of its largest offer."""
    _rows: list[list[float]] = field(init=False)
    _columns: list[tuple[float, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self.set_kernel(self.kernel)

    def set_kernel(self, kernel: list[list[float]]) -> None:
        """Take the sourcing weights of another policy."""
        self.kernel = self._rows = kernel
        self._columns = list(zip(*kernel, strict=True))

    def clear(self, tolerance: float) -> None:
        """Find prices; set every seller's price and sales, every buyer's index and purchases."""
        offers, power = self.offers, -self.sigma
        size = max(offer.quantity for offer in offers) or 1.0
        limits = [
            max(border.tonnes, LEAST_CAP * sum(offers[s].quantity for s in border.sellers))
            for border in self.borders
        ]
        self._raise_rents()
        self.reach, self.excess = LARGEST_LEVEL, 0.0
        for done in range(1, ROUNDS + 1):
            draw = [offer.price**power if offer.quantity > 0 else 0.0 for offer in offers]
            pull, demand, slope = self._orders(draw)
            sales = [u * sum(map(mul, row, pull)) for u, row in zip(draw, self._rows, strict=True)]
            off, moves, level = self._seller_moves(sales, demand, slope)
            rents = []
            for border, limit in zip(self.borders, limits, strict=True):
                passing = list(map(mul, border.covered, pull))
                border.flow = sum(draw[s] * sum(map(mul, self._rows[s], passing)) for s in border.sellers)
                spare = limit - border.flow
                off = max(off, -spare, min(spare, self.sigma * border.log_rent * limit))
                fits = math.log(border.flow / limit) / self.sigma if border.flow > 0 else 0.0
                rents.append(max(0.0, border.log_rent + fits))
            self.rounds, self.residual = done, off / size
            if off <= tolerance * size:
                break
            for offer, move in zip(offers, moves, strict=True):
                offer.price *= math.exp(move + level)
            for border, rent in zip(self.borders, rents, strict=True):
                border.log_rent = rent
            if rents:
                self._raise_rents()
        self._settle(draw, pull, sales, demand)

    def _seller_moves(
        self, sales: list[float], demand: float, slope: float
    ) -> tuple[float, list[float], float]:
        """Largest excess in tonnes, each seller's move in log price, and the move of the common level."""
        sigma, eps = self.sigma, self.eps
        off = offered = mean = 0.0
        moves = []
        for offer, sold in zip(self.offers, sales, strict=True):
            if offer.quantity <= 0 or sold <= 0:
                moves.append(0.0)
                continue
            ahead = math.log(offer.price / offer.full_ask)
            supply = offer.quantity * math.exp(eps * min(ahead, 0.0))
            offered += supply
            if ahead < 0:
                slope += eps * supply
            off = max(off, abs(supply - sold))
            # Sales fall by price**-sigma while the buyers stand still; above its ask a seller sells all.
            glut = math.log(sold / offer.quantity) + sigma * ahead
            move = glut / (sigma if glut > 0 else sigma + eps) - ahead
            moves.append(move)
            mean += sold * move
        if slope <= 0 or demand <= 0:
            return off, moves, 0.0
        turned = self.excess * (demand - offered) < 0
        self.reach = self.reach / 2 if turned else min(1.5 * self.reach, LARGEST_LEVEL)
        self.excess = demand - offered
        wanted = max(-self.reach, min(self.reach, self.excess / slope))
        return off, moves, wanted - mean / demand

    def _orders(self, draw: list[float]) -> tuple[list[float], float, float]:
        """Each buyer's demand per unit of weight; total demand, and how fast it falls in log price."""
        pull = []
        demand = slope = 0.0
        for need, column in zip(self.needs, self._columns, strict=True):
            weight = sum(map(mul, column, draw))
            if weight <= 0:
                need.choice_index = max(price for _, price, _ in need.tiers)
                pull.append(0.0)
                continue
            index = weight ** (-1 / self.sigma)
            wanted = 0.0
            for tonnes, price, elasticity in need.tiers:
                if index <= price:
                    wanted += tonnes
                else:
                    tier = tonnes * (index / price) ** -elasticity
                    wanted += tier
                    slope += elasticity * tier
            need.choice_index = index
            demand += wanted
            pull.append(wanted / weight)
        return pull, demand, slope

    def _raise_rents(self) -> None:
        """Sourcing weights as buyers see them behind the borders' rents."""
        if not self.borders:
            return
        rows = list(self.kernel)
        self.rent = [[1.0] * len(self.needs) for _ in self.offers]
        for border in self.borders:
            if border.log_rent > 0:
                dearer = [math.exp(border.log_rent * covered) for covered in border.covered]
                weights = [factor**-self.sigma for factor in dearer]
                for s in border.sellers:
                    rows[s] = list(map(mul, rows[s], weights))
                    self.rent[s] = list(map(mul, self.rent[s], dearer))
        self._rows, self._columns = rows, list(zip(*rows, strict=True))

    def _settle(self, draw: list[float], pull: list[float], sales: list[float], demand: float) -> None:
        """Tonnes: no seller ships more than it has, no border lets more pass than it may."""
        self.flow = []
        for offer, row, u, sold in zip(self.offers, self._rows, draw, sales, strict=True):
            scale = u * min(1.0, offer.quantity / sold) if sold > 0 else 0.0
            self.flow.append([scale * k * p for k, p in zip(row, pull, strict=True)])
        for border in self.borders:
            passing = sum(sum(map(mul, self.flow[s], border.covered)) for s in border.sellers)
            kept = min(1.0, border.tonnes / passing) if passing > 0 else 1.0
            for s in border.sellers:
                self.flow[s] = [
                    x * kept if covered else x
                    for x, covered in zip(self.flow[s], border.covered, strict=True)
                ]
            border.flow = passing * kept
        for offer, row, tonnes in zip(self.offers, self._rows, self.flow, strict=True):
            offer.sales = sum(tonnes)
            if offer.quantity <= 0:
                offer.price = self._quote(offer, sum(map(mul, row, pull)), SMALL_LOT * demand)
        for need, received in zip(self.needs, zip(*self.flow, strict=True), strict=True):
            need.purchases = sum(received)

    def _quote(self, offer: SellerT, weight: float, lot: float) -> float:
        """The price that a small lot would fetch from a seller with nothing to sell."""
        if weight <= 0 or lot <= 0:
            return offer.full_ask
        full: float = (weight / lot) ** (1 / self.sigma)
        if full >= offer.full_ask:
            return full
        share = self.sigma / (self.sigma + self.eps)
        return float(full**share * offer.full_ask ** (1 - share))
