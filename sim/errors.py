"""What went wrong with the input, said so that the reader can mend it.

A :class:`MonaziteError` is shown to the user as its message, without a traceback, and ends a
command with exit code 2. :class:`InputProblems` carries every problem of a file at once.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sim.visible import visible

__all__ = [
    "InputProblems", "MonaziteError", "Problem", "did_you_mean", "listed", "not_installed", "plural",
    "render_problems",
]  # fmt: skip

LIKENESS = 0.65
"""Share of letters in common below which a word is no suggestion for another."""
SHORTEST = 3
"""Letters of a word in capitals for which something is suggested."""
MAXIMUM_EXCERPT = 120
"""Longest source line that an excerpt shows, in characters."""


class MonaziteError(Exception):
    """An error that the user can mend: the message names the place, the rule and the remedy."""

    exit_code = 2

    def __str__(self) -> str:
        """The message, without control characters that it may quote from a file."""
        return visible(super().__str__(), lines=True)


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong (or, as a warning, doubtful) at one place of the input.

    ``line`` and ``column`` count from 1; 0 means that the problem belongs to the whole file.
    """

    file: str
    line: int
    column: int
    field: str
    message: str
    remedy: str = ""
    excerpt: str = ""
    warning: bool = False

    def text(self) -> str:
        """Place, field, message and remedy on one line.

        >>> Problem("a.yaml", 3, 5, "events.quota.amount", "'31' has no unit", "write '31 t/year'").text()
        "a.yaml:3:5: events.quota.amount: '31' has no unit; write '31 t/year'"
        """
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        parts = [place, "warning"] if self.warning else [place]
        if self.field:
            parts.append(self.field)
        whole = ": ".join([*parts, self.message]) + (f"; {self.remedy}" if self.remedy else "")
        return visible(whole)

    def render(self) -> str:
        """:meth:`text`, then the source line with a caret under the column."""
        if not self.excerpt.strip() or not self.line:
            return self.text()
        # A tab or an escape before the caret would shift it; one sign per character keeps the column true.
        source = "".join(c if visible(c) == c else "?" for c in self.excerpt.replace("\t", " "))
        first = max(0, self.column - MAXIMUM_EXCERPT // 2) if len(source) > MAXIMUM_EXCERPT else 0
        source = source[first : first + MAXIMUM_EXCERPT].rstrip()
        margin = f"{self.line:>5} | "
        caret = " " * 5 + " | " + " " * (self.column - 1 - first) + "^"
        return f"{self.text()}\n{margin}{source}\n{caret}"


def plural(count: int, word: str) -> str:
    """A count with its word.

    >>> plural(1, "run"), plural(1200, "run")
    ('1 run', '1,200 runs')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def render_problems(problems: Iterable[Problem]) -> str:
    """All problems in order of file and line, then their count."""
    ordered = sorted(problems, key=lambda p: (p.warning, p.file, p.line, p.column, p.field))
    errors = sum(not p.warning for p in ordered)
    warnings = len(ordered) - errors
    counts = [plural(n, word) for n, word in ((errors, "problem"), (warnings, "warning")) if n]
    return "\n".join([*(p.render() for p in ordered), ", ".join(counts)])


class InputProblems(MonaziteError):
    """Everything that is wrong with one or more input files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(render_problems(problems))


def did_you_mean(word: str, allowed: Iterable[str], *, list_up_to: int = 12) -> str:
    """A suggestion for a misspelt word, or the allowed words where they are few, or nothing.

    >>> did_you_mean("export_licnce", ["export_ban", "export_licence"])
    "did you mean 'export_licence'?"
    """
    choices = list(dict.fromkeys(allowed))
    lowered = {choice.lower(): choice for choice in choices}
    # Codes of two letters are like too much: UK is no misspelt UKR.
    near = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=LIKENESS)
    close = near if len(word) >= SHORTEST or not word.isupper() else []
    if close:
        return f"did you mean '{lowered[close[0]]}'?"
    return listed(choices, list_up_to)


def listed(choices: Sequence[str], most: int = 12) -> str:
    """The allowed words where they are few, or nothing."""
    return f"allowed: {', '.join(choices)}" if 0 < len(choices) <= most else ""


def not_installed(error: ModuleNotFoundError) -> str:
    """What to do where a package is missing, for whoever calls a checkout that was not set up."""
    return (
        f"Monazite needs the package '{error.name}', which {sys.executable} does not have; set up .venv with "
        "'make demo' and call .venv/bin/monazite, or install a checkout with: pip install ."
    )
