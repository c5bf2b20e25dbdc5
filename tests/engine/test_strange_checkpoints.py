"""A checkpoint's file that a stranger made: it runs nothing, takes no room, and is refused in a line."""

from __future__ import annotations

import io
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.engine import Checkpoint, Simulation
from sim.engine.checkpoint_file import HEADER
from sim.errors import MonaziteError
from sim.world.world import World
from tests.engine.busy_run import entries, refusal, rewritten
from tests.steps import differing

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


@pytest.fixture(scope="module")
def file(halfway: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "busy.checkpoint"
    halfway.checkpoint().write(path)
    return path


def npy(array: np.ndarray, pickled: bool = False) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=pickled)
    return stream.getvalue()



def as_bytes(data: bytes) -> Callable[[Path, Path], object]:
    return lambda _, target: target.write_bytes(data)


def truncated(path: Path, target: Path) -> None:
    target.write_bytes(path.read_bytes()[:-200])


def doubled(path: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        for name, part in entries(path).items():
            archive.writestr(name, part)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("0.npy", entries(path)["0.npy"])


def header_of(text: str | bytes) -> Callable[[Path, Path], object]:
    data = text if isinstance(text, bytes) else text.encode()
    return lambda path, target: rewritten(path, target, lambda parts: parts.update({HEADER: data}))


def first_array(data: bytes) -> Callable[[Path, Path], object]:
    return lambda path, target: rewritten(path, target, lambda parts: parts.update({"0.npy": data}))


def claiming(shape: str, kind: str = "<f8", data: bytes = b"") -> bytes:
    """An array of numpy whose header says what it likes."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


def long_list(path: Path, target: Path) -> None:
    """A list of entries that says that it is a gigabyte long."""
    data = bytearray(path.read_bytes())
    data[-10:-6] = struct.pack("<L", 2**30)
    target.write_bytes(bytes(data))


def larger_zip(path: Path, target: Path) -> None:
    data = path.read_bytes()
    target.write_bytes(data[:-22] + struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1) + data[-22:])


def bomb(path: Path, target: Path) -> None:
    rewritten(path, target, lambda parts: parts.update({"0.npy": bytes(10**8)}), zipfile.ZIP_DEFLATED)


STRANGERS: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "empty": (as_bytes(b""), "is no checkpoint, or is damaged"),
    "text": (as_bytes(b"Dear reader, " * 100), "is no checkpoint, or is damaged"),
    "truncated": (truncated, "is no checkpoint, or is damaged"),
    "a pickle": (as_bytes(pickle.dumps([1, 2, 3]) * 30), "is no checkpoint, or is damaged"),
    "an entry twice": (doubled, "an entry is there twice"),
    "a bomb": (bomb, "is compressed"),
    "a long list": (long_list, "its list of entries is longer than"),
    "a larger zip": (larger_zip, "it does not end as a checkpoint does"),
    "no header": (lambda p, t: rewritten(p, t, lambda parts: parts.pop(HEADER)), "checkpoint.json"),
    "an array less": (
        lambda p, t: rewritten(p, t, lambda parts: parts.pop("0.npy")), "its entries are not those"
    ),
    "an entry more": (
        lambda p, t: rewritten(p, t, lambda parts: parts.update({"../x": b""})), "its entries are not those"
    ),
    "no JSON": (header_of("{"), "is no checkpoint, or is damaged"),
    "a list": (header_of("[1]"), "is no checkpoint, or is damaged"),
    "a number": (header_of("1"), "is no checkpoint, or is damaged"),
    "no text": (header_of(b"\xff\xfe\xfd"), "is no checkpoint, or is damaged"),
    "deep": (header_of("[" * 10_000 + "]" * 10_000), "is no checkpoint, or is damaged"),
    "deep inside": (
        header_of('{"arrays": ' + "[" * 10_000 + "]" * 10_000 + "}"), "is no checkpoint, or is damaged"
    ),
    "a long number": (header_of('{"format": ' + "9" * 10_000 + "}"), "is no checkpoint, or is damaged"),
    "no array": (first_array(b"not an array"), "is no checkpoint, or is damaged"),
    "a huge claim": (first_array(claiming("(10000000000000,)")), "is not as long as it says"),
    "a vast claim": (first_array(claiming("(99999999999999999999999, 9)")), "is not as long as it says"),
    "a negative claim": (first_array(claiming("(-3,)")), "is not as long as it says"),
    "two negatives": (first_array(claiming("(-3, -1)", data=bytes(24))), "is not as long as it says"),
    "too many axes": (first_array(claiming("(" + "1, " * 30 + ")", data=bytes(8))), "is no checkpoint"),
    "words": (first_array(claiming("(3,)", "<U4", bytes(48))), "something other than numbers"),
    "complex": (first_array(claiming("(3,)", "<c16", bytes(48))), "something other than numbers"),
    "records": (first_array(npy(np.zeros(3, dtype=[("a", "f8")]))), "something other than numbers"),
    "single precision": (first_array(npy(np.zeros(3, dtype="f4"))), "something other than numbers"),
    "columns first": (first_array(npy(np.zeros((3, 2), order="F"))), "something other than numbers"),
    "code for a shape": (first_array(claiming("().__class__")), "is no checkpoint, or is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGERS)
def test_a_strangers_file(file: Path, tmp_path: Path, name: str) -> None:
    """One line that says why, in little memory, and nothing is left behind."""
    make, expected = STRANGERS[name]
    path = tmp_path / "strange.checkpoint"
    make(file, path)
    size = path.stat().st_size
    tracemalloc.start()
    try:
        said = refusal(lambda: Checkpoint.read(path))
        assert tracemalloc.get_traced_memory()[1] < 3 * size + 5e6
    finally:
        tracemalloc.stop()
    assert expected in said
    assert "strange.checkpoint" in said
    assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [path]


class Payload:
    """Unpickling it creates a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.touch, (self.target,)


def test_a_pickle_inside_does_not_run(file: Path, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    array = np.empty(1, dtype=object)
    array[0] = Payload(touched)
    bare = npy(array, pickled=True)
    path = tmp_path / "payload.checkpoint"
    rewritten(file, path, lambda parts: parts.update({"0.npy": bare}))
    assert "something other than numbers" in refusal(lambda: Checkpoint.read(path))
    assert not touched.exists()
    # It would have run, had numpy been asked to.
    np.load(io.BytesIO(bare), allow_pickle=True)
    assert touched.exists()


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "null byte"])
def test_a_path_that_is_no_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("this system has no pipes with names")
        os.mkfifo(path)
    elif kind == "null byte":
        path = tmp_path / "a\0b"
    words = {"missing": "no such file", "folder": "is a folder", "pipe": "is no file"}
    assert words.get(kind, "is no checkpoint") in refusal(lambda: Checkpoint.read(path))


def test_a_file_of_another_version_says_so(file: Path, tmp_path: Path) -> None:
    def change(parts: dict[str, Any]) -> None:
        parts[HEADER] |= {"version": "0.0.1", "format": 0}

    said = refusal(lambda: Checkpoint.read(rewritten(file, tmp_path / "x", change)))
    assert "it was made by Monazite 0.0.1" in said
    assert "'format' in its header is not what it should be: 0" in said


@pytest.mark.parametrize("seed", range(2000 if THOROUGH else 60))
def test_whatever_happens_to_its_bytes(file: Path, tmp_path: Path, small_world: World, seed: int) -> None:
    """A byte changed, some lost: refused, or the very same checkpoint: some bytes of a zip say nothing."""
    data, rng = bytearray(file.read_bytes()), np.random.default_rng(seed)
    at = int(rng.integers(len(data)) if seed % 2 else len(data) - 1 - rng.integers(6000))
    if seed % 3:
        data[at] ^= int(rng.integers(1, 256))
    else:
        del data[at : at + int(rng.integers(1, 40))]
    path = tmp_path / "x"
    path.write_bytes(bytes(data))
    try:
        found = Checkpoint.read(path)
    except MonaziteError:
        return
    whole = Checkpoint.read(file)
    assert found.header == whole.header
    assert differing(found.arrays, whole.arrays) == []
