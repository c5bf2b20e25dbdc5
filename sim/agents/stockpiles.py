"""Stocks of states: bought by rule through the channels of the country's users, released to them when short.

A *pile* is one good of one stockpile event. Its orders are one more tier of demand of the needs through which
it buys; of what these needs are sent it takes its tier's share, with the elements and origins in it.
See ``docs/model.md``, section "Stockpiles".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sim.agents.buyers import Orders
from sim.agents.state import State
from sim.instruments.stockpile import Stockpile
from sim.market.clearing import Clearing
from sim.units import Amount
from sim.world.benchmark import Benchmark
from sim.world.world import BoolArray, FloatArray, IntArray, World

__all__ = ["Contents", "Stockpiles"]

STATE_ELASTICITY = 16.0
"""How fast a state's order fades above its price: a twentieth is left a fifth above it (assumption)."""


class Contents:
    """What lies in the piles and is on its way to them, by kind X: all tonnes, elements, or origins.

    Attributes:
        stock: (M, P, X) tonnes. transit: (L, M, P, X) tonnes that arrive in 1..L steps.
    """

    def __init__(self, stock: FloatArray, lags: int) -> None:
        self.stock = stock
        self.transit = np.zeros((lags - 1, *stock.shape))

    def arrive(self) -> None:
        """Shipments due reach the piles."""
        if len(self.transit):
            self.stock += self.transit[0]
            self.transit[:-1] = self.transit[1:]
            self.transit[-1] = 0.0

    def take(self, by_lag: FloatArray, fractions: FloatArray) -> FloatArray:
        """Take the piles' fractions (P, M, needs) of shipments (L, M, needs, X); return what is left."""
        for pile, fraction in enumerate(fractions):
            mine = np.add.reduce(by_lag * fraction[None, :, :, None], axis=2)
            self.stock[:, pile] += mine[0]
            self.transit[:, :, pile] += mine[1:]
        left: FloatArray = by_lag * (1 - np.add.reduce(fractions, axis=0))[None, :, :, None]
        return left

    def release(self, share: FloatArray) -> FloatArray:
        """(M, P, X) tonnes taken out, the share (M, P) of each pile."""
        out = self.stock * share[..., None]
        self.stock = self.stock - out
        return out

    @property
    def position(self) -> FloatArray:
        """(M, P, X) tonnes in stock and under way."""
        total: FloatArray = self.stock + np.add.reduce(self.transit, axis=0)
        return total


class Stockpiles:
    """All piles of a run, P in number.

    Attributes:
        tonnes: contents with X = 1. mixes: contents by element, then of each family of origins.
        bought, released: (M, P) tonnes of this step.
        events, goods: event id and good of each pile.
    """

    def __init__(
        self,
        world: World,
        benchmark: Benchmark,
        events: Sequence[Stockpile],
        members: int,
        step_years: float,
    ) -> None:
        self._world, self._benchmark, self._step_years = world, benchmark, step_years
        self._rules: list[Stockpile] = []
        self.events: list[str] = []
        self.goods: list[int] = []
        self._needs: list[IntArray] = []
        self._users: list[IntArray] = []
        kinds = np.array(world.facility_kind)
        split: list[float] = []
        for event in events:
            inside = event.country_mask(world, event.by)[world.need_country]
            chosen = event.good_indices(world, event.goods, event.stages).tolist()
            needs = [np.flatnonzero(inside & (world.need_good == good)) for good in chosen]
            use = np.array([world.need_use[at].sum() for at in needs])
            for good, at, tonnes in zip(chosen, needs, use, strict=True):
                users = at[kinds[world.need_facility[at]] != "trader"]
                if not len(users):
                    continue
                self._rules.append(event)
                self.events.append(event.id)
                self.goods.append(good)
                self._needs.append(at)
                self._users.append(users)
                split.append(float(tonnes / use.sum()))
        self._use = np.array([world.need_use[at].sum() for at in self._needs])
        self._split = np.array(split)
        size = self._amounts([rule.size.amount for rule in self._rules], members)
        by_time = np.array([rule.size.dimension == "duration" for rule in self._rules], dtype=bool)
        self.target = size * np.where(by_time, self._use, self._split)
        self._rate = self._tonnes([rule.rate.amount for rule in self._rules], members)
        out = [(rule.release_rate or rule.rate).amount for rule in self._rules]
        self._release_rate = self._tonnes(out, members)
        self._buy_below = self._amounts([rule.buy_below.amount for rule in self._rules], members)
        never = np.inf
        dear = [rule.release_above.amount if rule.release_above else never for rule in self._rules]
        self._release_above = self._amounts(dear, members)
        short = [
            rule.release_on_shortfall.amount if rule.release_on_shortfall else never for rule in self._rules
        ]
        self._release_short = self._amounts(short, members)
        self._rotation = self._amounts([rule.rotation.amount for rule in self._rules], members) * step_years
        initial = self._tonnes([rule.initial.amount for rule in self._rules], members)
        self.tonnes = Contents(initial[..., None], len(benchmark.lag_weight))
        self.mixes: list[Contents] = []
        none = np.zeros((members, len(self._rules)))
        self.bought, self.released, self._wanted, self._ceiling = none, none, none, none
        self._layers = self._without_overlap()

    def __bool__(self) -> bool:
        return bool(self.goods)

    def _amounts(self, given: Sequence[Amount], members: int) -> FloatArray:
        """(M, P)"""
        columns = [np.broadcast_to(np.asarray(a, dtype=np.float64), (members,)) for a in given]
        return np.stack(columns, axis=1) if columns else np.zeros((members, 0))

    def _tonnes(self, given: Sequence[Amount], members: int) -> FloatArray:
        """(M, P) tonnes for all goods of an event together, split by use."""
        tonnes: FloatArray = self._amounts(given, members) * self._split
        return tonnes

    def _without_overlap(self) -> list[list[int]]:
        """Piles in layers, in each of which no need serves two piles: each layer is a tier of demand."""
        layers: list[list[int]] = []
        for pile, needs in enumerate(self._needs):
            free = (
                layer
                for layer in layers
                if not any(np.intersect1d(needs, self._needs[other]).size for other in layer)
            )
            found = next(free, None)
            if found is None:
                layers.append([pile])
            else:
                found.append(pile)
        return layers

    def add_mix(self, amounts: FloatArray, needs: IntArray) -> None:
        """Follow a further content of the stocks: (M, needs, X) tonnes with the buyers at these needs.

        What lies in the piles at the start has the mix of the users' stocks.
        """
        stock = np.zeros((len(amounts), len(self.goods), amounts.shape[2]))
        for pile, at in enumerate(self._needs):
            here = np.isin(needs, at)
            held = np.take(self._stocks, needs[here], axis=1).sum(1)
            share = np.divide(
                np.compress(here, amounts, axis=1).sum(1), held[:, None], out=np.zeros_like(stock[:, pile]),
                where=held[:, None] > 0,
            )
            stock[:, pile] = self.tonnes.stock[:, pile] * share
        self.mixes.append(Contents(stock, len(self._benchmark.lag_weight)))

    def start(self, state: State) -> None:
        """Note the users' stocks at the start, from which :meth:`add_mix` reads their mixes."""
        self._stocks = state.buyer_stock.copy()

    def arrive(self) -> None:
        """Shipments due reach the piles."""
        for contents in (self.tonnes, *self.mixes):
            contents.arrive()

    def decide(
        self,
        state: State,
        required: FloatArray,
        last_required: FloatArray,
        last_shortfall: FloatArray,
        shares: Mapping[str, Amount],
    ) -> list[FloatArray]:
        """Release, and fix this step's order, from what the last step brought.

        Args:
            required: (M, N) tonnes needed this step. last_required, last_shortfall: of the step before.
            shares: event id -> share of the step in which the pile may trade.

        Returns:
            (M, N, X) tonnes released to each need: all tonnes, then each mix.
        """
        base = self._benchmark.base_index
        ratio, short, share = (np.zeros_like(self.target) for _ in range(3))
        for pile, (at, users) in enumerate(zip(self._needs, self._users, strict=True)):
            use = self._world.need_use[at]
            ratio[:, pile] = (np.take(state.choice_index, at, axis=1) / base[at] * use).sum(1) / use.sum()
            # Taken, not indexed, which would lay members side by side: a sum's last bit depends on that.
            missing, needed = (np.take(a, users, axis=1).sum(1) for a in (last_shortfall, last_required))
            short[:, pile] = missing / np.maximum(needed, 1e-12)
            share[:, pile] = shares.get(self.events[pile], 0.0)
        opens = (ratio > self._release_above) | (short > self._release_short)
        stock = self.tonnes.stock[..., 0]
        turned = self._rotation * stock
        out = np.where(opens, np.minimum(self._release_rate * self._step_years, stock), turned) * share
        gap = np.maximum(self.target - self.tonnes.position[..., 0], 0.0)
        rule = np.minimum(self._rate * self._step_years, gap)
        dear = ratio > self._buy_below
        # What is rotated is bought again at the going price; only what fills the pile must be cheap.
        rule = np.where(dear & (turned > 0), 0.0, rule)
        self._wanted = np.where(opens, 0.0, rule + turned) * share
        self._ceiling = np.where(dear & (turned > 0), ratio, np.maximum(self._buy_below, 1e-6))
        return self._hand_out(out, required)

    def _hand_out(self, out: FloatArray, required: FloatArray) -> list[FloatArray]:
        stock = self.tonnes.stock[..., 0]
        part = np.divide(out, stock, out=np.zeros_like(out), where=stock > 0)
        weights = np.zeros((len(self.goods), *required.shape))
        for pile, users in enumerate(self._users):
            total = np.take(required, users, axis=1).sum(1, keepdims=True)
            weights[pile][:, users] = np.divide(
                required[:, users], total, out=np.zeros((len(total), len(users))), where=total > 0
            )
            part[:, pile] = np.where(total[:, 0] > 0, part[:, pile], 0.0)
        given = []
        for contents in (self.tonnes, *self.mixes):
            freed = contents.release(part)
            received = np.zeros((*required.shape, freed.shape[2]))
            for pile in range(len(self.goods)):
                received += weights[pile][..., None] * freed[:, pile][:, None]
            given.append(received)
        self.released = part * stock
        return given

    def add_orders(self, orders: Orders) -> Orders:
        """The buyers' orders with a tier for each layer of piles."""
        members, needs = orders.tonnes.shape[:2]
        tonnes, worth = [orders.tonnes], [orders.reservation]
        base, use = self._benchmark.base_index, self._world.need_use
        for layer in self._layers:
            wanted, ceiling = np.zeros((members, needs)), np.ones((members, needs))
            for pile in layer:
                at = self._needs[pile]
                wanted[:, at] = self._wanted[:, pile, None] * (use[at] / use[at].sum())
                ceiling[:, at] = self._ceiling[:, pile, None] * base[at]
            tonnes.append(wanted[..., None])
            worth.append(ceiling[..., None])
        own = np.full((*orders.elasticity.shape[:-1], len(self._layers)), STATE_ELASTICITY)
        return Orders(
            np.concatenate(tonnes, axis=2), np.concatenate(worth, axis=2),
            np.concatenate([orders.elasticity, own], axis=-1),
        )  # fmt: skip

    def fractions(self, clearing: Clearing, orders: Orders) -> FloatArray:
        """(P, M, N) share of each need's purchases that goes to each pile; books what was bought."""
        over = np.maximum(clearing.index[..., None] / orders.reservation, 1.0)
        tiers = orders.tonnes * over**-orders.elasticity
        total = tiers.sum(2)
        first = tiers.shape[2] - len(self._layers)
        result = np.zeros((len(self.goods), *total.shape))
        for position, layer in enumerate(self._layers):
            tier = tiers[..., first + position]
            part = np.divide(tier, total, out=np.zeros_like(total), where=total > 0)
            for pile in layer:
                at = self._needs[pile]
                result[pile][:, at] = part[:, at]
        self.bought = np.stack([(f * clearing.purchases).sum(1) for f in result], axis=1)
        return result

    def needs_touched(self, event: str) -> BoolArray:
        """(N,) needs through which the piles of an event buy and release."""
        mask = np.zeros(len(self._world.need_good), dtype=bool)
        for name, at in zip(self.events, self._needs, strict=True):
            if name == event:
                mask[at] = True
        return mask
