"""The Mesa model is an ordinary Mesa model, and one overridden decision acts in every member."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from collections.abc import Callable
from typing import Any

import mesa
import numpy as np
import pytest

import sim
from sim.engine import Simulation
from sim.errors import MonaziteError
from sim.model import Country, Facility, Manufacturer, Miner, MonaziteModel, Processor
from sim.paths import scenario_folders
from sim.scenario import Scenario
from sim.world.world import FloatArray, World
from tests.engine_events import PlainScenario
from tests.steps import bits, differing

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
    ratio = played.simulation.last.output[:, clay] / plain.simulation.last.output[:, clay]
    assert ratio.ravel().tolist() == pytest.approx([0.7] * 3, rel=0.02)
    elsewhere = np.setdiff1d(np.flatnonzero(small_world.offer_good == 0), clay)
    np.testing.assert_allclose(
        played.simulation.last.output[:, elsewhere], plain.simulation.last.output[:, elsewhere], rtol=0.02
    )


def test_the_viewed_member_is_the_one_that_agents_show(small_world: World) -> None:
    model = MonaziteModel(small_world, SHORT, members=3, viewed_member=2, rng=4)
    for _ in range(4):
        model.step()
    miner = next(iter(model.agents.select(agent_type=Miner)))
    stock = model.simulation.state.seller_stock[:, miner.offer_positions]
    assert miner.output_stock.tolist() == stock[2].tolist() != stock[0].tolist()


OF_SOME_MINERALS = [
    "baseline-2024-scrap", "baseline-long-run-rare-earths", "baseline-long-run-scrap",
    "ganzhou-depletion", "hindcast-gallium-2023",
    "hindcast-gallium-static", "hindcast-germanium-static", "lithium-overcapacity", "reex-long-run",
    "stockpile-usa-tantalum", "teaching-embargo-45min", "teaching-embargo-magnets", "teaching-merger",
    "teaching-stockpile",
]  # fmt: skip


def test_the_list_of_scenarios_of_some_minerals_is_whole() -> None:
    named = [
        path.stem for folder in scenario_folders() for path in folder.glob("**/*.yaml")
        if "\nminerals:" in path.read_text(encoding="utf-8")
    ]  # fmt: skip
    assert sorted(set(named)) == OF_SOME_MINERALS


@pytest.fixture(scope="module")
def worlds() -> dict[int, World]:
    return {}


def world_of(scenario: Scenario, worlds: dict[int, World]) -> World:
    if scenario.base_year not in worlds:
        worlds[scenario.base_year] = sim.load_world(scenario.base_year)
    return worlds[scenario.base_year]


@pytest.mark.parametrize("name", OF_SOME_MINERALS)
def test_a_scenario_of_some_minerals_has_their_agents_alone(name: str, worlds: dict[int, World]) -> None:
    scenario = sim.load(name)
    world = world_of(scenario, worlds)
    model, plain = MonaziteModel(world, scenario, members=2, rng=3), Simulation(world, scenario, 2, 3)
    for _ in range(3):
        model.step()
        plain.step()
    held = model.simulation.world
    assert set(scenario.minerals) <= {good.mineral for good in held.goods}
    assert len(held.facilities) < len(world.facilities)
    facilities = model.agents.select(agent_type=Facility)
    assert [agent.facility for agent in facilities] == list(held.facilities)
    assert [agent.iso3 for agent in model.countries] == list(held.countries)
    sold = np.concatenate([agent.offer_positions for agent in facilities])
    assert sorted(sold.tolist()) == list(range(len(held.offer_good)))
    stock = plain.state.seller_stock[0]
    for agent in facilities:
        assert agent.output_stock.tolist() == stock[agent.offer_positions].tolist()
    np.testing.assert_array_equal(model.simulation.last.clearing.price, plain.last.clearing.price)


def test_a_country_of_a_small_world_can_be_played(worlds: dict[int, World]) -> None:
    class Closed(Country):
        def decide_output(self, member: int, planned: FloatArray) -> FloatArray:
            return 0.5 * planned

    scenario = sim.load("hindcast-gallium-2023")
    world = world_of(scenario, worlds)
    plain = MonaziteModel(world, scenario)
    played = MonaziteModel(world, scenario, agent_classes={"CHN": Closed})
    plain.step()
    played.step()
    china = next(iter(played.countries.select(lambda agent: agent.iso3 == "CHN"))).offer_positions
    mines = china[played.simulation.case.prepared.benchmark.activities.offer_plant[china] < 0]
    ratio = played.simulation.last.output[0, mines] / plain.simulation.last.output[0, mines]
    assert len(mines)
    assert ratio.tolist() == pytest.approx([0.5] * len(mines))


def test_the_run_ends_by_itself_and_then_refuses(small_world: World) -> None:
    model = MonaziteModel(small_world, PlainScenario(end=dt.date(2024, 4, 15)), rng=4)
    while model.running:
        model.step()
    assert model.steps == model.simulation.time == model.simulation.steps == 4
    said = "the run ended on 2024-04-30 after 4 steps; .*'plain' a later 'end'"
    for _ in range(2):
        with pytest.raises(MonaziteError, match=said):
            model.step()
        with pytest.raises(MonaziteError, match=said):
            MonaziteModel.step(model)
    assert model.steps == model.simulation.time == 4
    assert not model.running


def test_mesa_runs_it_to_the_end(small_world: World) -> None:
    model = MonaziteModel(small_world, PlainScenario(end=dt.date(2024, 3, 31)))
    model.run_model()
    assert model.simulation.time == 3


class Collecting(MonaziteModel):
    """As a user writes it: what is collected, and a step that collects."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.datacollector = mesa.DataCollector(model_reporters={"missing": "total_shortfall"})

    def step(self) -> None:
        super().step()
        self.datacollector.collect(self)


def test_batch_run_takes_it(small_world: World) -> None:
    scenario = PlainScenario(end=dt.date(2024, 3, 31))
    rows = mesa.batch_run(
        Collecting, {"world": [small_world], "scenario": [scenario], "members": [1, 2]},
        data_collection_period=1, display_progress=False,
    )  # fmt: skip
    assert {row["members"] for row in rows} == {1, 2}
    assert len({row["RunId"] for row in rows}) == 2
    assert all(np.isfinite(row["missing"]) for row in rows if row["Step"])
    # Mesa 3.3 numbers what it collects from 0, Mesa 3.5 from 1.
    assert len({row["Step"] for row in rows}) == 3


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_of_a_model_goes_on_alone(small_world: World, copied: Callable[[Any], Any]) -> None:
    """The country that is played goes on being played, in both."""
    model, uncopied, left_alone = (
        MonaziteModel(small_world, SHORT, members=2, agent_classes=classes, rng=4)
        for classes in ({"CHN": FrugalChina}, {"CHN": FrugalChina}, {})
    )
    for _ in range(3):
        for one in (model, uncopied, left_alone):
            one.step()
    other = copied(model)
    model.step()
    assert (other.steps, other.simulation.time) == (3, 3)
    for one in (other, other, model, uncopied, uncopied, left_alone, left_alone):
        one.step()
    for one in (model, other):
        assert differing(bits(one.simulation.last), bits(uncopied.simulation.last)) == []
    made, unplayed = (one.simulation.last.output.sum() for one in (other, left_alone))
    assert made < 0.95 * unplayed


class Counting(Country):
    """Knows how often it was asked."""

    asked = 0

    def decide_output(self, member: int, planned: FloatArray) -> FloatArray:
        self.asked += 1
        return planned


def test_a_copied_model_asks_its_own_agents(small_world: World) -> None:
    model = MonaziteModel(small_world, SHORT, agent_classes={"CHN": Counting})
    model.step()
    other = copy.deepcopy(model)
    for _ in range(3):
        other.step()
    asked = [next(iter(m.agents.select(agent_type=Counting))).asked for m in (model, other)]
    assert asked == [1, 4]


class Asking(Country):
    """A country does not ask prices: its facilities do."""

    def decide_ask(self, member: int, ask: FloatArray) -> FloatArray:
        return ask


class Outputs(Facility):
    """A name that is nearly right."""

    def decide_outputs(self, member: int, planned: FloatArray) -> FloatArray:
        return planned


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        ({"CHM": FrugalChina}, r"agent_classes\['CHM'\]: the key names nothing in .*; did you mean 'CHN'"),
        ({"mineer": Miner}, "did you mean 'miner'"),
        ({"mine_chian": Miner}, "did you mean 'mine_china'"),
        ({"???": Miner}, "write a country code, a facility id, or one of country, miner, processor"),
        ({"CHN": Miner}, "Miner is no Country; derive it from sim.model.Country"),
        ({"processor": FrugalChina}, "FrugalChina is no Facility; derive it from sim.model.Processor"),
        ({"CHN": Asking}, "nothing would call Asking.decide_ask, .* decision of a country; .*decide_output"),
        ({"miner": Outputs}, "nothing would call Outputs.decide_outputs, .*; did you mean 'decide_output'"),
    ],
)
def test_what_names_nothing_is_refused(small_world: World, classes: dict[str, Any], said: str) -> None:
    with pytest.raises(MonaziteError, match=said):
        MonaziteModel(small_world, SHORT, agent_classes=classes)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"viewed_member": 2, "members": 2}, "numbered 0 to 1"),
        ({"viewed_member": -1}, "numbered 0 to 0"),
        ({"rng": 0.5}, "rng=0.5 is no whole number"),
        ({"rng": "x"}, "rng='x' is no whole number"),
    ],
)
def test_members_and_seeds_that_are_not_there_are_refused(
    small_world: World, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(MonaziteError, match=said):
        MonaziteModel(small_world, SHORT, **options)


def test_no_seed_draws_one(small_world: World) -> None:
    seeds = {MonaziteModel(small_world, SHORT, rng=None).simulation.case.seed for _ in range(3)}
    assert len(seeds) == 3


def test_an_unknown_good_has_no_price(small_world: World) -> None:
    with pytest.raises(MonaziteError, match=r"unknown good 'magnt'.*did you mean 'magnet'"):
        MonaziteModel(small_world, SHORT).price("magnt")


def test_everything_says_what_it_is(small_world: World) -> None:
    model = MonaziteModel(small_world, SHORT, members=3, viewed_member=1, agent_classes={"CHN": FrugalChina})
    model.step()
    assert repr(model).startswith("<MonaziteModel plain: step 1 of 24; 3 members, showing member 1; ")
    china = next(iter(model.countries.select(lambda agent: agent.iso3 == "CHN")))
    assert repr(china).startswith("<FrugalChina CHN (")
    said = {agent.facility: repr(agent) for agent in model.agents.select(agent_type=Facility)}
    assert said["mine_china"] == "<Miner mine_china in CHN: sells clay>"
    plant = next(iter(model.agents.select(agent_type=Processor)))
    assert "buys" in repr(plant)
    assert "sells" in repr(plant)
