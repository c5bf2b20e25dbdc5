"""A game that is played: its state, its runs, its files, and what everybody may see of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sim.arrays import FloatArray
from sim.engine.checkpoint import Checkpoint
from sim.errors import MonaziteError
from sim.files import read_bytes, read_json, write_whole
from sim.lesson.game import Game, Round
from sim.lesson.lab import Lab
from sim.lesson.moves import read_injection, read_move, strengths
from sim.lesson.outcome import good_rows
from sim.lesson.referee import Referee, influence
from sim.lesson.refusals import RefusedError
from sim.lesson.score import Marks
from sim.lesson.standing import Standing, moved
from sim.lesson.stepwise import Work, finished

__all__ = ["Play"]

LARGEST = 2**26
"""Bytes of a file of months: a hundred times that of the largest lesson."""
REMEDY = "the game is run again from its moves"


class Play:
    """One game of one lesson.

    Args:
        lab: of the lesson. folder: its files; made at the first change.

    Raises:
        MonaziteError: the files there are of another game, or the lesson is too short for one.

    Attributes:
        game: its state. referee: what the model makes of it.
    """

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.referee = Referee(lab)
        self._folder, self._lab = folder, lab
        self.game = Game(lab.scenario.name, self.referee.limits, folder / "game.json", lab.seed)
        self._marks: list[Marks] = []
        self._ends: dict[int, Checkpoint] = {}
        self._shades: dict[int, Checkpoint] = {}
        self._influence: list[dict[str, FloatArray]] = []
        self._board: tuple[tuple[int, int, int], dict[str, Any]] | None = None
        self._restore()

    @property
    def done(self) -> int:
        """Quarters that have been run."""
        state = self.game.state
        return state.rounds if state.phase == "over" else state.round

    @property
    def progress(self) -> tuple[int, int]:
        """Quarters that are over, and those of them with influence."""
        shown = min(self.done, len(self._marks))
        return shown, min(shown, len(self._influence))

    def forget(self) -> None:
        """Of the game before; its files stay."""
        self._marks, self._influence, self._ends, self._shades = [], [], {}, {}
        self._board = None

    # -- files -----------------------------------------------------------------------------------

    def _file(self, quarter: int, kind: str) -> Path:
        return self._folder / f"game{self.game.state.number}-quarter{quarter + 1}.{kind}"

    def _restore(self) -> None:
        """What was run before, from its files; what is missing or damaged is run again when it is needed."""
        for quarter in range(self.done):
            try:
                data = read_bytes(self._file(quarter, "npz"), LARGEST)
                self._marks.append(Marks.unpacked(data, self.referee.shape))
            except MonaziteError:
                break
        for quarter in range(len(self._marks)):
            try:
                found = read_json(self._file(quarter, "json"), REMEDY)
                self._influence.append(_read_influence(found, self._teams(quarter), self.referee.members))
            except MonaziteError:
                break

    def _keep(self, quarter: int, marks: Marks, end: Checkpoint) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._file(quarter, "npz"), marks.packed())
        end.write(self._file(quarter, "checkpoint"))
        self._marks, self._ends = [*self._marks[:quarter], marks], {quarter: end}

    def _end(self, quarter: int) -> Checkpoint:
        """Where a quarter ended; that of -1 is where the game began."""
        if quarter < 0:
            return self.referee.calm()[1]
        if quarter not in self._ends:
            try:
                found = Checkpoint.read(self._file(quarter, "checkpoint"))
                self._ends[quarter] = self.referee.fitting(found, quarter)
            except MonaziteError:
                self._again(quarter)
        return self._ends[quarter]

    def _again(self, quarter: int) -> None:
        """Run a quarter that has been run before: the same moves, the same bits."""
        history = self.game.state.history[: quarter + 1]
        book = self.referee.book(history)
        scenario = self.referee.scenario(book.events, history[-1].humans)
        marks, end, _ = self.referee.quarter(self._end(quarter - 1), scenario, book)
        later = self._marks[quarter + 1 :]
        self._keep(quarter, marks, end)
        self._marks += later

    # -- runs, which take their time ---------------------------------------------------------------

    def prepare(self) -> None:
        """Make what the next quarter goes on from."""
        finished(self.preparing())

    def preparing(self) -> Work[None]:
        """The same, a month or a quarter at a time."""
        yield from self.referee.calming()
        while len(self._marks) < self.done:
            self._again(len(self._marks))
            yield
        if self.game.state.phase != "over":
            self._end(self.done - 1)

    def run(self) -> Round:
        """Run the quarter that has been decided; nothing of the game's state changes yet.

        Returns:
            The quarter with what came of it, for :meth:`sim.lesson.game.Game.turned`.
        """
        self.prepare()
        state, quarter = self.game.state, self.done
        humans = tuple(sorted(state.teams))
        last = self._marks[-1] if self._marks else None
        ran = state.history[-1].model_copy(update={"humans": humans})
        history = (*state.history[:-1], ran)
        ran = ran.model_copy(update={"deals": self.referee.deals(history, humans, last)})
        history = (*state.history[:-1], ran)
        book = self.referee.book(history)
        scenario = self.referee.scenario(book.events, humans)
        marks, end, seen = self.referee.quarter(self._end(quarter - 1), scenario, book)
        self._keep(quarter, marks, end)
        return ran.model_copy(update={"seen": seen})

    def shade(self) -> bool:
        """Run one quarter without the moves of each team, where that is still to be done; False where not."""
        quarter, number = len(self._influence), self.game.state.number
        if quarter >= self.done:
            return False
        target = self._file(quarter, "json")
        self.prepare()
        history = self.game.state.history[: quarter + 1]
        book, teams = self.referee.book(history), self._teams(quarter)
        before = self._teams(quarter - 1)
        if quarter and quarter - 1 not in self._shades:
            # Stacks are not kept on disk: they are made again in some seconds.
            self._influence, self._shades = [], {}
            return self.shade()
        at = self._shades[quarter - 1] if quarter else self._end(-1)
        stacks = self.referee.stacked(at, before, teams)
        scenario = self.referee.scenario(book.events, history[-1].humans)
        marks, end = self.referee.without(stacks, scenario, book, teams)
        found = influence(marks, teams, self.referee.places, self.referee.members)
        words = {team: values.tolist() for team, values in found.items()}
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(target, json.dumps(words).encode())
        if self.game.state.number != number:
            # Another game has begun meanwhile.
            return False
        self._influence.append(found)
        self._shades = {quarter: end}
        return True

    def _teams(self, quarter: int) -> list[str]:
        """Countries that have had a team in any quarter so far."""
        history = self.game.state.history[: quarter + 1]
        return sorted({country for ran in history for country in ran.humans})

    # -- what is asked of it -----------------------------------------------------------------------

    def move(self, country: str, written: Any, quarter: Any) -> None:
        """A team decides. Raises MonaziteError where it cannot."""
        if type(quarter) is not int:
            raise MonaziteError("'quarter' is a number")
        seats, own = self.referee.seats, self._own(country)
        move = read_move(written, seats[country], seats, own)
        made = self.referee.book(self.game.state.history[:-1]).moves
        same = (made[name] for name in own)
        if any((one.kind, one.good, one.whom) == (move.kind, move.good, move.whom) for one in same):
            raise RefusedError("doneAlready")
        self.game.move(country, move, quarter)

    def bring(self, written: Any, version: int) -> None:
        """The teacher brings something in. Raises MonaziteError where it would touch nothing."""
        one = read_injection(written, self.referee.seats)
        if one.kind == "leak" and one.country not in self.game.state.teams:
            raise RefusedError("nothingToLeak")
        self.game.bring(one, version)

    def _own(self, country: str) -> Mapping[str, dict[str, Any]]:
        """A country's measures in force."""
        if self.game.state.phase != "play":
            return {}
        history = self.game.state.history
        return self.referee.book(history[:-1]).measures(country, self.referee.day(len(history) - 1))

    # -- what is shown -----------------------------------------------------------------------------

    def words(self) -> dict[str, Any]:
        """What a page is given once: goods, countries with what they trade, how strong moves are."""
        seats = self.referee.seats.values()
        return {
            "lesson": self._lab.scenario.name, "title": self._lab.lesson.part.title,
            "goods": good_rows(self._lab),
            "members": self.referee.members, "most": self.referee.limits.rounds,
            "seats": [
                {"id": seat.country, "name": seat.name, "sells": seat.sells, "buys": seat.buys,
                 "makes": seat.makes}
                for seat in seats
            ],
            "levels": {f"{move} {field}": values for (move, field), values in strengths().items()},
        }  # fmt: skip

    def view(self) -> dict[str, Any]:
        """What everybody may see."""
        state = self.game.state
        now = state.history[-1]
        on = state.phase == "play"
        made = self.referee.book(state.history[:-1]).moves
        leaked = {one.country for one in now.injections() if one.kind == "leak"} if on else set()
        return {
            "version": state.version, "phase": state.phase, "round": state.round, "rounds": state.rounds,
            "joining": state.joining, "shared": state.shared,
            "teams": {country: [one.name for one in phones] for country, phones in state.teams.items()},
            "moved": sorted(now.moves) if on else [],
            "months": self.referee.months(state.round) if on else [],
            "brought": [one.as_words() for one in now.injections()] if on else [],
            "leaked": {c: moved(now.move(c), made) for c in sorted(leaked) if c in now.moves},
            "board": self.board(),
        }  # fmt: skip

    def seat(self, country: str) -> dict[str, Any]:
        """What a team may see beside it."""
        state = self.game.state
        now = state.history[-1]
        on = state.phase == "play"
        made = self.referee.book(state.history[:-1]).moves
        names = {name: moved(made.get(name), made) for name in self._own(country)}
        offers = [c for c, move in now.moves.items() if move.kind == "talks" and move.whom == country]
        return {
            "country": country, "move": moved(now.move(country), made) if on else None,
            "measures": names, "offers": sorted(offers) if on else [],
        }  # fmt: skip

    def board(self) -> dict[str, Any]:
        """Prices, what was done, and how countries stand, as far as the game has been run."""
        state = self.game.state
        # A quarter that is just being run is no part of it.
        over, reached = self.progress
        key = state.number, over, reached
        if self._board is None or self._board[0] != key:
            shown = Standing(self.referee, state.history, self._marks[:over], self._influence[:reached])
            self._board = key, shown.words()
        return self._board[1]


def _read_influence(found: Any, teams: list[str], members: int) -> dict[str, FloatArray]:
    if not isinstance(found, dict) or sorted(found) != teams:
        raise MonaziteError("no influence of these teams")
    try:
        rows = {team: np.array(values, dtype=np.float64) for team, values in found.items()}
    except (TypeError, ValueError):
        raise MonaziteError("no influence of these teams") from None
    if any(row.shape != (members,) or not np.isfinite(row).all() for row in rows.values()):
        raise MonaziteError("no influence of these teams")
    return rows
