"""Blocks of a sweep's arrays, unpacked straight from the bytes of their files.

A block is a Zarr 3 shard: chunks of some columns one behind the other, then an index of where each lies. The
general reader takes longer to find a chunk than to unpack it, and a comparison of ten thousand members
asks for tens of thousands; here a file is read once, checked as a whole, and what is wanted is unpacked.
Only the layout that :mod:`sim.sweep.encode` writes is known; everything else is left to Zarr.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.files import LARGEST_TEXT, read_bytes

__all__ = ["Shards"]

Array = npt.NDArray[Any]
Positions = npt.NDArray[np.intp]

NAMES = ("bytes", "blosc", "crc32c")
EMPTY = np.uint64(2**64 - 1)
ENTRY, SUM = 16, 4
"""Bytes of an index's entry, and of a checksum."""


@dataclass(frozen=True)
class Shards:
    """One variable.

    Attributes:
        folder: of the variable.
        read: the checked bytes of a file, by its path below the folder.
        shape: of the variable; members first.
        dtype: of its values.
        block: members of a block. columns: of a chunk. width: columns of a block, chunks filled up.
        turned: whether the last two axes are exchanged inside a chunk.
        fill: value of what was not written.
    """

    folder: Path
    read: Callable[[str], bytes]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    block: int
    columns: int
    width: int
    turned: bool
    fill: Any

    @classmethod
    def of(cls, folder: Path, read: Callable[[str], bytes]) -> Shards | None:
        """The variable of a folder; None where its layout is another one."""
        try:
            meta = json.loads(read_bytes(folder / "zarr.json", LARGEST_TEXT))
            shape = tuple(meta["shape"])
            outer = meta["chunk_grid"]["configuration"]["chunk_shape"]
            (sharding,) = meta["codecs"]
            inside = sharding["configuration"]
            inner, codecs = inside["chunk_shape"], [codec["name"] for codec in inside["codecs"]]
            turned = codecs[0] == "transpose"
            index = [codec["name"] for codec in inside["index_codecs"]], inside["index_location"]
            known = (
                sharding["name"] == "sharding_indexed"
                and tuple(codecs[turned:]) == NAMES
                and index == (["bytes", "crc32c"], "end")
                and (not turned or inside["codecs"][0]["configuration"]["order"] == [0, 2, 1])
                and len(shape) == len(outer) == len(inner) == (3 if turned else 2)
                and outer[:-1] == inner[:-1] == [outer[0], *shape[1:-1]]
                and outer[-1] % inner[-1] == 0 and outer[-1] >= shape[-1]
                and meta["chunk_key_encoding"]["configuration"] == {"separator": "/"}
            )  # fmt: skip
            fill = {"NaN": np.nan}.get(meta["fill_value"], meta["fill_value"])
            dtype = np.dtype(meta["data_type"])
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            return None
        made = cls(folder, read, shape, dtype, outer[0], inner[-1], outer[-1], turned, fill)
        return made if known else None

    def values(self, key: tuple[Any, ...]) -> Array:
        """Values at integers, slices or arrays of integers, one for each axis and each for itself."""
        rows, columns = (_positions(key[i], self.shape[i]) for i in (0, -1))
        found = np.empty((len(rows), *self.shape[1:-1], len(columns)), self.dtype)
        chunks = columns // self.columns
        parts = []
        for chunk in np.unique(chunks).tolist():
            places = np.flatnonzero(chunks == chunk)
            parts.append((chunk, _together(places), _together(columns[places] % self.columns)))
        blocks = rows // self.block
        for block in np.unique(blocks).tolist():
            mine = np.flatnonzero(blocks == block)
            at, inside = _together(mine), _together(rows[mine] % self.block)
            # Members that lie apart are put together first, to be written as one.
            target = found[at] if isinstance(at, slice) else np.empty_like(found[: len(mine)])
            unpacked = self._unpacked(block, [chunk for chunk, _, _ in parts])
            for (_, there, chosen), values in zip(parts, unpacked, strict=True):
                # One axis after the other: two lists of places would be taken in pairs.
                target[..., there] = self.fill if values is None else values[inside][..., chosen]
            if not isinstance(at, slice):
                found[at] = target
        if len(self.shape) == 3:
            found = found[:, key[1]]
        if _single(key[-1]):
            found = found[..., 0]
        return found[0] if _single(key[0]) else found

    def _unpacked(self, block: int, chunks: Sequence[int]) -> Iterator[Array | None]:
        """Some chunks of a block, (member, ..., column); None for what was not written."""
        import numcodecs.blosc

        data = self.read("/".join(["c", str(block), *("0" for _ in self.shape[1:])]))
        count = self.width // self.columns
        index = np.frombuffer(data, "<u8", 2 * count, len(data) - SUM - ENTRY * count).reshape(count, 2)
        for chunk in chunks:
            start, size = index[chunk].tolist()
            if start == EMPTY:
                yield None
                continue
            raw = numcodecs.blosc.decompress(data[start : start + size - SUM])
            values = np.frombuffer(raw, self.dtype).reshape(self.block, self.columns, *self.shape[1:-1])
            yield values.transpose(0, 2, 1) if self.turned else values


def _together(positions: Positions) -> Positions | slice:
    """The same positions, as a slice where each is one more than that before it."""
    if len(positions) and (np.diff(positions) == 1).all():
        return slice(int(positions[0]), int(positions[-1]) + 1)
    return positions


def _single(key: Any) -> bool:
    return isinstance(key, int | np.integer)


def _positions(key: Any, size: int) -> Positions:
    """An index along one axis as positions."""
    if isinstance(key, slice):
        return np.arange(*key.indices(size))
    found = np.atleast_1d(np.asarray(key, dtype=np.intp))
    return np.where(found < 0, found + size, found)
