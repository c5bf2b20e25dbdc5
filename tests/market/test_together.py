"""Several markets cleared together: every bit of each is that of clearing it alone, and calls are shared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim.market import Asked, Clearing, Terms, clear, clear_together, clearing
from sim.market.solver.frame import frames_of, some_pieces
from tests.market.cases import Case, random_case

TOLERANCE = 1e-9
ARRAYS = (
    "price", "index", "sales", "purchases", "demanded", "log_rent", "cap_flow", "rent_value", "residual",
    "gap", "scaled_down", "iterations", "certified",
)  # fmt: skip


def cases(members: tuple[int, ...]) -> list[Case]:
    rng = np.random.default_rng(5)
    return [
        random_case(rng, goods=3 + n, members=count, caps=2 * (n % 2), idle=0.1 * n, content=0.1 * n)
        for n, count in enumerate(members)
    ]


def asked(case: Case, start: Clearing | None = None) -> Asked:
    return Asked(case.market(), Terms(*case.arguments()), None if start is None else start.state)


def assert_same(found: Clearing, alone: Clearing) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(found, name), getattr(alone, name), name)
    np.testing.assert_array_equal(found.state.log_price, alone.state.log_price)
    for good in range(found.market.goods):
        np.testing.assert_array_equal(found.flow(good), alone.flow(good))


@pytest.mark.parametrize("members", [(1, 1, 1, 1), (3, 3), (9, 4, 6), (1, 9, 3, 9)])
def test_bits_do_not_depend_on_what_clears_along(members: tuple[int, ...]) -> None:
    several = cases(members)
    alone = [clear(case.market(), *case.arguments(), tolerance=TOLERANCE) for case in several]
    found = clear_together([asked(case) for case in several], TOLERANCE)
    # Once more, from where these ended and a little further on.
    further = [case.with_(demand=1.03 * case.demand) for case in several]
    again = [
        clear(case.market(), *case.arguments(), start=at.state, tolerance=TOLERANCE)
        for case, at in zip(further, alone, strict=True)
    ]
    found += clear_together([asked(case, at) for case, at in zip(further, alone, strict=True)], TOLERANCE)
    for one, other in zip(found, alone + again, strict=True):
        assert_same(one, other)


def test_markets_share_their_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    solved: list[int] = []
    solve = vars(clearing)["solve"]

    def counted(frame: Any, *rest: Any) -> Any:
        solved.append(len(frame))
        return solve(frame, *rest)

    monkeypatch.setattr(clearing, "solve", counted)
    several = [random_case(np.random.default_rng(n), goods=4) for n in range(3)]
    clear_together([asked(case) for case in several])
    assert solved == [12]


def test_larger_stacks_do_not_leave_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a batch's room they clear one after the other, with the same bits."""
    monkeypatch.setattr(clearing, "BATCH_ELEMENTS", 30)
    several = cases((9, 9))
    found = clear_together([asked(case) for case in several], TOLERANCE)
    monkeypatch.undo()
    for one, case in zip(found, several, strict=True):
        assert_same(one, clear(case.market(), *case.arguments(), tolerance=TOLERANCE))


@pytest.mark.parametrize("members", [1, 3, 9])
def test_some_pieces_are_multiplied_as_in_the_whole(members: int) -> None:
    """A smaller frame takes over the products of the larger one, and none of them is made again."""
    case = random_case(np.random.default_rng(2), goods=9, members=members, caps=3, sellers=(2, 40))
    market = replace(case.market(), memory={})
    for frame in frames_of(market, members, 0):
        kept = tuple(n % 2 == 0 for n in range(len(frame.pieces)))
        part, places = some_pieces(frame, kept)
        taken, at = frame.take(np.repeat(kept, [len(piece.good) for piece in frame.pieces]))
        there = {id(matrix) for matrix in frame.kernel.matrices}
        assert all(id(matrix) in there for matrix in part.kernel.matrices)
        for mine, theirs in zip(places, at, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        rng = np.random.default_rng(3)
        rows, buyers = rng.uniform(size=part.lengths[1]), rng.uniform(size=part.lengths[2])
        for one, other in ((part, taken),):
            for of, given, length in (("forward", rows, 2), ("backward", buyers, 1)):
                out, expected = np.empty(one.lengths[length]), np.empty(one.lengths[length])
                getattr(one.kernel, of)(given, out)
                getattr(other.kernel, of)(given, expected)
                np.testing.assert_array_equal(out, expected)
            summed, wanted = np.empty(one.lengths[0]), np.empty(one.lengths[0])
            one.collect(rows, summed)
            other.collect(rows, wanted)
            np.testing.assert_array_equal(summed, wanted)


@pytest.mark.parametrize("members", [1, 3, 9])
def test_one_market_asked_several_times_is_cleared_as_several(members: int) -> None:
    """Its frames share their room for numbers, which must not be written over."""
    case = random_case(np.random.default_rng(8), goods=5, members=members, caps=2)
    market = case.market()
    several = [case.with_(demand=(1 + 0.3 * n) * case.demand, ask=(1 - 0.1 * n) * case.ask) for n in range(3)]
    alone = [clear(market, *one.arguments(), tolerance=TOLERANCE) for one in several]
    terms = [Asked(market, Terms(*one.arguments())) for one in several]
    for found, expected in zip(clear_together(terms, TOLERANCE), alone, strict=True):
        assert_same(found, expected)
