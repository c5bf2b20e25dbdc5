"""Projects of past worlds: what was known in the year, and nothing of what came later."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from sim.paths import world_directory
from sim.tables import read_table
from sim.world.load import load_world
from sim.world.past_projects import (
    RESERVES,
    further_projects,
    known_projects,
    past_catalogue,
    year_projects,
)  # fmt: skip
from sim.world.patch import add_facilities
from sim.world.projects import catalogue, read_reserves
from sim.world.source import NoWorld, WorldChoice, world_tables
from sim.world.world import World

TABLES = world_directory()
ROWS = past_catalogue(TABLES)
RULES = {row["rule"]: float(row["value"]) for row in read_table(TABLES / "project_rules.csv").dictionaries()}
YEARS = range(1996, 2024)


def _span(text: str) -> tuple[int, int]:
    first, _, last = text.partition("..")
    return int(first), int(last or first)


@pytest.fixture(scope="module")
def nickel() -> World:
    return load_world(2013, world_tables(2013, ("nickel",), WorldChoice("panel", projects=("all",))))


def test_rows_say_what_was_planned_and_not_what_came_of_it() -> None:
    assert set(ROWS[0]) == set(catalogue(TABLES)[0]), "no column for an outcome"
    assert len({row["project"] for row in ROWS}) == len(ROWS) > 20
    for row in ROWS:
        first, last = _span(row["base_year"])
        assert 1996 <= first <= last < 2024, row["project"]
        assert row["state"] in ("prospect", "permitted", "building", "mothballed"), row["project"]
        assert (row["state"] == "building") == bool(row["start"]), row["project"]
        # A date that was still to come in every year in which it was told.
        assert not row["start"] or int(row["start"][:4]) >= last, row["project"]
        assert float(row["capacity_t"]) > 0
        assert row["source"], row["project"]


@pytest.mark.parametrize("year", YEARS)
def test_a_project_is_offered_only_in_years_in_which_it_was_known(year: int) -> None:
    known = {row["project"] for row in known_projects(TABLES, year)}
    spans = {row["project"]: _span(row["base_year"]) for row in ROWS}
    assert known == {name for name, (first, last) in spans.items() if first <= year <= last}
    assert all(row["base_year"] == str(year) for row in known_projects(TABLES, year))


def test_what_is_learnt_later_changes_nothing_before(tmp_path: Path) -> None:
    """The world of 2013 is the same, byte for byte, without all that became known after 2013."""
    source = world_tables(2013, ("tungsten",), "panel")
    early = tmp_path / "early"
    early.mkdir()
    for path in TABLES.glob("*.csv"):
        shutil.copyfile(path, early / path.name)
    for name in ("past_projects.csv", "past_reserves.csv", "projects.csv"):
        rows = read_table(TABLES / name).dictionaries()
        kept = [row for row in rows if _span(row["base_year"])[0] <= 2013]
        assert len(kept) < len(rows) or name == "past_reserves.csv"
        with (early / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(kept)
    built = []
    for folder in (TABLES, early):
        out = tmp_path / f"built-{folder.name}"
        add_facilities(source, 2013, (), out, (("all",), folder))
        built.append({path.name: path.read_bytes() for path in (out / "2013").glob("*.csv")})
    assert built[0] == built[1]
    assert b"nui_phao" in built[0]["projects.csv"]


def test_further_projects_follow_who_makes_what(nickel: World) -> None:
    """Of plants also where their input is made: Indonesia refined next to nothing of its ore in 2013."""
    names = [project.facility for project in nickel.projects]
    countries = {name.rsplit("_", 2)[1] for name in names if name.startswith("new_nickel_refined")}
    assert {"idn", "phl", "chn"} <= countries
    good = [good.id for good in nickel.goods].index("nickel_refined")
    made = nickel.offer_output[nickel.offer_good == good]
    of = nickel.facilities.index("new_nickel_refined_idn_1")
    offer = int(np.flatnonzero(nickel.offer_facility == of)[0])
    assert nickel.offer_capacity[offer] == pytest.approx(RULES["share"] * made.sum())
    assert nickel.offer_output[offer] == 0
    # Who makes little of it has yet to learn; who makes much has not.
    pace = {project.facility: project.know_how for project in nickel.projects}
    assert pace["new_nickel_refined_idn_1"] == RULES["plant_know_how"]
    assert pace["new_nickel_refined_chn_1"] == 1
    assert sum(name.startswith("new_nickel_refined_idn") for name in names) == RULES["each"]
    permits = {project.facility: project.permit_years for project in nickel.projects}
    assert permits["new_nickel_ore_aus_1"] == RULES["mine_permit_years_oecd"]
    assert permits["new_nickel_ore_idn_1"] == RULES["mine_permit_years"]


def test_projects_of_a_year_are_the_catalogues_or_those_known_then() -> None:
    listed = {row["project"] for row in year_projects(TABLES, 2024)}
    assert listed == {row["project"] for row in catalogue(TABLES) if row["base_year"] == "2024"}
    named = year_projects(TABLES, 2013)
    assert named == known_projects(TABLES, 2013)
    folder = TABLES / "2009"
    names = ("facilities", "outputs", "inputs", "prices")
    read = {name: read_table(folder / f"{name}.csv").dictionaries() for name in names}
    read |= {name: read_table(TABLES / f"{name}.csv").dictionaries() for name in ("goods", "countries")}
    further = year_projects(TABLES, 2009, read)[len(year_projects(TABLES, 2009)) :]
    assert further == further_projects(read, TABLES, 2009)


def test_a_plant_with_several_products_stands_for_all_of_them() -> None:
    """A separator of 2009 has seven oxides; by the one that is worth most it is copied."""
    folder = TABLES / "2009"
    names = ("facilities", "outputs", "inputs", "prices")
    read = {name: read_table(folder / f"{name}.csv").dictionaries() for name in names}
    read |= {name: read_table(TABLES / f"{name}.csv").dictionaries() for name in ("goods", "countries")}
    rows = further_projects(read, TABLES, 2009)
    made = {(row["like"], row["good"]) for row in rows}
    assert len({like for like, _ in made}) == len(made)
    goods = {row["good"] for row in rows}
    assert "neodymium_praseodymium_oxide" in goods
    assert "samarium_oxide" not in goods
    assert not any(row["like"].startswith("secondary") for row in rows)
    world = load_world(2009, world_tables(2009, (), WorldChoice(projects=("all",))))
    assert any(project.facility.startswith("new_ndfeb_magnet") for project in world.projects)


def test_reserves_are_those_that_were_stated_then() -> None:
    assert read_reserves(TABLES / RESERVES, 2013)["antimony_concentrate_chn"] == 950_000
    assert read_reserves(TABLES / RESERVES, 2012) == {}
    world = load_world(2013, world_tables(2013, ("antimony",), WorldChoice("panel", projects=("all",))))
    assert world.offer_reserve is not None
    mine = world.offer_facility == world.facilities.index("antimony_concentrate_chn")
    assert world.offer_reserve[mine] == pytest.approx(950_000)


@pytest.mark.parametrize(
    ("projects", "said"),
    [
        (("nui_pao",), "no project 'nui_pao' in base year 2013; did you mean 'nui_phao'?"),
        (("balama",), "no project 'balama' in base year 2013"),
    ],
)
def test_what_is_not_known_yet_is_said(projects: tuple[str, ...], said: str) -> None:
    with pytest.raises(NoWorld) as wrong:
        world_tables(2013, ("tungsten",), WorldChoice("panel", projects=projects))
    assert said in str(wrong.value)
