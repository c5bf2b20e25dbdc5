"""Play in a real browser: board and phone through a game, reloaded in it, by keyboard, on 390 points."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.browser import LEAST_CONTRAST, NAMELESS, NEEDED, Browser, asked, complaints
from tests.lesson_file import write_lesson
from tests.teach.conftest import serving

pytestmark = NEEDED
PHONE, BOARD = (390, 844), (1920, 1080)
HOSTILE = "<img src=x onerror=al()>"
INVISIBLE = "\u200b"
DECIDED = "document.querySelector('main .answer') !== null"


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture
def address(tmp_path) -> Iterator[str]:
    with serving(write_lesson(tmp_path), tmp_path) as (url, _):
        yield url


def board(browser, address, again, language="en"):
    browser.open(f"{address}?{again}#tab=game&lang={language}", *BOARD)


def phone(browser, address, again, language="en"):
    browser.open(f"{address}join?{again}#lang={language}", *PHONE)


def there(browser, name):
    browser.wait(f"document.getElementById('{name}') !== null")


def click(browser, name):
    there(browser, name)
    browser.value(f"document.getElementById('{name}').click()")


def choose(browser, name, value):
    there(browser, name)
    browser.value(
        f"(() => {{ const e = document.getElementById('{name}'); e.value = {json.dumps(value)}; "
        "e.dispatchEvent(new Event(e.tagName === 'INPUT' ? 'input' : 'change')); })()"
    )


def tidy(browser, width):
    """Legible, named, and no wider than the window."""
    assert browser.value(NAMELESS) == []
    assert browser.value(LEAST_CONTRAST) >= 4.5
    assert browser.value("document.documentElement.scrollWidth") <= width


def test_a_game_is_played_and_a_page_that_is_loaded_again_goes_on(browser, address):
    browser.events.clear()
    board(browser, address, "a")
    there(browser, "game-begin")
    tidy(browser, BOARD[0])
    phone(browser, address, "b")
    there(browser, "join-go")
    tidy(browser, PHONE[0])
    choose(browser, "team-name", HOSTILE)
    choose(browser, "team-country", "CHN")
    click(browser, "join-go")
    browser.wait("document.querySelector('h1').textContent === 'China'")
    board(browser, address, "c")
    choose(browser, "rounds", "2")
    click(browser, "game-begin")
    there(browser, "game-turn")
    assert HOSTILE in browser.value("document.querySelector('main').textContent")
    assert browser.value("document.querySelectorAll('main img').length") == 0

    phone(browser, address, "d")
    choose(browser, "move-kind", "stockpile")
    there(browser, "move-level")
    levels = "[...document.getElementById('move-level').options].map(e => e.textContent)"
    assert browser.value(levels)[:2] == ["mild: 1 month of use", "middling: 3 months of use"]
    choose(browser, "move-kind", "ban")
    choose(browser, "move-whom", "JPN")
    tidy(browser, PHONE[0])
    click(browser, "move-go")
    browser.wait(DECIDED)
    # Loaded again in the middle, it knows its seat and what it decided.
    phone(browser, address, "e")
    browser.wait(DECIDED)
    assert "Japan" in browser.value("document.querySelector('main .answer').textContent")

    board(browser, address, "f")
    click(browser, "bring-go")
    browser.wait("document.querySelector('main').textContent.includes('Strike in')")
    click(browser, "game-turn")
    browser.wait("document.querySelector('h2').textContent.includes('2 of 2')")
    tidy(browser, BOARD[0])
    browser.wait("document.querySelector('#game-chart svg') !== null")
    # A quarter without a January has its months named below the chart.
    dated = "[...document.querySelectorAll('#game-chart svg text')].some(e => /20\\d\\d/.test(e.textContent))"
    assert browser.value(dated)
    click(browser, "game-turn")
    browser.wait("document.querySelectorAll('article.answer p').length === 3")
    browser.wait("document.querySelector('.board tbody td:last-child').textContent !== '–'")
    tidy(browser, BOARD[0])
    said = browser.value("document.querySelector('main').textContent")
    assert "China has" in said
    assert "if nobody had moved" in said
    sentences = browser.value("[...document.querySelectorAll('article.answer p')].map(e => e.textContent)")
    assert all(re.fullmatch(r"[^.]+(\.\d[^.]*)*\.( Its subsidies are .*\.)?", one) for one in sentences)

    phone(browser, address, "g", "zh")
    browser.wait("document.querySelector('.board') !== null")
    tidy(browser, PHONE[0])
    assert "最终结果" in browser.value("document.body.innerText")
    assert browser.value("document.documentElement.lang") == "zh"
    assert asked(browser.events, address) == []
    assert complaints(browser.events) == []


def test_what_is_refused_is_said_in_the_language_of_the_page(browser, address):
    for again, language, said in (
        ("r", "zh", "名字须为1到24个字符"), ("s", "en", "a name has 1 to 24 letters"),
    ):  # fmt: skip
        phone(browser, address, again, language)
        choose(browser, "team-name", INVISIBLE)
        click(browser, "join-go")
        browser.wait("document.querySelector('.status.bad') !== null")
        assert browser.value("document.querySelector('.status.bad').textContent") == said


def test_what_a_page_says_of_a_lost_server_goes_once_it_is_back(browser, tmp_path):
    lesson, away = write_lesson(tmp_path), "document.querySelector('.status.bad') !== null"
    with serving(lesson, tmp_path) as (url, _):
        port = url.rstrip("/").rpartition(":")[2]
        phone(browser, url, "l")
        there(browser, "join-go")
    browser.wait(f"{away} && document.querySelector('.status.bad').textContent.startsWith('No connection')")
    with serving(lesson, tmp_path, "--port", port) as (url, _):
        browser.wait(f"!({away})")
        board(browser, url, "m")
        there(browser, "game-begin")
    browser.wait(f"{away} && document.querySelector('.page .status.bad') !== null")
    with serving(lesson, tmp_path, "--port", port):
        browser.wait(f"!({away})")


def test_the_keyboard_alone_joins_and_decides(browser, address):
    board(browser, address, "h")
    there(browser, "game-begin")
    phone(browser, address, "i")
    there(browser, "join-go")
    tab_to(browser, "team-name")
    browser.call("Input.insertText", text="Keys")
    tab_to(browser, "join-go")
    browser.key("Enter", 13)
    browser.wait("document.getElementById('join-go') === null && document.querySelector('.big') !== null")
    board(browser, address, "j")
    there(browser, "game-begin")
    tab_to(browser, "game-begin")
    browser.key("Enter", 13)
    there(browser, "game-turn")
    phone(browser, address, "k")
    there(browser, "move-go")
    tab_to(browser, "move-kind")
    browser.key("Home", 36)
    browser.wait("document.getElementById('move-kind').value === 'ban'")
    tab_to(browser, "move-go")
    browser.key("Enter", 13)
    browser.wait(DECIDED)


def tab_to(browser, name):
    for _ in range(80):
        if browser.value(f"document.activeElement.id === '{name}'"):
            return
        browser.key("Tab", 9)
    raise AssertionError(name)
