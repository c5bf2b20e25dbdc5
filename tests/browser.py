"""A headless browser for tests of pages: spoken to over two pipes, so that no port is needed and no driver.

Needs Debian's ``chromium``; where it is missing, tests that use it are skipped and say so.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NEEDED = pytest.mark.skipif(
    CHROMIUM is None, reason="NO BROWSER: install Debian's 'chromium'; the page was not tried in one"
)
PATIENCE = 120.0
__all__ = [
    "CHROMIUM", "LEAST_CONTRAST", "NAMELESS", "NEEDED", "PATIENCE", "Browser", "asked", "complaints",
]  # fmt: skip
LEAST_CONTRAST = """(() => {
    const light = c => { const v = c.match(/[\\d.]+/g).slice(0, 3).map(x => x / 255)
        .map(x => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
        return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
    const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
        if (!c.startsWith('rgba(0, 0, 0, 0')) return c; } return 'rgb(255, 255, 255)'; };
    const own = e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    const said = [...document.querySelectorAll('body *')]
        .filter(e => own(e) && e.offsetParent && !e.disabled);
    return Math.min(...said.map(e => {
        const a = light(getComputedStyle(e).color), b = light(ground(e));
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); })); })()"""
NAMELESS = """[...document.querySelectorAll('button, select, input, svg[role=img]')].filter(e =>
    !(e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length)))
    .map(e => e.outerHTML)"""


class Browser:
    """A headless browser that is spoken to over two pipes."""

    def __init__(self, profile: Path) -> None:
        out_read, self._out = os.pipe()
        self._in, in_write = os.pipe()

        def connect() -> None:
            # The browser reads commands from 3 and writes answers to 4.
            first, second = os.dup(out_read), os.dup(in_write)
            os.dup2(first, 3)
            os.dup2(second, 4)

        words = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
            "--disable-background-networking", f"--user-data-dir={profile}", "--remote-debugging-pipe",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            [str(CHROMIUM), *words, "about:blank"], preexec_fn=connect, close_fds=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(out_read)
        os.close(in_write)
        self._rest, self._number = b"", 0
        self.events: list[dict[str, Any]] = []
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command and its answer; events that come meanwhile are kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._in, 1 << 16)
            assert part, "the browser has ended"
            self._rest += part
        one, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(one))

    def value(self, script: str) -> Any:
        """What a script comes to."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, page: Path | str, width: int, height: int = 844) -> None:
        """Show a page in a window of some width."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
            mobile=width < 600,
        )  # fmt: skip
        url = page if isinstance(page, str) else page.as_uri()
        self.call("Page.navigate", url=url)
        scheme = url.partition(":")[0]
        self.wait(f"document.readyState === 'complete' && location.protocol === '{scheme}:'")

    def picture(self, target: Path) -> None:
        """What the window shows, as PNG."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        target.write_bytes(base64.b64decode(data))

    def key(self, name: str, code: int) -> None:
        """Press and let go of a key."""
        text = {"Enter": "\r", " ": " "}.get(name)
        for kind in ("keyDown", "keyUp"):
            extra = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=name, windowsVirtualKeyCode=code, **extra)

    def wait(self, condition: str) -> None:
        """Until a script is true."""
        until = time.monotonic() + PATIENCE
        while not self.value(condition):
            assert time.monotonic() < until, condition
            time.sleep(0.05)

    def close(self) -> None:
        """End it."""
        os.close(self._out)
        self._process.terminate()
        self._process.wait(PATIENCE)
        os.close(self._in)


def complaints(events: list[dict[str, Any]]) -> list[Any]:
    """What the page or the browser complained of."""
    said = [e["params"]["entry"] for e in events if e.get("method") == "Log.entryAdded"]
    said += [e["params"] for e in events if e.get("method") == "Runtime.exceptionThrown"]
    said += [e["params"] for e in events if e.get("method") == "Runtime.consoleAPICalled"]
    return said


def asked(events: list[dict[str, Any]], own: str = "file:") -> list[str]:
    """Addresses that were asked for, other than the page's own."""
    urls = [e["params"]["request"]["url"] for e in events if e.get("method") == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith((own, "data:", "blob:", "about:"))]
