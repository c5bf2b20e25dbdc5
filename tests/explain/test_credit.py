"""Parts of a difference: axioms of the Shapley value, and what is said of more events than it is made for."""

import itertools

import numpy as np
import pytest

from sim.explain.attribute import rounded_to_sum
from sim.explain.credit import MOST_SHAPLEY, credit, subsets


def game(events, seed=0):
    """(K, 4) outcomes of every set, at random."""
    return np.random.default_rng(seed).normal(100, 30, (len(subsets(events)), 4))


def reordered(outcomes, order):
    """The outcomes of the same game with its events in another order."""
    acts = subsets(len(order))
    rows = [int(sum(2 ** order[k] for k in np.flatnonzero(row))) for row in acts]
    return outcomes[rows]


@pytest.mark.parametrize("events", range(1, MOST_SHAPLEY + 1))
def test_the_parts_add_up(events):
    outcomes = game(events)
    found = credit(outcomes, events)
    assert len(outcomes) == 2**events
    np.testing.assert_allclose(found.none + found.parts.sum(axis=0), outcomes[-1], rtol=1e-13)
    assert not found.together.any()


def test_each_part_is_the_mean_over_all_orders():
    outcomes = game(3)
    marginal = np.zeros((3, 4))
    for order in itertools.permutations(range(3)):
        before = 0
        for event in order:
            marginal[event] += (outcomes[before + 2**event] - outcomes[before]) / 6
            before += 2**event
    np.testing.assert_allclose(credit(outcomes, 3).parts, marginal, rtol=1e-12)


@pytest.mark.parametrize("order", [(2, 0, 1, 3), (3, 2, 1, 0)])
def test_the_order_of_the_events_changes_nothing(order):
    outcomes = game(4)
    parts = credit(outcomes, 4).parts
    again = credit(reordered(outcomes, order), 4).parts
    np.testing.assert_allclose(again, parts[list(order)], rtol=1e-12)


def test_an_event_that_changes_nothing_has_no_part_and_others_keep_theirs():
    two = game(2)
    three = np.concatenate([two, two])
    found = credit(three, 3)
    assert (found.parts[2] == 0).all()
    np.testing.assert_allclose(found.parts[:2], credit(two, 2).parts, rtol=1e-12)


def test_two_events_that_act_only_together_share_alike():
    outcomes = np.array([[10.0], [10.0], [10.0], [18.0]])
    np.testing.assert_array_equal(credit(outcomes, 2).parts, [[4.0], [4.0]])


def test_many_events_are_switched_off_one_by_one():
    events = MOST_SHAPLEY + 1
    acts = subsets(events)
    assert acts.sum(axis=1).tolist() == [0, *[events - 1] * events, events]
    weights = np.arange(1.0, events + 1)
    outcomes = (acts @ weights)[:, None] + 5.0 * acts.all(axis=1)[:, None]
    found = credit(outcomes, events)
    # Without any one of them the five that all bring together are gone, too.
    np.testing.assert_allclose(found.parts[:, 0], weights + 5.0)
    np.testing.assert_allclose(found.none + found.parts.sum(axis=0) + found.together, found.every)


@pytest.mark.parametrize(
    ("values", "total", "decimals", "rounded"),
    [
        ([10.4, 10.4, 10.4], 31.2, 0, [11.0, 10.0, 10.0]),
        ([1.26, -0.13, -1.13], 0.0, 1, [1.2, -0.1, -1.1]),
        ([0.0, 0.0], 0.0, 2, [0.0, 0.0]),
    ],
)
def test_printed_parts_add_up_to_the_printed_total(values, total, decimals, rounded):
    found = rounded_to_sum(values, total, decimals)
    assert found == pytest.approx(rounded)
    assert sum(found) == pytest.approx(round(total, decimals))
