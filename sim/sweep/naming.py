"""Variants named by what varies, in words: ``ban from 2026-07, stock size 10 kt``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from sim.scenario.sweep_spec import Axis

__all__ = ["folder_part", "in_words"]

FIRST_OF_MONTH = re.compile(r"\d{4}-\d{2}-01")
UNSAFE = re.compile(r"[^A-Za-z0-9.]+")
PLAIN = re.compile(r"[A-Za-z0-9. ,-]*")
LONGEST = 60
"""Characters of a folder's name that say what varies; file systems end at 255 bytes, screens earlier."""


def _value(text: str, axis: Axis) -> str:
    """A value as a reader says it: months without a day where all are first days, lists without brackets."""
    if all(FIRST_OF_MONTH.fullmatch(other) for other in axis.texts):
        return text[:7]
    return " and ".join(part.strip() for part in text[1:-1].split(",")) if text.startswith("[") else text


def in_words(levels: Sequence[tuple[Axis, int]]) -> str:
    """What sets a variant apart: each axis with the position of its value, in words; '' for none."""
    said = []
    for axis, position in levels:
        parts = axis.path.split(".")
        subject = parts[1:] if parts[0] in ("events", "assumptions", "time") and len(parts) > 1 else parts
        words = " ".join(subject).replace("_", " ").replace("-", " ")
        said.append(f"{words} {_value(axis.texts[position], axis)}")
    return ", ".join(said)


def folder_part(words: str) -> str:
    """The words as a part of a folder's name; where that would lose signs or be too long, with a hash.

    >>> folder_part("ban from 2026-07, stock size 10 kt")
    'ban-from-2026-07_stock-size-10-kt'
    """
    text = "_".join(UNSAFE.sub("-", part).strip("-.") for part in words.split(", "))
    if len(text) <= LONGEST and PLAIN.fullmatch(words):
        return text
    return f"{text[:LONGEST].rstrip('-_.')}-{hashlib.sha256(words.encode()).hexdigest()[:6]}"
