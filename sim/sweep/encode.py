"""Arrays to the bytes of Zarr 3, without touching a disk: what is written where is the store's business.

Every variable is cut along the member axis into blocks. A block is one file (a shard), inside which
columns stand in chunks of their own: whoever reads one good does not unpack all of them. The bytes of a
block depend on its members alone, so they are the same whichever process made them, in whatever batch.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.results.store import COMPRESSION_LEVEL, rounded
from sim.variables import VARIABLES

__all__ = ["COLUMNS", "block_file", "encode_block", "encode_group", "unknown"]

Array = npt.NDArray[Any]

COLUMNS = 16
"""Columns that are unpacked together: one good of ten thousand members is read within a second."""
DAYS = "days since 1970-01-01"


def block_file(name: str, block: int) -> str:
    """Path of a variable's block inside its Zarr group."""
    return f"{name}/c/{'/'.join([str(block), *('0' for _ in VARIABLES[name].axes[1:])])}"


def _layout(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], block: int) -> dict[str, Any]:
    from zarr.codecs import BloscCodec, Crc32cCodec, TransposeCodec

    columns = min(COLUMNS, max(shape[-1], 1)) if len(shape) > 1 else 1
    inside = (block, *shape[1:-1], columns)
    shard = (block, *shape[1:-1], -(-shape[-1] // columns) * columns)
    blosc = BloscCodec(
        typesize=dtype.itemsize,
        cname="zstd",
        clevel=COMPRESSION_LEVEL,
        shuffle="bitshuffle" if dtype.itemsize > 1 else "noshuffle",
    )
    return {
        "name": name,
        "shape": shape,
        "dtype": dtype,
        "chunks": inside,
        "shards": shard,
        # Time last: neighbours in time resemble each other, which saves a quarter of the disk.
        "filters": [TransposeCodec(order=(0, 2, 1))] if len(shape) == 3 else None,
        "compressors": [blosc, Crc32cCodec()],
        "fill_value": unknown(dtype),
        "dimension_names": VARIABLES[name].axes,
        "config": {"write_empty_chunks": True},
    }


def unknown(dtype: np.dtype[Any]) -> Any:
    """What stands for a member that failed: not true, -1 where whole numbers are kept, or no number."""
    return False if dtype == np.bool_ else -1 if dtype.kind == "i" else np.nan


def stored_values(values: Array, full: bool) -> Array:
    """As they are written: single precision, rounded to a few bits unless ``full``; whole numbers as are."""
    if values.dtype.kind in "bi":
        return values
    single = values.astype(np.float32)
    return single if full else rounded(single)


def encode_block(arrays: dict[str, Array], block: int, full: bool) -> dict[str, bytes]:
    """The chunk files of one block of members, by variable.

    Args:
        arrays: name -> (M, ...) with M at most ``block``; emptied on the way, to save memory.
        block: members to a block.
        full: keep every bit instead of :data:`sim.results.store.KEPT_BITS`.
    """
    import zarr
    from zarr.storage import MemoryStore

    files = {}
    for name in list(arrays):
        values = arrays.pop(name)
        given = values if name == "drawn" else stored_values(values, full)
        del values
        written: dict[str, Any] = {}
        array = zarr.create_array(MemoryStore(written), **_layout(name, given.shape, given.dtype, block))
        array[...] = given
        files[name] = bytes(written[block_file(name, 0)].to_bytes())
    return files


def encode_group(
    sizes: Mapping[str, tuple[tuple[int, ...], Any]],
    labels: Mapping[str, tuple[str, Array]],
    attributes: Mapping[str, Any],
    block: int,
) -> dict[str, bytes]:
    """Metadata of a variant's group, and its labels: path -> bytes.

    Args:
        sizes: variable -> (shape with all members, type).
        labels: coordinate -> (axis, values).
        attributes: of the data set.
        block: members to a block.
    """
    import zarr
    from zarr.storage import MemoryStore

    written: dict[str, Any] = {}
    store = MemoryStore(written)
    group = zarr.create_group(store, attributes=dict(attributes))
    for name, (shape, dtype) in sizes.items():
        array = group.create_array(**_layout(name, shape, np.dtype(dtype), block))
        array.attrs.update(VARIABLES[name].in_sweep_attributes)
    for name, (axis, values) in labels.items():
        text = values.dtype.kind in "UO"
        array = group.create_array(
            name=name,
            shape=values.shape,
            dtype=str if text else values.dtype,
            chunks=(max(len(values), 1),),
            dimension_names=(axis,),
            config={"write_empty_chunks": True},
        )
        array[...] = values.astype(object) if text else values
        if name == "time":
            array.attrs.update({"units": DAYS, "calendar": "proleptic_gregorian"})
    with warnings.catch_warnings():
        # Readers look for consolidated metadata first and warn where there is none.
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        zarr.consolidate_metadata(store)
    return {key: _sorted(key, bytes(value.to_bytes())) for key, value in sorted(written.items())}


def _sorted(key: str, value: bytes) -> bytes:
    """JSON with its keys in order: equal metadata are equal bytes."""
    if not key.endswith("zarr.json"):
        return value
    return (json.dumps(json.loads(value), indent=1, sort_keys=True) + "\n").encode()
