"""Measure, print and keep figures: medians of several runs, in processes of their own.

Runs on POSIX systems alone: the processor time of processes that have ended comes from ``resource``.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

__all__ = ["Figure", "Timing", "clean_environment", "processor", "publish", "run_python", "timed"]

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "outputs" / "bench"


@dataclass(frozen=True)
class Figure:
    """One measured number. Smaller is better unless told; ``must`` and ``aim`` are bounds in ``unit``."""

    name: str
    value: float
    unit: str
    must: float | None = None
    aim: float | None = None
    larger_is_better: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the bound holds; None for a figure without one."""
        if self.must is None:
            return None
        return self.value >= self.must if self.larger_is_better else self.value <= self.must


@dataclass(frozen=True)
class Timing:
    """Seconds that a process took: on the clock, and of the processor.

    Where the second is far below the first, other work shared the machine and the clock is not to be trusted.
    """

    wall: float
    processor: float


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment, one thread per process, bytecode written and used."""
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"})
    environment.update(extra or {})
    return environment


def _one(command: Sequence[str]) -> Timing:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Timing(wall, used)


def timed(command: Sequence[str], repeats: int = 1, warm_up: int = 0) -> Timing:
    """Medians over several runs of a command in the project's folder, after some that do not count.

    Raises:
        RuntimeError: the command failed; its time would mean nothing.
    """
    for _ in range(warm_up):
        _one(command)
    runs = [_one(command) for _ in range(repeats)]
    return Timing(statistics.median(r.wall for r in runs), statistics.median(r.processor for r in runs))


def run_python(program: str, *arguments: str) -> dict[str, float]:
    """Run a program in a fresh interpreter; the last line that it prints is a JSON object of figures.

    Raises:
        RuntimeError: the program failed.
    """
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the measured program ended with {done.returncode}:\n{done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def processor() -> str:
    """Name of the processor at hand, as the system has it; figures mean little without it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "")
    widest = next((name for name in ("avx512f", "avx2", "sse2") if f" {name}" in flags), "")
    return " ".join([names[0] if names else platform.processor() or platform.machine(), widest]).strip()


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def publish(name: str, figures: Sequence[Figure], title: str = "") -> Path:
    """Print the figures as a table that names the processor; write them to ``outputs/bench/<name>.json``."""
    table = Table(title=f"{title or name}, on {processor()}", title_justify="left")
    table.add_column("figure")
    for heading in ("value", "unit", "must", "aim", "met"):
        table.add_column(heading, justify="left" if heading == "unit" else "right")
    words = {True: "yes", False: "NO", None: ""}
    for figure in figures:
        table.add_row(
            figure.name,
            _shown(figure.value),
            figure.unit,
            _shown(figure.must),
            _shown(figure.aim),
            words[figure.met],
        )
    Console().print(table)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    path = OUTPUT / f"{name}.json"
    rows = [{**asdict(figure), "met": figure.met} for figure in figures]
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
    return path
