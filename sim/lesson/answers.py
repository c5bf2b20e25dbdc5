"""Bets and questions of a lesson, decided by the model: values with bands, and texts with values in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sim.analysis.names import country_name
from sim.lesson.lab import Case, Lab
from sim.lesson.measures import Pair, of_members
from sim.lesson.outcome import pair_of, rounded
from sim.lesson.stepwise import Work, finished
from sim.scenario.lesson_part import Asked

__all__ = ["SHARES", "answering", "answers", "spoken"]

SHARES = ("worst_month", "worst_year")
TIMES = ("first_short", "recovery")
PRICES = ("peak_price", "lowest_price")
HALF_UP = 1e-9
NOBODY = {"en": "nobody", "zh": "没有国家"}
NEVER = {"en": "not before the end", "zh": "到期末仍未"}
MONTH = {"en": "{} month", "zh": "{} 个月"}
MONTHS = {"en": "{} months", "zh": "{} 个月"}
AT_ONCE = {"en": "at once", "zh": "立即"}


def answers(lab: Lab) -> dict[str, Any]:
    """All bets and questions of a lesson, as :func:`answering` finds them."""
    return finished(answering(lab))


def answering(lab: Lab) -> Work[dict[str, Any]]:
    """All bets and questions of a lesson, answered by the model in as few stacks as settings allow.

    Returns:
        ``bets``: id -> value, and the place of the right answer among the bounds or countries. ``debrief``:
        id -> language -> the answer in words. ``values``: the same numbers, for tests and tables.
    """
    part = lab.lesson.part
    asked: list[tuple[tuple[str, str], Asked]] = [(("bet", name), bet) for name, bet in part.bets.items()]
    for name, question in part.debrief.items():
        asked += [((f"question {name}", key), value) for key, value in question.values.items()]
    settings = [lab.settings(one.settings) for _, one in asked]
    unique = list(dict.fromkeys(settings))
    for one in unique:
        yield from lab.grounding(one)
    runs = yield from lab.running([Case(one) for one in unique])
    pairs = {one: pair_of(lab, one, run) for one, run in zip(unique, runs, strict=True)}
    found = {
        where: value(pairs[one], question, question.good or lab.goods[0])
        for (where, question), one in zip(asked, settings, strict=True)
    }
    bets = {name: {"value": found["bet", name], "right": _right(bet, found["bet", name])}
            for name, bet in part.bets.items()}  # fmt: skip
    debrief = {
        name: {
            language: text.format(**{
                key: spoken(one.measure, found[f"question {name}", key], language)
                for key, one in question.values.items()
            })
            for language, text in question.answer.items()
        }
        for name, question in part.debrief.items()
    }  # fmt: skip
    return {"bets": bets, "debrief": debrief, "values": {" ".join(k): v for k, v in found.items()}}


def value(pair: Pair, asked: Asked, good: str) -> dict[str, Any]:
    """What the model says: a number with its band, or a country."""
    if asked.measure == "worst_country":
        worst = pair.worst_country(good)
        return {"country": worst[0] if worst else None, "mid": rounded(worst[1]) if worst else 0.0}
    low, mid, high = of_members(pair.value(asked.measure, good, asked.country))
    return {"low": rounded(low), "mid": rounded(mid), "high": rounded(high)}


def _right(bet: Any, found: dict[str, Any]) -> int | None:
    """The place of the right answer: between which bounds, or which country; None where none fits."""
    if bet.countries:
        return bet.countries.index(found["country"]) if found["country"] in bet.countries else None
    mid = found["mid"]
    # Never lies beyond every bound.
    return len(bet.bounds) if mid is None else sum(mid >= bound for bound in bet.bounds)


def _months(mid: float | None, language: str) -> str:
    if mid is None:
        return NEVER[language]
    count = f"{mid:.0f}"
    return AT_ONCE[language] if count == "0" else (MONTH if count == "1" else MONTHS)[language].format(count)


def spoken(measure: str, found: dict[str, Any], language: str, names: Sequence[str] = ()) -> str:
    """A value in words: a multiple, a percentage, months, tonnes, or a country.

    Names of countries are English here. In another language a country stands as ``{JPN}``, which the page
    replaces: browsers know all names in all languages.
    """
    if measure == "worst_country":
        code = found["country"]
        if not code:
            return NOBODY[language]
        return country_name(code) if language == "en" else f"{{{code}}}"
    mid = found["mid"]
    if measure in TIMES:
        return _months(mid, language)
    if measure in SHARES:
        return f"{100 * mid:.0f} %" if mid >= 0.1 else f"{100 * mid:.1f} %"
    if measure in PRICES:
        # As browsers round: half of the last digit goes up.
        return f"× {mid + HALF_UP:.2f}"
    return f"{mid:,.0f} t"
