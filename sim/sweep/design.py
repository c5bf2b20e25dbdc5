"""Designs: which points of the unit cube are sampled. What a point means is the axes' business.

Each design is a function of its settings and the seed alone. Sobol sequences are nested: the first
half of 256 samples are the 128 samples.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sim.errors import MonaziteError
from sim.scenario.sweep_spec import Axis, Design

__all__ = ["DESIGN_STREAM", "axis_values", "count_points", "unit_points"]

Array = npt.NDArray[np.float64]

DESIGN_STREAM = 2
"""Keeps a design's draws apart from those of its members, which have streams of their own."""


def count_points(axes: Sequence[Axis], design: Design) -> int:
    """How many points :func:`unit_points` gives, without making them."""
    if not axes:
        return 1
    if design.method == "grid":
        return math.prod(len(axis.texts) for axis in axes)
    if design.method == "zip":
        return len(axes[0].texts)
    assert design.samples is not None
    if design.method == "saltelli":
        return design.samples * (2 * len(axes) + 2 if design.second_order else len(axes) + 2)
    return design.samples * (len(axes) + 1) if design.method == "morris" else design.samples


def unit_points(axes: Sequence[Axis], design: Design, seed: int) -> Array:
    """(samples, axes) points of the unit cube, in the order that SALib expects of its designs.

    A value of a list stands for an equal share of its axis; grid and zip give the middles of these.
    """
    if not axes:
        return np.zeros((1, 0))
    if design.method in ("grid", "zip"):
        middles = [[(i + 0.5) / len(axis.texts) for i in range(len(axis.texts))] for axis in axes]
        rows = itertools.product(*middles) if design.method == "grid" else zip(*middles, strict=True)
        return np.array(list(rows))
    count = design.samples
    assert count is not None
    source = np.random.SeedSequence(seed, spawn_key=(DESIGN_STREAM,))
    generator = np.random.default_rng(source)
    if design.method in ("lhs", "sobol"):
        from scipy.stats import qmc

        if design.method == "lhs":
            return np.asarray(qmc.LatinHypercube(d=len(axes), rng=generator).random(count))
        return np.asarray(qmc.Sobol(d=len(axes), rng=generator).random(count))
    problem = {
        "num_vars": len(axes), "names": [axis.path for axis in axes], "bounds": [[0.0, 1.0]] * len(axes),
    }  # fmt: skip
    number = int(source.generate_state(1)[0])
    if design.method == "saltelli":
        from SALib.sample import sobol

        return np.asarray(
            sobol.sample(problem, count, calc_second_order=design.second_order, seed=number), dtype=np.float64
        )
    from SALib.sample import morris

    if design.levels % 2:
        raise MonaziteError(f"morris needs an even number of levels, not {design.levels}; write levels: 4")
    return np.asarray(morris.sample(problem, count, num_levels=design.levels, seed=number), dtype=np.float64)


def axis_values(axis: Axis, uniform: Array) -> Array:
    """(samples,) values of a numeric axis, in the unit used inside the model."""
    if axis.distribution is not None:
        return np.array([axis.distribution.quantile(float(u)) for u in uniform])
    return np.array([axis.numbers[axis.position(float(u))] for u in uniform])
