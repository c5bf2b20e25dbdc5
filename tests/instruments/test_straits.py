# ruff: noqa: E501 (events are written whole)
"""Freight shocks on the routes that pass named straits."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from sim.instruments.freight_shock import FreightShock
from sim.instruments.words import WordError
from sim.scenario import check_scenario
from sim.world.labels import Labels, load_labels
from sim.world.world import World
from tests.instruments.acting import acted, event

GALLIUM = "gallium_low_purity"


@pytest.fixture(scope="module")
def straitened(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Labels:
    """The tiny world, where ships to Germany pass a canal, and those to Norway a sound as well."""
    top = tmp_path_factory.mktemp("straits") / "world"
    shutil.copytree(folder, top)
    for name, text in {
        "straits": "strait,name\ncanal,Canal\nsound,Sound\n",
        "sea_legs": "sea,other_sea,strait,nautical_miles\neast,west,canal,100\neast,west,,500\n"
        "west,north,sound,50\n",
        "harbours": "iso3,sea\nCHN,east\nJPN,east\nDEU,west\nNOR,north\n",
        "overland": "region,members\neurope,DEU NOR\n",
    }.items():
        (top / f"{name}.csv").write_text(text, encoding="utf-8")
    return load_labels(2024, top)


def dearer(world: World, shock: FreightShock) -> set[tuple[str, str]]:
    changed = acted(world, shock).freight_factor.shared != 1
    codes = world.countries
    return {(codes[i], codes[j]) for i, j in np.argwhere(changed.any(0)).tolist()}


def both_ways(*pairs: str) -> set[tuple[str, str]]:
    ends = [(pair[:3], pair[4:]) for pair in pairs]
    return {*ends, *(end[::-1] for end in ends)}


def test_only_routes_through_the_strait_are_dearer(world: World, straitened: Labels) -> None:
    canal = event("freight_shock", straitened, straits="canal", change="50 %")
    assert dearer(world, canal) == both_ways("CHN-DEU", "CHN-NOR", "JPN-DEU", "JPN-NOR")
    sound = event("freight_shock", straitened, straits=["sound"], exporters="CHN", one_way=True, change="50 %")
    assert dearer(world, sound) == {("CHN", "NOR")}
    either = event("freight_shock", straitened, straits=["sound", "canal"], importers="JPN", change="50 %")
    assert dearer(world, either) == both_ways("JPN-DEU", "JPN-NOR")


def test_it_is_said_which(straitened: Labels) -> None:
    everywhere = event("freight_shock", straitened, straits=["canal", "sound"], change="50 %", delay="10 days")
    said = "freight of all goods through the Canal and Sound changes in cost by 50 % and takes 10 days longer."
    assert said in everywhere.sentence()
    some = event("freight_shock", straitened, straits="canal", exporters="CHN", one_way=True, change="50 %")
    assert "from China to every country through the Canal changes" in some.sentence()


@pytest.mark.parametrize(
    ("fields", "touches"),
    [({"straits": "canal"}, True), ({"straits": "sound", "goods": "copper"}, False),
     ({"straits": "canal", "exporters": "DEU", "one_way": True}, False)],
)  # fmt: skip
def test_whether_it_touches_any_trade(straitened: Labels, fields: dict[str, object], touches: bool) -> None:
    assert event("freight_shock", straitened, change="50 %", **fields).touches(straitened) is touches


def test_a_strait_that_nobody_knows(straitened: Labels, world: World) -> None:
    with pytest.raises(ValueError, match="unknown strait 'kanal'; did you mean 'canal'"):
        event("freight_shock", straitened, straits="kanal", change="50 %")
    with pytest.raises(WordError, match="nothing is known of straits without the names of a world"):
        acted(world, event("freight_shock", straits="canal", change="50 %"))


def test_the_straits_of_the_world(tmp_path: Path) -> None:
    """By name in a file; the shipped tables say whose trade passes."""
    path = tmp_path / "red-sea.yaml"
    path.write_text(
        "format: 2\nname: red-sea\ntitle: Ships go round the Cape\nbase_year: 2024\n"
        "time: {start: 2024-01, end: 2024-03}\nminerals: [cobalt]\n"
        "events: {cape: {type: freight_shock, from: 2024-01, straits: [suez, bab_el_mandeb], goods: cobalt,\n"
        "  delay: 10 days, assumption: true}}\n"
    )
    scenario, problems = check_scenario(path)
    assert [problem.text() for problem in problems] == []
    assert scenario is not None
    assert "through the Suez Canal and Bab el-Mandeb takes 10 days longer" in scenario.events[0].sentence()
    assert scenario.model_dump()["events"]["cape"]["straits"] == ("suez", "bab_el_mandeb")
    path.write_text(path.read_text().replace("bab_el_mandeb", "bab_el_mandab"))
    (problem,) = (p for p in check_scenario(path)[1] if not p.warning)
    assert "events.cape.straits.1: unknown strait 'bab_el_mandab'; did you mean 'bab_el_mandeb'?" in problem.text()
