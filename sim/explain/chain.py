"""How a price of one month came about, in plain sentences, from what the run and its baseline recorded.

Every sentence is about differences from the paired baseline since the first event; a sentence without a
difference worth the name is left out. Numbers are means over members, so that they add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import xarray as xr

from sim.analysis.baselines import shown_name
from sim.analysis.digits import two
from sim.analysis.metrics import paired_ratio
from sim.analysis.names import in_text
from sim.analysis.pairing import paired
from sim.analysis.run_metrics import first_event, steps_per_year
from sim.analysis.select import controller, events_for, good_name, label, price, price_unit
from sim.errors import MonaziteError
from sim.explain.balance import NEEDED, Balance, balance
from sim.explain.measure import standing
from sim.explain.words import place, user
from sim.results import Run

__all__ = ["chain"]

NAMED = 3
"""Countries or users named in a sentence; the others are summed up."""
WORTH_SAYING = 0.005
"""Share of the tonnes supplied in the baseline below which a difference is none."""


def chain(run: Run, baseline: Run, good: str, step: int) -> list[str]:
    """Plain sentences on a good's price outside its controlling country in one step.

    Args:
        run, baseline: stored runs of ``monazite run``; a sweep does not keep enough.
        good: good id.
        step: of the run.

    Raises:
        MonaziteError: the runs are not paired, or lack what the sentences are about.
    """
    lacking = [name for name in NEEDED for r in (run, baseline) if name not in r.dataset]
    if lacking:
        raise MonaziteError(
            f"{shown_name(run)}: how its price came about cannot be said without "
            f"{', '.join(dict.fromkeys(lacking))}, which a sweep does not keep; run the scenario and its "
            "baseline with 'monazite run'"
        )
    data, base = paired(run.dataset, baseline.dataset)
    if step >= data.sizes["time"]:
        raise MonaziteError(f"{shown_name(baseline)} ends before the month that is asked about")
    start = first_event(events_for(run.dataset, baseline.dataset, good))
    times = data["time"].values.astype("datetime64[D]")
    begun = 0 if start is None else int(np.searchsorted(times, start.astype("datetime64[D]"), "right")) - 1
    first = max(begun, 0)
    sentences = [_price(data, base, good, step, shown_name(baseline))]
    if first > step:
        return [*sentences, f"No event had begun yet: the first begins on {start}."]
    months = times.astype("datetime64[M]").astype(str)
    period = f"in {months[step]}" if first == step else f"from {months[first]} to {months[step]}"
    found = balance(data, base, good, first, step)
    unit = label(data, "good_unit", good) or "t"
    said = _Said(found, unit, period, WORTH_SAYING * max(found.base_supply, 1e-9))
    sentences += [*said.supply(), *said.stocks(steps_per_year(data)), *said.demand(_at(data, good, step))]
    return [*sentences, *said.rest(), *_rent(data, base, good, step)]


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def _at(data: xr.Dataset, good: str, step: int) -> str:
    """The price outside of a step in words."""
    shown = price_unit(data, good)
    return f"{two(_mean(standing(data, good)[:, step]) * shown.factor)} {shown.name}"


def _price(data: xr.Dataset, base: xr.Dataset, good: str, step: int, baseline: str) -> str:
    shown, country = price_unit(data, good), controller(data, good)
    now, before = standing(data, good)[:, step], standing(base, good, country)[:, step]
    untraded = float(np.isnan(price(data, good, "outside")[:, step]).mean())
    no_trade = f" Nothing was traded there in {two(100 * untraded)} % of members; " if untraded else ""
    no_trade += "what users would have paid stands in for a price." if untraded else ""
    multiple = float(np.nanmedian(paired_ratio(now, before)))
    low, high = np.nanquantile(now * shown.factor, [0.1, 0.9])
    month = str(data["time"].values[step].astype("datetime64[M]"))
    band = f" (80 % of members between {two(low)} and {two(high)})" if len(now) > 1 else ""
    size = f"{two(multiple)} times" if not 0.995 < multiple < 1.005 else "the same as"
    return (
        f"In {month} {in_text(good_name(data, good))} cost {two(_mean(now) * shown.factor)} {shown.name} "
        f"outside {place(country)}{band}: {size} the {two(_mean(before) * shown.factor)} {shown.name} of the "
        f"same draws in {baseline}."
        f"{no_trade}"
    )


def _rent(data: xr.Dataset, base: xr.Dataset, good: str, step: int) -> Iterator[str]:
    now, before = (_mean(d["rent"].sel(good=good).values[:, step]) for d in (data, base))
    if now - before < WORTH_SAYING:
        return
    country = place(controller(data, good))
    yield (
        f"What remains is rent: being allowed to ship out of {country} was worth {two(100 * now)} % of the "
        f"price at the gate, {two(100 * now / (1 + now))} % of what the goods cost at the border."
    )


def _listed(amounts: Sequence[tuple[str, float]], unit: str) -> str:
    """The largest amounts by name, the rest together."""
    ordered = sorted(amounts, key=lambda item: (-abs(item[1]), item[0]))
    shown = ordered if len(ordered) <= NAMED + 1 else ordered[:NAMED]
    words = [f"{name} {two(abs(amount))} {unit}" for name, amount in shown]
    if len(shown) < len(ordered):
        words.append(f"others {two(abs(sum(amount for _, amount in ordered[NAMED:])))} {unit}")
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


class _Said:
    """Sentences on one balance."""

    def __init__(self, found: Balance, unit: str, period: str, least: float) -> None:
        self._found, self._period, self._least = found, period, least
        # "t magnets" says no more than "t" where the good is named already.
        self._unit = unit.split(" ")[0]
        self._outside = f"outside {place(found.country)}"

    def _tonnes(self, amount: float) -> str:
        return f"{two(abs(amount))} {self._unit}"

    def supply(self) -> Iterator[str]:
        """Whose supply left, and who filled in."""
        found, unit, period = self._found, self._unit, self._period
        who = place(found.country)
        lost = {c: a for c, a in found.supply.items() if a < -self._least}
        gained = [(place(c), a) for c, a in found.supply.items() if a > self._least]
        gone = -sum(lost.values())
        if found.country in lost:
            yield f"{who} sent {self._tonnes(lost[found.country])} less abroad {period}{self._home()}."
        others = [(place(c), a) for c, a in lost.items() if c != found.country]
        if others:
            head = "Others made less, too" if len(others) < len(lost) else f"Less was made {period}"
            yield f"{head}: {_listed(others, unit)}."
        if gained:
            filled = 100 * sum(a for _, a in gained)
            share = f", {two(filled / gone)} % of what was lost" if gone else f" {period}"
            yield f"More came from {_listed(gained, unit)}{share}."
        elif gone:
            yield "Nobody else filled in."
        elif not lost:
            yield f"Supply to users {self._outside} was what it is in the baseline {period}."

    def _home(self) -> str:
        """What became of what the controlling country did not send."""
        made, used, lying = self._found.home
        parts = [
            f"made {self._tonnes(made)} {'more' if made > 0 else 'less'}" if abs(made) > self._least else "",
            f"used {self._tonnes(used)} {'more' if used > 0 else 'less'}" if abs(used) > self._least else "",
            f"had {self._tonnes(lying)} {'more' if lying > 0 else 'less'} in stock at the end"
            if abs(lying) > self._least else "",
        ]  # fmt: skip
        said = [part for part in parts if part]
        return f"; it {', '.join(said[:-1]) + ' and ' if said[:-1] else ''}{said[-1]}" if said else ""

    def stocks(self, steps_a_year: int) -> Iterator[str]:
        """What stocks did, private and states'."""
        found = self._found
        if abs(found.stocks) > self._least and found.need_rate > 0:
            weeks = 52 / steps_a_year / found.need_rate
            verb = "gave up" if found.stocks < 0 else "took up"
            yield (
                f"Stocks of sellers and buyers {self._outside} {verb} {self._tonnes(found.stocks)}: they "
                f"stood at {two(found.stock_now * weeks)} weeks of need at the end, in the baseline at "
                f"{two(found.stock_base * weeks)}."
            )
        if abs(found.states) > self._least:
            verb = "released" if found.states < 0 else "bought"
            yield f"States' stockpiles {verb} {self._tonnes(found.states)}."

    def demand(self, at: str) -> Iterator[str]:
        """Which demand gave way, at what price."""
        found = self._found
        needed, missing = sum(found.needed.values()), sum(found.missing.values())
        if abs(needed) > self._least:
            word = "more" if needed > 0 else "less"
            by = self._users(found.needed, needed)
            yield f"Users {self._outside} needed {self._tonnes(needed)} {word}: {by}."
        if missing > self._least:
            yield (
                f"At {at} demand gave way: users {self._outside} went without {self._tonnes(missing)}: "
                f"{self._users(found.missing, missing)}."
            )

    def _users(self, amounts: Mapping[tuple[str, str], float], total: float) -> str:
        """Where they are and what they make, of those that go the way of the total."""
        sums: tuple[dict[str, float], dict[str, float]] = ({}, {})
        for (kind, country), amount in amounts.items():
            if amount * total > 0:
                for found, name in zip(sums, (place(country), user(kind)), strict=True):
                    found[name] = found.get(name, 0.0) + amount
        places, kinds = (list(found.items()) for found in sums)
        by_kind = f" ({_listed(kinds, self._unit)})" if len(kinds) > 1 else f" (all {kinds[0][0]})"
        return f"in {_listed(places, self._unit)}{by_kind}"

    def rest(self) -> Iterator[str]:
        """What else became of the tonnes, so that the sentences add up."""
        found = self._found
        name, left = "on the way or in states' stocks", found.rest
        if abs(found.rest - found.states) < abs(found.rest):
            name, left = "on the way", found.rest - found.states
        parts = [
            (f"sent on to {place(found.country)}", found.sold_inside),
            ("thrown away as joint products", found.discarded), (name, left),
        ]  # fmt: skip
        said = [
            f"{self._tonnes(amount)} {'more' if amount > 0 else 'less'} {where}"
            for where, amount in parts if abs(amount) > self._least
        ]  # fmt: skip
        if said:
            yield f"The rest of the balance {self._outside}: {', '.join(said)}."
