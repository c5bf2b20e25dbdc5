"""The desk: what is waited for goes before what is made ahead, and nothing is run twice."""

import asyncio
import time

import pytest

from sim.lesson import outcome
from sim.lesson.settings import Settings
from sim.lesson.stepwise import Once, finished
from sim.teach.desk import AHEAD, SECOND, Desk

MONTHS = 30


def with_desk(work):
    async def go():
        desk = Desk(object)
        await desk.start()
        try:
            return await work(desk)
        finally:
            await desk.stop()

    return asyncio.run(go())


def test_long_work_lets_more_urgent_work_pass_and_goes_on_where_it_stopped():
    done = []

    def long():
        for month in range(MONTHS):
            time.sleep(0.01)
            done.append(month)
            yield
        return "long"

    def short():
        done.append("short")
        return "short"

    async def work(desk):
        ahead = asyncio.ensure_future(desk.later(long, AHEAD))
        while not done:
            await asyncio.sleep(0.01)
        assert await desk.later(short, SECOND) == "short"
        assert not ahead.done()
        return await ahead

    assert with_desk(work) == "long"
    assert 0 < done.index("short") < MONTHS
    assert [one for one in done if one != "short"] == list(range(MONTHS))


def test_what_is_being_run_ahead_is_not_run_again_for_whoever_asks(monkeypatch):
    ran = []

    def making(lab, settings):
        for _ in range(MONTHS):
            time.sleep(0.005)
            yield
        ran.extend(one.key for one in settings)
        return [{"key": one.key} for one in settings]

    monkeypatch.setattr(outcome, "making", making)
    one, other, third = (Settings(True, (0,), (place,)) for place in range(3))

    async def work(desk):
        ahead = asyncio.ensure_future(desk.outcomes([one, other], AHEAD))
        behind = asyncio.ensure_future(desk.later(lambda: ran.append("behind"), AHEAD))
        await asyncio.sleep(0.05)
        # Whoever made it ahead need not be there any more.
        ahead.cancel()
        found = await desk.outcomes([other, third])
        await behind
        return found

    assert with_desk(work) == [{"key": other.key}, {"key": third.key}]
    assert sorted(ran[:3]) == sorted([one.key, other.key, third.key])
    assert ran[3:] == ["behind"]


def test_an_error_reaches_whoever_asks_and_the_desk_goes_on(monkeypatch):
    def making(lab, settings):
        yield
        raise ValueError("no such run")

    monkeypatch.setattr(outcome, "making", making)

    async def work(desk):
        with pytest.raises(ValueError, match="no such run"):
            await desk.outcomes([Settings(True, (0,), (0,))])
        return await desk.later(lambda: "on")

    assert with_desk(work) == "on"


def test_work_that_is_shared_is_done_once_and_begun_again_where_it_failed():
    begun = []

    def make():
        begun.append(1)
        yield
        if len(begun) == 1:
            raise ValueError
        yield
        return "made"

    once = Once(make)
    first = once.get()
    next(first)
    with pytest.raises(ValueError):
        finished(once.get())
    second, third = once.get(), once.get()
    next(second)
    assert finished(third) == finished(second) == finished(once.get()) == "made"
    assert len(begun) == 2
