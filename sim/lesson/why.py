"""Why: how much of a price or a shortage the button and each slider bring about, from runs without them.

A median has no parts, but with an odd number of members it is one member's own number. That member is run
again with every set of what was changed off; the parts (Shapley values, as in ``monazite explain``) add up to
its difference from its own status quo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.analysis import metrics
from sim.analysis.names import country_name
from sim.arrays import FloatArray
from sim.explain.credit import credit, subsets
from sim.lesson.lab import Case, Lab
from sim.lesson.measures import Pair, middle, of_members
from sim.lesson.outcome import pair_of
from sim.lesson.settings import Settings
from sim.lesson.stepwise import Work, finished
from sim.lesson.watch import Tracks

__all__ = ["BUTTON", "explaining", "why"]

BUTTON = "embargo"
"""Stands for the button among the names of sliders."""
MOST_ITEMS = 3
"""Countries whose shortages are explained, worst first."""


@dataclass(frozen=True)
class _Item:
    """What is explained: the price of a good, or a country's unmet share, in one month."""

    good: str
    country: str | None
    step: int
    member: int

    def of(self, tracks: Tracks, pair: Pair) -> FloatArray:
        """(rows,) the number in some runs: a price in USD/t, or a share of one."""
        if self.country is None:
            return tracks.price[:, self.step, list(pair.goods).index(self.good)]
        columns = pair.columns(self.good, self.country)
        return metrics.unmet_share(
            tracks.short[:, self.step, columns].sum(axis=1), tracks.need[:, self.step, columns].sum(axis=1)
        )


def why(lab: Lab, settings: Settings, good: str) -> list[dict[str, Any]]:
    """What brought an outcome about, as :func:`explaining` finds it."""
    return finished(explaining(lab, settings, good))


def explaining(lab: Lab, settings: Settings, good: str) -> Work[list[dict[str, Any]]]:
    """What brought about a good's price, where it is furthest from the status quo, and the worst shortages.

    Returns:
        For each: what, month (a step), the number and that of the status quo, and the parts, which add up to
        their difference; prices in multiples of the status quo, shortages as shares of need.
    """
    names = ([BUTTON] if settings.embargo else []) + list(lab.moved(settings))
    if not names:
        return []
    yield from lab.grounding(settings)
    run = (yield from lab.running([Case(settings)]))[0]
    pair = pair_of(lab, settings, run)
    items = _items(pair, good)
    members = np.array(sorted({item.member for item in items}))
    acts = subsets(len(names))
    acting = frozenset(lab.acting(settings))
    cases = []
    for row in acts:
        off = {name for name, on in zip(names, row, strict=True) if not on}
        cases.append(Case(settings, frozenset(off - {BUTTON}) | (acting if BUTTON in off else frozenset())))
    runs = yield from lab.running(cases, members)
    return [
        _explained(pair, item, [one.rows(members == item.member) for one in runs], names) for item in items
    ]


def _items(pair: Pair, good: str) -> list[_Item]:
    """The price where the median is furthest from the status quo, and the worst month of the worst hit."""
    multiple = of_members(pair.multiple(good))[1]
    step = int(np.abs(np.log(np.nan_to_num(multiple, nan=1.0))).argmax())
    found = [_Item(good, None, step, middle(pair.multiple(good)[:, step]))]
    short = []
    for country in (c for g, c in pair.pairs if g == good):
        shares = pair.excess(good, country)
        path = of_members(shares)[1]
        if path.max() > metrics.SHORTAGE_SHARE:
            month = int(path.argmax())
            short.append((float(path.max()), _Item(good, country, month, middle(shares[:, month]))))
    short.sort(key=lambda one: -one[0])
    return [*found, *(item for _, item in short[:MOST_ITEMS])]


def _explained(pair: Pair, item: _Item, runs: list[Tracks], names: list[str]) -> dict[str, Any]:
    """One item with its parts."""
    values = np.stack([item.of(run, pair) for run in runs])
    found = credit(values, len(names))
    # A price in multiples of that of the status quo: 1 is as before.
    scale = 1.0 if item.country is not None else float(found.none[0])
    parts = {name: float(part[0]) / scale for name, part in zip(names, found.parts, strict=True)}
    together = float(found.together[0]) / scale
    return {
        "good": item.good,
        "country": item.country,
        "name": country_name(item.country) if item.country else "",
        "step": item.step,
        "before": float(found.none[0]) / scale,
        "after": float(found.every[0]) / scale,
        "parts": parts,
        "together": together,
    }
