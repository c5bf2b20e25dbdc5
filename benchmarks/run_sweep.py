"""Sweeps: time, memory, disk, resuming, a second process.

Takes about six minutes on two processors. With ``MONAZITE_LONG=1`` the sweep of ten thousand members is one
of the default world (a quarter of an hour and 4 GB of disk more); otherwise it is one of the gallium chain
over a year, which says the same of how memory and resuming grow with members.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.harness import Figure, publish, run_python

SCENARIO = "ree-licence-2025"
MEMBERS = int(os.environ.get("MONAZITE_SWEEP_MEMBERS", "1000"))
MANY = 10 * MEMBERS
SMALL = ("minerals=[gallium]", "time.end=2024-12")
ONE_SWEEP = """
import json, sys, time
from pathlib import Path
import sim.sweep.summary, sim.engine.simulation, zarr, pandas
from sim.sweep.executors import ExecutorSettings
from sim.sweep.plan import make_plan
from sim.sweep.request import Request
from sim.sweep.execute import execute
from sim.sweep.machine import peak_bytes

def main():
    out, members, executor, workers, *overrides = sys.argv[1:]
    began = time.perf_counter()
    plan = make_plan(Request(["{scenario}"], overrides, members=int(members)))
    report = execute(plan, Path(out), ExecutorSettings(executor, int(workers)))
    seconds = time.perf_counter() - began
    assert report.complete and not report.failed, report
    lines = [json.loads(line) for line in (report.directory / "timings.jsonl").read_text().splitlines()]
    own = peak_bytes()
    largest = max(line["peak_bytes"] for line in lines)
    arrays = report.directory / "{scenario}" / "arrays.zarr"
    metadata = json.loads((arrays / "price_gate" / "zarr.json").read_text())
    stored = sum(p.stat().st_size for p in report.directory.rglob("*") if p.is_file())
    print(json.dumps(dict(
        seconds=seconds, write_seconds=report.write_seconds, stored_new=report.stored,
        own_bytes=own, worker_bytes=largest,
        # In this process the workers' memory is its own.
        all_bytes=own if executor == "local" else own + int(workers) * largest,
        disk_bytes=stored, months=metadata["shape"][1], compute_seconds=sum(l["compute_s"] for l in lines),
    )))

if __name__ == "__main__":
    main()
""".replace("{scenario}", SCENARIO)
VARIABLES_STEPWISE = 10
"""Prices inside, outside and at the gate, rent, concentration, production, two stocks, shortfall, need."""


def sweep(
    out: Path, members: int, executor: str, workers: int, overrides: Sequence[str] = ()
) -> dict[str, float]:
    """Run one sweep in a fresh interpreter and return what it took."""
    program = out / "one_sweep.py"
    out.mkdir(parents=True, exist_ok=True)
    program.write_text(ONE_SWEEP, encoding="utf-8")
    # Worker processes import the main module again, so it has to be a file.
    name = repr(str(program))
    call = f"import runpy, sys; sys.argv[0] = {name}; runpy.run_path({name}, run_name='__main__')"
    return run_python(call, str(out), str(members), executor, str(workers), *overrides)


def exponent(members: Sequence[int], seconds: Sequence[float]) -> float:
    """Slope of log time over log members."""
    return float(np.polyfit(np.log(members), np.log(seconds), 1)[0])


def main() -> None:
    """Measure and publish."""
    folder = Path(tempfile.mkdtemp(prefix="monazite-bench-"))
    try:
        publish("sweep", figures(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def figures(folder: Path) -> list[Figure]:
    """All figures; ``folder`` holds the stores."""
    found = []
    full = sweep(folder / "full", MEMBERS, "processes", 2)
    months = full["months"]
    found += [
        Figure(f"{MEMBERS} members x {months:.0f} months, 2 processes", full["seconds"], "s", 150.0, 90.0),
        Figure("  memory, all processes", full["all_bytes"] / 1e9, "GB", 3.0, 1.5),
        Figure("  memory, one worker", full["worker_bytes"] / 1e9, "GB"),
        Figure("  write share of the time", 100 * full["write_seconds"] / full["seconds"], "%", 10.0),
        Figure("  store, all variables", full["disk_bytes"] / MEMBERS / 1e3, "kB per member"),
        Figure(
            "  store, per member, month and variable",
            full["disk_bytes"] / MEMBERS / months / VARIABLES_STEPWISE, "bytes",
        ),
    ]  # fmt: skip
    part = max(MEMBERS // 4, 64)
    one = sweep(folder / "one", part, "processes", 1)
    two = sweep(folder / "two", part, "processes", 2)
    ratio = two["seconds"] / one["seconds"]
    found.append(
        Figure(f"2 processes against 1, {part} members, share of the time", ratio, "", 1 / 1.6, 1 / 1.9)
    )
    counts = [64, 128, 256] if MEMBERS >= 1000 else [32, 64, 128]
    seconds = [sweep(folder / f"members-{count}", count, "local", 1)["compute_seconds"] for count in counts]
    found.append(Figure("exponent of time in members", exponent(counts, seconds), ""))
    long = os.environ.get("MONAZITE_LONG") == "1"
    overrides = () if long else SMALL
    executor, workers = ("processes", 2) if long else ("local", 1)
    few = sweep(folder / "few", MEMBERS, executor, workers, overrides)
    many = sweep(folder / "many", MANY, executor, workers, overrides)
    growth = 100 * (many["all_bytes"] / few["all_bytes"] - 1)
    again = sweep(folder / "many", MANY, executor, workers, overrides)
    which = "" if long else ", gallium chain"
    found += [
        Figure(f"memory of {MANY} members beyond that of {MEMBERS}{which}", growth, "%", 15.0),
        Figure(f"resume of {MANY} finished members{which}", again["seconds"], "s", 3.0),
    ]
    return found


if __name__ == "__main__":
    main()
