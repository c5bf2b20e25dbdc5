"""What ``recycling_policy`` says, whom it touches, what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from sim.engine.ledger import touched
from sim.world.labels import Labels, load_labels
from sim.world.world import World
from tests.instruments.acting import acted, event
from tests.scrap_world import scrap_world


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Labels]:
    folder = tmp_path_factory.mktemp("scrap")
    return scrap_world(folder), load_labels(2024, folder)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"collection": "60 %"}, "has at least 60 % of what is retired collected"),
        ({"recycled_content": {"2025": "10 %", "2027": "20 %"}},
         "asks for at least 10 %, then from 2027-01-01 20 % recycled content"),
        ({"collection": "60 %", "subsidy": "500 USD/t", "fund": "1 billion USD"},
         "has at least 60 % of what is retired collected and pays 500 USD/t for what is recovered out of "
         "1 billion USD"),
    ],
)  # fmt: skip
def test_it_says_what_a_state_does(both: tuple[World, Labels], fields: dict[str, Any], said: str) -> None:
    one = event("recycling_policy", both[1], by="JPN", goods=["dysprosium"], **fields)
    assert one.sentence() == f"From 2025-01-01 for scrap of dysprosium, Japan {said}."


@pytest.mark.parametrize(
    ("by", "goods", "touches"),
    [
        ("JPN", ["dysprosium"], True), ("CHN", ["all"], True), ("SGP", ["all"], False),
        ("JPN", ["magnet"], False),
    ],
)  # fmt: skip
def test_it_touches_recyclers_of_its_countries(
    both: tuple[World, Labels], by: str, goods: list[str], touches: bool
) -> None:
    world, labels = both
    one = event("recycling_policy", labels, by=by, goods=goods, collection="60 %")
    assert one.touches(labels) is touches
    controls = acted(world, one)
    assert (controls.collection_target > 0).any() == touches
    assert world.scrap is not None
    others = sorted(set(range(len(world.offer_good))) - {*world.scrap.offers.tolist()})
    assert not controls.collection_target[:, others].any()
    tonnes, _ = touched(world, controls, {"e": 1.0}, 1 / 12)["e"]
    assert (tonnes > 0) == touches
