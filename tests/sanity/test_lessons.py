"""The lessons that ship: pages say what the model says, and the sentences around the figures are true."""

import json
import os
from dataclasses import replace

import pytest

from scripts.lesson_pages import FIGURES, FOLDER, figures, index, page
from sim.commands.teach import lessons
from sim.lesson.lab import Lab

NAMES = ("teaching-embargo-magnets", "teaching-merger", "teaching-reshoring", "teaching-stockpile")
CLOSE = 1e-3
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
STEPS = 100
"""In longer lessons ``make test`` runs the settings of the first question alone, ``make fuzz`` all."""


def cheaply(lab):
    """The lab of a lesson that asks nothing but what the settings of its first question answer."""
    part = lab.lesson.part
    known = {lab.settings(value.settings) for value in next(iter(part.debrief.values())).values.values()}
    debrief = {name: question for name, question in part.debrief.items()
               if {lab.settings(value.settings) for value in question.values.values()} <= known}  # fmt: skip
    bets = {name: bet for name, bet in part.bets.items() if lab.settings(bet.settings) in known}
    less = Lab(lab.scenario.name)
    less.lesson = replace(less.lesson, part=part.model_copy(update={"debrief": debrief, "bets": bets}))
    return less


@pytest.fixture(scope="module", params=NAMES)
def lesson(request):
    lab = Lab(request.param)
    long = len(lab.scenario.steps()) > STEPS and not THOROUGH
    return lab, figures(cheaply(lab) if long else lab)


def noted(lab):
    """The figures that the pages show: those of the model, as the first test finds."""
    return json.loads(FIGURES.read_text(encoding="utf-8"))[lab.scenario.name]


def test_all_lessons_are_looked_at():
    assert sorted(lessons()) == sorted(NAMES)
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == index()


def test_pages_say_what_the_model_says(lesson):
    lab, found = lesson
    kept = noted(lab)
    assert found["values"]
    assert found["bets"]
    assert all(kept["bets"][name]["right"] == bet["right"] for name, bet in found["bets"].items())
    for name, value in found["values"].items():
        for part, number in value.items():
            near = number if isinstance(number, str | None) else pytest.approx(number, rel=CLOSE)
            assert kept["values"][name][part] == near, name
    written = (FOLDER / f"{lab.scenario.name}.md").read_text(encoding="utf-8")
    assert written == page(lab, kept), "python -m scripts.lesson_pages is due"


@pytest.mark.parametrize("name", NAMES)
def test_sentences_around_the_figures_are_true(name):
    lab = Lab(name)
    found = noted(lab)
    value = {name: row["mid"] for name, row in found["values"].items()}
    if lab.scenario.name == "teaching-merger":
        two, three = value["question power two"], value["question power three"]
        assert 1.01 < two < three < 1.1
        assert value["question power missing"] > 100
        assert (value["question refined refined"] - 1) == pytest.approx((two - 1) / 2, rel=0.3)
        assert value["question remedy sale"] == 1
        assert value["question remedy entry"] < 1.005
        assert value["question savings five"] < 1.005
        assert value["question savings ten"] < 0.99
        assert value["question closure closed"] - 1 > 4 * (two - 1)
        assert value["question closure missing"] > 4 * value["question closure bare"]
        return
    if lab.scenario.name == "teaching-reshoring":
        assert 0.03 < value["question bare month"] < 0.15
        # One of five runs.
        assert found["values"]["question bare month"]["high"] > 0.25
        assert value["question grants grants"] > 0.9 * value["question grants bare"]
        assert value["question grants other"] < 0.9 * value["question grants without"]
        assert value["question floor floor"] < 0.9 * value["question floor bare"]
        assert value["question floor month"] < value["question floor plain"]
        assert value["question stage floor"] > 5 * value["question stage bare"]
        assert value["question calm low"] < 0.97
        assert value["question calm oxide"] > 1.05
        return
    if lab.scenario.name == "teaching-stockpile":
        assert abs(value["question worth with"] - value["question worth without"]) < 0.005
        assert found["values"]["question who worst"]["country"] == "CHN"
        assert value["question who share"] > 2 * value["question who america"]
        assert 0.9 < value["question filling low"] < 1
        for other in ("size", "rate"):
            assert abs(value[f"question twelve {other}"] - value["question twelve plain"]) < 0.005
        assert value["question price with"] == pytest.approx(value["question price without"], rel=0.03)
        return
    assert found["bets"]["who"]["right"] == 1
    assert value["question ends japan"] > value["question ends america"] > 0.05
    assert value["question others germany"] > 0.5 > value["question others alone"]
    assert value["question others begin"] >= 3
    assert value["question inputs heavy"] < value["question inputs magnets"] < value["question inputs all"]
    assert value["question stock with"] < value["question stock without"]
    assert value["question stock price"] < value["question stock bare"]
    assert value["question stock month"] > 0.9 * value["question stock plain"]
    assert value["question detour free"] < 0.25 * value["question detour kept"]
    assert value["question licence licence"] < value["question licence ban"] / 2


@pytest.mark.parametrize("name", NAMES)
def test_every_text_is_there_in_both_languages_and_bets_can_be_won(name):
    lab = Lab(name)
    found = noted(lab)
    part = lab.lesson.part
    texts = [part.title, part.about, part.card.label, *part.goods.values(), *part.doubts]
    texts += [text for s in part.sliders.values() for text in (s.label, s.help)]
    texts += [text for q in part.debrief.values() for text in (q.question, q.answer)]
    texts += [bet.question for bet in part.bets.values()] + [step.do for step in part.steps]
    texts += [o.label for c in part.card.choices.values() for o in c.options.values()]
    assert all(set(text) == {"en", "zh"} for text in texts)
    assert all(bet["right"] is not None for bet in found["bets"].values())
    assert sum(step.minutes for step in part.steps) == part.minutes
