"""The machine code of a clearing, compiled for this processor at first use and kept in the user's cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import config, njit

from sim.market.compiled.kernel import clear_markets
from sim.market.compiled.lanes import OPTIONS
from sim.paths import cache_directory

__all__ = ["program"]


@cache
def program() -> Callable[..., None]:
    """:func:`sim.market.compiled.kernel.clear_markets` as machine code.

    What is kept is for one processor and its instructions; another that shares the folder keeps its own.
    Where nothing can be written every process compiles.
    """
    made, called = _kept(), False

    def run(*arguments: Any) -> None:
        nonlocal called
        if called:
            made(*arguments)
            return
        # Numbers are taken several at a time where `lanes` says so: what else may be done to the code takes a
        # tenth of compiling, and makes no market quicker.
        given = config.OPT, config.LOOP_VECTORIZE
        config.OPT, config.LOOP_VECTORIZE = type(config.OPT)(1), 0
        try:
            made(*arguments)
        finally:
            config.OPT, config.LOOP_VECTORIZE = given
        called = True

    return run


def _kept() -> Any:
    """The machine code, compiled or read back when first called."""
    given = config.CACHE_DIR
    if not given:
        config.CACHE_DIR = str(cache_directory() / "engine" / _sources())
    try:
        made = njit(cache=True, **OPTIONS)(clear_markets)
    except (RuntimeError, OSError):
        made = njit(**OPTIONS)(clear_markets)
    finally:
        config.CACHE_DIR = given
    return made


def _sources() -> str:
    """A name for what is compiled: the cache itself looks at one file alone."""
    solver = Path(__file__).parents[1] / "solver"
    files = [*Path(__file__).parent.glob("*.py"), *(solver / f"{name}.py" for name in RULES)]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in sorted(files))).hexdigest()[:16]


RULES = ("asked", "history", "holdings", "newton", "settle", "sweeps")
"""Files whose numbers the machine code takes over."""
