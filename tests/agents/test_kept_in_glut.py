"""Sellers whose stores are full keep part of their output off the market, if they are asked to."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from sim.arrays import FloatArray
from sim.engine import Simulation
from sim.model import Miner, MonaziteModel
from sim.world.world import World
from tests.engine_events import PlainScenario
from tests.instruments.acting import event


def glut(restraint: float) -> Any:
    less = event("demand_shock", id="slump", level="-40 %", **{"from": dt.date(2024, 4, 1)})
    assumed = {"glut_restraint": restraint}
    return PlainScenario(events=(less,), end=dt.date(2024, 12, 31), assumptions=assumed)


def last(world: World, restraint: float) -> Simulation:
    made = Simulation(world, glut(restraint), members=2, seed=7)
    while made.time < made.steps:
        made.step()
    return made


def test_a_glut_lowers_prices_less_where_sellers_wait(small_world: World) -> None:
    sold, kept = last(small_world, 0.0), last(small_world, 0.5)
    oxide = small_world.offer_slice(2)
    assert (sold.state.gate_price[:, oxide].mean(1) < 0.98).all()
    assert (kept.state.gate_price[:, oxide].mean(1) > sold.state.gate_price[:, oxide].mean(1)).all()
    stock = [made.state.seller_stock.sum(1) for made in (sold, kept)]
    assert (stock[1] > stock[0]).all()


class Dumper(Miner):
    """Keeps nothing."""

    def decide_kept_in_glut(self, member: int, kept: FloatArray) -> FloatArray:
        return np.zeros_like(kept)


def test_an_agent_may_decide_otherwise(small_world: World) -> None:
    models = [MonaziteModel(small_world, glut(0.5), agent_classes=classes, rng=4)
              for classes in ({}, {"mine_china": Dumper})]  # fmt: skip
    mine = small_world.facilities.index("mine_china")
    at = np.flatnonzero(small_world.offer_facility == mine)
    for model in models:
        model.run_model()
    waited, dumped = (model.simulation.state.seller_stock[0, at].sum() for model in models)
    assert dumped < waited
