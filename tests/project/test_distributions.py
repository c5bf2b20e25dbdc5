"""Distributions: read, refused, drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.distributions import Distribution, parse_uncertain
from sim.units import QuantityError


@pytest.mark.parametrize(
    ("written", "median"),
    [
        ({"uniform": ["20 %", "60 %"]}, 0.4),
        ({"triangular": ["0 %", "50 %", "100 %"]}, 0.5),
        ({"normal": ["40 %", "5 %"]}, 0.4),
        ({"lognormal": ["40 %", 0.3]}, 0.4),
        ({"choice": ["10 %", "20 %", "30 %"]}, 0.2),
    ],
)
def test_median(written: dict[str, object], median: float) -> None:
    assert parse_uncertain(written, "share").distribution.quantile(0.5) == pytest.approx(median)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"uniform": ["60 %", "20 %"]}, "uniform needs its numbers in ascending order"),
        ({"uniform": ["20 %"]}, "uniform needs 2 numbers (low, high), not 1"),
        ({"uniform": "20 %"}, "uniform needs a list of numbers"),
        ({"uniform": [0.2, 0.6]}, "'0.2' has no unit"),
        ({"uniform": ["20 %", "160 %"]}, "uniform reaches out of the range of the field"),
        ({"uniform": ["20 %", "60 %"], "normal": []}, "'normal' stands beside 'uniform'"),
        ({"normal": ["20 %", "-1 %"]}, "a standard deviation must not be negative"),
        ({"lognormal": ["0 %", 0.2]}, "the median of a lognormal must be above zero"),
        ({"lognormal": ["20 %", "20 %"]}, "'20 %' is not a plain number"),
        ({"choice": ["20 %", "30 %"], "weights": [1]}, "there must be one weight for each choice"),
        ({"choice": ["20 %", "30 %"], "weights": [0, 0]}, "weights must not be negative, nor all zero"),
    ],
)
def test_refused(written: dict[str, object], message: str) -> None:
    with pytest.raises(QuantityError) as caught:
        parse_uncertain(written, "share", 0.0, 1.0)
    assert caught.value.message == message


@given(
    st.sampled_from(["uniform", "triangular", "normal", "lognormal", "choice"]),
    st.lists(st.floats(0.01, 100), min_size=3, max_size=3),
    st.lists(st.floats(0, 1), min_size=2, max_size=2),
)
def test_quantiles_rise_and_stay_inside(kind: str, numbers: list[float], ranks: list[float]) -> None:
    numbers = sorted(numbers)
    numbers = numbers if kind in ("triangular", "choice") else numbers[:2]
    drawn = Distribution(kind, tuple(numbers), (), 0.0, 1000.0)
    low, high = (drawn.quantile(rank) for rank in sorted(ranks))
    assert 0 <= low <= high <= 1000
    if kind in ("uniform", "triangular", "choice"):
        assert numbers[0] - 1e-9 <= low
        assert high <= numbers[-1] + 1e-9


def test_weights_give_the_shares_of_a_choice() -> None:
    drawn = Distribution("choice", (1.0, 2.0), (1.0, 3.0))
    values = [drawn.quantile(u) for u in np.linspace(0, 0.9999, 1000)]
    assert np.mean(np.array(values) == 2.0) == pytest.approx(0.75, abs=0.01)
    assert drawn.central == 2.0
