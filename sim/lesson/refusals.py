"""What a lesson or a game refuses, said in each language of its pages."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from sim.errors import MonaziteError

__all__ = ["NotAllowedError", "RefusedError", "StaleError", "in_words", "refusals"]

FOLDER = Path(__file__).parent / "texts"
Value = str | int


@lru_cache
def refusals(language: str) -> dict[str, str]:
    """Name of a refusal -> its text in a language, with places for values in braces."""
    found: dict[str, str] = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return found


def in_words(error: MonaziteError) -> dict[str, object]:
    """An error for a page: its English sentence, and the name of the page's own text where there is one."""
    if isinstance(error, RefusedError):
        return {"error": str(error), "said": [error.name, error.values]}
    return {"error": str(error)}


class RefusedError(MonaziteError):
    """Something that a page asked for and does not get; the page says why in its own language.

    Args:
        name: of the text. values: that its places take.

    Attributes:
        name, values: the same, for a page; the message is the English text.
    """

    def __init__(self, name: str, **values: Value) -> None:
        self.name, self.values = name, values
        super().__init__(refusals("en")[name].format(**values))


class StaleError(RefusedError):
    """Somebody else has changed it meanwhile."""


class NotAllowedError(RefusedError):
    """Another may do that, and this one may not."""
