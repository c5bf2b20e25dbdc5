"""Any small world loads, stays where it is, and comes through a random event with all tonnes booked."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine import Simulation
from sim.world.load import load_world
from sim.world.sourcing import _balance
from tests.checks_of_runs import check_record, price_briefly, step_balanced
from tests.engine_events import PlainScenario
from tests.world.random_worlds import random_event, random_sketch

START = dt.date(2024, 2, 1)
EXAMPLES = max(settings.default.max_examples * 4 // 5, 1)


@settings(max_examples=EXAMPLES)
@given(st.integers(0, 2**32 - 1))
def test_a_random_world_comes_through_a_random_event(seed: int) -> None:
    sketch = random_sketch(seed)
    with tempfile.TemporaryDirectory() as folder:
        world = load_world(2024, sketch.write(Path(folder)))
    scenario = PlainScenario(events=(random_event(seed, sketch, START),), end=dt.date(2024, 6, 30))
    simulation = Simulation(world, scenario, members=2, seed=seed)
    idle = simulation.case.prepared.benchmark.entrant
    with pytest.MonkeyPatch.context() as patch:
        # Every second world with prices of the time ahead that are found in full.
        if seed % 2:
            price_briefly(patch)
        while simulation.time < simulation.steps:
            step_balanced(simulation)
            if simulation.time == 1:
                np.testing.assert_allclose(simulation.last.clearing.price[0], 1, rtol=1e-9)
                assert simulation.last.output[0, idle].max(initial=0) == 0
    check_record(simulation)


def test_base_flows_balance_where_fitting_is_slow() -> None:
    """A trader takes nearly all of a good: proportional fitting alone ends 1e-5 off."""
    base = np.array([[1.0, 0.1, 900.0], [900.0, 0.0, 0.0]])
    start = base + np.array([[0.0, 0.0, 0.0], [0.0, 0.01, 0.0]])
    rows, columns = base.sum(1), base.sum(0)
    fitted = _balance(start, rows, columns)
    np.testing.assert_allclose(fitted.sum(1), rows, rtol=1e-12)
    np.testing.assert_allclose(fitted.sum(0), columns, rtol=1e-12)
    assert ((fitted > 0) == (start > 0)).all()


def test_random_worlds_are_of_many_shapes() -> None:
    """The generator makes what it is there for."""
    sketches = [random_sketch(seed) for seed in range(200)]
    assert {len(sketch.goods) for sketch in sketches} >= {1, 2, 3, 4, 5}
    assert {len(sketch.countries) for sketch in sketches} == {1, 2, 3, 4}
    assert sum(bool(sketch.later) for sketch in sketches) > 100
    assert sum(bool(sketch.substitutes) for sketch in sketches) > 10
    assert sum("good_new" in sketch.goods for sketch in sketches) > 10
    assert sum(any(good.basket for good in sketch.goods.values()) for sketch in sketches) > 20
    assert sum(any(f.startswith("trader") for f, _ in sketch.later) for sketch in sketches) > 20
