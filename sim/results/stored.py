"""Stored runs read back with every byte checked: what was damaged on the way is an error, not a number."""

from __future__ import annotations

import json
import weakref
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from pydantic import BaseModel, ConfigDict, Field
from xarray.backends import BackendArray
from xarray.core import indexing
from zarr.storage import LocalStore

from sim.errors import MonaziteError
from sim.files import LARGEST_TEXT, read_bytes, read_json, read_model, validated
from sim.paths import shown
from sim.results.shards import Shards

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

__all__ = ["CHECKSUMS", "checksums_of", "encoded_checksums", "open_arrays", "read_checksums", "read_manifest"]

CHECKSUMS = "checksums.json"
REMEDY = "take an undamaged copy of the run, or repeat it by the command in its manifest.json"
LARGEST_COUNT = 10**9
LARGEST_VALUES = 2**40
"""Bytes of one variable beyond which no run was ever stored."""
LARGEST_KEPT, ROOM_FOR_KEPT = 2**24, 2**28
"""Bytes of an array that is kept once it has been read, and of all that are."""
Count = Annotated[int, Field(strict=True, ge=0, le=LARGEST_COUNT)]
Size = Annotated[int, Field(strict=True, ge=0, lt=2**48)]
Text = Annotated[str, Field(max_length=10_000)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$")]


class Markets(BaseModel):
    """``markets`` of a manifest."""

    cleared: Annotated[int, Field(strict=True, ge=0)]
    certified: Annotated[int, Field(strict=True, ge=0)]


class ManifestFile(BaseModel):
    """What is used of ``manifest.json``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[1]
    scenario: Name
    title: Text
    compare_to: Name | None
    base_year: Annotated[int, Field(strict=True, ge=1900, le=2200)]
    step: Text
    steps: Annotated[int, Field(strict=True, ge=1, le=100_000)]
    members: Annotated[int, Field(strict=True, ge=1, le=LARGEST_COUNT)]
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**63)]
    full: Annotated[bool, Field(strict=True)]
    markets: Markets
    version: Text
    started: Text
    observed: dict[str, Any] | list[Any]
    checksums: Literal["checksums.json"] | None = None


class ChecksumFile(BaseModel):
    """``checksums.json``: path in the run's folder -> size and CRC-32."""

    files: dict[str, tuple[Size, Size]]


def encoded_checksums(sizes: Mapping[str, tuple[int, int]]) -> bytes:
    """``checksums.json`` of files by their path in the folder."""
    text = json.dumps({"files": {name: list(sizes[name]) for name in sorted(sizes)}}, indent=0)
    return text.encode() + b"\n"


def checksums_of(folder: Path) -> bytes:
    """``checksums.json`` of all files of a folder."""
    sizes = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != CHECKSUMS:
            data = path.read_bytes()
            sizes[name] = len(data), zlib.crc32(data)
    return encoded_checksums(sizes)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run, checked.

    Raises:
        MonaziteError: it cannot be read, or breaks a rule; says where and which.
    """
    path = folder / "manifest.json"
    content = read_json(path, REMEDY)
    if isinstance(content, dict) and isinstance(content.get("format"), int) and content["format"] != 1:
        given = f"manifest format {content['format']}"
        raise MonaziteError(f"{shown(folder)}: {given}; this program reads format 1")
    validated(content, ManifestFile, shown(path), REMEDY)
    return dict(content)


def read_checksums(folder: Path, manifest: Mapping[str, Any]) -> Mapping[str, tuple[int, int]] | None:
    """Size and checksum of the run's files; None for a run of a version that stored none.

    Raises:
        MonaziteError: they are damaged, or the manifest is.
    """
    if manifest.get("checksums") is None:
        return None
    sizes = read_model(folder / CHECKSUMS, ChecksumFile, REMEDY).files
    try:
        data = read_bytes(folder / "manifest.json", LARGEST_TEXT)
    except OSError as error:
        raise MonaziteError(f"{shown(folder)}: {error.strerror}; {REMEDY}") from None
    _check(folder / "manifest.json", data, sizes.get("manifest.json"))
    return sizes


def _check(path: Path, data: bytes, wanted: tuple[int, int] | None) -> None:
    if wanted is None or (len(data), zlib.crc32(data)) != wanted:
        what = "is not among the run's files" if wanted is None else "has changed since it was written"
        raise MonaziteError(f"{shown(path)}: is damaged: it {what}; {REMEDY}")


class _Checked(LocalStore):
    """Files of a Zarr group, each compared with its checksum when it is first read."""

    def __init__(self, root: Path, sizes: Mapping[str, tuple[int, int]] | None) -> None:
        super().__init__(root, read_only=True)
        self.sizes = sizes
        self.sound: set[str] = set()

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """See :class:`zarr.abc.store.Store`."""
        if key not in self.sound:
            self.read(key)
        return await super().get(key, prototype, byte_range)

    def read(self, key: str) -> bytes:
        """The bytes of a file, compared with their checksum the first time; none where it is missing."""
        path = Path(self.root) / key
        name = f"{Path(self.root).name}/{key}"
        wanted = None if self.sizes is None else self.sizes.get(name)
        try:
            data = read_bytes(path)
        except (FileNotFoundError, NotADirectoryError):
            if wanted is not None:
                raise MonaziteError(f"{shown(path)}: is missing; {REMEDY}") from None
            return b""
        except OSError as error:
            raise MonaziteError(f"{shown(path)}: cannot be read ({error.strerror}); {REMEDY}") from None
        if self.sizes is not None and key not in self.sound:
            _check(path, data, wanted)
        self.sound.add(key)
        return data


class _Kept:
    """Arrays that have been read not long ago, so many bytes of them."""

    def __init__(self, room: int) -> None:
        self._room, self._taken = room, 0
        self._arrays: OrderedDict[int, tuple[weakref.ref[Any], npt.NDArray[Any]]] = OrderedDict()

    def get(self, owner: object) -> npt.NDArray[Any] | None:
        """What was read for an owner, if it is still there."""
        found = self._arrays.get(id(owner))
        if found is None or found[0]() is not owner:
            return None
        self._arrays.move_to_end(id(owner))
        return found[1]

    def keep(self, owner: object, array: npt.NDArray[Any]) -> None:
        """Keep what was read; what has not been asked for longest makes room."""
        self._drop(id(owner))
        self._arrays[id(owner)] = weakref.ref(owner), array
        self._taken += array.nbytes
        while self._taken > self._room and self._arrays:
            self._drop(next(iter(self._arrays)))

    def _drop(self, key: int) -> None:
        found = self._arrays.pop(key, None)
        self._taken -= 0 if found is None else found[1].nbytes


_KEPT = _Kept(ROOM_FOR_KEPT)


class _Readable(BackendArray):
    """An array whose trouble in reading is an error with its name."""

    def __init__(self, variable: xr.Variable, name: str, store: _Checked) -> None:
        self.variable, self.name, self.folder = variable, name, Path(store.root)
        self.shards: Shards | None = None
        if store.sizes is not None and variable.ndim > 1:
            # Without the file's checksum, that of each chunk must be compared, which Zarr does.
            self.shards = Shards.of(self.folder / name, lambda key: store.read(f"{name}/{key}"))
        self.shape, self.dtype = variable.shape, variable.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        """Values at an index."""
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._values
        )

    def _values(self, key: tuple[Any, ...]) -> Any:
        if self.shards is not None or self.variable.nbytes > LARGEST_KEPT:
            return self._read(key)
        # A page asks a run's small arrays for one good after the other: each is unpacked once.
        whole = _KEPT.get(self)
        if whole is None:
            whole = self._read((slice(None),) * self.variable.ndim)
            _KEPT.keep(self, whole)
        chosen = whole
        for axis, part in enumerate(key):
            if np.ndim(part):
                chosen = chosen.take(part, axis=axis)
        return chosen[tuple(slice(None) if np.ndim(part) else part for part in key)].copy()

    def _read(self, key: tuple[Any, ...]) -> Any:
        try:
            if self.shards is not None:
                return self.shards.values(key)
            return np.asarray(self.variable[key].values)
        except (MonaziteError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 (codecs fail in many ways on bytes that nobody wrote)
            raise _unreadable(self.folder, self.name, error) from None


def _unreadable(folder: Path, name: str, error: Exception) -> MonaziteError:
    said = " ".join(str(error).split())[:200]
    return MonaziteError(f"{shown(folder)}: {name} cannot be read ({said or type(error).__name__}); {REMEDY}")


def open_arrays(folder: Path, sizes: Mapping[str, tuple[int, int]] | None) -> xr.Dataset:
    """The arrays of a Zarr group, read and checked when they are used.

    Args:
        folder: of the group. sizes: see :func:`read_checksums`.

    Raises:
        MonaziteError: the group, or a value that is read later, is damaged.
    """
    try:
        store = _Checked(folder, sizes)
        data = xr.open_zarr(store, chunks=None, consolidated=True)
        lazy = {
            name: (v.dims, indexing.LazilyIndexedArray(_Readable(v, str(name), store)), v.attrs, v.encoding)
            for name, v in data.data_vars.variables.items()
        }
        for name, variable in data.variables.items():
            if variable.nbytes > LARGEST_VALUES:
                raise ValueError(f"{name} would take {variable.nbytes:,} bytes")
        opened: xr.Dataset = data.assign({name: xr.Variable(*parts) for name, parts in lazy.items()})
        labels = {name: coordinate.load() for name, coordinate in data.coords.items()}
        complete: xr.Dataset = opened.assign_coords(labels)
        return complete
    except (MonaziteError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 (as above)
        raise _unreadable(folder.parent, folder.name, error) from None
