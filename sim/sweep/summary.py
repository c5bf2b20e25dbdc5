"""What a sweep leaves besides its blocks: design, errors, labels, quantile tables, manifests.

None of it holds a time of day: the same sweep leaves the same bytes.
"""

from __future__ import annotations

import json
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.instruments.base import event_row
from sim.results.manifest import FORMAT as RUN_FORMAT
from sim.results.manifest import input_checksums, scenario_files, world_files
from sim.results.resolved import plain
from sim.results.store import ARRAYS
from sim.results.stored import CHECKSUMS, encoded_checksums
from sim.sweep.described import parquet
from sim.sweep.encode import block_file, encode_group
from sim.sweep.ensemble_tables import quantile_tables
from sim.sweep.kept import KEPT, axis_labels
from sim.sweep.plan import Variant
from sim.sweep.stored import checksum
from sim.sweep.work import portable, simulate

if TYPE_CHECKING:

    from sim.sweep.journal import Store

__all__ = ["finish"]

Array = npt.NDArray[Any]


def finish(store: Store) -> None:
    """Write labels, tables and manifests of a sweep whose blocks are all there, and seal it."""
    plan, written = store.plan, []
    for variant in plan.variants:
        files = _group(store, variant)
        for name, data in files.items():
            store.put(f"{variant.name}/{ARRAYS}/{name}", data)
            written.append(f"{variant.name}/{ARRAYS}/{name}")
        sizes = {f"{ARRAYS}/{name}": measured(data) for name, data in files.items()}
        for table, frame in quantile_tables(store, variant):
            name = f"{variant.name}/tables/{table}.parquet"
            data = parquet(frame)
            store.put(name, data)
            written.append(name)
            sizes[f"tables/{table}.parquet"] = measured(data)
        manifest = _manifest(store, variant)
        name = f"{variant.name}/{CHECKSUMS}"
        store.put(name, _checksums(store, variant, {**sizes, "manifest.json": measured(manifest)}))
        written.append(name)
        name = f"{variant.name}/manifest.json"
        store.put(name, manifest)
        written.append(name)
    written += ["sweep.json", "design.parquet", *(f"errors/{run}.txt" for run in store.failed)]
    store.seal(written, {"runs": plan.total, "failed": store.failed})


def measured(data: bytes) -> tuple[int, int]:
    """Size and checksum."""
    return len(data), checksum(data)


def _checksums(store: Store, variant: Variant, sizes: dict[str, tuple[int, int]]) -> bytes:
    """``checksums.json`` of a variant: of its blocks the journal has them, of other files ``sizes``."""
    for entry in store.entries.values():
        name, _, index = entry.block.rpartition("/")
        if name == variant.name:
            for variable, size in entry.files.items():
                sizes[f"{ARRAYS}/{block_file(variable, int(index))}"] = size
    return encoded_checksums(sizes)


def _group(store: Store, variant: Variant) -> dict[str, bytes]:
    """Metadata and labels of a variant's arrays."""
    plan = store.plan
    rows = variant.rows(0, 1)
    given = {path: values[rows] for path, values in variant.values.items()}
    scenario = variant.scenario
    simulation = simulate(
        portable(scenario), variant.number[rows], variant.seed[rows], given, plan.every_flow
    )
    labels = axis_labels(simulation)
    length = {axis: len(values) for axis, values in labels.values()}
    sizes = {}
    for name, item in KEPT.items():
        if item.detail == "every_flow" and not plan.every_flow:
            continue
        # Of what a scenario has none of, projects for example, there is no axis.
        if any(axis != "member" and not length.get(axis) for axis in item.axes):
            continue
        shape = (len(variant.runs), *(length[axis] for axis in item.axes[1:]))
        sizes[name] = shape, np.dtype(item.dtype)
    member = np.arange(len(variant.runs), dtype=np.int64)
    labels |= {
        "member": ("member", member),
        "run": ("member", variant.runs.astype(np.int64)),
        "sample": ("member", variant.sample.astype(np.int64)),
        "replicate": ("member", variant.replicate.astype(np.int64)),
        "number": ("member", variant.number.astype(np.int64)),
    }
    attributes = {
        "scenario": variant.name, "title": scenario.title, "base_year": simulation.world.base_year,
        "seed": plan.seed, "members": len(variant.runs), "step": scenario.step,
        "compare_to": scenario.compare_to or "", "sweep": plan.id,
        "events": json.dumps([event_row(event) for event in scenario.events]),
        "varies": json.dumps(sorted(variant.values)), "variant": variant.label,
        **({"stands_for": json.dumps(variant.stands_for.tolist())} if len(variant.stands_for) else {}),
        "coordinates": " ".join(name for name in labels if name != labels[name][0]),
    }  # fmt: skip
    labels = {name: value for name, value in labels.items() if len(value[1])}
    return encode_group(sizes, labels, attributes, plan.block)


def _manifest(store: Store, variant: Variant) -> bytes:
    """A run's manifest without what differs from machine to machine and day to day."""
    plan, scenario = store.plan, variant.scenario
    blocks = [entry for entry in store.entries.values() if entry.block.rpartition("/")[0] == variant.name]
    content = {
        "format": RUN_FORMAT,
        "status": "complete",
        "run_id": variant.name,
        "scenario": variant.name,
        "title": scenario.title,
        "compare_to": scenario.compare_to,
        "base_year": scenario.base_year,
        "step": scenario.step,
        "steps": len(scenario.steps()),
        "members": len(variant.runs),
        "failed": [run for run in store.failed if run in set(variant.runs.tolist())],
        "seed": plan.seed,
        "full": plan.full,
        "markets": {"cleared": sum(b.cleared for b in blocks), "certified": sum(b.certified for b in blocks)},
        "version": metadata.version("monazite"),
        "observed": plain(scenario.observed),
        "inputs": input_checksums(
            [*scenario_files(scenario), *world_files(scenario.base_year, scenario.tables)]
        ),
        "sweep": {
            "id": plan.id, "levels": dict(variant.levels), "method": plan.method,
            "scenario": scenario.name, "label": variant.label,
        },
        # A run says here when it began; of a sweep, origin.json and timings.jsonl tell.
        "started": "",
        "checksums": CHECKSUMS,
    }
    return json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"
