"""The page in a real browser without a network: played, killed, by keyboard, on a phone, in Chinese."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.browser import LEAST_CONTRAST, NAMELESS, NEEDED, Browser, asked, complaints
from tests.lesson_file import write_lesson
from tests.teach.conftest import serving

pytestmark = NEEDED
SHOWN = (
    "document.querySelector('main')?.getAttribute('aria-busy') === 'false' && "
    "document.querySelector('.chart svg') !== null"
)
PEAK = "document.querySelector('.tile b')?.textContent"
ALL = (
    "document.querySelector('.tiles')?.textContent + "
    "document.querySelector('.chart path.nowline')?.getAttribute('d')"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    return write_lesson(tmp_path_factory.mktemp("lesson"))


@pytest.fixture(scope="module")
def address(lesson, tmp_path_factory) -> Iterator[str]:
    with serving(lesson, tmp_path_factory.mktemp("outputs")) as (url, _):
        yield url


def press(browser):
    before = browser.value(PEAK)
    browser.value("document.querySelector('.red').click()")
    browser.wait(f"{SHOWN} && {PEAK} !== {json.dumps(before)}")


def go(browser, tab):
    browser.value(f"document.getElementById('tab-{tab}').click()")


def test_a_lesson_is_played(browser, address):
    browser.events.clear()
    browser.open(address, 1280, 720)
    browser.wait(SHOWN)
    assert browser.value(PEAK) == "×\u00a01.00"
    press(browser)
    peak, pressed = browser.value(PEAK), browser.value(ALL)
    assert float(peak.split()[1]) > 1.05
    browser.wait("document.querySelector('.why li') !== null")
    assert browser.value("document.querySelectorAll('.map path:not(.s0)').length") > 0

    slider = "document.getElementById('slider-saving')"
    browser.value(f"{slider}.focus()")
    browser.wait(SHOWN)
    browser.value(f"{slider}.value = 2; {slider}.dispatchEvent(new Event('input'))")
    # Positions of a slider that was touched are drawn in the next frame, without asking anybody.
    browser.wait(f"{ALL} !== {json.dumps(pressed)}")
    browser.value(f"{slider}.dispatchEvent(new Event('change'))")
    browser.wait(f"{SHOWN} && document.querySelector('.why li')?.querySelectorAll('.part').length === 2")
    saving = browser.value(ALL)

    browser.value("document.getElementById('tool-undo').click()")
    browser.wait(f"{SHOWN} && {ALL} === {json.dumps(pressed)}")
    browser.value("document.getElementById('tool-redo').click()")
    browser.wait(f"{SHOWN} && {ALL} === {json.dumps(saving)}")
    browser.value("document.getElementById('tool-replay').click()")
    browser.wait("document.getElementById('month').value === document.getElementById('month').max")

    browser.value("document.getElementById('tool-share').click()")
    browser.wait("location.hash.includes('set.saving=2')")
    shared = browser.value("location.href")
    browser.value("document.querySelector('.left > p button').click()")
    browser.wait(f"{SHOWN} && {PEAK} === '×\u00a01.00'")
    browser.open(shared + "&again=1", 1280, 720)
    browser.wait(f"{SHOWN} && {ALL} === {json.dumps(saving)}")

    go(browser, "compare")
    browser.wait("document.querySelectorAll('main tbody tr').length === 4")
    go(browser, "bet")
    browser.value("document.querySelector('.bet input[type=radio]').click()")
    browser.value("document.querySelector('.bet button').click()")
    browser.wait("document.querySelector('.bet .answer') !== null")
    assert browser.value("document.querySelectorAll('.right-one').length") == 1
    go(browser, "debrief")
    browser.value("document.querySelector('main li button').click()")
    browser.wait("document.querySelector('main .answer')?.textContent.includes('with a saving')")
    go(browser, "plan")
    browser.wait("document.querySelector('main').textContent.includes('Press it.')")

    assert asked(browser.events, address) == []
    assert complaints(browser.events) == []


def test_names_are_text_and_nothing_is_without_a_name(browser, address):
    browser.open(address, 1280, 720)
    browser.wait(SHOWN)
    assert browser.value("document.querySelectorAll('img, #app script').length") == 0
    shown = browser.value("document.getElementById('choice-whom').textContent")
    assert "<img src=x onerror=alert(1)>" in shown
    assert browser.value(NAMELESS) == []
    for tab in ("compare", "bet", "game", "debrief", "explore"):
        go(browser, tab)
        browser.wait("document.querySelector('main').childElementCount > 0")
        assert browser.value(NAMELESS) == []


def test_text_stands_out_and_a_phone_does_not_scroll_sideways(browser, address):
    for width in (390, 1280):
        browser.open(f"{address}?w={width}", width, 844)
        browser.wait(SHOWN)
        for tab in ("explore", "compare", "bet", "game", "debrief", "plan"):
            go(browser, tab)
            browser.wait("document.querySelector('main').getAttribute('aria-busy') === 'false'")
            if tab == "game":
                browser.wait("document.querySelector('.teams') !== null")
            assert browser.value("document.documentElement.scrollWidth") <= width, tab
            assert browser.value(LEAST_CONTRAST) >= 4.5, tab


def test_a_projector_makes_every_text_larger_and_names_of_lines_lie_on_no_line(browser, address):
    browser.open(f"{address}?projector", 1920, 1080)
    browser.wait(SHOWN)
    size = "parseFloat(getComputedStyle(document.querySelector('{}')).fontSize)"
    texts = [size.format(one) for one in ("figcaption", ".legend", ".tile span", ".why p", "header button")]
    before = [browser.value(one) for one in texts]
    browser.value("document.getElementById('tool-projector').click()")
    browser.wait(f"{size.format('.legend')} > {before[1]}")
    assert all(browser.value(one) >= 1.2 * old for one, old in zip(texts, before, strict=True))
    browser.value("document.querySelector('.red').click()")
    browser.wait(f"{SHOWN} && document.querySelectorAll('.chart text.name').length === 2")
    on_a_line = """[...document.querySelectorAll('.chart text.name')].filter(one => {
        const box = one.getBBox();
        return [...document.querySelectorAll('.chart path.base, .chart path.nowline')].some(path => {
            const all = path.getTotalLength();
            return [...Array(400).keys()].some(i => {
                const at = path.getPointAtLength(i * all / 399);
                return at.x > box.x && at.x < box.x + box.width
                    && at.y > box.y + 4 && at.y < box.y + box.height - 4;
            }); }); }).map(one => one.textContent)"""
    assert browser.value(on_a_line) == []
    browser.value("document.querySelector('.left > p button').click()")
    browser.wait(f"{SHOWN} && {PEAK} === '×\u00a01.00'")


def test_the_keyboard_alone_presses_the_button_and_moves_a_slider(browser, address):
    browser.open(f"{address}?k=1", 1280, 720)
    browser.wait(SHOWN)
    browser.value("document.querySelector('.left > p button').click()")
    browser.wait(f"{SHOWN} && {PEAK} === '×\u00a01.00'")
    browser.value("document.activeElement.blur()")
    for _ in range(60):
        browser.key("Tab", 9)
        if browser.value("document.activeElement.classList.contains('red')"):
            break
    browser.key("Enter", 13)
    browser.wait(f"{SHOWN} && {PEAK} !== '×\u00a01.00'")
    for _ in range(60):
        if browser.value("document.activeElement.id === 'slider-saving'"):
            break
        browser.key("Tab", 9)
    browser.key("ArrowRight", 39)
    browser.wait("document.getElementById('slider-saving').value === '1'")
    said = browser.value("document.getElementById('slider-saving').getAttribute('aria-valuetext')")
    assert said == "10\u00a0%"


def test_another_language_has_all_its_words(browser, address):
    browser.open(f"{address}?l=zh#lang=zh", 1280, 720)
    browser.wait(SHOWN)
    text = browser.value("document.body.innerText")
    assert "禁运" in text
    assert "撤销" in text
    assert browser.value("document.documentElement.lang") == "zh"
    name = browser.value("document.querySelector('.chart svg').getAttribute('aria-label')")
    assert name.startswith("High-purity gallium价格")


def test_countries_go_by_their_names_in_each_language(browser, tmp_path):
    answer = '{en: "{bare} of its need, {saved} with a saving.", zh: "{bare}；节约后{saved}。"}\n'
    named = '{en: "{worst}: {bare}, {saved}.", zh: "{worst}：{bare}；{saved}。"}\n'
    worst = "measure: worst_country, good: gallium_low_purity"
    path = write_lesson(tmp_path, answer, named)
    text = path.read_text(encoding="utf-8").replace("measure: worst_country", worst)
    text = text.replace("        bare: {", f"        worst: {{{worst}}}\n        bare: {{")
    path.write_text(text, encoding="utf-8")
    with serving(path, tmp_path) as (url, _):
        for language, name, show in (
            ("en", "Japan", "Show the model's answer"), ("zh", "日本", "显示模型的回答"),
        ):  # fmt: skip
            browser.open(f"{url}?{language}#lang={language}&tab=bet", 1280, 720)
            browser.wait("document.querySelectorAll('.bet input[type=radio]').length > 3")
            browser.value("document.querySelectorAll('.bet')[1].querySelector('input').click()")
            browser.value("document.querySelectorAll('.bet')[1].querySelector(':scope > button').click()")
            browser.wait("document.querySelector('.answer b') !== null")
            said = browser.value("document.querySelector('.answer b').textContent")
            assert said.endswith(name)
            go(browser, "debrief")
            browser.wait("document.querySelector('main li button') !== null")
            assert browser.value("document.querySelector('main li button').textContent") == show
            browser.value("document.querySelector('main li button').click()")
            browser.wait("document.querySelector('main li .answer') !== null")
            assert browser.value("document.querySelector('main li .answer').textContent").startswith(name)


def test_charts_are_drawn_again_where_the_window_changes(browser, address):
    browser.open(f"{address}?w#lang=en&tab=compare", 1280, 720)
    drawn = "document.querySelector('.page svg[role=img]')?.viewBox.baseVal.width"
    browser.wait(f"{drawn} === 900")
    browser.call(
        "Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True
    )
    browser.wait(f"{drawn} < 390")


def test_a_server_that_is_killed_and_started_again_has_lost_nothing(browser, lesson, tmp_path):
    with serving(lesson, tmp_path) as (url, process):
        browser.open(url, 1280, 720)
        browser.wait(SHOWN)
        press(browser)
        peak = browser.value(PEAK)
        browser.wait("document.getElementById('tool-undo').disabled === false")
        process.kill()
        browser.wait("document.querySelector('.status.bad') !== null")
    time.sleep(0.1)
    with serving(lesson, tmp_path) as (url, _):
        browser.open(url, 1280, 720)
        browser.wait(f"{SHOWN} && {PEAK} === {json.dumps(peak)}")
        assert browser.value("document.querySelector('.red').getAttribute('aria-pressed')") == "true"
        browser.value("document.getElementById('tool-undo').click()")
        browser.wait(f"{SHOWN} && {PEAK} === '×\u00a01.00'")
