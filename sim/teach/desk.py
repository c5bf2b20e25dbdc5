"""The desk: asks the lab one thing at a time, what is waited for first, and remembers what came out."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING, Any

from sim.errors import MonaziteError
from sim.lesson.settings import Settings

if TYPE_CHECKING:
    from sim.lesson.lab import Lab

__all__ = ["LAST", "SECOND", "BusyError", "Desk", "packed"]

MOST_WAITING = 64
MOST_KEPT = 2000
"""Outcomes kept: some 25 kB each."""
FIRST, SECOND, LAST = 0, 1, 2


class BusyError(MonaziteError):
    """Too much is asked at once."""


class Desk:
    """One worker thread and a queue by urgency; equal questions are worked out once.

    What needs arrays is imported in the worker, so that the address is there before the world has been read.

    Args:
        make: makes the lab; called in the worker.
    """

    def __init__(self, make: Callable[[], Lab]) -> None:
        self._make = make
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="lab")
        self._queue: asyncio.PriorityQueue[tuple[int, int, str, Callable[[], Any]]] = asyncio.PriorityQueue()
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._urgency: dict[str, int] = {}
        self._kept: OrderedDict[str, Any] = OrderedDict()
        self._number = count()
        self._task: asyncio.Task[None] | None = None
        self._lab: Lab | None = None

    async def start(self) -> Lab:
        """Read the world and begin to work; returns the lab."""
        loop = asyncio.get_running_loop()
        self._lab = await loop.run_in_executor(self._pool, self._make)
        self._task = asyncio.create_task(self._work())
        return self._lab

    async def stop(self) -> None:
        """End after what is being worked out now."""
        if self._task is not None:
            self._task.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def lab(self) -> Lab:
        """The lab. Raises RuntimeError before the start."""
        if self._lab is None:
            raise RuntimeError("the desk has not been started")
        return self._lab

    def known(self, settings: Settings) -> bool:
        """Whether an outcome is there already."""
        return settings.key in self._kept

    async def outcomes(self, settings: list[Settings], urgency: int | None = None) -> list[Any]:
        """The outcomes of some settings; those that are missing are run in one stack.

        Args:
            urgency: of the run; by default a single one comes before several.
        """
        from sim.lesson.outcome import outcomes

        missing = [one for one in dict.fromkeys(settings) if one.key not in self._kept]
        lab = self.lab
        if missing:
            name = " ".join(one.key for one in missing)
            usual = FIRST if len(missing) == 1 else SECOND
            chosen = usual if urgency is None else urgency
            found = await self._ask(name, chosen, lambda: outcomes(lab, missing))
            for one, row in zip(missing, found, strict=True):
                self._keep(one.key, row)
        for one in settings:
            self._kept.move_to_end(one.key)
        return [self._kept[one.key] for one in settings]

    async def why(self, settings: Settings, good: str) -> Any:
        """What brought an outcome about."""
        from sim.lesson.why import why

        lab = self.lab
        return await self._once(f"why {good} {settings.key}", FIRST, lambda: why(lab, settings, good))

    async def answers(self) -> Any:
        """Bets and questions, answered."""
        from sim.lesson.answers import answers

        lab = self.lab
        return await self._once("answers", SECOND, lambda: answers(lab))

    def prepare(self, settings: Settings) -> None:
        """Make what others branch from, and this outcome itself, once there is nothing else to do."""
        task = asyncio.ensure_future(self._prepared(settings))
        # Whoever needs it will meet the error again.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _prepared(self, settings: Settings) -> None:
        lab = self.lab
        await self._once(f"ground {settings.key}", LAST, lambda: lab.prepare(settings))
        await self.outcomes([settings], LAST)

    async def later(self, work: Callable[[], Any], urgency: int = LAST) -> Any:
        """What some work comes to, done here like all that needs the model; never remembered."""
        return await self._ask(f"work {next(self._number)}", urgency, work)

    async def _once(self, name: str, urgency: int, work: Callable[[], Any]) -> Any:
        if name not in self._kept:
            self._keep(name, await self._ask(name, urgency, work))
        return self._kept[name]

    def _keep(self, name: str, value: Any) -> None:
        self._kept[name] = value
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    async def _ask(self, name: str, urgency: int, work: Callable[[], Any]) -> Any:
        future = self._waiting.get(name)
        if future is None:
            if len(self._waiting) >= MOST_WAITING:
                raise BusyError("too much is asked at once; wait a moment")
            future = self._waiting[name] = asyncio.get_running_loop().create_future()
            self._urgency[name] = urgency + 1
        if urgency < self._urgency[name]:
            # What is waited for is moved forward; where it then comes a second time it is passed over.
            self._urgency[name] = urgency
            self._queue.put_nowait((urgency, next(self._number), name, work))
        return await asyncio.shield(future)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            _, _, name, work = await self._queue.get()
            if name not in self._waiting:
                continue
            future = self._waiting[name]
            try:
                found = await loop.run_in_executor(self._pool, work)
            except Exception as error:  # noqa: BLE001 - whoever asked gets it, whatever it is
                future.set_exception(error)
            else:
                future.set_result(found)
            finally:
                del self._waiting[name], self._urgency[name]


def packed(value: Any) -> bytes:
    """JSON without blanks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
