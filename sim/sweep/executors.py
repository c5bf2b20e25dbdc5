"""Where blocks are computed: in this process, in processes of this machine, on Dask, on SLURM.

All do the same with :func:`sim.sweep.work.work` and give results to the one process that writes. Each holds
no more jobs than it needs to keep its workers busy, so memory does not grow with the sweep.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psutil

from sim.errors import MonaziteError
from sim.sweep.machine import cores
from sim.sweep.work import Job, Result, work

__all__ = ["EXECUTORS", "Executor", "ExecutorSettings", "Lost", "make_executor", "process_pool"]

EXECUTORS = ("local", "processes", "dask", "slurm", "submitit-local")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ATTEMPTS = 3
"""How often a block is tried whose worker vanished."""
POLL_SECONDS = 0.2
SCHEDULER_PATIENCE = 5.0
"""Seconds that a Dask scheduler may be out of reach."""
WATCH_SECONDS = 1.0
"""How often a worker looks whether the process that it works for is still there."""


@dataclass(frozen=True)
class Lost:
    """A block that no worker could finish: killed, out of memory, out of reach."""

    job: Job
    reason: str


Stop = Callable[[], bool]
"""Says whether no more jobs are to be started."""


class Executor(Protocol):
    """Computes jobs; results come in any order."""

    workers: int

    def results(self, jobs: Iterator[Job], stop: Stop) -> Iterator[Result | Lost]:
        """Results as they come; once ``stop`` says so, only those in flight."""
        ...

    def close(self) -> None:
        """Let go of all workers."""
        ...


class InProcess:
    """One block after the other, here."""

    workers = 1

    def results(self, jobs: Iterator[Job], stop: Stop) -> Iterator[Result | Lost]:
        """See :class:`Executor`."""
        for job in jobs:
            if stop():
                return
            try:
                yield work(job)
            except MemoryError:
                yield Lost(job, "not enough memory; use a smaller --batch")

    def close(self) -> None:
        """Nothing to let go of."""


def process_pool(workers: int) -> Any:
    """Processes of this machine, by loky; one thread each."""
    from loky import ProcessPoolExecutor

    _start_trackers()
    return ProcessPoolExecutor(
        workers, initializer=_worker, initargs=(os.getpid(),), env=dict(ONE_THREAD)
    )


def _start_trackers() -> None:
    """Start the processes that clear up after workers so that a closed terminal does not end them early."""
    if not hasattr(signal, "SIGHUP") or threading.current_thread() is not threading.main_thread():
        return
    # What is ignored stays ignored in the program that a process starts.
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        from multiprocessing import resource_tracker

        from loky.backend import resource_tracker as loky_tracker

        resource_tracker.ensure_running()
        loky_tracker.ensure_running()
    finally:
        signal.signal(signal.SIGHUP, before)


def _worker(parent: int) -> None:
    """Leave signals of the terminal to the process that writes, and end when that is gone.

    Args:
        parent: number of the process that writes.
    """
    # Ctrl-C and a closed terminal go to the whole group; only the process that writes acts on them.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_without, args=(parent,), daemon=True).start()


def _end_without(parent: int) -> None:
    """End this process soon after another one has ended, however that ended."""
    try:
        watched = psutil.Process(parent)
        # A parent that died before this line has left its children to another process.
        while watched.is_running() and (os.name != "posix" or os.getppid() == parent):
            time.sleep(WATCH_SECONDS)
    except psutil.Error:
        pass
    os._exit(1)


class _Futures(ABC):
    """What executors with futures share: a few jobs in flight, and another try for a lost one."""

    workers: int

    @abstractmethod
    def _submit(self, job: Job) -> Any:
        """Hand a job over."""

    @abstractmethod
    def _wait(self, futures: Sequence[Any]) -> list[Any]:
        """Those that are done, waiting a moment for one."""

    def _result(self, future: Any) -> Result:
        result: Result = future.result()
        return result

    def _renew(self) -> None:  # noqa: B027 (most executors replace workers by themselves)
        """Replace workers that are gone."""

    def results(self, jobs: Iterator[Job], stop: Stop) -> Iterator[Result | Lost]:
        """See :class:`Executor`."""
        running: dict[Any, tuple[Job, int]] = {}
        waiting: list[tuple[Job, int]] = []
        while True:
            while len(running) < self.workers + 1 and not stop():
                job, tries = waiting.pop() if waiting else (next(jobs, None), 0)
                if job is None:
                    break
                running[self._start(job)] = job, tries
            if not running:
                return
            for future in self._wait(list(running)):
                job, tries = running.pop(future)
                try:
                    yield self._result(future)
                except MonaziteError:
                    raise
                except Exception as error:  # noqa: BLE001 (a worker may end in any way)
                    self._renew()
                    if tries + 1 < ATTEMPTS:
                        waiting.append((job, tries + 1))
                    else:
                        yield Lost(job, f"{type(error).__name__}: {str(error)[:300]}")

    def _start(self, job: Job) -> Any:
        try:
            return self._submit(job)
        except MonaziteError:
            raise
        except Exception:  # noqa: BLE001 (the pool broke between two jobs)
            self._renew()
            return self._submit(job)


class Processes(_Futures):
    """Processes of this machine, by loky; one thread each."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool = process_pool(self.workers)

    def _submit(self, job: Job) -> Any:
        return self._pool.submit(work, job)

    def _wait(self, futures: Sequence[Any]) -> list[Any]:
        from concurrent.futures import FIRST_COMPLETED, wait

        return list(wait(futures, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED).done)

    def _renew(self) -> None:
        if getattr(self._pool, "_flags", None) is not None and self._pool._flags.broken is not None:
            self._pool.shutdown(wait=False, kill_workers=True)
            self._pool = process_pool(self.workers)

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(wait=True)


class Dask(_Futures):
    """Workers of a Dask scheduler, on this machine or many."""

    _missing_since: float | None

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
            from distributed.security import Security
        except ImportError:
            raise MonaziteError(
                "executor 'dask' needs the extra of that name: pip install '.[dask]'"
            ) from None
        security: Any = Security
        if address.startswith("tls://") and not security().get_connection_args("client")["ssl_context"]:
            # Its own client would be left half made, and hang at the end of the program.
            raise MonaziteError(
                f"{address} needs a certificate and its key, and Dask's settings name none; set "
                "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and the others of docs/how-to/sweep-on-dask.md"
            )
        try:
            connect: Any = Client
            self._address = address
            self._missing_since = None
            self._client = connect(address, timeout=10, set_as_default=False)
        except (OSError, TimeoutError, RuntimeError) as error:
            raise MonaziteError(
                f"no Dask scheduler answers at {address} ({error}); start one with 'dask scheduler'"
            ) from None
        self.workers = max(sum(dict(self._client.nthreads()).values()), 1)

    def _submit(self, job: Job) -> Any:
        self._check()
        return self._client.submit(work, job, pure=False, retries=0)

    def _check(self) -> None:
        """Refuse to go on without a scheduler: its client would wait, or fail in words of its own."""
        if self._client.status == "running":
            self._missing_since = None
            return
        self._missing_since = self._missing_since or time.monotonic()
        if self._client.status != "closed" and time.monotonic() - self._missing_since < SCHEDULER_PATIENCE:
            return
        raise MonaziteError(
            f"the Dask scheduler at {self._address} is gone; what is finished is kept: start a scheduler and "
            "workers again, then go on with 'monazite resume' and the same --address"
        )

    def _result(self, future: Any) -> Result:
        try:
            return super()._result(future)
        except Exception:
            self._check()
            if future.status in ("lost", "cancelled"):
                self._wait_for_status()
            raise

    def _wait_for_status(self) -> None:
        """Give a client whose connection has just broken a moment to see whether its scheduler comes back."""
        while self._client.status != "running":
            self._check()
            time.sleep(POLL_SECONDS)

    def _wait(self, futures: Sequence[Any]) -> list[Any]:
        self._check()
        done = [future for future in futures if future.done()]
        if not done:
            time.sleep(POLL_SECONDS / 4)
        return done

    def close(self) -> None:
        """Leave the scheduler; it and its workers stay."""
        self._client.close()


class Submitit(_Futures):
    """Jobs of a SLURM cluster, or the same machinery in processes of this machine."""

    def __init__(self, cluster: str, folder: Path, workers: int, parameters: dict[str, Any]) -> None:
        try:
            import submitit
        except ImportError:
            raise MonaziteError(
                "executor 'slurm' needs the extra of that name: pip install '.[slurm]'"
            ) from None
        self.workers = workers
        try:
            self._executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
        except RuntimeError as error:
            raise MonaziteError(f"executor 'slurm': {error}; is this a node of a SLURM cluster?") from None
        self._executor.update_parameters(name="monazite", cpus_per_task=1, **parameters)

    def _submit(self, job: Job) -> Any:
        return self._executor.submit(_alone, job)

    def _wait(self, futures: Sequence[Any]) -> list[Any]:
        done = [future for future in futures if future.done()]
        if not done:
            time.sleep(POLL_SECONDS)
        return done

    def close(self) -> None:
        """Nothing to let go of: every job ends by itself."""


def _alone(job: Job) -> Result:
    os.environ.update(ONE_THREAD)
    return work(job)


@dataclass(frozen=True)
class ExecutorSettings:
    """Where blocks are computed, by how many workers."""

    executor: str | None = None
    """One of :data:`EXECUTORS`; processes where there is work for several, else local, where None."""
    workers: int | None = None
    """Processes, or jobs of the cluster at a time; as many as there are cores where None."""
    batch: int | None = None
    """Members that are simulated together; a block's, or as many as memory holds, where None."""
    address: str | None = None
    """Of the Dask scheduler."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """For SLURM, such as partition and timeout."""


def make_executor(name: str, settings: ExecutorSettings, folder: Path) -> Executor:
    """The executor of a name.

    Args:
        name: one of :data:`EXECUTORS`.
        settings: how many workers, and where they are.
        folder: where SLURM jobs leave their logs.

    Raises:
        MonaziteError: an unknown name, a missing extra, a scheduler that does not answer.
    """
    workers, address = settings.workers, settings.address
    if workers is not None and workers < 1:
        raise MonaziteError(f"workers must be at least 1, not {workers}")
    if name == "local":
        return InProcess()
    if name == "processes":
        return Processes(workers or cores())
    if name == "dask":
        if not address:
            raise MonaziteError("executor 'dask' needs --address, for example tcp://127.0.0.1:8786")
        return Dask(address)
    if name in ("slurm", "submitit-local"):
        cluster = "slurm" if name == "slurm" else "local"
        return Submitit(cluster, folder / "slurm", workers or cores(), dict(settings.parameters))
    raise MonaziteError(f"there is no executor '{name}'; there are: {', '.join(EXECUTORS)}")
