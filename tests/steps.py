"""What a step brought as plain arrays by name, to compare runs bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.engine.result import StepResult
from sim.market.layout import Market

__all__ = ["Bits", "bits", "differing", "digest"]

Bits = dict[str, npt.NDArray[Any]]
LAID_OUT = ("market", "batches")
"""Of a clearing, what follows from policy, and the factors of its flows: compared as the flows themselves."""


def bits(result: StepResult) -> Bits:
    """Every array of a step by its path, and the flows of every good."""
    found = {
        f"{part.name}{path}": array
        for part in fields(result)
        if part.name != "controls"
        for path, array in _walk(getattr(result, part.name))
    }
    return found | {f"flow {g}": result.clearing.flow(g) for g in range(result.clearing.market.goods)}


def _walk(value: Any) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    if isinstance(value, Market):
        yield from ((f".kernel.{g}", np.asarray(kernel)) for g, kernel in enumerate(value.kernel))
    elif is_dataclass(value):
        for part in fields(value):
            if part.name not in LAID_OUT or (part.name == "market" and not hasattr(value, "batches")):
                yield from ((f".{part.name}{path}", a) for path, a in _walk(getattr(value, part.name)))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from ((f".{key}{path}", array) for path, array in _walk(item))
    elif isinstance(value, tuple | list):
        for place, item in enumerate(value):
            yield from ((f".{place}{path}", array) for path, array in _walk(item))
    elif isinstance(value, bytes):
        yield "", np.frombuffer(value, dtype=np.uint8)
    elif value is not None:
        yield "", np.asarray(value)


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Names of arrays that are not the same, bit for bit, or that one of the two lacks."""
    found = sorted(one.keys() ^ other.keys())
    for name in one.keys() & other.keys():
        mine, theirs = np.asarray(one[name]), np.asarray(other[name])
        if (mine.shape, mine.dtype) != (theirs.shape, theirs.dtype) or mine.tobytes() != theirs.tobytes():
            found.append(name)
    return sorted(found)


def digest(arrays: Mapping[str, Any]) -> str:
    """Hash of arrays with their names, the same in every process."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        found.update(f"{name} {array.shape} {array.dtype}".encode())
        found.update(array.tobytes())
    return found.hexdigest()
