"""The desk: asks the lab one thing at a time, what is waited for first, and remembers what came out.

Long work stops after each month that the model has run, and goes on once nothing more urgent waits.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from sim.lesson.refusals import RefusedError
from sim.lesson.settings import Settings

if TYPE_CHECKING:
    from sim.lesson.lab import Lab

__all__ = ["AHEAD", "IDLE", "LAST", "SECOND", "BusyError", "Desk", "packed"]

MOST_WAITING = 64
MOST_KEPT = 2000
"""Outcomes kept: some 25 kB each."""
FIRST, SECOND, LAST, AHEAD, IDLE = range(5)
SLICE = 0.05
"""Seconds after which work looks whether something more urgent waits."""
MEMBERS_AHEAD = 64
"""Members that are run together before anybody asks for them."""


class BusyError(RefusedError):
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
        self._queue: asyncio.PriorityQueue[tuple[int, int, str]] = asyncio.PriorityQueue()
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._urgency: dict[str, int] = {}
        self._work_of: dict[str, Callable[[], Any]] = {}
        self._begun: dict[str, Generator[None, None, Any]] = {}
        self._coming: dict[str, str] = {}
        self._ahead: asyncio.Task[None] | None = None
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
        missing = [one for one in dict.fromkeys(settings) if one.key not in self._kept]
        usual = FIRST if len(missing) == 1 else SECOND
        chosen = usual if urgency is None else urgency
        # What is being run already, for somebody else or ahead of any question, is only made more urgent.
        asked = [self._hurry(name, chosen) for name in {self._coming.get(one.key) for one in missing} if name]
        new = [one for one in missing if one.key not in self._coming]
        if new:
            asked.append(self._start(new, chosen))
        await asyncio.gather(*(asyncio.shield(future) for future in asked))
        for one in settings:
            self._kept.move_to_end(one.key)
        return [self._kept[one.key] for one in settings]

    def _start(self, settings: list[Settings], urgency: int) -> asyncio.Future[Any]:
        """Have settings run that nobody has asked for yet."""
        from sim.lesson.outcome import making

        lab, keys = self.lab, [one.key for one in settings]
        future = self._begin(" ".join(keys), urgency, lambda: making(lab, settings))
        self._coming |= dict.fromkeys(keys, " ".join(keys))

        def done(future: asyncio.Future[Any]) -> None:
            for key in keys:
                self._coming.pop(key, None)
            if not future.cancelled() and future.exception() is None:
                for key, row in zip(keys, future.result(), strict=True):
                    self._keep(key, row)

        future.add_done_callback(done)
        return future

    async def why(self, settings: Settings, good: str) -> Any:
        """What brought an outcome about."""
        from sim.lesson.why import explaining

        lab = self.lab
        return await self._once(f"why {good} {settings.key}", FIRST, lambda: explaining(lab, settings, good))

    async def answers(self, urgency: int = SECOND) -> Any:
        """Bets and questions, answered."""
        from sim.lesson.answers import answering

        lab = self.lab
        return await self._once("answers", urgency, lambda: answering(lab))

    def prepare(self, *settings: Settings) -> None:
        """Once there is nothing else to do, make what others branch from, and these outcomes.

        Then come all positions of each slider under the last of them, which a class is likely to ask for
        next. Of what was to be made for earlier settings, nothing more is begun.
        """
        if self._ahead is not None:
            self._ahead.cancel()
        task = self._ahead = asyncio.ensure_future(self._prepared(settings))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _prepared(self, settings: tuple[Settings, ...]) -> None:
        lab = self.lab
        for one in settings:
            await self._once(f"ground {one.key}", LAST, partial(lab.preparing, one))
            await self.outcomes([one], LAST)
        for stack in self._likely(settings[-1]):
            await self.outcomes(stack, AHEAD)

    def _likely(self, settings: Settings) -> list[list[Settings]]:
        """All positions of each slider, as many sliders in a stack as its members are worth."""
        stacks: list[list[Settings]] = [[]]
        most = max(1, MEMBERS_AHEAD // self.lab.members)
        for i, slider in enumerate(self.lab.lesson.part.sliders.values()):
            moved = [settings.at(i, place) for place in range(len(slider.positions))]
            new = [one for one in moved if one.key not in self._kept]
            if stacks[-1] and len(stacks[-1]) + len(new) > most:
                stacks.append([])
            stacks[-1] += new
        return [stack for stack in stacks if stack]

    async def later(self, work: Callable[[], Any], urgency: int = LAST, name: str = "") -> Any:
        """What some work comes to, done here like all that needs the model; never remembered.

        Args:
            work: gives the answer, or a generator that stops now and then. name: of work that others may ask
                for while it is under way.
        """
        return await self._ask(name or f"work {next(self._number)}", urgency, work)

    async def _once(self, name: str, urgency: int, work: Callable[[], Any]) -> Any:
        if name not in self._kept:
            self._keep(name, await self._ask(name, urgency, work))
        return self._kept[name]

    def _keep(self, name: str, value: Any) -> None:
        self._kept[name] = value
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    async def _ask(self, name: str, urgency: int, work: Callable[[], Any]) -> Any:
        return await asyncio.shield(self._begin(name, urgency, work))

    def _begin(self, name: str, urgency: int, work: Callable[[], Any]) -> asyncio.Future[Any]:
        """Have some work done, unless it is under way."""
        if name not in self._waiting:
            if len(self._waiting) >= MOST_WAITING:
                raise BusyError("tooMuchAsked")
            future = self._waiting[name] = asyncio.get_running_loop().create_future()
            # Whoever needs what was made ahead will meet the error again.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._work_of[name], self._urgency[name] = work, urgency + 1
        return self._hurry(name, urgency)

    def _hurry(self, name: str, urgency: int) -> asyncio.Future[Any]:
        """Move work that is waited for forward; where it then comes a second time it is passed over."""
        if urgency < self._urgency[name]:
            self._urgency[name] = urgency
            self._queue.put_nowait((urgency, next(self._number), name))
        return self._waiting[name]

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            _, number, name = await self._queue.get()
            if name not in self._waiting:
                continue
            try:
                done, found = await loop.run_in_executor(self._pool, self._slice, name)
            except Exception as error:  # noqa: BLE001 - whoever asked gets it, whatever it is
                self._waiting[name].set_exception(error)
            else:
                if not done:
                    self._queue.put_nowait((self._urgency[name], number, name))
                    continue
                self._waiting[name].set_result(found)
            del self._waiting[name], self._urgency[name], self._work_of[name]

    def _slice(self, name: str) -> tuple[bool, Any]:
        """Begin some work or go on with it for a while; whether it is done, and what came of it."""
        run = self._begun.pop(name, None) or self._work_of[name]()
        if not isinstance(run, Generator):
            return True, run
        until = time.monotonic() + SLICE
        while time.monotonic() < until:
            try:
                next(run)
            except StopIteration as end:
                return True, end.value
        self._begun[name] = run
        return False, None


def packed(value: Any) -> bytes:
    """JSON without blanks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
