"""Sensitivity indices against functions whose indices are known in closed form."""

from __future__ import annotations

import re

import numpy as np
import pytest
from SALib.sample import morris as morris_sample
from SALib.sample import sobol as sobol_sample
from scipy.stats import qmc

from sim.analysis.indices import Design, analyse, partial_rank_correlation, tornado

NAMES = ("a", "b", "c")
CUBE = {"num_vars": 3, "names": list(NAMES), "bounds": [[0.0, 1.0]] * 3}
# Ishigami's function with a = 7, b = 0.1: variances from the integrals.
V1, V2, V13 = 0.5 * (1 + 0.1 * np.pi**4 / 5) ** 2, 49 / 8, 8 * 0.01 * np.pi**8 / 225
VARIANCE = V1 + V2 + V13


def ishigami(unit: np.ndarray) -> np.ndarray:
    x = np.pi * (2 * unit - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def linear(unit: np.ndarray) -> np.ndarray:
    return 5 + unit @ np.array([3.0, -1.0, 0.0])


def saltelli(base: int, second_order: bool = True) -> Design:
    unit = sobol_sample.sample(CUBE, base, calc_second_order=second_order, seed=3)
    return Design("saltelli", NAMES, unit, second_order)


@pytest.mark.parametrize("second_order", [True, False])
def test_sobol_indices_of_ishigami(second_order: bool) -> None:
    design = saltelli(1024, second_order)
    found = analyse(design, ishigami(design.unit))
    assert found.columns == ("S1", "S1_conf", "ST", "ST_conf")
    first, total = found.values[:, 0], found.values[:, 2]
    np.testing.assert_allclose(first, [V1 / VARIANCE, V2 / VARIANCE, 0], atol=0.03)
    np.testing.assert_allclose(total, [(V1 + V13) / VARIANCE, V2 / VARIANCE, V13 / VARIANCE], atol=0.03)
    assert found.notes == ()
    pairs = {(a, b): index for a, b, index, _ in found.pairs}
    if second_order:
        np.testing.assert_allclose(pairs["a", "c"], V13 / VARIANCE, atol=0.06)
        np.testing.assert_allclose(pairs["a", "b"], 0, atol=0.06)
    else:
        assert pairs == {}


def test_a_small_sample_says_that_it_has_not_converged() -> None:
    design = saltelli(16)
    (note,) = analyse(design, ishigami(design.unit)).notes
    assert note.startswith("not converged: the widest interval of an index is ±")
    needed = re.fullmatch(
        r"not converged: the widest interval of an index is ±\d[.]\d\d; about ([\d,]+) base samples "
        r"[(]([\d,]+) points[)] in place of 16 bring it to ±0.1", note
    )  # fmt: skip
    assert needed
    samples, points = (int(text.replace(",", "")) for text in needed.groups())
    assert points == 8 * samples
    better = saltelli(samples)
    found = analyse(better, ishigami(better.unit))
    assert found.values[:, [1, 3]].max() < 0.15


def test_a_failed_run_costs_its_block_and_no_more() -> None:
    design = saltelli(512)
    outcome = ishigami(design.unit)
    outcome[[3, 5, 100]] = np.nan
    found = analyse(design, outcome)
    assert (found.dropped, found.used) == (16, 4096 - 16)
    whole = analyse(Design("saltelli", NAMES, np.delete(design.unit, np.r_[0:8, 96:104], axis=0)),
                    np.delete(outcome, np.r_[0:8, 96:104]))
    np.testing.assert_array_equal(found.values, whole.values)


def test_morris_effects_of_a_linear_function_are_its_slopes() -> None:
    unit = morris_sample.sample(CUBE, 20, num_levels=4, seed=3)
    found = analyse(Design("morris", NAMES, unit), linear(unit))
    assert found.columns == ("mu_star", "mu_star_conf", "mu", "sigma")
    np.testing.assert_allclose(found.values[:, 0], [3, 1, 0], atol=1e-9)
    np.testing.assert_allclose(found.values[:, 2], [3, -1, 0], atol=1e-9)
    np.testing.assert_allclose(found.values[:, 3], 0, atol=1e-9)


def test_morris_sigma_shows_an_interaction() -> None:
    unit = morris_sample.sample(CUBE, 50, num_levels=4, seed=3)
    found = analyse(Design("morris", NAMES, unit), unit[:, 0] * unit[:, 1])
    assert (found.values[:2, 3] > 0.2).all()
    assert found.values[2, 3] == 0


def test_few_trajectories_say_how_many_are_needed() -> None:
    def notes(trajectories: int) -> tuple[str, ...]:
        unit = morris_sample.sample(CUBE, trajectories, num_levels=4, seed=3)
        return analyse(Design("morris", NAMES, unit), ishigami(unit)).notes

    (note,) = notes(3)
    needed = re.search(r"about (\d+) trajectories [(](\d+) points[)] in place of 3 bring", note)
    assert needed
    assert int(needed[2]) == 4 * int(needed[1])
    assert notes(2 * int(needed[1])) == ()


def test_first_order_indices_and_signs_from_a_plain_sample() -> None:
    unit = qmc.LatinHypercube(3, rng=np.random.default_rng(4)).random(1000)
    found = analyse(Design("lhs", NAMES, unit), linear(unit))
    assert found.columns == ("S1", "S1_conf", "PRCC", "PRCC_conf")
    np.testing.assert_allclose(found.values[:, 0], [0.9, 0.1, 0], atol=0.05)
    assert found.values[0, 2] > 0.95
    assert found.values[1, 2] < -0.8
    assert abs(found.values[2, 2]) < 3 * found.values[2, 3]
    assert "interactions do not show" in found.notes[-1]


def test_first_order_indices_of_a_grid_are_shares_of_its_variance() -> None:
    levels = np.array([0.0, 0.5, 1.0])
    unit = np.array([(a, b, c) for a in levels for b in levels for c in (0.25, 0.75)])
    found = analyse(Design("grid", NAMES, unit), linear(unit))
    np.testing.assert_allclose(found.values[:, 0], [0.9, 0.1, 0], atol=1e-12)
    alone = analyse(Design("grid", NAMES, unit), unit[:, 0] * (unit[:, 1] - 0.5))
    np.testing.assert_allclose(alone.values[0, 0], 0, atol=1e-12)  # an interaction has no first order


def test_few_points_have_rank_correlations_only() -> None:
    unit = qmc.LatinHypercube(3, rng=np.random.default_rng(4)).random(40)
    found = analyse(Design("lhs", NAMES, unit), linear(unit))
    assert np.isnan(found.values[:, :2]).all()
    assert found.values[0, 2] > 0.9
    assert found.notes[0] == (
        "S1 needs at least 100 points, and about 512 for intervals of ±0.1; there are 40"
    )


def test_rank_correlation_holds_the_other_factors_fixed() -> None:
    rng = np.random.default_rng(2)
    a = rng.random(2000)
    together = np.column_stack([a, a + 0.3 * rng.random(2000)])
    correlation, width = partial_rank_correlation(together, np.exp(5 * a))
    assert correlation[0] > 0.9
    assert abs(correlation[1]) < 0.1
    assert (width > 0).all()


def test_the_interval_of_a_rank_correlation_covers_independence_as_often_as_it_says() -> None:
    rng = np.random.default_rng(8)
    inside = []
    for _ in range(300):
        correlation, width = partial_rank_correlation(rng.random((60, 3)), rng.random(60))
        inside.append(np.abs(correlation) <= width)
    assert 0.92 < np.mean(inside) < 0.98


def test_a_factor_that_does_not_vary_has_no_correlation() -> None:
    unit = np.random.default_rng(1).random((50, 2))
    unit[:, 1] = 0.5
    assert partial_rank_correlation(unit, unit[:, 0])[0][1] == 0


def test_the_same_outcome_everywhere_depends_on_nothing() -> None:
    design = saltelli(16)
    found = analyse(design, np.full(len(design.unit), 7.0))
    assert not found.values.any()
    assert found.notes == ("the outcome is the same at all points",)


def test_tornado_of_a_linear_function() -> None:
    unit = qmc.LatinHypercube(3, rng=np.random.default_rng(4)).random(4000)
    found = tornado(Design("lhs", NAMES, unit), linear(unit))
    np.testing.assert_allclose(found.swing, [0.75 * 3, -0.75, 0], atol=0.08)
    np.testing.assert_allclose(found.low[0], 5 + 0.125 * 3 - 0.5, atol=0.05)


@pytest.mark.parametrize(
    ("points", "outcomes", "message"),
    [
        (16, 15, "15 outcomes for 16 points"),
        (17, 17, "a saltelli design of 3 factors comes in blocks of 8 points; 17 is no multiple"),
        (8, 8, "8 points of 8 are left, too few for 3 factors: 16 are the least"),
    ],
)
def test_what_does_not_fit_is_refused(points: int, outcomes: int, message: str) -> None:
    unit = np.random.default_rng(0).random((points, 3))
    with pytest.raises(ValueError, match=message):
        analyse(Design("saltelli", NAMES, unit), np.arange(outcomes, dtype=float))
