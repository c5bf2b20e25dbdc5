"""One good's market between Python objects: prices move until offers and orders meet.

The equations are those of ``docs/clearing.md``; the way to their solution is a tatonnement. In each
round every seller moves to the price at which it would clear if the buyers stood still, every capped border
sets the rent at which what passes would fit, and the common level of prices goes to where total orders are
total offers. A market that does not come to rest so, such as one that is cut in two, has one unknown after
the other set to where it clears, all others as they are: each step goes down a convex function.

What a seller offers at its price it says itself (:meth:`Seller.offered`): one that stores offers what it does
not keep, one that does not a power of the price. Buyers order what their tiers want beyond what they hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from operator import mul
from typing import Generic, Protocol, TypeVar

ROUNDS, SWEEPS = 60, 400
"""Of all prices together, then of one price after the other."""
LEAST_CAP = 1e-6
"""A cap below this share of what its sellers offer is solved at it, and the rest cut off after."""
ROOT_STEPS, FIRST_STEP, ROOT_WIDTH = 60, 0.01, 1e-13
"""Of the search for one unknown: steps, the width in logs with which it begins, and with which it ends."""
SMALL_LOT = 0.01
"""Share of all orders at which a seller with an empty store is quoted."""
LARGEST_LEVEL, LEVEL_STEPS, LEVEL_LEFT = 0.5, 40, 0.01
"""Of the search for the common level: its largest step, log price; how many; what may be left over."""
SELLER_STEPS, SELLER_LEFT = 40, 1e-13
"""Of the search for a seller's price: how many steps; log price at which it ends."""
NO_CAP = 1e15
ROUNDING = 1e-14
TAIL = 0.02
"""Share of its goods below which what is left by a seller who stores goes on as a power of the price."""
HALVINGS, FURTHEST = 60, 60.0
"""Of the interval in which the index is sought at which a stock is enough, and its reach in log price."""


class Seller(Protocol):
    """What the market needs of an offer."""

    price: float
    quantity: float
    ask: float
    sales: float

    def offered(self, move: float) -> tuple[float, float]:
        """Log of the tonnes offered at its price moved in logs, and how fast it rises per log of price."""

    def quote(self, full: float, sigma: float) -> float:
        """Its price while it has nothing to sell, where a small lot would fetch ``full``."""


def what_is_not_kept(quantity: float, kept: float, ahead: float, elasticity: float) -> tuple[float, float]:
    """What :meth:`Seller.offered` gives of one that stores; ``ahead`` is log price over what it expects."""
    if kept <= 0:
        return math.log(quantity), 0.0
    over = math.log(kept / quantity) - elasticity * ahead - math.log(1 - TAIL)
    if over <= 0:
        share = (1 - TAIL) * math.exp(over)
        return math.log(quantity * (1 - share)), elasticity * share / (1 - share)
    steep = (1 - TAIL) / TAIL
    return math.log(quantity * TAIL) - steep * over, elasticity * steep


class Buyer(Protocol):
    """What the market needs of a need."""

    tiers: list[tuple[float, float, float]]
    """Tonnes, price at which they give way, elasticity."""
    held: float
    """Tonnes that it has already and need not order."""
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
    approved: float = 0.0
    """Tonnes a year that pass beside, if its applicants need what they need in the base year."""
    applicants: list[tuple[int, float]] = field(default_factory=list)
    """Needs, with their share in the base year's flow."""
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
    least: float = 0.0
    """Share of what its tiers want that a buyer orders, however much it holds."""
    borders: list[Border] = field(default_factory=list)
    flow: list[list[float]] = field(default_factory=list)
    """[seller][buyer] tonnes."""
    rent: list[list[float]] = field(default_factory=list)
    """[seller][buyer] 1 + rent; empty without borders."""
    rounds: int = 0
    residual: float = 0.0
    """What was left when the market stopped, as a share of its largest offer."""
    served: list[BuyerT] = field(default_factory=list)
    """Buyers whom somebody may serve."""
    _weight: list[float] = field(init=False)
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
        offers = self.offers
        size = max(offer.quantity for offer in offers) or 1.0
        limits = [
            max(border.tonnes, LEAST_CAP * sum(offers[s].quantity for s in border.sellers))
            for border in self.borders
        ]
        self._raise_rents()
        for done in range(ROUNDS + SWEEPS + 1):
            draw, pull, demand, sales = self._point()
            self.rounds, self.residual = done, self._excess(sales, limits) / size
            if self.residual <= tolerance or done == ROUNDS + SWEEPS:
                break
            if done < ROUNDS:
                self._all_move(sales, demand, limits)
            else:
                self._one_by_one(sales, limits)
        self._settle(draw, pull, sales, demand)

    def _point(self) -> tuple[list[float], list[float], float, list[float]]:
        """Every seller's draw, every buyer's orders per unit of weight, all orders, and sales."""
        power = -self.sigma
        draw = [offer.price**power if offer.quantity > 0 else 0.0 for offer in self.offers]
        pull, demand = self._orders(draw)
        sales = [u * sum(map(mul, row, pull)) for u, row in zip(draw, self._rows, strict=True)]
        for border in self.borders:
            passing = list(map(mul, border.covered, pull))
            border.flow = sum(draw[s] * sum(map(mul, self._rows[s], passing)) for s in border.sellers)
        return draw, pull, demand, sales

    def _excess(self, sales: list[float], limits: list[float]) -> float:
        """Largest of what sellers offer and do not sell, or the other way round; of borders likewise."""
        off = 0.0
        for offer, sold in zip(self.offers, sales, strict=True):
            if offer.quantity > 0 < sold:
                off = max(off, abs(math.exp(offer.offered(0.0)[0]) - sold))
        for border, limit in zip(self.borders, limits, strict=True):
            spare = limit - border.flow
            off = max(off, -spare, min(spare, self.sigma * border.log_rent * limit))
        return off

    def _all_move(self, sales: list[float], demand: float, limits: list[float]) -> None:
        """One round of the tatonnement."""
        moves, level = self._seller_moves(sales, demand)
        for offer, move in zip(self.offers, moves, strict=True):
            offer.price *= math.exp(move + level)
        for border, limit in zip(self.borders, limits, strict=True):
            fits = math.log(border.flow / limit) / self.sigma if border.flow > 0 else 0.0
            border.log_rent = max(0.0, border.log_rent + fits)
        self._raise_rents()

    def _one_by_one(self, sales: list[float], limits: list[float]) -> None:
        """Each price, then the common level, then each rent, then that and the prices behind it."""
        for s, (offer, sold) in enumerate(zip(self.offers, sales, strict=True)):
            if offer.quantity > 0 < sold:
                before = offer.price**-self.sigma
                offer.price *= math.exp(root(partial(self._short_of, s)))
                change = offer.price**-self.sigma - before
                self._weight = [w + k * change for w, k in zip(self._weight, self._rows[s], strict=True)]
        self._point()
        level = self._level([o for o, sold in zip(self.offers, sales, strict=True) if o.quantity > 0 < sold])
        for offer in self.offers:
            offer.price *= math.exp(level)
        for border, limit in zip(self.borders, limits, strict=True):
            before = border.log_rent
            border.log_rent = before + root(partial(self._over, border, before, limit), -before)
            # Then it against the prices behind it, at the same prices abroad, as far as there is a rent.
            before, prices = border.log_rent, [self.offers[s].price for s in border.sellers]
            move = root(partial(self._behind, border, (before, prices), limit), -before)
            self._behind(border, (before, prices), limit, move)

    def _short_of(self, s: int, move: float) -> float:
        """What a seller sells more than it offers if its price alone moves in logs."""
        offer, row = self.offers[s], self._rows[s]
        sold, draw = 0.0, (offer.price * math.exp(move)) ** -self.sigma
        now = offer.price**-self.sigma
        for need, weight, others in zip(self.needs, row, self._weight, strict=True):
            if weight > 0:
                total = others + weight * (draw - now)
                sold += ordered_at(need, total ** (-1 / self.sigma), self.least)[0] * weight * draw / total
        return sold - math.exp(offer.offered(move)[0])

    def _over(self, border: Border, before: float, limit: float, move: float) -> float:
        """What passes a border beyond its ceiling if its rent alone moves in logs."""
        border.log_rent = before + move
        self._raise_rents()
        self._point()
        return border.flow - limit

    def _behind(
        self, border: Border, start: tuple[float, list[float]], limit: float, move: float
    ) -> float:
        """What sellers behind a border have left at home, if its rent moves in logs, their prices against it.

        Args:
            start: log rent and prices before the move.
        """
        border.log_rent = start[0] + move
        for s, price in zip(border.sellers, start[1], strict=True):
            self.offers[s].price = price * math.exp(-move)
        self._raise_rents()
        _, _, _, sales = self._point()
        trading = [s for s in border.sellers if self.offers[s].quantity > 0 < sales[s]]
        more = sum(sales[s] - math.exp(self.offers[s].offered(0.0)[0]) for s in trading)
        return border.flow - limit - more

    def _seller_moves(self, sales: list[float], demand: float) -> tuple[list[float], float]:
        """Each seller's move in log price, and the move of the common level."""
        moves, selling = [], []
        for offer, sold in zip(self.offers, sales, strict=True):
            trades = offer.quantity > 0 < sold
            moves.append(alone(offer, sold, self.sigma) if trades else 0.0)
            if trades:
                selling.append(offer)
        if demand <= 0:
            return moves, 0.0
        return moves, self._level(selling) - sum(map(mul, sales, moves)) / demand

    def _level(self, selling: list[SellerT]) -> float:
        """Common move of all log prices to where orders are offers, nearly: Newton's method in a bracket."""
        low, high, level, first = -math.inf, math.inf, 0.0, 0.0
        for step in range(LEVEL_STEPS):
            excess = slope = total = 0.0
            for need in self.served:
                ordered, falls = ordered_at(need, need.choice_index * math.exp(level), self.least)
                excess += ordered
                total += ordered
                slope += falls
            for offer in selling:
                log_supply, steep = offer.offered(level)
                excess -= math.exp(log_supply)
                slope += steep * math.exp(log_supply)
            first = first or abs(excess)
            if abs(excess) <= (LEVEL_LEFT * first if step else ROUNDING * total):
                break
            low, high = (level, high) if excess > 0 else (low, level)
            wanted = excess / slope if slope > 0 else math.copysign(LARGEST_LEVEL, excess)
            level += max(-LARGEST_LEVEL, min(LARGEST_LEVEL, wanted))
            if not low < level < high:
                level = 0.5 * (low + high)
        return level

    def _orders(self, draw: list[float]) -> tuple[list[float], float]:
        """Each buyer's orders per unit of weight, and all orders."""
        pull, total = [], 0.0
        self.served, self._weight = [], []
        for need, column in zip(self.needs, self._columns, strict=True):
            weight = sum(map(mul, column, draw))
            self._weight.append(weight)
            if weight <= 0:
                need.choice_index = quoted_to(need)
                pull.append(0.0)
                continue
            need.choice_index = weight ** (-1 / self.sigma)
            ordered, _ = ordered_at(need, need.choice_index, self.least)
            self.served.append(need)
            total += ordered
            pull.append(ordered / weight)
        return pull, total

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
            elif not any(map(mul, row, pull)):
                offer.price = offer.ask
        for need, received in zip(self.needs, zip(*self.flow, strict=True), strict=True):
            need.purchases = sum(received)

    def _quote(self, offer: SellerT, weight: float, lot: float) -> float:
        """The price that a small lot would fetch from a seller with nothing to sell."""
        if weight <= 0 or lot <= 0:
            return offer.ask
        return offer.quote((weight / lot) ** (1 / self.sigma), self.sigma)


def alone(offer: Seller, sold: float, sigma: float) -> float:
    """Move in log price to where a seller offers what it sells, if the buyers stand still.

    Sales then fall by price**-sigma, and the log of an offer rises ever more slowly: after one step of
    Newton's method all others go the same way.
    """
    move, log_sold = 0.0, math.log(sold)
    for _ in range(SELLER_STEPS):
        log_supply, steep = offer.offered(move)
        step = (log_sold - sigma * move - log_supply) / (sigma + steep)
        move += step
        if abs(step) < SELLER_LEFT:
            break
    return move


def root(falling: Callable[[float], float], lowest: float = -math.inf) -> float:
    """Zero of a falling function near 0, or the lowest point where it is below zero there already.

    Walk until the sign changes, then close in by false position, half a value where one end stays (Illinois).
    """
    step, low, high = FIRST_STEP, 0.0, 0.0
    above = below = falling(0.0)
    if above > 0:
        while below > 0 and high < FURTHEST:
            low, above = high, below
            high, step = high + step, 2 * step
            below = falling(high)
    else:
        while above < 0 and low > -FURTHEST:
            if low <= lowest:
                return lowest
            high, below = low, above
            low, step = max(low - step, lowest), 2 * step
            above = falling(low)
    side = 0
    for _ in range(ROOT_STEPS):
        if high - low < ROOT_WIDTH or above <= 0 or below >= 0:
            break
        middle = low + (high - low) * above / (above - below)
        value = falling(middle)
        if value > 0:
            low, above, below = middle, value, below / 2 if side > 0 else below
            side = 1
        else:
            high, below, above = middle, value, above / 2 if side < 0 else above
            side = -1
    return low if above <= -below else high


def wanted_at(need: Buyer, index: float) -> tuple[float, float]:
    """Tonnes that a buyer's tiers want at an index, and how fast they fall in its log."""
    wanted = falls = 0.0
    for tonnes, price, elasticity in need.tiers:
        if index <= price:
            wanted += tonnes
        else:
            tier = tonnes * (index / price) ** -elasticity
            wanted += tier
            falls += elasticity * tier
    return wanted, falls


def ordered_at(need: Buyer, index: float, least: float) -> tuple[float, float]:
    """The same of what a buyer orders: what is wanted beyond what it holds, and a least part in any case."""
    wanted, falls = wanted_at(need, index)
    if wanted - need.held >= least * wanted:
        return wanted - need.held, falls
    return least * wanted, least * falls


def quoted_to(need: Buyer) -> float:
    """The index of a buyer whom nobody may serve: what the last of its tiers that it can serve would pay."""
    highest = max((price for tonnes, price, _ in need.tiers if tonnes > 0), default=0.0)
    lowest = min(price for _, price, _ in need.tiers)
    if highest <= 0:
        return max(price for _, price, _ in need.tiers)
    if wanted_at(need, highest)[0] >= need.held:
        return highest
    low, high = math.log(lowest) - FURTHEST, math.log(highest) + FURTHEST
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if wanted_at(need, math.exp(middle))[0] > need.held:
            low = middle
        else:
            high = middle
    return min(max(math.exp(low), lowest), highest)
