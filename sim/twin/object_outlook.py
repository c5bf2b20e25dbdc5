"""What the agents of the Mesa object model expect: the times ahead, what each would bring, its worth now."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sim.arrays import BoolArray, FloatArray
from sim.engine.policy import Deciding
from sim.instruments import Instrument
from sim.twin.object_tomorrow import Prices, Prospect, Tomorrow

__all__ = ["ObjectOutlook", "Window", "closing_rates"]

DAYS = 365.25
ROUNDS = 80
"""Most rounds until prices agree."""
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


@dataclass
class Known:
    """A time ahead that has been priced."""

    window: Window
    prices: Prices
    before: Prices
    """A quarter ago: what is expected goes from there to ``prices`` in the course of the quarter."""
    prospect: Prospect | None = None

    def at(self, part: float) -> Prices:
        """Prices when a part of the quarter is over."""
        both = zip(vars(self.before).items(), vars(self.prices).values(), strict=True)
        return Prices(**{
            name: [old + part * (new - old) for old, new in zip(earlier, later, strict=True)]
            for (name, earlier), later in both
        })  # fmt: skip


class ObjectOutlook:
    """Expected prices from what is announced and in force.

    Args:
        prospect: makes the regime of a window.
        key: what the policy of a window depends on.
        happens: event of chance -> (1,) whether it happens.
    """

    def __init__(
        self,
        tomorrow: Tomorrow,
        events: Sequence[Instrument],
        prospect: Callable[[Window], Prospect],
        key: Callable[[Sequence[Instrument], dt.date, dt.date], object],
        happens: Mapping[str, BoolArray],
    ) -> None:
        self.tomorrow, self.events, self._prospect, self._key = tomorrow, events, prospect, key
        self._happens = happens
        self.rates = closing_rates(tomorrow)
        self._known: list[Known] = []
        """By place: the nearest time ahead first."""
        self._quarter: int | None = None
        self._base = tomorrow.base()
        self._hosts = hosts_of(tomorrow)
        self._deciding = Deciding(tomorrow.model.world)

    def expect(self, start: dt.date, end: dt.date) -> tuple[list[float], list[float]]:
        """Expected price of every offer and every need in a step."""
        quarter, part = quarter_of(start, end)
        again = self._quarter is not None and quarter != self._quarter
        self._quarter = quarter
        moved, windows = self._moved(), self._windows(start, end)
        found: list[Known] = []
        for window in windows:
            found.append(self._priced(window, found, moved, again))
        self._known = found
        return self._worth_now(windows, [known.at(part) for known in found])

    def _moved(self) -> list[int]:
        """Chains of which any price that is known differs from the base year's."""
        held = [prices for known in self._known for prices in (known.prices, known.before)]
        moved = set().union(*(apart(self.tomorrow, prices, self._base) for prices in held))
        if self.tomorrow.model.world.scrap is not None:
            # More or less scrap arises.
            place = {good: k for k, chain in enumerate(self.tomorrow.chains) for good in chain}
            offers = self.tomorrow.model.offers
            moved |= {place[o.good] for o in offers if o.capacity != o.first_capacity}
        return sorted(moved)

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
            settled = self._deciding.by(events, first)
            acting = tuple((e.id, e.until, np.asarray(e.activity(first, until)).tobytes()) for e in events)
            seen = foreseen(self._happens, events, end)
            likely = tuple((name, float(chance[0])) for name, chance in seen.items())
            like = acting, likely, settled
            over = math.inf if following is None else (following - end).days / DAYS
            name = like, self._key(events, first, until)
            years = (first - end).days / DAYS
            windows.append(Window(like, name, years, over, first, until, end, tuple(events), settled))
        return windows

    def _priced(
        self, window: Window, found: Sequence[Known], moved: list[int], again: bool
    ) -> Known:
        """A window with its prices.

        Args:
            found: windows before it, as they are known in this step. moved: chains not at base prices.
            again: whether these are priced again where the window was known before.
        """
        if not window.events and not moved:
            # Nobody has heard of anything: the base year, which needs no rounds.
            return Known(window, self._base, self._base)
        twin = next((known for known in found if known.window.name == window.name), None)
        if twin is not None:
            return Known(window, twin.prices, twin.before, twin.prospect)
        # What grows is alike at several places: it is found where it stood.
        places = sorted(range(len(self._known)), key=lambda place: abs(place - len(found)))
        earlier = [self._known[place] for place in places]
        same = next((known for known in earlier if known.window.name == window.name), None)
        alike = next((known for known in earlier if known.window.like == window.like), None)
        if same is not None:
            if not again:
                return Known(window, same.prices, same.before, same.prospect)
            prospect = same.prospect or self._prospect(window)
            prospect.markup = prospect.markup_anew()
            now = self.tomorrow.price(prospect, same.prices, ROUNDS, moved, new=False)
            return Known(window, now, same.prices, prospect)
        if alike is not None:
            if not again:
                return Known(window, alike.prices, alike.before)
            prospect = self._prospect(window)
            now = self._first(prospect, alike.prices)
            return Known(window, now, alike.prices, prospect)
        prospect = self._prospect(window)
        now = self._first(prospect, found[-1].prices if found else self._base)
        return Known(window, now, now, prospect)

    def _first(self, prospect: Prospect, start: Prices) -> Prices:
        """Prices of a regime that is new: chains that nothing touches or has moved stay as they are."""
        tomorrow = self.tomorrow
        going = {k for k, chain in enumerate(tomorrow.chains) if prospect.touched & set(chain)}
        for _ in tomorrow.chains:
            going |= {k for k, hosts in enumerate(self._hosts) if hosts & going}
        going |= apart(tomorrow, start, self._base) | set(self._moved())
        return tomorrow.price(prospect, start, ROUNDS, sorted(going))

    def _worth_now(
        self, windows: Sequence[Window], priced: Sequence[Prices]
    ) -> tuple[list[float], list[float]]:
        """What lies ahead, discounted at the rate at which gaps close; over cost, less what holding costs."""
        model, base = self.tomorrow.model, self._base
        storage = model.b["storage_cost"]
        offers, needs = [0.0] * len(model.offers), [0.0] * len(model.needs)
        sold, bought = [offer.good for offer in model.offers], [need.good for need in model.needs]
        for window, found in zip(windows, priced, strict=True):
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


def hosts_of(tomorrow: Tomorrow) -> list[set[int]]:
    """Per chain, those that hold a host of one of its goods."""
    place = {good: k for k, chain in enumerate(tomorrow.chains) for good in chain}
    found: list[set[int]] = [set() for _ in tomorrow.chains]
    world = tomorrow.model.world
    for good, host in zip(world.offer_good.tolist(), world.offer_host.tolist(), strict=True):
        if host >= 0:
            found[place[good]].add(place[host])
    return found


def apart(tomorrow: Tomorrow, prices: Prices, base: Prices) -> set[int]:
    """Chains of which any price differs from the base year's."""
    chains = range(len(tomorrow.chains))
    return {k for k in chains if tomorrow.numbers(prices, k) != tomorrow.numbers(base, k)}


def foreseen(
    happens: Mapping[str, BoolArray], events: Sequence[Instrument], day: dt.date
) -> dict[str, FloatArray]:
    """Event of chance -> (1,) how likely it is held to be: what has begun before a day is seen."""
    found = {}
    for event in events:
        if event.id in happens:
            begun = event.known_from is None or event.known_from < day
            seen = happens[event.id].astype(float)
            found[event.id] = seen if begun else np.full(len(seen), event.chance)
    return found


def quarter_of(start: dt.date, end: dt.date) -> tuple[int, float]:
    """The quarter in which a step begins, and the part of it that is over in the middle of the step."""
    quarter = (start.month - 1) // 3
    first = dt.date(start.year, 3 * quarter + 1, 1)
    following = dt.date(start.year + quarter // 3, 3 * ((quarter + 1) % 4) + 1, 1)
    over = ((start - first).days + (end - start).days / 2) / (following - first).days
    return 4 * start.year + quarter, min(over, 1.0)


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
