"""A game in progress: who plays which country and what was decided; on disk after every change."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sim.files import read_model, write_inside
from sim.lesson.moves import INJECTIONS, LEVELS, MOVES, Injection, Move
from sim.lesson.refusals import RefusedError, StaleError
from sim.paths import shown

__all__ = ["MOST_PHONES", "Brought", "Game", "Limits", "Round", "Seen", "State", "Team", "read_name"]

LONGEST_NAME = 24
MOST_PHONES = 3
"""That play one country together: whoever is first decides."""
USUAL_ROUNDS = 6
FEWEST_ROUNDS = 2
Level = Annotated[int, Field(ge=0, lt=len(LEVELS))]
Phase = Literal["lobby", "play", "over"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Team(_Part):
    """One phone that plays a country, alone or beside up to two others.

    Attributes:
        key: names it in its signed token; a new one for whoever joins later.
        name: as its owner wrote it, to be shown as text.
    """

    key: str
    name: str


class Moved(_Part):
    """A move, as the file has it."""

    kind: Literal[MOVES]  # type: ignore[valid-type]
    good: str = ""
    whom: str = ""
    level: Level = 1
    lifts: str = ""


class Brought(_Part):
    """An injection, as the file has it."""

    kind: Literal[INJECTIONS]  # type: ignore[valid-type]
    country: str
    good: str = ""
    level: Level = 1


class Seen(_Part):
    """What the model's governments did in a quarter, and in which share of the runs."""

    event: str
    kind: str
    by: str
    to: tuple[str, ...] = ()
    goods: tuple[str, ...] = ()
    share: float


class Round(_Part):
    """One quarter.

    Attributes:
        moves: country -> what it decided. brought: what the teacher brought in.
        humans: countries with a team when it was run. deals: pairs that agreed.
        seen: what the model's governments did.
    """

    moves: dict[str, Moved] = Field(default_factory=dict)
    brought: tuple[Brought, ...] = ()
    humans: tuple[str, ...] = ()
    deals: tuple[tuple[str, str], ...] = ()
    seen: tuple[Seen, ...] = ()

    def move(self, country: str) -> Move | None:
        """What a country decided."""
        one = self.moves.get(country)
        return None if one is None else Move(**one.model_dump())

    def injections(self) -> list[Injection]:
        """What the teacher brought in."""
        return [Injection(**one.model_dump()) for one in self.brought]


class State(_Part):
    """All of a game.

    Attributes:
        version: grows by one with every change. number: of the game, from 0; tells its files from others'.
        joining: whether seats may be taken. shared: whether many phones may come from one address.
        round: the quarter that is being decided, from 0; ``rounds`` once all are over.
        teams: country -> the phones that play it. seed: of the runs.
        history: a quarter each, the last one being decided.
    """

    format: Literal[1] = 1
    lesson: str
    version: int = 0
    number: int = 0
    phase: Phase = "lobby"
    joining: bool = True
    shared: bool = False
    rounds: int
    round: int = 0
    seed: int = 0
    teams: dict[str, tuple[Team, ...]] = Field(default_factory=dict)
    history: tuple[Round, ...] = (Round(),)


@dataclass(frozen=True)
class Limits:
    """Of a game: the most rounds, and the countries that can be played."""

    rounds: int
    seats: tuple[str, ...]


class Game:
    """The state of a game; every change is on disk before it is answered.

    Args:
        lesson: name of the lesson. limits: rounds and seats. path: the file; made at the first change.

    Raises:
        MonaziteError: the file is there and is no game, or of another lesson; says what to do.
    """

    def __init__(self, lesson: str, limits: Limits, path: Path, seed: int) -> None:
        self._path, self._limits = path, limits
        self._state = State(lesson=lesson, rounds=min(limits.rounds, USUAL_ROUNDS), seed=seed)
        if path.is_file():
            remedy = f"move {shown(path)} away to begin anew"
            found = read_model(path, State, remedy)
            if found.lesson != lesson or not set(found.teams) <= set(limits.seats):
                raise RefusedError("gameForeign", file=shown(path), lesson=lesson)
            if found.seed != seed:
                raise RefusedError("gameSeed", file=shown(path), seed=found.seed)
            if found.rounds > limits.rounds or len(found.history) != min(found.round + 1, found.rounds):
                raise RefusedError("gameDamaged", file=shown(path))
            self._state = found

    @property
    def state(self) -> State:
        """As it stands."""
        return self._state

    @property
    def now(self) -> Round:
        """The quarter that is being decided, or the last one once the game is over."""
        return self._state.history[-1]

    def team_of(self, key: str) -> str | None:
        """The country of a team; None where it has left."""
        teams = self._state.teams.items()
        return next((country for country, phones in teams if any(one.key == key for one in phones)), None)

    def _write(self, state: State) -> None:
        state = state.model_copy(update={"version": state.version + 1})
        text = json.dumps(state.model_dump(), ensure_ascii=False)
        write_inside(self._path.parent, self._path, text.encode())
        self._state = state

    def _with(self, **changes: Any) -> None:
        self._write(self._state.model_copy(update=changes))

    def _with_now(self, **changes: Any) -> None:
        now = self.now.model_copy(update=changes)
        self._with(history=(*self._state.history[:-1], now))

    # -- teams ---------------------------------------------------------------------------------

    def join(self, country: str, name: str, key: str) -> None:
        """Take a seat.

        Raises:
            RefusedError: joining is closed, the seat is taken or none, or the name is.
        """
        state = self._state
        if not state.joining or state.phase == "over":
            raise RefusedError("joinClosed")
        if country not in self._limits.seats:
            raise RefusedError("noSeat")
        phones = state.teams.get(country, ())
        if len(phones) >= MOST_PHONES:
            raise RefusedError("seatFull")
        called = read_name(name)
        if called.casefold() in {one.name.casefold() for team in state.teams.values() for one in team}:
            raise RefusedError("nameTaken")
        self._with(teams={**state.teams, country: (*phones, Team(key=key, name=called))})

    def leave(self, country: str) -> None:
        """Give a country back to the model's governments; what was decided for this quarter is void."""
        teams = {one: team for one, team in self._state.teams.items() if one != country}
        moves = {one: move for one, move in self.now.moves.items() if one != country}
        now = self.now if self._state.phase == "over" else self.now.model_copy(update={"moves": moves})
        self._with(teams=teams, history=(*self._state.history[:-1], now))

    def open(self, joining: bool, shared: bool) -> None:
        """Let others join or not; and let many phones share one address."""
        self._with(joining=joining, shared=shared)

    # -- quarters --------------------------------------------------------------------------------

    def begin(self, rounds: int) -> None:
        """From the lobby to the first quarter.

        Raises:
            RefusedError: it has begun, or the number of rounds does not fit.
        """
        if self._state.phase != "lobby":
            raise RefusedError("gameBegun")
        if type(rounds) is not int or not FEWEST_ROUNDS <= rounds <= self._limits.rounds:
            raise RefusedError("roundsRange", least=FEWEST_ROUNDS, most=self._limits.rounds)
        self._with(phase="play", rounds=rounds)

    def move(self, country: str, move: Move, quarter: int) -> None:
        """Decide for a quarter, once.

        Raises:
            StaleError: the quarter is over. RefusedError: the game is not on, or the country has decided.
        """
        if self._state.phase != "play":
            begun = self._state.phase != "lobby"
            raise RefusedError("gameOver" if begun else "gameNotBegun")
        if quarter != self._state.round:
            raise StaleError("quarterOver")
        if country in self.now.moves:
            raise RefusedError("decidedAlready")
        self._with_now(moves={**self.now.moves, country: Moved(**move.as_words())})

    def bring(self, one: Injection, version: int) -> None:
        """Bring something into the quarter that is being decided.

        Raises:
            StaleError: another window was quicker. RefusedError: the game is not on.
        """
        self.check(version)
        if self._state.phase != "play":
            raise RefusedError("gameNotOn")
        if one.as_words() in [other.model_dump() for other in self.now.brought]:
            raise RefusedError("broughtAlready")
        self._with_now(brought=(*self.now.brought, Brought(**one.as_words())))

    def check(self, version: int) -> None:
        """Raises StaleError where another window was quicker."""
        if version != self._state.version:
            raise StaleError("gameChanged")

    def turned(self, ran: Round) -> None:
        """The quarter has been run: go on to the next one, or end."""
        state = self._state
        history = (*state.history[:-1], ran)
        if state.round + 1 >= state.rounds:
            self._with(phase="over", round=state.rounds, history=history, joining=False)
        else:
            self._with(round=state.round + 1, history=(*history, Round()))

    def anew(self) -> None:
        """A new game with the same teams; its number tells its files from those of the last one."""
        state = self._state
        kept = ("lesson", "rounds", "version", "teams", "shared", "seed")
        fields: dict[str, Any] = {name: getattr(state, name) for name in kept}
        self._write(State(**fields, number=state.number + 1))


def read_name(name: Any) -> str:
    """A team's name: printable, one line, not too long.

    Raises:
        RefusedError: it is none.
    """
    if not isinstance(name, str):
        raise RefusedError("nameNoWord")
    # What turns text around or hides it would let one team look like another.
    letters = unicodedata.normalize("NFC", name)
    plain = "".join(c for c in letters if c == " " or unicodedata.category(c)[0] not in "CZ")
    called = " ".join(plain.split())
    if not 1 <= len(called) <= LONGEST_NAME:
        raise RefusedError("nameLength", most=LONGEST_NAME)
    return called
