"""Workers and what becomes of them when the process that they work for is stopped or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sim.sweep.journal import read_journal
from tests.sweep.stores import QUICK

ROOT = Path(__file__).resolve().parents[2]
SWEEP = ("sweep", "baseline-2024", *QUICK, "time.end=2024-12", "--members", "960")
PATIENCE = 10.0
"""Seconds that a worker may live on."""
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")]


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [
        sys.executable, "-m", "sim.cli", *SWEEP, "--executor", "processes", "--workers", "2", *words,
    ]  # fmt: skip
    return subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def at_work(folder: Path, process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Its processes, once a block is stored."""
    until = time.monotonic() + 120
    while not any(read_journal(path) for path in folder.glob("outputs/*/journal.jsonl")):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.02)
    return psutil.Process(process.pid).children(recursive=True)


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    with started(tmp_path, "--quiet") as process:
        workers = at_work(tmp_path, process)
        assert len(workers) >= 2
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs(workers, timeout=PATIENCE)
        for one in alive:
            one.kill()
    assert alive == []


def test_hangup_finishes_the_runs_in_flight(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        workers = at_work(tmp_path, process)
        # As a terminal does it: to the whole group.
        os.killpg(process.pid, signal.SIGHUP)
        out, err = process.communicate(timeout=60)
        _, alive = psutil.wait_procs(workers, timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGHUP, err
    assert "Traceback" not in err
    assert "Continue with: monazite resume" in out
    assert err.splitlines()[-1] == "stopped by SIGHUP"
    assert alive == []
    (journal,) = tmp_path.glob("outputs/*/journal.jsonl")
    done = 32 * len(read_journal(journal))
    assert f"stopped after {done} of 960 runs" in out


def test_terminal_that_is_closed(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    number, terminal = pty.fork()
    if number == 0:
        os.chdir(tmp_path)
        os.environ["PYTHONPATH"] = str(ROOT)
        os.execv(sys.executable, [sys.executable, "-m", "sim.cli", *SWEEP, "--executor", "local"])
    until = time.monotonic() + 120
    os.set_blocking(terminal, False)
    while not any(read_journal(path) for path in tmp_path.glob("outputs/*/journal.jsonl")):
        assert time.monotonic() < until
        try:
            os.read(terminal, 65536)
        except BlockingIOError:
            time.sleep(0.02)
    os.close(terminal)
    _, status = os.waitpid(number, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
