"""Designs: their points against what they promise, and against SALib's own order."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sim.distributions import Distribution
from sim.errors import MonaziteError
from sim.scenario.sweep_spec import Axis, Design
from sim.sweep.design import axis_values, unit_points

LIST = Axis(
    "events.a.x", texts=("0 %", "20 %", "40 %"), written=("0 %", "20 %", "40 %"), numbers=(0.0, 0.2, 0.4)
)
RANGE = Axis("assumptions.y", distribution=Distribution("uniform", (-0.5, -0.1)))
TWO = Axis("events.b.x", texts=("a", "b"), written=("a", "b"))


def design(method: str, samples: int | None = None, **more: object) -> Design:
    return Design.model_validate({"method": method, "samples": samples, **more})


def test_grid_is_every_pair_last_axis_fastest() -> None:
    points = unit_points([LIST, TWO], design("grid"), 1)
    found = [(LIST.position(u), TWO.position(v)) for u, v in points]
    assert found == list(itertools.product(range(3), range(2)))


def test_zip_goes_along_the_lists() -> None:
    points = unit_points([TWO, TWO], design("zip"), 1)
    assert [(TWO.position(u), TWO.position(v)) for u, v in points] == [(0, 0), (1, 1)]


def test_latin_hypercube_has_one_point_in_every_row_and_column() -> None:
    points = unit_points([LIST, RANGE], design("lhs", 50), 3)
    for column in points.T:
        assert sorted(np.floor(column * 50).astype(int)) == list(range(50))


def test_sobol_sequence_is_nested_and_balanced() -> None:
    long, short = (
        unit_points([LIST, RANGE], design("sobol", 64), 1),
        unit_points([LIST, RANGE], design("sobol", 32), 1),
    )
    assert np.array_equal(long[:32], short)
    for column in long.T:
        assert np.array_equal(np.sort(np.floor(column * 64)), np.arange(64))


@pytest.mark.parametrize(("second_order", "count"), [(False, 8 * 4), (True, 8 * 6)])
def test_saltelli_has_the_rows_that_salib_analyses(second_order: bool, count: int) -> None:
    from SALib.analyze import sobol

    points = unit_points([LIST, RANGE], design("saltelli", 8, second_order=second_order), 1)
    assert points.shape == (count, 2)
    problem = {"num_vars": 2, "names": ["a", "b"], "bounds": [[0, 1], [0, 1]]}
    # A function of the second variable alone: all of the variance is its own.
    found = sobol.analyze(
        problem, points[:, 1] * 3 + 1, calc_second_order=second_order, seed=1, num_resamples=10
    )
    assert found["ST"][0] == pytest.approx(0.0, abs=1e-12)
    assert found["ST"][1] > 0.5


def test_morris_trajectories_change_one_variable_at_a_time() -> None:
    points = unit_points([LIST, RANGE, TWO], design("morris", 10, levels=4), 1)
    assert points.shape == (10 * 4, 3)
    for trajectory in points.reshape(10, 4, 3):
        changed = np.abs(np.diff(trajectory, axis=0)) > 1e-9
        assert (changed.sum(1) == 1).all()
        assert (changed.sum(0) == 1).all()


def test_morris_needs_even_levels() -> None:
    with pytest.raises(MonaziteError, match="even number of levels, not 5; write levels: 4"):
        unit_points([LIST], design("morris", 10, levels=5), 1)


@pytest.mark.parametrize("method", ["lhs", "sobol", "saltelli", "morris"])
def test_design_depends_on_the_seed_alone(method: str) -> None:
    settings = design(method, 8)
    one, same, other = (unit_points([LIST, RANGE], settings, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_values_by_quantile_and_by_list() -> None:
    assert axis_values(RANGE, np.array([0.0, 0.5, 1.0])) == pytest.approx([-0.5, -0.3, -0.1])
    assert list(axis_values(LIST, np.array([0.0, 0.34, 0.99, 1.0]))) == [0.0, 0.2, 0.4, 0.4]
    assert LIST.bounds == (0.0, 0.4)
    assert RANGE.bounds == (-0.5, -0.1)
    assert TWO.bounds == (0.0, 1.0)
    assert TWO.structural
    assert not LIST.structural
