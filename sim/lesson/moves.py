"""What a team may do in a quarter, and what that is as an event of the scenario language."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from sim.errors import MonaziteError
from sim.lesson.refusals import RefusedError
from sim.lesson.seats import Seat
from sim.paths import share_root
from sim.tables import read_table

__all__ = [
    "EVERYBODY", "INJECTIONS", "LEVELS", "MOVES", "Event", "Injection", "Move", "event_of", "injected",
    "read_injection", "read_move", "strengths",
]  # fmt: skip

LEVELS = ("mild", "middle", "hard")
MOVES = ("ban", "licence", "tariff", "stockpile", "subsidise", "talks", "lift", "wait")
INJECTIONS = ("strike", "report", "leak")
EVERYBODY = "world"
SELLING = ("ban", "licence", "subsidise")
"""Moves on what a country sells; the others that name a good are on what it buys."""
AIMED = ("ban", "licence", "tariff")
GRADED = ("licence", "tariff", "stockpile", "subsidise")
Event = dict[str, Any]
WHY = "A move in a game; its strength is a row of moves.csv."
REPORT = "A press report in a game; the next quarter shows whether it was true."
MONTHS = 12
COLUMNS = ("move", "field", *LEVELS, "unit", "source", "confidence")
LONGEST = 40


@dataclass(frozen=True)
class Move:
    """What a country decides for a quarter.

    Attributes:
        kind: one of :data:`MOVES`. good: id of a good, empty where it needs none.
        whom: ISO-3 code or :data:`EVERYBODY`; empty where it is aimed at nobody.
        level: place in :data:`LEVELS`. lifts: id of the own measure that ends.
    """

    kind: str
    good: str = ""
    whom: str = ""
    level: int = 1
    lifts: str = ""

    def as_words(self) -> dict[str, Any]:
        """For pages and files."""
        return asdict(self)


@dataclass(frozen=True)
class Injection:
    """What the teacher brings into a quarter.

    Attributes:
        kind: one of :data:`INJECTIONS`. country: where it happens, or whom it is about.
        good: of a strike or a report. level: of a strike.
    """

    kind: str
    country: str
    good: str = ""
    level: int = 1

    def as_words(self) -> dict[str, Any]:
        """For pages and files."""
        return asdict(self)


@lru_cache(maxsize=1)
def strengths() -> Mapping[tuple[str, str], tuple[float, float, float]]:
    """(move, field) -> its value at each level.

    Raises:
        MonaziteError: the table is missing, or a cell of it is wrong.
    """
    table = read_table(share_root() / "data" / "raw" / "assumptions" / "moves.csv", COLUMNS)
    found = {
        (row.text("move"), row.text("field")): (
            row.number("mild", 0.0), row.number("middle", 0.0), row.number("hard", 0.0)
        )
        for row in table
    }  # fmt: skip
    table.problems.check()
    return found


def _word(written: Mapping[str, Any], field: str) -> str:
    value = written.get(field, "")
    if not isinstance(value, str) or len(value) > LONGEST * 2:
        raise MonaziteError(f"'{field}' is no word")
    return value


def _level(written: Mapping[str, Any]) -> int:
    level = written.get("level", 1)
    if type(level) is not int or not 0 <= level < len(LEVELS):
        raise MonaziteError(f"'level' is 0 to {len(LEVELS) - 1}")
    return level


def _fields(written: Any, allowed: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(written, Mapping) or set(written) - set(allowed):
        raise MonaziteError(f"write {', '.join(allowed)}")
    return written


def read_move(written: Any, seat: Seat, others: Mapping[str, Seat], own: Mapping[str, Event]) -> Move:
    """A move as a phone sends it, checked against what the country trades.

    Args:
        seat: who moves. others: all seats. own: the country's measures in force.

    Raises:
        MonaziteError: it is none, or the country cannot make it.
    """
    fields = _fields(written, ("kind", "good", "whom", "level", "lifts"))
    kind, good, whom, lifts = (_word(fields, name) for name in ("kind", "good", "whom", "lifts"))
    move = Move(kind, good, whom, _level(fields), lifts)
    if move.kind not in MOVES:
        raise MonaziteError(f"'{move.kind[:LONGEST]}' is no move; there are: {', '.join(MOVES)}")
    if move.kind == "wait":
        return Move("wait")
    if move.kind == "lift":
        if move.lifts not in own:
            raise RefusedError("noMeasure")
        return Move("lift", lifts=move.lifts)
    if move.kind == "talks":
        if move.whom not in others or move.whom == seat.country:
            raise RefusedError("talkToAnother")
        return Move("talks", whom=move.whom)
    partners = seat.sells if move.kind in SELLING else seat.buys
    if move.good not in partners:
        raise RefusedError("notSold" if move.kind in SELLING else "notBought")
    if move.kind not in AIMED:
        return Move(move.kind, move.good, level=move.level)
    if move.whom != EVERYBODY and move.whom not in partners[move.good]:
        raise RefusedError("notTraded")
    return Move(move.kind, move.good, move.whom, move.level if move.kind in GRADED else 1)


def read_injection(written: Any, seats: Mapping[str, Seat]) -> Injection:
    """What the teacher brings in.

    Raises:
        MonaziteError: it is nothing of the kind, or would touch nothing.
    """
    fields = _fields(written, ("kind", "country", "good", "level"))
    one = Injection(_word(fields, "kind"), _word(fields, "country"), _word(fields, "good"), _level(fields))
    if one.kind not in INJECTIONS:
        raise MonaziteError(f"bring in one of: {', '.join(INJECTIONS)}")
    if one.country not in seats:
        raise RefusedError("notInGame")
    if one.kind == "leak":
        return Injection("leak", one.country)
    seat = seats[one.country]
    goods = seat.makes if one.kind == "strike" else seat.sells
    if one.good not in goods:
        raise RefusedError("theyDoNotMake" if one.kind == "strike" else "theyDoNotSell")
    return one


def event_of(move: Move, seat: Seat, first: dt.date, leaked: dt.date | None = None) -> Event | None:
    """A move as an event; None where it changes nothing by itself.

    Args:
        first: first day of the quarter. leaked: first day on which it acts where it was leaked before.
    """
    begins = {"from": str(first)} if leaked is None else {"announced": str(first), "from": str(leaked)}
    rows = strengths()

    def at(field: str) -> float:
        return rows[move.kind, field][move.level]

    common = {**begins, "goods": [move.good], "assumption": WHY}
    me = seat.country
    if move.kind == "ban":
        return {"type": "export_ban", "by": me, "to": [move.whom], **common}
    if move.kind == "licence":
        share, delay = _percent(at("approval_share")), f"{at('delay'):g} days"
        terms = {"approval_share": share, "delay": delay}
        return {"type": "export_licence", "by": me, "to": [move.whom], **terms, **common}
    if move.kind == "tariff":
        return {"type": "import_tariff", "by": me, "on": [move.whom], "rate": _percent(at("rate")), **common}
    if move.kind == "stockpile":
        rate = seat.uses[move.good] * at("size") / MONTHS / at("fill")
        return {
            "type": "stockpile", "by": me, "size": f"{at('size'):g} months", "rate": f"{rate:.6f} t/year",
            "buy_below": _percent(at("buy_below")), "release_on_shortfall": _percent(at("release")), **common,
        }  # fmt: skip
    if move.kind == "subsidise":
        return {"type": "price_floor", "countries": [me], "price": _percent(at("price")), **common}
    return None


def injected(one: Injection, first: dt.date, after: dt.date) -> Event | None:
    """What the teacher brings in, as an event; None for a leak, which changes a team's own move.

    A strike begins with the quarter. A report says that a country will ban exports from the next quarter on:
    everybody reckons with it, until the next quarter shows whether it was true.

    Args:
        first: first day of the quarter. after: of the next one.
    """
    if one.kind == "strike":
        rows = strengths()
        loss, length = (rows["strike", field][one.level] for field in ("loss", "length"))
        return {"type": "strike", "countries": [one.country], "goods": [one.good], "from": str(first),
                "loss": _percent(loss), "length": f"{length:g} months", "assumption": WHY}  # fmt: skip
    if one.kind == "report":
        return {"type": "export_ban", "by": one.country, "to": [EVERYBODY], "goods": [one.good],
                "announced": str(first), "from": str(after), "assumption": REPORT}  # fmt: skip
    return None


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
