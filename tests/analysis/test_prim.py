"""Scenario discovery against boxes that were planted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc

from sim.analysis.prim import Box, Points, discover

NAMES = ("a", "b", "c", "d")
ORDERED = (False,) * 4


def sample(count: int, seed: int = 3) -> np.ndarray:
    return qmc.LatinHypercube(4, rng=np.random.default_rng(seed)).random(count)


def planted(place: np.ndarray) -> np.ndarray:
    """Bad where a is above 0.6 and c between 0.2 and 0.7."""
    return (place[:, 0] > 0.6) & (place[:, 2] > 0.2) & (place[:, 2] < 0.7)


def test_a_planted_box_is_found_with_its_ends() -> None:
    place = sample(2000)
    bad = planted(place)
    (found,) = discover(Points(NAMES, place, bad, ORDERED))
    assert found.box.restricted == (0, 2)
    assert found.box.low[0] == pytest.approx(0.6, abs=0.02)
    assert found.box.high[0] == np.inf
    assert (found.box.low[2], found.box.high[2]) == pytest.approx((0.2, 0.7), abs=0.03)
    inside = found.box.holds(place)
    assert (found.inside, found.hits) == (inside.sum(), (inside & bad).sum())
    assert found.coverage == (inside & bad).sum() / bad.sum() > 0.95
    assert found.density == (inside & bad).sum() / inside.sum() > 0.95
    assert found.mass == pytest.approx(0.2, abs=0.02)
    assert max(found.chance.values()) < 1e-6
    assert min(found.held_back) > 0.9


def test_noise_lowers_density_to_what_it_is() -> None:
    """A tenth of the labels turned: density can be 0.9 at most, and the box is still found."""
    place = sample(3000)
    turned = np.random.default_rng(5).random(3000) < 0.1
    bad = planted(place) ^ turned
    (found,) = discover(Points(NAMES, place, bad, ORDERED))
    assert found.box.restricted == (0, 2)
    assert found.density == pytest.approx(0.9, abs=0.04)
    assert found.coverage == pytest.approx(0.9 * 0.2 / (0.9 * 0.2 + 0.1 * 0.8), abs=0.06)
    assert found.held_back[1] == pytest.approx(0.9, abs=0.05)


def test_two_planted_boxes_are_found_one_after_the_other() -> None:
    place = sample(3000)
    first = (place[:, 0] > 0.7) & (place[:, 1] > 0.5)
    second = (place[:, 0] < 0.2) & (place[:, 1] < 0.3)
    found = discover(Points(NAMES, place, first | second, ORDERED), boxes=4)
    assert [one.box.restricted for one in found] == [(0, 1), (0, 1)]
    assert found[1].box.high[:2] == pytest.approx((0.2, 0.3), abs=0.03)
    assert sum(one.coverage for one in found) > 0.9
    assert min(one.density for one in found) > 0.9
    held = np.array([one.box.holds(place) for one in found])
    assert not held.all(axis=0).any()


def test_levels_without_order_are_left_out_one_by_one() -> None:
    place = sample(2000)
    place[:, 1] = np.floor(5 * place[:, 1])
    bad = np.isin(place[:, 1], [0, 3]) & (place[:, 0] < 0.5)
    (found,) = discover(Points(NAMES, place, bad, (False, True, False, False)))
    assert found.box.without[1] == {1, 2, 4}
    assert found.box.restricted == (0, 1)
    assert found.density > 0.95


def test_points_of_a_grid_are_peeled_level_by_level() -> None:
    levels = np.linspace(0.05, 0.95, 10)
    place = np.array(np.meshgrid(levels, levels, [0.5], [0.25, 0.75])).reshape(4, -1).T
    bad = (place[:, 0] > 0.5) & (place[:, 1] < 0.3)
    (found,) = discover(Points(NAMES, place, bad, ORDERED))
    assert (found.coverage, found.density) == (1.0, 1.0)
    assert (found.box.low[0], found.box.high[1]) == pytest.approx((0.55, 0.25))
    assert found.box.restricted == (0, 1)


def test_what_hangs_on_nothing_gives_no_box_or_one_that_fails_on_points_held_back() -> None:
    """Labels by lot: density on points held back is no more than the share of all."""
    place = sample(600)
    bad = np.random.default_rng(11).random(600) < 0.3
    for one in discover(Points(NAMES, place, bad, ORDERED)):
        assert one.held_back[1] < 0.4


def test_a_density_asked_for_is_reached_with_the_largest_box() -> None:
    place = sample(3000)
    risk = np.clip(place[:, 0], 0, 1) ** 2
    bad = np.random.default_rng(2).random(3000) < risk
    points = Points(NAMES, place, bad, ORDERED)
    (usual,), (dense,) = discover(points), discover(points, density=0.8)
    assert dense.density >= 0.8
    assert dense.coverage < usual.coverage
    # The share of bad points above x is (1 + x + x**2) / 3, which is 0.8 at 0.785.
    assert dense.box.low[0] == pytest.approx(0.785, abs=0.04)
    assert dense.box.restricted == (0,)


def test_the_way_starts_with_all_points_and_gets_no_larger() -> None:
    place = sample(500)
    bad = planted(place)
    (found,) = discover(Points(NAMES, place, bad, ORDERED))
    np.testing.assert_allclose(found.path[0], [1, 1, bad.mean()])
    assert (np.diff(found.path[:, 0]) < 0).all()
    assert found.path[-1, 0] >= 0.05


@pytest.mark.parametrize(("bad", "needed"), [(4, "150"), (58, "300")])
def test_too_few_of_either_kind_are_refused_with_the_number_needed(bad: int, needed: str) -> None:
    place = sample(60)
    message = f"{bad} of 60 points are bad; 10 must be, and 10 must not: take about {needed} points"
    with pytest.raises(ValueError, match=message):
        discover(Points(NAMES, place, np.arange(60) < bad, ORDERED))


def test_where_no_point_is_bad_more_points_are_not_advised() -> None:
    with pytest.raises(ValueError, match="0 of 60 points are bad; 10 must be, and 10 must not: take another"):
        discover(Points(NAMES, sample(60), np.zeros(60, dtype=bool), ORDERED))


def test_a_box_holds_its_ends() -> None:
    box = Box((0.2,), (0.5,), (frozenset(),))
    assert box.holds(np.array([[0.1], [0.2], [0.5], [0.6]])).tolist() == [False, True, True, False]
