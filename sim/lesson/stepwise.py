"""Work that is done a little at a time: whoever waits for something else need not wait for all of it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Generic, TypeVar

__all__ = ["Once", "Work", "finished"]

T = TypeVar("T")
Work = Generator[None, None, T]
"""Stops after each month that the model has run; returns what came of it."""


def finished(work: Work[T]) -> T:
    """What some work comes to, done without a stop."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            found: T = done.value
            return found


class Once(Generic[T]):
    """Work that is done once; whoever asks while it is under way helps it on.

    Args:
        make: begins it; called again where it has failed.
    """

    def __init__(self, make: Callable[[], Work[T]]) -> None:
        self._make = make
        self._under_way: Work[T] | None = None
        self._found: list[T] = []

    def get(self) -> Work[T]:
        """What came of it."""
        while not self._found:
            under_way = self._under_way = self._under_way or self._make()
            try:
                next(under_way)
            except StopIteration as done:
                self._found = [done.value]
                break
            except BaseException:
                self._under_way = None
                raise
            yield
        self._under_way = None
        return self._found[0]
