"""Work of a page that is shared out among processes of this machine, or done here where it is little."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from sim.sweep.executors import process_pool
from sim.sweep.machine import cores

__all__ = ["Crew"]

T = TypeVar("T")
FEW = 3
"""Pieces of work for which it does not pay to start processes."""


class Crew:
    """Takes pieces of work, and gives what each comes to when it is asked for.

    Args:
        pieces: how many there will be.
    """

    def __init__(self, pieces: int) -> None:
        workers = min(cores(), pieces) if pieces > FEW else 1
        self._pool: Any = process_pool(workers) if workers > 1 else None
        self._quiet = warnings.catch_warnings()

    def __enter__(self) -> Crew:
        self._quiet.__enter__()
        # A worker that has grown is replaced by another; that is nobody's concern.
        warnings.filterwarnings("ignore", message="A worker was restarted", category=UserWarning)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=kind is not None)
        self._quiet.__exit__(kind, error, trace)

    def begin(self, work: Callable[..., T], *given: object) -> Callable[[], T]:
        """Start a piece of work; what is returned waits for it, and raises what it raised."""
        if self._pool is None:
            return lambda: work(*given)
        result: Callable[[], T] = self._pool.submit(work, *given).result
        return result
