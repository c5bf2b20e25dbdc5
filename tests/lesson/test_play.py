"""A game on the small lesson: moves are events that the model knows, and every number is one of its runs."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from sim.engine.simulation import Simulation
from sim.errors import MonaziteError
from sim.lesson.game import Moved, Round
from sim.lesson.moves import MOVES, Injection, Move, event_of, injected, read_injection, read_move
from sim.lesson.play import Play
from sim.lesson.score import Accountant, Marks

HIGH, LOW = "gallium_high_purity", "gallium_low_purity"
TEAMS = ("CHN", "JPN", "USA")


@pytest.fixture
def play(lab, tmp_path):
    return begun(lab, tmp_path / "a.game")


def begun(lab, folder, rounds=2):
    made = Play(lab, folder)
    for country in TEAMS:
        made.game.join(country, f"team {country}", country)
    made.game.begin(rounds)
    return made


def turn(play, moves, brought=()):
    for country, move in moves.items():
        play.move(country, move, play.game.state.round)
    for one in brought:
        play.bring(one, play.game.state.version)
    play.game.turned(play.run())


def row(play, country):
    return next(one for one in play.board()["countries"] if one["id"] == country)


def test_seats_are_those_with_most_at_stake_and_can_do_something(play):
    seats = list(play.referee.seats.values())
    assert seats[0].country == "CHN"
    assert [seat.stake for seat in seats] == sorted((seat.stake for seat in seats), reverse=True)
    assert all(seat.sells or seat.buys for seat in seats)
    assert "JPN" in play.referee.seats["CHN"].sells[LOW]
    assert "ROW" not in play.referee.seats


def test_every_move_and_injection_is_an_event_that_the_language_takes(play):
    referee, day = play.referee, play.referee.day(0)
    seats, whom = referee.seats, {"talks": "USA"}
    events = {}
    for kind in MOVES:
        for country in ("CHN", "JPN"):
            for level in (0, 2):
                seat = seats[country]
                partners = seat.sells if kind in ("ban", "licence", "subsidise") else seat.buys
                target = whom.get(kind, "world" if level else partners[HIGH][0])
                written = {"kind": kind, "good": HIGH, "whom": target, "level": level}
                move = Move("lift") if kind == "lift" else read_move(written, seat, seats, {})
                event = event_of(move, seat, day)
                assert (event is None) == (kind in ("talks", "lift", "wait"))
                if event is not None:
                    events[f"q1-{country}-{kind}-{level}"] = event
    after = referee.day(1)
    for kind in ("strike", "report"):
        event = injected(read_injection({"kind": kind, "country": "CHN", "good": LOW}, seats), day, after)
        assert event is not None
        events[f"news-{kind}"] = event
    scenario = referee.scenario(events, TEAMS)
    assert set(events) <= {event.id for event in scenario.events}
    # Warnings say of an event that it touches nothing.
    assert [str(one) for one in scenario.warnings if "touches nothing" in str(one)] == []


def test_a_game_without_moves_is_the_world_in_which_nobody_moves(play):
    referee = play.referee
    calm, at = referee.calm()
    # Countries without a team act by rules; so all have one here.
    empty = referee.book((Round(),))
    marks, _, seen = referee.quarter(at, referee.scenario({}, referee.seats), empty)
    assert seen == ()
    np.testing.assert_allclose(marks.price, calm.months(0, 3).price, rtol=1e-6)
    turn(play, {country: {"kind": "wait"} for country in TEAMS})
    done = {one["by"] for one in play.board()["quarters"][0]["seen"]}
    assert not done & set(TEAMS)


def test_a_ban_is_the_run_of_that_scenario(play, lab):
    referee = play.referee
    book = referee.book((Round(moves={"CHN": Moved(kind="ban", good=LOW, whom="JPN")}),))
    # Without governments that act by rules, which would begin with the run rather than with the game.
    scenario = referee.scenario(book.events, (), reactive=False)
    own, _, _ = referee.quarter(referee.calm()[1], scenario, book)
    recorder = partial(Accountant, lab.goods, lab.homes, {})
    whole = Simulation(lab.whole, scenario, list(range(referee.members)), lab.seed, recorder=recorder)
    while whole.time < referee.first + 3:
        whole.step()
    other = whole.recorder.marks().months(referee.first, referee.first + 3)
    for name in ("price", "need", "short", "paid"):
        np.testing.assert_array_equal(getattr(own, name), getattr(other, name))
    turn(play, {"CHN": {"kind": "ban", "good": LOW, "whom": "JPN"}})
    assert row(play, "JPN")["security"]["mid"] < row(play, "JPN")["usual"]["mid"]


def test_prices_are_outside_one_country_whoever_else_bans(play, lab):
    referee, good = play.referee, [one.id for one in lab.world.goods].index(HIGH)
    whom = referee.seats["JPN"].sells[HIGH][0]
    book = referee.book((Round(moves={"JPN": Moved(kind="ban", good=HIGH, whom=whom)}),))
    # With a ban of China's that never happens, the run itself reports the price outside China.
    never = {
        "type": "export_ban", "by": "CHN", "to": "world", "goods": [HIGH], "probability": "0 %",
        "from": str(referee.day(0)), "assumption": "Of a test.",
    }  # fmt: skip
    reported = {}
    for events in (book.events, {**book.events, "never": never}):
        scenario = referee.scenario(events, (), reactive=False)
        simulation = referee._resumed(referee.calm()[1], scenario, book)
        place = simulation.case.observer.controller[good]
        reported[lab.world.countries[place]] = simulation.step().prices.standing("outside")[:, good]
        reported.setdefault("shown", simulation.recorder.marks().price[:, 0, lab.goods.index(HIGH)])
    assert not np.allclose(reported["JPN"], reported["CHN"], rtol=1e-3)
    np.testing.assert_allclose(reported["shown"], reported["CHN"], rtol=1e-12)


def test_influence_is_the_game_without_ones_moves(play):
    turn(play, {"CHN": {"kind": "ban", "good": LOW, "whom": "JPN"}, "USA": {"kind": "wait"}})
    assert row(play, "CHN")["influence"] is None
    assert play.shade()
    assert not play.shade()
    assert row(play, "CHN")["influence"]["mid"] > 0
    assert row(play, "USA")["influence"]["mid"] == 0
    # The same, from a run of its own that never had the ban.
    referee = play.referee
    history = (play.game.state.history[0].model_copy(update={"moves": {}}),)
    bare, _, _ = referee.quarter(referee.calm()[1], referee.scenario({}, TEAMS), referee.book(history))
    gap = (play._marks[0].short - bare.short).sum(axis=1)
    expected = np.sort(gap.sum(axis=1) - gap[:, referee.places["CHN"]])[len(gap) // 2]
    assert row(play, "CHN")["influence"]["mid"] == pytest.approx(expected / 1e6, rel=1e-3, abs=1e-4)


def test_a_game_that_is_read_again_or_run_again_shows_the_same(play, lab, tmp_path):
    turn(play, {"CHN": {"kind": "licence", "good": HIGH, "whom": "world", "level": 2},
                "JPN": {"kind": "stockpile", "good": HIGH}},
         [{"kind": "strike", "country": "CHN", "good": LOW, "level": 2}])  # fmt: skip
    tariff = {"kind": "tariff", "good": HIGH, "whom": "CHN"}
    turn(play, {"CHN": {"kind": "lift", "lifts": "q1-CHN"}, "USA": tariff})
    while play.shade():
        pass
    shown = json.dumps(play.view())
    folder = tmp_path / "a.game"
    again = Play(lab, folder)
    assert json.dumps(again.view()) == shown
    for path in folder.glob("*quarter*"):
        path.write_bytes(b"damaged")
    third = Play(lab, folder)
    third.prepare()
    while third.shade():
        pass
    assert json.dumps(third.view()) == shown


def test_a_quarter_is_shown_once_it_is_over_and_not_before(play):
    play.move("CHN", {"kind": "ban", "good": LOW, "whom": "JPN"}, 0)
    ran = play.run()
    assert play.board()["months"] == []
    play.game.turned(ran)
    assert len(play.board()["months"]) == 3
    assert play.board()["quarters"][0]["seen"] == [one.model_dump() for one in ran.seen]
    play.game.turned(play.run())
    play.game.anew()
    play.forget()
    assert play.board()["months"] == []
    assert not play.shade()


def test_what_a_state_pays_its_makers_is_in_its_cost(play):
    turn(play, {"CHN": {"kind": "subsidise", "good": LOW, "level": 2}})
    one = row(play, "CHN")
    assert one["support"]["low"] > 0
    assert row(play, "JPN")["support"]["high"] == 0
    with pytest.raises(MonaziteError, match="already; end it first"):
        play.move("CHN", {"kind": "subsidise", "good": LOW}, 1)


def test_talks_suspend_what_two_aim_at_each_other(play):
    turn(play, {"CHN": {"kind": "ban", "good": LOW, "whom": "JPN"}, "USA": {"kind": "wait"}})
    play.move("JPN", {"kind": "talks", "whom": "CHN"}, 1)
    assert play.seat("CHN")["offers"] == ["JPN"]
    play.move("CHN", {"kind": "talks", "whom": "JPN"}, 1)
    ran = play.run()
    assert ran.deals == (("CHN", "JPN"),)
    event = play.referee.book((play.game.state.history[0], ran)).events["talks2-CHN-JPN"]
    assert event["events"] == ["q1-CHN"]
    lonely = replace(play.referee.book(()), events={})
    assert lonely.measures("CHN", play.referee.day(0)) == {}


def test_one_who_talks_alone_agrees_with_nobody_unless_a_rule_does(play):
    referee = play.referee
    moves = {"JPN": Moved(kind="talks", whom="DEU")}
    history = (Round(moves=moves),)
    assert referee.deals(history, TEAMS, None) == ()
    marks, places = referee.calm()[0].months(0, 3), referee.places
    assert referee.deals(history, TEAMS, marks) == ()
    short = marks.short.copy()
    short[..., places["DEU"]] = 0.06 * marks.need[..., places["DEU"]]
    hungry = replace(marks, short=short)
    assert referee.deals(history, TEAMS, hungry) == (("DEU", "JPN"),)
    assert referee.deals(history, (*TEAMS, "DEU"), hungry) == ()


def test_a_leak_makes_buyers_know_a_month_before(play, lab, tmp_path):
    move = {"CHN": {"kind": "ban", "good": LOW, "whom": "JPN"}}
    turn(play, move, [{"kind": "leak", "country": "CHN"}])
    plain = begun(lab, tmp_path / "b.game")
    turn(plain, move)
    event = play.referee.book(play.game.state.history[:1]).events["q1-CHN"]
    assert event["announced"] < event["from"]
    # Less is missing in the first month: the ban is not there yet.
    place = play.referee.places["JPN"]
    assert play._marks[0].short[:, 0, place].sum() < plain._marks[0].short[:, 0, place].sum()
    with pytest.raises(MonaziteError, match="nobody plays"):
        play.bring({"kind": "leak", "country": "DEU"}, play.game.state.version)


def test_a_report_frightens_buyers_and_is_gone_a_quarter_later(play):
    turn(play, {}, [{"kind": "report", "country": "CHN", "good": LOW}])
    calm = play.referee.calm()[0].months(0, 3)
    g = list(play.referee.lab.goods).index(LOW)
    assert np.median(play._marks[0].price[..., g] / calm.price[..., g]) > 1.02
    assert "news1-1" in play.referee.book(play.game.state.history[:1]).events
    assert play.referee.book(play.game.state.history[:2]).events == {}
    # In the last quarter, too, whose next one is beyond the run.
    turn(play, {}, [{"kind": "report", "country": "CHN", "good": LOW}])
    assert play.game.state.phase == "over"


@pytest.mark.parametrize(
    ("first", "second", "true"),
    [
        ({"kind": "wait"}, {"kind": "ban", "good": LOW, "whom": "world"}, True),
        # What is in force already is true, too; what ends before the quarter is not.
        ({"kind": "ban", "good": LOW, "whom": "world"}, {"kind": "wait"}, True),
        ({"kind": "ban", "good": LOW, "whom": "world"}, {"kind": "lift", "lifts": "q1-CHN"}, False),
        # The report is of this good, and of a ban on everybody.
        ({"kind": "wait"}, {"kind": "ban", "good": LOW, "whom": "JPN"}, False),
        ({"kind": "ban", "good": HIGH, "whom": "world"}, {"kind": "wait"}, False),
    ],
)
def test_a_report_is_true_where_the_ban_that_it_spoke_of_stands_a_quarter_later(play, first, second, true):
    turn(play, {"CHN": first}, [{"kind": "report", "country": "CHN", "good": LOW}])
    assert play.board()["quarters"][0]["reports"] == []
    turn(play, {"CHN": second})
    said = [{"country": "CHN", "good": LOW, "true": true}]
    assert play.board()["quarters"][1]["reports"] == said


def test_a_move_that_ends_a_measure_says_which(play):
    turn(play, {"CHN": {"kind": "ban", "good": LOW, "whom": "JPN"}})
    play.move("CHN", {"kind": "lift", "lifts": "q1-CHN"}, 1)
    ends = play.seat("CHN")["move"]["ends"]
    assert (ends["kind"], ends["good"], ends["whom"]) == ("ban", LOW, "JPN")
    play.game.turned(play.run())
    assert play.board()["quarters"][1]["moves"]["CHN"]["ends"] == ends
    assert play.board()["quarters"][0]["moves"]["CHN"]["ends"] is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ([], "write kind"), ({"kind": "war"}, "no move"), ({"kind": 3}, "no word"),
        ({"kind": "x" * 99}, "no word"),
        ({"kind": "ban", "good": "steel", "whom": "JPN"}, "does not sell"),
        ({"kind": "ban", "good": HIGH, "whom": "XXX"}, "does not trade"),
        ({"kind": "ban", "good": HIGH, "level": 3}, "level"), ({"kind": "wait", "level": True}, "level"),
        ({"kind": "talks", "whom": "CHN"}, "another country"),
        ({"kind": "talks", "whom": "ATL"}, "another country"),
        ({"kind": "lift", "lifts": "q1-JPN"}, "no measure of yours"),
        ({"kind": "ban", "events": {}}, "write kind"),
    ],
)  # fmt: skip
def test_moves_that_are_none_are_refused_in_a_sentence(play, written, said):
    with pytest.raises(MonaziteError, match=said):
        play.move("CHN", written, 0)
    with pytest.raises(MonaziteError, match="number"):
        play.move("CHN", {"kind": "wait"}, "0")


@pytest.mark.parametrize(
    "written",
    [None, {"kind": "war", "country": "CHN"}, {"kind": "strike", "country": "ATL"},
     {"kind": "strike", "country": "CHN", "good": "steel"}, {"kind": "report", "country": "CHN", "good": ""}],
)  # fmt: skip
def test_injections_that_are_none_are_refused(play, written):
    with pytest.raises(MonaziteError):
        play.bring(written, play.game.state.version)
    assert Injection("leak", "CHN") == read_injection({"kind": "leak", "country": "CHN"}, play.referee.seats)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"x" * 100])
def test_months_that_are_none_are_refused(data):
    with pytest.raises(MonaziteError):
        Marks.unpacked(data, (5, 3, 2, 73))
