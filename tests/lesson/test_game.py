"""A game's state: seats, decisions once a quarter, and nothing lost on disk."""

import json

import pytest

from sim.errors import MonaziteError
from sim.lesson.game import MOST_PHONES, Game, Limits, Round, read_name
from sim.lesson.moves import Injection, Move
from sim.lesson.session import StaleError

LIMITS = Limits(rounds=4, seats=("CHN", "JPN", "USA"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.game" / "game.json"


@pytest.fixture
def game(path):
    found = Game("lesson", LIMITS, path, 0)
    found.join("CHN", "Rot", "a")
    found.join("JPN", "Blau", "b")
    return found


def test_every_change_is_on_disk_before_it_is_answered(game, path):
    game.begin(3)
    game.move("CHN", Move("ban", "gallium", "JPN"), 0)
    game.bring(Injection("strike", "JPN", "gallium", 2), game.state.version)
    again = Game("lesson", LIMITS, path, 0)
    assert again.state == game.state
    assert again.now.move("CHN") == Move("ban", "gallium", "JPN")
    assert again.now.injections() == [Injection("strike", "JPN", "gallium", 2)]
    assert again.team_of("b") == "JPN"


def test_a_country_decides_once_in_a_quarter_whatever_phone_asks(game):
    game.join("CHN", "Auch rot", "c")
    with pytest.raises(MonaziteError, match="has not begun"):
        game.move("CHN", Move("wait"), 0)
    game.begin(2)
    game.move("CHN", Move("wait"), 0)
    with pytest.raises(MonaziteError, match="decided for this quarter already"):
        game.move("CHN", Move("ban", "gallium", "JPN"), 0)
    game.turned(Round(humans=("CHN", "JPN")))
    with pytest.raises(StaleError):
        game.move("CHN", Move("wait"), 0)
    game.move("CHN", Move("wait"), 1)
    game.turned(Round())
    assert game.state.phase == "over"
    with pytest.raises(MonaziteError, match="over"):
        game.move("JPN", Move("wait"), 1)


def test_seats_are_limited_and_names_are_one_each(game):
    for number in range(MOST_PHONES - 1):
        game.join("CHN", f"more {number}", f"m{number}")
    for country, name, said in (
        ("CHN", "x", "full"), ("ROW", "x", "no such seat"), ("USA", "ROT", "that name"),
        ("USA", " ", "letters"),
        ("USA", 7, "word"), ("USA", "x" * 25, "letters"), ("USA", "\u202e\u200b\n", "letters"),
    ):  # fmt: skip
        with pytest.raises(MonaziteError, match=said):
            game.join(country, name, "z")
    game.open(joining=False, shared=False)
    with pytest.raises(MonaziteError, match="closed"):
        game.join("USA", "late", "z")
    assert set(game.state.teams) == {"CHN", "JPN"}


def test_names_are_text_without_tricks():
    assert read_name("<b>Rot</b>") == "<b>Rot</b>"
    assert read_name("  a\u202eb \u0000 c ") == "ab c"
    assert read_name("e\u0301") == "\u00e9"


def test_a_seat_that_is_freed_takes_its_decision_along(game):
    game.begin(2)
    game.move("JPN", Move("wait"), 0)
    game.leave("JPN")
    assert game.team_of("b") is None
    assert game.now.moves == {}
    game.join("JPN", "Blau", "n")
    game.move("JPN", Move("wait"), 0)


def test_two_teachers_cannot_undo_each_other(game):
    game.begin(2)
    seen = game.state.version
    game.bring(Injection("report", "CHN", "gallium"), seen)
    with pytest.raises(StaleError):
        game.bring(Injection("report", "JPN", "gallium"), seen)
    with pytest.raises(MonaziteError, match="already"):
        game.bring(Injection("report", "CHN", "gallium"), game.state.version)
    with pytest.raises(MonaziteError, match="begun"):
        game.begin(2)


@pytest.mark.parametrize("rounds", [1, 5, 0, "3", True])
def test_a_game_has_a_length_that_the_lesson_has(game, rounds):
    with pytest.raises(MonaziteError, match="2 to 4 quarters"):
        game.begin(rounds)


def test_a_new_game_keeps_teams_and_nothing_else(game):
    game.begin(2)
    game.turned(Round())
    game.turned(Round())
    game.anew()
    state = game.state
    assert (state.phase, state.round, state.number, len(state.history)) == ("lobby", 0, 1, 1)
    assert set(state.teams) == {"CHN", "JPN"}


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2}, {"lesson": "other"}, {"seed": 3}, {"rounds": 9}, {"round": 3}, {"history": []},
        {"more": 1},
        {"teams": {"XXX": []}}, {"phase": "won"}, {"history": [{"moves": {"CHN": {"kind": "war"}}}]},
    ],
)  # fmt: skip
def test_a_file_that_is_damaged_is_said(game, path, change):
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(MonaziteError, match="begin anew"):
        Game("lesson", LIMITS, path, 0)
