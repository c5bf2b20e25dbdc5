"""Run a plan: what is stored stays, what is missing is computed, the end is sealed."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from sim.errors import MonaziteError
from sim.paths import outputs_directory
from sim.results.rounding import rounding
from sim.sweep.estimate import fitting_batch, measure
from sim.sweep.executors import ExecutorSettings, Lost, make_executor
from sim.sweep.journal import Store
from sim.sweep.machine import available_bytes, cores
from sim.sweep.plan import Plan
from sim.sweep.summary import finish
from sim.sweep.work import Result, job_of

if TYPE_CHECKING:
    from sim.sweep.read import Sweep

__all__ = ["Progress", "Report", "execute", "run_plan"]


@dataclass
class Progress:
    """How far a sweep is."""

    total: int
    stored: int
    """Runs that were there before."""
    done: int = 0
    """Runs there now."""
    failed: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """How a sweep went."""

    directory: Path
    total: int
    stored: int
    taken_over: int
    done: int
    failed: tuple[int, ...]
    seconds: float
    write_seconds: float
    complete: bool
    signal: int = 0
    """The signal that ended it early, or 0."""
    lost: tuple[str, ...] = ()
    """Blocks that no worker could finish, with the reason."""
    cleared: int = 0
    certified: int = 0


STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Signals that end a sweep; Windows has no SIGHUP."""


def _leave_lost_terminal() -> None:
    """Print to nowhere where the terminal is gone: a sentence that nobody reads must not fail the rest."""
    for stream in (sys.stdout, sys.stderr):
        try:
            number = stream.fileno()
            # A terminal that was closed is still a device, but none that anybody types at.
            if stat.S_ISCHR(os.fstat(number).st_mode) and not os.isatty(number):
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)
        except (AttributeError, OSError, ValueError):
            continue


class Stopper:
    """The first Ctrl-C, SIGTERM or SIGHUP lets blocks in flight finish; the second Ctrl-C stops at once."""

    def __init__(self, tell: Callable[[str], None], what: str = "runs") -> None:
        self.signal = 0
        self._tell, self._what = tell, what

    def __call__(self) -> bool:
        return self.signal != 0

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note the signal."""
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number
        _leave_lost_terminal()
        self._tell(f"stopping; the {self._what} in flight are finished first (Ctrl-C again: at once)")

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle signals inside; only a program's main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        # Who started the program by nohup has it ignore SIGHUP, and so it does.
        numbers = [n for n in STOPPING if signal.getsignal(n) != signal.SIG_IGN]
        before = {number: signal.signal(number, self.handle) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def origin() -> dict[str, Any]:
    """Who asked, from where, on which kernels: kept beside the results, not in them."""
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"argv": sys.argv, "folder": str(Path.cwd()), "started": started, "rounding": rounding()}


def execute(
    plan: Plan,
    out: Path | None = None,
    settings: ExecutorSettings | None = None,
    *,
    fail_fast: bool = False,
    progress: Callable[[Progress], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Report:
    """Run what is not stored yet.

    Args:
        plan: the sweep.
        out: folder of sweeps; ``outputs`` in the current folder where None.
        settings: where blocks are computed; processes of this machine where None.
        fail_fast: start no more runs once one has failed.
        progress: called after every block.
        tell: called with messages for the user.

    Raises:
        MonaziteError: bad input, or a store that cannot be written.
    """
    settings = settings or ExecutorSettings()
    if settings.batch is not None and settings.batch < 1:
        raise MonaziteError(f"batch must be at least 1, not {settings.batch}")
    began = time.perf_counter()
    stop = Stopper(tell or (lambda _: None))
    lost: list[str] = []
    with Store.opened(plan, out if out is not None else outputs_directory(), origin()) as store:
        sizes = {block.name: block.members for block in plan.blocks}
        stored = plan.total - sum(block.members for block in store.missing)
        now = Progress(plan.total, stored, stored, store.failed)
        if progress is not None:
            progress(now)

        def keep(result: Result) -> None:
            store.commit(result)
            now.done += sizes[result.block]
            now.failed = store.failed
            if progress is not None:
                progress(now)

        if store.missing:
            store.unseal()
            lost = _compute(store, settings, keep, stop, fail_fast)
        if not store.missing and not store.sealed():
            finish(store)
        return _report(store, now, stop, lost, time.perf_counter() - began)


def _report(store: Store, now: Progress, stop: Stopper, lost: Sequence[str], seconds: float) -> Report:
    return Report(
        directory=store.directory,
        total=now.total,
        stored=now.stored,
        taken_over=store.taken_over,
        done=now.done,
        failed=tuple(store.failed),
        seconds=seconds,
        write_seconds=store.write_seconds,
        complete=not store.missing,
        signal=stop.signal,
        lost=tuple(lost),
        cleared=sum(entry.cleared for entry in store.entries.values()),
        certified=sum(entry.certified for entry in store.entries.values()),
    )


def _compute(
    store: Store, settings: ExecutorSettings, keep: Callable[[Result], None], stop: Stopper, fail_fast: bool
) -> list[str]:
    """Compute the blocks that are missing; returns those that no worker could finish, with the reason."""
    plan, missing = store.plan, store.missing
    name, workers, batch = settings.executor, settings.workers or cores(), settings.batch
    if name is None:
        name = "processes" if len(missing) > 1 and workers > 1 else "local"
    if name in ("local", "processes"):
        several = 1 if name == "local" else min(workers, len(missing))
        batch = fitting_batch(measure(plan, memory_only=True), plan.block, several, batch, available_bytes())
    pool = make_executor(name, settings, store.directory)
    jobs = (job_of(plan, block.variant, block.index, block.key, batch or plan.block) for block in missing)
    lost: list[str] = []
    try:
        with stop.installed():
            for result in pool.results(jobs, lambda: stop() or (fail_fast and bool(store.failed))):
                if not isinstance(result, Lost):
                    keep(result)
                    continue
                lost.append(f"{result.job.block}: {result.reason}")
                if fail_fast:
                    break
    finally:
        pool.close()
    return lost


def run_plan(
    plan: Plan,
    out: Path | None = None,
    settings: ExecutorSettings | None = None,
    *,
    fail_fast: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Sweep:
    """Run a plan and open what came of it; arguments as for :func:`execute`.

    Raises:
        MonaziteError: bad input, a store that cannot be written, or a sweep that was stopped.
    """
    from sim.sweep.read import open_sweep

    report = execute(plan, out, settings, fail_fast=fail_fast, progress=progress)
    if not report.complete:
        why = f" ({report.lost[0]})" if report.lost else ""
        raise MonaziteError(f"{report.directory}: {report.done} of {report.total} runs are done{why}")
    return open_sweep(report.directory)
