"""The Mesa model is an ordinary Mesa model, and one overridden decision acts in every member."""

from __future__ import annotations

import datetime as dt

import mesa
import numpy as np
import pytest

from sim.model import Country, Manufacturer, Miner, MonaziteModel
from sim.world.world import FloatArray, World
from tests.engine_events import PlainScenario

SHORT = PlainScenario(end=dt.date(2025, 12, 31))


class FrugalChina(Country):
    """Caps the mines of clay at seven tenths of what they would make."""

    def decide_output(self, member: int, planned: FloatArray) -> FloatArray:
        limited = planned.copy()
        limited[np.isin(self.offer_positions, self.offers_of("clay"))] *= 0.7
        return limited


def test_agents_are_views_and_can_be_selected(small_world: World) -> None:
    model = MonaziteModel(small_world, SHORT, rng=4)
    model.step()
    miners = model.agents.select(agent_type=Miner)
    assert sorted(agent.facility for agent in miners) == ["mine_abroad", "mine_china"]
    users = model.agents.select(lambda agent: isinstance(agent, Manufacturer) and agent.country == "JPN")
    assert [agent.sector for agent in users] == ["ev"]
    stock = model.simulation.state.seller_stock[0]
    for agent in miners:
        assert agent.output_stock.tolist() == stock[agent.offer_positions].tolist()
    assert len(model.countries) == len(small_world.countries)


def test_a_data_collector_records_it(small_world: World) -> None:
    model = MonaziteModel(small_world, SHORT, rng=4)
    collector = mesa.DataCollector(
        model_reporters={"shortfall": "total_shortfall", "price": [model.price, ["magnet"]]},
        agenttype_reporters={Country: {"missing": "shortfall"}},
    )
    for _ in range(3):
        model.step()
        collector.collect(model)
    table = collector.get_model_vars_dataframe()
    assert table.shape == (3, 2)
    assert table.price.to_numpy() == pytest.approx([60_000.0] * 3)
    assert len(collector.get_agenttype_vars_dataframe(Country)) == 3 * len(small_world.countries)


def test_one_country_overrides_one_decision_in_every_member(small_world: World) -> None:
    plain = MonaziteModel(small_world, SHORT, members=3, rng=4)
    played = MonaziteModel(small_world, SHORT, members=3, agent_classes={"CHN": FrugalChina}, rng=4)
    for _ in range(2):
        plain.step()
        played.step()
    china = next(iter(played.countries.select(lambda agent: agent.iso3 == "CHN")))
    clay = china.offers_of("clay")
    assert len(clay) == 1
    ratio = played.simulation.output[:, clay] / plain.simulation.output[:, clay]
    assert ratio.ravel().tolist() == pytest.approx([0.7] * 3, rel=0.02)
    elsewhere = np.setdiff1d(np.flatnonzero(small_world.offer_good == 0), clay)
    np.testing.assert_allclose(
        played.simulation.output[:, elsewhere], plain.simulation.output[:, elsewhere], rtol=0.02
    )


def test_the_viewed_member_is_the_one_that_agents_show(small_world: World) -> None:
    model = MonaziteModel(small_world, SHORT, members=3, viewed_member=2, rng=4)
    for _ in range(4):
        model.step()
    miner = next(iter(model.agents.select(agent_type=Miner)))
    stock = model.simulation.state.seller_stock[:, miner.offer_positions]
    assert miner.output_stock.tolist() == stock[2].tolist() != stock[0].tolist()
