"""The key `lesson`: what is wrong with it is said with its place, as the language says it elsewhere."""

import pytest

from sim.errors import InputProblems
from sim.scenario import check_scenario, load_scenario
from tests.lesson_file import write_lesson

BAD = [
    ("members: 5", "members: 4", "lesson.members: '4' is even, and no member would be the middle one"),
    ("minutes: 20\n", "minutes: many\n", "lesson.minutes: "),
    ("{en: Gallium, zh: 镓}", "{fr: Gallium}", "lesson.title: 'fr' is no language of lessons"),
    ("{en: Gallium, zh: 镓}", "{zh: 镓}", "lesson.title: the text has no 'en'"),
    ("events: [embargo]", "events: [embargoo]", "there is no event 'embargoo'; did you mean 'embargo'?"),
    ("events.stock.size", "events.stok.size", "lesson.sliders.stock.sets: there is no event 'stok'"),
    ("events.stock.size", "events.stock.buy_below", "events.stock.buy_below"),
    ("events.stock.size", "events.stock.from", "events.stock.from: a mapping is not a date"),
    ("[0 months, 3 months,", "[0 months, 3 apples,", "unknown unit 'apples'"),
    ("[0 months, 3 months,", "[1 month, 3 months,", "positions: the status quo, 0 months,"),
    ("{events.embargo.to: [JPN]", "{events.embargo.to: [JAPN]", "JAPN"),
    ("bounds: [1.2, 2, 4]", "bounds: [2, 1.2]", "lesson.bets.price.bounds: the bounds do not rise"),
    ("bounds: [1.2, 2, 4]", "countries: [JPN]", "lesson.bets.price: nobody could bet on it"),
    ("measure: peak_price", "measure: peak_prize", "lesson.bets.price.measure: "),
    ("sliders: {saving: 30 %}", "sliders: {saving: 31 %}", "'31 %' is no position of it"),
    ("sliders: {saving: 30 %}", "sliders: {savings: 30 %}", "there is no slider 'savings'; did you mean"),
    ("settings: {embargo: true,", "settings: {embargo: maybe,", "values.saved.settings.embargo: "),
    ("positions: [0 %, 10 %, 30 %]", "positions: [0 %]", "lesson.sliders.saving.positions: "),
    ("  doubts:", "  dobts:", "lesson.dobts: unknown field; did you mean 'doubts'?"),
]


@pytest.mark.parametrize(("old", "new", "said"), BAD)
def test_what_is_wrong_is_said_with_its_place(tmp_path, old, new, said):
    _, problems = check_scenario(write_lesson(tmp_path, old, new))
    texts = [problem.text() for problem in problems]
    assert any(said in text for text in texts), texts
    assert all(problem.line for problem in problems)


def test_a_sound_one_is_read(tmp_path):
    scenario = load_scenario(write_lesson(tmp_path))
    lesson = scenario.lesson
    assert lesson is not None
    assert lesson.status_quo == {"approval": 1, "stock": 0, "saving": 0}
    assert lesson.numbers["approval"] == (0.0, 0.4, 0.8)
    assert lesson.part.title == {"en": "Gallium", "zh": "镓"}
    assert lesson.part.about == {"en": "<b>Two</b> goods."}
    assert "lesson" not in scenario.model_dump()


def test_a_lesson_is_not_inherited(tmp_path):
    write_lesson(tmp_path)
    child = tmp_path / "child.yaml"
    child.write_text("format: 2\nname: child\ntitle: t\nextends: [gallium-lesson]\n")
    assert load_scenario(child).lesson is None


def test_an_event_that_cannot_be_read_is_blamed_once(tmp_path):
    with pytest.raises(InputProblems) as caught:
        load_scenario(write_lesson(tmp_path, "    ramp: 1 month, assumption", "    assumption"))
    assert len(caught.value.problems) == 1
