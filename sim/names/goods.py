"""Minerals and goods by symbol, formula and trade name, from the table beside this file.

A name of the trade stands for a good of the world where that world has it. Many are narrower than a good:
spodumene is not all that the lithium concentrate of a world consists of. Then the meaning says what more
the good holds, and whoever reads the name warns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from sim.names.spelling import folded
from sim.tables import read_table

__all__ = ["GoodName", "Meaning", "NamedGood", "code_digits", "good_called", "good_names", "meaning_of"]

TABLE = Path(__file__).with_name("goods.csv")
CODE = re.compile(r"(?:hs|htsus|hts|cn)?[ -]?(\d{2})[ .]?(\d{2})((?:[ .]?\d{1,2}){0,3})", re.IGNORECASE)
LEAST_DIGITS, MOST_DIGITS = 4, 6
"""Digits of HS headings and subheadings; what follows is a country's own."""


class NamedGood(Protocol):
    """What goods of all worlds have in common."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def mineral(self) -> str: ...  # noqa: D102
    @property
    def hs6(self) -> tuple[str, ...]: ...  # noqa: D102


@dataclass(frozen=True)
class GoodName:
    """One row of the table: names of one thing, and what stands for it in a world."""

    names: tuple[str, ...]
    means: tuple[tuple[str, ...], ...]
    """Goods or minerals that it is, the closest first; together where there are several."""
    more: str
    """What the last of them holds beside it; empty where they are the same."""
    hs: str
    """HS code under which it is traded, or the beginning of it; empty where none is its own."""

    @property
    def plain(self) -> str:
        """What it is, in words."""
        return " and ".join(word.replace("_", " ") for word in self.means[0])


@dataclass(frozen=True)
class Meaning:
    """What a name stands for in one world."""

    words: tuple[str, ...]
    """Goods, minerals or an HS code of that world; empty where it has no such good."""
    more: str = ""
    """What they hold beside what was named."""
    known_as: str = ""
    """What the name means, where this world has none of it."""
    code: str = ""
    """HS code of that, where it has one of its own."""


@lru_cache(maxsize=1)
def _rows() -> tuple[GoodName, ...]:
    table = read_table(TABLE, ("names", "means", "more", "hs"))
    return tuple(
        GoodName(
            tuple(names.split(";")), tuple(tuple(part.split("+")) for part in means.split(";")), more, hs
        )
        for names, means, more, hs in table.columns("names", "means", "more", "hs")
    )


@lru_cache(maxsize=1)
def _by_spelling() -> Mapping[str, GoodName]:
    found: dict[str, GoodName] = {}
    for row in _rows():
        # What a world calls a thing is a name of it everywhere.
        for name in (*row.names, *(row.means[0] if len(row.means[0]) == 1 else ())):
            found.setdefault(name, row)
            found.setdefault(folded(name), row)
    return found


def good_names() -> tuple[str, ...]:
    """All names of the table as it spells them."""
    return tuple(name for row in _rows() for name in row.names)


def good_called(word: str) -> GoodName | None:
    """The row of a symbol, formula or trade name in any spelling; None where it is unknown.

    >>> good_called("ammonium paratungstate").means
    (('tungsten_apt',),)
    """
    # Hf is hafnium, HF an acid: where case makes the difference, it counts.
    known = _by_spelling()
    return known.get(word) or known.get(folded(word))


def code_digits(word: str) -> str:
    """The digits of an HS code in any form; empty where the word is none.

    >>> code_digits("HS 2504.10"), code_digits("2504 10 00"), code_digits("250")
    ('250410', '25041000', '')
    """
    match = CODE.fullmatch(word.strip())
    return re.sub(r"\D", "", "".join(match.groups())) if match else ""


def meaning_of(word: str, goods: Sequence[NamedGood]) -> Meaning | None:
    """What a word names among the goods of a world.

    Words that the world itself knows (good, mineral, HS code or its beginning) mean themselves, in any
    spelling; ``all`` is everything.

    Args:
        word: as written.
        goods: of the world.

    Returns:
        None where nobody knows the word.
    """
    if word == "all":
        return Meaning(("all",))
    own = {good.id for good in goods} | {good.mineral for good in goods}
    if word in own:
        return Meaning((word,))
    digits = code_digits(word)
    if digits:
        return _of_code(digits, goods)
    fold = folded(word)
    by_fold = {folded(good.name): good.id for good in goods} | {folded(name): name for name in own}
    if fold in by_fold:
        return Meaning((by_fold[fold],))
    row = good_called(word)
    if row is None:
        return None
    for candidate in row.means:
        present = tuple(name for name in candidate if name in own)
        if present:
            return Meaning(present, row.more if candidate is row.means[-1] else "")
    if row.hs and any(code.startswith(row.hs) for good in goods for code in good.hs6):
        return Meaning((row.hs,))
    return Meaning((), known_as=row.plain, code=row.hs)


def _of_code(digits: str, goods: Sequence[NamedGood]) -> Meaning | None:
    short = digits[:MOST_DIGITS]
    if len(digits) < LEAST_DIGITS:
        return None
    if any(code.startswith(short) for good in goods for code in good.hs6):
        more = f"all of HS {short}" if len(digits) > MOST_DIGITS else ""
        return Meaning((short,), more)
    known = next((row.plain for row in _rows() if row.hs and (short.startswith(row.hs))), "")
    return Meaning((), known_as=known) if known else None
