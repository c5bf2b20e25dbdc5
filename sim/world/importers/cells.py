"""Numbers as statistical tables print them: thousands, footnotes, estimates, withheld and missing figures."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["CellError", "Number", "looks_like_thousands", "read_number", "tonnes_in"]

NOTHING = ("-", "--", "—", "–", "nil", "zero", "none")
"""Signs for a figure of zero."""
MISSING = ("", "na", "n.a.", "n/a", "nan", "null", "..", "...", "xx", "x", "c", "not available")
"""Signs for a figure that is not known, or confidential."""
WITHHELD = ("w", "withheld")
MARKS = re.compile(
    r"[\u00b2\u00b3\u00b9\u2070-\u209f*†‡]|(?<=.)\(\d{1,2}\)$|(?<=\d)\s*[erpERP](?:,?\s*[erp])*$|^[eEr](?=\s*\d)"
)
"""Footnotes, and letters for estimated, revised and preliminary figures."""
ESTIMATED = re.compile(r"^\s*e\s*\d|\d\s*(?:r,?\s*)?e\b", re.IGNORECASE)
PLAIN = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?(?:[eE][-+]?\d{1,3})?")
DOTTED = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+(?:,\d+)?")
THREE_DECIMALS = re.compile(r"[1-9]\d{0,2}\.\d{3}")
SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9}
MASSES = (
    (re.compile(r"\bshort tons?\b"), 0.90718474), (re.compile(r"\blong tons?\b"), 1.0160469088),
    (re.compile(r"\b(?:kt|kilotonnes?)\b"), 1e3), (re.compile(r"\bmegatonnes?\b"), 1e6),
    (re.compile(r"\b(?:kilograms?|kg)\b"), 1e-3), (re.compile(r"\bgrams?\b"), 1e-6),
    (re.compile(r"\b(?:pounds?|lb|lbs)\b"), 0.00045359237),
    (re.compile(r"\b(?:metric tons?|metric dry tons?|tonnes?|tons?|t)\b"), 1.0),
)  # fmt: skip
"""Names of masses -> tonnes; "ton" alone is metric, as in the tables of USGS since 1992."""


class CellError(ValueError):
    """A cell that is no number: ``message`` says what it is, ``remedy`` what to write."""

    def __init__(self, message: str, remedy: str) -> None:
        self.message, self.remedy = message, remedy
        super().__init__(f"{message}; {remedy}")


@dataclass(frozen=True)
class Number:
    """A printed figure."""

    value: float | None
    """None where it is not known."""
    estimated: bool = False
    why: str = ""
    """Why it is not known: missing, withheld, or below what the table shows."""


def read_number(text: str, thousands: str = ",") -> Number:
    """A figure as a statistical table prints it.

    Args:
        text: of the cell. thousands: ``,`` or ``.``, what parts thousands; blanks do in any case.

    Raises:
        CellError: it is no number.

    >>> read_number("1,200e").value, read_number("—").value, read_number("W").why
    (1200.0, 0.0, 'withheld')
    """
    bare = " ".join(text.split())
    low = bare.casefold()
    if low in WITHHELD:
        return Number(None, why="withheld")
    if low in MISSING:
        return Number(None, why="missing")
    if low in NOTHING:
        return Number(0.0)
    number = MARKS.sub("", bare).strip()
    # 1e6 is a number; 1,200e is an estimate.
    number = bare if PLAIN.fullmatch(bare) else number
    if number.startswith("<") or number.casefold().startswith("less than"):
        return Number(None, why="below what the table shows")
    number = number.removeprefix(">").strip().replace(" ", "")
    if thousands == ".":
        if not (DOTTED.fullmatch(number) or re.fullmatch(r"[-+]?\d+(?:,\d+)?", number)):
            raise CellError(f"'{bare[:60]}' is not a number with thousands parted by dots", "write 1.234,5")
        number = number.replace(".", "").replace(",", ".")
    if not PLAIN.fullmatch(number):
        say = "write a number such as 1,234.5"
        if DOTTED.fullmatch(number):
            say = "if dots part thousands, say so with thousands='.' (--thousands .)"
        raise CellError(f"'{bare[:60]}' is not a number", say)
    return Number(float(number.replace(",", "")), bool(ESTIMATED.search(bare)) and number != bare)


def looks_like_thousands(texts: list[str]) -> list[str]:
    """Figures such as 30.258, where a whole column has no other decimals: the dot may part thousands."""
    dotted = [text for text in map(str.strip, texts) if "." in text]
    doubtful = [text for text in dotted if THREE_DECIMALS.fullmatch(text)]
    return doubtful if len(doubtful) == len(dotted) else []


def tonnes_in(unit: str) -> float | None:
    """Tonnes in one of a unit as tables name it; None where it is no mass.

    >>> tonnes_in("thousand metric tons, gross weight"), tonnes_in("kilograms"), tonnes_in("carats")
    (1000.0, 0.001, None)
    """
    if unit.strip() == "Mt":
        return 1e6
    words = unit.casefold().replace("-", " ")
    factor = next((tonnes for name, tonnes in MASSES if name.search(words)), None)
    if factor is None:
        return None
    scale = next((size for word, size in SCALES.items() if word in words), 1.0)
    return factor * scale
