"""What recyclers bring back, side by side: figures are sums of runs, and the sentence says the largest."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.analysis.compared_scrap import scrap_facts, scrap_section, scrap_sentence
from sim.analysis.comparison import Key
from sim.world.world import World
from tests.scrap_world import policy, scrap_world, simulation


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    world: World = scrap_world(tmp_path_factory.mktemp("scrap"))
    asked = policy(collection="70 %", **{"from": dt.date(2024, 2, 1)})
    return {"usual": simulation(world, years=4).run(), "asked": simulation(world, asked, years=4).run()}


def test_the_figures_are_sums_over_the_run(runs: dict[str, Any]) -> None:
    data = runs["asked"]
    facts = scrap_facts(data)
    at = np.isin(data.offer_facility.values, data.recycler.values)
    good = data.offer_good.values
    for name in ("dysprosium_oxide", "ndpr_oxide"):
        made = data.production.values[:, :, at & (good == name)]
        np.testing.assert_allclose(facts[Key("recovered", name)], made.sum((1, 2)), rtol=1e-5)
        whole = data.production.values[:, -12:, (good == name) & (data.offer_kind.values != "trader")]
        part = made[:, -12:].sum((1, 2)) / whole.sum((1, 2))
        np.testing.assert_allclose(facts[Key("recovered_share", name)], part, rtol=1e-5)
    assert scrap_facts(data.drop_vars("recycler")) == {}


def test_a_section_and_a_sentence_say_what_comes_back(runs: dict[str, Any]) -> None:
    section = scrap_section(runs, "2024 to 2027")
    assert section is not None
    assert [row.name for row in section.rows][:2] == [
        "recovered of scrap, dysprosium oxide", "  share of output, last year",
    ]  # fmt: skip
    said = scrap_sentence("asked", runs["asked"], runs["usual"])
    assert said.startswith("asked: recyclers bring back ")
    share = np.median(scrap_facts(runs["asked"])[Key("recovered_share", "dysprosium_oxide")])
    assert f"{100 * share:.2g} % of dysprosium oxide in the last year instead of" in said
    assert scrap_sentence("usual", runs["usual"], runs["usual"]) == ""


def test_nothing_is_said_where_no_goods_in_use_are_followed(small_world: World, tmp_path: Path) -> None:
    data = simulation(small_world, years=1).run()
    assert scrap_section({"usual": data}, "2024") is None
    assert scrap_sentence("usual", data, data) == ""
