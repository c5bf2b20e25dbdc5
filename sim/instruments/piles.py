"""Stocks of states: bought by rule through the channels of the country's users, released to them when short.

A *pile* is one good of one stockpile event. Its orders are one more tier of demand of the needs through which
it buys; of what these needs are sent it takes its tier's share, with the elements and origins in it.
See ``docs/model.md``, section "Stockpiles".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sim.accounts import Account, Orders
from sim.arrays import BoolArray, FloatArray, IntArray, Saved
from sim.instruments.process import Process, Setting, Stage, Stocks, Traced
from sim.market.clearing import Clearing
from sim.units import Amount

__all__ = ["PileRule", "Piles"]

@dataclass(frozen=True)
class PileRule:
    """What one stockpile event says. Amounts are one number or (M,)."""

    event: str
    countries: BoolArray
    """(C,) whose stock it is."""
    goods: IntArray
    size: Amount
    """Tonnes of all goods together, or years of use."""
    by_time: bool
    rate: Amount
    """t/year bought at most; ``release_rate`` released."""
    release_rate: Amount
    buy_below: Amount
    """Multiple of the base price; so is ``release_above``, infinite where it never opens."""
    release_above: Amount
    release_on_shortfall: Amount
    rotation: Amount
    initial: Amount


class Piles(Process):
    """All piles of a run, P in number.

    Attributes:
        tonnes: account with X = 1. mixes: accounts of the tracers, in their order.
        bought, released: (M, P) tonnes of this step.
        events, goods: event id and good of each pile.
    """

    name = "stockpile"

    def __init__(self, rules: Sequence[PileRule], setting: Setting) -> None:
        world, members = setting.world, setting.members
        self._setting = setting
        self._rules: list[PileRule] = []
        self.goods: list[int] = []
        self._needs: list[IntArray] = []
        self._users: list[IntArray] = []
        kinds = np.array(world.facility_kind)
        split: list[float] = []
        normal = setting.benchmark.normal_use
        for rule in rules:
            inside = rule.countries[world.need_country]
            needs = [np.flatnonzero(inside & (world.need_good == good)) for good in rule.goods]
            use = np.array([normal[at].sum() for at in needs])
            for good, at, tonnes in zip(rule.goods.tolist(), needs, use, strict=True):
                users = at[kinds[world.need_facility[at]] != "trader"]
                if not len(users):
                    continue
                self._rules.append(rule)
                self.goods.append(good)
                self._needs.append(at)
                self._users.append(users)
                split.append(float(tonnes / use.sum()))
        self.events = [rule.event for rule in self._rules]
        self._use = np.array([normal[at].sum() for at in self._needs])
        self._split = np.array(split)
        by_time = np.array([rule.by_time for rule in self._rules], dtype=bool)
        size = self._amounts([rule.size for rule in self._rules])
        self.target = size * np.where(by_time, self._use, self._split)
        self._rate = self._tonnes([rule.rate for rule in self._rules])
        self._release_rate = self._tonnes([rule.release_rate for rule in self._rules])
        self._buy_below = self._amounts([rule.buy_below for rule in self._rules])
        self._release_above = self._amounts([rule.release_above for rule in self._rules])
        self._release_short = self._amounts([rule.release_on_shortfall for rule in self._rules])
        self._rotation = self._amounts([rule.rotation for rule in self._rules]) * setting.step_years
        initial = self._tonnes([rule.initial for rule in self._rules])
        self.tonnes = Account(initial[..., None], len(setting.benchmark.lag_weight))
        self.mixes: list[Account] = []
        self._mix_names: list[str] = []
        self._users_mix: list[FloatArray] = []
        none = np.zeros((members, len(self._rules)))
        self.bought, self.released, self._wanted, self._ceiling = none, none, none, none
        self._layers = _without_overlap(self._needs)
        self._first_tier = 0

    def _amounts(self, given: Sequence[Amount]) -> FloatArray:
        """(M, P)"""
        members = self._setting.members
        columns = [np.broadcast_to(np.asarray(a, dtype=np.float64), (members,)) for a in given]
        return np.stack(columns, axis=1) if columns else np.zeros((members, 0))

    def _tonnes(self, given: Sequence[Amount]) -> FloatArray:
        """(M, P) tonnes for all goods of an event together, split by use."""
        tonnes: FloatArray = self._amounts(given) * self._split
        return tonnes

    def start(self, stocks: Stocks, tracers: Sequence[Traced]) -> None:
        """What lies in the piles at the start has the mix of the users' stocks."""
        for tracer in tracers:
            amounts, needs = tracer.buyer.stock, tracer.needs
            share = np.zeros((len(amounts), len(self.goods), amounts.shape[2]))
            for pile, at in enumerate(self._needs):
                here = np.isin(needs, at)
                held = np.take(stocks.buyer_stock, needs[here], axis=1).sum(1)
                share[:, pile] = np.divide(
                    np.compress(here, amounts, axis=1).sum(1), held[:, None],
                    out=np.zeros_like(share[:, pile]), where=held[:, None] > 0,
                )  # fmt: skip
            self.mixes.append(Account(self.tonnes.stock * share, len(self._setting.benchmark.lag_weight)))
            self._mix_names.append(tracer.name)
            self._users_mix.append(share)

    def step(self, stage: Stage) -> None:
        """Shipments arrive; tonnes go to the users."""
        for account in (self.tonnes, *self.mixes):
            account.arrive()
        tonnes, *mixes = self._decide(stage)
        stage.stocks.buyer_stock = stage.stocks.buyer_stock + tonnes[..., 0]
        for tracer, mix in zip(stage.tracers, mixes, strict=True):
            tracer.buyer.stock = tracer.buyer.stock + mix[:, tracer.needs]

    def _decide(self, stage: Stage) -> list[FloatArray]:
        """Release, and fix this step's order, from what the last step brought.

        Returns:
            (M, N, X) tonnes released to each need: all tonnes, then each tracer's.

        Equations (M45), (M46) and (M47), docs/model.md, for ``turn_n``, ``want_n`` and ``rel_n``.
        """
        stocks, benchmark = stage.stocks, self._setting.benchmark
        base, use = benchmark.base_index, benchmark.normal_use
        ratio, short, share = (np.zeros_like(self.target) for _ in range(3))
        for pile, (at, users) in enumerate(zip(self._needs, self._users, strict=True)):
            weight = use[at]
            paid = np.take(stocks.choice_index, at, axis=1) / base[at]
            ratio[:, pile] = (paid * weight).sum(1) / weight.sum()
            # Taken, not indexed, which would lay members side by side: a sum's last bit depends on that.
            missing, needed = (np.take(a, users, axis=1).sum(1) for a in (stocks.shortfall, stocks.required))
            short[:, pile] = missing / np.maximum(needed, 1e-12)
            share[:, pile] = stage.controls.stockpiles.get(self.events[pile], 0.0)
        opens = (ratio > self._release_above) | (short > self._release_short)
        stock, years = self.tonnes.stock[..., 0], self._setting.step_years
        turned = self._rotation * stock
        out = np.where(opens, np.minimum(self._release_rate * years, stock), turned) * share
        gap = np.maximum(self.target - self.tonnes.position[..., 0], 0.0)
        rule = np.minimum(self._rate * years, gap)
        dear = ratio > self._buy_below
        # What is rotated is bought again at the going price; only what fills the pile must be cheap.
        rule = np.where(dear & (turned > 0), 0.0, rule)
        self._wanted = np.where(opens, 0.0, rule + turned) * share
        self._ceiling = np.where(dear & (turned > 0), ratio, np.maximum(self._buy_below, 1e-6))
        return self._hand_out(out, stage.required)

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
        self._first_tier = orders.tonnes.shape[2]
        members, needs = orders.tonnes.shape[:2]
        tonnes, worth = [orders.tonnes], [orders.reservation]
        base, use = self._setting.benchmark.base_index, self._setting.benchmark.normal_use
        for layer in self._layers:
            wanted, ceiling = np.zeros((members, needs)), np.ones((members, needs))
            for pile in layer:
                at = self._needs[pile]
                wanted[:, at] = self._wanted[:, pile, None] * (use[at] / use[at].sum())
                ceiling[:, at] = self._ceiling[:, pile, None] * base[at]
            tonnes.append(wanted[..., None])
            worth.append(ceiling[..., None])
        fading = self._setting.behaviour.shared_or_each("state_elasticity")
        elasticities = [*np.moveaxis(orders.elasticity, -1, 0), *[fading] * len(self._layers)]
        return Orders(
            np.concatenate(tonnes, axis=2), np.concatenate(worth, axis=2),
            np.stack(np.broadcast_arrays(*elasticities), axis=-1), orders.held,
        )  # fmt: skip

    def fractions(self, clearing: Clearing, orders: Orders) -> FloatArray:
        """(P, M, N) share of each need's purchases that goes to each pile; books what was bought.

        Equation (M48), docs/model.md, for ``part_bn``.
        """
        over = np.maximum(clearing.index[..., None] / orders.reservation, 1.0)
        tiers = orders.tonnes * over**-orders.elasticity
        total = tiers.sum(2)
        # What a buyer has already it does not buy; the pile buys all the same.
        least = self._setting.behaviour["least_order_share"]
        total = np.maximum(total - orders.held, least * total)
        result = np.zeros((len(self.goods), *total.shape))
        for position, layer in enumerate(self._layers):
            tier = tiers[..., self._first_tier + position]
            part = np.minimum(np.divide(tier, total, out=np.zeros_like(total), where=total > 0), 1.0)
            for pile in layer:
                at = self._needs[pile]
                result[pile][:, at] = part[:, at]
        self.bought = np.stack([(f * clearing.purchases).sum(1) for f in result], axis=1)
        return result

    def take(self, content: int, by_lag: FloatArray, fractions: FloatArray) -> None:
        """Put the piles' fractions of shipments into them."""
        (self.tonnes, *self.mixes)[content].take(by_lag, fractions)

    def moved(self) -> Mapping[str, FloatArray]:
        """What each event's piles bought and released, (M, G) tonnes: not all that its country uses."""
        goods = len(self._setting.world.goods)
        moved = {event: np.zeros((len(self.bought), goods)) for event in self.events}
        for pile, (event, good) in enumerate(zip(self.events, self.goods, strict=True)):
            moved[event][:, good] += self.bought[:, pile] + self.released[:, pile]
        return moved

    def book(self) -> Mapping[str, FloatArray]:
        """Stocks at the end of the step, and what was bought and released in it."""
        return {
            "stockpile_stock": self.tonnes.stock[..., 0],
            "stockpile_bought": self.bought,
            "stockpile_released": self.released,
        }

    def labels(self) -> Mapping[str, tuple[str, Sequence[str]]]:
        """Event and good of each pile."""
        goods = [self._setting.world.goods[good].id for good in self.goods]
        return {"pile_event": ("pile", self.events), "pile_good": ("pile", goods)}

    def arrays(self) -> dict[str, FloatArray]:
        """Stocks and what is on its way, pile by pile."""
        found: dict[str, FloatArray] = {}
        for pile, key in enumerate(self._keys()):
            for name, account in zip(("tonnes", *self._mix_names), (self.tonnes, *self.mixes), strict=True):
                found[f"{key}/{name}/stock"] = account.stock[:, pile]
                found[f"{key}/{name}/transit"] = account.transit[:, :, pile]
            found[f"{key}/bought"] = self.bought[:, pile]
            found[f"{key}/released"] = self.released[:, pile]
        return found

    def restore(self, saved: Saved) -> None:
        """Piles of events that were there before go on; new ones start with what they state.

        What nobody followed so far has in an old pile the mix that it has in the users' stocks.

        Raises:
            MonaziteError: an array is missing or does not fit.
        """
        self.bought, self.released = self.bought.copy(), self.released.copy()
        for pile, key in enumerate(self._keys()):
            if f"{key}/tonnes/stock" not in saved:
                continue
            row = _saved_row(saved, f"{key}/tonnes", self.tonnes, pile)
            self.tonnes.restore_row(pile, *row)
            for name, mix, share in zip(self._mix_names, self.mixes, self._users_mix, strict=True):
                if f"{key}/{name}/stock" in saved:
                    mix.restore_row(pile, *_saved_row(saved, f"{key}/{name}", mix, pile))
                else:
                    mix.restore_row(pile, row[0] * share[:, pile], row[1] * share[:, pile])
            self.bought[:, pile] = saved.take(f"{key}/bought", self.bought[:, pile])
            self.released[:, pile] = saved.take(f"{key}/released", self.released[:, pile])

    def _keys(self) -> list[str]:
        goods = self._setting.world.goods
        return [f"{event}/{goods[good].id}" for event, good in zip(self.events, self.goods, strict=True)]


def _saved_row(saved: Saved, name: str, like: Account, pile: int) -> tuple[FloatArray, FloatArray]:
    """(M, X) stock and (L, M, X) under way of one pile; there may have been fewer or more lags."""
    stock = saved.take(f"{name}/stock", like.stock[:, pile])
    return stock, saved.take(f"{name}/transit", like.transit[:, :, pile], free=(0,))


def _without_overlap(needs_of: Sequence[IntArray]) -> list[list[int]]:
    """Piles in layers, in each of which no need serves two piles: each layer is a tier of demand."""
    layers: list[list[int]] = []
    for pile, needs in enumerate(needs_of):
        free = (
            layer
            for layer in layers
            if not any(np.intersect1d(needs, needs_of[other]).size for other in layer)
        )
        found = next(free, None)
        if found is None:
            layers.append([pile])
        else:
            found.append(pile)
    return layers
