"""Who may ask what: hosts, origins, sizes and headers. The teacher is whoever sits at the machine."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sim.errors import MonaziteError

__all__ = ["LARGEST_BODY", "POLICY", "Guard", "is_teacher", "json_body"]

LARGEST_BODY = 64 * 1024
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


ON_THIS_MACHINE = {"Cross-Origin-Opener-Policy": "same-origin"}
"""Without a key browsers heed it on their own machine alone, and complain of it elsewhere."""
TRUSTED = ("127.0.0.1", "localhost")


class Guard:
    """Answers only hosts that the server was started for, and writes only from its own pages.

    A page elsewhere can make a browser send requests here, but not without naming its own origin; a name that
    somebody points at this machine is another host.

    Args:
        app: what is guarded. hosts: names by which the server may be called, without ports.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self._app, self._hosts = app, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with security headers added to the answer."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        trusted = _name(Headers(scope=scope).get("host", "")) in TRUSTED
        added = HEADERS | ON_THIS_MACHINE if trusted else HEADERS
        if refused and scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in added.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if refused:
            status, text = refused
            await PlainTextResponse(text, status)(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _name(hosts[0]) not in self._hosts:
            return 400, "this server goes by another name"
        writes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if writes and headers.get("origin") != f"http://{hosts[0]}":
            return 403, "only this server's own pages may do that"
        return None


def _name(host: str) -> str:
    """A host without its port, lower-case."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return name.lower()


def is_teacher(connection: HTTPConnection) -> bool:
    """Whether somebody sits at the machine that runs the server."""
    peer = connection.client
    try:
        return peer is not None and ipaddress.ip_address(peer.host).is_loopback
    except ValueError:
        return False


async def json_body(request: Request) -> Any:
    """The body of a request.

    Raises:
        MonaziteError: it is too large, or no JSON.
    """
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise MonaziteError("send application/json")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            raise MonaziteError(f"the request has more than {LARGEST_BODY} bytes")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise MonaziteError("the request is no JSON") from None
    if not isinstance(found, dict):
        raise MonaziteError("the request is no mapping")
    return found
