"""The page in a real browser, without a network: no request, no complaint, every button works, 390 pixels do.

Needs Debian's ``chromium``; where it is missing, these tests are skipped and say so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.browser import NEEDED, PATIENCE, Browser, asked, complaints

pytestmark = NEEDED


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


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


def test_no_table_is_wider_than_the_paper(browser, page):
    """A4 less its margins is 178 mm, 672 pixels: columns beyond them would be cut off or shrink the page."""
    browser.open(page.file, 672)
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        browser.value(
            "document.querySelectorAll('#table-numbers td').forEach(e => {"
            "e.innerHTML = '1,300<span class=\"band\">10,000 to not in the run</span>'; })"
        )
        wide = browser.value(
            "[...document.querySelectorAll('table')].filter(e => e.getBoundingClientRect().right > 672)"
            ".map(e => e.id)"
        )
        assert wide == []
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")


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
