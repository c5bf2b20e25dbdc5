"""A lesson as a server of its own, and the same application without a socket."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="install monazite[teach]")
pytest.importorskip("uvicorn", reason="install monazite[teach]")

from starlette.testclient import TestClient

from sim.teach.app import Teaching, make_app
from tests.checks_of_runs import price_briefly
from tests.lesson_file import write_lesson

PATIENCE = 60.0
HOST = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def teaching(tmp_path_factory: pytest.TempPathFactory) -> Teaching:
    """What the application's requests share."""
    folder = tmp_path_factory.mktemp("teaching")
    return Teaching(str(write_lesson(folder)), folder / "session.json")


@pytest.fixture(scope="module")
def app(teaching: Teaching) -> Iterator[TestClient]:
    """The application as the teacher's machine sees it; ``with`` has read the world."""
    made = make_app(teaching, ["127.0.0.1", "localhost"])
    with pytest.MonkeyPatch.context() as patch:
        price_briefly(patch)
        with TestClient(made, base_url=HOST, client=("127.0.0.1", 50000)) as client:
            client.headers["origin"] = HOST
            yield client


@contextlib.contextmanager
def serving(lesson: Path, folder: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """``monazite teach`` in a process of its own: its address, and the process."""
    words = [sys.executable, "-m", "sim.cli", "teach", str(lesson), "--port", "0", *options]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        until, said = time.monotonic() + PATIENCE, ""
        while "http://" not in said:
            assert time.monotonic() < until, said
            line = process.stdout.readline()
            assert line or process.poll() is None, said
            said += line
        yield said[said.index("http://") :].split()[0], process
    finally:
        process.kill()
        process.wait(PATIENCE)
        if process.stdout is not None:
            process.stdout.close()
