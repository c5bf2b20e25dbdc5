"""Phones of a class: each joins, stays on the line and decides, as a browser would."""

from __future__ import annotations

import asyncio
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

__all__ = ["Phone", "asked"]

PATIENCE = 30.0


def asked(url: str, path: str, body: Any = None, cookie: str = "") -> tuple[int, Any, str]:
    """One request of a page of that address: status, answer, cookie that was set."""
    place = urlsplit(url)
    line = http.client.HTTPConnection(place.hostname or "", place.port, timeout=PATIENCE)
    sent = {"Origin": f"http://{place.netloc}", "Content-Type": "application/json", "Cookie": cookie}
    try:
        data = None if body is None else json.dumps(body)
        line.request("GET" if body is None else "POST", path, data, sent)
        answer = line.getresponse()
        held = (answer.getheader("Set-Cookie") or "").split(";")[0]
        return answer.status, json.loads(answer.read()), held
    finally:
        line.close()


class Phone:
    """One phone, with the cookie that it was given and the latest that it was told."""

    def __init__(self, url: str, name: str, country: str) -> None:
        self.url, self.name, self.country = url, name, country
        self.cookie = ""
        self.told: dict[str, Any] = {}
        self._news = asyncio.Condition()
        self._line: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None

    async def ask(self, path: str, body: Any) -> tuple[int, Any]:
        """Send something with the phone's cookie."""
        status, answer, cookie = await asyncio.to_thread(asked, self.url, path, body, self.cookie)
        self.cookie = cookie or self.cookie
        return status, answer

    async def join(self) -> int:
        """Take the seat."""
        return (await self.ask("/api/play/join", {"name": self.name, "country": self.country}))[0]

    async def listen(self) -> None:
        """Open the line; it is read from now on."""
        place = urlsplit(self.url)
        headers = {"Cookie": self.cookie} if self.cookie else {}
        self._line = await connect(
            f"ws://{place.netloc}/play/line", origin=f"http://{place.netloc}",  # type: ignore[arg-type]
            additional_headers=headers, proxy=None,
        )  # fmt: skip
        self._task = asyncio.create_task(self._read(self._line))

    async def _read(self, line: ClientConnection) -> None:
        async for message in line:
            async with self._news:
                self.told = json.loads(message)
                self._news.notify_all()

    async def until(self, holds: Any) -> dict[str, Any]:
        """Wait until what it was told is so."""
        async with self._news, asyncio.timeout(PATIENCE):
            await self._news.wait_for(lambda: bool(self.told) and holds(self.told))
            return self.told

    async def leave(self) -> None:
        """Hang up."""
        if self._line is not None:
            await self._line.close()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
