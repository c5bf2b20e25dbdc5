"""How the last sweeps are combined, and when sweeping is given up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sim.market.solver import sweeps
from sim.market.solver.history import History
from tests.market.cases import random_case

WIDTH = 9


class Lengths(SimpleNamespace):
    """What a history asks of a frame: n markets of ``WIDTH`` variables."""

    def __init__(self, markets: int, kind: type = np.float64) -> None:
        places = np.arange(markets)
        super().__init__(
            lengths=(markets * WIDTH, 0, 0), kind=kind, first_variable=places * WIDTH,
            variable_market=np.repeat(places, WIDTH), markets=markets,
        )  # fmt: skip

    def __len__(self) -> int:
        return int(self.markets)


def filled(depth: int, markets: int, length: int) -> History:
    rng = np.random.default_rng(depth)
    history = History(Lengths(markets), depth)  # type: ignore[arg-type]
    for now in range(length):
        history.change[now] = rng.normal(size=markets * WIDTH) * 10.0**-now
        history.image[now] = rng.normal(size=markets * WIDTH)
        history.book(now, now + 1)
    return history


@pytest.mark.parametrize(("depth", "length", "now"), [(3, 2, 1), (4, 4, 3), (4, 5, 2), (6, 7, 0)])
def test_the_combined_change_is_the_smallest(depth: int, length: int, now: int) -> None:
    history = filled(depth, 5, length)
    history.book(now, length)
    weights = history.weights(now, length, np.arange(5)).copy()
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, rtol=1e-12)
    changes = history.change[:length].reshape(length, 5, WIDTH)
    older = [place for place in range(length) if place != now]
    for market in range(5):
        newest = changes[now, market]
        apart = (changes[older, market] - newest).T
        best = newest + apart @ np.linalg.lstsq(apart, -newest, rcond=None)[0]
        found = weights[:, market] @ changes[:, market]
        np.testing.assert_allclose(found, best, atol=1e-6 * np.abs(newest).max())
    out = np.empty(5 * WIDTH)
    history.combine(weights, out)
    images = history.image[:length].reshape(length, 5, WIDTH)
    np.testing.assert_allclose(out.reshape(5, WIDTH), np.einsum("km,kmv->mv", weights, images), rtol=1e-9)


@pytest.mark.parametrize(("depth", "length", "now"), [(3, 4, 3), (4, 2, 1), (4, 5, 0), (6, 7, 4)])
def test_few_markets_have_the_bits_of_many(depth: int, length: int, now: int) -> None:
    many = filled(depth, 40, length)
    weights: Any = many.weights(now, length, np.arange(40)).copy()
    few = many.weights(now, length, np.array([3, 17]))
    np.testing.assert_array_equal(few[:, [3, 17]], weights[:, [3, 17]])


def test_markets_that_are_given_up_arrive_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever sweeps leave, Newton finishes: to the same prices, and each market by itself."""
    case = random_case(np.random.default_rng(3), goods=4, members=6, caps=3)
    patient = case.clear()
    monkeypatch.setattr(sweeps, "FAR", {4: 1e-9})
    hasty = case.clear()
    assert patient.certified.all()
    assert hasty.certified.all()
    assert (hasty.iterations < patient.iterations).any()
    np.testing.assert_allclose(hasty.purchases, patient.purchases, rtol=1e-6, atol=1e-6)
    alone = case.members(slice(2, 3)).clear()
    np.testing.assert_array_equal(alone.price[0], hasty.price[2])
