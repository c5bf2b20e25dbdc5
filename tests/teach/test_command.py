"""``monazite teach`` at the prompt: what is wrong is said in a sentence before anything is read."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from sim.cli import main
from sim.teach.serve import code
from tests.lesson_file import write_lesson
from tests.teach.conftest import serving

ROOT = Path(__file__).parents[2]


def said(capsys, *words):
    result = main(["teach", *words])
    return result, "".join(capsys.readouterr())


def test_lessons_are_named(capsys):
    result, text = said(capsys, "--list")
    assert result == 0
    assert "teaching-embargo-magnets  Embargo on magnets" in text
    assert "baseline-2024" not in text


def test_without_the_extra_it_says_how_to_get_it(capsys, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else real(name))
    result, text = said(capsys)
    assert result == 2
    assert text == "'monazite teach' needs uvicorn; install it with: pip install '.[teach]'\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["baseline-2024"], "baseline-2024 has no lesson; lessons in the browser: teaching-embargo-"),
        (["teaching-embargo-45min"], "a lesson for the prompt, its steps head "),
        (["teaching-embargo-45min"], "45min.yaml; lessons in the browser: teaching-embargo-"),
        (["teaching-stockpil"], "did you mean 'teaching-stockpile'?"),
        (["--port", "70000"], "--port must be from 0 to 65535, not 70000"),
        (["--host", "203.0.113.9", "--port", "0"], "203.0.113.9:"),
        (["teaching-stockpile", "baseline-2024"], "one word too many"),
    ],
)
def test_what_is_wrong_is_said(capsys, tmp_path, monkeypatch, words, expected):
    monkeypatch.chdir(tmp_path)
    result, text = said(capsys, *words)
    assert result == 2
    assert expected in text
    assert "Traceback" not in text


def test_a_port_that_is_taken_is_said(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result, text = said(capsys, str(write_lesson(tmp_path)), "--port", str(taken.getsockname()[1]))
    assert result == 2
    assert "cannot be listened on" in text
    assert "--port 0" in text


def test_a_session_that_is_none_is_said_and_new_moves_it_away(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = write_lesson(tmp_path)
    session = tmp_path / "outputs" / "teach" / "gallium-lesson.json"
    session.parent.mkdir(parents=True)
    session.write_text("{}")
    result, text = said(capsys, str(source), "--port", "0")
    assert result == 2
    assert "begin anew" in text
    with serving(source, tmp_path, "--new") as (url, _):
        assert json.load(urllib.request.urlopen(f"{url}api/session"))["version"] == 0
    assert session.with_suffix(".last.json").read_text() == "{}"


def test_another_address_gets_a_code_and_may_look_on_only(tmp_path):
    with serving(write_lesson(tmp_path), tmp_path, "--host", "127.0.0.2") as (url, process):
        assert process.stdout is not None
        other = process.stdout.readline().split()[0]
        assert other == url.replace("127.0.0.1", "127.0.0.2")
        assert "█" in process.stdout.readline()
        assert urllib.request.urlopen(other).status == 200


def test_a_code_holds_the_address():
    assert len(code("http://192.168.1.7:8765/").splitlines()) > 10


def test_an_interrupt_ends_it_quietly(tmp_path):
    with serving(write_lesson(tmp_path), tmp_path) as (url, process):
        json.load(urllib.request.urlopen(f"{url}api/session"))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130)
        assert process.stdout is not None
        assert "Traceback" not in process.stdout.read()


def test_the_command_line_does_not_load_the_server_for_others():
    program = "import sys, sim.cli; sim.cli.build_parser(); print('starlette' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert found.stdout.strip() == "False"
