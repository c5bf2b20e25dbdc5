"""What the agents of the Mesa object model expect: the times ahead, what each would bring, its worth now."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sim.instruments import Instrument
from sim.twin.object_tomorrow import Prices, Prospect, Tomorrow

__all__ = ["ObjectOutlook", "Window", "closing_rates"]

DAYS = 365.25
ROUNDS, GROWN_ROUNDS, MORE_ROUNDS = 12, 2, 1
"""Rounds for a regime that is new, that has grown, and that has been priced before."""
MOST_CHANGES = 8
HORIZON_YEARS = 10.0
LEAST_YEARS = 0.02
"""Of use that is held of a good."""


@dataclass(frozen=True)
class Window:
    """A time ahead between two changes: years from now, infinite at its end for the last."""

    like: object
    """The same where the same measures act."""
    name: object
    """The same where they also act alike."""
    years: float
    over: float
    first: dt.date
    until: dt.date
    seen: dt.date
    """What has begun before this day is known to happen or not."""
    events: tuple[Instrument, ...]
    settled: tuple[str, ...]
    """Licences that are being decided on by then."""


class ObjectOutlook:
    """Expected prices from what is announced and in force.

    Args:
        prospect: makes the regime of a window.
        key: what the policy of a window depends on.
    """

    def __init__(
        self,
        tomorrow: Tomorrow,
        events: Sequence[Instrument],
        prospect: Callable[[Window], Prospect],
        key: Callable[[Sequence[Instrument], dt.date, dt.date], object],
    ) -> None:
        self.tomorrow, self.events, self._prospect, self._key = tomorrow, events, prospect, key
        self.rates = closing_rates(tomorrow)
        self._known: dict[object, tuple[object, Prospect, Prices]] = {}
        self._month: int | None = None
        self._base = tomorrow.base()

    def expect(self, start: dt.date, end: dt.date) -> tuple[list[float], list[float]]:
        """Expected price of every offer and every need in a step."""
        month = start.year * 12 + start.month - 1
        new_month = self._month is not None and month != self._month
        new_quarter = self._month is not None and month // 3 != self._month // 3
        self._month = month
        windows, nearest = self._windows(start, end), self._base
        known: dict[object, tuple[object, Prospect, Prices]] = {}
        for number, window in enumerate(windows):
            if not window.events:
                # Nobody has heard of anything: the base year, which needs no rounds.
                continue
            if window.name not in known:
                again = new_quarter if number else new_month
                known[window.name] = self._priced(window, nearest, again)
            nearest = known[window.name][2]
        self._known = known
        return self._worth_now(windows)

    def _windows(self, start: dt.date, end: dt.date) -> list[Window]:
        events = []
        for event in self.events:
            begins = [day for day in (event.from_, event.announced) if day is not None]
            if event.from_ is None or min(begins) < end:
                events.append(event.as_known(end))
        last = end + dt.timedelta(days=int(HORIZON_YEARS * DAYS))
        changes = sorted({day for event in events for day in event.turns(end) if end < day < last})
        edges: list[dt.date | None] = [end, *changes[:MOST_CHANGES], None]
        windows = []
        for first, following in pairwise(edges):
            assert first is not None
            until = following or first + dt.timedelta(days=365)
            settled = tuple(event.id for event in events if event.settled(first))
            acting = tuple((e.id, e.until, np.asarray(e.activity(first, until)).tobytes()) for e in events)
            like = acting, settled
            over = math.inf if following is None else (following - end).days / DAYS
            name = like, self._key(events, first, until)
            years = (first - end).days / DAYS
            windows.append(Window(like, name, years, over, first, until, end, tuple(events), settled))
        return windows

    def _priced(self, window: Window, nearest: Prices, again: bool) -> tuple[object, Prospect, Prices]:
        if window.name in self._known:
            like, prospect, prices = self._known[window.name]
            if again:
                prices = self.tomorrow.price(prospect, prices, MORE_ROUNDS)
            return like, prospect, prices
        prospect = self._prospect(window)
        before = [prices for like, _, prices in self._known.values() if like == window.like]
        start, rounds = (before[0], GROWN_ROUNDS) if before else (nearest, ROUNDS)
        return window.like, prospect, self.tomorrow.price(prospect, start, rounds)

    def _worth_now(self, windows: Sequence[Window]) -> tuple[list[float], list[float]]:
        """What lies ahead, discounted at the rate at which gaps close; over cost, less what holding costs."""
        model, base = self.tomorrow.model, self._base
        storage = model.b["storage_cost"]
        offers, needs = [0.0] * len(model.offers), [0.0] * len(model.needs)
        sold, bought = [offer.good for offer in model.offers], [need.good for need in model.needs]
        for window in windows:
            found = self._known[window.name][2] if window.events else base
            for total, goods, price, cost, usual, usual_cost in (
                (offers, sold, found.offer, found.offer_cost, base.offer, base.offer_cost),
                (needs, bought, found.need, found.need_cost, base.need, base.need_cost),
            ):
                for k, good in enumerate(goods):
                    rate = self.rates[good]
                    weight = math.exp(-rate * window.years) - math.exp(-rate * window.over)
                    dearer, costlier = price[k] - usual[k], cost[k] - usual_cost[k]
                    total[k] += weight * (costlier + (1 - storage / rate) * (dearer - costlier))
        expected = [need.base_index * math.exp(x) for need, x in zip(model.needs, needs, strict=True)]
        return [math.exp(x) for x in offers], expected


def closing_rates(tomorrow: Tomorrow) -> list[float]:
    """Per good, the rate a year at which holders close a gap."""
    model, rates = tomorrow.model, []
    b = model.b
    for good in range(len(model.world.goods)):
        offers = [offer for offer in model.offers if offer.good == good]
        needs = [need for need in model.needs if need.good == good]
        output = sum(offer.output for offer in offers)
        elasticity = sum(
            (offer.supply_elasticity if offer.mined else b["processing_elasticity"]) * offer.output
            for offer in offers
        ) / max(output, 1e-12)
        use = sum(need.use for need in needs) / model.step_years
        held = sum(need.use * need.usual_cover for need in needs) + sum(offer.usual_stock for offer in offers)
        years = max(held / max(use, 1e-12), LEAST_YEARS)
        rates.append(b["storage_cost"] + (elasticity + b["use_elasticity"]) / b["storage_elasticity"] / years)
    return rates
