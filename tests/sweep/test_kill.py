"""``kill -9`` at random moments: after each the sweep is resumed, and its store is the undisturbed one.

``MONAZITE_KILLS`` sets how often (``make chaos``: 225).
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import time
from pathlib import Path

from sim.sweep import journal as store_module
from sim.sweep.execute import execute
from sim.sweep.journal import read_journal
from sim.sweep.plan import Plan, make_plan
from sim.sweep.request import Keeping, Request
from tests.sweep.stores import LOCAL, SERVER, differences, snapshot

KILLS = int(os.environ.get("MONAZITE_KILLS", "5"))
WRITES = (1, 23, 41, 120) if KILLS < 100 else (1, 3, 4, 10, 23, 24, 41, 60, 70, 100, 120)
"""Writes in which a victim dies, or after them: of the description, of blocks, of what is made of all."""


def tiny_plan() -> Plan:
    """Three blocks of two members, three months of one chain."""
    overrides = ["minerals=[bismuth]", "time.end=2024-03"]
    return make_plan(Request(["baseline-2024"], overrides, members=6, keeping=Keeping(block=2)))


def victim(out: str) -> None:
    """What is killed."""
    execute(tiny_plan(), Path(out), LOCAL)


def victim_of_its_own_write(out: str, count: int, late: bool) -> None:
    """Kills itself in the middle of a write, or right after one."""
    write, done = store_module.write_file, 0

    def deadly(path: Path, data: bytes) -> None:
        nonlocal done
        done += 1
        if done == count:
            if late:
                write(path, data)
            else:
                path.with_name(f".{path.name}.{os.getpid()}.part").write_bytes(data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        write(path, data)

    store_module.write_file = deadly  # type: ignore[assignment]
    victim(out)


def _start(*arguments: object, target: object = victim) -> multiprocessing.process.BaseProcess:
    process = SERVER.Process(target=target, args=arguments)  # type: ignore[arg-type]
    process.start()
    return process


def _undisturbed(out: Path) -> dict[str, bytes]:
    process = _start(str(out))
    process.join()
    assert process.exitcode == 0
    return snapshot(out / tiny_plan().folder)


def test_killed_at_random_moments(tmp_path: Path) -> None:
    expected = _undisturbed(tmp_path / "undisturbed")
    # The first one waited for the server to start; the second one tells how long a victim lives.
    began = time.perf_counter()
    assert _undisturbed(tmp_path / "again") == expected
    seconds = time.perf_counter() - began
    assert any("price_outside/c/2" in name for name in expected)
    moments = random.Random(20240101)
    plan, caught, kept = tiny_plan(), 0, set()
    for number in range(3 * KILLS):
        out = tmp_path / f"killed-{number}"
        process = _start(str(out))
        process.join(moments.uniform(0.0, seconds))
        process.kill()
        process.join()
        if process.exitcode == -signal.SIGKILL:
            caught += 1
        else:
            # It was done before it could be killed: the machine is quicker now than when it was measured.
            seconds *= 0.8
        kept.add(len(read_journal(out / plan.folder / "journal.jsonl")))
        report = execute(plan, out, LOCAL)
        assert report.complete
        assert differences(snapshot(report.directory), expected) == []
        shutil.rmtree(out)
        if caught == KILLS:
            break
    assert caught == KILLS
    # Some died before their first block, some later.
    assert len(kept) > 1


def test_killed_in_the_middle_of_writes(tmp_path: Path) -> None:
    expected = _undisturbed(tmp_path / "undisturbed")
    plan = tiny_plan()
    for number, count in enumerate(WRITES):
        out = tmp_path / f"killed-{number}"
        process = _start(str(out), count, number % 2 == 0, target=victim_of_its_own_write)
        process.join()
        assert process.exitcode == -signal.SIGKILL, count
        report = execute(plan, out, LOCAL)
        assert report.complete
        assert differences(snapshot(report.directory), expected) == []
        shutil.rmtree(out)
