"""Goods in use and recyclers in worlds: rows of tables become facilities, no tonne is drawn on twice."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from sim.errors import MonaziteError
from sim.paths import share_root, world_directory
from sim.scenario import load_scenario
from sim.tables import read_table
from sim.world.load import load_world
from sim.world.restrict import restrict
from sim.world.scrap import STAGES
from sim.world.source import NoWorld, WorldChoice, world_tables
from sim.world.world import World
from tests.scrap_world import scrap_world

TABLES = ("scrap", "lifetimes", "recyclers")
ROWS = {name: read_table(world_directory() / f"{name}.csv").dictionaries() for name in TABLES}
YEARS = 20
"""Over which past growth is taken."""
SERIES = {
    "cobalt_refined": "cobalt", "nickel_refined": "nickel", "lithium_chemicals": "lithium",
    "tungsten_powder": "tungsten", "tantalum_powder": "tantalum", "antimony_metal": "antimony",
    "germanium_metal": "germanium", "gallium_high_purity": "gallium",
}  # fmt: skip


@pytest.fixture(scope="module")
def world() -> World:
    return load_world(2024, world_tables(2024, (), WorldChoice(scrap=("all",))))


def test_every_row_has_a_source_and_shares_in_order() -> None:
    for rows in ROWS.values():
        assert rows
        for row in rows:
            assert row["source"]
            assert row["confidence"] in ("seen", "derived", "memory", "assumption"), row
    for row in ROWS["scrap"]:
        low, now, high, most = (float(row[f"collected_{k}"]) for k in ("low", "now", "high", "most"))
        assert 0 <= low <= now <= high <= most < 1, row
        assert 0 < float(row["recovery"]) < 1
    for row in ROWS["lifetimes"]:
        assert float(row["low"]) <= float(row["years"]) <= float(row["high"]), row


@pytest.mark.parametrize("good", SERIES)
def test_past_growth_is_that_of_world_output(good: str) -> None:
    """Slope of the log over the last twenty years that the series has."""
    raw = share_root() / "data" / "raw" / "usgs_ds140_world_output.csv"
    if not raw.is_file():
        pytest.skip("source tables do not ship")
    series = {int(row["year"]): float(row["tonnes"]) for row in read_table(raw).dictionaries()
              if row["commodity"] == SERIES[good]}  # fmt: skip
    last = max(series)
    years = [year for year in series if last - YEARS <= year <= last]
    slope = np.polyfit(years, [math.log(series[year]) for year in years], 1)[0]
    (row,) = (row for row in ROWS["scrap"] if row["good"] == good)
    assert float(row["past_growth"]) == pytest.approx(slope, abs=0.001)


def test_recyclers_of_the_base_year_make_what_they_made(world: World) -> None:
    before, scrap = load_world(2024), world.scrap
    assert scrap is not None
    assert before.scrap is None
    assert world.offer_output.sum() == pytest.approx(before.offer_output.sum(), rel=1e-12)
    names = [world.facilities[at] for at in world.offer_facility[scrap.offers]]
    today = {row["facility"] for row in ROWS["recyclers"] if row["base_year"] == "2024"}
    assert {name for name, new in zip(names, scrap.new, strict=True) if not new} == today
    assert not world.offer_output[scrap.offers[scrap.new]].any()
    assert set(before.facilities) < set(world.facilities)
    # What they make is a share of what arises to them that is no higher than anywhere.
    used = world.need_use[scrap.needs]
    retired = used / (1 + scrap.past_growth * scrap.years / STAGES) ** STAGES
    arising = np.zeros(len(scrap.offers))
    np.add.at(arising, scrap.link_recycler, retired[scrap.link_use] * scrap.content * scrap.recovery)
    high = {row["recovered"]: float(row["collected_high"]) for row in ROWS["scrap"]}
    for at, output, pool in zip(scrap.offers, world.offer_output[scrap.offers], arising, strict=True):
        assert output <= high[world.goods[world.offer_good[at]].id] * pool * (1 + 1e-9)


def test_nobody_draws_on_a_tonne_twice(world: World) -> None:
    scrap = world.scrap
    assert scrap is not None
    goods = np.array([world.goods[g].id for g in world.offer_good[scrap.offers]])
    for good in sorted(set(goods.tolist())):
        here = goods[scrap.link_recycler] == good
        drawn = np.bincount(scrap.link_use[here], scrap.content[here], len(scrap.needs))
        most = {row["good"]: row["content"] for row in ROWS["scrap"] if row["recovered"] == good}
        for place in np.flatnonzero(drawn):
            stated = most[world.goods[world.need_good[scrap.needs[place]]].id]
            # Where nothing is stated it is what plants put in: 30 % oxide of neodymium in a magnet at most.
            assert drawn[place] <= (float(stated) if stated else 0.3) * (1 + 1e-9)


def test_magnets_hold_what_plants_put_in(world: World) -> None:
    scrap = world.scrap
    assert scrap is not None
    hot = [g.id for g in world.goods].index("ndfeb_magnet_high_temperature")
    dysprosium = [g.id for g in world.goods].index("dysprosium_oxide")
    here = world.offer_good[scrap.offers[scrap.link_recycler]] == dysprosium
    assert (world.need_good[scrap.needs[scrap.link_use[here]]] == hot).all()
    assert scrap.content[here] == pytest.approx(0.03)


def test_what_is_named_is_followed_and_a_small_world_keeps_it(world: World) -> None:
    some = load_world(2024, world_tables(2024, (), WorldChoice(scrap=("copper", "dysprosium_oxide"))))
    assert some.scrap is not None
    recovered = {some.goods[g].id for g in some.offer_good[some.scrap.offers]}
    assert recovered == {"copper_refined", "dysprosium_oxide"}
    small = restrict(world, ["copper"])
    assert small.scrap is not None
    assert {small.goods[g].id for g in small.offer_good[small.scrap.offers]} >= {"copper_refined"}
    names = [small.facilities[at] for at in small.offer_facility[small.scrap.offers]]
    assert "secondary_copper_refined_chn" in names
    users = small.need_facility[small.scrap.needs[small.scrap.link_use]]
    assert all(small.facility_kind[at] == "manufacturer" for at in users)
    assert restrict(world, ["fluorspar"]).scrap is None


@pytest.mark.parametrize(
    ("word", "said"),
    [("dysprosiun_oxide", "dysprosium_oxide"), ("zircon", "no scrap of 'zircon' is known")],
)
def test_scrap_that_nobody_knows_is_refused(word: str, said: str) -> None:
    with pytest.raises(NoWorld, match=said) as caught:
        world_tables(2024, (), WorldChoice(scrap=(word,)))
    assert caught.value.where == ("world", "scrap", "0")


def test_worlds_of_other_years_have_scrap_too() -> None:
    old = load_world(2009, world_tables(2009, (), WorldChoice(scrap=("all",))))
    assert old.scrap is not None
    assert old.scrap.new.all()
    panel = load_world(2013, world_tables(2013, ("nickel",), WorldChoice("panel", scrap=("all",))))
    assert panel.scrap is not None


@pytest.mark.parametrize(
    ("table", "before", "after", "said"),
    [
        ("recycling.csv", "mine_recycled", "mine_unknown", "mine_unknown and dysprosium_oxide are no row"),
        ("goods_in_use.csv", ",10,", ",-10,", "years"),
        ("recovery.csv", "0.9", "1.9", "recovery"),
        ("recovery.csv", "mine_recycled", "mine_china", "mine_china is no recycler"),
    ],
)
def test_damaged_tables_are_refused_by_place(
    tmp_path: Path, table: str, before: str, after: str, said: str
) -> None:
    scrap_world(tmp_path)
    path = tmp_path / "2024" / table
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(MonaziteError, match=said) as caught:
        load_world(2024, tmp_path)
    assert table in str(caught.value)


def test_a_scenario_says_it_and_writes_it_back(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "format: 2\nname: mine\ntitle: A case\nbase_year: 2024\nworld: {scrap: copper}\n"
        "time: {start: 2024-01, end: 2024-12}\nevents: {}\n", encoding="utf-8",
    )  # fmt: skip
    scenario = load_scenario(str(file))
    assert scenario.model_dump()["world"] == {"scrap": ["copper"]}
