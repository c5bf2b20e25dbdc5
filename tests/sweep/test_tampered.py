"""Damaged and forged folders: a sentence with a remedy, nothing written outside, and no wrong number.

``MONAZITE_TAMPERED`` sets how many (``make chaos``: 5,000).
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import random
import shutil
import stat
import time
from pathlib import Path

import numpy as np
import pytest

from sim.cli import main
from sim.errors import MonaziteError
from sim.results import load_run
from tests.results.tampered import tamper

TAMPERED = int(os.environ.get("MONAZITE_TAMPERED", "20"))
FIRST = int(os.environ.get("MONAZITE_TAMPERED_FIRST", "0"))
WORK, SECONDS = 5.0, 120.0
"""Of the processor, and of the clock, which other processes of the machine may hold up."""
FLIPPED = 12
QUICK = ("minerals=[gallium]", "time.end=2024-02")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="makes links and pipes")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run and a sweep that are as they should be."""
    folder = tmp_path_factory.mktemp("sound")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.chdir(folder)
        run = ["run", "baseline-2024", *QUICK, "--members", "2", "--campaign", "sent", "--quiet", "--full"]
        assert main(run) == 0
        sweep = ["sweep", "baseline-2024", *QUICK, "--members", "2", "--executor", "local", "--quiet"]
        assert main(sweep) == 0
    return folder


def _whole(run: Path) -> dict[str, np.ndarray]:
    return {str(name): values.values for name, values in load_run(run).dataset.items()}


def _tried(*words: str) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(list(words))
    return code, said.getvalue()


Listing = dict[str, tuple[int, int, int]]


def _listing(folder: Path) -> Listing:
    """Path -> kind, size and time of change, which tell what has been touched; links are not followed."""
    found: Listing = {}
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                folders = stat.S_ISDIR(status.st_mode)
                found[os.path.relpath(entry.path, folder)] = (
                    status.st_mode, 0 if folders else status.st_size, 0 if folders else status.st_mtime_ns
                )  # fmt: skip
                waiting += [Path(entry.path)] if folders else []
    return found


def _restored(copy: Path, source: Path, sound: Listing) -> None:
    """Make a tampered copy sound again: what was touched is copied anew, in far less time than all of it."""
    if copy.is_symlink():
        # The folder itself was moved away: what it leads to now must not be written into.
        copy.unlink()
        shutil.rmtree(copy.with_name(f".{copy.name}-moved"))
        shutil.copytree(source, copy)
    now = _listing(copy)
    for name in sorted(name for name in now if now[name] != sound.get(name)):
        place = copy / name
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
    left = _listing(copy)
    for name in sorted(sound.keys() - left.keys()):
        if (source / name).is_dir():
            (copy / name).mkdir(exist_ok=True)
        else:
            shutil.copy2(source / name, copy / name)
    assert _listing(copy) == sound


def _differs(one: Path, other: Path) -> bool:
    return one.is_symlink() or not one.is_file() or one.read_bytes() != other.read_bytes()


def test_tampered_folders(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    from sim.sweep.read import open_sweep

    (run,) = (sound / "outputs" / "sent").iterdir()
    (sweep,) = (sound / "outputs").glob("baseline-*")
    expected = _whole(run)
    outside = tmp_path / "elsewhere" / "precious"
    (tmp_path / "elsewhere" / "folder").mkdir(parents=True)
    outside.write_text("precious\n")
    monkeypatch.chdir(tmp_path)
    # That blocks are computed again is tested elsewhere; here it would take most of the time.
    monkeypatch.setattr("sim.sweep.execute._compute", lambda *_: [])
    told: dict[str, int] = {}
    copies = {"run": tmp_path / "outputs" / run.name, "sweep": tmp_path / "outputs" / sweep.name}
    for kind, source in (("run", run), ("sweep", sweep)):
        shutil.copytree(source, copies[kind])
    listed = {kind: _listing(copy) for kind, copy in copies.items()}
    for number in range(FIRST, FIRST + TAMPERED):
        choose = random.Random(number)
        kind, source = choose.choice((("run", run), ("sweep", sweep)))
        copy = copies[kind]
        what = f"{number}, {kind}: {tamper(copy, outside, choose)}"
        began, worked = time.perf_counter(), time.process_time()
        try:
            if kind == "run":
                try:
                    found = _whole(copy)
                    result = "same"
                    if "signed" not in what:
                        assert found.keys() == expected.keys(), what
                        assert all(np.array_equal(found[k], expected[k], equal_nan=True) for k in found), what
                except MonaziteError as error:
                    result = "refused"
                    told["empty"] = told.get("empty", 0) + (not str(error))
            else:
                code, said = _tried("resume", str(copy), "--quiet")
                assert "Traceback" not in said, what
                # Counts of markets without certificate are said, and believed where the checksum is right.
                believed = code == 4 and "journal.jsonl: edited" in what
                assert code in (0, 1, 2) or believed, f"{what}: {code} {said}"
                result = "done" if believed else ("done", "to be computed", "refused")[code]
                with contextlib.suppress(MonaziteError):
                    opened = open_sweep(copy)
                    _ = [values.values for values in opened.dataset("baseline-2024").values()]
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
        assert time.process_time() - worked < WORK, what
        assert time.perf_counter() - began < SECONDS, what
        assert outside.read_text() == "precious\n", what
        assert sorted(p.name for p in outside.parent.rglob("*")) == ["folder", "precious"], what
        told[result] = told.get(result, 0) + 1
        touched = what.partition(f"{kind}: ")[2].partition(": ")[0]
        if kind == "run" and "arrays.zarr" in touched and "/c/" in touched and "signed" not in what:
            # Reads as it was, or is refused: where it has been changed, nothing but the latter will do.
            assert (result == "refused") == _differs(copy / touched, source / touched), what
        _restored(copy, source, listed[kind])
    print(f"tampered folders: {told}")
    assert not told.get("empty")
    assert told["refused"] > 0


def test_a_flipped_bit_is_found_wherever_it_is(sound: Path, tmp_path: Path) -> None:
    """Every array of a run in turn: the file is named, and no number is read from it."""
    (run,) = (sound / "outputs" / "sent").iterdir()
    copy = tmp_path / run.name
    shutil.copytree(run, copy)
    chunks = sorted(path for path in (copy / "arrays.zarr").rglob("c/**/*") if path.is_file())
    choose = random.Random(1)
    assert len(chunks) > 50
    for chunk in choose.sample(chunks, FLIPPED):
        data = chunk.read_bytes()
        place = choose.randrange(len(data))
        chunk.write_bytes(data[:place] + bytes([data[place] ^ 1 << choose.randrange(8)]) + data[place + 1 :])
        variable = chunk.relative_to(copy / "arrays.zarr").parts[0]
        with pytest.raises(MonaziteError) as caught:
            _ = load_run(copy).dataset[variable].values
        assert chunk.relative_to(copy).as_posix() in str(caught.value).replace(os.sep, "/")
        chunk.write_bytes(data)
    assert _whole(copy).keys() == _whole(run).keys()


@pytest.mark.parametrize("name", ["manifest.json", "checksums.json"])
def test_a_file_that_the_disk_cannot_read(
    sound: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As of a broken disk, or of a file that belongs to another user; root reads everything else."""
    (run,) = (sound / "outputs" / "sent").iterdir()
    opened = os.open

    def refusing(path: str, *arguments: int) -> int:
        if str(path).endswith(name):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *arguments)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(MonaziteError, match=rf"{name}: cannot be read \(Permission denied\)"):
        load_run(run)
