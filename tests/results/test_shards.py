"""Blocks read straight from their files give what Zarr reads, at any members, steps and columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from sim.results.shards import Shards
from sim.sweep.encode import block_file, encode_block, encode_group

MEMBERS, STEPS, BLOCK = 10, 7, 4
SHAPES = {
    "production": (MEMBERS, STEPS, 150), "flow_year": (MEMBERS, STEPS, 90),
    "peak_price_outside": (MEMBERS, 60),
}  # fmt: skip
KEYS: list[tuple[Any, ...]] = [
    (slice(None), slice(None), slice(None)),
    (slice(3, 9), slice(2, 5), np.array([0, 1, 2])),
    (np.array([7, 0, 5]), slice(None), np.array([58, 3, 57, 40])),
    (np.array([1, 2, 9]), np.array([6, 0]), np.array([5])),
    (4, 3, 2),
    (-1, slice(None, None, 2), slice(10, 50, 7)),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A group of three blocks, the last not full."""
    top = tmp_path_factory.mktemp("shards")
    generator = np.random.default_rng(3)
    files = encode_group({name: (shape, "float32") for name, shape in SHAPES.items()}, {}, {}, BLOCK)
    for first in range(0, MEMBERS, BLOCK):
        count = min(BLOCK, MEMBERS - first)
        arrays = {n: generator.random((count, *s[1:])).astype("float32") for n, s in SHAPES.items()}
        for name, data in encode_block(arrays, BLOCK, full=True).items():
            files[block_file(name, first // BLOCK)] = data
    for path, data in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(data)
    return top


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("key", KEYS, ids=[str(number) for number in range(len(KEYS))])
def test_what_is_unpacked_is_what_zarr_reads(folder: Path, name: str, key: tuple[Any, ...]) -> None:
    shards = Shards.of(folder / name, lambda path: (folder / name / path).read_bytes())
    assert shards is not None
    asked = key if len(SHAPES[name]) == 3 else (key[0], key[2])
    array = zarr.open_array(folder / name, mode="r")
    expected = np.asarray(array[...])
    for axis in reversed(range(expected.ndim)):
        expected = np.take(expected, np.arange(expected.shape[axis])[asked[axis]], axis=axis)
    found = shards.values(asked)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == array.dtype
