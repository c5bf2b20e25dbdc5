"""A lesson in progress: what was set and in which order, kept in a file after every change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sim.errors import MonaziteError
from sim.files import read_json, write_inside
from sim.lesson.refusals import StaleError
from sim.lesson.settings import Settings, read_settings, status_quo
from sim.paths import shown
from sim.scenario.lesson_part import Lesson

__all__ = ["LONGEST_HISTORY", "Session"]

LONGEST_HISTORY = 500
"""Changes that can be undone; the oldest are forgotten."""
FORMAT = 1


@dataclass(frozen=True)
class _State:
    history: tuple[Settings, ...]
    at: int
    version: int


class Session:
    """History of settings with a place in it; every change is on disk before it is answered.

    Args:
        lesson: what may be set. path: the file; made at the first change, read where it is there.

    Raises:
        MonaziteError: the file is there and is no session, or of another lesson; says what to do.

    Attributes:
        lesson: what may be set.
    """

    def __init__(self, lesson: Lesson, name: str, path: Path) -> None:
        self.lesson, self._name, self._path = lesson, name, path
        self._state = _State((status_quo(lesson),), 0, 0)
        if path.is_file():
            self._state = self._read()

    @property
    def now(self) -> Settings:
        """How the page is set."""
        return self._state.history[self._state.at]

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._state.version

    def as_words(self) -> dict[str, Any]:
        """What a page needs: settings now and one change ago, and which ways are open."""
        state = self._state
        before = state.history[state.at - 1] if state.at else None
        return {
            "version": state.version,
            "settings": written(self.lesson, self.now),
            "before": written(self.lesson, before) if before else None,
            "undo": state.at > 0,
            "redo": state.at < len(state.history) - 1,
        }

    def set(self, settings: Settings, version: int) -> None:
        """A change: what had been undone before it is forgotten.

        Raises:
            StaleError: the change was made to something else than what stands now.
        """
        self._check(version)
        state = self._state
        if settings == self.now:
            return
        kept = (*state.history[: state.at + 1], settings)[-LONGEST_HISTORY:]
        self._move(replace(state, history=kept, at=len(kept) - 1))

    def undo(self, version: int) -> None:
        """One change back, if there is one. Raises StaleError as :meth:`set`."""
        self._check(version)
        if self._state.at:
            self._move(replace(self._state, at=self._state.at - 1))

    def redo(self, version: int) -> None:
        """One change forward again, if there is one. Raises StaleError as :meth:`set`."""
        self._check(version)
        if self._state.at < len(self._state.history) - 1:
            self._move(replace(self._state, at=self._state.at + 1))

    def _check(self, version: int) -> None:
        if version != self._state.version:
            raise StaleError("sessionChanged")

    def _move(self, state: _State) -> None:
        state = replace(state, version=state.version + 1)
        rows = [written(self.lesson, one) for one in state.history]
        text = {
            "format": FORMAT, "lesson": self._name, "version": state.version, "at": state.at, "history": rows,
        }  # fmt: skip
        write_inside(self._path.parent, self._path, json.dumps(text, indent=1).encode())
        self._state = state

    def _read(self) -> _State:
        remedy = f"move {shown(self._path)} away to begin anew"
        text = read_json(self._path, remedy)
        if not isinstance(text, Mapping) or text.get("format") != FORMAT or text.get("lesson") != self._name:
            raise MonaziteError(f"{shown(self._path)} is no session of {self._name}; {remedy}")
        rows, at, version = text.get("history"), text.get("at"), text.get("version")
        if not isinstance(rows, list) or not isinstance(at, int) or not isinstance(version, int):
            raise MonaziteError(f"{shown(self._path)} is damaged; {remedy}")
        if not 0 <= at < len(rows) <= LONGEST_HISTORY:
            raise MonaziteError(f"{shown(self._path)} is damaged; {remedy}")
        try:
            history = tuple(read_settings(self.lesson, row) for row in rows)
        except MonaziteError as error:
            raise MonaziteError(f"{shown(self._path)} does not fit the lesson: {error}; {remedy}") from None
        return _State(history, at, version)


def written(lesson: Lesson, settings: Settings) -> dict[str, Any]:
    """Settings as pages and files have them; :func:`sim.lesson.settings.read_settings` reads them."""
    part = lesson.part
    return {
        "embargo": settings.embargo,
        "options": dict(zip(part.card.choices, settings.options, strict=True)),
        "sliders": dict(zip(part.sliders, settings.sliders, strict=True)),
    }
