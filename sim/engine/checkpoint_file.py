"""Checkpoints on disk: a zip of numpy arrays, stored as they are, and a JSON text.

A file may come from anybody. Reading one runs no code, and takes no more memory than the file is long.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from sim.errors import MonaziteError
from sim.files import BINARY, NO_WAIT, check_inside, open_new
from sim.paths import shown

__all__ = ["FORMAT", "KINDS", "LARGEST_FILE", "read_file", "write_file"]

Array = npt.NDArray[Any]
FORMAT = 2
HEADER = "checkpoint.json"
KINDS = {"f": "<f8", "i": "<i8", "b": "|b1"}
"""Kind of numbers -> how a file holds them."""
LARGEST_FILE = 2**31 - 1
"""Bytes beyond which no file is opened: 50 members of the shipped world take some 8 million."""
LARGEST_HEADER = 2**24
"""Bytes of the JSON text, and of the list of entries."""
END = struct.Struct("<4s4H2LH")
"""How a zip without a comment ends: where and how long its list of entries is."""
LARGER = struct.Struct("<4sLQL")
"""What stands before that in a zip of more than 4 GB."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of every entry of the zip: the same checkpoint gives the same bytes."""
NPY_VERSION = (1, 0)
WRONG = (
    OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError, RuntimeError,
    EOFError, RecursionError, struct.error, zipfile.BadZipFile, Warning,
)  # fmt: skip
"""What zip, JSON and array readers raise on bytes that somebody made up."""


def write_file(path: Path, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a file, whole or not at all; one that is there is replaced.

    Raises:
        LinkError: the path is a link. MonaziteError: it cannot be written, or is something other than a file.
    """
    check_inside(path.parent, path)
    if path.exists() and not path.is_file():
        raise MonaziteError(f"{shown(path)}: is no file; name one")
    text = json.dumps(header, indent=1).encode()
    if len(text) > LARGEST_HEADER or sum(array.nbytes for array in arrays.values()) > LARGEST_FILE // 2:
        raise MonaziteError(f"{shown(path)}: the checkpoint is too large; run fewer members at once")
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open_new(fresh) as handle:
            with zipfile.ZipFile(handle, "w", zipfile.ZIP_STORED) as file:
                file.writestr(zipfile.ZipInfo(HEADER, EPOCH), text)
                for number, name in enumerate(header["arrays"]):
                    array = arrays[name]
                    stored = np.ascontiguousarray(array, dtype=KINDS[array.dtype.kind]).reshape(array.shape)
                    with file.open(zipfile.ZipInfo(f"{number}.npy", EPOCH), "w", force_zip64=True) as entry:
                        np.lib.format.write_array(entry, stored, NPY_VERSION, allow_pickle=False)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(fresh, path)
    except OSError as error:
        raise MonaziteError(f"{shown(path)}: cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()


def read_file(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Header and arrays of a file, as it says that they are.

    Raises:
        MonaziteError: there is no such file, or it holds something else.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "no file"
            raise MonaziteError(f"{shown(path)}: is {what}; name a file")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # Somebody may have put a pipe there by now.
            with os.fdopen(os.open(path, os.O_RDONLY | NO_WAIT | BINARY), "rb") as handle:
                _check_end(handle)
                with zipfile.ZipFile(handle) as file:
                    return _read(file)
    except FileNotFoundError:
        raise MonaziteError(f"{shown(path)}: no such file") from None
    except WRONG as error:
        said = " ".join(str(error).split())[:100]
        reason = said if said.isprintable() and said else type(error).__name__
        raise MonaziteError(f"{shown(path)}: is no checkpoint, or is damaged ({reason})") from None


def _check_end(handle: IO[bytes]) -> None:
    """Refuse a list of entries that would fill the memory before any entry is looked at."""
    size = handle.seek(0, os.SEEK_END)
    if size > LARGEST_FILE:
        raise ValueError(f"it is longer than {LARGEST_FILE / 1e9:.1f} GB")
    # What may stand before the end is a second one, of a larger kind of zip.
    handle.seek(max(size - END.size - LARGER.size, 0))
    tail = handle.read()
    end = END.unpack(tail[-END.size :])
    if end[0] != b"PK\5\6" or tail.startswith(b"PK\6\7"):
        raise ValueError("it does not end as a checkpoint does")
    if end[5] > LARGEST_HEADER:
        raise ValueError(f"its list of entries is longer than {LARGEST_HEADER / 1e6:.0f} MB")
    handle.seek(0)


def _read(file: zipfile.ZipFile) -> tuple[dict[str, Any], dict[str, Array]]:
    entries = {entry.filename: entry for entry in file.infolist()}
    if len(entries) < len(file.infolist()):
        raise ValueError("an entry is there twice")
    for listed in entries.values():
        # Stored as they are, entries together are no longer than the file, unless they overlap.
        if listed.compress_type != zipfile.ZIP_STORED or listed.file_size != listed.compress_size:
            raise ValueError(f"entry {listed.filename[:40]!r} is compressed")
    if sum(listed.file_size for listed in entries.values()) > LARGEST_FILE:
        raise ValueError(f"its entries are longer than {LARGEST_FILE / 1e9:.1f} GB")
    if entries[HEADER].file_size > LARGEST_HEADER:
        raise ValueError(f"its header is longer than {LARGEST_HEADER / 1e6:.0f} MB")
    header = json.loads(file.read(HEADER))
    told = header["arrays"]
    if not isinstance(header, dict) or not isinstance(told, dict):
        raise ValueError("its header is no table")
    if set(entries) != {HEADER, *(f"{number}.npy" for number in range(len(told)))}:
        raise ValueError("its entries are not those that its header names")
    arrays = {}
    for number, (name, (kind, shape)) in enumerate(told.items()):
        with file.open(f"{number}.npy") as entry:
            arrays[name] = _read_array(entry, entries[f"{number}.npy"].file_size, str(name)[:40])
        if kind not in KINDS.values() or list(arrays[name].shape) != shape:
            raise ValueError(f"array {str(name)[:40]!r} is not as its header says")
    return header, arrays


def _read_array(entry: IO[bytes], size: int, name: str) -> Array:
    """One array. numpy's own reader would make room for whatever its header claims."""
    if np.lib.format.read_magic(entry) != NPY_VERSION:
        raise ValueError(f"array {name!r} has another format")
    shape, by_columns, kind = np.lib.format.read_array_header_1_0(entry)
    if kind.str not in KINDS.values() or by_columns:
        raise ValueError(f"array {name!r} holds something other than numbers by rows")
    count = 1
    for length in shape:
        count *= length
    if min(shape, default=0) < 0 or count * kind.itemsize != size - entry.tell():
        raise ValueError(f"array {name!r} is not as long as it says")
    array: Array = np.frombuffer(entry.read(), dtype=kind).reshape(shape)
    # Checksums are compared when an entry has been read to its end.
    if kind.kind == "b":
        array = array.view(np.uint8) > 0
    return array.astype(array.dtype.newbyteorder("="), copy=False)
