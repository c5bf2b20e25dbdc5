"""A search whose answer is known, and that costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sim.past.episodes import Episode
from sim.past.posterior import BATCH, Aim
from sim.past.search import Request

Values = npt.NDArray[np.float64]
PRIORS = {"speed": (1.0, 5.0), "cover": (0.0, 10.0), "idle": (-1.0, 1.0)}
BEST = {"speed": 4.2, "cover": 3.0}
TARGETS = (
    Aim("A", "one", "first", "mean of a", 2.0, 1.0, 4.0),
    Aim("B", "two", "second", "mean of b", 0.0, 0.0, 0.2),
    Aim("C", "two", "third", "mean of c", 1.0, 0.5, 2.0),
)


def request(batches: int = 12, seed: int = 3) -> Request:
    return Request(batches * BATCH, seed, PRIORS, TARGETS, {"version": "1", "fixed": {}, "episodes": {}})


def toy_run() -> Callable[[Sequence[Episode], Sequence[str], Values], Values]:
    """A function of its own, so that worker processes get it as a value and need no tests to import."""
    import numpy

    def run(episodes: object, parameters: object, values: Values) -> Values:
        speed, cover, idle = values.T
        # The third target is always what was observed, the last parameter does nothing.
        near = [2.0 * numpy.exp(speed - 4.2), 0.2 * numpy.abs(cover - 3.0), numpy.ones_like(idle)]
        statistics: Values = numpy.stack(near, axis=1)
        return statistics

    return run
