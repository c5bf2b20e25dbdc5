"""The advice on points and members, against what intervals and bands do in trials."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from SALib.sample import morris as morris_sample
from SALib.sample import sobol as sobol_sample
from scipy.stats import qmc

from sim.analysis.indices import Design, analyse
from sim.analysis.points_needed import (
    ENOUGH_MEMBERS,
    TO_CONVERGE,
    TRAJECTORIES,
    beforehand,
    drawn,
    enclosed,
    few_members,
    intervals_say,
)

Function = Callable[[np.ndarray], np.ndarray]


def ishigami(unit: np.ndarray) -> np.ndarray:
    x = np.pi * (2 * unit - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def sobol_g(unit: np.ndarray) -> np.ndarray:
    a = np.array([0.0, 1.0, 4.5, 9.0])
    return np.prod((abs(4 * unit - 2) + a) / (1 + a), axis=1)


def additive(unit: np.ndarray) -> np.ndarray:
    return unit @ np.arange(1.0, 5.0)


def kinked(unit: np.ndarray) -> np.ndarray:
    return np.maximum(unit[:, 0] + unit[:, 1] - 1.2, 0) * (1 + unit[:, 2])


CASES: list[tuple[Function, int]] = [(ishigami, 3), (sobol_g, 4), (additive, 4), (kinked, 3)]


@pytest.mark.parametrize(("function", "factors"), CASES)
def test_the_points_advised_beforehand_bring_intervals_near_to_a_tenth(
    function: Function, factors: int
) -> None:
    names = tuple("abcd"[:factors])
    cube = {"num_vars": factors, "names": list(names), "bounds": [[0.0, 1.0]] * factors}
    unit = sobol_sample.sample(cube, TO_CONVERGE, calc_second_order=False, seed=1)
    found = analyse(Design("saltelli", names, unit, False), function(unit)).values
    assert 0.05 < found[:, [1, 3]].max() < 0.17
    plain = qmc.LatinHypercube(factors, rng=np.random.default_rng(1)).random(TO_CONVERGE)
    assert 0.05 < analyse(Design("lhs", names, plain), function(plain)).values[:, 1].max() < 0.15
    trajectories = morris_sample.sample(cube, TRAJECTORIES, num_levels=4, seed=1)
    effects = analyse(Design("morris", names, trajectories), function(trajectories)).values
    assert effects[:, 1].max() < 0.55 * effects[:, 0].max()


def test_beforehand_too_few_points_are_told_with_the_number_needed() -> None:
    assert beforehand("saltelli", 3, 128, 5) == (
        "with 128 base samples sensitivity indices are known to about ±0.2; for ±0.1 take --samples 512 "
        "(2,560 points)"
    )
    assert beforehand("lhs", 3, 10).startswith("with 10 points sensitivity indices are hardly known;")
    assert beforehand("lhs", 3, 99).startswith("with 99 points sensitivity indices are hardly known;")
    assert "known to about ±0.2" in beforehand("lhs", 3, 100)
    assert beforehand("morris", 9, 5, 10).endswith("take --samples 20 (200 points)")
    for enough in (("saltelli", 3, 512), ("sobol", 3, 600), ("morris", 3, 20), ("grid", 3, 4)):
        assert beforehand(*enough) == ""
    assert beforehand("replicates", 0, 1) == ""


def test_what_intervals_say_scales_with_their_square() -> None:
    assert "about 800 points in place of 200 bring" in intervals_say("lhs", 0.2, 200, 1)
    assert "about 2,048 base samples (10,240 points)" in intervals_say("saltelli", 0.25, 256, 5)
    assert intervals_say("lhs", 0.1, 100, 1) == ""


def test_an_interval_of_few_points_promises_no_less_than_the_rule() -> None:
    assert "about 512 base samples (2,560 points) in place of 16" in intervals_say("saltelli", 0.2, 16, 5)


@pytest.mark.parametrize("members", [2, 10, 20, 35])
def test_the_range_of_members_encloses_the_true_band_as_often_as_is_said(members: int) -> None:
    draws = np.random.default_rng(7).lognormal(size=(20_000, members))
    low, high = np.exp(np.array([-1.0, 1.0]) * 1.2815516)
    share = np.mean((draws.min(axis=1) < low) & (draws.max(axis=1) > high))
    assert share == pytest.approx(enclosed(members), abs=0.012)


def test_few_members_are_told_how_many_do() -> None:
    assert ENOUGH_MEMBERS == 35
    assert few_members(20) == (
        "20 members are few: even lowest and highest enclose the true p10-p90 with a probability of 77 % "
        "only, and shares of members are known to ±22 points; take 35 for 95 %"
    )
    assert few_members(1) == few_members(35) == ""


def test_the_levels_of_a_grid_are_no_draws() -> None:
    assert drawn([{}, {"sweep": None}, {"sweep": {"method": "lhs"}}])
    assert not drawn([{}, {"sweep": {"method": "grid"}}])
