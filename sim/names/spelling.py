"""Spellings that mean the same, and suggestions for those that mean nothing."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

__all__ = ["FLOOR", "folded", "suggestion"]

FLOOR = 0.8
"""Share of letters in common (Ratcliff and Obershelp) below which a word is no suggestion for another."""
SHORT = 4
"""Letters up to which words are codes and symbols: one letter says too much to be suggested away."""
MOST = 3
"""Suggestions made at once."""
DROPPED = re.compile(r"[.'’‘`´*]")
PARTING = re.compile(r"[^\w]+|_+")


def folded(text: str) -> str:
    """A spelling without case, accents, stops, articles and the kind of what parts its words.

    >>> folded("Türkiye"), folded("The U.K."), folded("Congo, Dem. Rep."), folded("flake_graphite")
    ('turkiye', 'uk', 'congo dem rep', 'flake graphite')
    """
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    plain = PARTING.sub(" ", DROPPED.sub("", bare.casefold().replace("&", " and "))).split()
    words = ["saint" if word == "st" else word for word in plain]
    if len(words) > 1 and words[0] == "the":
        del words[0]
    if len(words) > 1 and words[-1] == "the":
        del words[-1]
    return " ".join(words)


def suggestion(word: str, names: Iterable[str]) -> str:
    """``did you mean 'X'?`` for names close to a word; empty where none is close enough.

    Of words of up to :data:`SHORT` letters only those are close of which one letter differs, is missing or is
    too many; where several are, all are named (up to :data:`MOST`, none beyond).

    >>> suggestion("galium", ["gallium", "aluminium"]), suggestion("magnets", ["manganese"])
    ("did you mean 'gallium'?", '')
    """
    by_fold = {folded(name): name for name in names}
    own = folded(word)
    if len(own) <= SHORT:
        close = [name for fold, name in by_fold.items() if _one_letter(own, fold)]
        close = close if len(close) <= MOST else []
    else:
        best = difflib.get_close_matches(own, by_fold, n=1, cutoff=FLOOR)
        close = [by_fold[fold] for fold in best]
    if not close:
        return ""
    said = [f"'{name}'" for name in sorted(close)]
    return f"did you mean {' or '.join(filter(None, [', '.join(said[:-1]), said[-1]]))}?"


def _one_letter(word: str, other: str) -> bool:
    """Whether one letter makes the difference between words of three letters or more."""
    if word == other or abs(len(word) - len(other)) > 1 or min(len(word), len(other)) < 3:
        return False
    longer, shorter = (word, other) if len(word) >= len(other) else (other, word)
    if len(longer) == len(shorter):
        return sum(a != b for a, b in zip(longer, shorter, strict=True)) == 1
    return any(longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer)))
