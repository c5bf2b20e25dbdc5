"""Projects in worlds: rows of the catalogue become facilities without output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.paths import world_directory
from sim.scenario import load_scenario
from sim.scenario.resolve import check_scenario
from sim.world.load import load_world
from sim.world.projects import catalogue
from sim.world.restrict import restrict
from sim.world.source import NoWorld, WorldChoice, world_tables
from sim.world.world import World

ROWS = catalogue(world_directory())


@pytest.fixture(scope="module")
def world() -> World:
    return load_world(2024, world_tables(2024, (), WorldChoice(projects=("all",))))


def test_every_row_has_a_source_and_numbers_in_range() -> None:
    assert len(ROWS) > 100
    for row in ROWS:
        assert row["source"], row["project"]
        assert row["confidence"] in ("seen", "derived", "memory", "assumption"), row["project"]
        assert float(row["capacity_t"]) > 0
        assert row["state"] in ("prospect", "permitted", "building", "mothballed", "dormant")
        assert (row["state"] == "building") == bool(row["start"]), row["project"]
        assert 0 < float(row["know_how"]) <= 1
        assert float(row["life_years"]) > 0
        shares = [float(pair.split(":")[1]) for pair in row["composition"].split(";") if pair]
        assert not shares or sum(shares) == pytest.approx(1, abs=1e-4), row["project"]


def test_all_of_them_stand_in_the_world_without_output(world: World) -> None:
    assert [project.facility for project in world.projects] == [row["project"] for row in ROWS]
    of = world.project_of_offer
    assert not world.offer_output[of >= 0].any()
    for row in ROWS:
        mine = world.offer_facility == world.facilities.index(row["project"])
        goods = [world.goods[g].id for g in world.offer_good[mine]]
        capacity = dict(zip(goods, world.offer_capacity[mine], strict=True))
        assert capacity[row["good"]] == pytest.approx(float(row["capacity_t"]))
    # What the world had before, it has still.
    before = load_world(2024)
    assert set(before.facilities) < set(world.facilities)
    assert world.offer_output.sum() == pytest.approx(before.offer_output.sum())


def test_countries_that_the_world_lacks_come_before_the_rest_of_the_world(world: World) -> None:
    assert world.countries[-1] == "ROW"
    assert "GRL" in world.countries
    assert "GRL" not in load_world(2024).countries
    at = world.facilities.index("kvanefjeld")
    assert world.countries[world.facility_country[at]] == "GRL"
    risk = world.risk_of("GRL")
    assert risk == pytest.approx(0.2519)
    assert world.risk_of("XYZ") is None
    kvanefjeld = next(project for project in world.projects if project.facility == "kvanefjeld")
    assert kvanefjeld.dormant
    assert kvanefjeld.risk == pytest.approx(0.2519)


def test_mines_of_several_elements_have_a_basket(world: World) -> None:
    offer = int(np.flatnonzero(world.offer_facility == world.facilities.index("browns_range"))[0])
    assert world.offer_composition[offer].sum() == pytest.approx(1)
    dysprosium = world.elements.index("Dy")
    assert world.offer_composition[offer, dysprosium] > 0.05


def test_a_small_world_keeps_the_projects_of_its_chains(world: World) -> None:
    small = restrict(world, ["lithium"])
    names = {project.facility for project in small.projects}
    assert "thacker_pass" in names
    assert "nolans_mine" not in names
    assert (small.project_of_offer >= 0).sum() == len(names)
    assert small.offer_reserve is not None
    assert len(small.offer_reserve) == len(small.offer_good)


def test_reserves_of_the_register_stand_in_the_world(world: World) -> None:
    assert world.offer_reserve is not None
    mine = world.offer_facility == world.facilities.index("mountain_pass_mine")
    assert world.offer_reserve[mine] == pytest.approx(35 * 45_500)
    assert np.isinf(world.offer_reserve).sum() > 400


@pytest.mark.parametrize(
    ("projects", "year", "said"),
    [
        (("kvanefield",), 2024, "no project 'kvanefield' in base year 2024; did you mean 'kvanefjeld'?"),
        (("kvanefjeld",), 2022, "no project 'kvanefjeld' in base year 2022"),
    ],
)
def test_what_is_not_there_is_said(projects: tuple[str, ...], year: int, said: str) -> None:
    with pytest.raises(NoWorld, match=said.replace("?", r"\?")):
        world_tables(year, (), WorldChoice(projects=projects))


def _problems(tmp_path: Path, world: str, event: str) -> list[str]:
    path = tmp_path / "case.yaml"
    path.write_text(
        "format: 2\nname: case\ntitle: A case\nbase_year: 2024\n"
        f"{world}time: {{start: 2024-01, end: 2025-12}}\nevents:\n  e: {event}\n",
        encoding="utf-8",
    )
    return [problem.text() for problem in check_scenario(path)[1] if not problem.warning]


@pytest.mark.parametrize(
    ("world", "event", "said"),
    [
        ("", "{type: offtake, projects: [kvanefjeld], share: 50 %, assumption: true}",
         "'kvanefjeld' is no project of this world, which has none; write 'world: {projects: all}'"),
        ("world: {projects: [stibnite]}\n",
         "{type: offtake, projects: [stibnit], share: 50 %, assumption: true}",
         "unknown project 'stibnit'; did you mean 'stibnite'?"),
        ("world: {projects: [stibnit]}\n",
         "{type: permitting, countries: [USA], change: 5 %, assumption: true}",
         "no project 'stibnit' in base year 2024; did you mean 'stibnite'?"),
        ("world: {projects: all}\n", "{type: permitting, change: 5 %, assumption: true}",
         "none of 'projects', 'countries' and 'owners' is given"),
        ("world: {projects: all}\n",
         "{type: investment_finance, countries: [USA], form: loan, share: 5 %, assumption: true}",
         "a loan needs its 'rate'; write for example 'rate: 4 %/year'"),
        ("world: {projects: all}\n",
         "{type: price_floor, countries: [USA], price: 5 t, assumption: true}",
         "the price, 5 t, is neither a price nor a share; write '110 USD/kg'"),
    ],
)  # fmt: skip
def test_mistakes_are_said_with_their_remedy(tmp_path: Path, world: str, event: str, said: str) -> None:
    assert any(said in problem for problem in _problems(tmp_path, world, event))


def test_a_scenario_is_dumped_with_its_projects() -> None:
    scenario = load_scenario("baseline-2024", ["+world={projects: [stibnite, hillgrove]}"])
    assert scenario.model_dump()["world"] == {"projects": ["stibnite", "hillgrove"]}
