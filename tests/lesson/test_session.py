"""A session is on disk after every change, and what is not one is refused with a remedy."""

import json

import pytest

from sim.errors import MonaziteError
from sim.lesson.session import Session, StaleError
from sim.lesson.settings import status_quo
from sim.scenario import load_scenario
from tests.lesson_file import write_lesson


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    return load_scenario(write_lesson(tmp_path_factory.mktemp("lesson"))).lesson


def test_undo_redo_and_a_new_start_lose_nothing(lesson, tmp_path):
    path = tmp_path / "deep" / "session.json"
    session = Session(lesson, "g", path)
    quo = status_quo(lesson)
    steps = [quo.at(1, 1), quo.at(1, 2), quo.at(2, 2)]
    for one in steps:
        session.set(one, session.version)
    session.undo(session.version)
    assert session.now == steps[1]
    again = Session(lesson, "g", path)
    assert again.as_words() == session.as_words()
    assert again.as_words()["redo"]
    again.redo(again.version)
    assert again.now == steps[2]
    again.undo(again.version)
    again.set(quo, again.version)
    assert not again.as_words()["redo"]
    assert again.as_words()["before"]["sliders"]["stock"] == 2


def test_two_windows_do_not_overwrite_each_other(lesson, tmp_path):
    session = Session(lesson, "g", tmp_path / "s.json")
    quo = status_quo(lesson)
    session.set(quo.at(1, 1), 0)
    for late in (lambda: session.set(quo.at(1, 2), 0), lambda: session.undo(0), lambda: session.redo(0)):
        with pytest.raises(StaleError):
            late()
    assert session.now == quo.at(1, 1)


def test_the_same_again_and_ends_of_history_change_nothing(lesson, tmp_path):
    session = Session(lesson, "g", tmp_path / "s.json")
    session.set(status_quo(lesson), 0)
    session.undo(0)
    session.redo(0)
    assert session.version == 0
    assert not (tmp_path / "s.json").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2}, {"lesson": "other"}, {"at": 7}, {"at": "0"}, {"history": []},
        {"history": [{"embargo": 3}]},
        {"history": [{"sliders": {"gone": 1}}]}, {"version": None},
    ],
)  # fmt: skip
def test_files_that_are_no_session_are_refused(lesson, tmp_path, change):
    path = tmp_path / "s.json"
    session = Session(lesson, "g", path)
    session.set(status_quo(lesson).at(1, 1), 0)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(MonaziteError, match="begin anew"):
        Session(lesson, "g", path)


def test_a_file_that_is_no_json_is_refused(lesson, tmp_path):
    path = tmp_path / "s.json"
    path.write_text("{")
    with pytest.raises(MonaziteError, match="begin anew"):
        Session(lesson, "g", path)
