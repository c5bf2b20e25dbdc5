"""A class at play: phones join, decide and look; the teacher turns quarters. All are told of every change."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from sim.errors import MonaziteError
from sim.lesson.refusals import NotAllowedError, RefusedError, in_words
from sim.teach.desk import IDLE, LAST, SECOND, BusyError, Desk, packed
from sim.teach.guard import is_teacher, json_body
from sim.teach.tokens import COOKIE, Signer

if TYPE_CHECKING:
    from sim.lesson.lab import Lab
    from sim.lesson.play import Play

__all__ = ["Playing"]

MOST_LOOKING = 64
"""Windows without a seat that are told of changes; those with one always are."""
MOST_PER_ADDRESS = 4
"""Phones that may join from one address, unless the teacher lets many share one."""
MOST_TRIES, TRIES_IN = 30, 60.0
"""Tries to join from one address in some seconds, and ten times as many from all."""
PATIENCE = 2.0
"""Seconds that a phone may take to hear of a change."""
LULL = 0.03
"""Seconds in which changes are gathered before everybody is told."""
HALF_A_DAY = 12 * 3600


@dataclass(eq=False)
class _Line:
    socket: WebSocket
    key: str | None
    teacher: bool
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class _Door:
    """How many phones have joined from an address, and who has tried of late."""

    def __init__(self) -> None:
        self.joined: Counter[str] = Counter()
        self._tries: deque[tuple[float, str]] = deque()

    def knock(self, where: str, shared: bool, teacher: bool) -> None:
        """One more try. Raises BusyError where there have been too many."""
        now = time.monotonic()
        while self._tries and self._tries[0][0] < now - TRIES_IN:
            self._tries.popleft()
        mine = sum(one == where for _, one in self._tries)
        if len(self._tries) >= 10 * MOST_TRIES or (mine >= MOST_TRIES and not shared):
            raise BusyError("tooManyTries")
        self._tries.append((now, where))
        if self.joined[where] >= MOST_PER_ADDRESS and not (shared or teacher):
            raise BusyError("tooManyPhones")


class Playing:
    """What phones, the board and the teacher's page ask for.

    Args:
        desk: runs what takes time. folder: the game's files.

    Attributes:
        address: where phones join; empty where this machine alone is listened on.
    """

    def __init__(self, desk: Desk, folder: Path) -> None:
        self._desk, self._folder = desk, folder
        self.address = ""
        self.play: Play | None = None
        self.problem: MonaziteError | None = None
        self._signer: Signer | None = None
        self._lines: set[_Line] = set()
        self._door = _Door()
        self._turning = False
        self._ready = False
        self._telling: asyncio.Task[None] | None = None
        self._work: set[asyncio.Task[None]] = set()

    def read(self, lab: Lab) -> None:
        """Take up the game that is on disk, or a new one; called in the worker, once the lab is there."""
        from sim.lesson.game import FEWEST_ROUNDS
        from sim.lesson.play import Play

        try:
            play = Play(lab, self._folder)
        except MonaziteError as error:
            # The lesson goes on without a game; its page says what is wrong.
            self.problem = error
            return
        if play.referee.limits.rounds < FEWEST_ROUNDS:
            self.problem = RefusedError("gameShort")
            return
        self._signer = Signer(self._folder / "secret")
        self.play = play

    async def awake(self) -> None:
        """Have that made on which quarters go on; a game under way is shown once it is there."""
        if self.play is None:
            return
        if self._ready:
            return
        if self.play.done:
            await self._make_ready(self.play, SECOND)
        else:
            self._later(self._make_ready(self.play, SECOND))

    def begin(self) -> None:
        """The same, ahead of anybody's asking, once there is nothing else to do."""
        if self.play is not None:
            self._later(self._make_ready(self.play, IDLE))

    async def _make_ready(self, play: Play, urgency: int) -> None:
        if not self._ready:
            await self._desk.later(play.preparing, urgency, "game")
            if not self._ready:
                self._ready = True
                self._later(self._shaded(play))

    async def _shaded(self, play: Play) -> None:
        """Influence, a quarter at a time, while the class talks."""
        while not self._turning and await self._desk.later(play.shade, LAST):
            self._tell()

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.problem = RefusedError("modelFailed")

    @property
    def _problem(self) -> MonaziteError:
        return (self.problem or RefusedError("gameNotReady")).with_traceback(None)

    def _there(self) -> Play:
        if self.play is None:
            raise self._problem
        return self.play

    def _key(self, connection: HTTPConnection) -> str | None:
        return self._signer.key(connection.cookies.get(COOKIE)) if self._signer is not None else None

    # -- pages -----------------------------------------------------------------------------------

    async def words(self, request: Request) -> Response:
        """What a page is given once."""
        from sim.teach.content import texts

        play = self._there()
        found = {**play.words(), "texts": texts(), "address": self.address, "teacher": is_teacher(request)}
        return _json(found)

    async def code(self, _: Request) -> Response:
        """Where phones join, as a picture that they can read."""
        import segno

        target = io.BytesIO()
        segno.make_qr(self.address or "http://127.0.0.1/").save(target, kind="svg", border=2, xmldecl=False)
        return Response(target.getvalue(), media_type="image/svg+xml")

    async def state(self, request: Request) -> Response:
        """How the game stands, for one who is not on the line."""
        return Response(self._said(self._key(request), is_teacher(request)), media_type="application/json")

    # -- teams -----------------------------------------------------------------------------------

    async def join(self, request: Request) -> Response:
        """Take a seat; the answer carries a signed token that the browser keeps and no script can read."""
        body = await json_body(request)
        play, key = self._there(), self._key(request)
        assert self._signer is not None
        if key is not None and play.game.team_of(key) is not None:
            raise RefusedError("playsAlready")
        where = request.client.host if request.client is not None else ""
        self._door.knock(where, play.game.state.shared, is_teacher(request))
        key, token = self._signer.new()
        play.game.join(str(body.get("country", "")), body.get("name"), key)
        self._door.joined[where] += 1
        self._tell()
        answer = Response(self._said(key, is_teacher(request)), media_type="application/json")
        answer.set_cookie(COOKIE, token, max_age=HALF_A_DAY, httponly=True, samesite="strict", path="/")
        return answer

    async def move(self, request: Request) -> Response:
        """A team decides for the quarter."""
        body = await json_body(request)
        play, key = self._there(), self._key(request)
        country = play.game.team_of(key) if key is not None else None
        if country is None:
            raise NotAllowedError("joinFirst")
        self._still()
        play.move(country, body.get("move"), body.get("quarter"))
        self._tell()
        return Response(self._said(key, is_teacher(request)), media_type="application/json")

    def _still(self) -> None:
        if self._turning:
            raise BusyError("quarterRuns")

    # -- the teacher -------------------------------------------------------------------------------

    async def teach(self, request: Request) -> Response:
        """Begin, turn, bring in, free a seat, let others join, begin anew."""
        body = await json_body(request)
        if not is_teacher(request):
            raise NotAllowedError("teachersGame")
        play, version = self._there(), body.get("version")
        if type(version) is not int:
            raise MonaziteError("'version' is a number")
        self._still()
        play.game.check(version)
        acts: dict[str, Callable[[], None]] = {
            "begin": lambda: play.game.begin(body.get("rounds", 0)),
            "bring": lambda: play.bring(body.get("what"), version),
            "free": lambda: play.game.leave(str(body.get("country", ""))),
            "open": lambda: play.game.open(body.get("joining") is True, body.get("shared") is True),
            "anew": lambda: self._anew(play),
        }
        what = body.get("do")
        if what == "turn":
            await self._turn(play)
        elif isinstance(what, str) and what in acts:
            acts[what]()
        else:
            raise MonaziteError(f"'do' is turn, {', '.join(acts)}")
        self._tell()
        return Response(self._said(self._key(request), True), media_type="application/json")

    async def _turn(self, play: Play) -> None:
        if play.game.state.phase != "play":
            raise RefusedError("gameNotOn")
        self._turning = True
        self._tell()
        try:
            ran = await self._desk.later(play.run, SECOND)
            play.game.turned(ran)
        finally:
            self._turning = False
            self._tell()
        self._later(self._shaded(play))

    def _anew(self, play: Play) -> None:
        play.game.anew()
        play.forget()

    # -- lines -----------------------------------------------------------------------------------

    async def line(self, socket: WebSocket) -> None:
        """A phone or a board that is told of changes; what it says itself is not listened to."""
        key = self._key(socket)
        seated = key is not None and self.play is not None and self.play.game.team_of(key) is not None
        looking = sum(one.key is None for one in self._lines)
        if not seated and looking >= MOST_LOOKING:
            await socket.close(1013)
            return
        await socket.accept()
        line = _Line(socket, key if seated else None, is_teacher(socket))
        for old in [one for one in self._lines if seated and one.key == key]:
            self._lines.discard(old)
            await _closed(old.socket)
        self._lines.add(line)
        try:
            await self._send(line)
            while True:
                await socket.receive_bytes()
        except (WebSocketDisconnect, KeyError, RuntimeError):
            pass
        finally:
            self._lines.discard(line)

    def _tell(self) -> None:
        """Soon, everybody hears how the game stands."""
        if self._telling is None or self._telling.done():
            self._telling = asyncio.ensure_future(self._told())

    async def _told(self) -> None:
        await asyncio.sleep(LULL)
        self._telling = None
        await asyncio.gather(*(self._send(line) for line in list(self._lines)))

    async def _send(self, line: _Line) -> None:
        try:
            async with asyncio.timeout(PATIENCE), line.lock:
                await line.socket.send_bytes(self._said(line.key, line.teacher))
        except Exception:  # noqa: BLE001 - whoever does not hear comes back by himself
            self._lines.discard(line)

    def _said(self, key: str | None, teacher: bool) -> bytes:
        """The game as one may see it."""
        if self.play is None:
            return packed({"problem": in_words(self._problem), "teacher": teacher})
        play = self.play
        country = play.game.team_of(key) if key is not None else None
        state = play.game.state
        stamp = (state.version, state.number, len(play.game.state.history), self._turning, *play.progress)
        if self._last is None or self._last[0] != stamp:
            self._last = stamp, packed(play.view())
        seat = packed(play.seat(country)) if country is not None else b"null"
        head = packed({"teacher": teacher, "turning": self._turning})
        return head[:-1] + b',"game":' + self._last[1] + b',"seat":' + seat + b"}"

    _last: tuple[tuple[Any, ...], bytes] | None = None


async def _closed(socket: WebSocket) -> None:
    with contextlib.suppress(RuntimeError):
        await socket.close(1000)


def _json(value: Any) -> Response:
    return Response(packed(value), media_type="application/json")
