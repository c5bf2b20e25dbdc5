"""The page in a real browser, without a network: no request, no complaint, every button works, 390 pixels do.

Needs Debian's ``chromium``; where it is missing, these tests are skipped and say so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="NO BROWSER: install Debian's 'chromium'; the page was not tried in one"
)
PATIENCE = 120.0


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

    def open(self, page: Path, width: int) -> None:
        """Show a page in a window of some width."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1,
            mobile=width < 600,
        )  # fmt: skip
        self.call("Page.navigate", url=page.as_uri())
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

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


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


def complaints(events):
    said = [e["params"]["entry"] for e in events if e.get("method") == "Log.entryAdded"]
    said += [e["params"] for e in events if e.get("method") == "Runtime.exceptionThrown"]
    said += [e["params"] for e in events if e.get("method") == "Runtime.consoleAPICalled"]
    return said


def asked(events):
    urls = [e["params"]["request"]["url"] for e in events if e.get("method") == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith(("file:", "data:", "blob:", "about:"))]


def test_it_opens_works_and_asks_for_nothing(browser, page, tmp_path):
    browser.events.clear()
    browser.open(page.file, 1280)
    assert browser.value("document.querySelectorAll('img').length") > 0
    assert browser.value("[...document.images].every(i => i.complete && i.naturalWidth > 300)")

    browser.value(
        "document.querySelector('#choose-good').value = 'g0';"
        "document.querySelector('#choose-good').dispatchEvent(new Event('change'))"
    )
    shown = browser.value("document.querySelector('#shown').textContent")
    assert "1 of the explanations" in shown

    head = "document.querySelector('table.sortable th:nth-child(3)')"
    browser.value(f"{head}.querySelector('button').click()")
    assert browser.value(f"{head}.getAttribute('aria-sort')") == "ascending"

    browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.value("document.querySelector('button.csv').click()")
    until = time.monotonic() + PATIENCE
    while not (tmp_path / "numbers.csv").is_file():
        assert time.monotonic() < until, "no file was saved"
        time.sleep(0.05)
    assert (tmp_path / "numbers.csv").read_text().startswith("scenario,good,")

    assert asked(browser.events) == []
    assert complaints(browser.events) == []


def test_a_phone_shows_it_without_scrolling_sideways(browser, page):
    browser.open(page.file, 390)
    assert browser.value("document.documentElement.scrollWidth") <= 390
    assert browser.value("parseFloat(getComputedStyle(document.body).fontSize)") >= 16
    cut = browser.value(
        "[...document.querySelectorAll('.stacked tbody th, .stacked tbody td')]"
        ".filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent)"
    )
    assert cut == [], "rows of tables that stand one below the other are whole"


def test_the_keyboard_reaches_every_control(browser, page):
    browser.open(page.file, 1280)
    controls = browser.value("document.querySelectorAll('button, select, a[href], summary').length")
    reachable = browser.value(
        "[...document.querySelectorAll('button, select, a[href], summary')]"
        ".filter(e => e.tabIndex >= 0).length"
    )
    assert reachable == controls > 5


def test_text_stands_out_from_its_ground(browser, page):
    browser.open(page.file, 1280)
    least = browser.value(
        """(() => {
        const light = c => { const v = c.match(/[\\d.]+/g).slice(0, 3).map(x => x / 255)
            .map(x => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
            return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
        const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
            if (!c.startsWith('rgba(0, 0, 0, 0')) return c; } return 'rgb(255, 255, 255)'; };
        const said = [...document.querySelectorAll('main *')].filter(e => e.textContent.trim());
        return Math.min(...said.map(e => {
            const a = light(getComputedStyle(e).color), b = light(ground(e));
            return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); })); })()"""
    )
    assert least >= 4.5
