"""Distances by hand; kernels and weights against what they must integrate to; draws stacked and alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.agents.parameters import read_priors
from sim.past.episodes import episodes
from sim.past.posterior import (
    BATCH,
    MOST,
    Sample,
    _Kernels,
    aims,
    central_and_ends,
    distance,
    hypercube,
    left_out,
    perturbed,
    residual,
    rounds,
    run_draws,
    weighted,
    weighted_quantile,
)
from tests.sweep.toy_search import TARGETS

PAIR = TARGETS[:2]


def test_distance_by_hand() -> None:
    assert distance([2.0, 0.0], PAIR) == 0
    # One band end each: one half width on the logarithm, and two halves of 0.1 on the plain scale.
    assert distance([4.0, 0.0], PAIR) == pytest.approx(np.sqrt(1 / 2))
    assert distance([2.0, 0.2], PAIR) == pytest.approx(np.sqrt(4 / 2))
    assert distance([float("nan"), 0.0], PAIR) == pytest.approx(MOST / np.sqrt(2))


def test_residuals_have_a_sign_and_an_end() -> None:
    assert residual(1.0, PAIR[0]) == pytest.approx(-1)
    assert residual(1e9, PAIR[0]) == MOST
    assert residual(0.0, PAIR[0]) == residual(float("nan"), PAIR[0]) == -MOST
    assert residual(0.1, PAIR[1]) == pytest.approx(1)


def test_weighted_quantiles() -> None:
    assert weighted_quantile([1.0, 2.0, 3.0, 4.0], [1.0] * 4, 0.5) == 2.0
    assert weighted_quantile([4.0, 1.0], [0.9, 0.1], 0.5) == 4.0
    assert weighted_quantile([4.0, 1.0], [0.9, 0.1], 0.05) == 1.0


@pytest.mark.parametrize("batches", range(2, 30))
def test_rounds_hold_every_batch_once(batches: int) -> None:
    chunks = rounds(batches)
    assert [batch for chunk in chunks for batch in chunk] == list(range(batches))
    assert len(chunks[0]) == (batches + 1) // 2
    assert len(chunks) == 1 + min(3, batches // 2)


def test_the_hypercube_has_one_draw_in_every_stratum() -> None:
    cube = hypercube(200, 4, seed=1)
    for column in cube.T:
        np.testing.assert_array_equal(np.sort((column * 200).astype(int)), np.arange(200))
    assert abs(np.corrcoef(cube.T) - np.eye(4)).max() < 0.25


KERNELS = _Kernels(np.array([[0.02, 0.5], [0.9, 0.97]]), np.array([0.3, 0.7]), np.array([0.25, 0.1]))


def test_kernels_are_a_density_on_the_cube_and_what_they_draw_follows_it() -> None:
    side = (np.arange(200) + 0.5) / 200
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    density = KERNELS.density(grid)
    assert density.mean() == pytest.approx(1, abs=1e-4)
    drawn = KERNELS.draw(np.random.default_rng(1), 40_000)
    assert ((drawn >= 0) & (drawn <= 1)).all()
    share = np.histogram2d(*drawn.T, bins=5, range=[[0, 1], [0, 1]])[0] / len(drawn)
    exact = density.reshape(5, 40, 5, 40).mean(axis=(1, 3)) / 25
    np.testing.assert_allclose(share, exact, atol=4 * np.sqrt(0.25 / len(drawn)))


def _sample(batches: int, seed: int) -> Sample:
    """A search in two dimensions by hand, closest at (0.2, 0.9)."""
    cube = hypercube(len(rounds(batches)[0]) * BATCH, 2, seed)
    sample = Sample(("a", "b"), (), cube, np.empty((len(cube), 0)), np.empty(0), np.empty(0))

    def far(unit: np.ndarray) -> np.ndarray:
        return np.hypot(unit[:, 0] - 0.2, unit[:, 1] - 0.9)

    sample = replace(sample, distances=far(cube), weights=np.ones(len(cube)))
    for chunk in rounds(batches)[1:]:
        known = weighted(sample, batches)
        unit = np.concatenate([sample.unit, *(perturbed(known, seed, batch) for batch in chunk)])
        ones = np.ones(len(unit))
        sample = Sample(("a", "b"), (), unit, np.empty((len(unit), 0)), far(unit), ones)
    return weighted(sample, batches)


def test_weights_give_the_prior_back_where_many_draws_were_made() -> None:
    sample = _sample(80, seed=2)
    near = sample.distances < 0.1
    assert near[2000:].mean() > 0.3, "the rounds draw near the answer"
    # A disc of radius 0.1 that touches the upper edge of the cube: all of its area lies inside.
    assert (sample.weights * near).sum() / len(near) == pytest.approx(np.pi * 0.1**2, rel=0.06)
    assert sample.weights.mean() == pytest.approx(1, abs=0.03)
    middle = np.average(sample.unit[near], axis=0, weights=sample.weights[near])
    np.testing.assert_allclose(middle, [0.2, 0.9], atol=0.006)


def test_weights_of_finished_rounds_do_not_wait_for_later_ones() -> None:
    sample = _sample(10, seed=2)
    first = sample.rows(np.arange(5 * BATCH))
    np.testing.assert_array_equal(weighted(first, 10).weights, 1.0)


def test_what_is_left_out_is_forecast_by_the_other_episodes_alone() -> None:
    """Episode a speaks for a parameter that b needs, too; b's own target would have it elsewhere."""
    a = replace(TARGETS[0], id="a", episode="a", observed=2.0, low=1.0, high=4.0)
    b = replace(TARGETS[0], id="b", episode="b", observed=8.0, low=4.0, high=16.0)
    unit = hypercube(1000, 1, seed=3)
    # Both statistics are the parameter, between 1 and 10.
    both = np.repeat(1 + 9 * unit, 2, axis=1)
    sample = Sample(("p",), ("a", "b"), unit, both, np.zeros(1000), np.ones(1000))
    of_a, of_b = left_out(sample, (a, b))
    assert of_a.median == pytest.approx(8.0, rel=0.05)
    assert of_b.median == pytest.approx(2.0, rel=0.05)
    assert of_b.low < of_b.median < of_b.high
    assert of_a.prior == of_b.prior == pytest.approx(5.5, rel=0.02)
    assert not of_a.in_band
    assert left_out(sample, (a, replace(b, episode="a"))) == []


def test_ends_move_one_parameter_at_a_time() -> None:
    names, values = central_and_ends([2.0, 5.0], {"a": (0.0, 4.0), "b": (1.0, 9.0)})
    assert names == [("", ""), ("a", "low"), ("a", "high"), ("b", "low"), ("b", "high")]
    np.testing.assert_array_equal(values, [[2, 5], [0, 5], [4, 5], [2, 1], [2, 9]])


def test_stacked_draws_are_what_each_draw_gives_alone() -> None:
    chosen = [episode for episode in episodes() if episode.id.endswith("-static")]
    names = ("worth_scale", "thrift_speed")
    values = np.array([[read_priors()[name][i] for name in names] for i in (0, 1)])
    both = run_draws(chosen, names, values)
    assert both.shape == (2, len(aims(chosen)))
    for i in range(2):
        np.testing.assert_array_equal(run_draws(chosen, names, values[i : i + 1])[0], both[i])
    assert both[0, 0] != both[1, 0]
