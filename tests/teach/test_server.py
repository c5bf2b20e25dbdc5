"""The server answers its own pages and nobody else's, and says what is wrong in a sentence."""

import json

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from sim.teach.app import MOST_LINES
from sim.teach.guard import LARGEST_BODY, Guard
from tests.teach.conftest import HOST

LINE = "ws://127.0.0.1:8000/line"
WRITES = ("/api/session", "/api/outcomes", "/api/why", "/api/answers")


def change(app, **body):
    version = app.get("/api/session").json()["version"]
    return app.post("/api/session", json={"version": version, **body})


def test_pages_and_data_have_types_and_headers(app):
    page = app.get("/")
    assert page.headers["content-type"].startswith("text/html")
    kinds = {"/app.js": "text/javascript", "/style.css": "text/css", "/data/lesson.json": "application/json"}
    for path, kind in kinds.items():
        answer = app.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_header_that_browsers_heed_on_this_machine_alone_is_sent_to_it_alone():
    made = Guard(PlainTextResponse("there"), ["127.0.0.1", "192.0.2.2"])
    name = "cross-origin-opener-policy"
    for host, sent in (("127.0.0.1:8000", "same-origin"), ("192.0.2.2:8000", None)):
        answer = TestClient(made, base_url=f"http://{host}").get("/")
        assert answer.text == "there"
        assert answer.headers.get(name) == sent
        assert answer.headers["x-frame-options"] == "DENY"


def test_the_whole_page_is_small(app):
    from sim.teach.content import FOLDER

    size = sum(len(path.read_bytes()) for path in (FOLDER / "static").iterdir())
    assert size + len(app.get("/data/lesson.json").content) < 500_000


@pytest.mark.parametrize(
    "path", ["/app.py", "/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "/static", "/index.htm", "/etc"]
)
def test_no_other_file_has_a_name(app, path):
    assert app.get(path).status_code == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil:8000", "", "127.0.0.2:8000"]
)
def test_other_hosts_are_refused(app, host):
    for path in ("/", "/api/session", "/data/lesson.json"):
        assert app.get(path, headers={"host": host}).status_code == 400


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:8000", "http://127.0.0.1:9000", ""]
)
def test_writes_from_other_origins_are_refused(app, origin):
    for path in WRITES:
        assert app.post(path, json={}, headers={"origin": origin}).status_code == 403
    with pytest.raises(WebSocketDisconnect), app.websocket_connect(LINE, headers={"origin": origin}):
        pass


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("[]", "no mapping"), ("{", "no JSON"), ("[" * 20000, "no JSON"), ('{"settings": []}', "1 to 15"),
        ('{"settings": 1}', "1 to 15"), ('{"settings": [{"sliders": {"stock": 9}}]}', "positions 0 to 2"),
        ('{"settings": [{"sliders": {"<script>": 0}}]}', "has no '<script>'"),
        ('{"settings": [NaN]}', "mapping"),
    ],
)  # fmt: skip
def test_bodies_that_are_wrong_are_answered_in_a_sentence(app, body, said):
    answer = app.post("/api/outcomes", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_large_bodies_and_other_types_are_refused(app):
    kind = {"content-type": "application/json"}
    large = app.post("/api/outcomes", content=b" " * (LARGEST_BODY + 1), headers=kind)
    assert large.status_code == 400
    assert app.post("/api/outcomes", content="{}", headers={"content-type": "text/plain"}).status_code == 400


def test_the_session_is_shared_and_late_changes_are_refused(app):
    quo = app.get("/data/lesson.json").json()["lesson"]["quo"]
    with app.websocket_connect(LINE, headers={"origin": HOST}) as line:
        first = json.loads(line.receive_bytes())
        moved = {**quo, "embargo": True}
        assert change(app, do="set", settings=moved).status_code == 200
        told = json.loads(line.receive_bytes())
        assert told["settings"]["embargo"]
        assert told["version"] == first["version"] + 1
    late = app.post("/api/session", json={"do": "undo", "version": first["version"]})
    assert late.status_code == 409
    assert change(app, do="undo").json()["settings"] == first["settings"]
    for body in ({"do": "erase"}, {"do": "set"}, {"do": "set", "settings": {"embargo": 2}}):
        assert change(app, **body).status_code == 400
    assert app.post("/api/session", json={"do": "undo", "version": "1"}).status_code == 400


def test_outcomes_and_why_come_from_the_model(app, teaching):
    quo = app.get("/data/lesson.json").json()["lesson"]["quo"]
    pressed = {**quo, "embargo": True}
    found = app.post("/api/outcomes", json={"settings": [quo, pressed]}).json()["outcomes"]
    assert [one["key"] for one in found] == ["0.0-0.1-0-0", "1.0-0.1-0-0"]
    items = app.post("/api/why", json={"settings": pressed, "good": "gallium_high_purity"}).json()["why"]
    assert items[0]["parts"].keys() == {"embargo"}
    assert app.post("/api/why", json={"settings": pressed, "good": "steel"}).status_code == 400
    answers = app.post("/api/answers", json={}).json()
    assert answers["bets"].keys() == {"price", "who"}
    assert teaching.desk.known(teaching.desk.lab.settings(None))


@pytest.fixture
def elsewhere(app, monkeypatch):
    """From now on, requests come from another machine."""
    return lambda: monkeypatch.setattr(app._transport, "client", ("10.0.0.7", 5))


def test_others_look_on_and_start_nothing(app, elsewhere):
    quo = app.get("/data/lesson.json").json()["lesson"]["quo"]
    pressed = {**quo, "embargo": True}
    change(app, do="set", settings=pressed)
    elsewhere()
    assert app.get("/").status_code == 200
    assert not app.get("/api/session").json()["teacher"]
    # What the teacher's page shows, others may wait for.
    assert app.post("/api/outcomes", json={"settings": [pressed, quo]}).status_code == 200
    assert app.post("/api/why", json={"settings": pressed}).status_code == 200
    new = {**quo, "sliders": {**quo["sliders"], "saving": 1}}
    asked = {
        "/api/outcomes": {"settings": [new]}, "/api/why": {"settings": new},
        "/api/session": {"do": "undo", "version": 0},
    }  # fmt: skip
    for path, body in asked.items():
        assert app.post(path, json=body).status_code == 403


def test_a_flood_of_windows_is_limited(app):
    from contextlib import ExitStack

    with ExitStack() as stack:
        for _ in range(MOST_LINES):
            stack.enter_context(app.websocket_connect(LINE, headers={"origin": HOST}))
        with pytest.raises(WebSocketDisconnect), app.websocket_connect(LINE, headers={"origin": HOST}):
            pass


def test_both_languages_have_every_word_that_the_page_asks_for():
    import re

    from sim.teach.content import FOLDER, texts

    scripts = "".join(path.read_text(encoding="utf-8") for path in (FOLDER / "static").glob("*.js"))
    asked = set(re.findall(r"\bt\(\"(\w+)\"", scripts))
    known = {language: {key for key in table if " " not in key} for language, table in texts().items()}
    assert known["en"] == known["zh"]
    assert asked <= known["en"]
    for name in known["en"]:
        places = [set(re.findall(r"\{(\w+)\}", table[name])) for table in texts().values()]
        assert places[0] == places[1], name
