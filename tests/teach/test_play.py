"""A class at play: thirty phones through a game, a server that is killed in it, and those who mean harm."""

import asyncio
import json
import stat

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from sim.teach.app import Teaching, make_app
from sim.teach.play import MOST_LOOKING, MOST_PER_ADDRESS, MOST_TRIES
from sim.teach.tokens import Signer
from tests.checks_of_runs import price_briefly
from tests.lesson_file import write_lesson
from tests.teach.conftest import HOST, serving
from tests.teach.phones import Phone, asked

LINE = "ws://127.0.0.1:8000/play/line"
WRITES = ("/api/play/join", "/api/play/move", "/api/play/teach")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """One application for all tests of this file; each begins a game of its own."""
    folder = tmp_path_factory.mktemp("playing")
    teaching = Teaching(str(write_lesson(folder)), folder / "session.json")
    with pytest.MonkeyPatch.context() as patch:
        price_briefly(patch)
        app = make_app(teaching, ["127.0.0.1", "localhost"])
        with TestClient(app, base_url=HOST, client=("127.0.0.1", 50000)) as client:
            client.headers["origin"] = HOST
            client.get("/data/play.json")
            yield client, teaching


@pytest.fixture
def class_(desk):
    client, teaching = desk
    playing = teaching.playing
    playing._door.joined.clear()
    playing._door._tries.clear()
    client.cookies.clear()
    for country in list(playing.play.game.state.teams):
        teach(client, do="free", country=country)
    teach(client, do="anew")
    return client


def teach(client, **body):
    version = client.get("/api/play").json()["game"]["version"]
    return client.post("/api/play/teach", json={"version": version, **body})


def join(client, name, country):
    client.cookies.clear()
    return client.post("/api/play/join", json={"name": name, "country": country})


def elsewhere(client, monkeypatch, host="10.0.0.7"):
    """From now on, requests come from another machine."""
    monkeypatch.setattr(client._transport, "client", (host, 5))


async def teacher(url, **body):
    _, state, _ = await asyncio.to_thread(asked, url, "/api/play")
    status, answer, _ = await asyncio.to_thread(
        asked, url, "/api/play/teach", {"version": state["game"]["version"], **body}
    )
    assert status == 200, answer
    return answer


async def first_half(url):
    """Thirty phones join, decide and see a quarter run."""
    words = (await asyncio.to_thread(asked, url, "/data/play.json"))[1]
    seats = [seat["id"] for seat in words["seats"]]
    phones = [Phone(url, f"<i>team {i}</i>", seats[i % len(seats)]) for i in range(30)]
    assert await asyncio.gather(*(phone.join() for phone in phones)) == [200] * 30
    await asyncio.gather(*(phone.listen() for phone in phones))
    told = await phones[0].until(lambda told: sum(map(len, told["game"]["teams"].values())) == 30)
    assert told["seat"]["country"] == seats[0]
    await teacher(url, do="begin", rounds=3)
    await asyncio.gather(*(phone.until(lambda told: told["game"]["phase"] == "play") for phone in phones))
    await decide(phones, words)
    strike = {"kind": "strike", "country": seats[0], "good": words["goods"][0]["id"]}
    await teacher(url, do="bring", what=strike)
    await teacher(url, do="turn")
    await asyncio.gather(*(phone.until(lambda told: told["game"]["round"] == 1) for phone in phones))
    return phones, words


async def decide(phones, words):
    """All ask at once; of the phones of a country the first one decides."""
    able = {seat["id"]: seat for seat in words["seats"]}

    def move(phone):
        seat = able[phone.country]
        for kind, partners in (("ban", seat["sells"]), ("tariff", seat["buys"])):
            for good, whom in partners.items():
                return {"kind": kind, "good": good, "whom": whom[0]}
        return {"kind": "wait"}

    quarter = phones[0].told["game"]["round"]
    # What one does already it cannot do again: in later quarters all wait.
    moves = [move(phone) if quarter == 0 else {"kind": "wait"} for phone in phones]
    bodies = [{"quarter": quarter, "move": one} for one in moves]
    asks = (phone.ask("/api/play/move", body) for phone, body in zip(phones, bodies, strict=True))
    found = list(zip(phones, await asyncio.gather(*asks), strict=True))
    for country in able:
        of_country = [status for phone, (status, _) in found if phone.country == country]
        assert sorted(of_country) == [200, *[400] * (len(of_country) - 1)]


async def killed_in_between(lesson, folder):
    """What a phone was told before the crash, after it, and at the end."""
    with serving(lesson, folder) as (url, process):
        phones, words = await first_half(url)
        told = phones[3].told
        # Decided and answered, so never lost.
        assert (await phones[3].ask("/api/play/move", {"quarter": 1, "move": {"kind": "wait"}}))[0] == 200
        process.kill()
        await asyncio.gather(*(phone.leave() for phone in phones))
    with serving(lesson, folder) as (url, _):
        for phone in phones:
            phone.url, phone.told = url, {}
        await asyncio.gather(*(phone.listen() for phone in phones))
        again = await phones[3].until(lambda told: told["game"]["round"] == 1)
        # It cannot act twice, before the crash and after it.
        status, answer = await phones[3].ask("/api/play/move", {"quarter": 1, "move": {"kind": "wait"}})
        assert status == 400
        assert "already" in answer["error"]
        others = [phone for phone in phones if phone.country != phones[3].country]
        left = [seat for seat in words["seats"] if seat["id"] != phones[3].country]
        await decide(others, {**words, "seats": left})
        await teacher(url, do="turn")
        await teacher(url, do="turn")
        final = await phones[0].until(
            lambda told: told["game"]["phase"] == "over" and told["game"]["board"]["influence"] == 3
        )
        await asyncio.gather(*(phone.leave() for phone in phones))
    return told, again, final


def test_thirty_phones_play_a_whole_game_whose_server_is_killed_in_it(tmp_path):
    told, again, final = asyncio.run(killed_in_between(write_lesson(tmp_path), tmp_path))
    assert {**again["game"]["board"], "influence": 0, "countries": []} == {
        **told["game"]["board"], "influence": 0, "countries": [],
    }  # fmt: skip
    for one in final["game"]["board"]["countries"]:
        assert one["influence"] is not None or one["id"] not in final["game"]["teams"]
        assert 0 <= one["security"]["mid"] <= 1
    assert len(final["game"]["board"]["months"]) == 9
    key = next((tmp_path / "outputs" / "teach").glob("*.game")) / "secret"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_token_is_signed_and_stays_in_the_browser(class_, tmp_path):
    answer = join(class_, "Rot", "CHN")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    token = class_.cookies["seat"]
    assert token not in answer.text
    assert class_.get("/api/play").json()["seat"]["country"] == "CHN"
    key, _, signature = token.partition(".")
    forged = ("0" * 32 + "." + signature, key, key + ".", "é." + signature, key + "." + "0" * 64, "." * 999)
    signer = Signer(tmp_path / "secret")
    assert signer.key(signer.new()[1]) is not None
    for one in forged:
        assert class_.get("/api/play", headers={"cookie": f"seat={one}".encode()}).json()["seat"] is None
        assert signer.key(one) is None
    assert signer.key(token) is None
    assert signer.key(None) is None


def test_a_phone_that_comes_back_keeps_its_seat_and_takes_no_other(class_):
    join(class_, "Rot", "CHN")
    again = class_.post("/api/play/join", json={"name": "Zwei", "country": "JPN"})
    assert again.status_code == 400
    assert "plays already" in again.json()["error"]
    with class_.websocket_connect(LINE, headers={"origin": HOST}) as first:
        assert json.loads(first.receive_bytes())["seat"]["country"] == "CHN"
        with class_.websocket_connect(LINE, headers={"origin": HOST}) as second:
            assert json.loads(second.receive_bytes())["seat"]["country"] == "CHN"
            # One line to a phone: the old one is closed.
            with pytest.raises(WebSocketDisconnect):
                heard_out(first)


def heard_out(line):
    """All that is said on a line until it is closed."""
    while True:
        line.receive_bytes()


def test_who_looks_on_sees_the_board_and_moves_nothing(class_, monkeypatch):
    join(class_, "Rot", "CHN")
    teach(class_, do="begin", rounds=2)
    class_.cookies.clear()
    elsewhere(class_, monkeypatch)
    seen = class_.get("/api/play").json()
    assert not seen["teacher"]
    assert seen["seat"] is None
    assert seen["game"]["teams"] == {"CHN": ["Rot"]}
    assert class_.get("/join").status_code == 200
    body = {"quarter": 0, "move": {"kind": "wait"}}
    assert class_.post("/api/play/move", json=body).status_code == 403
    for what in ({"do": "turn"}, {"do": "free", "country": "CHN"}, {"do": "anew"}, {"do": "open"}):
        asked = class_.post("/api/play/teach", json={**what, "version": seen["game"]["version"]})
        assert asked.status_code == 403


def test_other_origins_and_hosts_are_refused(class_):
    for origin in ("http://evil.example", "null", "", "https://127.0.0.1:8000"):
        for path in WRITES:
            assert class_.post(path, json={}, headers={"origin": origin}).status_code == 403
        with pytest.raises(WebSocketDisconnect), class_.websocket_connect(LINE, headers={"origin": origin}):
            pass
    for path in ("/join", "/data/play.json", "/data/join.svg", "/api/play"):
        assert class_.get(path, headers={"host": "evil.example"}).status_code == 400
        policy = class_.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_a_flood_of_joins_is_limited_by_address_and_the_teacher_may_allow_it(class_, monkeypatch):
    own = class_._transport.client
    elsewhere(class_, monkeypatch)
    countries = ["CHN"] * 3 + ["JPN"] * (MOST_PER_ADDRESS - 1)
    found = [join(class_, f"team {i}", country).status_code for i, country in enumerate(countries)]
    assert found == [200] * MOST_PER_ADDRESS + [429] * 2
    monkeypatch.setattr(class_._transport, "client", own)
    teach(class_, do="open", joining=True, shared=True)
    elsewhere(class_, monkeypatch)
    assert join(class_, "more", "USA").status_code == 200
    monkeypatch.setattr(class_._transport, "client", own)
    teach(class_, do="open", joining=True, shared=False)
    elsewhere(class_, monkeypatch, "10.0.0.8")
    tries = [join(class_, "", "JPN").status_code for _ in range(MOST_TRIES + 3)]
    assert tries == [400] * MOST_TRIES + [429] * 3
    monkeypatch.setattr(class_._transport, "client", own)
    teach(class_, do="open", joining=False, shared=False)
    assert "closed" in join(class_, "late", "USA").json()["error"]


def test_a_flood_of_lookers_keeps_no_phone_from_its_line(class_):
    from contextlib import ExitStack

    join(class_, "Rot", "CHN")
    cookie = dict(class_.cookies)
    class_.cookies.clear()
    with ExitStack() as stack:
        for _ in range(MOST_LOOKING):
            stack.enter_context(class_.websocket_connect(LINE, headers={"origin": HOST}))
        with pytest.raises(WebSocketDisconnect), class_.websocket_connect(LINE, headers={"origin": HOST}):
            pass
        class_.cookies.update(cookie)
        with class_.websocket_connect(LINE, headers={"origin": HOST}) as own:
            assert json.loads(own.receive_bytes())["seat"]["country"] == "CHN"


def test_two_teachers_cannot_turn_a_quarter_twice(class_):
    join(class_, "Rot", "CHN")
    teach(class_, do="begin", rounds=2)
    version = class_.get("/api/play").json()["game"]["version"]
    first = class_.post("/api/play/teach", json={"do": "turn", "version": version})
    second = class_.post("/api/play/teach", json={"do": "turn", "version": version})
    assert (first.status_code, second.status_code) == (200, 409)
    assert class_.get("/api/play").json()["game"]["round"] == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (WRITES[0], {}), (WRITES[0], {"name": "x", "country": "ATL"}),
        (WRITES[0], {"name": ["x"], "country": "CHN"}),
        (WRITES[2], {}), (WRITES[2], {"version": "1"}), (WRITES[2], {"version": True}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_answered_in_a_sentence(class_, path, body):
    class_.cookies.clear()
    answer = class_.post(path, json=body)
    assert answer.status_code in (400, 409)
    assert "Traceback" not in answer.text
    for what in ("erase", None, 3, "turn", "bring"):
        found = teach(class_, do=what)
        assert found.status_code == 400
        assert found.json()["error"]


def test_a_game_that_cannot_be_read_leaves_the_lesson_as_it_is(tmp_path):
    folder = tmp_path / "session.game"
    folder.mkdir()
    (folder / "game.json").write_text("{}")
    teaching = Teaching(str(write_lesson(tmp_path)), tmp_path / "session.json")
    with TestClient(make_app(teaching, ["127.0.0.1"]), base_url=HOST, client=("127.0.0.1", 5)) as client:
        assert client.get("/api/session").status_code == 200
        assert client.get("/data/lesson.json").status_code == 200
        answer = client.get("/data/play.json")
        assert answer.status_code == 400
        assert "begin anew" in answer.json()["error"]
