"""Save one run, load it again. A run's directory is complete or visibly not.

Layout of ``<campaign>/<run id>/``::

    manifest.json           what the run was made from; written last
    scenario.resolved.yaml  every value with the line it came from
    arrays.zarr             labelled arrays (zarr 3), for ``xarray.open_zarr``
    tables/*.parquet        tidy tables
    checksums.json          size and CRC-32 of every other file
    events.jsonl            one event per line with what it touched
    plots/                  pictures, once drawn

Everything is written to a hidden sibling first and renamed when done, so no reader and no second
run ever sees half a run.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from sim.errors import MonaziteError
from sim.results.grouping import member_statistics, over_run
from sim.results.manifest import (
    Origin,
    Timing,
    build_manifest,
    content_hash,
    input_checksums,
    scenario_files,
    world_files,
)
from sim.results.resolved import resolved_yaml
from sim.results.stored import CHECKSUMS, checksums_of, open_arrays, read_checksums, read_manifest
from sim.results.tables import write_tables
from sim.variables import VARIABLES

__all__ = ["ARRAYS", "KEPT_BITS", "Run", "find_runs", "load_run", "rounded", "run_id", "save"]

ARRAYS = "arrays.zarr"
CHUNK_VALUES = 2_000_000
"""Values per chunk, about 8 MB before compression: one read per good or country group."""
COMPRESSION_LEVEL = 3
"""Level 5 of zstd saves another tenth of the disk and doubles the time."""
KEPT_BITS = 13
"""Mantissa bits kept by default (relative error at most 2**-14), which thirds the size on disk."""

EVENT_KEYS = {
    "event_tonnes": "tonnes_touched",
    "event_usd": "usd_touched",
    "event_flow": "tonnes_acted_on",
    "event_change": "change_of_tonnes",
    "event_flow_usd": "usd_acted_on",
    "event_agents": "agents_touched",
}
"""Variable -> key of an event's totals over the run in ``events.jsonl``."""


@dataclass(frozen=True)
class Run:
    """One stored run: its directory, its manifest and its labelled arrays."""

    directory: Path
    manifest: dict[str, Any]
    dataset: xr.Dataset

    @property
    def id(self) -> str:
        """Name of the run's directory."""
        return self.directory.name

    @property
    def scenario(self) -> str:
        """Scenario id."""
        return str(self.manifest["scenario"])

    @property
    def events(self) -> list[dict[str, Any]]:
        """The scenario's events: id, type, sentence, announced, from, until."""
        listed: list[dict[str, Any]] = json.loads(self.dataset.attrs.get("events", "[]"))
        return listed


def rounded(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Round float32 to :data:`KEPT_BITS` mantissa bits, to nearest, NaN and infinity untouched."""
    drop = 23 - KEPT_BITS
    bits = np.ascontiguousarray(values).view(np.uint32)
    half = np.uint32((1 << (drop - 1)) - 1)
    nearest = bits + half + ((bits >> np.uint32(drop)) & np.uint32(1))
    nearest &= np.uint32((0xFFFFFFFF << drop) & 0xFFFFFFFF)
    return np.where(np.isfinite(values), nearest.view(np.float32), values)


def _write_arrays(dataset: xr.Dataset, path: Path, full: bool) -> None:
    from zarr.codecs import BloscCodec

    stored: dict[str, Any] = {}
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in dataset.variables.items():
        values = variable.values
        if values.dtype == np.float32 and not full:
            values = rounded(values)
        elif values.dtype.kind == "U":
            # zarr 3 specifies strings of variable length only.
            values = values.astype(object)
        stored[str(name)] = (variable.dims, values, variable.attrs)
        if values.dtype.kind == "O":
            continue
        shape = values.shape
        rows = max(int(np.prod(shape[:-1])), 1) if shape else 1
        last = min(max(CHUNK_VALUES // rows, 1), shape[-1]) if shape else 1
        chunks = (*shape[:-1], last) if shape else ()
        codec = BloscCodec(
            typesize=values.dtype.itemsize,
            cname="zstd",
            clevel=COMPRESSION_LEVEL,
            shuffle="shuffle" if values.itemsize > 1 else "noshuffle",
        )
        encoding[str(name)] = {"compressors": (codec,), "chunks": tuple(max(c, 1) for c in chunks)}
        if values.dtype.kind == "M":
            encoding[str(name)] |= {"units": "days since 1970-01-01", "dtype": "int64"}
    names = {str(n) for n in dataset.data_vars}
    plain = xr.Dataset(
        {n: v for n, v in stored.items() if n in names},
        coords={n: v for n, v in stored.items() if n not in names},
        attrs=dataset.attrs,
    )
    with warnings.catch_warnings():
        # Readers look for consolidated metadata first and warn where there is none.
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        plain.to_zarr(path, mode="w", zarr_format=3, consolidated=True, encoding=encoding)


def _write_events(dataset: xr.Dataset, path: Path) -> None:
    lines = []
    for position, event in enumerate(json.loads(dataset.attrs.get("events", "[]"))):
        touched = {}
        for name, key in EVENT_KEYS.items():
            values = dataset[name].values[..., position]
            total = over_run(values, name) if values.ndim == 2 else values
            touched[key] = {k: float(f"{float(v):.6g}") for k, v in member_statistics(total).items()}
        lines.append(json.dumps({**event, **touched}, ensure_ascii=False))
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def _inputs(dataset: xr.Dataset, scenario: object) -> list[Path]:
    """Files that a run was read from."""
    tables = getattr(scenario, "tables", None)
    return [*scenario_files(scenario), *world_files(int(dataset.attrs["base_year"]), tables)]


def run_id(dataset: xr.Dataset, scenario: object, *, full: bool = False) -> str:
    """Scenario name and eight hexadecimal digits of what decides the results.

    Equal inputs give equal ids on every machine. Equal ids do not promise equal bytes: those are given where
    ``rounding`` in the manifests agrees, too, else numbers within the market's tolerance (docs/results.md).
    """
    files = _inputs(dataset, scenario)
    return (
        f"{dataset.attrs['scenario']}-{content_hash(scenario, input_checksums(files), dataset.attrs, full)}"
    )


def save(
    dataset: xr.Dataset,
    directory: Path,
    scenario: object,
    argv: Sequence[str],
    *,
    timing: Timing | None = None,
    full: bool = False,
) -> Path:
    """Store a run as ``directory/<run id>`` and return that path.

    A run that is there already is left alone: the new one gets the suffix ``-2``, ``-3``, ...

    Args:
        dataset: results with the dimensions and variables of ``docs/results.md``.
        directory: the campaign's directory; made where missing.
        scenario: the resolved scenario that was run.
        argv: the command line, for the manifest.
        timing: when the run began and how long the engine took; now and no time where ``None``.
        full: keep every bit of the arrays instead of :data:`KEPT_BITS`.

    Raises:
        MonaziteError: the directory cannot be written, or the disk is full.
    """
    files = _inputs(dataset, scenario)
    origin = Origin(
        scenario, input_checksums(files), argv, timing or Timing(datetime.now(UTC), 0.0), full
    )  # fmt: skip
    name = f"{dataset.attrs['scenario']}-{content_hash(scenario, origin.inputs, dataset.attrs, full)}"
    scratch = directory / f".{name}.incomplete-{os.getpid()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
    except OSError as error:
        raise MonaziteError(f"{directory}: cannot write results there ({error.strerror})") from error
    try:
        _write_arrays(dataset, scratch / ARRAYS, full)
        write_tables(dataset, scratch / "tables")
        _write_events(dataset, scratch / "events.jsonl")
        (scratch / "scenario.resolved.yaml").write_text(resolved_yaml(scenario), encoding="utf-8")
        return _settle(dataset, origin, scratch, directory / name)
    except OSError as error:
        shutil.rmtree(scratch, ignore_errors=True)
        raise MonaziteError(f"{directory}: the run was not saved ({error.strerror or error})") from error
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _settle(dataset: xr.Dataset, origin: Origin, scratch: Path, wanted: Path) -> Path:
    """Write the manifest and give a finished folder the first free of its names, which is returned."""
    number = 1
    while True:
        target = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        manifest = build_manifest(dataset, target.name, origin)
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        (scratch / "manifest.json").write_text(text, encoding="utf-8")
        (scratch / CHECKSUMS).write_bytes(checksums_of(scratch))
        if not target.exists():
            try:
                scratch.rename(target)
            except OSError:
                # Another process took the name between the test and the rename.
                if not target.exists():
                    raise
            else:
                return target
        number += 1


def _plain_strings(dataset: xr.Dataset) -> xr.Dataset:
    """Labels as numpy's own strings, as the engine gives them, instead of zarr's variable-length ones."""
    labels = {
        name: (coordinate.dims, coordinate.values.astype(object).astype(str), coordinate.attrs)
        for name, coordinate in dataset.coords.items()
        if coordinate.dtype.kind in "TO"
    }
    return dataset.assign_coords(labels)


def _manifest(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise MonaziteError(f"{path}: no such directory")
    if not (path / "manifest.json").exists():
        if ".incomplete" in path.name:
            raise MonaziteError(f"{path}: this run did not finish; run it again")
        raise MonaziteError(f"{path}: not a run: there is no manifest.json")
    return read_manifest(path)


def load_run(directory: Path | str) -> Run:
    """Open a stored run; arrays are read from disk when they are used.

    Raises:
        MonaziteError: the directory is no complete run, or was written by a newer program.
    """
    path = Path(directory)
    manifest = _manifest(path)
    if not (path / ARRAYS / "zarr.json").is_file():
        raise MonaziteError(f"{path}: {ARRAYS} is missing; the run cannot be read")
    data = _plain_strings(open_arrays(path / ARRAYS, read_checksums(path, manifest)))
    _check_shape(path, manifest, data)
    return Run(path, manifest, data)


def _check_shape(path: Path, manifest: dict[str, Any], data: xr.Dataset) -> None:
    """Refuse arrays that are not those of the manifest, or not the variables of a run."""
    sizes = {"member": manifest["members"], "time": manifest["steps"]}
    found = {axis: data.sizes.get(axis) for axis in sizes}
    wrong = [f"{found[axis]} on axis {axis}" for axis, size in sizes.items() if found[axis] != size]
    wrong += [f"no {name}" for name in ("price_outside", "certified") if name not in data]
    wrong += [
        f"{name} on {variable.dims}"
        for name, variable in data.data_vars.items()
        if name in VARIABLES and variable.dims != VARIABLES[str(name)].axes
    ]
    if wrong:
        said = ", ".join(wrong[:3])
        raise MonaziteError(f"{path / ARRAYS}: does not fit manifest.json: {said}; run it again")


def find_runs(path: Path | str) -> list[Run]:
    """The run at ``path``, or the complete runs of the campaign at ``path``.

    Of several runs of one scenario the one started last counts. Order: as started.

    Raises:
        MonaziteError: nothing is there, or the directory holds no complete run.
    """
    top = Path(path)
    if not top.is_dir():
        raise MonaziteError(f"{top}: no such directory")
    if (top / "manifest.json").is_file() or ".incomplete" in top.name:
        return [load_run(top)]
    found = sorted(p.parent for p in top.glob("*/manifest.json") if not p.parent.name.startswith("."))
    if not found:
        raise MonaziteError(f"{top}: holds no complete run; make one with 'monazite run'")
    manifests = sorted(
        ((_manifest(p), p) for p in found),
        key=lambda pair: (pair[0]["started"], len(pair[1].name), pair[1].name),
    )
    latest = {str(manifest["scenario"]): path for manifest, path in manifests}
    return [load_run(path) for path in latest.values()]
