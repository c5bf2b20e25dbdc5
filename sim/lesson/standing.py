"""How a game stands: prices, what was done in each quarter, and what each country has come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from sim.arrays import FloatArray
from sim.lesson.game import Round
from sim.lesson.measures import of_members
from sim.lesson.moves import EVERYBODY, Move
from sim.lesson.outcome import KILOGRAM, good_rows, rounded
from sim.lesson.referee import Referee
from sim.lesson.score import Marks

__all__ = ["Standing", "moved"]

MILLION = 1e6
Numbers = dict[str, float | None]


@dataclass(frozen=True)
class Standing:
    """A game as far as it has been run.

    Attributes:
        referee: of the game. history: its quarters. marks: of each that has been run.
        influence: of each for which it has been worked out, team -> (M,) USD.
    """

    referee: Referee
    history: Sequence[Round]
    marks: Sequence[Marks]
    influence: Sequence[Mapping[str, FloatArray]]

    def words(self) -> dict[str, Any]:
        """All that is shown of it."""
        if not self.marks:
            return {"months": [], "prices": {}, "quarters": [], "countries": [], "influence": 0}
        whole = reduce(lambda before, marks: marks.behind(before), self.marks)
        calm = self.referee.calm()[0].months(0, whole.price.shape[1])
        return {
            "months": [day for quarter in range(len(self.marks)) for day in self.referee.months(quarter)],
            "prices": self._prices(whole, calm), "quarters": self._quarters(),
            "countries": [self._of(country, whole, calm) for country in self.referee.seats],
            "influence": len(self.influence),
        }  # fmt: skip

    def _prices(self, whole: Marks, calm: Marks) -> dict[str, Any]:
        """Good -> month by month the band of its price, and the median where nobody moves."""
        found = {}
        for g, row in enumerate(good_rows(self.referee.lab)):
            factor = 1 / KILOGRAM if row["price_unit"] == "USD/kg" else 1.0
            low, mid, high = of_members(whole.price[:, :, g] * factor)
            before = of_members(calm.price[:, :, g] * factor)[1]
            lines = (("low", low), ("mid", mid), ("high", high), ("calm", before))
            found[row["id"]] = {name: [rounded(v) for v in values] for name, values in lines}
        return found

    def _quarters(self) -> list[dict[str, Any]]:
        """What was done in each quarter that has been run."""
        made = self.referee.book(self.history[: len(self.marks)]).moves
        return [
            {
                "months": self.referee.months(quarter),
                "moves": {c: moved(ran.move(c), made) for c in sorted(ran.moves)},
                "brought": [one.as_words() for one in ran.injections()],
                "deals": [list(pair) for pair in ran.deals],
                "seen": [one.model_dump() for one in ran.seen], "reports": self._reports(quarter),
            }
            for quarter, ran in enumerate(self.history[: len(self.marks)])
        ]  # fmt: skip

    def _reports(self, quarter: int) -> list[dict[str, Any]]:
        """What the press said in the quarter before, and whether it is so."""
        before = self.history[quarter - 1].injections() if quarter else []
        book = self.referee.book(self.history[: quarter + 1])
        found = []
        for one in before:
            if one.kind == "report":
                standing = book.measures(one.country, self.referee.day(quarter))
                bans = [book.moves[name] for name in standing]
                said = ("ban", one.good, EVERYBODY)
                true = any((move.kind, move.good, move.whom) == said for move in bans)
                found.append({"country": one.country, "good": one.good, "true": true})
        return found

    def _of(self, country: str, whole: Marks, calm: Marks) -> dict[str, Any]:
        """A country's cost and security so far beside the world in which nobody moves, and its influence."""
        place = self.referee.places[country]
        support = (whole.support - calm.support)[..., place].sum(axis=1)
        cost = (whole.paid - calm.paid)[..., place].sum(axis=1) + support
        security, usual = (_met(marks, place) for marks in (whole, calm))
        done = [rows[country] for rows in self.influence if country in rows]
        reach = sum(done, np.zeros(self.referee.members)) if done else None
        return {
            "id": country, "cost": _band(cost / MILLION), "support": _band(support / MILLION),
            "security": _band(security), "usual": _band(usual),
            "influence": None if reach is None else _band(reach / MILLION),
        }  # fmt: skip


def moved(move: Move | None, made: Mapping[str, Move]) -> dict[str, Any] | None:
    """A move in plain words; of one that ends another, also that one.

    Args:
        made: moves of the game by the ids of their events.
    """
    if move is None:
        return None
    return {**move.as_words(), "ends": moved(made.get(move.lifts), made)}


def _met(marks: Marks, place: int) -> FloatArray:
    """(M,) share of what a country's users needed that they got, by value at base prices."""
    need, short = marks.need[..., place].sum(axis=1), marks.short[..., place].sum(axis=1)
    share: FloatArray = 1 - short / np.where(need > 0, need, 1.0)
    return share


def _band(values: FloatArray) -> Numbers:
    low, mid, high = of_members(values)
    return {"low": rounded(low), "mid": rounded(mid), "high": rounded(high)}
