"""Mark-ups of firms from the demand system (Atkeson and Burstein 2008, American Economic Review), re-solved.

With ``w`` the share of a firm at a buyer, the elasticity ``e`` that a seller perceives is the mean of
``sigma (1 - w) + eta w`` over what it sells, and the ask is ``cost e / (e - 1)``; where a firm's mines earn
different margins, each counts what the others lose or gain. Where firms join or part, all set prices anew, as
Bertrand competitors whose buyers split what they buy by price: rivals answer.
:mod:`sim.twin.object_markups` is the same in plain loops.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sim.arrays import BoolArray, FloatArray, Groups, IntArray, Kept
from sim.world.world import World

__all__ = ["Buyers", "Met", "Owned", "Rivalry", "OwnerConcentration", "flows_at", "owned_by"]
MOST_KEPT = 256
"""Ways to own all facilities that are kept."""
ROUNDS, ARRIVED = 100, 1e-8
"""In which asks answer each other at most; change of a log mark-up at which they have."""
SHORTER, LONGER = 0.5, 1.3
"""How a seller's steps shrink where they overshoot, and grow again."""


@dataclass(frozen=True)
class Owned:
    """Who prices the sellers of one good together, and whom they belong to."""

    firm: IntArray
    """(S,) the same for sellers that one firm prices, from 0 on."""
    firms_each: FloatArray
    """(1 or M, S) equal small firms behind a seller: a fringe; 1 for a firm."""
    own: BoolArray
    """(S, B) links inside one firm."""

    def of(self, chosen: BoolArray | IntArray) -> Owned:
        """Those of some members."""
        each = _some(self.firms_each, chosen)
        return self if each is self.firms_each else replace(self, firms_each=each)

    @cached_property
    def inside(self) -> bool:
        """Whether any link is inside one firm."""
        return bool(self.own.any())

    @cached_property
    def shared(self) -> IntArray:
        """Positions of sellers whose firm has others."""
        return np.flatnonzero(np.bincount(self.firm)[self.firm] > 1)

    @cached_property
    def together(self) -> FloatArray:
        """(1 or M, S, S) part of the second seller priced with the first: 1, 0, or one firm of a fringe."""
        same = (self.firm[:, None] == self.firm).astype(np.float64)
        parts: FloatArray = same / self.firms_each[..., None]
        return parts


@dataclass(frozen=True)
class Met:
    """Where sellers meet: what of each other's loss or gain they feel; (M, S, S)."""

    share: FloatArray
    """Share of the second seller where the first sells, of what one firm prices."""
    sigma: FloatArray
    eta: FloatArray
    shared: IntArray
    """Positions of sellers whose firm has others."""

    @property
    def mean(self) -> FloatArray:
        """(M, S) share of the seller's firm where it sells."""
        total: FloatArray = np.add.reduce(self.share, axis=-1)
        return total

    def margin(self, price: FloatArray | None = None) -> FloatArray:
        """(M, S) share of its price that each seller keeps, as is best for its firm.

        Args:
            price: (M, S) prices over those before; None for 1.

        Equation (M29), docs/model.md, for ``mk_s``.
        """
        # Of a firm alone in a market that buys the same at any price no margin is best.
        steep = self.sigma - np.maximum(self.eta, 1e-9)
        own = np.diagonal(self.share, axis1=-2, axis2=-1)
        margin = 1 / np.maximum(self.sigma - steep * own, 1 + 1e-9)
        shared = self.shared
        if len(shared):
            # Those of one firm count what each other gain: a linear system, of these alone.
            among = self.share[..., shared[:, None], shared]
            if price is not None:
                paid = price[..., shared]
                among = among * (paid[..., None, :] / paid[..., None])
            system = self.sigma[..., None] * np.eye(len(shared)) - steep[..., None] * among
            solved = np.linalg.solve(system, np.ones((*system.shape[:-1], 1)))[..., 0]
            margin = np.broadcast_to(margin, (*solved.shape[:-1], margin.shape[-1])).copy()
            # Where nothing bounds what is best, what users pay does.
            margin[..., shared] = np.where((solved > 0) & (solved < 1), solved, 1 - 1e-9)
        return margin

    def steepness(self, margin: FloatArray) -> FloatArray:
        """(M, S) fall of the log mark-up per rise of the log ask, where its firm alone raises it.

        Equation (M125), docs/model.md, for ``kk_s``.
        """
        mean = self.mean
        moved = self.sigma * mean * (1 - mean)
        steep = moved * (self.sigma - self.eta) * margin**2 / (1 - margin)
        return np.maximum(steep, 0.0)


@dataclass(frozen=True)
class Rivalry:
    """What competition for the buyers of one good hangs on, for some members; (1 or M, ...) each."""

    flow: FloatArray
    """(1 or M, S, B) tonnes, on which asks are set."""
    sigma: FloatArray
    """(1 or M, 1) sourcing elasticity."""
    eta: FloatArray
    """(1 or M, 1) elasticity of what all sellers sell together."""
    world_weight: FloatArray
    """(1 or M, 1) weight of shares in the world's market beside those at each buyer."""
    most: FloatArray
    """(S,) largest rise of an ask: what a tonne is worth to those who need it most."""
    cost: FloatArray | None = None
    """(S,) change of the log of costs that comes with the owners; None for none."""

    @cached_property
    def bought(self) -> FloatArray:
        """(1 or M, 1, B) tonnes of each buyer."""
        total: FloatArray = np.add.reduce(self.flow, axis=-2)[..., None, :]
        return total

    def usual(self, owned: Owned) -> FloatArray:
        """(M, S) share of its price that each seller keeps, with the flows as they are.

        Equation (M30), docs/model.md, for ``M_s``, one over what is left.
        """
        share = self.flow / np.maximum(self.bought, 1e-300)
        return self.met(self.flow, share, owned).margin()

    def ratio(self, before: Owned, after: Owned, start: FloatArray | None = None) -> FloatArray:
        """(M, S) mark-ups once owners have changed, over those before: all sellers answer each other.

        Args:
            start: (M, S) from which sellers set out; None from 1.
        """
        base = -np.log(1 - self.usual(before))
        level = base if start is None else base + np.log(start)
        way = _Way(self, before, after, base, level)
        found = np.empty(level.shape)
        rows = np.arange(len(level))
        for _ in range(ROUNDS):
            arrived = way.go()
            if arrived.all():
                break
            if 2 * arrived.sum() > len(rows):
                # Who has arrived stays there, whoever else is on the way.
                found[rows[arrived]] = way.level[arrived]
                rows, way = rows[~arrived], way.of(~arrived)
        found[rows] = way.level
        ratio: FloatArray = np.exp(found - base)
        return ratio

    def sold(self, before: Owned, after: Owned, ratio: FloatArray) -> FloatArray:
        """(M, S, B) tonnes that buyers buy at mark-ups (M, S) over those before."""
        base = -np.log(1 - self.usual(before))
        way = _Way(self, before, after, base, base + np.log(ratio))
        return way.split()[0]

    def met(self, flow: FloatArray, share: FloatArray, owned: Owned) -> Met:
        """Where the sellers of a firm meet.

        Args:
            flow: (M, S, B) tonnes. share: (M, S, B) of each buyer's purchases.

        Equation (M28), docs/model.md, for ``m_sn``.
        """
        mixed = self.meetings(flow, share, owned) * owned.together
        return Met(mixed, self.sigma, self.eta, owned.shared)

    def meetings(self, flow: FloatArray, share: FloatArray, owned: Owned) -> FloatArray:
        """(M, S, S) share of the second seller where the first sells: at buyers, and in the world's market.

        Customs know countries, not firms: which of a country's mines a buyer buys from is assumed everywhere.
        """
        sold = np.where(owned.own, 0.0, flow) if owned.inside else flow
        merchant = np.add.reduce(sold, axis=-1)
        sells = merchant > 0
        at_buyers = (sold @ np.swapaxes(share, -1, -2)) / np.where(sells, merchant, 1.0)[..., None]
        everywhere = np.maximum(np.add.reduce(merchant, axis=-1), 1e-300)[..., None]
        part = self.world_weight[..., None]
        in_world = (merchant / everywhere)[..., None, :] * sells[..., None]
        mixed: FloatArray = (1 - part) * at_buyers + part * in_world
        return mixed


class _Way:
    """Sellers on their way to asks that answer each other, of the members that have not arrived.

    Attributes:
        level: (M, S) log of ask over cost.
    """

    def __init__(
        self, rivalry: Rivalry, before: Owned, after: Owned, base: FloatArray, level: FloatArray
    ) -> None:
        self._rivalry, self._before, self._after, self._base = rivalry, before, after, base
        self.level = level
        self._cost = 0.0 if rivalry.cost is None else rivalry.cost
        self._top = base + np.log(rivalry.most)
        self._pace, self._last = np.ones_like(level), np.zeros_like(level)
        self._done = np.zeros(len(level), dtype=bool)
        # To oneself nothing is marked up: links that come to be or cease to be inside one firm.
        self._closed = after.own & ~before.own if (after.own != before.own).any() else None
        self._opened = before.own & ~after.own
        self._inside = before.own & after.own if (before.own & after.own).any() else None

    def of(self, chosen: BoolArray) -> _Way:
        """Some of the members."""
        rivalry = replace(
            self._rivalry,
            **{name: _some(getattr(self._rivalry, name), chosen)
               for name in ("flow", "sigma", "eta", "world_weight")},
        )  # fmt: skip
        owners = self._before.of(chosen), self._after.of(chosen)
        way = _Way(rivalry, *owners, self._base[chosen], self.level[chosen])
        way._pace, way._last = self._pace[chosen], self._last[chosen]
        way._done = self._done[chosen]
        return way

    def _pull(self) -> FloatArray:
        """(M, S, B) tonnes at new asks, where no buyer minds how dear all is.

        Equation (M123), docs/model.md, for ``pl_sb``.
        """
        flow, sigma = self._rivalry.flow, self._rivalry.sigma
        factor = np.exp(-sigma * (self.level - self._base + self._cost))[..., None]
        if self._inside is not None:
            factor = np.where(self._inside, 1.0, factor)
        if self._closed is not None:
            factor = np.where(self._closed, np.exp(sigma * self._base)[..., None], factor)
            factor = np.where(self._opened, np.exp(-sigma * self.level)[..., None], factor)
        pull: FloatArray = flow * factor
        return pull

    def split(self) -> tuple[FloatArray, FloatArray]:
        """(M, S, B) tonnes that buyers buy now, and shares of what each buys."""
        rivalry = self._rivalry
        return _split(self._pull(), rivalry.bought, rivalry.eta / rivalry.sigma)

    def go(self) -> BoolArray:
        """One round; (M,) who has arrived.

        Equation (M126), docs/model.md, for ``M_s``.
        """
        rivalry = self._rivalry
        met = rivalry.met(*self.split(), self._after)
        margin = met.margin(np.exp(self.level - self._base + self._cost))
        wanted = np.minimum(-np.log(1 - margin), self._top)
        # The mark-up falls as the ask rises and the share with it: a step as long as that allows, shorter
        # where the last one went too far.
        left = wanted - self.level
        over = left * self._last < 0
        self._pace = np.where(over, SHORTER * self._pace, np.minimum(LONGER * self._pace, 1.0))
        step = self._pace * left / np.where(wanted < self._top, 1 + met.steepness(margin), 1.0)
        # Who has arrived stays, whoever else is still on the way: a member has its bits alone and among many.
        self.level = np.where(self._done[:, None], self.level, self.level + step)
        self._last = left
        self._done = self._done | (np.abs(left).max(axis=-1) < ARRIVED)
        return self._done


def _some(values: FloatArray, chosen: BoolArray | IntArray) -> FloatArray:
    """Of what has a row for each member the rows of some; what all share as it is."""
    return values[chosen] if len(values) > 1 else values


def _split(
    pull: FloatArray, bought: FloatArray, response: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Tonnes that each buyer buys, the less the dearer all is, split by what pulls it; and shares: (M, S, B).

    Args:
        bought: (1 or M, 1, B) at prices as they were.
        response: (1 or M, 1) fall of what is bought per fall of all pulls, in logs.

    Equation (M124), docs/model.md, for ``x_sb``.
    """
    total = np.maximum(np.add.reduce(pull, axis=-2)[..., None, :], 1e-300)
    level = np.log(total) - np.log(np.maximum(bought, 1e-300))
    share = pull * (1 / total)
    return share * (bought * np.exp(response[..., None] * level)), share


def flows_at(
    kernel: FloatArray, sigma: FloatArray, log_price: FloatArray, demand: FloatArray, sells: BoolArray
) -> FloatArray:
    """(M, S, B) tonnes that buyers buy from each seller at gate prices.

    Args:
        kernel: (S, B) or (M, S, B). sigma: (1 or M, 1). log_price: (M, S). demand: (M, B) tonnes.
        sells: (M, S) False for who stands still.

    Equation (M127), docs/model.md, for ``x_sb``.
    """
    weights = kernel if kernel.ndim == 3 else kernel[None]
    pull = weights * np.where(sells, np.exp(-sigma * log_price), 0.0)[..., None]
    total = np.add.reduce(pull, axis=-2)
    share = np.divide(demand, total, out=np.zeros_like(demand), where=total > 0)
    flow: FloatArray = pull * share[..., None, :]
    return flow


@dataclass(frozen=True)
class Buyers:
    """Markets in which a good is bought: a country's users are one, for customs know no finer; plants each.

    Attributes:
        groups: of the good's needs. facility: (B,) one of the facilities of each market.
    """

    groups: Groups
    facility: IntArray

    @classmethod
    def of(cls, world: World, good: int) -> Buyers:
        """Those of a good."""
        facility = world.need_facility[world.need_slice(good)]
        user = np.array([kind == "manufacturer" for kind in world.facility_kind], dtype=bool)[facility]
        key = np.where(user, world.facility_country[facility], len(world.countries) + facility)
        return cls(Groups(key), facility[np.unique(key, return_index=True)[1]])


def owned_by(world: World, good: int, owner: IntArray, fringe: FloatArray, buyers: IntArray) -> Owned:
    """Who prices a good's sellers together.

    An unnamed producer is a fringe as long as nobody prices it together with others.

    Args:
        owner: (F,) number of the firm that prices each facility.
        fringe: (1 or M, 1) equal firms behind an unnamed producer.
        buyers: (B,) facilities that buy.
    """
    sellers = world.offer_facility[world.offer_slice(good)]
    _, firm = np.unique(owner[sellers], return_inverse=True)
    firm = firm.reshape(-1)
    alone = np.bincount(firm)[firm] == 1 if len(firm) else np.zeros(0, dtype=bool)
    unnamed = world.unnamed[sellers] & alone & (owner == world.firm_numbers)[sellers]
    return Owned(firm, np.where(unnamed, fringe, 1.0), owner[sellers][:, None] == owner[buyers])


class OwnerConcentration:
    """Herfindahl-Hirschman index of owners' sales, step after step: owners change now and then."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept = Kept[bytes, _Owners](MOST_KEPT)

    def of(self, owner: IntArray, sales: FloatArray, fringe: FloatArray) -> FloatArray:
        """(M, G) index, 0 to 10,000; 0 without sales.

        Args:
            owner: (1 or M, F) index of the firm that prices each facility's output.
            sales: (M, O) tonnes. fringe: (1 or M, G) equal firms behind an unnamed producer.

        Equation (M31), docs/model.md, for ``HHI_g``.
        """
        if (owner == owner[0]).all():
            return self._under(owner[0]).concentration(sales, fringe)
        rows: dict[bytes, list[int]] = {}
        for member, row in enumerate(owner):
            rows.setdefault(row.tobytes(), []).append(member)
        found = np.zeros((len(sales), len(self._world.goods)))
        for alike in rows.values():
            own = fringe if len(fringe) == 1 else fringe[alike]
            found[alike] = self._under(owner[alike[0]]).concentration(sales[alike], own)
        return found

    def _under(self, owner: IntArray) -> _Owners:
        return self._kept.get(owner.tobytes(), lambda: _Owners.of(self._world, owner))


@dataclass(frozen=True)
class _Owners:
    """What each owner sells of each good, and whether it is an unnamed producer on its own."""

    pairs: Groups
    goods: IntArray
    """(P,) good of each pair of a good and an owner."""
    first: IntArray
    """(G,) where the pairs of a good begin."""
    small: BoolArray
    """(P,) fringes."""

    @classmethod
    def of(cls, world: World, owner: IntArray) -> _Owners:
        """Under owners (F,)."""
        owners = int(owner.max()) + 1
        pairs = Groups(world.offer_good * owners + owner[world.offer_facility])
        goods = pairs.keys // owners
        # A fringe is alone under its number: what it sells is sold by so many equal firms.
        unnamed = (world.unnamed & (owner == world.firm_numbers))[world.offer_facility]
        alone = pairs.sums(np.ones((1, len(world.offer_good))))[0] == 1
        small = alone & (pairs.sums(unnamed[None].astype(np.float64))[0] > 0)
        return cls(pairs, goods, np.searchsorted(goods, np.arange(len(world.goods))), small)

    def concentration(self, sales: FloatArray, fringe: FloatArray) -> FloatArray:
        """(M, G) index of sales (M, O), with (1 or M, G) equal firms behind a fringe."""
        by_owner = self.pairs.sums(sales)
        squares = by_owner**2 / np.where(self.small, fringe[:, self.goods], 1.0)
        total = np.add.reduceat(by_owner, self.first, axis=1)
        together = np.add.reduceat(squares, self.first, axis=1)
        index: FloatArray = 1e4 * np.divide(
            together, total**2, out=np.zeros_like(total), where=total > 0
        )
        return index
