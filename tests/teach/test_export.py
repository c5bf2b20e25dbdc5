"""A lesson as one file: it opens without a server or a network, and shows what was run."""

import json
import re
from dataclasses import replace

import pytest

from sim.errors import MonaziteError
from sim.lesson.lab import Lab
from sim.lesson.outcome import outcomes
from sim.lesson.settings import status_quo
from sim.teach import export as exporting
from sim.teach.export import MODULES, bundle, export, grid
from tests.browser import NEEDED, Browser, asked, complaints
from tests.checks_of_runs import price_briefly
from tests.lesson_file import write_lesson

READY = "document.querySelector('.chart svg') !== null"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    with pytest.MonkeyPatch.context() as patch:
        price_briefly(patch)
        source = write_lesson(folder)
        yield export(str(source), folder / "lesson.html"), Lab(str(source))


def test_it_holds_the_outcomes_of_its_grid(made):
    path, lab = made
    text = path.read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL).group(1))
    settings = grid(lab)
    assert [one["key"] for one in data["outcomes"]] == [one.key for one in settings]
    quo = status_quo(lab.lesson)
    pressed = replace(quo, embargo=True)
    for one in (quo, pressed, pressed.at(1, 2), quo.at(2, 1), replace(pressed, options=(0, 1)).at(0, 2)):
        assert one in settings
    shown = next(row for row in data["outcomes"] if row["key"] == pressed.key)
    with pytest.MonkeyPatch.context() as patch:
        price_briefly(patch)
        assert shown == outcomes(lab, [pressed])[0]
    assert data["why"][f"gallium_high_purity {pressed.key}"][0]["parts"].keys() == {"embargo"}


def test_nothing_in_it_can_end_a_script_or_ask_for_anything(made):
    text = made[0].read_text(encoding="utf-8")
    assert text.count("</script") == 2
    assert "<img" not in text
    assert not re.search(r"(src|href)=\"?(http|//)", text)
    assert "default-src 'none'" in text
    assert "unsafe" not in text


def test_modules_can_stand_in_one_another_file():
    from sim.teach.content import FOLDER

    # A phone's page is never a file: there is no game without a server.
    assert {f"{name}.js" for name in (*MODULES, "phone")} == {
        path.name for path in (FOLDER / "static").glob("*.js")
    }
    text = bundle()
    assert not re.search(r"^(import|export) ", text, re.MULTILINE)
    names = re.findall(r"^(?:async )?(?:function|const|let) (\w+)", text, re.MULTILINE)
    assert sorted(names) == sorted(set(names))


def test_a_file_that_is_too_large_is_refused(made, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "LARGEST", 1000)
    monkeypatch.setattr(exporting, "page", lambda lab: "x" * 2000)
    with pytest.raises(MonaziteError, match="fewer goods"):
        export(made[1].source, tmp_path / "x.html")
    assert not (tmp_path / "x.html").exists()


@NEEDED
def test_it_is_played_without_a_server(made, tmp_path):
    browser = Browser(tmp_path / "profile")
    try:
        browser.open(made[0], 1280, 720)
        browser.wait(READY)
        browser.value("document.querySelector('.red').click()")
        browser.wait("document.querySelector('.why li') !== null")
        peak = browser.value("document.querySelector('.tile b').textContent")
        assert float(peak.split()[1]) > 1.05
        browser.value("document.querySelectorAll('.slider .marks button')[1].click()")
        slider = "document.getElementById('slider-saving')"
        browser.value(f"{slider}.value = 2; {slider}.dispatchEvent(new Event('change'))")
        browser.wait("document.querySelector('.why li')?.querySelectorAll('.part').length === 2")
        stock = "document.getElementById('slider-stock')"
        browser.value(f"{stock}.value = 2; {stock}.dispatchEvent(new Event('change'))")
        browser.wait("document.querySelector('.status.bad')?.textContent.startsWith('Not computed')")
        # Numbers of the settings before do not stand beside sliders that have been moved on.
        seen = "getComputedStyle(document.querySelector('.tile b')).visibility"
        assert browser.value(seen) == "hidden"
        for _ in range(3):
            browser.value("document.getElementById('tool-undo').click()")
        browser.wait("document.querySelector('.tile b').textContent === '×\u00a01.00'")
        assert browser.value(seen) == "visible"
        for tab in ("compare", "bet", "debrief"):
            browser.value(f"document.getElementById('tab-{tab}').click()")
            browser.wait("document.querySelector('main').childElementCount > 0")
        browser.value("document.querySelector('main li button').click()")
        browser.wait("document.querySelector('main .answer') !== null")
        assert asked(browser.events) == []
        assert complaints(browser.events) == []
    finally:
        browser.close()
