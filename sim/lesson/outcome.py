"""What a page shows of one setting: paths with bands, shortages by country, four numbers; as plain words."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.analysis import metrics
from sim.analysis.names import country_name
from sim.analysis.select import DEAR
from sim.arrays import FloatArray
from sim.lesson.lab import Case, Lab
from sim.lesson.measures import Pair, of_members
from sim.lesson.settings import Settings
from sim.lesson.stepwise import Work, finished

__all__ = ["good_rows", "making", "outcome", "outcomes", "pair_of"]

DIGITS = 4
KILOGRAM = 1000.0


def outcomes(lab: Lab, settings: list[Settings]) -> list[dict[str, Any]]:
    """The outcomes of some settings, run in one stack as far as they can share one."""
    return finished(making(lab, settings))


def making(lab: Lab, settings: list[Settings]) -> Work[list[dict[str, Any]]]:
    """The same, a month at a time."""
    for one in settings:
        yield from lab.grounding(one)
    runs = yield from lab.running([Case(one) for one in settings])
    return [outcome(lab, one, pair_of(lab, one, run)) for one, run in zip(settings, runs, strict=True)]


def pair_of(lab: Lab, settings: Settings, run: Any) -> Pair:
    """A setting's runs beside the status quo under the same options."""
    return Pair(run, lab.ground(settings), lab.goods, lab.pairs, lab.first_day_step(settings))


def outcome(lab: Lab, settings: Settings, pair: Pair) -> dict[str, Any]:
    """One setting as a page shows it; numbers have four digits, and None stands for never."""
    goods = {good: _good(pair, good, _factor(lab, good)) for good in lab.goods}
    acts = lab.acting(settings) if settings.embargo else ()
    return {
        "key": settings.key, "begin": pair.begin, "end": lab.last_day_step(settings),
        "events": lab.told(settings), "idle": list(lab.idle(acts)), "goods": goods,
    }  # fmt: skip


def good_rows(lab: Lab) -> list[dict[str, Any]]:
    """The goods of a lesson: id, name by language, units, and the country outside of which it is priced."""
    known = {good.id: good for good in lab.world.goods}
    homes = {one.id: lab.world.countries[home] for one, home in zip(lab.world.goods, lab.homes, strict=True)}
    return [
        {
            "id": good, "name": name, "unit": known[good].unit,
            "price_unit": "USD/kg" if _factor(lab, good) < 1 else "USD/t",
            "outside": {"country": homes[good], "name": country_name(homes[good])},
        }
        for good, name in lab.lesson.part.goods.items()
    ]  # fmt: skip


def _factor(lab: Lab, good: str) -> float:
    """From USD/t to the unit in which the trade quotes a good."""
    item = next(item for item in lab.world.goods if item.id == good)
    return 1 / KILOGRAM if item.base_price >= DEAR or item.unit.endswith(" oxide") else 1.0


def _good(pair: Pair, good: str, factor: float) -> dict[str, Any]:
    g = list(pair.goods).index(good)
    low, mid, high = of_members(pair.run.price[:, :, g] * factor)
    countries = sorted({country for name, country in pair.pairs if name == good})
    excess = {country: pair.excess(good, country) for country in countries}
    shares = {country: of_members(shares)[1] for country, shares in excess.items()}
    kept = {c: _row(s) for c, s in shares.items() if s.max() > metrics.SHORTAGE_SHARE}
    # As bets and answers have it: each member's own worst month, which need not be the same one.
    worst = {c: rounded(of_members(excess[c].max(axis=1))[1]) for c in kept}
    return {
        "low": _row(low), "mid": _row(mid), "high": _row(high), "short": kept, "worst": worst,
        "names": {country: country_name(country) for country in kept},
        "numbers": _numbers(pair, good),
    }  # fmt: skip


def _numbers(pair: Pair, good: str) -> dict[str, Any]:
    """The four big numbers, each with its band."""
    worst = pair.worst_country(good)
    peak = _band(pair.value("peak_price", good, None))
    found: dict[str, Any] = {"peak": peak, "low": _band(pair.value("lowest_price", good, None))}
    if worst is None:
        return {**found, "worst": None, "first": None, "recovery": None}
    country = worst[0]
    return {
        **found,
        "worst": {"country": country, "name": country_name(country),
                  **_band(pair.worst_year(good, country))},
        "first": _band(pair.value("first_short", good, country)),
        "recovery": _band(pair.value("recovery", good, country)),
    }  # fmt: skip


def _band(values: FloatArray) -> dict[str, float | None]:
    low, mid, high = of_members(values)
    return {"low": rounded(low), "mid": rounded(mid), "high": rounded(high)}


def rounded(value: float) -> float | None:
    """A number with four digits; None for infinity, which is never, and for what is not known."""
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None


def _row(values: FloatArray) -> list[float | None]:
    return [rounded(value) for value in values]
