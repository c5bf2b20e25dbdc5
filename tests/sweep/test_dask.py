"""A real Dask scheduler with two worker processes, one of which is killed in mid-sweep."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sim.errors import MonaziteError
from sim.sweep.execute import Progress, execute
from sim.sweep.executors import ExecutorSettings
from sim.sweep.journal import read_journal
from sim.sweep.plan import Plan
from tests.sweep.stores import LOCAL, differences, snapshot

pytest.importorskip("distributed")
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def started(*words: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Dask's command line, ended afterwards."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **more}
    command = [sys.executable, "-W", "ignore", "-m", "distributed.cli." + words[0], *words[1:]]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def worker(file: Path) -> tuple[str, ...]:
    return ("dask_worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny", "--no-dashboard")


@pytest.mark.slow
def test_dask_and_a_lost_worker(plan: Plan, undisturbed: dict[str, bytes], out: Path, tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    scheduler = (
        "dask_scheduler",
        "--scheduler-file",
        str(file),
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
    )
    with started(*scheduler), started(*worker(file)) as first, started(*worker(file)):
        until = time.monotonic() + 60
        while not file.exists() or not file.read_text().strip():
            assert time.monotonic() < until, "no scheduler"
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        from distributed import Client

        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        killed = []

        def watch(now: Progress) -> None:
            if now.done >= 4 and not killed:
                killed.append(now.done)
                first.send_signal(signal.SIGKILL)

        report = execute(plan, out, ExecutorSettings("dask", address=address), progress=watch)
    assert killed
    assert killed[0] < plan.total
    assert report.complete
    assert report.failed == ()
    assert differences(snapshot(report.directory), undisturbed) == []


def certified(folder: Path) -> dict[str, str]:
    """A certificate of one's own, and the settings of docs/how-to/sweep-on-dask.md that use it."""
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem"
    subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)
    settings = {"REQUIRE_ENCRYPTION": "true", "TLS__CA_FILE": str(folder / "cert.pem")}
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        for name in ("cert", "key"):
            settings[f"TLS__{role}__{name.upper()}"] = str(folder / f"{name}.pem")
    return {f"DASK_DISTRIBUTED__COMM__{name}": value for name, value in settings.items()}


# A client that tries to reach a scheduler again, in the moment when that scheduler dies, drops a socket that
# Dask never closes: Dask's matter, and only at times.
@pytest.mark.filterwarnings(r"ignore:(?s).*unclosed <ssl\.SSLSocket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings(r"ignore:unclosed <ssl\.SSLSocket:ResourceWarning")
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_a_scheduler_under_tls_is_killed(
    plan: Plan, undisturbed: dict[str, bytes], out: Path, tmp_path: Path
) -> None:
    """Who has no certificate is not let in; who has, sweeps until the scheduler dies, and keeps all that."""
    import dask

    settings, file = certified(tmp_path), tmp_path / "scheduler.json"
    scheduler = ("dask_scheduler", "--scheduler-file", str(file), "--host", "tls://127.0.0.1:0",
                 "--no-dashboard")  # fmt: skip
    with started(*scheduler, **settings) as process, started(*worker(file), **settings):
        until = time.monotonic() + 60
        while not file.exists() or not file.read_text().strip():
            assert time.monotonic() < until, "no scheduler"
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        assert address.startswith("tls://")
        with pytest.raises(MonaziteError, match=r"tls://127.0.0.1:\d+ needs a certificate and its key"):
            execute(plan, out, ExecutorSettings("dask", address=address))

        def watch(now: Progress) -> None:
            if now.done >= 4:
                process.send_signal(signal.SIGKILL)

        # As the environment would have it, had it been there when Dask was imported.
        named = {
            name.removeprefix("DASK_").replace("__", ".").replace("_", "-").lower(): value
            for name, value in settings.items()
        }
        with dask.config.set(named):
            said = rf"the Dask scheduler at {address} is gone; what is finished is kept: start a scheduler"
            with pytest.raises(MonaziteError, match=said):
                execute(plan, out, ExecutorSettings("dask", address=address), progress=watch)
    kept = len(read_journal(out / plan.folder / "journal.jsonl"))
    assert 0 < kept < len(plan.blocks)
    gc.collect()  # such a socket is said here, where it is known, and not in a later test
    report = execute(plan, out, LOCAL)
    assert report.stored > 0
    assert differences(snapshot(report.directory), undisturbed) == []


def test_no_scheduler(plan: Plan, out: Path) -> None:
    with pytest.raises(MonaziteError, match=r"'dask' needs --address, for example tcp://127.0.0.1:8786"):
        execute(plan, out, ExecutorSettings("dask"))


@pytest.mark.parametrize(("executor", "module"), [("dask", "distributed"), ("slurm", "submitit")])
def test_missing_extra_is_named(
    plan: Plan, out: Path, monkeypatch: pytest.MonkeyPatch, executor: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        MonaziteError, match=rf"needs the extra of that name: pip install '\.\[{executor}\]'"
    ):
        execute(plan, out, ExecutorSettings(executor, address="tcp://127.0.0.1:1"))


def test_slurm_without_a_cluster(plan: Plan, out: Path) -> None:
    with pytest.raises(MonaziteError, match=r"executor 'slurm': .*is this a node of a SLURM cluster"):
        execute(plan, out, ExecutorSettings("slurm"))


def test_unknown_executor(plan: Plan, out: Path) -> None:
    with pytest.raises(MonaziteError, match="there is no executor 'ray'; there are: local, processes, dask"):
        execute(plan, out, ExecutorSettings("ray"))


def test_worker_of_another_version_is_refused(plan: Plan, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.sweep import plan as plan_module

    # As if the worker's program were another one.
    monkeypatch.setattr(plan_module, "code_digest", lambda: "another")
    with pytest.raises(MonaziteError, match="a worker has another Monazite or other world data"):
        execute(plan, out, LOCAL)
