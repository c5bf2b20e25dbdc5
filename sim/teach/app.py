"""The server of one lesson: pages, outcomes, the session that all windows share, a line to each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from sim.errors import MonaziteError
from sim.lesson.refusals import NotAllowedError, RefusedError, StaleError, in_words
from sim.lesson.session import Session
from sim.lesson.settings import Settings, lesson_of, read_settings, status_quo
from sim.scenario import load_scenario
from sim.teach.desk import IDLE, BusyError, Desk, packed
from sim.teach.guard import Guard, is_teacher, json_body
from sim.teach.play import Playing

if TYPE_CHECKING:
    from sim.lesson.lab import Lab

__all__ = ["Teaching", "make_app"]

STATIC = Path(__file__).parent / "static"
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
MOST_AT_ONCE = 15
"""Settings of one request: the positions of a slider."""
MOST_LINES = 64
"""Windows that are told of changes."""

log = logging.getLogger("monazite.teach")


class Teaching:
    """What requests share: the desk, the session, the windows that listen.

    Args:
        name: scenario with a lesson. path: file of the session. seed: of the runs.

    Raises:
        MonaziteError: there is no such lesson, or the file is no session of it.
    """

    def __init__(self, name: str, path: Path, seed: int | None = None) -> None:
        self.desk = Desk(lambda: self._read(name, seed))
        scenario = load_scenario(name)
        self.session = Session(lesson_of(scenario), scenario.name, path)
        self._words: bytes = b""
        self._start: asyncio.Future[Any] | None = None
        self.lines: set[WebSocket] = set()
        self.playing = Playing(self.desk, path.with_suffix(".game"))

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Listen at once; whoever asks for the lesson waits until the world has been read."""
        self._start = asyncio.ensure_future(self._begin())
        yield
        self._start.cancel()
        await self.desk.stop()

    def _read(self, name: str, seed: int | None) -> Lab:
        from sim.lesson.lab import Lab
        from sim.teach.content import lesson_words, map_paths, texts

        lab = Lab(name, seed)
        self._words = packed({"lesson": lesson_words(lab), "map": map_paths(), "texts": texts()})
        self.playing.read(lab)
        return lab

    async def _begin(self) -> Lab:
        """Read the world; the status quo, what the button does, a game and the answers follow behind it."""
        lab = await self.desk.start()
        self.desk.prepare(status_quo(lab.lesson), self._pressed(self.session.now))
        answers = asyncio.ensure_future(self.desk.answers(IDLE))
        answers.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.playing.begin()
        return lab

    async def lab(self) -> Lab:
        """The lab, once it is there."""
        assert self._start is not None
        found: Lab = await asyncio.shield(self._start)
        return found

    # -- pages -----------------------------------------------------------------------------------

    async def page(self, _: Request) -> Response:
        """The page."""
        return FileResponse(STATIC / "index.html", media_type="text/html")

    async def phone(self, _: Request) -> Response:
        """The page of a phone that plays."""
        return FileResponse(STATIC / "join.html", media_type="text/html")

    async def file(self, request: Request) -> Response:
        """A file of the page; nothing else on the disk has a name here."""
        name = request.path_params["name"]
        if name not in _names():
            return PlainTextResponse("there is no such file", 404)
        kind = TYPES[Path(name).suffix]
        return FileResponse(STATIC / name, media_type=kind, headers={"Cache-Control": "no-cache"})

    async def words(self, _: Request) -> Response:
        """The lesson, the map, the texts."""
        await self.lab()
        return _json(self._words)

    # -- the model ---------------------------------------------------------------------------------

    async def outcomes(self, request: Request) -> Response:
        """Outcomes of up to fifteen settings. Others than the teacher see what stands now or has been run."""
        asked = (await json_body(request)).get("settings")
        if not isinstance(asked, list) or not 0 < len(asked) <= MOST_AT_ONCE:
            raise MonaziteError(f"'settings' is a list of 1 to {MOST_AT_ONCE}")
        lab = await self.lab()
        settings = [read_settings(lab.lesson, one) for one in asked]
        self._allow(request, all(one in self._standing() or self.desk.known(one) for one in settings))
        return _json(packed({"outcomes": await self.desk.outcomes(settings)}))

    async def why(self, request: Request) -> Response:
        """What brought an outcome about."""
        body = await json_body(request)
        lab = await self.lab()
        good = body.get("good", lab.goods[0])
        if good not in lab.goods:
            raise RefusedError("goodNotShown")
        settings = read_settings(lab.lesson, body.get("settings"))
        self._allow(request, settings == self.session.now)
        return _json(packed({"why": await self.desk.why(settings, good)}))

    async def answers(self, request: Request) -> Response:
        """Bets and questions, answered by the model; worked out once, whoever asks first."""
        await json_body(request)
        await self.lab()
        return _json(packed(await self.desk.answers()))

    # -- the session -------------------------------------------------------------------------------

    async def state(self, request: Request) -> Response:
        """How the lesson is set."""
        return _json(packed({**self.session.as_words(), "teacher": is_teacher(request)}))

    async def change(self, request: Request) -> Response:
        """Set, undo or redo; every window is told."""
        body = await json_body(request)
        self._allow(request, False)
        version, session, lab = body.get("version"), self.session, await self.lab()
        if type(version) is not int:
            raise MonaziteError("'version' is a number")
        what = body.get("do")
        if what == "set":
            session.set(read_settings(lab.lesson, body.get("settings")), version)
        elif what in ("undo", "redo"):
            getattr(session, what)(version)
        else:
            raise MonaziteError("'do' is set, undo or redo")
        self.desk.prepare(self._pressed(session.now))
        await self._tell()
        return _json(packed({**session.as_words(), "teacher": True}))

    def _standing(self) -> tuple[Settings, Settings]:
        """What the teacher's page shows: how the lesson is set, and the status quo beside it."""
        now = self.session.now
        return now, replace(status_quo(self.session.lesson), options=now.options)

    def _pressed(self, settings: Settings) -> Settings:
        """What branches would start from if the button were pressed now."""
        return Settings(True, settings.options, settings.sliders)

    async def line(self, socket: WebSocket) -> None:
        """A window that is told of changes; what it says itself is not listened to."""
        if len(self.lines) >= MOST_LINES:
            await socket.close(1013)
            return
        await socket.accept()
        self.lines.add(socket)
        try:
            await socket.send_bytes(packed(self.session.as_words()))
            while True:
                await socket.receive_bytes()
        except (WebSocketDisconnect, KeyError, RuntimeError):
            pass
        finally:
            self.lines.discard(socket)

    async def _tell(self) -> None:
        said = packed(self.session.as_words())
        lines = list(self.lines)
        found = await asyncio.gather(*(one.send_bytes(said) for one in lines), return_exceptions=True)
        for one, error in zip(lines, found, strict=True):
            if isinstance(error, Exception):
                self.lines.discard(one)

    def _allow(self, request: Request, known: bool) -> None:
        if not known and not is_teacher(request):
            raise NotAllowedError("teachersLesson")


def _names() -> frozenset[str]:
    return frozenset(path.name for path in STATIC.iterdir() if path.suffix in TYPES)


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")


Handler = Callable[[Request], Awaitable[Response]]


def _answering(handler: Handler) -> Handler:
    """Errors of a request as its answer: one sentence, never a traceback."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except StaleError as error:
            return _error(409, error)
        except BusyError as error:
            return _error(429, error)
        except NotAllowedError as error:
            return _error(403, error)
        except MonaziteError as error:
            return _error(400, error)
        except Exception:
            log.exception("a request failed")
            return _error(500, RefusedError("modelFailed"))

    return answer


def _error(status: int, error: MonaziteError) -> Response:
    return Response(packed(in_words(error)), status, media_type="application/json")


def make_app(teaching: Teaching, hosts: Sequence[str]) -> Starlette:
    """The application.

    Args:
        teaching: what requests share.
        hosts: names by which the server may be called, without ports.
    """
    get, post, playing = ["GET"], ["POST"], teaching.playing

    def waiting(handler: Handler) -> Handler:
        async def answer(request: Request) -> Response:
            await teaching.lab()
            await playing.awake()
            return await handler(request)

        return answer

    async def line(socket: WebSocket) -> None:
        # A phone that comes back before the world has been read is known only once it has.
        await teaching.lab()
        await playing.awake()
        await playing.line(socket)

    routes = [
        Route("/", teaching.page, methods=get),
        Route("/data/lesson.json", _answering(teaching.words), methods=get),
        Route("/api/session", _answering(teaching.state), methods=get),
        Route("/api/session", _answering(teaching.change), methods=post),
        Route("/api/outcomes", _answering(teaching.outcomes), methods=post),
        Route("/api/why", _answering(teaching.why), methods=post),
        Route("/api/answers", _answering(teaching.answers), methods=post),
        WebSocketRoute("/line", teaching.line),
        Route("/join", teaching.phone, methods=get),
        Route("/data/play.json", _answering(waiting(playing.words)), methods=get),
        Route("/data/join.svg", _answering(playing.code), methods=get),
        Route("/api/play", _answering(waiting(playing.state)), methods=get),
        Route("/api/play/join", _answering(waiting(playing.join)), methods=post),
        Route("/api/play/move", _answering(waiting(playing.move)), methods=post),
        Route("/api/play/teach", _answering(waiting(playing.teach)), methods=post),
        WebSocketRoute("/play/line", line),
        Route("/{name}", teaching.file, methods=get),
    ]
    return Starlette(
        routes=routes,
        lifespan=teaching.lifespan,
        middleware=[Middleware(Guard, hosts=hosts), Middleware(GZipMiddleware)],
    )
