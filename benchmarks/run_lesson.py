"""A lesson: how long the model takes behind the button, a slider, Why? and a turn, and what the page adds.

The bounds are for a world of two goods and 48 months; the lesson on magnets has twelve goods and is measured
beside it, without bounds.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.harness import Figure, publish
from sim.lesson.lab import Case, Lab
from sim.lesson.outcome import outcome, pair_of
from sim.lesson.play import Play
from sim.lesson.seats import Seat
from sim.lesson.settings import Settings, status_quo
from sim.lesson.why import why
from tests.browser import CHROMIUM, Browser
from tests.lesson_file import TEXT

MEMBERS = 31
PHONES = 30
READING = 3.0
MAGNETS = "teaching-embargo-magnets"
READY = "document.querySelector('.chart svg') !== null"
FRAMES = """(async () => { const input = document.getElementById('slider-saving'), times = [];
    for (let i = 0; i < 20; i++) { const begin = performance.now(); input.value = String(i % 3);
        input.dispatchEvent(new Event('input'));
        await new Promise(requestAnimationFrame);
        document.querySelector('.chart svg').getBoundingClientRect(); times.push(performance.now() - begin); }
    return times.sort((a, b) => a - b)[10]; })()"""


def main() -> None:
    """Measure and publish."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gallium-lesson.yaml"
        text = TEXT.replace("end: 2024-06", "end: 2025-12").replace("members: 5", f"members: {MEMBERS}")
        path.write_text(text, encoding="utf-8")
        figures = of_model(str(path), "two goods, 48 months", "saving", bounds=True)
        figures += of_model(MAGNETS, "magnets, twelve goods", "redesign", bounds=False)
        figures += of_page(path, Path(folder))
        figures += of_game(str(path), "two goods", Path(folder) / "small.game", bounds=True)
        figures += of_game(MAGNETS, "magnets", Path(folder) / "magnets.game", bounds=False)
    publish("lesson", figures)


def of_model(name: str, what: str, slider: str, *, bounds: bool) -> list[Figure]:
    """What the model takes, the world read and the status quo run."""
    lab = Lab(name)
    pressed = replace(status_quo(lab.lesson), embargo=True)
    place = list(lab.lesson.part.sliders).index(slider)
    positions = range(len(lab.lesson.part.sliders[slider].positions))
    quo = _seconds(lambda: lab.ground(pressed))
    lab.prepare(pressed)
    press = _seconds(lambda: _shown(lab, [pressed]))
    touch = _seconds(lambda: _shown(lab, [pressed.at(place, at) for at in positions]))
    parts = _seconds(lambda: why(lab, pressed.at(place, positions[-1]), lab.goods[0]))
    must, aim = ({"press": 0.6, "band": 1.0, "why": 1.0}, {"press": 0.25, "band": 0.4, "why": 0.4})
    members = f"{lab.members} members"

    def figure(words: str, value: float, key: str) -> Figure:
        least, best = (must[key], aim[key]) if bounds else (None, None)
        return Figure(f"{what}: {words}", value, "s", must=least, aim=best)

    return [
        Figure(f"{what}: status quo, {members}", quo, "s"),
        figure(f"button pressed, median and band of {members}", press, "band"),
        figure(f"slider touched, {len(positions)} positions of {members}", touch, "press"),
        figure("Why? of two changes", parts, "why"),
    ]


def _shown(lab: Lab, settings: list[Settings]) -> None:
    for one, run in zip(settings, lab.run([Case(one) for one in settings]), strict=True):
        outcome(lab, one, pair_of(lab, one, run))


def of_game(name: str, what: str, folder: Path, *, bounds: bool) -> list[Figure]:
    """A quarter in which thirty phones decide, until it is on disk and everybody could be told."""
    play = Play(Lab(name), folder)
    seats = list(play.referee.seats.values())
    for number in range(PHONES):
        play.game.join(seats[number % len(seats)].country, f"team {number}", f"key {number}")
    ready = _seconds(play.prepare)
    play.game.begin(3)
    turns = []
    for quarter in range(3):
        for seat in seats:
            play.move(seat.country, _some_move(seat, quarter), quarter)
        turns.append(_seconds(lambda: _turned(play)))
    shades = _seconds(lambda: list(iter(play.shade, False))) / len(turns)
    words = f"{what}: turn of {PHONES} phones, {len(seats)} countries, {play.referee.members} members"
    return [
        Figure(f"{what}: game made ready", ready, "s"),
        Figure(words, max(turns), "s", must=1.0 if bounds else None, aim=0.4 if bounds else None),
        Figure(f"{what}: influence of a quarter, while the class talks", shades, "s"),
    ]


def _turned(play: Play) -> None:
    play.game.turned(play.run())
    play.view()


def _some_move(seat: Seat, quarter: int) -> dict[str, object]:
    """Another kind of move in each quarter, as far as the country trades."""
    kind, partners = (("licence", seat.sells), ("tariff", seat.buys), ("stockpile", seat.buys))[quarter]
    for good, whom in partners.items():
        return {"kind": kind, "good": good, "whom": whom[0]}
    return {"kind": "wait"}


def of_page(lesson: Path, folder: Path) -> list[Figure]:
    """Start, page load and redrawing, in a headless browser; the start alone where there is none."""
    begin = time.perf_counter()
    words = [sys.executable, "-m", "sim.cli", "teach", str(lesson), "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None, "the lesson did not start"
        figures = [Figure("start of monazite teach", time.perf_counter() - begin, "s", must=3.0, aim=1.5)]
        return figures + (_in_browser(found.group(), folder) if CHROMIUM else [])
    finally:
        process.kill()
        process.wait()


def _in_browser(url: str, folder: Path) -> list[Figure]:
    browser = Browser(folder / "profile")
    try:
        browser.open(url, 1280, 720)
        browser.wait(READY)
        done = [e["params"] for e in browser.events if e.get("method") == "Network.loadingFinished"]
        size = sum(one["encodedDataLength"] for one in done)
        begin = time.perf_counter()
        browser.open(f"{url}?again=1", 1280, 720)
        browser.wait(READY)
        load = time.perf_counter() - begin
        # A class reads before it presses; the model runs meanwhile.
        time.sleep(READING)
        begin = time.perf_counter()
        browser.value("document.querySelector('.red').click()")
        browser.wait("document.querySelector('.tile b').textContent !== '×\u00a01.00'")
        pressed = time.perf_counter() - begin
        browser.wait("document.querySelector('.why li') !== null")
        browser.value("document.getElementById('slider-saving').focus()")
        browser.wait("document.querySelector('main').getAttribute('aria-busy') === 'false'")
        drawn = float(browser.value(FRAMES)) / 1000
    finally:
        browser.close()
    return [
        Figure("page load", load, "s", must=1.0, aim=0.4),
        Figure(f"button pressed {READING:g} s later, median drawn", pressed, "s", must=0.6, aim=0.25),
        Figure("page size", size / 1e6, "MB", must=0.5),
        Figure("slider dragged, new median drawn", drawn, "s", must=0.05, aim=0.016),
    ]


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
