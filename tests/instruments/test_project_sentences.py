"""What instruments on projects say, word for word, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from sim.instruments.project_measures import ProjectName
from sim.world.labels import Labels
from sim.world.projects import CATALOGUE
from sim.world.world import World
from tests.instruments.acting import acted, event
from tests.projects_world import project_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A mine of a Chinese owner in the United States, a separator in Japan, a magnet plant."""
    return project_world(tmp_path_factory.mktemp("projects"), mine={"owner_country": "CHN"})


@pytest.mark.parametrize(
    ("kind", "fields", "sentence"),
    [
        ("investment_finance",
         {"countries": "USA", "goods": ["magnet"], "form": "loan", "share": "50 %", "rate": "4 %/year",
          "fund": "2 billion USD"},
         "a state gives loans at 4 %/year of 50 % of the capital to projects of magnet in the United States "
         "out of 2 billion USD"),
        ("investment_finance",
         {"countries": "USA", "goods": ["magnet"], "form": "grant", "share": "50 %", "from_losses": "30 %",
          "losers": ["USA"], "memory": "2 years"},
         "a state gives grants of 50 % of the capital to projects of magnet in the United States out of 30 % "
         "of what users in the United States lose (half of a loss forgotten after 2 years), the cheapest "
         "first"),
        ("offtake", {"projects": ["mine_later"], "share": "60 %"},
         "60 % of the output of mine later is bought ahead"),
        ("investment_block", {"owners": "CHN", "goods": ["clay"]},
         "100 % of new investments in projects of clay owned from CHN are prevented"),
        ("permitting", {"countries": "USA", "change": "-50 %"},
         "permits of projects of all goods in the United States take 50 % less time"),
        ("permitting", {"countries": "USA", "change": "20 %"},
         "permits of projects of all goods in the United States take 20 % more time"),
        ("technology_export_ban", {"by": "CHN", "slower": "30 %"},
         "CHN keeps know-how at home: projects of all goods in every country are built 30 % more slowly"),
        ("new_deposit", {"projects": ["mine_later"], "control": "USA"},
         "mine later may be opened, under the control of the United States"),
        ("price_floor", {"facilities": ["mine_later"], "price": "110 USD/kg", "upside": "30 %"},
         "a state has all goods by mine_later paid at least 110 USD/kg; it takes 30 % of what is above"),
        ("ownership_control",
         {"by": "CHN", "countries": "COD", "goods": ["cobalt"], "share": "60 %", "overridden_by": "COD"},
         "CHN has 60 % of cobalt by mines and plants in the Democratic Republic of the Congo kept from "
         "others and sold at home, except in the Democratic Republic of the Congo"),
    ],
)  # fmt: skip
def test_sentences(kind: str, fields: dict[str, Any], sentence: str) -> None:
    assert event(kind, **fields).clause() == sentence


@pytest.mark.parametrize(
    ("kind", "fields", "chosen"),
    [
        ("offtake", {"countries": "USA", "share": "1 %"}, {"mine_later", "magnet_later"}),
        ("offtake", {"countries": "USA", "goods": ["clay"], "share": "1 %"}, {"mine_later"}),
        ("offtake", {"owners": "CHN", "share": "1 %"}, {"mine_later"}),
        ("offtake", {"owners": "world", "share": "1 %"}, {"mine_later", "magnet_later", "separator_later"}),
        ("offtake", {"projects": ["magnet_later"], "owners": "CHN", "share": "1 %"}, set()),
        # Plants abroad alone, and not those of the country's own firms.
        ("technology_export_ban", {"by": "CHN", "slower": "1 %"}, {"separator_later", "magnet_later"}),
        ("technology_export_ban", {"by": "USA", "slower": "1 %"}, set()),
    ],
)
def test_which_projects_are_meant(world: World, kind: str, fields: dict[str, Any], chosen: set[str]) -> None:
    controls = acted(world, event(kind, **fields))
    touched = controls.touched_offers["e"]
    names = {world.facilities[f] for f in world.offer_facility[touched]}
    assert names == chosen
    changed = controls.projects.offtake[0] > 0 if kind == "offtake" else controls.projects.know_how[0] < 1
    assert {project.facility for project, one in zip(world.projects, changed, strict=True) if one} == chosen


def test_owners_at_home_leave_the_host_and_home_alone(world: World) -> None:
    one = event("ownership_control", by="CHN", countries=["ROW"], goods=["clay"], share="60 %")
    (barrier,) = acted(world, one).barriers
    assert barrier.open_share == pytest.approx(0.4)
    places = {world.countries[c] for c in world.need_country[barrier.needs]}
    assert not places & {"CHN", "ROW"}
    assert {world.facilities[f] for f in world.offer_facility[barrier.offers]} == {"mine_abroad"}
    kept = event("ownership_control", by="CHN", countries=["ROW"], share="60 %", overridden_by="ROW")
    assert acted(world, kept).barriers == []


def test_a_floor_is_a_price_or_a_share(world: World) -> None:
    offers = world.offer_good == 0
    for price in ("22 USD/kg", "110 %"):
        one = event("price_floor", countries=["CHN", "ROW", "USA"], goods=["clay"], price=price)
        (floor,) = acted(world, one).projects.floors
        np.testing.assert_allclose(floor.level[0][offers], 1.1)
        assert floor.years == np.inf


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("investment_finance", {"countries": "USA", "form": "grant", "share": "5 %", "rate": "4 %/year"},
         "a grant has no 'rate'"),
        ("investment_finance", {"countries": "USA", "form": "gift", "share": "5 %"}, "'grant', 'loan'"),
        ("investment_finance", {"countries": "USA", "form": "grant", "share": "5 %", "from_losses": "5 %"},
         "'losers' is missing"),
        ("investment_finance", {"countries": "USA", "form": "grant", "share": "5 %", "losers": ["USA"]},
         "'from_losses' is missing"),
        ("investment_finance", {"countries": "USA", "form": "grant", "share": "5 %", "memory": "2 years"},
         "no loss to remember"),
        ("investment_finance",
         {"countries": "USA", "form": "grant", "share": "5 %", "from_losses": "5 %", "losers": ["USA"]},
         "is forgotten at once"),
        ("permitting", {"countries": "USA", "change": "-99 %"}, "out of range"),
        ("investment_block", {}, "none of 'projects', 'countries' and 'owners' is given"),
    ],
)  # fmt: skip
def test_what_is_refused(kind: str, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        event(kind, **fields)


def test_a_name_like_no_project_is_answered_with_where_they_are_listed(tmp_path: Path) -> None:
    """Where there are too many to name, and none is close, the list itself is no remedy."""
    rows = [f"mine_{number:02d},USA" for number in range(40)]
    (tmp_path / CATALOGUE).write_text("\n".join(["facility,owner_country", *rows]) + "\n")
    labels = Labels(2024, tmp_path, {}, {}, (), {})
    with pytest.raises(ValidationError, match="'monazite list projects' shows all"):
        TypeAdapter(ProjectName).validate_python("kvanefjeld", context={"labels": labels})
