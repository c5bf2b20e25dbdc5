"""What helps against a loss of rare-earth ore: redesign most, recycling little (Keilhacker, Minner 2017)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from sim.arrays import FloatArray
from sim.engine import Simulation
from sim.instruments import instrument_class
from sim.world.load import load_world
from sim.world.source import WorldChoice, world_tables
from sim.world.world import World
from tests.engine_events import PlainScenario

GOODS = ["neodymium_praseodymium", "dysprosium", "terbium"]
START = {"from": dt.date(2025, 1, 1)}
WAYS: dict[str, dict[str, Any]] = {
    "redesign": {"type": "substitution_push", "goods": [*GOODS, "rare_earth_magnets"], "share": "20 %",
                 "ramp": "3 years"},
    "collection": {"type": "recycling_policy", "by": ["world"], "goods": GOODS, "collection": "57 %"},
    "at home": {"type": "recycling_policy", "by": ["JPN", "USA", "DEU"], "goods": GOODS,
                "collection": "57 %"},
}  # fmt: skip
"""A fifth less of the need in three years; all of what can be collected, everywhere or in three countries."""


@pytest.fixture(scope="module")
def world() -> World:
    return load_world(2024, world_tables(2024, (), WorldChoice(scrap=("all",))))


def _event(name: str, **fields: Any) -> Any:
    return instrument_class(fields["type"]).model_validate({"id": name, **START, **fields})


def _oxide_price(world: World, *events: Any) -> FloatArray:
    """(M,) mean log price of neodymium-praseodymium oxide over four years of the loss, at the gate."""
    scenario: Any = PlainScenario(minerals=("dysprosium",), events=events, end=dt.date(2028, 12, 31))
    run = Simulation(world, scenario, members=range(5), seed=11)
    data = run.run()
    price = data.price_gate.sel(good="neodymium_praseodymium_oxide").values
    mean: FloatArray = np.log(price[:, 12:] / price[:, :1]).mean(1)
    return mean


def test_redesign_takes_most_off_the_price_and_recycling_little(world: World) -> None:
    cut = _event("cut", type="production_quota", by=["CHN", "MMR"], goods=["rare_earth_concentrate"],
                 cut="30 %")  # fmt: skip
    alone = _oxide_price(world, cut)
    off = {name: alone - _oxide_price(world, cut, _event(name, **way)) for name, way in WAYS.items()}
    assert np.median(alone) > 0.1
    # In the median member, and in most members.
    assert np.median(off["redesign"]) > 2 * np.median(off["collection"])
    assert (off["redesign"] > off["collection"]).mean() > 0.8
    assert np.median(off["collection"]) > np.median(off["at home"]) - 0.01
    # Old magnets are few: what three countries collect of theirs is next to nothing.
    assert abs(np.median(off["at home"])) < 0.25 * np.median(off["redesign"])
