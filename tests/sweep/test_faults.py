"""Whatever goes wrong on the way, the store ends as if nothing had happened, and says what to do."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sim.sweep import journal as store_module
from sim.sweep import work as work_module
from sim.sweep.estimate import Estimate, fitting_batch
from sim.sweep.execute import execute
from sim.sweep.executors import ExecutorSettings
from sim.sweep.journal import StoreError, read_journal, write_file
from sim.sweep.plan import Plan
from tests.sweep.stores import LOCAL, differences, quick_plan, snapshot

HOLDER = """
import sys, time
from pathlib import Path
from sim.sweep.journal import Store
from tests.sweep.stores import quick_plan
with Store.opened(quick_plan(), Path(sys.argv[1]), {}):
    print("held", flush=True)
    time.sleep(60)
"""


def finished(plan: Plan, out: Path) -> Path:
    report = execute(plan, out, LOCAL)
    assert report.complete
    return report.directory


# Of the first files, of a block, of what is made of all blocks; all of them in `make chaos`.
FULL = [(0, errno.ENOSPC), (40, errno.EDQUOT), (130, errno.ENOSPC), (180, errno.EDQUOT)]
MORE = [(3, errno.EDQUOT), (110, errno.ENOSPC)] if "MONAZITE_KILLS" in os.environ else []


@pytest.mark.parametrize(("after", "code"), FULL + MORE)
def test_full_disk_loses_nothing(
    plan: Plan,
    undisturbed: dict[str, bytes],
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
    code: int,
) -> None:
    written = 0

    def full(path: Path, data: bytes) -> None:
        nonlocal written
        written += 1
        if written > after:
            # Half of a file lands on the disk before it is full.
            path.with_name(f".{path.name}.1.part").write_bytes(data[: len(data) // 2])
            raise OSError(code, os.strerror(code))
        write_file(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "write_file", full)
        with pytest.raises(StoreError, match="the disk is full; free some space, then go on"):
            execute(plan, out, LOCAL)
    kept = read_journal(out / plan.folder / "journal.jsonl")
    report = execute(plan, out, LOCAL)
    assert report.stored == sum(b.members for b in plan.blocks if b.name in kept)
    assert differences(snapshot(report.directory), undisturbed) == []


def test_full_disk_in_the_middle_of_a_journal_line(
    plan: Plan, undisturbed: dict[str, bytes], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = 0
    write = os.write

    def short(handle: int, data: bytes) -> int:
        nonlocal lines
        if data.startswith(b'{"block"') or b'"check"' in data[:200]:
            lines += 1
            if lines == 3:
                return write(handle, data[:50])
        return write(handle, data)

    with monkeypatch.context() as patch:
        patch.setattr(store_module.os, "write", short)
        with pytest.raises(StoreError, match="the disk is full"):
            execute(plan, out, LOCAL)
    assert len(read_journal(out / plan.folder / "journal.jsonl")) == 2
    report = execute(plan, out, LOCAL)
    assert report.stored == 8
    assert differences(snapshot(report.directory), undisturbed) == []


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_read_only(plan: Plan, out: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(store_module, "write_file", refuse)
    with pytest.raises(StoreError, match=r"cannot be written .* choose another folder with --out"):
        execute(plan, out, LOCAL)


def test_folder_that_is_a_file(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("here")
    with pytest.raises(StoreError, match="cannot be written"):
        execute(plan, tmp_path / "outputs", LOCAL)


def test_two_sweeps_on_one_store(plan: Plan, undisturbed: dict[str, bytes], out: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    words = [sys.executable, "-c", HOLDER, str(out)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=root, env=environment) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        who = rf"another process works on this sweep \(process {holder.pid} on "
        with pytest.raises(StoreError, match=who):
            execute(plan, out, LOCAL)
        holder.kill()
    # A killed holder holds nothing.
    assert differences(snapshot(finished(plan, out)), undisturbed) == []


def _damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif how == "flipped":
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    elif how == "emptied":
        path.write_bytes(b"")
    else:
        path.unlink()


FILES = {
    "baseline-2024/arrays.zarr/price_outside/c/2/0/0": 4,
    "baseline-2024/arrays.zarr/flow_year/c/5/0/0": 2,
    "baseline-2024/arrays.zarr/price_outside/zarr.json": 0,
    "baseline-2024/tables/prices.parquet": 0,
    "baseline-2024/manifest.json": 0,
    "design.parquet": 0,
    "summary.json": 0,
}
"""A file of each kind -> runs that are made again where it is damaged."""
WAYS = ("truncated", "flipped", "emptied", "deleted")
EVERY = 1 if "MONAZITE_KILLS" in os.environ else 2
"""In ``make test`` every second pair of a file and a way, so that each file and each way has its turn."""
DAMAGES = [
    (name, how) for i, name in enumerate(FILES) for j, how in enumerate(WAYS) if (i + j + i // 2) % EVERY == 0
]


def test_every_file_is_damaged_and_in_every_way() -> None:
    assert {name for name, _ in DAMAGES} == set(FILES)
    for how in WAYS:
        assert len([name for name, way in DAMAGES if way == how]) >= 3


@pytest.mark.parametrize(("name", "how"), DAMAGES)
def test_damage_is_found_and_mended(
    plan: Plan,
    undisturbed: dict[str, bytes],
    finished_store: Path,
    out: Path,
    name: str,
    how: str,
) -> None:
    directory = out / plan.folder
    shutil.copytree(finished_store, directory)
    _damage(directory / name, how)
    report = execute(plan, out, LOCAL)
    assert report.total - report.stored == FILES[name]
    assert differences(snapshot(directory), undisturbed) == []


def test_sound_store_is_left_alone(
    plan: Plan, finished_store: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = out / plan.folder
    shutil.copytree(finished_store, directory)
    held = ("lock", "holder")
    times = {path: path.stat().st_mtime_ns for path in directory.rglob("*") if path.name not in held}

    def nothing(job: object) -> None:
        raise AssertionError("a finished run was computed again")

    monkeypatch.setattr(work_module, "compute", nothing)
    report = execute(plan, out, LOCAL)
    assert (report.stored, report.complete) == (22, True)
    after = {path: path.stat().st_mtime_ns for path in directory.rglob("*") if path.name not in held}
    assert after == times


def test_torn_and_damaged_journal_lines_are_redone(
    plan: Plan, undisturbed: dict[str, bytes], finished_store: Path, out: Path
) -> None:
    directory = out / plan.folder
    shutil.copytree(finished_store, directory)
    journal = directory / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    damaged = json.loads(lines[1])
    damaged["files"]["rent"] = [1, 2]
    lines[1] = json.dumps(damaged).encode() + b"\n"
    lines[3] = b"\x00\xff garbage\n"
    lines[5] = lines[5][:40]
    journal.write_bytes(b"".join(lines))
    (directory / "baseline-2024" / ".left.123.part").write_bytes(b"half")
    report = execute(plan, out, LOCAL)
    assert report.stored == 4 * 3
    assert differences(snapshot(directory), undisturbed) == []


@pytest.fixture(scope="module")
def shorter_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a sweep whose first four blocks are those of the plan. Copy it, never change it."""
    return finished(quick_plan(18), tmp_path_factory.mktemp("shorter"))


def test_finished_blocks_are_taken_over(
    plan: Plan, undisturbed: dict[str, bytes], shorter_store: Path, out: Path
) -> None:
    shutil.copytree(shorter_store, out / shorter_store.name)
    report = execute(plan, out, LOCAL)
    assert (report.taken_over, report.stored) == (4, 16)
    assert differences(snapshot(report.directory), undisturbed) == []


def test_damaged_blocks_are_not_taken_over(
    plan: Plan, undisturbed: dict[str, bytes], shorter_store: Path, out: Path
) -> None:
    other = out / shorter_store.name
    shutil.copytree(shorter_store, other)
    _damage(other / "baseline-2024/arrays.zarr/rent/c/1/0/0", "flipped")
    report = execute(plan, out, LOCAL)
    assert report.taken_over == 3
    assert differences(snapshot(report.directory), undisturbed) == []


def _breaking(monkeypatch: pytest.MonkeyPatch, numbers: set[int]) -> None:
    """Members of these numbers fail."""
    run = work_module._run

    def breaks(job: work_module.Job, rows: np.ndarray) -> dict[str, np.ndarray]:
        wrong = sorted(numbers & set(job.number[rows].tolist()))
        if wrong:
            raise FloatingPointError(f"member {wrong[0]} does not converge")
        return run(job, rows)

    monkeypatch.setattr(work_module, "_run", breaks)


def test_failing_runs_do_not_stop_the_others(
    plan: Plan, undisturbed: dict[str, bytes], out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.sweep import open_sweep

    _breaking(monkeypatch, {5, 6, 20})
    report = execute(plan, out, LOCAL)
    assert report.complete
    assert report.failed == (5, 6, 20)
    text = (report.directory / "errors" / "5.txt").read_text()
    assert f"monazite rerun {plan.id}/5 --debug" in text
    assert "member 5 does not converge" in text
    sweep = open_sweep(report.directory)
    assert list(sweep.design["run"][sweep.design["failed"]]) == [5, 6, 20]
    prices = sweep.dataset("baseline-2024")["price_outside"].values
    assert np.isnan(prices[[5, 6, 20]]).all()
    assert not np.isnan(np.delete(prices, [5, 6, 20], axis=0)).any()
    # The batch does not matter, nor do those that fail to the others.
    other = execute(plan, tmp_path / "other", ExecutorSettings("local", batch=1))
    assert differences(snapshot(report.directory), snapshot(other.directory)) == []
    name = "baseline-2024/arrays.zarr/price_outside/c/0/0/0"
    assert snapshot(report.directory)[name] == undisturbed[name]


def test_fail_fast_starts_nothing_more(plan: Plan, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _breaking(monkeypatch, {5})
    report = execute(plan, out, LOCAL, fail_fast=True)
    assert not report.complete
    assert (report.done, report.failed) == (8, (5,))


def test_block_without_memory_is_lost_and_left_for_later(
    plan: Plan, undisturbed: dict[str, bytes], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = work_module._run

    def greedy(job: work_module.Job, rows: np.ndarray) -> dict[str, np.ndarray]:
        if 9 in job.number:
            raise MemoryError
        return run(job, rows)

    with monkeypatch.context() as patch:
        patch.setattr(work_module, "_run", greedy)
        report = execute(plan, out, LOCAL)
    assert not report.complete
    assert report.done == 18
    assert report.lost == ("baseline-2024/2: not enough memory; use a smaller --batch",)
    assert differences(snapshot(finished(plan, out)), undisturbed) == []


@pytest.mark.parametrize(
    ("batch", "workers", "free", "answer"),
    [
        (None, 1, 10e9, 32),
        (8, 1, 10e9, 8),
        (None, 2, 1e9, 13),
        (None, 4, 0.5e9, "1.2 GB are needed for 1 member at a time on 4 workers, and 0.5 GB are free; write"),
        (32, 1, 0.4e9, "0.6 GB are needed for 32 members .* 1 worker, and 0.4 GB are free; write --batch 5"),
        (None, 1, 0.1e9, r"free some memory, or run a smaller world \('minerals'\)"),
    ],
)  # fmt: skip
def test_batch_follows_from_memory(batch: int | None, workers: int, free: float, answer: int | str) -> None:
    estimate = Estimate(member_bytes=10e6, block_bytes=100e6, seconds=0.0, disk_bytes=0.0)
    if isinstance(answer, int):
        assert fitting_batch(estimate, 32, workers, batch, int(free)) == answer
    else:
        from sim.errors import MonaziteError

        with pytest.raises(MonaziteError, match=answer):
            fitting_batch(estimate, 32, workers, batch, int(free))
