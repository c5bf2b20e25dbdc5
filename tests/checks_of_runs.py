"""What must hold in every step and every record, whatever the world and the events."""

from __future__ import annotations

import os

import numpy as np
import pytest

from sim.agents import tomorrow
from sim.engine import Simulation

MAY_BE_NEGATIVE = ("certificate_gap", "event_change", "inventory_change")
MAY_BE_MISSING = ("price_gate", "price_inside", "price_outside", "price_delivered")
"""NaN where nothing is traded."""


def step_balanced(simulation: Simulation) -> None:
    """One step in which tonnes and elements balance and every market is certified."""
    before = simulation.state.seller_stock.copy()
    held = simulation.state.buyer_stock + simulation.state.transit.sum(0)
    simulation.step()
    result, state = simulation.last, simulation.state
    made = before + result.output - result.clearing.sales - result.discarded
    _same(state.seller_stock, made)
    held = held + result.clearing.purchases - result.consumed
    _same(state.buyer_stock + state.transit.sum(0), held)
    tracer, benchmark = simulation.actors.tracers[0], simulation.case.prepared.benchmark
    _same(tracer.buyer.stock.sum(-1), state.buyer_stock[:, benchmark.basket_need])
    _same(tracer.seller.sum(-1), state.seller_stock[:, benchmark.basket_offer])
    _same(result.clearing.sales.sum(1), result.clearing.purchases.sum(1))
    assert result.clearing.certified.all()


def _same(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def check_record(simulation: Simulation) -> None:
    """No number of the record is missing, infinite or negative without a reason."""
    data = simulation.recorder.dataset()
    for name, values in data.data_vars.items():
        if values.dtype.kind == "f" and values.size:
            assert name in MAY_BE_MISSING or np.isfinite(values.values).all(), name
            assert name in MAY_BE_NEGATIVE or not (values.values < 0).any(), name
            assert not np.isinf(values.values).any(), name
            assert not str(name).startswith("quote_") or (values.values > 0).all(), name


def price_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of the market of tomorrow go on until nothing moves: they end a little apart otherwise."""
    for name, value in (("ARRIVED", 1e-5), ("NEARLY", 1e-5), ("TOLERANCE", 1e-9)):
        monkeypatch.setattr(tomorrow, name, value)
    monkeypatch.setattr(tomorrow, "ROUNDS", 400)


def price_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of the market of tomorrow end early: after five, or where prices move by three hundredths.

    Nearly all the time of a run goes into them. Runs that must agree to the bit, and tonnes that must add up,
    have to do so wherever prices come to rest, so that these few rounds find the same faults: of all rounds
    nothing but the last prices is kept, and here, too, some members arrive before others. With all rounds,
    tests/sanity compares runs of shipped and of random scenarios, and ``make fuzz`` every run.
    """
    if os.environ.get("HYPOTHESIS_PROFILE") == "thorough":
        return
    for name in ("ARRIVED", "NEARLY"):
        monkeypatch.setattr(tomorrow, name, 0.03)
    monkeypatch.setattr(tomorrow, "ROUNDS", 5)
