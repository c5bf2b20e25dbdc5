"""``monazite compare`` on a sweep of ten thousand members of the default world: time and memory.

A sweep of 64 members is run; its blocks then stand for all the blocks of a larger store (as links, so that
the disk holds them once): what is read, unpacked and computed is that of ten thousand members, though many of
them are the same. Takes about two minutes on two processors.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from benchmarks.harness import Figure, publish, run_python
from sim.results.store import ARRAYS, load_run
from sim.results.stored import CHECKSUMS, checksums_of
from sim.sweep.encode import encode_group
from sim.sweep.request import BLOCK

SCENARIOS = ("baseline-2024", "ree-licence-2025")
BLOCKS = 2
MANY = int(os.environ.get("MONAZITE_COMPARE_MEMBERS", "10016"))
"""A multiple of the members of a block."""
ONE_SWEEP = """
import json, sys
from pathlib import Path
from sim.sweep import ExecutorSettings, Request, make_plan, run_plan

out, members, *names = sys.argv[1:]
sweep = run_plan(make_plan(Request(names, members=int(members))), Path(out), ExecutorSettings("local"))
print(json.dumps({"directory": str(sweep.directory)}))
"""
ONE_COMPARE = """
import json, os, sys, time
from sim.cli import main
from sim.sweep.machine import peak_bytes

began, used = time.perf_counter(), time.process_time()
stdout, sys.stdout = sys.stdout, open(os.devnull, "w")
code = main(["compare", sys.argv[1], "--no-plots", *sys.argv[2:]])
sys.stdout = stdout
assert code == 0, code
print(json.dumps({
    "seconds": time.perf_counter() - began, "processor": time.process_time() - used, "bytes": peak_bytes(),
}))
"""


def enlarged(folder: Path, members: int) -> None:
    """Make the results of a run of some blocks those of many members, block after block the same.

    Args:
        folder: of a variant of a sweep, whose members fill its blocks.
        members: how many there shall be, a multiple of a block.
    """
    data = load_run(folder).dataset
    few, arrays = data.sizes["member"], folder / ARRAYS
    times = members // few + 1

    def longer(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.concatenate([values] * times)[:members]

    sizes, labels = {}, {}
    for name, variable in data.variables.items():
        if name in data.data_vars:
            sizes[str(name)] = (members, *variable.shape[1:]), variable.dtype
            continue
        values = variable.values
        if name == "time":
            values = values.astype("datetime64[D]").astype(np.int64)
        if variable.dims == ("member",):
            own = name in ("member", "number", "replicate", "run")
            values = np.arange(members) if own else longer(values)
        labels[str(name)] = str(variable.dims[0]), values
    blocks = {name: sorted((arrays / name / "c").iterdir()) for name in sizes}
    kept = folder.parent.parent / f"blocks of {folder.name}"
    kept.mkdir()
    for name in sizes:
        shutil.move(arrays / name / "c", kept / name)
    attributes = {**dict(zarr.open_group(arrays, mode="r").attrs), "members": members}
    shutil.rmtree(arrays)
    for path, content in encode_group(sizes, labels, attributes, BLOCK).items():
        target = arrays / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    for name, (shape, _) in sizes.items():
        inner = Path(*("0" for _ in shape[1:]))
        for block in range(members // BLOCK):
            target = arrays / name / "c" / str(block) / inner
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(kept / name / str(block % len(blocks[name])) / inner, target)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    (folder / "manifest.json").write_text(json.dumps({**manifest, "members": members}), encoding="utf-8")
    (folder / CHECKSUMS).write_bytes(checksums_of(folder))


def figures(folder: Path) -> list[Figure]:
    """All figures; ``folder`` holds the store."""
    made = run_python(ONE_SWEEP, str(folder), str(BLOCKS * BLOCK), *SCENARIOS)
    sweep = Path(str(made["directory"]))
    for name in SCENARIOS:
        enlarged(sweep / name, MANY)
    found = []
    for words, said in (((), "two goods"), (("--good", "dysprosium"), "one good")):
        took = run_python(ONE_COMPARE, str(sweep), *words)
        found += [
            Figure(f"compare {MANY} members with their baseline, {said}", took["seconds"], "s", must=15.0),
            Figure("  processor", took["processor"], "s"),
            Figure("  memory", took["bytes"] / 1e9, "GB", must=1.0),
        ]
    return found


def main() -> None:
    """Measure and publish."""
    folder = Path(tempfile.mkdtemp(prefix="monazite-bench-"))
    try:
        publish("compare", figures(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
