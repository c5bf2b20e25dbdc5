"""The benchmark's larger world is the same economy in more parts."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from benchmarks.split_world import split
from sim.engine import Simulation
from sim.world.world import World
from tests.checks_of_runs import price_to_the_end
from tests.engine_events import PlainScenario, Restriction


def test_a_world_cut_into_parts_has_the_same_prices_and_totals(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    price_to_the_end(monkeypatch)
    start = dt.date(2024, 6, 1)
    ban = Restriction("e", "ban", ("dysprosium_oxide",), start, to=("JPN",))
    scenario: Any = PlainScenario(end=dt.date(2024, 12, 31), events=(ban,))
    one, parts = (Simulation(world, scenario).run() for world in (small_world, split(small_world, 3)))
    assert parts.sizes["facility"] == 3 * one.sizes["facility"]
    np.testing.assert_allclose(parts.price_gate, one.price_gate, rtol=1e-3)
    for name, axis in (("production", "offer"), ("buyer_stock", "need"), ("shortfall", "need")):
        summed = parts[name].values.reshape(*one[name].shape, 3).sum(-1)
        np.testing.assert_allclose(summed, one[name].values, rtol=2e-3, atol=1e-2, err_msg=f"{name}, {axis}")
    assert float(one.shortfall.sum()) > 1
