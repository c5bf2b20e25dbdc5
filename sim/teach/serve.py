"""Listen on this machine, and on one more address where asked; say where, with a code for phones."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import Callable
from pathlib import Path

from sim.errors import MonaziteError
from sim.teach.app import Teaching, make_app

__all__ = ["LOOPBACK", "serve"]

LOOPBACK = "127.0.0.1"
NAMES = (LOOPBACK, "localhost")


def serve(
    name: str, path: Path, host: str, port: int, say: Callable[[str], None], seed: int | None = None
) -> None:
    """Serve one lesson until Ctrl-C.

    Args:
        name: scenario with a lesson. path: file of the session. seed: of the runs.
        host: a further address that others reach this machine by; this machine alone where it is its own.
        port: of both addresses; any free one where 0.
        say: prints lines.

    Raises:
        MonaziteError: an address or the port cannot be had, or the lesson cannot be read.
    """
    import uvicorn

    teaching = Teaching(name, path, seed)
    sockets = _sockets(host, port)
    port = sockets[0].getsockname()[1]
    if len(sockets) > 1:
        teaching.playing.address = f"http://{host}:{port}/join"
    config = uvicorn.Config(
        make_app(teaching, [*NAMES, host.lower()]), ws="websockets-sansio", log_level="warning",
        proxy_headers=False, server_header=False, ws_max_size=4096, ws_max_queue=4,
        timeout_graceful_shutdown=1,
    )  # fmt: skip

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if not self.should_exit:
                say(f"http://{LOOPBACK}:{port}/  the lesson; Ctrl-C ends it, nothing is lost")
                if len(sockets or ()) > 1:
                    address = f"http://{host}:{port}/"
                    say(f"{address}  for others in the room, to look at; to play, they add 'join'")
                    say(code(address))

    server = Server(config)
    asyncio.run(server.serve(sockets))
    if not server.started:
        raise MonaziteError("the lesson could not be started; the lines above say why")


def code(address: str) -> str:
    """A QR code of an address, in characters of a terminal."""
    import segno

    text = io.StringIO()
    segno.make_qr(address).terminal(text, compact=True)
    return text.getvalue()


def _sockets(host: str, port: int) -> list[socket.socket]:
    """This machine's own address, and the further one where it is another; both on one port."""
    found = [_listen(LOOPBACK, port)]
    if host in NAMES:
        return found
    try:
        return [*found, _listen(host, found[0].getsockname()[1])]
    except MonaziteError:
        found[0].close()
        raise


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen(128)
    except (OSError, OverflowError) as error:
        found.close()
        reason = getattr(error, "strerror", None) or error
        raise MonaziteError(f"{host}:{port} cannot be listened on ({reason}); try --port 0") from None
    return found
